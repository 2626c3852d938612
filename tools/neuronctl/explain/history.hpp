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

/** A buffer that is, or was, at an address. Times are differences to the moment of the question. */
struct Past {
    std::string space{};  ///< "hbm" or "bus"; empty: of a context.
    std::string relation; ///< INSIDE, UNBOUND or FREED, as of the contract.
    std::uint64_t buffer = 0;
    std::uint64_t start = 0;
    std::uint64_t bytes = 0;
    std::string label{};
    std::string made{};
    std::string gone{};          ///< Where in the source it was unbound.
    std::uint64_t bound_pid = 0; ///< 0: not known.
    std::string bound_comm{};    ///< Of spaces only: of a context it is the one that has it.
    std::optional<std::int64_t> bound_ns_ago{};
    std::uint64_t gone_pid = 0;
    std::optional<std::int64_t> gone_ns_ago{};
};

/** From the driver's file history, newest first. */
std::vector<Past> history_of(std::string_view text);

/** What a live device remembers of a space, "hbm", "bus" or a context's number. A driver or device that does not know it,
 *  and a context that is being closed, say nothing. */
std::vector<Past> ask_history(const std::string &device, std::string_view space, std::uint64_t address);

/** From the newest records of a coredump, newest first: how far they reach back depends on what else happened. */
std::vector<Past> history_in_coredump(std::string_view text, const State &state, std::uint64_t ctx, std::uint64_t va);

std::string text_of(const Past &past);
Json json_of(const Past &past);

} // namespace neuronctl::explain
