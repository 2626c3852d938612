// SPDX-License-Identifier: MIT
// Chooses by a seed what the contract leaves open, so that software that counts on more than the contract says meets it.
#pragma once

#include "../plan/rule.hpp"

#include <neuron/spec.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

namespace neuron::chip {

class Unit;

/// The choices of a chip in stepped mode. Each is a function of the seed and of the choices before, never of the time: the same accesses
/// at the same steps give the same run. Any thread. Off, it costs those who ask a relaxed load.
class Explorer {
public:
    using Aspect = spec::ExploreAspect;
    using Action = std::function<void()>;
    /// Sends an interrupt that was held back.
    using Send = std::function<void(std::uint64_t epoch, std::uint32_t vector)>;

    /// `kick`: something is held back, and wants steps.
    Explorer(Action kick, Send send) : kick_(std::move(kick)), send_(std::move(send)) {}

    /// Begins anew, or ends. What is held back has its effect first.
    void set(std::optional<plan::Explore> explore);
    bool on(Aspect aspect) const { return (aspects_.load(std::memory_order_relaxed) & spec::raw(aspect)) != 0; }
    bool active() const { return aspects_.load(std::memory_order_relaxed) != 0; }

    // ---- order ----
    /// Which of the units that are ready goes next.
    std::size_t pick(std::span<Unit *const> ready);
    /// Whether what keeps the chip in order stands behind the others for now.
    bool control_waits();
    /// A step of `unit` is over.
    void count_step(const Unit &unit);
    /// One in which there was nothing to do.
    void count_idle_step();

    // ---- packets ----
    /// Steps that a queue takes before the write of its doorbell is over; most often none.
    unsigned early_steps();
    /// Packets to fetch, of `count` that are there.
    std::uint64_t fetch(std::uint64_t count);

    // ---- what comes later ----
    /// Whether `ring` is called later. If not, the caller calls it behind those that are held back.
    bool hold_doorbell(const Action &ring);
    bool hold_interrupt(std::uint64_t epoch, std::uint32_t vector);
    /// Lets out what is due by now; calls back, so the caller holds no lock of the chip. Whether anything was.
    bool release_due();
    void release_doorbells();
    void release_all();
    void forget_interrupts();
    bool holding() const { return holding_.load(std::memory_order_relaxed) != 0; }

    // ---- resets ----
    /// Steps for which the end of a reset, or of a stop, is put off.
    std::uint32_t linger();

    /// A line for the report of the plan, or nothing.
    std::string report() const;

private:
    struct Doorbell {
        std::uint64_t due;
        Action ring;
    };
    struct Interrupt {
        std::uint64_t due = 0; ///< 0: none is held back
        std::uint64_t epoch = 0;
    };
    /// How the next unit is chosen. It stays for the whole seed, as each finds what the others find seldom.
    enum class Strategy : std::uint8_t { UNIFORM, RANKS };
    struct Counts {
        std::uint64_t steps = 0, late = 0, early = 0, held = 0, merged = 0, resets = 0;
    };

    std::uint64_t random_locked();
    /// One in `n` times.
    bool chance_locked(std::uint64_t n) { return random_locked() % n == 0; }
    /// From 1 to some thousand, short ones as often as long ones.
    std::uint32_t delay_locked();
    void note_locked(std::uint64_t what);
    std::uint64_t rank_locked(const Unit *unit);
    void begin_locked(plan::Explore explore);
    /// Lets out the earliest of all that are held back, if that is due at `until`.
    bool release_until(std::uint64_t until);
    /// These are not held back any more; the caller has to call what it gets.
    Action take_locked(std::uint64_t until);
    Action take_doorbell_locked();
    Action take_interrupt_locked(Interrupt &held);

    const Action kick_;
    const Send send_;
    std::atomic<std::uint32_t> aspects_{0};
    std::atomic<std::uint32_t> holding_{0};

    mutable std::mutex mutex_; ///< guards all below; nothing else is taken under it
    plan::Explore explore_;
    std::uint64_t random_ = 0;
    Strategy strategy_ = Strategy::UNIFORM;
    std::uint64_t change_ = 1; ///< ranks change every so many steps on average
    bool control_waits_ = false;
    std::unordered_map<const Unit *, std::uint64_t> ranks_;
    std::uint64_t lowest_ = 0; ///< of the ranks
    std::deque<Doorbell> doorbells_;
    std::array<Interrupt, spec::MSIX_VECTORS> interrupts_{};
    Counts counts_;
    std::uint64_t hash_ = 0;
};

} // namespace neuron::chip
