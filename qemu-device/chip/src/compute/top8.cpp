// SPDX-License-Identifier: MIT
// MAX8, FIND_INDEX8, MATCH_REPLACE8, MATCH_REPLACE8_INDEX: eight values of a row, and where they occur.
#include "compute/instructions.hpp"
#include "compute/operand_checks.hpp"
#include "compute/rows.hpp"
#include "compute/top8_kernel.hpp"
#include "compute/walk.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <span>

namespace neuron::chip {

namespace {

constexpr std::uint32_t EIGHT = 8;

using Values = std::array<float, EIGHT>;
using Indices = std::array<std::uint32_t, EIGHT>;

constexpr std::uint32_t NONE = std::numeric_limits<std::uint32_t>::max();

// ---- where eight values occur ----

std::uint32_t find_from(std::span<const float> row, std::size_t first, float value) {
    const std::size_t found = find_equal(row.data(), first, row.size(), value);
    return found == row.size() ? NONE : static_cast<std::uint32_t>(found);
}

// The index of each value in the order that `order` gives: the lowest that none before it took. Only
// an equal value can have taken a match, and equal values take theirs in ascending order.
Indices find_all(std::span<const float> row, const Values &values, const std::array<unsigned, EIGHT> &order) {
    Indices found;
    for (unsigned turn = 0; turn < EIGHT; ++turn) {
        const float value = values[order[turn]];
        std::uint32_t &index = found[order[turn]];
        std::size_t first = 0;
        for (unsigned before = 0; before < turn; ++before) {
            if (values[order[before]] == value) {
                first = found[order[before]] == NONE ? row.size() : std::size_t{found[order[before]]} + 1;
            }
        }
        index = find_from(row, first, value);
    }
    return found;
}

constexpr std::array<unsigned, EIGHT> ASCENDING{0, 1, 2, 3, 4, 5, 6, 7};
constexpr std::array<unsigned, EIGHT> DESCENDING{7, 6, 5, 4, 3, 2, 1, 0};

Values take_values(const float *row) {
    Values values;
    std::copy_n(row, EIGHT, values.begin());
    return values;
}

// `view` is a tile of eight U16 or U32.
void store_indices(ExecContext &context, const TileView &view, unsigned row, const Indices &indices) {
    if (view.element_bytes() == sizeof(std::uint32_t)) {
        return store_row(context, view, row, reinterpret_cast<const std::byte *>(indices.data()));
    }
    std::array<std::uint16_t, EIGHT> low;
    std::ranges::transform(indices, low.begin(), [](std::uint32_t i) { return static_cast<std::uint16_t>(i); });
    store_row(context, view, row, reinterpret_cast<const std::byte *>(low.data()));
}

struct MatchReplace {
    const TileView &dst;
    const TileView &src;
    const TileView &values;
    const TileView *index; ///< or null
    float replacement;
};

void match_replace(ExecContext &context, const MatchReplace &op) {
    RowReader src(context, op.src, 0);
    RowReader values(context, op.values, 2);
    RowWriter dst(context, op.dst, 4, false);
    for (unsigned row = 0; row < op.dst.partitions(); ++row) {
        const std::span<const float> in(src.read(row), op.src.elements());
        const Indices found = find_all(in, take_values(values.read(row)), DESCENDING);
        float *const out = dst.begin(row);
        std::ranges::copy(in, out);
        for (const std::uint32_t index : found) {
            if (index != NONE) {
                out[index] = op.replacement;
            }
        }
        dst.end();
        if (op.index != nullptr) {
            store_indices(context, *op.index, row, found);
        }
    }
}

// The eight elements from the column on, as a tile.
spec::Tile values_tile(const spec::Scalar &column, unsigned partitions) {
    spec::Tile tile;
    tile.offset = column.value;
    tile.reg = column.reg;
    tile.partition = column.partition;
    tile.partitions = static_cast<std::uint8_t>(partitions);
    tile.space = column.space;
    tile.dtype = column.dtype;
    tile.step = {1, 0, 0, 0};
    tile.num = {EIGHT, 1, 1, 1};
    return tile;
}

} // namespace

ExecResult execute(ExecContext &context, const spec::InsnMax8 &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto src = checks.tile(insn.src, "src");
    if (checks.ok()) {
        checks.require(same_partitions(*dst, *src), "src");
    }
    if (!checks.ok()) {
        return checks.failure();
    }
    RowReader in(context, *src, 0);
    RowWriter out(context, *dst, 2, true); // a row is read as a whole first
    for (unsigned row = 0; row < src->partitions(); ++row) {
        const Values largest = eight_largest(in.read(row), src->elements());
        std::ranges::copy(largest, out.begin(row));
        out.end(true);
    }
    return {};
}

ExecResult execute(ExecContext &context, const spec::InsnFindIndex8 &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto values = checks.tile(insn.values, "values");
    const auto src = checks.tile(insn.src, "src");
    if (checks.ok()) {
        checks.require(same_partitions(*dst, *values), "values");
        checks.require(same_partitions(*dst, *src) && !(in_psum(*values) && in_psum(*src)), "src");
    }
    if (!checks.ok()) {
        return checks.failure();
    }
    RowReader in(context, *src, 0);
    RowReader wanted(context, *values, 2);
    for (unsigned row = 0; row < src->partitions(); ++row) {
        const std::span<const float> elements(in.read(row), src->elements());
        store_indices(context, *dst, row, find_all(elements, take_values(wanted.read(row)), ASCENDING));
    }
    return {};
}

ExecResult execute(ExecContext &context, const spec::InsnMatchReplace8 &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto src = checks.tile(insn.src, "src");
    const auto values = checks.tile(insn.values, "values");
    if (checks.ok()) {
        checks.require(same_shape(*dst, *src), "src");
        checks.require(same_partitions(*dst, *values) && !(in_psum(*values) && in_psum(*src)), "values");
    }
    if (!checks.ok()) {
        return checks.failure();
    }
    match_replace(context, {*dst, *src, *values, nullptr, std::bit_cast<float>(insn.imm)});
    return {};
}

ExecResult execute(ExecContext &context, const spec::InsnMatchReplace8Index &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto src = checks.tile(insn.src, "src");
    const auto index = checks.tile(insn.index, "index");
    const auto values = checks.tile(values_tile(insn.values, insn.dst.partitions), "values");
    if (checks.ok()) {
        checks.require(same_shape(*dst, *src), "src");
        checks.require(same_partitions(*dst, *index) && !may_share_bytes(*dst, *index), "index");
        checks.require(!(in_psum(*values) && in_psum(*src)), "values");
    }
    if (!checks.ok()) {
        return checks.failure();
    }
    match_replace(context, {*dst, *src, *values, &*index, std::bit_cast<float>(insn.imm)});
    return {};
}

} // namespace neuron::chip
