// SPDX-License-Identifier: MIT
#include "compute/instructions.hpp"
#include "compute/operand_checks.hpp"
#include "compute/partition_kernel.hpp"
#include "compute/rows.hpp"
#include "compute/tensor_op.hpp"
#include "compute/walk.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace neuron::chip {

namespace {

bool works_on_bits(spec::PartitionOp op) {
    return op == spec::PartitionOp::BITWISE_OR || op == spec::PartitionOp::BITWISE_AND;
}

spec::TensorOp step_of(spec::PartitionOp op) {
    switch (op) {
    case spec::PartitionOp::MAX: return spec::TensorOp::MAX;
    case spec::PartitionOp::BITWISE_OR: return spec::TensorOp::BITWISE_OR;
    case spec::PartitionOp::BITWISE_AND: return spec::TensorOp::BITWISE_AND;
    default: return spec::TensorOp::ADD;
    }
}

ElementKind bits_of(const TileView &view) {
    switch (view.element_bytes()) {
    case 1: return ElementKind::B8;
    case 2: return ElementKind::B16;
    default: return ElementKind::B32;
    }
}

void reduce_numbers(ExecContext &context, const TileView &dst, const TileView &src, spec::PartitionOp op) {
    RowReader in(context, src, 0);
    RowWriter out(context, dst, 2, false); // dst may lie in any row of src
    float *const result = out.begin(0);
    const std::size_t n = src.elements();
    std::copy_n(in.read(0), n, result);
    if (src.dtype() == spec::Dtype::F32 && src.contiguous()) {
        const std::size_t stride = context.memory.partition_stride(src.space()) / sizeof(float);
        fold_rows(step_of(op), result, in.read(0) + stride, stride, src.partitions() - 1, n);
    } else {
        for (unsigned row = 1; row < src.partitions(); ++row) {
            fold_rows(step_of(op), result, in.read(row), 0, 1, n);
        }
    }
    if (op == spec::PartitionOp::AVERAGE) {
        const auto count = static_cast<float>(src.partitions());
        std::transform(result, result + n, result, [count](float sum) { return sum / count; });
    }
    out.end();
}

void reduce_bits(ExecContext &context, const TileView &dst, const TileView &src, spec::PartitionOp op) {
    std::byte *const result = context.memory.scratch(context.engine, 1).data();
    std::memcpy(result, row_bytes_of(context, src, 0, 0, true), src.row_bytes());
    for (unsigned row = 1; row < src.partitions(); ++row) {
        apply(bits_of(src), step_of(op), result, result, row_bytes_of(context, src, row, 0, true), src.elements());
    }
    store_row(context, dst, 0, result);
}

} // namespace

ExecResult execute(ExecContext &context, const spec::InsnPartitionReduce &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto src = checks.tile(insn.src, "src");
    if (checks.ok()) {
        checks.require(dst->elements() == src->elements(), "dst");
    }
    if (checks.ok() && works_on_bits(insn.op)) {
        checks.require(is_integer(src->dtype()), "src");
        checks.require(is_integer(dst->dtype()) && same_element_size(*dst, *src), "dst");
    }
    if (!checks.ok()) {
        return checks.failure();
    }
    if (works_on_bits(insn.op)) {
        reduce_bits(context, *dst, *src, insn.op);
    } else {
        reduce_numbers(context, *dst, *src, insn.op);
    }
    return {};
}

} // namespace neuron::chip
