// SPDX-License-Identifier: MIT
#include "control.hpp"

#include "../sanitizer/sanitizer.hpp"

#include <utility>

namespace neuron::chip {

namespace field = spec::field;
using spec::QueueState;

Control::Control(const spec::ProfileDesc &profile, const Hbm &hbm, const Host &host, Executor &executor,
                 EventRing &events, Coalescer &coalescer, const DeviceClock &clock, Recorder &recorder, Book &book)
    : profile_(profile),
      hbm_(hbm),
      executor_(executor),
      events_(events),
      coalescer_(coalescer),
      clock_(clock),
      recorder_(recorder),
      book_(book),
      power_(profile) {
    for (std::uint32_t i = 0; i < spec::MAX_CONTEXTS; ++i)
        contexts_.emplace_back(hbm, host).slots.fill(NO_QUEUE);
}

// ---- queue registers ------------------------------------------------------------------------------------------------

QueueConfig Control::queue_config(std::uint32_t index) const {
    const std::lock_guard lock(mutex_);
    return queues_[index].config;
}

std::optional<Control::Announcement> Control::announces(std::uint32_t index, std::uint32_t value) const {
    const std::lock_guard lock(mutex_);
    const QueueControl &queue = queues_[index];
    if (!ready_ || !queue.runnable())
        return std::nullopt;
    return Announcement{queue.active, queue.tail, queue.tail + (value - static_cast<std::uint32_t>(queue.tail))};
}

bool Control::set_queue_config(std::uint32_t index, const QueueConfig &config) {
    const std::lock_guard lock(mutex_);
    if (!ready_ || queues_[index].enable)
        return false;
    queues_[index].config = config;
    return true;
}

bool Control::queue_enabled(std::uint32_t index) const {
    const std::lock_guard lock(mutex_);
    return queues_[index].enable;
}

std::uint32_t Control::queue_status(std::uint32_t index) const {
    const std::lock_guard lock(mutex_);
    const QueueControl &queue = queues_[index];
    return field::QUEUE_STATUS_STATE.set(spec::raw(queue.state)) | field::QUEUE_STATUS_BUSY.set(queue.busy) |
           field::QUEUE_STATUS_WAITING.set(queue.waiting) | field::QUEUE_STATUS_FAULT.set(spec::raw(queue.fault));
}

std::uint64_t Control::queue_head(std::uint32_t index) const {
    const std::lock_guard lock(mutex_);
    return queues_[index].head;
}

std::uint64_t Control::queue_tail(std::uint32_t index) const {
    const std::lock_guard lock(mutex_);
    return queues_[index].tail;
}

std::uint64_t Control::queue_busy_ns(std::uint32_t index) const {
    const std::lock_guard lock(mutex_);
    return queues_[index].busy_time.read(clock_.now_ns());
}

std::uint64_t Control::queue_core_ns(std::uint32_t index) const {
    const std::lock_guard lock(mutex_);
    return queues_[index].core_time.read(clock_.now_ns());
}

bool Control::enable_queue(std::uint32_t index, bool enable) {
    const std::lock_guard lock(mutex_);
    QueueControl &queue = queues_[index];
    if (!ready_)
        return false;
    if (enable == queue.enable)
        return true;
    if (!enable) {
        stop_locked(index, QueueState::DISABLED);
        record_queue_locked(index);
        return true;
    }
    // Work of the last life must not run into the next one.
    if (queue.busy)
        return false;
    start_locked(index);
    return true;
}

bool Control::slot_free_locked(const QueueConfig &config) const {
    return config.doorbell_register() || contexts_[config.ctx()].slots[config.slot()] == NO_QUEUE;
}

std::optional<std::uint32_t> Control::config_error_locked(std::uint32_t index) const {
    const QueueConfig &config = queues_[index].config;
    const auto wrong = config.error();
    if (wrong == spec::reg::QUEUE_CFG(0) || !contexts_[config.ctx()].enabled || !slot_free_locked(config))
        return spec::reg::QUEUE_CFG(index);
    return wrong ? std::optional(*wrong - spec::reg::QUEUE_CFG(0) + spec::reg::QUEUE_CFG(index)) : std::nullopt;
}

void Control::start_locked(std::uint32_t index) {
    QueueControl &queue = queues_[index];
    queue.enable = true;
    queue.active = queue.config;
    queue.fault = spec::Fault::NONE;
    queue.head = queue.tail = 0;
    queue.busy_time = queue.core_time = {};
    if (sanitizer_ != nullptr)
        sanitizer_->started(index);
    record_queue_locked(index);
    if (const auto wrong = config_error_locked(index)) {
        // Nothing ran, and the context may be the wrong one: its other queues go on.
        queue.state = QueueState::FAULTED;
        queue.fault = spec::Fault::QUEUE_CONFIG;
        post_locked(index, {.code = spec::Fault::QUEUE_CONFIG, .info = *wrong});
        return;
    }
    queue.state = QueueState::IDLE;
    executor_.set_priority(*units_[index], *queue.active.priority());
    if (!queue.active.doorbell_register())
        contexts_[queue.active.ctx()].slots[queue.active.slot()] = static_cast<std::int16_t>(index);
}

void Control::stop_locked(std::uint32_t index, QueueState state) {
    QueueControl &queue = queues_[index];
    queue.state = state;
    if (state == QueueState::DISABLED) {
        queue.enable = false;
        queue.fault = spec::Fault::NONE;
        coalescer_.drop(index);
        if (queue.active.ctx() < spec::MAX_CONTEXTS && queue.active.slot() < spec::DOORBELL_SLOTS) {
            std::int16_t &slot = contexts_[queue.active.ctx()].slots[queue.active.slot()];
            if (slot == static_cast<std::int16_t>(index))
                slot = NO_QUEUE;
        }
    }
    if (queue.busy) {
        queue.abort.store(true, std::memory_order_release);
        // Whoever waits for the queue to come to rest does not wait for more urgent work besides.
        executor_.set_priority(*units_[index], Priority::CONTROL);
        executor_.wake(*units_[index]);
    }
}

bool Control::doorbell(std::uint32_t ctx, std::uint32_t slot, std::uint32_t value, Unit *&rung) {
    const std::lock_guard lock(mutex_);
    const std::int16_t index = contexts_[ctx].slots[slot];
    if (!ready_ || index == NO_QUEUE)
        return false;
    rung = doorbell_locked(static_cast<std::uint32_t>(index), value);
    return true;
}

std::optional<std::uint32_t> Control::queue_at(std::uint64_t offset) const {
    const std::uint64_t ctx = offset / spec::PAGE_SIZE;
    const std::uint64_t slot = offset % spec::PAGE_SIZE / spec::DOORBELL_STRIDE;
    if (ctx >= spec::MAX_CONTEXTS || slot >= spec::DOORBELL_SLOTS)
        return std::nullopt;
    const std::lock_guard lock(mutex_);
    const std::int16_t index = contexts_[ctx].slots[slot];
    return index != NO_QUEUE ? std::optional(static_cast<std::uint32_t>(index)) : std::nullopt;
}

bool Control::queue_doorbell(std::uint32_t index, std::uint32_t value, Unit *&rung) {
    const std::lock_guard lock(mutex_);
    if (!ready_ || !queues_[index].enable || !queues_[index].active.doorbell_register())
        return false;
    rung = doorbell_locked(index, value);
    return true;
}

Unit *Control::doorbell_locked(std::uint32_t index, std::uint32_t value) {
    QueueControl &queue = queues_[index];
    // Who rings does not know yet that the queue was stopped.
    if (!queue.runnable())
        return nullptr;
    const std::uint64_t tail = queue.tail + (value - static_cast<std::uint32_t>(queue.tail));
    if (tail - queue.head > 1ULL << queue.active.ring_log2) {
        fault_locked(index, {.code = spec::Fault::DOORBELL_RANGE, .info = value});
        return nullptr;
    }
    if (tail == queue.tail)
        return nullptr;
    if (sanitizer_ != nullptr) [[unlikely]]
        sanitizer_->announced(index, tail);
    if (recorder_.on())
        recorder_.add(spec::RecordDoorbell{.head = {.ctx = static_cast<std::uint8_t>(queue.active.ctx()),
                                                    .queue = static_cast<std::uint8_t>(index),
                                                    .packet = queue.head},
                                           .old_tail = queue.tail,
                                           .tail = tail},
                      spec::RecordKind::DOORBELL);
    queue.tail = tail;
    queue.state = QueueState::RUNNING;
    return units_[index];
}

// ---- contexts -------------------------------------------------------------------------------------------------------

std::uint64_t Control::page_table(std::uint32_t ctx) const {
    const std::lock_guard lock(mutex_);
    return contexts_[ctx].root;
}

bool Control::set_page_table(std::uint32_t ctx, std::uint64_t root) {
    const std::lock_guard lock(mutex_);
    if (!ready_ || contexts_[ctx].enabled)
        return false;
    contexts_[ctx].root = root;
    return true;
}

bool Control::context_enabled(std::uint32_t ctx) const {
    const std::lock_guard lock(mutex_);
    return contexts_[ctx].enabled;
}

bool Control::context_busy_locked(std::uint32_t ctx) const {
    for (const QueueControl &queue : queues_)
        if (queue.busy && queue.active.ctx() == ctx)
            return true;
    return contexts_[ctx].space.in_use();
}

std::uint32_t Control::context_status(std::uint32_t ctx) const {
    const std::lock_guard lock(mutex_);
    return field::CTX_STATUS_ENABLED.set(contexts_[ctx].enabled) | field::CTX_STATUS_BUSY.set(context_busy_locked(ctx));
}

bool Control::enable_context(std::uint32_t ctx, bool enable) {
    const std::lock_guard lock(mutex_);
    Context &context = contexts_[ctx];
    if (!ready_)
        return false;
    if (enable == context.enabled)
        return true;
    if (enable) {
        // Work of the old page table must not run into the new one.
        if (context_busy_locked(ctx))
            return false;
        context.enabled = true;
        context.space.enable(context.root);
        record_context(ctx, context.root, spec::raw(spec::RecordFlag::ON));
        return true;
    }
    context.enabled = false;
    context.space.disable();
    record_context(ctx, context.root, 0);
    for (std::uint32_t i = 0; i < spec::MAX_QUEUES; ++i)
        if (queues_[i].runnable() && queues_[i].active.ctx() == ctx)
            stop_locked(i, QueueState::STOPPED);
    return true;
}

void Control::flush_context(std::uint32_t ctx) {
    record_context(ctx, 0, spec::raw(spec::RecordFlag::FLUSH));
    contexts_[ctx].space.flush();
}

void Control::record_context(std::uint32_t ctx, std::uint64_t root, std::uint8_t flags) const {
    if (recorder_.on())
        recorder_.add(
            spec::RecordContext{.head = {.flags = flags, .ctx = static_cast<std::uint8_t>(ctx)}, .root = root},
            spec::RecordKind::CONTEXT);
}

void Control::record_queue_locked(std::uint32_t index) const {
    if (!recorder_.on())
        return;
    const QueueControl &queue = queues_[index];
    const QueueConfig &config = queue.active;
    recorder_.add(spec::RecordQueue{.head = {.flags = queue.enable ? spec::raw(spec::RecordFlag::ON) : std::uint8_t{0},
                                             .ctx = static_cast<std::uint8_t>(config.ctx()),
                                             .queue = static_cast<std::uint8_t>(index),
                                             .packet = queue.head},
                                    .ring = config.ring_base,
                                    .seqno_addr = config.seqno_addr,
                                    .ring_log2 = config.ring_log2,
                                    .cfg = config.cfg},
                  spec::RecordKind::QUEUE);
}

// ---- work -----------------------------------------------------------------------------------------------------------

void Control::stop_busy_time_locked(QueueControl &queue) {
    const std::uint64_t now = clock_.now_ns();
    queue.busy_time.set_rate(now, 0);
    update_power_locked(now);
}

// A queue has nothing in flight any more.
void Control::rest_locked(std::uint32_t index) {
    QueueControl &queue = queues_[index];
    if (std::exchange(queue.busy, false) && queue.busy_time.rate() != 0)
        stop_busy_time_locked(queue);
    queue.abort.store(false, std::memory_order_release);
    if (!ready_)
        executor_.wake(*reset_unit_);
}

std::optional<Control::Work> Control::next_work(std::uint32_t index) {
    const std::lock_guard lock(mutex_);
    QueueControl &queue = queues_[index];
    if (!queue.runnable() || queue.head == queue.tail) {
        rest_locked(index);
        return std::nullopt;
    }
    Work work{queue.head, queue.tail, contexts_[queue.active.ctx()].space.generation(), 0};
    queue.busy = true;
    if (queue.busy_time.rate() == 0) {
        work.begun_ns = clock_.now_ns();
        queue.busy_time.set_rate(work.begun_ns, 1);
        update_power_locked(work.begun_ns);
    }
    return work;
}

std::optional<Control::Retired> Control::retire(std::uint32_t index) {
    const std::lock_guard lock(mutex_);
    QueueControl &queue = queues_[index];
    if (queue.aborting())
        return std::nullopt;
    queue.made_progress();
    const bool more = ++queue.head != queue.tail;
    if (!more) {
        queue.state = QueueState::IDLE;
        // Before anybody learns of the completion: what is read from then on stays.
        stop_busy_time_locked(queue);
    }
    return Retired{queue.head, more};
}

void Control::wait_for_cores(std::uint32_t index) {
    const std::lock_guard lock(mutex_);
    QueueControl &queue = queues_[index];
    if (!queue.aborting() && !std::exchange(queue.waiting, true))
        queue.busy_time.set_rate(clock_.now_ns(), 0);
}

void Control::take_cores(std::uint32_t index, std::uint32_t cores) {
    const std::lock_guard lock(mutex_);
    QueueControl &queue = queues_[index];
    if (queue.aborting())
        return;
    const std::uint64_t now = clock_.now_ns();
    queue.waiting = false;
    queue.busy_time.set_rate(now, 1);
    queue.core_time.set_rate(now, cores);
    update_power_locked(now);
    core_time_.set_rate(now, core_time_.rate() + cores);
}

void Control::give_cores(std::uint32_t index) {
    const std::lock_guard lock(mutex_);
    QueueControl &queue = queues_[index];
    const std::uint64_t now = clock_.now_ns();
    queue.waiting = false;
    update_power_locked(now);
    core_time_.set_rate(now, core_time_.rate() - queue.core_time.rate());
    queue.core_time.set_rate(now, 0);
}

// ---- sensors --------------------------------------------------------------------------------------------------------

PowerModel::Work Control::work_locked(std::uint64_t now_ns) const {
    std::uint64_t moved = 0;
    if (ready_) // what winds down counts no more
        for (const QueueControl &queue : queues_)
            moved += queue.moved_bytes.load(std::memory_order_relaxed);
    return {.time_ns = now_ns, .core_ns = core_time_.read(now_ns), .moved_bytes = moved};
}

void Control::update_power_locked(std::uint64_t now_ns) {
    if (ready_ && power_.due(now_ns))
        power_.advance(work_locked(now_ns));
}

PowerModel::Reading Control::sensors() const {
    const std::lock_guard lock(mutex_);
    return power_.read(work_locked(clock_.now_ns()));
}

void Control::stopped(std::uint32_t index) {
    const std::lock_guard lock(mutex_);
    // Packets before a fault have completed. Of a queue that was disabled nobody wants to hear, nor what it has added since.
    if (queues_[index].enable)
        coalescer_.release(index);
    else
        coalescer_.drop(index);
    rest_locked(index);
}

void Control::fault(std::uint32_t index, const FaultInfo &info, bool unretire) {
    const std::lock_guard lock(mutex_);
    if (!queues_[index].runnable())
        return;
    if (unretire)
        --queues_[index].head;
    fault_locked(index, info);
}

void Control::fault_locked(std::uint32_t index, const FaultInfo &info) {
    QueueControl &queue = queues_[index];
    queue.fault = info.code;
    stop_locked(index, QueueState::FAULTED);
    for (std::uint32_t i = 0; i < spec::MAX_QUEUES; ++i)
        if (i != index && queues_[i].runnable() && queues_[i].active.ctx() == queue.active.ctx())
            stop_locked(i, QueueState::STOPPED);
    post_locked(index, info);
}

void Control::record_fault_locked(std::uint32_t index, const FaultInfo &info, std::uint64_t now_ns) const {
    const QueueControl &queue = queues_[index];
    if (!recorder_.on())
        return;
    const std::uint8_t flags = info.write ? spec::raw(spec::RecordFlag::WRITE) : std::uint8_t{0};
    recorder_.add(spec::RecordFault{.head = {.time_ns = now_ns,
                                             .flags = flags,
                                             .ctx = static_cast<std::uint8_t>(queue.active.ctx()),
                                             .queue = static_cast<std::uint8_t>(index),
                                             .unit = info.unit,
                                             .core = info.core,
                                             .ring = info.ring,
                                             .code = static_cast<std::uint8_t>(info.code),
                                             .packet = queue.head},
                                    .va = info.va,
                                    .info = info.info,
                                    .pc = info.pc},
                  spec::RecordKind::FAULT);
}

void Control::tell_sanitizer_locked(std::uint32_t index, const FaultInfo &info) const {
    const QueueControl &queue = queues_[index];
    sanitizer_->faulted({.sanitizer = sanitizer_,
                         .ctx = static_cast<std::uint8_t>(queue.active.ctx()),
                         .queue = static_cast<std::uint8_t>(index),
                         .unit = info.unit,
                         .core = info.core,
                         .ring = info.ring,
                         .opcode = 0,
                         .pc = info.pc,
                         .packet = queue.head},
                        info);
}

void Control::post_locked(std::uint32_t index, const FaultInfo &info) {
    const QueueControl &queue = queues_[index];
    const std::uint64_t now = clock_.now_ns();
    record_fault_locked(index, info, now);
    if (sanitizer_ != nullptr)
        tell_sanitizer_locked(index, info);
    if (blamable(info.code, info.va) && recorder_.capacity() != 0)
        book_.blame_fault(queue.active.ctx(), info.va, now);
    events_.post({.kind = spec::Event::FAULT,
                  .code = info.code,
                  .ctx = static_cast<std::uint16_t>(queue.active.ctx()),
                  .queue = static_cast<std::uint16_t>(index),
                  .unit = info.unit,
                  .core = info.core,
                  .ring = info.ring,
                  .write = info.write,
                  .pc = info.pc,
                  .packet = queue.head,
                  .va = info.va,
                  .info = info.info,
                  .time_ns = now});
}

// ---- errors of HBM --------------------------------------------------------------------------------------------------

Control::HbmErrorCounts Control::hbm_errors() const {
    const std::lock_guard lock(mutex_);
    return hbm_error_counts_;
}

bool Control::hbm_error(std::uint64_t offset, bool uncorrectable) {
    const std::lock_guard lock(mutex_);
    if (!ready_)
        return false;
    if (uncorrectable)
        hbm_.errors().spoil(offset);
    ++(uncorrectable ? hbm_error_counts_.uncorrected : hbm_error_counts_.corrected);
    const spec::Fault code = uncorrectable ? spec::Fault::HBM_ECC : spec::Fault::NONE;
    if (recorder_.on())
        recorder_.add(spec::RecordEcc{.head = {.code = static_cast<std::uint8_t>(code)}, .hbm = offset},
                      spec::RecordKind::ECC);
    events_.post({.kind = spec::Event::ECC, .code = code, .info = offset, .time_ns = clock_.now_ns()});
    return true;
}

// ---- misbehaviour ---------------------------------------------------------------------------------------------------

void Control::set_test_faults(std::uint32_t faults) {
    const std::lock_guard lock(mutex_);
    test_faults_ = faults;
    for (std::uint32_t i = 0; i < spec::MAX_QUEUES; ++i)
        if (queues_[i].aborting())
            executor_.wake(*units_[i]);
    executor_.wake(*reset_unit_);
}

bool Control::reset_sticks() const {
    const std::lock_guard lock(mutex_);
    return (test_faults_ & NEURON_CHIP_TEST_STUCK_RESET) != 0;
}

bool Control::stop_hangs() const {
    const std::lock_guard lock(mutex_);
    return ready_ && (test_faults_ & NEURON_CHIP_TEST_HANG_STOP) != 0;
}

// ---- reset ----------------------------------------------------------------------------------------------------------

void Control::begin_reset() {
    const std::lock_guard lock(mutex_);
    ready_ = false;
    ++resets_;
    for (std::uint32_t i = 0; i < spec::MAX_QUEUES; ++i) {
        QueueControl &queue = queues_[i];
        stop_locked(i, QueueState::DISABLED);
        queue.config = {};
        queue.head = queue.tail = 0;
        // What winds down counts no more: its clock is about to start anew.
        queue.busy_time = queue.core_time = {};
    }
    core_time_ = {};
    hbm_error_counts_ = {};
    power_ = PowerModel(profile_);
    for (Context &context : contexts_) {
        context.enabled = false;
        context.root = 0;
        context.space.disable();
    }
    coalescer_.reset();
    events_.reset(); // under the lock, so that no fault of before is posted after it
}

bool Control::draining() const {
    const std::lock_guard lock(mutex_);
    for (const QueueControl &queue : queues_)
        if (queue.busy)
            return true;
    return false;
}

std::uint64_t Control::resets() const {
    const std::lock_guard lock(mutex_);
    return resets_;
}

void Control::finish_reset(std::uint64_t resets) {
    const std::lock_guard lock(mutex_);
    if (resets != resets_)
        return;
    // Only now has the last unit counted.
    for (QueueControl &queue : queues_) {
        queue.progress.store(0, std::memory_order_relaxed);
        queue.moved_bytes.store(0, std::memory_order_relaxed);
    }
    ready_ = true;
}

bool Control::ready() const {
    const std::lock_guard lock(mutex_);
    return ready_;
}

} // namespace neuron::chip
