// SPDX-License-Identifier: MIT
// How fast the driver takes jobs, one way in at a time, for driver_bench.py, which runs it in the guest by turns with fio:
//   driver_bench WAY MILLISECONDS
// writes one line of JSON: {"way", "jobs", "all", "seconds", "bytes"}; all counts the jobs before the time that counts, too. A job that
// fails is an error.
#include "../guest/kmod/support.hpp"
#include "../guest/kmod/user_queue.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>

#include <liburing.h>
#include <nlohmann/json.hpp>

using namespace kmod;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::uint32_t RING_LOG2 = 8;
constexpr std::size_t COPY_BYTES = 64 << 20;

void require(bool holds, const char *what) {
    if (!holds)
        throw std::runtime_error(what);
}

struct Result {
    std::uint64_t jobs = 0;
    std::uint64_t bytes = 0;
};

/// Does a bit of work and adds it up.
using Step = std::function<void(Result &)>;

// ---- io_uring on a queue in kernel mode ----

/// `depth` jobs in flight, each a command with its packet inside, on a registered file. Half of them are submitted and
/// waited for at a time, so that one is being worked on while the other is refilled.
class Commands {
public:
    Commands(unsigned depth, bool polled) : depth_(depth) {
        drm_neuron_queue_create args{};
        args.ring_log2 = RING_LOG2;
        if (polled) {
            args.flags = DRM_NEURON_QUEUE_POLLED;
        } else if (depth > 1) {
            args.coalesce_count = depth / 2;
            args.coalesce_usecs = 50;
        }
        require(file_.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &args) == 0, "QUEUE_CREATE");
        queue_ = args.queue_id;
        io_uring_params params{};
        params.flags = IORING_SETUP_SQE128 | IORING_SETUP_SINGLE_ISSUER |
                       (polled ? IORING_SETUP_IOPOLL : IORING_SETUP_DEFER_TASKRUN);
        require(io_uring_queue_init_params(2 * depth, &ring_, &params) == 0, "io_uring_queue_init_params");
        const int fd = file_.fd();
        require(io_uring_register_files(&ring_, &fd, 1) == 0, "io_uring_register_files");
        io_uring_register_ring_fd(&ring_);
    }
    ~Commands() { io_uring_queue_exit(&ring_); }
    Commands(Commands &&) = delete;

    void step(Result &result) {
        const unsigned batch = std::max(depth_ / 2, 1U);
        while (in_flight_ + batch <= depth_)
            for (unsigned i = 0; i < batch; ++i)
                add();
        const int ret = io_uring_submit_and_wait(&ring_, batch);
        require(ret >= 0, "io_uring_submit_and_wait");
        result.jobs += reap();
    }

private:
    void add() {
        io_uring_sqe *sqe = io_uring_get_sqe(&ring_);
        require(sqe, "no SQE");
        std::memset(static_cast<void *>(sqe), 0, 128);
        sqe->opcode = IORING_OP_URING_CMD;
        sqe->flags = IOSQE_FIXED_FILE;
        sqe->cmd_op = DRM_NEURON_URING_SUBMIT_INLINE;
        drm_neuron_uring_inline payload{};
        payload.queue_id = queue_;
        std::memcpy(payload.packet, packet_.data(), packet_.size());
        std::memcpy(static_cast<void *>(sqe->cmd), &payload, sizeof(payload));
        ++in_flight_;
    }

    unsigned reap() {
        unsigned head = 0;
        unsigned count = 0;
        io_uring_cqe *cqe = nullptr;
        io_uring_for_each_cqe(&ring_, head, cqe) {
            require(cqe->res == 0, "a job failed");
            ++count;
        }
        io_uring_cq_advance(&ring_, count);
        in_flight_ -= count;
        return count;
    }

    File file_;
    io_uring ring_{};
    const Packet packet_ = nop();
    std::uint32_t queue_ = 0;
    unsigned depth_;
    unsigned in_flight_ = 0;
};

// ---- the doorbell page of a queue in user mode ----

class Doorbell {
public:
    explicit Doorbell(unsigned depth)
        : queue_(file_, RING_LOG2), batch_(nops(std::max(depth / 2, 1U))), depth_(depth) {}

    void step(Result &result) {
        while (queue_.tail() - queue_.seqno() + batch_.size() <= depth_) {
            const std::span<const Packet> packets(batch_);
            queue_.write(packets.first(packets.size() - 1), 0);
            queue_.write(packets.last(1), SEQNO);
            queue_.ring();
        }
        const std::uint64_t before = done_;
        while (queue_.seqno() == done_)
            __builtin_ia32_pause();
        done_ = queue_.seqno();
        result.jobs += done_ - before;
    }

private:
    File file_;
    UserQueue queue_;
    std::vector<Packet> batch_;
    unsigned depth_;
    std::uint64_t done_ = 0;
};

// ---- bytes ----

/// 64 MiB in one packet, from a buffer of the host to HBM or back.
class Copy {
public:
    explicit Copy(bool up) {
        const auto host_handle = file_.host(COPY_BYTES);
        const auto host = file_.bind(host_handle);
        const auto hbm = file_.bind(file_.hbm(COPY_BYTES));
        std::ranges::fill(Mapping(file_, host_handle).bytes(), std::byte{1});
        packet_ = up ? copy(host, hbm, COPY_BYTES) : copy(hbm, host, COPY_BYTES);
        queue_ = file_.queue().queue_id;
    }
    void step(Result &result) {
        require(file_.run(queue_, std::span(&packet_, 1)) == 0, "COPY failed");
        result.jobs += 1;
        result.bytes += COPY_BYTES;
    }

private:
    File file_;
    Packet packet_;
    std::uint32_t queue_ = 0;
};

/// The same by one CPU, without a device.
class Memcpy {
public:
    Memcpy() : from_(COPY_BYTES, std::byte{1}), to_(COPY_BYTES, std::byte{2}) {}
    void step(Result &result) {
        std::memcpy(to_.data(), from_.data(), COPY_BYTES);
        asm volatile("" : : "r"(to_.data()) : "memory");
        result.jobs += 1;
        result.bytes += COPY_BYTES;
    }

private:
    std::vector<std::byte> from_;
    std::vector<std::byte> to_;
};

template<class Work, class... Args>
std::function<Step()> way(Args... args) {
    return [args...]() -> Step {
        auto work = std::make_shared<Work>(args...);
        return [work](Result &result) { work->step(result); };
    };
}

const std::map<std::string, std::function<Step()>> WAYS = {
    {"uring-1", way<Commands>(1U, false)},
    {"uring-64", way<Commands>(64U, false)},
    {"iopoll-1", way<Commands>(1U, true)},
    {"iopoll-64", way<Commands>(64U, true)},
    {"doorbell-1", way<Doorbell>(1U)},
    {"doorbell-64", way<Doorbell>(64U)},
    {"copy-up", way<Copy>(true)},
    {"copy-down", way<Copy>(false)},
    {"memcpy", way<Memcpy>()},
};

void measure(const std::string &name, std::chrono::milliseconds duration) {
    const auto found = WAYS.find(name);
    require(found != WAYS.end(), "there is no such way");
    const Step step = found->second();
    Result warm;
    const auto begin = Clock::now();
    while (Clock::now() - begin < duration / 10)
        step(warm);
    Result result;
    const auto start = Clock::now();
    while (Clock::now() - start < duration)
        step(result);
    const std::chrono::duration<double> seconds = Clock::now() - start;
    std::cout << nlohmann::json{{"way", name},
                                {"jobs", result.jobs},
                                {"all", warm.jobs + result.jobs},
                                {"seconds", seconds.count()},
                                {"bytes", result.bytes}}
                     .dump()
              << '\n';
}

} // namespace

int main(int argc, char **argv) {
    try {
        require(argc == 3, "usage: driver_bench WAY MILLISECONDS");
        measure(argv[1], std::chrono::milliseconds(std::stoul(argv[2])));
    } catch (const std::exception &error) {
        std::fprintf(stderr, "driver_bench: %s\n", error.what());
        return 1;
    }
    return 0;
}
