// SPDX-License-Identifier: MIT
/**
 * @file
 * The ways in which jobs enter the kernel, and priorities of queues, as they are called on the command line.
 */
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <neuron/queue.hpp>

namespace neuronctl {

/** What may be asked for. */
inline std::vector<std::string> submit_names() { return {"auto", "uring", "ioctl", "doorbell"}; }

/** For a name that is one of these. */
inline neuron::SubmitPath submit_path(std::string_view name) {
    return name == "uring"      ? neuron::SubmitPath::uring
           : name == "ioctl"    ? neuron::SubmitPath::ioctl
           : name == "doorbell" ? neuron::SubmitPath::doorbell
                                : neuron::SubmitPath::automatic;
}

inline std::vector<std::string> priority_names() { return {"low", "normal", "high"}; }

/** For a name that is one of these. */
inline neuron::Priority priority(std::string_view name) {
    return name == "low" ? neuron::Priority::low : name == "high" ? neuron::Priority::high : neuron::Priority::normal;
}

} // namespace neuronctl
