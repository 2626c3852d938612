// SPDX-License-Identifier: MIT
// Device nodes of the accel class: finding and opening them.
#pragma once

#include <string>
#include <vector>

#include <neuron/device.hpp>
#include <neuron/fd.hpp>

namespace neuron::accel {

/** Name that the driver gives to DRM_IOCTL_VERSION. */
inline constexpr const char *driver_name = "neuron_accel";

/** Where to look; tests look elsewhere. */
struct Roots {
    std::string sys = "/sys/class/accel";
    std::string dev = "/dev/accel";
};

struct Node {
    DeviceNode facts;
    ErrorCode problem_code = ErrorCode::io; ///< meaningful if facts.problem is not empty
    Fd fd{};                                ///< open if facts.problem is empty
};

/** All nodes by number, each opened and asked if that is possible. */
Result<std::vector<Node>> probe_nodes(const Roots &roots);

/** Opens a node and checks that our driver is behind it. */
Result<Fd> open_node(const std::string &path);

/** Opens the node that `wanted` names as DeviceOptions::node does. */
Result<Node> find_node(const std::string &wanted, const Roots &roots);

} // namespace neuron::accel
