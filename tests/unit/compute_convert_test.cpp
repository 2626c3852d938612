// SPDX-License-Identifier: MIT
// The short float formats, canonical NaNs and stochastic rounding against a scalar reference. (compute_copy_test has the
// 16-bit formats and the integers.)
#include "compute_support.hpp"

#include "compute/convert.hpp"
#include "compute/fp_environment.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace {

using namespace compute_test;
using neuron::chip::RandomStream;
using spec::Dtype;

// ---- reference: by the definition of a format, in fp64 ----

struct Format {
    Dtype dtype;
    int mantissa_bits, exponent_bits, bias;
    bool has_infinity;
    int unused_bits = 0; ///< below the mantissa

    int width() const { return 1 + exponent_bits + mantissa_bits; }
    int min_exponent() const { return 1 - bias; }
    unsigned top() const { return (1u << exponent_bits) - 1; }
    /// Codes without sign.
    unsigned largest() const { return has_infinity ? (top() << mantissa_bits) - 1 : (1u << (width() - 1)) - 2; }
    unsigned quiet_nan() const {
        return has_infinity ? top() << mantissa_bits | 1u << (mantissa_bits - 1) : (1u << (width() - 1)) - 1;
    }
};

constexpr Format FORMATS[] = {
    {Dtype::F8E4M3, 3, 4, 7, true},      {Dtype::F8E5M2, 2, 5, 15, true}, {Dtype::F8E3M4, 4, 3, 3, true},
    {Dtype::F8E4M3FN, 3, 4, 7, false},   {Dtype::F16, 10, 5, 15, true},   {Dtype::BF16, 7, 8, 127, true},
    {Dtype::TF32, 10, 8, 127, true, 13},
};

// The number of a code without sign, which may lie one binade beyond the largest.
double value_of(unsigned code, const Format &f) {
    const int exponent = static_cast<int>(code >> f.mantissa_bits);
    const double mantissa = code & ((1u << f.mantissa_bits) - 1);
    if (exponent == 0)
        return std::ldexp(mantissa, f.min_exponent() - f.mantissa_bits);
    return std::ldexp(1 + std::ldexp(mantissa, -f.mantissa_bits), exponent - f.bias);
}

double decode(unsigned code, const Format &f) {
    const unsigned magnitude = code & ((1u << (f.width() - 1)) - 1);
    const double sign = magnitude != code ? -1 : 1;
    if (magnitude > f.largest()) {
        const bool infinite = f.has_infinity && magnitude == f.largest() + 1;
        return infinite ? sign * HUGE_VAL : std::numeric_limits<double>::quiet_NaN();
    }
    return sign * value_of(magnitude, f);
}

// The code of |value|, and how far it lies from there to the next one, 0 to 1. `value` is finite.
struct Cut {
    unsigned code;
    double part;
};
Cut cut(double value, const Format &f) {
    const double magnitude = std::fabs(value);
    unsigned low = 0, high = (1u << (f.width() - 1)) * 2; // bisection: codes are in the order of their numbers
    while (high - low > 1) {
        const unsigned middle = (low + high) / 2;
        (value_of(middle, f) <= magnitude ? low : high) = middle;
    }
    return {low, (magnitude - value_of(low, f)) / (value_of(low + 1, f) - value_of(low, f))};
}

unsigned finished(unsigned code, bool negative, const Format &f) {
    const unsigned limited = std::min(code, f.has_infinity ? f.largest() + 1 : f.largest());
    return (limited | (negative ? 1u << (f.width() - 1) : 0)) << f.unused_bits;
}

unsigned encode(double value, const Format &f, const std::uint32_t *word = nullptr) {
    if (std::isnan(value))
        return f.quiet_nan() << f.unused_bits;
    const bool negative = std::signbit(value);
    if (std::isinf(value))
        return finished(~0u >> 1, negative, f);
    const Cut c = cut(value, f);
    bool up = c.part > 0.5 || (c.part == 0.5 && c.code % 2 == 1);
    if (word != nullptr)
        up = (*word >> 8) < c.part * 0x1p24;
    return finished(c.code + up, negative, f);
}

// ---- inputs ----

float f32(std::uint32_t bits) { return std::bit_cast<float>(bits); }

// Around every number of the format (or many of them) and every tie, and any bits.
std::vector<float> hard_floats(const Format &f) {
    std::vector<float> result;
    const auto add = [&](std::uint32_t bits) {
        result.push_back(f32(bits));
        result.push_back(f32(bits | 0x80000000));
    };
    const unsigned codes = 1u << (f.width() - 1);
    for (unsigned code = 0; code < codes; code += 1 + codes / 5000) {
        const double value = value_of(code, f), next = value_of(code + 1, f);
        for (const double center : {value, (value + next) / 2, value + (next - value) / 4}) {
            const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(center));
            for (const std::uint32_t near : {bits, bits + 1, bits - (bits != 0)})
                add(near & 0x7fffffff);
        }
    }
    for (const std::uint32_t bits :
         {0x00000001u, 0x007fffffu, 0x00800000u, 0x7f7fffffu, 0x7f800000u, 0x7f800001u, 0x7fffffffu})
        add(bits);
    Random random(3);
    for (int i = 0; i < 5000; ++i)
        add(random.bits());
    return result;
}

unsigned code_at(const std::vector<std::byte> &bytes, const Format &f, std::size_t i) {
    unsigned code = 0;
    const std::size_t size = spec::bytes(f.dtype);
    std::memcpy(&code, bytes.data() + i * size, size);
    return code;
}

const char *name(const Format &f) { return spec::name(f.dtype).data(); }

// ---- tests ----

void every_code_to_f32(void **) {
    on_every_target([](const char *target) {
        const neuron::chip::DefaultFpEnvironment environment;
        for (const Format &f : FORMATS) {
            const unsigned codes = 1u << std::min(f.width(), 19);
            for (unsigned code = 0; code < codes; ++code) {
                // Unused bits are set: reading ignores them, above all in an infinity.
                const std::uint32_t raw = code << f.unused_bits | ((1u << f.unused_bits) - 1);
                float got = 0;
                if (code % 7 != 0 && f.width() > 8)
                    continue; // compute_copy_test reads all of those of 16 bits
                neuron::chip::convert_to_f32(&got, f.dtype, reinterpret_cast<const std::byte *>(&raw), 1);
                const double want = decode(code, f);
                const std::uint32_t bits =
                    std::isnan(want) ? F32_NAN : std::bit_cast<std::uint32_t>(static_cast<float>(want));
                if (std::bit_cast<std::uint32_t>(got) != bits)
                    fail_msg("%s: %s %x gives %g", target, name(f), code, static_cast<double>(got));
            }
        }
    });
}

void f32_to_every_format_at_every_boundary(void **) {
    for (const Format &f : FORMATS) {
        const std::vector<float> in = hard_floats(f);
        std::vector<unsigned> want;
        for (const float value : in)
            want.push_back(encode(value, f));
        on_every_target([&](const char *target) {
            const neuron::chip::DefaultFpEnvironment environment;
            std::vector<std::byte> out(in.size() * spec::bytes(f.dtype));
            neuron::chip::convert(f.dtype, out.data(), Dtype::F32, reinterpret_cast<const std::byte *>(in.data()),
                                  in.size());
            for (std::size_t i = 0; i < in.size(); ++i) {
                if (code_at(out, f, i) != want[i])
                    fail_msg("%s: %s of %a: %x, not %x", target, name(f), static_cast<double>(in[i]),
                             code_at(out, f, i), want[i]);
            }
        });
    }
}

void largest_numbers_as_documented(void **) {
    struct Largest {
        Dtype dtype;
        double value;
    };
    const Largest want[] = {{Dtype::F8E4M3, 240},
                            {Dtype::F8E5M2, 57344},
                            {Dtype::F8E3M4, 15.5},
                            {Dtype::F8E4M3FN, 448},
                            {Dtype::F16, 65504}};
    for (const Largest &w : want) {
        const auto *const f =
            std::find_if(std::begin(FORMATS), std::end(FORMATS), [&](auto &x) { return x.dtype == w.dtype; });
        assert_true(decode(f->largest(), *f) == w.value);
    }
}

void from_one_short_format_to_another(void **) {
    on_every_target([](const char *target) {
        const neuron::chip::DefaultFpEnvironment environment;
        for (const Format &from : FORMATS) {
            for (const Format &to : FORMATS) {
                if (from.width() != 8 || from.dtype == to.dtype)
                    continue;
                std::vector<std::byte> in(256), out(256 * spec::bytes(to.dtype));
                for (unsigned i = 0; i < 256; ++i)
                    in[i] = static_cast<std::byte>(i);
                neuron::chip::convert(to.dtype, out.data(), from.dtype, in.data(), 256);
                for (unsigned i = 0; i < 256; ++i) {
                    if (code_at(out, to, i) != encode(decode(i, from), to))
                        fail_msg("%s: %s %x to %s: %x", target, name(from), i, name(to), code_at(out, to, i));
                }
            }
        }
    });
}

void nan_becomes_canonical_in_place(void **) {
    on_every_target([](const char *) {
        std::vector<float> values(37, 1.0f);
        values[0] = f32(0xff800001);
        values[20] = f32(0x7fffffff);
        values[36] = f32(0xffc00000);
        values[35] = f32(0xff800000);
        neuron::chip::canonicalize(values.data(), values.size());
        for (const std::size_t i : {0, 20, 36})
            assert_int_equal(std::bit_cast<std::uint32_t>(values[i]), F32_NAN);
        assert_int_equal(std::bit_cast<std::uint32_t>(values[35]), 0xff800000);
        assert_true(values[1] == 1.0f);
    });
}

void which_types_round_stochastically(void **) {
    neuron::chip::EngineState state;
    for (const Dtype dtype : spec::values<Dtype>())
        assert_false(neuron::chip::rounds_stochastically(state, dtype));
    state.rounding = spec::Rounding::STOCHASTIC;
    unsigned narrower = 0;
    for (const Dtype dtype : spec::values<Dtype>()) {
        const bool is_format =
            std::any_of(std::begin(FORMATS), std::end(FORMATS), [&](auto &f) { return f.dtype == dtype; });
        assert_int_equal(neuron::chip::rounds_stochastically(state, dtype), is_format);
        narrower += is_format;
    }
    assert_int_equal(narrower, std::size(FORMATS));
}

void stochastic_rounding_is_the_documented_comparison(void **) {
    const RandomStream stream{42, 5, spec::Engine::DVE, 1001};
    for (const Format &f : FORMATS) {
        const std::vector<float> in = hard_floats(f);
        std::vector<std::uint32_t> words(in.size());
        neuron::chip::random_words(stream, words.data(), words.size());
        std::vector<unsigned> want;
        for (std::size_t i = 0; i < in.size(); ++i)
            want.push_back(encode(in[i], f, &words[i]));
        on_every_target([&](const char *target) {
            const neuron::chip::DefaultFpEnvironment environment;
            std::vector<std::byte> out(in.size() * spec::bytes(f.dtype));
            neuron::chip::convert_stochastic(f.dtype, out.data(), in.data(), in.size(), stream);
            for (std::size_t i = 0; i < in.size(); ++i) {
                if (code_at(out, f, i) != want[i])
                    fail_msg("%s: %s of %a, word %08x: %x, not %x", target, name(f), static_cast<double>(in[i]),
                             words[i], code_at(out, f, i), want[i]);
            }
        });
    }
}

// The mean of many roundings is the number: 5 standard deviations of the mean are the allowance.
void stochastic_rounding_is_unbiased(void **) {
    const neuron::chip::DefaultFpEnvironment environment;
    constexpr std::size_t N = 40000;
    for (const Format &f : FORMATS) {
        for (const double part : {0.0, 0.125, 0.5, 0.875}) {
            for (const unsigned code : {1u, 3u << f.mantissa_bits}) { // a subnormal, a normal number
                const double low = value_of(code, f), ulp = value_of(code + 1, f) - low;
                const std::vector<float> in(N, static_cast<float>(low + part * ulp));
                std::vector<std::byte> out(N * spec::bytes(f.dtype));
                neuron::chip::convert_stochastic(f.dtype, out.data(), in.data(), N, {9, code, spec::Engine::ACT, 0});
                std::size_t up = 0;
                for (std::size_t i = 0; i < N; ++i) {
                    const unsigned got = code_at(out, f, i) >> f.unused_bits;
                    assert_true(got == code || got == code + 1);
                    up += got == code + 1;
                }
                const double mean = static_cast<double>(up) / N;
                assert_true(std::fabs(mean - part) <= 5 * std::sqrt(part * (1 - part) / N));
            }
        }
    }
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(every_code_to_f32),
        cmocka_unit_test(f32_to_every_format_at_every_boundary),
        cmocka_unit_test(largest_numbers_as_documented),
        cmocka_unit_test(from_one_short_format_to_another),
        cmocka_unit_test(nan_becomes_canonical_in_place),
        cmocka_unit_test(which_types_round_stochastically),
        cmocka_unit_test(stochastic_rounding_is_the_documented_comparison),
        cmocka_unit_test(stochastic_rounding_is_unbiased),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("compute_convert", tests, nullptr, nullptr);
}
