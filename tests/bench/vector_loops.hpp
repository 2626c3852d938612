// SPDX-License-Identifier: MIT
// Plain loops for one row of what the instructions of vector_bench do, compiled with -O3 -march=native.
#ifndef NEURON_TESTS_VECTOR_LOOPS_HPP
#define NEURON_TESTS_VECTOR_LOOPS_HPP

#include <cstddef>
#include <cstdint>

/// Arrays do not overlap, unless they are the same. bf16 and f16 are given as their bits.
namespace plain {

using Bits16 = std::uint16_t;

template<class T>
void fill(T value, T *out, std::size_t n);
template<class T>
void copy_bits(const T *in, T *out, std::size_t n);
void f32_to_f16(const float *in, Bits16 *out, std::size_t n);
void f16_to_f32(const Bits16 *in, float *out, std::size_t n);
void i32_to_f32(const std::int32_t *in, float *out, std::size_t n);
/// Half to even, and what does not fit is clamped.
void f32_to_i32(const float *in, std::int32_t *out, std::size_t n);

void add(const std::int32_t *a, const std::int32_t *b, std::int32_t *out, std::size_t n);
void mult(const float *a, const float *b, float *out, std::size_t n);
/// 1.0 or 0.0.
void greater(const float *a, const float *b, float *out, std::size_t n);
/// out = in * scale, and their sum in 16 lanes.
float mult_and_sum(const float *in, float scale, float *out, std::size_t n);

/// Count, mean and sum of squared differences of the even and of the odd elements, summed up in 16 lanes each.
void statistics(const float *in, float *out, std::size_t n);
/// The eight largest, descending. No NaN.
void max8(const float *in, float *out, std::size_t n);
/// Where eight values are first, each place once.
void find8(const float *values, const float *in, std::uint32_t *out, std::size_t n);

void copy_where(const float *in, const std::uint8_t *pred, float *out, std::size_t n);
void fill_where(float value, const std::uint8_t *pred, float *out, std::size_t n);
/// in[i] where low <= i < high, the lowest number elsewhere. Return: the largest.
float select_range(const float *in, float low, float high, float *out, std::size_t n);
void gather(const float *in, const std::uint32_t *index, float *out, std::size_t n);

} // namespace plain

#endif // NEURON_TESTS_VECTOR_LOOPS_HPP
