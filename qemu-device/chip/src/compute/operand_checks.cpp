// SPDX-License-Identifier: MIT
#include "compute/operand_checks.hpp"

#include "compute/operand_offset.hpp"
#include "compute/tensor_op.hpp"

namespace neuron::chip {

// The search for the operand's offset waits until there is a fault to report.
void OperandChecks::fail(ExecFault fault, std::string_view name) {
    if (!fault_) {
        fault_ = ExecFault{fault.code, operand_offset(opcode_, name)};
    }
}

std::optional<TileView> OperandChecks::tile(const spec::Tile &tile, std::string_view name) {
    const auto view = resolve(tile, context_.regs, 0, context_.memory);
    if (!view) {
        fail(view.error(), name);
        return std::nullopt;
    }
    return *view;
}

std::optional<ScalarView> OperandChecks::scalar(const spec::Scalar &scalar, unsigned partitions,
                                                std::string_view name) {
    const auto view = resolve(scalar, partitions, 0, context_);
    if (!view) {
        fail(view.error(), name);
        return std::nullopt;
    }
    return *view;
}

std::optional<ScalarView> OperandChecks::arithmetic_scalar(const spec::Scalar &operand, unsigned partitions,
                                                           std::string_view name) {
    const auto view = scalar(operand, partitions, name);
    require(!view || !view->is_vector() || view->dtype() == spec::Dtype::F32, name);
    return view;
}

std::optional<ScalarView> OperandChecks::start_value(const spec::Scalar &scalar, unsigned partitions,
                                                     spec::AccCmd command, std::string_view name) {
    const bool zero = scalar.kind == spec::ScalarKind::IMM && scalar.value == 0;
    require(command == spec::AccCmd::LOAD_REDUCE || zero, name);
    return arithmetic_scalar(scalar, partitions, name);
}

void OperandChecks::require(bool rule, std::string_view name) {
    if (!rule) {
        fail({spec::Fault::ILLEGAL_OPERAND, 0}, name);
    }
}

bool is_dve_arithmetic(spec::TensorOp op) {
    return !is_bitvec(op) && op != spec::TensorOp::POW && op != spec::TensorOp::RSQRT;
}

} // namespace neuron::chip
