// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <unistd.h>

namespace neuron::accel {

/** Owns a file descriptor. */
class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) noexcept : fd_(fd) {}
    ~Fd() { reset(); }
    Fd(Fd &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd &operator=(Fd &&other) noexcept {
        if (this != &other) {
            reset();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }

private:
    void reset() noexcept {
        if (fd_ >= 0)
            ::close(fd_);
    }
    int fd_ = -1;
};

} // namespace neuron::accel
