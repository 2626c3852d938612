// SPDX-License-Identifier: MIT
/**
 * @file
 * What failed last, from the device's flight recorder: it is known also when the process has ended.
 */
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "rules.hpp"

namespace neuronctl::explain {

/**
 * The last fault since the last reset.
 * @param records As the device writes them, oldest first; a part of one at the end counts as nothing.
 * @param now_ns Device clock at the moment of the question.
 */
std::optional<Failure> last_failure_in(std::span<const std::byte> records, std::optional<std::uint64_t> now_ns);

/** What is remembered of the fault that has halted a queue; nullptr: it was not the last one. */
const Failure *failure_of(const State &state, const Queue &queue);

/** Nothing while something hangs or fails for another reason, or if another finding is about it already. */
std::optional<Finding> failure_finding(const State &state, const std::vector<Finding> &others);

Json json_of(const Failure &failure);

} // namespace neuronctl::explain
