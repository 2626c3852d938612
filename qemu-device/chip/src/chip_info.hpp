// SPDX-License-Identifier: MIT
#pragma once

#include <neuron/spec.hpp>

#include <cstdint>

namespace neuron::chip {

/// The geometry of one chip, fixed at creation.
struct ChipInfo {
    spec::Profile profile{};
    unsigned core_version = 0; ///< generation of the cores: what they can do
    std::uint32_t cores = 0;
    std::uint64_t hbm_bytes = 0;
    std::uint32_t hbm_banks = 0;
    std::uint64_t aperture_bytes = 0;
    std::uint32_t sbuf_bytes = 0; ///< per partition
    unsigned threads = 0;         ///< workers; 0 in stepped mode
    bool stepped = false;
    std::uint64_t seed = 0;
    std::uint32_t recorder_records = 0; ///< of the flight recorder; 0: there is none
    bool hazards = false;               ///< look for accesses that no semaphore orders
    bool sanitizer = false;             ///< look at all accesses to memory
    bool observer = false;              ///< and change nothing by it, as if there were no sanitizer
};

} // namespace neuron::chip
