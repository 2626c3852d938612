// SPDX-License-Identifier: MIT
#pragma once

#include "../chip_info.hpp"
#include "event.hpp"

#include <neuron/spec.hpp>

#include <cstdint>
#include <functional>
#include <vector>

namespace neuron::chip::tape {

/// Writes a tape, event by event: what was written stays readable whatever becomes of the process. One thread at a time.
class Writer {
public:
    /// Takes the bytes; 0, or a negative errno.
    using Sink = std::function<int(std::span<const std::byte>)>;

    explicit Writer(Sink sink) : sink_(std::move(sink)) {}

    /// These return 0, or the negative errno of the first write that failed: the tape ends before it, for good.
    int begin(const ChipInfo &info, bool function);
    int add(spec::TapeEvent head, std::span<const std::byte> data = {});
    int end(std::uint64_t step);

private:
    int put(std::span<const std::byte> bytes);

    Sink sink_;
    std::vector<std::byte> buffer_; ///< an event in one piece
    std::uint64_t events_ = 0;
    int failed_ = 0;
};

} // namespace neuron::chip::tape
