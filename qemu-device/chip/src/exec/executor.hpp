// SPDX-License-Identifier: MIT
// Who runs the units: worker threads, or one thread in an order that only a seed decides. The units cannot tell.
#pragma once

#include "../host.hpp"
#include "../state/archive.hpp"
#include "ready_list.hpp"
#include "timer.hpp"
#include "unit.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

namespace neuron::chip {

class Explorer;

class Executor {
public:
    virtual ~Executor() = default;
    Executor(const Executor &) = delete;
    Executor &operator=(const Executor &) = delete;
    /// Makes `unit` ready. Any thread; takes only the executor's own, innermost lock.
    virtual void wake(Unit &unit) = 0;
    /// Like wake(), from a thread that has nothing better to do for some microseconds: if nobody else waits for a worker, it
    /// takes the unit's first steps itself, for which no other thread has to be woken. The caller holds no lock of the chip.
    virtual void lend_thread(Unit &unit) { wake(unit); }
    /// Stepped mode: takes at most `max_steps` steps; fewer: nothing is left. 0 in threaded mode.
    virtual std::uint64_t run(std::uint64_t max_steps) = 0;
    /// Returns when no unit is ready or running; while paused, when none runs. Stepped mode: by running them.
    virtual void wait_idle() = 0;
    /// From the return on no unit runs, and the clock stands still; wake() still makes units ready. The caller holds no lock
    /// that a unit, or a callback of the host, takes. A second call changes nothing.
    virtual void pause() = 0;
    virtual void resume() = 0;
    virtual bool paused() const = 0;
    /// Stepped mode: the unit that takes a step, for who is called in the step; nullptr: none.
    virtual const Unit *stepping() const { return nullptr; }
    /// Returns when no unit runs any more, and none will. The units must still exist.
    virtual void stop() = 0;

    /// Wakes `unit` when now_ns() has come to `at_ns`, and forgets what an earlier call has said; there is one timer. In
    /// stepped mode time passes at once while nothing is left to do. False: the host has no timer to spare.
    virtual bool wake_at(Unit &unit, std::uint64_t at_ns) = 0;

    /// Gives the unit a priority of its own, or lends it one on top of that until it is lent LOW. Like wake() in all else.
    void set_priority(Unit &unit, Priority priority) { change(unit, unit.own_, priority); }
    void lend_priority(Unit &unit, Priority priority) { change(unit, unit.lent_, priority); }

    /// A clock that never goes back. In stepped mode it counts steps, so that a run can be repeated exactly.
    std::uint64_t now_ns() const {
        if (stepped_)
            return steps_.load(std::memory_order_relaxed) * STEP_NS;
        const std::uint64_t frozen = frozen_ns_.load(std::memory_order_acquire);
        return frozen != Timer::NEVER ? frozen : steady_ns() - offset_ns_.load(std::memory_order_relaxed);
    }
    /// When the host's steady clock will have got to where now_ns() is `at_ns`. Nothing: not before resume().
    std::optional<std::chrono::steady_clock::time_point> steady_time(std::uint64_t at_ns) const;

    /// Stepped mode: so many nanoseconds pass at once. Any thread.
    void pass(std::uint64_t ns) { steps_.fetch_add((ns + STEP_NS - 1) / STEP_NS, std::memory_order_relaxed); }
    /// Stepped mode: a unit that takes a step, and has nothing to do until then, is woken at that time, or before by others. As
    /// with wake_at(), time passes at once while nothing is left to do. Of each unit the last call holds.
    virtual void wake_later(Unit &, std::uint64_t /*at_ns*/) {}

    /// The clock, and what the units are ready for, in order. `units` are all that there are, always in the same order. Only
    /// while paused.
    void clock_state(Archive &archive);
    void units_state(Archive &archive, std::span<Unit *const> units);
    /// No unit is ready, and none is as urgent as something has made it. Only while paused.
    void forget(std::span<Unit *const> units);

protected:
    explicit Executor(bool stepped) : stepped_(stepped) {}
    void count_step() { steps_.fetch_add(1, std::memory_order_relaxed); }
    /// Stepped mode: lets the time pass until `at_ns`.
    void pass_time(std::uint64_t at_ns) {
        const std::uint64_t steps = (at_ns + STEP_NS - 1) / STEP_NS;
        std::uint64_t now = steps_.load(std::memory_order_relaxed);
        while (now < steps && !steps_.compare_exchange_weak(now, steps, std::memory_order_relaxed)) {
        }
    }
    /// Takes mutex_, and puts the unit into the list where it now belongs if it is in one.
    virtual void store_priority(Unit &unit, std::atomic<Priority> &which, Priority priority) = 0;

    /// The ready units of a priority in order; none is any more; this one is, behind the others. For units_state().
    virtual std::vector<Unit *> ready_units(Priority priority) const = 0;
    virtual void clear_ready() = 0;
    virtual void append_ready(Unit &unit) = 0;
    /// What decides about the order in stepped mode.
    virtual void order_state(Archive &) {}

    void freeze_clock() { frozen_ns_.store(now_ns(), std::memory_order_release); }
    void unfreeze_clock();

private:
    static constexpr std::uint64_t STEP_NS = 100;

    static std::uint64_t steady_ns() {
        const auto now = std::chrono::steady_clock::now().time_since_epoch();
        return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
    }

    void change(Unit &unit, std::atomic<Priority> &which, Priority priority) {
        if (which.load(std::memory_order_relaxed) != priority)
            store_priority(unit, which, priority);
    }

    const bool stepped_;
    std::atomic<std::uint64_t> steps_{0}; ///< in stepped mode, and time that has passed without
    // In threaded mode.
    std::atomic<std::uint64_t> offset_ns_{0};            ///< the host's clock is so much ahead
    std::atomic<std::uint64_t> frozen_ns_{Timer::NEVER}; ///< what the clock stands at, NEVER: it runs
};

/// Workers take ready units from one list per priority, the most urgent first, and of those first come, first served. A
/// worker stays with a unit as long as it has steps to do and nobody else is waiting who is as urgent, and for a slice
/// otherwise; for somebody more urgent it leaves it after the present step.
class ThreadedExecutor final : public Executor {
public:
    /// Throws std::system_error when the host has no threads.
    explicit ThreadedExecutor(unsigned threads);
    ~ThreadedExecutor() override { stop(); }
    void wake(Unit &unit) override;
    void lend_thread(Unit &unit) override;
    bool wake_at(Unit &unit, std::uint64_t at_ns) override { return timer_.set(unit, at_ns); }
    std::uint64_t run(std::uint64_t) override { return 0; }
    void wait_idle() override;
    void pause() override;
    void resume() override;
    bool paused() const override { return paused_; }
    void stop() override;

private:
    void store_priority(Unit &unit, std::atomic<Priority> &which, Priority priority) override;
    std::vector<Unit *> ready_units(Priority priority) const override;
    void clear_ready() override;
    void append_ready(Unit &unit) override;
    /// Whether whoever waits for the units to come to rest has waited long enough.
    bool at_rest_locked() const { return running_ == 0 && (paused_ || counts_.view().none()); }
    /// Whether who runs a unit shall leave it after the present step.
    bool leave() const { return stopping_.load(std::memory_order_relaxed) || paused_.load(std::memory_order_relaxed); }
    void work();
    Step slice(Unit &unit);
    Step short_slice(Unit &unit);
    /// Before and after steps without the lock: the unit is nobody else's meanwhile.
    void begin_locked(Unit &unit);
    void end_locked(Unit &unit, Step result);
    void call_worker_locked();
    void append_locked(Unit &unit);
    void remove_locked(Unit &unit);
    Unit *first_locked();

    mutable std::mutex mutex_; ///< guards the lists and the states of the units
    std::condition_variable ready_;
    std::condition_variable idle_;
    std::array<ReadyList, PRIORITIES> lists_;
    unsigned running_ = 0;
    unsigned waiting_ = 0; ///< workers in ready_.wait()
    unsigned lent_ = 0;    ///< threads in lend_thread()
    ReadyCounts counts_;   ///< lengths of the lists
    std::atomic<bool> stopping_{false};
    std::atomic<bool> paused_{false};
    std::vector<std::thread> threads_;
    Timer timer_;
};

/// Takes the next unit at random from the most urgent ones, or as the explorer says.
class SteppedExecutor final : public Executor {
public:
    /// `explorer`: nullptr: there is none.
    SteppedExecutor(const Host &host, std::uint64_t seed, std::size_t max_units, Explorer *explorer = nullptr);
    void wake(Unit &unit) override;
    /// While exploring, the unit may take some steps at once.
    void lend_thread(Unit &unit) override;
    bool wake_at(Unit &unit, std::uint64_t at_ns) override;
    void wake_later(Unit &unit, std::uint64_t at_ns) override;
    std::uint64_t run(std::uint64_t max_steps) override;
    void wait_idle() override;
    void pause() override;
    void resume() override;
    bool paused() const override;
    const Unit *stepping() const override { return stepping_.load(std::memory_order_relaxed); }
    void stop() override;

private:
    void store_priority(Unit &unit, std::atomic<Priority> &which, Priority priority) override;
    std::vector<Unit *> ready_units(Priority priority) const override;
    void clear_ready() override;
    void append_ready(Unit &unit) override;
    void order_state(Archive &archive) override { archive.number("order", random_); }
    void append_locked(Unit &unit);
    void remove_locked(Unit &unit);
    Unit *pick_locked();
    /// The list to pick from; nullptr: none has anything.
    std::vector<Unit *> *pick_list_locked();
    /// Takes a step of a unit that is in no list.
    Step take_step(Unit &unit, std::unique_lock<std::mutex> &lock);
    bool empty_locked() const;
    /// Whether something will be woken by the time.
    bool timed_locked() const { return timed_ns_ != Timer::NEVER || !late_.empty(); }
    void check_timer_locked();
    void forget_late_locked(const Unit &unit) {
        std::erase_if(late_, [&](const Late &late) { return late.unit == &unit; });
    }
    void wake_timed_locked(Unit &unit) {
        if (unit.state_ == Unit::State::PARKED)
            append_locked(unit);
    }

    const Host &host_;
    Explorer *const explorer_; ///< nullptr: there is none
    mutable std::mutex mutex_; ///< guards all below
    std::condition_variable turn_;
    std::array<std::vector<Unit *>, PRIORITIES> ready_;
    Unit *timed_ = nullptr;
    std::uint64_t timed_ns_ = Timer::NEVER;
    struct Late {
        Unit *unit;
        std::uint64_t at_ns;
    };
    std::vector<Late> late_; ///< what wake_later() has been told
    std::uint64_t random_;
    bool in_run_ = false; ///< somebody takes steps
    bool paused_ = false;
    bool stopped_ = false;
    std::atomic<const Unit *> stepping_{nullptr};
};

/// step(), with a lack of host memory turned into a fault of the unit.
Step guarded_step(Unit &unit) noexcept;

} // namespace neuron::chip
