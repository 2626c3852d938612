// SPDX-License-Identifier: MIT
/**
 * @file
 * Ctrl-C while jobs are in flight: whoever waits looks here now and then, and goes the way of any error, so that
 * destructors stop the jobs and let go of the device.
 */
#pragma once

#include <chrono>

#include "report.hpp"

namespace neuronctl {

/** From now on the first SIGINT or SIGTERM only makes interrupted() true; a second one ends the process. */
void catch_interrupts();

bool interrupted() noexcept;

/** What a command returns then. */
Failure interruption();

/** The longest wait without looking. */
inline constexpr std::chrono::milliseconds interrupt_glance(100);

/** Sleeps, but not beyond an interrupt. @return whether the time is over */
bool sleep_unless_interrupted(std::chrono::nanoseconds time);

} // namespace neuronctl
