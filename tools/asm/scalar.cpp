// SPDX-License-Identifier: MIT
#include "scalar.hpp"

#include <array>
#include <limits>

#include <fmt/format.h>

#include "expression.hpp"
#include "operands.hpp"
#include <encoding/fp32.hpp>

namespace neuron::assembler {
namespace {

using spec::Dtype;
using spec::ScalarKind;

// Types of numbers and registers; a column may have any.
constexpr std::array<Dtype, 3> word_types = {Dtype::F32, Dtype::I32, Dtype::U32};

std::optional<Dtype> word_type(const Token &token) {
    for (const Dtype type : word_types)
        if (token.is_word(lower(spec::name(type))))
            return type;
    return std::nullopt;
}

// `f32:` and the like.
std::optional<Dtype> at_type(const Cursor &cursor) {
    return cursor.peek(1).is(":") ? word_type(cursor.peek()) : std::nullopt;
}

bool at_space(const Cursor &cursor) {
    const Token &token = cursor.peek();
    return token.kind == TokenKind::identifier && cursor.peek(1).is(".") &&
           spec::parse<spec::Space>(upper(token.text)).has_value();
}

// Bits of the number behind `type:`.
std::optional<std::uint32_t> read_bits(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics, Dtype type) {
    const Token &token = cursor.peek();
    if (type == Dtype::F32 && (token.kind == TokenKind::real || token.is_word("inf") || token.is_word("nan"))) {
        diagnostics.error(token.at, fmt::format("f32: takes bits or a register; write {} alone", token.text));
        return std::nullopt;
    }
    const auto value = evaluate(cursor, symbols, diagnostics);
    if (!value)
        return std::nullopt;
    const bool is_signed = type == Dtype::I32;
    const std::int64_t low = is_signed ? std::numeric_limits<std::int32_t>::min() : 0;
    const std::int64_t high =
        is_signed ? std::numeric_limits<std::int32_t>::max() : std::int64_t{std::numeric_limits<std::uint32_t>::max()};
    if (*value >= low && *value <= high)
        return static_cast<std::uint32_t>(*value);
    diagnostics.error(token.at, fmt::format("{}:{} is not in {}..{}", lower(spec::name(type)), *value, low, high));
    return std::nullopt;
}

// A whole number that fp32 holds.
std::optional<std::uint32_t> read_whole(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics) {
    const Token &token = cursor.peek();
    const auto value = evaluate(cursor, symbols, diagnostics);
    if (!value)
        return std::nullopt;
    const auto bits = fp32_exact(*value);
    if (!bits)
        diagnostics.error(token.at, fmt::format("fp32 has no {}; write {}.0 for the nearest number", *value, *value));
    return bits;
}

std::optional<ScalarOperand> read_column(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics) {
    const Position start = cursor.peek().at;
    const auto head = read_tile_head(cursor, symbols, diagnostics);
    if (!head)
        return std::nullopt;
    if (cursor.peek().is(",")) {
        diagnostics.error(cursor.peek().at, "a column has no dimensions: it is one element per partition");
        return std::nullopt;
    }
    if (!cursor.expect("]", diagnostics) || !check_tile(*head, symbols.profile, start, diagnostics))
        return std::nullopt;
    return column(*head);
}

std::optional<ScalarOperand> read_typed(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics, Dtype type) {
    ScalarOperand out;
    out.scalar.dtype = type;
    cursor.take();
    cursor.take();
    const bool is_register = at_register(cursor, symbols);
    const auto value =
        is_register ? read_register(cursor, symbols, diagnostics) : read_bits(cursor, symbols, diagnostics, type);
    if (!value)
        return std::nullopt;
    if (is_register) {
        out.scalar.kind = ScalarKind::REG;
        out.scalar.reg = static_cast<std::uint8_t>(*value);
    } else {
        out.scalar.value = *value;
    }
    return out;
}

std::optional<ScalarOperand> read_number(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics) {
    if (at_register(cursor, symbols)) {
        const std::string &name = cursor.peek().text;
        diagnostics.error(cursor.peek().at,
                          fmt::format("register '{0}' needs its type: f32:{0}, i32:{0} or u32:{0}", name));
        return std::nullopt;
    }
    const auto bits = read_fp32(cursor, symbols, diagnostics);
    if (!bits)
        return std::nullopt;
    ScalarOperand out;
    out.scalar = no_scalar();
    out.scalar.value = *bits;
    return out;
}

} // namespace

std::optional<std::uint32_t> read_fp32(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics) {
    if (at_type(cursor) == Dtype::F32) {
        cursor.take();
        cursor.take();
        return read_bits(cursor, symbols, diagnostics, Dtype::F32);
    }
    const bool has_sign = cursor.peek().is("-") || cursor.peek().is("+");
    const Token &number = cursor.peek(has_sign ? 1 : 0);
    if (number.kind != TokenKind::real && !number.is_word("inf") && !number.is_word("nan"))
        return read_whole(cursor, symbols, diagnostics);
    const bool negative = cursor.peek().is("-");
    if (has_sign)
        cursor.take();
    cursor.take();
    const std::uint32_t sign = negative ? fp32_sign : 0;
    if (number.is_word("inf"))
        return fp32_infinity | sign;
    if (number.is_word("nan")) {
        if (!has_sign)
            return fp32_nan;
        diagnostics.error(number.at, fmt::format("nan has no sign; write its bits: f32:{:#x}", fp32_nan | sign));
        return std::nullopt;
    }
    const auto bits = fp32_nearest(number.text);
    if (bits)
        return *bits | sign;
    diagnostics.error(number.at, fmt::format("{} is out of the range of fp32", shown(number)));
    return std::nullopt;
}

std::optional<ScalarOperand> read_scalar(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics) {
    const Position where = cursor.peek().at;
    const auto type = at_type(cursor);
    auto out = at_space(cursor) ? read_column(cursor, symbols, diagnostics)
               : type           ? read_typed(cursor, symbols, diagnostics, *type)
                                : read_number(cursor, symbols, diagnostics);
    if (out)
        out->where = where;
    return out;
}

} // namespace neuron::assembler
