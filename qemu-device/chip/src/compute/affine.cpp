// SPDX-License-Identifier: MIT
// IOTA and AFFINE_SELECT.
#include "compute/convert.hpp"
#include "compute/dma_tile.hpp"
#include "compute/instructions.hpp"
#include "compute/operand_checks.hpp"
#include "compute/rows.hpp"
#include "compute/select_kernel.hpp"
#include "compute/tensor_op.hpp"
#include "compute/walk.hpp"

#include <array>
#include <bit>
#include <cstdint>

namespace neuron::chip {

namespace {

// The affine values of one row: runs of `count` elements with the same step, inside three loops.
// Unsigned, because it wraps.
class AffineWalk {
public:
    AffineWalk(const spec::Tile &tile, const std::array<std::int32_t, 4> &steps) {
        std::size_t used = 0;
        for (std::size_t i = 0; i < tile.num.size(); ++i) {
            const Loop next{tile.num[i], static_cast<std::uint32_t>(steps[i])};
            if (next.count == 1) {
                continue;
            }
            if (used > 0 && next.step == loops_[used - 1].step * loops_[used - 1].count) {
                loops_[used - 1].count *= next.count; // continues the one below
            } else {
                loops_[used++] = next;
            }
        }
    }

    /// Calls visit(elements of the row before the run, its first value, its step, its elements).
    template<class Visit>
    void for_each_run(std::uint32_t first, Visit &&visit) const {
        const auto &[run, inner, middle, outer] = loops_;
        std::size_t done = 0;
        for (std::uint32_t i = 0; i < outer.count; ++i) {
            for (std::uint32_t j = 0; j < middle.count; ++j) {
                for (std::uint32_t k = 0; k < inner.count; ++k) {
                    visit(done, static_cast<std::int32_t>(first + i * outer.step + j * middle.step + k * inner.step),
                          static_cast<std::int32_t>(run.step), run.count);
                    done += run.count;
                }
            }
        }
    }

private:
    struct Loop {
        std::uint32_t count = 1;
        std::uint32_t step = 0;
    };
    std::array<Loop, 4> loops_; // innermost first
};

std::uint32_t first_of_row(std::int32_t base, std::int32_t channel, unsigned row) {
    return static_cast<std::uint32_t>(base) + row * static_cast<std::uint32_t>(channel);
}

void fill_row(const AffineWalk &walk, std::uint32_t first, std::int32_t *out) {
    walk.for_each_run(first, [&](std::size_t done, std::int32_t value, std::int32_t step, std::uint32_t count) {
        affine_fill(out + done, value, step, count);
    });
}

template<class T>
void take_low_bits(std::byte *out, const std::int32_t *in, std::size_t n) {
    T *const to = reinterpret_cast<T *>(out);
    for (std::size_t i = 0; i < n; ++i) {
        to[i] = static_cast<T>(in[i]);
    }
}

constexpr unsigned VALUES_SCRATCH = 0;
constexpr unsigned NARROW_SCRATCH = 1;
constexpr unsigned WRITER_SCRATCH = 2;

std::int32_t *values_scratch(ExecContext &context) {
    return reinterpret_cast<std::int32_t *>(context.memory.scratch(context.engine, VALUES_SCRATCH).data());
}

void iota_integers(ExecContext &context, const TileView &dst, const AffineWalk &walk, const spec::InsnIota &insn) {
    std::byte *const narrow = context.memory.scratch(context.engine, NARROW_SCRATCH).data();
    for (unsigned row = 0; row < dst.partitions(); ++row) {
        const std::uint32_t first = first_of_row(insn.base, insn.channel, row);
        std::int32_t *const values = values_scratch(context);
        switch (dst.element_bytes()) {
        case 1:
            fill_row(walk, first, values);
            take_low_bits<std::uint8_t>(narrow, values, dst.elements());
            store_row(context, dst, row, narrow);
            break;
        case 2:
            fill_row(walk, first, values);
            take_low_bits<std::uint16_t>(narrow, values, dst.elements());
            store_row(context, dst, row, narrow);
            break;
        default:
            if (const std::span<std::byte> place = row_in_place(context.memory, dst, row); !place.empty()) {
                fill_row(walk, first, reinterpret_cast<std::int32_t *>(place.data()));
            } else {
                fill_row(walk, first, values);
                store_row(context, dst, row, reinterpret_cast<const std::byte *>(values));
            }
        }
    }
}

void iota_floats(ExecContext &context, const TileView &dst, const AffineWalk &walk, const spec::InsnIota &insn) {
    RowWriter out(context, dst, WRITER_SCRATCH, true);
    std::int32_t *const values = values_scratch(context);
    for (unsigned row = 0; row < dst.partitions(); ++row) {
        fill_row(walk, first_of_row(insn.base, insn.channel, row), values);
        convert_to_f32(out.begin(row), spec::Dtype::I32, reinterpret_cast<const std::byte *>(values), dst.elements());
        out.end();
    }
}

} // namespace

ExecResult execute(ExecContext &context, const spec::InsnIota &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    if (!checks.ok()) {
        return checks.failure();
    }
    const AffineWalk walk(insn.dst, insn.steps);
    if (is_integer(dst->dtype())) {
        iota_integers(context, *dst, walk, insn);
    } else {
        iota_floats(context, *dst, walk, insn);
    }
    return {};
}

ExecResult execute(ExecContext &context, const spec::InsnAffineSelect &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto src = checks.tile(insn.src, "src");
    checks.require(is_comparison(insn.cmp), "cmp");
    if (checks.ok()) {
        checks.require(same_shape(*dst, *src), "src");
    }
    if (!checks.ok()) {
        return checks.failure();
    }
    const AffineWalk walk(insn.src, insn.steps);
    const float fill = std::bit_cast<float>(insn.fill);
    RowReader in(context, *src, 0);
    RowWriter out(context, *dst, 2, !overlaps(*dst, *src));
    for (unsigned row = 0; row < dst->partitions(); ++row) {
        const float *const from = in.read(row);
        float *const to = out.begin(row);
        walk.for_each_run(first_of_row(insn.base, insn.channel, row),
                          [&](std::size_t done, std::int32_t value, std::int32_t step, std::uint32_t count) {
                              affine_select(insn.cmp, to + done, from + done, value, step, fill, count);
                          });
        out.end(true);
    }
    return {};
}

} // namespace neuron::chip
