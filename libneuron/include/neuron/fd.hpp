// SPDX-License-Identifier: MIT
/**
 * @file
 * Files that are closed by themselves.
 */
#pragma once

#include <utility>

#include <unistd.h>

namespace neuron {

/** Owns a file descriptor, or none. */
class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) noexcept : fd_(fd) {}
    ~Fd() { reset(); }
    Fd(Fd &&other) noexcept : fd_(other.release()) {}
    Fd &operator=(Fd &&other) noexcept {
        if (this != &other) {
            reset();
            fd_ = other.release();
        }
        return *this;
    }
    /** The number, -1 if there is none. */
    int get() const noexcept { return fd_; }
    /** The number, which is the caller's to close from now on. */
    int release() noexcept { return std::exchange(fd_, -1); }
    explicit operator bool() const noexcept { return fd_ >= 0; }

private:
    void reset() noexcept {
        if (fd_ >= 0)
            ::close(fd_);
    }
    int fd_ = -1;
};

} // namespace neuron
