// SPDX-License-Identifier: MIT
// What lies on the other side of the C ABI: host memory, interrupts, log.
#pragma once

#include "neuron_chip.h"
#include "plan/injector.hpp"
#include "state/archive.hpp"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>

namespace neuron::chip {

class Explorer;
class Sanitizer;

/// Calls into the host. Any thread; hold no lock that reset(), register or doorbell accesses take: in QEMU a callback
/// takes the big lock, which the caller of such an access already holds.
class Host {
public:
    /// `ops` is copied; `opaque` and `faults` outlive this object's use.
    Host(const neuron_chip_host_ops &ops, void *opaque, plan::Injector &faults)
        : ops_(ops), opaque_(opaque), faults_(faults) {}
    Host(const Host &) = delete;
    Host &operator=(const Host &) = delete;

    /// Most bytes of one transfer; keeps aborts quick.
    static constexpr std::size_t MAX_TRANSFER = 64 * 1024;

    /// Reads or writes at most MAX_TRANSFER bytes at a bus address. False: the bus refused a part of it.
    bool read(std::uint64_t bus, std::span<std::byte> out) const;
    bool write(std::uint64_t bus, std::span<const std::byte> in) const;
    /// The same, whatever a fault plan says.
    bool read_past_plan(std::uint64_t bus, std::span<std::byte> out) const;
    bool write_past_plan(std::uint64_t bus, std::span<const std::byte> in) const;

    /// Whether there is a PCIe function around the chip that can do wrong.
    bool has_function() const { return ops_.function_fault != nullptr; }
    void function_fault(spec::PlanAction action, std::uint64_t argument) const;

    /// Stepped mode: there is work for neuron_chip_run().
    void kick() const;
    void log(neuron_chip_log_level level, const std::string &line) const;

private:
    friend class InterruptGate;
    bool read_by_plan(std::uint64_t bus, std::span<std::byte> out) const;
    bool write_by_plan(std::uint64_t bus, std::span<const std::byte> in) const;
    bool do_write(const plan::Verdict &verdict, std::uint64_t bus, std::span<const std::byte> in) const;

    neuron_chip_host_ops ops_;
    void *opaque_;
    plan::Injector &faults_;
};

/// Lets interrupts out, but none of the time before a reset once close_epoch() has returned. For that the gate holds its
/// lock during the callback, which the C ABI allows for raise_irq alone.
class InterruptGate {
public:
    explicit InterruptGate(const Host &host) : host_(host) {}

    std::uint64_t epoch() const;
    /// Raises `vector` unless an epoch has ended since `epoch` was read.
    void raise(std::uint64_t epoch, std::uint32_t vector);
    void close_epoch();
    /// Hears of each interrupt.
    void attach_sanitizer(Sanitizer &sanitizer) { sanitizer_ = &sanitizer; }
    /// May hold interrupts back, for send() later.
    void attach_explorer(Explorer &explorer) { explorer_ = &explorer; }
    void send(std::uint64_t epoch, std::uint32_t vector);
    void serialize(Archive &archive) { archive.number("interrupt epoch", epoch_); }

private:
    void deliver(std::uint64_t epoch, std::uint32_t vector);
    void raise_by_plan(std::uint64_t epoch, std::uint32_t vector);

    const Host &host_;
    Sanitizer *sanitizer_ = nullptr; ///< nullptr: nobody looks
    Explorer *explorer_ = nullptr;   ///< nullptr: none is held back
    mutable std::mutex mutex_;
    std::uint64_t epoch_ = 0; ///< guarded by mutex_
};

} // namespace neuron::chip
