// SPDX-License-Identifier: MIT
#pragma once

#include "chip_info.hpp"
#include "clock.hpp"
#include "control/coalescer.hpp"
#include "control/control.hpp"
#include "control/events.hpp"
#include "control/scrubber.hpp"
#include "explore/explorer.hpp"
#include "plan/injector.hpp"
#include "plan/port.hpp"
#include "recorder/commands.hpp"
#include "recorder/debug_channel.hpp"
#include "recorder/recorder.hpp"
#include "sanitizer/sanitizer.hpp"

#include <neuron/spec.hpp>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>

namespace neuron::chip {

class Core;

/// BAR REGS and BAR DOORBELLS. The contract's register table says what exists, how wide it is and who may write; here is
/// only what each register does. Any thread; never waits for an engine, never calls back but for debug records.
class Registers {
public:
    Registers(const ChipInfo &info, Executor &executor, Control &control, EventRing &events, Coalescer &coalescer,
              Scrubber &scrubber, const std::deque<Core> &cores, Recorder &recorder, RecorderCommands &commands,
              DebugChannel &channel, Sanitizer *sanitizer, const DeviceClock &clock, plan::Injector &faults,
              Explorer &explorer, plan::Port &port, std::function<void()> reset)
        : info_(info),
          executor_(executor),
          control_(control),
          events_(events),
          coalescer_(coalescer),
          scrubber_(scrubber),
          cores_(cores),
          recorder_(recorder),
          commands_(commands),
          channel_(channel),
          sanitizer_(sanitizer),
          clock_(clock),
          faults_(faults),
          explorer_(explorer),
          port_(port),
          reset_(std::move(reset)) {}

    std::uint64_t read(std::uint64_t offset, unsigned size);
    void write(std::uint64_t offset, std::uint64_t value, unsigned size);
    void doorbell(std::uint64_t offset, std::uint64_t value, unsigned size);
    /// Resets the device. No access is half done meanwhile: what passed its check for READY has happened before.
    void reset();
    void serialize(Archive &archive);

private:
    std::uint64_t read_register(std::uint64_t offset, unsigned size);
    /// What the fault plan makes of the value that was read.
    std::uint64_t read_by_plan(std::uint64_t offset, std::uint64_t value, unsigned size);
    /// A doorbell is rung: now, or later.
    void announce(const std::function<void()> &ring);
    /// A register is accessed.
    void push_posted(bool interrupts);
    void ring(std::uint64_t offset, std::uint64_t value, unsigned size);
    void slot_by_plan(std::uint64_t offset, std::uint64_t value, unsigned size);
    void write_by_plan(const spec::RegisterRef &where, std::uint64_t value, unsigned size);
    void write_register(const spec::RegisterRef &where, std::uint64_t value, unsigned size);
    /// The unit has been rung for.
    void run(Unit &rung);
    /// What a fault plan makes of a doorbell of the queue.
    void ring_by_plan(std::uint32_t queue, const std::function<void()> &ring);
    std::uint64_t load(const spec::RegisterRef &where);
    std::uint64_t load_recorder(const spec::RegisterRef &where);
    std::uint64_t load_plan(const spec::RegisterRef &where) const;
    std::uint64_t load_context(const spec::RegisterRef &where);
    std::uint64_t load_queue(const spec::RegisterRef &where);
    std::uint64_t load_core(const spec::RegisterRef &where) const;
    /// These return false when the register may not be written in the present state.
    bool store(const spec::RegisterRef &where, std::uint64_t value);
    bool store_recorder(const spec::RegisterRef &where, std::uint64_t value);
    bool store_plan(const spec::RegisterRef &where, std::uint64_t value);
    bool store_context(const spec::RegisterRef &where, std::uint64_t value);
    bool store_queue(const spec::RegisterRef &where, std::uint64_t value);
    void reset_locked();
    /// store() with the lock held, for a write of this size. Return: the unit whose doorbell it was, if any.
    Unit *store_sized(const spec::RegisterRef &where, std::uint64_t value, unsigned size);
    void take_debug_records(std::uint32_t tail);
    /// For the sanitizer, before a doorbell is.
    void look_at_ring(std::uint32_t queue, std::uint32_t tail);
    void count_bad() { bad_.fetch_add(1, std::memory_order_relaxed); }

    const ChipInfo &info_;
    Executor &executor_;
    Control &control_;
    EventRing &events_;
    Coalescer &coalescer_;
    Scrubber &scrubber_;
    const std::deque<Core> &cores_;
    Recorder &recorder_;
    RecorderCommands &commands_;
    DebugChannel &channel_;
    Sanitizer *const sanitizer_; ///< nullptr: nobody looks
    const DeviceClock &clock_;
    plan::Injector &faults_;
    Explorer &explorer_;
    plan::Port &port_;
    const std::function<void()> reset_;
    std::atomic<std::uint32_t> bad_{0}; ///< BAD_REGISTER

    std::mutex mutex_;                   ///< guards the latch and makes a write of half a register one step
    std::uint64_t latch_offset_ = ~0ULL; ///< of the register whose high half is latched
    std::uint32_t latch_high_ = 0;
    Unit *rung_ = nullptr; ///< by the present write
};

} // namespace neuron::chip
