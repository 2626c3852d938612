// SPDX-License-Identifier: MIT
#include <neuron/logical_core.hpp>

#include <algorithm>

#include "error.hpp"

namespace neuron {

// The device may have more or fewer cores than its profile; how they lie around the stacks does not change with it.
std::uint32_t default_lnc(const DeviceInfo &device) noexcept {
    const spec::ProfileDesc *profile = spec::find_profile(device.profile);
    return profile == nullptr ? 1 : std::max(1U, profile->cores / std::max(1U, profile->hbm_banks));
}

Result<std::uint32_t> logical_core_count(const DeviceInfo &device, std::uint32_t lnc) {
    const std::uint32_t most = default_lnc(device);
    if (lnc == 0)
        lnc = most;
    if (lnc == 1 || lnc == most)
        return device.cores / lnc;
    return detail::fail(ErrorCode::unsupported, "LNC {}: logical cores of {} have {}", lnc, device.name,
                        most == 1 ? "1 core" : fmt::format("1 or {} cores", most));
}

Result<LogicalCore> logical_core(const DeviceInfo &device, std::uint32_t index, std::uint32_t lnc) {
    const auto count = logical_core_count(device, lnc);
    if (!count)
        return tl::unexpected(count.error());
    const std::uint32_t most = default_lnc(device);
    const std::uint32_t size = lnc == 0 ? most : lnc;
    if (index >= *count)
        return detail::fail(ErrorCode::invalid_argument, "logical core {}: {} has {} of {} core{}", index, device.name,
                            *count, size, size == 1 ? "" : "s");
    LogicalCore core;
    core.core_mask = static_cast<std::uint32_t>(((std::uint64_t{1} << size) - 1) << index * size);
    core.bank = index * size / most % std::max(1U, device.hbm_banks);
    return core;
}

} // namespace neuron
