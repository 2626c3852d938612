// SPDX-License-Identifier: MIT
#pragma once

#include "../exec/executor.hpp"

#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <vector>

namespace neuron::chip {

class Core;

/// Hands cores out to launches: all cores of a mask at once, so that two launches never hold a part each and wait for
/// the rest; the more urgent one first wherever two masks meet, and of equals in order of request, so that nobody starves.
/// The units of the cores get the priority of the launch. A launch that holds what a more urgent one waits for is as urgent
/// until it ends: otherwise work in between would hold up both.
class CorePool {
public:
    CorePool(Executor &executor, std::deque<Core> &cores, std::size_t max_waiters)
        : executor_(executor), cores_(cores) {
        waiting_.reserve(max_waiters);
        granted_.reserve(max_waiters);
    }

    /// Takes the cores of `mask` for `owner`, or puts it in line: then it is woken when they are its own. Calling it
    /// again asks whether that has happened. True: they are its own.
    bool acquire(Unit &owner, std::uint32_t mask, Priority priority);
    /// Gives back what `owner` holds, or its place in the line. Harmless if it has neither.
    void release(Unit &owner);

    /// The line and what is granted, with `owners` as all who may have a claim, and the cores of the chip as a mask.
    void serialize(Archive &archive, std::span<Unit *const> owners, std::uint32_t existing);
    /// Nobody has anything.
    void clear();
    /// What `owner` waits for, or has; 0: nothing.
    std::uint32_t waits_for(const Unit &owner) const { return mask_in(waiting_, owner); }
    std::uint32_t has(const Unit &owner) const { return mask_in(granted_, owner); }

private:
    struct Claim {
        Unit *owner;
        std::uint32_t mask;
        Priority priority;
        Priority lent = Priority::LOW;
    };
    static std::uint32_t mask_in(const std::vector<Claim> &claims, const Unit &owner);
    static void serialize(Archive &archive, Claim &claim, std::span<Unit *const> owners);
    void grant_locked();
    void lend_locked();
    void lend(Claim &holder, Priority priority);
    template<class F>
    void for_cores(std::uint32_t mask, F &&f);

    Executor &executor_;
    std::deque<Core> &cores_;
    std::mutex mutex_; ///< guards all below
    std::uint32_t busy_ = 0;
    std::vector<Claim> waiting_; ///< the most urgent first, of equals in order of request
    std::vector<Claim> granted_;
};

} // namespace neuron::chip
