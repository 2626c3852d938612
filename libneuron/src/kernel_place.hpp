// SPDX-License-Identifier: MIT
// Which kernel, and which instruction of it: for the library's errors, and for those who look at a process from outside.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <neuron/error.hpp>
#include <neuron/kernel_file.hpp>

namespace neuron::detail {

/**
 * The name that memory of a process has which holds the kernel file of a loaded program, as /proc/PID/maps shows it: the
 * device's bus address, the number of the context, and the program's address there. 'neuronctl explain' reads it.
 */
std::string kernel_mark(std::string_view device, std::uint32_t context, std::uint64_t va);

/** Streams of a kernel, by engine. */
using Streams = std::array<std::span<const InstructionBytes>, KernelFile::engines>;

/** Whose instruction a fault is about; of a transfer's only if a single engine has a DMA instruction there. */
std::optional<spec::Engine> engine_of(const FaultInfo &fault, const Streams &streams);

} // namespace neuron::detail
