// SPDX-License-Identifier: MIT
// The checks at the start of an instruction: operands one by one, then what the page says of them together.
#ifndef NEURON_CHIP_COMPUTE_OPERAND_CHECKS_HPP
#define NEURON_CHIP_COMPUTE_OPERAND_CHECKS_HPP

#include "compute/exec_context.hpp"
#include "compute/exec_fault.hpp"
#include "compute/scalar_view.hpp"
#include "compute/tile_view.hpp"
#include "neuron/spec.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace neuron::chip {

/// Resolves the operands of one instruction and remembers the first rule that is broken. Operands
/// are named as in the contract. What tile() and scalar() give is there as long as ok() is true.
class OperandChecks {
public:
    OperandChecks(const ExecContext &context, spec::Opcode opcode) : context_(context), opcode_(opcode) {}

    std::optional<TileView> tile(const spec::Tile &tile, std::string_view name);
    /// For an instruction on `partitions` partitions.
    std::optional<ScalarView> scalar(const spec::Scalar &scalar, unsigned partitions, std::string_view name);
    /// The same for arithmetic: a VECTOR is F32.
    std::optional<ScalarView> arithmetic_scalar(const spec::Scalar &scalar, unsigned partitions, std::string_view name);
    /// The start value of LOAD_REDUCE: arithmetic_scalar(), and an IMM of +0 for other commands.
    std::optional<ScalarView> start_value(const spec::Scalar &scalar, unsigned partitions, spec::AccCmd command,
                                          std::string_view name);
    /// ILLEGAL_OPERAND of operand `name` unless `rule` holds.
    void require(bool rule, std::string_view name);

    bool ok() const { return !fault_; }
    /// The first fault; only if ok() is false.
    tl::unexpected<ExecFault> failure() const { return tl::unexpected(*fault_); }

private:
    void fail(ExecFault fault, std::string_view name);

    const ExecContext &context_;
    spec::Opcode opcode_;
    std::optional<ExecFault> fault_;
};

/// I8 to U32.
inline bool is_integer(spec::Dtype dtype) {
    switch (dtype) {
    case spec::Dtype::I8:
    case spec::Dtype::U8:
    case spec::Dtype::I16:
    case spec::Dtype::U16:
    case spec::Dtype::I32:
    case spec::Dtype::U32: return true;
    default: return false;
    }
}

/// Arithmetic but the two functions that only POOL has.
bool is_dve_arithmetic(spec::TensorOp op);

inline bool same_partitions(const TileView &a, const TileView &b) { return a.partitions() == b.partitions(); }

/// Same number of partitions and of elements per partition.
inline bool same_shape(const TileView &a, const TileView &b) {
    return same_partitions(a, b) && a.elements() == b.elements();
}

inline bool same_element_size(const TileView &a, const TileView &b) { return a.element_bytes() == b.element_bytes(); }

inline bool in_psum(const TileView &view) { return view.space() == spec::Space::PSUM; }
inline bool in_psum(const ScalarView &view) { return view.is_vector() && in_psum(*view.column()); }

/// Whether some partition of the one and of the other may share bytes: their ranges from lowest to
/// highest byte do.
inline bool may_share_bytes(const TileView &a, const TileView &b) {
    const bool partitions = a.first_partition() < b.first_partition() + b.partitions() &&
                            b.first_partition() < a.first_partition() + a.partitions();
    return a.space() == b.space() && partitions && a.low_byte() < b.end_byte() && b.low_byte() < a.end_byte();
}

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_OPERAND_CHECKS_HPP
