// SPDX-License-Identifier: MIT
// The inner loops of instruction MATMUL.
#ifndef NEURON_CHIP_COMPUTE_MATMUL_KERNEL_HPP
#define NEURON_CHIP_COMPUTE_MATMUL_KERNEL_HPP

#include "neuron/spec.hpp"

#include <cstddef>

namespace neuron::chip {

/// Row strides of the operands, in floats. One cache line more than the longest row: a power of two
/// would put a column of the operand into a few cache sets. Elements from a row's end to the stride
/// are read (and zero is the fast value to find there), but change no result.
inline constexpr std::size_t MATMUL_STATIONARY_STRIDE = spec::MATMUL_MAX_ROWS + 16;
inline constexpr std::size_t MATMUL_MOVING_STRIDE = spec::MATMUL_MAX_COLS + 16;

/// A multiple of the columns of a block of any instruction set.
inline constexpr unsigned MATMUL_COLUMN_GRAIN = 32;

struct MatmulArgs {
    const float *stationary; ///< [k][m], row stride MATMUL_STATIONARY_STRIDE
    const float *moving;     ///< [k][n], row stride moving_stride
    float *acc;              ///< [m][n], the accumulator
    std::size_t acc_stride;  ///< floats from row to row of acc
    unsigned k, m, n;        ///< 1..PARTITIONS, 1..MATMUL_MAX_ROWS, 1..MATMUL_MAX_COLS
    bool start;              ///< accumulate from +0; acc is only written
    /// Floats from row to row of moving. Where n is a multiple of MATMUL_COLUMN_GRAIN nothing beyond the end of a row is
    /// read, so the operand may lie in place.
    std::size_t moving_stride = MATMUL_MOVING_STRIDE;
};

/// acc[i][j] = stationary[k-1][i] * moving[k-1][j] + (... + (stationary[0][i] * moving[0][j] +
/// acc[i][j])), every step one fused multiply-add in fp32, NaN made canonical at the end. Touches
/// nothing outside acc[0..m)[0..n). Needs DefaultFpEnvironment. Same bits on every host and
/// instruction set: hosts without fused multiply-add compute it in another way.
void matmul_accumulate(const MatmulArgs &args);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_MATMUL_KERNEL_HPP
