// SPDX-License-Identifier: MIT
// The values of a scalar operand for all rows of an instruction.
#ifndef NEURON_CHIP_COMPUTE_ROW_SCALARS_HPP
#define NEURON_CHIP_COMPUTE_ROW_SCALARS_HPP

#include "compute/core_memory.hpp"
#include "compute/scalar_view.hpp"
#include "neuron/spec.hpp"

#include <array>
#include <cstdint>

namespace neuron::chip {

/// Read at once, before the instruction writes anything: each lies in a page of its own, and so
/// their misses overlap. No row's value depends on what is written to another one.
class RowScalars {
public:
    /// Bits of fp32 numbers if `number`, otherwise the operand's own.
    RowScalars(const ScalarView &view, const CoreMemory &memory, unsigned rows, bool number);

    std::uint32_t bits(unsigned row) const { return bits_[row]; }
    /// bits() of all rows.
    const std::uint32_t *column() const { return bits_.data(); }

private:
    std::array<std::uint32_t, spec::PARTITIONS> bits_; // the first `rows` are set
};

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_ROW_SCALARS_HPP
