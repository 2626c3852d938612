// SPDX-License-Identifier: MIT
// The floating-point environment that results must not depend on.
#ifndef NEURON_CHIP_COMPUTE_FP_ENVIRONMENT_HPP
#define NEURON_CHIP_COMPUTE_FP_ENVIRONMENT_HPP

#if defined(__FAST_MATH__)
#error "the chip's results are exact to the bit: do not compile it with -ffast-math"
#endif

#if defined(__SSE2__)
#include <immintrin.h>
#else
#include <cfenv>
#endif

namespace neuron::chip {

/// While it lives, its thread rounds to nearest even and keeps subnormals. The thread belongs to
/// whoever hosts the chip, and a host linked with -ffast-math, or with a library that is, runs with
/// flush-to-zero.
class DefaultFpEnvironment {
public:
#if defined(__SSE2__)
    DefaultFpEnvironment() : saved_(_mm_getcsr()) { _mm_setcsr(EXCEPTIONS_MASKED); }
    ~DefaultFpEnvironment() { _mm_setcsr(saved_); }
#else
    DefaultFpEnvironment() {
        std::fegetenv(&saved_);
        std::fesetenv(FE_DFL_ENV);
    }
    ~DefaultFpEnvironment() { std::fesetenv(&saved_); }
#endif
    DefaultFpEnvironment(const DefaultFpEnvironment &) = delete;
    DefaultFpEnvironment &operator=(const DefaultFpEnvironment &) = delete;

private:
#if defined(__SSE2__)
    static constexpr unsigned EXCEPTIONS_MASKED = 0x1f80; // MXCSR after reset: nearest even, no FTZ, no DAZ
    unsigned saved_;
#else
    std::fenv_t saved_;
#endif
};

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_FP_ENVIRONMENT_HPP
