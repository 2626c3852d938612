// SPDX-License-Identifier: MIT
// What an engine remembers from one instruction to the next, besides memory and registers.
#ifndef NEURON_CHIP_COMPUTE_ENGINE_STATE_HPP
#define NEURON_CHIP_COMPUTE_ENGINE_STATE_HPP

#include "neuron/spec.hpp"

#include <array>
#include <cstdint>

namespace neuron::chip {

/// Belongs to one sequencer; one thread at a time. A new launch starts with a new one.
struct EngineState {
    std::array<float, spec::PARTITIONS> acc{}; ///< by partition of the destination; see enum acc_cmd
    std::uint32_t seed = 0;                    ///< see SET_RNG_SEED
    std::uint64_t words = 0;                   ///< random words taken since then
    spec::Rounding rounding = spec::Rounding::NEAREST_EVEN;
};

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_ENGINE_STATE_HPP
