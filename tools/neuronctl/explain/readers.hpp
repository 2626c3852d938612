// SPDX-License-Identifier: MIT
/**
 * @file
 * From where a state comes: a device that is there, a coredump, or the registers of a chip.
 */
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "../report.hpp"
#include "places.hpp"
#include "state.hpp"

namespace neuronctl::explain {

/** What debugfs, sysfs and the configuration space say now. */
Outcome<State> read_live(const std::string &address);

/** A coredump of the driver. @p name is for messages. */
Outcome<State> read_coredump(const std::string &name, std::string_view text);

/**
 * What the registers alone say, of a chip without a driver: no jobs, processes or mappings.
 * @param read Reads so many bytes, 4 or 8, of BAR REGS.
 */
State read_registers(const std::function<std::uint64_t(std::uint64_t offset, unsigned bytes)> &read);

/**
 * What the configuration space of the function says, at least 64 bytes of it.
 * @param resource sysfs' file of that name: where the kernel believes its BARs to be.
 */
Function function_of(std::string_view config, std::string_view resource = {});

/** The same of a function that is there; nothing if it cannot be read. */
std::optional<Function> read_function(const std::string &address);

/** Who has which memory: ranges of HBM, of the bus, of the system's memory. */
struct MemoryMap {
    std::vector<Range> hbm;
    std::vector<Range> bus;
    std::vector<Range> physical;
};
Outcome<MemoryMap> read_memory_map(const std::string &address);
/** The same from the text of the driver's files hbm and dma. */
MemoryMap memory_map_of(std::string_view hbm, std::string_view dma);

} // namespace neuronctl::explain
