// SPDX-License-Identifier: MIT
/**
 * @file
 * Options that say which device a command means.
 */
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <neuron/device.hpp>

#include "report.hpp"

namespace CLI {
class App;
} // namespace CLI

namespace neuronctl {

/** What the sanitizer of a simulated chip of this process has found without a fault. */
unsigned sanitizer_findings();

class DeviceChoice {
public:
    /** Adds the options to a command. The object must outlive the parser. */
    void add_to(CLI::App &command);

    /** The same for a command that takes several devices. */
    void add_several_to(CLI::App &command);

    /** Checks what belongs together. Opens nothing. */
    Outcome<neuron::DeviceOptions> options() const;
    /** The same for commands that look at the work: a backend that does none is a usage error. */
    Outcome<neuron::DeviceOptions> working() const;
    /** The same for several devices, at least one. */
    Outcome<std::vector<neuron::DeviceOptions>> several() const;

    /** Opens it. A bad option is an input error, everything else a device error. */
    static Outcome<neuron::Device> open(const neuron::DeviceOptions &options);

private:
    void add_common_to(CLI::App &command);

    std::string backend_ = "accel";
    std::vector<std::string> nodes_;
    std::size_t sim_chips_ = 1;
    neuron::SimOptions sim_;
    std::string hbm_;
    std::string plan_; ///< as it was given: see plan_text()
    CLI::App *command_ = nullptr;
};

/** The type of an option whose values are names, of "a, b": "{a,b}". What checks them says more than the parser would. */
std::string choice_type(std::string names);

/** "96 GiB", "64M", "4096": bytes. Empty if it is none. */
std::optional<std::uint64_t> parse_bytes(std::string_view text);

/** One line: "sim: trn2, 8 cores, 96.0 GiB HBM, spec 1.0". */
std::string device_line(const neuron::DeviceInfo &info);

/** What "device" holds in the JSON. */
Json device_json(const neuron::DeviceInfo &info);

} // namespace neuronctl
