// SPDX-License-Identifier: MIT
// WAIT in a thread of its own, for tests in which something happens to whoever sleeps in it.
#pragma once

#include "support.hpp"

#include <atomic>
#include <thread>

#include <sys/types.h>

namespace kmod {

class Waiter {
public:
    /// When it returns the thread sleeps in the call, or has come out of it.
    Waiter(const File &file, std::uint32_t queue_id, std::uint64_t seqno);
    ~Waiter();
    Waiter(Waiter &&) = delete;

    /// Result of the call: 0 or -errno.
    int join();
    /// Status of the job, after join().
    int status() const { return status_; }

private:
    std::atomic<pid_t> tid_ = 0;
    std::atomic<bool> done_ = false;
    int ret_ = 0;
    int status_ = 0;
    std::thread thread_;
};

} // namespace kmod
