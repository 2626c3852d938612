// SPDX-License-Identifier: MIT
#include "explorer.hpp"

#include "../split_mix.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace neuron::chip {

namespace {

constexpr std::uint64_t HIGHEST_RANK = std::uint64_t{1} << 63; ///< those that fall are numbered below it, downwards

// What is noted of a choice in the hash.
enum Note : std::uint64_t { STEP, LATE, EARLY, HELD, MERGED, LINGERED, RELEASED };

} // namespace

// ---- switching ------------------------------------------------------------------------------------------------------

void Explorer::set(std::optional<plan::Explore> explore) {
    aspects_.store(0, std::memory_order_relaxed);
    release_all();
    const std::lock_guard lock(mutex_);
    begin_locked(explore.value_or(plan::Explore()));
    aspects_.store(explore_.aspects, std::memory_order_relaxed);
}

void Explorer::begin_locked(plan::Explore explore) {
    explore_ = std::move(explore);
    random_ = explore_.seed;
    counts_ = {};
    hash_ = 0;
    ranks_.clear();
    lowest_ = HIGHEST_RANK;
    control_waits_ = false;
    strategy_ = chance_locked(3) ? Strategy::UNIFORM : Strategy::RANKS;
    change_ = std::uint64_t{1} << (3 + random_locked() % 8);
}

std::uint64_t Explorer::random_locked() { return next_random(random_); }

std::uint32_t Explorer::delay_locked() {
    constexpr std::uint64_t MAX_LOG2 = 12;
    const std::uint64_t most = std::uint64_t{1} << random_locked() % (MAX_LOG2 + 1);
    return static_cast<std::uint32_t>(1 + random_locked() % most);
}

void Explorer::note_locked(std::uint64_t what) { hash_ = split_mix(hash_ + what); }

// ---- order ----------------------------------------------------------------------------------------------------------

// Those that it has not met are given a rank in the order in which they come, which is that of the run.
std::uint64_t Explorer::rank_locked(const Unit *unit) {
    const auto [found, fresh] = ranks_.try_emplace(unit, 0);
    if (fresh)
        found->second = HIGHEST_RANK + random_locked() / 2;
    return found->second;
}

std::size_t Explorer::pick(std::span<Unit *const> ready) {
    const std::lock_guard lock(mutex_);
    if (strategy_ == Strategy::UNIFORM)
        return random_locked() % ready.size();
    std::size_t best = 0;
    for (std::size_t i = 0; i < ready.size(); ++i)
        if (rank_locked(ready[i]) > rank_locked(ready[best]))
            best = i;
    // Who is first falls behind all others now and then, so that none waits for ever for one that polls.
    if (chance_locked(change_))
        ranks_[ready[best]] = --lowest_;
    return best;
}

bool Explorer::control_waits() {
    const std::lock_guard lock(mutex_);
    if (chance_locked(strategy_ == Strategy::UNIFORM ? 2 : change_))
        control_waits_ = !control_waits_;
    return control_waits_;
}

void Explorer::count_step(const Unit &unit) {
    const std::lock_guard lock(mutex_);
    ++counts_.steps;
    note_locked(STEP + (rank_locked(&unit) << 3));
}

void Explorer::count_idle_step() {
    const std::lock_guard lock(mutex_);
    ++counts_.steps;
}

// ---- packets --------------------------------------------------------------------------------------------------------

unsigned Explorer::early_steps() {
    if (!on(Aspect::PACKETS))
        return 0;
    const std::lock_guard lock(mutex_);
    if (!chance_locked(3))
        return 0;
    constexpr std::uint64_t MOST = 8; // a fetch is one; a short packet is done after three
    const auto steps = static_cast<unsigned>(1 + random_locked() % MOST);
    ++counts_.early;
    note_locked(EARLY + (std::uint64_t{steps} << 3));
    return steps;
}

std::uint64_t Explorer::fetch(std::uint64_t count) {
    if (!on(Aspect::PACKETS))
        return count;
    const std::lock_guard lock(mutex_);
    return chance_locked(2) ? count : 1 + random_locked() % count;
}

// ---- what comes later -----------------------------------------------------------------------------------------------

bool Explorer::hold_doorbell(const Action &ring) {
    if (!on(Aspect::DOORBELLS))
        return false;
    {
        const std::lock_guard lock(mutex_);
        if (!chance_locked(2))
            return false;
        const std::uint64_t due = counts_.steps + delay_locked();
        doorbells_.push_back({doorbells_.empty() ? due : std::max(due, doorbells_.back().due), ring});
        holding_.fetch_add(1, std::memory_order_relaxed);
        ++counts_.late;
        note_locked(LATE + (due << 3));
    }
    kick_();
    return true;
}

bool Explorer::hold_interrupt(std::uint64_t epoch, std::uint32_t vector) {
    if (!on(Aspect::INTERRUPTS))
        return false;
    {
        const std::lock_guard lock(mutex_);
        Interrupt &held = interrupts_[vector];
        if (held.due != 0) {
            held.epoch = epoch;
            ++counts_.merged;
            note_locked(MERGED);
            return true;
        }
        if (!chance_locked(2))
            return false;
        held = {.due = counts_.steps + delay_locked(), .epoch = epoch};
        holding_.fetch_add(1, std::memory_order_relaxed);
        ++counts_.held;
        note_locked(HELD + (held.due << 3));
    }
    kick_();
    return true;
}

Explorer::Action Explorer::take_doorbell_locked() {
    Action ring = std::move(doorbells_.front().ring);
    doorbells_.pop_front();
    holding_.fetch_sub(1, std::memory_order_relaxed);
    note_locked(RELEASED);
    return ring;
}

Explorer::Action Explorer::take_interrupt_locked(Interrupt &held) {
    const auto vector = static_cast<std::uint32_t>(&held - interrupts_.data());
    holding_.fetch_sub(1, std::memory_order_relaxed);
    note_locked(RELEASED);
    held.due = 0;
    return [this, epoch = held.epoch, vector] { send_(epoch, vector); };
}

Explorer::Action Explorer::take_locked(std::uint64_t until) {
    Interrupt *first = nullptr;
    for (Interrupt &held : interrupts_)
        if (held.due != 0 && (first == nullptr || held.due < first->due))
            first = &held;
    if (!doorbells_.empty() && (first == nullptr || doorbells_.front().due <= first->due))
        return doorbells_.front().due <= until ? take_doorbell_locked() : nullptr;
    return first != nullptr && first->due <= until ? take_interrupt_locked(*first) : nullptr;
}

bool Explorer::release_until(std::uint64_t until) {
    Action action;
    {
        const std::lock_guard lock(mutex_);
        action = take_locked(until);
    }
    if (action)
        action();
    return action != nullptr;
}

bool Explorer::release_due() {
    std::uint64_t now = 0;
    {
        const std::lock_guard lock(mutex_);
        now = counts_.steps;
    }
    bool released = false;
    while (holding() && release_until(now))
        released = true;
    return released;
}

void Explorer::release_doorbells() {
    while (holding()) {
        Action ring;
        {
            const std::lock_guard lock(mutex_);
            if (doorbells_.empty())
                return;
            ring = take_doorbell_locked();
        }
        ring();
    }
}

void Explorer::release_all() {
    while (holding() && release_until(~std::uint64_t{0})) {
    }
}

void Explorer::forget_interrupts() {
    const std::lock_guard lock(mutex_);
    for (Interrupt &held : interrupts_)
        if (held.due != 0)
            (void)take_interrupt_locked(held);
}

// ---- resets ---------------------------------------------------------------------------------------------------------

std::uint32_t Explorer::linger() {
    if (!on(Aspect::RESETS))
        return 0;
    const std::lock_guard lock(mutex_);
    if (chance_locked(2))
        return 0;
    ++counts_.resets;
    const std::uint32_t steps = delay_locked();
    note_locked(LINGERED + (std::uint64_t{steps} << 3));
    return steps;
}

std::string Explorer::report() const {
    if (!active())
        return {};
    const std::lock_guard lock(mutex_);
    std::string aspects;
    for (const auto aspect : spec::values<Aspect>())
        if ((explore_.aspects & spec::raw(aspect)) != 0)
            aspects += " " + plan::word(spec::name(aspect));
    return fmt::format("explore seed={}{}: steps={} late={} early={} held={} merged={} resets={} hash=0x{:016x}\n",
                       explore_.seed, aspects, counts_.steps, counts_.late, counts_.early, counts_.held, counts_.merged,
                       counts_.resets, hash_);
}

} // namespace neuron::chip
