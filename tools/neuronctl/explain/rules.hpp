// SPDX-License-Identifier: MIT
/**
 * @file
 * Why nothing moves: from a state to findings. Pure functions.
 */
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "../report.hpp"
#include "program_view.hpp"
#include "state.hpp"

namespace neuronctl::explain {

/** How bad a finding is, in ascending order. */
enum class Health { idle, busy, waiting, stuck, failed };

std::string_view name(Health health);

/** One link on the way from what stands still to its cause. */
struct Link {
    std::string what; ///< "queue 1", "core 0 ACT": the thing it is about.
    std::string text; ///< About it, as a sentence.
};

struct Finding {
    Health health = Health::idle;
    std::string rule{};                   ///< Its name, for programs.
    std::optional<std::uint64_t> queue{}; ///< Nothing: it is about the device.
    std::string sentence{};               ///< All of it in one sentence.
    std::vector<Link> chain{};            ///< From the queue to the root cause.
    std::string hint{};                   ///< What to do; empty if that is not known.
    std::optional<Report> report{};       ///< Of the sanitizer, if it is one.
    std::optional<Failure> failure{};     ///< Of the flight recorder, if it is one.
};

/** What the launch that a queue is at runs, by hardware queue. */
using Programs = std::map<std::uint64_t, ProgramView>;

/**
 * All there is to say, the worst first; never empty.
 * @param program What the launches run, or nullptr: what `loaded` says, if it does.
 */
std::vector<Finding> explain(const State &state, const ProgramView *program = nullptr, const Programs &loaded = {});

Json finding_json(const Finding &finding);

} // namespace neuronctl::explain
