// SPDX-License-Identifier: MIT
#include "core_pool.hpp"

#include "../core/core.hpp"

#include <algorithm>
#include <bit>

namespace neuron::chip {

bool CorePool::acquire(Unit &owner, std::uint32_t mask, Priority priority) {
    const std::lock_guard lock(mutex_);
    const auto mine = [&](const Claim &claim) { return claim.owner == &owner; };
    if (std::ranges::any_of(granted_, mine))
        return true;
    if (std::ranges::any_of(waiting_, mine))
        return false;
    const auto less_urgent = [&](const Claim &claim) { return claim.priority > priority; };
    waiting_.insert(std::ranges::find_if(waiting_, less_urgent), {&owner, mask, priority});
    grant_locked();
    return std::ranges::any_of(granted_, mine);
}

void CorePool::release(Unit &owner) {
    const std::lock_guard lock(mutex_);
    for (Claim &claim : granted_)
        if (claim.owner == &owner) {
            busy_ &= ~claim.mask;
            lend(claim, Priority::LOW);
        }
    const auto mine = [&](const Claim &claim) { return claim.owner == &owner; };
    std::erase_if(granted_, mine);
    std::erase_if(waiting_, mine);
    grant_locked();
}

void CorePool::grant_locked() {
    // A claim also respects the ones before it that still wait: their cores are not given to latecomers.
    std::uint32_t taken = busy_;
    for (auto claim = waiting_.begin(); claim != waiting_.end();) {
        const bool free = (claim->mask & taken) == 0;
        taken |= claim->mask;
        if (!free) {
            ++claim;
            continue;
        }
        busy_ |= claim->mask;
        for_cores(claim->mask, [&](Core &core) { core.set_priority(claim->priority); });
        granted_.push_back(*claim);
        executor_.wake(*claim->owner);
        claim = waiting_.erase(claim);
    }
    lend_locked();
}

void CorePool::lend_locked() {
    for (Claim &holder : granted_) {
        Priority priority = Priority::LOW;
        for (const Claim &claim : waiting_)
            if ((claim.mask & holder.mask) != 0)
                priority = std::min(priority, claim.priority);
        lend(holder, priority);
    }
}

void CorePool::lend(Claim &holder, Priority priority) {
    if (holder.lent == priority)
        return;
    holder.lent = priority;
    executor_.lend_priority(*holder.owner, priority);
    for_cores(holder.mask, [&](Core &core) { core.lend_priority(priority); });
}

template<class F>
void CorePool::for_cores(std::uint32_t mask, F &&f) {
    for (; mask != 0; mask &= mask - 1)
        f(cores_[static_cast<std::size_t>(std::countr_zero(mask))]);
}

} // namespace neuron::chip
