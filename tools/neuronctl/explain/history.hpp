// SPDX-License-Identifier: MIT
/**
 * @file
 * What an address was: what a context has had there, and who took it away.
 */
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "../report.hpp"
#include "state.hpp"

namespace neuronctl::explain {

/** A buffer that a context has, or had, at an address. Times are differences to the moment of the question. */
struct Past {
    std::string relation; ///< INSIDE, UNBOUND or FREED, as of the contract.
    std::uint64_t buffer = 0;
    std::uint64_t start = 0;
    std::uint64_t bytes = 0;
    std::string label{};
    std::string made{};
    std::string gone{};          ///< Where in the source it was unbound.
    std::uint64_t bound_pid = 0; ///< 0: not known.
    std::optional<std::int64_t> bound_ns_ago{};
    std::uint64_t gone_pid = 0;
    std::optional<std::int64_t> gone_ns_ago{};
};

/** From the driver's file history, newest first. */
std::vector<Past> history_of(std::string_view text);

/** From the newest records of a coredump, newest first: how far they reach back depends on what else happened. */
std::vector<Past> history_in_coredump(std::string_view text, const State &state, std::uint64_t ctx, std::uint64_t va);

std::string text_of(const Past &past);
Json json_of(const Past &past);

} // namespace neuronctl::explain
