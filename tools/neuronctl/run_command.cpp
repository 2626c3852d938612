// SPDX-License-Identifier: MIT
// neuronctl run
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "../asm/symbols.hpp"
#include "../support/files.hpp"
#include "bindings.hpp"
#include "commands.hpp"
#include "device_options.hpp"
#include "execution.hpp"
#include "submit_path.hpp"
#include "terminal.hpp"
#include "times.hpp"

namespace neuronctl {
namespace {

using neuron::assembler::lower;

struct Options {
    std::string kernel;
    BindingTexts bindings;
    DeviceChoice device;
    std::string submit = "auto";
    std::string placement = "hbm";
    std::uint32_t cores = 0; ///< 0: as many as the kernel wants.
    std::optional<std::uint32_t> logical_core;
    std::uint32_t lnc = 0; ///< 0: the chip's own.
    double timeout = 60;
    std::uint32_t repeat = 1;
    std::optional<double> tolerance;
    std::string timeline;
};

/** More would be a mistake, and their times are kept. */
constexpr std::uint32_t most_launches = 1'000'000;

// Wraps the choices that CLI11 has checked already.
RunSettings settings_of(const Options &options, std::vector<neuron::DeviceOptions> devices) {
    RunSettings out;
    out.devices = std::move(devices);
    out.submit = submit_path(options.submit);
    out.placement = options.placement == "host" ? neuron::Placement::host : neuron::Placement::hbm;
    out.cores = options.cores;
    out.lnc = options.lnc;
    out.logical_core = options.lnc != 0 ? options.logical_core.value_or(0) : options.logical_core;
    // Rounded up: 0 would mean no limit.
    out.timeout = std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(options.timeout * 1e3)));
    out.repeat = options.repeat;
    out.trace = !options.timeline.empty();
    out.tolerance = options.tolerance;
    return out;
}

std::size_t instruction_count(const neuron::KernelFile &file) {
    std::size_t out = 0;
    for (const neuron::spec::Engine engine : neuron::spec::values<neuron::spec::Engine>())
        out += file.stream(engine).size();
    return out;
}

std::string streams_text(const neuron::KernelFile &file) {
    std::string out;
    for (const neuron::spec::Engine engine : neuron::spec::values<neuron::spec::Engine>())
        if (!file.stream(engine).empty())
            out += fmt::format("{}{} {}", out.empty() ? "" : ", ", lower(neuron::spec::name(engine)),
                               file.stream(engine).size());
    return out;
}

// What every chip has; files and numbers are those of the first.
Json tensors_json(const std::vector<Binding> &bindings) {
    Json out = Json::array();
    for (const Binding &binding : bindings) {
        const neuron::KernelParam &param = *binding.param;
        Json entry = {{"name", param.name}, {"kind", lower(neuron::spec::name(param.kind))}};
        if (param.is_tensor()) {
            entry["dtype"] = lower(neuron::spec::name(param.dtype));
            entry["shape"] = param.dims;
            entry["bytes"] = param.bytes();
            if (!binding.in_path.empty())
                entry["in"] = binding.in_path;
            if (!binding.out_path.empty())
                entry["out"] = binding.out_path;
            if (!binding.check_path.empty())
                entry["check"] = binding.check_path;
            if (binding.shared)
                entry["shared"] = true;
        } else
            entry["value"] = binding.scalar;
        out.push_back(std::move(entry));
    }
    return out;
}

Json result_json(const std::string &kernel, const neuron::KernelFile &file, const std::vector<Binding> &bindings,
                 const RunResult &result) {
    Json streams = Json::object();
    for (const neuron::spec::Engine engine : neuron::spec::values<neuron::spec::Engine>())
        streams[lower(neuron::spec::name(engine))] = file.stream(engine).size();
    Json steps = Json::array();
    for (const Step &step : result.steps)
        steps.push_back({{"name", step.name}, {"ns", step.time.count()}, {"bytes", step.bytes}});
    Json devices = Json::array();
    for (const neuron::DeviceInfo &device : result.devices)
        devices.push_back(device_json(device));
    return {{"device", devices.front()},
            {"devices", devices},
            {"kernel",
             {{"name", kernel}, {"file", file.name()}, {"instructions", streams}, {"bytes", result.program_bytes}}},
            {"params", tensors_json(bindings)},
            {"submit_path", result.path},
            {"steps", steps},
            {"jobs", result.jobs},
            {"packets", result.packets},
            {"launches", times_json(result.launches)},
            {"checked_elements", result.checked}};
}

std::string tensors_text(const std::vector<Binding> &bindings) {
    std::vector<std::vector<std::string>> rows;
    for (const Binding &binding : bindings) {
        const neuron::KernelParam &param = *binding.param;
        std::string files = binding.in_path.empty() ? "" : "<- " + binding.in_path;
        if (!binding.out_path.empty())
            files += (files.empty() ? "-> " : "  -> ") + binding.out_path;
        if (!binding.check_path.empty())
            files += (files.empty() ? "== " : "  == ") + binding.check_path;
        if (binding.shared)
            files = "shared by all chips";
        if (param.is_tensor())
            rows.push_back({lower(neuron::spec::name(param.kind)), param.name, tensor_text(param.dtype, param.dims),
                            bytes_text(param.bytes()), files});
        else
            rows.push_back({"scalar", param.name,
                            fmt::format("{} ({:#x})", static_cast<std::int64_t>(binding.scalar), binding.scalar), "",
                            ""});
    }
    return table(rows, "<<<><", "  ");
}

std::string steps_text(const RunResult &result) {
    std::vector<std::vector<std::string>> rows;
    for (const Step &step : result.steps) {
        const double seconds = std::chrono::duration<double>(step.time).count();
        const bool moved = step.bytes != 0 && seconds > 0;
        rows.push_back(
            {step.name, time_text(static_cast<std::uint64_t>(step.time.count())),
             step.bytes != 0 ? bytes_text(step.bytes) : "",
             moved ? bytes_text(static_cast<std::uint64_t>(static_cast<double>(step.bytes) / seconds)) + "/s" : ""});
    }
    return table(rows, "<>>>", "  ");
}

std::string verdict(const std::string &kernel, const RunResult &result) {
    std::uint64_t execute = 0;
    for (const Step &step : result.steps)
        if (step.name == "execute")
            execute = static_cast<std::uint64_t>(step.time.count());
    std::vector<std::string> names;
    for (const neuron::DeviceInfo &device : result.devices)
        names.push_back(device.name);
    std::string more;
    if (result.launches.size() > 1) {
        const Spread spread = spread_of(result.launches);
        more = fmt::format(" ({} launches: median {}, {} to {})", result.launches.size(), time_text(spread.median),
                           time_text(spread.least), time_text(spread.most));
    }
    if (result.checked != 0)
        more += fmt::format(", {} elements as expected", result.checked);
    return fmt::format("{} {} ran on {} in {}{}", coloured(Colour::good, "OK:"), kernel, fmt::join(names, ", "),
                       time_text(execute), more);
}

std::string result_text(const std::string &kernel, const neuron::KernelFile &file, const std::vector<Binding> &bindings,
                        const RunResult &result) {
    std::string devices;
    for (const neuron::DeviceInfo &device : result.devices)
        devices += fmt::format("device   {}\n", device_line(device));
    return fmt::format("{}kernel   {}: {} instructions ({})\n{}submit   {}\n{}{}\n", devices, kernel,
                       instruction_count(file), streams_text(file), tensors_text(bindings), result.path,
                       steps_text(result), verdict(kernel, result));
}

Outcome<void> check_options(const Options &options) {
    if (options.tolerance && options.bindings.checks.empty())
        return tl::unexpected(usage_error("--tolerance is for --check, which is not given"));
    if (!options.timeline.empty())
        if (const auto writable = neuron::support::check_writable(options.timeline); !writable)
            return tl::unexpected(input_error(writable.error()));
    return {};
}

Outcome<void> write_timeline(const std::string &path, const neuron::KernelFile &file, const RunResult &result) {
    const std::string text =
        timeline_json(file, result.spans, result.traces).dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
    if (const auto done = neuron::support::write_file(path, std::as_bytes(std::span(text))); !done)
        return tl::unexpected(device_error(done.error()));
    return {};
}

Outcome<void> run(const Global &global, const Options &options) {
    const auto devices = options.device.several();
    if (!devices)
        return tl::unexpected(devices.error());
    const auto file = neuron::KernelFile::load(options.kernel);
    if (!file)
        return tl::unexpected(input_error(file.error()));
    const std::string kernel = std::filesystem::path(options.kernel).stem().string();
    const auto bindings = bind(*file, kernel, options.bindings, devices->size());
    if (!bindings)
        return tl::unexpected(bindings.error());
    if (const auto sane = check_options(options); !sane)
        return sane;
    const auto result = execute(*file, *bindings, settings_of(options, *devices));
    if (!result)
        return tl::unexpected(result.error());
    if (!options.timeline.empty())
        if (const auto done = write_timeline(options.timeline, *file, *result); !done)
            return done;
    print_result(global, "run", result_json(kernel, *file, bindings->front(), *result),
                 result_text(kernel, *file, bindings->front(), *result));
    return {};
}

void add_bindings(CLI::App &command, BindingTexts &texts) {
    // One value per option, so that the kernel may stand behind them.
    const auto add = [&](const char *name, std::vector<std::string> &values, const char *type, const char *help) {
        command.add_option(name, values, help)
            ->type_name(type)
            ->expected(1)
            ->allow_extra_args(false)
            ->take_all()
            ->group("Parameters");
    };
    add("--in", texts.inputs, "NAME=FILE.npy", "Input tensor");
    add("--out", texts.outputs, "NAME=FILE.npy", "Where an output tensor goes");
    add("--check", texts.checks, "NAME=FILE.npy", "What an output tensor should be; exit code 3 if it is not");
    add("--scalar", texts.scalars, "NAME=NUMBER", "64-bit integer, decimal or 0x");
    add("--share", texts.shared, "NAME", "Tensor that is one piece of host memory for all chips, zero at first");
}

void add_cores(CLI::App &command, Options &options) {
    CLI::Option *cores =
        command
            .add_option(
                "--cores", options.cores,
                "NeuronCores that run the kernel together: the first so many (default: as the kernel says, or 1)")
            ->check(CLI::Range(1U, neuron::spec::MAX_CORES))
            ->group("Run");
    command
        .add_option("--logical-core", options.logical_core,
                    "Run on this logical core: the NeuronCores that share an HBM stack, and in that stack")
        ->check(CLI::Range(0U, neuron::spec::MAX_CORES - 1))
        ->excludes(cores)
        ->group("Run");
    command.add_option("--lnc", options.lnc, "NeuronCores per logical core (default: 2 for trn2 and trn3, 1 before)")
        ->check(CLI::Range(1U, neuron::spec::MAX_CORES))
        ->excludes(cores)
        ->group("Run");
}

} // namespace

void add_run(const CommandLine &line) {
    const auto options = std::make_shared<Options>();
    CLI::App *command = line.app.add_subcommand("run", "Run a kernel on tensors in .npy files");
    command->add_option("KERNEL", options->kernel, "Kernel file (.nko)")->type_name("FILE.nko")->required();
    add_bindings(*command, options->bindings);
    options->device.add_several_to(*command);
    command->add_option("--submit", options->submit, "How jobs enter the kernel")
        ->check(CLI::IsMember(submit_names()))
        ->capture_default_str()
        ->group("Run");
    command->add_option("--placement", options->placement, "Where tensors and program lie")
        ->check(CLI::IsMember({"hbm", "host"}))
        ->capture_default_str()
        ->group("Run");
    add_cores(*command, *options);
    command->add_option("--timeout", options->timeout, "Seconds until the run is given up; 0: never")
        ->check(CLI::Range(0.0, 1e6))
        ->capture_default_str()
        ->group("Run");
    command->add_option("--repeat", options->repeat, "Launches, one after another, each with the same inputs")
        ->check(CLI::Range(1U, most_launches))
        ->capture_default_str()
        ->group("Run");
    command
        ->add_option("--tolerance", options->tolerance,
                     "For --check: how far an element may be off, in itself or times the expected value, whichever "
                     "allows more (default: the bits must be the same)")
        ->check(CLI::Range(0.0, 1e30))
        ->group("Run");
    command
        ->add_option("--timeline", options->timeline,
                     "Write what each engine did when (in the last launch), for ui.perfetto.dev or chrome://tracing")
        ->type_name("FILE.json")
        ->group("Run");
    command->footer(R"(
Examples:
  neuronctl run matmul.nko --in A=a.npy --in B=b.npy --out C=c.npy
  neuronctl run --backend sim matmul.nko --in A=a.npy --in B=b.npy --out C=c.npy
  neuronctl run scale.nko --in X=x.npy --out Y=y.npy --scalar n=5 --device accel1
  neuronctl run scale.nko --in X=x.npy --check Y=want.npy --tolerance 1e-3 --repeat 100
  neuronctl run scale.nko --in X=x.npy --out Y=y.npy --timeline trace.json
  neuronctl run pair.nko --in X=x.npy --out Y=y.npy --logical-core 3
  neuronctl run ring.nko --in X=x{chip}.npy --out Y=y{chip}.npy --scalar chip={chip} --share BOX \
                --device accel0 --device accel1

bf16 tensors are two-byte voids ('V2') in .npy files, as ml_dtypes writes them. All inputs are checked before a device
is opened; outputs appear only after success. With several chips '{chip}' in a file's name or a number stands for the
chip, 0 and up in the order of the devices; the first error of a chip ends the run of all.)");
    command->callback([options, line] { line.action = [options, line] { return run(line.global, *options); }; });
}

} // namespace neuronctl
