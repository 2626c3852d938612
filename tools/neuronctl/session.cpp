// SPDX-License-Identifier: MIT
#include "session.hpp"

#include <algorithm>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "device_options.hpp"
#include "interrupt.hpp"

namespace neuronctl {

Outcome<Session> Session::open(const neuron::DeviceOptions &options, const neuron::QueueOptions &queue_options) {
    auto device = DeviceChoice::open(options);
    if (!device)
        return tl::unexpected(device.error());
    auto context = neuron::Context::create(*device);
    if (!context)
        return tl::unexpected(device_error(context.error()));
    auto queue = neuron::Queue::create(*context, queue_options);
    if (!queue)
        return tl::unexpected(device_error(queue.error()));
    return Session{std::move(*device), std::move(*context), std::move(*queue)};
}

Outcome<void> finish(neuron::Queue &queue, neuron::Job job, std::chrono::nanoseconds limit) {
    using std::chrono::steady_clock;
    const auto start = steady_clock::now();
    for (;;) {
        const auto left = limit - (steady_clock::now() - start);
        const auto glance = std::clamp<std::chrono::nanoseconds>(left, std::chrono::nanoseconds(0), interrupt_glance);
        auto done = queue.wait(job, glance);
        if (done)
            return {};
        // A time-out of the wait, or of the job?
        if (done.error().code != neuron::ErrorCode::timeout)
            return tl::unexpected(device_error(done.error()));
        if (const auto ended = queue.done(job); ended && *ended)
            return on_device(queue.wait(job));
        if (interrupted())
            return tl::unexpected(interruption());
        if (left.count() <= 0)
            return tl::unexpected(Failure{Exit::failed,
                                          std::string(neuron::name(neuron::ErrorCode::timeout)),
                                          fmt::format("job {} has not ended after {}", job.number,
                                                      std::chrono::duration_cast<std::chrono::seconds>(limit)),
                                          {},
                                          {}});
    }
}

Outcome<void> execute(neuron::Queue &queue, const neuron::CommandList &commands, std::chrono::nanoseconds limit) {
    const auto job = queue.submit(commands, neuron::Queue::Where());
    if (!job)
        return tl::unexpected(device_error(job.error()));
    return finish(queue, *job, limit);
}

} // namespace neuronctl
