// SPDX-License-Identifier: MIT
#include "trace_marker.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

namespace neuron::detail {
namespace {

// Open for as long as the process lives: there is no moment at which nobody could want it.
int marker() noexcept {
    static const int file = [] {
        const char *path = std::getenv("NEURON_TRACE_MARKER");
        return path != nullptr ? ::open(path, O_WRONLY | O_CLOEXEC) : -1;
    }();
    return file;
}

// A span that is lost in the trace is no reason to disturb the program.
void write_line(const char *format, const char *name) noexcept {
    std::array<char, 64> line{};
    const int size = std::snprintf(line.data(), line.size(), format, name);
    if (size > 0)
        (void)!::write(marker(), line.data(), static_cast<std::size_t>(size));
}

} // namespace

TraceSpan::TraceSpan(const char *name) noexcept : begun_(marker() >= 0) {
    if (begun_)
        write_line("neuron:B %s", name);
}

TraceSpan::~TraceSpan() {
    if (begun_)
        write_line("neuron:E%s", "");
}

} // namespace neuron::detail
