// SPDX-License-Identifier: MIT
#pragma once

#include "../recorder/recorder.hpp"
#include "dma_job.hpp"
#include "launch.hpp"

#include <cstdint>

namespace neuron::chip {

/// How a transfer of a DMA ring has ended.
struct TransferEnd {
    std::uint8_t core;
    std::uint8_t ring;
    std::uint64_t bytes; ///< that have arrived
    bool failed;
};

/// Adds a record of it.
void record_transfer(Recorder &recorder, const Launch &launch, const DmaJob &job, const TransferEnd &end);

} // namespace neuron::chip
