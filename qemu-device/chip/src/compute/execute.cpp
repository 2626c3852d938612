// SPDX-License-Identifier: MIT
#include "compute/execute.hpp"

#include "compute/fp_environment.hpp"
#include "compute/instructions.hpp"

namespace neuron::chip {

namespace {

using Raw = std::span<const std::byte, spec::INSTRUCTION_BYTES>;

template<class Insn>
ExecResult run(ExecContext &context, Raw raw) {
    return execute(context, spec::unpack<Insn>(raw));
}

} // namespace

ExecResult execute_compute(ExecContext &context, spec::Opcode opcode, Raw raw) {
    const DefaultFpEnvironment environment;
    switch (opcode) {
    case spec::Opcode::LDWEIGHTS:
        return context.tensor_engine.load_weights(spec::unpack<spec::InsnLdweights>(raw), context.regs, context.memory);
    case spec::Opcode::MATMUL:
        return context.tensor_engine.matmul(spec::unpack<spec::InsnMatmul>(raw), context.regs, context.memory);
    case spec::Opcode::PE_TRANSPOSE:
        return context.tensor_engine.transpose(spec::unpack<spec::InsnPeTranspose>(raw), context.regs, context.memory);
    case spec::Opcode::COPY: return run<spec::InsnCopy>(context, raw);
    case spec::Opcode::MEMSET: return run<spec::InsnMemset>(context, raw);
    case spec::Opcode::TENSOR_TENSOR: return run<spec::InsnTensorTensor>(context, raw);
    case spec::Opcode::TENSOR_SCALAR: return run<spec::InsnTensorScalar>(context, raw);
    case spec::Opcode::SCALAR_TENSOR_TENSOR: return run<spec::InsnScalarTensorTensor>(context, raw);
    case spec::Opcode::RECIPROCAL: return run<spec::InsnReciprocal>(context, raw);
    case spec::Opcode::ACTIVATE: return run<spec::InsnActivate>(context, raw);
    case spec::Opcode::TENSOR_REDUCE: return run<spec::InsnTensorReduce>(context, raw);
    case spec::Opcode::TENSOR_SCALAR_REDUCE: return run<spec::InsnTensorScalarReduce>(context, raw);
    case spec::Opcode::TENSOR_SCALAR_CUMULATIVE: return run<spec::InsnTensorScalarCumulative>(context, raw);
    case spec::Opcode::TENSOR_TENSOR_SCAN: return run<spec::InsnTensorTensorScan>(context, raw);
    case spec::Opcode::READ_ACC: return run<spec::InsnReadAcc>(context, raw);
    case spec::Opcode::BN_STATS: return run<spec::InsnBnStats>(context, raw);
    case spec::Opcode::BN_AGGR: return run<spec::InsnBnAggr>(context, raw);
    case spec::Opcode::MAX8: return run<spec::InsnMax8>(context, raw);
    case spec::Opcode::FIND_INDEX8: return run<spec::InsnFindIndex8>(context, raw);
    case spec::Opcode::MATCH_REPLACE8: return run<spec::InsnMatchReplace8>(context, raw);
    case spec::Opcode::MATCH_REPLACE8_INDEX: return run<spec::InsnMatchReplace8Index>(context, raw);
    case spec::Opcode::TRANSPOSE: return run<spec::InsnTranspose>(context, raw);
    case spec::Opcode::STREAM_SHUFFLE: return run<spec::InsnStreamShuffle>(context, raw);
    case spec::Opcode::COPY_PREDICATED: return run<spec::InsnCopyPredicated>(context, raw);
    case spec::Opcode::FILL_PREDICATED: return run<spec::InsnFillPredicated>(context, raw);
    case spec::Opcode::SELECT_REDUCE: return run<spec::InsnSelectReduce>(context, raw);
    case spec::Opcode::RANGE_SELECT: return run<spec::InsnRangeSelect>(context, raw);
    case spec::Opcode::RNG: return run<spec::InsnRng>(context, raw);
    case spec::Opcode::SET_RNG_SEED: return run<spec::InsnSetRngSeed>(context, raw);
    case spec::Opcode::DROPOUT: return run<spec::InsnDropout>(context, raw);
    case spec::Opcode::IOTA: return run<spec::InsnIota>(context, raw);
    case spec::Opcode::AFFINE_SELECT: return run<spec::InsnAffineSelect>(context, raw);
    case spec::Opcode::PARTITION_REDUCE: return run<spec::InsnPartitionReduce>(context, raw);
    case spec::Opcode::GATHER: return run<spec::InsnGather>(context, raw);
    case spec::Opcode::LOCAL_GATHER: return run<spec::InsnLocalGather>(context, raw);
    default: return fault(spec::Fault::ILLEGAL_INSTRUCTION, spec::raw(opcode));
    }
}

} // namespace neuron::chip
