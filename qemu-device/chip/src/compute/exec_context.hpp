// SPDX-License-Identifier: MIT
// What a compute instruction may use.
#ifndef NEURON_CHIP_COMPUTE_EXEC_CONTEXT_HPP
#define NEURON_CHIP_COMPUTE_EXEC_CONTEXT_HPP

#include "compute/core_memory.hpp"
#include "compute/engine_state.hpp"
#include "compute/tensor_engine.hpp"
#include "neuron/spec.hpp"

#include <cstdint>
#include <span>

namespace neuron::chip {

/// One sequencer's view of its core while an instruction executes. All members outlive it.
struct ExecContext {
    spec::Engine engine;
    unsigned core_version; ///< of the profile: 2, 3 or 4
    std::span<const std::uint32_t, spec::SEQ_REGISTERS> regs;
    CoreMemory &memory;
    EngineState &state;
    TensorEngine &tensor_engine; ///< touched for PE only
};

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_EXEC_CONTEXT_HPP
