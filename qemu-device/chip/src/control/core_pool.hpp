// SPDX-License-Identifier: MIT
#pragma once

#include "../exec/executor.hpp"

#include <cstdint>
#include <deque>
#include <mutex>
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

private:
    struct Claim {
        Unit *owner;
        std::uint32_t mask;
        Priority priority;
        Priority lent = Priority::LOW;
    };
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
