// SPDX-License-Identifier: MIT
#include "rules.hpp"

#include <encoding/limits.hpp>
#include <encoding/words.hpp>
#include <fmt/format.h>

namespace neuron::generate {
namespace {

std::string bound(std::int64_t number) {
    if (number == spec::RangeDesc::LOWEST)
        return "spec::RangeDesc::LOWEST";
    return number == spec::RangeDesc::HIGHEST ? "spec::RangeDesc::HIGHEST" : fmt::format("{}", number);
}

std::string literal(const spec::RangeDesc &range) {
    return fmt::format("spec::RangeDesc{{{}, {}, {}, {}, {}}}", bound(range.min), bound(range.max), range.multiple,
                       range.power_of_two, bound(range.also));
}

// "8 to 16384, a multiple of 8"
std::string words(const spec::RangeDesc &range) {
    std::string out;
    const auto add = [&](const std::string &text) { out += (out.empty() ? "" : ", ") + text; };
    if (range.min == range.max)
        return fmt::format("only {}", range.min);
    if (range.min != spec::RangeDesc::LOWEST)
        add(fmt::format("at least {}", range.min));
    if (range.max != spec::RangeDesc::HIGHEST)
        add(fmt::format("at most {}", range.max));
    if (range.multiple != 1)
        add(fmt::format("a multiple of {}", range.multiple));
    if (range.power_of_two)
        add("a power of two");
    return range.also == range.min ? out : fmt::format("{}, or {}", out, range.also);
}

std::string check(const std::string &condition, const std::string &message) {
    return fmt::format("        static_assert({},\n                      \"{}\");\n", condition, message);
}

std::string range_check(const Call &call, const OperandDesc &operand, const spec::RangeDesc &range,
                        std::string_view count, std::string_view noun) {
    if (!range.limited())
        return {};
    return check(fmt::format("may_be({}<T>(), {})", count, literal(range)),
                 fmt::format("{} of '{}' does not have so many {}: {}", operand.name,
                             encoding::lower(call.instruction().name), noun, words(range)));
}

std::string_view kind_check(const OperandDesc &operand) {
    return operand.kind == OperandKind::TILE ? "is_tile" : operand.kind == OperandKind::MEM ? "is_mem" : "is_scalar";
}

std::string_view kind_noun(const OperandDesc &operand) {
    return operand.kind == OperandKind::TILE  ? "a tile"
           : operand.kind == OperandKind::MEM ? "a block of memory"
                                              : "a number, a register or a column";
}

// Operands that have a type of their own in the function, and belong to a group of the instruction.
std::vector<const OperandDesc *> members(const Call &call, std::uint32_t group) {
    std::vector<const OperandDesc *> out;
    for (const Slot &slot : call.slots()) {
        const auto place = static_cast<std::size_t>(slot.operand - call.instruction().operands.data());
        if ((group >> place & 1) != 0 && !slot.optional && Call::is_generic(*slot.operand))
            out.push_back(slot.operand);
    }
    return out;
}

std::string agree(const Call &call, std::uint32_t group, std::string_view condition, std::string_view what) {
    std::string out;
    const auto list = members(call, group);
    for (std::size_t i = 1; i < list.size(); ++i)
        out += check(
            fmt::format("detail::{}", fmt::format(fmt::runtime(condition), camel(list[0]->name), camel(list[i]->name))),
            fmt::format("{} and {} of '{}' {}", list[0]->name, list[i]->name, encoding::lower(call.instruction().name),
                        what));
    return out;
}

std::string psum_inputs(const Call &call) {
    std::string sum, names;
    for (const OperandDesc *operand : members(call, call.instruction().one_in_psum)) {
        sum += (sum.empty() ? "" : " + ") + fmt::format("detail::in_psum<{}>()", camel(operand->name));
        names += (names.empty() ? "" : ", ") + std::string(operand->name);
    }
    return sum.empty() ? std::string()
                       : check(fmt::format("{} <= 1", sum), fmt::format("of {} of '{}' at most one is in psum", names,
                                                                        encoding::lower(call.instruction().name)));
}

// Blocks of memory and columns go with the tile, or blocks with each other.
std::string follow_tile(const Call &call) {
    const InsnDesc &instruction = call.instruction();
    const OperandDesc *tile = encoding::main_tile(instruction);
    std::string out, first;
    for (const Slot &slot : call.slots()) {
        const OperandDesc &operand = *slot.operand;
        if (slot.optional || (operand.kind != OperandKind::MEM && operand.kind != OperandKind::SCALAR))
            continue;
        const std::string other = tile != nullptr ? camel(tile->name) : first;
        const std::string own = camel(operand.name);
        const std::string word = encoding::lower(instruction.name);
        if (other.empty()) {
            first = own;
            continue;
        }
        const std::string_view base = tile != nullptr ? tile->name : "the first block";
        out += check(fmt::format("detail::same_partitions<{}, {}>", other, own),
                     fmt::format("{} of '{}' has as many {} as {} has partitions", operand.name, word,
                                 operand.kind == OperandKind::MEM ? "rows" : "partitions", base));
        if (operand.kind != OperandKind::MEM)
            continue;
        out += check(
            fmt::format("detail::same_elements<{}, {}>", other, own),
            fmt::format("{} of '{}' has as many elements per row as {} has per partition", operand.name, word, base));
        if (tile != nullptr)
            out += check(fmt::format("detail::type_agrees<{}, {}>()", own, other),
                         fmt::format("{} of '{}' and {} have different types: say which one is in memory with "
                                     ".as<type>()",
                                     operand.name, word, tile->name));
    }
    return out;
}

std::string engines(const Call &call) {
    const InsnDesc &instruction = call.instruction();
    return check(fmt::format("({:#x} >> spec::raw(E) & 1) != 0", instruction.engines),
                 fmt::format("'{}' does not run on this engine; it runs on {}", call.mnemonic().word,
                             encoding::engine_names(instruction)));
}

// Memories that an engine reaches with the instruction, where that is not all.
std::string reach(const Call &call) {
    std::string out;
    std::uint32_t all = 0;
    for (const spec::Space space : spec::values<spec::Space>())
        all |= 1u << spec::raw(space);
    for (const spec::Engine engine : spec::values<spec::Engine>()) {
        const std::uint32_t spaces = call.instruction().spaces_of(engine);
        if (spaces == 0 || spaces == all)
            continue;
        for (const Slot &slot : call.slots())
            if (!slot.optional && Call::is_generic(*slot.operand))
                out += check(fmt::format("E != spec::Engine::{} || detail::lies_in<{}>({:#x})", spec::name(engine),
                                         camel(slot.name), spaces),
                             fmt::format("'{}' on {} reaches {} only", call.mnemonic().word, spec::name(engine),
                                         encoding::space_names(spaces)));
    }
    return out;
}

} // namespace

std::string operand_rules(const Call &call, const OperandDesc &operand) {
    const std::string word = encoding::lower(call.instruction().name);
    std::string out = fmt::format("struct {} {{\n    template<class T>\n    static constexpr void check() {{\n",
                                  call.rules_name(operand));
    out += check(fmt::format("{}<T>", kind_check(operand)),
                 fmt::format("{} of '{}' is {}", operand.name, word, kind_noun(operand)));
    if (operand.kinds != 0)
        out += check(fmt::format("has_kind<T>({:#x})", operand.kinds),
                     fmt::format("{} of '{}' is {}", operand.name, word, encoding::kind_names(operand.kinds)));
    if (operand.spaces != 0)
        out += check(fmt::format("lies_in<T>({:#x})", operand.spaces),
                     fmt::format("{} of '{}' lies in {}", operand.name, word, encoding::space_names(operand.spaces)));
    if (operand.dtypes != 0)
        out +=
            check(fmt::format("has_type<T>({:#x})", operand.dtypes),
                  fmt::format("{} of '{}' is of type {}", operand.name, word, encoding::dtype_names(operand.dtypes)));
    if (operand.kind == OperandKind::MEM && encoding::moves_one_element(call.instruction()))
        out += check("may_be(partitions_of<T>(), {1, 1}) && may_be(elements_of<T>(), {1, 1})",
                     fmt::format("{} of '{}' is one element", operand.name, word));
    const bool tile = operand.kind == OperandKind::TILE;
    out += range_check(call, operand, operand.partitions, "partitions_of", "partitions");
    out += range_check(call, operand, operand.elements, "elements_of",
                       tile ? "elements per partition" : "elements per row");
    if (operand.one_bank)
        out += check("in_a_bank<T>()", fmt::format("{} of '{}' lies in more than one PSUM bank", operand.name, word));
    return out + "    }\n};\n";
}

std::string call_rules(const Call &call) {
    const InsnDesc &instruction = call.instruction();
    std::string out = engines(call) + reach(call);
    for (const Slot &slot : call.slots()) {
        const OperandDesc &operand = *slot.operand;
        if (!slot.optional && Call::is_generic(operand))
            out += fmt::format("        detail::rules::{}::check<{}>();\n", call.rules_name(operand), camel(slot.name));
        if (operand.kind == OperandKind::ARRAY)
            out += check(fmt::format("{}Count == {}", camel(slot.name), operand.count),
                         fmt::format("{} of '{}' takes {} numbers", operand.name, encoding::lower(instruction.name),
                                     operand.count));
    }
    out += agree(call, instruction.same_partitions, "same_partitions<{}, {}>", "have the same number of partitions");
    out += agree(call, instruction.same_elements, "same_elements<{}, {}>",
                 "have the same number of elements per partition");
    out += agree(call, instruction.same_size, "same_size<{}, {}>()", "have element types of the same size");
    return out + psum_inputs(call) + follow_tile(call);
}

} // namespace neuron::generate
