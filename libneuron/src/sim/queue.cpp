// SPDX-License-Identifier: MIT
#include "queue.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>

#include "../error.hpp"
#include "../job_error.hpp"

namespace neuron::sim {

using detail::Deadline;
using detail::JobStatus;
using detail::QueueStatus;
namespace reg = spec::reg;
namespace field = spec::field;

namespace {

constexpr std::chrono::milliseconds default_timeout(10'000);
constexpr std::chrono::milliseconds watch_interval(50);
constexpr std::chrono::milliseconds record_patience(500);

std::uint32_t vector_of(std::uint32_t queue) { return 1 + queue % (spec::MSIX_VECTORS - 1); }

} // namespace

Queue::Queue(std::shared_ptr<Device> device, std::uint32_t context, const QueueOptions &options)
    : device_(std::move(device)),
      context_(context),
      ring_log2_(options.ring_log2),
      timeout_(options.job_timeout.count() != 0 ? options.job_timeout : default_timeout) {}

Result<std::shared_ptr<detail::QueuePort>> Queue::create(std::shared_ptr<Device> device, std::uint32_t context,
                                                         const QueueOptions &options) {
    const std::shared_ptr<Queue> queue(new Queue(std::move(device), context, options));
    if (auto started = queue->allocate().and_then([&] { return queue->start(); }); !started)
        return detail::forward_error(started);
    return queue;
}

Result<void> Queue::allocate() {
    auto ring = device_->memory().allocate(ring_packets() * spec::PACKET_BYTES);
    if (!ring)
        return detail::forward_error(ring);
    auto seqno = device_->memory().allocate(sizeof(std::uint64_t));
    if (!seqno)
        return detail::forward_error(seqno);
    ring_ = std::move(*ring);
    seqno_ = std::move(*seqno);
    return {};
}

Result<void> Queue::start() {
    const auto id = device_->take_queue(*this);
    if (!id)
        return tl::unexpected(id.error());
    id_ = *id;
    Chip &chip = device_->chip();
    chip.write64(reg::QUEUE_RING_BASE(*id_), ring_.bus());
    chip.write64(reg::QUEUE_SEQNO_ADDR(*id_), seqno_.bus());
    chip.write32(reg::QUEUE_RING_LOG2(*id_), ring_log2_);
    chip.write32(reg::QUEUE_CFG(*id_), field::QUEUE_CFG_CTX.set(context_) |
                                           field::QUEUE_CFG_VECTOR.set(vector_of(*id_)) |
                                           field::QUEUE_CFG_SLOT.set(*id_));
    chip.write32(reg::QUEUE_CTRL(*id_), field::QUEUE_CTRL_ENABLE.mask);
    return {};
}

spec::QueueState Queue::hardware_state() const {
    return static_cast<spec::QueueState>(
        field::QUEUE_STATUS_STATE.get(device_->chip().read32(reg::QUEUE_STATUS(*id_))));
}

void Queue::close() {
    if (!id_)
        return; // it never ran
    {
        const std::lock_guard guard(lock_);
        if (closed_)
            return;
        update();
        closed_ = true;
        if (state_ == State::ok)
            stop(State::canceled, ECANCELED, done_ + 1);
    }
    Chip &chip = device_->chip();
    chip.write32(reg::QUEUE_CTRL(*id_), 0);
    if (!chip.poll([&] { return field::QUEUE_STATUS_BUSY.get(chip.read32(reg::QUEUE_STATUS(*id_))) == 0; }))
        device_->log()(LogLevel::error, fmt::format("sim: queue {} stays busy", *id_));
    device_->service_events(); // a record that names this number must not reach the next queue that gets it
    device_->give_queue(*id_);
}

detail::Submitted Queue::submit(detail::JobSpan jobs) {
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

// Once for all that was written: the chip may run jobs inside the doorbell, and one that faults takes no more of them.
void Queue::ring() {
    const std::lock_guard guard(lock_);
    if (rung_ != tail_ && !closed_)
        device_->chip().ring_doorbell(context_, *id_, static_cast<std::uint32_t>(tail_));
    rung_ = tail_;
}

std::optional<Error> Queue::submit_one(std::span<const Packet> packets) {
    Watchdog watchdog;
    for (;;) {
        const std::uint64_t seen = device_->chip().news();
        device_->service_events();
        {
            std::unique_lock guard(lock_);
            update();
            if (state_ != State::ok || closed_) {
                guard.unlock();
                return detail::refusal(*this, ECANCELED);
            }
            if (tail_ - done_packets_ + packets.size() <= ring_packets()) {
                write_packets(packets);
                return std::nullopt;
            }
        }
        ring(); // what makes room
        check_progress(watchdog);
        device_->chip().wait_news(seen, detail::deadline_after(watch_interval));
    }
}

// The doorbell orders the packets before the chip's fetch of them.
void Queue::write_packets(std::span<const Packet> packets) {
    // The last packet's flags, which are 0 so far; whatever else is wrong with a packet is for the chip to judge.
    const auto completion =
        spec::packed(spec::PacketHeader{.opcode = {}, .flags = spec::PacketFlag::SEQNO | spec::PacketFlag::IRQ});
    for (std::size_t i = 0; i < packets.size(); ++i) {
        std::byte *slot = ring_.bytes().data() + tail_ % ring_packets() * spec::PACKET_BYTES;
        std::memcpy(slot, packets[i].data(), spec::PACKET_BYTES);
        if (i + 1 == packets.size())
            std::transform(slot, slot + completion.size(), completion.begin(), slot, std::bit_or<>{});
        ++tail_;
    }
    ++submitted_;
    ends_.push_back(tail_);
}

// Takes in what the chip has written and, if it is not fine any more, why.
void Queue::update() {
    const std::uint64_t head = HostMemory::load_word(seqno_.bytes().data());
    while (!ends_.empty() && ends_.front() <= head && (failed_job_ == 0 || done_ + 1 < failed_job_)) {
        done_packets_ = ends_.front();
        ends_.pop_front();
        ++done_;
    }
    if (state_ == State::ok && !closed_)
        notice_stop();
}

// A faulted queue waits for its record, which says more than the state; a stopped one gets none.
void Queue::notice_stop() {
    const spec::QueueState state = hardware_state();
    if (state == spec::QueueState::STOPPED) {
        stop(State::canceled, ECANCELED, done_ + 1);
    } else if (state == spec::QueueState::FAULTED) {
        const auto now = detail::Clock::now();
        if (!fault_seen_)
            fault_seen_ = now;
        if (now - *fault_seen_ < record_patience)
            return;
        FaultInfo fault;
        fault.code =
            static_cast<spec::Fault>(field::QUEUE_STATUS_FAULT.get(device_->chip().read32(reg::QUEUE_STATUS(*id_))));
        fault.job = done_ + 1;
        fault_ = fault;
        stop(State::faulted, EIO, done_ + 1);
    }
}

void Queue::stop(State state, JobStatus first_status, std::uint64_t first_job) {
    state_ = state;
    failed_job_ = first_job;
    failed_status_ = first_status;
}

void Queue::fault(const spec::EventRecord &record) {
    const std::lock_guard guard(lock_);
    if (state_ != State::ok)
        return;
    // All packets before the faulted one have retired, those of finished jobs have been written back.
    std::uint64_t job = done_ + 1;
    std::uint64_t start = done_packets_;
    for (const std::uint64_t end : ends_) {
        if (record.packet < end)
            break;
        start = end;
        ++job;
    }
    FaultInfo fault;
    fault.code = record.code;
    fault.unit = record.unit;
    fault.job = job;
    fault.packet = record.packet - start;
    fault.core = record.core;
    fault.ring = record.ring;
    fault.pc = record.pc;
    fault.write = record.write != 0;
    fault.va = record.va;
    fault.info = record.info;
    fault_ = fault;
    stop(State::faulted, EIO, job);
}

std::optional<JobStatus> Queue::status_of(std::uint64_t job) {
    const std::lock_guard guard(lock_);
    update();
    if (job <= done_)
        return 0;
    if (state_ == State::ok)
        return std::nullopt;
    if (job < failed_job_)
        return closed_ ? std::optional<JobStatus>(ECANCELED) : std::nullopt; // its write-back is due
    return job == failed_job_ ? failed_status_ : ECANCELED;
}

// The driver's watchdog, run by whoever waits.
void Queue::check_progress(Watchdog &watchdog) {
    Chip &chip = device_->chip();
    const auto now = detail::Clock::now();
    const std::uint64_t progress = chip.read64(reg::QUEUE_PROGRESS(*id_));
    if (progress != watchdog.progress) {
        watchdog = {progress, now};
        return;
    }
    if (now - watchdog.since < timeout_)
        return;
    {
        const std::lock_guard guard(lock_);
        update();
        if (state_ != State::ok || ends_.empty())
            return;
        stop(State::timed_out, ETIME, done_ + 1);
    }
    chip.write32(reg::QUEUE_CTRL(*id_), 0);
}

Result<std::optional<JobStatus>> Queue::wait_shared(std::uint64_t job, Deadline deadline) {
    Watchdog watchdog;
    for (;;) {
        const std::uint64_t seen = device_->chip().news();
        device_->service_events();
        if (const auto status = status_of(job))
            return status;
        if (deadline <= detail::Clock::now())
            return std::nullopt;
        check_progress(watchdog);
        device_->chip().wait_news(seen, std::min(deadline, detail::deadline_after(watch_interval)));
    }
}

Result<QueueStatus> Queue::query() {
    device_->service_events();
    const std::lock_guard guard(lock_);
    update();
    return QueueStatus{state_, submitted_, done_, fault_};
}

} // namespace neuron::sim
