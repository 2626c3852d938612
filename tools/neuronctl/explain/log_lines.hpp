// SPDX-License-Identifier: MIT
/**
 * @file
 * Lines of the kernel log that are about the device, and what they mean. Pure functions.
 */
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "../report.hpp"

namespace neuronctl::explain {

/** What of the driver says a thing, and what it means for whoever reads it. */
struct DriverMessage {
    std::string_view begins; ///< As in the source of the driver, up to its first number.
    std::string_view means;
};
/** All that the driver says in the log at ordinary levels. */
std::span<const DriverMessage> driver_messages();

struct LogLine {
    std::string kind{};   ///< "driver", "iommu", "aer", "swiotlb", "dma-api"; "unknown": no more is known than that.
    std::string device{}; ///< Bus address with its domain, "0000:01:00.0".
    std::string means{};  ///< In a sentence.
    std::optional<std::uint64_t> bus_address{}; ///< That a transfer met.
    std::optional<std::uint64_t> hbm_address{}; ///< That is spoilt.
    std::optional<bool> write{};                ///< Of that transfer.
    std::string reason{};                       ///< Of the IOMMU, in its words.
};

/**
 * What a line says, if it is of a kind that is known; the device in it may be any.
 * @param line Of dmesg or journalctl, with what they put in front.
 */
std::optional<LogLine> log_line(std::string_view line);

/** The device that the driver says a line of. */
std::optional<std::string> driver_device(std::string_view line);

/** A line that names the driver or one of the devices, for those of which log_line() knows nothing. */
std::optional<LogLine> unknown_line(std::string_view line, const std::set<std::string> &devices);

} // namespace neuronctl::explain
