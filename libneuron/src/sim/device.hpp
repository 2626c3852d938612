// SPDX-License-Identifier: MIT
// Backend "sim": the chip in this process, and here the part that the kernel driver plays for a real one.
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <memory>
#include <mutex>
#include <vector>

#include "../backend.hpp"
#include "chip.hpp"
#include "event_sink.hpp"
#include "host_memory.hpp"
#include "notifier.hpp"
#include "range_allocator.hpp"
#include "teller.hpp"

namespace neuron::sim {

class Queue;

/** A range of HBM. */
struct HbmRange {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
};

/** The device-wide half of the driver: who has which context, queue and piece of HBM, and the event ring. */
class Device final : public detail::DeviceBackend, public std::enable_shared_from_this<Device> {
public:
    static Result<std::shared_ptr<detail::DeviceBackend>> open(const DeviceOptions &options);

    Result<std::unique_ptr<detail::ContextBackend>> context_create() override;
    const DeviceInfo &info() const noexcept override { return info_; }
    /** Facts as of now. */
    DeviceInfo current_info();

    Chip &chip() noexcept { return *chip_; }
    HostMemory &memory() noexcept { return memory_; }
    Teller &teller() noexcept { return teller_; }
    std::vector<SanitizerReport> sanitizer_reports() override { return chip_->reports(); }
    std::string fault_report() override { return chip_->fault_report(); }
    /** A number that no other buffer of the device has, ever. */
    std::uint64_t next_serial() noexcept { return ++serial_; }
    const detail::Log &log() const noexcept { return log_; }

    /** HBM that reads as zero. */
    Result<HbmRange> hbm_allocate(std::uint64_t size, const BufferOptions &options);
    void hbm_free(const HbmRange &range);

    Result<std::uint32_t> take_context();
    void give_context(std::uint32_t id);
    /** Gives a queue its number; from then on it gets its events. */
    Result<std::uint32_t> take_queue(Queue &queue);
    void give_queue(std::uint32_t id);

    /** Takes the event ring's records to their queues, and to contexts that listen. */
    void service_events();

    /** Where the events of a context go from now on. */
    Result<std::shared_ptr<EventSink>> listen(std::uint32_t context);
    /** The same if it listens, else nothing. */
    std::shared_ptr<EventSink> sink_of(std::uint32_t context);
    Notifier &notifier() noexcept { return notifier_; }

private:
    explicit Device(LogCallback log) : log_(std::move(log)) {}
    Result<void> start(const SimOptions &options);
    Result<void> check_version() const;
    Result<void> read_facts();
    Result<void> start_events();
    Result<void> scrub(const HbmRange &range);
    void tell_of_error(const spec::EventRecord &record);
    std::vector<std::size_t> bank_order(const BufferOptions &options) const;

    detail::Log log_;
    HostMemory memory_;
    std::unique_ptr<Chip> chip_; // after what its callbacks use
    DeviceInfo info_;
    HostMemory::Block event_ring_;
    Teller teller_;
    std::atomic<std::uint64_t> serial_{0};

    std::mutex lock_; // protects all below; a queue's own lock comes after it
    std::vector<RangeAllocator> banks_;
    std::bitset<spec::MAX_CONTEXTS> contexts_;
    std::array<Queue *, spec::MAX_QUEUES> queues_{};
    std::array<std::shared_ptr<EventSink>, spec::MAX_CONTEXTS> sinks_;

    std::mutex scrub_lock_; // one scrub at a time; taken with no other lock held

    Notifier notifier_{*this}; // first to go
};

} // namespace neuron::sim
