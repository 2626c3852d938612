// SPDX-License-Identifier: MIT
#pragma once

#include <neuron/spec.hpp>

#include <cstdint>

namespace neuron::chip {

class Sanitizer;

/// Who accesses memory, for the sanitizer.
struct Actor {
    Sanitizer *sanitizer = nullptr;
    std::uint8_t ctx = 0;
    std::uint8_t queue = 0;
    spec::Unit unit = spec::Unit::QUEUE;
    std::uint8_t core = 0; ///< for units other than QUEUE
    std::uint8_t ring = 0; ///< for unit DMA
    std::uint8_t opcode = 0;
    std::uint32_t pc = 0; ///< for units other than QUEUE
    std::uint64_t packet = 0;
    /// Tellings of the debug channel that its order to do it came after. The default: all.
    std::uint64_t since = ~0ULL;
    /// What other queues had done by this moment (see Flights) its order came after. The default: all.
    std::uint64_t moment = ~0ULL;
};

} // namespace neuron::chip
