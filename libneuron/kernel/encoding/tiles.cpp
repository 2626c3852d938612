// SPDX-License-Identifier: MIT
#include "tiles.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>

#include <neuron/builder/geometry.hpp>

#include "ranges.hpp"

namespace neuron::encoding {
namespace {

constexpr spec::RangeDesc partition_range = {0, spec::PARTITIONS};

struct FileOfNames {
    std::string_view prefix;
    std::string_view what;
    std::uint32_t count;
};

std::optional<std::uint32_t> in_file(std::int64_t value, const FileOfNames &file, Position at,
                                     Diagnostics &diagnostics) {
    if (value >= 0 && value < file.count)
        return static_cast<std::uint32_t>(value);
    diagnostics.error(at, fmt::format("there is no {0} {1}{2}; they are {1}0..{1}{3}", file.what, file.prefix, value,
                                      file.count - 1));
    return std::nullopt;
}

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

std::optional<std::uint32_t> register_number(std::int64_t value, Position at, Diagnostics &diagnostics) {
    return in_file(value, {"r", "register", spec::SEQ_REGISTERS}, at, diagnostics);
}

std::optional<std::uint32_t> semaphore_number(std::int64_t value, Position at, Diagnostics &diagnostics) {
    return in_file(value, {"s", "semaphore", spec::SEMAPHORES}, at, diagnostics);
}

std::optional<std::uint32_t> semaphore_value(std::int64_t value, Position at, Diagnostics &diagnostics) {
    if (!in_range(value, range_of_type<std::uint32_t>, "semaphore value", at, diagnostics))
        return std::nullopt;
    return static_cast<std::uint32_t>(value);
}

std::optional<std::uint32_t> argument_number(std::int64_t value, Position at, Diagnostics &diagnostics) {
    return in_file(value, {"arg", "launch argument", spec::LAUNCH_ARGS}, at, diagnostics);
}

bool check_partitions(std::int64_t first, std::int64_t end, Position at, Diagnostics &diagnostics) {
    // The bounds are checked before the subtraction, which could overflow.
    if (!in_range(first, partition_range, "partition", at, diagnostics) ||
        !in_range(end, partition_range, "partition", at, diagnostics))
        return false;
    const std::int64_t count = end - first;
    if (count < 1) {
        diagnostics.error(at, fmt::format("partitions {}:{} are not within 0:{}", first, end, spec::PARTITIONS));
        return false;
    }
    const std::int64_t unit = builder::partition_unit(count);
    if (first % unit == 0)
        return true;
    diagnostics.error(at, fmt::format("{} partitions may not start at {}: the "
                                      "start must be a multiple of {}",
                                      count, first, unit));
    return false;
}

std::optional<spec::Tile> tile_head(spec::Space space, spec::Dtype dtype, std::int64_t first, std::int64_t end,
                                    const Address &address, Diagnostics &diagnostics) {
    if (!in_range(address.offset, range_of_type<std::uint32_t>, "byte offset", address.where, diagnostics))
        return std::nullopt;
    spec::Tile tile;
    tile.num.fill(1);
    tile.space = space;
    tile.dtype = dtype;
    tile.partition = static_cast<std::uint8_t>(first);
    tile.partitions = static_cast<std::uint8_t>(end - first);
    tile.offset = static_cast<std::uint32_t>(address.offset);
    tile.reg = static_cast<std::uint8_t>(address.reg);
    return tile;
}

Extent extent_of(const spec::Tile &tile) {
    const std::int64_t size = spec::bytes(tile.dtype);
    Extent out = {tile.offset, std::int64_t{tile.offset} + size};
    for (std::size_t i = 0; i < tile.num.size(); ++i) {
        const std::int64_t span = std::int64_t{tile.num[i] - 1} * tile.step[i] * size;
        (span < 0 ? out.low : out.high) += span;
    }
    return out;
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
    const auto [low, high] = extent_of(tile);
    if (low >= 0 && high <= room.bytes)
        return true;
    return fail(fmt::format("tile covers bytes {}..{} of each partition, outside {}", low, high - 1, room.name));
}

bool place_tile(spec::Tile &tile, const std::vector<Dimension> &dims, const spec::ProfileDesc *profile, Position at,
                Diagnostics &diagnostics) {
    return place(dims, 1, "step", tile.num, tile.step, diagnostics) && check_tile(tile, profile, at, diagnostics);
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

std::optional<spec::Mem> place_mem(const MemBlock &block, spec::Dtype type, Diagnostics &diagnostics) {
    spec::Mem mem;
    const std::int64_t element = spec::bytes(block.dtype.value_or(type));
    const auto next = place(block.dims, element, "stride", mem.num, mem.stride, diagnostics);
    if (!next)
        return std::nullopt;
    const std::int64_t stride = block.rows.step ? *block.rows.step : block.rows.num == 1 ? 0 : *next;
    if (!in_range(stride, range_of_type<std::int32_t>, "stride", block.rows.where, diagnostics))
        return std::nullopt;
    mem.offset = block.address.offset;
    mem.arg = static_cast<std::uint8_t>(block.arg);
    mem.reg = static_cast<std::uint8_t>(block.address.reg);
    mem.shift = static_cast<std::uint8_t>(block.address.shift);
    mem.dtype = block.dtype ? spec::raw(*block.dtype) : 0;
    mem.partition_stride = static_cast<std::int32_t>(stride);
    return mem;
}

bool check_mem(const MemBlock &block, const spec::Mem &mem, const BlockShape &shape, Diagnostics &diagnostics) {
    if (block.rows.num != shape.rows) {
        diagnostics.error(block.rows.where, fmt::format("{} rows here, but {}", block.rows.num,
                                                        fmt::format(fmt::runtime(shape.rows_text), shape.rows)));
        return false;
    }
    const std::int64_t here = elements_of(mem);
    if (here == shape.elements)
        return true;
    diagnostics.error(block.where, fmt::format("{} elements per row here, but {}", here,
                                               fmt::format(fmt::runtime(shape.elements_text), shape.elements)));
    return false;
}

std::int64_t elements_of(const spec::Mem &mem) { return elements(mem.num); }

std::int64_t elements_of(const spec::Tile &tile) { return elements(tile.num); }

ScalarOperand column(const spec::Tile &head) {
    ScalarOperand out;
    out.partitions = head.partitions;
    out.scalar.kind = spec::ScalarKind::VECTOR;
    out.scalar.value = head.offset;
    out.scalar.reg = head.reg;
    out.scalar.partition = head.partition;
    out.scalar.space = head.space;
    out.scalar.dtype = head.dtype;
    return out;
}

spec::Scalar no_scalar() {
    spec::Scalar out;
    out.kind = spec::ScalarKind::IMM;
    out.dtype = spec::Dtype::F32;
    return out;
}

spec::Tile column_tile(const spec::Scalar &scalar, std::uint32_t partitions) {
    spec::Tile out;
    out.offset = scalar.value;
    out.reg = scalar.reg;
    out.partition = scalar.partition;
    out.partitions = static_cast<std::uint8_t>(partitions);
    out.space = scalar.space;
    out.dtype = scalar.dtype;
    out.num.fill(1);
    return out;
}

} // namespace neuron::encoding
