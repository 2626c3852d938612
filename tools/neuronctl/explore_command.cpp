// SPDX-License-Identifier: MIT
// neuronctl explore: runs a program again and again, each time with a chip that chooses otherwise what the contract leaves open.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <list>
#include <memory>
#include <optional>
#include <thread>

#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "commands.hpp"
#include "explore/child.hpp"
#include "interrupt.hpp"
#include "system.hpp"
#include "terminal.hpp"

namespace neuronctl {
namespace {

using explore::Child;
using explore::End;

struct Options {
    std::string seeds = "100";
    std::string device;
    double timeout_s = 60;
    unsigned jobs = 1;
    bool keep_going = false;
    bool sanitize = false;
    std::string record;
    std::vector<std::string> command;
};

struct Seeds {
    std::uint64_t first = 1, last = 0;
};

constexpr std::string_view plan_file = "fault_plan";
constexpr std::string_view report_line = "sanitizer: ";

/** "N": 1 to N. "A..B". */
Outcome<Seeds> seeds_of(const std::string &text) {
    const std::size_t dots = text.find("..");
    const auto first = dots == std::string::npos ? std::optional<std::uint64_t>(1) : sys::number(text.substr(0, dots));
    const auto last = sys::number(dots == std::string::npos ? text : text.substr(dots + 2));
    if (!first || !last || *first > *last || *last == UINT64_MAX)
        return tl::unexpected(usage_error(fmt::format("--seeds {}: is N or A..B, with at least one seed", text)));
    return Seeds{*first, *last};
}

/** As a shell would take it. */
std::string quoted(const std::string &word) {
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%^";
    if (!word.empty() && word.find_first_not_of(plain) == std::string::npos)
        return word;
    std::string out = "'";
    for (const char c : word)
        out += c == '\'' ? "'\\''" : std::string(1, c);
    return out + "'";
}

std::string replay_of(const Options &options, std::uint64_t seed) {
    std::string out = options.sanitize ? "NEURON_SANITIZER=1 " : "";
    out += options.device.empty()
               ? fmt::format("NEURON_EXPLORE={}", seed)
               : fmt::format("neuronctl explore --device {} --seeds {}..{} --", quoted(options.device), seed, seed);
    for (const std::string &word : options.command)
        out += " " + quoted(word);
    return out;
}

/** Where the tape of a seed's first chip goes. */
std::string tape_of(const Options &options, std::uint64_t seed) {
    return fmt::format("{}/seed-{}.tape", options.record, seed);
}

/** Those of all chips of a run; ".1" is the second one's. A device's is that of all runs, and is where guest/run says. */
std::vector<std::string> tapes_of(const Options &options, std::uint64_t seed) {
    std::vector<std::string> out;
    if (const char *const tape = std::getenv("NEURON_TAPE"); tape != nullptr && !options.device.empty())
        return {tape};
    if (options.record.empty())
        return out;
    const std::string first = tape_of(options, seed);
    for (std::string path = first; ::access(path.c_str(), F_OK) == 0; path = fmt::format("{}.{}", first, out.size()))
        out.push_back(path);
    return out;
}

std::string last_line(const std::string &text) {
    const auto lines = sys::lines(text);
    const auto last = std::find_if(lines.rbegin(), lines.rend(), [](const std::string &line) {
        return line.find_first_not_of(" \t\r") != std::string::npos;
    });
    return last != lines.rend() ? *last : std::string();
}

/** What a run has shown. */
struct Judged {
    std::string outcome; ///< empty: nothing is wrong
    std::string line{};  ///< what it said of that
};

Judged judge(const End &end, const Options &options) {
    const std::string said = last_line(end.err).empty() ? last_line(end.out) : last_line(end.err);
    if (end.kind == End::Kind::timed_out)
        return {fmt::format("no end after {} s", options.timeout_s), said};
    if (end.kind == End::Kind::killed)
        return {fmt::format("signal {} ({})", end.number, strsignal(end.number)), said};
    if (end.number != 0)
        return {fmt::format("exit status {}", end.number), said};
    std::uint64_t reports = 0;
    std::string first;
    for (const std::string &line : sys::lines(end.err))
        if (line.starts_with(report_line) && reports++ == 0)
            first = line;
    if (options.sanitize && reports != 0)
        return {fmt::format("{} {} of the sanitizer", reports, reports == 1 ? "report" : "reports"), first};
    return {};
}

/** What a chip is told to explore, and whether it has. */
class Target {
public:
    explicit Target(const Options &options) : options_(options) {}
    ~Target() {
        if (set_)
            (void)sys::write(plan_path_, "\n");
    }

    Outcome<void> open() {
        if (options_.device.empty())
            return {};
        const auto address = sys::address_of(options_.device);
        if (!address)
            return tl::unexpected(address.error());
        const auto path = sys::debugfs_path(*address, plan_file);
        if (!path)
            return tl::unexpected(path.error());
        address_ = *address;
        plan_path_ = *path;
        return {};
    }

    Outcome<void> set_seed(std::uint64_t seed) {
        if (options_.device.empty())
            return {};
        const int error = sys::write(plan_path_, fmt::format("explore seed={}\n", seed));
        set_ = error == 0;
        if (set_) {
            fresh_ = settled();
            return {};
        }
        if (error == EINVAL)
            return tl::unexpected(with_hint(usage_error(fmt::format("{}: the device cannot explore", address_)),
                                            "it must be in stepped mode: guest/run --device neuron,stepped=on"));
        return tl::unexpected(
            Failure{.code = "io", .message = fmt::format("{}: {}", plan_path_, std::strerror(error))});
    }

    /** Whether the device has taken a step or chosen anything since set_seed(): to take a plan costs steps, too. */
    bool has_explored() const { return !fresh_ || sys::read(plan_path_) != fresh_; }

    /** For one run of a program of its own. */
    std::vector<std::string> variables(std::uint64_t seed, const neuron::Fd &report) const {
        std::vector<std::string> out;
        if (options_.device.empty()) {
            out.push_back(fmt::format("NEURON_EXPLORE={}", seed));
            out.push_back(fmt::format("NEURON_EXPLORE_REPORT=/proc/{}/fd/{}", ::getpid(), report.get()));
            if (!options_.record.empty())
                out.push_back("NEURON_RECORD=" + tape_of(options_, seed));
        }
        if (options_.sanitize)
            out.emplace_back("NEURON_SANITIZER=1");
        return out;
    }

private:
    /** What the device says of the seed when the steps are done that taking it up costs. */
    std::optional<std::string> settled() const {
        constexpr int looks = 20;
        auto before = sys::read(plan_path_);
        for (int i = 0; i < looks; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            auto now = sys::read(plan_path_);
            if (now == before)
                break;
            before = std::move(now);
        }
        return before;
    }

    const Options &options_;
    std::string address_;
    std::string plan_path_;
    std::optional<std::string> fresh_; ///< What the device says of the seed before the run.
    bool set_ = false;
};

struct Run {
    std::uint64_t seed;
    neuron::Fd report; ///< a line of each chip that has explored
    Child child;
};

class Search {
public:
    Search(const Global &global, const Options &options, Seeds seeds)
        : global_(global), options_(options), seeds_(seeds), target_(options) {}

    Outcome<void> run() {
        if (auto opened = target_.open(); !opened)
            return opened;
        for (std::uint64_t next = seeds_.first; next <= seeds_.last || !runs_.empty();) {
            while (next <= seeds_.last && runs_.size() < options_.jobs && !enough())
                if (auto started = start(next++); !started)
                    return started;
            if (enough())
                next = seeds_.last + 1;
            if (runs_.empty())
                break;
            wait();
            if (interrupted())
                return tl::unexpected(interruption());
            if (auto collected = collect(); !collected)
                return collected;
        }
        return result();
    }

private:
    bool enough() const { return !options_.keep_going && !failed_.empty(); }

    Outcome<void> start(std::uint64_t seed) {
        if (auto set = target_.set_seed(seed); !set)
            return set;
        neuron::Fd report(::memfd_create("report", MFD_CLOEXEC));
        const auto limit =
            std::chrono::duration_cast<Child::Clock::duration>(std::chrono::duration<double>(options_.timeout_s));
        auto child = Child::start(options_.command, target_.variables(seed, report), Child::Clock::now() + limit);
        if (!child)
            return tl::unexpected(child.error());
        runs_.push_back({seed, std::move(report), std::move(*child)});
        return {};
    }

    /** Until one has ended, or has to, or somebody presses Ctrl-C. */
    void wait() {
        std::vector<pollfd> files;
        auto until = Child::Clock::now() + interrupt_glance;
        for (const Run &run : runs_) {
            files.push_back({run.child.pidfd(), POLLIN, 0});
            until = std::min<Child::Clock::time_point>(until, run.child.deadline());
        }
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(until - Child::Clock::now()).count() + 1;
        (void)::poll(files.data(), files.size(), static_cast<int>(std::max<std::int64_t>(left, 0)));
    }

    Outcome<void> collect() {
        for (auto run = runs_.begin(); run != runs_.end();) {
            const auto end = run->child.poll();
            if (!end) {
                ++run;
                continue;
            }
            const Judged judged = judge(*end, options_);
            if (!has_explored(*run))
                return tl::unexpected(idle(judged));
            ++explored_;
            if (!judged.outcome.empty())
                report(run->seed, judged);
            else if (options_.device.empty())
                for (const std::string &tape : tapes_of(options_, run->seed))
                    (void)::unlink(tape.c_str());
            run = runs_.erase(run);
        }
        return {};
    }

    /** Whether there was a chip: what the program does without one is the same for each seed. */
    bool has_explored(const Run &run) const {
        return options_.device.empty() ? ::lseek(run.report.get(), 0, SEEK_END) != 0 : target_.has_explored();
    }

    Failure idle(const Judged &judged) const {
        const std::string end = judged.outcome.empty() ? ""
                                : judged.line.empty()  ? fmt::format(" ({})", judged.outcome)
                                                       : fmt::format(" ({}: {})", judged.outcome, judged.line);
        if (options_.device.empty())
            return with_hint(
                usage_error(fmt::format("{}: has made no chip that could explore{}", options_.command[0], end)),
                "let it use the backend sim, or name a device with --device");
        return with_hint(usage_error(fmt::format("{}: the program did not use the device {}{}", options_.command[0],
                                                 options_.device, end)),
                         "let it use the backend accel and this device; an in-process chip explores without --device");
    }

    void report(std::uint64_t seed, const Judged &judged) {
        const std::string replay = replay_of(options_, seed);
        const std::vector<std::string> tapes = tapes_of(options_, seed);
        failed_.push_back(
            {{"seed", seed}, {"outcome", judged.outcome}, {"line", judged.line}, {"replay", replay}, {"tapes", tapes}});
        if (global_.json)
            return;
        std::cout << fmt::format("{} {}: {}{}{}\n  again: {}\n", coloured(Colour::bad, "seed"), seed, judged.outcome,
                                 judged.line.empty() ? "" : ": ", judged.line, replay);
        for (const std::string &tape : tapes)
            std::cout << fmt::format("  what the chip saw: neuronctl replay {}\n", quoted(tape));
        std::cout << std::flush;
    }

    Outcome<void> result() const {
        const Json json = {{"seeds", explored_}, {"failed", failed_.size()}, {"failures", failed_}};
        const std::string text =
            fmt::format("explored {} {}, {} failed", explored_, explored_ == 1 ? "seed" : "seeds", failed_.size());
        if (!failed_.empty())
            return tl::unexpected(
                Failure{.exit = Exit::mismatch, .code = "mismatch", .message = text, .body = {{"explore", json}}});
        print_result(global_, "explore", {{"explore", json}},
                     fmt::format("{} {}\n", coloured(Colour::good, "OK:"), text));
        return {};
    }

    const Global &global_;
    const Options &options_;
    const Seeds seeds_;
    Target target_;
    std::list<Run> runs_;
    std::uint64_t explored_ = 0;
    Json failed_ = Json::array();
};

/** If it is not there: one level, since a longer path is more likely a mistake. @return 0 or errno */
int make_folder(const std::string &folder) {
    if (folder.empty())
        return 0;
    if (::mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST)
        return errno;
    return ::access((folder + "/.").c_str(), W_OK) != 0 ? errno : 0;
}

Outcome<void> explore_command(const Global &global, const Options &options) {
    const auto seeds = seeds_of(options.seeds);
    if (!seeds)
        return tl::unexpected(seeds.error());
    if (!options.device.empty() && options.jobs != 1)
        return tl::unexpected(usage_error("--jobs: a device explores with one seed at a time"));
    if (!options.device.empty() && options.sanitize)
        return tl::unexpected(usage_error(
            "--sanitize: the sanitizer of a device is its property, as in guest/run --device neuron,sanitizer=on"));
    if (!options.device.empty() && !options.record.empty())
        return tl::unexpected(
            usage_error("--record: the tape of a device is its property 'record', as in guest/run --record FILE"));
    if (const int error = make_folder(options.record); error != 0)
        return tl::unexpected(usage_error(fmt::format("--record {}: {}", options.record, std::strerror(error))));
    catch_interrupts();
    return Search(global, options, *seeds).run();
}

} // namespace

void add_explore(const CommandLine &line) {
    const auto options = std::make_shared<Options>();
    CLI::App *command = line.app.add_subcommand(
        "explore",
        "Run a program with many seeds, of which each lets the chip choose otherwise what the contract leaves open");
    command->add_option("--seeds", options->seeds, "N: from 1 to N; or A..B")
        ->type_name("N|A..B")
        ->capture_default_str();
    command->add_flag("--keep-going", options->keep_going, "Go on after a seed that has failed");
    command->add_option("--timeout", options->timeout_s, "For each run; one that does not end has failed")
        ->type_name("S")
        ->check(CLI::Range(0.001, 86400.0))
        ->capture_default_str();
    command->add_option("--jobs", options->jobs, "Runs at a time")
        ->type_name("N")
        ->check(CLI::Range(1, 256))
        ->capture_default_str();
    command->add_flag("--sanitize", options->sanitize, "With the sanitizer; its reports count as failures");
    command
        ->add_option("--record", options->record,
                     "Keep the tapes of the runs that fail in this folder, which is made, for replay")
        ->type_name("FOLDER");
    command
        ->add_option("--device", options->device,
                     "Let this device explore, which must be in stepped mode, and not the chip of the program (root)")
        ->type_name("DEVICE");
    command->add_option("command", options->command, "The program, after --")->type_name("PROGRAM")->required();
    command->footer(R"(
Examples:
  neuronctl explore -- ./my-program --backend sim
  neuronctl explore --seeds 1..1000 --jobs 4 --keep-going -- ./my-program --backend sim
  NEURON_EXPLORE=17 ./my-program --backend sim              one of them again, e.g. under gdb
  neuronctl explore --record tapes -- ./my-program --backend sim
  neuronctl explore --device accel0 --seeds 20 -- ./my-program

A run has failed if the program ends with another status than 0, dies by a signal, or does not end in time. A program that
makes no chip, or does not use the device, is an error, however it ends. The program's output is not shown; of a run that has
failed, the last line is. docs/debugging.md has an example.)");
    command->callback(
        [line, options] { line.action = [line, options] { return explore_command(line.global, *options); }; });
}

} // namespace neuronctl
