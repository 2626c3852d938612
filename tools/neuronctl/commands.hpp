// SPDX-License-Identifier: MIT
/**
 * @file
 * The commands: each adds itself to the command line, and sets `action` when it was chosen.
 */
#pragma once

#include <functional>

#include <CLI/CLI.hpp>

#include "report.hpp"

namespace neuronctl {

/** What a command does; returns nothing or why it failed. */
using Action = std::function<Outcome<void>()>;

struct CommandLine {
    CLI::App &app;
    Global &global;
    Action &action; ///< Of the chosen command.
};

void add_devices(const CommandLine &line);
void add_info(const CommandLine &line);
void add_run(const CommandLine &line);
void add_asm(const CommandLine &line);
void add_disasm(const CommandLine &line);
void add_bench(const CommandLine &line);
void add_dma(const CommandLine &line);
/** top, monitor */
void add_monitor(const CommandLine &line);
/** queue, ring, bo, vm */
void add_inspect(const CommandLine &line);
void add_ring(const CommandLine &line);
void add_explain(const CommandLine &line);
void add_addr(const CommandLine &line);
/** decode register, packet, pte, instruction, struct, log */
void add_decode(const CommandLine &line);
void add_trace(const CommandLine &line);
void add_explore(const CommandLine &line);
void add_doctor(const CommandLine &line);
/** fault set, fault show, fault clear */
void add_fault(const CommandLine &line);
void add_replay(const CommandLine &line);
void add_reset(const CommandLine &line);
void add_validate(const CommandLine &line);

} // namespace neuronctl
