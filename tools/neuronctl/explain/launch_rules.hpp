// SPDX-License-Identifier: MIT
/**
 * @file
 * Why a launch does not end: its sequencers, what they wait for, and who would signal.
 */
#pragma once

#include "rules.hpp"

namespace neuronctl::explain {

/** The cores that the launch of a queue has, or had last. */
std::vector<const Core *> cores_of(const State &state, std::uint64_t queue);

/** Says of the launch that a queue is at why it goes on: rule, health and the rest of the chain. */
void explain_launch(const State &state, const Queue &queue, const ProgramView *program, Finding &finding);

/** Adds what was halted with a launch, and the circle of a deadlock, to the chain. */
void explain_halted(const State &state, const Queue &queue, const ProgramView *program, Finding &finding);

/** The packet that the queue is at, if that is known and a LAUNCH; nullptr if not. */
const Packet *launch_at_head(const Queue &queue);

/** Whether what is at a context address has come there since a fault has halted the queue, as far as that is remembered. */
bool has_come_since(const State &state, const Queue &queue, std::uint64_t va);

/** What the launch that the queue is at runs, by the name of the buffer that it is in: the library's is the kernel's. Empty if it is not known. */
std::string kernel_of(const State &state, const Queue &queue);

} // namespace neuronctl::explain
