// SPDX-License-Identifier: MIT
// Directives that enclose lines: .if, .macro, .rept; and macro calls.
#include <algorithm>

#include <fmt/format.h>

#include "expression.hpp"
#include "program.hpp"

namespace neuron::assembler {
namespace {

bool is_directive(const Line &line, std::string_view word) { return line[0].is(".") && line[1].is_word(word); }

// Index of the line that ends the block opened at `at`, or of the first of `stops` at the same depth; size() if none.
std::size_t find_end(std::span<const Line> lines, std::size_t at, std::string_view open, std::string_view close,
                     std::initializer_list<std::string_view> stops = {}) {
    int depth = 0;
    for (++at; at < lines.size(); ++at) {
        if (is_directive(lines[at], open))
            ++depth;
        else if (depth == 0 &&
                 (is_directive(lines[at], close) ||
                  std::ranges::any_of(stops, [&](std::string_view stop) { return is_directive(lines[at], stop); })))
            return at;
        else if (is_directive(lines[at], close))
            --depth;
    }
    return at;
}

using Replacements = std::map<std::string, std::vector<Token>, std::less<>>;

std::vector<Line> substitute(std::span<const Line> body, const Replacements &replacements) {
    std::vector<Line> out;
    out.reserve(body.size());
    for (const Line &line : body) {
        Line copy;
        for (const Token &token : line) {
            const auto found = token.kind == TokenKind::identifier ? replacements.find(token.text) : replacements.end();
            if (found == replacements.end())
                copy.push_back(token);
            else
                copy.insert(copy.end(), found->second.begin(), found->second.end());
        }
        out.push_back(std::move(copy));
    }
    return out;
}

// The tokens between commas outside of brackets.
std::vector<std::vector<Token>> split_arguments(Cursor &cursor) {
    std::vector<std::vector<Token>> out;
    if (cursor.at_end())
        return out;
    out.emplace_back();
    for (int depth = 0; !cursor.at_end();) {
        const Token &token = cursor.take();
        depth += token.is("(") || token.is("[") ? 1 : token.is(")") || token.is("]") ? -1 : 0;
        if (depth == 0 && token.is(","))
            out.emplace_back();
        else
            out.back().push_back(token);
    }
    return out;
}

} // namespace

std::size_t Program::do_if(std::span<const Line> lines, std::size_t at) {
    bool done = false, seen_else = false;
    for (;;) {
        const std::size_t end = find_end(lines, at, "if", "endif", {"elif", "else"});
        if (end == lines.size()) {
            fail(lines[at][1], fmt::format(".{} without .endif", lines[at][1].text));
            return end;
        }
        Cursor cursor(lines[at]);
        cursor.take();
        const bool is_else = cursor.take().text == "else";
        if (seen_else)
            fail(lines[at][1], fmt::format(".{} after .else", lines[at][1].text));
        seen_else |= is_else;
        // A condition behind the branch that was taken is not computed: it may divide by what the branch excluded.
        std::optional<std::int64_t> condition = is_else ? 1 : 0;
        if (!is_else && !done)
            condition = value(cursor);
        if (is_else || (!done && condition))
            cursor.expect_end(diagnostics_);
        const bool take = !done && condition.value_or(0) != 0;
        done |= take || !condition;
        if (take)
            run(lines.subspan(at + 1, end - at - 1));
        at = end;
        if (is_directive(lines[at], "endif"))
            return at + 1;
    }
}

// .macro NAME [param, param…]
std::size_t Program::do_macro(std::span<const Line> lines, std::size_t at) {
    const std::size_t end = find_end(lines, at, "macro", "endm");
    const std::size_t next = std::min(end + 1, lines.size());
    Cursor cursor(lines[at]);
    cursor.take();
    const Token &word = cursor.take();
    if (end == lines.size())
        return fail(word, ".macro without .endm"), next;
    if (scope_.size() > 1)
        return fail(word, "a macro cannot be defined inside a macro or a repetition"), next;
    const Token &name = cursor.take();
    if (name.kind != TokenKind::identifier || reserved(name.text))
        return fail(name, fmt::format("expected the name of a macro, found {}", shown(name))), next;
    if (const auto old = macros_.find(name.text); old != macros_.end())
        return fail(name, fmt::format("macro '{}' is already at line {}", name.text, old->second.where.line)), next;
    Macro macro;
    macro.where = name.at;
    while (!cursor.at_end()) {
        if (!macro.params.empty() && !cursor.expect(",", diagnostics_))
            return next;
        const Token &param = cursor.take();
        if (param.kind != TokenKind::identifier || std::ranges::find(macro.params, param.text) != macro.params.end())
            return fail(param, fmt::format("expected a new name of a macro parameter, found {}", shown(param))), next;
        macro.params.push_back(param.text);
    }
    macro.body.assign(lines.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                      lines.begin() + static_cast<std::ptrdiff_t>(end));
    macros_.emplace(name.text, std::move(macro));
    return next;
}

void Program::call(const Macro &macro, Cursor &cursor) {
    const Token &word = cursor.take();
    const std::string &name = word.text;
    const Position where = word.at;
    auto arguments = split_arguments(cursor);
    if (arguments.size() != macro.params.size()) {
        std::string names;
        for (const std::string &param : macro.params)
            names += (names.empty() ? "" : ", ") + param;
        return diagnostics_.error(where,
                                  fmt::format("macro '{}' takes {} arguments{}, not {}", name, macro.params.size(),
                                              names.empty() ? "" : " (" + names + ")", arguments.size()));
    }
    Replacements replacements;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        std::vector<Token> &tokens = arguments[i];
        if (tokens.empty())
            return diagnostics_.error(where,
                                      fmt::format("argument '{}' of macro '{}' is empty", macro.params[i], name));
        // What can be computed is: `a + b` stays one value inside `2 * x`. The rest (registers, tiles) is put in as is.
        if (tokens.size() > 1) {
            Line line = tokens;
            line.push_back({TokenKind::end, "", 0, tokens.back().at});
            Diagnostics silent;
            Cursor text(line);
            const auto number = evaluate(text, symbols_, silent);
            if (number && text.at_end())
                tokens = {{TokenKind::integer, std::to_string(*number), *number, tokens.front().at}};
        }
        replacements.emplace(macro.params[i], std::move(tokens));
    }
    // The body is copied first: the macro may call itself (under .if).
    const std::vector<Line> body = substitute(macro.body, replacements);
    expand(body, {fmt::format("in macro '{}'", name), where});
}

// .rept COUNT[, VARIABLE]
std::size_t Program::do_rept(std::span<const Line> lines, std::size_t at) {
    const std::size_t end = find_end(lines, at, "rept", "endr");
    const std::size_t next = std::min(end + 1, lines.size());
    Cursor cursor(lines[at]);
    cursor.take();
    const Token &word = cursor.take();
    if (end == lines.size())
        return fail(word, ".rept without .endr"), next;
    const Token &count_token = cursor.peek();
    const auto count = value(cursor);
    if (!count)
        return next;
    if (*count < 0)
        return fail(count_token, fmt::format("cannot repeat {} times", *count)), next;
    std::string variable;
    if (cursor.accept(",")) {
        const auto name = new_name(cursor, "a variable");
        if (!name)
            return next;
        variable = *name;
    }
    if (!cursor.expect_end(diagnostics_))
        return next;
    const auto body = lines.subspan(at + 1, end - at - 1);
    for (std::int64_t i = 0; i < *count && budget(word.at); ++i) {
        Replacements replacements;
        if (!variable.empty())
            replacements[variable] = {{TokenKind::integer, std::to_string(i), i, word.at}};
        expand(substitute(body, replacements), {fmt::format("in repetition {} of {}", i + 1, *count), word.at});
    }
    return next;
}

} // namespace neuron::assembler
