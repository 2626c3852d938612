// SPDX-License-Identifier: MIT
// An io_uring for driver commands that keeps books: every SQE has exactly one CQE.
#pragma once

#include "support.hpp"

#include <map>

#include <liburing.h>

namespace kmod {

/// A ring. All functions fail the test when io_uring itself does not work, or a command completes twice.
class Ring {
public:
    struct Completion {
        int result;
        std::uint64_t tag;
        std::uint64_t extra; ///< second result, with CQE32
    };

    explicit Ring(unsigned flags = 0, unsigned entries = 64);
    ~Ring() { close(); }
    Ring(Ring &&) = delete;
    Ring &operator=(Ring &&) = delete;

    void close();
    unsigned flags() const { return flags_; }
    io_uring *get() { return &ring_; }

    /// An entry that is all zero but for what makes it a command on the file, for changes before submit().
    io_uring_sqe *next(const File &file, std::uint32_t cmd_op, std::uint64_t tag);
    /// The same with a payload.
    template<class T>
    io_uring_sqe *add(const File &file, std::uint32_t cmd_op, const T &payload, std::uint64_t tag) {
        io_uring_sqe *sqe = next(file, cmd_op, tag);
        std::memcpy(static_cast<void *>(sqe->cmd), &payload, sizeof(payload));
        return sqe;
    }
    io_uring_sqe *add_submit(const File &file, const drm_neuron_submit *args, std::uint64_t tag);
    io_uring_sqe *add_inline(const File &file, std::uint32_t queue_id, const Packet &packet, std::uint64_t tag);
    /// `deadline` 0: none.
    io_uring_sqe *add_wait(const File &file, std::uint32_t queue_id, std::uint64_t seqno, std::uint64_t tag,
                           std::int64_t deadline = 0);
    io_uring_sqe *add_wait_cancel(const File &file, std::uint32_t queue_id, std::uint64_t seqno, std::uint64_t tag);
    io_uring_sqe *add_dma(const File &file, std::uint32_t queue_id, std::uint32_t flags, const void *memory,
                          std::size_t bytes, std::uint64_t va, std::uint64_t tag);

    /// When it returns, io_uring has issued all entries once.
    void submit();
    Completion wait();
    /// Submits what was added last, and waits for it alone. Nothing else may be in flight.
    int result();
    /// No completion is there. (What would only come with a look into the kernel does.)
    bool empty();
    std::size_t in_flight() const { return in_flight_; }

private:
    Completion take(io_uring_cqe *cqe);

    io_uring ring_{};
    unsigned flags_;
    bool open_ = true;
    std::map<std::uint64_t, unsigned> tags_; // entries not completed yet
    std::size_t in_flight_ = 0;
};

/// SUBMIT's structure. `packets` and `syncs` have to stay.
drm_neuron_submit request(std::uint32_t queue_id, std::span<const Packet> packets,
                          std::span<const drm_neuron_sync> syncs = {});

/// Every ring that differs in how it completes commands.
struct RingKind {
    const char *name;
    unsigned flags;
};
inline constexpr RingKind RING_KINDS[] = {
    {"plain", 0},
    {"sqe128", IORING_SETUP_SQE128},
    {"cqe32", IORING_SETUP_CQE32},
    {"sqe128 cqe32", IORING_SETUP_SQE128 | IORING_SETUP_CQE32},
    {"defer_taskrun", IORING_SETUP_SQE128 | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN},
    {"coop_taskrun", IORING_SETUP_SQE128 | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG},
    {"sqpoll", IORING_SETUP_SQE128 | IORING_SETUP_CQE32 | IORING_SETUP_SQPOLL},
};

/// Whether a ring may be closed with commands in flight. When a DEFER_TASKRUN ring is closed, a kernel thread completes
/// what is left, and 6.12 has an assertion that nobody but the ring's owner completes anything. Only kernels with lockdep
/// check it; later ones know better.
bool may_close_in_flight(unsigned flags);
/// Such flags, or none.
inline unsigned if_closable(unsigned flags) { return may_close_in_flight(flags) ? flags : 0; }

/// Runs the body with a ring of each kind, or of each that may be closed with commands in flight.
template<class Body>
void with_each_ring(Body body, bool closable = false) {
    for (const RingKind &kind : RING_KINDS) {
        if (closable && !may_close_in_flight(kind.flags))
            continue;
        print_message("# ring: %s\n", kind.name);
        Ring ring(kind.flags);
        body(ring);
    }
}

} // namespace kmod
