// SPDX-License-Identifier: MIT
// The function of the C ABI that begins a tape in the middle of a run: a new chip that is recorded takes the place of the old one, in the
// state of that. So what is recorded goes on from exactly what a replay reads, and the old chip's memory stays the host's.
#pragma GCC visibility push(default)
#include "neuron_chip.h"
#pragma GCC visibility pop

#include "../abi.hpp"
#include "../state/archive.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

namespace {

using neuron::chip::Archive;
using neuron::chip::Chip;
using neuron::chip::StateError;
using neuron::chip::tape::HostWindow;
using neuron::chip::tape::Recording;

using State = std::vector<std::byte>;

State save(Chip &chip) {
    State state;
    Archive archive(Archive::Write(
        [&](std::span<const std::byte> bytes) { state.insert(state.end(), bytes.begin(), bytes.end()); }));
    chip.serialize(archive);
    return state;
}

void load(Chip &chip, std::span<const std::byte> state) {
    Archive archive(Archive::Read([&](std::span<std::byte> out) {
        if (out.size() > state.size())
            throw StateError(EBADMSG, "the state ends too early");
        std::ranges::copy(state.first(out.size()), out.begin());
        state = state.subspan(out.size());
    }));
    chip.serialize(archive);
}

void start(neuron_chip &handle, neuron_chip_write_fn write, void *opaque) {
    if (!handle.chip->info().stepped)
        throw StateError(EINVAL, "only a chip in stepped mode can be recorded");
    if (!handle.chip->executor().paused())
        throw StateError(EBUSY, "the chip is not paused");
    if (handle.tape != nullptr && !handle.tape->ended())
        throw StateError(EALREADY, "the chip is being recorded");
    const State state = save(*handle.chip);
    auto recording =
        Recording::create(handle.chip->info(), neuron::chip::sink_of(write, opaque), handle.ops, handle.opaque);
    if (!recording)
        throw StateError(recording.error().code, recording.error().message);
    if (const int error = -(*recording)->add_state(state); error != 0)
        throw StateError(error, strerrordesc_np(error));
    auto chip = Chip::create(handle.chip->info(), (*recording)->ops(), recording->get(), recording->get());
    if (!chip)
        throw StateError(chip.error().code, chip.error().message);
    (*chip)->executor().pause();
    load(**chip, state);

    // From here on nothing fails.
    (*recording)
        ->attach(**chip, handle.tape != nullptr
                             ? handle.tape->give_window()
                             : std::make_unique<HostWindow>(handle.chip->retire(), handle.chip->info().aperture_bytes));
    handle.chip = std::move(*chip);
    handle.tape = std::move(*recording);
}

} // namespace

int neuron_chip_start_tape(struct neuron_chip *chip, neuron_chip_write_fn write, void *opaque, char *error,
                           size_t error_size) {
    const auto say = [&](const char *message) {
        if (error_size != 0)
            std::snprintf(error, error_size, "%s", message);
    };
    say("");
    try {
        start(*chip, write, opaque);
        return 0;
    } catch (const StateError &failure) {
        say(failure.what());
        return -failure.code();
    } catch (const std::exception &failure) {
        say(failure.what());
        return -ENOMEM;
    }
}
