// SPDX-License-Identifier: MIT
#include "compute/tensor_engine.hpp"

#include "compute/convert.hpp"
#include "compute/dma_tile.hpp"
#include "compute/operand_offset.hpp"

#include <algorithm>
#include <cstring>

namespace neuron::chip {

namespace {

using spec::Dtype;
using spec::PeMode;
using spec::PeTile;

const std::uint32_t LDWEIGHTS_SRC = operand_offset(spec::Opcode::LDWEIGHTS, "src");
const std::uint32_t LDWEIGHTS_MODE = operand_offset(spec::Opcode::LDWEIGHTS, "mode");
const std::uint32_t LDWEIGHTS_COL = operand_offset(spec::Opcode::LDWEIGHTS, "col");
const std::uint32_t MATMUL_DST = operand_offset(spec::Opcode::MATMUL, "dst");
const std::uint32_t MATMUL_MOVING = operand_offset(spec::Opcode::MATMUL, "moving");
const std::uint32_t MATMUL_FLAGS = operand_offset(spec::Opcode::MATMUL, "flags");
const std::uint32_t MATMUL_MODE = operand_offset(spec::Opcode::MATMUL, "mode");
const std::uint32_t TRANSPOSE_DST = operand_offset(spec::Opcode::PE_TRANSPOSE, "dst");
const std::uint32_t TRANSPOSE_SRC = operand_offset(spec::Opcode::PE_TRANSPOSE, "src");

constexpr std::uint8_t KNOWN_FLAGS = spec::MatmulFlag::START | spec::MatmulFlag::STOP;

bool is_wide(Dtype dtype) { return dtype == Dtype::F32 || dtype == Dtype::TF32; }

bool is_fp8(Dtype dtype) {
    return dtype == Dtype::F8E4M3 || dtype == Dtype::F8E5M2 || dtype == Dtype::F8E3M4 || dtype == Dtype::F8E4M3FN;
}

bool is_float(Dtype dtype) { return is_wide(dtype) || is_fp8(dtype) || dtype == Dtype::BF16 || dtype == Dtype::F16; }

bool known(PeMode mode) { return mode == PeMode::NORMAL || mode == PeMode::DOUBLE_ROW; }

unsigned halves(PeMode mode) { return mode == PeMode::DOUBLE_ROW ? 2 : 1; }

// A tile that the array may read: floats in SBUF, fp8 in two halves for DOUBLE_ROW.
ExecResult check_array_input(const TileView &view, PeMode mode, std::uint32_t max_columns, std::uint32_t offset) {
    const bool typed = view.space() == spec::Space::SBUF && is_float(view.dtype());
    const bool paired = mode == PeMode::NORMAL || (is_fp8(view.dtype()) && view.elements() % 2 == 0);
    if (!typed || !paired || view.elements() > max_columns * halves(mode)) {
        return fault(spec::Fault::ILLEGAL_OPERAND, offset);
    }
    return {};
}

// One partition of an array input as fp32.
void load_row(const CoreMemory &memory, const TileView &view, unsigned row, float *out) {
    alignas(64) std::byte gathered[std::size_t{spec::MATMUL_MAX_COLS} * sizeof(float)];
    const std::byte *in = gathered;
    if (view.contiguous()) {
        in = memory.partition(view.space(), view.first_partition() + row).data() + view.first_byte();
    } else {
        gather(memory, view, row, std::span(gathered).first(view.row_bytes()));
    }
    convert_to_f32(out, view.dtype(), in, view.elements());
}

unsigned bank_of(std::uint32_t byte) { return byte / spec::PSUM_BANK_BYTES; }

bool one_bank(const TileView &view) { return bank_of(view.low_byte()) == bank_of(view.end_byte() - 1); }

// With WHOLE rows operands start where they like, and the part at row 0.
unsigned first_row(PeTile rows, const TileView &operand) {
    return rows == PeTile::WHOLE ? 0 : operand.first_partition();
}

} // namespace

TensorEngine::Groups TensorEngine::quadrants(unsigned bank, unsigned first, unsigned last) {
    Groups groups;
    for (unsigned quadrant = first; quadrant <= last; ++quadrant) {
        groups.set(bank * QUADRANTS + quadrant);
    }
    return groups;
}

TensorEngine::Groups TensorEngine::touched(const TileView &dst) {
    const unsigned last = dst.first_partition() + dst.partitions() - 1;
    return quadrants(bank_of(dst.low_byte()), dst.first_partition() / QUADRANT_PARTITIONS, last / QUADRANT_PARTITIONS);
}

void TensorEngine::reset() {
    open_groups_.reset();
    array_.reset();
}

ExecResult TensorEngine::load_weights(const spec::InsnLdweights &insn, Registers regs, const CoreMemory &memory) {
    const auto src = resolve(insn.src, regs, LDWEIGHTS_SRC, memory);
    if (!src) {
        return tl::unexpected(src.error());
    }
    if (!known(insn.mode) || (insn.mode == PeMode::DOUBLE_ROW && insn.cols != PeTile::WHOLE)) {
        return fault(spec::Fault::ILLEGAL_OPERAND, LDWEIGHTS_MODE);
    }
    const auto part = PeArray::part(insn.rows, first_row(insn.rows, *src), insn.cols, insn.col);
    if (!part) {
        const bool rows_fit = PeArray::part(insn.rows, first_row(insn.rows, *src), PeTile::WHOLE, 0).has_value();
        return fault(spec::Fault::ILLEGAL_OPERAND, rows_fit ? LDWEIGHTS_COL : LDWEIGHTS_SRC);
    }
    if (const auto legal = check_array_input(*src, insn.mode, part->cols, LDWEIGHTS_SRC); !legal) {
        return legal;
    }
    if (src->partitions() > part->rows) {
        return fault(spec::Fault::ILLEGAL_OPERAND, LDWEIGHTS_SRC);
    }
    const unsigned m = src->elements() / halves(insn.mode);
    const PeArray::Stationary stationary{*part, insn.mode, src->dtype(), src->partitions(), m};
    array_.place(stationary);
    alignas(64) float row[2 * MATMUL_STATIONARY_STRIDE];
    for (unsigned k = 0; k < stationary.k; ++k) {
        load_row(memory, *src, k, row);
        for (unsigned half = 0; half < halves(insn.mode); ++half) {
            float *const cells = array_.row(stationary, k, half);
            std::copy_n(row + half * m, m, cells);
            std::fill(cells + m, cells + part->cols, 0.0f);
        }
    }
    return {};
}

ExecResult TensorEngine::check_moving(const TileView &moving, const PeArray::Stationary *stationary) const {
    if (stationary == nullptr || moving.partitions() != stationary->k ||
        is_wide(moving.dtype()) != is_wide(stationary->dtype)) {
        return fault(spec::Fault::ILLEGAL_OPERAND, MATMUL_MOVING);
    }
    return {};
}

ExecResult TensorEngine::check_accumulator(const TileView &dst, std::uint32_t columns, unsigned m) const {
    const bool fits = dst.partitions() == m && dst.elements() == columns;
    if (dst.space() != spec::Space::PSUM || dst.dtype() != Dtype::F32 || !fits || !one_bank(dst)) {
        return fault(spec::Fault::ILLEGAL_OPERAND, MATMUL_DST);
    }
    return {};
}

ExecResult TensorEngine::matmul(const spec::InsnMatmul &insn, Registers regs, CoreMemory &memory) {
    const auto dst = resolve(insn.dst, regs, MATMUL_DST, memory);
    if (!dst) {
        return tl::unexpected(dst.error());
    }
    const auto moving = resolve(insn.moving, regs, MATMUL_MOVING, memory);
    if (!moving) {
        return tl::unexpected(moving.error());
    }
    if ((insn.flags & ~KNOWN_FLAGS) != 0) {
        return fault(spec::Fault::ILLEGAL_OPERAND, MATMUL_FLAGS);
    }
    if (!known(insn.mode) || (insn.mode == PeMode::DOUBLE_ROW && insn.cols != PeTile::WHOLE)) {
        return fault(spec::Fault::ILLEGAL_OPERAND, MATMUL_MODE);
    }
    if (const auto legal = check_array_input(*moving, insn.mode, spec::MATMUL_MAX_COLS, MATMUL_MOVING); !legal) {
        return legal;
    }
    const unsigned col = insn.cols == PeTile::WHOLE ? 0 : dst->first_partition();
    const auto part = PeArray::part(insn.rows, first_row(insn.rows, *moving), insn.cols, col);
    const PeArray::Stationary *stationary = part ? array_.find(*part) : nullptr;
    if (stationary != nullptr && stationary->mode != insn.mode) {
        stationary = nullptr;
    }
    if (const auto legal = check_moving(*moving, stationary); !legal) {
        return legal;
    }
    const std::uint32_t columns = moving->elements() / halves(insn.mode);
    if (const auto legal = check_accumulator(*dst, columns, stationary->m); !legal) {
        return legal;
    }
    const bool start = insn.flags & spec::MatmulFlag::START;
    const Groups groups = touched(*dst);
    if (start ? (open_groups_ & groups).any() : (open_groups_ & groups) != groups) {
        return fault(spec::Fault::PSUM_GROUP, bank_of(dst->low_byte()));
    }
    MatmulArgs args{.stationary = array_.cells(*stationary),
                    .moving = moving_,
                    .acc = acc_,
                    .acc_stride = spec::MATMUL_MAX_COLS,
                    .k = stationary->k * halves(insn.mode),
                    .m = stationary->m,
                    .n = columns,
                    .start = start};
    load_moving(*moving, insn.mode == PeMode::DOUBLE_ROW, memory, args);
    compute(*dst, args, memory);
    open_groups_ = insn.flags & spec::MatmulFlag::STOP ? open_groups_ & ~groups : open_groups_ | groups;
    return {};
}

void TensorEngine::load_moving(const TileView &moving, bool double_row, CoreMemory &memory, MatmulArgs &args) {
    if (!double_row && moving.dtype() == Dtype::F32 && moving.contiguous() && args.n % MATMUL_COLUMN_GRAIN == 0) {
        args.moving = reinterpret_cast<const float *>(row_in_place(memory, moving, 0).data());
        args.moving_stride = memory.partition_stride(moving.space()) / sizeof(float);
        return;
    }
    const unsigned rows = double_row ? 2 : 1;
    alignas(64) float both[2 * std::size_t{spec::MATMUL_MAX_COLS}];
    for (unsigned k = 0; k < moving.partitions(); ++k) {
        float *const first = moving_ + rows * k * MATMUL_MOVING_STRIDE;
        if (double_row) {
            load_row(memory, moving, k, both);
            std::copy_n(both, args.n, first);
            std::copy_n(both + args.n, args.n, first + MATMUL_MOVING_STRIDE);
        } else {
            load_row(memory, moving, k, first);
        }
        // The kernel computes whole vectors.
        for (unsigned half = 0; half < rows; ++half) {
            float *const row = first + half * MATMUL_MOVING_STRIDE;
            std::fill(row + args.n, row + MATMUL_MOVING_STRIDE, 0.0f);
        }
    }
}

void TensorEngine::compute(const TileView &dst, MatmulArgs args, CoreMemory &memory) {
    if (dst.contiguous()) {
        args.acc = reinterpret_cast<float *>(row_in_place(memory, dst, 0).data());
        args.acc_stride = memory.partition_stride(dst.space()) / sizeof(float);
        matmul_accumulate(args);
        return;
    }
    const auto acc_row = [&](unsigned row) {
        return std::as_writable_bytes(std::span(acc_ + std::size_t{row} * spec::MATMUL_MAX_COLS, dst.elements()));
    };
    for (unsigned row = 0; row < args.m && !args.start; ++row) {
        gather(memory, dst, row, acc_row(row));
    }
    matmul_accumulate(args);
    for (unsigned row = 0; row < args.m; ++row) {
        scatter(memory, dst, row, acc_row(row));
    }
}

ExecResult TensorEngine::transpose(const spec::InsnPeTranspose &insn, Registers regs, CoreMemory &memory) {
    const auto dst = resolve(insn.dst, regs, TRANSPOSE_DST, memory);
    if (!dst) {
        return tl::unexpected(dst.error());
    }
    const auto src = resolve(insn.src, regs, TRANSPOSE_SRC, memory);
    if (!src) {
        return tl::unexpected(src.error());
    }
    if (src->space() != spec::Space::SBUF || src->elements() > spec::PARTITIONS) {
        return fault(spec::Fault::ILLEGAL_OPERAND, TRANSPOSE_SRC);
    }
    const bool typed =
        src->element_bytes() == 1 ? dst->dtype() == Dtype::U16 : dst->element_bytes() == src->element_bytes();
    const bool turned = dst->partitions() == src->elements() && dst->elements() == src->partitions();
    if (dst->space() != spec::Space::PSUM || !typed || !turned || !one_bank(*dst)) {
        return fault(spec::Fault::ILLEGAL_OPERAND, TRANSPOSE_DST);
    }
    if ((open_groups_ & touched(*dst)).any()) {
        return fault(spec::Fault::PSUM_GROUP, bank_of(dst->low_byte()));
    }
    // Through the buffers of MATMUL: rows of src in one, a row of dst in the other.
    const auto rows = std::as_writable_bytes(std::span(moving_));
    for (unsigned k = 0; k < src->partitions(); ++k) {
        gather(memory, *src, k, rows.subspan(std::size_t{k} * src->row_bytes(), src->row_bytes()));
    }
    const auto out = std::as_writable_bytes(std::span(acc_)).first(dst->row_bytes());
    for (unsigned n = 0; n < dst->partitions(); ++n) {
        std::ranges::fill(out, std::byte{0});
        for (unsigned k = 0; k < src->partitions(); ++k) {
            std::memcpy(out.data() + std::size_t{k} * dst->element_bytes(),
                        rows.data() + std::size_t{k} * src->row_bytes() + std::size_t{n} * src->element_bytes(),
                        src->element_bytes());
        }
        scatter(memory, *dst, n, out);
    }
    return {};
}

} // namespace neuron::chip
