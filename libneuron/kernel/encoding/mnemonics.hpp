// SPDX-License-Identifier: MIT
/**
 * @file
 * How the instructions of the hardware contract are written: names, operand slots, operand fields. Everything follows
 * from the generated tables; what syntax adds to them is at the top of mnemonics.cpp.
 */
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <neuron/kernel_file.hpp>

namespace neuron::encoding {

/** An operand that a mnemonic implies. */
struct Implied {
    const spec::OperandDesc *operand = nullptr;
    std::int64_t value = 0;
};

/** A word that starts an instruction: the instruction's own name, or a short form of it. */
struct Mnemonic {
    std::string word;
    const spec::InsnDesc *instruction = nullptr;
    std::vector<Implied> implied;
};

/** An operand as it is written. `addend` makes it a register, a number, or the sum of both. */
struct Slot {
    const spec::OperandDesc *operand = nullptr;
    const spec::OperandDesc *addend = nullptr;
    std::string_view name;
    bool optional = false;
};

/** All of them; each short form comes after the instruction it belongs to. */
const std::vector<Mnemonic> &mnemonics();

/** nullptr if there is none. Lower case. */
const Mnemonic *find_mnemonic(std::string_view word);

/** What is written after the mnemonic, in order. */
std::vector<Slot> slots(const Mnemonic &mnemonic);

/** The tile that gives blocks of memory and columns their partitions; nullptr
 * if the instruction has no tile. */
const spec::OperandDesc *main_tile(const spec::InsnDesc &instruction);

/** Where an instruction without a tile keeps the rows of its blocks of memory:
 * it is not written. nullptr if nowhere. */
const spec::OperandDesc *rows_operand(const spec::InsnDesc &instruction);

/** Whether its block of memory is a single element: there is neither a tile nor a number of rows. */
bool moves_one_element(const spec::InsnDesc &instruction);

/** Whether the number is a semaphore. */
bool is_semaphore(const spec::OperandDesc &operand);

/** Element `index` of an array, as an operand of its own. */
spec::OperandDesc element(const spec::OperandDesc &operand, std::uint32_t index);

/** "write, add, max": the values of an enum or flags operand. */
std::string value_names(const spec::OperandDesc &operand);

/** "PE", "ACT, POOL and SP". */
std::string engine_names(const spec::InsnDesc &instruction);

/** Integer operands in the bytes of an instruction. */
void store_operand(InstructionBytes &bytes, const spec::OperandDesc &operand, std::int64_t value);
std::int64_t load_operand(const InstructionBytes &bytes, const spec::OperandDesc &operand);

} // namespace neuron::encoding
