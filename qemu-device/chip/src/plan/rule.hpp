// SPDX-License-Identifier: MIT
// A fault plan as data, and its text. The words are those of spec/plan.toml.
#pragma once

#include <neuron/spec.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace neuron::chip::plan {

/// Numbers from first to last.
struct Range {
    std::uint64_t first = 0;
    std::uint64_t last = std::numeric_limits<std::uint64_t>::max();

    bool meets(std::uint64_t from, std::uint64_t to) const { return from <= last && first <= to; }
    bool has(std::uint64_t value) const { return meets(value, value); }
};

/// A packet, for who asks for one.
struct Packet {
    spec::PacketOp op;
    std::span<const Range> moves; ///< context addresses that it moves bytes from or to
};

/// "on these events of a kind, do that".
struct Rule {
    spec::PlanEvent event{};
    // Which events match.
    Range place; ///< addr, vector, queue, pc or ring, as the event has it
    std::optional<Range> queue;
    std::optional<Range> core;
    std::optional<spec::Unit> unit;
    std::optional<spec::PacketOp> op;
    std::optional<Range> moves; ///< meets one of the packet's
    // Which of those that match, counted from 1.
    Range nth{1, std::numeric_limits<std::uint64_t>::max()};
    std::uint64_t every = 1; ///< each so manieth of them, the first one at nth.first
    spec::PlanAction action{};
    std::uint64_t argument = 0;
    bool at_place = false; ///< the argument is where the event meets `place`
    std::string text;      ///< as it was written
};

/// What the device chooses by a seed, of all that the contract leaves open.
struct Explore {
    std::uint64_t seed = 0;
    std::uint32_t aspects = 0; ///< of enum explore_aspect
    std::string text;          ///< as it was written
};

struct Plan {
    std::uint64_t seed = 0;
    std::vector<Rule> rules;
    std::optional<Explore> explore{};
};

/// The name of an event, action or aspect, as a plan has it.
std::string word(std::string_view name);

/// Whether it is not the chip that does it, but the PCIe function around it.
bool is_of_function(spec::PlanAction action);

/// Rules stand on lines of their own or between semicolons; # begins a comment.
///
///     seed 7
///     dma_write addr=0x1000+0x2000 nth=3: flip bits=2
///     irq vector=5 nth=2..4: drop
///     doorbell queue=2 every=10: reorder
///     packet queue=1 nth=1: hang
///     packet op=copy addr=0x10000000+4096: drop
///     instruction core=0 unit=dve nth=5: hang
///     hbm_read addr=0x2000+64 queue=1: flip bits=1
///     explore seed=17 order doorbells
///
/// Numbers are decimal or begin with 0x. The error is one line that names the rule and the word.
tl::expected<Plan, std::string> parse(std::string_view text);

} // namespace neuron::chip::plan
