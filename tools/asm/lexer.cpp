// SPDX-License-Identifier: MIT
#include "lexer.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

namespace neuron::assembler {
namespace {

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
// '$' inside a name is what a local label becomes ("loop$3"); it is accepted so that disassembly can be assembled again.
bool is_name(char c) { return is_name_start(c) || is_digit(c) || c == '$'; }

constexpr std::array<std::string_view, 10> pairs = {"<<", ">>", "<=", ">=", "==", "!=", "+=", "-=", "&&", "||"};
constexpr std::string_view singles = "+-*/%&|^~!<>()[],:=@.\\";

class LineLexer {
public:
    LineLexer(std::string_view line, std::uint32_t number, Diagnostics &diagnostics)
        : line_(line), number_(number), diagnostics_(diagnostics) {}

    // Appends the tokens of the line to `out`.
    void run(Line &out) {
        while (skip_blanks())
            one(out);
    }

private:
    bool skip_blanks() {
        while (at_ < line_.size() && (line_[at_] == ' ' || line_[at_] == '\t' || line_[at_] == '\r'))
            ++at_;
        const std::string_view rest = line_.substr(at_);
        return !rest.empty() && rest[0] != ';' && rest[0] != '#' && !rest.starts_with("//");
    }

    Position here(std::size_t from, std::size_t length) const {
        return {number_, static_cast<std::uint32_t>(from + 1), static_cast<std::uint32_t>(length)};
    }

    void push(Line &out, TokenKind kind, std::size_t from, std::string_view text, std::int64_t value = 0) {
        out.push_back({kind, std::string(text), value, here(from, at_ - from)});
    }

    void one(Line &out) {
        const std::size_t from = at_;
        const char c = line_[at_];
        if (is_name_start(c) || (c == '$' && at_ + 1 < line_.size() && is_name_start(line_[at_ + 1])))
            name(out);
        else if (is_digit(c))
            number(out);
        else if (c == '"')
            quoted(out);
        else if (const auto pair = std::ranges::find(pairs, line_.substr(at_, 2)); pair != pairs.end()) {
            at_ += 2;
            push(out, TokenKind::punctuation, from, *pair);
        } else if (singles.find(c) != std::string_view::npos) {
            ++at_;
            push(out, TokenKind::punctuation, from, line_.substr(from, 1));
        } else
            stray(c);
    }

    void name(Line &out) {
        const std::size_t from = at_;
        const bool local = line_[at_] == '$';
        at_ += local ? 1 : 0;
        const std::size_t start = at_;
        while (at_ < line_.size() && is_name(line_[at_]))
            ++at_;
        push(out, local ? TokenKind::local : TokenKind::identifier, from, line_.substr(start, at_ - start));
    }

    char next(std::size_t ahead = 0) const { return at_ + ahead < line_.size() ? line_[at_ + ahead] : '\0'; }

    void skip_digits() {
        while (is_digit(next()) || next() == '_')
            ++at_;
    }

    // Behind the digits of a decimal number: a fraction, an exponent, or both.
    bool skip_real() {
        const std::size_t from = at_;
        if (next() == '.' && is_digit(next(1))) {
            ++at_;
            skip_digits();
        }
        const std::size_t sign = next(1) == '+' || next(1) == '-' ? 1 : 0;
        if ((next() == 'e' || next() == 'E') && is_digit(next(1 + sign))) {
            at_ += 1 + sign;
            skip_digits();
        }
        return at_ != from;
    }

    void number(Line &out) {
        const std::size_t from = at_;
        skip_digits();
        bool is_real = skip_real();
        while (is_name(next()) && next() != '$') {
            ++at_;
            is_real = false;
        }
        std::string text(line_.substr(from, at_ - from));
        std::erase(text, '_');
        if (is_real)
            return push(out, TokenKind::real, from, text);
        int base = 10;
        std::string_view digits = text;
        if (digits.starts_with("0x") || digits.starts_with("0X"))
            base = 16, digits.remove_prefix(2);
        else if (digits.starts_with("0b") || digits.starts_with("0B"))
            base = 2, digits.remove_prefix(2);
        std::int64_t value = 0;
        const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
        if (status == std::errc::result_out_of_range)
            diagnostics_.error(here(from, at_ - from), fmt::format("number '{}' does not fit 64 bits", text));
        else if (status != std::errc() || end != digits.data() + digits.size())
            diagnostics_.error(here(from, at_ - from), fmt::format("'{}' is not a number", text));
        push(out, TokenKind::integer, from, text, value);
    }

    void quoted(Line &out) {
        const std::size_t from = at_++;
        const std::size_t end = line_.find('"', at_);
        if (end == std::string_view::npos) {
            diagnostics_.error(here(from, 1), "text without closing quote");
            at_ = line_.size();
            return;
        }
        const std::string_view text = line_.substr(at_, end - at_);
        at_ = end + 1;
        push(out, TokenKind::string, from, text);
    }

    void stray(char c) {
        const bool printable = c > ' ' && c < 0x7f;
        diagnostics_.error(here(at_, 1), printable ? fmt::format("stray character '{}'", c)
                                                   : fmt::format("stray byte 0x{:02x}", static_cast<unsigned char>(c)));
        // One error per run of foreign bytes (a UTF-8 sequence, a binary file), not one per byte.
        do
            ++at_;
        while (at_ < line_.size() && static_cast<unsigned char>(line_[at_]) >= 0x7f);
    }

    std::string_view line_;
    std::uint32_t number_;
    Diagnostics &diagnostics_;
    std::size_t at_ = 0;
};

void finish(Line &line, std::vector<Line> &lines) {
    if (line.empty())
        return;
    Position end = line.back().at;
    end.column += end.length;
    end.length = 1;
    line.push_back({TokenKind::end, "", 0, end});
    lines.push_back(std::move(line));
    line.clear();
}

} // namespace

std::vector<Line> lex(std::string_view source, Diagnostics &diagnostics) {
    std::vector<Line> lines;
    Line line;
    for (std::uint32_t number = 1; !source.empty() && !diagnostics.full(); ++number) {
        const std::size_t end = source.find('\n');
        LineLexer(source.substr(0, end), number, diagnostics).run(line);
        source.remove_prefix(end == std::string_view::npos ? source.size() : end + 1);
        if (!line.empty() && line.back().is("\\"))
            line.pop_back();
        else
            finish(line, lines);
    }
    finish(line, lines);
    return lines;
}

std::string shown(const Token &token) {
    switch (token.kind) {
    case TokenKind::end: return "end of line";
    case TokenKind::local: return "'$" + token.text + "'";
    case TokenKind::string: return "\"" + token.text + "\"";
    case TokenKind::identifier:
    case TokenKind::integer:
    case TokenKind::real:
    case TokenKind::punctuation: break;
    }
    return "'" + token.text + "'";
}

bool Cursor::expect(std::string_view punctuation, Diagnostics &diagnostics) {
    if (accept(punctuation))
        return true;
    diagnostics.error(peek().at, fmt::format("expected '{}', found {}", punctuation, shown(peek())));
    return false;
}

bool Cursor::expect_end(Diagnostics &diagnostics) {
    if (at_end())
        return true;
    diagnostics.error(peek().at, fmt::format("expected end of line, found {}", shown(peek())));
    return false;
}

} // namespace neuron::assembler
