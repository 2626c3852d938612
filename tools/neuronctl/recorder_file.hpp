// SPDX-License-Identifier: MIT
/**
 * @file
 * The driver's file with the records of the device's flight recorder.
 */
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <neuron/fd.hpp>

#include "report.hpp"

namespace neuronctl {

/** Its path, for sys::path(). @param address of the device on the bus. */
Outcome<std::string> recorder_path(const std::string &address);

/** A device has no answer while it sleeps: who has its node open keeps it awake. Nothing if there is no node, or it may not be opened. */
neuron::Fd keep_awake(const std::string &address);

/** All that it has. Nothing is woken. @param path of recorder_path(). */
Outcome<std::vector<std::byte>> read_recorder(const std::string &path);

} // namespace neuronctl
