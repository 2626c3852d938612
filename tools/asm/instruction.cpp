// SPDX-License-Identifier: MIT
#include "instruction.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "expression.hpp"
#include "operands.hpp"
#include "scalar.hpp"
#include "suffix.hpp"

namespace neuron::assembler {
namespace {

using spec::OperandDesc;
using spec::OperandKind;

class Reader {
public:
    Reader(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics)
        : cursor_(cursor), symbols_(symbols), diagnostics_(diagnostics) {}

    std::optional<ReadInstruction> run() {
        spec::InstructionHeader header{};
        if (!mnemonic() || !operands() || !all_given() || !encoder_->join() ||
            !read_suffixes(cursor_, symbols_, diagnostics_, header) || !cursor_.expect_end(diagnostics_))
            return std::nullopt;
        return ReadInstruction{encoder_->finish(header), std::move(label_)};
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
        encoder_.emplace(*mnemonic_, *symbols_.engine, symbols_.profile, diagnostics_);
        if (!encoder_->begin(token.at))
            return false;
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
        for (std::size_t i = 0; i < slots_.size(); ++i) {
            if (!given_[i] && !slots_[i].optional)
                return fail(cursor_.peek(), fmt::format("'{}' needs operand '{}': {}", start_->text, slots_[i].name,
                                                        slots_[i].operand->doc));
            if (!given_[i] && slots_[i].operand->kind == OperandKind::SCALAR)
                encoder_->leave_out(*slots_[i].operand);
        }
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
        case OperandKind::SCALAR: return scalar(*slot.operand);
        case OperandKind::F32: return fp32(*slot.operand);
        case OperandKind::ARRAY: return array(*slot.operand);
        }
        return fail(cursor_.peek(), fmt::format("operand '{}' is of a kind unknown here", slot.name));
    }

    bool store(const OperandDesc &operand, std::int64_t value, const Token &token) {
        return encoder_->number(operand, value, token.at);
    }

    bool store_register(const OperandDesc &operand) {
        const auto reg = read_register(cursor_, symbols_, diagnostics_);
        if (reg)
            encoder_->bits(operand, *reg);
        return reg.has_value();
    }

    bool immediate(const OperandDesc &operand) {
        const Token &token = cursor_.peek();
        if (is_semaphore(operand) && at_semaphore(cursor_, symbols_)) {
            const auto semaphore = read_semaphore(cursor_, symbols_, diagnostics_);
            return semaphore && store(operand, *semaphore, token);
        }
        const auto value = evaluate(cursor_, symbols_, diagnostics_);
        return value && store(operand, *value, token);
    }

    bool fp32(const OperandDesc &operand) {
        const auto bits = read_fp32(cursor_, symbols_, diagnostics_);
        if (bits)
            encoder_->bits(operand, *bits);
        return bits.has_value();
    }

    bool array(const OperandDesc &operand) {
        const Token &start = cursor_.peek();
        if (!cursor_.expect("[", diagnostics_))
            return false;
        std::uint32_t found = 0;
        do {
            const Token &token = cursor_.peek();
            const auto value = evaluate(cursor_, symbols_, diagnostics_);
            if (!value || (found < operand.count && !store(element(operand, found), *value, token)))
                return false;
            ++found;
        } while (cursor_.accept(","));
        if (found != operand.count)
            return fail(start, fmt::format("{} takes {} numbers, found {}", operand.name, operand.count, found));
        return cursor_.expect("]", diagnostics_);
    }

    bool sum(const Slot &slot) {
        const Token &token = cursor_.peek();
        const auto address = read_sum();
        if (!address)
            return false;
        encoder_->bits(*slot.operand, address->reg);
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
        return encoder_->enumerator(operand, *value, token.at);
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
        label_ = LabelUse{&operand, cursor_.take().text, token.at};
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
            if (value != nullptr && !encoder_->has(operand, *value, token.at))
                return false;
            bits |= none ? 0 : value->value;
        } while (cursor_.accept("|"));
        encoder_->bits(operand, bits);
        return true;
    }

    bool tile(const OperandDesc &operand) {
        const Position at = cursor_.peek().at;
        const auto value = read_tile(cursor_, symbols_, diagnostics_);
        return value && encoder_->tile(operand, *value, at);
    }

    bool scalar(const OperandDesc &operand) {
        const auto value = read_scalar(cursor_, symbols_, diagnostics_);
        return value && encoder_->scalar(operand, *value);
    }

    bool mem(const OperandDesc &operand) {
        auto value = read_mem(cursor_, symbols_, diagnostics_, moves_one_element(*mnemonic_->instruction));
        return value && encoder_->mem(operand, std::move(*value));
    }

    Cursor &cursor_;
    const Symbols &symbols_;
    Diagnostics &diagnostics_;
    const Token *start_ = nullptr;
    const Mnemonic *mnemonic_ = nullptr;
    std::vector<Slot> slots_;
    std::vector<bool> given_;
    std::optional<LabelUse> label_;
    std::optional<Encoder> encoder_; ///< Of the mnemonic.
};

} // namespace

std::optional<ReadInstruction> read_instruction(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics) {
    return Reader(cursor, symbols, diagnostics).run();
}

} // namespace neuron::assembler
