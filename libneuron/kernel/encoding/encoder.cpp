// SPDX-License-Identifier: MIT
#include "encoder.hpp"

#include <algorithm>
#include <span>

#include "ranges.hpp"

namespace neuron::encoding {
namespace {

template<class T>
void store_struct(InstructionBytes &bytes, const spec::OperandDesc &operand, const T &value) {
    spec::pack(value, std::span<std::byte, T::BYTES>(bytes.data() + operand.offset, T::BYTES));
}

} // namespace

bool Encoder::begin(Position at) {
    if (!limits_.instruction(at))
        return false;
    for (const Implied &implied : mnemonic_.implied)
        store_operand(out_.bytes, *implied.operand, implied.value);
    return true;
}

bool Encoder::number(const spec::OperandDesc &operand, std::int64_t value, Position at) {
    if (!in_range(value, operand.range, operand.name, at, diagnostics_))
        return false;
    store_operand(out_.bytes, operand, value);
    return true;
}

void Encoder::bits(const spec::OperandDesc &operand, std::uint64_t value) {
    store_operand(out_.bytes, operand, static_cast<std::int64_t>(value));
}

bool Encoder::enumerator(const spec::OperandDesc &operand, const spec::EnumValueDesc &value, Position at) {
    bits(operand, value.value);
    return has(operand, value, at);
}

bool Encoder::has(const spec::OperandDesc &operand, const spec::EnumValueDesc &value, Position at) {
    return limits_.value(operand, value, at);
}

// What the kernel needs of SBUF, as far as it can be seen.
void Encoder::note_use(const spec::Tile &tile) {
    out_.sbuf_end = std::max(out_.sbuf_end, sbuf_end(tile));
    out_.sbuf_by_register |= tile.space == spec::Space::SBUF && tile.reg != 0;
}

bool Encoder::tile(const spec::OperandDesc &operand, const spec::Tile &tile, Position at) {
    if (!limits_.space(operand, tile.space, at) || !limits_.dtype(operand, tile.dtype, at) ||
        !limits_.shape(operand, tile, at))
        return false;
    store_struct(out_.bytes, operand, tile);
    read_.tiles.emplace_back(&operand, tile);
    note_use(tile);
    return true;
}

bool Encoder::scalar(const spec::OperandDesc &operand, const ScalarOperand &scalar) {
    if (!limits_.kind(operand, scalar.scalar.kind, scalar.where) ||
        !limits_.dtype(operand, scalar.scalar.dtype, scalar.where))
        return false;
    store_struct(out_.bytes, operand, scalar.scalar);
    if (scalar.scalar.kind != spec::ScalarKind::VECTOR)
        return true;
    read_.columns.emplace_back(&operand, scalar);
    note_use(column_tile(scalar.scalar, scalar.partitions));
    return limits_.space(operand, scalar.scalar.space, scalar.where);
}

bool Encoder::mem(const spec::OperandDesc &operand, MemBlock block) {
    if (block.dtype && !limits_.dtype(operand, *block.dtype, block.where))
        return false;
    read_.mems.emplace_back(&operand, std::move(block));
    return true;
}

void Encoder::leave_out(const spec::OperandDesc &operand) { store_struct(out_.bytes, operand, no_scalar()); }

bool Encoder::join() { return join_operands(mnemonic_, read_, out_.bytes, diagnostics_); }

Encoded Encoder::finish(spec::InstructionHeader header) {
    header.opcode = mnemonic_.instruction->opcode;
    spec::pack(header, std::span(out_.bytes).first<spec::InstructionHeader::BYTES>());
    return out_;
}

} // namespace neuron::encoding
