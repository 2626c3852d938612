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

/** Exit codes. */
enum class Exit : int {
    ok = 0,
    failed = 1,
    usage = 2,
    mismatch = 3,
    interrupted = 130, ///< As a shell reports SIGINT.
};

struct ExitText {
    Exit exit;
    std::string_view text;
};

/** What help and manual say about each. */
inline constexpr ExitText exit_texts[] = {
    {Exit::ok, "success"},
    {Exit::failed, "the device, the run or the assembly failed"},
    {Exit::usage, "the command line or an input is wrong; no device was touched"},
    {Exit::mismatch, "the work was done, but a check found something else than it should"},
    {Exit::interrupted, "interrupted (Ctrl-C); jobs were stopped first"},
};

/** Why a command ends early. */
struct Failure {
    Exit exit = Exit::failed;
    std::string code;    ///< For programs: "usage", or the name of a neuron::ErrorCode.
    std::string message; ///< One line that names the thing.
    Json details{};      ///< More members of "error" in the JSON.
    std::string text{};  ///< If set, printed for people instead of the message.
    Json body{};         ///< What the command has found all the same: members beside "error" in the JSON.
    std::string hint{};  ///< What to do about it, if that is known; ends the line.
};

/** A value, or why not. */
template<class T>
using Outcome = tl::expected<T, Failure>;

Failure usage_error(std::string message);
/** An error of the library that the input caused. */
Failure input_error(const neuron::Error &error);
/** An error of the library that the device or the system caused. */
Failure device_error(const neuron::Error &error);

/** The same error, with what to do about it. */
Failure with_hint(Failure failure, std::string hint);

/** Options that stand before the command. */
struct Global {
    bool json = false;
};

/** Prints a result: `text` as it is, or `json` with the schema, the command and "ok": true in front. */
void print_result(const Global &global, std::string_view command, const Json &json, std::string_view text);

/** Prints an error (text to stderr, JSON to stdout) and returns the exit code. */
int print_failure(const Global &global, std::string_view command, const Failure &failure);

/** One line of JSON, for commands that print many. */
std::string json_line(std::string_view command, const Json &json);

/** "512 B", "1.5 MiB". */
std::string bytes_text(std::uint64_t bytes);
/** "850 ns", "1.25 ms", "3.1 s". */
std::string time_text(std::uint64_t nanoseconds);
/** "1.5 MiB/s". */
std::string rate_text(double bytes_per_second);
/** "1.0". */
std::string version_text(std::uint32_t version);

/** Rows of a table in columns as wide as they need; `right` marks right-aligned columns ('<' or '>' per column). */
std::string table(const std::vector<std::vector<std::string>> &rows, std::string_view alignment,
                  std::string_view indent = "");

} // namespace neuronctl
