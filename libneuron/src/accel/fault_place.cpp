// SPDX-License-Identifier: MIT
// What the device remembers of the address of a fault.
#include <algorithm>

#include <unistd.h>

#include "../source_line.hpp"
#include "ioctl.hpp"
#include "queue.hpp"

namespace neuron::accel {
namespace {

template<std::size_t Size>
std::string text_of(const __u8 (&from)[Size]) {
    return {from, std::find(from, from + Size, '\0')};
}

} // namespace

std::optional<FaultPlace> place_of_fault(const Fd &fd, std::uint64_t va) {
    drm_neuron_query_fault facts{};
    drm_neuron_dev_query query{};
    query.type = DRM_NEURON_QUERY_FAULT;
    query.size = sizeof(facts);
    query.ptr = reinterpret_cast<std::uintptr_t>(&facts);
    // An older driver, and a device that keeps no notes, say nothing.
    if (call(fd, DRM_IOCTL_NEURON_DEV_QUERY, query) != 0 || facts.va != va)
        return std::nullopt;
    const auto relation = static_cast<spec::BlameRelation>(facts.relation);
    const bool gone = relation == spec::BlameRelation::UNBOUND || relation == spec::BlameRelation::FREED;
    if (!gone && relation != spec::BlameRelation::INSIDE)
        return std::nullopt;
    FaultPlace place;
    place.buffer = BufferPlace{text_of(facts.label), facts.start, facts.bytes, text_of(facts.place)};
    place.destroyed = gone;
    if (gone && facts.fault_ns >= facts.gone_ns)
        place.gone_for = std::chrono::nanoseconds(facts.fault_ns - facts.gone_ns);
    if (gone) {
        const std::string by = text_of(facts.gone_place);
        place.gone_by = detail::line_and_place(detail::source_line(::getpid(), by), by);
    }
    return place;
}

} // namespace neuron::accel
