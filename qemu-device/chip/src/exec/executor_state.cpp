// SPDX-License-Identifier: MIT
// The clock that stands still, and what an executor writes into a stream.
#include "executor.hpp"

#include <algorithm>
#include <vector>

namespace neuron::chip {

std::optional<std::chrono::steady_clock::time_point> Executor::steady_time(std::uint64_t at_ns) const {
    if (frozen_ns_.load(std::memory_order_acquire) != Timer::NEVER)
        return std::nullopt;
    const std::uint64_t steady = at_ns + offset_ns_.load(std::memory_order_relaxed);
    return std::chrono::steady_clock::time_point(
        std::chrono::nanoseconds(static_cast<std::chrono::nanoseconds::rep>(steady)));
}

void Executor::unfreeze_clock() {
    offset_ns_.store(steady_ns() - frozen_ns_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    frozen_ns_.store(Timer::NEVER, std::memory_order_release);
}

void Executor::clock_state(Archive &archive) {
    // Some centuries, so that no sum of times overflows.
    constexpr std::uint64_t MOST = std::uint64_t{1} << 62;
    std::uint64_t now = now_ns();
    archive.number("now", now, 0, MOST);
    if (stepped_)
        steps_.store(now / STEP_NS, std::memory_order_relaxed);
    else
        frozen_ns_.store(now, std::memory_order_release);
}

void Executor::forget(std::span<Unit *const> units) {
    clear_ready();
    for (Unit *const unit : units) {
        unit->own_.store(unit->first_, std::memory_order_relaxed);
        unit->lent_.store(Priority::LOW, std::memory_order_relaxed);
    }
}

namespace {

void priority_state(Archive &archive, std::atomic<Priority> &priority) {
    auto value = static_cast<std::uint8_t>(priority.load(std::memory_order_relaxed));
    archive.number("priority", value, 0, PRIORITIES - 1);
    priority.store(static_cast<Priority>(value), std::memory_order_relaxed);
}

} // namespace

void Executor::units_state(Archive &archive, std::span<Unit *const> units) {
    if (archive.loading())
        clear_ready();
    for (Unit *const unit : units) {
        priority_state(archive, unit->own_);
        priority_state(archive, unit->lent_);
    }
    for (std::size_t i = 0; i < PRIORITIES; ++i) {
        const auto priority = static_cast<Priority>(i);
        const std::vector<Unit *> ready = archive.loading() ? std::vector<Unit *>() : ready_units(priority);
        auto count = static_cast<std::uint32_t>(ready.size());
        archive.number("ready units", count, 0, static_cast<std::uint32_t>(units.size()));
        for (std::uint32_t j = 0; j < count; ++j) {
            auto index =
                static_cast<std::uint32_t>(archive.loading() ? 0 : std::ranges::find(units, ready[j]) - units.begin());
            archive.number("ready unit", index, 0, static_cast<std::uint32_t>(units.size() - 1));
            if (!archive.loading())
                continue;
            Unit &unit = *units[index];
            archive.require(unit.state_ == Unit::State::PARKED && unit.priority() == priority, "ready unit",
                            "is in two lists, or in the wrong one");
            append_ready(unit);
        }
    }
    order_state(archive);
}

} // namespace neuron::chip
