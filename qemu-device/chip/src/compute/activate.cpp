// SPDX-License-Identifier: MIT
// Instruction ACTIVATE.
#include "compute/activate_kernel.hpp"
#include "compute/instructions.hpp"
#include "compute/math/math.hpp"
#include "compute/operand_checks.hpp"
#include "compute/raw_rows.hpp"
#include "compute/reduction.hpp"
#include "compute/row_scalars.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <optional>

namespace neuron::chip {

namespace {

using spec::AccCmd;
using spec::Activation;

constexpr std::size_t PIECE = 1024; // elements: stays in the first-level cache
static_assert(PIECE % Reduction::LANES == 0);

// The functions that kernel_activate() leaves to the vector library.
MathFunction math_function(Activation func) {
    switch (func) {
    case Activation::SIGMOID: return MathFunction::SIGMOID;
    case Activation::TANH: return MathFunction::TANH;
    case Activation::EXP: return MathFunction::EXP;
    case Activation::LOG: return MathFunction::LOG;
    case Activation::RSQRT: return MathFunction::RSQRT;
    case Activation::GELU: return MathFunction::GELU;
    case Activation::GELU_DX: return MathFunction::GELU_DX;
    case Activation::GELU_TANH: return MathFunction::GELU_TANH;
    case Activation::GELU_SIGMOID: return MathFunction::GELU_SIGMOID;
    case Activation::GELU_SIGMOID_DX: return MathFunction::GELU_SIGMOID_DX;
    case Activation::SILU: return MathFunction::SILU;
    case Activation::SILU_DX: return MathFunction::SILU_DX;
    case Activation::SOFTPLUS: return MathFunction::SOFTPLUS;
    case Activation::MISH: return MathFunction::MISH;
    case Activation::ERF: return MathFunction::ERF;
    case Activation::ERF_DX: return MathFunction::ERF_DX;
    case Activation::SIN: return MathFunction::SIN;
    default: return MathFunction::ARCTAN;
    }
}

// Functions of the vector library with the same result for -0 and +0.
bool takes_zeros_alike(Activation func) {
    switch (func) {
    case Activation::SIGMOID:
    case Activation::EXP:
    case Activation::LOG:
    case Activation::GELU_DX:
    case Activation::GELU_SIGMOID_DX:
    case Activation::SILU_DX:
    case Activation::SOFTPLUS:
    case Activation::ERF_DX: return true;
    default: return false;
    }
}

bool needs_sum(AccCmd command) { return command == AccCmd::REDUCE || command == AccCmd::RESET_REDUCE; }

// The kind of elements that the kernel takes as they are; others pass through fp32.
std::optional<ElementKind> kernel_kind(spec::Dtype dtype) {
    switch (dtype) {
    case spec::Dtype::F32: return ElementKind::F32;
    case spec::Dtype::BF16: return ElementKind::BF16;
    default: return {};
    }
}

class Rows {
public:
    Rows(ExecContext &context, const spec::InsnActivate &insn, const TileView &dst, const TileView &src,
         const ScalarView &scale, const ScalarView &bias)
        : context_(context),
          insn_(insn),
          scale_(scale, context.memory, dst.partitions(), true),
          bias_(bias, context.memory, dst.partitions(), true),
          reader_(context, src, 0),
          writer_(context, dst, 1, !overlaps(dst, src)),
          in_kind_(kernel_kind(src.dtype())),
          out_kind_(writer_.stochastic() ? std::nullopt : kernel_kind(dst.dtype())),
          fused_(is_fused_activation(insn.func)) {}

    void run() {
        const unsigned rows = writer_.view().partitions();
        Sums sums;
        for (unsigned row = 0; row < rows && needs_sum(insn_.acc); ++row) {
            sums[row].emplace(spec::TensorOp::ADD);
        }
        if (!run_at_once(rows, sums)) {
            for (unsigned row = 0; row < rows; ++row) {
                run_row(row, sums[row] ? &*sums[row] : nullptr);
            }
        }
        for (unsigned row = 0; row < rows; ++row) {
            float &acc = context_.state.acc[writer_.view().first_partition() + row];
            const float r = sums[row] ? sums[row]->result() : 0.0f;
            acc = accumulate(insn_.acc, spec::TensorOp::ADD, acc, r, 0.0f);
        }
        writer_.finish();
    }

private:
    using Sums = std::array<std::optional<Reduction>, spec::PARTITIONS>; // of all rows, or of none

    // Where the kernel takes the elements as they are, and where they are.
    bool run_at_once(unsigned count, Sums &sums) {
        const RowAddresses *const in = reader_.in_place(), *const out = writer_.in_place();
        if (!fused_ || !in_kind_ || !out_kind_ || in == nullptr || out == nullptr) {
            return false;
        }
        std::array<float, spec::PARTITIONS> scales, biases;
        for (unsigned row = 0; row < count; ++row) {
            scales[row] = std::bit_cast<float>(scale_.bits(row));
            biases[row] = std::bit_cast<float>(bias_.bits(row));
        }
        ActivateArgs args{};
        args.in_kind = *in_kind_;
        args.in = in->at(0);
        args.out_kind = *out_kind_;
        args.out = out->at(0);
        args.n = writer_.view().elements();
        args.param = std::bit_cast<float>(insn_.param);
        args.lanes = sums[0] ? sums[0]->lanes() : nullptr;
        kernel_activate(insn_.func, args,
                        {count, in->stride(), out->stride(), sizeof(sums[0]), scales.data(), biases.data()});
        return true;
    }

    void run_row(unsigned row, Reduction *sum) {
        ActivateArgs args{};
        args.scale = std::bit_cast<float>(scale_.bits(row));
        args.bias = std::bit_cast<float>(bias_.bits(row));
        args.param = std::bit_cast<float>(insn_.param);
        args.lanes = sum != nullptr ? sum->lanes() : nullptr;
        const std::byte *in = reader_.read(row);
        std::byte *out = writer_.begin(row);
        const std::size_t elements = writer_.view().elements();
        const std::size_t piece = fused_ && in_kind_ && out_kind_ ? elements : PIECE;
        for (std::size_t done = 0; done < elements; done += piece) {
            args.n = std::min(piece, elements - done);
            run_piece(args, in, out, done, sum);
            in += args.n * reader_.view().element_bytes();
            out += args.n * writer_.view().element_bytes();
        }
        writer_.end();
    }

    void run_piece(ActivateArgs &args, const std::byte *in, std::byte *out, std::size_t first, Reduction *sum) {
        alignas(64) float widened[PIECE], results[PIECE];
        args.in = in;
        args.in_kind = in_kind_.value_or(ElementKind::F32);
        if (!in_kind_) {
            convert_to_f32(widened, reader_.view().dtype(), in, args.n);
            args.in = widened;
        }
        // The vector library gives fp32.
        const bool direct = fused_ ? out_kind_.has_value() : out_kind_ == ElementKind::F32;
        args.out = direct ? static_cast<void *>(out) : results;
        args.out_kind = direct ? *out_kind_ : ElementKind::F32;
        if (fused_) {
            kernel_activate(insn_.func, args);
        } else {
            run_math(args, sum);
        }
        if (!direct) {
            writer_.convert_part(out, first, results, args.n);
        }
    }

    void run_math(ActivateArgs args, Reduction *sum) const {
        alignas(64) float inputs[PIECE];
        auto *const values = static_cast<float *>(args.out);
        const float *from = inputs;
        if (args.in_kind == ElementKind::F32 && leaves_inputs(args)) {
            from = static_cast<const float *>(args.in);
        } else {
            args.out = inputs;
            kernel_scale_and_add(args);
        }
        activation_function(math_function(insn_.func), from, values, args.n);
        if (sum != nullptr) {
            sum->add(values, args.n);
        }
    }

    // Whether the function does not see a difference after * scale + bias: with 1 and +0 only -0
    // changes, to +0.
    bool leaves_inputs(const ActivateArgs &args) const {
        return args.scale == 1 && args.bias == 0 && (std::signbit(args.bias) || takes_zeros_alike(insn_.func));
    }

    ExecContext &context_;
    const spec::InsnActivate &insn_;
    RowScalars scale_;
    RowScalars bias_;
    RawReader reader_;
    RawWriter writer_;
    std::optional<ElementKind> in_kind_;
    std::optional<ElementKind> out_kind_;
    bool fused_;
};

// NeuronCore-v2 adds a column, or nothing; and nothing before a reciprocal.
bool has_v2_bias(const spec::InsnActivate &insn) {
    const bool none = insn.bias.kind == spec::ScalarKind::IMM && insn.bias.value == 0;
    return none || (insn.bias.kind == spec::ScalarKind::VECTOR && insn.func != Activation::RECIPROCAL);
}

constexpr unsigned FIRST_VERSION = 2; // of NeuronCores here

} // namespace

ExecResult execute(ExecContext &context, const spec::InsnActivate &insn) {
    OperandChecks checks(context, spec::Opcode::ACTIVATE);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto src = checks.tile(insn.src, "src");
    const auto scale = checks.arithmetic_scalar(insn.scale, insn.dst.partitions, "scale");
    const auto bias = checks.scalar(insn.bias, insn.dst.partitions, "bias");
    if (!checks.ok()) {
        return checks.failure();
    }
    checks.require(same_shape(*src, *dst), "src");
    checks.require(bias->dtype() != spec::Dtype::TF32, "bias");
    checks.require(context.core_version > FIRST_VERSION || has_v2_bias(insn), "bias");
    checks.require(insn.func == Activation::PRELU || insn.param == 0, "param");
    checks.require(insn.acc != AccCmd::LOAD_REDUCE, "acc");
    if (!checks.ok()) {
        return checks.failure();
    }
    Rows(context, insn, *dst, *src, *scale, *bias).run();
    return {};
}

} // namespace neuron::chip
