// SPDX-License-Identifier: MIT
#include "sanitizer.hpp"

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
    reports_.add(report);
}

// ---- accesses -------------------------------------------------------------------------------------------------------

void Sanitizer::touched(const Actor &actor, const Touch &touch) {
    const Book::Probe there = book_.probe(actor.ctx, touch.va, actor.since);
    if (!there.known)
        return;
    if (!there.bound)
        return stray(actor, touch, there, 0);
    const auto blame = [&] { return book_.blame(actor.ctx, touch.va, clock_.now_ns()); };
    if (there.rebound)
        report(about(actor, touch, SanitizerKind::STALE_MAPPING), blame());
    if (touch.write && !there.write)
        report(about(actor, touch, SanitizerKind::WRITE_READ_ONLY), blame());
    if (touch.bytes > there.end - touch.va)
        overrun(actor, touch, there, there.end);
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
    if (actor.unit == spec::Unit::QUEUE) {
        const std::lock_guard lock(mutex_);
        actor.opcode = opcodes_[actor.queue];
    }
    const Touch touch{.va = info.va, .bytes = 1, .bus = 0, .hbm = false, .write = info.write};
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

// ---- packets --------------------------------------------------------------------------------------------------------

void Sanitizer::started(std::uint32_t queue) {
    const std::lock_guard lock(mutex_);
    announced_[queue].clear();
}

void Sanitizer::announced(std::uint32_t queue, std::uint64_t tail) {
    const std::lock_guard lock(mutex_);
    auto &line = announced_[queue];
    const std::uint64_t told = book_.told();
    if (!line.empty() && line.back().told == told)
        line.back().tail = tail;
    else
        line.push_back({tail, told});
}

std::uint64_t Sanitizer::since(std::uint32_t queue, std::uint64_t packet) {
    const std::lock_guard lock(mutex_);
    auto &line = announced_[queue];
    while (!line.empty() && line.front().tail <= packet)
        line.pop_front();
    return line.empty() ? book_.told() : line.front().told;
}

} // namespace neuron::chip
