// SPDX-License-Identifier: MIT
#include "live_register.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "explain/records.hpp"
#include "registers_by_name.hpp"
#include "system.hpp"

namespace neuronctl {
namespace {

/** What the driver calls a block, and each of several, in its file. */
std::string section_of(const neuron::spec::RegisterRef &where) {
    const std::string_view block = where.desc->block;
    if (block == "GLOBAL")
        return "device";
    if (block == "REC")
        return "recorder";
    if (block == "PLAN")
        return "fault plan";
    if (block == "CTX")
        return fmt::format("context {}", where.index);
    if (block == "QUEUE")
        return fmt::format("queue {}", where.index);
    return {};
}

Failure unknown(const std::string &address, const neuron::spec::RegisterRef &where, std::string_view why) {
    return {Exit::failed, "not_found", fmt::format("{}: {}: {}", address, register_name(where), why), {}, {}};
}

} // namespace

Outcome<std::uint64_t> live_register(const std::string &device, const neuron::spec::RegisterRef &where) {
    const auto address = sys::address_of(device);
    if (!address)
        return tl::unexpected(address.error());
    const auto text = sys::debugfs(*address, "registers");
    if (!text)
        return tl::unexpected(text.error());
    const auto all = explain::sections(*text);
    // Then a line says what is wrong with the device.
    if (all.size() == 1 && all[0].name.empty() && !all[0].lines.empty())
        return tl::unexpected(unknown(*address, where, all[0].lines[0]));
    const auto section = std::ranges::find(all, section_of(where), &explain::Section::name);
    if (section == all.end())
        return tl::unexpected(unknown(*address, where,
                                      where.desc->stride != 0
                                          ? "it is not in use, or the driver does not show it"
                                          : "the device does not have it, or the driver does not show it"));
    const std::string key = fmt::format("{}: ", where.desc->name);
    const auto line = std::ranges::find_if(section->lines, [&](const auto &one) { return one.starts_with(key); });
    const auto value = line == section->lines.end() ? std::nullopt : sys::number(line->substr(key.size()));
    if (!value)
        return tl::unexpected(unknown(*address, where, "the driver does not read it, for that could have an effect"));
    return *value;
}

} // namespace neuronctl
