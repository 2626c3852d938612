// SPDX-License-Identifier: MIT
#include "program.hpp"

#include <fmt/format.h>

#include "expression.hpp"

namespace neuron::assembler {
namespace {

std::string_view directive_of(const Line &line) {
    return line[0].is(".") && line[1].kind == TokenKind::identifier ? std::string_view(line[1].text) : "";
}

} // namespace

Program::Program(const std::vector<Definition> &definitions, const spec::ProfileDesc *profile, Diagnostics &diagnostics)
    : diagnostics_(diagnostics), streams_(diagnostics) {
    symbols_.profile = profile;
    for (const Definition &definition : definitions)
        if (!definitions_.emplace(definition.name, definition.value).second)
            diagnostics_.error({}, fmt::format("-D {} is given twice", definition.name));
}

bool Program::budget(Position at) {
    if (diagnostics_.full())
        return false;
    if (++statements_ <= max_statements)
        return true;
    if (statements_ == max_statements + 1)
        diagnostics_.error(at, fmt::format("more than {} statements after expansion", max_statements));
    return false;
}

void Program::run(std::span<const Line> lines) {
    for (std::size_t at = 0; at < lines.size();) {
        if (!budget(lines[at][0].at))
            return;
        const std::string_view word = directive_of(lines[at]);
        if (word == "if")
            at = do_if(lines, at);
        else if (word == "macro")
            at = do_macro(lines, at);
        else if (word == "rept")
            at = do_rept(lines, at);
        else
            statement(lines[at++]);
    }
}

void Program::statement(const Line &line) {
    Line tokens = line;
    for (Token &token : tokens)
        if (token.kind == TokenKind::local) {
            token.kind = TokenKind::identifier;
            token.text = fmt::format("{}${}", token.text, scope_.back());
        }
    Cursor cursor(tokens);
    while (cursor.peek().kind == TokenKind::identifier && cursor.peek(1).is(":")) {
        label(cursor.take());
        cursor.take();
    }
    if (cursor.at_end())
        return;
    if (cursor.peek().is("."))
        return directive(cursor);
    if (cursor.peek().kind == TokenKind::identifier)
        if (const auto macro = macros_.find(cursor.peek().text); macro != macros_.end()) {
            return call(macro->second, cursor);
        }
    instruction(cursor);
}

void Program::directive(Cursor &cursor) {
    cursor.take();
    const Token &word = cursor.take();
    const auto &known = directives();
    const auto found = word.kind == TokenKind::identifier ? known.find(word.text) : known.end();
    if (found != known.end())
        return (this->*found->second)(cursor);
    std::vector<std::string_view> names;
    names.reserve(known.size());
    for (const auto &[name, handler] : known)
        names.push_back(name);
    const std::string_view near = closest(word.text, names);
    fail(word, near.empty() ? fmt::format("unknown directive '.{}'", word.text)
                            : fmt::format("unknown directive '.{}'; did you mean '.{}'?", word.text, near));
}

void Program::label(const Token &token) {
    if (!symbols_.engine)
        return fail(token, fmt::format("label '{}' before .engine", token.text));
    if (const auto taken = symbols_.taken(token.text))
        return fail(token, fmt::format("'{}' cannot be a label: it is {}", token.text, *taken));
    if (const Streams::Label *other = streams_.place(*symbols_.engine, token.text, token.at))
        fail(token, fmt::format("label '{}' is already at line {}", token.text, other->where.line));
}

void Program::instruction(Cursor &cursor) {
    const Token &word = cursor.peek();
    if (!symbols_.engine)
        return fail(word, fmt::format("{} before .engine: say which sequencer runs it", shown(word)));
    auto read = read_instruction(cursor, symbols_, diagnostics_);
    // A broken instruction still takes its place, so that labels behind it keep their meaning.
    if (!read)
        read.emplace();
    if (read->label)
        streams_.refer(*symbols_.engine, *read->label->operand, std::move(read->label->label), read->label->where);
    streams_.append(*symbols_.engine, read->encoded, word.at);
}

void Program::expand(std::span<const Line> body, Frame frame) {
    if (scope_.size() > max_depth)
        return diagnostics_.error(frame.where, fmt::format("macros are nested more than {} deep", max_depth));
    diagnostics_.push_frame(std::move(frame));
    scope_.push_back(++scopes_);
    run(body);
    scope_.pop_back();
    diagnostics_.pop_frame();
}

KernelImage Program::finish() {
    streams_.expect_some(diagnostics_);
    for (const auto &[name, text] : definitions_)
        if (!options_.contains(name)) {
            std::string known;
            for (const std::string &option : options_)
                known += (known.empty() ? "" : ", ") + option;
            diagnostics_.error({}, fmt::format("-D {}: the source has no .option {}; {}", name, name,
                                               known.empty() ? "it has none" : "it has " + known));
        }
    return streams_.finish(symbols_.params, diagnostics_);
}

} // namespace neuron::assembler
