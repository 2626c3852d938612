// SPDX-License-Identifier: MIT
#pragma once

#include "../state/archive.hpp"
#include "census.hpp"

#include <neuron/spec.hpp>

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>

namespace neuron::chip {

inline constexpr std::size_t ENGINES = spec::ENGINE_COUNT;

/// The semaphores of a core, and who of its sequencers and DMA rings still has work. Knows nothing of units: every call
/// tells its caller whom to wake (bits by engine). Any thread; calls for several cores never nest.
class SyncBlock {
public:
    using Verdict = Census::Verdict;

    /// A sequencer that waits in vain.
    struct Waiter {
        spec::Engine engine;
        std::uint8_t semaphore;
        std::uint32_t pc;
    };

    /// All semaphores 0; the sequencers of `engines` (bits) are at work, no DMA is. `census` outlives the launch.
    void start(std::uint32_t engines, Census &census);

    struct WaitOutcome {
        bool ready;             ///< otherwise the sequencer parks, and somebody will name it in a `wake`
        bool deadlock = false;  ///< with it the last active core of the launch has come to rest
        std::uint32_t wake = 0; ///< who can go on now because a TAKE took
        std::uint32_t left = 0; ///< what it has left of the semaphore
    };
    /// Tries the wait of an instruction; TAKE takes.
    WaitOutcome wait(spec::Engine engine, const spec::InstructionHeader &header, std::uint32_t pc);
    /// Waits until no transfer of `engine` is in flight.
    WaitOutcome drain(spec::Engine engine, std::uint32_t pc);

    /// What has become of a semaphore.
    struct Changed {
        std::uint32_t wake = 0;  ///< who can go on now
        std::uint32_t value = 0; ///< of the semaphore
    };
    /// A change by an instruction or transfer of this core. False: the semaphore would leave its range, nothing has
    /// changed.
    [[nodiscard]] bool update(spec::UpdateOp op, std::uint8_t semaphore, std::uint32_t value, Changed &changed);
    /// The same by an instruction or transfer of another core, which is active until the call has returned. Harmless if
    /// this core has ended.
    [[nodiscard]] bool update_from_outside(spec::UpdateOp op, std::uint8_t semaphore, std::uint32_t value,
                                           Changed &changed);
    /// Semaphores `first` to `first + count - 1`, which exist, become 0 in one step. Returns who can go on now.
    std::uint32_t clear(std::uint32_t first, std::uint32_t count);

    /// Sequencer `engine` has ended, or has given up if `aborted`. DEADLOCK: nothing has changed. Report it, and call
    /// again with `aborted`; so the launch cannot end, and another one begin, before the report is made.
    Verdict sequencer_done(spec::Engine engine, bool aborted);

    /// Transfers by the engine that issued them.
    using Transfers = std::array<std::uint32_t, ENGINES>;
    /// A transfer was handed to a ring; it counts as in flight from here on.
    void dma_begin(spec::Engine engine);
    /// It was not handed over after all.
    void dma_cancel(spec::Engine engine);
    struct DmaOutcome {
        Verdict verdict;        ///< as of sequencer_done()
        std::uint32_t wake = 0; ///< who can go on now because it has drained
    };
    /// Transfers have ended, or were dropped if `aborted`.
    DmaOutcome dma_done(const Transfers &ended, bool aborted);

    /// The lowest engine that waits in vain, if any does.
    std::optional<Waiter> first_waiter() const;

    /// What registers show of a sequencer.
    struct View {
        bool waits;      ///< now, or when it was halted
        bool drain;      ///< for transfers, not for a semaphore
        spec::WaitOp op; ///< NONE unless it waits for a semaphore
        std::uint8_t semaphore;
        std::uint32_t value;
        std::uint32_t transfers;
    };
    View view(spec::Engine engine) const;
    std::uint32_t semaphore(std::uint8_t index) const;

    /// Nobody is at work.
    void clear();
    /// Semaphores and waits. Reading, what else there is follows from who is at work: the sequencers of `engines` (bits),
    /// and transfers. `census` of nullptr: nobody is.
    void serialize(Archive &archive, std::uint32_t engines, const Transfers &in_flight, Census *census);
    /// How the census counts this core.
    bool ended() const {
        const std::lock_guard lock(mutex_);
        return ended_;
    }
    bool active() const { return active_; }

private:
    struct Wait {
        bool active = false;
        bool halted = false; ///< it was active when the sequencer was halted
        bool drain = false;  ///< for transfers, not for a semaphore
        spec::WaitOp op{};
        std::uint8_t semaphore = 0;
        std::uint32_t value = 0;
        std::uint32_t pc = 0;
    };

    bool holds_locked(std::size_t engine) const;
    bool waits_in_vain_locked(std::size_t engine) const;
    /// No sequencer and no transfer can go on by itself.
    bool at_rest_locked() const;
    /// Bits of the sequencers that wait on semaphores `first` to `last` and can go on.
    std::uint32_t wakeable_locked(std::uint32_t first, std::uint32_t last) const;
    WaitOutcome park_locked(std::size_t engine, const Wait &wait);
    bool update_locked(spec::UpdateOp op, std::uint8_t semaphore, std::uint32_t value, Changed &changed);
    /// Tells the census what has become of this core.
    Verdict settle_locked(bool aborted);

    mutable std::mutex mutex_; ///< guards all below; innermost
    Census *census_ = nullptr;
    std::array<std::uint32_t, spec::SEMAPHORES> semaphores_{};
    std::array<Wait, ENGINES> waits_{};
    std::uint32_t running_ = 0; ///< bits of the sequencers that have not ended
    Transfers in_flight_{};
    std::uint32_t dma_ = 0; ///< sum of in_flight_
    bool active_ = false;   ///< as the census has it
    bool ended_ = true;
};

} // namespace neuron::chip
