// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "../system.hpp"
#include "readers.hpp"
#include "records.hpp"

namespace neuronctl::explain {
namespace {

std::string folder_of(const std::string &address) { return "/sys/bus/pci/devices/" + address; }

std::uint32_t small(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

std::optional<Fault> fault_in(const Record &record) {
    const auto code = named<spec::Fault>(record.text("fault"));
    if (!code)
        return std::nullopt;
    return Fault{.code = *code,
                 .unit = named<spec::Unit>(record.text("fault_unit")).value_or(spec::Unit::QUEUE),
                 .core = small(record.number("fault_core")),
                 .ring = small(record.number("fault_ring")),
                 .pc = small(record.number("fault_pc")),
                 .write = record.number("fault_write") != 0,
                 .job = record.number("fault_job"),
                 .packet = record.number("fault_packet"),
                 .va = record.number("fault_va"),
                 .info = record.number("fault_info")};
}

std::optional<std::uint32_t> config_in(const Record &record) {
    const auto cfg = record.maybe("cfg");
    return cfg ? std::optional(small(*cfg)) : std::nullopt;
}

Queue queue_in(const Record &record, std::uint64_t hw) {
    Queue out;
    out.hw = hw;
    out.ctx = record.number("ctx");
    out.mode = record.text("mode");
    out.priority = record.text("priority");
    out.state = record.text("state");
    // The only value with a blank in it.
    if (out.state == "timed")
        out.state = "timed out";
    out.submitted = record.number("submitted");
    out.completed = record.number("completed");
    out.ring = record.number("ring");
    out.timeout_ms = record.number("timeout_ms");
    out.core_ns = record.maybe("core_ns");
    out.coalesce_count = small(record.number("coalesce_count"));
    out.coalesce_usecs = small(record.number("coalesce_usecs"));
    out.failed = record.maybe("failed");
    out.unheard = record.number("unheard");
    out.unheard_job = record.number("unheard_job");
    out.unheard_ns = record.number("unheard_ns");
    out.written = record.maybe("written");
    out.announced = record.maybe("announced");
    out.collected = record.maybe("retired");
    out.seqno = record.maybe("seqno");
    out.oldest_end = record.maybe("oldest_end");
    out.vector = record.maybe("vector");
    out.fault = fault_in(record);
    if (const auto status = record.maybe("status"))
        out.registers = QueueRegisters{.status = small(*status),
                                       .cfg = config_in(record),
                                       .head = record.number("head"),
                                       .tail = record.number("tail"),
                                       .progress = record.number("progress")};
    return out;
}

Stall stall_in(const Record &record) {
    return {.queue = record.number("queue"),
            .packets = record.number("packets"),
            .waited_ms = record.number("waited_ms"),
            .room = record.text("waits") == "room",
            .driver = record.text("driver"),
            .timeline = record.text("timeline"),
            .context = record.number("context"),
            .seqno = record.number("seqno"),
            .of = record.maybe("of"),
            .process = record.process()};
}

Buffer buffer_in(const Record &record) {
    return {.id = record.number("buffer"),
            .place = record.word(0),
            .size = record.number("size"),
            .label = record.text("label"),
            .made = record.text("made"),
            .owner = record.process(),
            .used = record.number("handles") != 0 || record.number("bindings") != 0 || record.number("pins") != 0 ||
                    record.has_word("exported") || record.has_word("imported"),
            .owner_gone = !std::filesystem::exists(fmt::format("/proc/{}", record.process().pid))};
}

// What runtime power management says; nothing where the kernel has none.
std::optional<Power> power_of(const std::string &folder) {
    const auto status = sys::read(folder + "/power/runtime_status");
    const auto control = sys::read(folder + "/power/control");
    const auto delay = sys::read(folder + "/power/autosuspend_delay_ms");
    if (!status || !control || !delay)
        return std::nullopt;
    return Power{.active = status->starts_with("active"),
                 .allowed = control->starts_with("auto") && !delay->starts_with('-'),
                 .delay_ms = std::strtoull(delay->c_str(), nullptr, 10)};
}

std::uint64_t plus_number(const std::string &word) {
    return word.starts_with('+') ? sys::number(std::string_view(word).substr(1)).value_or(0) : 0;
}

void mappings_in(State &state, std::string_view text) {
    std::uint64_t ctx = 0;
    for (const Record &record : records(text)) {
        if (record.word(0) == "[context") {
            ctx = sys::number(record.word(1).substr(0, record.word(1).find(']'))).value_or(0);
            continue;
        }
        state.mappings.push_back({.ctx = ctx,
                                  .va = sys::number(record.word(0)).value_or(0),
                                  .size = plus_number(record.word(1)),
                                  .place = record.has_word("hbm")       ? "hbm"
                                           : record.has_word("process") ? "process"
                                                                        : "host",
                                  .read_only = record.has_word("ro"),
                                  .buffer = record.number("buffer"),
                                  .offset = record.number("offset"),
                                  .label = record.text("label")});
    }
}

// The device has gone, or the driver lets go of it, while its files are read: what is missing stays empty.
std::string file(const std::string &address, std::string_view name) {
    return sys::debugfs(address, name).value_or(std::string());
}

void read_driver(State &state, const std::string &address, const std::string &queues) {
    for (const Record &record : records(file(address, "device"))) {
        state.device_state = record.text("state");
        state.events_lost = record.number("events_lost");
        if (const auto handled = record.maybe("events_handled"))
            state.events =
                Events{.handled = *handled, .head = record.number("events_head"), .tail = record.number("events_tail")};
    }
    for (const Record &record : records(file(address, "clients")))
        state.contexts[record.number("ctx")] = record.process();
    for (const Record &record : records(queues))
        if (const auto hw = sys::number(record.word(0)))
            state.queues.push_back(queue_in(record, *hw));
    state.cores = cores_in(sections(file(address, "cores")));
    for (const Record &record : records(file(address, "buffers"))) {
        Buffer buffer = buffer_in(record);
        state.buffers[buffer.id] = std::move(buffer);
    }
    state.used = !state.contexts.empty() || !state.buffers.empty();
    mappings_in(state, file(address, "vm"));
    for (const Record &record : records(file(address, "stalls")))
        state.stalls.push_back(stall_in(record));
}

// "packet 17 COPY: 0200...", below the "[queue N]" that it belongs to.
void read_rings(State &state, const std::string &text) {
    for (const Section &section : sections(text)) {
        const auto hw = section_number(section.name, "queue ");
        const auto queue = hw ? std::ranges::find(state.queues, *hw, &Queue::hw) : state.queues.end();
        if (queue == state.queues.end())
            continue;
        for (const std::string &line : section.lines)
            if (auto packet = packet_in(line))
                queue->packets.push_back(std::move(*packet));
    }
}

std::uint8_t byte_at(std::string_view config, std::size_t at) {
    return at < config.size() ? static_cast<std::uint8_t>(config[at]) : 0;
}

std::uint16_t word_at(std::string_view config, std::size_t at) {
    return static_cast<std::uint16_t>(byte_at(config, at) | byte_at(config, at + 1) << 8);
}

// The layout of the configuration space is PCI's.
constexpr std::size_t pci_command = 0x04, pci_status = 0x06, pci_capabilities = 0x34, pci_header = 0x40;
constexpr std::uint16_t command_memory = 1U << 1, command_master = 1U << 2, status_capabilities = 1U << 4;
constexpr std::uint8_t capability_power = 0x01, capability_msix = 0x11;
constexpr std::uint16_t msix_enable = 1U << 15, msix_mask = 1U << 14, power_state = 3;

constexpr std::size_t pci_bar = 0x10;
constexpr std::uint8_t bar_flags = 0xf; // of memory

/// The registers hold no address, though the kernel has given them some: @p resource is sysfs' file.
bool is_placed(std::string_view config, std::string_view resource) {
    std::size_t bar = 0;
    for (const std::string &line : sys::lines(resource)) {
        const std::size_t at = pci_bar + 4 * bar++;
        if (bar > 6 || sys::number(line.substr(0, line.find(' '))).value_or(0) == 0)
            continue;
        const unsigned low = word_at(config, at) & ~unsigned{bar_flags}, middle = word_at(config, at + 2);
        const bool wide = (byte_at(config, at) & 0x4) != 0;
        if (low == 0 && middle == 0 && !(wide && (word_at(config, at + 4) != 0 || word_at(config, at + 6) != 0)))
            return false;
    }
    return true;
}

void read_capability(std::string_view config, std::size_t at, Function &out) {
    if (byte_at(config, at) == capability_power)
        out.power = word_at(config, at + 4) & power_state;
    if (byte_at(config, at) == capability_msix) {
        out.msix = (word_at(config, at + 2) & msix_enable) != 0;
        out.msix_masked = (word_at(config, at + 2) & msix_mask) != 0;
    }
}

} // namespace

Function function_of(std::string_view config, std::string_view resource) {
    Function out;
    out.answers = word_at(config, 0) != 0xffff;
    if (!out.answers)
        return out;
    out.placed = is_placed(config, resource);
    out.memory = (word_at(config, pci_command) & command_memory) != 0;
    out.bus_master = (word_at(config, pci_command) & command_master) != 0;
    if ((word_at(config, pci_status) & status_capabilities) == 0)
        return out;
    std::size_t at = byte_at(config, pci_capabilities) & ~3U;
    for (int left = 48; left > 0 && at >= pci_header && at < config.size(); --left) {
        read_capability(config, at, out);
        at = byte_at(config, at + 1) & ~3U;
    }
    return out;
}

std::optional<Function> read_function(const std::string &address) {
    const auto config = sys::read(folder_of(address) + "/config");
    const auto resource = sys::read(folder_of(address) + "/resource");
    return config ? std::optional(function_of(*config, resource.value_or(""))) : std::nullopt;
}

Outcome<State> read_live(const std::string &address) {
    State state;
    state.source = "live";
    state.device = address;
    const std::string folder = folder_of(address);
    state.function = read_function(address);
    if (sys::link_name(folder + "/driver").empty()) {
        state.device_state = "unbound";
        return state;
    }
    const auto queues = sys::debugfs(address, "queues");
    if (!queues)
        return tl::unexpected(queues.error());
    read_driver(state, address, *queues);
    state.power = power_of(folder);
    if (const auto rings = sys::debugfs(address, "rings"))
        read_rings(state, *rings);
    return state;
}

} // namespace neuronctl::explain
