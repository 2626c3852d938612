// SPDX-License-Identifier: MIT
#include "shadow.hpp"

#include <algorithm>
#include <new>
#include <span>

namespace neuron::chip::hazard {

namespace {

// Calls visit(begin, end) for each run of consecutive bytes of a row, until one returns false.
template<class Visit>
void for_each_run(const Region &region, Visit &&visit) {
    const TileView &tile = region.tile;
    const TileView::Loop lane = tile.lane();
    const auto bytes = static_cast<std::int64_t>(tile.element_bytes());
    const std::uint32_t end = region.first + region.elements;
    const auto visit_run = [&](std::int64_t at, std::uint32_t elements) {
        const auto begin = static_cast<std::uint32_t>(at);
        return visit(begin, begin + elements * tile.element_bytes());
    };
    // Elements `first` to `last` of the lane at byte `at`.
    const auto visit_lane = [&](std::int64_t at, std::uint32_t first, std::uint32_t last) {
        if (lane.step == bytes)
            return visit_run(at + first * bytes, last - first);
        if (lane.step == 0) // a repeated element is one
            return visit_run(at, 1);
        for (std::uint32_t i = first; i < last; ++i)
            if (!visit_run(at + i * lane.step, 1))
                return false;
        return true;
    };
    const auto &[inner, middle, outer] = tile.outer();
    std::uint32_t element = 0;
    for (std::uint32_t i = 0; i < outer.count; ++i)
        for (std::uint32_t j = 0; j < middle.count; ++j)
            for (std::uint32_t k = 0; k < inner.count; ++k, element += lane.count) {
                const std::uint32_t first = std::max(element, region.first);
                const std::uint32_t last = std::min(element + lane.count, end);
                const std::int64_t at = tile.first_byte() + i * outer.step + j * middle.step + k * inner.step;
                if (first < last && !visit_lane(at, first - element, last - element))
                    return;
            }
}

// Somebody in `history` who is not certain to come before who knows `clock`.
const Access *unordered_writer(const History &history, const VectorClock &clock) {
    return history.writer && !history.writer->before(clock) ? &*history.writer : nullptr;
}

const Access *unordered_reader(const History &history, const VectorClock &clock) {
    const auto found = std::ranges::find_if(history.readers, [&](const Access &a) { return !a.before(clock); });
    return found != history.readers.end() ? &*found : nullptr;
}

History read_by(History history, const Access &access) {
    const auto at = std::ranges::lower_bound(history.readers, access.agent, {}, &Access::agent);
    if (at != history.readers.end() && at->agent == access.agent)
        *at = access;
    else
        history.readers.insert(at, access);
    return history;
}

} // namespace

/// One access, from row to row.
class Shadow::Step {
public:
    Step(Shadow &shadow, Mode mode, const Access &access, const VectorClock &clock)
        : shadow_(shadow), mode_(mode), access_(access), clock_(clock) {
        shadow.new_step();
    }

    /// Bytes `begin` to `end` of `bytes`. False: a conflict.
    bool apply(unsigned partition, Id *bytes, std::uint32_t begin, std::uint32_t end) {
        while (begin < end) {
            if (!known_ || bytes[begin] != before_)
                if (!look(bytes[begin], {partition, begin}))
                    return false;
            for (; begin < end && bytes[begin] == before_; ++begin)
                bytes[begin] = after_;
        }
        return true;
    }

    const Found &found() const { return found_; }

private:
    /// Finds out what becomes of `history`, which byte `place` has: make_room() may change it in place.
    bool look(const Id &history, const Place &place) {
        if (shadow_.histories_.full())
            shadow_.make_room();
        Next &next = shadow_.next_[history];
        known_ = next.step == shadow_.step_ || enter(shadow_.histories_[history], place, next);
        before_ = history;
        after_ = next.id;
        return known_;
    }

    // False: a conflict.
    bool enter(const History &history, const Place &place, Next &next) {
        found_.conflict = conflict(history, place);
        if (found_.conflict)
            return false;
        if ((mode_ == Mode::READ || mode_ == Mode::MODIFY) && !history.written && !found_.unwritten)
            found_.unwritten = place;
        const Id id = shadow_.histories_.id_of(
            writes(mode_) ? History{.written = true, .writer = access_, .readers = {}} : read_by(history, access_));
        next = {shadow_.step_, id};
        return true;
    }

    std::optional<Conflict> conflict(const History &history, const Place &place) const {
        if (const Access *const writer = unordered_writer(history, clock_))
            return Conflict{place, *writer, true};
        if (!writes(mode_))
            return std::nullopt;
        if (const Access *const reader = unordered_reader(history, clock_))
            return Conflict{place, *reader, false};
        return std::nullopt;
    }

    Shadow &shadow_;
    const Mode mode_;
    const Access &access_;
    const VectorClock &clock_;
    // What the last byte was and has become; the next one is most often the same.
    bool known_ = false;
    Id before_ = 0;
    Id after_ = 0;
    Found found_;
};

Shadow::Shadow(std::uint32_t sbuf_bytes_per_partition) : next_(Histories::MAX) {
    const std::size_t per_partition = std::size_t{sbuf_bytes_per_partition} + spec::PSUM_BYTES;
    // Zeroes from the host, and pages that nobody touches cost nothing.
    bytes_.reset(static_cast<Id *>(std::calloc(spec::PARTITIONS * per_partition, sizeof(Id))));
    if (bytes_ == nullptr)
        throw std::bad_alloc();
    static_assert(Histories::UNTOUCHED == 0);
    Id *at = bytes_.get();
    for (unsigned i = 0; i < spec::PARTITIONS; ++i, at += per_partition) {
        row(spec::Space::SBUF, i).bytes = at;
        row(spec::Space::PSUM, i).bytes = at + sbuf_bytes_per_partition;
    }
}

void Shadow::forget() {
    for (Row &row : rows_) {
        std::fill_n(row.bytes, row.touched, Histories::UNTOUCHED);
        row.touched = 0;
    }
    histories_.keep({});
}

void Shadow::settle() {
    Id before = Histories::UNTOUCHED, after = Histories::UNTOUCHED;
    for (Row &row : rows_)
        for (Id &id : std::span(row.bytes, row.touched)) {
            if (id != before) {
                before = id;
                after = histories_[id].written ? Histories::SETTLED : Histories::UNTOUCHED;
            }
            id = after;
        }
    histories_.keep({});
}

void Shadow::new_step() {
    if (++step_ == 0) { // once in 2^32
        std::ranges::fill(next_, Next{});
        step_ = 1;
    }
}

void Shadow::make_room() {
    Histories::Ids used;
    for (const Row &row : rows_)
        for (const Id id : std::span(row.bytes, row.touched))
            used.set(id);
    histories_.keep(used);
    if (histories_.size() > Histories::MAX / 2)
        settle();
    new_step(); // numbers may mean something else now
}

Shadow::Found Shadow::access(const Region &region, Mode mode, const Access &access, const VectorClock &clock) {
    const TileView &tile = region.tile;
    Step step(*this, mode, access, clock);
    for (unsigned i = 0; i < tile.partitions(); ++i) {
        if (!region.rows[i])
            continue;
        const unsigned partition = tile.first_partition() + i;
        Row &row = this->row(tile.space(), partition);
        row.touched = std::max(row.touched, tile.end_byte());
        for_each_run(region, [&](std::uint32_t begin, std::uint32_t end) {
            return step.apply(partition, row.bytes, begin, end);
        });
        if (step.found().conflict)
            break;
    }
    return step.found();
}

} // namespace neuron::chip::hazard
