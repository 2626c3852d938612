// SPDX-License-Identifier: MIT
/**
 * @file
 * Source text to lines of tokens, and a cursor to read them with.
 */
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "encoding.hpp"

namespace neuron::assembler {

enum class TokenKind : std::uint8_t {
    end,        ///< Behind the last token of a statement.
    identifier, ///< name
    local,      ///< $name, a label of the innermost macro call or repetition; the text has no '$'
    integer,    ///< value is set
    real,       ///< 1.5, 1e-5; the text is without '_'
    string,     ///< text without the quotes
    punctuation,
};

struct Token {
    TokenKind kind = TokenKind::end;
    std::string text;
    std::int64_t value = 0;
    Position at;

    bool is(std::string_view punctuation) const noexcept {
        return kind == TokenKind::punctuation && text == punctuation;
    }
    bool is_word(std::string_view word) const noexcept { return kind == TokenKind::identifier && text == word; }
};

/** One statement: its tokens without comments. Never empty, and always ends with a token of kind end. */
using Line = std::vector<Token>;

/** Takes a file apart. Lines without tokens are left out; `\` at the end of a line joins it with the next. */
std::vector<Line> lex(std::string_view source, Diagnostics &diagnostics);

/** How a token is called in a message: "'name'", "end of line". */
std::string shown(const Token &token);

/** Reads a statement from left to right. The statement must outlive it. */
class Cursor {
public:
    explicit Cursor(std::span<const Token> tokens) : tokens_(tokens) {}

    /** The token `ahead` places further; the end token from the end on. */
    const Token &peek(std::size_t ahead = 0) const noexcept {
        return tokens_[std::min(next_ + ahead, tokens_.size() - 1)];
    }
    const Token &take() noexcept {
        const Token &token = peek();
        next_ = std::min(next_ + 1, tokens_.size() - 1);
        return token;
    }
    bool at_end() const noexcept { return peek().kind == TokenKind::end; }
    /** Takes the token if it is this punctuation. */
    bool accept(std::string_view punctuation) noexcept {
        if (!peek().is(punctuation))
            return false;
        take();
        return true;
    }
    /** Like accept(), but reports what stands there instead. */
    bool expect(std::string_view punctuation, Diagnostics &diagnostics);
    /** Reports what is left over. */
    bool expect_end(Diagnostics &diagnostics);

private:
    std::span<const Token> tokens_;
    std::size_t next_ = 0;
};

} // namespace neuron::assembler
