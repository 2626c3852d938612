// SPDX-License-Identifier: MIT
/**
 * @file
 * What the contract's tables forbid: engines, memories, element types, and what
 * a chip does not have yet.
 */
#pragma once

#include <cstdint>
#include <string>

#include "diagnostics.hpp"
#include "mnemonics.hpp"

namespace neuron::encoding {

// What the tables allow, in words.

/** "sbuf or psum". */
std::string space_names(std::uint32_t spaces);
/** "f32, bf16 or f16". */
std::string dtype_names(std::uint32_t dtypes);
/** "a number or a column". */
std::string kind_names(std::uint32_t kinds);

/** Judges one instruction on its engine, for the chip of a profile if there is one. Each check reports its error. */
class Limits {
public:
    /** `profile` may be nullptr: any chip. All must outlive this. */
    Limits(const Mnemonic &mnemonic, spec::Engine engine, const spec::ProfileDesc *profile, Diagnostics &diagnostics)
        : mnemonic_(mnemonic), engine_(engine), profile_(profile), diagnostics_(diagnostics) {}

    bool instruction(Position at);
    /** A tile or a column in this memory. */
    bool space(const spec::OperandDesc &operand, spec::Space space, Position at);
    bool dtype(const spec::OperandDesc &operand, spec::Dtype type, Position at);
    /** Partitions and elements per partition of a tile. */
    bool shape(const spec::OperandDesc &operand, const spec::Tile &tile, Position at);
    bool kind(const spec::OperandDesc &operand, spec::ScalarKind kind, Position at);
    /** A value of an enum or a flag. */
    bool value(const spec::OperandDesc &operand, const spec::EnumValueDesc &value, Position at);

private:
    bool bank(const spec::OperandDesc &operand, const spec::Tile &tile, Position at);
    bool fail(Position at, std::string message);
    /** Whether the chip has what came with version `since`; `what` begins the
   * message if not. */
    bool version(const std::string &what, unsigned since, Position at);

    const Mnemonic &mnemonic_;
    spec::Engine engine_;
    const spec::ProfileDesc *profile_;
    Diagnostics &diagnostics_;
};

} // namespace neuron::encoding
