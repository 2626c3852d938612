// SPDX-License-Identifier: MIT
#include "handles.hpp"

using namespace neuron;

namespace {

/// As much of the text as there is room for, and always an end.
void set_text(std::span<char> out, std::string_view text) {
    const std::size_t length = std::min(text.size(), out.size() - 1);
    std::copy_n(text.begin(), length, out.begin());
    out[length] = '\0';
}

const char *text_or(const char *text, const char *other) { return text != nullptr ? text : other; }

DeviceOptions options_of(const neuron_device_options &in) {
    DeviceOptions out;
    out.backend = text_or(in.backend, out.backend.c_str());
    out.node = text_or(in.node, "");
    out.sim.profile = text_or(in.sim_profile, "");
    out.sim.hbm_bytes = in.sim_hbm_bytes;
    out.sim.cores = in.sim_cores;
    out.sim.threads = in.sim_threads;
    out.sim.seed = in.sim_seed;
    out.sim.stepped = in.sim_stepped != 0;
    out.sim.hazards = in.sim_hazards != 0;
    out.sim.sanitizer = in.sim_sanitizer != 0;
    out.sim.explore = in.sim_explore != 0;
    out.sim.fault_plan = text_or(in.sim_fault_plan, "");
    out.sim.aperture_bytes = in.sim_aperture_bytes;
    out.sim.simd = text_or(in.sim_simd, "");
    if (in.sim_group != nullptr)
        out.sim.group = in.sim_group->value;
    if (in.log != nullptr)
        out.log = [log = in.log, user = in.log_user](LogLevel level, std::string_view message) {
            log(user, static_cast<neuron_log_level>(level), std::string(message).c_str());
        };
    return out;
}

} // namespace

neuron_device_info c::info_of(const DeviceInfo &info) {
    neuron_device_info out{};
    set_text(out.backend, info.backend);
    set_text(out.name, info.name);
    if (const spec::ProfileDesc *profile = spec::find_profile(info.profile))
        set_text(out.profile, profile->name);
    out.spec_version = info.spec_version;
    out.driver_spec_version = info.driver_spec_version;
    out.cores = info.cores;
    out.sbuf_bytes = info.sbuf_bytes;
    out.psum_bytes = info.psum_bytes;
    out.hbm_banks = info.hbm_banks;
    out.hbm_bytes = info.hbm_bytes;
    out.hbm_free = info.hbm_free;
    out.aperture_bytes = info.aperture_bytes;
    out.va_start = info.va_start;
    out.va_end = info.va_end;
    out.clock_ns = info.clock_ns;
    out.page_size = info.page_size;
    out.max_queues = info.max_queues;
    out.reset_count = info.reset_count;
    return out;
}

neuron_status neuron_device_list_create(neuron_device_list **list, neuron_error **error) {
    return c::clear(list) ? c::give(list, error, Device::list()) : c::invalid(error, "list is NULL");
}

size_t neuron_device_list_count(const neuron_device_list *list) { return list != nullptr ? list->nodes.size() : 0; }

bool neuron_device_list_get(const neuron_device_list *list, size_t index, struct neuron_device_node *node) {
    if (index >= neuron_device_list_count(list))
        return false;
    const DeviceNode &from = list->nodes[index];
    return c::fill(node, neuron_device_node{0, from.name.c_str(), from.path.c_str(), from.driver.c_str(),
                                            from.address.c_str(), from.problem.c_str()});
}

void neuron_device_list_free(neuron_device_list *list) { delete list; }

neuron_status neuron_device_open(const struct neuron_device_options *options, neuron_device **device,
                                 neuron_error **error) {
    neuron_status status = NEURON_OK;
    neuron_device_options own;
    if (!c::clear(device))
        return c::invalid(error, "device is NULL");
    if (!c::take(own, options, "device options", status, error))
        return status;
    return c::give(device, error, Device::open(options_of(own)));
}

neuron_status neuron_device_get_info(const neuron_device *device, struct neuron_device_info *info,
                                     neuron_error **error) {
    if (device == nullptr)
        return c::invalid(error, "device is NULL");
    return c::fill(info, c::info_of(device->value.info())) ? c::good(error)
                                                           : c::invalid(error, "info is NULL, or its size is not set");
}

size_t neuron_device_fault_report(const neuron_device *device, char *text, size_t text_size) {
    const std::string report = device != nullptr ? device->value.fault_report() : "";
    if (text != nullptr && text_size != 0)
        set_text({text, text_size}, report);
    return report.size();
}

uint32_t neuron_device_default_lnc(const neuron_device *device) {
    return device != nullptr ? default_lnc(device->value.info()) : 0;
}

neuron_status neuron_device_logical_core_count(const neuron_device *device, uint32_t lnc, uint32_t *count,
                                               neuron_error **error) {
    if (!c::clear(count) || device == nullptr)
        return c::invalid(error, count == nullptr ? "count is NULL" : "device is NULL");
    const auto found = logical_core_count(device->value.info(), lnc);
    if (!found)
        return c::report(error, found.error());
    *count = *found;
    return c::good(error);
}

neuron_status neuron_device_get_logical_core(const neuron_device *device, uint32_t index, uint32_t lnc,
                                             struct neuron_logical_core *core, neuron_error **error) {
    if (device == nullptr)
        return c::invalid(error, "device is NULL");
    const auto found = logical_core(device->value.info(), index, lnc);
    if (!found)
        return c::report(error, found.error());
    return c::fill(core, neuron_logical_core{0, found->core_mask, found->bank + 1})
               ? c::good(error)
               : c::invalid(error, "core is NULL, or its size is not set");
}

neuron_status neuron_sim_group_create(uint64_t seed, neuron_sim_group **group, neuron_error **error) {
    return c::clear(group) ? c::give(group, error, Result<std::shared_ptr<SimGroup>>(make_sim_group(seed)))
                           : c::invalid(error, "group is NULL");
}

void neuron_sim_group_destroy(neuron_sim_group *group) { delete group; }

void neuron_device_close(neuron_device *device) { delete device; }
