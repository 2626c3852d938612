// SPDX-License-Identifier: MIT
// Rows that are filled, copied, or copied in part: bits of elements of any type.
#ifndef NEURON_CHIP_COMPUTE_MOVE_KERNEL_HPP
#define NEURON_CHIP_COMPUTE_MOVE_KERNEL_HPP

#include "compute/tensor_op.hpp"

#include <cstddef>
#include <cstdint>

namespace neuron::chip {

// Elements have 1, 2 or 4 bytes and are aligned to their size. Outputs overlap no input. Any number of threads; they cannot
// fail.

/// All n elements of row r of `out` = the low bits of bits[r].
void fill_rows(std::size_t element_bytes, const RowSteps &rows, std::byte *out, const std::uint32_t *bits,
               std::size_t n);

/// Rows of `row_bytes` bytes from rows.a to rows.out.
void copy_rows(const RowSteps &rows, std::byte *out, const std::byte *in, std::size_t row_bytes);

/// Which elements of a row are written, and how large they are.
struct Predicate {
    std::size_t element_bytes;   ///< of the outputs
    std::size_t predicate_bytes; ///< of an element of the predicate, an unsigned integer
    bool invert;                 ///< false: where it is not 0; true: where it is 0
};

/// out[i] = in[i] where the predicate holds. Rows of `predicate` are rows.b apart.
void copy_rows_where(const Predicate &what, const RowSteps &rows, std::byte *out, const std::byte *in,
                     const std::byte *predicate, std::size_t n);

/// out[i] = the low bits of bits[r] where the predicate holds.
void fill_rows_where(const Predicate &what, const RowSteps &rows, std::byte *out, const std::uint32_t *bits,
                     const std::byte *predicate, std::size_t n);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_MOVE_KERNEL_HPP
