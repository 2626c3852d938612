// SPDX-License-Identifier: MIT
// Which instructions the chip takes: chance alone hardly ever meets all that some of them want of their operands.
#ifndef NEURON_TESTS_FUZZ_JUDGE_HPP
#define NEURON_TESTS_FUZZ_JUDGE_HPP

#include "grammar.hpp"

#include "compute/execute.hpp"

#include <array>

namespace fuzz {

/// A core that tries instructions. One thread at a time.
class Judge {
public:
    explicit Judge(const spec::ProfileDesc &profile) : version_(profile.core_version), memory_(profile.sbuf_bytes) {
        tensor_engine_.reset();
    }

    /// Whether `raw` computes on `engine` without a fault, with registers that are zero and memory that holds what the
    /// instructions before it left. False for instructions of control and DMA.
    bool takes(spec::Engine engine, std::span<const std::byte, spec::INSTRUCTION_BYTES> raw);

private:
    unsigned version_;
    neuron::chip::CoreMemory memory_;
    neuron::chip::TensorEngine tensor_engine_;
    std::array<neuron::chip::EngineState, spec::ENGINE_COUNT> states_{};
    std::array<std::uint32_t, spec::SEQ_REGISTERS> registers_{};
};

} // namespace fuzz

#endif // NEURON_TESTS_FUZZ_JUDGE_HPP
