// SPDX-License-Identifier: MIT
// Inputs for tests of the math library: every exponent, both signs, and what lies densely around the places where
// a function, or the way it is computed, changes.
#ifndef NEURON_TESTS_MATH_SAMPLES_HPP
#define NEURON_TESTS_MATH_SAMPLES_HPP

#include "compute/math/math.hpp"

#include <bit>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace math_test {

using neuron::chip::MathFunction;

struct Named {
    MathFunction function;
    const char *name;
};

inline constexpr Named FUNCTIONS[] = {
    {MathFunction::SIGMOID, "sigmoid"},
    {MathFunction::TANH, "tanh"},
    {MathFunction::EXP, "exp"},
    {MathFunction::LOG, "log"},
    {MathFunction::SQRT, "sqrt"},
    {MathFunction::RSQRT, "rsqrt"},
    {MathFunction::RECIPROCAL, "reciprocal"},
    {MathFunction::GELU, "gelu"},
    {MathFunction::GELU_DX, "gelu_dx"},
    {MathFunction::GELU_TANH, "gelu_tanh"},
    {MathFunction::GELU_SIGMOID, "gelu_sigmoid"},
    {MathFunction::GELU_SIGMOID_DX, "gelu_sigmoid_dx"},
    {MathFunction::SILU, "silu"},
    {MathFunction::SILU_DX, "silu_dx"},
    {MathFunction::SOFTPLUS, "softplus"},
    {MathFunction::MISH, "mish"},
    {MathFunction::ERF, "erf"},
    {MathFunction::ERF_DX, "erf_dx"},
    {MathFunction::SIN, "sin"},
    {MathFunction::ARCTAN, "arctan"},
};

/// Roots, ends of ranges, limits of the results, and where the reductions of an argument change.
inline constexpr float PLACES[] = {
    0x1p-126f,  0.17328680f, 0.34657359f, 0.41421356f, 0.70710677f, 0.75115f, 0.75179f, 1.0f,    1.2784645f,
    1.4142135f, 1.5707964f,  2.4142135f,  3.1415927f,  4.0f,        5.0f,     8.67f,    9.0109f, 10.055f,
    13.19f,     14.17f,      14.42f,      16.6f,       17.33f,      40.0f,    61.0f,    87.0f,   87.3365f,
    88.0297f,   88.7228f,    89.0f,       103.2789f,   103.9721f,   105.0f,   108.5f,   120.0f,
};

inline float from_bits(std::uint64_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits)); }

/// `per_binade` values of each exponent and sign, `around` neighbours of each place, zeros and infinities.
inline std::vector<float> samples(unsigned per_binade, unsigned around) {
    std::mt19937 random(1);
    constexpr float INF = std::numeric_limits<float>::infinity();
    std::vector<float> values{0.0f, -0.0f, INF, -INF};
    for (std::uint32_t sign = 0; sign < 2; ++sign) {
        for (std::uint32_t exponent = 0; exponent < 255; ++exponent) {
            const std::uint32_t first = sign << 31 | exponent << 23;
            values.insert(values.end(), {from_bits(first), from_bits(first + 1), from_bits(first + 0x7fffff)});
            for (unsigned i = 3; i < per_binade; ++i) {
                values.push_back(from_bits(first + (random() & 0x7fffff)));
            }
        }
        for (const float place : PLACES) {
            const std::uint32_t centre = std::bit_cast<std::uint32_t>(place) + (sign << 31);
            for (unsigned i = 0; i < around; ++i) {
                values.push_back(from_bits(centre - around / 2 + i));
            }
        }
    }
    return values;
}

struct Powers {
    std::vector<float> base;
    std::vector<float> exponent;
};

/// A quarter each: any two numbers; small whole exponents; results all over the range; bases near 1.
inline Powers power_samples(std::size_t count) {
    std::mt19937 random(2);
    const auto any = [&] {
        std::uint32_t bits = random();
        while ((bits & 0x7f800000) == 0x7f800000) {
            bits = random();
        }
        return from_bits(bits);
    };
    const auto between = [&](float low, float high) {
        return low + (high - low) * static_cast<float>(random() >> 8) * 0x1p-24f;
    };
    Powers p;
    for (std::size_t i = 0; i < count; ++i) {
        float x = any(), y = any();
        if (i % 4 == 1) {
            y = static_cast<float>(random() % 41) - 20;
        } else if (i % 4 == 2) {
            // 2^+-152 covers all results; the binary exponent stands in for the logarithm.
            x = from_bits(std::bit_cast<std::uint32_t>(x) & 0x7fffffff);
            const int log2 = static_cast<int>(std::bit_cast<std::uint32_t>(x) >> 23) - 127;
            y = between(-152, 152) / static_cast<float>(log2 == 0 ? 1 : log2);
        } else if (i % 4 == 3) {
            x = between(0.99f, 1.01f);
            y = between(-12000, 12000);
        }
        p.base.push_back(x);
        p.exponent.push_back(y);
    }
    return p;
}

} // namespace math_test

#endif // NEURON_TESTS_MATH_SAMPLES_HPP
