// SPDX-License-Identifier: MIT
/**
 * @file
 * Runs the statements of a source file: labels, directives, macros, instructions.
 */
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <encoding/streams.hpp>

#include "assembler.hpp"
#include "instruction.hpp"
#include "lexer.hpp"
#include "symbols.hpp"

namespace neuron::assembler {

class Program {
public:
    /** `profile` as of assemble(). */
    Program(const std::vector<Definition> &definitions, const spec::ProfileDesc *profile, Diagnostics &diagnostics);

    /** Statements of a file, or of a macro. */
    void run(std::span<const Line> lines);

    /** After the last run(): branch targets, unused definitions. The image counts only if there are no errors. */
    KernelImage finish();

private:
    struct Macro {
        std::vector<std::string> params;
        std::vector<Line> body;
        Position where;
    };
    using Handler = void (Program::*)(Cursor &);

    void statement(const Line &line);
    void directive(Cursor &cursor);
    void label(const Token &token);
    void instruction(Cursor &cursor);

    // Directives of one line.
    void do_param(Cursor &cursor);
    void do_option(Cursor &cursor);
    void do_equ(Cursor &cursor);
    void do_set(Cursor &cursor);
    void do_engine(Cursor &cursor);
    void do_reg(Cursor &cursor);
    void do_sem(Cursor &cursor);
    void do_sbuf(Cursor &cursor);
    void do_cores(Cursor &cursor);
    void do_raw(Cursor &cursor);
    void do_error(Cursor &cursor);
    void do_profile(Cursor &cursor);
    void stray_end(Cursor &cursor);
    static const std::map<std::string, Handler, std::less<>> &directives();

    // Blocks; they take the lines up to their end and return the index of the line behind it.
    std::size_t do_if(std::span<const Line> lines, std::size_t at);
    std::size_t do_macro(std::span<const Line> lines, std::size_t at);
    std::size_t do_rept(std::span<const Line> lines, std::size_t at);
    void call(const Macro &macro, Cursor &cursor);
    void expand(std::span<const Line> body, Frame frame);

    bool budget(Position at);
    std::optional<std::string> new_name(Cursor &cursor, std::string_view what);
    std::optional<std::int64_t> value(Cursor &cursor);
    std::optional<std::int64_t> definition(const std::string &name, const std::string &text);
    bool param_dims(Cursor &cursor, KernelParam &param);
    void fail(const Token &token, std::string message) { diagnostics_.error(token.at, std::move(message)); }

    static constexpr std::size_t max_depth = 64;
    static constexpr std::size_t max_statements = 1'000'000;

    Diagnostics &diagnostics_;
    Symbols symbols_;
    std::map<std::string, std::string, std::less<>> definitions_;
    std::set<std::string, std::less<>> options_;
    std::map<std::string, Macro, std::less<>> macros_;
    Streams streams_;
    std::size_t statements_ = 0;
    std::size_t scopes_ = 0;               ///< Given out so far.
    std::vector<std::size_t> scope_ = {0}; ///< Of local labels, innermost last.
    Position sbuf_where_;                  ///< Of .sbuf; line 0 without one.
    Position profile_where_;               ///< Of .profile; line 0 without one.
    Position cores_where_;                 ///< Of .cores; likewise.
};

} // namespace neuron::assembler
