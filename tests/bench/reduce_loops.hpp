// SPDX-License-Identifier: MIT
// What reduce_bench compares with: the same results from plain loops, compiled for the host alone.
#ifndef NEURON_TESTS_REDUCE_LOOPS_HPP
#define NEURON_TESTS_REDUCE_LOOPS_HPP

#include <cstddef>
#include <cstdint>

namespace reduce_loops {

/// Rows of elements in memory, `stride` elements from row to row.
template<class T>
struct Rows {
    T *first;
    std::size_t stride;
    T *operator[](std::size_t row) const { return first + row * stride; }
};

using In = Rows<const float>;
using Out = Rows<float>;

/// Row by row, element i in lane i mod 16, then the lanes by halves. Numbers, without NaN.
void reduce_add(Out out, In in, std::size_t rows, std::size_t n);
void reduce_max(Out out, In in, std::size_t rows, std::size_t n);
/// st = a * st + b from 0.5 on, two roundings.
void scan(Out out, In a, In b, std::size_t rows, std::size_t n);
/// The running sum from 0 on.
void cumulative(Out out, In in, std::size_t rows, std::size_t n);
/// 32 x 32 blocks; rows and n are multiples of 32.
void transpose(Out out, In in, std::size_t rows, std::size_t n);
/// base + row * channel + i * step.
void iota(Rows<std::int32_t> out, std::int32_t base, std::int32_t channel, std::int32_t step, std::size_t rows,
          std::size_t n);
/// The same value >= 0 ? in : fill.
void affine_select(Out out, In in, std::int32_t base, std::int32_t channel, std::int32_t step, float fill,
                   std::size_t rows, std::size_t n);
/// pred != 0 ? in : other, and the largest of each row.
void select_reduce(Out out, float *largest, In in, Rows<const std::uint8_t> pred, float other, std::size_t rows,
                   std::size_t n);
/// The sum of all rows.
void partition_reduce(float *out, In in, std::size_t rows, std::size_t n);

} // namespace reduce_loops

#endif // NEURON_TESTS_REDUCE_LOOPS_HPP
