// SPDX-License-Identifier: MIT
#include "instruction.hpp"

#include <algorithm>
#include <limits>
#include <span>

#include <fmt/format.h>

#include "expression.hpp"
#include "mnemonics.hpp"
#include "operands.hpp"

namespace neuron::assembler {
namespace {

using spec::OperandDesc;
using spec::OperandKind;

bool at_suffix(const Cursor &cursor) {
    const Token &token = cursor.peek();
    return token.is_word("wait") || token.is_word("take") || token.is_word("then");
}

class Reader {
public:
    Reader(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics)
        : cursor_(cursor), symbols_(symbols), diagnostics_(diagnostics) {}

    std::optional<Encoded> run() {
        if (!mnemonic() || !operands() || !all_given() || !memory() || !suffixes() || !cursor_.expect_end(diagnostics_))
            return std::nullopt;
        spec::pack(header_, std::span(out_.bytes).first<spec::InstructionHeader::BYTES>());
        return std::move(out_);
    }

private:
    bool fail(const Token &token, std::string message) {
        diagnostics_.error(token.at, std::move(message));
        return false;
    }

    bool mnemonic() {
        const Token &token = cursor_.take();
        start_ = &token;
        mnemonic_ = token.kind == TokenKind::identifier ? find_mnemonic(token.text) : nullptr;
        if (mnemonic_ == nullptr)
            return unknown_mnemonic(token);
        const spec::InsnDesc &instruction = *mnemonic_->instruction;
        if (!instruction.runs_on(*symbols_.engine))
            return fail(token, fmt::format("'{}' does not run on {}; it runs on {}", token.text,
                                           spec::name(*symbols_.engine), engine_names(instruction)));
        header_.opcode = instruction.opcode;
        for (const Implied &implied : mnemonic_->implied)
            store_operand(out_.bytes, *implied.operand, implied.value);
        slots_ = slots(*mnemonic_);
        given_.assign(slots_.size(), false);
        return true;
    }

    bool unknown_mnemonic(const Token &token) {
        if (token.kind != TokenKind::identifier)
            return fail(token, fmt::format("expected an instruction, a directive or a label, found {}", shown(token)));
        std::vector<std::string_view> known;
        for (const Mnemonic &other : mnemonics())
            known.push_back(other.word);
        const std::string_view near = closest(token.text, known);
        return fail(token, near.empty() ? fmt::format("unknown instruction or macro '{}'", token.text)
                                        : fmt::format("unknown instruction or macro '{}'; did you mean '{}'?",
                                                      token.text, near));
    }

    bool operands() {
        if (cursor_.at_end() || at_suffix(cursor_))
            return true;
        do {
            const auto slot = next_slot();
            if (!slot || !operand(slots_[*slot]))
                return false;
            given_[*slot] = true;
        } while (cursor_.accept(","));
        if (cursor_.at_end() || at_suffix(cursor_))
            return true;
        return fail(cursor_.peek(),
                    fmt::format("expected ',', wait, take, then or end of line, found {}", shown(cursor_.peek())));
    }

    // `name=value`, or the bare name of a bool, or the next operand in order.
    std::optional<std::size_t> next_slot() {
        const Token &token = cursor_.peek();
        const auto named = std::ranges::find_if(slots_, [&](const Slot &slot) { return token.is_word(slot.name); });
        const bool bare = named != slots_.end() && named->operand->kind == OperandKind::BOOL;
        if (token.kind == TokenKind::identifier && (bare || cursor_.peek(1).is("="))) {
            if (named == slots_.end()) {
                fail(token, fmt::format("'{}' has no operand '{}'; it has {}", start_->text, token.text, slot_names()));
                return std::nullopt;
            }
            const auto index = static_cast<std::size_t>(named - slots_.begin());
            if (given_[index]) {
                fail(token, fmt::format("operand '{}' is given twice", token.text));
                return std::nullopt;
            }
            if (cursor_.peek(1).is("=")) {
                cursor_.take();
                cursor_.take();
            }
            return index;
        }
        const auto index = static_cast<std::size_t>(std::ranges::find(given_, false) - given_.begin());
        if (index < slots_.size())
            return index;
        fail(token, slots_.empty() ? fmt::format("'{}' takes no operands", start_->text)
                                   : fmt::format("too many operands; '{}' has {}", start_->text, slot_names()));
        return std::nullopt;
    }

    std::string slot_names() const {
        std::string out;
        for (const Slot &slot : slots_)
            out += (out.empty() ? "" : ", ") + std::string(slot.name);
        return out.empty() ? "none" : out;
    }

    bool all_given() {
        for (std::size_t i = 0; i < slots_.size(); ++i)
            if (!given_[i] && !slots_[i].optional)
                return fail(cursor_.peek(), fmt::format("'{}' needs operand '{}': {}", start_->text, slots_[i].name,
                                                        slots_[i].operand->doc));
        return true;
    }

    bool operand(const Slot &slot) {
        switch (slot.operand->kind) {
        case OperandKind::REG: return slot.addend != nullptr ? sum(slot) : store_register(*slot.operand);
        case OperandKind::IMM: return immediate(*slot.operand);
        case OperandKind::ENUM: return enumerator(*slot.operand);
        case OperandKind::ARG: return argument(*slot.operand);
        case OperandKind::BOOL: return boolean(*slot.operand);
        case OperandKind::LABEL: return label(*slot.operand);
        case OperandKind::FLAGS: return flags(*slot.operand);
        case OperandKind::TILE: return tile(*slot.operand);
        case OperandKind::MEM: return mem(*slot.operand);
        }
        return fail(cursor_.peek(), fmt::format("operand '{}' is of a kind unknown here", slot.name));
    }

    bool store(const OperandDesc &operand, std::int64_t value, const Token &token) {
        std::int64_t low = 0, high = std::numeric_limits<std::int64_t>::max();
        const unsigned bits = 8 * operand.size;
        if (const std::uint64_t count = value_count(operand); count != 0)
            high = static_cast<std::int64_t>(count) - 1;
        else if (operand.is_signed)
            high >>= 64 - bits, low = -high - 1;
        else if (bits < 64)
            high = static_cast<std::int64_t>((std::uint64_t{1} << bits) - 1);
        if (value < low || value > high)
            return fail(token, fmt::format("{} {} is not in {}..{}", operand.name, value, low, high));
        store_operand(out_.bytes, operand, value);
        return true;
    }

    bool store_register(const OperandDesc &operand) {
        const auto reg = read_register(cursor_, symbols_, diagnostics_);
        if (reg)
            store_operand(out_.bytes, operand, *reg);
        return reg.has_value();
    }

    bool immediate(const OperandDesc &operand) {
        const Token &token = cursor_.peek();
        const auto value = evaluate(cursor_, symbols_, diagnostics_);
        return value && store(operand, *value, token);
    }

    bool sum(const Slot &slot) {
        const Token &token = cursor_.peek();
        const auto address = read_sum();
        if (!address)
            return false;
        store_operand(out_.bytes, *slot.operand, address->reg);
        return store(*slot.addend, address->offset, token);
    }

    // An expression of constants is read whole, so that `a << b` needs no parentheses where no register can follow.
    std::optional<Address> read_sum() {
        if (at_register(cursor_, symbols_) || has_register_later())
            return read_address(cursor_, symbols_, diagnostics_, false);
        const auto value = evaluate(cursor_, symbols_, diagnostics_);
        if (!value)
            return std::nullopt;
        return Address{*value, 0, 0, {}};
    }

    bool has_register_later() const {
        Cursor ahead = cursor_;
        for (int depth = 0; !ahead.at_end() && !at_suffix(ahead); ahead.take()) {
            depth += ahead.peek().is("(") ? 1 : ahead.peek().is(")") ? -1 : 0;
            if (depth == 0 && ahead.peek().is(","))
                return false;
            if (at_register(ahead, symbols_))
                return true;
        }
        return false;
    }

    bool enumerator(const OperandDesc &operand) {
        const Token &token = cursor_.take();
        const spec::EnumValueDesc *value = nullptr;
        if (token.kind == TokenKind::identifier && lower(token.text) == token.text)
            value = operand.enum_desc->find(upper(token.text));
        if (value == nullptr)
            return fail(token, fmt::format("{}: expected one of {}, found {}", operand.name, value_names(operand),
                                           shown(token)));
        store_operand(out_.bytes, operand, static_cast<std::int64_t>(value->value));
        return true;
    }

    static std::string value_names(const OperandDesc &operand) {
        std::string out;
        for (const spec::EnumValueDesc &value : operand.enum_desc->values)
            out += (out.empty() ? "" : ", ") + lower(value.name);
        return out;
    }

    bool argument(const OperandDesc &operand) {
        const Token &token = cursor_.peek();
        const auto value = read_argument(cursor_, symbols_, diagnostics_);
        return value && store(operand, *value, token);
    }

    bool boolean(const OperandDesc &operand) {
        const Token &token = cursor_.peek();
        if (token.is_word(operand.name)) {
            cursor_.take();
            return store(operand, 1, token);
        }
        const auto value = evaluate(cursor_, symbols_, diagnostics_);
        return value && store(operand, *value, token);
    }

    bool label(const OperandDesc &operand) {
        const Token &token = cursor_.peek();
        const Token &next = cursor_.peek(1);
        const bool alone = next.kind == TokenKind::end || next.is(",") || next.is_word("wait") ||
                           next.is_word("take") || next.is_word("then");
        if (token.kind != TokenKind::identifier || !alone || symbols_.find_constant(token.text) != nullptr)
            return immediate(operand);
        if (symbols_.taken(token.text))
            return fail(token, fmt::format("expected a label, found {} '{}'", *symbols_.taken(token.text), token.text));
        out_.label = LabelUse{&operand, cursor_.take().text, token.at};
        return true;
    }

    // name|name|…, or 0 for none.
    bool flags(const OperandDesc &operand) {
        std::uint64_t bits = 0;
        do {
            const Token &token = cursor_.take();
            const spec::EnumValueDesc *value = nullptr;
            if (token.kind == TokenKind::identifier && lower(token.text) == token.text)
                value = operand.enum_desc->find(upper(token.text));
            const bool none = token.kind == TokenKind::integer && token.value == 0;
            if (value == nullptr && !none)
                return fail(token, fmt::format("{}: expected any of {} joined by '|', or 0, found {}", operand.name,
                                               value_names(operand), shown(token)));
            bits |= none ? 0 : value->value;
        } while (cursor_.accept("|"));
        store_operand(out_.bytes, operand, static_cast<std::int64_t>(bits));
        return true;
    }

    bool tile(const OperandDesc &operand) {
        const auto value = read_tile(cursor_, symbols_, diagnostics_);
        if (!value)
            return false;
        spec::pack(*value,
                   std::span<std::byte, spec::Tile::BYTES>(out_.bytes.data() + operand.offset, spec::Tile::BYTES));
        tile_ = *value;
        out_.sbuf_end = std::max(out_.sbuf_end, sbuf_end(*value));
        out_.sbuf_by_register |= value->space == spec::Space::SBUF && value->reg != 0;
        return true;
    }

    bool mem(const OperandDesc &operand) {
        auto text = read_mem(cursor_, symbols_, diagnostics_);
        if (!text)
            return false;
        mem_operand_ = &operand;
        mem_ = std::move(*text);
        return true;
    }

    // Memory operands take element size and rows from the tile, which may come after them.
    bool memory() {
        if (mem_operand_ == nullptr)
            return true;
        if (!tile_)
            return fail(*start_, fmt::format("'{}' has a memory operand but no tile", start_->text));
        const auto value = resolve_mem(mem_, *tile_, diagnostics_);
        if (!value)
            return false;
        spec::pack(*value,
                   std::span<std::byte, spec::Mem::BYTES>(out_.bytes.data() + mem_operand_->offset, spec::Mem::BYTES));
        return true;
    }

    bool suffixes() {
        if (cursor_.peek().is_word("wait") || cursor_.peek().is_word("take"))
            if (!wait(cursor_.take()))
                return false;
        if (cursor_.peek().is_word("then"))
            return update();
        if (at_suffix(cursor_))
            return fail(cursor_.peek(), "only one wait or take, and it comes before then");
        return true;
    }

    bool wait(const Token &keyword) {
        const auto semaphore = read_semaphore(cursor_, symbols_, diagnostics_);
        if (!semaphore)
            return false;
        const Token &op = cursor_.take();
        const bool take = keyword.text == "take";
        if (!op.is(">=") && !(op.is("==") && !take))
            return fail(op, fmt::format("expected {}, found {}", take ? "'>='" : "'>=' or '=='", shown(op)));
        header_.wait_op = take ? spec::WaitOp::TAKE : op.is("==") ? spec::WaitOp::EQ : spec::WaitOp::GE;
        header_.wait_sem = static_cast<std::uint8_t>(*semaphore);
        return semaphore_value(header_.wait_value);
    }

    bool update() {
        cursor_.take();
        const auto semaphore = read_semaphore(cursor_, symbols_, diagnostics_);
        if (!semaphore)
            return false;
        const Token &op = cursor_.take();
        if (!op.is("+=") && !op.is("-=") && !op.is("="))
            return fail(op, fmt::format("expected '+=', '-=' or '=', found {}", shown(op)));
        header_.update_op = op.is("+=") ? spec::UpdateOp::ADD : op.is("-=") ? spec::UpdateOp::SUB : spec::UpdateOp::SET;
        header_.update_sem = static_cast<std::uint8_t>(*semaphore);
        if (!semaphore_value(header_.update_value))
            return false;
        if (at_suffix(cursor_))
            return fail(cursor_.peek(), "only one then, and nothing after it");
        return true;
    }

    bool semaphore_value(std::uint32_t &out) {
        const Token &token = cursor_.peek();
        const auto value = evaluate(cursor_, symbols_, diagnostics_);
        if (!value)
            return false;
        if (*value < 0 || *value > std::numeric_limits<std::uint32_t>::max())
            return fail(token, fmt::format("semaphore value {} is not in 0..{}", *value,
                                           std::numeric_limits<std::uint32_t>::max()));
        out = static_cast<std::uint32_t>(*value);
        return true;
    }

    Cursor &cursor_;
    const Symbols &symbols_;
    Diagnostics &diagnostics_;
    const Token *start_ = nullptr;
    const Mnemonic *mnemonic_ = nullptr;
    std::vector<Slot> slots_;
    std::vector<bool> given_;
    spec::InstructionHeader header_{};
    Encoded out_;
    std::optional<spec::Tile> tile_;
    const OperandDesc *mem_operand_ = nullptr;
    MemText mem_;
};

} // namespace

std::optional<Encoded> read_instruction(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics) {
    return Reader(cursor, symbols, diagnostics).run();
}

} // namespace neuron::assembler
