// SPDX-License-Identifier: MIT
#include "core_pool.hpp"

#include <algorithm>

namespace neuron::chip {

bool CorePool::acquire(Unit &owner, std::uint32_t mask) {
    const std::lock_guard lock(mutex_);
    const auto mine = [&](const Claim &claim) { return claim.owner == &owner; };
    if (std::ranges::any_of(granted_, mine))
        return true;
    if (std::ranges::any_of(waiting_, mine))
        return false;
    waiting_.push_back({&owner, mask});
    grant_locked();
    return std::ranges::any_of(granted_, mine);
}

void CorePool::release(Unit &owner) {
    const std::lock_guard lock(mutex_);
    for (const Claim &claim : granted_)
        if (claim.owner == &owner)
            busy_ &= ~claim.mask;
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
        granted_.push_back(*claim);
        executor_.wake(*claim->owner);
        claim = waiting_.erase(claim);
    }
}

} // namespace neuron::chip
