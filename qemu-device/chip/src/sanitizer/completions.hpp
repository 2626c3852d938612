// SPDX-License-Identifier: MIT
// Whether each packet is completed once.
#pragma once

#include <neuron/spec.hpp>

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>

namespace neuron::chip {

/// What packets have asked for, and what has gone out. Any thread.
class Completions {
public:
    /// What is wrong, and of which packet.
    struct Finding {
        spec::SanitizerKind kind;
        std::uint64_t packet;
    };

    /// A queue begins anew: nothing is owed.
    void start(std::uint32_t queue);
    /// A packet is over and has asked for its seqno.
    std::optional<Finding> ask_seqno(std::uint32_t queue, std::uint64_t packet);
    /// A seqno is about to be written.
    std::optional<Finding> write_seqno(std::uint32_t queue, std::uint64_t seqno);
    /// A packet is over and has asked for an interrupt, which is to go out at once.
    std::optional<Finding> ask_interrupt(std::uint32_t queue, std::uint64_t packet, std::uint32_t vector);
    /// An interrupt goes out.
    void raise(std::uint32_t vector);
    /// The queue has come to rest: what it still owes.
    std::optional<Finding> owed(std::uint32_t queue);

private:
    struct Line {
        std::uint64_t seqno = 0; ///< the last one written
        std::optional<std::uint64_t> seqno_of;
        std::optional<std::uint64_t> interrupt_of;
        std::uint32_t vector = 0;
    };

    std::mutex mutex_; ///< guards all below; innermost
    std::array<Line, spec::MAX_QUEUES> lines_;
};

} // namespace neuron::chip
