// SPDX-License-Identifier: MIT
#include "executor.hpp"

#include "../explore/explorer.hpp"
#include "../split_mix.hpp"

#include <algorithm>

namespace neuron::chip {

SteppedExecutor::SteppedExecutor(const Host &host, std::uint64_t seed, std::size_t max_units, Explorer *explorer)
    : Executor(true), host_(host), explorer_(explorer), random_(seed) {
    for (auto &list : ready_)
        list.reserve(max_units); // wake() must not allocate
}

bool SteppedExecutor::empty_locked() const { return std::ranges::all_of(ready_, &std::vector<Unit *>::empty); }

void SteppedExecutor::append_locked(Unit &unit) {
    unit.state_ = Unit::State::READY;
    unit.listed_ = unit.priority();
    ready_[static_cast<std::size_t>(unit.listed_)].push_back(&unit);
}

void SteppedExecutor::remove_locked(Unit &unit) { std::erase(ready_[static_cast<std::size_t>(unit.listed_)], &unit); }

void SteppedExecutor::wake(Unit &unit) {
    bool kick = false;
    {
        const std::lock_guard lock(mutex_);
        if (unit.state_ == Unit::State::RUNNING)
            unit.state_ = Unit::State::RUNNING_WOKEN;
        if (unit.state_ != Unit::State::PARKED || stopped_)
            return;
        kick = empty_locked() && !in_run_;
        append_locked(unit);
    }
    if (kick)
        host_.kick();
}

bool SteppedExecutor::wake_at(Unit &unit, std::uint64_t at_ns) {
    bool kick = false;
    {
        const std::lock_guard lock(mutex_);
        timed_ = &unit;
        timed_ns_ = at_ns;
        kick = at_ns != Timer::NEVER && empty_locked() && !in_run_;
    }
    if (kick)
        host_.kick();
    return true;
}

void SteppedExecutor::wake_later(Unit &unit, std::uint64_t at_ns) {
    const std::lock_guard lock(mutex_);
    forget_late_locked(unit);
    if (!stopped_)
        late_.push_back({&unit, at_ns});
}

void SteppedExecutor::check_timer_locked() {
    if (!timed_locked())
        return;
    const auto next = std::ranges::min_element(late_, {}, &Late::at_ns);
    const std::uint64_t due = std::min(timed_ns_, next != late_.end() ? next->at_ns : Timer::NEVER);
    if (now_ns() < due && !empty_locked())
        return;
    pass_time(due);
    if (timed_ns_ <= now_ns()) {
        timed_ns_ = Timer::NEVER;
        wake_timed_locked(*timed_);
    }
    std::erase_if(late_, [&](const Late &late) {
        if (late.at_ns > now_ns())
            return false;
        wake_timed_locked(*late.unit);
        return true;
    });
}

void SteppedExecutor::store_priority(Unit &unit, std::atomic<Priority> &which, Priority priority) {
    const std::lock_guard lock(mutex_);
    which.store(priority, std::memory_order_relaxed);
    if (unit.state_ != Unit::State::READY || stopped_ || unit.listed_ == unit.priority())
        return;
    remove_locked(unit);
    append_locked(unit);
}

std::vector<Unit *> *SteppedExecutor::pick_list_locked() {
    const auto list = std::ranges::find_if_not(ready_, &std::vector<Unit *>::empty);
    if (list == ready_.end())
        return nullptr;
    if (list != ready_.begin() || explorer_ == nullptr || !explorer_->on(spec::ExploreAspect::ORDER))
        return &*list;
    // Other workers would go on with the next list meanwhile.
    const auto next = std::find_if_not(list + 1, ready_.end(), [](const auto &units) { return units.empty(); });
    return next != ready_.end() && explorer_->control_waits() ? &*next : &*list;
}

Unit *SteppedExecutor::pick_locked() {
    auto *const list = pick_list_locked();
    if (list == nullptr)
        return nullptr;
    const bool explores = explorer_ != nullptr && explorer_->on(spec::ExploreAspect::ORDER);
    const std::size_t index = explores ? explorer_->pick(*list) : next_random(random_) % list->size();
    Unit *unit = (*list)[index];
    (*list)[index] = list->back();
    list->pop_back();
    return unit;
}

Step SteppedExecutor::take_step(Unit &unit, std::unique_lock<std::mutex> &lock) {
    unit.state_ = Unit::State::RUNNING;
    forget_late_locked(unit); // it says so again if it still waits
    count_step();
    if (explorer_ != nullptr && explorer_->active())
        explorer_->count_step(unit);
    stepping_.store(&unit, std::memory_order_relaxed);
    lock.unlock();
    const Step result = guarded_step(unit);
    lock.lock();
    stepping_.store(nullptr, std::memory_order_relaxed);
    return result == Step::MORE || unit.state_ == Unit::State::RUNNING_WOKEN ? Step::MORE : Step::BLOCKED;
}

std::uint64_t SteppedExecutor::run(std::uint64_t max_steps) {
    std::unique_lock lock(mutex_);
    turn_.wait(lock, [this] { return !in_run_; }); // for a thread that was lent
    std::uint64_t done = 0;
    in_run_ = true;
    for (; done < max_steps && !paused_ && !stopped_; ++done) {
        bool released = false;
        if (explorer_ != nullptr && explorer_->holding()) {
            lock.unlock();
            released = explorer_->release_due();
            lock.lock();
        }
        // Time does not leap over what is held back, but comes to it step by step, and letting it out is a step, too.
        if (explorer_ != nullptr && (released || explorer_->holding()) && empty_locked()) {
            count_step();
            explorer_->count_idle_step();
            continue;
        }
        check_timer_locked();
        Unit *unit = pick_locked();
        if (unit == nullptr)
            break;
        if (take_step(*unit, lock) == Step::MORE)
            append_locked(*unit);
        else
            unit->state_ = Unit::State::PARKED;
    }
    in_run_ = false;
    turn_.notify_all();
    return done;
}

void SteppedExecutor::lend_thread(Unit &unit) {
    unsigned steps = explorer_ != nullptr ? explorer_->early_steps() : 0;
    std::unique_lock lock(mutex_);
    const bool free = unit.state_ == Unit::State::PARKED || unit.state_ == Unit::State::READY;
    if (steps == 0 || in_run_ || paused_ || stopped_ || !free) {
        lock.unlock();
        wake(unit);
        return;
    }
    if (unit.state_ == Unit::State::READY)
        remove_locked(unit);
    in_run_ = true;
    Step result = Step::MORE;
    for (; steps != 0 && result == Step::MORE && !paused_ && !stopped_; --steps)
        result = take_step(unit, lock);
    if (result == Step::MORE && !stopped_)
        append_locked(unit);
    else
        unit.state_ = Unit::State::PARKED;
    in_run_ = false;
    turn_.notify_all();
    const bool kick = !empty_locked() || timed_locked();
    lock.unlock();
    if (kick)
        host_.kick();
}

void SteppedExecutor::wait_idle() {
    constexpr std::uint64_t BATCH = 4096;
    while (run(BATCH) == BATCH) {
    }
}

void SteppedExecutor::pause() {
    const std::lock_guard lock(mutex_);
    paused_ = true;
}

void SteppedExecutor::resume() {
    bool kick = false;
    {
        const std::lock_guard lock(mutex_);
        paused_ = false;
        kick = !empty_locked() || timed_locked();
    }
    if (kick)
        host_.kick();
}

bool SteppedExecutor::paused() const {
    const std::lock_guard lock(mutex_);
    return paused_;
}

std::vector<Unit *> SteppedExecutor::ready_units(Priority priority) const {
    const std::lock_guard lock(mutex_);
    return ready_[static_cast<std::size_t>(priority)];
}

void SteppedExecutor::clear_ready() {
    const std::lock_guard lock(mutex_);
    late_.clear();
    for (auto &list : ready_) {
        for (Unit *unit : list)
            unit->state_ = Unit::State::PARKED;
        list.clear();
    }
}

void SteppedExecutor::append_ready(Unit &unit) {
    const std::lock_guard lock(mutex_);
    append_locked(unit);
}

void SteppedExecutor::stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    late_.clear();
    for (auto &list : ready_)
        list.clear();
}

} // namespace neuron::chip
