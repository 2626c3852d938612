// SPDX-License-Identifier: MIT
#include "compute/instructions.hpp"
#include "compute/operand_checks.hpp"
#include "compute/walk.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <span>

namespace neuron::chip {

namespace {

// Indices lie in memory that other engines and transfers may change at any time: whoever uses one
// looks at it again, from a copy.
constexpr unsigned SRC_SCRATCH = 0;
constexpr unsigned INDEX_SCRATCH = 1;
constexpr unsigned RESULT_SCRATCH = 2;

constexpr unsigned GROUP = 16;         // partitions that share their indices
constexpr unsigned MAX_INDICES = 4096; // of a LOCAL_GATHER

ExecResult check_below(std::span<const std::uint32_t> indices, std::uint32_t limit) {
    for (const std::uint32_t index : indices) {
        if (index >= limit) {
            return fault(spec::Fault::INDEX_RANGE, index);
        }
    }
    return {};
}

std::span<const std::uint32_t> read_indices(ExecContext &context, const TileView &index, unsigned row) {
    const std::byte *const raw = row_bytes_of(context, index, row, INDEX_SCRATCH, false);
    return {reinterpret_cast<const std::uint32_t *>(raw), index.elements()};
}

template<class T>
void gather_elements(std::byte *out, const std::byte *in, std::span<const std::uint32_t> indices) {
    T *const to = reinterpret_cast<T *>(out);
    const T *const from = reinterpret_cast<const T *>(in);
    for (std::size_t i = 0; i < indices.size(); ++i) {
        to[i] = from[indices[i]];
    }
}

ExecResult gather_row(ExecContext &context, const TileView &dst, const TileView &src, const TileView &index,
                      unsigned row) {
    const auto indices = read_indices(context, index, row);
    if (const auto legal = check_below(indices, src.elements()); !legal) {
        return legal;
    }
    const std::byte *const in = row_bytes_of(context, src, row, SRC_SCRATCH, true);
    std::byte *const out = context.memory.scratch(context.engine, RESULT_SCRATCH).data();
    switch (src.element_bytes()) {
    case 1: gather_elements<std::uint8_t>(out, in, indices); break;
    case 2: gather_elements<std::uint16_t>(out, in, indices); break;
    default: gather_elements<std::uint32_t>(out, in, indices); break;
    }
    store_row(context, dst, row, out);
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

using IndexList = std::array<std::uint16_t, MAX_INDICES>;

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
void gather_runs(std::byte *out, const std::byte *in, const std::uint16_t *list, std::uint32_t count) {
    for (std::uint32_t k = 0; k < count; ++k) {
        std::memcpy(out + k * BYTES, in + list[k] * BYTES, BYTES);
    }
}

void gather_runs(const LocalGather &op, std::byte *out, const std::byte *in, const IndexList &list) {
    if (op.run == 1) { // one load and one store each
        switch (op.src.element_bytes()) {
        case 1: return gather_runs<1>(out, in, list.data(), op.indices);
        case 2: return gather_runs<2>(out, in, list.data(), op.indices);
        default: return gather_runs<4>(out, in, list.data(), op.indices);
        }
    }
    const std::size_t element = op.src.element_bytes();
    const std::size_t run = op.run * element;
    for (std::uint32_t k = 0; k < op.indices; ++k) {
        std::memcpy(out + k * run, in + list[k] * element, run);
    }
}

ExecResult gather_group(ExecContext &context, const LocalGather &op, unsigned first) {
    IndexList list;
    read_list(context, op, first, list);
    if (const auto legal = check_list(op, list); !legal) {
        return legal;
    }
    for (unsigned row = first; row < first + GROUP; ++row) {
        const std::byte *const in = row_bytes_of(context, op.src, row, SRC_SCRATCH, true);
        std::byte *const out = context.memory.scratch(context.engine, RESULT_SCRATCH).data();
        gather_runs(op, out, in, list);
        store_row(context, op.dst, row, out);
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
    for (unsigned row = 0; row < index->partitions(); ++row) {
        if (const auto legal = check_below(read_indices(context, *index, row), src->elements()); !legal) {
            return legal;
        }
    }
    for (unsigned row = 0; row < dst->partitions(); ++row) {
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
