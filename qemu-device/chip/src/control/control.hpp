// SPDX-License-Identifier: MIT
// The control plane: which contexts translate, which queues run, who has faulted.
#pragma once

#include "../clock.hpp"
#include "../exec/executor.hpp"
#include "../mmu/address_space.hpp"
#include "../recorder/book.hpp"
#include "../recorder/recorder.hpp"
#include "coalescer.hpp"
#include "events.hpp"
#include "fault_info.hpp"
#include "power_model.hpp"
#include "queue_control.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

namespace neuron::chip {

class Sanitizer;

/// State of contexts and queues, and the rules by which it changes. One lock, held briefly and never over a callback that
/// may block: register and doorbell accesses take it while QEMU's big lock is held.
///
/// Stopping is asynchronous: the state changes at once, `abort` is raised, and whoever works for the queue winds down at
/// its next step. BUSY tells when that is over.
class Control {
public:
    Control(const spec::ProfileDesc &profile, const Hbm &hbm, const Host &host, Executor &executor, EventRing &events,
            Coalescer &coalescer, const DeviceClock &clock, Recorder &recorder, Book &book);

    /// Which unit runs queue `index`, and whom to wake when a queue has come to rest. Once, before any access.
    void attach(std::uint32_t index, Unit &unit) { units_[index] = &unit; }
    void attach_reset(Unit &unit) { reset_unit_ = &unit; }
    void attach_sanitizer(Sanitizer &sanitizer) { sanitizer_ = &sanitizer; }

    // ---- registers: false means "not allowed in the present state", nothing has changed ----

    QueueConfig queue_config(std::uint32_t index) const;
    /// The packets that a doorbell with this value would announce to a queue that works.
    struct Announcement {
        QueueConfig config;
        std::uint64_t from, to;
    };
    std::optional<Announcement> announces(std::uint32_t index, std::uint32_t value) const;
    bool set_queue_config(std::uint32_t index, const QueueConfig &config);
    bool enable_queue(std::uint32_t index, bool enable);
    bool queue_enabled(std::uint32_t index) const;
    std::uint32_t queue_status(std::uint32_t index) const;
    std::uint64_t queue_head(std::uint32_t index) const;
    std::uint64_t queue_tail(std::uint32_t index) const;
    std::uint64_t queue_busy_ns(std::uint32_t index) const;
    std::uint64_t queue_core_ns(std::uint32_t index) const;

    std::uint64_t page_table(std::uint32_t ctx) const;
    bool set_page_table(std::uint32_t ctx, std::uint64_t root);
    bool enable_context(std::uint32_t ctx, bool enable);
    bool context_enabled(std::uint32_t ctx) const;
    void flush_context(std::uint32_t ctx);
    std::uint32_t context_status(std::uint32_t ctx) const;
    AddressSpace &space(std::uint32_t ctx) { return contexts_[ctx].space; }

    /// A write to a doorbell slot, or to register DOORBELL. False: no enabled queue listens there. `rung` becomes the unit
    /// that has work now, if any: the caller wakes it, or lends it its thread, once it holds no lock.
    bool doorbell(std::uint32_t ctx, std::uint32_t slot, std::uint32_t value, Unit *&rung);
    /// The queue that listens at an offset of BAR DOORBELLS.
    std::optional<std::uint32_t> queue_at(std::uint64_t offset) const;
    bool queue_doorbell(std::uint32_t index, std::uint32_t value, Unit *&rung);

    /// Stops and forgets everything, events included, and refuses commands until finish_reset().
    void begin_reset();
    /// Whether work of before the last begin_reset() is left.
    bool draining() const;
    /// Number of resets so far; finish_reset() declares the device ready unless another one has begun since.
    std::uint64_t resets() const;
    void finish_reset(std::uint64_t resets);
    bool ready() const;

    PowerModel::Reading sensors() const;

    /// All of it, with nobody else at work: the chip is paused, and no register is accessed. `cores`: of the chip.
    void serialize(Archive &archive, std::uint32_t cores);
    /// As after creation.
    void clear();

    /// What errors of HBM there were: registers HBM_CORRECTED and HBM_UNCORRECTED.
    struct HbmErrorCounts {
        std::uint32_t corrected = 0;
        std::uint32_t uncorrected = 0;
    };
    HbmErrorCounts hbm_errors() const;
    /// HBM meets an error at `offset`, which is inside. False: not while a reset is under way.
    bool hbm_error(std::uint64_t offset, bool uncorrectable);

    /// Of neuron_chip_test_fault. Wakes whoever may go on.
    void set_test_faults(std::uint32_t faults);

    // ---- for the units ----

    /// Whether a test wants a reset not to end, or the queue not to stop, for which the caller then is not woken.
    bool reset_sticks() const;
    bool stop_hangs() const;

    struct Work {
        std::uint64_t head; ///< index of the next packet
        std::uint64_t tail;
        std::uint64_t generation; ///< of the context; see AddressSpace::generation()
        std::uint64_t begun_ns;   ///< now, if the queue was not busy before; else 0
    };
    struct Retired {
        std::uint64_t head; ///< the new one
        bool more;          ///< the next packet was there already
    };
    QueueControl &queue(std::uint32_t index) { return queues_[index]; }
    /// What the queue has to do; the queue is busy from here on. Nothing: it is not busy any more.
    std::optional<Work> next_work(std::uint32_t index);
    /// Counts the packet as retired. Nothing if the queue is being stopped.
    std::optional<Retired> retire(std::uint32_t index);
    /// The packet in flight waits for cores; it has got `cores` of them; it has given back what it had.
    void wait_for_cores(std::uint32_t index);
    void take_cores(std::uint32_t index, std::uint32_t cores);
    void give_cores(std::uint32_t index);
    /// The queue's work has wound down after `abort`.
    void stopped(std::uint32_t index);
    /// Stops queue `index` as FAULTED and its context's other queues as STOPPED, and posts the record. Of several
    /// faults the first one counts; none counts when the queue is being stopped already. The queue is aborting afterwards.
    /// `unretire`: the packet was counted as retired before its completion failed.
    void fault(std::uint32_t index, const FaultInfo &info, bool unretire = false);

private:
    struct Context {
        Context(const Hbm &hbm, const Host &host) : space(hbm, host) {}
        AddressSpace space;     ///< locks itself
        std::uint64_t root = 0; ///< register PT_ROOT
        bool enabled = false;
        std::array<std::int16_t, spec::DOORBELL_SLOTS> slots; ///< enabled queue of each doorbell, -1: none
    };

    static constexpr std::int16_t NO_QUEUE = -1;

    void serialize_context(Archive &archive, std::uint32_t index);
    /// Reading: a queue, and what follows from it for the doorbells.
    void take_slot(Archive &archive, std::uint32_t index);
    bool context_busy_locked(std::uint32_t ctx) const;
    void stop_locked(std::uint32_t index, spec::QueueState state);
    void start_locked(std::uint32_t index);
    Unit *doorbell_locked(std::uint32_t index, std::uint32_t value);
    /// Whether the queue may have its doorbell where it wants it. Its context exists.
    bool slot_free_locked(const QueueConfig &config) const;
    /// Byte offset in the register block of what is wrong with the configuration.
    std::optional<std::uint32_t> config_error_locked(std::uint32_t index) const;
    void fault_locked(std::uint32_t index, const FaultInfo &info);
    void post_locked(std::uint32_t index, const FaultInfo &info);
    void tell_sanitizer_locked(std::uint32_t index, const FaultInfo &info) const;
    void stop_busy_time_locked(QueueControl &queue);
    void rest_locked(std::uint32_t index);
    void record_fault_locked(std::uint32_t index, const FaultInfo &info, std::uint64_t now_ns) const;
    void record_queue_locked(std::uint32_t index) const;
    void record_context(std::uint32_t ctx, std::uint64_t root, std::uint8_t flags) const;
    PowerModel::Work work_locked(std::uint64_t now_ns) const;
    /// Before the load of the chip changes.
    void update_power_locked(std::uint64_t now_ns);

    const spec::ProfileDesc &profile_;
    const Hbm &hbm_;
    Executor &executor_;
    EventRing &events_;
    Coalescer &coalescer_;
    const DeviceClock &clock_;
    Recorder &recorder_;
    Book &book_;
    std::array<Unit *, spec::MAX_QUEUES> units_{};
    Unit *reset_unit_ = nullptr;
    Sanitizer *sanitizer_ = nullptr; ///< nullptr: nobody looks

    mutable std::mutex mutex_; ///< guards all below
    std::array<QueueControl, spec::MAX_QUEUES> queues_;
    std::deque<Context> contexts_; ///< deque: contexts do not move
    bool ready_ = true;
    std::uint64_t resets_ = 0;
    Meter core_time_; ///< of all queues
    PowerModel power_;
    HbmErrorCounts hbm_error_counts_;
    std::uint32_t test_faults_ = 0;
};

} // namespace neuron::chip
