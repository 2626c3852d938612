// SPDX-License-Identifier: MIT
#pragma once

#include "../state/archive.hpp"

#include <neuron/spec.hpp>

#include <cstdint>

namespace neuron::chip {

/// Energy, power and temperature as the profile's numbers make them of what the chip has done. See docs/reference/profiles.md.
///
/// The model is told from time to time how much energy was used so far, and takes the power in between as constant. A
/// reading is a step that is taken on a copy, so nobody's look at the sensors changes what others see. Plain value.
class PowerModel {
public:
    /// An idle device at time 0, as warm as it will become.
    explicit PowerModel(const spec::ProfileDesc &profile);

    /// What has been done by a time: that of the core counts once for each core.
    struct Work {
        std::uint64_t time_ns;
        std::uint64_t core_ns;
        std::uint64_t moved_bytes;
    };
    struct Reading {
        std::int32_t temperature_mc;
        std::uint32_t power_uw;
        std::uint64_t energy_uj;
    };

    /// Whether enough time has passed for advance() to be worth its cost.
    bool due(std::uint64_t time_ns) const { return time_ns - time_ns_ >= PERIOD_NS; }
    /// `work` is not less than that of the last call.
    void advance(const Work &work);
    Reading read(const Work &work) const;
    void serialize(Archive &archive);

private:
    static constexpr std::uint64_t PERIOD_NS = 10'000'000;

    /// Picojoules: a milliwatt for a nanosecond is one. 64 bits of them are used up within hours.
    __extension__ using Energy = unsigned __int128;
    Energy energy(const Work &work) const;

    const spec::ProfileDesc *profile_;
    std::uint64_t time_ns_ = 0;
    Energy energy_pj_ = 0;
    double power_mw_;
    double temperature_mc_;
};

} // namespace neuron::chip
