// SPDX-License-Identifier: MIT
// neuronctl decode: numbers and bytes by the contract's names.
#include <algorithm>
#include <iostream>
#include <iterator>
#include <memory>

#include <unistd.h>

#include <fmt/format.h>

#include "../asm/disassembler.hpp"
#include "../support/files.hpp"
#include "commands.hpp"
#include "decode.hpp"
#include "decode_dump.hpp"
#include "decode_records.hpp"
#include "explain/coredump_file.hpp"
#include "explain/history.hpp"
#include "explain/log_lines.hpp"
#include "explain/places.hpp"
#include "explain/readers.hpp"
#include "live_register.hpp"
#include "recorder_file.hpp"
#include "registers_by_name.hpp"
#include "system.hpp"

namespace neuronctl {
namespace {

namespace spec = neuron::spec;

struct Options {
    std::string name;
    std::string value;
    std::vector<std::string> hex;
    std::string file;
    std::string engine;
    std::string address;
    std::string device;
};

// ---- where bytes come from

Outcome<std::string> text_of(const std::string &file) {
    if (file.empty() || file == "-")
        return std::string(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
    const auto bytes = neuron::support::read_file(file);
    if (!bytes)
        return tl::unexpected(input_error(bytes.error()));
    return std::string(reinterpret_cast<const char *>(bytes->data()), bytes->size());
}

bool is_hex(std::string_view text) {
    return std::ranges::all_of(text, [](unsigned char c) { return std::isxdigit(c) != 0 || std::isspace(c) != 0; });
}

// Digits on the command line; else a file, or standard input, with digits or with the bytes themselves.
Outcome<std::vector<std::byte>> bytes_of(const Options &options, std::size_t unit, std::string_view what) {
    std::string text;
    if (!options.hex.empty() && !options.file.empty())
        return tl::unexpected(usage_error("HEX and --file exclude each other"));
    for (const std::string &word : options.hex)
        text += word.starts_with("0x") ? word.substr(2) : word;
    if (options.hex.empty()) {
        auto read = text_of(options.file);
        if (!read)
            return tl::unexpected(read.error());
        text = std::move(*read);
    }
    std::vector<std::byte> out;
    if (options.hex.empty() && !is_hex(text)) {
        const auto raw = std::as_bytes(std::span(text));
        out.assign(raw.begin(), raw.end());
    } else if (auto bytes = bytes_of_hex(text)) {
        out = std::move(*bytes);
    } else {
        return tl::unexpected(usage_error(fmt::format("'{}': expected hexadecimal digits, two for each byte", text)));
    }
    if (out.empty() || out.size() % unit != 0)
        return tl::unexpected(usage_error(fmt::format("{} bytes: {} has {}", out.size(), what, unit)));
    return out;
}

// ---- text

// One member in each line, nested ones indented.
std::string members_text(const Json &members, const std::string &indent = "  ") {
    std::string out;
    for (const auto &[name, value] : members.items()) {
        if (value.is_object())
            out += fmt::format("{}{}:\n{}", indent, name, members_text(value, indent + "  "));
        else if (value.is_number_unsigned())
            out +=
                fmt::format("{}{}: {:#x} ({})\n", indent, name, value.get<std::uint64_t>(), value.get<std::uint64_t>());
        else
            out += fmt::format("{}{}: {}\n", indent, name, value.is_string() ? value.get<std::string>() : value.dump());
    }
    return out;
}

Outcome<std::uint64_t> number_of(const std::string &text) {
    const auto value = sys::number(text);
    if (!value)
        return tl::unexpected(usage_error(fmt::format("{}: expected a number, e.g. 0x10 or 16", text)));
    return *value;
}

// ---- the verbs

// "STATE 3 FAULTED: Stopped by a fault of its own...": what the contract says of each field.
std::string field_line(const spec::RegisterFieldDesc &field, std::uint64_t value) {
    const std::uint64_t mask = field.bits == 64 ? ~0ULL : (1ULL << field.bits) - 1;
    const std::uint64_t bits = value >> field.lsb & mask;
    const spec::EnumValueDesc *known = field.enum_desc != nullptr ? field.enum_desc->find(bits) : nullptr;
    if (known != nullptr)
        return fmt::format("  {}: {} ({}) - {}\n", field.name, known->name, bits, known->doc);
    return fmt::format("  {}: {:#x} - {}\n", field.name, bits, field.doc);
}

Outcome<void> decode_register(const Global &global, const Options &options) {
    const auto found = register_by_name(options.name);
    if (!found)
        return tl::unexpected(found.error());
    const auto value = options.value.empty() ? live_register(options.device, *found) : number_of(options.value);
    if (!value)
        return tl::unexpected(value.error());
    const spec::RegisterDesc &desc = *found->desc;
    if (desc.bits == 32 && *value >> 32 != 0)
        return tl::unexpected(usage_error(fmt::format("{}: {} has 32 bits", options.value, register_name(*found))));
    const std::uint32_t offset = desc.offset + found->index * desc.stride;
    Json json = {{"register", register_name(*found)}, {"offset", offset}, {"value", *value}, {"doc", desc.doc}};
    std::string text = fmt::format("{} at {:#x} = {:#x}: {}\n", register_name(*found), offset, *value, desc.doc);
    const Json fields = register_fields(desc.block, desc.name, *value);
    if (!fields.is_null())
        json["fields"] = fields;
    if (fields.is_string())
        text += fmt::format("  {}\n", fields.get<std::string>());
    for (const spec::RegisterFieldDesc &field : desc.fields)
        text += field_line(field, *value);
    print_result(global, "decode register", json, text);
    return {};
}

Outcome<void> decode_packet(const Global &global, const Options &options) {
    const auto bytes = bytes_of(options, spec::PACKET_BYTES, "a packet");
    if (!bytes)
        return tl::unexpected(bytes.error());
    Json list = Json::array();
    std::string text;
    for (std::size_t at = 0; at < bytes->size(); at += spec::PACKET_BYTES) {
        const std::span<const std::byte, spec::PACKET_BYTES> raw(bytes->data() + at, spec::PACKET_BYTES);
        const Json fields = packet_json(raw);
        const auto check = spec::reserved_clear(static_cast<spec::PacketOp>(raw[0]), raw);
        Json entry = {{"packet", fields}, {"legal", static_cast<bool>(check)}};
        text += packet_text(fields) + "\n";
        if (!check) {
            entry["wrong_byte"] = check.offset;
            text += fmt::format("  ILLEGAL_PACKET: byte {} must be zero, or the opcode is none\n", check.offset);
        }
        list.push_back(std::move(entry));
    }
    print_result(global, "decode packet", {{"packets", list}}, text);
    return {};
}

Outcome<void> decode_pte(const Global &global, const Options &options) {
    const auto value = number_of(options.value);
    if (!value)
        return tl::unexpected(value.error());
    const auto desc = std::ranges::find(spec::words(), std::string_view("pte"), &spec::WordDesc::name);
    const Json fields = pte_fields(*value);
    const std::uint64_t address = *value & spec::field::PTE_ADDR.mask;
    const bool hbm = (*value & spec::field::PTE_HBM.mask) != 0;
    std::string text = fmt::format("{:#x}: {}\n", *value,
                                   (*value & spec::field::PTE_VALID.mask) == 0
                                       ? std::string("not valid")
                                       : fmt::format("{} {:#x}", hbm ? "HBM offset" : "bus address", address));
    for (const spec::RegisterFieldDesc &field : desc->fields)
        text += field_line(field, *value);
    print_result(global, "decode pte", {{"value", *value}, {"fields", fields}, {"address", address}}, text);
    return {};
}

Outcome<void> decode_instruction(const Global &global, const Options &options) {
    const auto bytes = bytes_of(options, spec::INSTRUCTION_BYTES, "an instruction");
    if (!bytes)
        return tl::unexpected(bytes.error());
    std::string name = options.engine;
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    const auto engine = spec::parse<spec::Engine>(name);
    if (!engine)
        return tl::unexpected(
            usage_error(fmt::format("--engine {}: expected pe, act, dve, pool or sp", options.engine)));
    Json list = Json::array();
    std::string text;
    for (std::size_t at = 0; at < bytes->size(); at += spec::INSTRUCTION_BYTES) {
        neuron::InstructionBytes raw{};
        std::copy_n(bytes->begin() + static_cast<std::ptrdiff_t>(at), raw.size(), raw.begin());
        const std::string line = neuron::assembler::instruction_text(raw, {}, *engine);
        const spec::InsnDesc *desc = spec::find_instruction(static_cast<spec::Opcode>(raw[0]));
        const bool runs = desc != nullptr && desc->runs_on(*engine);
        Json entry = {{"instruction", instruction_json(raw)}, {"text", line}, {"runs_on_engine", runs}};
        text += line.empty() ? fmt::format("no instruction: opcode {:#04x}\n", std::to_integer<unsigned>(raw[0]))
                             : line + (runs ? "\n" : fmt::format("   ; not on {}\n", spec::name(*engine)));
        list.push_back(std::move(entry));
    }
    print_result(global, "decode instruction", {{"instructions", list}}, text);
    return {};
}

Outcome<void> decode_struct(const Global &global, const Options &options) {
    const auto all = spec::structs();
    const auto found = std::ranges::find(all, std::string_view(options.name), &spec::StructDesc::name);
    if (found == all.end()) {
        std::string names;
        for (const spec::StructDesc *desc : all)
            names += fmt::format("{}{}", names.empty() ? "" : ", ", desc->name);
        return tl::unexpected(
            usage_error(fmt::format("{}: no structure of the contract; there are {}", options.name, names)));
    }
    const spec::StructDesc &desc = **found;
    const auto bytes = bytes_of(options, desc.size, desc.name);
    if (!bytes)
        return tl::unexpected(bytes.error());
    Json list = Json::array();
    std::string text;
    for (std::size_t at = 0; at < bytes->size(); at += desc.size) {
        const Json members = struct_json(desc, std::span(*bytes).subspan(at, desc.size));
        text += fmt::format("{}\n{}", desc.name, members_text(members));
        list.push_back(members);
    }
    print_result(global, "decode struct", {{"name", desc.name}, {"values", list}}, text);
    return {};
}

Outcome<void> decode_whole_dump(const Global &global, const Options &options) {
    std::string name = options.file;
    std::string text;
    if (name == "-") {
        auto read = text_of(name);
        if (!read)
            return tl::unexpected(read.error());
        text = std::move(*read);
    } else {
        auto found = explain::find_coredump(name);
        if (!found)
            return tl::unexpected(found.error());
        name = found->name;
        text = std::move(found->text);
    }
    const auto decoded = decode_dump(text);
    if (!decoded)
        return tl::unexpected(usage_error(fmt::format("{}: not a coredump of neuron_accel", name)));
    Json json = {{"file", name}};
    json.update(decoded->json);
    print_result(global, "decode dump", json, decoded->text);
    return {};
}

// ---- the flight recorder

struct RecordOptions {
    std::string file;
    std::string device;
    RecordFilter filter;
};

Outcome<std::vector<std::byte>> recorder_of(const RecordOptions &options) {
    if (!options.file.empty()) {
        const auto text = text_of(options.file);
        if (!text)
            return tl::unexpected(text.error());
        const auto raw = std::as_bytes(std::span(*text));
        return std::vector<std::byte>(raw.begin(), raw.end());
    }
    const auto address = sys::address_of(options.device);
    if (!address)
        return tl::unexpected(address.error());
    const neuron::Fd awake = keep_awake(*address);
    const auto path = recorder_path(*address);
    return path ? read_recorder(*path) : tl::unexpected(path.error());
}

Outcome<void> decode_recorder(const Global &global, RecordOptions options) {
    std::string &kind = options.filter.kind;
    const std::string said = kind;
    std::ranges::transform(kind, kind.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    if (!kind.empty() && !spec::parse<spec::RecordKind>(kind))
        return tl::unexpected(
            usage_error(fmt::format("--kind {}: no kind of record (docs/reference/recorder.md)", said)));
    const auto bytes = recorder_of(options);
    if (!bytes)
        return tl::unexpected(bytes.error());
    const auto records = decode_records(*bytes, options.filter);
    if (!records)
        return tl::unexpected(records.error());
    print_result(global, "decode records", {{"records", *records}}, records_text(*records));
    return {};
}

// ---- the kernel's log

// Whose the address of a line is now, if the device is there and may be looked at.
std::string owner_text(const explain::LogLine &line) {
    if (!line.bus_address && !line.hbm_address)
        return {};
    const auto map = explain::read_memory_map(line.device);
    const auto state = map ? explain::read_live(line.device) : tl::unexpected(map.error());
    if (!state)
        return {};
    const std::uint64_t address = line.bus_address ? *line.bus_address : *line.hbm_address;
    return explain::place_text(explain::find_place(line.bus_address ? map->bus : map->hbm, address), address, *state);
}

// Whose it was, newest first: whoever has it now is not to blame.
std::vector<explain::Past> owners_before(const explain::LogLine &line) {
    if (!line.bus_address && !line.hbm_address)
        return {};
    auto all = line.bus_address ? explain::ask_history(line.device, "bus", *line.bus_address)
                                : explain::ask_history(line.device, "hbm", *line.hbm_address);
    std::erase_if(all, [](const explain::Past &past) { return !past.gone_ns_ago; });
    return all;
}

Json line_json(const std::string &text, const explain::LogLine &line, const std::string &owner,
               const std::vector<explain::Past> &before) {
    Json out = {{"line", text}, {"kind", line.kind}, {"device", line.device}, {"means", line.means}};
    if (line.bus_address)
        out["bus_address"] = *line.bus_address;
    if (line.hbm_address)
        out["hbm_address"] = *line.hbm_address;
    if (line.write)
        out["write"] = *line.write;
    if (!line.reason.empty())
        out["reason"] = line.reason;
    if (!owner.empty())
        out["now"] = owner;
    for (const explain::Past &past : before)
        out["was"].push_back(explain::json_of(past));
    return out;
}

// A log names the driver's devices; without any, whatever an IOMMU says may be about one.
bool wanted(const explain::LogLine &line, const std::set<std::string> &ours, const std::string &only) {
    if (!only.empty())
        return line.device == only;
    return ours.empty() || line.device.empty() || ours.contains(line.device);
}

// The devices that are here, and those that lines of the driver name.
std::set<std::string> devices_of(const std::vector<std::string> &lines) {
    const auto here = sys::pci_devices();
    std::set<std::string> out(here.begin(), here.end());
    for (const std::string &line : lines)
        if (const auto device = explain::driver_device(line))
            out.insert(*device);
    return out;
}

// A line that was pasted in place of a file's name.
bool is_line(const std::string &text) {
    return text.find(' ') != std::string::npos && text.find(':') != std::string::npos &&
           ::access(text.c_str(), F_OK) != 0;
}

Outcome<void> decode_log(const Global &global, const Options &options) {
    const auto text = is_line(options.file) ? Outcome<std::string>(options.file) : text_of(options.file);
    if (!text)
        return tl::unexpected(text.error());
    const auto lines = sys::lines(*text);
    auto ours = devices_of(lines);
    std::vector<std::pair<std::string, explain::LogLine>> found;
    if (!options.address.empty())
        ours.insert(options.address);
    for (const std::string &line : lines) {
        auto known = explain::log_line(line);
        if (!known)
            known = explain::unknown_line(line, ours);
        if (known)
            found.emplace_back(line, *known);
    }
    Json list = Json::array();
    std::string out;
    for (const auto &[line, known] : found) {
        if (!wanted(known, ours, options.address))
            continue;
        const std::string owner = owner_text(known);
        const auto before = owners_before(known);
        list.push_back(line_json(line, known, owner, before));
        out += fmt::format("{}\n  {}\n", line, known.means);
        if (!owner.empty())
            out += fmt::format("  now: {}\n", owner);
        if (!before.empty())
            out += fmt::format("  was: {}\n", explain::text_of(before.front()));
    }
    print_result(global, "decode log", {{"lines", list}}, list.empty() ? "No line is about a neuron device.\n" : out);
    return {};
}

// ---- the command line

using Work = Outcome<void> (*)(const Global &, const Options &);

CLI::App *add_verb(CLI::App &group, const CommandLine &line, const std::string &verb, const std::string &help,
                   const std::shared_ptr<Options> &options, Work work) {
    CLI::App *command = group.add_subcommand(verb, help);
    command->callback([=] { line.action = [=] { return work(line.global, *options); }; });
    return command;
}

void add_bytes(CLI::App &command, const std::shared_ptr<Options> &options) {
    command.add_option("HEX", options->hex, "The bytes as hexadecimal digits, in the order of memory");
    command.add_option("--file", options->file, "File with digits or bytes; default, without HEX: standard input")
        ->type_name("FILE");
}

void add_numbers(CLI::App &group, const CommandLine &line) {
    const auto reg = std::make_shared<Options>();
    CLI::App *command = add_verb(group, line, "register", "Decode the value of a register", reg, decode_register);
    command->add_option("REGISTER", reg->name, "Offset in BAR REGS, or name: QUEUE[3].STATUS, GLOBAL.STATUS")
        ->required();
    CLI::Option *value =
        command->add_option("VALUE", reg->value, "Its value; default: what the register of the device says now (root)");
    command->add_option("--device", reg->device, "accel1, /dev/accel/accel1 or a bus address; default: the only one")
        ->excludes(value);
    command->footer(R"(
Examples:
  neuronctl decode register QUEUE[3].STATUS 0x503
  neuronctl decode register GLOBAL.STATUS)");
    const auto pte = std::make_shared<Options>();
    command = add_verb(group, line, "pte", "Decode a page table entry", pte, decode_pte);
    command->add_option("VALUE", pte->value, "The entry")->required();
    command->footer(R"(
Examples:
  neuronctl decode pte 0x10000007)");
}

void add_bytes_verbs(CLI::App &group, const CommandLine &line) {
    const auto packet = std::make_shared<Options>();
    CLI::App *command = add_verb(group, line, "packet", "Decode packets of a queue", packet, decode_packet);
    add_bytes(*command, packet);
    command->footer(R"(
Examples:
  neuronctl decode packet 0100 0000 0000 0000 ...
  neuronctl decode packet --file ring.bin)");
    const auto instruction = std::make_shared<Options>();
    instruction->engine = "sp";
    command = add_verb(group, line, "instruction", "Decode instructions", instruction, decode_instruction);
    add_bytes(*command, instruction);
    command->add_option("--engine", instruction->engine, "Engine that runs them")
        ->type_name("ENGINE")
        ->capture_default_str();
    command->footer(R"(
Examples:
  neuronctl decode instruction --engine act --file program.bin)");
    const auto structure = std::make_shared<Options>();
    command = add_verb(group, line, "struct", "Decode a structure of the contract", structure, decode_struct);
    command->add_option("NAME", structure->name, "Of the structure: event_record, notification, program_header, ...")
        ->required();
    add_bytes(*command, structure);
    command->footer(R"(
Examples:
  neuronctl decode struct event_record --file event.bin)");
}

void add_records(CLI::App &group, const CommandLine &line) {
    const auto options = std::make_shared<RecordOptions>();
    CLI::App *command = group.add_subcommand("records", "Decode what the flight recorder has");
    command->callback([=] { line.action = [=] { return decode_recorder(line.global, *options); }; });
    CLI::Option *file = command->add_option(
        "FILE", options->file,
        "Records as QEMU's recorder-file or the driver's debugfs file has them, or - for standard input; default: "
        "those of the device");
    command
        ->add_option("--device", options->device, "accel1, /dev/accel/accel1 or a bus address; default: the only one")
        ->excludes(file);
    command->add_option("--last", options->filter.last, "Only so many, the newest")
        ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 20));
    command->add_option("--kind", options->filter.kind, "Only records of this kind: packet, fault, interrupt, ...");
    command->add_option("--queue", options->filter.queue, "Only what names this queue")
        ->check(CLI::Range(0U, neuron::spec::MAX_QUEUES - 1));
    command->add_option("--context", options->filter.context, "Only what names this context")
        ->check(CLI::Range(0U, neuron::spec::MAX_CONTEXTS - 1));
    command->footer(R"(
Examples:
  neuronctl decode records --last 20
  neuronctl decode records --kind fault recorder.bin
  neuronctl --json decode records --queue 1 | jq '.records[-1]'

Each line has the record's number, the device's time in seconds since its reset, the kind, and the members that are not 0.)");
}

} // namespace

void add_decode(const CommandLine &line) {
    CLI::App *group = line.app.add_subcommand("decode", "Decode numbers, bytes and log lines by the contract's names");
    group->require_subcommand(1);
    add_numbers(*group, line);
    add_bytes_verbs(*group, line);
    const auto dump = std::make_shared<Options>();
    CLI::App *whole = add_verb(*group, line, "dump", "Decode a whole coredump", dump, decode_whole_dump);
    whole->add_option("FILE", dump->file, "The coredump, or - for standard input; default: what the kernel holds");
    whole->footer(R"(
Examples:
  neuronctl decode dump dump.txt
  neuronctl --json decode dump dump.txt | jq '.sections[] | select(.name == "recorder").records[-1]')");
    add_records(*group, line);
    const auto log = std::make_shared<Options>();
    CLI::App *command = add_verb(*group, line, "log", "Say what lines of the kernel's log mean", log, decode_log);
    command->add_option("FILE", log->file, "File with the lines, or a line itself; default: standard input")
        ->type_name("FILE|LINE");
    command->add_option("--address", log->address, "Only lines about the device at this bus address");
    command->footer(R"(
Examples:
  dmesg | neuronctl decode log
  neuronctl decode log --address 0000:01:00.0 dmesg.txt
  neuronctl decode log 'neuron_accel 0000:01:00.0: swiotlb buffer is full (sz: 65536 bytes), total 32768 (slots), used 0 (slots)'

What has a blank and a colon, and is no file, is a line. Known are the driver's own lines, faults of Intel's, AMD's and
Arm's IOMMU, bounce buffers that are full, mistakes that the kernel's check of DMA finds, and errors of the link. Other
lines that name the driver or the device are shown as not known. Where the device is there and root asks, whose an address
is now, and whose it was, is said as well.)");
}

} // namespace neuronctl
