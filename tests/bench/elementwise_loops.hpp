// SPDX-License-Identifier: MIT
// Plain loops for one row of what the element-wise instructions do: the yardstick of elementwise_bench.
#ifndef NEURON_TESTS_ELEMENTWISE_LOOPS_HPP
#define NEURON_TESTS_ELEMENTWISE_LOOPS_HPP

#include <cstddef>
#include <cstdint>

/// Compiled with -O3 -march=native. Arrays do not overlap; bf16 is given as its bits.
namespace plain {

using Bf16 = std::uint16_t;

void add(const float *a, const float *b, float *out, std::size_t n);
void add(const Bf16 *a, const Bf16 *b, Bf16 *out, std::size_t n);
void max(const float *a, const float *b, float *out, std::size_t n);
void max(const Bf16 *a, const Bf16 *b, Bf16 *out, std::size_t n);
void mult_add(const float *a, float scale, float bias, float *out, std::size_t n);
void mult_add(const Bf16 *a, float scale, float bias, Bf16 *out, std::size_t n);
void scalar_tensor_tensor(const float *a, float scale, const float *b, float *out, std::size_t n);
void scalar_tensor_tensor(const Bf16 *a, float scale, const Bf16 *b, Bf16 *out, std::size_t n);
void copy(const Bf16 *in, float *out, std::size_t n);
void copy(const float *in, Bf16 *out, std::size_t n);
void reciprocal(const float *in, float *out, std::size_t n);

/// These sum up or reduce in 16 lanes, as the instructions do; n is a multiple of 16.
float activate_copy(const float *in, float scale, float bias, float *out, std::size_t n);
float activate_relu(const float *in, float scale, float bias, float *out, std::size_t n);
float activate_relu(const Bf16 *in, float scale, float bias, Bf16 *out, std::size_t n);
float reduce_add(const float *in, std::size_t n);
float reduce_add(const Bf16 *in, std::size_t n);
float reduce_max(const float *in, std::size_t n);
float reduce_max(const Bf16 *in, std::size_t n);

} // namespace plain

#endif // NEURON_TESTS_ELEMENTWISE_LOOPS_HPP
