// SPDX-License-Identifier: MIT
#include "disassembler.hpp"

#include <algorithm>
#include <limits>
#include <span>

#include <fmt/format.h>

#include "assembler.hpp"
#include "encoding.hpp"
#include "operand_text.hpp"
#include "operands.hpp"
#include "scalar.hpp"
#include "symbols.hpp"
#include <encoding/fp32.hpp>

namespace neuron::assembler {
namespace {

using spec::OperandDesc;
using spec::OperandKind;

template<class T>
T unpack_at(const InstructionBytes &bytes, std::size_t offset) {
    return spec::unpack<T>(std::span<const std::byte, T::BYTES>(bytes.data() + offset, T::BYTES));
}

bool is_name(std::string_view text) {
    const auto inside = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$';
    };
    return !text.empty() && !(text[0] >= '0' && text[0] <= '9') && text[0] != '$' && std::ranges::all_of(text, inside);
}

bool usable_name(std::string_view text) { return is_name(text) && !reserved(text); }

/** Text of one instruction. */
class Text {
public:
    Text(const InstructionBytes &bytes, const KernelImage &image, spec::Engine engine)
        : bytes_(bytes), image_(image), engine_(engine) {}

    std::string run() {
        const auto header = unpack_at<spec::InstructionHeader>(bytes_, 0);
        const Mnemonic *mnemonic = best_mnemonic(header.opcode);
        if (mnemonic == nullptr)
            return {};
        find_partner(*mnemonic->instruction);
        const std::string operands = operands_text(*mnemonic);
        std::string out = operands.empty() ? mnemonic->word : fmt::format("{:<9} {}", mnemonic->word, operands);
        return out + wait_text(header) + update_text(header);
    }

private:
    // The short form that implies the most of what is there.
    const Mnemonic *best_mnemonic(spec::Opcode opcode) const {
        const Mnemonic *best = nullptr;
        for (const Mnemonic &mnemonic : mnemonics()) {
            const auto agrees = [&](const Implied &implied) {
                return load_operand(bytes_, *implied.operand) == implied.value;
            };
            if (mnemonic.instruction->opcode == opcode && std::ranges::all_of(mnemonic.implied, agrees) &&
                find_mnemonic(mnemonic.word) == &mnemonic &&
                (best == nullptr || mnemonic.implied.size() > best->implied.size()))
                best = &mnemonic;
        }
        return best;
    }

    // Blocks of memory and columns take rows and element type from elsewhere.
    void find_partner(const spec::InsnDesc &instruction) {
        mem_.one_element = moves_one_element(instruction);
        if (const OperandDesc *rows = rows_operand(instruction))
            mem_.rows = load_operand(bytes_, *rows);
        if (const OperandDesc *operand = main_tile(instruction)) {
            const auto tile = unpack_at<spec::Tile>(bytes_, operand->offset);
            mem_.rows = tile.partitions;
            mem_.dtype = tile.dtype;
        }
        for (const OperandDesc &operand : instruction.operands)
            has_blocks_ |= operand.kind == OperandKind::TILE || operand.kind == OperandKind::MEM;
    }

    std::string operands_text(const Mnemonic &mnemonic) const {
        std::string out;
        bool skipped = false; // what follows an operand that is left out needs its name
        for (const Slot &slot : slots(mnemonic)) {
            if (slot.optional && is_left_out(*slot.operand)) {
                skipped = true;
                continue;
            }
            const std::string text = slot_text(slot);
            const bool named = text.find('=') != std::string::npos || text == slot.name;
            out += out.empty() ? "" : ", ";
            out += skipped && !named ? fmt::format("{}={}", slot.name, text) : text;
        }
        return out;
    }

    bool is_left_out(const OperandDesc &operand) const {
        if (operand.kind == OperandKind::SCALAR)
            return unpack_at<spec::Scalar>(bytes_, operand.offset) == no_scalar();
        return load_operand(bytes_, operand) == 0;
    }

    // Numbers next to tiles and memory are easier to read with their name.
    std::string slot_text(const Slot &slot) const {
        const OperandDesc &operand = *slot.operand;
        const std::int64_t value = slot.operand->size <= 8 ? load_operand(bytes_, operand) : 0;
        switch (operand.kind) {
        case OperandKind::REG:
            return slot.addend != nullptr ? sum_text(value, load_operand(bytes_, *slot.addend))
                                          : fmt::format("r{}", value);
        case OperandKind::IMM: return number_text(operand, value);
        case OperandKind::ENUM: return enum_text(operand, value);
        case OperandKind::ARG: return argument(static_cast<std::uint64_t>(value));
        case OperandKind::BOOL: return bool_text(operand, value);
        case OperandKind::LABEL: return label_text(value);
        case OperandKind::FLAGS: return flags_text(operand, static_cast<std::uint64_t>(value));
        case OperandKind::TILE: return tile_text(unpack_at<spec::Tile>(bytes_, operand.offset));
        case OperandKind::MEM: return block_text(unpack_at<spec::Mem>(bytes_, operand.offset));
        case OperandKind::SCALAR:
            return scalar_text(unpack_at<spec::Scalar>(bytes_, operand.offset), static_cast<std::uint32_t>(mem_.rows));
        case OperandKind::F32: return fp32_text(static_cast<std::uint32_t>(value));
        case OperandKind::ARRAY: return array_text(operand);
        }
        return "?";
    }

    std::string number_text(const OperandDesc &operand, std::int64_t value) const {
        // The lowest number has no literal: the minus sign is an operator.
        constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
        const std::string number = is_semaphore(operand) ? fmt::format("s{}", value)
                                   : value == lowest     ? fmt::format("{} - 1", value + 1)
                                                         : std::to_string(value);
        return has_blocks_ ? fmt::format("{}={}", operand.name, number) : number;
    }

    std::string array_text(const OperandDesc &operand) const {
        std::string out;
        for (std::uint32_t i = 0; i < operand.count; ++i)
            out += fmt::format("{}{}", i == 0 ? "" : ", ", load_operand(bytes_, element(operand, i)));
        return "[" + out + "]";
    }

    static std::string sum_text(std::int64_t reg, std::int64_t addend) {
        if (reg == 0)
            return std::to_string(addend);
        if (addend == 0)
            return fmt::format("r{}", reg);
        return fmt::format("r{} {} {}", reg, addend < 0 ? '-' : '+', addend < 0 ? -addend : addend);
    }

    static std::string enum_text(const OperandDesc &operand, std::int64_t value) {
        const spec::EnumValueDesc *found = operand.enum_desc->find(static_cast<std::uint64_t>(value));
        return found != nullptr ? lower(found->name) : fmt::format("?{}", value);
    }

    static std::string bool_text(const OperandDesc &operand, std::int64_t value) {
        return value == 1 ? std::string(operand.name) : fmt::format("{}={}", operand.name, value);
    }

    static std::string flags_text(const OperandDesc &operand, std::uint64_t bits) {
        std::string out;
        for (const spec::EnumValueDesc &flag : operand.enum_desc->values)
            if ((bits & flag.value) != 0) {
                out += (out.empty() ? "" : "|") + lower(flag.name);
                bits &= ~flag.value;
            }
        if (bits != 0)
            return fmt::format("?{}", bits);
        return out;
    }

    std::string argument(std::uint64_t index) const {
        for (const KernelParam &param : image_.params)
            if (param.index == index && usable_name(param.name))
                return param.name;
        return fmt::format("arg{}", index);
    }

    std::string label_text(std::int64_t target) const {
        for (const KernelSymbol &symbol : image_.symbols)
            if (symbol.engine == engine_ && symbol.instruction == static_cast<std::uint64_t>(target) &&
                usable_name(symbol.name))
                return symbol.name;
        return std::to_string(target);
    }

    std::string block_text(const spec::Mem &mem) const { return mem_text(mem, argument(mem.arg), mem_); }

    static std::string wait_text(const spec::InstructionHeader &header) {
        switch (header.wait_op) {
        case spec::WaitOp::NONE: return "";
        case spec::WaitOp::GE: return fmt::format(" wait s{}>={}", header.wait_sem, header.wait_value);
        case spec::WaitOp::EQ: return fmt::format(" wait s{}=={}", header.wait_sem, header.wait_value);
        case spec::WaitOp::TAKE: return fmt::format(" take s{}>={}", header.wait_sem, header.wait_value);
        }
        return " wait ?";
    }

    static std::string update_text(const spec::InstructionHeader &header) {
        switch (header.update_op) {
        case spec::UpdateOp::NONE: return "";
        case spec::UpdateOp::ADD: return fmt::format(" then s{}+={}", header.update_sem, header.update_value);
        case spec::UpdateOp::SUB: return fmt::format(" then s{}-={}", header.update_sem, header.update_value);
        case spec::UpdateOp::SET: return fmt::format(" then s{}={}", header.update_sem, header.update_value);
        }
        return " then ?";
    }

    const InstructionBytes &bytes_;
    const KernelImage &image_;
    spec::Engine engine_;
    MemContext mem_;
    bool has_blocks_ = false; ///< A tile or a block of memory is among the operands.
};

std::string hex(const InstructionBytes &bytes) {
    std::size_t used = bytes.size();
    while (used > 1 && bytes[used - 1] == std::byte{0})
        --used;
    std::string out;
    for (std::size_t i = 0; i < used; ++i)
        out += fmt::format("{}{:02x}", i != 0 && i % 4 == 0 ? " " : "", std::to_integer<unsigned>(bytes[i]));
    return out;
}

/** Text of a whole kernel. */
class Listing {
public:
    Listing(const KernelImage &image, const DisassembleOptions &options) : image_(image), options_(options) {
        without_labels_.params = image.params;
    }

    std::string run() {
        // Always told, so that the assembler does not compute another number from the tiles.
        out_ = fmt::format(".sbuf     {}\n", image_.sbuf_bytes);
        if (image_.cores != 0)
            out_ += fmt::format(".cores    {}\n", image_.cores);
        for (const KernelParam &param : image_.params)
            parameter(param);
        for (const spec::Engine engine : spec::values<spec::Engine>())
            stream(engine);
        return std::move(out_);
    }

private:
    void parameter(const KernelParam &param) {
        const std::string name = usable_name(param.name) ? param.name : '"' + param.name + '"';
        out_ += fmt::format(".param    {}, {}", name, lower(spec::name(param.kind)));
        if (param.is_tensor())
            out_ += ", " + lower(spec::name(param.dtype));
        for (const std::uint64_t dim : param.dims)
            out_ += fmt::format(", {}", dim);
        out_ += '\n';
    }

    void stream(spec::Engine engine) {
        const auto &instructions = image_.streams[static_cast<std::size_t>(engine)];
        if (instructions.empty())
            return;
        out_ += fmt::format("\n.engine   {}\n", lower(spec::name(engine)));
        for (std::size_t i = 0; i < instructions.size(); ++i) {
            labels(engine, i);
            instruction(engine, i, instructions[i]);
        }
        labels(engine, instructions.size());
    }

    void labels(spec::Engine engine, std::size_t index) {
        for (const KernelSymbol &symbol : image_.symbols)
            if (symbol.engine == engine && symbol.instruction == index && usable_name(symbol.name))
                out_ += symbol.name + ":\n";
    }

    void instruction(spec::Engine engine, std::size_t index, const InstructionBytes &bytes) {
        std::string text = instruction_text(bytes, image_, engine);
        if (!assembles_to(text, bytes, engine))
            text = fmt::format(".raw      \"{}\"", hex(bytes));
        std::string comment;
        if (options_.addresses)
            comment += fmt::format(" {}: {:#07x}", index, index * spec::INSTRUCTION_BYTES);
        if (options_.bytes)
            comment += " " + hex(bytes);
        out_ += comment.empty() ? fmt::format("    {}\n", text) : fmt::format("    {:<60};{}\n", text, comment);
    }

    // The assembler itself is the judge of what has a text: its rules are not repeated here.
    bool assembles_to(const std::string &text, const InstructionBytes &bytes, spec::Engine engine) {
        if (text.empty() || text.find('?') != std::string::npos)
            return false;
        const auto again = assemble_one(instruction_text(bytes, without_labels_, engine), engine, image_.params);
        return again && *again == bytes && within_sbuf(bytes);
    }

    // A tile that the kernel's own .sbuf excludes cannot be written as text next to that .sbuf.
    bool within_sbuf(const InstructionBytes &bytes) const {
        if (image_.sbuf_bytes == 0)
            return true;
        const spec::InsnDesc *instruction =
            spec::find_instruction(static_cast<spec::Opcode>(std::to_integer<std::uint8_t>(bytes[0])));
        const auto inside = [&](const OperandDesc &operand) {
            if (operand.kind == OperandKind::TILE)
                return sbuf_end(unpack_at<spec::Tile>(bytes, operand.offset)) <= image_.sbuf_bytes;
            if (operand.kind != OperandKind::SCALAR)
                return true;
            const auto scalar = unpack_at<spec::Scalar>(bytes, operand.offset);
            return scalar.kind != spec::ScalarKind::VECTOR || sbuf_end(column_tile(scalar, 1)) <= image_.sbuf_bytes;
        };
        return std::ranges::all_of(instruction->operands, inside);
    }

    const KernelImage &image_;
    const DisassembleOptions &options_;
    KernelImage without_labels_; ///< Parameters only.
    std::string out_;
};

} // namespace

std::string disassemble(const KernelImage &image, const DisassembleOptions &options) {
    return Listing(image, options).run();
}

std::string instruction_text(const InstructionBytes &bytes, const KernelImage &image, spec::Engine engine) {
    return Text(bytes, image, engine).run();
}

} // namespace neuron::assembler
