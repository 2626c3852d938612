// SPDX-License-Identifier: MIT
#pragma once

#include "../mmu/memory_fault.hpp"

#include <neuron/spec.hpp>

#include <cstdint>

namespace neuron::chip {

/// What a unit knows about its fault; Control adds queue, context, packet and time.
struct FaultInfo {
    spec::Fault code{};
    spec::Unit unit = spec::Unit::QUEUE;
    std::uint8_t core = 0;
    std::uint8_t ring = 0;
    bool write = false;
    std::uint32_t pc = 0;
    std::uint64_t va = 0;
    std::uint64_t info = 0;

    static FaultInfo of_memory(const MemoryFault &fault) {
        return {.code = fault.code, .write = fault.write, .va = fault.va, .info = fault.info};
    }
};

} // namespace neuron::chip
