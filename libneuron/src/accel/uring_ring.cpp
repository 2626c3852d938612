// SPDX-License-Identifier: MIT
#include "uring_ring.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <system_error>
#include <thread>

#include <drm/neuron_accel.h>

#include "../error.hpp"

namespace neuron::accel {

using detail::fail;

namespace {

constexpr unsigned sq_entries = 256;
constexpr unsigned cq_entries_max = 4096; // more jobs in flight go through the kernel's overflow list

std::string why_no_ring(int error) {
    switch (error) {
    case ENOSYS: return "this kernel has none";
    case EACCES: return "a polling thread of the kernel is not allowed for this user";
    case EPERM: return "it is forbidden here (sysctl kernel.io_uring_disabled, or a sandbox)";
    case EINVAL: return "this kernel's is too old";
    default: return std::generic_category().message(error);
    }
}

// Sets of flags, of which the first that the kernel knows is taken: each wants a newer one than the next. Without them the
// kernel interrupts the thread for every completion instead of waiting until it asks. With a polling thread they mean nothing.
constexpr unsigned own_thread[] = {
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
    IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
    0,
};
constexpr unsigned kernel_thread[] = {IORING_SETUP_SQPOLL};

int setup(io_uring *ring, const RingOptions &options) {
    const std::span<const unsigned> wanted =
        options.sqpoll ? std::span<const unsigned>(kernel_thread) : std::span<const unsigned>(own_thread);
    int error = 0;
    for (const unsigned flags : wanted) {
        io_uring_params params{};
        params.flags = flags | IORING_SETUP_SQE128 | IORING_SETUP_CQSIZE;
        params.flags |= options.iopoll ? IORING_SETUP_IOPOLL : 0u;
        params.cq_entries = std::clamp(1u << options.ring_log2, sq_entries, cq_entries_max);
        params.sq_thread_idle = static_cast<std::uint32_t>(options.sqpoll_idle.count());
        error = -io_uring_queue_init_params(sq_entries, ring, &params);
        if (error != EINVAL)
            break;
    }
    return error;
}

} // namespace

Result<UringRing> UringRing::create(const Fd &device, const RingOptions &options) {
    auto memory = std::make_unique<io_uring>();
    if (const int error = setup(memory.get(), options))
        return fail(ErrorCode::unsupported, "no io_uring: {}", why_no_ring(error));
    UringRing ring{std::unique_ptr<io_uring, Exit>(memory.release())};
    if (auto attached = ring.attach(device); !attached)
        return detail::forward_error(attached);
    return ring;
}

io_uring_sqe *UringRing::command(std::uint32_t op) noexcept {
    io_uring_sqe *sqe = io_uring_get_sqe(ring_.get());
    if (sqe == nullptr)
        return nullptr;
    std::memset(static_cast<void *>(sqe), 0, 2 * sizeof(*sqe)); // SQE128
    sqe->opcode = IORING_OP_URING_CMD;
    sqe->flags = IOSQE_FIXED_FILE; // fd 0 is the registered device
    sqe->cmd_op = op;
    return sqe;
}

// A polling thread moves the head when it has issued what it took, so that what was refused has completed by then, as it has
// without such a thread.
int UringRing::submit() noexcept {
    const int taken = io_uring_submit(ring_.get());
    if ((ring_->flags & IORING_SETUP_SQPOLL) != 0) {
        while (io_uring_sq_ready(ring_.get()) != 0)
            std::this_thread::yield();
    }
    return taken;
}

// An unknown command tells a driver that takes commands (ENOTTY) from one that does not (EOPNOTSUPP).
Result<void> UringRing::attach(const Fd &device) {
    const int file = device.get();
    if (const int error = -io_uring_register_files(ring_.get(), &file, 1))
        return fail(ErrorCode::unsupported, "no io_uring: registering the device file: {}",
                    std::generic_category().message(error));
    constexpr std::uint32_t unknown_op = 0;
    if (command(unknown_op) == nullptr || submit() != 1)
        return fail(ErrorCode::unsupported, "no io_uring: it takes no command");
    io_uring_cqe *cqe = nullptr;
    if (const int error = -io_uring_wait_cqe(ring_.get(), &cqe))
        return fail(ErrorCode::unsupported, "no io_uring: {}", std::generic_category().message(error));
    const int answer = cqe->res;
    io_uring_cqe_seen(ring_.get(), cqe);
    if (answer != -ENOTTY)
        return fail(ErrorCode::unsupported, "no io_uring: the driver takes no commands on it");
    return {};
}

} // namespace neuron::accel
