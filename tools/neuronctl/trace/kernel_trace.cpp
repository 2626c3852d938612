// SPDX-License-Identifier: MIT
#include "kernel_trace.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "../system.hpp"

namespace neuronctl::trace {
namespace {

constexpr std::string_view instances = "/sys/kernel/tracing/instances";
constexpr std::string_view needed = "neuron";
// What else there is depends on the kernel.
constexpr std::array<std::string_view, 6> wanted{
    "dma_fence", "dma", "irq/irq_handler_entry", "irq/irq_handler_exit", "sched/sched_switch", "sched/sched_waking"};

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(' ');
    return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

template<class T>
bool parse(std::string_view text, T &out) {
    return std::from_chars(text.data(), text.data() + text.size(), out).ec == std::errc();
}

// "123.456789" as nanoseconds: a double has no room for both.
bool parse_time(std::string_view text, std::int64_t &ns) {
    const auto dot = text.find('.');
    std::int64_t seconds = 0;
    std::int64_t micros = 0;
    if (dot == std::string_view::npos || !parse(text.substr(0, dot), seconds) || !parse(text.substr(dot + 1), micros))
        return false;
    ns = (seconds * 1000000 + micros) * 1000;
    return true;
}

// "             bug-257     [001] d..2.   123.456789: neuron_job_submit: ctx=1"
bool parse_line(std::string_view line, KernelEvent &event) {
    const auto bracket = line.find(" [");
    const auto close = line.find("] ", bracket);
    if (bracket == std::string_view::npos || close == std::string_view::npos)
        return false;
    std::string_view task = trimmed(line.substr(0, bracket));
    while (task.ends_with(' '))
        task.remove_suffix(1);
    const auto dash = task.rfind('-');
    if (dash == std::string_view::npos || !parse(task.substr(dash + 1), event.tid) ||
        !parse(line.substr(bracket + 2, close - bracket - 2), event.cpu))
        return false;
    event.comm = task.substr(0, dash);
    std::string_view rest = trimmed(line.substr(close + 2));
    rest = trimmed(rest.substr(std::min(rest.size(), rest.find(' ')))); // the flags
    const auto colon = rest.find(": ");
    if (colon == std::string_view::npos || !parse_time(rest.substr(0, colon), event.ns))
        return false;
    rest = rest.substr(colon + 2);
    const auto end = rest.find(':');
    if (end == std::string_view::npos)
        return false;
    event.name = rest.substr(0, end);
    event.text = trimmed(rest.substr(end + 1));
    return true;
}

// "# entries-in-buffer/entries-written: 12/40   #P:2"
std::uint64_t lost_of(std::string_view line) {
    constexpr std::string_view title = "# entries-in-buffer/entries-written: ";
    std::uint64_t kept = 0;
    std::uint64_t written = 0;
    if (!line.starts_with(title))
        return 0;
    line.remove_prefix(title.size());
    const auto slash = line.find('/');
    if (slash == std::string_view::npos || !parse(line, kept) || !parse(line.substr(slash + 1), written))
        return 0;
    return written > kept ? written - kept : 0;
}

Failure refused(std::string_view what, int error) {
    if (error == EACCES || error == EPERM)
        return {.code = "permission_denied",
                .message = fmt::format("{}: {}: only root can trace the kernel", what, std::strerror(error))};
    return {.code = "io", .message = fmt::format("{}: {}", what, std::strerror(error))};
}

} // namespace

KernelTrace parse_kernel_trace(std::string_view text) {
    KernelTrace out;
    while (!text.empty()) {
        const auto end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        KernelEvent event;
        if (line.starts_with('#'))
            out.lost += lost_of(line);
        else if (parse_line(line, event))
            out.events.push_back(std::move(event));
    }
    return out;
}

Outcome<KernelTracer> KernelTracer::start(std::uint32_t buffer_kib) {
    if (::access(sys::path(instances).c_str(), W_OK) != 0) {
        Failure failure = refused(instances, errno);
        if (failure.code == "io")
            failure.hint = "mount it: mount -t tracefs tracefs /sys/kernel/tracing";
        return tl::unexpected(std::move(failure));
    }
    const std::string folder = fmt::format("{}/neuronctl-{}", instances, ::getpid());
    if (::mkdir(sys::path(folder).c_str(), 0700) != 0)
        return tl::unexpected(refused(folder, errno));
    KernelTracer tracer(folder);
    const auto set = [&folder](std::string_view file, std::string_view text) {
        return sys::write(fmt::format("{}/{}", folder, file), text);
    };
    // The clock of the library's spans and of what the driver says of the device's.
    if (const int error = set("trace_clock", "mono"); error != 0)
        return tl::unexpected(refused("trace_clock", error));
    if (const int error = set("buffer_size_kb", fmt::format("{}", buffer_kib)); error != 0)
        return tl::unexpected(refused(fmt::format("a trace buffer of {} KiB", buffer_kib), error));
    if (const int error = set(fmt::format("events/{}/enable", needed), "1"); error != 0) {
        Failure failure = refused(fmt::format("events/{}", needed), error);
        failure.hint = "is the module neuron_accel loaded?";
        return tl::unexpected(std::move(failure));
    }
    for (const std::string_view events : wanted)
        (void)set(fmt::format("events/{}/enable", events), "1");
    return tracer;
}

KernelTracer::KernelTracer(KernelTracer &&other) noexcept : folder_(std::exchange(other.folder_, {})) {}

KernelTracer::~KernelTracer() {
    if (!folder_.empty())
        ::rmdir(sys::path(folder_).c_str());
}

std::string KernelTracer::marker() const { return sys::path(folder_ + "/trace_marker"); }

Outcome<KernelTrace> KernelTracer::stop() {
    if (const int error = sys::write(folder_ + "/tracing_on", "0"); error != 0)
        return tl::unexpected(refused(folder_ + "/tracing_on", error));
    const auto text = sys::read(folder_ + "/trace");
    if (!text)
        return tl::unexpected(Failure{.code = "io", .message = folder_ + "/trace cannot be read"});
    return parse_kernel_trace(*text);
}

} // namespace neuronctl::trace
