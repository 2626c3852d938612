// SPDX-License-Identifier: MIT
// Jobs through io_uring: one SQE is one job, and its CQE says that the job is done. A job of one packet is in the SQE
// itself.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include <drm/neuron_accel.h>

#include "queue.hpp"
#include "uring_ring.hpp"

namespace neuron::accel {

class UringQueue final : public QueueBase {
public:
    UringQueue(std::shared_ptr<const Fd> fd, const drm_neuron_queue_create &created, UringRing ring,
               const RingOptions &options, detail::Log log)
        : QueueBase(std::move(fd), created), ring_(std::move(ring)), options_(options), log_(std::move(log)) {}
    ~UringQueue() override { UringQueue::close(); }

    void close() override;
    detail::Submitted submit(detail::JobSpan jobs) override { return submit(jobs, {}); }
    detail::Submitted submit_signalling(std::span<const Packet> packets,
                                        std::span<const TimelinePoint> points) override {
        return submit({&packets, 1}, to_syncs(points));
    }
    Result<std::optional<detail::JobStatus>> wait(std::uint64_t job, detail::Deadline deadline) override;
    bool thread_bound() const noexcept override { return true; }
    Result<void> change_thread() override;
    std::string_view path() const noexcept override { return "uring"; }

private:
    /** A job from its SQE to its CQE. The driver may use args and packets until then, so their addresses stay. */
    struct Flight {
        std::uint64_t job = 0;
        std::uint64_t batch = 0; ///< call of submit()
        std::size_t index = 0;   ///< in that batch
        std::size_t count = 0;   ///< packets
        bool done = false;
        drm_neuron_submit args{};    ///< with more than one packet, or syncs; the driver writes the job's number to it
        std::vector<Packet> packets; ///< likewise
        bool is_inline = false;      ///< the packet was in the command
        std::vector<drm_neuron_sync> syncs;
    };

    std::uint64_t ring_packets() const noexcept { return std::uint64_t{1} << options_.ring_log2; }
    detail::Submitted submit(detail::JobSpan jobs, const std::vector<drm_neuron_sync> &syncs);
    Result<void> make_room(std::size_t packets);
    Result<void> queue_entry(std::span<const Packet> packets, std::size_t index,
                             const std::vector<drm_neuron_sync> &syncs);
    Result<io_uring_sqe *> next_entry(std::uint32_t op);
    std::unique_ptr<Flight> take_flight();
    void fill_inline(io_uring_sqe &sqe, const Packet &packet) const;
    void fill_pointer(io_uring_sqe &sqe, Flight &flight, std::span<const Packet> packets) const;
    Result<void> flush();
    Result<bool> wait_completion(detail::Deadline deadline);
    Result<bool> look_for_completion(detail::Deadline deadline);
    void reap();
    void complete(Flight &flight, int result);
    bool was_refused(const Flight &flight, int error) const;
    void refuse(Flight &flight, int error);
    void retire();
    bool in_flight(std::uint64_t job) const;

    std::optional<UringRing> ring_;
    RingOptions options_;
    detail::Log log_;
    std::deque<std::unique_ptr<Flight>> flights_;       // by job; done ones go once they are at the front
    std::vector<std::unique_ptr<Flight>> spare_;        // memory of retired ones
    std::size_t packets_in_flight_ = 0;                 // of flights_
    std::uint64_t last_job_ = 0;                        // newest number given out
    std::uint64_t base_job_ = 0;                        // jobs up to here belong to an earlier ring
    std::map<std::uint64_t, detail::JobStatus> failed_; // few: a failure stops the queue
    std::size_t unsubmitted_ = 0;                       // entries not yet given to the kernel
    std::uint64_t batches_ = 0;                         // calls of submit()
    detail::Submitted *batch_ = nullptr;                // result of the one that runs
};

} // namespace neuron::accel
