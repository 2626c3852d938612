// SPDX-License-Identifier: MIT
// A client of the chip and the chip, in one thread: a seed says what the chip does while the client does nothing, and how far it has got
// between two statements of the client.
#pragma once

#include "chip_support.hpp"

#include <optional>

namespace explore_test {

using namespace chip_test;

/// What a client has found: nothing, or what is wrong.
using Verdict = std::optional<std::string>;

class Rig {
public:
    /// `aspects`: words of `explore`; nullptr: the chip does not explore.
    explicit Rig(std::uint64_t seed, const char *aspects = "")
        : m({.stepped = true, .seed = seed}), ctx(m, CTX), random_(seed) {
        if (aspects != nullptr)
            explore(seed, aspects);
        memory = ctx.map_host(VA, 64 * PAGE);
    }
    void explore(std::uint64_t seed, const char *aspects) {
        const std::string text = "explore seed=" + std::to_string(seed) + " " + aspects;
        char error[256];
        if (neuron_chip_set_fault_plan(m.chip, text.c_str(), error, sizeof error) != 0)
            throw std::runtime_error(error);
    }

    /// The chip gets some steps ahead, while the client is between two statements.
    void turn() {
        std::uniform_int_distribution<std::uint64_t> most(0, 6);
        neuron_chip_run(m.chip, random_() % (1U << most(random_)));
    }
    /// The client looks again and again. False: it could wait for ever.
    bool poll(const std::function<bool()> &done) {
        while (!done())
            if (neuron_chip_run(m.chip, 1) == 0)
                return done();
        return true;
    }
    /// What was chosen: the report's hash, and how often the chip was at work.
    std::string trace() {
        char text[512];
        neuron_chip_fault_report(m.chip, text, sizeof text);
        return text;
    }

    std::uint64_t word(std::uint64_t index) { return m.host.u64(memory + index * 8); }
    static std::uint64_t va(std::uint64_t index) { return VA + index * 8; }
    /// A job that takes a step, and writes `value` into that word.
    static spec::PacketFill store(std::uint64_t index, std::uint64_t value) {
        return {.dst = va(index), .bytes = 8, .pattern = value};
    }
    /// One that takes `chunks` steps, far from all words, before that.
    static spec::PacketFill slow(std::uint64_t pages) {
        return {.dst = VA + 8 * PAGE, .bytes = pages * PAGE, .pattern = 1};
    }

    static constexpr std::uint32_t CTX = 1;
    static constexpr std::uint64_t VA = 0x10'0000;
    Machine m;
    Context ctx;
    std::uint64_t memory = 0;

private:
    std::mt19937_64 random_;
};

} // namespace explore_test
