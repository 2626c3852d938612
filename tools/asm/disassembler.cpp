// SPDX-License-Identifier: MIT
#include "disassembler.hpp"

#include <algorithm>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "assembler.hpp"
#include "mnemonics.hpp"
#include "operands.hpp"
#include "symbols.hpp"

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

template<class Nums>
std::size_t rank_of(const Nums &num, const auto &step) {
    std::size_t rank = num.size();
    while (rank > 1 && num[rank - 1] == 1 && step[rank - 1] == 0)
        --rank;
    return rank;
}

// Dimensions with only those steps that the assembler would not fill in itself; `next` becomes the following default.
template<class Nums>
std::string dims_text(const Nums &num, const auto &step, std::int64_t &next) {
    std::string out;
    const std::size_t rank = rank_of(num, step);
    for (std::size_t i = 0; i < rank; ++i) {
        std::string dim = std::to_string(num[i]);
        if (step[i] != (num[i] == 1 ? 0 : next))
            dim += fmt::format("@{}", step[i]);
        if (num[i] != 1)
            next = std::int64_t{num[i]} * step[i];
        out.insert(0, ", " + dim);
    }
    return out;
}

std::string address_text(std::int64_t offset, std::uint32_t reg, std::uint32_t shift = 0) {
    if (reg == 0 && shift == 0)
        return std::to_string(offset);
    const std::string term = shift == 0 ? fmt::format("r{}", reg) : fmt::format("r{}<<{}", reg, shift);
    return offset == 0 ? term : fmt::format("{} + {}", offset, term);
}

std::string tile_text(const spec::Tile &tile) {
    std::int64_t next = 1;
    return fmt::format("{}.{}[{}:{}, {}{}]", lower(spec::name(tile.space)), lower(spec::name(tile.dtype)),
                       tile.partition, tile.partition + tile.partitions, address_text(tile.offset, tile.reg),
                       dims_text(tile.num, tile.step, next));
}

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
        find_tile(*mnemonic->instruction);
        std::string operands;
        for (const Slot &slot : slots(*mnemonic))
            if (const std::string text = slot_text(slot); !text.empty())
                operands += (operands.empty() ? "" : ", ") + text;
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

    // Rows and element size of a memory operand are those of the tile.
    void find_tile(const spec::InsnDesc &instruction) {
        for (const OperandDesc &operand : instruction.operands)
            if (operand.kind == OperandKind::TILE)
                tile_ = unpack_at<spec::Tile>(bytes_, operand.offset);
    }

    // Small operands behind the first tile are easier to read with their name.
    std::string slot_text(const Slot &slot) const {
        const OperandDesc &operand = *slot.operand;
        const std::int64_t value = slot.operand->size <= 8 ? load_operand(bytes_, operand) : 0;
        switch (operand.kind) {
        case OperandKind::REG:
            return slot.addend != nullptr ? sum_text(value, load_operand(bytes_, *slot.addend))
                                          : fmt::format("r{}", value);
        case OperandKind::IMM: return tile_ ? fmt::format("{}={}", operand.name, value) : std::to_string(value);
        case OperandKind::ENUM: return enum_text(operand, value);
        case OperandKind::ARG: return argument(static_cast<std::uint64_t>(value));
        case OperandKind::BOOL: return bool_text(operand, value);
        case OperandKind::LABEL: return label_text(value);
        case OperandKind::FLAGS: return flags_text(operand, static_cast<std::uint64_t>(value));
        case OperandKind::TILE: return tile_text(unpack_at<spec::Tile>(bytes_, operand.offset));
        case OperandKind::MEM: return mem_text(unpack_at<spec::Mem>(bytes_, operand.offset));
        }
        return "?";
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
        if (value == 0)
            return "";
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

    std::string mem_text(const spec::Mem &mem) const {
        if (!tile_)
            return "?";
        std::int64_t next = spec::bytes(tile_->dtype);
        const std::string dims = dims_text(mem.num, mem.stride, next);
        const std::int64_t rows = tile_->partitions;
        std::string row = std::to_string(rows);
        if (mem.partition_stride != (rows == 1 ? 0 : next))
            row += fmt::format("@{}", mem.partition_stride);
        return fmt::format("{}[{}, {}{}]", argument(mem.arg), address_text(mem.offset, mem.reg, mem.shift), row, dims);
    }

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
    std::optional<spec::Tile> tile_;
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
        for (const OperandDesc &operand : instruction->operands)
            if (operand.kind == OperandKind::TILE &&
                sbuf_end(unpack_at<spec::Tile>(bytes, operand.offset)) > image_.sbuf_bytes)
                return false;
        return true;
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
