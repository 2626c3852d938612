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
template<class T>
void find8(const T *values, const T *in, std::uint32_t *out, std::size_t n);
/// A copy of the row, with `replacement` in these places.
void match_replace8(const float *values, const float *in, float replacement, float *out, std::size_t n);

template<class T>
void copy_where(const T *in, const std::uint8_t *pred, T *out, std::size_t n);
template<class T>
void fill_where(T value, const std::uint8_t *pred, T *out, std::size_t n);
/// in[i] where low <= i < high, the lowest number elsewhere. Return: the largest.
float select_range(const float *in, float low, float high, float *out, std::size_t n);
template<class T>
void gather(const T *in, const std::uint32_t *index, T *out, std::size_t n);
/// The same with runs of `RUN` elements; n indices.
template<class T, std::size_t RUN>
void gather_runs(const T *in, const std::uint16_t *index, T *out, std::size_t n);

/// n words of Philox-4x32-10 from the first one on, key (seed, partition), engine in the third word of the counter. n is a
/// multiple of 4.
void random_words(std::uint32_t seed, std::uint32_t partition, std::uint32_t engine, std::uint32_t *out, std::size_t n);
/// in[i], or 0 where its word is below `limit`.
void drop(const float *in, const std::uint32_t *words, std::uint32_t limit, float *out, std::size_t n);

} // namespace plain

#endif // NEURON_TESTS_VECTOR_LOOPS_HPP
