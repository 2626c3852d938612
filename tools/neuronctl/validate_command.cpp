// SPDX-License-Identifier: MIT
// neuronctl validate
#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "commands.hpp"
#include "device_options.hpp"
#include "interrupt.hpp"
#include "terminal.hpp"
#include "times.hpp"
#include "validate.hpp"

namespace neuronctl {

Outcome<Session> Bench::open(const neuron::QueueOptions &queue_options) const {
    auto context = neuron::Context::create(device);
    if (!context)
        return tl::unexpected(device_error(context.error()));
    auto queue = neuron::Queue::create(*context, queue_options);
    if (!queue)
        return tl::unexpected(device_error(queue.error()));
    return Session{device, std::move(*context), std::move(*queue)};
}

Failure wrong_answer(std::string message) { return {Exit::mismatch, "mismatch", std::move(message), {}, {}}; }

std::span<const SelfTest> self_tests() {
    static const std::vector<SelfTest> all = [] {
        std::vector<SelfTest> out;
        for (const auto tests : {device_tests(), transfer_tests(), engine_tests(), core_tests(), queue_tests(),
                                 pair_tests(), failure_tests(), recovery_tests()})
            out.insert(out.end(), tests.begin(), tests.end());
        return out;
    }();
    return all;
}

namespace {

struct Options {
    DeviceChoice device;
    std::vector<std::string> names;
    bool list = false;
};

struct Result {
    const SelfTest *test = nullptr;
    Outcome<Findings> findings;
    std::chrono::nanoseconds time{};
};

std::string figure_text(const Figure &figure) {
    std::string value = fmt::format("{:.0f}", figure.value);
    if (figure.unit == "ns")
        value = time_text(static_cast<std::uint64_t>(figure.value));
    else if (figure.unit == "B/s")
        value = rate_text(figure.value);
    else if (figure.unit == "B")
        value = bytes_text(static_cast<std::uint64_t>(figure.value));
    else if (figure.unit == "1/s")
        value += "/s";
    return fmt::format("{} {}", figure.name, value);
}

std::string_view verdict(const Result &result) {
    if (!result.findings)
        return "FAIL";
    return result.findings->skipped.empty() ? "pass" : "skip";
}

std::string line(const Result &result) {
    const std::string_view word = verdict(result);
    const Colour colour = word == "pass" ? Colour::good : word == "skip" ? Colour::warning : Colour::bad;
    std::string more;
    if (!result.findings)
        more = result.findings.error().message;
    else if (!result.findings->skipped.empty())
        more = result.findings->skipped;
    else
        for (const Figure &figure : result.findings->figures)
            more += (more.empty() ? "" : ", ") + figure_text(figure);
    return fmt::format("{}  {:<13}{:>10}  {}\n", coloured(colour, word), result.test->name,
                       time_text(static_cast<std::uint64_t>(result.time.count())), more);
}

Json result_json(const Result &result) {
    std::string word(verdict(result));
    std::ranges::transform(word, word.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    Json out = {
        {"name", result.test->name}, {"description", result.test->text}, {"result", word}, {"ns", result.time.count()}};
    if (!result.findings)
        out["reason"] = result.findings.error().message;
    else if (!result.findings->skipped.empty())
        out["reason"] = result.findings->skipped;
    Json figures = Json::array();
    if (result.findings)
        for (const Figure &figure : result.findings->figures)
            figures.push_back({{"name", figure.name}, {"value", figure.value}, {"unit", figure.unit}});
    out["figures"] = std::move(figures);
    return out;
}

Outcome<void> list_tests(const Global &global) {
    Json list = Json::array();
    std::vector<std::vector<std::string>> rows;
    for (const SelfTest &test : self_tests()) {
        list.push_back({{"name", test.name}, {"description", test.text}});
        rows.push_back({std::string(test.name), std::string(test.text)});
    }
    print_result(global, "validate", {{"tests", list}}, table(rows, "<<"));
    return {};
}

Outcome<void> summary(const Global &global, const Bench &bench, const std::vector<Result> &results) {
    Json list = Json::array();
    std::size_t counts[3] = {};
    std::string failed;
    for (const Result &result : results) {
        const std::string_view word = verdict(result);
        ++counts[word == "pass" ? 0 : word == "skip" ? 1 : 2];
        if (word == "FAIL")
            failed += (failed.empty() ? "" : ", ") + std::string(result.test->name);
        list.push_back(result_json(result));
    }
    const Json json = {{"device", device_json(bench.info())},
                       {"tests", list},
                       {"passed", counts[0]},
                       {"skipped", counts[1]},
                       {"failed", counts[2]}};
    if (failed.empty()) {
        print_result(global, "validate", json,
                     fmt::format("{} {} passed, {} skipped on {}\n", coloured(Colour::good, "OK:"), counts[0],
                                 counts[1], device_line(bench.info())));
        return {};
    }
    Failure failure = wrong_answer(fmt::format("{} of {} self tests failed: {}", counts[2], results.size(), failed));
    failure.body = json;
    return tl::unexpected(std::move(failure));
}

Outcome<void> validate(const Global &global, const Options &options) {
    if (options.list)
        return list_tests(global);
    const auto device_options = options.device.working();
    if (!device_options)
        return tl::unexpected(device_options.error());
    auto device = DeviceChoice::open(*device_options);
    if (!device)
        return tl::unexpected(device.error());
    const Bench bench{*device_options, std::move(*device)};
    std::vector<Result> results;
    Progress progress("validate: test", options.names.empty() ? self_tests().size() : options.names.size());
    for (const SelfTest &test : self_tests()) {
        if (!options.names.empty() && std::ranges::find(options.names, test.name) == options.names.end())
            continue;
        progress.show(results.size() + 1, test.name);
        const auto start = std::chrono::steady_clock::now();
        auto findings = test.run(bench);
        if (interrupted())
            return tl::unexpected(interruption());
        results.push_back({&test, std::move(findings), std::chrono::steady_clock::now() - start});
        if (!global.json) {
            fmt::print("{}", line(results.back()));
            std::fflush(stdout);
        }
    }
    return summary(global, bench, results);
}

} // namespace

void add_validate(const CommandLine &line) {
    const auto options = std::make_shared<Options>();
    CLI::App *command =
        line.app.add_subcommand("validate", "Test every block of the device, and measure it on the way");
    std::string names;
    for (const SelfTest &test : self_tests())
        names += (names.empty() ? "" : ",") + std::string(test.name);
    command->add_option("TEST", options->names, "Only these tests; default: all")
        ->check(CLI::IsMember(CLI::detail::split(names, ',')))
        ->type_name("{" + names + "}");
    command->add_flag("--list", options->list, "List the tests, and do nothing");
    options->device.add_to(*command);
    command->footer(R"(
Examples:
  neuronctl validate                             all tests, on the first usable device
  neuronctl validate pe dma-hbm                  these
  neuronctl validate --backend sim --sim-profile inf2
  neuronctl --json validate | jq '.tests[] | {name, figures}'

Each test has a context of its own, and leaves nothing behind. A test that cannot be tried here is skipped, and says
why. One that fails does not end the others; the exit code is 3 then. 'reset' needs root, and is not tried while other
processes have the device open.)");
    command->callback([options, line] { line.action = [options, line] { return validate(line.global, *options); }; });
}

} // namespace neuronctl
