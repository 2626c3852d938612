// SPDX-License-Identifier: MIT
// The scalar operand of MEMSET and FILL_PREDICATED as elements of their destination.
#ifndef NEURON_CHIP_COMPUTE_FILL_VALUE_HPP
#define NEURON_CHIP_COMPUTE_FILL_VALUE_HPP

#include "compute/exec_context.hpp"
#include "compute/scalar_view.hpp"
#include "compute/tile_view.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace neuron::chip {

/// One value for each row of `dst`, read before the instruction writes anything: no row's value depends on what is written
/// to another one.
class FillValue {
public:
    FillValue(ExecContext &context, const TileView &dst, const ScalarView &value);
    /// The instruction is done: counts the random words that it took.
    ~FillValue();
    FillValue(const FillValue &) = delete;
    FillValue &operator=(const FillValue &) = delete;

    /// Whether the elements of a row are the same. Otherwise each is rounded with a random word of its own.
    bool uniform() const { return !rounds_each_; }
    /// If it is uniform(): the element's bits in the low bytes, for all rows.
    const std::uint32_t *bits() const { return bits_.data(); }
    /// If it is not: elements first to first + count - 1 of row `row`.
    void round(unsigned row, std::size_t first, std::size_t count, std::byte *out) const;

private:
    ExecContext &context_;
    const TileView &dst_;
    bool takes_words_;
    bool rounds_each_;
    std::array<std::uint32_t, spec::PARTITIONS> bits_; // of the value itself if it is not uniform(): fp32
};

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_FILL_VALUE_HPP
