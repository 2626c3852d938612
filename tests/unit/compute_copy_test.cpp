// SPDX-License-Identifier: MIT
// Instruction COPY: operand rules, walks and overlaps, and every conversion against a scalar reference.
#include "compute_support.hpp"

#include "compute/convert.hpp"
#include "compute/fp_environment.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace {

using namespace compute_test;
using spec::Dtype;
using spec::Engine;
using spec::Space;

const std::uint32_t DST = neuron::chip::operand_offset(spec::Opcode::COPY, "dst");
const std::uint32_t SRC = neuron::chip::operand_offset(spec::Opcode::COPY, "src");

// ---- scalar reference: decode to double, round by the definition, encode ----

struct FloatFormat {
    int mantissa_bits;
    int min_exponent; ///< of normal numbers
    int max_exponent;
};
constexpr FloatFormat BF16{7, -126, 127};
constexpr FloatFormat F16{10, -14, 15};

double decode(std::uint16_t code, FloatFormat format) {
    const int exponent_mask = 2 * format.max_exponent + 1;
    const int exponent = code >> format.mantissa_bits & exponent_mask;
    const double mantissa = code & ((1 << format.mantissa_bits) - 1);
    const double sign = code >> 15 ? -1 : 1;
    if (exponent == exponent_mask) {
        return mantissa != 0 ? std::numeric_limits<double>::quiet_NaN() : sign * HUGE_VAL;
    }
    if (exponent == 0) {
        return sign * std::ldexp(mantissa, format.min_exponent - format.mantissa_bits);
    }
    return sign * std::ldexp(1 + std::ldexp(mantissa, -format.mantissa_bits), exponent - format.max_exponent);
}

std::uint16_t encode(double value, FloatFormat format) {
    const unsigned infinity = (2u * format.max_exponent + 1) << format.mantissa_bits;
    if (std::isnan(value)) {
        return static_cast<std::uint16_t>(infinity | 1u << (format.mantissa_bits - 1));
    }
    const unsigned sign = std::signbit(value) ? 0x8000 : 0;
    const double magnitude = std::fabs(value);
    if (magnitude >= std::ldexp(1, format.max_exponent + 1)) {
        return static_cast<std::uint16_t>(sign | infinity);
    }
    int exponent = magnitude == 0 ? format.min_exponent : std::ilogb(magnitude);
    exponent = std::max(exponent, format.min_exponent);
    const double ulp = std::ldexp(1, exponent - format.mantissa_bits);
    const double units = std::nearbyint(magnitude / ulp); // nearest even
    if (units * ulp >= std::ldexp(1, format.max_exponent + 1)) {
        return static_cast<std::uint16_t>(sign | infinity);
    }
    // Codes of consecutive numbers are consecutive: count the steps from the start of the binade.
    const unsigned base = static_cast<unsigned>(exponent - format.min_exponent) << format.mantissa_bits;
    return static_cast<std::uint16_t>(sign | (base + static_cast<unsigned>(units)));
}

std::uint32_t f32_bits(double value) {
    return std::isnan(value) ? F32_NAN : std::bit_cast<std::uint32_t>(static_cast<float>(value));
}

template<class T>
T saturate(float value) {
    if (std::isnan(value)) {
        return 0;
    }
    const double rounded = std::nearbyint(static_cast<double>(value));
    const double low = std::numeric_limits<T>::min(), high = std::numeric_limits<T>::max();
    return static_cast<T>(std::min(std::max(rounded, low), high));
}

template<class To, class From>
std::vector<To> converted(Dtype to, Dtype from, const std::vector<From> &in) {
    const neuron::chip::DefaultFpEnvironment environment;
    std::vector<To> out(in.size());
    neuron::chip::convert(to, reinterpret_cast<std::byte *>(out.data()), from,
                          reinterpret_cast<const std::byte *>(in.data()), in.size());
    return out;
}

// Values that are hard for any destination: around every 16-bit float and its ties, halves of integers, any bits.
const std::vector<float> &hard_floats() {
    static const std::vector<float> values = [] {
        std::vector<float> result;
        const auto add = [&](std::uint32_t bits) {
            for (const std::uint32_t sign : {0u, 0x80000000u}) {
                result.push_back(std::bit_cast<float>(bits | sign));
            }
        };
        for (const FloatFormat format : {BF16, F16}) {
            for (unsigned code = 0; code < 0x7fff; ++code) {
                const double value = decode(static_cast<std::uint16_t>(code), format);
                const double next = decode(static_cast<std::uint16_t>(code + 1), format);
                const double tie = std::isinf(next)
                                       ? std::ldexp(2 - std::ldexp(1, -format.mantissa_bits - 1), format.max_exponent)
                                       : (value + next) / 2;
                for (const double center : {value, tie}) {
                    const std::uint32_t bits = f32_bits(center);
                    add(bits);
                    add(bits + 1);
                    add(bits == 0 ? 0 : bits - 1);
                }
            }
        }
        for (int i = 0; i < 140000; ++i) {
            add(std::bit_cast<std::uint32_t>(static_cast<float>(i) / 2));
        }
        for (int exponent = 24; exponent < 34; ++exponent) {
            const auto bits = std::bit_cast<std::uint32_t>(std::ldexp(1.0f, exponent));
            add(bits - 1);
            add(bits);
            add(bits + 1);
        }
        Random random(3);
        for (int i = 0; i < 200000; ++i) {
            add(random.bits());
        }
        return result;
    }();
    return values;
}

template<class To, class From, class Reference>
void check_conversion(Dtype to, Dtype from, const std::vector<From> &in, Reference reference) {
    std::vector<To> want(in.size());
    for (std::size_t i = 0; i < in.size(); ++i) {
        want[i] = static_cast<To>(reference(in[i]));
    }
    on_every_target([&](const char *target) {
        const std::vector<To> got = converted<To>(to, from, in);
        for (std::size_t i = 0; i < in.size(); ++i) {
            if (got[i] != want[i]) {
                fail_msg("%s: %s to %s, input %zu: got %llx, want %llx", target, spec::name(from).data(),
                         spec::name(to).data(), i, static_cast<unsigned long long>(got[i]),
                         static_cast<unsigned long long>(want[i]));
            }
        }
    });
}

std::vector<std::uint16_t> all_codes() {
    std::vector<std::uint16_t> codes(65536);
    for (std::size_t i = 0; i < codes.size(); ++i) {
        codes[i] = static_cast<std::uint16_t>(i);
    }
    return codes;
}

void every_16_bit_float_to_f32(void **) {
    check_conversion<std::uint32_t>(Dtype::F32, Dtype::BF16, all_codes(),
                                    [](std::uint16_t code) { return f32_bits(decode(code, BF16)); });
    check_conversion<std::uint32_t>(Dtype::F32, Dtype::F16, all_codes(),
                                    [](std::uint16_t code) { return f32_bits(decode(code, F16)); });
}

void every_16_bit_float_to_the_other(void **) {
    check_conversion<std::uint16_t>(Dtype::F16, Dtype::BF16, all_codes(),
                                    [](std::uint16_t code) { return encode(decode(code, BF16), F16); });
    check_conversion<std::uint16_t>(Dtype::BF16, Dtype::F16, all_codes(),
                                    [](std::uint16_t code) { return encode(decode(code, F16), BF16); });
}

void f32_to_16_bit_floats_at_every_boundary(void **) {
    check_conversion<std::uint16_t>(Dtype::BF16, Dtype::F32, hard_floats(),
                                    [](float value) { return encode(value, BF16); });
    check_conversion<std::uint16_t>(Dtype::F16, Dtype::F32, hard_floats(),
                                    [](float value) { return encode(value, F16); });
}

void f32_to_integers_rounds_to_even_and_saturates(void **) {
    const auto &in = hard_floats();
    check_conversion<std::int8_t>(Dtype::I8, Dtype::F32, in, saturate<std::int8_t>);
    check_conversion<std::uint8_t>(Dtype::U8, Dtype::F32, in, saturate<std::uint8_t>);
    check_conversion<std::int16_t>(Dtype::I16, Dtype::F32, in, saturate<std::int16_t>);
    check_conversion<std::uint16_t>(Dtype::U16, Dtype::F32, in, saturate<std::uint16_t>);
    check_conversion<std::int32_t>(Dtype::I32, Dtype::F32, in, saturate<std::int32_t>);
    check_conversion<std::uint32_t>(Dtype::U32, Dtype::F32, in, saturate<std::uint32_t>);
}

void integers_to_f32_round_to_even(void **) {
    std::vector<std::uint32_t> in;
    for (unsigned exponent = 0; exponent < 32; ++exponent) {
        for (std::uint32_t delta = 0; delta < 600; ++delta) {
            in.push_back((1u << exponent) + delta - 300);
        }
    }
    Random random(9);
    for (int i = 0; i < 100000; ++i) {
        in.push_back(random.bits());
    }
    check_conversion<std::uint32_t>(Dtype::F32, Dtype::U32, in,
                                    [](std::uint32_t v) { return f32_bits(static_cast<double>(v)); });
    check_conversion<std::uint32_t>(Dtype::F32, Dtype::I32, in, [](std::uint32_t v) {
        return f32_bits(static_cast<double>(static_cast<std::int32_t>(v)));
    });
    check_conversion<std::uint32_t>(Dtype::F32, Dtype::U16, all_codes(),
                                    [](std::uint16_t v) { return f32_bits(static_cast<double>(v)); });
    check_conversion<std::uint32_t>(Dtype::F32, Dtype::I16, all_codes(), [](std::uint16_t v) {
        return f32_bits(static_cast<double>(static_cast<std::int16_t>(v)));
    });
}

void integers_go_through_fp32(void **) {
    const std::vector<std::int32_t> in{(1 << 24) + 1, (1 << 25) + 3, 0x7fffffff, -1, -0x7fffffff};
    const auto unsigned_out = converted<std::uint32_t>(Dtype::U32, Dtype::I32, in);
    const std::uint32_t want[] = {1u << 24, (1u << 25) + 4, 1u << 31, 0, 0};
    assert_memory_equal(unsigned_out.data(), want, sizeof(want));
}

void act_of_version_2_converts_equal_types(void **) {
    const auto core = make_core();
    const auto copied = [&](Dtype dtype, std::uint32_t bits, unsigned version, Engine engine) {
        core->version = version;
        core->set<std::uint32_t>(Space::SBUF, 0, 0, 0, bits);
        const spec::InsnCopy insn{.dst = tile(Space::SBUF, dtype, 1, 1, 64), .src = tile(Space::SBUF, dtype, 1, 1)};
        assert_legal(core->run(engine, insn));
        return core->get<std::uint32_t>(Space::SBUF, 0, 64);
    };
    assert_int_equal(copied(Dtype::I32, 0x01000001, 2, Engine::ACT), 0x01000000); // 2^24 + 1 has no fp32
    assert_int_equal(copied(Dtype::F32, 0xffc12345, 2, Engine::ACT), F32_NAN);
    assert_int_equal(copied(Dtype::F32, 0x80000000, 2, Engine::ACT), 0x80000000);
    assert_int_equal(copied(Dtype::I32, 0x01000001, 2, Engine::DVE), 0x01000001);
    assert_int_equal(copied(Dtype::I32, 0x01000001, 3, Engine::ACT), 0x01000001);
    assert_int_equal(copied(Dtype::F32, 0xffc12345, 3, Engine::ACT), 0xffc12345);
}

void equal_types_keep_their_bits(void **) {
    const std::vector<std::uint32_t> in{0x7f800001, 0xffc12345, 0x00000001, 0x80000000};
    for (const Dtype dtype : spec::values<Dtype>()) {
        const auto count = in.size() * 4 / spec::bytes(dtype);
        std::vector<std::uint32_t> out(in.size());
        neuron::chip::convert(dtype, reinterpret_cast<std::byte *>(out.data()), dtype,
                              reinterpret_cast<const std::byte *>(in.data()), count);
        assert_memory_equal(in.data(), out.data(), in.size() * 4);
    }
}

// ---- the instruction ----

void bad_operands_are_refused_by_name(void **) {
    const auto core = make_core();
    const spec::Tile good = tile(Space::SBUF, Dtype::F32, 4, 8);
    spec::Tile bad = good;
    bad.dtype = static_cast<Dtype>(0);
    assert_fault(core->run(Engine::ACT, spec::InsnCopy{.dst = bad, .src = good}), spec::Fault::ILLEGAL_OPERAND, DST);
    assert_fault(core->run(Engine::ACT, spec::InsnCopy{.dst = good, .src = bad}), spec::Fault::ILLEGAL_OPERAND, SRC);
    bad = good;
    bad.offset = SBUF_BYTES;
    assert_fault(core->run(Engine::ACT, spec::InsnCopy{.dst = bad, .src = good}), spec::Fault::TILE_RANGE, DST);
    assert_fault(core->run(Engine::ACT, spec::InsnCopy{.dst = good, .src = bad}), spec::Fault::TILE_RANGE, SRC);
    bad = good;
    bad.reg = 64;
    assert_fault(core->run(Engine::ACT, spec::InsnCopy{.dst = good, .src = bad}), spec::Fault::ILLEGAL_OPERAND, SRC);
    assert_int_not_equal(DST, SRC);
    assert_int_not_equal(DST, 0);
}

void shapes_must_agree(void **) {
    const auto core = make_core();
    const spec::Tile dst = tile(Space::SBUF, Dtype::F32, 4, 8);
    for (const spec::Tile &src : {tile(Space::SBUF, Dtype::F32, 3, 8), tile(Space::SBUF, Dtype::F32, 4, 9)}) {
        assert_fault(core->run(Engine::DVE, spec::InsnCopy{.dst = dst, .src = src}), spec::Fault::ILLEGAL_OPERAND, SRC);
    }
    spec::Tile reshaped = dst;
    reshaped.num = {2, 2, 2, 1};
    reshaped.step = {1, 2, 4, 0};
    assert_legal(core->run(Engine::DVE, spec::InsnCopy{.dst = dst, .src = reshaped}));
}

void moves_across_partitions_and_spaces(void **) {
    const auto core = make_core();
    for (unsigned p = 0; p < 32; ++p) {
        core->set<float>(Space::PSUM, 64 + p, 8, 1, 100.5f + static_cast<float>(p));
    }
    const spec::Tile src = tile(Space::PSUM, Dtype::F32, 32, 2, 8, 64);
    const spec::Tile dst = tile(Space::SBUF, Dtype::BF16, 32, 2, 100, 32);
    assert_legal(core->run(Engine::ACT, spec::InsnCopy{.dst = dst, .src = src}));
    for (unsigned p = 0; p < 32; ++p) {
        assert_int_equal(core->get<std::uint16_t>(Space::SBUF, 32 + p, 100, 1), encode(100.5 + p, BF16));
        assert_int_equal(core->get<std::uint16_t>(Space::SBUF, 32 + p, 100, 2), 0);
    }
    assert_int_equal(core->get<std::uint16_t>(Space::SBUF, 31, 100, 1), 0);
    assert_int_equal(core->get<std::uint16_t>(Space::SBUF, 64, 100, 1), 0);
}

constexpr unsigned OVERLAP_ELEMENTS = 12; // of a tile of the next test: 12, or 4 x 3

const Dtype OVERLAP_DTYPES[] = {Dtype::U8, Dtype::I16, Dtype::I32};

spec::Tile any_overlapping_tile(Random &random) {
    spec::Tile t =
        tile(Space::SBUF, OVERLAP_DTYPES[random.below(3)], 2, OVERLAP_ELEMENTS, 4 * (16 + random.below(16)), 32);
    if (random.below(2) == 0) {
        t.num = {4, 3, 1, 1};
        t.step = {static_cast<std::int16_t>(1 + random.below(3)), static_cast<std::int16_t>(random.below(9)), 0, 0};
    } else if (random.below(3) == 0) {
        t.step[0] = -1;
    }
    return t;
}

std::uint32_t overlap_element_at(const spec::Tile &t, unsigned i) {
    const int index = t.num[1] == 1 ? static_cast<int>(i) * t.step[0]
                                    : static_cast<int>(i % 4) * t.step[0] + static_cast<int>(i / 4) * t.step[1];
    return t.offset + static_cast<std::uint32_t>(index * static_cast<int>(spec::bytes(t.dtype)));
}

std::int32_t load_integer(const std::byte *from, Dtype dtype) {
    std::int16_t i16 = 0;
    std::int32_t i32 = 0;
    switch (dtype) {
    case Dtype::U8: return std::to_integer<std::int32_t>(*from);
    case Dtype::I16: std::memcpy(&i16, from, sizeof(i16)); return i16;
    default: std::memcpy(&i32, from, sizeof(i32)); return i32;
    }
}

void store_integer(std::byte *to, Dtype dtype, std::int32_t value) {
    const auto u8 = saturate<std::uint8_t>(static_cast<float>(value));
    const auto i16 = saturate<std::int16_t>(static_cast<float>(value));
    switch (dtype) {
    case Dtype::U8: std::memcpy(to, &u8, sizeof(u8)); break;
    case Dtype::I16: std::memcpy(to, &i16, sizeof(i16)); break;
    default: std::memcpy(to, &value, sizeof(value)); break;
    }
}

// What the row must look like afterwards.
std::vector<std::byte> overlap_reference(const spec::InsnCopy &insn, std::span<const std::byte> before) {
    std::vector<std::byte> after(before.begin(), before.end());
    for (unsigned i = 0; i < OVERLAP_ELEMENTS; ++i) {
        std::int32_t value = load_integer(before.data() + overlap_element_at(insn.src, i), insn.src.dtype);
        if (insn.src.dtype != insn.dst.dtype) {
            value = saturate<std::int32_t>(static_cast<float>(value));
        }
        store_integer(after.data() + overlap_element_at(insn.dst, i), insn.dst.dtype, value);
    }
    return after;
}

// Any two walks over the same bytes, same or different types: as if all of src were read first.
void overlapping_tiles_read_before_they_write(void **) {
    const auto core = make_core();
    Random random(21);
    for (int round = 0; round < 2000; ++round) {
        spec::InsnCopy insn{.dst = any_overlapping_tile(random), .src = any_overlapping_tile(random)};
        if (random.below(4) == 0) { // in place
            insn.dst = insn.src;
            insn.dst.dtype = OVERLAP_DTYPES[random.below(3)];
        }
        std::vector<std::byte> want[2];
        for (unsigned row = 0; row < 2; ++row) {
            const auto partition = core->memory.partition(Space::SBUF, 32 + row);
            for (std::byte &byte : partition.first(512)) {
                byte = static_cast<std::byte>(random.bits());
            }
            want[row] = overlap_reference(insn, partition);
        }
        assert_legal(core->run(Engine::DVE, insn));
        for (unsigned row = 0; row < 2; ++row) {
            const auto partition = core->memory.partition(Space::SBUF, 32 + row);
            assert_memory_equal(partition.data(), want[row].data(), want[row].size());
        }
    }
}

// A host that flushes subnormals or rounds upwards must not change a bit.
void host_rounding_mode_and_flush_to_zero_do_not_matter(void **) {
#if defined(__SSE2__)
    const auto core = make_core();
    core->set<std::uint16_t>(Space::SBUF, 0, 0, 0, 0x0001); // smallest F16
    core->set<std::uint32_t>(Space::SBUF, 0, 64, 0, (1u << 24) + 1);
    const unsigned saved = _mm_getcsr();
    const unsigned hostile = saved | 0x8040 | 0x4000; // FTZ, DAZ, round up
    _mm_setcsr(hostile);
    const auto f16 = core->run(Engine::ACT, spec::InsnCopy{.dst = tile(Space::SBUF, Dtype::F32, 1, 1, 128),
                                                           .src = tile(Space::SBUF, Dtype::F16, 1, 1)});
    const auto u32 = core->run(Engine::ACT, spec::InsnCopy{.dst = tile(Space::SBUF, Dtype::F32, 1, 1, 132),
                                                           .src = tile(Space::SBUF, Dtype::U32, 1, 1, 64)});
    const unsigned after = _mm_getcsr();
    _mm_setcsr(saved);
    assert_legal(f16);
    assert_legal(u32);
    assert_int_equal(after, hostile); // the host's own setting is back
    assert_int_equal(core->get<std::uint32_t>(Space::SBUF, 0, 128), 0x33800000);
    assert_int_equal(core->get<std::uint32_t>(Space::SBUF, 0, 132), 0x4b800000);
#else
    skip();
#endif
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(every_16_bit_float_to_f32),
        cmocka_unit_test(every_16_bit_float_to_the_other),
        cmocka_unit_test(f32_to_16_bit_floats_at_every_boundary),
        cmocka_unit_test(f32_to_integers_rounds_to_even_and_saturates),
        cmocka_unit_test(integers_to_f32_round_to_even),
        cmocka_unit_test(integers_go_through_fp32),
        cmocka_unit_test(act_of_version_2_converts_equal_types),
        cmocka_unit_test(equal_types_keep_their_bits),
        cmocka_unit_test(bad_operands_are_refused_by_name),
        cmocka_unit_test(shapes_must_agree),
        cmocka_unit_test(moves_across_partitions_and_spaces),
        cmocka_unit_test(overlapping_tiles_read_before_they_write),
        cmocka_unit_test(host_rounding_mode_and_flush_to_zero_do_not_matter),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("compute_copy", tests, nullptr, nullptr);
}
