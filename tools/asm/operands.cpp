// SPDX-License-Identifier: MIT
#include "operands.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include <encoding/ranges.hpp>

namespace neuron::assembler {
namespace {

struct FileOfNames {
    std::string_view prefix;
    std::string_view what;
    std::optional<std::uint32_t> (*number)(std::int64_t, Position, Diagnostics &);
};

constexpr FileOfNames register_file = {"r", "register", register_number};
constexpr FileOfNames semaphore_file = {"s", "semaphore", semaphore_number};

// rN, r[expression], or an alias.
std::optional<std::uint32_t> read_numbered(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics,
                                           const FileOfNames &file, const Alias *alias) {
    const Token &token = cursor.peek();
    if (token.kind == TokenKind::identifier && alias != nullptr) {
        cursor.take();
        return alias->number;
    }
    if (token.is_word(file.prefix) && cursor.peek(1).is("[")) {
        cursor.take();
        cursor.take();
        const auto value = evaluate(cursor, symbols, diagnostics);
        if (!value || !cursor.expect("]", diagnostics))
            return std::nullopt;
        return file.number(*value, token.at, diagnostics);
    }
    if (token.kind == TokenKind::identifier)
        if (const auto number = numbered(token.text, file.prefix)) {
            cursor.take();
            return file.number(*number, token.at, diagnostics);
        }
    diagnostics.error(token.at, fmt::format("expected a {}, found {}", file.what, shown(token)));
    return std::nullopt;
}

bool at_numbered(const Cursor &cursor, const FileOfNames &file, const Alias *alias) {
    const Token &token = cursor.peek();
    if (token.kind != TokenKind::identifier)
        return false;
    return alias != nullptr || numbered(token.text, file.prefix) ||
           (token.text == file.prefix && cursor.peek(1).is("["));
}

template<class E>
std::optional<E> read_enum(Cursor &cursor, Diagnostics &diagnostics, std::string_view what) {
    const Token &token = cursor.take();
    if (token.kind == TokenKind::identifier && lower(token.text) == token.text)
        if (const auto value = spec::parse<E>(upper(token.text)))
            return value;
    std::string known;
    for (const spec::EnumValueDesc &value : spec::enum_desc<E>().values)
        known += (known.empty() ? "" : ", ") + lower(value.name);
    diagnostics.error(token.at, fmt::format("expected {} ({}), found {}", what, known, shown(token)));
    return std::nullopt;
}

std::optional<Dimension> read_dimension(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics) {
    Dimension out;
    out.where = cursor.peek().at;
    const auto num = evaluate(cursor, symbols, diagnostics);
    if (!num)
        return std::nullopt;
    out.num = *num;
    if (!cursor.accept("@"))
        return out;
    out.step = evaluate(cursor, symbols, diagnostics);
    if (!out.step)
        return std::nullopt;
    return out;
}

std::optional<std::vector<Dimension>> read_dimensions(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics,
                                                      std::size_t most) {
    std::vector<Dimension> out;
    while (cursor.accept(",")) {
        const auto dimension = read_dimension(cursor, symbols, diagnostics);
        if (!dimension)
            return std::nullopt;
        if (out.size() == most) {
            diagnostics.error(dimension->where, fmt::format("too many dimensions; there are at most {}", most));
            return std::nullopt;
        }
        out.push_back(*dimension);
    }
    if (out.empty()) {
        diagnostics.error(cursor.peek().at,
                          fmt::format("expected ',' and a dimension, found {}", shown(cursor.peek())));
        return std::nullopt;
    }
    if (!cursor.expect("]", diagnostics))
        return std::nullopt;
    return out;
}

} // namespace

std::optional<std::uint32_t> read_register(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics) {
    return read_numbered(cursor, symbols, diagnostics, register_file, symbols.find_register(cursor.peek().text));
}

std::optional<std::uint32_t> read_semaphore(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics) {
    return read_numbered(cursor, symbols, diagnostics, semaphore_file, symbols.find_semaphore(cursor.peek().text));
}

bool at_register(const Cursor &cursor, const Symbols &symbols) {
    return at_numbered(cursor, register_file, symbols.find_register(cursor.peek().text));
}

bool at_semaphore(const Cursor &cursor, const Symbols &symbols) {
    return at_numbered(cursor, semaphore_file, symbols.find_semaphore(cursor.peek().text));
}

std::optional<Address> read_address(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics,
                                    bool shift_allowed) {
    Address out;
    out.where = cursor.peek().at;
    bool has_register = false;
    for (bool first = true;; first = false) {
        const Token &sign = cursor.peek();
        const bool minus = sign.is("-");
        if (minus || sign.is("+"))
            cursor.take();
        else if (!first)
            return out;
        if (!at_register(cursor, symbols)) {
            const auto term = evaluate(cursor, symbols, diagnostics, Level::term);
            if (!term)
                return std::nullopt;
            if (minus ? __builtin_sub_overflow(out.offset, *term, &out.offset)
                      : __builtin_add_overflow(out.offset, *term, &out.offset)) {
                diagnostics.error(sign.at, "offset does not fit 64 bits");
                return std::nullopt;
            }
            if (const Token &next = cursor.peek(); next.is("<<") || next.is(">>")) {
                diagnostics.error(next.at, "in an address only a register is shifted; "
                                           "put constants in parentheses");
                return std::nullopt;
            }
            continue;
        }
        if (minus || has_register) {
            diagnostics.error(cursor.peek().at,
                              minus ? "a register can only be added" : "only one register can be added");
            return std::nullopt;
        }
        has_register = true;
        const auto reg = read_register(cursor, symbols, diagnostics);
        if (!reg)
            return std::nullopt;
        out.reg = *reg;
        const Position at = cursor.peek().at;
        if (!cursor.accept("<<"))
            continue;
        const auto shift = evaluate(cursor, symbols, diagnostics, Level::primary);
        if (!shift)
            return std::nullopt;
        if (!shift_allowed) {
            diagnostics.error(at, "the register of a tile cannot be shifted");
            return std::nullopt;
        }
        if (!in_range(*shift, field_range<spec::Mem>("shift"), "shift", at, diagnostics))
            return std::nullopt;
        out.shift = static_cast<std::uint32_t>(*shift);
    }
}

std::optional<spec::Tile> read_tile_head(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics) {
    const auto space = read_enum<spec::Space>(cursor, diagnostics, "a tile's memory");
    if (!space || !cursor.expect(".", diagnostics))
        return std::nullopt;
    const auto dtype = read_enum<spec::Dtype>(cursor, diagnostics, "an element type");
    if (!dtype || !cursor.expect("[", diagnostics))
        return std::nullopt;
    const Position partitions = cursor.peek().at;
    const auto first = evaluate(cursor, symbols, diagnostics);
    if (!first || !cursor.expect(":", diagnostics))
        return std::nullopt;
    const auto end = evaluate(cursor, symbols, diagnostics);
    if (!end || !check_partitions(*first, *end, partitions, diagnostics) || !cursor.expect(",", diagnostics))
        return std::nullopt;
    const auto address = read_address(cursor, symbols, diagnostics, false);
    return address ? tile_head(*space, *dtype, *first, *end, *address, diagnostics) : std::nullopt;
}

std::optional<spec::Tile> read_tile(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics) {
    const Position start = cursor.peek().at;
    auto tile = read_tile_head(cursor, symbols, diagnostics);
    if (!tile)
        return std::nullopt;
    const auto dims = read_dimensions(cursor, symbols, diagnostics, tile->num.size());
    if (!dims || !place_tile(*tile, *dims, symbols.profile, start, diagnostics))
        return std::nullopt;
    return tile;
}

std::optional<std::uint32_t> read_argument(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics) {
    const Token &token = cursor.peek();
    if (token.kind == TokenKind::identifier) {
        if (const KernelParam *param = symbols.find_param(token.text)) {
            cursor.take();
            return param->index;
        }
        if (const auto number = numbered(token.text, "arg")) {
            cursor.take();
            return argument_number(*number, token.at, diagnostics);
        }
        if (symbols.find_constant(token.text) == nullptr) {
            std::string known;
            for (const KernelParam &param : symbols.params)
                known += (known.empty() ? "" : ", ") + param.name;
            diagnostics.error(token.at, fmt::format("'{}' is not a parameter; there {}", token.text,
                                                    known.empty() ? "are none (.param)" : "is " + known));
            return std::nullopt;
        }
    }
    const auto value = evaluate(cursor, symbols, diagnostics);
    if (!value)
        return std::nullopt;
    return argument_number(*value, token.at, diagnostics);
}

std::optional<MemBlock> read_mem(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics, bool one_element) {
    MemBlock out;
    out.where = cursor.peek().at;
    if (cursor.peek().kind != TokenKind::identifier) {
        diagnostics.error(out.where, fmt::format("expected a parameter, found {}", shown(cursor.peek())));
        return std::nullopt;
    }
    const auto arg = read_argument(cursor, symbols, diagnostics);
    if (!arg)
        return std::nullopt;
    out.arg = *arg;
    if (cursor.accept(".")) {
        out.dtype = read_enum<spec::Dtype>(cursor, diagnostics, "an element type");
        if (!out.dtype)
            return std::nullopt;
    }
    if (!cursor.expect("[", diagnostics))
        return std::nullopt;
    const auto address = read_address(cursor, symbols, diagnostics, true);
    if (!address)
        return std::nullopt;
    out.address = *address;
    if (one_element && cursor.accept("]")) {
        out.rows = {1, std::nullopt, out.where};
        out.dims = {out.rows};
        return out;
    }
    if (!cursor.expect(",", diagnostics))
        return std::nullopt;
    const auto rows = read_dimension(cursor, symbols, diagnostics);
    if (!rows)
        return std::nullopt;
    auto dims = read_dimensions(cursor, symbols, diagnostics, spec::Mem{}.num.size());
    if (!dims)
        return std::nullopt;
    out.rows = *rows;
    out.dims = std::move(*dims);
    return out;
}

} // namespace neuron::assembler
