// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>

namespace neuron::chip {

/// Which cores of a launch still count: those that have not ended, and among them those that are active, that is, have a
/// sequencer or a transfer that can go on. Only what an active core does can make another one active again, and it counts
/// itself meanwhile; so when the last one comes to rest, nothing can change any more, and exactly one caller is told.
///
/// Any thread; no lock. A core reports its own changes in order, under its SyncBlock's lock.
class Census {
public:
    enum class Verdict : std::uint8_t {
        GOES_ON,
        /// No core is active, and not all have ended. An end() that says so has not counted: the caller reports the
        /// deadlock while its core still keeps the launch alive, and then calls end() once more as a core at rest.
        DEADLOCK,
        OVER, ///< the last core has ended; the caller touches nothing of the launch afterwards
    };

    /// All `cores` are active. No core may be at work yet.
    void start(std::uint32_t cores) { state_.store(cores * (LEFT + ACTIVE), std::memory_order_relaxed); }
    /// As it was: so many cores have not ended, and so many of them are active.
    void restore(std::uint32_t left, std::uint32_t active) {
        state_.store(left * LEFT + active * ACTIVE, std::memory_order_relaxed);
    }
    bool over() const { return left(state_.load(std::memory_order_acquire)) == 0; }

    /// An active core can go on only if another one helps.
    Verdict rest() {
        const std::uint64_t before = state_.fetch_sub(ACTIVE, std::memory_order_acq_rel);
        return active(before) == 1 ? Verdict::DEADLOCK : Verdict::GOES_ON;
    }
    /// An active core has helped one at rest.
    void wake() { state_.fetch_add(ACTIVE, std::memory_order_acq_rel); }
    /// A core has ended for good; `was_active` says how it is counted. In an aborted launch nobody waits in vain.
    Verdict end(bool was_active, bool aborted) {
        std::uint64_t before = state_.load(std::memory_order_relaxed);
        for (;;) {
            const std::uint64_t rested = before - (was_active ? ACTIVE : 0);
            const bool deadlock = !aborted && was_active && active(rested) == 0 && left(rested) > 1;
            const std::uint64_t after = deadlock ? rested : rested - LEFT;
            if (!state_.compare_exchange_weak(before, after, std::memory_order_acq_rel, std::memory_order_relaxed))
                continue;
            if (deadlock)
                return Verdict::DEADLOCK;
            return left(after) == 0 ? Verdict::OVER : Verdict::GOES_ON;
        }
    }

private:
    // Both numbers in one word, for they must change together.
    static constexpr unsigned LEFT_SHIFT = 32;
    static constexpr std::uint64_t ACTIVE = 1;
    static constexpr std::uint64_t LEFT = 1ULL << LEFT_SHIFT;
    static std::uint32_t active(std::uint64_t state) { return static_cast<std::uint32_t>(state); }
    static std::uint32_t left(std::uint64_t state) { return static_cast<std::uint32_t>(state >> LEFT_SHIFT); }

    std::atomic<std::uint64_t> state_{0};
};

} // namespace neuron::chip
