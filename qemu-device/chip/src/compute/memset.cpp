// SPDX-License-Identifier: MIT
// Instruction MEMSET.
#include "compute/convert.hpp"
#include "compute/instructions.hpp"
#include "compute/operand_checks.hpp"
#include "compute/raw_rows.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace neuron::chip {

namespace {

template<class T>
void fill(std::byte *out, std::uint32_t bits, std::size_t count) {
    std::fill_n(reinterpret_cast<T *>(out), count, static_cast<T>(bits));
}

void fill(std::byte *out, std::uint32_t bits, std::uint32_t element_bytes, std::size_t count) {
    switch (element_bytes) {
    case 1: return fill<std::uint8_t>(out, bits, count);
    case 2: return fill<std::uint16_t>(out, bits, count);
    default: return fill<std::uint32_t>(out, bits, count);
    }
}

// Equal types, and 32-bit integers to any integer type, keep their (low) bits.
bool keeps_bits(spec::Dtype from, spec::Dtype to) {
    const bool word = from == spec::Dtype::I32 || from == spec::Dtype::U32;
    return from == to || (word && is_integer(to));
}

// Rounds each element with a random word of its own.
void fill_stochastically(RawWriter &writer, std::byte *out, float value) {
    constexpr std::size_t PIECE = 1024;
    float values[PIECE];
    std::fill_n(values, PIECE, value);
    const std::size_t elements = writer.view().elements();
    for (std::size_t done = 0; done < elements; done += PIECE) {
        writer.convert_part(out + done * writer.view().element_bytes(), done, values, std::min(PIECE, elements - done));
    }
}

} // namespace

ExecResult execute(ExecContext &context, const spec::InsnMemset &insn) {
    OperandChecks checks(context, spec::Opcode::MEMSET);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto value = checks.scalar(insn.value, insn.dst.partitions, "value");
    if (!checks.ok()) {
        return checks.failure();
    }
    const bool keeps = keeps_bits(value->dtype(), dst->dtype());
    RawWriter writer(context, *dst, 0, true);
    for (unsigned row = 0; row < dst->partitions(); ++row) {
        std::uint32_t bits = value->bits(context.memory, row);
        std::byte *const out = writer.begin(row);
        if (!keeps && writer.stochastic()) {
            fill_stochastically(writer, out, value->f32(context.memory, row));
        } else {
            if (!keeps) {
                std::uint32_t converted = 0;
                convert(dst->dtype(), reinterpret_cast<std::byte *>(&converted), value->dtype(),
                        reinterpret_cast<const std::byte *>(&bits), 1);
                bits = converted;
            }
            fill(out, bits, dst->element_bytes(), dst->elements());
        }
        writer.end();
    }
    writer.finish();
    return {};
}

} // namespace neuron::chip
