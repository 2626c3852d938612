// SPDX-License-Identifier: MIT
#include "monitor.hpp"

#include <utility>

namespace neuron::chip::hazard {

namespace {

// Calls visit(begin, end) for each run of consecutive bytes of a row, until one returns false.
template<class Visit>
void for_each_run(const TileView &tile, Visit &&visit) {
    const TileView::Loop lane = tile.lane();
    const auto bytes = static_cast<std::int64_t>(tile.element_bytes());
    const bool dense = lane.step == bytes;
    const std::uint32_t runs = dense || lane.step == 0 ? 1 : lane.count; // a repeated element is one
    const std::int64_t run_bytes = dense ? bytes * lane.count : bytes;
    const auto &[inner, middle, outer] = tile.outer();
    for (std::uint32_t i = 0; i < outer.count; ++i)
        for (std::uint32_t j = 0; j < middle.count; ++j)
            for (std::uint32_t k = 0; k < inner.count; ++k)
                for (std::uint32_t run = 0; run < runs; ++run) {
                    const std::int64_t at =
                        tile.first_byte() + i * outer.step + j * middle.step + k * inner.step + run * lane.step;
                    const auto begin = static_cast<std::uint32_t>(at);
                    if (!visit(begin, begin + static_cast<std::uint32_t>(run_bytes)))
                        return;
                }
}

bool is_write(Monitor::Mode mode) { return mode != Monitor::Mode::READ && mode != Monitor::Mode::READ_PARTLY; }

std::uint64_t place(std::uint8_t core, const TileView &tile, unsigned partition, std::uint32_t byte) {
    return spec::field::HAZARD_PLACE_CORE.set(core) | spec::field::HAZARD_PLACE_SPACE.set(spec::raw(tile.space())) |
           spec::field::HAZARD_PLACE_PARTITION.set(partition) | spec::field::HAZARD_PLACE_BYTE.set(byte);
}

std::uint64_t describe(const Shadow::Conflict &conflict, bool writes) {
    const Site &other = conflict.other.site;
    return spec::field::HAZARD_OTHER_PC.set(other.pc) | spec::field::HAZARD_OTHER_UNIT.set(spec::raw(other.unit)) |
           spec::field::HAZARD_OTHER_RING.set(other.ring) | spec::field::HAZARD_OTHER_CORE.set(other.core) |
           spec::field::HAZARD_OTHER_WRITES.set(writes) |
           spec::field::HAZARD_OTHER_OTHER_WRITES.set(conflict.other_writes);
}

FaultInfo report(spec::Fault code, const Site &site, std::uint64_t where, std::uint64_t other) {
    return {.code = code,
            .unit = site.unit,
            .core = site.core,
            .ring = site.ring,
            .pc = site.pc,
            .va = where,
            .info = other};
}

} // namespace

Monitor::Monitor(std::size_t cores)
    : cores_(cores),
      clocks_(cores * AGENTS_PER_CORE, VectorClock(cores * AGENTS_PER_CORE)),
      drain_(clocks_),
      in_line_(clocks_.size()) {}

void Monitor::begin(std::uint8_t core, bool scrubbed) {
    const std::lock_guard lock(mutex_);
    cores_[core].unwritten.reset();
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

void Monitor::taking(Agent agent, std::uint8_t core, std::uint8_t semaphore) {
    const std::lock_guard lock(mutex_);
    cores_[core].semaphores[semaphore].taking(clocks_[agent]);
    clocks_[agent].tick(agent);
}

void Monitor::waited(Agent agent, std::uint8_t core, std::uint8_t semaphore, spec::WaitOp op, std::uint32_t value) {
    const std::lock_guard lock(mutex_);
    cores_[core].semaphores[semaphore].wait(op, value, clocks_[agent]);
    if (op == spec::WaitOp::TAKE)
        clocks_[agent].tick(agent);
}

void Monitor::updating(Agent agent, std::uint8_t core, std::uint8_t semaphore, spec::UpdateOp op, std::uint32_t value) {
    const std::lock_guard lock(mutex_);
    cores_[core].semaphores[semaphore].update(op, value, clocks_[agent]);
    // What the agent does from here on is not covered by the update.
    clocks_[agent].tick(agent);
}

void Monitor::clearing(Agent agent, std::uint8_t core, std::uint32_t first, std::uint32_t count) {
    const std::lock_guard lock(mutex_);
    for (std::uint32_t i = first; i < first + count; ++i)
        cores_[core].semaphores[i].update(spec::UpdateOp::SET, 0, clocks_[agent]);
    clocks_[agent].tick(agent);
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

Shadow::ReadResult Monitor::access_row(Shadow &shadow, const TileView &tile, Mode mode, const Access &access,
                                       const VectorClock &clock) {
    const bool reads = mode == Mode::READ || mode == Mode::READ_PARTLY || mode == Mode::MODIFY;
    Shadow::ReadResult result;
    for_each_run(tile, [&](std::uint32_t begin, std::uint32_t end) {
        if (reads) {
            const auto read = shadow.read(begin, end, access, clock);
            result.conflict = read.conflict;
            if (!result.unwritten && mode != Mode::READ_PARTLY)
                result.unwritten = read.unwritten;
        }
        if (!result.conflict && is_write(mode))
            result.conflict = shadow.write(begin, end, access, clock);
        return !result.conflict;
    });
    return result;
}

std::optional<FaultInfo> Monitor::access(Agent agent, const Site &site, std::uint8_t core, const TileView &tile,
                                         Mode mode) {
    const std::lock_guard lock(mutex_);
    const VectorClock &clock = clocks_[agent];
    const Access access{agent, clock[agent], site};
    Core &memory = cores_[core];
    const std::size_t first = spec::raw(tile.space()) * spec::PARTITIONS;
    for (unsigned row = 0; row < tile.partitions(); ++row) {
        const unsigned partition = tile.first_partition() + row;
        const auto found = access_row(memory.shadow[first + partition], tile, mode, access, clock);
        if (const auto &conflict = found.conflict)
            return report(spec::Fault::HAZARD_ORDER, site, place(core, tile, partition, conflict->byte),
                          describe(*conflict, is_write(mode)));
        if (found.unwritten && !memory.unwritten)
            memory.unwritten =
                report(spec::Fault::HAZARD_UNWRITTEN, site, place(core, tile, partition, *found.unwritten), 0);
    }
    return std::nullopt;
}

std::optional<FaultInfo> Monitor::ended(std::uint8_t core) {
    const std::lock_guard lock(mutex_);
    return std::exchange(cores_[core].unwritten, std::nullopt);
}

} // namespace neuron::chip::hazard
