// SPDX-License-Identifier: MIT
#include "suffix.hpp"

#include <fmt/format.h>

#include "encoding.hpp"
#include "expression.hpp"
#include "operands.hpp"

namespace neuron::assembler {
namespace {

class SuffixReader {
public:
    SuffixReader(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics, spec::InstructionHeader &header)
        : cursor_(cursor), symbols_(symbols), diagnostics_(diagnostics), header_(header) {}

    bool run() {
        if (cursor_.peek().is_word("wait") || cursor_.peek().is_word("take"))
            if (!wait(cursor_.take()))
                return false;
        if (cursor_.peek().is_word("then"))
            return update();
        if (at_suffix(cursor_))
            return fail(cursor_.peek(), "only one wait or take, and it comes before then");
        return true;
    }

private:
    bool fail(const Token &token, std::string message) {
        diagnostics_.error(token.at, std::move(message));
        return false;
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
        return value(header_.wait_value);
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
        if (!value(header_.update_value))
            return false;
        if (at_suffix(cursor_))
            return fail(cursor_.peek(), "only one then, and nothing after it");
        return true;
    }

    bool value(std::uint32_t &out) {
        const Token &token = cursor_.peek();
        const auto number = evaluate(cursor_, symbols_, diagnostics_);
        const auto value = number ? semaphore_value(*number, token.at, diagnostics_) : std::nullopt;
        if (value)
            out = *value;
        return value.has_value();
    }

    Cursor &cursor_;
    const Symbols &symbols_;
    Diagnostics &diagnostics_;
    spec::InstructionHeader &header_;
};

} // namespace

bool at_suffix(const Cursor &cursor) {
    const Token &token = cursor.peek();
    return token.is_word("wait") || token.is_word("take") || token.is_word("then");
}

bool read_suffixes(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics, spec::InstructionHeader &header) {
    return SuffixReader(cursor, symbols, diagnostics, header).run();
}

} // namespace neuron::assembler
