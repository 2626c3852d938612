// SPDX-License-Identifier: MIT
#include "waiter.hpp"

#include <fstream>

#include <sys/syscall.h>
#include <unistd.h>

namespace kmod {

namespace {

// The number of the call that it sleeps in; -1 while it runs.
long blocked_in(pid_t tid) {
    std::ifstream file("/proc/self/task/" + std::to_string(tid) + "/syscall");
    long number = -1;
    return file >> number ? number : -1;
}

} // namespace

Waiter::Waiter(const File &file, std::uint32_t queue_id, std::uint64_t seqno)
    : thread_([this, &file, queue_id, seqno] {
          tid_ = ::gettid();
          ret_ = file.wait(queue_id, seqno, &status_, LONG);
          done_ = true;
      }) {
    while (!done_ && (tid_ == 0 || blocked_in(tid_) != SYS_ioctl))
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

Waiter::~Waiter() {
    if (thread_.joinable())
        thread_.join();
}

int Waiter::join() {
    thread_.join();
    return ret_;
}

} // namespace kmod
