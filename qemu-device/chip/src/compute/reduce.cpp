// SPDX-License-Identifier: MIT
// TENSOR_REDUCE, TENSOR_SCALAR_REDUCE, READ_ACC.
#include "compute/convert.hpp"
#include "compute/dma_tile.hpp"
#include "compute/instructions.hpp"
#include "compute/operand_checks.hpp"
#include "compute/raw_rows.hpp"
#include "compute/reduction.hpp"
#include "compute/row_scalars.hpp"
#include "compute/rows.hpp"
#include "compute/tensor_op.hpp"
#include "compute/walk.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>

namespace neuron::chip {

namespace {

float inverted(float value) { return std::isnan(value) ? value : -value; }

// ---- TENSOR_REDUCE ----

bool reduces_bits(spec::TensorOp op) {
    return op == spec::TensorOp::BITWISE_AND || op == spec::TensorOp::BITWISE_OR || op == spec::TensorOp::BITWISE_XOR;
}

bool reduces_numbers(spec::TensorOp op) {
    switch (op) {
    case spec::TensorOp::ADD:
    case spec::TensorOp::SUBTRACT:
    case spec::TensorOp::MULT:
    case spec::TensorOp::MAX:
    case spec::TensorOp::MIN:
    case spec::TensorOp::LOGICAL_AND:
    case spec::TensorOp::LOGICAL_OR:
    case spec::TensorOp::LOGICAL_XOR: return true;
    default: return false;
    }
}

// Elements of a group. The tile is a resolved one, so it does not overflow.
std::uint32_t group_of(const spec::Tile &src, unsigned axes) {
    std::uint32_t group = 1;
    for (unsigned i = 0; i < axes; ++i) {
        group *= src.num[i];
    }
    return group;
}

struct Reduce {
    const TileView &dst;
    const TileView &src;
    spec::TensorOp op;
    std::uint32_t group;
    bool negate;
};

constexpr unsigned SRC_SCRATCH = 0;
constexpr unsigned FLOATS_SCRATCH = 1;
constexpr unsigned RESULTS_SCRATCH = 2;
constexpr unsigned WRITER_SCRATCH = 3;

// Several rows at a time, so that short rows do not leave the vector units waiting for one chain;
// as many as stay in the first-level cache.
constexpr std::uint32_t BATCH_FLOATS = 8192;

// Rows that are reduced where they are, one result each.
bool reduces_in_place(const Reduce &op) {
    if (op.op == spec::TensorOp::SUBTRACT) {
        return false;
    }
    const bool type = op.src.dtype() == spec::Dtype::F32 || op.src.dtype() == spec::Dtype::BF16;
    return type && op.src.contiguous() && op.group == op.src.elements();
}

unsigned rows_of_batch(const Reduce &op) {
    if (reduces_in_place(op)) {
        return op.src.partitions();
    }
    return std::clamp(BATCH_FLOATS / op.src.elements(), std::uint32_t{1}, op.src.partitions());
}

// Reduces `rows` rows from `first` on: dst.elements() results each, one row after the other.
void reduce_batch(ExecContext &context, const Reduce &op, unsigned first, unsigned rows, float *results) {
    const std::uint32_t n = op.src.elements();
    if (reduces_in_place(op)) {
        const bool bf16 = op.src.dtype() == spec::Dtype::BF16;
        const std::byte *const in = row_in_place(context.memory, op.src, first).data();
        const std::size_t stride = context.memory.partition_stride(op.src.space()) / op.src.element_bytes();
        return reduce_rows(bf16 ? ElementKind::BF16 : ElementKind::F32, op.op, in, rows, stride, n, results);
    }
    const std::span<float> values = scratch_floats(context, FLOATS_SCRATCH, std::size_t{rows} * n);
    for (unsigned row = 0; row < rows; ++row) {
        convert(spec::Dtype::F32, reinterpret_cast<std::byte *>(&values[std::size_t{row} * n]), op.src.dtype(),
                row_bytes_of(context, op.src, first + row, SRC_SCRATCH, true), n);
    }
    const std::size_t groups = std::size_t{rows} * op.dst.elements();
    if (op.op == spec::TensorOp::SUBTRACT) {
        return subtract_rows(values.data(), groups, op.group, results);
    }
    reduce_rows(op.op, values.data(), groups, op.group, op.group, results);
}

// One result per row: converted at once.
void store_column(ExecContext &context, const TileView &dst, unsigned first, std::span<const float> results) {
    alignas(64) std::array<std::byte, spec::PARTITIONS * sizeof(float)> converted;
    convert(dst.dtype(), converted.data(), spec::Dtype::F32, reinterpret_cast<const std::byte *>(results.data()),
            results.size());
    const std::size_t size = dst.element_bytes();
    const Block<std::byte> out = block_in_place(context, dst, first, 0);
    for (std::size_t row = 0; row < results.size(); ++row) {
        std::memcpy(out.first + row * out.stride, converted.data() + row * size, size);
    }
}

void reduce_numbers(ExecContext &context, const Reduce &op) {
    RowWriter out(context, op.dst, WRITER_SCRATCH, true);
    const bool column = op.dst.elements() == 1 && !rounds_stochastically(context.state, op.dst.dtype());
    const unsigned batch = rows_of_batch(op);
    const std::size_t n = op.dst.elements();
    const std::span<float> all = scratch_floats(context, RESULTS_SCRATCH, batch * n);
    for (unsigned first = 0; first < op.src.partitions(); first += batch) {
        const unsigned rows = std::min(batch, op.src.partitions() - first);
        const std::span<float> results = all.first(rows * n);
        reduce_batch(context, op, first, rows, results.data());
        if (op.negate) {
            std::ranges::transform(results, results.begin(), inverted);
        }
        if (column) {
            store_column(context, op.dst, first, results);
            continue;
        }
        for (unsigned row = 0; row < rows; ++row) {
            std::ranges::copy(results.subspan(row * n, n), out.begin(first + row));
            out.end();
        }
    }
}

void reduce_integers(ExecContext &context, const Reduce &op) {
    const std::size_t size = op.src.element_bytes();
    std::byte *const results = context.memory.scratch(context.engine, RESULTS_SCRATCH).data();
    for (unsigned row = 0; row < op.src.partitions(); ++row) {
        const std::byte *const in = row_bytes_of(context, op.src, row, SRC_SCRATCH, true);
        for (std::size_t g = 0; g < op.dst.elements(); ++g) {
            const std::uint32_t bits = reduce_bits(op.op, in + g * op.group * size, size, op.group);
            std::memcpy(results + g * size, &bits, size);
        }
        store_row(context, op.dst, row, results);
    }
}

// ---- TENSOR_SCALAR_REDUCE ----

bool accumulates(spec::TensorOp op) {
    return op == spec::TensorOp::ADD || op == spec::TensorOp::MULT || op == spec::TensorOp::MAX ||
           op == spec::TensorOp::MIN;
}

// The instruction after its checks.
class ScalarReduce {
public:
    ScalarReduce(ExecContext &context, const spec::InsnTensorScalarReduce &insn, const TileView &dst,
                 const TileView &src, const ScalarView &operand0, const ScalarView &init)
        : context_(context),
          insn_(insn),
          dst_(dst),
          src_(src),
          reverse_((insn.flags & spec::OperandFlag::REVERSE0) != 0),
          in_place_(!overlaps(dst, src)),
          operand0_(operand0, context.memory, dst.partitions(), true),
          init_(init, context.memory, dst.partitions(), true) {}

    void run() {
        if (!run_at_once()) {
            run_rows();
        }
    }

private:
    // Where elements are worked on as they are, operation and reduction go over them together.
    bool run_at_once() {
        const spec::Dtype dtype = dst_.dtype();
        const bool number = dtype == spec::Dtype::F32 || dtype == spec::Dtype::BF16;
        if (!number || src_.dtype() != dtype || rounds_stochastically(context_.state, dtype) || !in_place_ ||
            !dst_.contiguous() || !src_.contiguous()) {
            return false;
        }
        const ElementKind kind = dtype == spec::Dtype::F32 ? ElementKind::F32 : ElementKind::BF16;
        const RowAddresses out(context_.memory, dst_), in(context_.memory, src_);
        std::array<float, spec::PARTITIONS> results;
        if (!apply_and_reduce(kind, insn_.op0, insn_.reduce, {dst_.partitions(), out.stride(), in.stride()}, out.at(0),
                              in.at(0), {operand0_.column(), reverse_}, dst_.elements(), results.data())) {
            return false;
        }
        for (unsigned row = 0; row < dst_.partitions(); ++row) {
            take(row, results[row]);
        }
        return true;
    }

    void run_rows() {
        RowReader in(context_, src_, 0);
        RowWriter out(context_, dst_, 2, in_place_);
        for (unsigned row = 0; row < dst_.partitions(); ++row) {
            float *const x = out.begin(row);
            apply(ElementKind::F32, insn_.op0, x, in.read(row), ScalarOperand{operand0_.bits(row), reverse_},
                  dst_.elements());
            take(row, reduce(insn_.reduce, x, dst_.elements()));
            out.end(true);
        }
    }

    // The accumulator of a row takes its result.
    void take(unsigned row, float result) {
        float &acc = context_.state.acc[dst_.first_partition() + row];
        acc = accumulate(insn_.acc, insn_.reduce, acc, result, std::bit_cast<float>(init_.bits(row)));
    }

    ExecContext &context_;
    const spec::InsnTensorScalarReduce &insn_;
    const TileView &dst_;
    const TileView &src_;
    bool reverse_;
    bool in_place_;
    RowScalars operand0_, init_;
};

} // namespace

ExecResult execute(ExecContext &context, const spec::InsnTensorReduce &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto src = checks.tile(insn.src, "src");
    checks.require(reduces_numbers(insn.op) || reduces_bits(insn.op), "op");
    checks.require(!insn.negate || !is_bitvec(insn.op), "negate");
    if (!checks.ok()) {
        return checks.failure();
    }
    const Reduce op{*dst, *src, insn.op, group_of(insn.src, insn.axes), insn.negate != 0};
    checks.require(same_partitions(*dst, *src) && dst->elements() == src->elements() / op.group, "dst");
    if (reduces_bits(insn.op)) {
        checks.require(is_integer(src->dtype()), "src");
        checks.require(is_integer(dst->dtype()) && same_element_size(*dst, *src), "dst");
    }
    if (!checks.ok()) {
        return checks.failure();
    }
    if (reduces_bits(insn.op)) {
        reduce_integers(context, op);
    } else {
        reduce_numbers(context, op);
    }
    return {};
}

ExecResult execute(ExecContext &context, const spec::InsnTensorScalarReduce &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto src = checks.tile(insn.src, "src");
    const auto operand0 = checks.arithmetic_scalar(insn.operand0, insn.dst.partitions, "operand0");
    const auto init = checks.start_value(insn.init, insn.dst.partitions, insn.acc, "init");
    checks.require(is_dve_arithmetic(insn.op0), "op0");
    checks.require(accumulates(insn.reduce), "reduce");
    checks.require(!(insn.flags & spec::OperandFlag::REVERSE1), "flags");
    if (checks.ok()) {
        checks.require(same_shape(*dst, *src), "src");
    }
    if (!checks.ok()) {
        return checks.failure();
    }
    ScalarReduce(context, insn, *dst, *src, *operand0, *init).run();
    return {};
}

ExecResult execute(ExecContext &context, const spec::InsnReadAcc &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    if (!checks.ok()) {
        return checks.failure();
    }
    RowWriter out(context, *dst, 0, true);
    for (unsigned row = 0; row < dst->partitions(); ++row) {
        const float acc = context.state.acc[dst->first_partition() + row];
        *out.begin(row) = insn.negate ? inverted(acc) : acc;
        out.end();
    }
    return {};
}

} // namespace neuron::chip
