// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace neuron::chip {

/// What a unit wants after a step.
enum class Step : std::uint8_t {
    MORE,    ///< another step
    BLOCKED, ///< nothing to do until somebody wakes it
};

/// How urgent the work of a unit is. Strict: a unit waits as long as a more urgent one has steps to do. In order: less is
/// more urgent.
enum class Priority : std::uint8_t {
    /// What keeps the chip in order and is over soon: resets, events, scrubs, and the winding down of work of any priority.
    CONTROL,
    HIGH,
    NORMAL,
    LOW,
};
inline constexpr std::size_t PRIORITIES = 4;

/// A part of the chip that runs on its own: a queue, a sequencer, a DMA ring. It advances in small steps, each of which
/// ends within one chunk of data or one instruction, and never blocks its thread on another unit.
///
/// Who changes a condition that a unit may wait for changes it first and then wakes the unit; the unit looks at its
/// conditions anew in every step. So no wake-up is lost, and a needless one does no harm.
class Unit {
public:
    explicit Unit(Priority priority = Priority::NORMAL) : first_(priority), own_(priority) {}
    virtual ~Unit() = default;
    Unit(const Unit &) = delete;
    Unit &operator=(const Unit &) = delete;
    /// One step. Runs on one thread at a time; a step happens before the next one.
    virtual Step step() = 0;
    /// A step has thrown: the host is out of memory. The unit gives up its work as faulted.
    virtual void failed() noexcept = 0;

    /// Its own priority or the one lent to it, whichever is more urgent.
    Priority priority() const {
        return std::min(own_.load(std::memory_order_relaxed), lent_.load(std::memory_order_relaxed));
    }

private:
    friend class Executor;
    friend class ThreadedExecutor;
    friend class SteppedExecutor;
    friend class ReadyList;
    enum class State : std::uint8_t { PARKED, READY, RUNNING, RUNNING_WOKEN };

    const Priority first_; ///< its own at first

    // Written under the executor's mutex.
    std::atomic<Priority> own_;
    std::atomic<Priority> lent_{Priority::LOW};

    // Guarded by the executor's mutex.
    State state_ = State::PARKED;
    Priority listed_ = Priority::NORMAL; ///< if READY: in which list
    Unit *next_ = nullptr;
    Unit *previous_ = nullptr;
};

} // namespace neuron::chip
