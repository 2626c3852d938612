// SPDX-License-Identifier: MIT
#pragma once

#include "../host.hpp"
#include "../mmu/address_space.hpp"

#include <neuron/spec.hpp>

#include <cstdint>
#include <mutex>

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

    /// Appends `record`, whose sequence it fills in; nothing without a ring. Any thread. On a memory fault the place is
    /// used up. Calls the host with its own lock held: no register access and no unit that holds a lock comes here.
    MemoryResult<void> append(AddressSpace &space, const Host &host, spec::Notification record);

private:
    std::uint64_t ring_ = 0; ///< context address, 0: none
    std::uint64_t slots_ = 0;
    std::uint8_t trace_ = 0;

    std::mutex mutex_; ///< one record at a time, so that two of a ring that wraps never mix
    std::uint64_t next_ = 0;
};

} // namespace neuron::chip
