// SPDX-License-Identifier: MIT
#include "remembered.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <neuron/fd.hpp>

#include "../recorder_file.hpp"
#include "../system.hpp"
#include "last_failure.hpp"
#include "lines.hpp"
#include "sanitizer_reports.hpp"

namespace neuronctl::explain {
namespace {

// "CLOCK_NS: 0x2f7e3cc9", among the registers.
std::optional<std::uint64_t> device_clock(const std::string &address) {
    constexpr std::string_view key = "CLOCK_NS: ";
    const auto registers = sys::debugfs(address, "registers");
    for (const std::string &line : sys::lines(registers.value_or("")))
        if (line.starts_with(key))
            return sys::number(std::string_view(line).substr(key.size()));
    return std::nullopt;
}

// Errors that the kernel has counted by name, but for their sum: "MalfTLP 1".
std::string link_errors(const std::string &folder) {
    std::vector<std::string> names;
    for (const std::string &line : sys::lines(sys::read(folder + "/aer_dev_fatal").value_or("")))
        if (!line.starts_with("TOTAL_") && !line.ends_with(" 0"))
            names.push_back(line.substr(0, line.find(' ')));
    return fmt::format("{}", fmt::join(names, ", "));
}

std::uint64_t monotonic_us() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

// Each read gives one record; those that were overwritten meanwhile are skipped.
void read_log(Losses &losses, const std::string &address) {
    const neuron::Fd log(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    const std::uint64_t now = monotonic_us();
    std::array<char, 8192> record{};
    while (log) {
        const ssize_t got = ::read(log.get(), record.data(), record.size());
        if (got < 0 && errno == EPIPE)
            continue;
        if (got <= 0)
            return;
        note_log_record(losses, address, {record.data(), static_cast<std::size_t>(got)}, now);
    }
}

Losses losses_of(const std::string &address) {
    const std::string folder = "/sys/bus/pci/devices/" + address;
    const auto count = [&](const char *name) {
        return sys::number(sys::read(folder + "/ras/" + name).value_or("")).value_or(0);
    };
    Losses out;
    out.resets = count("resets");
    out.fatal_link_errors = count("aer_fatal");
    out.link_error = link_errors(folder);
    read_log(out, address);
    return out;
}

} // namespace

// "3,512,61676921,-;neuron_accel 0000:01:00.0: [drm] *ERROR* the device does not answer any more"
void note_log_record(Losses &losses, const std::string &address, std::string_view record, std::uint64_t now_us) {
    const std::string head(record.substr(0, record.find(';')));
    const std::string_view text = record.substr(std::min(record.size(), head.size()));
    if (text.find(fmt::format("neuron_accel {}: ", address)) == std::string_view::npos)
        return;
    const std::size_t second = head.find(',', head.find(',') + 1);
    const auto time = second == std::string::npos
                          ? std::nullopt
                          : sys::number(head.substr(second + 1, head.find(',', second + 1) - second - 1));
    if (!time || *time > now_us)
        return;
    const auto said = [&](std::string_view what) { return text.find(what) != std::string_view::npos; };
    const std::uint64_t ms_ago = (now_us - *time) / 1000;
    if (said("the device does not answer any more"))
        losses.gone_ms_ago = ms_ago;
    else if (said("the reset failed"))
        losses.wedged_ms_ago = ms_ago;
    else if (said("the link has failed"))
        losses.link_ms_ago = ms_ago;
}

void read_remembered(State &state) {
    state.losses = losses_of(state.device);
    const neuron::Fd awake = state.device_state == "sleeping" ? keep_awake(state.device) : neuron::Fd();
    state.reports = reports_of(with_lines(sys::debugfs(state.device, "sanitizer").value_or("")));
    const auto path = recorder_path(state.device);
    if (const auto bytes = path ? read_recorder(*path) : tl::unexpected(path.error()))
        state.failure = last_failure_in(*bytes, device_clock(state.device));
}

} // namespace neuronctl::explain
