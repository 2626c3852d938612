// SPDX-License-Identifier: MIT
// neuronctl replay
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>

#include <fmt/format.h>
#include <unistd.h>

#include <neuron/spec.hpp>
#include <neuron_chip.h>

#include "../support/files.hpp"
#include "commands.hpp"
#include "decode.hpp"
#include "interrupt.hpp"

namespace neuronctl {
namespace {

namespace spec = neuron::spec;

struct Options {
    std::string file;
    std::uint64_t until = 0;
    std::uint64_t until_step = 0;
    std::uint64_t last = 0;
    bool list = false;
    bool sanitize = false;
    bool gdb = false;
};

/** The packet of an event that has one; null for others. */
Json packet_of(const neuron_chip_tape_event &event) {
    if (event.kind != spec::raw(spec::TapeKind::PACKET) || event.bytes != spec::PACKET_BYTES)
        return {};
    return packet_json(
        std::span<const std::byte, spec::PACKET_BYTES>(static_cast<const std::byte *>(event.data), spec::PACKET_BYTES));
}

/** "queue 0: DMA write to 0x1000 (64 bytes): 01 02 ...", without what there is not. */
std::string event_text(const neuron_chip_tape_event &event, const Json &packet) {
    const std::string text = packet.is_null() ? event.text : packet_text(packet);
    return fmt::format("{}{}{}{}{}", event.by, *event.by != 0 ? ": " : "", event.what, text.empty() ? "" : ": ", text);
}

/** What the chip says while it replays, and what it holds when that is over. */
class Listener {
public:
    Listener(const Options &options, bool json) : options_(options), json_(json) {}

    neuron_chip_replay_options chip_options() {
        neuron_chip_replay_options out{};
        out.size = sizeof out;
        out.list = options_.list;
        out.until_event = options_.until;
        out.until_step = options_.until_step;
        out.sanitizer = options_.sanitize;
        out.opaque = this;
        out.event = [](void *self, const neuron_chip_tape_event *event) {
            static_cast<Listener *>(self)->event(*event);
        };
        out.stopped = [](void *self, neuron_chip *chip) { static_cast<Listener *>(self)->stopped(chip); };
        out.go_on = [](void *) { return !interrupted(); };
        return out;
    }

    const Json &events() const { return events_; }
    const Json &reports() const { return reports_; }
    /** The last events, a line each. */
    const std::vector<std::string> &lines() const { return lines_; }

private:
    void event(const neuron_chip_tape_event &event) {
        if (!options_.list && options_.last == 0)
            return;
        const Json packet = packet_of(event);
        std::string line = fmt::format("{:>7} step {:>7}  {}", event.index, event.step, event_text(event, packet));
        if (options_.list && !json_) {
            fmt::print("{}\n", line);
            return;
        }
        if (options_.list) {
            Json one = {{"event", event.index},
                        {"step", event.step},
                        {"kind", spec::name(static_cast<spec::TapeKind>(event.kind))},
                        {"addr", event.addr},
                        {"value", event.value},
                        {"bytes", event.bytes},
                        {"what", event.what},
                        {"by", event.by},
                        {"text", event.text}};
            if (!packet.is_null())
                one["packet"] = packet;
            events_.push_back(std::move(one));
            return;
        }
        if (lines_.size() == options_.last)
            lines_.erase(lines_.begin());
        lines_.push_back(std::move(line));
    }

    void stopped(neuron_chip *chip) {
        std::array<std::byte, spec::SanitizerReport::BYTES> raw;
        std::array<char, spec::REPORT_TEXT> text{};
        for (std::uint64_t first = 0; neuron_chip_read_reports(chip, &first, raw.data(), raw.size()) != 0;) {
            neuron_chip_report_text(chip, first - 1, text.data(), text.size());
            reports_.push_back(text.data());
        }
    }

    const Options &options_;
    const bool json_;
    Json events_ = Json::array();
    Json reports_ = Json::array();
    std::vector<std::string> lines_;
};

std::string counts_text(const neuron_chip_replay_result &result) {
    return fmt::format("{} events, {} steps, {} accesses, {} DMA reads, {} DMA writes, {} interrupts", result.events,
                       result.steps, result.accesses, result.dma_reads, result.dma_writes, result.interrupts);
}

Json counts_json(const Options &options, const neuron_chip_replay_result &result, const Listener &listener) {
    Json out = {
        {"file", options.file},          {"complete", result.complete},     {"contract", version_text(result.contract)},
        {"events", result.events},       {"steps", result.steps},           {"accesses", result.accesses},
        {"dma_reads", result.dma_reads}, {"dma_writes", result.dma_writes}, {"interrupts", result.interrupts},
        {"patches", result.patches},     {"reports", listener.reports()}};
    if (options.list)
        out["list"] = listener.events();
    return out;
}

// Whether it has come to where it was to stop; without such a place it has.
bool came_there(const Options &options, const neuron_chip_replay_result &result) {
    return result.events >= options.until && result.steps >= options.until_step;
}

std::string verdict(const Options &options, const neuron_chip_replay_result &result) {
    const char *what = options.list ? "" : ": same results bit for bit";
    if (result.complete)
        return fmt::format("{}{}", counts_text(result), what);
    const bool stopped = options.until != 0 || options.until_step != 0;
    return fmt::format("{}{}; {}", counts_text(result), what,
                       stopped ? "stopped as asked"
                               : "the tape was cut off there: whoever recorded it did not end well");
}

Failure too_short(const Options &options, const neuron_chip_replay_result &result) {
    const std::string asked = options.until != 0 ? fmt::format("--until {}", options.until)
                                                 : fmt::format("--until-step {}", options.until_step);
    return with_hint(
        usage_error(fmt::format("{}: {}: the tape {} before, after {} events and {} steps", options.file, asked,
                                result.complete ? "ends" : "was cut off", result.events, result.steps)),
        "--list shows what is on it");
}

// What a job did wrong is a difference to what it should have done, so a tape is a test of that, too.
Failure reported(std::size_t count, Json body) {
    return {.exit = Exit::mismatch,
            .code = "mismatch",
            .message = fmt::format("the sanitizer has {} report{}", count, count == 1 ? "" : "s"),
            .body = std::move(body)};
}

Failure failure_of(const Options &options, int error, const std::string &message, const Listener &listener) {
    std::string text;
    for (const std::string &line : listener.lines())
        text += line + "\n";
    const std::string line = fmt::format("{}: {}", options.file, message);
    if (error == ESTALE)
        return {Exit::mismatch, "mismatch", line, {}, text.empty() ? "" : text + line};
    const bool version = error == ENOTSUP;
    return {Exit::usage, version ? "version_mismatch" : "invalid_argument", line, {}, {}};
}

// Becomes gdb, which runs this command again and stops where it should: once, since what comes later is there as well.
Outcome<void> debug(const Options &options) {
    const std::string place =
        options.until != 0        ? fmt::format("tbreak neuron_chip_tape_at if event >= {}", options.until)
        : options.until_step != 0 ? fmt::format("tbreak neuron_chip_tape_at if step >= {}", options.until_step)
                                  : "break neuron_chip_tape_stop";
    std::vector<std::string> words = {
        "gdb",    "-ex",       "set breakpoint pending on", "-ex", place, "-ex", "run", "--args", "/proc/self/exe",
        "replay", options.file};
    std::array<char, 4096> self{};
    if (const ssize_t size = readlink("/proc/self/exe", self.data(), self.size() - 1); size > 0)
        words[8] = self.data();
    if (options.sanitize)
        words.emplace_back("--sanitize");
    std::vector<char *> argv;
    for (std::string &word : words)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    execvp("gdb", argv.data());
    return tl::unexpected(Failure{Exit::failed, "not_found", fmt::format("gdb: {}", std::strerror(errno)), {}, {}});
}

Outcome<void> replay(const Global &global, const Options &options) {
    const auto tape = neuron::support::read_file(options.file);
    if (!tape)
        return tl::unexpected(input_error(tape.error()));
    if (options.gdb)
        return debug(options);
    Listener listener(options, global.json);
    const auto chip_options = listener.chip_options();
    neuron_chip_replay_result result{};
    result.size = sizeof result;
    std::array<char, 1024> message{};
    const int error =
        -neuron_chip_replay(tape->data(), tape->size(), &chip_options, &result, message.data(), message.size());
    if (error == EINTR)
        return tl::unexpected(interruption());
    if (error != 0)
        return tl::unexpected(failure_of(options, error, message.data(), listener));
    if (!came_there(options, result))
        return tl::unexpected(too_short(options, result));
    std::string text;
    for (const std::string &line : listener.lines())
        text += line + "\n";
    for (const Json &report : listener.reports())
        text += "sanitizer: " + report.get<std::string>() + "\n";
    const Json json = counts_json(options, result, listener);
    if (const std::size_t count = listener.reports().size(); count != 0) {
        if (!global.json)
            fmt::print("{}{}\n", text, verdict(options, result));
        return tl::unexpected(reported(count, json));
    }
    print_result(global, "replay", json, text + "OK: " + verdict(options, result) + "\n");
    return {};
}

} // namespace

void add_replay(const CommandLine &line) {
    const auto options = std::make_shared<Options>();
    CLI::App *command =
        line.app.add_subcommand("replay", "Replay what a chip has seen, without the guest, and compare what it does");
    command->add_option("FILE", options->file, "Tape: of run --record, NEURON_RECORD or QEMU's property 'record'")
        ->type_name("FILE")
        ->required();
    // CLI11 takes a negative number for a large one; a smaller limit refuses it.
    CLI::Option *until = command->add_option("--until", options->until, "Stop before this event")
                             ->type_name("EVENT")
                             ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{INT64_MAX}));
    command->add_option("--until-step", options->until_step, "Stop when the chip has taken so many steps")
        ->type_name("STEP")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{INT64_MAX}))
        ->excludes(until);
    CLI::Option *last = command->add_option("--last", options->last, "Print the last so many events that were played")
                            ->type_name("COUNT")
                            ->check(CLI::Range(1U, 100000U));
    CLI::Option *sanitize = command->add_flag(
        "--sanitize", options->sanitize, "Replay with the sanitizer: it looks at a tape that was made without, too");
    CLI::Option *gdb =
        command->add_flag("--gdb", options->gdb, "Replay in gdb, and break where it stops or is to stop");
    command->add_flag("--list", options->list, "Only print the events")
        ->excludes(gdb)
        ->excludes(sanitize)
        ->excludes(last);
    command->footer(R"(
Examples:
  neuronctl run --backend sim --record job.tape k.nko --in X=x.npy
  neuronctl replay job.tape
  neuronctl replay job.tape --list
  neuronctl replay job.tape --last 20 --sanitize
  neuronctl replay job.tape --until 1042 --gdb

The exit code is 3 if the chip does something else than the tape says: the error names the event. So it is if the
sanitizer reports something: that of --sanitize, or of a chip that was recorded with one. A tape that was cut
off, because whoever recorded it crashed, is replayed as far as it goes, and the chip then runs on.)");
    command->callback([options, line] { line.action = [options, line] { return replay(line.global, *options); }; });
}

} // namespace neuronctl
