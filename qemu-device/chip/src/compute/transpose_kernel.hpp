// SPDX-License-Identifier: MIT
// Transposition of blocks in memory.
#ifndef NEURON_CHIP_COMPUTE_TRANSPOSE_KERNEL_HPP
#define NEURON_CHIP_COMPUTE_TRANSPOSE_KERNEL_HPP

#include <cstddef>

namespace neuron::chip {

/// A block in memory: its element [0][0], and the bytes from row to row.
template<class Byte>
struct Block {
    Byte *first;
    std::size_t stride;
};

/// `rows` and `columns` of a block to be transposed are multiples of this, for elements of `bytes`
/// (1, 2 or 4) bytes.
constexpr std::size_t transpose_multiple(std::size_t bytes) { return 16 / bytes; }

/// Element [j][i] of `out` = element [i][j] of `in` for i below `rows`, j below `columns`. Blocks
/// are aligned to their elements and do not overlap. Any number of threads, cannot fail.
void transpose_block(std::size_t element_bytes, Block<std::byte> out, Block<const std::byte> in, std::size_t rows,
                     std::size_t columns);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_TRANSPOSE_KERNEL_HPP
