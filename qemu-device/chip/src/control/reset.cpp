// SPDX-License-Identifier: MIT
#include "reset.hpp"

#include "../core/core.hpp"
#include "../explore/explorer.hpp"
#include "../plan/injector.hpp"
#include "../recorder/commands.hpp"
#include "control.hpp"
#include "scrubber.hpp"

#include <algorithm>

namespace neuron::chip {

Step ResetUnit::step() {
    if (services_.control.ready())
        return Step::BLOCKED;
    const std::uint64_t resets = services_.control.resets();
    if (hung_by_ == services_.faults.plans())
        return Step::BLOCKED;
    if (services_.control.reset_sticks() || services_.control.draining() || events_->busy() || scrubber_->busy() ||
        commands_->busy())
        return Step::BLOCKED;
    // Nothing can start until finish_reset(), so nobody looks at these memories.
    if (resets != resets_) {
        resets_ = resets;
        zeroed_ = 0;
        services_.faults.forget_held(); // of what was still at work when the reset began
        linger_ = services_.explorer.linger();
        for (Core &core : cores_)
            core.scrub();
    }
    if (linger_ != 0) {
        --linger_;
        return Step::MORE;
    }
    const std::uint64_t bytes = std::min(hbm_.bytes() - zeroed_, Scrubber::STEP_BYTES);
    hbm_.zero(zeroed_, bytes);
    zeroed_ += bytes;
    if (zeroed_ == hbm_.bytes())
        services_.control.finish_reset(resets);
    return Step::MORE; // for the rest, or for a reset that came meanwhile
}

void ResetUnit::serialize(Archive &archive) {
    archive.number("reset", resets_);
    archive.number("zeroed", zeroed_, 0, hbm_.bytes());
}

} // namespace neuron::chip
