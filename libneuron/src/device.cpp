// SPDX-License-Identifier: MIT
#include <neuron/device.hpp>

#include "accel/device.hpp"
#include "backend.hpp"
#include "error.hpp"
#include "null/device.hpp"
#ifdef NEURON_HAVE_SIM
#include "sim/device.hpp"
#endif

namespace neuron {
namespace {

Result<std::shared_ptr<detail::DeviceBackend>> open_accel(const DeviceOptions &options) {
    return accel::open_device(options);
}

struct BackendEntry {
    std::string_view name;
    Result<std::shared_ptr<detail::DeviceBackend>> (*open)(const DeviceOptions &options);
};

constexpr BackendEntry entries[] = {
    {"accel", &open_accel},
#ifdef NEURON_HAVE_SIM
    {"sim", &sim::Device::open},
#endif
    {"null", &null::Device::open},
};

} // namespace

std::vector<std::string> Device::backends() {
    std::vector<std::string> names;
    for (const BackendEntry &entry : entries)
        names.emplace_back(entry.name);
    return names;
}

Result<std::vector<DeviceNode>> Device::list() {
    auto nodes = accel::probe_nodes({});
    if (!nodes)
        return detail::forward_error(nodes);
    std::vector<DeviceNode> facts;
    for (accel::Node &node : *nodes)
        facts.push_back(std::move(node.facts));
    return facts;
}

Result<Device> Device::open(const DeviceOptions &options) {
    for (const BackendEntry &entry : entries) {
        if (entry.name != options.backend)
            continue;
        auto backend = entry.open(options);
        if (!backend)
            return detail::forward_error(backend);
        return Device(std::move(*backend));
    }
    return detail::fail(ErrorCode::invalid_argument, "unknown backend '{}': there are {}", options.backend,
                        fmt::join(backends(), ", "));
}

#ifdef NEURON_HAVE_SIM
std::shared_ptr<SimGroup> make_sim_group(std::uint64_t seed) { return std::make_shared<SimGroup>(seed); }
#else
std::shared_ptr<SimGroup> make_sim_group(std::uint64_t) { return nullptr; }
#endif

std::vector<SanitizerReport> Device::sanitizer_reports() const { return backend_->sanitizer_reports(); }

std::string Device::fault_report() const { return backend_->fault_report(); }

const DeviceInfo &Device::info() const noexcept { return backend_->info(); }

} // namespace neuron
