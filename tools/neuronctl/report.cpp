// SPDX-License-Identifier: MIT
#include "report.hpp"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include <neuron/spec.hpp>

namespace neuronctl {
namespace {

Json envelope(std::string_view command, bool ok) {
    return Json{{"schema", json_schema}, {"command", command}, {"ok", ok}};
}

constexpr std::string_view doctor_hint = "'neuronctl doctor' looks for the reason";

// File names may hold any bytes; JSON holds UTF-8.
void print_json(const Json &json) { fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace)); }

} // namespace

Failure usage_error(std::string message) { return {Exit::usage, "usage", std::move(message), {}, {}}; }

Failure input_error(const neuron::Error &error) {
    return {Exit::usage, std::string(neuron::name(error.code)), error.message, {}, {}};
}

Failure with_hint(Failure failure, std::string hint) {
    failure.hint = std::move(hint);
    return failure;
}

Failure device_error(const neuron::Error &error) {
    Failure failure{Exit::failed, std::string(neuron::name(error.code)), error.message, {}, {}};
    if (error.code == neuron::ErrorCode::no_device || error.code == neuron::ErrorCode::version_mismatch)
        failure.hint = doctor_hint;
    if (error.fault) {
        const neuron::FaultInfo &fault = *error.fault;
        failure.details["fault"] = {
            {"code", neuron::spec::name(fault.code)},
            {"unit", neuron::spec::name(fault.unit)},
            {"job", fault.job},
            {"packet", fault.packet},
            {"core", fault.core},
            {"ring", fault.ring},
            {"pc", fault.pc},
            {"write", fault.write},
            {"va", fault.va},
            {"info", fault.info},
        };
    }
    return failure;
}

void print_result(const Global &global, std::string_view command, const Json &json, std::string_view text) {
    if (!global.json) {
        fmt::print("{}", text);
        return;
    }
    Json out = envelope(command, true);
    out.update(json);
    print_json(out);
}

int print_failure(const Global &global, std::string_view command, const Failure &failure) {
    std::fflush(stdout);
    if (global.json) {
        Json out = envelope(command, false);
        if (failure.body.is_object())
            out.update(failure.body);
        out["error"] = {{"code", failure.code}, {"message", failure.message}};
        if (!failure.hint.empty())
            out["error"]["hint"] = failure.hint;
        if (failure.details.is_object())
            out["error"].update(failure.details);
        print_json(out);
    } else if (!failure.text.empty())
        fmt::print(stderr, "{}", failure.text);
    else
        fmt::print(stderr, "neuronctl: error: {}{}{}\n", failure.message, failure.hint.empty() ? "" : "; ",
                   failure.hint);
    return static_cast<int>(failure.exit);
}

std::string json_line(std::string_view command, const Json &json) {
    Json out = envelope(command, true);
    out.update(json);
    return out.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::string bytes_text(std::uint64_t bytes) {
    constexpr std::string_view units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024)
        return fmt::format("{} B", bytes);
    double value = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    for (; value >= 1024 && unit + 1 < std::size(units); ++unit)
        value /= 1024;
    return fmt::format("{:.1f} {}", value, units[unit]);
}

std::string time_text(std::uint64_t nanoseconds) {
    const auto ns = static_cast<double>(nanoseconds);
    if (ns < 1e3)
        return fmt::format("{} ns", nanoseconds);
    if (ns < 1e6)
        return fmt::format("{:.1f} us", ns / 1e3);
    return ns < 1e9 ? fmt::format("{:.2f} ms", ns / 1e6) : fmt::format("{:.2f} s", ns / 1e9);
}

std::string rate_text(double bytes_per_second) {
    return bytes_text(static_cast<std::uint64_t>(bytes_per_second)) + "/s";
}

std::string version_text(std::uint32_t version) { return fmt::format("{}.{}", version >> 16, version & 0xffff); }

std::string table(const std::vector<std::vector<std::string>> &rows, std::string_view alignment,
                  std::string_view indent) {
    std::vector<std::size_t> widths(alignment.size());
    for (const auto &row : rows)
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], row[i].size());
    std::string out;
    for (const auto &row : rows) {
        std::string line(indent);
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::string padding(widths[i] - row[i].size(), ' ');
            line += (i > 0 ? "  " : "") + (alignment[i] == '>' ? padding + row[i] : row[i] + padding);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + '\n';
    }
    return out;
}

} // namespace neuronctl
