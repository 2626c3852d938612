// SPDX-License-Identifier: MIT
#include "power_model.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace neuron::chip {

namespace {

constexpr double NS_PER_MS = 1e6;
constexpr double UW_PER_MW = 1e3;
constexpr unsigned PJ_PER_UJ = 1'000'000;

// Where a temperature ends under a power that lasts.
double end_mc(const spec::ProfileDesc &profile, double power_mw) {
    return profile.ambient_mc + profile.thermal_mk_per_w * power_mw / 1e3;
}

// A value that has followed `towards` for a time.
double follow(double value, double towards, double time_ns, double constant_ms) {
    return towards + (value - towards) * std::exp(-time_ns / (constant_ms * NS_PER_MS));
}

} // namespace

PowerModel::PowerModel(const spec::ProfileDesc &profile)
    : profile_(&profile), power_mw_(profile.idle_mw), temperature_mc_(end_mc(profile, profile.idle_mw)) {}

PowerModel::Energy PowerModel::energy(const Work &work) const {
    return Energy{profile_->idle_mw} * work.time_ns + Energy{profile_->core_mw} * work.core_ns +
           Energy{profile_->byte_pj} * work.moved_bytes;
}

void PowerModel::advance(const Work &work) {
    if (work.time_ns <= time_ns_)
        return;
    const Energy total = energy(work);
    const auto passed = static_cast<double>(work.time_ns - time_ns_);
    const double power_mw = static_cast<double>(total - energy_pj_) / passed;
    power_mw_ = follow(power_mw_, power_mw, passed, spec::SENSOR_AVERAGE_MS);
    temperature_mc_ = follow(temperature_mc_, end_mc(*profile_, power_mw), passed, profile_->thermal_ms);
    time_ns_ = work.time_ns;
    energy_pj_ = total;
}

PowerModel::Reading PowerModel::read(const Work &work) const {
    constexpr double MOST = std::numeric_limits<std::uint32_t>::max();
    PowerModel now = *this;
    now.advance(work);
    return {.temperature_mc = static_cast<std::int32_t>(std::lround(now.temperature_mc_)),
            .power_uw = static_cast<std::uint32_t>(std::min(std::round(now.power_mw_ * UW_PER_MW), MOST)),
            .energy_uj = static_cast<std::uint64_t>(now.energy(work) / PJ_PER_UJ)};
}

void PowerModel::serialize(Archive &archive) {
    constexpr double MOST = 1e12;
    archive.number("power time", time_ns_);
    archive.wide(energy_pj_);
    archive.real("power", power_mw_);
    archive.real("temperature", temperature_mc_);
    archive.require(power_mw_ >= 0 && power_mw_ <= MOST, "power", "is out of range");
    archive.require(std::fabs(temperature_mc_) <= MOST, "temperature", "is out of range");
}

} // namespace neuron::chip
