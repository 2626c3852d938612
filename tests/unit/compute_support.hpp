// SPDX-License-Identifier: MIT
// What the unit tests of the compute part share: a core, tiles, and how to run one instruction.
#ifndef NEURON_TESTS_COMPUTE_SUPPORT_HPP
#define NEURON_TESTS_COMPUTE_SUPPORT_HPP

#include "compute/simd_targets.hpp" // before Highway

#include "compute/execute.hpp"
#include "compute/instruction_check.hpp"
#include "compute/operand_offset.hpp"

#include <hwy/highway.h>

#include <array>
#include <bit>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include <setjmp.h>
extern "C" {
#include <cmocka.h>
}

namespace compute_test {

namespace spec = neuron::spec;
using neuron::chip::ExecFault;
using neuron::chip::ExecResult;

inline constexpr std::uint32_t SBUF_BYTES = 16384;
inline constexpr std::uint32_t F32_NAN = 0x7fc00000;

/// One core and its registers.
struct Core {
    neuron::chip::CoreMemory memory{SBUF_BYTES};
    neuron::chip::TensorEngine tensor_engine;
    std::array<neuron::chip::EngineState, spec::raw(spec::Engine::SP) + 1> states{};
    std::array<std::uint32_t, spec::SEQ_REGISTERS> regs{};
    unsigned version = 4; ///< of the NeuronCore: the newest has all

    Core() { tensor_engine.reset(); }

    template<class Insn>
    ExecResult run(spec::Engine engine, const Insn &insn) {
        const auto bytes = spec::packed(insn);
        if (const auto checked = neuron::chip::check_instruction(engine, version, bytes); !checked) {
            return checked;
        }
        neuron::chip::ExecContext context{engine, version, regs, memory, state(engine), tensor_engine};
        return neuron::chip::execute_compute(context, Insn::OPCODE, bytes);
    }

    neuron::chip::EngineState &state(spec::Engine engine) { return states[spec::raw(engine)]; }
    const neuron::chip::EngineState &state(spec::Engine engine) const { return states[spec::raw(engine)]; }

    /// Element `index` (counted from `byte`) of a partition.
    template<class T>
    T get(spec::Space space, unsigned partition, std::uint32_t byte, std::size_t index = 0) const {
        T value;
        std::memcpy(&value, memory.partition(space, partition).data() + byte + index * sizeof(T), sizeof(T));
        return value;
    }
    template<class T>
    void set(spec::Space space, unsigned partition, std::uint32_t byte, std::size_t index, T value) {
        std::memcpy(memory.partition(space, partition).data() + byte + index * sizeof(T), &value, sizeof(T));
    }
};

inline std::unique_ptr<Core> make_core() { return std::make_unique<Core>(); }

/// `partitions` rows of `elements` consecutive elements from `offset` on.
inline spec::Tile tile(spec::Space space, spec::Dtype dtype, unsigned partitions, unsigned elements,
                       std::uint32_t offset = 0, unsigned partition = 0) {
    return {.offset = offset,
            .partition = static_cast<std::uint8_t>(partition),
            .partitions = static_cast<std::uint8_t>(partitions),
            .space = space,
            .dtype = dtype,
            .step = {1, 0, 0, 0},
            .num = {static_cast<std::uint16_t>(elements), 1, 1, 1}};
}

template<class Result>
void assert_fault(const Result &result, spec::Fault code, std::uint64_t info) {
    assert_false(result.has_value());
    assert_string_equal(spec::name(result.error().code).data(), spec::name(code).data());
    assert_int_equal(result.error().info, info);
}

template<class Result>
void assert_legal(const Result &result) {
    if (!result) {
        fail_msg("fault %s, info %llu", spec::name(result.error().code).data(),
                 static_cast<unsigned long long>(result.error().info));
    }
}

/// Calls `body` once with each instruction set that this host can run.
template<class Body>
void on_every_target(Body body) {
    hwy::SetSupportedTargetsForTest(0);
    for (const auto target : hwy::SupportedAndGeneratedTargets()) {
        hwy::SetSupportedTargetsForTest(target);
        hwy::GetChosenTarget().Update(hwy::SupportedTargets());
        body(hwy::TargetName(target));
        hwy::SetSupportedTargetsForTest(0);
    }
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

/// Small deterministic generator: the tests print the same values everywhere.
class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    std::uint32_t bits() {
        state_ = state_ * 6364136223846793005u + 1442695040888963407u;
        return static_cast<std::uint32_t>(state_ >> 33 ^ state_ >> 11);
    }
    unsigned below(unsigned limit) { return bits() % limit; }

private:
    std::uint64_t state_;
};

} // namespace compute_test

#endif // NEURON_TESTS_COMPUTE_SUPPORT_HPP
