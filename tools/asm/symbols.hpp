// SPDX-License-Identifier: MIT
/**
 * @file
 * The names of a source file: constants, register and semaphore aliases, parameters; and which words are taken.
 */
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <neuron/kernel_file.hpp>

#include <encoding/words.hpp>

#include "lexer.hpp"

namespace neuron::assembler {

struct Constant {
    std::int64_t value = 0;
    bool mutable_value = false; ///< Made by .set.
    Position where;
};

/** A register or semaphore alias. */
struct Alias {
    std::uint32_t number = 0;
    Position where;
};

struct Symbols {
    std::map<std::string, Constant, std::less<>> constants;
    std::map<std::string, Alias, std::less<>> semaphores;
    /** Registers belong to a sequencer, so each engine has its own aliases; the last entry holds those of no engine. */
    std::array<std::map<std::string, Alias, std::less<>>, KernelFile::engines + 1> registers;
    std::vector<KernelParam> params;
    std::optional<spec::Engine> engine;         ///< Of .engine.
    const spec::ProfileDesc *profile = nullptr; ///< The chip that the kernel is for; nullptr: any.

    /** Aliases that a new one goes to. */
    auto &register_scope() { return registers[engine ? static_cast<std::size_t>(*engine) : KernelFile::engines]; }
    const Alias *find_register(std::string_view name) const;
    const Alias *find_semaphore(std::string_view name) const;
    const Constant *find_constant(std::string_view name) const;
    const KernelParam *find_param(std::string_view name) const;

    /** Whether the name already means something; describes what, for a message. */
    std::optional<std::string> taken(std::string_view name) const;
};

/** "r12" and the like: the number behind the letter, whatever its range. */
std::optional<std::uint32_t> numbered(std::string_view word, std::string_view prefix);

/** Words that a name may not be: r4, s7, arg2, sbuf, wait, min, … */
bool reserved(std::string_view word);

} // namespace neuron::assembler
