// SPDX-License-Identifier: MIT
#include "instruction_check.hpp"

#include <algorithm>
#include <cstddef>

namespace neuron::chip {

namespace {

using Raw = std::span<const std::byte, spec::INSTRUCTION_BYTES>;
using spec::OperandKind;

constexpr unsigned MAX_SHIFT = 31;

std::uint8_t byte_at(Raw raw, std::uint32_t offset) { return static_cast<std::uint8_t>(raw[offset]); }

bool flags_known(const spec::EnumDesc &desc, std::uint8_t flags) {
    std::uint64_t known = 0;
    for (const spec::EnumValueDesc &value : desc.values)
        known |= value.value;
    return (flags & ~known) == 0;
}

bool mem_legal(Raw raw, std::uint32_t offset) {
    const auto bytes = std::span<const std::byte>(raw).subspan(offset).first<spec::Mem::BYTES>();
    const auto mem = spec::unpack<spec::Mem>(bytes);
    return mem.arg < spec::LAUNCH_ARGS && mem.reg < spec::SEQ_REGISTERS && mem.shift <= MAX_SHIFT &&
           std::ranges::count(mem.num, 0U) == 0;
}

bool operand_legal(Raw raw, const spec::OperandDesc &operand) {
    switch (operand.kind) {
    case OperandKind::REG: return byte_at(raw, operand.offset) < spec::SEQ_REGISTERS;
    case OperandKind::ARG: return byte_at(raw, operand.offset) < spec::LAUNCH_ARGS;
    case OperandKind::BOOL: return byte_at(raw, operand.offset) <= 1;
    case OperandKind::ENUM: return operand.enum_desc->find(std::uint64_t{byte_at(raw, operand.offset)}) != nullptr;
    case OperandKind::FLAGS: return flags_known(*operand.enum_desc, byte_at(raw, operand.offset));
    case OperandKind::MEM: return mem_legal(raw, operand.offset);
    // The one immediate that is a number of something. Only transfers have it.
    case OperandKind::IMM: return operand.name != "ring" || byte_at(raw, operand.offset) < spec::DMA_RINGS;
    case OperandKind::LABEL:
    case OperandKind::TILE: return true;
    }
    return true;
}

ExecResult check_header(Raw raw) {
    for (const spec::FieldDesc &field : spec::struct_desc<spec::InstructionHeader>().fields) {
        if (field.enum_desc != nullptr && field.enum_desc->find(std::uint64_t{byte_at(raw, field.offset)}) == nullptr)
            return fault(spec::Fault::ILLEGAL_OPERAND, field.offset);
    }
    return {};
}

} // namespace

ExecResult check_instruction(spec::Engine engine, Raw raw) {
    const auto opcode = static_cast<spec::Opcode>(raw[0]);
    const spec::InsnDesc *desc = spec::find_instruction(opcode);
    if (desc == nullptr || !desc->runs_on(engine))
        return fault(spec::Fault::ILLEGAL_INSTRUCTION, spec::raw(opcode));
    if (const auto reserved = spec::reserved_clear(opcode, raw); !reserved)
        return fault(spec::Fault::ILLEGAL_OPERAND, reserved.offset);
    if (const auto header = check_header(raw); !header)
        return header;
    for (const spec::OperandDesc &operand : desc->operands)
        if (!operand_legal(raw, operand))
            return fault(spec::Fault::ILLEGAL_OPERAND, operand.offset);
    return {};
}

} // namespace neuron::chip
