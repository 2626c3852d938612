// SPDX-License-Identifier: MIT
// The driver's interface in the raw: one function per ioctl that returns 0 or a negative errno, and owners for what has
// to be given back. Nothing is checked on behalf of the tests.
#pragma once

#include "neuron/spec.hpp"

#include <drm/neuron_accel.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

extern "C" {
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
}

namespace kmod {

/// A queue packet as it goes to SUBMIT.
using Packet = std::array<std::byte, neuron::spec::PACKET_BYTES>;

/// An open device: a context of its own. Closed by the destructor.
class File {
public:
    /// Opens the accelerator; fails the test if there is none.
    File();
    explicit File(int fd) : fd_(fd) {}
    ~File() { close(); }
    File(File &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    File &operator=(File &&) = delete;

    int fd() const { return fd_; }
    void close();

    /// One raw ioctl, not restarted. Return: 0 or -errno.
    int call(unsigned long request, void *arg) const;

    drm_neuron_query_device query() const;

    /// Handle of a new buffer; fails the test when there is none.
    std::uint32_t host(std::uint64_t size) const;
    std::uint32_t hbm(std::uint64_t size, std::uint32_t flags = DRM_NEURON_BO_MAPPABLE) const;
    drm_neuron_bo_query bo(std::uint32_t handle) const;
    int close_bo(std::uint32_t handle) const;

    /// Binds the whole buffer where the kernel likes; fails the test when it cannot.
    std::uint64_t bind(std::uint32_t handle, std::uint32_t flags = 0) const;
    int unbind(std::uint64_t va, std::uint64_t size) const;

    /// A queue; fails the test when there is none.
    drm_neuron_queue_create queue(std::uint32_t ring_log2 = 0, std::uint32_t timeout_ms = 0,
                                  std::uint32_t flags = 0) const;
    int destroy(std::uint32_t queue_id) const;
    drm_neuron_queue_query state(std::uint32_t queue_id) const;

    /// 0 or -errno; the seqno goes to `seqno` if it is given.
    int submit(std::uint32_t queue_id, std::span<const Packet> packets, std::uint64_t *seqno = nullptr,
               std::span<const drm_neuron_sync> syncs = {}) const;
    /// 0 or -errno of the call; the job's result goes to `status`.
    int wait(std::uint32_t queue_id, std::uint64_t seqno, int *status, std::chrono::milliseconds timeout) const;
    /// Submits, waits and returns the job's result.
    int run(std::uint32_t queue_id, std::span<const Packet> packets) const;

    /// 0 or -errno of DRM_IOCTL_NEURON_DMA.
    int dma(std::uint32_t queue_id, std::uint32_t flags, const void *memory, std::size_t bytes, std::uint64_t va,
            std::uint64_t *seqno = nullptr, std::span<const drm_neuron_sync> syncs = {}) const;
    /// Copies, waits and returns the job's result.
    int run_dma(std::uint32_t queue_id, std::uint32_t flags, const void *memory, std::size_t bytes,
                std::uint64_t va) const;

private:
    int fd_;
};

/// A CPU mapping of a buffer.
class Mapping {
public:
    Mapping(const File &file, std::uint32_t handle);
    ~Mapping();
    Mapping(Mapping &&) = delete;
    std::span<std::byte> bytes() const { return bytes_; }
    std::uint64_t *words() const { return reinterpret_cast<std::uint64_t *>(bytes_.data()); }

private:
    std::span<std::byte> bytes_;
};

/// A bound host buffer with a program in it that never ends, and the packet that launches it.
class Spinner {
public:
    explicit Spinner(const File &file);
    const Packet &packet() const { return packet_; }

private:
    Packet packet_;
};

/// A job that lasts until somebody opens the gate. Each one at a time needs a core of its own.
class Gate {
public:
    explicit Gate(const File &file, unsigned core = 0);
    const Packet &packet() const { return packet_; }
    void open();
    void close();

private:
    explicit Gate(const File &file, unsigned core, std::uint32_t handle);
    std::uint32_t *bolt() const;

    Mapping memory_;
    Packet packet_;
};

Packet copy(std::uint64_t src, std::uint64_t dst, std::uint64_t bytes);
Packet fill(std::uint64_t dst, std::uint64_t bytes, std::uint64_t pattern);
Packet nop();
/// `count` packets that do nothing.
std::vector<Packet> nops(std::size_t count);

/// The packets of one job. (std::array{packet} would copy the packet, which is an array itself.)
template<class... P>
std::array<Packet, sizeof...(P)> job_of(const P &...packets) {
    return {packets...};
}

/// Absolute CLOCK_MONOTONIC time, so far from now.
std::int64_t deadline(std::chrono::milliseconds from_now);

inline constexpr std::chrono::milliseconds LONG{20000};
inline constexpr std::chrono::milliseconds NOW{0};

/// Timeouts of queues, in ms: of one whose first job hangs, and of one with jobs before that which must end, however busy the host is.
inline constexpr std::uint32_t HANGS_AT_ONCE = 50;
inline constexpr std::uint32_t HANGS_LATER = 1000;

/// Path of the device node.
std::string node();
/// Directory of the PCI function in sysfs, and its name on the bus.
std::string pci_path();
bool has_iommu();
std::string pci_name();
/// KiB that are pinned for this process (VmPin).
std::uint64_t pinned_kib();
/// Waits until nothing is pinned: rings are torn down in the background. Return: whether it happens.
bool wait_until_unpinned();
/// How often the queues' interrupts have come.
std::uint64_t queue_interrupts();
/// Writes a file of sysfs. Return: 0 or -errno.
int write_file(const std::string &path, const std::string &text);
/// Waits until the device node is there and can be opened, or is gone.
bool wait_for_node(bool present, std::chrono::milliseconds timeout = LONG);

} // namespace kmod
