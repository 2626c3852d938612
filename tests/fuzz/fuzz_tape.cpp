// SPDX-License-Identifier: MIT
// Any bytes as a tape: they are listed and replayed, with and without the sanitizer, and end in a result or in one error, after a bounded
// number of steps. Check sums are made right where bytes are changed, so that what is behind them is reached.
#include "check.hpp"
#include "tape_events.hpp"

#include "neuron_chip.h"

#include <array>
#include <cerrno>
#include <cstring>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t *data, std::size_t size, std::size_t max_size);

namespace {

using namespace fuzz;

/// The replay asks every 1024 steps.
constexpr unsigned MAX_GLANCES = 4;

struct Ended {
    int code;
    neuron_chip_replay_result result;
};

Ended replay(std::span<const std::uint8_t> tape, bool list, bool sanitizer) {
    unsigned glances = 0;
    neuron_chip_replay_options options{};
    options.size = sizeof options;
    options.list = list;
    options.sanitizer = sanitizer;
    options.opaque = &glances;
    options.event = [](void *, const neuron_chip_tape_event *event) {
        FUZZ_REQUIRE(std::strlen(event->what) != 0, "an event that says nothing");
    };
    options.go_on = [](void *glances) { return ++*static_cast<unsigned *>(glances) < MAX_GLANCES; };
    Ended ended{};
    ended.result.size = sizeof ended.result;
    std::array<char, 512> error{};
    ended.code = neuron_chip_replay(tape.data(), tape.size(), &options, &ended.result, error.data(), error.size());
    FUZZ_REQUIRE((ended.code != 0) == (error[0] != '\0'), "code %d, message '%s'", ended.code, error.data());
    FUZZ_REQUIRE(ended.code <= 0, "code %d", ended.code);
    return ended;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const std::span tape(data, size);
    const Ended listed = replay(tape, true, false);
    const Ended played = replay(tape, false, false);
    // What cannot be read cannot be played; where both come to the end, they have seen the same.
    FUZZ_REQUIRE(listed.code == 0 || played.code != 0 || !played.result.complete,
                 "a damaged tape was played to its end");
    if (listed.code == 0 && played.code == 0 && played.result.complete)
        FUZZ_REQUIRE(listed.result.events == played.result.events, "%llu events, and %llu",
                     static_cast<unsigned long long>(listed.result.events),
                     static_cast<unsigned long long>(played.result.events));
    if (played.code == 0)
        replay(tape, false, true);
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t *data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    Random random(seed);
    if (random.chance(10) || size < spec::TapeHeader::BYTES)
        return LLVMFuzzerMutate(data, size, max_size);
    for (std::uint64_t turns = 1 + random.below(3); turns != 0; --turns)
        size = change_tape(random, {data, max_size}, size);
    seal_tape({data, size});
    return size;
}
