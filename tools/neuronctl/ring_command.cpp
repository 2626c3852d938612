// SPDX-License-Identifier: MIT
// neuronctl ring: packets of queues, from the driver's debugfs or from a coredump. Both have the same sections.
#include <algorithm>
#include <cstring>
#include <memory>

#include <fmt/format.h>

#include <neuron/command_list.hpp>

#include "../support/files.hpp"
#include "commands.hpp"
#include "decode.hpp"
#include "explain/coredump_file.hpp"
#include "system.hpp"

namespace neuronctl {
namespace {

struct Options {
    std::string device;
    std::string file;
    std::optional<std::uint32_t> queue;
    bool live = false;
};

using Source = explain::DumpText;

constexpr std::string_view dump_magic = "neuron_accel coredump ";
constexpr std::string_view live_magic = "neuron_accel rings ";

Outcome<Source> saved(const std::string &file) {
    const auto bytes = neuron::support::read_file(file);
    if (!bytes)
        return tl::unexpected(input_error(bytes.error()));
    std::string text(reinterpret_cast<const char *>(bytes->data()), bytes->size());
    if (!text.starts_with(dump_magic) && !text.starts_with(live_magic))
        return tl::unexpected(
            usage_error(fmt::format("{}: not a coredump of neuron_accel, nor its rings of debugfs", file)));
    return Source{file, std::move(text)};
}

Outcome<Source> live(const std::string &device) {
    const auto address = sys::address_of(device);
    if (!address)
        return tl::unexpected(address.error());
    const auto name = sys::debugfs_path(*address, "rings");
    if (!name)
        return tl::unexpected(name.error());
    auto text = sys::debugfs(*address, "rings");
    if (!text)
        return tl::unexpected(text.error());
    return Source{*name, std::move(*text)};
}

Outcome<Source> find(const Options &options) {
    if (!options.live && !options.device.empty())
        return tl::unexpected(usage_error("--device is for --live: a coredump says itself whose it is"));
    if (options.live && !options.file.empty())
        return tl::unexpected(usage_error("--live and --file: one of the two"));
    return options.live            ? live(options.device)
           : !options.file.empty() ? saved(options.file)
                                   : explain::kernel_coredump(", --live the queues as they are now");
}

/** Takes the sections of queues out of a text. */
class Rings {
public:
    explicit Rings(const Source &source, std::optional<std::uint32_t> only) : only_(only) {
        for (const std::string &line : sys::lines(source.text))
            take(line);
    }

    const std::string &reason() const { return reason_; }
    const std::string &text() const { return text_; }
    const Json &queues() const { return queues_; }

private:
    void take(const std::string &line) {
        const std::size_t colon = line.find(": ");
        const std::string key = line.substr(0, colon);
        const std::string value = colon == std::string::npos ? "" : line.substr(colon + 2);
        if (line.starts_with("reason: "))
            reason_ = value;
        else if (line.starts_with("[queue "))
            begin(sys::number(line.substr(7, line.size() - 8)).value_or(0));
        else if (line.starts_with('['))
            inside_ = false;
        else if (!inside_)
            return;
        else if (line.starts_with("packet "))
            packet(line);
        else if (line.starts_with("job "))
            text_ += fmt::format("  {}\n", line);
        else if (key == "HEAD")
            head_ = sys::number(value).value_or(0);
        else if (key == "state") {
            queues_.back()["state"] = value;
            text_ += fmt::format("queue {}: {}\n", queues_.back()["queue"].dump(), value);
        } else if (key == "ring") {
            queues_.back()["ring"] = value;
            text_ += fmt::format("  {}\n", line);
        }
    }

    void begin(std::uint64_t queue) {
        inside_ = !only_ || *only_ == queue;
        if (inside_)
            queues_.push_back({{"queue", queue}, {"state", ""}, {"packets", Json::array()}});
    }

    void packet(const std::string &line) {
        const auto found = packet_line(line);
        if (!found)
            return;
        const bool current = found->index == head_;
        queues_.back()["packets"].push_back({{"index", found->index}, {"current", current}, {"packet", found->fields}});
        text_ += fmt::format("{} {:>6}  {}\n", current ? "  >" : "   ", found->index, found->text);
    }

    std::optional<std::uint32_t> only_;
    std::string reason_ = "as they are now";
    std::string text_;
    Json queues_ = Json::array();
    bool inside_ = false;
    std::uint64_t head_ = 0;
};

Failure no_queue(const Options &options, const Source &source) {
    if (!options.live)
        return usage_error(fmt::format("{} has no queue {}", source.name, *options.queue));
    return with_hint({Exit::failed,
                      "not_found",
                      fmt::format("{} has no queue {} at the moment", source.name, *options.queue),
                      {},
                      {}},
                     "'neuronctl queue list' shows those there are");
}

Outcome<void> dump(const Global &global, const Options &options) {
    const auto source = find(options);
    if (!source)
        return tl::unexpected(source.error());
    const Rings rings(*source, options.queue);
    if (options.queue && rings.queues().empty())
        return tl::unexpected(no_queue(options, *source));
    print_result(global, "ring dump", {{"file", source->name}, {"reason", rings.reason()}, {"queues", rings.queues()}},
                 fmt::format("{}: {}\n{}", source->name, rings.reason(),
                             rings.queues().empty() ? "No queues.\n" : rings.text()));
    return {};
}

} // namespace

void add_ring(const CommandLine &line) {
    CLI::App *group = line.app.add_subcommand("ring", "Look at the packets of queues (root)");
    group->require_subcommand(1);
    const auto options = std::make_shared<Options>();
    CLI::App *command = group->add_subcommand("dump", "Decode the packets around the one that a queue is at");
    command->add_flag("--live", options->live, "Of the queues as they are now, instead of a coredump");
    command
        ->add_option("--device", options->device,
                     "With --live: accel1, /dev/accel/accel1 or a bus address; default: the only one")
        ->type_name("DEVICE");
    command
        ->add_option("--file", options->file,
                     "Saved coredump, or rings of debugfs; default: the coredump that the kernel holds")
        ->type_name("FILE");
    command->add_option("--queue", options->queue, "Only this hardware queue");
    command->footer(R"(
Examples:
  neuronctl ring dump
  neuronctl ring dump --live --queue 0
  neuronctl ring dump --file dump.txt --queue 3

The packet that the queue is at is marked. The driver records rings when a job times out and before its resets; for
faults set coredump_on_fault of the device to 1. --live shows up to 64 packets of each queue, those of user mode in
host memory as well; what it shows may have gone on when it is printed.)");
    command->callback([options, line] { line.action = [options, line] { return dump(line.global, *options); }; });
}

} // namespace neuronctl
