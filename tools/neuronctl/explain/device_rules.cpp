// SPDX-License-Identifier: MIT
#include "device_rules.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ago.hpp"

namespace neuronctl::explain {
namespace {

struct StateText {
    std::string_view state;
    Health health;
    std::string_view text;
    std::string_view hint;
};

constexpr StateText state_texts[] = {
    {"resetting", Health::waiting, "the device is being reset from outside, and all jobs are lost", ""},
    {"recovering", Health::waiting, "the link of the device has failed and is being recovered; all jobs are lost", ""},
    {"sleeping", Health::idle, "the device sleeps: nobody has it open; the next open() wakes it", ""},
};

void add(std::vector<Finding> &out, Health health, std::string rule, std::string text, std::string hint) {
    out.push_back(
        {.health = health, .rule = std::move(rule), .chain = {{"device", std::move(text)}}, .hint = std::move(hint)});
}

/// What it may take from the end of the delay to sleep.
constexpr std::uint64_t SUSPEND_MS = 100;

std::string when_text(const std::optional<std::uint64_t> &ms_ago) {
    return ms_ago ? fmt::format(" {} ago", ago_text(*ms_ago)) : std::string();
}

// What the driver says is from when it gave up; this is from now.
std::string now_text(const std::optional<Function> &function) {
    if (!function)
        return {};
    if (!function->answers)
        return "; its configuration space reads as all ones now";
    if (!function->placed)
        return "; it answers now, but its BARs have no addresses: its link was down, or it was reset behind the "
               "kernel's back";
    return "; its configuration space answers now";
}

void gone(const State &state, std::vector<Finding> &out) {
    const auto ms_ago = state.losses ? state.losses->gone_ms_ago : std::nullopt;
    add(out, Health::failed, "gone",
        fmt::format("the driver has given up the device{}, because it read as all ones, as if it had been pulled "
                    "out{}",
                    when_text(ms_ago), now_text(state.function)),
        "all jobs have ended with ENODEV; " + remedy_text(state.device, state.function));
}

void wedged(const State &state, std::vector<Finding> &out) {
    const auto ms_ago = state.losses ? state.losses->wedged_ms_ago : std::nullopt;
    add(out, Health::failed, "wedged",
        fmt::format("a reset of the device has failed{}, and the driver does not use it any more{}", when_text(ms_ago),
                    now_text(state.function)),
        remedy_text(state.device, state.function));
}

void unbound(const State &state, std::vector<Finding> &out) {
    const bool lost = state.function && !state.function->reachable();
    add(out, Health::failed, "unbound", "no driver is bound to the device" + (lost ? now_text(state.function) : ""),
        lost ? remedy_text(state.device, state.function) : "'neuronctl doctor' looks for the reason");
}

void state_findings(const State &state, std::vector<Finding> &out) {
    if (state.device_state == "gone")
        gone(state, out);
    if (state.device_state == "wedged")
        wedged(state, out);
    if (state.device_state == "unbound")
        unbound(state, out);
    for (const StateText &known : state_texts)
        if (state.device_state == known.state)
            add(out, known.health, std::string(known.state), std::string(known.text), std::string(known.hint));
}

// Only of a device that the driver uses: one that is given up, or sleeps, may be in any state.
void function_findings(const State &state, std::vector<Finding> &out) {
    const Function &function = *state.function;
    if (!function.answers) {
        add(out, Health::failed, "no_answer", "the configuration space of the device reads as all ones",
            "the link is down or the function was pulled out");
        return;
    }
    if (!function.placed)
        add(out, Health::failed, "no_addresses",
            "the BARs of the function have no addresses: its link was down, or it was reset behind the kernel's back",
            remedy_text(state.device, function));
    if (function.power != 0)
        add(out, Health::failed, "asleep",
            fmt::format("the function is in D{}, though the driver uses it", function.power), "");
    if (!function.memory)
        add(out, Health::failed, "no_memory_space", "memory space of the function is off: registers cannot be reached",
            "");
    if (!function.bus_master)
        add(out, Health::failed, "no_bus_master", "bus mastering of the function is off: the device cannot do DMA", "");
    if (!function.msix)
        add(out, Health::failed, "no_interrupts", "MSI-X of the function is off: no interrupt arrives", "");
    else if (function.msix_masked)
        add(out, Health::failed, "interrupts_masked", "all MSI-X vectors of the function are masked", "");
}

// All jobs of then have ended with it; it is told for those who ask later.
void link_findings(const Losses &losses, std::vector<Finding> &out) {
    if (losses.fatal_link_errors == 0)
        return;
    add(out, Health::idle, "link_errors",
        fmt::format("the driver has counted {} fatal error{} of the PCIe link (AER{}){}; each has cost all jobs",
                    losses.fatal_link_errors, losses.fatal_link_errors == 1 ? "" : "s",
                    losses.link_error.empty() ? std::string() : ": " + losses.link_error,
                    losses.link_ms_ago ? fmt::format(", the last one {} ago", ago_text(*losses.link_ms_ago)) : ""),
        "'dmesg | neuronctl decode log' has what the kernel said of it");
}

// Both belong together: the driver handles records under a lock, and tells the device before it lets go.
void event_findings(const Events &events, std::vector<Finding> &out) {
    if (events.handled != events.head)
        add(out, Health::stuck, "events_not_returned",
            fmt::format(
                "the driver has handled {} event records, but told the device of {} only: when the ring is full, "
                "faults get lost",
                events.handled, events.head),
            "a mistake of the driver: register GLOBAL.EVENT_HEAD");
}

void buffer_findings(const State &state, std::vector<Finding> &out) {
    for (const auto &[id, buffer] : state.buffers)
        if (!buffer.used && buffer.owner_gone)
            add(out, Health::stuck, "buffer_leaked",
                fmt::format("buffer {} ({}, {} bytes) of {} ({}) is still there: the process has ended, and nothing "
                            "uses it any more",
                            id, buffer.place, buffer.size, buffer.owner.comm, buffer.owner.pid),
                "a mistake of the driver: a reference that nobody gives back; unless a child of the process has it "
                "mapped");
}

// With less time than the delay nothing can be said.
void power_findings(const State &state, std::vector<Finding> &out) {
    const Power &power = *state.power;
    if (power.active && power.allowed && !state.used && state.device_state == "ready" &&
        state.span_ms > power.delay_ms + SUSPEND_MS)
        add(out, Health::stuck, "never_sleeps",
            fmt::format("the device is awake, though nobody has had it open for {} ms, and it may sleep after {} ms",
                        state.span_ms, power.delay_ms),
            "a mistake of the driver: a reference to runtime power management that nobody gives back");
}

} // namespace

std::string loss_text(const State &state) {
    const Losses losses = state.losses.value_or(Losses{});
    if (state.device_state == "gone")
        return losses.resets == 0 ? "when the device stopped answering"
                                  : "when the device stopped answering, or in a reset before";
    if (losses.fatal_link_errors == 0)
        return "in a reset of the device";
    const std::string error = losses.link_error.empty() ? "AER" : "AER: " + losses.link_error;
    if (losses.resets <= losses.fatal_link_errors)
        return fmt::format("in a fatal error of the PCIe link ({}){}: the kernel has reset the slot", error,
                           when_text(losses.link_ms_ago));
    return fmt::format("in a reset of the device: the driver has counted {}, {} of them for fatal errors of the PCIe "
                       "link ({}){}{}",
                       losses.resets, losses.fatal_link_errors, error, losses.link_ms_ago ? ", the last of these" : "",
                       when_text(losses.link_ms_ago));
}

// A reset restores the addresses that the kernel has saved, and saves what is there now just before.
std::string remedy_text(const std::string &device, const std::optional<Function> &function) {
    if (function && !function->reachable())
        return fmt::format("{}'echo 1 >/sys/bus/pci/devices/{}/remove', then 'echo 1 >/sys/bus/pci/rescan'{}",
                           function->answers ? "" : "once its link is up: ", device,
                           function->answers ? ": nothing else gives it addresses again" : "");
    return "'neuronctl reset', or binding the driver anew, puts it back into service if it works again";
}

std::vector<Finding> device_findings(const State &state) {
    std::vector<Finding> out;
    state_findings(state, out);
    if (state.function && state.device_state == "ready")
        function_findings(state, out);
    const auto lost = [](const Queue &queue) { return queue.state == "lost"; };
    if (state.losses && std::ranges::none_of(state.queues, lost))
        link_findings(*state.losses, out);
    if (state.events_lost != 0)
        add(out, Health::busy, "events_lost",
            fmt::format("{} event records were lost since the last reset: some faults are not known",
                        state.events_lost),
            "");
    if (state.events)
        event_findings(*state.events, out);
    buffer_findings(state, out);
    if (state.power)
        power_findings(state, out);
    return out;
}

} // namespace neuronctl::explain
