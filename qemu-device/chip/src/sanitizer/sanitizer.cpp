// SPDX-License-Identifier: MIT
#include "sanitizer.hpp"

#include "../mmu/address_space.hpp"

#include <algorithm>

namespace neuron::chip {

using spec::BlameRelation;
using spec::SanitizerFlag;
using spec::SanitizerKind;

spec::SanitizerReport Sanitizer::about(const Actor &actor, const Touch &touch, SanitizerKind kind) {
    std::uint16_t flags = 0;
    if (touch.write)
        flags |= spec::raw(SanitizerFlag::WRITE);
    if (touch.hbm)
        flags |= spec::raw(SanitizerFlag::HBM);
    return {.kind = kind,
            .flags = flags,
            .ctx = actor.ctx,
            .queue = actor.queue,
            .unit = actor.unit,
            .core = actor.core,
            .ring = actor.ring,
            .opcode = actor.opcode,
            .pc = actor.pc,
            .packet = actor.packet,
            .seqno = actor.packet + 1,
            .va = touch.va,
            .bytes = touch.bytes,
            .bus = touch.bus};
}

void Sanitizer::report(spec::SanitizerReport report, const spec::BlameRecord &blame) {
    report.time_ns = blame.now_ns;
    report.relation = blame.relation;
    report.pid = blame.pid;
    report.buffer = blame.buffer;
    report.start = blame.start;
    report.size = blame.bytes;
    report.distance = blame.distance;
    report.told_ns = blame.time_ns;
    report.label = blame.label;
    report.comm = blame.comm;
    reports_.add(report, blame);
}

// ---- accesses -------------------------------------------------------------------------------------------------------

void Sanitizer::touched(const Actor &actor, const Touch &touch) {
    if (touch.hbm && touch.write)
        written_->written(touch.bus, touch.bytes);
    if (!touch.hbm)
        look_for_withdrawn(actor, touch);
    look_for_races(actor, touch);
    const Book::Probe there = book_.probe(actor.ctx, touch.va, actor.since);
    if (!there.known)
        return;
    if (!there.bound)
        return stray(actor, touch, there, 0);
    const std::uint64_t own = std::min(touch.bytes, there.end - touch.va);
    if (touch.hbm && touch.write)
        written_->owners().written(touch.bus, own, there.buffer);
    const auto blame = [&] { return book_.blame(actor.ctx, touch.va, clock_.now_ns()); };
    if (there.rebound)
        report(about(actor, touch, SanitizerKind::STALE_MAPPING), blame());
    if (touch.write && !there.write) {
        spec::SanitizerReport found = about(actor, touch, SanitizerKind::WRITE_READ_ONLY);
        found.flags |= why_no_fault(touch);
        report(found, blame());
    }
    if (touch.hbm && !touch.write)
        look_for_foreign(actor, touch, there.buffer);
    if (touch.bytes > there.end - touch.va)
        overrun(actor, touch, there, there.end);
    else if (touch.hbm && !touch.write)
        look_for_unwritten(actor, touch);
}

void Sanitizer::look_for_unwritten(const Actor &actor, const Touch &touch) {
    const auto first = written_->first_unwritten(touch.bus, touch.bytes);
    if (!first)
        return;
    Touch rest = touch;
    rest.va += *first - touch.bus;
    rest.bytes -= *first - touch.bus;
    rest.bus = *first;
    report(about(actor, rest, SanitizerKind::READ_UNWRITTEN), book_.blame(actor.ctx, rest.va, clock_.now_ns()));
}

void Sanitizer::look_for_foreign(const Actor &actor, const Touch &touch, std::uint64_t buffer) {
    const auto foreign = written_->owners().first_foreign(touch.bus, touch.bytes, buffer);
    if (!foreign)
        return;
    Touch rest = touch;
    rest.va += foreign->offset - touch.bus;
    rest.bytes -= foreign->offset - touch.bus;
    rest.bus = foreign->offset;
    const spec::BlameRecord blame = book_.blame(actor.ctx, rest.va, clock_.now_ns());
    if (blame.relation != BlameRelation::INSIDE || blame.buffer != buffer)
        return; // behind the end of the buffer: told by itself
    spec::SanitizerReport found = about(actor, rest, SanitizerKind::FOREIGN_BYTES);
    found.other_buffer = foreign->buffer;
    report(found, blame);
}

std::uint16_t Sanitizer::why_no_fault(const Touch &touch) {
    if (touch.space == nullptr)
        return 0;
    return spec::raw(touch.space->permits(touch.va, touch.write) ? SanitizerFlag::PERMITTED : SanitizerFlag::CACHED);
}

void Sanitizer::stray(const Actor &actor, const Touch &touch, const Book::Probe &there, std::uint16_t flags) {
    spec::BlameRecord blame = book_.blame(actor.ctx, touch.va, clock_.now_ns());
    if (blame.relation == BlameRelation::INSIDE) { // the padding of its last page
        blame.relation = BlameRelation::AFTER;
        blame.bytes = there.end - blame.start;
        blame.distance = touch.va - there.end;
    }
    SanitizerKind kind = SanitizerKind::OUT_OF_BUFFER;
    if (blame.relation == BlameRelation::UNBOUND)
        kind = SanitizerKind::USE_AFTER_UNMAP;
    else if (blame.relation == BlameRelation::FREED)
        kind = SanitizerKind::USE_AFTER_FREE;
    spec::SanitizerReport found = about(actor, touch, kind);
    found.flags |= flags;
    if (kind != SanitizerKind::OUT_OF_BUFFER)
        found.flags |= why_no_fault(touch);
    report(found, blame);
}

void Sanitizer::overrun(const Actor &actor, const Touch &touch, const Book::Probe &from, std::uint64_t va) {
    // Of the buffer that it began in, not of the one that it hits.
    spec::BlameRecord blame = book_.blame(actor.ctx, from.end - 1, clock_.now_ns());
    blame.relation = BlameRelation::AFTER;
    blame.va = va;
    blame.bytes = from.end - blame.start;
    blame.distance = va - from.end;
    spec::SanitizerReport found = about(actor, touch, SanitizerKind::OUT_OF_BUFFER);
    found.va = va;
    found.bus = touch.bus != 0 ? touch.bus + (va - touch.va) : 0;
    found.bytes = touch.bytes - (va - touch.va);
    report(found, blame);
}

void Sanitizer::reaches(const Actor &actor, std::uint64_t first, std::uint64_t low, std::uint64_t high, bool write) {
    const Book::Probe home = book_.probe(actor.ctx, first, actor.since);
    if (!home.known || !home.bound)
        return; // the access itself will be looked at
    // What lies in no buffer is seen when it is touched, or faults.
    for (const std::uint64_t va : {low, high}) {
        const Book::Probe there = book_.probe(actor.ctx, va, actor.since);
        if (!there.bound || there.buffer == home.buffer)
            continue;
        const Touch touch{.va = va, .bytes = high - low + 1, .bus = 0, .hbm = false, .write = write};
        if (va > first) {
            Touch whole = touch;
            whole.va = first;
            whole.bytes = high - first + 1;
            overrun(actor, whole, home, std::min(home.end, va));
        } else {
            spec::BlameRecord blame = book_.blame(actor.ctx, first, clock_.now_ns());
            blame.relation = BlameRelation::BEFORE;
            blame.distance = blame.start - va;
            report(about(actor, touch, SanitizerKind::OUT_OF_BUFFER), blame);
        }
    }
}

void Sanitizer::faulted(Actor actor, const FaultInfo &info) {
    if (info.code != spec::Fault::PAGE_NOT_MAPPED && info.code != spec::Fault::PAGE_READ_ONLY)
        return; // of no address, or of a queue that has no context
    if (actor.unit == spec::Unit::QUEUE) {
        const std::lock_guard lock(mutex_);
        actor.opcode = opcodes_[actor.queue];
    }
    const Touch touch{.va = info.va, .bytes = 0, .bus = 0, .hbm = false, .write = info.write}; // how many is not told
    constexpr std::uint16_t faulted = spec::raw(SanitizerFlag::FAULTED);
    const Book::Probe there = book_.probe(actor.ctx, info.va, actor.since);
    if (!there.known)
        return;
    if (info.code == spec::Fault::PAGE_NOT_MAPPED && !there.bound) {
        stray(actor, touch, there, faulted);
    } else if (info.code == spec::Fault::PAGE_READ_ONLY && there.bound && !there.write) {
        spec::SanitizerReport found = about(actor, touch, SanitizerKind::WRITE_READ_ONLY);
        found.flags |= faulted;
        report(found, book_.blame(actor.ctx, info.va, clock_.now_ns()));
    }
}

// ---- host memory ----------------------------------------------------------------------------------------------------

void Sanitizer::look_for_withdrawn(const Actor &actor, const Touch &touch) {
    const auto withdrawn = dma_map_.find(touch.bus, touch.bytes);
    if (!withdrawn)
        return;
    const std::uint64_t before = withdrawn->bus - touch.bus;
    spec::SanitizerReport found = about(actor, touch, SanitizerKind::USE_AFTER_DMA_UNMAP);
    found.time_ns = clock_.now_ns();
    found.va = touch.va != 0 ? touch.va + before : 0;
    found.bus = withdrawn->bus;
    found.bytes = touch.bytes - before;
    found.told_ns = withdrawn->time_ns;
    found.pid = withdrawn->pid;
    std::copy_n(withdrawn->label.begin(), found.label.size() - 1, found.label.begin());
    reports_.add(found);
}

void Sanitizer::touched_bus(const Actor &actor, std::uint64_t bus, std::uint64_t bytes, bool write) {
    look_for_withdrawn(actor, {.va = 0, .bytes = bytes, .bus = bus, .hbm = false, .write = write});
}

// ---- what the driver tells ------------------------------------------------------------------------------------------

void Sanitizer::tells(const spec::DebugRecord &record) {
    switch (record.kind) {
    case spec::DebugKind::CLEAR: return dma_map_.clear();
    case spec::DebugKind::CLOSE: return look_for_leaks(record);
    case spec::DebugKind::DMA_MAP:
        if (record.bytes != 0)
            dma_map_.map(record.va, record.bytes, record.label);
        return;
    case spec::DebugKind::DMA_UNMAP:
        if (record.bytes != 0)
            dma_map_.unmap(record.va, record.bytes, record.pid, clock_.now_ns());
        return;
    default: return;
    }
}

void Sanitizer::look_for_leaks(const spec::DebugRecord &record) {
    if (record.ctx >= spec::MAX_CONTEXTS)
        return;
    for (const spec::BlameRecord &bound : book_.bound(record.ctx, clock_.now_ns())) {
        spec::SanitizerReport leak{.kind = SanitizerKind::LEAK, .ctx = static_cast<std::uint8_t>(record.ctx)};
        leak.va = bound.start;
        leak.bytes = bound.bytes;
        report(leak, bound);
    }
}

// ---- races ----------------------------------------------------------------------------------------------------------

// A FENCE, what an engine loads and stores by itself, and the ring and the seqno of a queue are how one tells the other that it
// may go on.
bool Sanitizer::moves_data(const Actor &actor) {
    if (actor.unit != spec::Unit::QUEUE)
        return actor.unit == spec::Unit::DMA;
    switch (static_cast<spec::PacketOp>(actor.opcode)) {
    case spec::PacketOp::COPY:
    case spec::PacketOp::COPY_STRIDED:
    case spec::PacketOp::FILL: return true;
    default: return false;
    }
}

void Sanitizer::look_for_races(const Actor &actor, const Touch &touch) {
    if (!moves_data(actor))
        return;
    const auto other = flights_.touch(actor, touch.hbm, touch.bus, touch.bytes, touch.write);
    if (!other)
        return;
    spec::SanitizerReport race = about(actor, touch, SanitizerKind::RACE);
    race.other_packet = other->packet;
    race.other_queue = other->queue;
    race.other_unit = other->unit;
    race.other_core = other->core;
    race.other_ring = other->ring;
    report(race, book_.blame(actor.ctx, touch.va, clock_.now_ns()));
}

// ---- packets --------------------------------------------------------------------------------------------------------

void Sanitizer::started(std::uint32_t queue) {
    const std::lock_guard lock(mutex_);
    announced_[queue].clear();
    completions_.start(queue);
}

void Sanitizer::announced(std::uint32_t queue, std::uint64_t tail) {
    const std::lock_guard lock(mutex_);
    announced_[queue].push_back({tail, {book_.told(), flights_.moment()}});
}

Sanitizer::Since Sanitizer::since(std::uint32_t queue, std::uint64_t packet) {
    const std::lock_guard lock(mutex_);
    auto &line = announced_[queue];
    while (!line.empty() && line.front().tail <= packet)
        line.pop_front();
    Since since = line.empty() ? Since{book_.told(), flights_.moment()} : line.front().since;
    since.moment = std::max(since.moment, launched_[queue]);
    return since;
}

void Sanitizer::ends(const Actor &actor) {
    flights_.end(actor);
    if (actor.unit != spec::Unit::QUEUE || static_cast<spec::PacketOp>(actor.opcode) != spec::PacketOp::LAUNCH)
        return;
    const std::lock_guard lock(mutex_);
    launched_[actor.queue] = flights_.moment();
}

bool Sanitizer::fetched(const Actor &actor, std::span<const std::byte, spec::PACKET_BYTES> raw) {
    return judge(actor, raw, spec::raw(SanitizerFlag::FAULTED));
}

bool Sanitizer::judge(const Actor &actor, std::span<const std::byte, spec::PACKET_BYTES> raw, std::uint16_t flags) {
    const auto all = [&](std::byte value) { return std::ranges::count(raw, value) == spec::PACKET_BYTES; };
    const bool spent = all(SPENT);
    if (!spent && !all(std::byte{0}))
        return true;
    spec::SanitizerReport found = about(actor, {}, spent ? SanitizerKind::STALE_PACKET : SanitizerKind::EARLY_DOORBELL);
    found.flags |= flags;
    found.time_ns = clock_.now_ns();
    reports_.add(found);
    return false;
}

void Sanitizer::look_at_ring(std::uint32_t queue, const QueueConfig &config, std::uint64_t from, std::uint64_t to) {
    if (config.ring_va() || to - from > 1ULL << config.ring_log2)
        return; // the process's own affair; a fault follows
    Actor actor{
        .sanitizer = this, .ctx = static_cast<std::uint8_t>(config.ctx()), .queue = static_cast<std::uint8_t>(queue)};
    std::array<std::byte, spec::PACKET_BYTES> raw;
    for (actor.packet = from; actor.packet != to; ++actor.packet) {
        const std::uint64_t slot = actor.packet & ((1ULL << config.ring_log2) - 1);
        if (!host_.read_past_plan(config.ring_base + slot * spec::PACKET_BYTES, raw) || !judge(actor, raw, 0))
            return; // one says it all
    }
}

void Sanitizer::compare(const Actor &actor, std::span<const std::byte> fetched, std::span<const std::byte> now) {
    if (std::ranges::equal(fetched, now))
        return;
    spec::SanitizerReport found = about(actor, {}, SanitizerKind::EARLY_DOORBELL);
    found.time_ns = clock_.now_ns();
    reports_.add(found);
}

// ---- completions ----------------------------------------------------------------------------------------------------

void Sanitizer::found(const Actor &actor, const std::optional<Completions::Finding> &finding) {
    if (!finding)
        return;
    spec::SanitizerReport wrong = about(actor, {}, finding->kind);
    wrong.packet = finding->packet;
    wrong.seqno = finding->packet + 1;
    wrong.time_ns = clock_.now_ns();
    reports_.add(wrong);
}

void Sanitizer::asks_seqno(const Actor &actor) { found(actor, completions_.ask_seqno(actor.queue, actor.packet)); }

void Sanitizer::writes_seqno(const Actor &actor, std::uint64_t seqno) {
    found(actor, completions_.write_seqno(actor.queue, seqno));
}

void Sanitizer::asks_interrupt(const Actor &actor, std::uint32_t vector) {
    found(actor, completions_.ask_interrupt(actor.queue, actor.packet, vector));
}

} // namespace neuron::chip
