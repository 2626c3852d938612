// SPDX-License-Identifier: MIT
/**
 * @file
 * One run of a kernel on a device, with the time of each part.
 */
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <neuron/neuron.hpp>

#include "bindings.hpp"
#include "report.hpp"
#include "timeline.hpp"

namespace neuronctl {

struct RunSettings {
    std::vector<neuron::DeviceOptions> devices; ///< The chips that run the kernel together.
    neuron::SubmitPath submit = neuron::SubmitPath::automatic;
    neuron::Placement placement = neuron::Placement::hbm;
    std::uint32_t cores = 0;                   ///< The first so many of each chip; 0: as the kernel says, or 1.
    std::optional<std::uint32_t> logical_core; ///< Or this logical core of each.
    std::uint32_t lnc = 0;                     ///< NeuronCores of a logical core; 0: as the chip's are.
    std::chrono::milliseconds timeout{0};      ///< Of each launch; 0: none.
    std::uint32_t repeat = 1;                  ///< Launches, one after another, each with the same inputs.
    bool trace = false;                        ///< Record what the engines do in the last launch.
    std::optional<double> tolerance;           ///< Of checks; empty: to the bit.
};

/** A part of the run. */
struct Step {
    std::string name;
    std::chrono::nanoseconds time{};
    std::uint64_t bytes = 0; ///< Moved; 0 if the part moves none.
};

struct RunResult {
    std::vector<neuron::DeviceInfo> devices;
    std::string path; ///< How jobs entered the kernel.
    std::uint64_t program_bytes = 0;
    std::vector<Step> steps;
    std::vector<std::chrono::nanoseconds>
        launches;                  ///< How long each took, from the submission until it was known to be done.
    std::uint64_t checked = 0;     ///< Elements that were compared.
    std::vector<HostSpan> spans;   ///< Steps and launches, by the host's steady clock.
    std::vector<ChipTrace> traces; ///< Of each chip, if asked for.
    std::uint64_t jobs = 0;        ///< Of all chips, like the next one.
    std::uint64_t packets = 0;
};

/**
 * Runs on all devices at once, and writes the outputs to their files. Nothing is written unless the run succeeded;
 * outputs that a check finds wrong are.
 * @param bindings Those of each chip.
 */
Outcome<RunResult> execute(const neuron::KernelFile &file, const std::vector<std::vector<Binding>> &bindings,
                           const RunSettings &settings);

} // namespace neuronctl
