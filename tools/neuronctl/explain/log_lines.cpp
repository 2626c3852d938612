// SPDX-License-Identifier: MIT
#include "log_lines.hpp"

#include <array>
#include <regex>
#include <span>

#include <fmt/format.h>

#include "../system.hpp"

namespace neuronctl::explain {
namespace {

constexpr DriverMessage messages[] = {
    {"spec ", "the driver is bound, and this is what the device says of itself"},
    {"resetting the device: ",
     "the driver has given up on what follows the colon and resets the device: all queues are "
     "lost and HBM reads as zero; a coredump of before is in /sys/class/devcoredump"},
    {"the reset failed", "the device is wedged: nothing works until the driver is bound anew or the function is reset"},
    {"the device does not answer any more",
     "registers read as all ones, as if the device had been pulled out: all jobs "
     "have ended with ENODEV"},
    {"the link has failed: all jobs are lost", "a fatal error of the PCIe link: the kernel resets the slot"},
    {"recovered from an error of the link", "the device works again; HBM is zero and all queues are lost"},
    {"uncorrectable error of HBM at ",
     "64 bytes of HBM are spoilt: reading them is a fault (HBM_ECC) until all of them have "
     "been written; 'neuronctl addr' says whose they are"},
    {"scrubbing HBM [", "the device could not zero memory for a new buffer: if it is a time-out, a reset follows"},
    {"out of memory: the content of a buffer is lost",
     "the device went while its buffers had memory of the DMA API, and "
     "there was no room to keep what was in one"},
    {"the device does not stop", "the driver was unbound, and queues or contexts did not end in time"},
    {"the device does not become ready", "a reset at probe did not end: the driver is not bound"},
    {"the device speaks spec version ", "driver and device do not fit: use the driver and the QEMU of one build"},
    {"the device describes itself with impossible sizes", "what the device says of itself cannot be: the driver is not "
                                                          "bound"},
    {"the device answers ", "BAR REGS does not hold the registers of this device: the driver is not bound"},
    {"a BAR is missing or too small", "the function is not one of this kind, or the firmware had no room for its BARs"},
    {"no usable DMA mask", "the platform cannot do DMA for this function"},
    {"cannot map memory", "a BAR cannot be mapped: another driver may have it"},
    {"cannot get two MSI-X vectors", "the platform gives the function no interrupts"},
    {"cannot request interrupt ", "an interrupt is there but cannot be used"},
    {"HBM is in use and would be lost: no sleep",
     "the system's sleep was refused: it would cut the power of a buffer in HBM"},
    {"jobs are running: no sleep", "the system's sleep was refused: jobs did not end within five seconds"},
    {"no sensors", "temperature and power are not shown; all else works"},
};

// A bus address without a domain is in domain 0.
std::string whole(const std::string &address) {
    return address.size() == std::string_view("01:00.0").size() ? "0000:" + address : address;
}

std::uint64_t hex(const std::string &digits) {
    return sys::number(digits.starts_with("0x") ? digits : "0x" + digits).value_or(0);
}

std::string transfer_text(bool write, std::uint64_t address) {
    return fmt::format("the device tried to {} bus address {:#x}", write ? "write" : "read", address);
}

constexpr const char *bdf = "((?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7])";

// DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0x1000 [fault reason 0x06] PTE Read access is not set
std::optional<LogLine> intel(const std::string &line) {
    static const std::regex pattern(
        fmt::format("DMAR: \\[(DMA )?(Read|Write)[^\\]]*\\] Request device \\[{}\\](?: PASID "
                    "[0-9a-fx]+)? fault addr (?:0x)?([0-9a-f]+) \\[fault reason "
                    "(0x[0-9a-f]+|[0-9]+)\\] ?(.*)",
                    bdf));
    std::smatch found;
    if (!std::regex_search(line, found, pattern))
        return std::nullopt;
    LogLine out{.kind = "iommu", .device = whole(found[3])};
    out.write = found[2] == "Write";
    out.bus_address = hex(found[4]);
    out.reason = found[6];
    out.means = fmt::format("{}, and the IOMMU refused: {}; the job ends with fault HOST_BUS",
                            transfer_text(*out.write, *out.bus_address),
                            out.reason.empty() ? fmt::format("reason {}", found[5].str()) : out.reason);
    return out;
}

// The flags of an IO_PAGE_FAULT, as the AMD IOMMU has them in its event log.
std::string amd_reason(std::uint64_t flags) {
    constexpr std::uint64_t present = 1U << 4, reserved = 1U << 7;
    if ((flags & present) == 0)
        return "nothing is mapped there";
    return (flags & reserved) != 0 ? "a reserved bit is set in the page table" : "the mapping does not allow it";
}

// [12.3] neuron_accel 0000:01:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0010 address=0x1000 flags=0x0020]
// AMD-Vi: Event logged [IO_PAGE_FAULT device=01:00.0 domain=0x0010 address=0x1000 flags=0x0020]
std::optional<LogLine> amd(const std::string &line) {
    static const std::regex pattern(fmt::format("(?:{0}: )?AMD-Vi: Event logged \\[IO_PAGE_FAULT (?:device={0} )?"
                                                "(?:pasid=[0-9a-fx]+ )?domain=0x[0-9a-f]+ address=0x([0-9a-f]+) "
                                                "flags=0x([0-9a-f]+)\\]",
                                                bdf));
    std::smatch found;
    if (!std::regex_search(line, found, pattern))
        return std::nullopt;
    constexpr std::uint64_t write_flag = 1U << 5;
    const std::uint64_t flags = hex(found[4]);
    LogLine out{.kind = "iommu", .device = whole(found[1].matched ? found[1] : found[2])};
    out.write = (flags & write_flag) != 0;
    out.bus_address = hex(found[3]);
    out.reason = amd_reason(flags);
    out.means = fmt::format("{}, and the IOMMU refused: {}; the job ends with fault HOST_BUS",
                            transfer_text(*out.write, *out.bus_address), out.reason);
    return out;
}

// [12.3] neuron_accel 0000:01:00.0: [drm] *ERROR* resetting the device: why
std::optional<LogLine> driver(const std::string &line) {
    static const std::regex pattern(
        fmt::format("neuron_accel {}: (?:\\[drm\\] )?(?:\\*ERROR\\* )?(?:error [^:]*: )?(.*)", bdf));
    std::smatch found;
    if (!std::regex_search(line, found, pattern))
        return std::nullopt;
    const std::string text = found[2];
    LogLine out{.kind = "driver", .device = whole(found[1])};
    for (const DriverMessage &known : messages)
        if (text.starts_with(known.begins))
            out.means = known.means;
    return out.means.empty() ? std::nullopt : std::optional(out);
}

// neuron_accel 0000:01:00.0: PCIe Bus Error: severity=Uncorrectable (Fatal), type=Transaction Layer, (Requester ID)
std::optional<LogLine> aer(const std::string &line) {
    static const std::regex pattern(fmt::format("{}: PCIe Bus Error: severity=([^,]+), type=([^,]+)", bdf));
    std::smatch found;
    if (!std::regex_search(line, found, pattern))
        return std::nullopt;
    LogLine out{.kind = "aer", .device = whole(found[1])};
    out.reason = found[2];
    const bool fatal = out.reason.find("(Fatal)") != std::string::npos;
    const bool corrected = out.reason.find("Correct") == 0;
    out.means = fmt::format("an error of the link ({}): {}", found[3].str(),
                            fatal       ? "the kernel resets the slot, and all jobs are lost"
                            : corrected ? "the link has corrected it, nothing is lost"
                                        : "a transfer of the device has failed, and its job with it");
    return out;
}

} // namespace

std::span<const DriverMessage> driver_messages() { return messages; }

std::optional<LogLine> log_line(std::string_view text) {
    const std::string line(text);
    for (const auto read : {intel, amd, aer, driver})
        if (auto out = read(line))
            return out;
    return std::nullopt;
}

} // namespace neuronctl::explain
