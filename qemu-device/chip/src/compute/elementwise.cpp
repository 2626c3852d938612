// SPDX-License-Identifier: MIT
// Instructions TENSOR_TENSOR, TENSOR_SCALAR, SCALAR_TENSOR_TENSOR and RECIPROCAL.
#include "compute/element_rows.hpp"
#include "compute/instructions.hpp"
#include "compute/operand_checks.hpp"
#include "compute/row_scalars.hpp"
#include "compute/tensor_op.hpp"

#include <array>
#include <optional>

namespace neuron::chip {

namespace {

using spec::Opcode;
using spec::OperandFlag;
using spec::TensorOp;

bool reverses(std::uint8_t flags, OperandFlag flag) { return (flags & flag) != 0; }

// ---- what the elements are ----

ElementKind bits_of(const TileView &view) {
    return view.element_bytes() == 1   ? ElementKind::B8
           : view.element_bytes() == 2 ? ElementKind::B16
                                       : ElementKind::B32;
}

// POOL's exact form on 32-bit integers: tiles and operands all of one of the two types.
class ExactInteger {
public:
    ExactInteger(const ExecContext &context, const TileView &dst)
        : dtype_(dst.dtype()),
          holds_(context.engine == spec::Engine::POOL && (dtype_ == spec::Dtype::I32 || dtype_ == spec::Dtype::U32)) {}

    ExactInteger &tile(const TileView &view) {
        holds_ = holds_ && view.dtype() == dtype_;
        return *this;
    }
    ExactInteger &op(TensorOp op) {
        holds_ = holds_ && has_integer_form(op);
        return *this;
    }
    // An operand that its operation does not look at may be of any type.
    ExactInteger &op_with(TensorOp op, bool reverse, const ScalarView &operand) {
        holds_ = holds_ && has_integer_form(op) && (operand.dtype() == dtype_ || !(uses_b(op) || reverse));
        return *this;
    }
    std::optional<ElementKind> kind() const {
        if (!holds_) {
            return {};
        }
        return dtype_ == spec::Dtype::I32 ? ElementKind::I32 : ElementKind::U32;
    }

private:
    spec::Dtype dtype_;
    bool holds_;
};

// ---- the loops' bodies ----

struct TensorTensorBody {
    TensorOp op;
    ElementKind kind;

    void begin(unsigned) {}
    void run(void *out, const void *a, const void *b, std::size_t n) const { apply(kind, op, out, a, b, n); }
    void run(const RowSteps &rows, void *out, const void *a, const void *b, std::size_t n) const {
        apply(kind, op, rows, out, a, b, n);
    }
};

bool is_number(ElementKind kind) { return kind == ElementKind::F32 || kind == ElementKind::BF16; }

struct TensorScalarBody {
    TensorOp op0, op1;
    const RowScalars &operand0, &operand1;
    bool reverse0, reverse1;
    ElementKind kind;
    ScalarOperand b{}, c{};

    void begin(unsigned row) {
        b = {operand0.bits(row), reverse0};
        c = {operand1.bits(row), reverse1};
    }
    void run(void *out, const void *a, const void *, std::size_t n) const { apply(kind, op0, op1, out, a, b, c, n); }
    void run(const RowSteps &rows, void *out, const void *a, const void *, std::size_t n) const {
        apply(kind, op0, op1, rows, out, a, ScalarColumn{operand0.column(), reverse0},
              ScalarColumn{operand1.column(), reverse1}, n);
    }
};

struct ScalarTensorTensorBody {
    TensorOp op0, op1;
    const RowScalars &operand0;
    bool reverse0, reverse1;
    ElementKind kind;
    ScalarOperand b{};

    void begin(unsigned row) { b = {operand0.bits(row), reverse0}; }
    void run(void *out, const void *a, const void *c, std::size_t n) const {
        apply(kind, op0, op1, out, a, b, c, reverse1, n);
    }
    void run(const RowSteps &rows, void *out, const void *a, const void *c, std::size_t n) const {
        apply(kind, op0, op1, rows, out, a, ScalarColumn{operand0.column(), reverse0}, c, reverse1, n);
    }
};

struct ReciprocalBody {
    ElementKind kind;

    void begin(unsigned) {}
    void run(void *out, const void *a, const void *, std::size_t n) const {
        apply(kind, TensorOp::RECIPROCAL, out, a, ScalarOperand{}, n);
    }
    void run(const RowSteps &rows, void *out, const void *a, const void *, std::size_t n) const {
        static constexpr std::array<std::uint32_t, spec::PARTITIONS> unused{};
        apply(kind, TensorOp::RECIPROCAL, rows, out, a, ScalarColumn{unused.data(), false}, n);
    }
};

// ---- checks ----

// POW and RSQRT run on POOL only, bitvec operations on DVE only.
bool runs_on(spec::Engine engine, TensorOp op) {
    if (op == TensorOp::POW || op == TensorOp::RSQRT) {
        return engine == spec::Engine::POOL;
    }
    return !is_bitvec(op) || engine == spec::Engine::DVE;
}

bool is_integer_of(const TileView &dst, spec::Dtype dtype) {
    return is_integer(dtype) && spec::bytes(dtype) == dst.element_bytes();
}

// A VECTOR is an integer of the tiles' size where the operations work on bits, F32 elsewhere.
bool fits(const ScalarView &scalar, bool bits, const TileView &dst) {
    return !scalar.is_vector() || (bits ? is_integer_of(dst, scalar.dtype()) : scalar.dtype() == spec::Dtype::F32);
}

// The ACT engine multiplies, adds, or does both in that order.
void check_act(OperandChecks &checks, const spec::InsnTensorScalar &insn) {
    const bool multiplies = insn.op0 == TensorOp::MULT;
    checks.require(multiplies || insn.op0 == TensorOp::ADD, "op0");
    checks.require(insn.op1 == TensorOp::BYPASS || (multiplies && insn.op1 == TensorOp::ADD), "op1");
    checks.require(insn.flags == 0, "flags");
}

void check_ops(OperandChecks &checks, spec::Engine engine, const spec::InsnTensorScalar &insn) {
    const bool bypasses = insn.op0 == TensorOp::BYPASS || insn.op1 == TensorOp::BYPASS;
    checks.require(runs_on(engine, insn.op0), "op0");
    checks.require(runs_on(engine, insn.op1), "op1");
    checks.require(bypasses || is_bitvec(insn.op0) == is_bitvec(insn.op1), "op1");
    if (engine == spec::Engine::ACT) {
        check_act(checks, insn);
    }
}

} // namespace

ExecResult execute(ExecContext &context, const spec::InsnTensorTensor &insn) {
    OperandChecks checks(context, Opcode::TENSOR_TENSOR);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto a = checks.tile(insn.a, "a");
    const auto b = checks.tile(insn.b, "b");
    if (!checks.ok()) {
        return checks.failure();
    }
    const bool bits = is_bitvec(insn.op);
    checks.require(same_shape(*a, *dst), "a");
    checks.require(same_shape(*b, *dst) && !(in_psum(*a) && in_psum(*b)), "b");
    checks.require(runs_on(context.engine, insn.op), "op");
    checks.require(!bits || is_integer(dst->dtype()), "dst");
    checks.require(!bits || is_integer_of(*dst, a->dtype()), "a");
    checks.require(!bits || is_integer_of(*dst, b->dtype()), "b");
    if (!checks.ok()) {
        return checks.failure();
    }
    const auto exact =
        bits ? std::optional(bits_of(*dst)) : ExactInteger(context, *dst).tile(*a).tile(*b).op(insn.op).kind();
    ElementRows rows(context, *dst, *a, &*b, exact);
    rows.run(TensorTensorBody{insn.op, rows.kind()});
    return {};
}

ExecResult execute(ExecContext &context, const spec::InsnTensorScalar &insn) {
    OperandChecks checks(context, Opcode::TENSOR_SCALAR);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto src = checks.tile(insn.src, "src");
    const auto operand0 = checks.scalar(insn.operand0, insn.dst.partitions, "operand0");
    const auto operand1 = checks.scalar(insn.operand1, insn.dst.partitions, "operand1");
    if (!checks.ok()) {
        return checks.failure();
    }
    const bool bits = is_bitvec(insn.op0) || is_bitvec(insn.op1);
    checks.require(same_shape(*src, *dst), "src");
    check_ops(checks, context.engine, insn);
    checks.require(!bits || is_integer(dst->dtype()), "dst");
    checks.require(!bits || is_integer_of(*dst, src->dtype()), "src");
    checks.require(fits(*operand0, bits, *dst), "operand0");
    checks.require(fits(*operand1, bits, *dst), "operand1");
    if (!checks.ok()) {
        return checks.failure();
    }
    const bool reverse0 = reverses(insn.flags, OperandFlag::REVERSE0);
    const bool reverse1 = reverses(insn.flags, OperandFlag::REVERSE1);
    const auto exact = bits ? std::optional(bits_of(*dst))
                            : ExactInteger(context, *dst)
                                  .tile(*src)
                                  .op_with(insn.op0, reverse0, *operand0)
                                  .op_with(insn.op1, reverse1, *operand1)
                                  .kind();
    ElementRows rows(context, *dst, *src, nullptr, exact);
    const bool number = is_number(rows.kind());
    const RowScalars scalars0(*operand0, context.memory, dst->partitions(), number);
    const RowScalars scalars1(*operand1, context.memory, dst->partitions(), number);
    rows.run(TensorScalarBody{insn.op0, insn.op1, scalars0, scalars1, reverse0, reverse1, rows.kind()});
    return {};
}

ExecResult execute(ExecContext &context, const spec::InsnScalarTensorTensor &insn) {
    OperandChecks checks(context, Opcode::SCALAR_TENSOR_TENSOR);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto a = checks.tile(insn.a, "a");
    const auto b = checks.tile(insn.b, "b");
    const auto operand0 = checks.arithmetic_scalar(insn.operand0, insn.dst.partitions, "operand0");
    if (!checks.ok()) {
        return checks.failure();
    }
    checks.require(same_shape(*a, *dst), "a");
    checks.require(same_shape(*b, *dst) && !(in_psum(*a) && in_psum(*b)), "b");
    checks.require(is_dve_arithmetic(insn.op0), "op0");
    checks.require(is_dve_arithmetic(insn.op1), "op1");
    if (!checks.ok()) {
        return checks.failure();
    }
    ElementRows rows(context, *dst, *a, &*b, {});
    const RowScalars scalars(*operand0, context.memory, dst->partitions(), true);
    rows.run(ScalarTensorTensorBody{insn.op0, insn.op1, scalars, reverses(insn.flags, OperandFlag::REVERSE0),
                                    reverses(insn.flags, OperandFlag::REVERSE1), rows.kind()});
    return {};
}

ExecResult execute(ExecContext &context, const spec::InsnReciprocal &insn) {
    OperandChecks checks(context, Opcode::RECIPROCAL);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto src = checks.tile(insn.src, "src");
    if (!checks.ok()) {
        return checks.failure();
    }
    checks.require(same_shape(*src, *dst), "src");
    if (!checks.ok()) {
        return checks.failure();
    }
    ElementRows rows(context, *dst, *src, nullptr, {});
    rows.run(ReciprocalBody{rows.kind()});
    return {};
}

} // namespace neuron::chip
