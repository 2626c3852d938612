// SPDX-License-Identifier: MIT
#include "compute_support.hpp"

#include <algorithm>
#include <set>

#include <sys/resource.h>

namespace {

using namespace compute_test;
using neuron::chip::CoreMemory;

void sizes_are_those_of_the_contract(void **) {
    const CoreMemory memory(SBUF_BYTES);
    assert_true(memory.ok());
    assert_int_equal(memory.bytes(spec::Space::SBUF), SBUF_BYTES);
    assert_int_equal(memory.bytes(spec::Space::PSUM), spec::PSUM_BYTES);
    assert_int_equal(memory.partition(spec::Space::SBUF, 127).size(), SBUF_BYTES);
    assert_int_equal(memory.partition(spec::Space::PSUM, 127).size(), spec::PSUM_BYTES);
}

void no_two_parts_share_a_byte(void **) {
    CoreMemory memory(100); // no multiple of anything
    std::set<std::pair<const std::byte *, const std::byte *>> parts;
    const auto add = [&](std::span<std::byte> part) {
        parts.emplace(part.data(), part.data() + part.size());
        assert_int_equal(reinterpret_cast<std::uintptr_t>(part.data()) % 64, 0);
    };
    for (unsigned p = 0; p < spec::PARTITIONS; ++p) {
        add(memory.partition(spec::Space::SBUF, p));
        add(memory.partition(spec::Space::PSUM, p));
    }
    for (const spec::Engine engine : spec::values<spec::Engine>()) {
        for (unsigned i = 0; i < CoreMemory::SCRATCH_ROWS; ++i) {
            add(memory.scratch(engine, i));
        }
    }
    assert_int_equal(parts.size(), 2 * spec::PARTITIONS + 5 * CoreMemory::SCRATCH_ROWS);
    const std::byte *end = nullptr;
    for (const auto &[first, last] : parts) {
        assert_true(first >= end);
        end = last;
    }
}

void clear_leaves_only_zeros(void **) {
    CoreMemory memory(SBUF_BYTES);
    const auto all = [&](auto visit) {
        for (unsigned p = 0; p < spec::PARTITIONS; ++p) {
            visit(memory.partition(spec::Space::SBUF, p));
            visit(memory.partition(spec::Space::PSUM, p));
        }
        visit(memory.scratch(spec::Engine::SP, 1));
    };
    const auto assert_zero = [](std::span<std::byte> part) {
        assert_true(std::ranges::all_of(part, [](std::byte b) { return b == std::byte{0}; }));
    };
    all(assert_zero);
    all([](std::span<std::byte> part) { std::ranges::fill(part, std::byte{0xa5}); });
    memory.clear();
    all(assert_zero);
}

// A host without address space, for as long as the object lives.
class NoAddressSpace {
public:
    NoAddressSpace() {
        getrlimit(RLIMIT_AS, &saved_);
        const rlimit none{0, saved_.rlim_max};
        setrlimit(RLIMIT_AS, &none);
    }
    ~NoAddressSpace() { setrlimit(RLIMIT_AS, &saved_); }
    NoAddressSpace(const NoAddressSpace &) = delete;
    NoAddressSpace &operator=(const NoAddressSpace &) = delete;

private:
    rlimit saved_{};
};

CoreMemory memory_without_address_space() {
    const NoAddressSpace limit;
    return CoreMemory(SBUF_BYTES);
}

void refused_reservation_is_reported_and_harmless(void **) {
    CoreMemory memory = memory_without_address_space();
    assert_false(memory.ok());
    assert_int_equal(memory.bytes(spec::Space::SBUF), 0);
    assert_int_equal(memory.bytes(spec::Space::PSUM), 0);
    memory.clear();
    const spec::Tile one = tile(spec::Space::PSUM, spec::Dtype::I8, 1, 1);
    assert_false(neuron::chip::resolve(one, 0, 0, memory).has_value());
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_those_of_the_contract),
        cmocka_unit_test(no_two_parts_share_a_byte),
        cmocka_unit_test(clear_leaves_only_zeros),
        cmocka_unit_test(refused_reservation_is_reported_and_harmless),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("compute_core_memory", tests, nullptr, nullptr);
}
