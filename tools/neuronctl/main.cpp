// SPDX-License-Identifier: MIT
// neuronctl: the command line of the accelerator.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string_view>

#include <fmt/format.h>

#include <neuron/spec.hpp>

#include "commands.hpp"

namespace neuronctl {
namespace {

constexpr std::string_view examples = R"(
Examples:
  neuronctl devices                                     which devices there are
  neuronctl asm matmul.s -D M=512 -D N=512 -D K=512     make matmul.nko
  neuronctl run matmul.nko --in A=a.npy --in B=b.npy --out C=c.npy
  neuronctl run --backend sim matmul.nko --in A=a.npy --in B=b.npy --out C=c.npy
                                                        the same without a device: the chip runs in this process
  neuronctl disasm matmul.nko                           what is in a kernel
  neuronctl --json run ... | jq .steps                  for scripts

Exit codes: 0 success; 1 the device, the run or the assembly failed; 2 the command line or an input is wrong.
'neuronctl COMMAND --help' tells more about a command.)";

std::string version() {
    return fmt::format("neuronctl {} (hardware contract {})", NEURONCTL_VERSION, version_text(neuron::spec::VERSION));
}

// Which command the user meant, for errors that stop parsing before it is known.
std::string command_name(const CLI::App &app) {
    const auto chosen = app.get_subcommands();
    return chosen.empty() ? "neuronctl" : chosen.front()->get_name();
}

// The first word that is neither an option nor a command; CLI11 only says that a command is missing.
std::string unknown_command(const CLI::App &app, int argc, char **argv) {
    for (int i = 1; i < argc && app.get_subcommands().empty(); ++i)
        if (argv[i][0] != '-')
            return argv[i];
    return {};
}

int parse_error(const CLI::App &app, const CLI::ParseError &error, const Global &global, const std::string &unknown) {
    // --help and --version come as errors, too.
    if (error.get_exit_code() == 0)
        return app.exit(error);
    const std::string command = command_name(app);
    Failure failure = usage_error(unknown.empty() ? error.what() : fmt::format("unknown command '{}'", unknown));
    failure.text = fmt::format("neuronctl: error: {}\nTry 'neuronctl {}--help'.\n", failure.message,
                               command == "neuronctl" ? "" : command + " ");
    return print_failure(global, command, failure);
}

int run(int argc, char **argv) {
    CLI::App app{"Runs kernels on the neuron accelerator, and makes and inspects them.", "neuronctl"};
    Global global;
    Action action;
    app.add_flag("--json", global.json, "Print JSON (schema \"neuronctl/1\"), errors included");
    app.set_version_flag("--version", version());
    app.footer(std::string(examples));
    app.require_subcommand(1);
    app.fallthrough();
    const CommandLine line{app, global, action};
    add_run(line);
    add_asm(line);
    add_disasm(line);
    add_devices(line);
    add_info(line);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
        // CLI11 may give up before it has seen the flag.
        global.json = std::any_of(argv, argv + argc, [](std::string_view word) { return word == "--json"; });
        return parse_error(app, error, global, unknown_command(app, argc, argv));
    }
    if (const auto done = action(); !done)
        return print_failure(global, command_name(app), done.error());
    // A full disk must not look like success.
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
        return print_failure(global, command_name(app),
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
