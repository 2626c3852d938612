// SPDX-License-Identifier: MIT
/**
 * @file
 * Finding and opening devices.
 */
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <neuron/error.hpp>
#include <neuron/log.hpp>

namespace neuron {

namespace detail {
class DeviceBackend;
}

/** Facts about a device. Sizes are bytes, the clock is nanoseconds. */
struct DeviceInfo {
    std::string backend;                   ///< "accel", "sim" or "null".
    std::string name;                      ///< Node, e.g. "/dev/accel/accel0"; else the backend's name.
    std::uint32_t spec_version = 0;        ///< Contract of the device: major << 16 | minor.
    std::uint32_t driver_spec_version = 0; ///< Contract that the driver was built for.
    spec::Profile profile{};               ///< Chip profile.
    std::uint32_t cores = 0;               ///< NeuronCores.
    std::uint32_t sbuf_bytes = 0;          ///< SBUF per partition.
    std::uint32_t psum_bytes = 0;          ///< PSUM per partition.
    std::uint32_t hbm_banks = 0;           ///< HBM stacks.
    std::uint64_t hbm_bytes = 0;           ///< HBM capacity.
    std::uint64_t hbm_free = 0;            ///< HBM not allocated when the question was asked.
    std::uint64_t aperture_bytes = 0;      ///< HBM that the CPU can map.
    std::uint64_t va_start = 0;            ///< First context address of buffers.
    std::uint64_t va_end = 0;              ///< One past the last.
    std::uint32_t page_size = 0;           ///< Granularity of mappings.
    std::uint32_t max_queues = 0;          ///< Queues that a context may have.
    std::uint32_t reset_count = 0;         ///< Resets since the driver was bound; each stops all queues and zeroes HBM.
    std::uint64_t clock_ns = 0;            ///< Device clock when the question was asked.
};

/** A node of the accel class, whether it is ours or not. */
struct DeviceNode {
    std::string name;    ///< "accel0"
    std::string path;    ///< "/dev/accel/accel0"
    std::string driver;  ///< Driver that answered, empty if the node could not be asked.
    std::string address; ///< Bus address, e.g. "0000:00:04.0"; empty if unknown.
    std::string problem; ///< Why open() would refuse it; empty if it looks usable.
};

/** Stepped chips that run in turns; see SimOptions::group. */
class SimGroup;

/** @param seed What the turns depend on, besides the calls of this process. */
NEURON_API std::shared_ptr<SimGroup> make_sim_group(std::uint64_t seed = 0);

/** What the sanitizer has to say. Of the base, @c text is cut if the sentence is long. */
struct SanitizerReport : spec::SanitizerReport {
    std::string sentence; ///< The whole of it.
};

/** Options of the in-process chip. Zero means what the profile says, or the default. */
struct SimOptions {
    std::string profile{};            ///< "trn2"; empty for the default.
    std::uint64_t hbm_bytes = 0;      ///< HBM capacity, backed sparsely.
    std::uint64_t aperture_bytes = 0; ///< HBM that the CPU can map; a power of two.
    std::uint32_t cores = 0;          ///< NeuronCores.
    std::uint32_t threads = 0;        ///< Worker threads.
    bool stepped = false;             ///< One thread, in an order that only the seed decides.
    std::uint64_t seed = 0;           ///< Seed of the stepped order.
    std::string simd;     ///< "avx512", "avx2", "scalar"; empty: the host's best. For all chips of the process.
    bool hazards = false; ///< Unordered accesses to on-chip memory are faults. Slow.
    /**
     * What jobs do wrong with memory without a fault is reported: see Device::sanitizer_reports(). Also with NEURON_SANITIZER=1 in
     * the environment, which prints the reports as well; with NEURON_SANITIZER=fatal the first one ends the process. Slow.
     */
    bool sanitizer = false;
    /**
     * Write a tape to this file: all that the chip sees and does, for 'neuronctl replay'. The chip is then a stepped one. Also with
     * NEURON_RECORD=FILE in the environment, for all chips of the process: FILE, FILE.1 and so on. Slow.
     */
    std::string record{};
    /**
     * A stepped chip runs while somebody waits for it. Whoever waits for one of a group runs them all: chips that wait
     * for each other through shared memory need that.
     */
    std::shared_ptr<SimGroup> group{};
    /**
     * Stepped, and the seed also chooses what else the contract leaves open (docs/reference/plan.md, `explore`), and how far the chip gets
     * between two accesses of this process. Also with NEURON_EXPLORE=SEED in the environment, which is the seed then, and may be
     * followed by the aspects that are meant. Of a process with one thread, a seed gives the same run each time.
     */
    bool explore = false;
    /**
     * What the chip does wrong (docs/reference/plan.md), from its start; a text that is none is an error of Device::open(). What has become
     * of it: Device::fault_report(). Also with NEURON_FAULT_PLAN=TEXT in the environment, for all chips of the process that are given none.
     */
    std::string fault_plan{};
};

struct DeviceOptions {
    /**
     * "accel": a device node of the kernel driver. "sim": a chip of this process's own, without driver or root. "null": no chip; jobs
     * are taken, and have ended well.
     */
    std::string backend = "accel";
    /** accel: "accel1", "/dev/accel/accel1" or a bus address; empty for the first usable one. The others have none. */
    std::string node{};
    SimOptions sim{};  ///< Used by sim only.
    LogCallback log{}; ///< May be empty.
};

/**
 * An opened device. A cheap handle: copies name the same device, which is closed when the last copy, Context, Buffer and
 * Queue made from it is gone.
 *
 * Threading: all members may be called from several threads.
 */
class Device {
public:
    /** Names of the backends of this build, e.g. for help texts. */
    NEURON_API static std::vector<std::string> backends();

    /** Nodes of the accel class, by number. Empty without an error if the kernel has none. */
    NEURON_API static Result<std::vector<DeviceNode>> list();

    /**
     * Opens a device.
     * @return invalid_argument for an unknown backend or a bad option; no_device if there is no such node or no node at
     *         all; permission_denied with the node's owner and mode; unsupported if another driver owns it;
     *         version_mismatch with both versions.
     */
    NEURON_API static Result<Device> open(const DeviceOptions &options = {});

    /** Facts as of open(); Context::info() asks again. Valid as long as this object. */
    NEURON_API const DeviceInfo &info() const noexcept;

    /** What the sanitizer has found so far; see SimOptions::sanitizer. Empty for other backends. */
    NEURON_API std::vector<SanitizerReport> sanitizer_reports() const;

    /**
     * What has become of the fault plan that the chip was given (see SimOptions::fault_plan): the report of docs/reference/plan.md, a line
     * for each rule. Empty without a plan, and for other backends, whose devices tell it by 'neuronctl fault show'. Any thread.
     */
    NEURON_API std::string fault_report() const;

    /** For the library itself. */
    const std::shared_ptr<detail::DeviceBackend> &backend() const noexcept { return backend_; }

private:
    explicit Device(std::shared_ptr<detail::DeviceBackend> backend) : backend_(std::move(backend)) {}
    std::shared_ptr<detail::DeviceBackend> backend_;
};

} // namespace neuron
