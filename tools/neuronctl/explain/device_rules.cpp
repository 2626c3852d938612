// SPDX-License-Identifier: MIT
#include "device_rules.hpp"

#include <fmt/format.h>

namespace neuronctl::explain {
namespace {

struct StateText {
    std::string_view state;
    Health health;
    std::string_view text;
    std::string_view hint;
};

constexpr StateText state_texts[] = {
    {"unbound", Health::failed, "no driver is bound to the device", "'neuronctl doctor' looks for the reason"},
    {"gone", Health::failed, "the device does not answer: it reads as all ones, as if it had been pulled out",
     "all jobs have ended with ENODEV; remove the function and rescan the bus, or reset it"},
    {"wedged", Health::failed, "a reset of the device has failed: the driver does not use it any more",
     "bind the driver anew, or reset the function"},
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

void function_findings(const State &state, std::vector<Finding> &out) {
    const Function &function = *state.function;
    const bool sleeps = state.device_state == "sleeping";
    if (!function.answers) {
        if (state.device_state != "gone")
            add(out, Health::failed, "no_answer", "the configuration space of the device reads as all ones",
                "the link is down or the function was pulled out");
        return;
    }
    if (function.power != 0 && !sleeps)
        add(out, Health::failed, "asleep",
            fmt::format("the function is in D{}, though the driver uses it", function.power), "");
    if (state.device_state != "ready")
        return;
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

std::vector<Finding> device_findings(const State &state) {
    std::vector<Finding> out;
    for (const StateText &known : state_texts)
        if (state.device_state == known.state)
            add(out, known.health, std::string(known.state), std::string(known.text), std::string(known.hint));
    if (state.function && state.device_state != "unbound")
        function_findings(state, out);
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
