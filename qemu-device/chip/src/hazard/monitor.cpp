// SPDX-License-Identifier: MIT
#include "monitor.hpp"

#include <utility>

namespace neuron::chip::hazard {

namespace {

std::uint64_t describe(std::uint8_t core, spec::Space space, const Shadow::Place &place) {
    return spec::field::HAZARD_PLACE_CORE.set(core) | spec::field::HAZARD_PLACE_SPACE.set(spec::raw(space)) |
           spec::field::HAZARD_PLACE_PARTITION.set(place.partition) | spec::field::HAZARD_PLACE_BYTE.set(place.byte);
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

Monitor::Monitor(std::size_t cores, std::uint32_t sbuf_bytes_per_partition) {
    const std::size_t agents = cores * AGENTS_PER_CORE;
    for (std::size_t i = 0; i < cores; ++i)
        cores_.emplace_back(sbuf_bytes_per_partition);
    agents_.assign(agents, Knowledge(agents));
}

const VectorClock &Monitor::tell(Agent agent) {
    agents_[agent].told = true;
    return agents_[agent].clock;
}

// Only an access makes a difference to those who were told before: without one, they know the same as those told later.
const VectorClock &Monitor::at_access(Agent agent) {
    Knowledge &self = agents_[agent];
    if (std::exchange(self.told, false))
        self.clock.tick(agent);
    return self.clock;
}

void Monitor::begin(std::uint8_t core, bool scrubbed) {
    const std::lock_guard lock(mutex_);
    Core &memory = cores_[core];
    memory.unwritten.reset();
    for (SemaphoreClock &semaphore : memory.semaphores)
        semaphore.clear();
    scrubbed ? memory.shadow.forget() : memory.shadow.settle();
    for (std::size_t i = 0; i < AGENTS_PER_CORE; ++i)
        agents_[core * AGENTS_PER_CORE + i].in_line.clear();
}

void Monitor::taking(Agent agent, std::uint8_t core, std::uint8_t semaphore) {
    const std::lock_guard lock(mutex_);
    cores_[core].semaphores[semaphore].taking(tell(agent));
}

void Monitor::waited(Agent agent, std::uint8_t core, std::uint8_t semaphore, spec::WaitOp op, std::uint32_t value) {
    const std::lock_guard lock(mutex_);
    cores_[core].semaphores[semaphore].wait(op, value, agents_[agent].clock);
    if (op == spec::WaitOp::TAKE)
        tell(agent);
}

void Monitor::updating(Agent agent, std::uint8_t core, std::uint8_t semaphore, spec::UpdateOp op, std::uint32_t value) {
    const std::lock_guard lock(mutex_);
    cores_[core].semaphores[semaphore].update(op, value, tell(agent));
}

void Monitor::clearing(Agent agent, std::uint8_t core, std::uint32_t first, std::uint32_t count) {
    const std::lock_guard lock(mutex_);
    const VectorClock &clock = tell(agent);
    for (std::uint32_t i = first; i < first + count; ++i)
        cores_[core].semaphores[i].update(spec::UpdateOp::SET, 0, clock);
}

void Monitor::issued(Agent issuer, Agent ring) {
    const std::lock_guard lock(mutex_);
    agents_[ring].in_line.push_back(tell(issuer));
}

void Monitor::started(Agent ring) {
    const std::lock_guard lock(mutex_);
    Knowledge &self = agents_[ring];
    if (self.in_line.empty())
        return;
    self.clock.join(self.in_line.front());
    self.in_line.pop_front();
}

void Monitor::completed(Agent ring, Agent issuer) {
    const std::lock_guard lock(mutex_);
    agents_[issuer].transfers.join(tell(ring));
}

void Monitor::drained(Agent issuer) {
    const std::lock_guard lock(mutex_);
    agents_[issuer].clock.join(agents_[issuer].transfers);
}

std::optional<FaultInfo> Monitor::access(Agent agent, const Site &site, std::uint8_t core, const Region &region,
                                         Mode mode) {
    const std::lock_guard lock(mutex_);
    const VectorClock &clock = at_access(agent);
    const spec::Space space = region.tile.space();
    Core &memory = cores_[core];
    const auto found = memory.shadow.access(region, mode, Access{agent, clock[agent], site}, clock);
    if (found.conflict)
        return report(spec::Fault::HAZARD_ORDER, site, describe(core, space, found.conflict->place),
                      describe(*found.conflict, writes(mode)));
    if (found.unwritten && !memory.unwritten)
        memory.unwritten = report(spec::Fault::HAZARD_UNWRITTEN, site, describe(core, space, *found.unwritten), 0);
    return std::nullopt;
}

std::optional<FaultInfo> Monitor::ended(std::uint8_t core) {
    const std::lock_guard lock(mutex_);
    return std::exchange(cores_[core].unwritten, std::nullopt);
}

} // namespace neuron::chip::hazard
