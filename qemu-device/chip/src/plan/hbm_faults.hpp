// SPDX-License-Identifier: MIT
// What a fault plan makes of the data in HBM that packets and programs read and write.
#pragma once

#include "../hbm.hpp"
#include "injector.hpp"

#include <cstdint>

namespace neuron::chip {
class Control;
}

namespace neuron::chip::plan {

class HbmFaults : public HbmSpoiler {
public:
    HbmFaults(const Hbm &hbm, Injector &faults, Control &control) : hbm_(hbm), faults_(faults), control_(control) {}
    void before_read(std::uint64_t offset, std::uint64_t bytes) override;
    void after_write(std::uint64_t offset, std::uint64_t bytes) override;

private:
    void meet(spec::PlanEvent event, std::uint64_t offset, std::uint64_t bytes);

    const Hbm &hbm_;
    Injector &faults_;
    Control &control_;
};

} // namespace neuron::chip::plan
