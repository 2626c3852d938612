// SPDX-License-Identifier: MIT
#include "registers.hpp"

#include "core/core.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <endian.h>
#include <span>

namespace neuron::chip {

namespace {

namespace reg = spec::reg;
namespace field = spec::field;

constexpr unsigned HALF = 4; ///< bytes of a 32-bit access

// Whether an access has a width that the register takes.
bool width_legal(const spec::RegisterRef &where, std::uint64_t offset, unsigned size) {
    if (where.desc == nullptr || offset % size != 0)
        return false;
    return size == HALF || (size == 2 * HALF && where.desc->bits == 64 && where.byte == 0);
}

// The bits of a register that exist.
std::uint64_t writable_bits(const spec::RegisterDesc &desc) {
    std::uint64_t bits = 0;
    for (const spec::RegisterFieldDesc &f : desc.fields)
        bits |= ((1ULL << f.bits) - 1) << f.lsb;
    return desc.fields.empty() ? ~0ULL : bits;
}

spec::RegisterRef find(std::uint64_t offset, unsigned size) {
    if (size == 0 || offset >= spec::BAR_REGS_SIZE)
        return {nullptr, 0, 0};
    return spec::find_register(static_cast<std::uint32_t>(offset));
}

/// A plan cannot hide from who has made it.
bool is_plan(std::uint64_t offset) { return offset >= spec::BLOCK_PLAN_OFFSET && offset < spec::BLOCK_CTX_OFFSET; }

} // namespace

std::uint64_t Registers::read(std::uint64_t offset, unsigned size) {
    push_posted(true);
    const std::uint64_t value = read_register(offset, size);
    return faults_.active() && !is_plan(offset) ? read_by_plan(offset, value, size) : value;
}

std::uint64_t Registers::read_by_plan(std::uint64_t offset, std::uint64_t value, unsigned size) {
    const auto verdict = faults_.ask(spec::PlanEvent::REG_READ, offset);
    if (!verdict)
        return value;
    std::array<std::byte, sizeof value> bytes = std::bit_cast<std::array<std::byte, sizeof value>>(htole64(value));
    const std::span read = std::span(bytes).first(size);
    plan::garble(*verdict, read);
    return le64toh(std::bit_cast<std::uint64_t>(bytes));
}

std::uint64_t Registers::read_register(std::uint64_t offset, unsigned size) {
    const spec::RegisterRef where = find(offset, size);
    if (!width_legal(where, offset, size)) {
        count_bad();
        return 0;
    }
    const std::lock_guard lock(mutex_);
    if (where.desc->bits == 32)
        return static_cast<std::uint32_t>(load(where));
    // The low half freezes the high one, so that the two belong together.
    if (where.byte != 0 && latch_offset_ == offset - HALF) {
        latch_offset_ = ~0ULL;
        return latch_high_;
    }
    const std::uint64_t value = load(where);
    if (size != HALF)
        return value;
    if (where.byte != 0)
        return value >> 32;
    latch_offset_ = offset;
    latch_high_ = static_cast<std::uint32_t>(value >> 32);
    return static_cast<std::uint32_t>(value);
}

void Registers::write(std::uint64_t offset, std::uint64_t value, unsigned size) {
    const spec::RegisterRef where = find(offset, size);
    if (!width_legal(where, offset, size) || where.desc->access == spec::Access::RO) {
        count_bad();
        return;
    }
    const bool doorbell = where.desc->offset == reg::QUEUE_DOORBELL(0);
    if (!doorbell)
        push_posted(where.desc->offset == reg::QUEUE_CTRL(0));
    if (doorbell && explorer_.active())
        announce([=, this] { write_by_plan(where, value, size); });
    else
        write_by_plan(where, value, size);
}

void Registers::write_by_plan(const spec::RegisterRef &where, std::uint64_t value, unsigned size) {
    if (faults_.active() && where.desc->offset == reg::QUEUE_DOORBELL(0))
        ring_by_plan(where.index, [=, this] { write_register(where, value, size); });
    else
        write_register(where, value, size);
}

void Registers::write_register(const spec::RegisterRef &where, std::uint64_t value, unsigned size) {
    if (sanitizer_ != nullptr && where.desc->offset == reg::QUEUE_DOORBELL(0)) [[unlikely]]
        look_at_ring(where.index, static_cast<std::uint32_t>(value));
    if (Unit *const rung = store_sized(where, value, size); rung != nullptr)
        run(*rung);
    else if (where.desc->offset == reg::REC_DEBUG_TAIL)
        take_debug_records(static_cast<std::uint32_t>(value));
    else if (where.desc->offset == reg::PLAN_CMD)
        port_.run(field::PLAN_CMD_OP.get(static_cast<std::uint32_t>(value)));
}

// Likewise. What the driver has not written by now it has written too late.
void Registers::look_at_ring(std::uint32_t queue, std::uint32_t tail) {
    if (const auto rung = control_.announces(queue, tail))
        sanitizer_->look_at_ring(queue, rung->config, rung->from, rung->to);
}

// On the caller's thread, without the lock: it reads host memory, and is done when the write is.
void Registers::take_debug_records(std::uint32_t tail) {
    if (recorder_.capacity() != 0 && control_.ready() && !channel_.take(tail))
        count_bad();
}

Unit *Registers::store_sized(const spec::RegisterRef &where, std::uint64_t value, unsigned size) {
    const std::lock_guard lock(mutex_);
    rung_ = nullptr;
    if (size == HALF) {
        value = static_cast<std::uint32_t>(value);
        if (where.desc->bits == 64) {
            const std::uint64_t old = load(where);
            constexpr std::uint64_t low = 0xffffffff;
            value = where.byte == 0 ? (old & ~low) | value : (old & low) | value << 32;
        }
    }
    if (!store(where, value & writable_bits(*where.desc)))
        count_bad();
    return rung_;
}

void Registers::doorbell(std::uint64_t offset, std::uint64_t value, unsigned size) {
    if (explorer_.active())
        announce([=, this] { slot_by_plan(offset, value, size); });
    else
        slot_by_plan(offset, value, size);
}

void Registers::slot_by_plan(std::uint64_t offset, std::uint64_t value, unsigned size) {
    const auto queue = faults_.active() ? control_.queue_at(offset) : std::nullopt;
    if (queue)
        ring_by_plan(*queue, [=, this] { ring(offset, value, size); });
    else
        ring(offset, value, size);
}

void Registers::announce(const std::function<void()> &ring) {
    if (explorer_.hold_doorbell(ring))
        return;
    explorer_.release_doorbells(); // they do not overtake each other
    ring();
}

// On the bus, whatever was written is there before what is written or read after it; and what is read comes behind the
// messages that were sent before.
void Registers::push_posted(bool interrupts) {
    if (!explorer_.holding())
        return;
    if (interrupts)
        explorer_.release_all();
    else
        explorer_.release_doorbells();
}

void Registers::ring_by_plan(std::uint32_t queue, const std::function<void()> &ring) {
    const auto verdict = faults_.ask(spec::PlanEvent::DOORBELL, queue);
    const auto action = verdict ? verdict->action : spec::PlanAction{};
    if (action == spec::PlanAction::DROP)
        return;
    if (action == spec::PlanAction::REORDER && faults_.hold(*verdict, spec::PlanEvent::DOORBELL, ring))
        return;
    ring();
    if (action == spec::PlanAction::DUPLICATE)
        ring();
    faults_.happened(spec::PlanEvent::DOORBELL);
}

void Registers::ring(std::uint64_t offset, std::uint64_t value, unsigned size) {
    const std::uint64_t ctx = offset / spec::PAGE_SIZE;
    const std::uint64_t at = offset % spec::PAGE_SIZE;
    const bool legal = size == HALF && at % spec::DOORBELL_STRIDE == 0 && ctx < spec::MAX_CONTEXTS;
    Unit *rung = nullptr;
    if (!legal ||
        !control_.doorbell(static_cast<std::uint32_t>(ctx), static_cast<std::uint32_t>(at / spec::DOORBELL_STRIDE),
                           static_cast<std::uint32_t>(value), rung))
        count_bad();
    else if (rung != nullptr)
        run(*rung);
}

// A thread of the guest's machine has better to do than to sit out the delays of a plan.
void Registers::run(Unit &rung) {
    if (faults_.active() && !faults_.in_steps())
        executor_.wake(rung);
    else
        executor_.lend_thread(rung);
}

void Registers::reset() {
    push_posted(false);
    const std::lock_guard lock(mutex_);
    reset_locked();
}

void Registers::reset_locked() {
    reset_();
    bad_.store(0, std::memory_order_relaxed);
    latch_offset_ = ~0ULL;
}

void Registers::serialize(Archive &archive) {
    archive.number("BAD_REGISTER", bad_);
    archive.number("latched register", latch_offset_);
    archive.number("latched half", latch_high_);
}

// ---- reads ----------------------------------------------------------------------------------------------------------

std::uint64_t Registers::load(const spec::RegisterRef &where) {
    if (where.desc->offset >= spec::BLOCK_CORE_OFFSET)
        return load_core(where);
    if (where.desc->offset >= spec::BLOCK_QUEUE_OFFSET)
        return load_queue(where);
    if (where.desc->offset >= spec::BLOCK_CTX_OFFSET)
        return load_context(where);
    if (where.desc->offset >= spec::BLOCK_PLAN_OFFSET)
        return load_plan(where);
    if (where.desc->offset >= spec::BLOCK_REC_OFFSET)
        return load_recorder(where);
    switch (where.desc->offset) {
    case reg::GLOBAL_VERSION: return spec::VERSION;
    case reg::GLOBAL_PROFILE: return spec::raw(info_.profile);
    case reg::GLOBAL_CORES: return info_.cores;
    case reg::GLOBAL_HBM_BYTES: return info_.hbm_bytes;
    case reg::GLOBAL_APERTURE_BYTES: return info_.aperture_bytes;
    case reg::GLOBAL_HBM_BANKS: return info_.hbm_banks;
    case reg::GLOBAL_SBUF_BYTES: return info_.sbuf_bytes;
    case reg::GLOBAL_PSUM_BYTES: return spec::PSUM_BYTES;
    case reg::GLOBAL_CONTEXTS: return spec::MAX_CONTEXTS;
    case reg::GLOBAL_QUEUES: return spec::MAX_QUEUES;
    case reg::GLOBAL_CLOCK_NS: return clock_.now_ns();
    case reg::GLOBAL_STATUS:
        return field::GLOBAL_STATUS_READY.set(control_.ready()) | field::GLOBAL_STATUS_STEPPED.set(info_.stepped);
    case reg::GLOBAL_EVENT_RING_BASE: return events_.registers().base;
    case reg::GLOBAL_EVENT_RING_LOG2: return events_.registers().log2;
    case reg::GLOBAL_EVENT_HEAD: return events_.registers().head;
    case reg::GLOBAL_EVENT_TAIL: return events_.registers().tail;
    case reg::GLOBAL_EVENTS_LOST: return events_.registers().lost;
    case reg::GLOBAL_HBM_CORRECTED: return control_.hbm_errors().corrected;
    case reg::GLOBAL_HBM_UNCORRECTED: return control_.hbm_errors().uncorrected;
    case reg::GLOBAL_TEMPERATURE: return static_cast<std::uint32_t>(control_.sensors().temperature_mc);
    case reg::GLOBAL_POWER_UW: return control_.sensors().power_uw;
    case reg::GLOBAL_ENERGY_UJ: return control_.sensors().energy_uj;
    case reg::GLOBAL_BAD_REGISTER: return bad_.load(std::memory_order_relaxed);
    case reg::GLOBAL_SCRUB_ADDR: return scrubber_.registers().addr;
    case reg::GLOBAL_SCRUB_BYTES: return scrubber_.registers().bytes;
    case reg::GLOBAL_SCRUB_CTRL: {
        const auto scrub = scrubber_.registers();
        return field::GLOBAL_SCRUB_CTRL_START.set(scrub.running) | field::GLOBAL_SCRUB_CTRL_ERROR.set(scrub.error);
    }
    default: return where.desc->reset; // MAGIC, and write-only registers
    }
}

std::uint64_t Registers::load_recorder(const spec::RegisterRef &where) {
    switch (where.desc->offset) {
    case reg::REC_WRITTEN: return recorder_.written();
    case reg::REC_LOST: return recorder_.lost();
    case reg::REC_CAPACITY: return recorder_.capacity();
    case reg::REC_CTRL: return field::REC_CTRL_RECORD.set(recorder_.on());
    case reg::REC_CMD_ADDR: return commands_.registers().addr;
    case reg::REC_CMD_FIRST: return commands_.registers().first;
    case reg::REC_CMD_COUNT: return commands_.registers().count;
    case reg::REC_CMD_DONE: return commands_.registers().done;
    case reg::REC_DEBUG_HEAD: return channel_.registers().head;
    case reg::REC_DEBUG_RING: return channel_.registers().ring;
    case reg::REC_DEBUG_LOG2: return channel_.registers().log2;
    case reg::REC_DEBUG_BAD: return channel_.registers().bad;
    case reg::REC_SANITIZER: return field::REC_SANITIZER_ON.set(sanitizer_ != nullptr);
    case reg::REC_REPORTS: return sanitizer_ != nullptr ? sanitizer_->reports().next() : 0;
    case reg::REC_REPORTS_LOST: return sanitizer_ != nullptr ? sanitizer_->reports().lost() : 0;
    case reg::REC_CMD: {
        const auto command = commands_.registers();
        return field::REC_CMD_OP.set(command.op) | field::REC_CMD_BUSY.set(command.busy) |
               field::REC_CMD_ERROR.set(command.error);
    }
    default: return where.desc->reset;
    }
}

std::uint64_t Registers::load_plan(const spec::RegisterRef &where) const {
    const plan::Port::Registers regs = port_.registers();
    switch (where.desc->offset) {
    case reg::PLAN_ADDR: return regs.addr;
    case reg::PLAN_BYTES: return regs.bytes;
    case reg::PLAN_CMD: return field::PLAN_CMD_OP.set(regs.op) | field::PLAN_CMD_ERROR.set(regs.error);
    case reg::PLAN_DONE: return regs.done;
    default: return where.desc->reset;
    }
}

std::uint64_t Registers::load_context(const spec::RegisterRef &where) {
    switch (where.desc->offset) {
    case reg::CTX_PT_ROOT(0): return control_.page_table(where.index);
    case reg::CTX_CTRL(0): return field::CTX_CTRL_ENABLE.set(control_.context_enabled(where.index));
    case reg::CTX_STATUS(0): return control_.context_status(where.index);
    case reg::CTX_TLB_FLUSHING(0): return control_.space(where.index).flushing();
    default: return where.desc->reset;
    }
}

std::uint64_t Registers::load_queue(const spec::RegisterRef &where) {
    const std::uint32_t index = where.index;
    switch (where.desc->offset) {
    case reg::QUEUE_RING_BASE(0): return control_.queue_config(index).ring_base;
    case reg::QUEUE_SEQNO_ADDR(0): return control_.queue_config(index).seqno_addr;
    case reg::QUEUE_RING_LOG2(0): return control_.queue_config(index).ring_log2;
    case reg::QUEUE_CFG(0): return control_.queue_config(index).cfg;
    case reg::QUEUE_CTRL(0): return field::QUEUE_CTRL_ENABLE.set(control_.queue_enabled(index));
    case reg::QUEUE_STATUS(0): return control_.queue_status(index);
    case reg::QUEUE_HEAD(0): return control_.queue_head(index);
    case reg::QUEUE_TAIL(0): return control_.queue_tail(index);
    case reg::QUEUE_STAMP_ADDR(0): return control_.queue_config(index).stamp_addr;
    case reg::QUEUE_COALESCE(0): return coalescer_.value(index);
    case reg::QUEUE_BUSY_NS(0): return control_.queue_busy_ns(index);
    case reg::QUEUE_CORE_NS(0): return control_.queue_core_ns(index);
    case reg::QUEUE_PROGRESS(0): return control_.queue(index).progress.load(std::memory_order_relaxed);
    default: return where.desc->reset;
    }
}

// These blocks are the last ones, and can only be read.
std::uint64_t Registers::load_core(const spec::RegisterRef &where) const {
    const bool semaphore = where.desc->offset == reg::SEMAPHORE_VALUE(0);
    const bool whole = where.desc->offset == reg::CORE_STATUS(0);
    const std::uint32_t per_core = whole ? 1 : semaphore ? spec::SEMAPHORES : spec::ENGINE_COUNT;
    if (where.index / per_core >= cores_.size())
        return 0;
    const Core &core = cores_[where.index / per_core];
    const auto engine = static_cast<spec::Engine>(where.index % per_core);
    switch (where.desc->offset) {
    case reg::CORE_STATUS(0): return core.status();
    case reg::SEMAPHORE_VALUE(0): return core.semaphore(static_cast<std::uint8_t>(where.index % per_core));
    case reg::ENGINE_STATUS(0): return core.engine_status(engine);
    case reg::ENGINE_PC(0): return core.engine_pc(engine);
    case reg::ENGINE_WAIT_VALUE(0): return core.engine_wait_value(engine);
    case reg::ENGINE_RETIRED(0): return core.engine_retired(engine);
    default: return 0;
    }
}

// ---- writes ---------------------------------------------------------------------------------------------------------

bool Registers::store(const spec::RegisterRef &where, std::uint64_t value) {
    // A reset may be asked for at any time, and a plan that lets it hang be changed; everything else waits for READY.
    if (where.desc->offset == reg::GLOBAL_CTRL) {
        if (value & field::GLOBAL_CTRL_RESET.mask)
            reset_locked();
        return true;
    }
    if (is_plan(where.desc->offset))
        return store_plan(where, value);
    if (!control_.ready())
        return false;
    if (where.desc->offset >= spec::BLOCK_QUEUE_OFFSET)
        return store_queue(where, value);
    if (where.desc->offset >= spec::BLOCK_CTX_OFFSET)
        return store_context(where, value);
    if (where.desc->offset >= spec::BLOCK_REC_OFFSET)
        return recorder_.capacity() != 0 && store_recorder(where, value);
    switch (where.desc->offset) {
    case reg::GLOBAL_EVENT_RING_BASE: events_.set_base(value); return true;
    case reg::GLOBAL_EVENT_RING_LOG2: events_.set_log2(static_cast<std::uint32_t>(value)); return true;
    case reg::GLOBAL_EVENT_HEAD: events_.set_head(static_cast<std::uint32_t>(value)); return true;
    case reg::GLOBAL_SCRUB_ADDR: return scrubber_.set_addr(value);
    case reg::GLOBAL_SCRUB_BYTES: return scrubber_.set_bytes(value);
    case reg::GLOBAL_SCRUB_CTRL: return (value & field::GLOBAL_SCRUB_CTRL_START.mask) == 0 || scrubber_.start();
    default: return false;
    }
}

bool Registers::store_recorder(const spec::RegisterRef &where, std::uint64_t value) {
    switch (where.desc->offset) {
    case reg::REC_CTRL: recorder_.record((value & field::REC_CTRL_RECORD.mask) != 0); return true;
    case reg::REC_CMD_ADDR: return commands_.set_addr(value);
    case reg::REC_CMD_FIRST: return commands_.set_first(value);
    case reg::REC_CMD_COUNT: return commands_.set_count(static_cast<std::uint32_t>(value));
    case reg::REC_DEBUG_RING: return channel_.set_ring(value);
    case reg::REC_DEBUG_LOG2: return channel_.set_log2(static_cast<std::uint32_t>(value));
    case reg::REC_DEBUG_TAIL: return true; // see take_debug_records()
    case reg::REC_CMD: return commands_.start(field::REC_CMD_OP.get(static_cast<std::uint32_t>(value)));
    default: return false;
    }
}

bool Registers::store_plan(const spec::RegisterRef &where, std::uint64_t value) {
    switch (where.desc->offset) {
    case reg::PLAN_ADDR: port_.set_addr(value); return true;
    case reg::PLAN_BYTES: port_.set_bytes(static_cast<std::uint32_t>(value)); return true;
    case reg::PLAN_CMD: return true; // see write_register()
    default: return false;
    }
}

bool Registers::store_context(const spec::RegisterRef &where, std::uint64_t value) {
    switch (where.desc->offset) {
    case reg::CTX_PT_ROOT(0): return control_.set_page_table(where.index, value);
    case reg::CTX_CTRL(0): return control_.enable_context(where.index, (value & field::CTX_CTRL_ENABLE.mask) != 0);
    case reg::CTX_TLB_FLUSH(0):
        if (value & field::CTX_TLB_FLUSH_FLUSH.mask)
            control_.flush_context(where.index);
        return true;
    default: return false;
    }
}

bool Registers::store_queue(const spec::RegisterRef &where, std::uint64_t value) {
    const std::uint32_t index = where.index;
    QueueConfig config = control_.queue_config(index);
    switch (where.desc->offset) {
    case reg::QUEUE_RING_BASE(0): config.ring_base = value; break;
    case reg::QUEUE_SEQNO_ADDR(0): config.seqno_addr = value; break;
    case reg::QUEUE_RING_LOG2(0): config.ring_log2 = static_cast<std::uint32_t>(value); break;
    case reg::QUEUE_CFG(0): config.cfg = static_cast<std::uint32_t>(value); break;
    case reg::QUEUE_STAMP_ADDR(0): config.stamp_addr = value; break;
    case reg::QUEUE_CTRL(0): return control_.enable_queue(index, (value & field::QUEUE_CTRL_ENABLE.mask) != 0);
    case reg::QUEUE_COALESCE(0): coalescer_.set(index, static_cast<std::uint32_t>(value)); return true;
    case reg::QUEUE_DOORBELL(0): return control_.queue_doorbell(index, static_cast<std::uint32_t>(value), rung_);
    default: return false;
    }
    return control_.set_queue_config(index, config);
}

} // namespace neuron::chip
