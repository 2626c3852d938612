// SPDX-License-Identifier: MIT
/**
 * @file
 * One chip's part of a run.
 */
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <neuron/neuron.hpp>

#include "execution.hpp"
#include "timeline.hpp"
#include "tracing.hpp"

namespace neuronctl {

/** The steps in their order, each called once but for wait(); whatever moves bytes returns how many. */
class ChipRun {
public:
    /** Files that name the memory of the parameters that all chips share. */
    using Shared = std::map<std::string, neuron::Fd>;

    ChipRun(const std::vector<Binding> &bindings, const RunSettings &settings)
        : bindings_(bindings), settings_(settings) {}

    Outcome<void> open(const neuron::DeviceOptions &device);
    Outcome<std::uint64_t> load(const neuron::KernelFile &file);
    /** Makes the buffers. The first chip adds to `shared`, the others take from it. */
    Outcome<std::uint64_t> upload(Shared &shared);
    /** Makes the inputs as they were, for another launch. */
    Outcome<void> rewind();
    /** @param traced Record what the engines do. */
    Outcome<void> launch(bool traced);
    /** Waits for the launch; may be called again. @return whether it is done */
    Outcome<bool> wait(std::chrono::nanoseconds timeout);
    Outcome<std::uint64_t> download();
    Outcome<std::uint64_t> write();
    /** Compares outputs with what they should be; after download(). @return how many elements were compared */
    Outcome<std::uint64_t> check() const;
    /** What the last traced launch has recorded. */
    Outcome<ChipTrace> trace();

    const neuron::DeviceInfo &device() const { return device_; }
    /** Number of the launch that was waited for last and has not ended; 0: none. */
    std::uint64_t job() const { return job_ ? job_->number : 0; }
    neuron::Stats stats() const { return context_->stats(); }
    std::string_view path() const { return queue_->path(); }

private:
    Outcome<void> choose_cores();
    Outcome<void> launch_traced();
    Outcome<neuron::Buffer> make_buffer(const Binding &binding, Shared &shared);

    const std::vector<Binding> &bindings_;
    const RunSettings &settings_;
    neuron::DeviceInfo device_;
    std::uint32_t core_mask_ = 0;       ///< Of the launch; 0: as the kernel says.
    std::optional<std::uint32_t> bank_; ///< HBM stack of program and tensors.
    std::optional<neuron::Job> job_;    ///< The launch, until it is done.
    // Destroyed from the bottom up: buffers must outlive the queue's jobs.
    std::optional<neuron::Context> context_;
    std::vector<std::optional<neuron::Buffer>> buffers_;
    std::optional<neuron::Program> program_;
    std::optional<TracedLaunch> traced_;
    std::optional<neuron::Queue> queue_;
    std::vector<neuron::Argument> arguments_;
    std::vector<std::vector<std::byte>> outputs_;
};

} // namespace neuronctl
