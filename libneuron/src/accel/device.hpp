// SPDX-License-Identifier: MIT
// Backend "accel": the kernel driver's device node.
#pragma once

#include <memory>
#include <mutex>

#include "../backend.hpp"
#include "node.hpp"

namespace neuron::accel {

/** Opens the node of the options and checks the versions. */
Result<std::shared_ptr<detail::DeviceBackend>> open_device(const DeviceOptions &options, const Roots &roots = {});

} // namespace neuron::accel
