// SPDX-License-Identifier: MIT
/**
 * @file
 * A device with a context and a queue, for commands that make their own work.
 */
#pragma once

#include <chrono>
#include <memory>

#include <neuron/neuron.hpp>

#include "report.hpp"

namespace neuronctl {

struct Session {
    neuron::Device device;
    neuron::Context context;
    neuron::Queue queue;

    static Outcome<Session> open(const neuron::DeviceOptions &options, const neuron::QueueOptions &queue = {});
};

/** What no job of these commands should take: then something hangs. */
inline constexpr std::chrono::seconds job_limit(60);

/** Waits, and returns early on Ctrl-C. @return the error of the job; timeout if it goes on */
Outcome<void> finish(neuron::Queue &queue, neuron::Job job, std::chrono::nanoseconds limit = job_limit);

/** Submits and waits likewise. */
Outcome<void> execute(neuron::Queue &queue, const neuron::CommandList &commands,
                      std::chrono::nanoseconds limit = job_limit);

/** A result of the library, as one of a command. */
template<class T>
Outcome<T> on_device(neuron::Result<T> result) {
    if constexpr (std::is_void_v<T>) {
        if (!result)
            return tl::unexpected(device_error(result.error()));
        return {};
    } else {
        if (!result)
            return tl::unexpected(device_error(result.error()));
        return std::move(*result);
    }
}

} // namespace neuronctl
