// SPDX-License-Identifier: MIT
/**
 * @file
 * Small kernels that commands bring along: text, assembled when it is needed.
 */
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <neuron/neuron.hpp>

#include "session.hpp"

namespace neuronctl {

/** Assembles a text. A mistake in it is ours, and named. */
Outcome<neuron::KernelFile> make_kernel(const std::string &name, std::string_view source);

/** A kernel in a device, with a buffer for each of its tensors. */
class LoadedKernel {
public:
    /** @param bank HBM stack for all of it. */
    static Outcome<LoadedKernel> load(Session &session, const neuron::KernelFile &file,
                                      std::optional<std::uint32_t> bank = {});

    Outcome<void> write(Session &session, std::string_view param, std::span<const std::byte> bytes) const;
    Outcome<std::vector<std::byte>> read(Session &session, std::string_view param) const;

    /** Launches. The kernel must outlive the job. */
    Outcome<neuron::Job> start(Session &session, std::uint32_t core_mask) const;

    /** Launches and waits. */
    Outcome<void> run(Session &session, std::uint32_t core_mask) const;

    /**
     * The same with a record of what the engines did.
     * @return The records, in the order of their beginning.
     */
    Outcome<std::vector<neuron::spec::Notification>> run_traced(Session &session, std::uint32_t core_mask) const;

private:
    LoadedKernel(neuron::Program program, std::vector<neuron::Buffer> buffers)
        : program_(std::move(program)), buffers_(std::move(buffers)) {}
    const neuron::Buffer *buffer_of(std::string_view param) const;
    neuron::Program program_;
    std::vector<neuron::Buffer> buffers_; ///< Of each parameter: they are tensors all.
};

} // namespace neuronctl
