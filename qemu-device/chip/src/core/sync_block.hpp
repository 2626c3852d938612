// SPDX-License-Identifier: MIT
#pragma once

#include <neuron/spec.hpp>

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>

namespace neuron::chip {

inline constexpr std::size_t ENGINES = 5;

/// The semaphores of a core, and who of its sequencers and DMA rings still has work. Knows nothing of units: every call
/// tells its caller whom to wake. Any thread.
class SyncBlock {
public:
    struct Deadlock {
        spec::Engine engine; ///< the lowest one that waits
        std::uint8_t semaphore;
        std::uint32_t pc;
    };

    /// What follows from the end of a sequencer or a transfer.
    struct Outcome {
        bool done = false; ///< the launch has just ended on this core
        /// Nobody can go on. Nothing has changed: report it, and call again with `aborted`. So the launch cannot end, and
        /// another one begin, before the report is made.
        std::optional<Deadlock> deadlock;
    };

    /// All semaphores 0; the sequencers of `engines` (bits) are at work, no DMA is.
    void start(std::uint32_t engines);

    struct WaitOutcome {
        bool ready; ///< otherwise the sequencer parks, and an update() will name it
        std::optional<Deadlock> deadlock;
        std::uint32_t wake = 0; ///< bits of the sequencers that can go on now because a TAKE took
    };
    /// Tries the wait of an instruction; TAKE takes.
    WaitOutcome wait(spec::Engine engine, const spec::InstructionHeader &header, std::uint32_t pc);

    /// Applies the update of an instruction. False: the semaphore would leave its range, nothing has changed.
    /// Sets in `wake` the bits of the sequencers that can go on now.
    [[nodiscard]] bool update(const spec::InstructionHeader &header, std::uint32_t &wake);

    /// Sequencer `engine` has ended, or has given up if `aborted`.
    Outcome sequencer_done(spec::Engine engine, bool aborted);

    /// A DMA transfer was handed to a ring; it counts as in flight from here on.
    void dma_begin();
    /// It was not handed over after all.
    void dma_cancel();
    /// `count` transfers have ended, or were dropped if `aborted`.
    Outcome dma_done(std::uint32_t count, bool aborted);

private:
    struct Wait {
        bool active = false;
        spec::WaitOp op{};
        std::uint8_t semaphore = 0;
        std::uint32_t value = 0;
        std::uint32_t pc = 0;
    };

    bool holds_locked(const Wait &wait) const;
    std::optional<Deadlock> deadlock_locked() const;
    /// Bits of the sequencers that wait on `semaphore` and can go on.
    std::uint32_t wakeable_locked(std::uint8_t semaphore) const;

    std::mutex mutex_; ///< guards all below; innermost
    std::array<std::uint32_t, spec::SEMAPHORES> semaphores_{};
    std::array<Wait, ENGINES> waits_{};
    std::uint32_t running_ = 0; ///< bits of the sequencers that have not ended
    std::uint32_t dma_ = 0;     ///< transfers in flight
};

} // namespace neuron::chip
