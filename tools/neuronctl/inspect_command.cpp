// SPDX-License-Identifier: MIT
// neuronctl queue, bo, vm: what debugfs tells, by the contract's names.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "commands.hpp"
#include "decode.hpp"
#include "explain/coredump_file.hpp"
#include "system.hpp"
#include "terminal.hpp"

namespace neuronctl {
namespace {

struct Options {
    std::string device;
    std::uint32_t queue = 0;
    std::optional<std::uint32_t> context;
    std::uint32_t walk_context = 0;
    std::string address;
};

using Fields = std::map<std::string, std::string>;

// What looks like a number is one; "0x" stays a number in JSON.
Json value_of(const std::string &text) {
    const auto number = sys::number(text);
    return number ? Json(*number) : Json(text);
}

Json object_of(const Fields &fields) {
    Json out = Json::object();
    for (const auto &[name, text] : fields)
        out[name] = value_of(text);
    return out;
}

std::string get(const Fields &fields, const std::string &name) {
    const auto found = fields.find(name);
    return found == fields.end() ? "-" : found->second;
}

std::string ns_text(const Fields &fields, const std::string &name) {
    const auto number = sys::number(get(fields, name));
    return number ? time_text(*number) : "-";
}

std::string size_text(const std::string &text) {
    const auto number = sys::number(text);
    return number ? bytes_text(*number) : "-";
}

// ---- queues

/** The process of each context. */
std::map<std::string, std::string> owners(const std::string &address) {
    std::map<std::string, std::string> out;
    for (const std::string &line : sys::lines(sys::debugfs(address, "clients").value_or(""))) {
        const Fields client = sys::fields(line);
        out[get(client, "ctx")] = fmt::format("{} ({})", get(client, "comm"), get(client, "pid"));
    }
    return out;
}

struct QueueLine {
    std::uint64_t hw = 0;
    Fields fields;
};

Outcome<std::vector<QueueLine>> queues_of(const std::string &address) {
    const auto text = sys::debugfs(address, "queues");
    if (!text)
        return tl::unexpected(text.error());
    std::vector<QueueLine> out;
    for (const std::string &line : sys::lines(*text))
        if (const auto hw = sys::number(line.substr(0, line.find(' '))))
            out.push_back({*hw, sys::fields(line)});
    return out;
}

Json queue_json(const QueueLine &queue, const std::map<std::string, std::string> &owner) {
    Json out = {{"queue", queue.hw}};
    out.update(object_of(queue.fields));
    if (const auto status = sys::number(get(queue.fields, "status")))
        out["status_fields"] = register_fields("queue", "STATUS", *status);
    if (const auto found = owner.find(get(queue.fields, "ctx")); found != owner.end())
        out["process"] = found->second;
    return out;
}

Outcome<void> list_queues(const Global &global, const Options &options) {
    const auto address = sys::address_of(options.device);
    if (!address)
        return tl::unexpected(address.error());
    const auto queues = queues_of(*address);
    if (!queues)
        return tl::unexpected(queues.error());
    const auto owner = owners(*address);
    Json list = Json::array();
    std::vector<std::vector<std::string>> rows = {
        {"QUEUE", "CTX", "ID", "MODE", "PRIORITY", "STATE", "JOBS", "IN FLIGHT", "BUSY", "CORES", "STATUS", "PROCESS"}};
    for (const QueueLine &queue : *queues) {
        Json entry = queue_json(queue, owner);
        const std::uint64_t submitted = sys::number(get(queue.fields, "submitted")).value_or(0);
        const std::uint64_t completed = sys::number(get(queue.fields, "completed")).value_or(0);
        rows.push_back({std::to_string(queue.hw), get(queue.fields, "ctx"), get(queue.fields, "id"),
                        get(queue.fields, "mode"), get(queue.fields, "priority"), get(queue.fields, "state"),
                        std::to_string(submitted), std::to_string(submitted - std::min(submitted, completed)),
                        ns_text(queue.fields, "busy_ns"), ns_text(queue.fields, "core_ns"),
                        fields_text(entry.value("status_fields", Json())), entry.value("process", "-")});
        list.push_back(std::move(entry));
    }
    print_result(global, "queue list", {{"address", *address}, {"queues", list}},
                 queues->empty() ? "No queues: nobody uses the device.\n" : table(rows, "><><<<>>>><<"));
    return {};
}

// The lines of a "[section]" of the registers file.
std::vector<std::string> section(const std::string &text, const std::string &name) {
    std::vector<std::string> out;
    bool inside = false;
    for (const std::string &line : sys::lines(text)) {
        if (line.starts_with('['))
            inside = line == "[" + name + "]";
        else if (inside && !line.empty())
            out.push_back(line);
    }
    return out;
}

Outcome<void> show_queue(const Global &global, const Options &options) {
    const auto address = sys::address_of(options.device);
    if (!address)
        return tl::unexpected(address.error());
    const auto queues = queues_of(*address);
    if (!queues)
        return tl::unexpected(queues.error());
    const auto found = std::ranges::find(*queues, options.queue, &QueueLine::hw);
    if (found == queues->end())
        return tl::unexpected(with_hint({Exit::failed,
                                         "not_found",
                                         fmt::format("{} has no queue {} at the moment", *address, options.queue),
                                         {},
                                         {}},
                                        "'neuronctl queue list' shows those there are"));
    const auto registers = sys::debugfs(*address, "registers");
    if (!registers)
        return tl::unexpected(registers.error());
    Json json = queue_json(*found, owners(*address));
    std::vector<std::vector<std::string>> rows;
    for (const auto &[name, value] : json.items())
        if (!value.is_structured())
            rows.push_back({name, value.is_string() ? value.get<std::string>() : value.dump(), ""});
    Json list = Json::array();
    for (const std::string &line : section(*registers, fmt::format("queue {}", options.queue))) {
        const std::size_t colon = line.find(": ");
        const auto value = colon == std::string::npos ? std::nullopt : sys::number(line.substr(colon + 2));
        if (!value)
            continue;
        const std::string name = line.substr(0, colon);
        const Json fields = register_fields("queue", name, *value);
        rows.push_back({name, fmt::format("{:#x}", *value), fields_text(fields)});
        Json entry = {{"name", name}, {"value", *value}};
        if (!fields.is_null())
            entry["fields"] = fields;
        list.push_back(std::move(entry));
    }
    json["registers"] = list;
    print_result(global, "queue show", {{"address", *address}, {"queue", json}}, table(rows, "<<<"));
    return {};
}

// ---- buffers

Outcome<void> list_buffers(const Global &global, const Options &options) {
    const auto address = sys::address_of(options.device);
    if (!address)
        return tl::unexpected(address.error());
    const auto text = sys::debugfs(*address, "buffers");
    if (!text)
        return tl::unexpected(text.error());
    Json list = Json::array();
    std::vector<std::vector<std::string>> rows = {
        {"BUFFER", "PLACE", "SIZE", "BANK", "HANDLES", "BINDINGS", "PINS", "PROCESS", "NAME", "MADE AT", ""}};
    std::uint64_t bytes = 0;
    for (const std::string &line : sys::lines(*text)) {
        const Fields fields = sys::fields(line);
        const auto words = sys::words(line);
        const std::string place = words.empty() ? std::string() : words.front();
        Json entry = {{"place", place}};
        entry.update(object_of(fields));
        std::string flags;
        for (std::size_t i = 1; i < words.size(); ++i)
            if (const std::string &word = words[i]; word.find('=') == std::string::npos)
                flags += (flags.empty() ? "" : ",") + word;
        entry["flags"] = flags;
        bytes += sys::number(get(fields, "size")).value_or(0);
        rows.push_back({get(fields, "buffer"), place, size_text(get(fields, "size")), get(fields, "bank"),
                        get(fields, "handles"), get(fields, "bindings"), get(fields, "pins"),
                        fmt::format("{} ({})", get(fields, "comm"), get(fields, "pid")), get(fields, "label"),
                        get(fields, "made"), flags});
        list.push_back(std::move(entry));
    }
    print_result(global, "bo list", {{"address", *address}, {"bytes", bytes}, {"buffers", list}},
                 list.empty()
                     ? "No buffers.\n"
                     : table(rows, "><>>>>><<<<") + fmt::format("{} buffers, {}\n", list.size(), bytes_text(bytes)));
    return {};
}

// ---- address spaces

Outcome<void> list_mappings(const Global &global, const Options &options) {
    const auto address = sys::address_of(options.device);
    if (!address)
        return tl::unexpected(address.error());
    const auto text = sys::debugfs(*address, "vm");
    if (!text)
        return tl::unexpected(text.error());
    Json contexts = Json::array();
    std::string out;
    bool inside = false;
    for (const std::string &line : sys::lines(*text)) {
        if (line.starts_with("[context ")) {
            const auto number = sys::number(line.substr(9, line.find(']') - 9)).value_or(0);
            inside = !options.context || *options.context == number;
            if (!inside)
                continue;
            Json entry = {{"context", number}};
            entry.update(object_of(sys::fields(line)));
            entry["mappings"] = Json::array();
            contexts.push_back(std::move(entry));
            out += line + "\n";
        } else if (inside && !contexts.empty()) {
            const auto words = sys::words(line);
            if (words.size() < 2)
                continue;
            Json entry = {{"va", sys::number(words[0]).value_or(0)},
                          {"size", sys::number(std::string_view(words[1]).substr(1)).value_or(0)}};
            entry.update(object_of(sys::fields(line)));
            for (const std::string &word : words) {
                if (word == "hbm" || word == "host" || word == "process")
                    entry["place"] = word;
                else if (word == "ro" || word == "rw")
                    entry["access"] = word;
            }
            contexts.back()["mappings"].push_back(std::move(entry));
            out += "  " + line + "\n";
        }
    }
    if (options.context && contexts.empty())
        return tl::unexpected(with_hint({Exit::failed,
                                         "not_found",
                                         fmt::format("{} has no context {} at the moment", *address, *options.context),
                                         {},
                                         {}},
                                        "'neuronctl vm list' shows those there are"));
    print_result(global, "vm list", {{"address", *address}, {"contexts", contexts}},
                 contexts.empty() ? "No contexts: nobody has the device open.\n" : out);
    return {};
}

Outcome<std::string> ask_walk(const std::string &path, std::uint32_t context, std::uint64_t va) {
    auto answer = sys::ask(path, fmt::format("{} {:#x}", context, va));
    if (answer.error == ERANGE)
        return tl::unexpected(usage_error(fmt::format("{:#x}: beyond the addresses of a context", va)));
    if (answer.error != 0)
        return tl::unexpected(
            Failure{Exit::failed, "io", fmt::format("{}: {}", path, strerrordesc_np(answer.error)), {}, {}});
    return std::move(answer.text);
}

Outcome<void> walk(const Global &global, const Options &options) {
    const auto va = sys::number(options.address);
    if (!va)
        return tl::unexpected(usage_error(fmt::format("{}: expected an address, e.g. 0x200000", options.address)));
    const auto address = sys::address_of(options.device);
    if (!address)
        return tl::unexpected(address.error());
    const auto path = sys::debugfs_path(*address, "vm_walk");
    if (!path)
        return tl::unexpected(path.error());
    const auto answer = ask_walk(*path, options.walk_context, *va);
    if (!answer)
        return tl::unexpected(answer.error());
    if (answer->starts_with("no file has context"))
        return tl::unexpected(
            with_hint({Exit::failed,
                       "not_found",
                       fmt::format("{} has no context {} at the moment", *address, options.walk_context),
                       {},
                       {}},
                      "'neuronctl vm list' shows those there are"));
    Json levels = Json::array();
    std::string result;
    std::string text;
    for (const std::string &line : sys::lines(*answer)) {
        Json entry = level_line(line);
        if (entry.is_null())
            result = line;
        text += line + (entry.is_null() ? "" : "  " + fields_text(entry["fields"])) + "\n";
        if (!entry.is_null())
            levels.push_back(std::move(entry));
    }
    print_result(global, "vm walk",
                 {{"address", *address},
                  {"context", options.walk_context},
                  {"va", *va},
                  {"mapped", result != "not mapped"},
                  {"levels", levels},
                  {"result", result}},
                 fmt::format("context {}, {:#x}\n{}", options.walk_context, *va, text));
    return {};
}

// ---- the command line

using Work = Outcome<void> (*)(const Global &, const Options &);

CLI::App *add_verb(CLI::App &group, const CommandLine &line, const std::string &verb, const std::string &help,
                   const std::shared_ptr<Options> &options, Work work) {
    CLI::App *command = group.add_subcommand(verb, help);
    command
        ->add_option("--device", options->device, "accel1, /dev/accel/accel1 or a bus address; default: the only one")
        ->type_name("DEVICE");
    command->callback([=] { line.action = [=] { return work(line.global, *options); }; });
    return command;
}

void add_queue(const CommandLine &line) {
    CLI::App *group = line.app.add_subcommand("queue", "Look at queues: whose they are, what they do (root)");
    group->require_subcommand(1);
    const auto options = std::make_shared<Options>();
    add_verb(*group, line, "list", "List the queues of a device", options, list_queues)->footer(R"(
Examples:
  neuronctl queue list
  neuronctl --json queue list | jq '.queues[] | select(.submitted > .completed)')");
    CLI::App *show =
        add_verb(*group, line, "show", "Show all that is known of a queue, registers by name", options, show_queue);
    show->add_option("QUEUE", options->queue, "Hardware number, as 'queue list' has it")->required();
    show->footer(R"(
Examples:
  neuronctl queue show 0)");
}

void add_bo(const CommandLine &line) {
    CLI::App *group = line.app.add_subcommand("bo", "Look at buffers (root)");
    group->require_subcommand(1);
    add_verb(*group, line, "list", "List the buffers of a device, and whose they are", std::make_shared<Options>(),
             list_buffers)
        ->footer(R"(
Examples:
  neuronctl bo list
  neuronctl --json bo list | jq '[.buffers[] | select(.place == "hbm")] | length')");
}

void add_vm(const CommandLine &line) {
    CLI::App *group = line.app.add_subcommand("vm", "Look at the address spaces of contexts (root)");
    group->require_subcommand(1);
    const auto listing = std::make_shared<Options>();
    CLI::App *list = add_verb(*group, line, "list", "List what each context has mapped", listing, list_mappings);
    list->add_option("--context", listing->context, "Only this context");
    list->footer(R"(
Examples:
  neuronctl vm list --context 0)");
    const auto walking = std::make_shared<Options>();
    CLI::App *walks =
        add_verb(*group, line, "walk", "Show the way of an address through the page tables", walking, walk);
    walks->add_option("CONTEXT", walking->walk_context, "Number of the context, as 'vm list' has it")->required();
    walks->add_option("ADDRESS", walking->address, "Address in the context, e.g. of a fault")->required();
    walks->footer(R"(
Examples:
  neuronctl vm walk 0 0x200000)");
}

} // namespace

void add_inspect(const CommandLine &line) {
    add_queue(line);
    add_ring(line);
    add_bo(line);
    add_vm(line);
}

} // namespace neuronctl
