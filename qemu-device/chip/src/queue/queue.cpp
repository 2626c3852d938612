// SPDX-License-Identifier: MIT
#include "queue.hpp"

#include "../clock.hpp"
#include "../control/coalescer.hpp"
#include "../core/core.hpp"
#include "../explore/explorer.hpp"
#include "../plan/injector.hpp"
#include "../sanitizer/sanitizer.hpp"
#include "../watcher.hpp"
#include "reach.hpp"

#include <algorithm>
#include <cstring>
#include <endian.h>

namespace neuron::chip {

namespace {

// A bus access of the queue itself, which no context address names.
FaultInfo bus_fault(std::uint64_t bus, bool write) {
    return {.code = spec::Fault::HOST_BUS, .write = write, .info = bus};
}

} // namespace

Queue::Queue(Services &services, CorePool &pool, std::deque<Core> &cores, std::uint32_t index)
    : services_(services),
      pool_(pool),
      cores_(cores),
      index_(index),
      control_(services.control.queue(index)),
      log_(services.recorder, control_, index),
      bounce_(std::make_unique_for_overwrite<std::byte[]>(CHUNK)) {}

PacketContext Queue::context() {
    return {.services = services_,
            .pool = pool_,
            .cores = cores_,
            .self = *this,
            .queue = control_,
            .queue_index = index_,
            .packet = log_.packet(),
            .space = services_.control.space(control_.active.ctx()),
            .generation = generation_,
            .bounce = {bounce_.get(), CHUNK},
            .actor = services_.sanitizer != nullptr ? &actor_ : nullptr};
}

// Who the queue is, at a packet whose opcode is not known.
Actor Queue::self(std::uint64_t packet) const {
    return {.sanitizer = services_.sanitizer,
            .ctx = static_cast<std::uint8_t>(control_.active.ctx()),
            .queue = static_cast<std::uint8_t>(index_),
            .packet = packet};
}

void Queue::tell_bus_access(const Actor &actor, std::uint64_t bus, std::uint64_t bytes, bool write) {
    if (actor.sanitizer != nullptr) [[unlikely]]
        actor.sanitizer->touched_bus(actor, bus, bytes, write);
}

// The packet is done, and nobody has been told: its slot must still hold it. From now on it holds none, so that a doorbell
// that announces it once more is seen. A ring that cannot be read or written any more is not this one's concern.
void Queue::spend_slot() {
    services_.sanitizer->ends(actor_);
    if (services_.sanitizer->observes_only())
        return;
    const QueueConfig &config = control_.active;
    const std::uint64_t slot = actor_.packet & ((1ULL << config.ring_log2) - 1);
    const std::uint64_t address = config.ring_base + slot * spec::PACKET_BYTES;
    RawPacket now;
    RawPacket spent;
    spent.fill(Sanitizer::SPENT);
    if (config.ring_va()) {
        const Access access(services_.control.space(config.ctx()));
        if (!read(access, services_.host, address, now))
            return;
        services_.sanitizer->compare(actor_, fetched_[taken_], now);
        (void)write(access, services_.host, address, spent);
    } else if (services_.host.read_past_plan(address, now)) { // a plan is about what the queue does itself
        services_.sanitizer->compare(actor_, fetched_[taken_], now);
        (void)services_.host.write_past_plan(address, spent);
    }
}

// Who the packet is.
void Queue::introduce(const spec::PacketHeader &header, std::uint64_t packet) {
    const auto since = services_.sanitizer->since(index_, packet);
    actor_ = {.sanitizer = services_.sanitizer,
              .ctx = static_cast<std::uint8_t>(control_.active.ctx()),
              .queue = static_cast<std::uint8_t>(index_),
              .opcode = spec::raw(header.opcode),
              .packet = packet,
              .since = since.told,
              .moment = since.moment};
    services_.sanitizer->takes(actor_, fetched_[taken_]);
}

Step Queue::step() {
    return plan::step_as(services_, {.queue = index_, .core = std::nullopt, .unit = spec::Unit::QUEUE},
                         [&] { return go_on(); });
}

Step Queue::go_on() {
    if (control_.aborting())
        return wind_down();
    if (completing_)
        return complete();
    return job_.has_value() ? run() : idle();
}

Step Queue::idle() {
    const auto work = services_.control.next_work(index_);
    if (!work) {
        if (services_.sanitizer != nullptr) [[unlikely]]
            services_.sanitizer->rests(self(0));
        fetched_count_ = 0; // HEAD restarts at 0 when the queue is enabled again
        return Step::BLOCKED;
    }
    generation_ = work->generation;
    if (stamps() && !stamp_start_)
        stamp_start_ = work->begun_ns != 0 ? work->begun_ns : services_.clock.now_ns();
    if (work->head - fetched_first_ >= fetched_count_) {
        if (const auto done = fetch(*work); !done) {
            services_.control.fault(index_, done.error());
            return Step::MORE;
        }
    }
    if (work->head == 0) // the queue has begun anew
        postponed_.forget();
    taken_ = work->head - fetched_first_;
    const RawPacket &raw = fetched_[taken_];
    if (services_.watcher != nullptr) [[unlikely]]
        services_.watcher->taken_up(index_, work->head, raw);
    if (services_.sanitizer != nullptr) [[unlikely]]
        services_.sanitizer->fetched(self(work->head), raw);
    auto job = decode_packet(raw, static_cast<std::uint32_t>(cores_.size()), launch_);
    if (!job) {
        services_.control.fault(index_, job.error());
        return Step::MORE;
    }
    const auto header = spec::unpack<spec::PacketHeader>(std::span(raw).first<spec::PacketHeader::BYTES>());
    flags_ = header.flags;
    log_.begin(header, work->head);
    if (services_.sanitizer != nullptr) [[unlikely]]
        introduce(header, work->head);
    job_.emplace(std::move(*job));
    if (services_.faults.active()) [[unlikely]]
        meet_plan(header.opcode, raw);
    return Step::MORE;
}

void Queue::meet_plan(spec::PacketOp op, const RawPacket &raw) {
    std::array<plan::Range, 2> moves;
    std::size_t count = 0;
    for (const Reach &reach : Reaches(op, raw))
        moves[count++] = {reach.low, reach.high};
    const plan::Packet packet{.op = op, .moves = std::span(moves).first(count)};
    spoilt_ = plan::spoil(services_, spec::PlanEvent::PACKET, index_, &packet);
    if (spoilt_.postponed)
        spoilt_.dropped = postponed_.keep(raw, spoilt_.plan);
    if (spoilt_.dropped)
        job_.emplace(NopJob{});
}

// The packet has been done: what was put off until then is done now, as if it were a part of it.
bool Queue::take_postponed() {
    const auto late = spoilt_.dropped ? std::nullopt : postponed_.take(services_.faults);
    late_ = late.has_value();
    if (late_)
        job_.emplace(*decode_packet(*late, static_cast<std::uint32_t>(cores_.size()), launch_));
    return late_;
}

tl::expected<void, FaultInfo> Queue::fetch(const Control::Work &work) {
    const QueueConfig &config = control_.active;
    const std::uint64_t ring = 1ULL << config.ring_log2;
    const std::uint64_t slot = work.head & (ring - 1);
    const std::uint64_t address = config.ring_base + slot * spec::PACKET_BYTES;
    // Never past the end of a page: what cannot be read there must not fault before its turn has come.
    const std::uint64_t in_page = (spec::PAGE_SIZE - address % spec::PAGE_SIZE) / spec::PACKET_BYTES;
    const std::uint64_t most = std::min({std::uint64_t{FETCH_AHEAD}, work.tail - work.head, ring - slot, in_page});
    std::uint64_t count = services_.explorer.fetch(most);
    fetched_count_ = 0;
    const auto out = std::as_writable_bytes(std::span(fetched_));
    auto done = read_ring(address, out.first(count * spec::PACKET_BYTES));
    if (!done && done.error().code == spec::Fault::HBM_ECC && count > 1) { // of a page a part may be spoilt
        count = 1;
        done = read_ring(address, out.first(spec::PACKET_BYTES));
    }
    if (!done)
        return done;
    log_.fetched();
    fetched_first_ = work.head;
    fetched_count_ = count;
    return {};
}

tl::expected<void, FaultInfo> Queue::read_ring(std::uint64_t address, std::span<std::byte> out) {
    const Actor actor = self(log_.packet());
    if (!control_.active.ring_va()) {
        tell_bus_access(actor, address, out.size(), false);
        if (!services_.host.read(address, out))
            return tl::unexpected(bus_fault(address, false));
        return {};
    }
    const Access access(services_.control.space(control_.active.ctx()), actor.sanitizer != nullptr ? &actor : nullptr);
    if (const auto done = read(access, services_.host, address, out); !done)
        return packet_fault(done.error());
    return {};
}

Step Queue::run() {
    if (spoilt_.is_held_back(services_, *this))
        return Step::BLOCKED;
    PacketContext packet = context();
    const JobResult result = std::visit([&](auto &job) { return job.step(packet); }, *job_);
    if (!result) {
        services_.control.fault(index_, result.error());
        return Step::MORE;
    }
    if (*result == JobStep::DONE && std::exchange(spoilt_.doubled, false)) {
        job_.emplace(*decode_packet(fetched_[taken_], static_cast<std::uint32_t>(cores_.size()), launch_));
    } else if (*result == JobStep::DONE && !take_postponed()) {
        spoilt_ = {};
        job_.reset();
        completing_ = true;
    } else if (*result != JobStep::DONE) {
        log_.goes_on(fetched_[taken_]);
    }
    return *result == JobStep::BLOCKED ? Step::BLOCKED : Step::MORE;
}

// HEAD moves first, then the seqno is written, then the interrupt goes out: who learns of a completion by a later sign
// finds the earlier ones in place.
Step Queue::complete() {
    if (services_.sanitizer != nullptr && !control_.aborting()) [[unlikely]]
        spend_slot();
    const std::uint64_t epoch = services_.interrupts.epoch();
    const auto retired = services_.control.retire(index_);
    completing_ = false;
    if (!retired)
        return Step::MORE;
    if (services_.watcher != nullptr) [[unlikely]]
        services_.watcher->retired(index_, log_.packet());
    if (services_.sanitizer != nullptr && (flags_ & spec::PacketFlag::SEQNO)) [[unlikely]]
        services_.sanitizer->asks_seqno(actor_);
    log_.end(fetched_[taken_], services_.control.space(control_.active.ctx()), interrupt_flag());
    if (flags_ & spec::PacketFlag::SEQNO) {
        if (const auto done = write_back(*retired); !done) {
            services_.control.fault(index_, done.error(), true);
            return Step::MORE;
        }
    }
    if (!control_.aborting()) {
        if (services_.sanitizer != nullptr && interrupt_flag() == spec::raw(spec::RecordFlag::IRQ)) [[unlikely]]
            services_.sanitizer->asks_interrupt(actor_, control_.active.vector());
        if (flags_ & spec::PacketFlag::IRQ)
            services_.coalescer.retired(index_, epoch, control_.active.vector(), retired->more);
        else
            services_.coalescer.retired_silently(index_, retired->more);
    }
    return Step::MORE;
}

// What the recorder says of the packet's interrupt, before it goes out.
std::uint8_t Queue::interrupt_flag() const {
    if (!(flags_ & spec::PacketFlag::IRQ))
        return 0;
    return spec::raw(services_.coalescer.value(index_) == 0 ? spec::RecordFlag::IRQ : spec::RecordFlag::HELD);
}

tl::expected<void, FaultInfo> Queue::write_back(const Control::Retired &retired) {
    const QueueConfig &config = control_.active;
    if (services_.sanitizer != nullptr) [[unlikely]]
        services_.sanitizer->writes_seqno(actor_, retired.head);
    std::uint64_t stamp_at = 0;
    spec::Stamp stamp;
    if (stamps()) {
        stamp = {.start_ns = stamp_start_.value_or(0), .end_ns = services_.clock.now_ns()};
        const std::uint64_t slot = (retired.head - 1) & ((1ULL << config.ring_log2) - 1);
        stamp_at = config.stamp_addr + slot * spec::Stamp::BYTES;
        // The next packet is taken up at once if it was there already: one look at the clock serves both.
        stamp_start_ = retired.more ? std::optional(stamp.end_ns) : std::nullopt;
    }
    if (config.ring_va()) {
        if (const auto done = write_back_context(stamp_at, stamp, retired.head); !done)
            return packet_fault(done.error());
        return {};
    }
    if (stamp_at != 0)
        tell_bus_access(actor_, stamp_at, spec::Stamp::BYTES, true);
    tell_bus_access(actor_, config.seqno_addr, sizeof retired.head, true);
    if (stamp_at != 0 && !services_.host.write(stamp_at, spec::packed(stamp)))
        return tl::unexpected(bus_fault(stamp_at, true));
    const std::uint64_t raw = htole64(retired.head);
    if (!services_.host.write(config.seqno_addr, std::as_bytes(std::span(&raw, 1))))
        return tl::unexpected(bus_fault(config.seqno_addr, true));
    return {};
}

MemoryResult<void> Queue::write_back_context(std::uint64_t stamp_at, const spec::Stamp &stamp, std::uint64_t seqno) {
    const Actor actor = self(actor_.packet); // not the packet's own doing
    const Access access(services_.control.space(control_.active.ctx()), actor.sanitizer != nullptr ? &actor : nullptr);
    if (stamp_at != 0)
        if (const auto done = write(access, services_.host, stamp_at, spec::packed(stamp)); !done)
            return done;
    return write_u64(access, services_.host, control_.active.seqno_addr, seqno);
}

Step Queue::wind_down() {
    if (services_.control.stop_hangs())
        return Step::BLOCKED;
    if (!linger_)
        linger_ = services_.explorer.linger();
    if (*linger_ != 0) {
        --*linger_;
        return Step::MORE;
    }
    if (job_.has_value()) {
        PacketContext packet = context();
        if (auto *launch = std::get_if<LaunchJob>(&*job_); launch != nullptr && !launch->abandon(packet))
            return Step::BLOCKED;
        log_.end(fetched_[taken_], packet.space, spec::raw(spec::RecordFlag::FAILED));
    }
    if (services_.sanitizer != nullptr)
        services_.sanitizer->ends(self(0));
    clear();
    linger_.reset();
    services_.control.stopped(index_);
    return Step::BLOCKED;
}

void Queue::failed() noexcept { services_.control.fault(index_, bus_fault(0, false)); }

} // namespace neuron::chip
