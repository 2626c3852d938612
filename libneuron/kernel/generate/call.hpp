// SPDX-License-Identifier: MIT
/**
 * @file
 * A mnemonic as a function of C++.
 */
#pragma once

#include <string>
#include <vector>

#include <encoding/mnemonics.hpp>

namespace neuron::generate {

using encoding::Mnemonic;
using encoding::Slot;
using spec::InsnDesc;
using spec::OperandDesc;
using spec::OperandKind;

/** "DmaLoad" of "dma_load". */
std::string camel(std::string_view word);

class Call {
public:
    explicit Call(const Mnemonic &mnemonic) : mnemonic_(mnemonic), slots_(encoding::slots(mnemonic)) {}

    const Mnemonic &mnemonic() const { return mnemonic_; }
    const InsnDesc &instruction() const { return *mnemonic_.instruction; }
    const std::vector<Slot> &slots() const { return slots_; }
    /** The word, or with a '_' where C++ has it. */
    std::string name() const;
    bool has_options() const;
    std::string options_name() const { return camel(mnemonic_.word) + "Options"; }
    /** "MatmulDst": what is checked of an operand. */
    std::string rules_name(const OperandDesc &operand) const { return camel(instruction().name) + camel(operand.name); }
    /** Whether the operand's type is a parameter of the function. */
    static bool is_generic(const OperandDesc &operand) {
        return operand.kind == OperandKind::TILE || operand.kind == OperandKind::MEM ||
               operand.kind == OperandKind::SCALAR;
    }
    /** "const Dst &dst". */
    std::string parameter(const Slot &slot) const;
    /** "std::int64_t ring = 0". */
    std::string option(const Slot &slot) const;
    /** The operand as the library takes it. */
    std::string argument(const Slot &slot) const;
    /** "matmul(dst, moving, {.flags, .mode})", for people. */
    std::string shown() const;

private:
    const Mnemonic &mnemonic_;
    std::vector<Slot> slots_;
};

/** A function for each, in the order of the contract. */
std::vector<Call> all_calls();

} // namespace neuron::generate
