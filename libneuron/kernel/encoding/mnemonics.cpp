// SPDX-License-Identifier: MIT
#include "mnemonics.hpp"

#include <algorithm>
#include <array>

#include "words.hpp"

namespace neuron::encoding {
namespace {

using spec::EnumId;
using spec::InsnDesc;
using spec::OperandDesc;
using spec::OperandKind;

// Enums whose values make short forms: `add` for `alu add`, `blt` for `branch lt`.
struct ShortForm {
    EnumId enum_id;
    std::string_view prefix;
};
constexpr std::array<ShortForm, 2> short_forms = {{{EnumId::ALU_OP, ""}, {EnumId::COND, "b"}}};

// A condition that ignores its operands: they are not written.
constexpr std::string_view unconditional = "jump";

// A register operand of the first name followed by an immediate of the second is written as one sum.
constexpr std::string_view sum_register = "rb";
constexpr std::string_view sum_addend = "imm";

// Operands that may be left out: they are zero then, and zero asks for nothing.
constexpr std::array<std::string_view, 7> neutral_operands = {"ring",  "col",      "init", "bias",
                                                              "param", "operand1", "start"};
// The tile whose partitions count, if there are several.
constexpr std::array<std::string_view, 2> main_tiles = {"dst", "src"};
constexpr std::string_view rows_name = "rows";

constexpr std::array<std::string_view, 2> semaphore_operands = {"sem", "first"};

// Enums by the name of their value 0, for the same.
constexpr std::array<std::string_view, 6> neutral_values = {"NONE", "IDLE", "NORMAL", "WHOLE", "WRITE", "FAULT"};
// A second operation that is not there.
constexpr std::string_view second_operation = "op1";
constexpr std::string_view no_operation = "BYPASS";

void add_short_forms(std::vector<Mnemonic> &out, const InsnDesc &instruction, const OperandDesc &operand) {
    const auto form = std::ranges::find(short_forms, operand.enum_id, &ShortForm::enum_id);
    if (operand.kind != OperandKind::ENUM || form == short_forms.end())
        return;
    for (const spec::EnumValueDesc &value : operand.enum_desc->values) {
        Mnemonic mnemonic{std::string(form->prefix) + lower(value.name), &instruction, {}};
        mnemonic.implied.push_back({&operand, static_cast<std::int64_t>(value.value)});
        if (operand.enum_id == EnumId::COND && value.value == spec::raw(spec::Cond::ALWAYS)) {
            mnemonic.word = unconditional;
            for (const OperandDesc &other : instruction.operands)
                if (other.kind == OperandKind::REG || other.kind == OperandKind::IMM)
                    mnemonic.implied.push_back({&other, 0});
        }
        out.push_back(std::move(mnemonic));
    }
}

std::vector<Mnemonic> make_mnemonics() {
    std::vector<Mnemonic> out;
    for (const InsnDesc &instruction : spec::instructions()) {
        out.push_back({lower(instruction.name), &instruction, {}});
        for (const OperandDesc &operand : instruction.operands)
            add_short_forms(out, instruction, operand);
    }
    return out;
}

bool is_implied(const Mnemonic &mnemonic, const OperandDesc &operand) {
    return std::ranges::find(mnemonic.implied, &operand, &Implied::operand) != mnemonic.implied.end();
}

bool is_sum(const OperandDesc &first, const OperandDesc &second) {
    return first.kind == OperandKind::REG && first.name == sum_register && second.kind == OperandKind::IMM &&
           second.name == sum_addend;
}

bool is_neutral_at_zero(const OperandDesc &operand) {
    if (operand.kind != OperandKind::ENUM)
        return std::ranges::find(neutral_operands, operand.name) != neutral_operands.end();
    const spec::EnumValueDesc *zero = operand.enum_desc->find(std::uint64_t{0});
    if (zero == nullptr)
        return false;
    return std::ranges::find(neutral_values, zero->name) != neutral_values.end() ||
           (operand.name == second_operation && zero->name == no_operation);
}

bool may_be_left_out(const OperandDesc &operand) {
    switch (operand.kind) {
    case OperandKind::FLAGS:
    case OperandKind::BOOL: return true;
    case OperandKind::IMM:
    case OperandKind::ENUM:
    case OperandKind::SCALAR:
    case OperandKind::F32: return is_neutral_at_zero(operand);
    case OperandKind::REG:
    case OperandKind::ARG:
    case OperandKind::LABEL:
    case OperandKind::TILE:
    case OperandKind::MEM:
    case OperandKind::ARRAY: break;
    }
    return false;
}

} // namespace

const std::vector<Mnemonic> &mnemonics() {
    static const std::vector<Mnemonic> list = make_mnemonics();
    return list;
}

const Mnemonic *find_mnemonic(std::string_view word) {
    // An instruction's own name wins over the short form of another one.
    const Mnemonic *found = nullptr;
    for (const Mnemonic &mnemonic : mnemonics())
        if (mnemonic.word == word && (found == nullptr || mnemonic.implied.empty()))
            found = &mnemonic;
    return found;
}

std::vector<Slot> slots(const Mnemonic &mnemonic) {
    std::vector<Slot> out;
    const auto operands = mnemonic.instruction->operands;
    for (std::size_t i = 0; i < operands.size(); ++i) {
        const OperandDesc &operand = operands[i];
        if (is_implied(mnemonic, operand) || &operand == rows_operand(*mnemonic.instruction))
            continue;
        const bool sum = i + 1 < operands.size() && is_sum(operand, operands[i + 1]);
        out.push_back({&operand, sum ? &operands[i + 1] : nullptr, sum ? "b" : operand.name, may_be_left_out(operand)});
        i += sum ? 1 : 0;
    }
    return out;
}

const OperandDesc *main_tile(const InsnDesc &instruction) {
    for (const std::string_view name : main_tiles)
        for (const OperandDesc &operand : instruction.operands)
            if (operand.kind == OperandKind::TILE && operand.name == name)
                return &operand;
    const auto first = std::ranges::find(instruction.operands, OperandKind::TILE, &OperandDesc::kind);
    return first == instruction.operands.end() ? nullptr : &*first;
}

const OperandDesc *rows_operand(const InsnDesc &instruction) {
    if (main_tile(instruction) != nullptr ||
        std::ranges::find(instruction.operands, OperandKind::MEM, &OperandDesc::kind) == instruction.operands.end())
        return nullptr;
    const auto rows = std::ranges::find(instruction.operands, rows_name, &OperandDesc::name);
    return rows == instruction.operands.end() || rows->kind != OperandKind::IMM ? nullptr : &*rows;
}

bool moves_one_element(const InsnDesc &instruction) {
    return main_tile(instruction) == nullptr && rows_operand(instruction) == nullptr;
}

bool is_semaphore(const OperandDesc &operand) {
    return operand.kind == OperandKind::IMM &&
           std::ranges::find(semaphore_operands, operand.name) != semaphore_operands.end();
}

OperandDesc element(const OperandDesc &operand, std::uint32_t index) {
    OperandDesc out = operand;
    out.size = operand.size / operand.count;
    out.offset = operand.offset + index * out.size;
    out.count = 1;
    return out;
}

std::string value_names(const OperandDesc &operand) {
    std::string out;
    for (const spec::EnumValueDesc &value : operand.enum_desc->values)
        out += (out.empty() ? "" : ", ") + lower(value.name);
    return out;
}

std::string engine_names(const InsnDesc &instruction) {
    std::vector<std::string_view> names;
    for (const spec::Engine engine : spec::values<spec::Engine>())
        if (instruction.runs_on(engine))
            names.push_back(spec::name(engine));
    std::string out;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i > 0)
            out += i + 1 == names.size() ? " and " : ", ";
        out += names[i];
    }
    return out;
}

void store_operand(InstructionBytes &bytes, const OperandDesc &operand, std::int64_t value) {
    for (std::uint32_t i = 0; i < operand.size; ++i)
        bytes[operand.offset + i] = static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xff);
}

std::int64_t load_operand(const InstructionBytes &bytes, const OperandDesc &operand) {
    std::uint64_t word = 0;
    for (std::uint32_t i = 0; i < operand.size; ++i)
        word |= std::to_integer<std::uint64_t>(bytes[operand.offset + i]) << (8 * i);
    if (!operand.is_signed || operand.size == 8)
        return static_cast<std::int64_t>(word);
    const std::uint64_t sign = std::uint64_t{1} << (8 * operand.size - 1); // NOLINT(clang-analyzer-*): size is never 0
    return static_cast<std::int64_t>((word ^ sign) - sign);
}

} // namespace neuron::encoding
