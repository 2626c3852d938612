// SPDX-License-Identifier: MIT
#include "compute/execute.hpp"

#include "compute/copy.hpp"
#include "compute/fp_environment.hpp"

namespace neuron::chip {

ExecResult execute_compute(spec::Engine engine, spec::Opcode opcode,
                           std::span<const std::byte, spec::INSTRUCTION_BYTES> insn,
                           std::span<const std::uint32_t, spec::SEQ_REGISTERS> regs, CoreMemory &memory,
                           TensorEngine &tensor_engine) {
    const DefaultFpEnvironment environment;
    switch (opcode) {
    case spec::Opcode::LDWEIGHTS:
        return tensor_engine.load_weights(spec::unpack<spec::InsnLdweights>(insn), regs, memory);
    case spec::Opcode::MATMUL: return tensor_engine.matmul(spec::unpack<spec::InsnMatmul>(insn), regs, memory);
    case spec::Opcode::COPY: return copy_tile(engine, spec::unpack<spec::InsnCopy>(insn), regs, memory);
    default: return fault(spec::Fault::ILLEGAL_INSTRUCTION, spec::raw(opcode));
    }
}

} // namespace neuron::chip
