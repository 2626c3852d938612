// SPDX-License-Identifier: MIT
// neuronctl trace: runs a command, and draws kernel, library and device on one timeline.
#include <cerrno>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include <neuron/fd.hpp>

#include "../support/files.hpp"
#include "commands.hpp"
#include "interrupt.hpp"
#include "recorder_file.hpp"
#include "session.hpp"
#include "system.hpp"
#include "trace/story.hpp"

namespace neuronctl {
namespace {

struct Options {
    std::string device;
    std::string out = "trace.json";
    std::uint32_t buffer_mib = 16;
    std::vector<std::string> command;
};

/// What a shell says of a program that it cannot find.
constexpr int not_found = 127;

/// The command's exit status; of one that a signal has ended, 128 and its number.
Outcome<int> run_traced(const std::vector<std::string> &command, const std::string &marker) {
    std::vector<char *> words;
    words.reserve(command.size() + 1);
    for (const std::string &word : command)
        words.push_back(const_cast<char *>(word.c_str())); // posix_spawnp() changes none
    words.push_back(nullptr);
    ::setenv("NEURON_TRACE_MARKER", marker.c_str(), 1);
    pid_t child = 0;
    const int error = ::posix_spawnp(&child, words[0], nullptr, nullptr, words.data(), environ);
    ::unsetenv("NEURON_TRACE_MARKER");
    if (error != 0)
        return tl::unexpected(usage_error(fmt::format("{}: {}", command[0], std::strerror(error))));
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) { // Ctrl-C is for the command, too; its trace is kept
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Everything that is read before and after the command.
struct Bench {
    std::string recorder;
    neuron::Device device;
    neuron::Context context;
    trace::ClockPair start;

    static Outcome<Bench> open(const Options &options) {
        const auto address = sys::address_of(options.device);
        if (!address)
            return tl::unexpected(address.error());
        const auto recorder = recorder_path(*address);
        if (!recorder)
            return tl::unexpected(recorder.error());
        auto device = on_device(neuron::Device::open({.node = *address}));
        if (!device)
            return tl::unexpected(device.error());
        auto context = on_device(neuron::Context::create(*device));
        if (!context)
            return tl::unexpected(context.error());
        const auto start = trace::read_clocks(*context);
        if (!start)
            return tl::unexpected(start.error());
        return Bench{*recorder, std::move(*device), std::move(*context), *start};
    }

    Outcome<trace::Story> story(const trace::KernelTrace &kernel) const {
        const auto end = trace::read_clocks(context);
        if (!end)
            return tl::unexpected(end.error());
        const trace::ClockMap clocks(start, *end);
        if (!clocks.usable())
            return tl::unexpected(Failure{
                .code = "no_device",
                .message = "the device was reset meanwhile, and its clock with it: there is no common timeline"});
        const auto bytes = read_recorder(recorder);
        if (!bytes)
            return tl::unexpected(bytes.error());
        return trace::make_story(kernel, trace::device_records(*bytes, static_cast<std::uint64_t>(start.device_ns)),
                                 clocks, device.info().name);
    }
};

Outcome<void> save(const std::string &path, const Json &json) {
    const std::string text = json.dump() + "\n";
    const auto done = neuron::support::write_file(path, std::as_bytes(std::span(text)));
    return done ? Outcome<void>() : tl::unexpected(input_error(done.error()));
}

Outcome<void> trace_command(const Global &global, const Options &options) {
    if (const auto fits = neuron::support::check_writable(options.out); !fits)
        return tl::unexpected(input_error(fits.error()));
    const auto bench = Bench::open(options);
    if (!bench)
        return tl::unexpected(bench.error());
    constexpr std::uint32_t kib = 1024;
    auto tracer = trace::KernelTracer::start(options.buffer_mib * kib);
    if (!tracer)
        return tl::unexpected(tracer.error());
    const auto status = run_traced(options.command, tracer->marker());
    if (!status)
        return tl::unexpected(status.error());
    const auto kernel = tracer->stop();
    if (!kernel)
        return tl::unexpected(kernel.error());
    const auto story = bench->story(*kernel);
    if (!story)
        return tl::unexpected(story.error());
    if (auto saved = save(options.out, story->json); !saved)
        return saved;
    const std::int64_t error_ns = story->json["otherData"]["clock_error_ns"];
    const Json json = {
        {"file", options.out},           {"exit_status", *status},           {"kernel_events", kernel->events.size()},
        {"library_spans", story->spans}, {"device_packets", story->packets}, {"lost", kernel->lost},
        {"clock_error_ns", error_ns}};
    if (*status != 0)
        return tl::unexpected(Failure{
            .code = "command",
            .message = fmt::format("{} ended with {}; its trace is in {}", options.command[0], *status, options.out),
            .body = {{"trace", json}}});
    print_result(
        global, "trace", {{"trace", json}},
        fmt::format(
            "{}: {} events of the kernel{}, {} spans of the library, {} packets of the device; clocks within {}\n",
            options.out, kernel->events.size(),
            kernel->lost != 0 ? fmt::format(" ({} lost: --buffer)", kernel->lost) : "", story->spans, story->packets,
            time_text(static_cast<std::uint64_t>(error_ns))));
    return {};
}

} // namespace

void add_trace(const CommandLine &line) {
    const auto options = std::make_shared<Options>();
    CLI::App *command =
        line.app.add_subcommand("trace", "Run a command, and draw kernel, library and device on one timeline (root)");
    command->add_option("--device", options->device, "accelN, its path, or a bus address")->type_name("DEVICE");
    command->add_option("-o,--out", options->out, "Trace for ui.perfetto.dev or chrome://tracing")
        ->type_name("FILE")
        ->capture_default_str();
    command->add_option("--buffer", options->buffer_mib, "Of the kernel's trace, for each processor")
        ->type_name("MIB")
        ->check(CLI::Range(1, 1024))
        ->capture_default_str();
    command->add_option("command", options->command, "What to run, after --")->type_name("COMMAND")->required();
    command->footer(R"(
Examples:
  neuronctl trace -- neuronctl run k.nko --in X=x.npy --out Y=y.npy
  neuronctl trace --out job.json -- ./my-program --steps 10)");
    command->callback(
        [line, options] { line.action = [line, options] { return trace_command(line.global, *options); }; });
}

} // namespace neuronctl
