// SPDX-License-Identifier: MIT
#include "device.hpp"

#include <algorithm>

#include "../error.hpp"
#include "context.hpp"

namespace neuron::null {

// The largest chip of the contract, so that no program is refused for what it needs.
Result<std::shared_ptr<detail::DeviceBackend>> Device::open(const DeviceOptions &options) {
    if (!options.node.empty())
        return detail::fail(ErrorCode::invalid_argument, "null: has no node '{}'", options.node);
    const auto profiles = spec::profiles();
    const spec::ProfileDesc &profile = *std::ranges::max_element(profiles, {}, &spec::ProfileDesc::cores);
    DeviceInfo info;
    info.backend = "null";
    info.name = "null";
    info.spec_version = spec::VERSION;
    info.driver_spec_version = spec::VERSION;
    info.profile = profile.id;
    info.cores = profile.cores;
    info.sbuf_bytes = profile.sbuf_bytes;
    info.psum_bytes = spec::PSUM_BYTES;
    info.hbm_banks = profile.hbm_banks;
    info.hbm_bytes = info.hbm_free = info.aperture_bytes = profile.hbm_bytes;
    info.va_start = std::uint64_t{1} << spec::MMU_LARGE_PAGE_SHIFT;
    info.va_end = std::uint64_t{1} << spec::MMU_VA_BITS;
    info.page_size = spec::PAGE_SIZE;
    info.max_queues = spec::MAX_QUEUES;
    return std::make_shared<Device>(std::move(info));
}

Result<std::unique_ptr<detail::ContextBackend>> Device::context_create() { return std::make_unique<Context>(info_); }

} // namespace neuron::null
