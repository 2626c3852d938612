// SPDX-License-Identifier: MIT
/**
 * @file
 * What happened when, as a trace that Perfetto (ui.perfetto.dev) and chrome://tracing show: the steps of a run by the
 * host's clock, and what each engine did by the device's clock, moved to where the host's clock had it.
 */
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <neuron/kernel_file.hpp>

#include "report.hpp"

namespace neuronctl {

/** What one chip recorded of a launch. */
struct ChipTrace {
    std::string device;
    std::int64_t host_minus_device_ns = 0; ///< What to add to the device's clock.
    std::uint64_t records = 0;             ///< Made; only the newest are kept.
    std::vector<neuron::spec::Notification> kept;
};

/** A span of the host. */
struct HostSpan {
    std::string name;
    std::int64_t start_ns = 0;
    std::int64_t ns = 0;
    std::uint64_t bytes = 0;
};

/** The trace in Chrome's format. Instructions appear as they are written. */
Json timeline_json(const neuron::KernelFile &file, const std::vector<HostSpan> &host,
                   const std::vector<ChipTrace> &chips);

} // namespace neuronctl
