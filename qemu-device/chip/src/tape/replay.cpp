// SPDX-License-Identifier: MIT
// The functions of the C ABI that replay a tape.
#pragma GCC visibility push(default)
#include "neuron_chip.h"
#pragma GCC visibility pop

#include "../abi.hpp"
#include "player.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace {

using neuron::chip::CreateError;
using neuron::chip::Replay;
using neuron::chip::tape::Player;
using neuron::chip::tape::Reader;
namespace spec = neuron::spec;

bool has(const spec::TapeHeader &header, spec::TapeOption option) { return (header.options & spec::raw(option)) != 0; }

// The chip that the tape was recorded of.
tl::expected<std::unique_ptr<neuron_chip, decltype(&neuron_chip_destroy)>, CreateError>
make_chip(const spec::TapeHeader &header, const neuron_chip_replay_options &options, Player &player) {
    const spec::ProfileDesc *profile = spec::find_profile(header.profile);
    if (profile == nullptr)
        return tl::unexpected(CreateError{EBADMSG, "the tape is of a profile that there is not"});
    const std::string name(profile->name);
    const bool sanitized = has(header, spec::TapeOption::SANITIZER);
    neuron_chip_config config{};
    config.size = sizeof config;
    config.abi_major = NEURON_CHIP_ABI_MAJOR;
    config.profile = name.c_str();
    config.hbm_bytes = header.hbm_bytes;
    config.aperture_bytes = header.aperture_bytes;
    config.cores = header.cores;
    config.stepped = true;
    config.seed = header.seed;
    config.hazards = has(header, spec::TapeOption::HAZARDS);
    config.simd = options.simd;
    config.recorder_records = header.recorder != 0 ? header.recorder : NEURON_CHIP_RECORDER_OFF;
    config.sanitizer = sanitized || options.sanitizer;
    const neuron_chip_host_ops ops = player.ops();
    const Replay replay{player, options.sanitizer && !sanitized};
    auto chip = neuron::chip::create_chip(&config, &ops, &player, &replay);
    if (!chip)
        return tl::unexpected(chip.error());
    player.attach(**chip);
    return std::unique_ptr<neuron_chip, decltype(&neuron_chip_destroy)>(*chip, &neuron_chip_destroy);
}

struct Outcome {
    int error;
    std::string message;
};

Outcome replay(std::span<const std::byte> tape, const neuron_chip_replay_options &options,
               neuron_chip_replay_result &result) {
    auto reader = Reader::open(tape);
    if (!reader)
        return {reader.error().code, reader.error().message};
    const spec::TapeHeader header = reader->header();
    Player player(std::move(*reader), options);
    if (options.list) {
        player.list();
    } else {
        auto chip = make_chip(header, options, player);
        if (!chip)
            return {chip.error().code, "the tape's chip cannot be made: " + chip.error().message};
        player.play();
    }
    result = player.result();
    result.contract = header.contract;
    return {player.error(), player.message()};
}

// As the caller knows the structure: a shorter one reads as zero beyond its end.
neuron_chip_replay_options known(const neuron_chip_replay_options *given) {
    neuron_chip_replay_options options{};
    if (given != nullptr)
        std::memcpy(&options, given, std::min(given->size, sizeof options));
    return options;
}

} // namespace

int neuron_chip_replay(const void *tape, size_t bytes, const struct neuron_chip_replay_options *options,
                       struct neuron_chip_replay_result *result, char *error, size_t error_size) {
    const size_t result_size = std::min(result->size, sizeof *result);
    neuron_chip_replay_result counts{};
    int code = 0;
    const auto say = [&](const char *message) {
        if (error_size != 0)
            std::snprintf(error, error_size, "%s", message);
    };
    say("");
    try {
        const Outcome outcome = replay({static_cast<const std::byte *>(tape), bytes}, known(options), counts);
        code = outcome.error;
        say(outcome.message.c_str());
    } catch (const std::exception &failure) {
        code = ENOMEM;
        say(failure.what());
    }
    counts.size = result_size;
    std::memcpy(result, &counts, result_size);
    return -code;
}

void neuron_chip_tape_at(uint64_t event, uint64_t step) { asm volatile("" : : "r"(event), "r"(step)); }
void neuron_chip_tape_stop(uint64_t event, uint64_t step) { asm volatile("" : : "r"(event), "r"(step)); }
