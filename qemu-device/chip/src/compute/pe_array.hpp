// SPDX-License-Identifier: MIT
// The cells of the PE array and the stationary operands that they hold.
#ifndef NEURON_CHIP_COMPUTE_PE_ARRAY_HPP
#define NEURON_CHIP_COMPUTE_PE_ARRAY_HPP

#include "compute/matmul_kernel.hpp"
#include "neuron/spec.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace neuron::chip {

class Archive;

/// Up to sixteen stationary operands side by side, each in a part of the array of its own. Large:
/// not for the stack. One thread at a time.
class PeArray {
public:
    /// A rectangle of the array, in cells.
    struct Part {
        unsigned row, rows, col, cols;

        friend bool operator==(const Part &, const Part &) = default;
    };

    /// What a part holds.
    struct Stationary {
        Part part;
        spec::PeMode mode;
        spec::Dtype dtype;
        unsigned k; ///< partitions of the operand
        unsigned m; ///< columns
    };

    /// The part of `rows` by `cols` that starts at `row` and `col`; nothing if it may not start
    /// there.
    static std::optional<Part> part(spec::PeTile rows, unsigned row, spec::PeTile cols, unsigned col);

    void reset();

    /// Makes room for an operand: forgets all that overlap its part. Fill the rows afterwards.
    void place(const Stationary &stationary);
    /// Row `k` of the operand in `part`, `half` 1 for the second elements of DOUBLE_ROW; floats up
    /// to the end of the array.
    float *row(const Stationary &stationary, unsigned k, unsigned half);
    /// The operand in just this part, or nullptr.
    const Stationary *find(const Part &part) const;
    /// First row of the operand for the kernel: rows MATMUL_STATIONARY_STRIDE apart, those of
    /// DOUBLE_ROW alternating between the halves.
    const float *cells(const Stationary &stationary) const;

    /// The operands; see chip/src/state/archive.hpp.
    void serialize(Archive &archive);

private:
    static constexpr unsigned GRAIN = 32; ///< parts start at multiples of it
    static constexpr unsigned GRID = spec::PARTITIONS / GRAIN;

    static void serialize(Archive &archive, Stationary &stationary, std::size_t slot);
    static std::size_t slot(const Part &part) { return part.row / GRAIN * GRID + part.col / GRAIN; }

    std::array<std::optional<Stationary>, std::size_t{GRID} * GRID> slots_; ///< by first cell
    alignas(64) float single_[spec::PARTITIONS * MATMUL_STATIONARY_STRIDE];
    alignas(64) float double_[2 * spec::PARTITIONS * MATMUL_STATIONARY_STRIDE];
};

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_PE_ARRAY_HPP
