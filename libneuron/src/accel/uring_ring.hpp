// SPDX-License-Identifier: MIT
// An io_uring that carries driver commands.
#pragma once

#include <chrono>
#include <memory>

#include <liburing.h>

#include <neuron/fd.hpp>

#include "../backend.hpp"

namespace neuron::accel {

/** What the options of a queue mean for its ring. */
struct RingOptions {
    std::uint32_t ring_log2 = 0; ///< of the queue
    bool iopoll = false;
    bool sqpoll = false;
    std::chrono::milliseconds sqpoll_idle{0};
};

/** Owns a ring with SQE128 entries whose fixed file 0 is the device. Belongs to the thread that created it. */
class UringRing {
public:
    /** @return unsupported if io_uring is missing, forbidden, or the driver takes no commands on it. */
    static Result<UringRing> create(const Fd &device, const RingOptions &options);

    ~UringRing() = default;
    UringRing(UringRing &&) noexcept = default;
    UringRing &operator=(UringRing &&) noexcept = default;

    io_uring *get() const noexcept { return ring_.get(); }

    /**
     * Gives the kernel what command() has begun; when it returns, it has been issued. @return how many, or a negative errno
     */
    int submit() noexcept;

    /** Whether completions come only to who looks: get them. */
    bool iopoll() const noexcept { return (ring_->flags & IORING_SETUP_IOPOLL) != 0; }

    /**
     * An entry for a driver command, zeroed but for what makes it one, with 80 bytes of payload; nullptr if the submission
     * queue is full.
     */
    io_uring_sqe *command(std::uint32_t op) noexcept;

private:
    struct Exit {
        void operator()(io_uring *ring) const noexcept {
            io_uring_queue_exit(ring);
            delete ring;
        }
    };
    explicit UringRing(std::unique_ptr<io_uring, Exit> ring) : ring_(std::move(ring)) {}
    Result<void> attach(const Fd &device);

    std::unique_ptr<io_uring, Exit> ring_;
};

} // namespace neuron::accel
