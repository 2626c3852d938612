// SPDX-License-Identifier: MIT
#include "compute/instruction_check.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <endian.h>
#include <limits>
#include <string_view>

namespace neuron::chip {

namespace {

using Raw = std::span<const std::byte, spec::INSTRUCTION_BYTES>;
using spec::OperandDesc;
using spec::OperandKind;

constexpr std::uint32_t ANY = ~0U;

/// What comes of an operand, worst last.
enum class Verdict : std::uint8_t { GOOD, UNSUPPORTED, ILLEGAL };

Verdict legal_if(bool good) { return good ? Verdict::GOOD : Verdict::ILLEGAL; }

std::uint8_t byte_at(Raw raw, std::uint32_t offset) { return static_cast<std::uint8_t>(raw[offset]); }

/// The part of a check that is the same for all operands of the instruction.
struct Scope {
    Raw raw;
    unsigned core_version;
    std::uint32_t spaces; ///< that the engine reaches with the instruction
    bool has_tile;
};

template<class T>
T unpack_at(const Scope &scope, const OperandDesc &operand) {
    return spec::unpack<T>(std::span<const std::byte>(scope.raw).subspan(operand.offset).template first<T::BYTES>());
}

Verdict check_value(const spec::EnumDesc &desc, std::uint64_t value, unsigned core_version) {
    const spec::EnumValueDesc *known = desc.find(value);
    if (known == nullptr)
        return Verdict::ILLEGAL;
    return known->since <= core_version ? Verdict::GOOD : Verdict::UNSUPPORTED;
}

Verdict check_flags(const spec::EnumDesc &desc, std::uint64_t flags, unsigned core_version) {
    Verdict verdict = Verdict::GOOD;
    for (const spec::EnumValueDesc &flag : desc.values) {
        if ((flags & flag.value) != 0 && flag.since > core_version)
            verdict = Verdict::UNSUPPORTED;
        flags &= ~flag.value;
    }
    return flags == 0 ? verdict : Verdict::ILLEGAL;
}

/// `set`: bits of the values that may be; 0: any.
bool is_in(std::uint32_t set, std::uint32_t value) {
    return set == 0 || (value < std::numeric_limits<std::uint32_t>::digits && (set >> value & 1) != 0);
}

Verdict check_dtype(const OperandDesc &operand, spec::Dtype dtype, unsigned core_version) {
    if (!is_in(operand.dtypes, spec::raw(dtype)))
        return Verdict::ILLEGAL;
    return check_value(spec::enum_desc<spec::Dtype>(), spec::raw(dtype), core_version);
}

Verdict check_space(const Scope &scope, const OperandDesc &operand, spec::Space space) {
    const std::uint32_t reached = scope.spaces & (operand.spaces != 0 ? operand.spaces : ANY);
    return legal_if(reached != 0 && is_in(reached, spec::raw(space)));
}

std::int64_t number_at(Raw raw, std::size_t offset, std::size_t size, bool is_signed) {
    std::uint64_t number = 0;
    std::memcpy(&number, raw.data() + offset, size);
    number = le64toh(number);
    const unsigned unused = 64 - 8 * static_cast<unsigned>(size);
    return is_signed ? static_cast<std::int64_t>(number << unused) >> unused : static_cast<std::int64_t>(number);
}

/// The numbers in the fields of a tile, a block of memory or a scalar.
bool fields_hold(Raw raw, const OperandDesc &operand) {
    for (const spec::FieldDesc &field : operand.struct_desc->fields) {
        for (std::uint32_t i = 0; field.range.limited() && i < field.count; ++i) {
            const bool is_signed = field.type == spec::FieldType::SIGNED;
            if (!field.range.holds(
                    number_at(raw, operand.offset + field.offset + i * field.size, field.size, is_signed)))
                return false;
        }
    }
    return true;
}

template<class Nums>
std::int64_t elements_of(const Nums &nums) {
    std::int64_t elements = 1;
    for (const auto num : nums)
        if (__builtin_mul_overflow(elements, num, &elements))
            return std::numeric_limits<std::int64_t>::max();
    return elements;
}

Verdict check_tile(const Scope &scope, const OperandDesc &operand) {
    const auto tile = unpack_at<spec::Tile>(scope, operand);
    const bool shape = fields_hold(scope.raw, operand) && operand.partitions.holds(tile.partitions) &&
                       operand.elements.holds(elements_of(tile.num));
    return std::max({legal_if(shape), check_space(scope, operand, tile.space),
                     check_dtype(operand, tile.dtype, scope.core_version)});
}

Verdict check_mem(const Scope &scope, const OperandDesc &operand) {
    const auto mem = unpack_at<spec::Mem>(scope, operand);
    const bool shape = fields_hold(scope.raw, operand) && operand.elements.holds(elements_of(mem.num));
    const auto dtype = static_cast<spec::Dtype>(mem.dtype);
    const Verdict type =
        spec::raw(dtype) == 0 ? legal_if(scope.has_tile) : check_dtype(operand, dtype, scope.core_version);
    return std::max(legal_if(shape), type);
}

Verdict check_scalar(const Scope &scope, const OperandDesc &operand) {
    const auto scalar = unpack_at<spec::Scalar>(scope, operand);
    const Verdict kind = check_value(spec::enum_desc<spec::ScalarKind>(), spec::raw(scalar.kind), scope.core_version);
    const Verdict space = scalar.kind == spec::ScalarKind::VECTOR ? check_space(scope, operand, scalar.space)
                                                                  : legal_if(scalar.space == spec::Space{});
    const bool numbers = fields_hold(scope.raw, operand) && is_in(operand.kinds, spec::raw(scalar.kind));
    return std::max({kind, space, legal_if(numbers), check_dtype(operand, scalar.dtype, scope.core_version)});
}

/// A number, or several of them.
Verdict check_numbers(Raw raw, const OperandDesc &operand) {
    const std::size_t size = operand.size / operand.count;
    for (std::uint32_t i = 0; i < operand.count; ++i)
        if (!operand.range.holds(number_at(raw, operand.offset + i * size, size, operand.is_signed)))
            return Verdict::ILLEGAL;
    return Verdict::GOOD;
}

Verdict check_operand(const Scope &scope, const OperandDesc &operand) {
    const Raw raw = scope.raw;
    switch (operand.kind) {
    case OperandKind::REG:
    case OperandKind::ARG:
    case OperandKind::BOOL:
    case OperandKind::IMM:
    case OperandKind::LABEL:
    case OperandKind::ARRAY: return check_numbers(raw, operand);
    case OperandKind::ENUM: return check_value(*operand.enum_desc, byte_at(raw, operand.offset), scope.core_version);
    case OperandKind::FLAGS: return check_flags(*operand.enum_desc, byte_at(raw, operand.offset), scope.core_version);
    case OperandKind::TILE: return check_tile(scope, operand);
    case OperandKind::MEM: return check_mem(scope, operand);
    case OperandKind::SCALAR: return check_scalar(scope, operand);
    case OperandKind::F32: return Verdict::GOOD;
    }
    return Verdict::GOOD;
}

ExecResult check_header(Raw raw) {
    for (const spec::FieldDesc &field : spec::struct_desc<spec::InstructionHeader>().fields) {
        if (field.enum_desc != nullptr && field.enum_desc->find(std::uint64_t{byte_at(raw, field.offset)}) == nullptr)
            return fault(spec::Fault::ILLEGAL_OPERAND, field.offset);
    }
    return {};
}

/// What the rules of one operand cannot say.
ExecResult check_together(spec::Opcode opcode, Raw raw) {
    if (opcode != spec::Opcode::SEM_CLEAR)
        return {};
    const auto insn = spec::unpack<spec::InsnSemClear>(raw);
    if (std::uint32_t{insn.first} + insn.count <= spec::SEMAPHORES)
        return {};
    const auto &operands = spec::find_instruction(opcode)->operands;
    return fault(spec::Fault::ILLEGAL_OPERAND,
                 std::ranges::find(operands, std::string_view("count"), &OperandDesc::name)->offset);
}

ExecResult check_operands(const spec::InsnDesc &desc, const Scope &scope) {
    for (const OperandDesc &operand : desc.operands) {
        const Verdict verdict = check_operand(scope, operand);
        if (verdict != Verdict::GOOD)
            return fault(verdict == Verdict::ILLEGAL ? spec::Fault::ILLEGAL_OPERAND : spec::Fault::UNSUPPORTED_OPERAND,
                         operand.offset);
    }
    return {};
}

} // namespace

ExecResult check_instruction(spec::Engine engine, unsigned core_version, Raw raw) {
    const auto opcode = static_cast<spec::Opcode>(raw[0]);
    const spec::InsnDesc *desc = spec::find_instruction(opcode);
    if (desc == nullptr || !desc->runs_on(engine))
        return fault(spec::Fault::ILLEGAL_INSTRUCTION, spec::raw(opcode));
    if (!spec::supports(*desc, engine, core_version))
        return fault(spec::Fault::UNSUPPORTED, spec::raw(opcode));
    if (const auto reserved = spec::reserved_clear(opcode, raw); !reserved)
        return fault(spec::Fault::ILLEGAL_OPERAND, reserved.offset);
    if (const auto header = check_header(raw); !header)
        return header;
    const bool has_tile = std::ranges::count(desc->operands, OperandKind::TILE, &OperandDesc::kind) != 0;
    const Scope scope{
        .raw = raw, .core_version = core_version, .spaces = desc->spaces_of(engine), .has_tile = has_tile};
    if (const auto operands = check_operands(*desc, scope); !operands)
        return operands;
    return check_together(opcode, raw);
}

} // namespace neuron::chip
