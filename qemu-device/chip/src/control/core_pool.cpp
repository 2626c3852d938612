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

void CorePool::clear() {
    busy_ = 0;
    waiting_.clear();
    granted_.clear();
}

std::uint32_t CorePool::mask_in(const std::vector<Claim> &claims, const Unit &owner) {
    const auto claim = std::ranges::find(claims, &owner, &Claim::owner);
    return claim != claims.end() ? claim->mask : 0;
}

void CorePool::serialize(Archive &archive, Claim &claim, std::span<Unit *const> owners) {
    auto owner =
        static_cast<std::uint32_t>(archive.loading() ? 0 : std::ranges::find(owners, claim.owner) - owners.begin());
    auto priority = static_cast<std::uint8_t>(claim.priority);
    auto lent = static_cast<std::uint8_t>(claim.lent);
    archive.number("owner", owner, 0, static_cast<std::uint32_t>(owners.size() - 1));
    archive.number("cores", claim.mask);
    archive.number("priority", priority, 0, PRIORITIES - 1);
    archive.number("lent priority", lent, 0, PRIORITIES - 1);
    claim = {owners[owner], claim.mask, static_cast<Priority>(priority), static_cast<Priority>(lent)};
}

void CorePool::serialize(Archive &archive, std::span<Unit *const> owners, std::uint32_t existing) {
    busy_ = archive.loading() ? 0 : busy_;
    for (std::vector<Claim> *const claims : {&granted_, &waiting_}) {
        auto count = static_cast<std::uint32_t>(claims->size());
        archive.number("claims", count, 0, static_cast<std::uint32_t>(owners.size()));
        if (archive.loading())
            claims->clear();
        for (std::uint32_t i = 0; i < count; ++i) {
            Claim claim = archive.loading() ? Claim{} : (*claims)[i];
            serialize(archive, claim, owners);
            if (!archive.loading())
                continue;
            archive.require(claim.mask != 0 && (claim.mask & ~existing) == 0, "cores", "do not exist");
            archive.require(has(*claim.owner) == 0 && waits_for(*claim.owner) == 0, "owner", "claims twice");
            if (claims == &granted_) {
                archive.require((claim.mask & busy_) == 0, "cores", "have two owners");
                busy_ |= claim.mask;
            }
            claims->push_back(claim);
        }
    }
}

template<class F>
void CorePool::for_cores(std::uint32_t mask, F &&f) {
    for (; mask != 0; mask &= mask - 1)
        f(cores_[static_cast<std::size_t>(std::countr_zero(mask))]);
}

} // namespace neuron::chip
