// SPDX-License-Identifier: MIT
/**
 * @file
 * One run of a kernel on a device, with the time of each part.
 */
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <neuron/neuron.hpp>

#include "bindings.hpp"
#include "report.hpp"

namespace neuronctl {

struct RunSettings {
    neuron::DeviceOptions device;
    neuron::SubmitPath submit = neuron::SubmitPath::automatic;
    neuron::Placement placement = neuron::Placement::hbm;
    std::uint32_t cores = 0;              ///< The first so many of the device; 0: as the kernel says, or 1.
    std::chrono::milliseconds timeout{0}; ///< Of the job; 0: none.
};

/** A part of the run. */
struct Step {
    std::string name;
    std::chrono::nanoseconds time{};
    std::uint64_t bytes = 0; ///< Moved; 0 if the part moves none.
};

struct RunResult {
    neuron::DeviceInfo device;
    std::string path; ///< How jobs entered the kernel.
    std::uint64_t program_bytes = 0;
    std::vector<Step> steps;
    neuron::Stats stats;
};

/** Runs, and writes the outputs to their files. Nothing is written unless the run succeeded. */
Outcome<RunResult> execute(neuron::KernelFile file, const std::vector<Binding> &bindings, const RunSettings &settings);

} // namespace neuronctl
