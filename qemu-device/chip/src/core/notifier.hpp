// SPDX-License-Identifier: MIT
#pragma once

#include "../host.hpp"
#include "../mmu/address_space.hpp"

#include <neuron/spec.hpp>

#include <cstdint>
#include <mutex>
#include <optional>

namespace neuron::chip {

/// The notification ring of a launch: where NOTIFY, traced instructions and traced transfers leave their records.
class Notifier {
public:
    /// Takes up the ring of a LAUNCH that has passed its checks. No core may be at work yet.
    void start(const spec::PacketLaunch &packet);

    /// Whether there is a ring, and what is traced. Any thread, while the launch runs.
    bool on() const { return ring_ != 0; }
    bool traces(spec::Engine engine) const { return (trace_ >> spec::raw(engine) & 1) != 0; }
    bool traces_dma() const { return trace_ & spec::TraceFlag::DMA; }
    bool traces_numeric() const { return trace_ & spec::TraceFlag::NUMERIC; }

    /// Appends `record`, whose sequence it fills in; nothing without a ring. Any thread; no lock is held over the host's
    /// callback. On a memory fault the place is used up. Where the ring has wrapped around a record that is still being
    /// written, whoever writes that one writes this one behind it, and this call is over before.
    MemoryResult<void> append(AddressSpace &space, const Actor *actor, const Host &host, spec::Notification record);

    /// How far the ring is; start() has been called.
    void serialize(Archive &archive) { archive.number("notifications", next_); }

private:
    /// A place of the ring that somebody is writing, on the stack of append().
    struct Writing {
        std::uint64_t slot;
        std::optional<spec::Notification> next; ///< to be written there after it; a newer one takes its place
        Writing *other;                         ///< the list goes on
    };

    Writing *writer_of_locked(std::uint64_t slot) const;
    /// Takes `writing` off the list if nothing is to be written there after it.
    std::optional<spec::Notification> finish(Writing &writing);

    std::uint64_t ring_ = 0; ///< context address, 0: none
    std::uint64_t slots_ = 0;
    std::uint8_t trace_ = 0;

    std::mutex mutex_; ///< guards all below
    std::uint64_t next_ = 0;
    Writing *writing_ = nullptr; ///< one for a place at most, so that two records never mix
};

} // namespace neuron::chip
