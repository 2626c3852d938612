// SPDX-License-Identifier: MIT
#include "limits.hpp"

#include <fmt/format.h>

#include <neuron/builder/geometry.hpp>

#include "ranges.hpp"
#include "tiles.hpp"
#include "words.hpp"

namespace neuron::encoding {
namespace {

// "sbuf", "f32, bf16 or f16": the values of E in a set of bits.
template<class E>
std::string names_in(std::uint32_t set) {
    std::vector<std::string> names;
    for (const E value : spec::values<E>())
        if ((set >> spec::raw(value) & 1) != 0)
            names.push_back(lower(spec::name(value)));
    std::string out;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i > 0)
            out += i + 1 == names.size() ? " or " : ", ";
        out += names[i];
    }
    return out;
}

std::string_view word_of(spec::ScalarKind kind) {
    switch (kind) {
    case spec::ScalarKind::IMM: return "a number";
    case spec::ScalarKind::REG: return "a register";
    case spec::ScalarKind::VECTOR: return "a column";
    }
    return "?";
}

} // namespace

std::string space_names(std::uint32_t spaces) { return names_in<spec::Space>(spaces); }

std::string dtype_names(std::uint32_t dtypes) { return names_in<spec::Dtype>(dtypes); }

std::string kind_names(std::uint32_t kinds) {
    std::string words;
    for (const spec::ScalarKind kind : spec::values<spec::ScalarKind>())
        if (builder::in_set(kinds, kind))
            words += (words.empty() ? "" : " or ") + std::string(word_of(kind));
    return words;
}

bool Limits::fail(Position at, std::string message) {
    diagnostics_.error(at, std::move(message));
    return false;
}

bool Limits::version(const std::string &what, unsigned since, Position at) {
    if (profile_ == nullptr || profile_->core_version >= since)
        return true;
    return fail(at, fmt::format("{} needs NeuronCore-v{}; {} has NeuronCore-v{}", what, since, profile_->name,
                                profile_->core_version));
}

bool Limits::instruction(Position at) {
    const spec::InsnDesc &instruction = *mnemonic_.instruction;
    if (!instruction.runs_on(engine_))
        return fail(at, fmt::format("'{}' does not run on {}; it runs on {}", mnemonic_.word, spec::name(engine_),
                                    engine_names(instruction)));
    return version(fmt::format("'{}' on {}", mnemonic_.word, spec::name(engine_)),
                   instruction.since[spec::raw(engine_)], at);
}

bool Limits::space(const spec::OperandDesc &operand, spec::Space space, Position at) {
    const std::uint32_t reach = mnemonic_.instruction->spaces_of(engine_);
    if (!builder::in_set(operand.spaces, space))
        return fail(at, fmt::format("{} of '{}' lies in {}, not in {}", operand.name, mnemonic_.word,
                                    space_names(operand.spaces), lower(spec::name(space))));
    if (!builder::in_set(reach, space))
        return fail(at, fmt::format("'{}' on {} reaches {} only; {} lies in {}", mnemonic_.word, spec::name(engine_),
                                    space_names(reach), operand.name, lower(spec::name(space))));
    return true;
}

bool Limits::dtype(const spec::OperandDesc &operand, spec::Dtype type, Position at) {
    const std::string name = lower(spec::name(type));
    if (!builder::in_set(operand.dtypes, type))
        return fail(at, fmt::format("{} of '{}' is of type {}, not {}", operand.name, mnemonic_.word,
                                    dtype_names(operand.dtypes), name));
    const spec::EnumValueDesc *found = spec::enum_desc<spec::Dtype>().find(std::uint64_t{spec::raw(type)});
    return found == nullptr || version(fmt::format("type {}", name), found->since, at);
}

bool Limits::shape(const spec::OperandDesc &operand, const spec::Tile &tile, Position at) {
    const auto check = [&](std::int64_t count, const spec::RangeDesc &range, std::string_view noun) {
        return range.holds(count) ||
               fail(at, fmt::format("{} has {} {}: {}", operand.name, count, noun, broken_rule(range, count)));
    };
    return check(tile.partitions, operand.partitions, "partitions") &&
           check(elements_of(tile), operand.elements, "elements per partition") && bank(operand, tile, at);
}

bool Limits::bank(const spec::OperandDesc &operand, const spec::Tile &tile, Position at) {
    if (!operand.one_bank || tile.reg != 0)
        return true;
    const auto [low, high] = extent_of(tile);
    if (builder::in_one_bank(low, high))
        return true;
    return fail(at, fmt::format("{} covers bytes {}..{} of each partition: more than one PSUM bank ({} bytes)",
                                operand.name, low, high - 1, spec::PSUM_BANK_BYTES));
}

bool Limits::kind(const spec::OperandDesc &operand, spec::ScalarKind kind, Position at) {
    if (builder::in_set(operand.kinds, kind))
        return true;
    return fail(at, fmt::format("{} of '{}' is {}, not {}", operand.name, mnemonic_.word, kind_names(operand.kinds),
                                word_of(kind)));
}

bool Limits::value(const spec::OperandDesc &operand, const spec::EnumValueDesc &value, Position at) {
    return version(fmt::format("{} {}", operand.name, lower(value.name)), value.since, at);
}

} // namespace neuron::encoding
