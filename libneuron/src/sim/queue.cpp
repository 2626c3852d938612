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
constexpr std::chrono::microseconds watch_interval(50'000);
constexpr std::chrono::microseconds look_interval(20);
constexpr std::chrono::milliseconds record_patience(500);

std::uint32_t priority_of(Priority priority) {
    switch (priority) {
    case Priority::low: return spec::raw(spec::QueuePriority::LOW);
    case Priority::high: return spec::raw(spec::QueuePriority::HIGH);
    default: return spec::raw(spec::QueuePriority::NORMAL);
    }
}

std::uint32_t vector_of(std::uint32_t queue) { return 1 + queue % (spec::MSIX_VECTORS - 1); }

} // namespace

Queue::Queue(std::shared_ptr<Device> device, std::uint32_t context, const QueueOptions &options)
    : device_(std::move(device)),
      context_(context),
      options_(options),
      timeout_(options.job_timeout.count() != 0 ? options.job_timeout : default_timeout),
      jobs_(ring_packets()),
      watchdog_(timeout_) {}

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
    auto stamps = device_->memory().allocate(ring_packets() * spec::Stamp::BYTES);
    if (!stamps)
        return detail::forward_error(stamps);
    ring_ = std::move(*ring);
    seqno_ = std::move(*seqno);
    stamps_ = std::move(*stamps);
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
    chip.write64(reg::QUEUE_STAMP_ADDR(*id_), stamps_.bus());
    chip.write32(reg::QUEUE_RING_LOG2(*id_), options_.ring_log2);
    chip.write32(reg::QUEUE_CFG(*id_),
                 field::QUEUE_CFG_CTX.set(context_) | field::QUEUE_CFG_VECTOR.set(vector_of(*id_)) |
                     field::QUEUE_CFG_SLOT.set(*id_) | field::QUEUE_CFG_PRIORITY.set(priority_of(options_.priority)));
    chip.write32(reg::QUEUE_COALESCE(*id_),
                 field::QUEUE_COALESCE_COUNT.set(options_.coalesce_jobs) |
                     field::QUEUE_COALESCE_USECS.set(static_cast<std::uint32_t>(options_.coalesce_time.count())));
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
        busy_time_ = std::chrono::nanoseconds(device_->chip().read64(reg::QUEUE_BUSY_NS(*id_)));
        core_time_ = std::chrono::nanoseconds(device_->chip().read64(reg::QUEUE_CORE_NS(*id_)));
        if (state_ == State::ok)
            stop(State::canceled, ECANCELED, jobs_.done() + 1);
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

detail::Submitted Queue::submit_signalling(std::span<const Packet> packets, std::span<const TimelinePoint> points) {
    auto result = submit({&packets, 1});
    if (result.error)
        return result;
    std::uint64_t job = 0;
    {
        const std::lock_guard guard(lock_);
        job = jobs_.submitted();
    }
    for (const TimelinePoint &point : points)
        static_cast<const Timeline &>(*point.timeline).state().add(point.value, shared_from_this(), job);
    return result;
}

Result<std::shared_ptr<detail::TimelinePort>> Queue::timeline(const void *owner) {
    const std::lock_guard guard(lock_);
    auto state = timeline_.lock();
    if (!state) {
        state = std::make_shared<QueueTimeline>(shared_from_this());
        timeline_ = state;
    }
    return std::make_shared<Timeline>(std::move(state), device_, owner);
}

Result<void> Queue::notify(std::uint64_t job, int eventfd) {
    if (job == 0)
        return {};
    const auto ended = [self = shared_from_this(), job] {
        const auto status = self->wait_shared(job, Deadline::min());
        return !status || *status;
    };
    return device_->notifier().add(ended, eventfd);
}

// Without interrupts only looking tells.
std::chrono::microseconds Queue::interval() const { return options_.polled ? look_interval : watch_interval; }

// Once for all that was written: the chip may run jobs inside the doorbell, and one that faults takes no more of them.
void Queue::ring() {
    const std::lock_guard guard(lock_);
    if (rung_ != jobs_.tail() && !closed_)
        device_->chip().ring_doorbell(context_, *id_, static_cast<std::uint32_t>(jobs_.tail()));
    rung_ = jobs_.tail();
}

std::optional<Error> Queue::submit_one(std::span<const Packet> packets) {
    const auto since = detail::Clock::now();
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
            if (jobs_.has_room(packets.size())) {
                write_packets(packets);
                return std::nullopt;
            }
        }
        ring(); // what makes room
        check_progress(since);
        device_->chip().wait_news(seen, detail::deadline_after(interval()));
    }
}

// The doorbell orders the packets before the chip's fetch of them.
void Queue::write_packets(std::span<const Packet> packets) {
    // The last packet's flags, which are 0 so far; whatever else is wrong with a packet is for the chip to judge.
    const auto flags =
        options_.polled ? spec::raw(spec::PacketFlag::SEQNO) : spec::PacketFlag::SEQNO | spec::PacketFlag::IRQ;
    const auto completion = spec::packed(spec::PacketHeader{.opcode = {}, .flags = flags});
    for (std::size_t i = 0; i < packets.size(); ++i) {
        std::byte *slot = ring_.bytes().data() + (jobs_.tail() + i) % ring_packets() * spec::PACKET_BYTES;
        std::memcpy(slot, packets[i].data(), spec::PACKET_BYTES);
        if (i + 1 == packets.size())
            std::transform(slot, slot + completion.size(), completion.begin(), slot, std::bit_or<>{});
    }
    jobs_.add(packets.size());
}

// Takes in what the chip has written and, if it is not fine any more, why.
void Queue::update() {
    jobs_.retire(HostMemory::load_word(seqno_.bytes().data()), failed_job_ != 0 ? failed_job_ : UINT64_MAX);
    if (state_ == State::ok && !closed_)
        notice_stop();
}

// A faulted queue waits for its record, which says more than the state; a stopped one gets none.
void Queue::notice_stop() {
    const spec::QueueState state = hardware_state();
    if (state == spec::QueueState::STOPPED) {
        stop(State::canceled, ECANCELED, jobs_.done() + 1);
    } else if (state == spec::QueueState::FAULTED) {
        const auto now = detail::Clock::now();
        if (!fault_seen_)
            fault_seen_ = now;
        if (now - *fault_seen_ < record_patience)
            return;
        FaultInfo fault;
        fault.code =
            static_cast<spec::Fault>(field::QUEUE_STATUS_FAULT.get(device_->chip().read32(reg::QUEUE_STATUS(*id_))));
        fault.job = jobs_.done() + 1;
        fault_ = fault;
        stop(State::faulted, EIO, jobs_.done() + 1);
    }
}

void Queue::stop(State state, JobStatus first_status, std::uint64_t first_job) {
    state_ = state;
    failed_job_ = first_job;
    failed_status_ = first_status;
}

std::optional<DeviceEvent> Queue::fault(const spec::EventRecord &record) {
    const std::lock_guard guard(lock_);
    if (state_ != State::ok)
        return std::nullopt;
    // All packets before the faulted one have retired, those of finished jobs have been written back.
    const auto [job, packet] = jobs_.locate(record.packet);
    FaultInfo fault;
    fault.code = record.code;
    fault.unit = record.unit;
    fault.job = job;
    fault.packet = packet;
    fault.core = record.core;
    fault.ring = record.ring;
    fault.pc = record.pc;
    fault.write = record.write != 0;
    fault.va = record.va;
    fault.info = record.info;
    fault_ = fault;
    stop(State::faulted, EIO, job);
    DeviceEvent event{.kind = DeviceEvent::Kind::fault, .queue = *id_ + 1, .job = job, .code = fault.code};
    if (fault.va != 0)
        event.address = fault.va;
    event.info = fault.info;
    event.time = detail::Clock::now().time_since_epoch();
    return event;
}

std::optional<JobStatus> Queue::status_of(std::uint64_t job) {
    const std::lock_guard guard(lock_);
    update();
    if (job <= jobs_.done())
        return 0;
    if (state_ == State::ok)
        return std::nullopt;
    if (job < failed_job_)
        return closed_ ? std::optional<JobStatus>(ECANCELED) : std::nullopt; // its write-back is due
    return job == failed_job_ ? failed_status_ : ECANCELED;
}

// By whoever waits, since then: nobody who waits, nobody who minds.
void Queue::check_progress(detail::Clock::time_point since) {
    Chip &chip = device_->chip();
    DeviceEvent event{.kind = DeviceEvent::Kind::fault, .queue = *id_ + 1, .time = {}};
    {
        const std::lock_guard guard(lock_);
        update();
        if (state_ != State::ok || closed_ || jobs_.idle())
            return;
        const std::uint32_t status = chip.read32(reg::QUEUE_STATUS(*id_));
        event.job = jobs_.done() + 1;
        if (!watchdog_.hangs({.job = event.job,
                              .progress = chip.read64(reg::QUEUE_PROGRESS(*id_)),
                              .waits_for_cores = field::QUEUE_STATUS_WAITING.get(status) != 0},
                             since))
            return;
        event.time = detail::Clock::now().time_since_epoch();
        stop(State::timed_out, ETIME, event.job);
    }
    if (const auto sink = device_->sink_of(context_))
        sink->add(event);
    chip.write32(reg::QUEUE_CTRL(*id_), 0);
}

Result<std::optional<JobStatus>> Queue::wait_shared(std::uint64_t job, Deadline deadline) {
    const auto since = detail::Clock::now();
    for (;;) {
        const std::uint64_t seen = device_->chip().news();
        device_->service_events();
        if (const auto status = status_of(job))
            return status;
        check_progress(since); // also at the end: many short waits are a long one
        if (deadline <= detail::Clock::now())
            return status_of(job);
        device_->chip().wait_news(seen, std::min(deadline, detail::deadline_after(interval())));
    }
}

Result<QueueStatus> Queue::query() {
    device_->service_events();
    const std::lock_guard guard(lock_);
    update();
    QueueStatus status{.state = state_, .submitted = jobs_.submitted(), .completed = ended(), .fault = fault_};
    status.id = *id_ + 1; // as with the driver, 0 is none
    status.priority = options_.priority;
    status.busy_time = busy_time_;
    status.core_time = core_time_;
    if (!closed_) {
        status.busy_time = std::chrono::nanoseconds(device_->chip().read64(reg::QUEUE_BUSY_NS(*id_)));
        status.core_time = std::chrono::nanoseconds(device_->chip().read64(reg::QUEUE_CORE_NS(*id_)));
    }
    return status;
}

// Once the job that failed is next, so are those behind it: they were canceled.
std::uint64_t Queue::ended() const {
    return state_ != State::ok && jobs_.done() + 1 >= failed_job_ ? jobs_.submitted() : jobs_.done();
}

// The stamps are written before the seqno, and stay as long as the ledger knows the job.
Result<std::optional<JobTimes>> Queue::times(std::uint64_t job) {
    const std::lock_guard guard(lock_);
    update();
    const auto end = jobs_.end_of(job);
    if (!end || job > jobs_.done())
        return std::nullopt;
    const auto at = (*end - 1) % ring_packets() * spec::Stamp::BYTES;
    const auto stamp = spec::unpack<spec::Stamp>(stamps_.bytes().subspan(at).first<spec::Stamp::BYTES>());
    return JobTimes{std::chrono::nanoseconds(stamp.start_ns), std::chrono::nanoseconds(stamp.end_ns)};
}

} // namespace neuron::sim
