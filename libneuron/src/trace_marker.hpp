// SPDX-License-Identifier: MIT
// Spans of the library in the kernel's trace, beside the events of the driver: `neuronctl trace` asks for them.
#pragma once

namespace neuron::detail {

/**
 * A span from construction to destruction, written to the file that $NEURON_TRACE_MARKER names: a trace_marker of tracefs. Without that
 * variable, or without permission, it costs a comparison. @p name must be a literal. Threading: any thread.
 */
class TraceSpan {
public:
    explicit TraceSpan(const char *name) noexcept;
    ~TraceSpan();
    TraceSpan(const TraceSpan &) = delete;
    TraceSpan &operator=(const TraceSpan &) = delete;

private:
    bool begun_;
};

} // namespace neuron::detail
