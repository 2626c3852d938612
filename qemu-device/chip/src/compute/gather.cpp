// SPDX-License-Identifier: MIT
// GATHER and LOCAL_GATHER.
#include "compute/dma_tile.hpp"
#include "compute/gather_kernel.hpp"
#include "compute/instructions.hpp"
#include "compute/operand_checks.hpp"
#include "compute/raw_rows.hpp"
#include "compute/walk.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>

namespace neuron::chip {

namespace {

// Indices lie in memory that other engines and transfers may change at any time: whoever uses one looks at it again, and
// at a copy.
constexpr unsigned SRC_SCRATCH = 0;
constexpr unsigned INDEX_SCRATCH = 1;
constexpr unsigned RESULT_SCRATCH = 2;

constexpr unsigned GROUP = 16;         // partitions that share their indices
constexpr unsigned MAX_INDICES = 4096; // of a LOCAL_GATHER

std::span<const std::uint32_t> read_indices(ExecContext &context, const TileView &index, unsigned row) {
    const std::byte *const raw = row_bytes_of(context, index, row, INDEX_SCRATCH, false);
    return {reinterpret_cast<const std::uint32_t *>(raw), index.elements()};
}

ExecResult check_below(std::span<const std::uint32_t> indices, std::uint32_t limit) {
    if (all_below(indices.data(), indices.size(), limit)) {
        return {};
    }
    return fault(spec::Fault::INDEX_RANGE, *std::ranges::find_if(indices, [=](auto index) { return index >= limit; }));
}

// Before anything is written. What is read in place may be another value when it is read again.
ExecResult check_all_indices(ExecContext &context, const TileView &index, std::uint32_t limit) {
    const RowAddresses rows(context.memory, index);
    for (unsigned row = 0; row < index.partitions(); ++row) {
        rows.prefetch_after<false>(row);
        if (index.contiguous() &&
            all_below(reinterpret_cast<const std::uint32_t *>(rows.at(row)), index.elements(), limit)) {
            continue;
        }
        if (const auto legal = check_below(read_indices(context, index, row), limit); !legal) {
            return legal;
        }
    }
    return {};
}

// A row's inputs are all read before it is written: where it shares bytes with them, that takes a copy.
ExecResult gather_row(ExecContext &context, const TileView &dst, const TileView &src, const TileView &index,
                      unsigned row) {
    const auto *const indices = reinterpret_cast<const std::uint32_t *>(
        row_bytes_of(context, index, row, INDEX_SCRATCH, !may_share_bytes(dst, index)));
    const std::byte *const in = row_bytes_of(context, src, row, SRC_SCRATCH, true);
    const bool in_place = dst.contiguous() && !may_share_bytes(dst, src);
    std::byte *const out = in_place ? row_in_place(context.memory, dst, row).data()
                                    : context.memory.scratch(context.engine, RESULT_SCRATCH).data();
    if (const auto bad = gather_elements(src.element_bytes(), out, in, src.elements(), indices, dst.elements())) {
        return fault(spec::Fault::INDEX_RANGE, *bad);
    }
    if (!in_place) {
        store_row(context, dst, row, out);
    }
    return {};
}

// ---- LOCAL_GATHER ----

struct LocalGather {
    const TileView &dst;
    const TileView &src;
    const TileView &index;
    std::uint32_t run;
    std::uint32_t indices; ///< that are used
};

using IndexList = std::array<std::uint32_t, MAX_INDICES>;

// The indices of the group that starts at row `first`, in the order of their use. Reads no more
// columns than are needed.
void read_list(ExecContext &context, const LocalGather &op, unsigned first, IndexList &list) {
    const std::uint32_t columns = (op.indices + GROUP - 1) / GROUP;
    std::array<std::uint16_t, MAX_INDICES / GROUP> row;
    for (unsigned p = 0; p < GROUP; ++p) {
        gather_part(context.memory, op.index, first + p, 0, columns, reinterpret_cast<std::byte *>(row.data()));
        for (std::uint32_t column = 0; column < columns; ++column) {
            list[column * GROUP + p] = row[column];
        }
    }
}

ExecResult check_list(const LocalGather &op, const IndexList &list) {
    for (std::uint32_t k = 0; k < op.indices; ++k) {
        if (list[k] + op.run > op.src.elements()) {
            return fault(spec::Fault::INDEX_RANGE, list[k]);
        }
    }
    return {};
}

template<std::size_t BYTES>
void copy_runs(std::byte *out, const std::byte *in, std::size_t element_bytes, const IndexList &list,
               std::uint32_t count) {
    for (std::uint32_t k = 0; k < count; ++k) {
        std::memcpy(out + k * BYTES, in + list[k] * element_bytes, BYTES);
    }
}

// The list has been checked.
void gather_runs(const LocalGather &op, std::byte *out, const std::byte *in, const IndexList &list) {
    const std::size_t element = op.src.element_bytes();
    if (op.run == 1) {
        gather_elements(element, out, in, op.src.elements(), list.data(), op.indices);
        return;
    }
    switch (op.run * element) { // a constant size makes each of them a few loads and stores
    case 2: return copy_runs<2>(out, in, element, list, op.indices);
    case 4: return copy_runs<4>(out, in, element, list, op.indices);
    case 8: return copy_runs<8>(out, in, element, list, op.indices);
    case 16: return copy_runs<16>(out, in, element, list, op.indices);
    case 32: return copy_runs<32>(out, in, element, list, op.indices);
    case 64: return copy_runs<64>(out, in, element, list, op.indices);
    default: return copy_runs<128>(out, in, element, list, op.indices);
    }
}

ExecResult gather_group(ExecContext &context, const LocalGather &op, unsigned first) {
    IndexList list;
    read_list(context, op, first, list);
    if (const auto legal = check_list(op, list); !legal) {
        return legal;
    }
    const bool in_place = op.dst.contiguous() && !may_share_bytes(op.dst, op.src);
    for (unsigned row = first; row < first + GROUP; ++row) {
        const std::byte *const in = row_bytes_of(context, op.src, row, SRC_SCRATCH, true);
        std::byte *const out = in_place ? row_in_place(context.memory, op.dst, row).data()
                                        : context.memory.scratch(context.engine, RESULT_SCRATCH).data();
        gather_runs(op, out, in, list);
        if (!in_place) {
            store_row(context, op.dst, row, out);
        }
    }
    return {};
}

ExecResult check_all_lists(ExecContext &context, const LocalGather &op) {
    for (unsigned first = 0; first < op.index.partitions(); first += GROUP) {
        IndexList list;
        read_list(context, op, first, list);
        if (const auto legal = check_list(op, list); !legal) {
            return legal;
        }
    }
    return {};
}

} // namespace

ExecResult execute(ExecContext &context, const spec::InsnGather &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto src = checks.tile(insn.src, "src");
    const auto index = checks.tile(insn.index, "index");
    if (checks.ok()) {
        checks.require(same_partitions(*dst, *src) && same_element_size(*dst, *src), "src");
        checks.require(same_shape(*dst, *index), "index");
    }
    if (!checks.ok()) {
        return checks.failure();
    }
    if (const auto legal = check_all_indices(context, *index, src->elements()); !legal) {
        return legal;
    }
    // The last rows of indices are still in the cache.
    for (unsigned row = dst->partitions(); row-- > 0;) {
        if (const auto done = gather_row(context, *dst, *src, *index, row); !done) {
            return done;
        }
    }
    return {};
}

ExecResult execute(ExecContext &context, const spec::InsnLocalGather &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto src = checks.tile(insn.src, "src");
    const auto index = checks.tile(insn.index, "index");
    if (checks.ok()) {
        const std::uint32_t indices = dst->elements() / insn.run;
        checks.require(dst->elements() % insn.run == 0 && indices <= MAX_INDICES, "dst");
        checks.require(same_partitions(*dst, *src) && same_element_size(*dst, *src), "src");
        checks.require(same_partitions(*dst, *index) && indices <= GROUP * index->elements(), "index");
    }
    if (!checks.ok()) {
        return checks.failure();
    }
    const LocalGather op{*dst, *src, *index, insn.run, dst->elements() / insn.run};
    if (const auto legal = check_all_lists(context, op); !legal) {
        return legal;
    }
    for (unsigned first = 0; first < dst->partitions(); first += GROUP) {
        if (const auto done = gather_group(context, op, first); !done) {
            return done;
        }
    }
    return {};
}

} // namespace neuron::chip
