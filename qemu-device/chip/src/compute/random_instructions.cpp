// SPDX-License-Identifier: MIT
// RNG, SET_RNG_SEED, DROPOUT.
#include "compute/dma_tile.hpp"
#include "compute/instructions.hpp"
#include "compute/operand_checks.hpp"
#include "compute/random.hpp"
#include "compute/row_scalars.hpp"
#include "compute/rows.hpp"
#include "compute/walk.hpp"

#include <bit>
#include <cstdint>
#include <cstring>

namespace neuron::chip {

namespace {

constexpr unsigned WORDS_SCRATCH = 0;
constexpr unsigned NARROW_SCRATCH = 1;

std::uint32_t *words_scratch(ExecContext &context) {
    return reinterpret_cast<std::uint32_t *>(context.memory.scratch(context.engine, WORDS_SCRATCH).data());
}

// The words of row `row` for an instruction that writes `dst`, the first of them number `first`.
RandomStream stream_of(const ExecContext &context, const TileView &dst, unsigned row, std::uint64_t first) {
    return {context.state.seed, dst.first_partition() + row, context.engine, first};
}

template<class T>
const std::byte *low_bits(std::byte *out, const std::uint32_t *words, std::size_t n) {
    T *const to = reinterpret_cast<T *>(out);
    for (std::size_t i = 0; i < n; ++i) {
        to[i] = static_cast<T>(words[i]);
    }
    return out;
}

// The elements of row `row`, in scratch.
const std::byte *random_elements(ExecContext &context, const TileView &dst, unsigned row) {
    std::uint32_t *const words = words_scratch(context);
    random_words(stream_of(context, dst, row, context.state.words), words, dst.elements());
    std::byte *const narrow = context.memory.scratch(context.engine, NARROW_SCRATCH).data();
    switch (dst.element_bytes()) {
    case 1: return low_bits<std::uint8_t>(narrow, words, dst.elements());
    case 2: return low_bits<std::uint16_t>(narrow, words, dst.elements());
    default: return reinterpret_cast<const std::byte *>(words);
    }
}

} // namespace

ExecResult execute(ExecContext &context, const spec::InsnRng &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    if (!checks.ok()) {
        return checks.failure();
    }
    for (unsigned row = 0; row < dst->partitions(); ++row) {
        if (dst->contiguous() && dst->element_bytes() == sizeof(std::uint32_t)) {
            auto *const out = reinterpret_cast<std::uint32_t *>(row_in_place(context.memory, *dst, row).data());
            random_words(stream_of(context, *dst, row, context.state.words), out, dst->elements());
        } else {
            store_row(context, *dst, row, random_elements(context, *dst, row));
        }
    }
    context.state.words += dst->elements();
    return {};
}

ExecResult execute(ExecContext &context, const spec::InsnSetRngSeed &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto src = checks.tile(insn.src, "src");
    if (!checks.ok()) {
        return checks.failure();
    }
    gather(context.memory, *src, 0, std::as_writable_bytes(std::span(&context.state.seed, 1)));
    context.state.words = 0;
    return {};
}

ExecResult execute(ExecContext &context, const spec::InsnDropout &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto src = checks.tile(insn.src, "src");
    const auto prob = checks.arithmetic_scalar(insn.prob, insn.dst.partitions, "prob");
    if (checks.ok()) {
        checks.require(same_shape(*dst, *src), "src");
    }
    if (!checks.ok()) {
        return checks.failure();
    }
    const std::uint64_t first_word = context.state.words;
    context.state.words += dst->elements(); // before the writer's, which follow
    const RowScalars dropped(*prob, context.memory, dst->partitions(), true);
    RowReader in(context, *src, 0);
    RowWriter out(context, *dst, 2, !overlaps(*dst, *src));
    for (unsigned row = 0; row < dst->partitions(); ++row) {
        drop_at_random(stream_of(context, *dst, row, first_word), std::bit_cast<float>(dropped.bits(row)),
                       out.begin(row), in.read(row), dst->elements());
        out.end(true);
    }
    return {};
}

} // namespace neuron::chip
