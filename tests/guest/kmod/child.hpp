// SPDX-License-Identifier: MIT
// Tests that need a second process.
#pragma once

#include <functional>

#include <sys/types.h>

namespace kmod {

/// Runs `body` in a child process and waits for it. What is asserted there is asserted here: the calling test fails with
/// what the child said. The descriptors of the parent are there, as after any fork().
void in_child(const std::function<void()> &body);

/// A child process that runs beside the test; the destructor kills it.
class Child {
public:
    /// `body` runs in the child, like that of in_child().
    explicit Child(const std::function<void()> &body);
    ~Child();
    Child(Child &&) = delete;
    pid_t pid() const { return pid_; }
    /// Waits for its end and fails the test if it was not a good one.
    void join();

private:
    pid_t pid_ = -1;
    int output_ = -1;
};

} // namespace kmod
