// SPDX-License-Identifier: MIT
// What the ends of jobs call.
#pragma once

#include <cstddef>
#include <map>

#include <neuron/fd.hpp>

#include "queue_state.hpp"

namespace neuron::detail {

/** Callbacks of a queue. Belongs to the queue's thread. */
class Callbacks {
public:
    explicit Callbacks(QueueState &queue) : queue_(queue) {}

    Result<void> add(Job job, Queue::Callback callback);
    /** Calls those whose jobs have ended. @return how many */
    Result<std::size_t> run();
    /** The same, once the first one has. */
    Result<std::size_t> run(Deadline deadline);
    Result<int> file();

private:
    Result<void> arm();

    QueueState &queue_;
    std::multimap<std::uint64_t, Queue::Callback> waiting_; // by job; of one job in the order in which they were added
    Fd eventfd_;                                            // once somebody has asked for it
    std::uint64_t armed_ = 0;                               // job that it was last told of
};

} // namespace neuron::detail
