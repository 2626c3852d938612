// SPDX-License-Identifier: MIT
// Compiled once per instruction set of SLEEF. Vectors of the compiler's own serve for what is around the calls.
#include "sleef_loops.hpp"

#include <cstring>

#include <sleef.h>

#if defined(__AVX512F__)
#define SLEEF_LOOPS sleef_loops_avx512
#define SLEEF_NAME "SLEEF on AVX-512"
#define SLEEF_FUNCTION(name) Sleef_##name##f16_u10avx512f
using Vector = __m512;
#elif defined(__AVX2__)
#define SLEEF_LOOPS sleef_loops_avx2
#define SLEEF_NAME "SLEEF on AVX2"
#define SLEEF_FUNCTION(name) Sleef_##name##f8_u10avx2
using Vector = __m256;
#else
#define SLEEF_LOOPS sleef_loops_baseline
#define SLEEF_NAME "SLEEF on 128 bits"
#define SLEEF_FUNCTION(name) Sleef_##name##f4_u10
#if defined(__x86_64__)
using Vector = __m128;
#else
using Vector = float32x4_t;
#endif
#endif

namespace {

constexpr std::size_t LANES = sizeof(Vector) / sizeof(float);

template<class Function>
inline void loop(const float *in, float *out, std::size_t n, Function function) {
    for (std::size_t i = 0; i < n; i += LANES) {
        Vector x;
        std::memcpy(&x, in + i, sizeof(x));
        x = function(x);
        std::memcpy(out + i, &x, sizeof(x));
    }
}

void exp(const float *in, float *out, std::size_t n) {
    loop(in, out, n, [](Vector x) { return SLEEF_FUNCTION(exp)(x); });
}

void tanh(const float *in, float *out, std::size_t n) {
    loop(in, out, n, [](Vector x) { return SLEEF_FUNCTION(tanh)(x); });
}

void gelu(const float *in, float *out, std::size_t n) {
    loop(in, out, n, [](Vector x) { return 0.5f * x * (1.0f + SLEEF_FUNCTION(erf)(x * 0.70710678f)); });
}

} // namespace

SleefLoops SLEEF_LOOPS() { return {SLEEF_NAME, exp, tanh, gelu}; }
