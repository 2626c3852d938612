// SPDX-License-Identifier: MIT
/**
 * @file
 * One timeline of kernel, library and device, in Chrome's trace format, which Perfetto opens.
 */
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <neuron/spec.hpp>

#include "clocks.hpp"
#include "kernel_trace.hpp"

namespace neuronctl::trace {

/** A record of the device's flight recorder. */
using DeviceRecord = std::array<std::byte, neuron::spec::RecordReset::BYTES>;

/** Those of a file that are not older than a moment of the device's clock. */
std::vector<DeviceRecord> device_records(std::span<const std::byte> bytes, std::uint64_t since_ns);
struct Story {
    Json json;
    std::size_t spans = 0;   ///< Of the library.
    std::size_t packets = 0; ///< Of the device.
};

Story make_story(const KernelTrace &kernel, const std::vector<DeviceRecord> &records, const ClockMap &clocks,
                 const std::string &device);

} // namespace neuronctl::trace
