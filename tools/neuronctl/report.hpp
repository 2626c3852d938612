// SPDX-License-Identifier: MIT
/**
 * @file
 * What every command shares: its failure type, and the two ways to print, for people and as JSON.
 */
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <neuron/error.hpp>

namespace neuronctl {

using Json = nlohmann::ordered_json;

/** Name and version of the JSON that every command prints. Within a version, members are only added. */
inline constexpr std::string_view json_schema = "neuronctl/1";

/** Exit codes; the manual lists them. */
enum class Exit : int {
    ok = 0,
    failed = 1, ///< The work failed: device, run, or errors in an assembled source.
    usage = 2,  ///< The command line or an input file is wrong; no device was touched.
};

/** Why a command ends early. */
struct Failure {
    Exit exit = Exit::failed;
    std::string code;    ///< For programs: "usage", or the name of a neuron::ErrorCode.
    std::string message; ///< One line that names the thing.
    Json details{};      ///< More members of "error" in the JSON.
    std::string text{};  ///< If set, printed for people instead of the message.
};

/** A value, or why not. */
template<class T>
using Outcome = tl::expected<T, Failure>;

Failure usage_error(std::string message);
/** An error of the library that the input caused. */
Failure input_error(const neuron::Error &error);
/** An error of the library that the device or the system caused. */
Failure device_error(const neuron::Error &error);

/** Options that stand before the command. */
struct Global {
    bool json = false;
};

/** Prints a result: `text` as it is, or `json` with the schema, the command and "ok": true in front. */
void print_result(const Global &global, std::string_view command, const Json &json, std::string_view text);

/** Prints an error (text to stderr, JSON to stdout) and returns the exit code. */
int print_failure(const Global &global, std::string_view command, const Failure &failure);

/** "512 B", "1.5 MiB". */
std::string bytes_text(std::uint64_t bytes);
/** "850 ns", "1.25 ms", "3.1 s". */
std::string time_text(std::uint64_t nanoseconds);
/** "1.0". */
std::string version_text(std::uint32_t version);

/** Rows of a table in columns as wide as they need; `right` marks right-aligned columns ('<' or '>' per column). */
std::string table(const std::vector<std::vector<std::string>> &rows, std::string_view alignment,
                  std::string_view indent = "");

} // namespace neuronctl
