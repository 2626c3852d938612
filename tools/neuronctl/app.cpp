// SPDX-License-Identifier: MIT
#include "app.hpp"

#include <fmt/format.h>

#include <neuron/spec.hpp>

namespace neuronctl {
namespace {

constexpr std::string_view examples = R"(
Examples:
  neuronctl devices                                     which devices there are
  neuronctl doctor                                      why it does not work here, and what to do
  neuronctl asm matmul.s -D M=512 -D N=512 -D K=512     make matmul.nko
  neuronctl run matmul.nko --in A=a.npy --in B=b.npy --out C=c.npy
  neuronctl run --backend sim matmul.nko --in A=a.npy --in B=b.npy --out C=c.npy
                                                        the same without a device: the chip runs in this process
  neuronctl disasm matmul.nko                           what is in a kernel
  neuronctl --json run ... | jq .steps                  for scripts

Exit codes: )";

constexpr std::string_view closing = R"(
'neuronctl COMMAND --help' tells more about a command.)";

std::string footer() {
    std::string out(examples);
    for (const ExitText &entry : exit_texts)
        out += fmt::format("{}{} {}", entry.exit == Exit::ok ? "" : ";\n  ", static_cast<int>(entry.exit), entry.text);
    return out + "." + std::string(closing);
}

} // namespace

std::string version_line() {
    return fmt::format("neuronctl {} (hardware contract {})", NEURONCTL_VERSION, version_text(neuron::spec::VERSION));
}

void build_app(CLI::App &app, Global &global, Action &action) {
    app.name("neuronctl");
    app.description("Runs kernels on the neuron accelerator, and makes, measures and inspects them.");
    app.add_flag("--json", global.json, fmt::format("Print JSON (schema \"{}\"), errors included", json_schema));
    app.set_version_flag("--version", version_line(), "Print the versions of program and hardware contract");
    app.footer(footer());
    app.require_subcommand(1);
    app.fallthrough();
    const CommandLine line{app, global, action};
    add_run(line);
    add_asm(line);
    add_disasm(line);
    add_devices(line);
    add_info(line);
    add_doctor(line);
    add_replay(line);
    add_reset(line);
    add_fault(line);
    add_validate(line);
    add_bench(line);
    add_dma(line);
    add_trace(line);
    add_explore(line);
    add_explain(line);
    add_addr(line);
    add_decode(line);
    add_inspect(line);
    add_monitor(line);
}

} // namespace neuronctl
