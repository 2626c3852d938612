// SPDX-License-Identifier: MIT
#include "symbols.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace neuron::assembler {
namespace {

template<class Map>
auto *find_in(Map &map, std::string_view name) {
    const auto at = map.find(name);
    return at == map.end() ? nullptr : &at->second;
}

constexpr std::array<std::string_view, 13> words = {"r",    "s",     "wait",    "take", "then", "min", "max",
                                                    "cdiv", "align", "defined", "arg",  "inf",  "nan"};

} // namespace

const Alias *Symbols::find_register(std::string_view name) const {
    if (engine)
        if (const Alias *own = find_in(registers[static_cast<std::size_t>(*engine)], name))
            return own;
    return find_in(registers[KernelFile::engines], name);
}

const Alias *Symbols::find_semaphore(std::string_view name) const { return find_in(semaphores, name); }

const Constant *Symbols::find_constant(std::string_view name) const { return find_in(constants, name); }

const KernelParam *Symbols::find_param(std::string_view name) const {
    const auto at = std::ranges::find(params, name, &KernelParam::name);
    return at == params.end() ? nullptr : &*at;
}

std::optional<std::string> Symbols::taken(std::string_view name) const {
    const auto at_line = [](std::string_view what, Position where) {
        return where.line == 0 ? std::string(what) : fmt::format("{} of line {}", what, where.line);
    };
    if (reserved(name))
        return "a reserved word";
    if (const Constant *constant = find_constant(name))
        return at_line("the constant", constant->where);
    if (const Alias *alias = find_register(name))
        return at_line("the register", alias->where);
    if (const Alias *alias = find_semaphore(name))
        return at_line("the semaphore", alias->where);
    if (find_param(name) != nullptr)
        return "a parameter";
    return std::nullopt;
}

std::optional<std::uint32_t> numbered(std::string_view word, std::string_view prefix) {
    if (!word.starts_with(prefix) || word.size() == prefix.size() || word.size() > prefix.size() + 6)
        return std::nullopt;
    std::uint32_t value = 0;
    const char *last = word.data() + word.size();
    const auto [end, status] = std::from_chars(word.data() + prefix.size(), last, value);
    if (status != std::errc() || end != last)
        return std::nullopt;
    return value;
}

bool reserved(std::string_view word) {
    if (numbered(word, "r") || numbered(word, "s") || numbered(word, "arg"))
        return true;
    const auto same = [&](const spec::EnumValueDesc &space) { return lower(space.name) == word; };
    return std::ranges::find(words, word) != words.end() ||
           std::ranges::any_of(spec::enum_desc<spec::Space>().values, same);
}

} // namespace neuron::assembler
