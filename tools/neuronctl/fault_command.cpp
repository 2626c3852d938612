// SPDX-License-Identifier: MIT
// neuronctl fault: what the device is to do wrong, for tests of what stands on it.
#include <cerrno>
#include <cstring>
#include <memory>

#include <fmt/format.h>

#include "commands.hpp"
#include "explain/device_rules.hpp"
#include "explain/readers.hpp"
#include "plan_text.hpp"
#include "system.hpp"
#include "terminal.hpp"

namespace neuronctl {
namespace {

struct Options {
    std::string device;
    std::string plan; ///< text, "@FILE" or "-"
};

constexpr std::string_view FILE_NAME = "fault_plan";
constexpr std::string_view REFUSED = "refused: ";

/** "3@0x40,5@0x80" */
Json occurrences(const std::string &at) {
    Json out = Json::array();
    for (std::size_t begin = 0; at != "-" && begin < at.size();) {
        const std::size_t end = std::min(at.find(',', begin), at.size());
        const std::string one = at.substr(begin, end - begin);
        const std::size_t mark = std::min(one.find('@'), one.size() - 1);
        out.push_back({{"event", sys::number(one.substr(0, mark)).value_or(0)},
                       {"place", sys::number(one.substr(mark + 1)).value_or(0)}});
        begin = end + 1;
    }
    return out;
}

/** "explore seed=17 order doorbells: steps=581 late=1 ... hash=0x..." */
Json explored(const std::string &line) {
    const std::size_t colon = line.find(':');
    const auto what = sys::fields(line.substr(0, colon));
    const auto chosen = sys::fields(colon != std::string::npos ? line.substr(colon + 1) : "");
    Json out = {{"seed", what.contains("seed") ? sys::number(what.at("seed")).value_or(0) : 0}};
    for (const auto &[name, value] : chosen)
        if (name != "hash") // more than a number in JSON can hold everywhere; it is in the text
            out[name] = sys::number(value).value_or(0);
    out["text"] = line;
    return out;
}

/** A report as spec/plan.toml describes it. */
Json report_json(const std::string &address, const std::string &report) {
    Json out = {
        {"address", address}, {"seed", nullptr}, {"rules", Json::array()}, {"refused", nullptr}, {"explore", nullptr}};
    for (const std::string &line : sys::lines(report)) {
        constexpr std::string_view seed = "seed ";
        constexpr std::string_view rule = " rule=";
        constexpr std::string_view explore = "explore ";
        const std::size_t text = line.find(rule);
        if (line.starts_with(REFUSED)) {
            out["refused"] = line.substr(REFUSED.size());
        } else if (line.starts_with(explore)) {
            out["explore"] = explored(line);
        } else if (line.starts_with(seed)) {
            out["seed"] = sys::number(line.substr(seed.size())).value_or(0);
        } else if (text != std::string::npos) {
            auto fields = sys::fields(line.substr(0, text));
            out["rules"].push_back({{"matched", sys::number(fields["matched"]).value_or(0)},
                                    {"made", sys::number(fields["made"]).value_or(0)},
                                    {"first", occurrences(fields["at"])},
                                    {"rule", line.substr(text + rule.size())}});
        }
    }
    return out;
}

std::string report_text(const Json &report) {
    const Json &explore = report["explore"];
    const std::string exploring = explore.is_null() ? "" : explore["text"].get<std::string>() + "\n";
    if (report["rules"].empty())
        return exploring.empty() ? "no fault plan\n" : exploring;
    std::vector<std::vector<std::string>> rows{{"rule", "matched", "made", "first at", ""}};
    int number = 0;
    for (const Json &rule : report["rules"]) {
        std::string at;
        for (const Json &one : rule["first"])
            at += fmt::format("{}{} (0x{:x})", at.empty() ? "" : ", ", one["event"].get<std::uint64_t>(),
                              one["place"].get<std::uint64_t>());
        rows.push_back({std::to_string(++number), std::to_string(rule["matched"].get<std::uint64_t>()),
                        std::to_string(rule["made"].get<std::uint64_t>()), at.empty() ? "-" : at,
                        rule["rule"].get<std::string>()});
    }
    return fmt::format("{}seed {}\n{}", exploring, report["seed"].get<std::uint64_t>(), table(rows, ">>><<"));
}

/** Why a device that has its driver has no ear for plans, and what mends it; nothing if it should have. */
struct Unusable {
    std::string why;
    std::string remedy;
};

std::optional<Unusable> unusable(const std::string &address) {
    const std::string state = sys::read("/sys/bus/pci/devices/" + address + "/device_state").value_or("");
    const auto function = explain::read_function(address);
    if (state == "gone" || state == "wedged")
        return Unusable{fmt::format("the device is {}: the driver has given it up, and lets it reach no memory", state),
                        explain::remedy_text(address, function)};
    // One that sleeps is in any state, and is woken by the question.
    if (!function || state != "ready")
        return std::nullopt;
    if (!function->answers)
        return Unusable{"the configuration space of the device reads as all ones",
                        explain::remedy_text(address, function)};
    const std::string remedy = "'neuronctl reset' mends it";
    if (function->power != 0)
        return Unusable{fmt::format("the function is in D{}, and reaches no memory", function->power), remedy};
    if (!function->memory)
        return Unusable{"memory space of the function is off: its registers cannot be reached", remedy};
    if (!function->bus_master)
        return Unusable{"bus mastering of the function is off: it reaches no memory", remedy};
    return std::nullopt;
}

Failure state_error(const std::string &address, const Unusable &what) {
    return with_hint({Exit::failed, "no_device", fmt::format("{}: {}", address, what.why), {}, {}}, what.remedy);
}

/** What the driver's file says of the plan. The device writes it to memory, which it must reach. */
Outcome<std::string> read_report(const std::string &address) {
    auto report = sys::debugfs(address, FILE_NAME);
    if (report || report.error().code != "io")
        return report;
    const auto what = unusable(address);
    if (!what)
        return report;
    Failure failure = state_error(address, *what);
    failure.message += ", so it cannot give its report";
    failure.hint += "; on the host, QMP's qom-get of the property 'fault-report' has it even so";
    return tl::unexpected(failure);
}

Failure write_error(const std::string &address, const std::string &name, int error) {
    if (error == EINVAL)
        for (const std::string &line : sys::lines(sys::debugfs(address, FILE_NAME).value_or("")))
            if (line.starts_with(REFUSED))
                return usage_error(line.substr(REFUSED.size()));
    if (error == E2BIG)
        return usage_error("fault plan: it is longer than the device takes");
    if (const auto what = unusable(address))
        return state_error(address, *what);
    return {Exit::failed, "io", fmt::format("{}: {}", name, strerrordesc_np(error)), {}, {}};
}

/** No text: no plan. */
Outcome<std::string> write_plan(const Options &options, const std::string &text) {
    const auto address = sys::address_of(options.device);
    if (!address)
        return tl::unexpected(address.error());
    const auto name = sys::debugfs_path(*address, FILE_NAME);
    if (!name)
        return tl::unexpected(name.error());
    // The kernel hands a write of nothing on to nobody.
    if (const int error = sys::write(*name, text + "\n"); error != 0)
        return tl::unexpected(write_error(*address, *name, error));
    return *address;
}

Outcome<void> set(const Global &global, const Options &options) {
    const auto text = plan_text(options.plan);
    if (!text)
        return tl::unexpected(text.error());
    const auto address = write_plan(options, *text);
    if (!address)
        return tl::unexpected(address.error());
    const auto report = read_report(*address);
    if (!report)
        return tl::unexpected(report.error());
    const Json json = report_json(*address, *report);
    print_result(global, "fault set", json,
                 fmt::format("{} {} has a fault plan: {} {}, seed {}{}\n", coloured(Colour::good, "OK:"), *address,
                             json["rules"].size(), json["rules"].size() == 1 ? "rule" : "rules",
                             json["seed"].is_null() ? 0 : json["seed"].get<std::uint64_t>(),
                             json["explore"].is_null() ? "" : ", exploring"));
    return {};
}

Outcome<void> show(const Global &global, const Options &options) {
    const auto address = sys::address_of(options.device);
    if (!address)
        return tl::unexpected(address.error());
    const auto report = read_report(*address);
    if (!report)
        return tl::unexpected(report.error());
    const Json json = report_json(*address, *report);
    print_result(global, "fault show", json, report_text(json));
    return {};
}

Outcome<void> clear(const Global &global, const Options &options) {
    const auto address = write_plan(options, "");
    if (!address)
        return tl::unexpected(address.error());
    Json json = {{"address", *address}};
    std::string text = fmt::format("{} {} has no fault plan\n", coloured(Colour::good, "OK:"), *address);
    // What the plan has done stays.
    if (const auto what = unusable(*address)) {
        json["unusable"] = what->why;
        json["remedy"] = what->remedy;
        text += fmt::format("but {}; {}\n", what->why, what->remedy);
    }
    print_result(global, "fault clear", json, text);
    return {};
}

using Work = Outcome<void> (*)(const Global &, const Options &);

CLI::App *add_verb(CLI::App &group, const CommandLine &line, const char *name, const char *text,
                   const std::shared_ptr<Options> &options, Work work) {
    CLI::App *command = group.add_subcommand(name, text);
    command
        ->add_option("--device", options->device, "accel1, /dev/accel/accel1 or a bus address; default: the only one")
        ->type_name("DEVICE");
    command->callback([=] { line.action = [=] { return work(line.global, *options); }; });
    return command;
}

} // namespace

void add_fault(const CommandLine &line) {
    CLI::App *group = line.app.add_subcommand("fault", "Let a device do wrong what a plan says (root)");
    group->require_subcommand(1);
    const auto setting = std::make_shared<Options>();
    CLI::App *setter =
        add_verb(*group, line, "set", "Give a device a fault plan, instead of the one it has", setting, set);
    setter->add_option("PLAN", setting->plan, "The plan, '@FILE', or '-' for standard input")->default_str("-");
    setting->plan = "-";
    setter->footer(R"(
Examples:
  neuronctl fault set 'irq nth=3: drop'
  neuronctl fault set 'seed 7; dma_write every=100: flip bits=2; packet queue=1 nth=5: hang'
  neuronctl fault set @plan.txt

docs/reference/plan.md has the language. What is no plan is refused with the rule and the word, and the device keeps the
one it has.)");
    add_verb(*group, line, "show", "Show the plan, and what has gone wrong by it", std::make_shared<Options>(), show)
        ->footer(R"(
Examples:
  neuronctl fault show
  neuronctl --json fault show | jq '.rules[] | select(.made > 0) | .rule')");
    add_verb(*group, line, "clear", "Take the plan away", std::make_shared<Options>(), clear)->footer(R"(
Examples:
  neuronctl fault clear

A device that the plan has wedged, or put to sleep, needs a reset besides: that is said.)");
}

} // namespace neuronctl
