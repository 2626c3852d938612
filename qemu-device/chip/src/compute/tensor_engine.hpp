// SPDX-License-Identifier: MIT
// The PE array: its stationary operand, and which PSUM banks have an accumulation group open.
#ifndef NEURON_CHIP_COMPUTE_TENSOR_ENGINE_HPP
#define NEURON_CHIP_COMPUTE_TENSOR_ENGINE_HPP

#include "compute/core_memory.hpp"
#include "compute/exec_fault.hpp"
#include "compute/matmul_kernel.hpp"
#include "compute/tile_view.hpp"
#include "neuron/spec.hpp"

#include <bitset>
#include <cstdint>
#include <span>

namespace neuron::chip {

/// State of one core's tensor engine. More than half a megabyte: not for the stack. Used by the PE
/// sequencer only, one thread at a time. The functions need DefaultFpEnvironment (execute_compute()
/// sees to it).
class TensorEngine {
public:
    using Registers = std::span<const std::uint32_t, spec::SEQ_REGISTERS>;

    /// Forget the stationary operand and close all groups.
    void reset();

    /// LDWEIGHTS. Keeps a copy of the operand.
    ExecResult load_weights(const spec::InsnLdweights &insn, Registers regs, const CoreMemory &memory);

    /// MATMUL. ILLEGAL_OPERAND on `moving` also stands for: no stationary operand loaded, or one
    /// that does not fit. Where elements of dst share their address, all are computed from the
    /// value before, and the last one stays.
    ExecResult matmul(const spec::InsnMatmul &insn, Registers regs, CoreMemory &memory);

    /// Whether an accumulation group is open in PSUM bank `bank`.
    bool group_open(unsigned bank) const { return open_groups_[bank]; }

private:
    ExecResult check_moving(const TileView &moving) const;
    ExecResult check_accumulator(const TileView &dst, const TileView &moving) const;
    void compute(const TileView &dst, const TileView &moving, bool start, CoreMemory &memory);

    std::bitset<spec::PSUM_BANKS> open_groups_;
    unsigned k_ = 0; ///< rows of the stationary operand; 0: none is loaded
    unsigned m_ = 0; ///< its columns
    spec::Dtype stationary_dtype_{};
    alignas(64) float stationary_[spec::PARTITIONS * MATMUL_STATIONARY_STRIDE];
    alignas(64) float moving_[spec::PARTITIONS * MATMUL_MOVING_STRIDE];
    alignas(64) float acc_[spec::MATMUL_MAX_ROWS * spec::MATMUL_MAX_COLS];
};

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_TENSOR_ENGINE_HPP
