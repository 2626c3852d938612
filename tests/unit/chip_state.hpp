// SPDX-License-Identifier: MIT
// Saving a chip and going on with another one.
#ifndef NEURON_TESTS_CHIP_STATE_HPP
#define NEURON_TESTS_CHIP_STATE_HPP

#include "chip_dma.hpp"

namespace chip_test {

struct Outcome {
    int code = 0;
    std::string message;
};

/// Appends the state of a paused chip to `out`.
inline Outcome save(neuron_chip *chip, Bytes &out) {
    char message[256];
    const auto write = [](void *opaque, const void *data, std::size_t size) {
        auto &bytes = *static_cast<Bytes *>(opaque);
        const auto *const from = static_cast<const std::byte *>(data);
        bytes.insert(bytes.end(), from, from + size);
        return 0;
    };
    const int code = neuron_chip_save(chip, write, &out, message, sizeof message);
    return {code, message};
}

/// A stream, and how much of it has been read.
struct Source {
    std::span<const std::byte> bytes;
    std::size_t at = 0;
};

/// Loads a paused chip; `used`: bytes that it took.
inline Outcome load(neuron_chip *chip, std::span<const std::byte> bytes, std::size_t *used = nullptr) {
    Source source{bytes};
    char message[256];
    const auto read = [](void *opaque, void *data, std::size_t size) {
        auto &from = *static_cast<Source *>(opaque);
        if (size > from.bytes.size() - from.at)
            return -EIO;
        std::memcpy(data, from.bytes.data() + from.at, size);
        from.at += size;
        return 0;
    };
    const int code = neuron_chip_load(chip, read, &source, message, sizeof message);
    if (used != nullptr)
        *used = source.at;
    return {code, message};
}

inline Bytes saved(Machine &m) {
    neuron_chip_pause(m.chip);
    Bytes bytes;
    const Outcome outcome = save(m.chip, bytes);
    if (outcome.code != 0)
        fail_msg("saving: %s", outcome.message.c_str());
    return bytes;
}

/// Goes on with a new chip that is made as `mode` says.
inline void hop(Machine &m, const Mode &mode) {
    const Bytes bytes = saved(m);
    neuron_chip *const next = m.make_chip(mode);
    neuron_chip_pause(next);
    std::size_t used = 0;
    const Outcome outcome = load(next, bytes, &used);
    if (outcome.code != 0)
        fail_msg("loading: %s", outcome.message.c_str());
    assert_int_equal(used, bytes.size());
    m.replace_chip(next);
    neuron_chip_resume(m.chip);
}

} // namespace chip_test

#endif // NEURON_TESTS_CHIP_STATE_HPP
