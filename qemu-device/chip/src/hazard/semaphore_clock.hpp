// SPDX-License-Identifier: MIT
#pragma once

#include "access.hpp"

#include <neuron/spec.hpp>

#include <deque>

namespace neuron::chip::hazard {

/// What a semaphore's count stands for: the knowledge of those who raised it, in their order, and of those who lowered it. A
/// wait for a number is certain to come only after as many of the oldest raises as it takes to reach it, however far the
/// count has got meanwhile. A wait for one very number comes after the lowering, too: that is how a buffer is given back.
class SemaphoreClock {
public:
    /// The count is 0, as it was at first.
    void clear();
    /// Somebody who knows `clock` has changed the semaphore.
    void update(spec::UpdateOp op, std::uint32_t value, const VectorClock &clock);
    /// Somebody who knows `clock` is about to wait with TAKE, or about to try again.
    void taking(const VectorClock &clock) { lowered_.join(clock); }
    /// Somebody's wait is over: `clock` learns what that means. TAKE removes what it took.
    void wait(spec::WaitOp op, std::uint32_t value, VectorClock &clock);

    /// Most raises that are kept apart: of more, the oldest are taken for one. Whoever still waits for less than they come to
    /// is then taken to know all of them.
    static constexpr std::size_t MAX_RAISES = 64;
    std::size_t raises() const { return raises_.size(); }

private:
    struct Raise {
        std::uint64_t amount;
        VectorClock clock;
    };

    void raise(std::uint64_t amount, const VectorClock &clock);
    void lower(std::uint64_t amount);

    std::deque<Raise> raises_;
    VectorClock lowered_; ///< what those know who lowered the count since it was last set
};

} // namespace neuron::chip::hazard
