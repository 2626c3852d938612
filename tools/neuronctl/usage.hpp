// SPDX-License-Identifier: MIT
/**
 * @file
 * Who uses which device how much: from fdinfo and sysfs, which need no root (other users' processes do).
 */
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "report.hpp"

namespace neuronctl {

/** An open file of a device. */
struct Client {
    std::string address; ///< Of the device on the PCI bus.
    std::uint64_t id = 0;
    std::uint64_t pid = 0; ///< One of those that have it open.
    std::string command;
    std::map<std::string, std::uint64_t> values; ///< Of fdinfo: "drm-engine-core", in bytes or nanoseconds.
    double cores = 0;                            ///< NeuronCores that it kept busy since the last sample.
    double queues = 0;                           ///< Likewise hardware queues.

    std::uint64_t value(const std::string &key) const {
        const auto found = values.find(key);
        return found == values.end() ? 0 : found->second;
    }
};

struct DeviceUse {
    std::string address;
    std::string node;
    std::string state;                            ///< "ready", ...; "unbound" without the driver.
    std::map<std::string, std::uint64_t> sensors; ///< "temp1_input", ...: millidegrees, microwatts, microjoules.
    std::map<std::string, std::uint64_t> ras;     ///< Counters by name.
};

struct Sample {
    std::chrono::steady_clock::time_point time;
    std::int64_t unix_ns = 0;
    std::vector<DeviceUse> devices;
    std::vector<Client> clients; ///< By use, busiest first.
};

/** @param before For what has changed since. */
Sample take_sample(const Sample *before = nullptr);

Json sample_json(const Sample &sample);

/** The text that Prometheus reads. */
std::string prometheus_text(const Sample &sample);

} // namespace neuronctl
