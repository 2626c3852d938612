// SPDX-License-Identifier: MIT
// A scalar operand after its checks: one value per partition.
#ifndef NEURON_CHIP_COMPUTE_SCALAR_VIEW_HPP
#define NEURON_CHIP_COMPUTE_SCALAR_VIEW_HPP

#include "compute/exec_context.hpp"
#include "compute/exec_fault.hpp"
#include "compute/tile_view.hpp"
#include "neuron/spec.hpp"

#include <tl/expected.hpp>

#include <cstdint>
#include <optional>

namespace neuron::chip {

/// A resolved scalar operand. Plain value; refers to the core memory for a column.
class ScalarView {
public:
    bool is_vector() const { return column_.has_value(); }
    spec::Dtype dtype() const { return dtype_; }
    /// The column of a VECTOR, one element per partition.
    const std::optional<TileView> &column() const { return column_; }

    /// Value of row `row` (counted from the instruction's first partition) as arithmetic takes it.
    float f32(const CoreMemory &memory, unsigned row) const;
    /// Its bits: as many low ones as its type has.
    std::uint32_t bits(const CoreMemory &memory, unsigned row) const;

private:
    ScalarView() = default;
    friend tl::expected<ScalarView, ExecFault> resolve(const spec::Scalar &, unsigned, std::uint32_t,
                                                       const ExecContext &);
    spec::Dtype dtype_{};
    std::uint32_t bits_ = 0;
    std::optional<TileView> column_;
};

/// Checks `scalar` for an instruction on `partitions` partitions. `field_offset`: see resolve() of
/// tiles. Errors: TILE_RANGE if the column lies outside the partition, ILLEGAL_OPERAND for every
/// other broken rule of struct scalar.
tl::expected<ScalarView, ExecFault> resolve(const spec::Scalar &scalar, unsigned partitions, std::uint32_t field_offset,
                                            const ExecContext &context);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_SCALAR_VIEW_HPP
