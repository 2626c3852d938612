// SPDX-License-Identifier: MIT
// What the functions of the C ABI share.
#pragma once

#include "chip.hpp"
#include "compute/simd_choice.hpp"
#include "neuron_chip.h"
#include "tape/recording.hpp"

#include <memory>

struct neuron_chip {
    neuron::chip::SimdChoice simd;                       // outlives the chip
    std::unique_ptr<neuron::chip::tape::Recording> tape; ///< nullptr: nobody records. Outlives the chip
    std::unique_ptr<neuron::chip::Chip> chip;
    neuron_chip_host_ops ops; ///< of the host
    void *opaque;
};

namespace neuron::chip {

/// Where a tape goes.
inline tape::Writer::Sink sink_of(neuron_chip_write_fn write, void *opaque) {
    return [=](std::span<const std::byte> bytes) { return write(opaque, bytes.data(), bytes.size()); };
}

/// The chip that replays a tape.
struct Replay {
    Watcher &watcher;
    bool observer; ///< with a sanitizer that the chip does not notice
};

/// As neuron_chip_create(). `replay`: nullptr if it is no replay.
tl::expected<neuron_chip *, CreateError> create_chip(const neuron_chip_config *config, const neuron_chip_host_ops *ops,
                                                     void *opaque, const Replay *replay = nullptr);

} // namespace neuron::chip
