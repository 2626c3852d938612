// SPDX-License-Identifier: MIT
#include "device_options.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <limits>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <neuron/spec.hpp>

#include "plan_text.hpp"

namespace neuronctl {
namespace {

std::atomic<unsigned> findings{0};

void print_log(neuron::LogLevel level, std::string_view message) {
    if (level == neuron::LogLevel::warning && message.starts_with("sanitizer: "))
        ++findings;
    if (message.starts_with("fault plan: ")) // each fault that is made
        fmt::print(stderr, "neuronctl: {}\n", message);
    else if (level == neuron::LogLevel::error || level == neuron::LogLevel::warning)
        fmt::print(stderr, "neuronctl: {}: {}\n", level == neuron::LogLevel::error ? "error" : "warning", message);
}

/** Beyond, a run would only be slow. */
constexpr std::size_t most_chips = 64;

std::string profile_names() {
    std::string out;
    for (const neuron::spec::ProfileDesc &profile : neuron::spec::profiles())
        out += (out.empty() ? "" : ", ") + std::string(profile.name);
    return out;
}

} // namespace

unsigned sanitizer_findings() { return findings; }

void DeviceChoice::add_to(CLI::App &command) {
    add_common_to(command);
    command
        .add_option("--device", nodes_,
                    "accel: accel1, /dev/accel/accel1 or a bus address; default: the first usable one")
        ->type_name("DEVICE")
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::Throw)
        ->group("Device");
}

void DeviceChoice::add_several_to(CLI::App &command) {
    add_common_to(command);
    command
        .add_option("--device", nodes_,
                    "accel: accel1, /dev/accel/accel1 or a bus address; default: the first usable one. Given several "
                    "times: these run the kernel together")
        ->type_name("DEVICE")
        ->expected(1)
        ->allow_extra_args(false)
        ->take_all()
        ->group("Device");
    command.add_option("--sim-chips", sim_chips_, "Chips that run the kernel together")
        ->check(CLI::Range(std::size_t{1}, most_chips))
        ->capture_default_str()
        ->group("Simulated chip");
}

void DeviceChoice::add_common_to(CLI::App &command) {
    command_ = &command;
    command
        .add_option(
            "--backend", backend_,
            "accel: the kernel driver's device; sim: a chip in this process, without driver or root; null: none, jobs "
            "are taken and nothing is done")
        ->type_name(choice_type(fmt::format("{}", fmt::join(neuron::Device::backends(), ", "))))
        ->capture_default_str()
        ->group("Device");
    command.add_option("--sim-profile", sim_.profile, "Chip profile: " + profile_names())
        ->type_name(choice_type(profile_names()))
        ->group("Simulated chip");
    command.add_option("--sim-hbm", hbm_, "HBM capacity, e.g. 4G")->type_name("BYTES")->group("Simulated chip");
    command.add_option("--sim-cores", sim_.cores, "NeuronCores")->group("Simulated chip");
    command.add_option("--sim-threads", sim_.threads, "Worker threads")->group("Simulated chip");
    command.add_flag("--sim-stepped", sim_.stepped, "One thread, in an order that only the seed decides")
        ->group("Simulated chip");
    command.add_option("--sim-seed", sim_.seed, "Seed of that order")->group("Simulated chip");
    command
        .add_option("--sim-simd", sim_.simd, "What the host computes with: auto, avx512, avx2, scalar (same results)")
        ->type_name("{auto,avx512,avx2,scalar}")
        ->group("Simulated chip");
    command
        .add_flag("--sim-hazards", sim_.hazards, "Fault on accesses to on-chip memory that no semaphore orders (slow)")
        ->group("Simulated chip");
    command
        .add_option(
            "--sim-record,--record", sim_.record,
            "Write a tape to this file, for 'neuronctl replay'; implies --sim-stepped. Chip N of several: FILE.N")
        ->type_name("FILE")
        ->group("Simulated chip");
    command
        .add_flag("--sim-sanitizer,--sanitize", sim_.sanitizer,
                  "Report what jobs do wrong with memory although they do not fault; the exit code is 3 then (slow)")
        ->group("Simulated chip");
    command
        .add_option("--sim-fault-plan,--fault-plan", plan_,
                    "What the chip does wrong: a fault plan, '@FILE', or '-' for standard input")
        ->type_name("PLAN")
        ->group("Simulated chip");
}

Outcome<neuron::DeviceOptions> DeviceChoice::options() const {
    neuron::DeviceOptions out{
        .backend = backend_, .node = nodes_.empty() ? "" : nodes_.front(), .sim = sim_, .log = print_log};
    const auto known = neuron::Device::backends();
    if (std::find(known.begin(), known.end(), backend_) == known.end())
        return tl::unexpected(
            usage_error(fmt::format("unknown backend '{}'; there is {}", backend_, fmt::join(known, ", "))));
    const bool sim = backend_ == "sim";
    if (backend_ != "accel" && command_->count("--device") != 0)
        return tl::unexpected(
            usage_error(fmt::format("--device is for --backend accel; the {} backend has no node", backend_)));
    for (const CLI::Option *option : command_->get_options())
        if (!sim && option->count() != 0 && option->get_name(false, true).find("--sim-") != std::string::npos)
            return tl::unexpected(usage_error(fmt::format("{} needs --backend sim", option->get_name())));
    if (!hbm_.empty()) {
        const auto bytes = parse_bytes(hbm_);
        if (!bytes || *bytes == 0)
            return tl::unexpected(usage_error(fmt::format("--sim-hbm {}: expected bytes, e.g. 512M or 4G", hbm_)));
        out.sim.hbm_bytes = *bytes;
    }
    if (!plan_.empty()) {
        auto plan = plan_text(plan_);
        if (!plan)
            return tl::unexpected(plan.error());
        out.sim.fault_plan = std::move(*plan);
    }
    if (!sim_.profile.empty() && neuron::spec::find_profile(sim_.profile) == nullptr)
        return tl::unexpected(
            usage_error(fmt::format("unknown profile '{}'; there are {}", sim_.profile, profile_names())));
    return out;
}

Outcome<neuron::DeviceOptions> DeviceChoice::working() const {
    auto out = options();
    if (out && out->backend == "null")
        return tl::unexpected(usage_error(fmt::format(
            "--backend null does no work, so there is nothing that '{}' could verify", command_->get_name())));
    return out;
}

Outcome<std::vector<neuron::DeviceOptions>> DeviceChoice::several() const {
    const auto first = options();
    if (!first)
        return tl::unexpected(first.error());
    std::vector<neuron::DeviceOptions> out(backend_ == "sim" ? sim_chips_ : std::max<std::size_t>(1, nodes_.size()),
                                           *first);
    const auto group =
        sim_chips_ > 1 && (sim_.stepped || !sim_.record.empty()) ? neuron::make_sim_group(sim_.seed) : nullptr;
    for (std::size_t i = 0; i < out.size(); ++i) {
        if (i < nodes_.size())
            out[i].node = nodes_[i];
        out[i].sim.seed += i;
        if (i != 0 && !out[i].sim.record.empty())
            out[i].sim.record += fmt::format(".{}", i);
        out[i].sim.group = group;
    }
    return out;
}

Outcome<neuron::Device> DeviceChoice::open(const neuron::DeviceOptions &options) {
    auto device = neuron::Device::open(options);
    if (device)
        return std::move(*device);
    neuron::Error error = device.error();
    // Whoever named a device wants to read its name, also where the library looked at none.
    if (error.message.find(options.node) == std::string::npos)
        error.message = fmt::format("{}: {}", options.node, error.message);
    const bool input = error.code == neuron::ErrorCode::invalid_argument;
    return tl::unexpected(input ? input_error(error) : device_error(error));
}

std::string choice_type(std::string names) {
    std::erase(names, ' ');
    return "{" + names + "}";
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
    std::uint64_t value = 0;
    const char *last = text.data() + text.size();
    const auto [end, status] = std::from_chars(text.data(), last, value);
    if (status != std::errc())
        return std::nullopt;
    std::string_view unit(end, static_cast<std::size_t>(last - end));
    if (unit.starts_with(' '))
        unit.remove_prefix(1);
    if (unit.empty())
        return value;
    const std::size_t power = std::string_view("KMGT").find(static_cast<char>(unit[0] & ~0x20));
    const std::string_view rest = unit.substr(1);
    if (power == std::string_view::npos || (!rest.empty() && rest != "iB" && rest != "B"))
        return std::nullopt;
    const unsigned shift = 10 * (static_cast<unsigned>(power) + 1);
    if (value > std::numeric_limits<std::uint64_t>::max() >> shift)
        return std::nullopt;
    return value << shift;
}

std::string device_line(const neuron::DeviceInfo &info) {
    return fmt::format("{}: {}, {} cores, {} HBM, hardware contract {}", info.name,
                       neuron::spec::find_profile(info.profile) != nullptr
                           ? neuron::spec::find_profile(info.profile)->name
                           : "unknown profile",
                       info.cores, bytes_text(info.hbm_bytes), version_text(info.spec_version));
}

Json device_json(const neuron::DeviceInfo &info) {
    const neuron::spec::ProfileDesc *profile = neuron::spec::find_profile(info.profile);
    return {{"backend", info.backend},
            {"name", info.name},
            {"profile", profile != nullptr ? Json(profile->name) : Json()},
            {"spec_version", version_text(info.spec_version)},
            {"driver_spec_version", version_text(info.driver_spec_version)},
            {"cores", info.cores},
            {"sbuf_bytes", info.sbuf_bytes},
            {"psum_bytes", info.psum_bytes},
            {"hbm_banks", info.hbm_banks},
            {"hbm_bytes", info.hbm_bytes},
            {"hbm_free", info.hbm_free},
            {"aperture_bytes", info.aperture_bytes},
            {"va_start", info.va_start},
            {"va_end", info.va_end},
            {"page_size", info.page_size},
            {"max_queues", info.max_queues},
            {"clock_ns", info.clock_ns}};
}

} // namespace neuronctl
