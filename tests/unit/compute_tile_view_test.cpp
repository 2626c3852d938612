// SPDX-License-Identifier: MIT
// The rules of struct tile, and the walk that gather and scatter make of it.
#include "compute_support.hpp"

#include "compute/dma_tile.hpp"

#include <algorithm>
#include <vector>

namespace {

using namespace compute_test;
using neuron::chip::CoreMemory;
using neuron::chip::TileView;

constexpr std::uint32_t FIELD = 44; // any offset: faults must carry it

const CoreMemory &memory() {
    static const CoreMemory instance(SBUF_BYTES);
    return instance;
}

auto resolve(const spec::Tile &t, std::uint32_t reg_value = 0) {
    return neuron::chip::resolve(t, reg_value, FIELD, memory());
}

void assert_illegal(const spec::Tile &t, std::uint32_t reg_value = 0) {
    assert_fault(resolve(t, reg_value), spec::Fault::ILLEGAL_OPERAND, FIELD);
}

void assert_out_of_range(const spec::Tile &t, std::uint32_t reg_value = 0) {
    assert_fault(resolve(t, reg_value), spec::Fault::TILE_RANGE, FIELD);
}

spec::Tile f32_tile(unsigned elements = 4) { return tile(spec::Space::SBUF, spec::Dtype::F32, 4, elements); }

void start_partition_follows_the_size(void **) {
    for (unsigned count = 0; count < 256; ++count) {
        for (unsigned first = 0; first < 256; ++first) {
            spec::Tile t = f32_tile();
            t.partition = static_cast<std::uint8_t>(first);
            t.partitions = static_cast<std::uint8_t>(count);
            const bool in_32 = count <= 32 && (first == 0 || first == 32 || first == 64 || first == 96);
            const bool in_64 = count <= 64 && (first == 0 || first == 64);
            const bool legal = count >= 1 && count <= 128 && (in_32 || in_64 || first == 0);
            if (resolve(t).has_value() != legal) {
                fail_msg("%u partitions from %u", count, first);
            }
            if (!legal) {
                assert_illegal(t);
            }
        }
    }
}

void unknown_space_and_dtype_are_illegal(void **) {
    spec::Tile t = f32_tile();
    t.space = static_cast<spec::Space>(2);
    assert_illegal(t);
    for (const unsigned dtype : {0u, 100u, 255u}) {
        t = f32_tile();
        t.dtype = static_cast<spec::Dtype>(dtype);
        assert_illegal(t);
    }
}

void empty_dimension_is_illegal(void **) {
    for (std::size_t i = 0; i < 4; ++i) {
        spec::Tile t = f32_tile();
        t.num[i] = 0;
        assert_illegal(t);
    }
}

void misaligned_start_is_illegal(void **) {
    spec::Tile t = f32_tile();
    t.offset = 2;
    assert_illegal(t);
    t.reg = 1;
    assert_legal(resolve(t, 2)); // the sum counts
    assert_illegal(t, 1);
    t.dtype = spec::Dtype::BF16;
    t.offset = 1;
    assert_illegal(t, 0);
    t.dtype = spec::Dtype::U8;
    assert_legal(resolve(t, 0));
}

void register_zero_adds_nothing(void **) {
    const auto view = resolve(f32_tile(), 4096);
    assert_legal(view);
    assert_int_equal(view->first_byte(), 0);
}

void register_that_does_not_exist_is_illegal(void **) {
    std::array<std::uint32_t, spec::SEQ_REGISTERS> regs{};
    regs[63] = 64;
    spec::Tile t = f32_tile();
    t.reg = 63;
    const auto view = neuron::chip::resolve(t, regs, FIELD, memory());
    assert_legal(view);
    assert_int_equal(view->first_byte(), 64);
    t.reg = 64;
    assert_fault(neuron::chip::resolve(t, regs, FIELD, memory()), spec::Fault::ILLEGAL_OPERAND, FIELD);
}

void last_byte_of_the_partition_is_the_limit(void **) {
    for (const spec::Space space : {spec::Space::SBUF, spec::Space::PSUM}) {
        spec::Tile t = f32_tile(3);
        t.space = space;
        t.offset = memory().bytes(space) - 12;
        assert_legal(resolve(t));
        t.offset += 4;
        assert_out_of_range(t);
    }
}

void register_sum_does_not_wrap_at_32_bits(void **) {
    spec::Tile t = f32_tile(1);
    t.reg = 1;
    t.offset = 0xfffffffc;
    assert_out_of_range(t, 8);
    assert_out_of_range(t, 0xfffffffc);
}

void negative_step_may_reach_byte_zero_and_not_below(void **) {
    spec::Tile t = f32_tile(4);
    t.step[0] = -1;
    t.offset = 12;
    assert_legal(resolve(t));
    t.offset = 8;
    assert_out_of_range(t);
}

void positive_and_negative_reach_count_apart(void **) {
    // Up 3 rows of 64 elements, back 7 elements: the middle of the walk is inside, its corners need not be.
    spec::Tile t = f32_tile(8);
    t.step = {-1, 64, 0, 0};
    t.num = {8, 4, 1, 1};
    t.offset = 28;
    const auto view = resolve(t);
    assert_legal(view);
    assert_int_equal(view->low_byte(), 0);
    assert_int_equal(view->end_byte(), 28 + 3 * 256 + 4);
    t.offset = 24;
    assert_out_of_range(t);
    t.offset = SBUF_BYTES - 3 * 256 - 4;
    assert_legal(resolve(t));
    t.offset += 4;
    assert_out_of_range(t);
}

void extreme_steps_do_not_overflow(void **) {
    for (const std::int16_t step : {std::int16_t{-32768}, std::int16_t{32767}}) {
        spec::Tile t = f32_tile();
        t.step = {step, step, step, step};
        t.num = {2, 2, 2, 2};
        t.offset = 8192;
        assert_out_of_range(t);
    }
}

void walk_longer_than_the_partition_is_illegal(void **) {
    spec::Tile t = f32_tile();
    t.step = {0, 0, 0, 0};
    t.num = {65535, 65535, 65535, 65535}; // almost 2^64
    assert_illegal(t);
    t.num = {1024, 4, 1, 1};
    assert_legal(resolve(t));
    t.num = {1024, 4, 2, 1};
    assert_illegal(t);
}

void steps_of_single_indices_do_not_matter(void **) {
    spec::Tile t = f32_tile(1);
    t.step = {-32768, 32767, -1, 5};
    const auto view = resolve(t);
    assert_legal(view);
    assert_true(view->contiguous());
    assert_int_equal(view->end_byte(), 4);
}

void dense_dimensions_merge_into_one_lane(void **) {
    spec::Tile t = f32_tile();
    t.step = {1, 4, 9, 24};
    t.num = {4, 6, 1, 3};
    const auto view = resolve(t);
    assert_legal(view);
    assert_true(view->contiguous());
    assert_int_equal(view->lane().count, 72);
    t.step[3] = 25;
    assert_false(resolve(t)->contiguous());
}

spec::Tile random_tile(Random &random) {
    spec::Tile t = f32_tile();
    const spec::Dtype dtypes[] = {spec::Dtype::U8, spec::Dtype::BF16, spec::Dtype::F32};
    t.dtype = dtypes[random.below(3)];
    t.space = random.below(2) == 0 ? spec::Space::SBUF : spec::Space::PSUM;
    t.partitions = 2;
    t.partition = static_cast<std::uint8_t>(32 * random.below(4));
    t.offset = 4 * (1024 + random.below(1024));
    for (std::size_t i = 0; i < 4; ++i) {
        t.num[i] = static_cast<std::uint16_t>(1 + random.below(5));
        t.step[i] = static_cast<std::int16_t>(random.below(3) == 0 ? 1 : random.below(81)) - 40;
        if (random.below(3) == 0) { // dense or repeating on top of the dimension below
            t.step[i] = i == 0 ? 1 : static_cast<std::int16_t>(t.step[i - 1] * t.num[i - 1]);
        }
    }
    return t;
}

// The formula of the contract, element by element.
std::vector<std::int64_t> element_bytes_in_order(const spec::Tile &t) {
    std::vector<std::int64_t> at;
    for (int i3 = 0; i3 < t.num[3]; ++i3) {
        for (int i2 = 0; i2 < t.num[2]; ++i2) {
            for (int i1 = 0; i1 < t.num[1]; ++i1) {
                for (int i0 = 0; i0 < t.num[0]; ++i0) {
                    const int index = i3 * t.step[3] + i2 * t.step[2] + i1 * t.step[1] + i0 * t.step[0];
                    at.push_back(std::int64_t{t.offset} + index * static_cast<int>(spec::bytes(t.dtype)));
                }
            }
        }
    }
    return at;
}

void gather_and_scatter_make_the_walk_of_the_contract(void **) {
    Random random(5);
    const auto core = make_core();
    unsigned contiguous = 0;
    for (int round = 0; round < 3000; ++round) {
        const spec::Tile t = random_tile(random);
        const auto view = resolve(t);
        const auto at = element_bytes_in_order(t);
        const auto size = static_cast<std::int64_t>(spec::bytes(t.dtype));
        const auto [low, high] = std::ranges::minmax(at);
        if (low < 0 || high + size > core->memory.bytes(t.space)) {
            assert_fault(view, spec::Fault::TILE_RANGE, FIELD);
            continue;
        }
        assert_legal(view);
        assert_int_equal(view->low_byte(), low);
        assert_int_equal(view->end_byte(), high + size);
        contiguous += view->contiguous();
        assert_int_equal(view->elements(), at.size());
        for (unsigned row = 0; row < 2; ++row) {
            const auto partition = core->memory.partition(t.space, t.partition + row);
            std::vector<std::byte> want(partition.begin(), partition.end());
            std::vector<std::byte> values(view->row_bytes());
            for (std::byte &value : values) {
                value = static_cast<std::byte>(random.bits());
            }
            for (std::size_t i = 0; i < at.size(); ++i) {
                std::memcpy(want.data() + at[i], values.data() + i * size, spec::bytes(t.dtype));
            }
            neuron::chip::scatter(core->memory, *view, row, values);
            assert_memory_equal(partition.data(), want.data(), want.size());

            neuron::chip::gather(core->memory, *view, row, values);
            for (std::size_t i = 0; i < at.size(); ++i) {
                assert_memory_equal(values.data() + i * size, want.data() + at[i], size);
            }
            const auto in_place = neuron::chip::row_in_place(core->memory, *view, row);
            assert_int_equal(in_place.size(), view->contiguous() ? view->row_bytes() : 0);
            if (!in_place.empty()) {
                assert_memory_equal(in_place.data(), values.data(), values.size());
            }
        }
    }
    assert_true(contiguous > 10);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(start_partition_follows_the_size),
        cmocka_unit_test(unknown_space_and_dtype_are_illegal),
        cmocka_unit_test(empty_dimension_is_illegal),
        cmocka_unit_test(misaligned_start_is_illegal),
        cmocka_unit_test(register_zero_adds_nothing),
        cmocka_unit_test(register_that_does_not_exist_is_illegal),
        cmocka_unit_test(last_byte_of_the_partition_is_the_limit),
        cmocka_unit_test(register_sum_does_not_wrap_at_32_bits),
        cmocka_unit_test(negative_step_may_reach_byte_zero_and_not_below),
        cmocka_unit_test(positive_and_negative_reach_count_apart),
        cmocka_unit_test(extreme_steps_do_not_overflow),
        cmocka_unit_test(walk_longer_than_the_partition_is_illegal),
        cmocka_unit_test(steps_of_single_indices_do_not_matter),
        cmocka_unit_test(dense_dimensions_merge_into_one_lane),
        cmocka_unit_test(gather_and_scatter_make_the_walk_of_the_contract),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("compute_tile_view", tests, nullptr, nullptr);
}
