// SPDX-License-Identifier: MIT
/**
 * @file
 * One instruction: operands in, bytes out. Whoever knows them, from a text or from calls, gives them here.
 */
#pragma once

#include "agreement.hpp"
#include "diagnostics.hpp"
#include "limits.hpp"
#include "mnemonics.hpp"
#include "tiles.hpp"

namespace neuron::encoding {

struct Encoded {
    InstructionBytes bytes{};
    std::uint32_t sbuf_end = 0;    ///< First byte behind what the tiles in SBUF cover for certain.
    bool sbuf_by_register = false; ///< A tile in SBUF moves with a register.
};

/** Members that return false have reported an error; the instruction is of no use then. */
class Encoder {
public:
    /** `profile` is the chip that the kernel is for, nullptr for any. All must outlive this. */
    Encoder(const Mnemonic &mnemonic, spec::Engine engine, const spec::ProfileDesc *profile, Diagnostics &diagnostics)
        : mnemonic_(mnemonic), limits_(mnemonic, engine, profile, diagnostics), diagnostics_(diagnostics) {}

    /** First of all: whether the engine runs it; stores what the mnemonic implies. */
    bool begin(Position at);

    /** A number in the operand's range. */
    bool number(const spec::OperandDesc &operand, std::int64_t value, Position at);
    /** Bits of a register's number, an fp32, or flags whose values has() has seen. */
    void bits(const spec::OperandDesc &operand, std::uint64_t value);
    bool enumerator(const spec::OperandDesc &operand, const spec::EnumValueDesc &value, Position at);
    /** Whether the chip has the value. */
    bool has(const spec::OperandDesc &operand, const spec::EnumValueDesc &value, Position at);
    bool tile(const spec::OperandDesc &operand, const spec::Tile &tile, Position at);
    bool scalar(const spec::OperandDesc &operand, const ScalarOperand &scalar);
    bool mem(const spec::OperandDesc &operand, MemBlock block);
    /** A scalar that was left out. */
    void leave_out(const spec::OperandDesc &operand);

    /** Last of all: operands against each other. */
    bool join();
    /** Wait and update; the opcode is filled in. */
    Encoded finish(spec::InstructionHeader header);

private:
    void note_use(const spec::Tile &tile);

    const Mnemonic &mnemonic_;
    Limits limits_;
    Diagnostics &diagnostics_;
    ReadOperands read_;
    Encoded out_;
};

} // namespace neuron::encoding
