// SPDX-License-Identifier: MIT
#pragma once

#include "../exec/executor.hpp"
#include "../host.hpp"
#include "../recorder/recorder.hpp"

#include <neuron/spec.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

namespace neuron::chip {

/// Sends the interrupts of packets, and holds them back where register COALESCE says so. Its lock is held while one that
/// was held back goes out: none follows reset(), nor drop() once the queue's unit has called retired() for the last time.
class Coalescer final : public Unit {
public:
    Coalescer(InterruptGate &interrupts, Executor &executor, Recorder &recorder)
        : Unit(Priority::CONTROL), interrupts_(interrupts), executor_(executor), recorder_(recorder) {}

    // ---- registers ----
    std::uint32_t value(std::uint32_t queue) const { return lines_[queue].value.load(std::memory_order_relaxed); }
    void set(std::uint32_t queue, std::uint32_t value);
    /// Forgets everything.
    void reset();

    // ---- for the queue's unit. What it calls from a step may call the host. ----
    /// A packet with an interrupt has retired. `more`: the next one was there already.
    void retired(std::uint32_t queue, std::uint64_t epoch, std::uint32_t vector, bool more) {
        if (lines_[queue].value.load(std::memory_order_relaxed) == 0)
            interrupts_.raise(epoch, vector);
        else
            retired_coalescing(lines_[queue], epoch, vector, more);
    }
    /// One without has.
    void retired_silently(std::uint32_t queue, bool more) {
        if (!more && lines_[queue].held.load(std::memory_order_relaxed) != 0)
            retired_last(lines_[queue]);
    }

    // ---- for Control, which may hold its lock ----
    /// What is held back goes out soon, or never.
    void release(std::uint32_t queue);
    void drop(std::uint32_t queue);

    void serialize(Archive &archive);

    Step step() override;
    void failed() noexcept override {}

private:
    /// The interrupts of a queue. Written under the mutex.
    struct Line {
        std::atomic<std::uint32_t> value{0}; ///< register COALESCE
        std::atomic<std::uint32_t> held{0};
        std::uint64_t due_ns = 0; ///< when those must go out
        std::uint64_t epoch = 0;  ///< of the latest
        std::uint32_t vector = 0;

        std::uint32_t count() const { return spec::field::QUEUE_COALESCE_COUNT.get(value); }
        std::uint32_t usecs() const { return spec::field::QUEUE_COALESCE_USECS.get(value); }
        bool holds_back() const { return count() > 1 && usecs() != 0; }
    };

    void retired_coalescing(Line &line, std::uint64_t epoch, std::uint32_t vector, bool more);
    void retired_last(Line &line);
    std::uint8_t queue_of(const Line &line) const { return static_cast<std::uint8_t>(&line - lines_.data()); }
    /// `held`: interrupts that it stands for.
    void send_locked(Line &line, std::uint32_t held);
    void release_locked(Line &line);
    void drop_locked(Line &line);
    /// False: the host has no timer to spare.
    bool arm_locked(std::uint64_t due_ns);

    InterruptGate &interrupts_;
    Executor &executor_;
    Recorder &recorder_;

    std::mutex mutex_; ///< guards all below
    std::array<Line, spec::MAX_QUEUES> lines_;
    std::uint32_t holding_ = 0; ///< lines that hold something
    std::uint64_t armed_ns_ = Timer::NEVER;
};

} // namespace neuron::chip
