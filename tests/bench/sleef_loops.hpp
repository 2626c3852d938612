// SPDX-License-Identifier: MIT
// Loops over SLEEF's vector functions, the yardstick of math_bench.
#ifndef NEURON_TESTS_SLEEF_LOOPS_HPP
#define NEURON_TESTS_SLEEF_LOOPS_HPP

#include <cstddef>

/// out[i] = f(in[i]); n is a multiple of 16.
struct SleefLoops {
    const char *name;
    void (*exp)(const float *in, float *out, std::size_t n);
    void (*tanh)(const float *in, float *out, std::size_t n);
    void (*gelu)(const float *in, float *out, std::size_t n);
};

// Each is sleef_loops.cpp, compiled for that instruction set; call its loops only where the CPU has it.
SleefLoops sleef_loops_baseline();
#if defined(__x86_64__)
SleefLoops sleef_loops_avx2();
SleefLoops sleef_loops_avx512();
#endif

#endif // NEURON_TESTS_SLEEF_LOOPS_HPP
