// SPDX-License-Identifier: MIT
#include "uring_queue.hpp"

#include <algorithm>
#include <cstring>
#include <thread>

#include "../job_error.hpp"
#include "ioctl.hpp"

namespace neuron::accel {

using detail::Deadline;
using detail::JobStatus;

namespace {

__kernel_timespec timespec_of(std::chrono::nanoseconds duration) {
    constexpr std::int64_t second = 1'000'000'000;
    return {.tv_sec = duration.count() / second, .tv_nsec = duration.count() % second};
}

} // namespace

detail::Submitted UringQueue::submit(detail::JobSpan jobs, const std::vector<drm_neuron_sync> &syncs) {
    detail::Submitted result;
    batch_ = &result;
    ++batches_;
    Result<void> going;
    std::size_t next = 0;
    while (going && next < jobs.size() && !result.error) {
        going = make_room(jobs[next].size()).and_then([&] { return queue_entry(jobs[next], next, syncs); });
        next += going ? 1 : 0;
    }
    if (auto flushed = flush(); !flushed && going)
        going = flushed;
    reap(); // what the driver refused has completed by now
    batch_ = nullptr;
    for (; next < jobs.size(); ++next)
        result.refused.push_back(next);
    if (!going && !result.error)
        result.error = going.error();
    std::ranges::sort(result.refused);
    return result;
}

// A command that finds the ring full would sleep in a kernel worker, where later ones could overtake it.
Result<void> UringQueue::make_room(std::size_t packets) {
    while (packets_in_flight_ != 0 && packets_in_flight_ + packets > ring_packets()) {
        if (auto flushed = flush(); !flushed)
            return flushed;
        if (auto waited = wait_completion(Deadline::max()); !waited)
            return detail::forward_error(waited);
        reap();
    }
    return {};
}

Result<io_uring_sqe *> UringQueue::next_entry(std::uint32_t op) {
    io_uring_sqe *sqe = ring_->command(op);
    if (sqe == nullptr) {
        if (auto flushed = flush(); !flushed)
            return detail::forward_error(flushed);
        sqe = ring_->command(op);
    }
    if (sqe == nullptr)
        return detail::fail(ErrorCode::io, "io_uring: the submission queue stays full");
    return sqe;
}

std::unique_ptr<UringQueue::Flight> UringQueue::take_flight() {
    if (spare_.empty())
        return std::make_unique<Flight>();
    auto flight = std::move(spare_.back());
    spare_.pop_back();
    return flight;
}

void UringQueue::fill_inline(io_uring_sqe &sqe, const Packet &packet) const {
    drm_neuron_uring_inline payload{};
    payload.queue_id = id();
    std::memcpy(payload.packet, &packet, sizeof(payload.packet));
    std::memcpy(static_cast<void *>(sqe.cmd), &payload, sizeof(payload));
}

void UringQueue::fill_pointer(io_uring_sqe &sqe, Flight &flight, std::span<const Packet> packets) const {
    flight.packets.assign(packets.begin(), packets.end());
    flight.args = {};
    flight.args.queue_id = id();
    flight.args.packets = {spec::PACKET_BYTES, static_cast<std::uint32_t>(packets.size()),
                           reinterpret_cast<std::uintptr_t>(flight.packets.data())};
    flight.args.syncs = {sizeof(drm_neuron_sync), static_cast<std::uint32_t>(flight.syncs.size()),
                         reinterpret_cast<std::uintptr_t>(flight.syncs.data())};
    drm_neuron_uring_submit payload{};
    payload.ptr = reinterpret_cast<std::uintptr_t>(&flight.args);
    std::memcpy(static_cast<void *>(sqe.cmd), &payload, sizeof(payload));
}

Result<void> UringQueue::queue_entry(std::span<const Packet> packets, std::size_t index,
                                     const std::vector<drm_neuron_sync> &syncs) {
    const bool one = packets.size() == 1 && syncs.empty();
    auto sqe = next_entry(one ? DRM_NEURON_URING_SUBMIT_INLINE : DRM_NEURON_URING_SUBMIT);
    if (!sqe)
        return detail::forward_error(sqe);
    auto flight = take_flight();
    flight->job = ++last_job_;
    flight->batch = batches_;
    flight->index = index;
    flight->count = packets.size();
    flight->is_inline = one;
    flight->syncs = syncs;
    flight->done = false;
    if (one)
        fill_inline(**sqe, packets.front());
    else
        fill_pointer(**sqe, *flight, packets);
    io_uring_sqe_set_data(*sqe, flight.get());
    packets_in_flight_ += flight->count;
    flights_.push_back(std::move(flight));
    ++unsubmitted_;
    return {};
}

Result<void> UringQueue::flush() {
    while (unsubmitted_ != 0) {
        const int taken = ring_->submit();
        if (taken > 0) {
            unsubmitted_ -= std::min<std::size_t>(unsubmitted_, static_cast<std::size_t>(taken));
        } else if (taken == -EBUSY || taken == -EAGAIN) {
            // The completion queue overflowed, or memory is short: both end as jobs complete.
            reap();
            if (auto waited = wait_completion(detail::deadline_after(std::chrono::milliseconds(1))); !waited)
                return detail::forward_error(waited);
        } else if (taken != -EINTR) {
            return detail::fail_errno(-taken, "io_uring: submitting");
        }
    }
    return {};
}

// The kernel's own loop takes no time-out and ends when somebody else wants the processor: this one does both.
Result<bool> UringQueue::look_for_completion(Deadline deadline) {
    while (io_uring_cq_ready(ring_->get()) == 0) {
        const int error = -io_uring_get_events(ring_->get());
        if (error > 0 && error != EINTR && error != EAGAIN)
            return detail::fail_errno(error, "io_uring: polling");
        if (io_uring_cq_ready(ring_->get()) != 0)
            break;
        if (deadline <= detail::Clock::now())
            return false;
        std::this_thread::yield();
    }
    return true;
}

/** @return false if nothing completed by the deadline. */
Result<bool> UringQueue::wait_completion(Deadline deadline) {
    if (ring_->iopoll())
        return look_for_completion(deadline);
    io_uring_cqe *cqe = nullptr;
    for (;;) {
        int error = 0;
        if (deadline == Deadline::max()) {
            error = -io_uring_wait_cqe(ring_->get(), &cqe);
        } else {
            const auto now = detail::Clock::now();
            if (deadline <= now) // compared first: Deadline::min() is too far away to subtract from
                return false;
            __kernel_timespec wait = timespec_of(deadline - now);
            error = -io_uring_wait_cqe_timeout(ring_->get(), &cqe, &wait);
        }
        if (error == 0)
            return true;
        if (error == ETIME)
            return false;
        if (error != EINTR && error != EAGAIN)
            return detail::fail_errno(error, "io_uring: waiting");
    }
}

// Takes all completions that are there. The ring's TASKRUN flag makes the peek enter the kernel if some wait to be posted.
void UringQueue::reap() {
    if (ring_->iopoll() && !flights_.empty())
        (void)io_uring_get_events(ring_->get()); // what is wrong with the ring, waiting tells
    io_uring_cqe *cqe = nullptr;
    while (io_uring_peek_cqe(ring_->get(), &cqe) == 0 && cqe != nullptr) {
        auto *flight = static_cast<Flight *>(io_uring_cqe_get_data(cqe));
        const int result = cqe->res;
        io_uring_cqe_seen(ring_->get(), cqe);
        complete(*flight, result);
    }
    retire();
}

void UringQueue::complete(Flight &flight, int result) {
    if (result < 0 && batch_ != nullptr && flight.batch == batches_ && was_refused(flight, -result)) {
        refuse(flight, -result);
        return;
    }
    const std::uint64_t number = flight.is_inline ? flight.job : flight.args.seqno;
    if (number != 0 && number != flight.job)
        log_(LogLevel::warning, fmt::format("job {} is job {} of the driver: it was overtaken", flight.job, number));
    if (result < 0)
        failed_[flight.job] = -result;
    flight.done = true;
}

// Whether there was never such a job. One with its packet in the command is told no number, but most errors are of no job
// that ever ran; after the others the queue has stopped, so how many jobs it has had does not change any more.
bool UringQueue::was_refused(const Flight &flight, int error) const {
    if (!flight.is_inline)
        return flight.args.seqno == 0;
    if (error != EIO && error != ETIME && error != ECANCELED && error != ENODEV)
        return true;
    const auto now = ask();
    return !now || flight.job > now->submitted;
}

// The jobs behind it move up by one number, as they did in the driver. None of them has been told to the caller yet.
void UringQueue::refuse(Flight &flight, int error) {
    batch_->refused.push_back(flight.index);
    if (!batch_->error)
        batch_->error = detail::refusal(*this, error);
    const auto at = std::ranges::find(flights_, &flight, &std::unique_ptr<Flight>::get);
    for (auto later = std::next(at); later != flights_.end(); ++later)
        --(*later)->job;
    --last_job_;
    packets_in_flight_ -= flight.count;
    spare_.push_back(std::move(*at));
    flights_.erase(at);
}

void UringQueue::retire() {
    while (!flights_.empty() && flights_.front()->done) {
        packets_in_flight_ -= flights_.front()->count;
        spare_.push_back(std::move(flights_.front()));
        flights_.pop_front();
    }
}

bool UringQueue::in_flight(std::uint64_t job) const {
    const auto at = std::ranges::lower_bound(flights_, job, {}, [](const auto &flight) { return flight->job; });
    return at != flights_.end() && (*at)->job == job && !(*at)->done;
}

Result<std::optional<JobStatus>> UringQueue::wait(std::uint64_t job, Deadline deadline) {
    if (!ring_ || job <= base_job_)
        return wait_shared(job, deadline);
    for (;;) {
        reap();
        if (!in_flight(job)) {
            const auto bad = failed_.find(job);
            return bad == failed_.end() ? 0 : bad->second;
        }
        const auto more = wait_completion(deadline);
        if (!more)
            return tl::unexpected(more.error());
        if (!*more)
            return std::nullopt;
    }
}

// Called when all jobs are done: what their completions would say, the WAIT ioctl says as well.
Result<void> UringQueue::change_thread() {
    auto ring = UringRing::create(fd(), options_);
    if (!ring)
        return detail::forward_error(ring);
    ring_ = std::move(*ring);
    base_job_ = last_job_;
    for (const auto &flight : flights_)
        flight->done = true;
    retire();
    return {};
}

void UringQueue::close() {
    if (!ring_)
        return;
    QueueBase::close(); // completes the jobs in flight
    const Deadline patience = detail::deadline_after(std::chrono::seconds(5));
    for (reap(); !flights_.empty(); reap()) {
        const auto more = wait_completion(patience);
        if (!more || !*more) {
            // Closing the ring from another thread than its own gets here; the kernel completes them then.
            break;
        }
    }
    ring_.reset();
}

} // namespace neuron::accel
