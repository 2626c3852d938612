// SPDX-License-Identifier: MIT
#include "monitor.hpp"

namespace neuron::chip::hazard {

namespace {

// Calls visit(begin, end) for each run of consecutive bytes of a row, until one returns a conflict.
template<class Visit>
std::optional<Shadow::Conflict> for_each_run(const TileView &tile, Visit &&visit) {
    const TileView::Loop lane = tile.lane();
    const auto bytes = static_cast<std::int64_t>(tile.element_bytes());
    const bool dense = lane.step == bytes;
    const std::uint32_t runs = dense ? 1 : lane.step == 0 ? 1 : lane.count; // a repeated element is one
    const std::int64_t run_bytes = dense ? bytes * lane.count : bytes;
    const auto &[inner, middle, outer] = tile.outer();
    for (std::uint32_t i = 0; i < outer.count; ++i)
        for (std::uint32_t j = 0; j < middle.count; ++j)
            for (std::uint32_t k = 0; k < inner.count; ++k)
                for (std::uint32_t run = 0; run < runs; ++run) {
                    const std::int64_t at =
                        tile.first_byte() + i * outer.step + j * middle.step + k * inner.step + run * lane.step;
                    const auto begin = static_cast<std::uint32_t>(at);
                    if (auto conflict = visit(begin, begin + static_cast<std::uint32_t>(run_bytes)))
                        return conflict;
                }
    return std::nullopt;
}

bool is_write(Monitor::Mode mode) { return mode != Monitor::Mode::READ && mode != Monitor::Mode::READ_PARTLY; }

std::uint64_t place(std::uint8_t core, const TileView &tile, unsigned partition, std::uint32_t byte) {
    return std::uint64_t{core} << 48 | std::uint64_t{spec::raw(tile.space())} << 40 | std::uint64_t{partition} << 32 |
           byte;
}

// See HAZARD_ORDER in spec/faults.toml.
std::uint64_t describe(const Access &other, bool other_writes, bool writes) {
    return std::uint64_t{other.site.pc} | std::uint64_t{spec::raw(other.site.unit)} << 32 |
           std::uint64_t{other.site.ring} << 40 | std::uint64_t{other.site.core} << 48 | std::uint64_t{writes} << 56 |
           std::uint64_t{other_writes} << 57;
}

FaultInfo report(const Shadow::Conflict &conflict, const Site &site, std::uint64_t where, bool writes) {
    FaultInfo info{.code = conflict.other ? spec::Fault::HAZARD_ORDER : spec::Fault::HAZARD_UNWRITTEN};
    info.unit = site.unit;
    info.core = site.core;
    info.ring = site.ring;
    info.pc = site.pc;
    info.va = where;
    if (conflict.other)
        info.info = describe(*conflict.other, conflict.other_writes, writes);
    return info;
}

} // namespace

Monitor::Monitor(std::size_t cores)
    : cores_(cores),
      clocks_(cores * AGENTS_PER_CORE, VectorClock(cores * AGENTS_PER_CORE)),
      drain_(clocks_),
      in_line_(clocks_.size()) {}

void Monitor::begin(std::uint8_t core, bool scrubbed) {
    const std::lock_guard lock(mutex_);
    for (SemaphoreClock &semaphore : cores_[core].semaphores)
        semaphore.clear();
    for (Shadow &shadow : cores_[core].shadow)
        scrubbed ? shadow.forget() : shadow.settle();
    for (std::size_t i = 0; i < AGENTS_PER_CORE; ++i) {
        const auto agent = static_cast<Agent>(core * AGENTS_PER_CORE + i);
        in_line_[agent].clear();
        // Tick 0 is what everybody knows: an access of this launch is later than that.
        clocks_[agent].tick(agent);
    }
}

void Monitor::waited(Agent agent, std::uint8_t core, std::uint8_t semaphore, spec::WaitOp op, std::uint32_t value) {
    const std::lock_guard lock(mutex_);
    cores_[core].semaphores[semaphore].wait(op, value, clocks_[agent]);
}

void Monitor::updating(Agent agent, std::uint8_t core, std::uint8_t semaphore, spec::UpdateOp op, std::uint32_t value) {
    const std::lock_guard lock(mutex_);
    cores_[core].semaphores[semaphore].update(op, value, clocks_[agent]);
    // What the agent does from here on is not covered by the update.
    clocks_[agent].tick(agent);
}

void Monitor::cleared(std::uint8_t core, std::uint32_t first, std::uint32_t count) {
    const std::lock_guard lock(mutex_);
    for (std::uint32_t i = first; i < first + count; ++i)
        cores_[core].semaphores[i].clear();
}

void Monitor::issued(Agent issuer, Agent ring) {
    const std::lock_guard lock(mutex_);
    in_line_[ring].push_back(clocks_[issuer]);
    clocks_[issuer].tick(issuer);
}

void Monitor::started(Agent ring) {
    const std::lock_guard lock(mutex_);
    if (in_line_[ring].empty())
        return;
    clocks_[ring].join(in_line_[ring].front());
    in_line_[ring].pop_front();
}

void Monitor::completed(Agent ring, Agent issuer) {
    const std::lock_guard lock(mutex_);
    drain_[issuer].join(clocks_[ring]);
    clocks_[ring].tick(ring);
}

void Monitor::drained(Agent issuer) {
    const std::lock_guard lock(mutex_);
    clocks_[issuer].join(drain_[issuer]);
}

std::optional<Shadow::Conflict> Monitor::access_row(Shadow &shadow, const TileView &tile, Mode mode,
                                                    const Access &access, const VectorClock &clock) {
    const bool reads = mode == Mode::READ || mode == Mode::READ_PARTLY || mode == Mode::MODIFY;
    const bool writes = is_write(mode);
    return for_each_run(tile, [&](std::uint32_t begin, std::uint32_t end) -> std::optional<Shadow::Conflict> {
        if (reads)
            if (auto conflict = shadow.read(begin, end, access, clock, mode != Mode::READ_PARTLY))
                return conflict;
        if (writes)
            return shadow.write(begin, end, access, clock);
        return std::nullopt;
    });
}

std::optional<FaultInfo> Monitor::access(Agent agent, const Site &site, std::uint8_t core, const TileView &tile,
                                         Mode mode) {
    const std::lock_guard lock(mutex_);
    const VectorClock &clock = clocks_[agent];
    const Access access{agent, clock[agent], site};
    const std::size_t first = spec::raw(tile.space()) * spec::PARTITIONS;
    for (unsigned row = 0; row < tile.partitions(); ++row) {
        const unsigned partition = tile.first_partition() + row;
        Shadow &shadow = cores_[core].shadow[first + partition];
        if (const auto conflict = access_row(shadow, tile, mode, access, clock))
            return report(*conflict, site, place(core, tile, partition, conflict->byte), is_write(mode));
    }
    return std::nullopt;
}

} // namespace neuron::chip::hazard
