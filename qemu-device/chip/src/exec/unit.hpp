// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace neuron::chip {

/// What a unit wants after a step.
enum class Step : std::uint8_t {
    MORE,    ///< another step
    BLOCKED, ///< nothing to do until somebody wakes it
};

/// A part of the chip that runs on its own: a queue, a sequencer, a DMA ring. It advances in small steps, each of which
/// ends within one chunk of data or one instruction, and never blocks its thread on another unit.
///
/// Who changes a condition that a unit may wait for changes it first and then wakes the unit; the unit looks at its
/// conditions anew in every step. So no wake-up is lost, and a needless one does no harm.
class Unit {
public:
    virtual ~Unit() = default;
    /// One step. Runs on one thread at a time; a step happens before the next one.
    virtual Step step() = 0;
    /// A step has thrown: the host is out of memory. The unit gives up its work as faulted.
    virtual void failed() noexcept = 0;

private:
    friend class ThreadedExecutor;
    friend class SteppedExecutor;
    enum class State : std::uint8_t { PARKED, READY, RUNNING, RUNNING_WOKEN };
    State state_ = State::PARKED; ///< guarded by the executor's mutex
    Unit *next_ = nullptr;        ///< guarded by the executor's mutex
};

} // namespace neuron::chip
