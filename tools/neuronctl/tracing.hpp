// SPDX-License-Identifier: MIT
/**
 * @file
 * Launches that record what engines and rings do, in their notification ring.
 */
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <neuron/neuron.hpp>

#include "report.hpp"

namespace neuronctl {

/** A traced launch: the buffers it needs, which must outlive the job. */
struct TracedLaunch {
    neuron::Buffer records;
    neuron::Buffer words;
    neuron::Job job;
};

/** Records that are kept, the newest. */
inline constexpr std::uint8_t trace_log2 = 16;

/** Submits a launch of the program with everything traced. */
Outcome<TracedLaunch> launch_traced(const neuron::Context &context, neuron::Queue &queue,
                                    const neuron::Program &program, std::span<const neuron::Argument> arguments,
                                    std::uint32_t core_mask);

struct Records {
    std::uint64_t made = 0;
    std::vector<neuron::spec::Notification> kept; ///< In the order of their beginning.
};

/** After the job. */
Outcome<Records> records_of(const TracedLaunch &launch);

} // namespace neuronctl
