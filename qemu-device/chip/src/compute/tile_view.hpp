// SPDX-License-Identifier: MIT
// A tile operand after its checks: where its elements are, in a form that loops can run over.
#ifndef NEURON_CHIP_COMPUTE_TILE_VIEW_HPP
#define NEURON_CHIP_COMPUTE_TILE_VIEW_HPP

#include "compute/core_memory.hpp"
#include "compute/exec_fault.hpp"
#include "neuron/spec.hpp"

#include <tl/expected.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace neuron::chip {

/// A resolved tile: every element lies in the partition memory, is aligned, and has a known type.
/// Plain value.
///
/// The walk of one partition is a lane (the innermost loop, `lane_count` elements `lane_step` bytes
/// apart) inside up to three outer loops. Dimensions that continue each other are merged, so a tile
/// without gaps is one contiguous lane.
class TileView {
public:
    struct Loop {
        std::uint32_t count = 1;
        std::int64_t step = 0; ///< bytes
    };

    spec::Space space() const { return space_; }
    spec::Dtype dtype() const { return dtype_; }
    unsigned first_partition() const { return first_partition_; }
    /// Number of partitions, 1..PARTITIONS.
    unsigned partitions() const { return partitions_; }
    /// Elements in each partition, at least 1. All of them fit into one partition, even if the walk
    /// repeats some.
    std::uint32_t elements() const { return elements_; }
    std::uint32_t element_bytes() const { return element_bytes_; }
    /// elements() * element_bytes().
    std::uint32_t row_bytes() const { return elements_ * element_bytes_; }

    /// Byte offset of the first element of the walk in its partition.
    std::uint32_t first_byte() const { return first_byte_; }
    /// Byte offset of the lowest byte, and of the byte after the highest, that the walk touches.
    std::uint32_t low_byte() const { return low_byte_; }
    std::uint32_t end_byte() const { return end_byte_; }

    /// Whether the walk is row_bytes() consecutive bytes from first_byte() on.
    bool contiguous() const { return lane_.step == element_bytes_ && lane_.count == elements_; }

    const Loop &lane() const { return lane_; }
    /// The outer loops, innermost first; unused ones have count 1.
    const std::array<Loop, 3> &outer() const { return outer_; }

private:
    TileView() = default;
    void merge_dimensions(const spec::Tile &tile);

    friend tl::expected<TileView, ExecFault> resolve(const spec::Tile &, std::uint32_t, std::uint32_t,
                                                     const CoreMemory &);

    spec::Space space_{};
    spec::Dtype dtype_{};
    unsigned first_partition_ = 0;
    unsigned partitions_ = 0;
    std::uint32_t elements_ = 0;
    std::uint32_t element_bytes_ = 0;
    std::uint32_t first_byte_ = 0;
    std::uint32_t low_byte_ = 0;
    std::uint32_t end_byte_ = 0;
    Loop lane_;
    std::array<Loop, 3> outer_;
};

/// Check `tile` against the rules of struct tile in spec/isa/base.toml. `reg_value` is r[tile.reg] and
/// is ignored for register 0. `field_offset` is where the operand sits in its instruction; faults
/// carry it. Errors: TILE_RANGE if an element lies outside the partition, ILLEGAL_OPERAND for every
/// other broken rule.
tl::expected<TileView, ExecFault> resolve(const spec::Tile &tile, std::uint32_t reg_value, std::uint32_t field_offset,
                                          const CoreMemory &memory);

/// The same with the registers of the sequencer. A register number that does not exist is an
/// ILLEGAL_OPERAND.
tl::expected<TileView, ExecFault> resolve(const spec::Tile &tile,
                                          std::span<const std::uint32_t, spec::SEQ_REGISTERS> regs,
                                          std::uint32_t field_offset, const CoreMemory &memory);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_TILE_VIEW_HPP
