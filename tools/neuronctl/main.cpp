// SPDX-License-Identifier: MIT
// neuronctl: the command line of the accelerator.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string_view>

#include <fmt/format.h>

#include "app.hpp"
#include "device_options.hpp"
#include "interrupt.hpp"

namespace neuronctl {
namespace {

// The command the user meant, e.g. "dma copy"; also for errors that stop parsing before all is known.
std::string command_name(const CLI::App &app) {
    std::string out;
    for (auto chosen = app.get_subcommands(); !chosen.empty(); chosen = chosen.front()->get_subcommands())
        out += (out.empty() ? "" : " ") + chosen.front()->get_name();
    return out.empty() ? "neuronctl" : out;
}

// The first word that is neither an option nor a command; CLI11 only says that a command is missing.
std::string unknown_command(const CLI::App &app, int argc, char **argv) {
    const auto chosen = app.get_subcommands();
    const CLI::App &group = chosen.empty() ? app : *chosen.front();
    if (group.get_require_subcommand_min() == 0 || !group.get_subcommands().empty())
        return {};
    for (int i = 1; i < argc; ++i)
        if (argv[i][0] != '-' && argv[i] != (chosen.empty() ? std::string() : group.get_name()))
            return argv[i];
    return {};
}

int parse_error(const CLI::App &app, const CLI::ParseError &error, const Global &global, const std::string &unknown) {
    // --help and --version come as errors, too.
    if (error.get_exit_code() == 0)
        return app.exit(error);
    const std::string command = command_name(app);
    std::string message = unknown.empty() ? error.what() : fmt::format("unknown command '{}'", unknown);
    std::replace(message.begin(), message.end(), '\n', ' ');
    return print_failure(
        global, command,
        with_hint(usage_error(std::move(message)),
                  fmt::format("try 'neuronctl {}--help'", command == "neuronctl" ? "" : command + " ")));
}

int run(int argc, char **argv) {
    CLI::App app;
    Global global;
    Action action;
    build_app(app, global, action);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
        // CLI11 may give up before it has seen the flag.
        global.json = std::any_of(argv, argv + argc, [](std::string_view word) { return word == "--json"; });
        return parse_error(app, error, global, unknown_command(app, argc, argv));
    }
    catch_interrupts();
    if (const auto done = action(); !done)
        return print_failure(global, command_name(app), done.error());
    if (const unsigned found = sanitizer_findings(); found != 0) {
        fmt::print(stderr, "neuronctl: error: the sanitizer has {} report{}\n", found, found == 1 ? "" : "s");
        return static_cast<int>(Exit::mismatch);
    }
    // A full disk must not look like success.
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
        return print_failure({.json = false}, command_name(app),
                             {Exit::failed, "io", "cannot write to standard output", {}, {}});
    return static_cast<int>(Exit::ok);
}

} // namespace
} // namespace neuronctl

int main(int argc, char **argv) {
    try {
        return neuronctl::run(argc, argv);
    } catch (const std::exception &e) { // what is left is memory that ran out
        std::fprintf(stderr, "neuronctl: error: %s\n", e.what());
        return static_cast<int>(neuronctl::Exit::failed);
    }
}
