// SPDX-License-Identifier: MIT
#include "failing.hpp"

#include "support.hpp"

#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

namespace kmod {

namespace {

constexpr const char *COUNTER = "/proc/thread-self/fail-nth";

/// Also allocations that may wait, and single pages; and the kernel says nothing about it.
void prepare() {
    for (const std::string kind : {"failslab", "fail_page_alloc"}) {
        const std::string folder = "/sys/kernel/debug/" + kind + "/";
        assert_int_equal(write_file(folder + "ignore-gfp-wait", "N"), 0);
        assert_int_equal(write_file(folder + "verbose", "0"), 0);
    }
    assert_int_equal(write_file("/sys/kernel/debug/fail_page_alloc/min-order", "0"), 0);
}

/// The counter of this thread, which the kernel counts down.
class Countdown {
public:
    Countdown() : fd_(::open(COUNTER, O_RDWR | O_CLOEXEC)) { assert_true(fd_ >= 0); }
    ~Countdown() { ::close(fd_); }
    Countdown(Countdown &&) = delete;

    void start(int allocations) {
        const std::string text = std::to_string(allocations);
        assert_int_equal(::pwrite(fd_, text.data(), text.size(), 0), text.size());
    }
    /// Ends it. Return: how many allocations were left, 0 if one has failed.
    int stop() {
        char text[16]{};
        assert_true(::pread(fd_, text, sizeof(text) - 1, 0) > 0);
        start(0);
        return std::atoi(text);
    }

private:
    int fd_;
};

} // namespace

void need_failing_allocations() {
    if (::access(COUNTER, F_OK) != 0)
        skip();
}

int for_each_failing_allocation(const std::function<void()> &attempt) {
    prepare();
    Countdown countdown;
    attempt(); // what is allocated once for all
    for (int n = 1;; ++n) {
        countdown.start(n);
        attempt();
        if (countdown.stop())
            return n - 1;
    }
}

} // namespace kmod
