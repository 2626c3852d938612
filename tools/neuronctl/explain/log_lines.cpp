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
    {"no interrupt has told of ", "the device had been done with jobs for 100 ms and more, and the watchdog has "
                                  "completed them: an interrupt was lost; "
                                  "'neuronctl explain' says which job was the last, as long as there is its queue"},
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
    out.means = fmt::format("{}, and the IOMMU refused: {}; a job that did this ends with fault HOST_BUS",
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
    out.means = fmt::format("{}, and the IOMMU refused: {}; a job that did this ends with fault HOST_BUS",
                            transfer_text(*out.write, *out.bus_address), out.reason);
    return out;
}

// DMAR: [INTR-REMAP] Request device [01:00.0] fault index 0x2f [fault reason 0x26] Blocked an interrupt request
std::optional<LogLine> remapping(const std::string &line) {
    static const std::regex pattern(
        fmt::format("DMAR: \\[INTR-REMAP\\] Request device \\[{}\\] fault index (?:0x)?([0-9a-f]+) "
                    "\\[fault reason (0x[0-9a-f]+|[0-9]+)\\] ?(.*)",
                    bdf));
    std::smatch found;
    if (!std::regex_search(line, found, pattern))
        return std::nullopt;
    LogLine out{.kind = "iommu", .device = whole(found[1])};
    out.reason = found[4];
    out.means = fmt::format("the device has sent an interrupt, of entry {:#x}, which the IOMMU refused: {}; that "
                            "interrupt is lost. Its MSI-X vectors hold what the kernel has not written, as after a "
                            "reset behind the kernel's back: 'neuronctl reset' writes them anew",
                            hex(found[2]), out.reason.empty() ? fmt::format("reason {}", found[3].str()) : out.reason);
    return out;
}

// arm-smmu-v3 9050000.smmuv3: event: F_TRANSLATION client: 0000:01:00.0 sid: 0x100 ssid: 0x0 iova: 0x1000 ipa: 0x0
std::optional<LogLine> arm(const std::string &line) {
    static const std::regex pattern(
        fmt::format("arm-smmu[^:]*: *event: ([A-Z_]+) client: {} .*iova: (0x[0-9a-f]+)", bdf));
    std::smatch found;
    if (!std::regex_search(line, found, pattern))
        return std::nullopt;
    LogLine out{.kind = "iommu", .device = whole(found[2])};
    out.bus_address = hex(found[3]);
    out.reason = found[1];
    out.means = fmt::format("the device tried to reach bus address {:#x}, and the IOMMU (SMMU) refused: {}; a job that "
                            "did this ends with fault HOST_BUS",
                            *out.bus_address,
                            out.reason == "F_TRANSLATION"  ? "F_TRANSLATION, nothing is mapped there"
                            : out.reason == "F_PERMISSION" ? "F_PERMISSION, the mapping does not allow it"
                                                           : out.reason);
    return out;
}

// neuron_accel 0000:01:00.0: swiotlb buffer is full (sz: 65536 bytes), total 32768 (slots), used 0 (slots)
std::optional<LogLine> bounce_buffers(const std::string &line) {
    static const std::regex pattern(fmt::format("{}: swiotlb buffer is full \\(sz: ([0-9]+) bytes\\), total ([0-9]+) "
                                                "\\(slots\\), used ([0-9]+) \\(slots\\)",
                                                bdf));
    std::smatch found;
    if (!std::regex_search(line, found, pattern))
        return std::nullopt;
    LogLine out{.kind = "swiotlb", .device = whole(found[1])};
    out.means = fmt::format(
        "memory that the device does not reach itself goes through the kernel's bounce buffers (swiotlb), and they had "
        "no room for {} bytes in one piece ({} of {} slots of 2 KiB were used): the buffer or the job that wanted it "
        "has failed. Give them more with swiotlb=SLOTS on the kernel's command line, or the device an IOMMU; one "
        "mapping can have 256 KiB at most",
        found[2].str(), found[4].str(), found[3].str());
    return out;
}

// neuron_accel 0000:01:00.0: DMA-API: device driver frees DMA memory with ... [device address=0x7de0000] [size=64 bytes]
std::optional<LogLine> dma_debugging(const std::string &line) {
    static const std::regex pattern(fmt::format("{}: DMA-API: ([^\\[]*)(?:\\[device address=0x([0-9a-f]+)\\])?", bdf));
    std::smatch found;
    if (!std::regex_search(line, found, pattern))
        return std::nullopt;
    LogLine out{.kind = "dma-api", .device = whole(found[1])};
    out.reason = found[2];
    out.reason.erase(out.reason.find_last_not_of(" :,") + 1);
    if (found[3].matched)
        out.bus_address = hex(found[3]);
    out.means =
        fmt::format("the kernel, which checks how drivers map memory (CONFIG_DMA_API_DEBUG), blames the driver: "
                    "{}; that is a mistake of the driver, and the call trace below the line says where",
                    out.reason);
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
    static const std::regex spoilt("^uncorrectable error of HBM at (0x[0-9a-f]+)");
    if (std::smatch place; std::regex_search(text, place, spoilt))
        out.hbm_address = hex(place[1]);
    return out.means.empty() ? std::nullopt : std::optional(out);
}

// What an error of the link costs, by the kernel's words for how bad it is.
std::string loss_of(const std::string &severity) {
    if (severity.find("(Fatal)") != std::string::npos)
        return "the kernel resets the slot, and all jobs are lost";
    return severity.starts_with("Correct") ? "the link has corrected it, nothing is lost"
                                           : "a transfer of the device has failed, and its job with it";
}

// pcieport 0000:00:02.0: AER: Multiple Correctable error message received from 0000:01:00.0
std::optional<LogLine> root_port(const std::string &line) {
    static const std::regex pattern(
        fmt::format("{0}: AER: (?:Multiple )?(Corr[a-z]+|Uncorr[a-z]+ \\([A-Za-z-]+\\)) error "
                    "(?:message )?received(?: from|:) {0}",
                    bdf));
    std::smatch found;
    if (!std::regex_search(line, found, pattern))
        return std::nullopt;
    LogLine out{.kind = "aer", .device = whole(found[3])};
    out.reason = found[2];
    out.means =
        fmt::format("the device has told its root port {} of an error of the link: {}; the lines that follow say "
                    "which. Many of them mean a bad link: reseat the card, or have the link slower",
                    found[1].str(), loss_of(out.reason));
    return out;
}

// neuron_accel 0000:01:00.0: PCIe Bus Error: severity=Uncorrectable (Fatal), type=Transaction Layer, (Requester ID)
std::optional<LogLine> aer(const std::string &line) {
    static const std::regex pattern(fmt::format("{}: PCIe Bus Error: severity=([^,]+), type=([^,]+)", bdf));
    std::smatch found;
    if (!std::regex_search(line, found, pattern))
        return std::nullopt;
    LogLine out{.kind = "aer", .device = whole(found[1])};
    out.reason = found[2];
    out.means = fmt::format("an error of the link ({}): {}", found[3].str(), loss_of(out.reason));
    return out;
}

} // namespace

std::span<const DriverMessage> driver_messages() { return messages; }

std::optional<LogLine> log_line(std::string_view text) {
    const std::string line(text);
    for (const auto read : {intel, amd, remapping, arm, bounce_buffers, dma_debugging, root_port, aer, driver})
        if (auto out = read(line))
            return out;
    return std::nullopt;
}

std::optional<std::string> driver_device(std::string_view text) {
    static const std::regex pattern(fmt::format("neuron_accel {}: ", bdf));
    const std::string line(text);
    std::smatch found;
    return std::regex_search(line, found, pattern) ? std::optional(whole(found[1])) : std::nullopt;
}

std::optional<LogLine> unknown_line(std::string_view text, const std::set<std::string> &devices) {
    static const std::regex pattern(bdf);
    const std::string line(text);
    LogLine out{.kind = "unknown", .means = "not known to this command"};
    for (std::sregex_iterator at(line.begin(), line.end(), pattern), end; at != end; ++at)
        if (out.device.empty() && devices.contains(whole((*at)[1])))
            out.device = whole((*at)[1]);
    const bool about = !out.device.empty() || line.find("neuron_accel") != std::string::npos;
    return about ? std::optional(out) : std::nullopt;
}

} // namespace neuronctl::explain
