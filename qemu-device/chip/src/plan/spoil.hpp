// SPDX-License-Identifier: MIT
// What a fault plan makes of a piece of work: a packet, an instruction, a transfer.
#pragma once

#include "../exec/executor.hpp"
#include "../services.hpp"
#include "injector.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace neuron::chip::plan {

/// A unit's step; while there is a plan, what happens in it is this origin's.
template<class Step>
auto step_as(const Services &services, const Origin &origin, const Step &step) {
    if (!services.faults.active()) [[likely]]
        return step();
    const Acting acting(origin);
    return step();
}

/// What is left to the unit whose work it is.
struct Spoilt {
    static constexpr std::uint64_t NEVER = std::numeric_limits<std::uint64_t>::max();

    bool dropped = false;        ///< it has ended well, and is not done
    bool doubled = false;        ///< once done, it is done again
    bool postponed = false;      ///< it has ended well, and is done right after the next one
    std::uint64_t begins_ns = 0; ///< it does not begin before, by the executor's clock
    std::uint64_t plan = 0;      ///< whose all this is; another one lets it begin

    /// Whether it has not begun yet: it hangs, or is delayed in stepped mode. `unit`, whose work it is, will be woken.
    bool is_held_back(const Services &services, Unit &unit) const {
        if (begins_ns == 0 || plan != services.faults.plans())
            return false;
        if (begins_ns != NEVER) {
            if (services.executor.now_ns() >= begins_ns)
                return false;
            services.executor.wake_later(unit, begins_ns);
        }
        return true;
    }
};

/// Work that is to be done right after the next one, in its order, if the plan is still the same then.
template<class Work>
class Postponed {
public:
    /// False: as many as may be kept are.
    bool keep(Work work, std::uint64_t plan) {
        if (plan_ != plan)
            forget();
        if (work_.size() == spec::PLAN_HELD)
            return false;
        plan_ = plan;
        work_.push_back(std::move(work));
        return true;
    }
    void forget() { work_.clear(); }
    /// The first one that is kept, and is not any more.
    std::optional<Work> take(const Injector &faults) {
        if (work_.empty())
            return std::nullopt;
        if (plan_ != faults.plans()) {
            forget();
            return std::nullopt;
        }
        std::optional<Work> first(std::move(work_.front()));
        work_.erase(work_.begin());
        return first;
    }

private:
    std::vector<Work> work_;
    std::uint64_t plan_ = 0;
};

/// Asks the plan, and does what is not left to the unit: delays, errors of HBM, faults of the function.
Spoilt spoil(const Services &services, spec::PlanEvent event, std::uint64_t place, const Packet *packet = nullptr);

} // namespace neuron::chip::plan
