// SPDX-License-Identifier: MIT
#include "ring.hpp"

#include <cerrno>
#include <thread>

#include <unistd.h>

namespace kmod {

namespace {

constexpr std::chrono::seconds PATIENCE{60};

std::uint64_t address(const void *pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

} // namespace

Ring::Ring(unsigned flags, unsigned entries) : flags_(flags) {
    io_uring_params params{};
    params.flags = flags;
    params.sq_thread_idle = 1; // ms: the polling thread has a processor to itself for as long
    const int ret = io_uring_queue_init_params(entries, &ring_, &params);
    if (ret)
        fail_msg("no ring: %s", std::strerror(-ret));
}

void Ring::close() {
    if (!std::exchange(open_, false))
        return;
    if (!in_flight_)
        assert_true(empty());
    io_uring_queue_exit(&ring_);
}

io_uring_sqe *Ring::next(const File &file, std::uint32_t cmd_op, std::uint64_t tag) {
    io_uring_sqe *sqe = io_uring_get_sqe(&ring_);
    if (!sqe)
        fail_msg("the submission queue is full");
    std::memset(static_cast<void *>(sqe), 0, flags_ & IORING_SETUP_SQE128 ? 128 : 64);
    sqe->opcode = IORING_OP_URING_CMD;
    sqe->fd = file.fd();
    sqe->cmd_op = cmd_op;
    sqe->user_data = tag;
    ++tags_[tag];
    ++in_flight_;
    return sqe;
}

io_uring_sqe *Ring::add_submit(const File &file, const drm_neuron_submit *args, std::uint64_t tag) {
    return add(file, DRM_NEURON_URING_SUBMIT, drm_neuron_uring_submit{.ptr = address(args), .pad = 0}, tag);
}

io_uring_sqe *Ring::add_inline(const File &file, std::uint32_t queue_id, const Packet &packet, std::uint64_t tag) {
    drm_neuron_uring_inline payload{};
    payload.queue_id = queue_id;
    std::memcpy(payload.packet, packet.data(), packet.size());
    return add(file, DRM_NEURON_URING_SUBMIT_INLINE, payload, tag);
}

io_uring_sqe *Ring::add_wait(const File &file, std::uint32_t queue_id, std::uint64_t seqno, std::uint64_t tag,
                             std::int64_t deadline) {
    const drm_neuron_uring_wait payload{.queue_id = queue_id, .flags = 0, .seqno = seqno};
    io_uring_sqe *sqe = add(file, DRM_NEURON_URING_WAIT, payload, tag);
    sqe->addr = static_cast<std::uint64_t>(deadline);
    return sqe;
}

io_uring_sqe *Ring::add_wait_cancel(const File &file, std::uint32_t queue_id, std::uint64_t seqno, std::uint64_t tag) {
    const drm_neuron_uring_wait payload{.queue_id = queue_id, .flags = DRM_NEURON_URING_WAIT_CANCEL, .seqno = seqno};
    return add(file, DRM_NEURON_URING_WAIT, payload, tag);
}

io_uring_sqe *Ring::add_dma(const File &file, std::uint32_t queue_id, std::uint32_t flags, const void *memory,
                            std::size_t bytes, std::uint64_t va, std::uint64_t tag) {
    const drm_neuron_uring_dma payload{.queue_id = queue_id, .flags = flags, .va = va};
    io_uring_sqe *sqe = add(file, DRM_NEURON_URING_DMA, payload, tag);
    sqe->addr = address(memory);
    sqe->len = static_cast<std::uint32_t>(bytes);
    return sqe;
}

void Ring::submit() {
    const int ret = io_uring_submit(&ring_);
    if (ret < 0)
        fail_msg("io_uring_submit: %s", std::strerror(-ret));
    while (flags_ & IORING_SETUP_SQPOLL && io_uring_sq_ready(&ring_)) // the polling thread is at it
        std::this_thread::yield();
}

Ring::Completion Ring::take(io_uring_cqe *cqe) {
    const Completion done{cqe->res, cqe->user_data, flags_ & IORING_SETUP_CQE32 ? cqe->big_cqe[0] : 0};
    io_uring_cqe_seen(&ring_, cqe);
    if (!tags_[done.tag])
        fail_msg("command %llu has completed once too often", static_cast<unsigned long long>(done.tag));
    --tags_[done.tag];
    --in_flight_;
    return done;
}

// A ring that polls does not wait: a call ends without a completion as soon as somebody else wants the processor.
Ring::Completion Ring::wait() {
    const auto end = std::chrono::steady_clock::now() + PATIENCE;
    for (;;) {
        io_uring_cqe *cqe = nullptr;
        __kernel_timespec limit{.tv_sec = PATIENCE.count(), .tv_nsec = 0};
        const int ret = io_uring_wait_cqe_timeout(&ring_, &cqe, &limit);
        if (!ret)
            return take(cqe);
        if ((ret != -ETIME && ret != -EINTR) || std::chrono::steady_clock::now() > end)
            fail_msg("no completion of %zu: %s", in_flight_, std::strerror(-ret));
    }
}

int Ring::result() {
    assert_int_equal(in_flight_, 1);
    submit();
    return wait().result;
}

bool Ring::empty() {
    io_uring_cqe *cqe = nullptr;
    if (io_uring_peek_cqe(&ring_, &cqe) == 0)
        return false;
    io_uring_get_events(&ring_);
    return io_uring_peek_cqe(&ring_, &cqe) != 0;
}

bool may_close_in_flight(unsigned flags) {
    return !(flags & IORING_SETUP_DEFER_TASKRUN) || ::access("/proc/lockdep", F_OK) != 0;
}

drm_neuron_submit request(std::uint32_t queue_id, std::span<const Packet> packets,
                          std::span<const drm_neuron_sync> syncs) {
    drm_neuron_submit args{};
    args.queue_id = queue_id;
    args.packets = {
        .stride = sizeof(Packet), .count = static_cast<std::uint32_t>(packets.size()), .ptr = address(packets.data())};
    args.syncs = {.stride = sizeof(drm_neuron_sync),
                  .count = static_cast<std::uint32_t>(syncs.size()),
                  .ptr = address(syncs.data())};
    return args;
}

} // namespace kmod
