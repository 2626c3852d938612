// SPDX-License-Identifier: MIT
// neuronctl info
#include <memory>

#include <fmt/format.h>

#include <neuron/context.hpp>

#include "commands.hpp"
#include "device_options.hpp"

namespace neuronctl {
namespace {

std::string info_text(const neuron::DeviceInfo &info) {
    const neuron::spec::ProfileDesc *profile = neuron::spec::find_profile(info.profile);
    const bool sim = info.backend == "sim";
    std::vector<std::vector<std::string>> rows = {
        {"device", fmt::format("{} ({})", info.name, info.backend)},
        {"profile", profile != nullptr ? fmt::format("{}: {}", profile->name, profile->doc) : "unknown"},
        {"contract", fmt::format("{}{}", version_text(info.spec_version),
                                 sim ? "" : fmt::format(", driver {}", version_text(info.driver_spec_version)))},
        {"cores", fmt::format("{}, each {} x {} SBUF and {} PSUM", info.cores, neuron::spec::PARTITIONS,
                              bytes_text(info.sbuf_bytes), bytes_text(info.psum_bytes))},
        {"hbm", fmt::format("{} in {} stacks, {} free", bytes_text(info.hbm_bytes), info.hbm_banks,
                            bytes_text(info.hbm_free))},
        {"clocks", profile != nullptr
                       ? fmt::format("PE {}, ACT {}, DVE {}, POOL {} MHz (of the chip that is modelled)",
                                     profile->pe_mhz, profile->act_mhz, profile->dve_mhz, profile->pool_mhz)
                       : "unknown"},
        {"aperture", fmt::format("{} of HBM can be mapped by the CPU", bytes_text(info.aperture_bytes))},
        {"addresses", fmt::format("{:#x}..{:#x}, pages of {}", info.va_start, info.va_end, bytes_text(info.page_size))},
        {"queues", fmt::format("up to {} per context", info.max_queues)},
        {"clock", fmt::format("{} ns", info.clock_ns)},
    };
    return table(rows, "<<");
}

Outcome<void> show(const Global &global, const DeviceChoice &choice) {
    const auto options = choice.options();
    if (!options)
        return tl::unexpected(options.error());
    const auto device = DeviceChoice::open(*options);
    if (!device)
        return tl::unexpected(device.error());
    const auto context = neuron::Context::create(*device);
    if (!context)
        return tl::unexpected(device_error(context.error()));
    const auto info = context->info();
    if (!info)
        return tl::unexpected(device_error(info.error()));
    print_result(global, "info", {{"device", device_json(*info)}}, info_text(*info));
    return {};
}

} // namespace

void add_info(const CommandLine &line) {
    const auto choice = std::make_shared<DeviceChoice>();
    CLI::App *command = line.app.add_subcommand("info", "Show what a device has");
    choice->add_to(*command);
    command->footer(R"(
Examples:
  neuronctl info                                 the first usable device
  neuronctl info --device accel1
  neuronctl info --backend sim --sim-profile trn1)");
    command->callback([choice, line] { line.action = [choice, line] { return show(line.global, *choice); }; });
}

} // namespace neuronctl
