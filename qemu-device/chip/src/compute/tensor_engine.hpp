// SPDX-License-Identifier: MIT
// The PE array: its stationary operands, and which PSUM banks have an accumulation group open.
#ifndef NEURON_CHIP_COMPUTE_TENSOR_ENGINE_HPP
#define NEURON_CHIP_COMPUTE_TENSOR_ENGINE_HPP

#include "compute/core_memory.hpp"
#include "compute/exec_fault.hpp"
#include "compute/matmul_kernel.hpp"
#include "compute/pe_array.hpp"
#include "compute/tile_view.hpp"
#include "neuron/spec.hpp"

#include <bitset>
#include <cstdint>
#include <span>

namespace neuron::chip {

class Archive;

/// State of one core's tensor engine. More than half a megabyte: not for the stack. Used by the PE
/// sequencer only, one thread at a time. The functions need DefaultFpEnvironment (execute_compute()
/// sees to it).
class TensorEngine {
public:
    using Registers = std::span<const std::uint32_t, spec::SEQ_REGISTERS>;

    /// Forget the stationary operands and close all groups.
    void reset();

    /// LDWEIGHTS. Keeps a copy of the operand.
    ExecResult load_weights(const spec::InsnLdweights &insn, Registers regs, const CoreMemory &memory);

    /// MATMUL. ILLEGAL_OPERAND on `moving` also stands for: no stationary operand loaded, or one
    /// that does not fit. Where elements of dst share their address, all are computed from the
    /// value before, and the last one stays.
    ExecResult matmul(const spec::InsnMatmul &insn, Registers regs, CoreMemory &memory);

    /// PE_TRANSPOSE.
    ExecResult transpose(const spec::InsnPeTranspose &insn, Registers regs, CoreMemory &memory);

    /// Whether an accumulation group is open in PSUM bank `bank`, in any quadrant.
    bool group_open(unsigned bank) const { return (open_groups_ & quadrants(bank, 0, QUADRANTS - 1)).any(); }

    /// Groups and operands; see chip/src/state/archive.hpp.
    void serialize(Archive &archive);

private:
    static constexpr unsigned QUADRANT_PARTITIONS = 32;
    static constexpr unsigned QUADRANTS = spec::PARTITIONS / QUADRANT_PARTITIONS;
    /// A bit for each bank and quadrant.
    using Groups = std::bitset<std::size_t{spec::PSUM_BANKS} * QUADRANTS>;

    static Groups quadrants(unsigned bank, unsigned first, unsigned last);
    static Groups touched(const TileView &dst);
    ExecResult check_moving(const TileView &moving, const PeArray::Stationary *stationary) const;
    ExecResult check_accumulator(const TileView &dst, std::uint32_t columns, unsigned m) const;
    /// moving as the kernel wants it: in place if it can be, else a copy in moving_.
    void load_moving(const TileView &moving, bool double_row, CoreMemory &memory, MatmulArgs &args);
    void compute(const TileView &dst, MatmulArgs args, CoreMemory &memory);

    Groups open_groups_;
    PeArray array_;
    alignas(64) float moving_[2 * spec::PARTITIONS * MATMUL_MOVING_STRIDE];
    alignas(64) float acc_[spec::MATMUL_MAX_ROWS * spec::MATMUL_MAX_COLS];
};

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_TENSOR_ENGINE_HPP
