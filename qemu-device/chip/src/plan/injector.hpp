// SPDX-License-Identifier: MIT
// Does wrong what a fault plan says. Everything that it may spoil asks it first.
#pragma once

#include "rule.hpp"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace neuron::chip::plan {

/// What a rule wants of the event that was asked for.
struct Verdict {
    spec::PlanAction action;
    std::uint64_t argument;
    std::uint64_t random; ///< the same for the same seed, rule and occurrence
    Range place;          ///< where the event is, as far as the rule means it
    std::uint64_t plan;   ///< whose it is: another one may come before anything is done about it
};

inline std::uint64_t delay_ns(const Verdict &delay) { return delay.argument * 1000; }

/// Whose an event is.
struct Origin {
    std::uint32_t queue;
    std::optional<std::uint32_t> core; ///< nullopt: the queue's own
    spec::Unit unit;
};

/// While it lives, the events of this thread are this origin's. The events of a thread without are nobody's.
class Acting {
public:
    explicit Acting(const Origin &origin) : before_(std::exchange(now_, &origin)) {}
    ~Acting() { now_ = before_; }
    Acting(const Acting &) = delete;
    Acting &operator=(const Acting &) = delete;
    static const Origin *now() { return now_; }

private:
    static thread_local const Origin *now_;
    const Origin *const before_;
};

/// While it lives, delays are none for this thread: others wait for it, a guest's processor or the monitor of its machine.
class InHurry {
public:
    InHurry() : before_(std::exchange(now_, true)) {}
    ~InHurry() { now_ = before_; }
    InHurry(const InHurry &) = delete;
    InHurry &operator=(const InHurry &) = delete;
    static bool now() { return now_; }

private:
    static thread_local bool now_;
    const bool before_;
};

/// The plan of a chip, if it has one. Any thread. Without a plan the price of a question is a relaxed load.
class Injector {
public:
    /// `log`: takes one line for each fault that is made. `changed`: called after a plan has been replaced. `pass_ns`: lets so
    /// many nanoseconds pass, where time is counted in steps; empty: it passes by itself.
    Injector(std::function<void(const std::string &)> log, std::function<void()> changed,
             std::function<void(std::uint64_t)> pass_ns)
        : log_(std::move(log)), changed_(std::move(changed)), pass_ns_(std::move(pass_ns)) {}

    /// Another plan from now on; one without rules: none.
    void set(Plan plan);
    /// The last plan was none: for the report.
    void refuse(std::string why);
    bool active() const { return active_.load(std::memory_order_relaxed); }
    /// Counts the plans: what hangs by one goes on with the next.
    std::uint64_t plans() const { return plans_.load(std::memory_order_acquire); }

    /// An event at [first, last], of whoever acts, or a packet: the first rule that is due decides. Counts it for all rules that
    /// it matches.
    std::optional<Verdict> ask(spec::PlanEvent event, std::uint64_t first, std::uint64_t last,
                               const Packet *packet = nullptr);
    std::optional<Verdict> ask(spec::PlanEvent event, std::uint64_t place, const Packet *packet = nullptr) {
        return ask(event, place, place, packet);
    }

    /// Keeps `later` until the next event of the kind has happened, or forget_held(), or the verdict's plan is over. False: as
    /// many as may be kept are.
    bool hold(const Verdict &verdict, spec::PlanEvent event, std::function<void()> later);
    /// An event of the kind has happened. Calls what was kept, without a lock.
    void happened(spec::PlanEvent event);
    void forget_held();

    /// Whether time is counted in steps. What can wait then takes steps meanwhile.
    bool in_steps() const { return static_cast<bool>(pass_ns_); }
    /// Lets the thread sleep for a delay, shorter if its plan is replaced, or has been, or hurry() is called meanwhile, and not
    /// at all if it is in a hurry. Where time is counted in steps, it has passed at once.
    void sleep(const Verdict &delay);
    /// Nobody sleeps from now on, or they do again.
    void hurry(bool on);

    /// As spec/plan.toml says; empty without a plan, unless the last one was refused.
    std::string report() const;

private:
    struct Occurrence {
        std::uint64_t number; ///< among the events that match
        std::uint64_t place;
    };
    struct Counted {
        Rule rule;
        std::uint64_t matched = 0;
        std::uint64_t fired = 0;
        std::vector<Occurrence> first{}; ///< of those that fired
    };

    std::function<void(const std::string &)> log_;
    std::function<void()> changed_;
    const std::function<void(std::uint64_t)> pass_ns_;
    std::atomic<bool> active_{false};
    std::atomic<std::uint64_t> plans_{1};

    mutable std::mutex mutex_; ///< guards all below
    std::condition_variable woken_;
    std::vector<Counted> rules_;
    std::uint64_t seed_ = 0;
    std::string refused_;
    bool awake_ = false; ///< nobody sleeps
    std::vector<std::pair<spec::PlanEvent, std::function<void()>>> held_;
};

/// What a verdict makes of bytes that are transferred, or read: ones, random bytes or flipped bits. Others leave them.
void garble(const Verdict &verdict, std::span<std::byte> bytes);

} // namespace neuron::chip::plan
