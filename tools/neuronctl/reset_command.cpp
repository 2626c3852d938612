// SPDX-License-Identifier: MIT
// neuronctl reset
#include <chrono>
#include <cstring>
#include <memory>

#include <fmt/format.h>

#include "commands.hpp"
#include "explain/device_rules.hpp"
#include "explain/readers.hpp"
#include "system.hpp"
#include "terminal.hpp"

namespace neuronctl {
namespace {

struct Options {
    std::string device;
};

struct Lost {
    std::uint64_t files = 0;
    std::uint64_t queues = 0;
    std::uint64_t busy = 0;      ///< Files that had jobs.
    std::uint64_t hbm_bytes = 0; ///< Of buffers, whose content is zero now.
};

// Looking needs root, as the reset does.
Lost what_is_there(const std::string &address) {
    Lost out;
    const auto text = sys::debugfs(address, "clients");
    for (const std::string &line : sys::lines(text.value_or(""))) {
        auto client = sys::fields(line);
        ++out.files;
        out.queues += sys::number(client["queues"]).value_or(0);
        out.busy += client["active"] == "1" ? 1 : 0;
        out.hbm_bytes += sys::number(client["hbm_bytes"]).value_or(0);
    }
    return out;
}

Failure reset_error(const std::string &address, int error) {
    Failure failure{Exit::failed, "io", fmt::format("{}: reset: {}", address, strerrordesc_np(error)), {}, {}};
    if (error == EACCES || error == EPERM) {
        failure.code = "permission_denied";
        failure.hint = "run as root, e.g. with sudo";
    } else if (error == ENOENT) {
        failure.code = "unsupported";
        failure.hint = "the function has no reset that the kernel knows: unbind and bind the driver";
    }
    return failure;
}

// A reset keeps the addresses of the BARs, so that one without them would only be given up.
Outcome<void> check_addresses(const std::string &address) {
    const auto function = explain::read_function(address);
    if (!function || !function->answers || function->placed)
        return {};
    return tl::unexpected(with_hint({Exit::failed,
                                     "no_device",
                                     fmt::format("{}: its BARs have no addresses, and a reset gives it none", address),
                                     {},
                                     {}},
                                    explain::remedy_text(address, function)));
}

Failure still_out_of_service(const std::string &address, const std::string &state) {
    const auto function = explain::read_function(address);
    const bool there = function && function->reachable();
    return with_hint({Exit::failed, "no_device", fmt::format("{} is {} after the reset", address, state), {}, {}},
                     there ? "dmesg says why; reset it again, or bind the driver anew, when the cause is gone"
                           : explain::remedy_text(address, function));
}

Outcome<void> reset(const Global &global, const Options &options) {
    const auto address = sys::address_of(options.device);
    if (!address)
        return tl::unexpected(address.error());
    if (const auto checked = check_addresses(*address); !checked)
        return checked;
    const std::string folder = "/sys/bus/pci/devices/" + *address;
    const std::string before = sys::read(folder + "/device_state").value_or("unbound");
    const Lost lost = what_is_there(*address);
    const auto start = std::chrono::steady_clock::now();
    if (const int error = sys::write(folder + "/reset", "1"); error != 0)
        return tl::unexpected(reset_error(*address, error));
    const std::chrono::nanoseconds spent = std::chrono::steady_clock::now() - start;
    const std::string after = sys::read(folder + "/device_state").value_or("unbound");
    const auto resets = sys::number(sys::read(folder + "/ras/resets").value_or(""));
    if (after == "wedged" || after == "gone")
        return tl::unexpected(still_out_of_service(*address, after));
    const auto ns = static_cast<std::uint64_t>(spent.count());
    print_result(
        global, "reset",
        {{"address", *address},
         {"state_before", before},
         {"state_after", after},
         {"ns", ns},
         {"resets", resets ? Json(*resets) : Json()},
         {"lost",
          {{"files", lost.files},
           {"files_with_jobs", lost.busy},
           {"queues", lost.queues},
           {"hbm_bytes", lost.hbm_bytes}}}},
        fmt::format("{} {} was {}, is {} after a reset of {}\nlost: {} queues of {} open files ({} with jobs), "
                    "and what was in {} of HBM\n",
                    coloured(Colour::good, "OK:"), *address, before, after, time_text(ns), lost.queues, lost.files,
                    lost.busy, bytes_text(lost.hbm_bytes)));
    return {};
}

} // namespace

void add_reset(const CommandLine &line) {
    const auto options = std::make_shared<Options>();
    CLI::App *command = line.app.add_subcommand("reset", "Reset a device: all jobs are stopped, and HBM is zero");
    command
        ->add_option("--device", options->device, "accel1, /dev/accel/accel1 or a bus address; default: the only one")
        ->type_name("DEVICE");
    command->footer(R"(
Examples:
  neuronctl reset
  neuronctl reset --device 0000:01:00.0

Root only. Files, buffers and mappings stay; their queues are lost, jobs get ECANCELED, and the content of HBM is gone.
Says how long it took and what was lost.)");
    command->callback([options, line] { line.action = [options, line] { return reset(line.global, *options); }; });
}

} // namespace neuronctl
