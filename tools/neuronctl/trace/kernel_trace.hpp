// SPDX-License-Identifier: MIT
/**
 * @file
 * The kernel's own trace, from an instance of tracefs that nobody else uses.
 */
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../report.hpp"

namespace neuronctl::trace {

/** A line of the trace. */
struct KernelEvent {
    std::string comm; ///< Of the task that was running.
    std::uint32_t tid = 0;
    std::uint32_t cpu = 0;
    std::int64_t ns = 0; ///< CLOCK_MONOTONIC; whole microseconds.
    std::string name;    ///< "neuron_job_submit"
    std::string text;    ///< The rest of the line.
};

struct KernelTrace {
    std::vector<KernelEvent> events;
    std::uint64_t lost = 0; ///< Events that found no room.
};

/** Reads what a file `trace` of tracefs says. Lines that it does not know are left out. */
KernelTrace parse_kernel_trace(std::string_view text);

/** Records from start() to stop(); the instance goes with the object. */
class KernelTracer {
public:
    /**
     * @param buffer_kib Of each processor.
     * @return failed if tracefs is not there, or not for this user, or the driver has no events.
     */
    static Outcome<KernelTracer> start(std::uint32_t buffer_kib);
    ~KernelTracer();
    KernelTracer(KernelTracer &&other) noexcept;
    KernelTracer &operator=(KernelTracer &&) = delete;

    /** Where programs write their own lines. */
    std::string marker() const;
    Outcome<KernelTrace> stop();

private:
    explicit KernelTracer(std::string folder) : folder_(std::move(folder)) {}
    std::string folder_; ///< Empty: moved from.
};

} // namespace neuronctl::trace
