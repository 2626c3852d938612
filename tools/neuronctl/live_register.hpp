// SPDX-License-Identifier: MIT
/**
 * @file
 * What a register of a device says now.
 */
#pragma once

#include <cstdint>
#include <string>

#include <neuron/spec.hpp>

#include "report.hpp"

namespace neuronctl {

/**
 * Reads the driver's file of registers, which root may. A device that sleeps is not woken.
 * @param device as of --device
 * @return an error that says why nobody knows: the device does not answer, the context or queue is not in use, or reading would have an effect
 */
Outcome<std::uint64_t> live_register(const std::string &device, const neuron::spec::RegisterRef &where);

} // namespace neuronctl
