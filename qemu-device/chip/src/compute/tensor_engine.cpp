// SPDX-License-Identifier: MIT
#include "compute/tensor_engine.hpp"

#include "compute/convert.hpp"
#include "compute/dma_tile.hpp"
#include "compute/operand_offset.hpp"

#include <algorithm>
#include <cstring>

namespace neuron::chip {

namespace {

const std::uint32_t LDWEIGHTS_SRC = operand_offset(spec::Opcode::LDWEIGHTS, "src");
const std::uint32_t MATMUL_DST = operand_offset(spec::Opcode::MATMUL, "dst");
const std::uint32_t MATMUL_MOVING = operand_offset(spec::Opcode::MATMUL, "moving");
const std::uint32_t MATMUL_FLAGS = operand_offset(spec::Opcode::MATMUL, "flags");

constexpr std::uint8_t KNOWN_FLAGS = spec::MatmulFlag::START | spec::MatmulFlag::STOP;

bool is_float(spec::Dtype dtype) {
    return dtype == spec::Dtype::BF16 || dtype == spec::Dtype::F16 || dtype == spec::Dtype::F32;
}

// A tile that the array may read: floats in SBUF.
ExecResult check_array_input(const TileView &view, std::uint32_t max_elements, std::uint32_t offset) {
    if (view.space() != spec::Space::SBUF || !is_float(view.dtype()) || view.elements() > max_elements) {
        return fault(spec::Fault::ILLEGAL_OPERAND, offset);
    }
    return {};
}

// One partition of an array input as fp32, with zeros up to the stride: the kernel computes whole
// vectors.
void load_row(const CoreMemory &memory, const TileView &view, unsigned row, float *out, std::size_t stride) {
    alignas(64) std::byte gathered[spec::MATMUL_MAX_COLS * sizeof(float)];
    const std::byte *in = gathered;
    if (view.contiguous()) {
        in = memory.partition(view.space(), view.first_partition() + row).data() + view.first_byte();
    } else {
        gather(memory, view, row, std::span(gathered).first(view.row_bytes()));
    }
    convert_to_f32(out, view.dtype(), in, view.elements());
    std::fill(out + view.elements(), out + stride, 0.0f);
}

unsigned bank_of(std::uint32_t byte) { return byte / spec::PSUM_BANK_BYTES; }

} // namespace

void TensorEngine::reset() {
    open_groups_.reset();
    k_ = 0;
    m_ = 0;
}

ExecResult TensorEngine::load_weights(const spec::InsnLdweights &insn, Registers regs, const CoreMemory &memory) {
    const auto src = resolve(insn.src, regs, LDWEIGHTS_SRC, memory);
    if (!src) {
        return tl::unexpected(src.error());
    }
    if (const auto legal = check_array_input(*src, spec::MATMUL_MAX_ROWS, LDWEIGHTS_SRC); !legal) {
        return legal;
    }
    for (unsigned row = 0; row < src->partitions(); ++row) {
        load_row(memory, *src, row, stationary_ + row * MATMUL_STATIONARY_STRIDE, MATMUL_STATIONARY_STRIDE);
    }
    k_ = src->partitions();
    m_ = src->elements();
    stationary_dtype_ = src->dtype();
    return {};
}

ExecResult TensorEngine::check_moving(const TileView &moving) const {
    if (const auto legal = check_array_input(moving, spec::MATMUL_MAX_COLS, MATMUL_MOVING); !legal) {
        return legal;
    }
    const bool same_width = (moving.dtype() == spec::Dtype::F32) == (stationary_dtype_ == spec::Dtype::F32);
    if (moving.partitions() != k_ || !same_width) { // k_ is 0 before the first LDWEIGHTS: equal to no tile's
        return fault(spec::Fault::ILLEGAL_OPERAND, MATMUL_MOVING);
    }
    return {};
}

ExecResult TensorEngine::check_accumulator(const TileView &dst, const TileView &moving) const {
    const bool fits = dst.partitions() == m_ && dst.elements() == moving.elements();
    const bool one_bank = bank_of(dst.low_byte()) == bank_of(dst.end_byte() - 1);
    if (dst.space() != spec::Space::PSUM || dst.dtype() != spec::Dtype::F32 || !fits || !one_bank) {
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
    if (const auto legal = check_moving(*moving); !legal) {
        return legal;
    }
    if (const auto legal = check_accumulator(*dst, *moving); !legal) {
        return legal;
    }
    const bool start = insn.flags & spec::MatmulFlag::START;
    const unsigned bank = bank_of(dst->low_byte());
    if (open_groups_[bank] == start) {
        return fault(spec::Fault::PSUM_GROUP, bank);
    }
    compute(*dst, *moving, start, memory);
    open_groups_[bank] = !(insn.flags & spec::MatmulFlag::STOP);
    return {};
}

void TensorEngine::compute(const TileView &dst, const TileView &moving, bool start, CoreMemory &memory) {
    for (unsigned row = 0; row < k_; ++row) {
        load_row(memory, moving, row, moving_ + row * MATMUL_MOVING_STRIDE, MATMUL_MOVING_STRIDE);
    }
    MatmulArgs args{.stationary = stationary_,
                    .moving = moving_,
                    .acc = acc_,
                    .acc_stride = spec::MATMUL_MAX_COLS,
                    .k = k_,
                    .m = m_,
                    .n = moving.elements(),
                    .start = start};
    if (dst.contiguous()) {
        args.acc = reinterpret_cast<float *>(row_in_place(memory, dst, 0).data());
        args.acc_stride = memory.partition_stride(dst.space()) / sizeof(float);
        matmul_accumulate(args);
        return;
    }
    const auto acc_row = [&](unsigned row) {
        return std::as_writable_bytes(std::span(acc_ + row * spec::MATMUL_MAX_COLS, dst.elements()));
    };
    for (unsigned row = 0; row < m_ && !start; ++row) {
        gather(memory, dst, row, acc_row(row));
    }
    matmul_accumulate(args);
    for (unsigned row = 0; row < m_; ++row) {
        scatter(memory, dst, row, acc_row(row));
    }
}

} // namespace neuron::chip
