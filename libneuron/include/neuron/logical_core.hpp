// SPDX-License-Identifier: MIT
/**
 * @file
 * Logical cores: NeuronCores that share a stack of HBM and run one kernel together.
 */
#pragma once

#include <cstdint>

#include <neuron/device.hpp>

namespace neuron {

/** A logical core. */
struct LogicalCore {
    std::uint32_t core_mask = 0; ///< Its NeuronCores: for Program::launch().
    std::uint32_t bank = 0;      ///< Their HBM stack: for BufferOptions and ProgramOptions.
};

/** NeuronCores per logical core (LNC) unless somebody says otherwise: those of a stack. 2 for trn2 and trn3, 1 before. */
NEURON_API std::uint32_t default_lnc(const DeviceInfo &device) noexcept;

/**
 * How many logical cores the device has. A NeuronCore that is left over belongs to none.
 * @param lnc NeuronCores of each, 1 or default_lnc(); 0 for the latter.
 * @return unsupported for any other number.
 */
NEURON_API Result<std::uint32_t> logical_core_count(const DeviceInfo &device, std::uint32_t lnc = 0);

/**
 * Logical core @p index: NeuronCores lnc * index to lnc * index + lnc - 1.
 * @return invalid_argument if the device has not so many; unsupported as above.
 */
NEURON_API Result<LogicalCore> logical_core(const DeviceInfo &device, std::uint32_t index, std::uint32_t lnc = 0);

} // namespace neuron
