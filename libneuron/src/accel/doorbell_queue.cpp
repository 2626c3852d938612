// SPDX-License-Identifier: MIT
#include "doorbell_queue.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include <sys/mman.h>

#include "../job_error.hpp"
#include "ioctl.hpp"
#include "user_ring.hpp"

namespace neuron::accel {

using detail::Clock;
using detail::Deadline;
using detail::JobStatus;
using detail::QueueStatus;

namespace {

// About as long as a short job and the way back take: sleeping would cost more. Measured: docs/performance.md.
constexpr std::chrono::microseconds spin_time(100);
// Without interrupts nobody wakes who sleeps in the driver.
constexpr std::chrono::milliseconds nap(1);

void relax() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

std::uint64_t round_to_pages(std::uint64_t bytes) {
    return (bytes + spec::PAGE_SIZE - 1) / spec::PAGE_SIZE * spec::PAGE_SIZE;
}

} // namespace

// ---- memory ----

Result<QueueMemory> QueueMemory::create(Context &context, std::uint32_t ring_log2) {
    QueueMemory memory(context);
    memory.seqno_offset_ = round_to_pages(std::uint64_t{spec::PACKET_BYTES} << ring_log2);
    memory.stamps_offset_ = memory.seqno_offset_ + spec::PAGE_SIZE;
    const std::uint64_t size = memory.stamps_offset_ + round_to_pages(std::uint64_t{spec::Stamp::BYTES} << ring_log2);
    auto bo = context.bo_create({size, {}});
    if (!bo)
        return detail::forward_error(bo);
    memory.bo_ = *bo;
    auto va = context.bind(bo->handle, bo->size, false, {"ring of a doorbell queue", {}});
    if (!va)
        return detail::forward_error(va);
    memory.va_ = *va;
    auto bytes = context.bo_map(bo->handle, bo->size);
    if (!bytes)
        return detail::forward_error(bytes);
    memory.bytes_ = *bytes;
    return memory;
}

QueueMemory::QueueMemory(QueueMemory &&other) noexcept
    : context_(other.context_),
      bo_(std::exchange(other.bo_, {})),
      va_(std::exchange(other.va_, 0)),
      bytes_(std::exchange(other.bytes_, {})),
      seqno_offset_(other.seqno_offset_),
      stamps_offset_(other.stamps_offset_) {}

QueueMemory::~QueueMemory() {
    if (!bytes_.empty())
        context_->bo_unmap(bytes_);
    if (va_ != 0)
        context_->unbind(va_, bo_.size, {});
    if (bo_.handle != 0)
        context_->bo_destroy(bo_.handle);
}

std::uint64_t QueueMemory::seqno() const noexcept {
    auto &word = *reinterpret_cast<std::uint64_t *>(bytes_.data() + seqno_offset_);
    return std::atomic_ref(word).load(std::memory_order_acquire);
}

std::span<const std::byte, spec::Stamp::BYTES> QueueMemory::stamp(std::uint64_t index) const noexcept {
    return std::span<const std::byte>(bytes_)
        .subspan(stamps_offset_ + index * spec::Stamp::BYTES)
        .first<spec::Stamp::BYTES>();
}

Result<Doorbell> Doorbell::map(Context &context, std::uint32_t handle, std::uint32_t offset) {
    auto page = context.bo_map(handle, spec::PAGE_SIZE);
    context.bo_close(handle); // the mapping needs it no more
    if (!page)
        return detail::forward_error(page);
    Doorbell doorbell;
    doorbell.page_ = *page;
    doorbell.offset_ = offset;
    return doorbell;
}

Doorbell::~Doorbell() {
    if (!page_.empty())
        ::munmap(page_.data(), page_.size());
}

void Doorbell::ring(std::uint64_t tail) const noexcept { ring_doorbell(page_.data() + offset_, tail); }

// ---- making and closing ----

DoorbellQueue::DoorbellQueue(std::shared_ptr<const Fd> fd, QueueMemory memory, std::uint32_t id, Doorbell doorbell,
                             const QueueOptions &options)
    : fd_(std::move(fd)),
      id_(id),
      options_(options),
      memory_(std::move(memory)),
      doorbell_(std::in_place, std::move(doorbell)),
      jobs_(std::uint64_t{1} << options.ring_log2) {}

Result<std::shared_ptr<detail::QueuePort>> DoorbellQueue::create(Context &context, std::shared_ptr<const Fd> fd,
                                                                 const std::string &name, const QueueOptions &options) {
    auto memory = QueueMemory::create(context, options.ring_log2);
    if (!memory)
        return detail::forward_error(memory);
    drm_neuron_queue_create create = queue_request(options);
    create.flags = DRM_NEURON_QUEUE_USER; // polled is the process's own affair: packets that ask for no interrupt
    create.ring_va = memory->ring_va();
    create.seqno_va = memory->seqno_va();
    create.stamps_va = memory->stamps_va();
    if (const int error = call(*fd, DRM_IOCTL_NEURON_QUEUE_CREATE, create))
        return queue_error(error, name, options);
    auto doorbell = Doorbell::map(context, create.doorbell_handle, create.doorbell_offset);
    if (!doorbell) {
        drm_neuron_queue_destroy destroy{};
        destroy.queue_id = create.queue_id;
        (void)call(*fd, DRM_IOCTL_NEURON_QUEUE_DESTROY, destroy);
        return detail::forward_error(doorbell);
    }
    return std::shared_ptr<detail::QueuePort>(
        new DoorbellQueue(std::move(fd), std::move(*memory), create.queue_id, std::move(*doorbell), options));
}

void DoorbellQueue::close() {
    {
        const std::lock_guard guard(lock_);
        if (final_)
            return;
        auto now = query_queue(*fd_, id_);
        QueueStatus last = now ? std::move(*now) : QueueStatus{.state = QueueStatus::State::lost};
        if (last.state != QueueStatus::State::ok && !failure_)
            note_failure(last, last.completed);
        jobs_.retire(last.completed);
        translate(last);
        final_ = std::move(last);
    }
    drm_neuron_queue_destroy destroy{};
    destroy.queue_id = id_;
    // Only a vanished device refuses, and then nothing is left to stop.
    (void)call(*fd_, DRM_IOCTL_NEURON_QUEUE_DESTROY, destroy);
    doorbell_.reset();
    memory_.reset();
}

// ---- submitting ----

detail::Submitted DoorbellQueue::submit(detail::JobSpan jobs) {
    detail::Submitted result;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        if (!result.error)
            result.error = submit_one(jobs[i]);
        if (result.error)
            result.refused.push_back(i);
    }
    ring();
    return result;
}

// Nobody refuses a job here. If the queue stops behind our back, whoever waits for the job learns of it.
std::optional<Error> DoorbellQueue::submit_one(std::span<const Packet> packets) {
    const auto room = make_room(packets.size());
    if (!room)
        return room.error();
    if (!*room)
        return detail::refusal(*this, ECANCELED);
    write_packets(packets);
    return std::nullopt;
}

/** @return false if the queue has stopped */
Result<bool> DoorbellQueue::make_room(std::size_t packets) {
    for (;;) {
        std::uint64_t oldest = 0;
        {
            const std::lock_guard guard(lock_);
            if (failure_)
                return false;
            if (!jobs_.has_room(packets))
                jobs_.retire(memory_->seqno());
            if (jobs_.has_room(packets))
                return true;
            oldest = jobs_.done() + 1;
        }
        ring(); // what makes room
        if (const auto status = wait(oldest, Deadline::max()); !status)
            return tl::unexpected(status.error());
    }
}

void DoorbellQueue::write_packets(std::span<const Packet> packets) {
    const std::lock_guard guard(lock_);
    const std::uint64_t entries = std::uint64_t{1} << options_.ring_log2;
    const auto flags =
        options_.polled ? spec::raw(spec::PacketFlag::SEQNO) : spec::PacketFlag::SEQNO | spec::PacketFlag::IRQ;
    accel::write_packets(memory_->ring(), entries, jobs_.tail(), packets, flags);
    jobs_.add(packets.size());
}

void DoorbellQueue::ring() {
    const std::uint64_t tail = jobs_.tail(); // only this thread moves it
    if (rung_ != tail)
        doorbell_->ring(tail);
    rung_ = tail;
}

// ---- waiting ----

std::optional<JobStatus> DoorbellQueue::known_status(std::uint64_t job) {
    if (job <= jobs_.done())
        return 0;
    if (failure_ && job >= failure_->job)
        return job == failure_->job ? failure_->status : ECANCELED;
    return final_ ? std::optional<JobStatus>(ECANCELED) : std::nullopt;
}

/** Whether the seqno says that the job is done. */
bool DoorbellQueue::look(std::uint64_t job) {
    const std::lock_guard guard(lock_);
    if (job > jobs_.done())
        jobs_.retire(memory_->seqno());
    return job <= jobs_.done();
}

bool DoorbellQueue::spin(std::uint64_t job, Deadline deadline) {
    for (const Deadline end = std::min(deadline, Clock::now() + spin_time);;) {
        if (look(job))
            return true;
        if (Clock::now() >= end)
            return false;
        relax();
    }
}

Result<std::optional<JobStatus>> DoorbellQueue::wait(std::uint64_t job, Deadline deadline) {
    if (spin(job, deadline))
        return 0;
    if (!options_.polled)
        return wait_shared(job, deadline);
    for (;;) {
        const auto status = wait_shared(job, Deadline::min());
        if (!status || *status || deadline <= Clock::now())
            return status;
        std::this_thread::yield();
        if (spin(job, deadline))
            return 0;
    }
}

Result<std::optional<JobStatus>> DoorbellQueue::wait_shared(std::uint64_t job, Deadline deadline) {
    for (;;) {
        const Deadline until = options_.polled ? std::min(deadline, Clock::now() + nap) : deadline;
        auto status = ask_driver(job, until);
        if (!status || *status || until == deadline)
            return status;
    }
}

Result<std::optional<JobStatus>> DoorbellQueue::ask_driver(std::uint64_t job, Deadline deadline) {
    std::uint64_t packets = 0;
    {
        const std::lock_guard guard(lock_);
        if (const auto known = known_status(job))
            return known;
        packets = jobs_.end_of(job).value_or(0); // it is in the ring
    }
    auto status = wait_queue(*fd_, id_, packets, deadline);
    if (status)
        return settle(job, *status);
    const std::lock_guard guard(lock_);
    if (final_) // closed meanwhile
        return known_status(job);
    return status;
}

/** From how the driver says that the job's last packet ended to how the job did. */
Result<std::optional<JobStatus>> DoorbellQueue::settle(std::uint64_t job, std::optional<JobStatus> status) {
    if (!status)
        return status;
    std::uint64_t completed = 0;
    if (*status != 0) {
        auto now = query_queue(*fd_, id_);
        const std::lock_guard guard(lock_);
        if (now && !failure_)
            note_failure(*now, now->completed);
        const auto known = known_status(job);
        return known ? known : status; // a queue that is gone says no more
    }
    const std::lock_guard guard(lock_);
    completed = jobs_.end_of(job).value_or(0);
    jobs_.retire(completed);
    return status;
}

/** The queue has stopped with so many packets retired: the job of the next one has met the reason. */
void DoorbellQueue::note_failure(const QueueStatus &status, std::uint64_t packets) {
    jobs_.retire(packets);
    if (jobs_.idle() || status.state == QueueStatus::State::ok)
        return;
    const auto first = wait_queue(*fd_, id_, packets + 1, Deadline::min());
    failure_ = Failure{jobs_.done() + 1, first && *first && **first != 0 ? **first : ECANCELED};
}

// ---- looking ----

/** From the driver's packets to jobs; with the lock held. */
void DoorbellQueue::translate(QueueStatus &status) const {
    if (status.fault) {
        const auto [job, packet] = jobs_.locate(status.fault->job - 1); // packets count from 1 there
        status.fault->job = job;
        status.fault->packet = packet;
    }
    status.submitted = jobs_.submitted();
    status.completed = failure_ ? jobs_.submitted() : jobs_.done();
}

Result<QueueStatus> DoorbellQueue::query() {
    auto status = query_queue(*fd_, id_);
    const std::lock_guard guard(lock_);
    if (final_)
        return *final_;
    if (!status)
        return status;
    if (status->state != QueueStatus::State::ok && !failure_)
        note_failure(*status, status->completed);
    jobs_.retire(status->completed, failure_ ? failure_->job : UINT64_MAX);
    translate(*status);
    return status;
}

// The stamps are written before the seqno, and stay as long as the ledger knows the job.
Result<std::optional<JobTimes>> DoorbellQueue::times(std::uint64_t job) {
    const std::lock_guard guard(lock_);
    const auto end = jobs_.end_of(job);
    if (final_ || !end || job > jobs_.done())
        return std::nullopt;
    const auto stamp = spec::unpack<spec::Stamp>(memory_->stamp((*end - 1) & ((1ull << options_.ring_log2) - 1)));
    return JobTimes{std::chrono::nanoseconds(stamp.start_ns), std::chrono::nanoseconds(stamp.end_ns)};
}

} // namespace neuron::accel
