// SPDX-License-Identifier: MIT
// TENSOR_TENSOR_SCAN and TENSOR_SCALAR_CUMULATIVE: sequential within a partition, so the partitions
// run side by side.
#include "compute/columns.hpp"
#include "compute/instructions.hpp"
#include "compute/operand_checks.hpp"
#include "compute/reduction.hpp"
#include "compute/rows.hpp"
#include "compute/tensor_op.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace neuron::chip {

namespace {

using Column = std::array<float, spec::PARTITIONS>; // one value per partition

// a op b, or b op a.
void apply_column(spec::TensorOp op, float *out, const float *a, const float *b, bool reverse, unsigned rows) {
    apply(ElementKind::F32, op, out, reverse ? b : a, reverse ? a : b, rows);
}

// Rows that are taken at once. Buffered ones are those whose places the results may overwrite.
unsigned batch_rows(bool buffered) { return buffered ? ColumnReader::BUFFERED_ROWS : spec::PARTITIONS; }

Column values_of(const ScalarView &scalar, const CoreMemory &memory, unsigned first, unsigned rows) {
    Column values;
    for (unsigned p = 0; p < rows; ++p) {
        values[p] = scalar.f32(memory, first + p);
    }
    return values;
}

// ---- TENSOR_TENSOR_SCAN ----

struct Scan {
    const TileView &dst;
    const TileView &a;
    const TileView &b;
    spec::TensorOp op0;
    spec::TensorOp op1;
    bool reverse0;
    bool reverse1;
};

// x = a op0 state; state = x op1 b, for one piece. The states end up in `a`.
void scan_piece(const Scan &op, Columns &a, const Columns &b, Column &state, std::uint32_t count, unsigned rows) {
    const float *previous = state.data();
    for (std::uint32_t i = 0; i < count; ++i) {
        float *const now = a.at[i].data();
        apply_column(op.op0, now, now, previous, op.reverse0, rows);
        apply_column(op.op1, now, now, b.at[i].data(), op.reverse1, rows);
        previous = now;
    }
    std::copy_n(previous, rows, state.data());
}

void scan_rows(const Scan &op, ColumnReader &a, ColumnReader &b, ColumnWriter &dst, Column &state, unsigned rows) {
    Columns columns_a, columns_b;
    for (std::uint32_t first = 0; first < op.dst.elements(); first += COLUMN_CHUNK) {
        const std::uint32_t count = std::min(COLUMN_CHUNK, op.dst.elements() - first);
        a.read(first, count, columns_a);
        b.read(first, count, columns_b);
        scan_piece(op, columns_a, columns_b, state, count, rows);
        dst.write(first, count, columns_a);
    }
}

void scan(ExecContext &context, const Scan &op, const ScalarView &initial) {
    const bool buffered = overlaps(op.dst, op.a) || overlaps(op.dst, op.b);
    ColumnReader a(context, op.a, 0, buffered);
    ColumnReader b(context, op.b, 3, buffered);
    ColumnWriter dst(context, op.dst);
    for (unsigned first = 0; first < op.dst.partitions(); first += batch_rows(buffered)) {
        const unsigned rows = std::min(batch_rows(buffered), op.dst.partitions() - first);
        Column state = values_of(initial, context.memory, first, rows);
        a.begin(first, rows);
        b.begin(first, rows);
        dst.begin(first, rows);
        scan_rows(op, a, b, dst, state, rows);
    }
}

// ---- TENSOR_SCALAR_CUMULATIVE ----

struct Cumulative {
    const TileView &dst;
    const TileView &src;
    spec::TensorOp op0;
    spec::TensorOp op1;
};

// reg = (src op0 operand) op1 reg, for one piece. The results end up in `src`.
void cumulate_piece(const Cumulative &op, Columns &src, const Column &operand, Column &reg, std::uint32_t count,
                    unsigned rows) {
    const float *previous = reg.data();
    for (std::uint32_t i = 0; i < count; ++i) {
        float *const now = src.at[i].data();
        if (op.op0 != spec::TensorOp::BYPASS) {
            apply(ElementKind::F32, op.op0, now, now, operand.data(), rows);
        }
        apply(ElementKind::F32, op.op1, now, now, previous, rows);
        previous = now;
    }
    std::copy_n(previous, rows, reg.data());
}

void cumulate_rows(const Cumulative &op, ColumnReader &src, ColumnWriter &dst, const Column &operand, Column &reg,
                   unsigned rows) {
    Columns columns;
    for (std::uint32_t first = 0; first < op.dst.elements(); first += COLUMN_CHUNK) {
        const std::uint32_t count = std::min(COLUMN_CHUNK, op.dst.elements() - first);
        src.read(first, count, columns);
        cumulate_piece(op, columns, operand, reg, count, rows);
        dst.write(first, count, columns);
    }
}

// What the running value of rows first to first + rows - 1 starts with.
Column start_of(const ExecContext &context, const spec::InsnTensorScalarCumulative &insn, const TileView &dst,
                const ScalarView &init, unsigned first, unsigned rows) {
    Column start;
    switch (insn.acc) {
    case spec::AccCmd::LOAD_REDUCE: return values_of(init, context.memory, first, rows);
    case spec::AccCmd::REDUCE:
        std::copy_n(context.state.acc.begin() + dst.first_partition() + first, rows, start.begin());
        return start;
    default: start.fill(neutral(insn.op1)); return start;
    }
}

void cumulate(ExecContext &context, const spec::InsnTensorScalarCumulative &insn, const Cumulative &op,
              const ScalarView &operand0, const ScalarView &init) {
    const bool buffered = overlaps(op.dst, op.src);
    ColumnReader src(context, op.src, 0, buffered);
    ColumnWriter dst(context, op.dst);
    for (unsigned first = 0; first < op.dst.partitions(); first += batch_rows(buffered)) {
        const unsigned rows = std::min(batch_rows(buffered), op.dst.partitions() - first);
        const Column operand = values_of(operand0, context.memory, first, rows);
        Column reg = start_of(context, insn, op.dst, init, first, rows);
        src.begin(first, rows);
        dst.begin(first, rows);
        cumulate_rows(op, src, dst, operand, reg, rows);
        std::copy_n(reg.begin(), rows, context.state.acc.begin() + op.dst.first_partition() + first);
    }
}

bool is_running(spec::TensorOp op) {
    return op == spec::TensorOp::ADD || op == spec::TensorOp::SUBTRACT || op == spec::TensorOp::MULT ||
           op == spec::TensorOp::MAX || op == spec::TensorOp::MIN;
}

bool starts(spec::AccCmd acc) {
    return acc == spec::AccCmd::RESET_REDUCE || acc == spec::AccCmd::REDUCE || acc == spec::AccCmd::LOAD_REDUCE;
}

} // namespace

ExecResult execute(ExecContext &context, const spec::InsnTensorTensorScan &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto a = checks.tile(insn.a, "a");
    const auto b = checks.tile(insn.b, "b");
    const auto initial = checks.arithmetic_scalar(insn.initial, insn.dst.partitions, "initial");
    checks.require(is_dve_arithmetic(insn.op0), "op0");
    checks.require(is_dve_arithmetic(insn.op1), "op1");
    if (checks.ok()) {
        checks.require(same_shape(*dst, *a), "a");
        checks.require(same_shape(*dst, *b) && !(in_psum(*a) && in_psum(*b)), "b");
    }
    if (!checks.ok()) {
        return checks.failure();
    }
    const bool reverse0 = insn.flags & spec::OperandFlag::REVERSE0;
    const bool reverse1 = insn.flags & spec::OperandFlag::REVERSE1;
    scan(context, {*dst, *a, *b, insn.op0, insn.op1, reverse0, reverse1}, *initial);
    return {};
}

ExecResult execute(ExecContext &context, const spec::InsnTensorScalarCumulative &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto src = checks.tile(insn.src, "src");
    const auto operand0 = checks.arithmetic_scalar(insn.operand0, insn.dst.partitions, "operand0");
    const auto init = checks.start_value(insn.init, insn.dst.partitions, insn.acc, "init");
    checks.require(is_dve_arithmetic(insn.op0), "op0");
    checks.require(is_running(insn.op1), "op1");
    checks.require(starts(insn.acc), "acc");
    if (checks.ok()) {
        checks.require(same_shape(*dst, *src), "src");
    }
    if (!checks.ok()) {
        return checks.failure();
    }
    cumulate(context, insn, {*dst, *src, insn.op0, insn.op1}, *operand0, *init);
    return {};
}

} // namespace neuron::chip
