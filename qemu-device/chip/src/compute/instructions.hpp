// SPDX-License-Identifier: MIT
// Every compute instruction but those of the PE array: one function each.
#ifndef NEURON_CHIP_COMPUTE_INSTRUCTIONS_HPP
#define NEURON_CHIP_COMPUTE_INSTRUCTIONS_HPP

#include "compute/exec_context.hpp"
#include "compute/exec_fault.hpp"
#include "neuron/spec.hpp"

namespace neuron::chip {

// What each does is its page in docs/reference/isa/. The caller has checked what the tables of the
// contract say of single operands (check_instruction()): spaces, types, known enumerators. Shapes,
// registers and combinations are checked here. Errors: ILLEGAL_OPERAND, TILE_RANGE and those of the
// page; an instruction that faults has changed nothing. They need DefaultFpEnvironment.

// Element by element: elementwise.cpp, activate.cpp.
ExecResult execute(ExecContext &context, const spec::InsnCopy &insn);
ExecResult execute(ExecContext &context, const spec::InsnMemset &insn);
ExecResult execute(ExecContext &context, const spec::InsnTensorTensor &insn);
ExecResult execute(ExecContext &context, const spec::InsnTensorScalar &insn);
ExecResult execute(ExecContext &context, const spec::InsnScalarTensorTensor &insn);
ExecResult execute(ExecContext &context, const spec::InsnReciprocal &insn);
ExecResult execute(ExecContext &context, const spec::InsnActivate &insn);

// Reductions, scans, statistics, searches.
ExecResult execute(ExecContext &context, const spec::InsnTensorReduce &insn);
ExecResult execute(ExecContext &context, const spec::InsnTensorScalarReduce &insn);
ExecResult execute(ExecContext &context, const spec::InsnTensorScalarCumulative &insn);
ExecResult execute(ExecContext &context, const spec::InsnTensorTensorScan &insn);
ExecResult execute(ExecContext &context, const spec::InsnReadAcc &insn);
ExecResult execute(ExecContext &context, const spec::InsnBnStats &insn);
ExecResult execute(ExecContext &context, const spec::InsnBnAggr &insn);
ExecResult execute(ExecContext &context, const spec::InsnMax8 &insn);
ExecResult execute(ExecContext &context, const spec::InsnFindIndex8 &insn);
ExecResult execute(ExecContext &context, const spec::InsnMatchReplace8 &insn);
ExecResult execute(ExecContext &context, const spec::InsnMatchReplace8Index &insn);

// Selection, movement between partitions, random numbers, POOL.
ExecResult execute(ExecContext &context, const spec::InsnTranspose &insn);
ExecResult execute(ExecContext &context, const spec::InsnStreamShuffle &insn);
ExecResult execute(ExecContext &context, const spec::InsnCopyPredicated &insn);
ExecResult execute(ExecContext &context, const spec::InsnFillPredicated &insn);
ExecResult execute(ExecContext &context, const spec::InsnSelectReduce &insn);
ExecResult execute(ExecContext &context, const spec::InsnRangeSelect &insn);
ExecResult execute(ExecContext &context, const spec::InsnRng &insn);
ExecResult execute(ExecContext &context, const spec::InsnSetRngSeed &insn);
ExecResult execute(ExecContext &context, const spec::InsnDropout &insn);
ExecResult execute(ExecContext &context, const spec::InsnIota &insn);
ExecResult execute(ExecContext &context, const spec::InsnAffineSelect &insn);
ExecResult execute(ExecContext &context, const spec::InsnPartitionReduce &insn);
ExecResult execute(ExecContext &context, const spec::InsnGather &insn);
ExecResult execute(ExecContext &context, const spec::InsnLocalGather &insn);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_INSTRUCTIONS_HPP
