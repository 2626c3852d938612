// SPDX-License-Identifier: MIT
#include "book.hpp"

#include "texts.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>

namespace neuron::chip {

using spec::BlameRelation;
using spec::DebugKind;

namespace {

constexpr std::uint64_t VA_END = 1ULL << spec::MMU_VA_BITS;

bool range_makes_sense(const spec::DebugRecord &record) {
    return record.bytes != 0 && record.va < VA_END && record.bytes <= VA_END - record.va &&
           record.padding < record.bytes && record.padding < spec::PAGE_SIZE;
}

bool is_of_space(DebugKind kind) {
    return kind == DebugKind::DMA_MAP || kind == DebugKind::DMA_UNMAP || kind == DebugKind::HBM_TAKE ||
           kind == DebugKind::HBM_GIVE;
}

} // namespace

// ---- what is told ---------------------------------------------------------------------------------------------------

void Book::open(Page &page, const spec::DebugRecord &record) {
    page = {};
    page.pid = record.pid;
    page.comm = cut<Comm>(record.comm);
}

void Book::remember(Page &page, Range range) {
    if (page.past.size() == MAX_PAST)
        page.past.pop_front();
    page.past.push_back(range);
}

bool Book::bind(Page &page, const spec::DebugRecord &record, std::uint64_t now_ns) const {
    const auto next = page.live.lower_bound(record.va);
    if (next != page.live.end() && next->first - record.va < record.bytes)
        return false;
    if (next != page.live.begin() && std::prev(next)->second.has(record.va))
        return false;
    if (page.live.size() == MAX_LIVE) {
        page.forgot = true;
        page.live.erase(std::ranges::min_element(page.live, {}, [](const auto &at) { return at.second.time_ns; }));
    }
    page.live.emplace(record.va, Range{.start = record.va,
                                       .bytes = record.bytes,
                                       .buffer = record.buffer,
                                       .time_ns = now_ns,
                                       .pid = record.pid,
                                       .freed = false,
                                       .write = (record.flags & spec::raw(spec::DebugFlag::WRITE)) != 0,
                                       .padding = record.padding,
                                       .bound_at = told() + 1,
                                       .bound_ns = now_ns,
                                       .bound_pid = record.pid,
                                       .label = cut<Label>(record.label),
                                       .place = take_place(page, record.va)});
    return true;
}

bool Book::unbind(Page &page, const spec::DebugRecord &record, std::uint64_t now_ns) const {
    const auto at = page.live.find(record.va);
    if (at == page.live.end() || at->second.bytes != record.bytes)
        return false;
    Range range = at->second;
    page.live.erase(at);
    range.time_ns = now_ns;
    range.pid = record.pid;
    range.gone_at = told() + 1;
    range.gone_place = take_place(page, record.va);
    remember(page, range);
    return true;
}

void Book::free(Page &page, const spec::DebugRecord &record, std::uint64_t now_ns) {
    for (Range &range : page.past)
        if (range.buffer == record.buffer && !range.freed) {
            range.freed = true;
            range.time_ns = now_ns;
            range.pid = record.pid;
        }
}

void Book::label(Page &page, const spec::DebugRecord &record) {
    const Label label = cut<Label>(record.label);
    for (auto &[start, range] : page.live)
        if (range.buffer == record.buffer)
            range.label = label;
    for (Range &range : page.past)
        if (range.buffer == record.buffer)
            range.label = label;
}

void Book::place(Page &page, const spec::DebugRecord &record) {
    page.place_va = record.va;
    page.place = cut<Place>(record.label);
}

Book::Place Book::take_place(Page &page, std::uint64_t va) {
    const Place place = page.place_va == va ? page.place : Place{};
    page.place = {};
    return place;
}

bool Book::tell(const spec::DebugRecord &record, std::uint64_t now_ns) {
    const std::lock_guard lock(mutex_);
    if (record.kind == DebugKind::CLEAR) {
        clear_locked();
        return true;
    }
    if (is_of_space(record.kind))
        return tell_space(record, now_ns);
    if (record.ctx >= spec::MAX_CONTEXTS)
        return false;
    Page &page = pages_[record.ctx];
    const bool good = tell_page(page, record, now_ns);
    page.forgot |= !good;
    if (good && (record.kind == DebugKind::BIND || record.kind == DebugKind::LABEL))
        name_in_spaces(page, record);
    told_.store(told() + 1, std::memory_order_release);
    return good;
}

bool Book::tell_space(const spec::DebugRecord &record, std::uint64_t now_ns) {
    switch (record.kind) {
    case DebugKind::HBM_TAKE: return hbm_.take(record, now_ns);
    case DebugKind::HBM_GIVE: hbm_.give(record, now_ns); return true;
    case DebugKind::DMA_MAP: return bus_.take(record, now_ns);
    case DebugKind::DMA_UNMAP: bus_.give(record, now_ns); return true;
    default: return false;
    }
}

// Whoever asks for an address of a space may know all; a process that has gone leaves its names there.
void Book::name_in_spaces(const Page &page, const spec::DebugRecord &record) {
    const auto range = record.kind == DebugKind::BIND ? page.live.find(record.va) : page.live.end();
    const std::string_view place = range != page.live.end() ? text_of(range->second.place) : std::string_view();
    hbm_.name(record.buffer, text_of(record.label), place);
    bus_.name(record.buffer, text_of(record.label), place);
}

bool Book::tell_page(Page &page, const spec::DebugRecord &record, std::uint64_t now_ns) {
    switch (record.kind) {
    case DebugKind::CLEAR: return true;
    case DebugKind::OPEN: open(page, record); return true;
    case DebugKind::BIND: return range_makes_sense(record) && bind(page, record, now_ns);
    case DebugKind::UNBIND: return range_makes_sense(record) && unbind(page, record, now_ns);
    case DebugKind::FREE: free(page, record, now_ns); return true;
    case DebugKind::LABEL: label(page, record); return true;
    case DebugKind::PLACE: place(page, record); return true;
    case DebugKind::CLOSE: page = {}; return true;
    case DebugKind::DMA_MAP:
    case DebugKind::DMA_UNMAP:
    case DebugKind::HBM_TAKE:
    case DebugKind::HBM_GIVE: return false; // of no context
    }
    return false;
}

// ---- what is asked --------------------------------------------------------------------------------------------------

namespace {

template<class Range>
spec::BlameRecord about(const Range &range, BlameRelation relation, std::uint64_t distance) {
    return {.relation = relation,
            .pid = range.pid,
            .buffer = range.buffer,
            .start = range.start,
            .bytes = range.bytes,
            .distance = distance,
            .time_ns = range.time_ns,
            .label = range.label,
            .bound_ns = range.bound_ns,
            .bound_pid = range.bound_pid,
            .place = range.place,
            .gone_place = range.gone_place};
}

} // namespace

// What is bound there; else what was there last; else the nearest that is bound.
spec::BlameRecord Book::blame_page(const Page &page, std::uint64_t va) {
    const auto above = page.live.upper_bound(va);
    const Range *const below = above != page.live.begin() ? &std::prev(above)->second : nullptr;
    if (below != nullptr && below->has(va))
        return about(*below, BlameRelation::INSIDE, va - below->start);
    const auto was = std::find_if(page.past.rbegin(), page.past.rend(), [&](const Range &r) { return r.has(va); });
    if (was != page.past.rend())
        return about(*was, was->freed ? BlameRelation::FREED : BlameRelation::UNBOUND, va - was->start);
    const std::uint64_t after = below != nullptr ? va - (below->start + below->bytes) : ~0ULL;
    const std::uint64_t before = above != page.live.end() ? above->first - va : ~0ULL;
    if (below != nullptr && after <= before)
        return about(*below, BlameRelation::AFTER, after);
    if (above != page.live.end())
        return about(above->second, BlameRelation::BEFORE, before);
    return {};
}

spec::BlameRecord Book::blame(std::uint32_t ctx, std::uint64_t va, std::uint64_t now_ns) const {
    const std::lock_guard lock(mutex_);
    spec::BlameRecord found = blame_page(pages_[ctx], va);
    found.ctx = static_cast<std::uint16_t>(ctx);
    found.va = va;
    found.now_ns = now_ns;
    found.comm = pages_[ctx].comm;
    return found;
}

spec::BlameRecord Book::blame_fault(std::uint32_t ctx, std::uint64_t va, std::uint64_t now_ns) {
    const spec::BlameRecord found = blame(ctx, va, now_ns);
    const std::lock_guard lock(mutex_);
    pages_[ctx].last_fault = found;
    return found;
}

spec::BlameRecord Book::last_fault(std::uint32_t ctx) const {
    const std::lock_guard lock(mutex_);
    spec::BlameRecord found = pages_[ctx].last_fault;
    found.ctx = static_cast<std::uint16_t>(ctx);
    return found;
}

std::vector<spec::BlameRecord> Book::space_history(std::uint32_t space, std::uint64_t address, std::uint64_t now_ns,
                                                   std::size_t max) const {
    const std::lock_guard lock(mutex_);
    auto all = space == spec::SPACE_HBM ? hbm_.history(address, BlameRelation::FREED, max)
                                        : bus_.history(address, BlameRelation::UNBOUND, max);
    for (spec::BlameRecord &found : all) {
        found.ctx = static_cast<std::uint16_t>(space);
        found.va = address;
        found.now_ns = now_ns;
    }
    return all;
}

std::vector<spec::BlameRecord> Book::history(std::uint32_t ctx, std::uint64_t va, std::uint64_t now_ns,
                                             std::size_t max) const {
    if (is_space(ctx))
        return space_history(ctx, va, now_ns, max);
    std::vector<spec::BlameRecord> all;
    if (const spec::BlameRecord now = blame(ctx, va, now_ns); now.relation == BlameRelation::INSIDE)
        all.push_back(now);
    const std::lock_guard lock(mutex_);
    const Page &page = pages_[ctx];
    for (auto was = page.past.rbegin(); was != page.past.rend() && all.size() < max; ++was) {
        if (!was->has(va))
            continue;
        spec::BlameRecord &found =
            all.emplace_back(about(*was, was->freed ? BlameRelation::FREED : BlameRelation::UNBOUND, va - was->start));
        found.ctx = static_cast<std::uint16_t>(ctx);
        found.va = va;
        found.now_ns = now_ns;
        found.comm = page.comm;
    }
    return all;
}

Book::Probe Book::probe(std::uint32_t ctx, std::uint64_t va, std::uint64_t since) const {
    const std::lock_guard lock(mutex_);
    const Page &page = pages_[ctx];
    Probe found{.known = !page.empty() && !page.forgot};
    auto at = page.live.upper_bound(va);
    if (!found.known || at == page.live.begin() || !std::prev(at)->second.has(va))
        return found;
    const Range &range = std::prev(at)->second;
    found.bound = va < range.end();
    found.write = range.write;
    found.buffer = range.buffer;
    found.end = range.end();
    // The same buffer may go on in the next range.
    for (; at != page.live.end() && at->first == found.end && at->second.buffer == range.buffer; ++at)
        found.end = at->second.end();
    found.rebound = range.bound_at > since && std::ranges::any_of(page.past, [&](const Range &was) {
                        return was.gone_at > since && was.bound_at <= since && was.has(va);
                    });
    return found;
}

std::vector<spec::BlameRecord> Book::bound(std::uint32_t ctx, std::uint64_t now_ns) const {
    const std::lock_guard lock(mutex_);
    const Page &page = pages_[ctx];
    std::vector<spec::BlameRecord> all;
    for (const auto &[start, range] : page.live) {
        spec::BlameRecord blame = about(range, BlameRelation::INSIDE, 0);
        blame.ctx = static_cast<std::uint16_t>(ctx);
        blame.va = start;
        blame.now_ns = now_ns;
        blame.comm = page.comm;
        all.push_back(blame);
    }
    return all;
}

namespace {

/// "buffer 'weights' (#7, made at foo.cc:88)".
std::string name_of(const spec::BlameRecord &blame) {
    const std::string_view label = text_of(blame.label);
    const std::string_view place = text_of(blame.place);
    const std::string made = place.empty() ? std::string() : fmt::format("made at {}", place);
    if (label.empty())
        return fmt::format("buffer #{}{}", blame.buffer, made.empty() ? made : " (" + made + ")");
    return fmt::format("buffer '{}' (#{}{})", label, blame.buffer, made.empty() ? made : ", " + made);
}

} // namespace

std::string describe(const spec::BlameRecord &blame) {
    const std::string name = name_of(blame);
    const std::string where = fmt::format("{} at [{:#x}, {:#x})", name, blame.start, blame.start + blame.bytes);
    // The clock starts anew with a reset, what is bound stays.
    const std::string when = blame.time_ns > blame.now_ns
                                 ? fmt::format("before the last reset by pid {}", blame.pid)
                                 : fmt::format("{:.3f} ms earlier by pid {}",
                                               static_cast<double>(blame.now_ns - blame.time_ns) / 1e6, blame.pid);
    const std::string_view gone_place = text_of(blame.gone_place);
    const std::string gone = gone_place.empty() ? std::string() : fmt::format(" at {}", gone_place);
    switch (blame.relation) {
    case BlameRelation::NOTHING: return "no buffer is known there";
    case BlameRelation::INSIDE: return fmt::format("byte {} of {}, bound {}", blame.distance, where, when);
    case BlameRelation::AFTER: return fmt::format("{} bytes past the end of {}, bound {}", blame.distance, where, when);
    case BlameRelation::BEFORE: return fmt::format("{} bytes before {}, bound {}", blame.distance, where, when);
    case BlameRelation::UNBOUND: return fmt::format("byte {} of {}, unbound {}{}", blame.distance, where, when, gone);
    case BlameRelation::FREED: return fmt::format("byte {} of {}, freed {}{}", blame.distance, where, when, gone);
    }
    return "no buffer is known there";
}

// ---- state ----------------------------------------------------------------------------------------------------------

void Book::clear_locked() {
    for (Page &page : pages_)
        page = {};
    hbm_.clear();
    bus_.clear();
}

void Book::clear() {
    const std::lock_guard lock(mutex_);
    clear_locked();
}

void Book::Range::serialize(Archive &archive) {
    archive.number("start", start, 0, VA_END - 1);
    archive.number("bytes", bytes, 1, VA_END - start);
    archive.number("buffer", buffer);
    archive.number("time", time_ns);
    archive.number("pid", pid);
    archive.flag("freed", freed);
    archive.number("bound", bound_ns);
    archive.number("bound pid", bound_pid);
    serialize_text(archive, "label", label);
    serialize_text(archive, "place", place);
    serialize_text(archive, "gone place", gone_place);
}

void Book::serialize_page(Archive &archive, Page &page) {
    archive.number("pid", page.pid);
    serialize_text(archive, "comm", page.comm);
    auto raw = spec::packed(page.last_fault);
    archive.bytes(raw);
    auto live = static_cast<std::uint32_t>(page.live.size());
    auto past = static_cast<std::uint32_t>(page.past.size());
    archive.number("bound ranges", live, 0, MAX_LIVE);
    archive.number("past ranges", past, 0, MAX_PAST);
    if (!archive.loading()) {
        for (auto &[start, range] : page.live)
            range.serialize(archive);
        for (Range &range : page.past)
            range.serialize(archive);
        return;
    }
    page.last_fault = spec::unpack<spec::BlameRecord>(raw);
    page.last_fault.label.back() = page.last_fault.comm.back() = '\0';
    page.last_fault.place.back() = page.last_fault.gone_place.back() = '\0';
    std::uint64_t end = 0;
    for (; live != 0; --live) {
        Range range;
        range.serialize(archive);
        archive.require(range.start >= end, "start", "is not behind the range before");
        end = range.start + range.bytes;
        page.live.emplace(range.start, range);
    }
    for (; past != 0; --past) {
        Range range;
        range.serialize(archive);
        page.past.push_back(range);
    }
}

void Book::serialize(Archive &archive) {
    const std::lock_guard lock(mutex_);
    if (archive.loading())
        clear_locked();
    archive.sections(
        "book", spec::MAX_CONTEXTS, [&](std::uint32_t i) { return !pages_[i].empty(); },
        [&](std::uint32_t i) { serialize_page(archive, pages_[i]); });
    archive.section("held HBM", [&] { hbm_.serialize(archive); });
    archive.section("held host memory", [&] { bus_.serialize(archive); });
}

} // namespace neuron::chip
