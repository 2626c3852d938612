// SPDX-License-Identifier: MIT
#include "operands.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "ranges.hpp"

namespace neuron::assembler {
namespace {

struct FileOfNames {
    std::string_view prefix;
    std::string_view what;
    std::uint32_t count;
};

constexpr FileOfNames register_file = {"r", "register", spec::SEQ_REGISTERS};
constexpr FileOfNames semaphore_file = {"s", "semaphore", spec::SEMAPHORES};

std::optional<std::uint32_t> in_file(std::int64_t value, const FileOfNames &file, Position at,
                                     Diagnostics &diagnostics) {
    if (value >= 0 && value < file.count)
        return static_cast<std::uint32_t>(value);
    diagnostics.error(at, fmt::format("there is no {0} {1}{2}; they are {1}0..{1}{3}", file.what, file.prefix, value,
                                      file.count - 1));
    return std::nullopt;
}

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
        return in_file(*value, file, token.at, diagnostics);
    }
    if (token.kind == TokenKind::identifier)
        if (const auto number = numbered(token.text, file.prefix)) {
            cursor.take();
            return in_file(*number, file, token.at, diagnostics);
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

template<class T>
constexpr spec::RangeDesc range_of_type = {std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};

constexpr spec::RangeDesc partition_range = {0, spec::PARTITIONS};

/**
 * Fills num and step from the dimensions, which come outermost first while the hardware counts from the innermost.
 * Without a step a dimension follows the ones inside it without a gap, where `unit` is the innermost step. A dimension
 * of one index has step 0, because its step has no meaning. Returns what a further dimension's step would be.
 */
template<class Num, class Step, std::size_t Most>
std::optional<std::int64_t> place(const std::vector<Dimension> &dims, std::int64_t unit, std::string_view step_name,
                                  std::array<Num, Most> &nums, std::array<Step, Most> &steps,
                                  Diagnostics &diagnostics) {
    nums.fill(1);
    steps.fill(0);
    std::int64_t next = unit;
    for (std::size_t i = 0; i < dims.size(); ++i) {
        const Dimension &dimension = dims[dims.size() - 1 - i];
        if (!in_range(dimension.num, {1, std::numeric_limits<Num>::max()}, "dimension", dimension.where, diagnostics))
            return std::nullopt;
        const std::int64_t step = dimension.step ? *dimension.step : dimension.num == 1 ? 0 : next;
        if (!in_range(step, range_of_type<Step>, step_name, dimension.where, diagnostics))
            return std::nullopt;
        nums[i] = static_cast<Num>(dimension.num);
        steps[i] = static_cast<Step>(step);
        if (dimension.num != 1 && __builtin_mul_overflow(dimension.num, step, &next))
            next = std::numeric_limits<std::int64_t>::max();
    }
    return next;
}

bool check_partitions(std::int64_t first, std::int64_t count, Position at, Diagnostics &diagnostics) {
    constexpr std::int64_t all = spec::PARTITIONS;
    if (count < 1 || first < 0 || first + count > all) {
        diagnostics.error(at, fmt::format("partitions {}:{} are not within 0:{}", first, first + count, all));
        return false;
    }
    // The PE array and the lanes come in quarters.
    const std::int64_t unit = count > all / 2 ? all : count > all / 4 ? all / 2 : all / 4;
    if (first % unit == 0)
        return true;
    diagnostics.error(at, fmt::format("{} partitions may not start at {}: the "
                                      "start must be a multiple of {}",
                                      count, first, unit));
    return false;
}

std::int64_t elements(const auto &nums) {
    std::int64_t out = 1;
    for (const auto num : nums)
        if (__builtin_mul_overflow(out, num, &out))
            return std::numeric_limits<std::int64_t>::max();
    return out;
}

/// A memory that tiles lie in, as far as it is known.
struct Room {
    std::int64_t bytes = 0; ///< Per partition.
    std::string name;
};

Room room_of(spec::Space space, const spec::ProfileDesc *profile) {
    if (space == spec::Space::PSUM)
        return {spec::PSUM_BYTES, std::string(spec::name(space))};
    const auto largest = std::ranges::max_element(spec::profiles(), {}, &spec::ProfileDesc::sbuf_bytes);
    const std::uint32_t bytes = profile != nullptr ? profile->sbuf_bytes : largest->sbuf_bytes;
    return {bytes, fmt::format("{} of {} ({} bytes)", spec::name(space),
                               profile != nullptr ? profile->name : "the largest chip", bytes)};
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
    spec::Tile tile;
    tile.num.fill(1);
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
    // The bounds are checked before the subtraction, which could overflow.
    if (!end || !in_range(*first, partition_range, "partition", partitions, diagnostics) ||
        !in_range(*end, partition_range, "partition", partitions, diagnostics) ||
        !check_partitions(*first, *end - *first, partitions, diagnostics) || !cursor.expect(",", diagnostics))
        return std::nullopt;
    const auto address = read_address(cursor, symbols, diagnostics, false);
    if (!address ||
        !in_range(address->offset, range_of_type<std::uint32_t>, "byte offset", address->where, diagnostics))
        return std::nullopt;
    tile.space = *space;
    tile.dtype = *dtype;
    tile.partition = static_cast<std::uint8_t>(*first);
    tile.partitions = static_cast<std::uint8_t>(*end - *first);
    tile.offset = static_cast<std::uint32_t>(address->offset);
    tile.reg = static_cast<std::uint8_t>(address->reg);
    return tile;
}

bool check_tile(const spec::Tile &tile, const spec::ProfileDesc *profile, Position at, Diagnostics &diagnostics) {
    const auto fail = [&](std::string message) {
        diagnostics.error(at, std::move(message));
        return false;
    };
    const std::int64_t size = spec::bytes(tile.dtype);
    const Room room = room_of(tile.space, profile);
    const std::int64_t walk = elements_of(tile);
    if (walk > room.bytes / size)
        return fail(fmt::format("a walk of {} elements: at most {}, as many as fit into a partition of {}", walk,
                                room.bytes / size, room.name));
    if (tile.reg != 0) // which only adds
        return tile.offset < room.bytes || fail(fmt::format("byte offset {} lies outside {}", tile.offset, room.name));
    if (tile.offset % size != 0)
        return fail(fmt::format("byte offset {} is not a multiple of the element size {}", tile.offset, size));
    std::int64_t low = 0, high = 0;
    for (std::size_t i = 0; i < tile.num.size(); ++i) {
        const std::int64_t span = std::int64_t{tile.num[i] - 1} * tile.step[i] * size;
        (span < 0 ? low : high) += span;
    }
    low += tile.offset;
    high += std::int64_t{tile.offset} + size;
    if (low >= 0 && high <= room.bytes)
        return true;
    return fail(fmt::format("tile covers bytes {}..{} of each partition, outside {}", low, high - 1, room.name));
}

std::optional<spec::Tile> read_tile(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics) {
    const Position start = cursor.peek().at;
    auto tile = read_tile_head(cursor, symbols, diagnostics);
    if (!tile)
        return std::nullopt;
    const auto dims = read_dimensions(cursor, symbols, diagnostics, tile->num.size());
    if (!dims || !place(*dims, 1, "step", tile->num, tile->step, diagnostics) ||
        !check_tile(*tile, symbols.profile, start, diagnostics))
        return std::nullopt;
    return tile;
}

std::uint32_t sbuf_end(const spec::Tile &tile) {
    if (tile.space != spec::Space::SBUF)
        return 0;
    const std::uint64_t size = spec::bytes(tile.dtype);
    std::uint64_t end = tile.offset + size;
    for (std::size_t i = 0; i < tile.num.size(); ++i)
        if (tile.step[i] > 0 && tile.num[i] > 0)
            end += (tile.num[i] - 1u) * static_cast<std::uint64_t>(tile.step[i]) * size;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(end, std::numeric_limits<std::uint32_t>::max()));
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
            return in_file(*number, {"arg", "launch argument", spec::LAUNCH_ARGS}, token.at, diagnostics);
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
    return in_file(*value, {"arg", "launch argument", spec::LAUNCH_ARGS}, token.at, diagnostics);
}

std::optional<MemText> read_mem(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics, bool one_element) {
    MemText out;
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

std::optional<spec::Mem> place_mem(const MemText &text, spec::Dtype type, Diagnostics &diagnostics) {
    spec::Mem mem;
    const std::int64_t element = spec::bytes(text.dtype.value_or(type));
    const auto next = place(text.dims, element, "stride", mem.num, mem.stride, diagnostics);
    if (!next)
        return std::nullopt;
    const std::int64_t stride = text.rows.step ? *text.rows.step : text.rows.num == 1 ? 0 : *next;
    if (!in_range(stride, range_of_type<std::int32_t>, "stride", text.rows.where, diagnostics))
        return std::nullopt;
    mem.offset = text.address.offset;
    mem.arg = static_cast<std::uint8_t>(text.arg);
    mem.reg = static_cast<std::uint8_t>(text.address.reg);
    mem.shift = static_cast<std::uint8_t>(text.address.shift);
    mem.dtype = text.dtype ? spec::raw(*text.dtype) : 0;
    mem.partition_stride = static_cast<std::int32_t>(stride);
    return mem;
}

bool check_mem(const MemText &text, const spec::Mem &mem, const BlockShape &shape, Diagnostics &diagnostics) {
    if (text.rows.num != shape.rows) {
        diagnostics.error(text.rows.where, fmt::format("{} rows here, but {}", text.rows.num,
                                                       fmt::format(fmt::runtime(shape.rows_text), shape.rows)));
        return false;
    }
    const std::int64_t here = elements_of(mem);
    if (here == shape.elements)
        return true;
    diagnostics.error(text.where, fmt::format("{} elements per row here, but {}", here,
                                              fmt::format(fmt::runtime(shape.elements_text), shape.elements)));
    return false;
}

std::int64_t elements_of(const spec::Mem &mem) { return elements(mem.num); }

std::int64_t elements_of(const spec::Tile &tile) { return elements(tile.num); }

} // namespace neuron::assembler
