// SPDX-License-Identifier: MIT
#pragma once

#include "../exec/unit.hpp"
#include "../hbm.hpp"
#include "../services.hpp"

#include <atomic>
#include <cstdint>
#include <deque>

namespace neuron::chip {

class Core;
class EventRing;
class RecorderCommands;
class Scrubber;

/// The slow half of a reset: waits until all work of before has wound down, zeroes the memories, and declares the device
/// ready. Woken by begin_reset() and by everything that comes to rest meanwhile.
class ResetUnit final : public Unit {
public:
    ResetUnit(Services &services, const Hbm &hbm, std::deque<Core> &cores)
        : Unit(Priority::CONTROL), services_(services), hbm_(hbm), cores_(cores) {}
    /// Once, before any access.
    void attach(EventRing &events, Scrubber &scrubber, RecorderCommands &commands) {
        events_ = &events;
        scrubber_ = &scrubber;
        commands_ = &commands;
    }

    /// The reset that begins now does not end while fault plan number `plan` lasts; 0: it does.
    void hang(std::uint64_t plan) { hung_by_ = plan; }

    void serialize(Archive &archive);

    Step step() override;
    void failed() noexcept override {}

private:
    Services &services_;
    const Hbm &hbm_;
    std::deque<Core> &cores_;
    EventRing *events_ = nullptr;
    Scrubber *scrubber_ = nullptr;
    RecorderCommands *commands_ = nullptr;
    std::atomic<std::uint64_t> hung_by_{0};

    // Only step() touches what follows.
    std::uint64_t resets_ = 0; ///< the reset that is being carried out
    std::uint64_t zeroed_ = 0; ///< bytes of HBM, for that one
    std::uint32_t linger_ = 0; ///< steps for which its end is still put off
};

} // namespace neuron::chip
