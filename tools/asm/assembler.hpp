// SPDX-License-Identifier: MIT
/**
 * @file
 * Text to kernel. docs/reference/assembly.md describes the language.
 */
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "encoding.hpp"

namespace neuron::assembler {

/** `-D NAME=VALUE`; the value is a constant expression. */
struct Definition {
    std::string name;
    std::string value;
};

/** All errors found, in the order of the text, at least one. */
using Errors = std::vector<Diagnostic>;

/**
 * Assembles a source text. Has no state: any thread may call it. Memory is bounded: repetitions and macros stop at a
 * limit of expanded statements.
 * @param profile The chip that the kernel is for, as `.profile` says it in the source; what the chip's cores do not have
 *                is an error. nullptr: any chip.
 */
tl::expected<KernelImage, Errors> assemble(std::string_view source, const std::vector<Definition> &definitions = {},
                                           const spec::ProfileDesc *profile = nullptr);

/** "inf2, trn1, trn2, trn3". */
std::string profile_names();

/** Assembles one instruction of an engine, without labels, against parameters. For the disassembler's self-check. */
tl::expected<InstructionBytes, Errors> assemble_one(std::string_view text, spec::Engine engine,
                                                    const std::vector<KernelParam> &params);

/** All errors as text; see render(). */
std::string render(const Errors &errors, std::string_view file, std::string_view source);

} // namespace neuron::assembler
