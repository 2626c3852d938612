// SPDX-License-Identifier: MIT
#pragma once

#include "unit.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace neuron::chip {

/// The ready units of one priority in order. Not thread-safe; a unit is in one list at most.
class ReadyList {
public:
    Unit *first() const { return first_; }
    std::vector<Unit *> units() const {
        std::vector<Unit *> all;
        for (Unit *unit = first_; unit != nullptr; unit = unit->next_)
            all.push_back(unit);
        return all;
    }
    void append(Unit &unit) {
        unit.next_ = nullptr;
        unit.previous_ = last_;
        (last_ != nullptr ? last_->next_ : first_) = &unit;
        last_ = &unit;
    }
    void remove(Unit &unit) {
        (unit.previous_ != nullptr ? unit.previous_->next_ : first_) = unit.next_;
        (unit.next_ != nullptr ? unit.next_->previous_ : last_) = unit.previous_;
    }

private:
    Unit *first_ = nullptr;
    Unit *last_ = nullptr;
};

/// How many units are ready, by priority. Changed under a lock, read without it as a hint: all in one word, so that a look
/// at it is one load.
class ReadyCounts {
public:
    /// A moment's counts.
    class View {
    public:
        explicit View(std::uint64_t word) : word_(word) {}
        bool none() const { return word_ == 0; }
        bool more_urgent_than(Priority priority) const { return (word_ & (one(priority) - 1)) != 0; }
        bool as_urgent_as(Priority priority) const { return (word_ / one(priority) & MASK) != 0; }

    private:
        std::uint64_t word_;
    };

    void add(Priority priority) { word_.fetch_add(one(priority), std::memory_order_relaxed); }
    void remove(Priority priority) { word_.fetch_sub(one(priority), std::memory_order_relaxed); }
    View view() const { return View(word_.load(std::memory_order_relaxed)); }

private:
    static constexpr unsigned BITS = 16; ///< of a count: there are fewer units than that holds
    static constexpr std::uint64_t MASK = (1ULL << BITS) - 1;
    static_assert(BITS * PRIORITIES <= 64);
    static std::uint64_t one(Priority priority) { return 1ULL << BITS * static_cast<unsigned>(priority); }

    std::atomic<std::uint64_t> word_{0};
};

} // namespace neuron::chip
