// SPDX-License-Identifier: MIT
#include "call.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <encoding/words.hpp>
#include <fmt/format.h>

namespace neuron::generate {
namespace {

// Mnemonics that are tokens of C++.
constexpr std::array<std::string_view, 3> tokens = {"and", "or", "xor"};

std::string enum_type(const OperandDesc &operand) { return "spec::" + camel(operand.enum_desc->name); }

} // namespace

std::string camel(std::string_view word) {
    std::string out;
    bool start = true;
    for (const char c : encoding::lower(word)) {
        if (c == '_')
            start = true;
        else
            out += std::exchange(start, false) ? encoding::upper({&c, 1}) : std::string(1, c);
    }
    return out;
}

std::string Call::name() const {
    const bool token = std::ranges::find(tokens, mnemonic_.word) != tokens.end();
    return mnemonic_.word + (token ? "_" : "");
}

bool Call::has_options() const { return std::ranges::any_of(slots_, &Slot::optional); }

std::string Call::parameter(const Slot &slot) const {
    const OperandDesc &operand = *slot.operand;
    switch (operand.kind) {
    case OperandKind::REG: return fmt::format("{} {}", slot.addend != nullptr ? "const Sum &" : "Reg", slot.name);
    case OperandKind::IMM:
        return fmt::format("{} {}", encoding::is_semaphore(operand) ? "const Semaphore &" : "std::int64_t", slot.name);
    case OperandKind::ENUM: return fmt::format("{} {}", enum_type(operand), slot.name);
    case OperandKind::ARG: return fmt::format("Argument {}", slot.name);
    case OperandKind::LABEL: return fmt::format("const Label<E> &{}", slot.name);
    case OperandKind::TILE:
    case OperandKind::MEM:
    case OperandKind::SCALAR: return fmt::format("const {} &{}", camel(slot.name), slot.name);
    case OperandKind::F32: return fmt::format("float {}", slot.name);
    case OperandKind::ARRAY: return fmt::format("const std::int64_t (&{})[{}Count]", slot.name, camel(slot.name));
    case OperandKind::BOOL:
    case OperandKind::FLAGS: break;
    }
    throw std::logic_error(fmt::format("{}: {} has no parameter", mnemonic_.word, slot.name));
}

std::string Call::option(const Slot &slot) const {
    const OperandDesc &operand = *slot.operand;
    switch (operand.kind) {
    case OperandKind::IMM: return fmt::format("std::int64_t {} = 0", slot.name);
    case OperandKind::ENUM: return fmt::format("{} {}{{}}", enum_type(operand), slot.name);
    case OperandKind::BOOL: return fmt::format("bool {} = false", slot.name);
    case OperandKind::FLAGS: return fmt::format("Flags<{}> {}{{}}", enum_type(operand), slot.name);
    case OperandKind::SCALAR:
        return fmt::format("detail::OptionalScalar<detail::rules::{}> {}{{}}", rules_name(operand), slot.name);
    case OperandKind::F32: return fmt::format("float {} = 0", slot.name);
    case OperandKind::REG:
    case OperandKind::ARG:
    case OperandKind::LABEL:
    case OperandKind::TILE:
    case OperandKind::MEM:
    case OperandKind::ARRAY: break;
    }
    throw std::logic_error(fmt::format("{}: {} cannot be an option", mnemonic_.word, slot.name));
}

std::string Call::argument(const Slot &slot) const {
    const OperandDesc &operand = *slot.operand;
    const std::string name = (slot.optional ? "options." : "") + std::string(slot.name);
    switch (operand.kind) {
    case OperandKind::REG: return fmt::format("Operand({})", name);
    case OperandKind::IMM: return fmt::format("Operand({}{})", name, encoding::is_semaphore(operand) ? ".number" : "");
    case OperandKind::ENUM: return fmt::format("detail::enum_operand({})", name);
    case OperandKind::ARG: return fmt::format("Operand(std::int64_t{{{}.index}})", name);
    case OperandKind::BOOL: return fmt::format("Operand(std::int64_t{{{}}})", name);
    case OperandKind::FLAGS: return fmt::format("Operand({}.bits)", name);
    case OperandKind::LABEL: return fmt::format("this->target({})", name);
    case OperandKind::TILE: return fmt::format("detail::tile_operand({})", name);
    case OperandKind::MEM:
        return fmt::format("detail::mem_operand<{}>({})", encoding::main_tile(instruction()) != nullptr, name);
    case OperandKind::SCALAR:
        return slot.optional ? name + ".operand()" : fmt::format("detail::scalar_operand({})", name);
    case OperandKind::F32: return fmt::format("detail::fp32_operand({})", name);
    case OperandKind::ARRAY: return fmt::format("Operand(std::span<const std::int64_t>({}))", name);
    }
    return {};
}

std::string Call::shown() const {
    std::string fixed, options;
    for (const Slot &slot : slots_) {
        std::string &list = slot.optional ? options : fixed;
        list += fmt::format("{}{}{}", list.empty() ? "" : ", ", slot.optional ? "." : "", slot.name);
    }
    if (!options.empty())
        fixed += std::string(fixed.empty() ? "" : ", ") + "{" + options + "}";
    return fmt::format("{}({})", name(), fixed);
}

std::vector<Call> all_calls() {
    std::vector<Call> out;
    for (const Mnemonic &mnemonic : encoding::mnemonics())
        if (encoding::find_mnemonic(mnemonic.word) == &mnemonic)
            out.emplace_back(mnemonic);
    return out;
}

} // namespace neuron::generate
