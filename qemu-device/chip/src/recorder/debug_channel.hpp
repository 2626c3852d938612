// SPDX-License-Identifier: MIT
#pragma once

#include "../host.hpp"
#include "book.hpp"
#include "recorder.hpp"

#include <cstdint>
#include <mutex>

namespace neuron::chip {

class Sanitizer;

/// The ring through which a driver tells the book. Registers REC.DEBUG_*.
class DebugChannel {
public:
    DebugChannel(const Host &host, Recorder &recorder, Book &book, Sanitizer *sanitizer)
        : host_(host), recorder_(recorder), book_(book), sanitizer_(sanitizer) {}

    struct Registers {
        std::uint64_t ring = 0;
        std::uint32_t log2 = 0;
        std::uint32_t head = 0;
        std::uint32_t bad = 0;
    };
    Registers registers() const;
    /// These return false, and do nothing, if the value is none that could be.
    bool set_ring(std::uint64_t value);
    bool set_log2(std::uint32_t value);
    /// Takes up the records before `tail`, on the calling thread, which holds no lock of the chip: it reads host memory.
    /// False: there is no ring, or more than a ring full.
    bool take(std::uint32_t tail);
    /// The ring is gone; the book stays.
    void reset();
    void serialize(Archive &archive);

private:
    static constexpr std::uint32_t MAX_LOG2 = 16;

    /// One record. False: the host refused to give it, or it makes no sense.
    bool take_one(std::uint64_t bus);
    void record(const spec::DebugRecord &told, std::uint64_t now_ns);

    const Host &host_;
    Recorder &recorder_;
    Book &book_;
    Sanitizer *const sanitizer_; ///< nullptr: nobody else listens

    std::mutex order_; ///< of who takes: records are taken up in their order. Held over callbacks, by take() alone.
    mutable std::mutex mutex_; ///< guards all below
    Registers regs_;
};

} // namespace neuron::chip
