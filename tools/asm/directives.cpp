// SPDX-License-Identifier: MIT
// Directives of one line.
#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "expression.hpp"
#include "operands.hpp"
#include "program.hpp"

namespace neuron::assembler {

const std::map<std::string, Program::Handler, std::less<>> &Program::directives() {
    static const std::map<std::string, Handler, std::less<>> table = {
        {"param", &Program::do_param}, {"option", &Program::do_option},   {"equ", &Program::do_equ},
        {"set", &Program::do_set},     {"engine", &Program::do_engine},   {"reg", &Program::do_reg},
        {"sem", &Program::do_sem},     {"sbuf", &Program::do_sbuf},       {"raw", &Program::do_raw},
        {"cores", &Program::do_cores}, {"error", &Program::do_error},     {"elif", &Program::stray_end},
        {"else", &Program::stray_end}, {"profile", &Program::do_profile}, {"endif", &Program::stray_end},
        {"endm", &Program::stray_end}, {"endr", &Program::stray_end},
    };
    return table;
}

void Program::stray_end(Cursor &cursor) {
    diagnostics_.error(cursor.peek().at, "this ends a block that was not opened");
}

std::optional<std::int64_t> Program::value(Cursor &cursor) { return evaluate(cursor, symbols_, diagnostics_); }

// Takes a name that is still free, and the comma behind it.
std::optional<std::string> Program::new_name(Cursor &cursor, std::string_view what) {
    const Token &token = cursor.take();
    if (token.kind != TokenKind::identifier) {
        fail(token, fmt::format("expected the name of {}, found {}", what, shown(token)));
        return std::nullopt;
    }
    if (const auto taken = symbols_.taken(token.text)) {
        fail(token, fmt::format("'{}' cannot name {}: it is {}", token.text, what, *taken));
        return std::nullopt;
    }
    return token.text;
}

// .param NAME, in|out|inout, dtype, dims… — or .param NAME, scalar
void Program::do_param(Cursor &cursor) {
    KernelParam param;
    const Token &name = cursor.peek();
    // A quoted name may be anything that fits; only an argN can refer to it then.
    if (name.kind == TokenKind::string) {
        param.name = cursor.take().text;
        if (symbols_.find_param(param.name) != nullptr)
            return fail(name, fmt::format("'{}' is already a parameter", param.name));
    } else if (const auto free = new_name(cursor, "a parameter"))
        param.name = *free;
    else
        return;
    if (!check_param_name(param.name, symbols_.params.size(), name.at, diagnostics_))
        return;
    if (!cursor.expect(",", diagnostics_))
        return;
    const Token &kind = cursor.take();
    const auto known =
        kind.kind == TokenKind::identifier ? spec::parse<spec::ParamKind>(upper(kind.text)) : std::nullopt;
    if (!known)
        return fail(kind, fmt::format("expected in, out, inout or scalar, found {}", shown(kind)));
    param.kind = *known;
    if (param.is_tensor() && !param_dims(cursor, param))
        return;
    if (!cursor.expect_end(diagnostics_))
        return;
    param.index = static_cast<std::uint16_t>(symbols_.params.size());
    symbols_.params.push_back(std::move(param));
}

bool Program::param_dims(Cursor &cursor, KernelParam &param) {
    if (!cursor.expect(",", diagnostics_))
        return false;
    const Token &type = cursor.take();
    const auto dtype = type.kind == TokenKind::identifier ? spec::parse<spec::Dtype>(upper(type.text)) : std::nullopt;
    if (!dtype) {
        fail(type, fmt::format("expected an element type, found {}", shown(type)));
        return false;
    }
    param.dtype = *dtype;
    while (cursor.accept(",")) {
        const Token &token = cursor.peek();
        const auto dim = value(cursor);
        if (!dim || !add_dimension(param, *dim, token.at, diagnostics_))
            return false;
    }
    return check_rank(param, type.at, diagnostics_);
}

// The value of -D. Errors in it belong to the command line, not to a line of the source.
std::optional<std::int64_t> Program::definition(const std::string &name, const std::string &text) {
    Diagnostics own;
    const std::vector<Line> lines = lex(text, own);
    if (lines.size() == 1 && !own.any()) {
        Cursor cursor(lines[0]);
        const auto number = evaluate(cursor, symbols_, own);
        if (number && cursor.at_end())
            return number;
    }
    diagnostics_.error({}, fmt::format("-D {}={}: the value is not a constant expression", name, text));
    return std::nullopt;
}

// .option NAME[, default]: a constant that -D sets.
void Program::do_option(Cursor &cursor) {
    const Token &token = cursor.peek();
    const auto name = new_name(cursor, "an option");
    if (!name)
        return;
    const bool has_default = cursor.accept(",");
    const auto fallback = has_default ? value(cursor) : std::nullopt;
    if ((has_default && !fallback) || !cursor.expect_end(diagnostics_))
        return;
    options_.insert(*name);
    // Known from here on even if it is wrong: one mistake is one error.
    Constant &constant = symbols_.constants[*name] = {1, false, token.at};
    if (const auto given = definitions_.find(*name); given != definitions_.end())
        constant.value = definition(*name, given->second).value_or(1);
    else if (fallback)
        constant.value = *fallback;
    else
        fail(token, fmt::format("{} has no default: give -D {}=VALUE", *name, *name));
}

void Program::do_equ(Cursor &cursor) {
    const Token &token = cursor.peek();
    const auto name = new_name(cursor, "a constant");
    if (!name || !cursor.expect(",", diagnostics_))
        return;
    const auto number = value(cursor);
    // Even a broken one is a name from now on, so that its uses do not repeat the error.
    symbols_.constants[*name] = {number.value_or(1), false, token.at};
    if (number)
        cursor.expect_end(diagnostics_);
}

void Program::do_set(Cursor &cursor) {
    const Token &token = cursor.peek();
    const Constant *old = symbols_.find_constant(token.text);
    std::optional<std::string> name;
    if (token.kind == TokenKind::identifier && old != nullptr && old->mutable_value)
        name = cursor.take().text;
    else
        name = new_name(cursor, "a variable");
    if (!name || !cursor.expect(",", diagnostics_))
        return;
    const auto number = value(cursor);
    symbols_.constants[*name] = {number.value_or(1), true, token.at};
    if (number)
        cursor.expect_end(diagnostics_);
}

void Program::do_engine(Cursor &cursor) {
    const Token &token = cursor.take();
    const auto engine =
        token.kind == TokenKind::identifier ? spec::parse<spec::Engine>(upper(token.text)) : std::nullopt;
    if (!engine) {
        std::string known;
        for (const spec::EnumValueDesc &value : spec::enum_desc<spec::Engine>().values)
            known += (known.empty() ? "" : ", ") + lower(value.name);
        return fail(token, fmt::format("expected an engine ({}), found {}", known, shown(token)));
    }
    symbols_.engine = *engine;
    cursor.expect_end(diagnostics_);
}

void Program::do_reg(Cursor &cursor) {
    const Token &token = cursor.peek();
    const auto name = new_name(cursor, "a register");
    if (!name || !cursor.expect(",", diagnostics_))
        return;
    const auto number = read_register(cursor, symbols_, diagnostics_);
    if (number && cursor.expect_end(diagnostics_))
        symbols_.register_scope()[*name] = {*number, token.at};
}

void Program::do_sem(Cursor &cursor) {
    const Token &token = cursor.peek();
    const auto name = new_name(cursor, "a semaphore");
    if (!name || !cursor.expect(",", diagnostics_))
        return;
    const auto number = read_semaphore(cursor, symbols_, diagnostics_);
    if (number && cursor.expect_end(diagnostics_))
        symbols_.semaphores[*name] = {*number, token.at};
}

// .sbuf BYTES: what the kernel needs per partition, for tiles that move with a register; 0: unknown.
void Program::do_sbuf(Cursor &cursor) {
    const Token &token = cursor.peek();
    const auto number = value(cursor);
    if (!number || !cursor.expect_end(diagnostics_))
        return;
    if (sbuf_where_.line != 0)
        return fail(token, fmt::format(".sbuf is already given at line {}", sbuf_where_.line));
    sbuf_where_ = token.at;
    streams_.declare_sbuf(*number, token.at);
}

// .cores N: how many cores a launch must name, for kernels whose cores wait for each other.
void Program::do_cores(Cursor &cursor) {
    const Token &token = cursor.peek();
    const auto number = value(cursor);
    if (!number || !cursor.expect_end(diagnostics_))
        return;
    if (cores_where_.line != 0)
        return fail(token, fmt::format(".cores is already given at line {}", cores_where_.line));
    cores_where_ = token.at;
    streams_.declare_cores(*number, token.at);
}

// .raw "hex bytes": an instruction as it is, for tests of the device and for disassembly of what has no text.
void Program::do_raw(Cursor &cursor) {
    const Token &token = cursor.take();
    if (!symbols_.engine)
        return fail(token, ".raw before .engine: say which sequencer runs it");
    if (token.kind != TokenKind::string)
        return fail(token, fmt::format("expected bytes in hexadecimal, in quotes, found {}", shown(token)));
    InstructionBytes bytes{};
    std::size_t digits = 0;
    for (const char c : token.text) {
        if (c == ' ')
            continue;
        const std::size_t digit = std::string_view("0123456789abcdef").find(lower({&c, 1}));
        if (digit == std::string_view::npos || digits == 2 * bytes.size())
            return fail(token, fmt::format(".raw takes up to {} bytes as pairs of hexadecimal digits", bytes.size()));
        std::byte &byte = bytes[digits++ / 2];
        byte = byte << 4 | static_cast<std::byte>(digit);
    }
    if (digits % 2 != 0)
        return fail(token, ".raw has an odd number of hexadecimal digits");
    if (cursor.expect_end(diagnostics_))
        streams_.append(*symbols_.engine, {.bytes = bytes}, token.at);
}

// .profile NAME: the chip that the kernel is for.
void Program::do_profile(Cursor &cursor) {
    const Token &token = cursor.take();
    const spec::ProfileDesc *profile =
        token.kind == TokenKind::identifier ? spec::find_profile(std::string_view(token.text)) : nullptr;
    if (profile == nullptr)
        return fail(token, fmt::format("expected a chip profile ({}), found {}", profile_names(), shown(token)));
    if (profile_where_.line != 0)
        return fail(token, fmt::format(".profile is already given at line {}", profile_where_.line));
    profile_where_ = token.at;
    if (symbols_.profile != nullptr && symbols_.profile != profile)
        return fail(token,
                    fmt::format("the kernel is for {}, but --profile says {}", profile->name, symbols_.profile->name));
    if (!streams_.empty())
        return fail(token, ".profile comes before the first instruction");
    symbols_.profile = profile;
    cursor.expect_end(diagnostics_);
}

void Program::do_error(Cursor &cursor) {
    const Token &token = cursor.take();
    fail(token, token.kind == TokenKind::string ? token.text
                                                : fmt::format("expected a text in quotes, found {}", shown(token)));
}

} // namespace neuron::assembler
