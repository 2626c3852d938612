// SPDX-License-Identifier: MIT
// neuronctl explain: why nothing moves.
#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include <fmt/format.h>

#include "commands.hpp"
#include "explain/coredump_file.hpp"
#include "explain/loaded_programs.hpp"
#include "explain/readers.hpp"
#include "explain/remembered.hpp"
#include "explain/rules.hpp"
#include "system.hpp"
#include "terminal.hpp"

namespace neuronctl {
namespace {

struct Options {
    std::string device;
    std::string file;
    std::string kernel;
    std::vector<std::string> definitions;
    std::optional<std::uint64_t> queue;
    std::uint32_t milliseconds = 200;
    bool dump = false;
};

constexpr unsigned looks = 6;

bool has_work(const explain::State &state) {
    return std::ranges::any_of(state.queues, [](const explain::Queue &queue) {
        return queue.registers && queue.registers->head != queue.registers->tail;
    });
}

// In so much time a device that nobody uses would have gone to sleep.
bool should_sleep(const explain::State &state, unsigned milliseconds) {
    return state.power && state.power->active && state.power->allowed && !state.used &&
           milliseconds > state.power->delay_ms;
}

// What moves is seen by looking several times.
Outcome<explain::State> watch(const Options &options) {
    const auto address = sys::address_of(options.device);
    if (!address)
        return tl::unexpected(address.error());
    auto state = explain::read_live(*address);
    if (!state || options.milliseconds == 0 || !(has_work(*state) || should_sleep(*state, options.milliseconds)))
        return state;
    const auto begin = std::chrono::steady_clock::now();
    for (unsigned i = 1; i < looks; ++i) {
        std::this_thread::sleep_until(begin + std::chrono::milliseconds(options.milliseconds) * i / (looks - 1));
        const auto later = explain::read_live(*address);
        if (!later)
            return tl::unexpected(later.error());
        explain::observe(*state, *later);
    }
    const auto span = std::chrono::steady_clock::now() - begin;
    state->span_ms = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(span).count());
    return state;
}

Outcome<explain::State> state_of(const Options &options) {
    if (options.file.empty() && !options.dump) {
        auto state = watch(options);
        // Last of all, for it may wake the device, which then has not slept while it was watched.
        if (state && state->device_state != "unbound")
            explain::read_remembered(*state);
        return state;
    }
    if (!options.device.empty())
        return tl::unexpected(usage_error("--device and a coredump exclude each other"));
    const auto dump = explain::find_coredump(options.file);
    if (!dump)
        return tl::unexpected(dump.error());
    return explain::read_coredump(dump->name, dump->text);
}

Colour colour_of(explain::Health health) {
    switch (health) {
    case explain::Health::failed:
    case explain::Health::stuck: return Colour::bad;
    case explain::Health::waiting: return Colour::warning;
    case explain::Health::busy: return Colour::good;
    case explain::Health::idle: return Colour::faint;
    }
    return Colour::faint;
}

std::string text_of(const std::vector<explain::Finding> &findings) {
    std::string out;
    for (const explain::Finding &finding : findings) {
        out += fmt::format("{}: {}\n", coloured(colour_of(finding.health), explain::name(finding.health)),
                           finding.sentence);
        if (!finding.hint.empty())
            out += fmt::format("  {}\n", finding.hint);
    }
    return out;
}

Outcome<void> run(const Global &global, const Options &options) {
    std::optional<ProgramView> program;
    if (!options.kernel.empty()) {
        auto loaded = ProgramView::load(options.kernel, options.definitions);
        if (!loaded)
            return tl::unexpected(loaded.error());
        program = std::move(*loaded);
    }
    const auto state = state_of(options);
    if (!state)
        return tl::unexpected(state.error());
    const auto loaded = options.file.empty() && !program ? explain::loaded_programs(*state) : explain::Programs();
    std::vector<explain::Finding> findings = explain::explain(*state, program ? &*program : nullptr, loaded);
    if (options.queue) {
        std::erase_if(findings,
                      [&](const explain::Finding &finding) { return finding.queue && finding.queue != options.queue; });
        const auto about = [&](const explain::Finding &finding) { return finding.queue == options.queue; };
        if (std::ranges::none_of(findings, about))
            return tl::unexpected(with_hint(
                {Exit::failed, "not_found", fmt::format("{} has no queue {}", state->device, *options.queue), {}, {}},
                "'neuronctl queue list' shows those there are"));
    }
    Json list = Json::array();
    for (const explain::Finding &finding : findings)
        list.push_back(explain::finding_json(finding));
    Json json = {{"source", state->source},
                 {"device", state->device},
                 {"device_state", state->device_state},
                 {"health", explain::name(findings.front().health)},
                 {"sentence", findings.front().sentence},
                 {"watched_ms", state->span_ms},
                 {"findings", list}};
    if (!state->reason.empty())
        json["reason"] = state->reason;
    print_result(global, "explain", json, text_of(findings));
    return {};
}

} // namespace

void add_explain(const CommandLine &line) {
    const auto options = std::make_shared<Options>();
    CLI::App *command = line.app.add_subcommand("explain", "Say why nothing moves, down to the root cause (root)");
    command
        ->add_option("--device", options->device, "accel1, /dev/accel/accel1 or a bus address; default: the only one")
        ->type_name("DEVICE");
    command->add_flag("--dump", options->dump, "Explain the coredump that the kernel holds, not the device as it is");
    command->add_option("--file", options->file, "Explain a saved coredump")->type_name("FILE");
    command
        ->add_option("--kernel", options->kernel,
                     "What the launches run (.nko or .s), if its process is gone or has not loaded it with libneuron")
        ->type_name("FILE");
    command->add_option("-D,--define", options->definitions, "NAME=VALUE for a .s, as 'asm' takes it")
        ->type_name("NAME=VALUE");
    command->add_option("--queue", options->queue, "Only this hardware queue")
        ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{UINT32_MAX}));
    command
        ->add_option("--watch", options->milliseconds,
                     "Milliseconds to look at what works, to see whether it moves; 0: look once")
        ->check(CLI::Range(0U, 60000U))
        ->capture_default_str();
    command->footer(R"(
Examples:
  neuronctl explain
  neuronctl explain --kernel matmul.s -D M=512
  neuronctl explain --file dump.txt
  neuronctl --json explain | jq -r .sentence

Each line is one finding, the worst first: from a queue, or a process that waits, along what it waits for to the cause.)");
    command->callback([options, line] { line.action = [options, line] { return run(line.global, *options); }; });
}

} // namespace neuronctl
