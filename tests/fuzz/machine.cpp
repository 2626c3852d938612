// SPDX-License-Identifier: MIT
#include "machine.hpp"

#include "check.hpp"

#include <algorithm>
#include <cstring>
#include <sanitizer/asan_interface.h>
#include <sys/mman.h>
#include <thread>

namespace fuzz {

namespace {

/// More than aborting every unit of the chip takes, in whatever order they come.
constexpr std::uint64_t ABORT_STEPS = 20'000;
constexpr std::uint64_t BATCH = 16;
constexpr std::chrono::microseconds STEP_TIME(20);

constexpr std::uint64_t GUARD_BYTES = 4 * MiB;

/// Makes an access behind HBM crash: takes address space for HBM and a guard, and leaves the lower part as the first place
/// where the next mapping of that size fits. Should the chip end up elsewhere, the guard does no harm.
void *place_guard() {
    void *both = mmap(nullptr, Machine::HBM_BYTES + GUARD_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    FUZZ_REQUIRE(both != MAP_FAILED, "no address space");
    munmap(both, Machine::HBM_BYTES);
    return static_cast<std::byte *>(both) + Machine::HBM_BYTES;
}

} // namespace

Machine::Machine(const MachineOptions &options)
    : profile(spec::profiles()[options.profile % spec::profiles().size()]), stepped_(options.threads == 0) {
    neuron_chip_config config{};
    config.size = sizeof config;
    config.abi_major = NEURON_CHIP_ABI_MAJOR;
    const std::string name(profile.name);
    config.profile = name.c_str();
    config.hbm_bytes = HBM_BYTES;
    config.aperture_bytes = HBM_BYTES; // all of it in view
    config.cores = options.cores;
    config.stepped = stepped_;
    config.hazards = options.hazards;
    config.threads = options.threads;
    config.seed = options.seed;
    const neuron_chip_host_ops ops = GuestMemory::ops();
    guard_ = place_guard();
    char error[256];
    const int failed = neuron_chip_create(&config, &ops, &guest, &chip, error, sizeof error);
    FUZZ_REQUIRE(failed == 0, "no chip: %s", error);
    hbm_ = static_cast<std::byte *>(neuron_chip_aperture(chip, &hbm_bytes_));
    events_ = guest.alloc(spec::EventRecord::BYTES << EVENT_LOG2, GuestMemory::WRITE);
}

Machine::~Machine() {
    allow_hbm(0, hbm_bytes_); // the addresses may soon be somebody else's
    neuron_chip_destroy(chip);
    munmap(guard_, GUARD_BYTES);
}

void Machine::start_events() {
    w64(reg::GLOBAL_EVENT_RING_BASE, events_);
    w32(reg::GLOBAL_EVENT_RING_LOG2, EVENT_LOG2);
}

spec::EventRecord Machine::event(std::uint32_t index) {
    const std::uint64_t slot = index % (1U << EVENT_LOG2);
    const std::byte *raw = guest.at(events_ + slot * spec::EventRecord::BYTES, spec::EventRecord::BYTES);
    return spec::unpack<spec::EventRecord>(
        std::span<const std::byte, spec::EventRecord::BYTES>(raw, spec::EventRecord::BYTES));
}

bool Machine::run(std::uint64_t steps, const std::function<bool()> &done) {
    const auto start = std::chrono::steady_clock::now();
    if (!stepped_) {
        const auto end = start + steps * STEP_TIME;
        while (!done() && std::chrono::steady_clock::now() < end)
            std::this_thread::yield();
        return done();
    }
    const auto end = start + std::chrono::seconds(1);
    for (std::uint64_t taken = 0; taken < steps && !done(); taken += BATCH) {
        if (neuron_chip_run(chip, BATCH) < BATCH || std::chrono::steady_clock::now() > end)
            break;
    }
    return done();
}

bool Machine::settle(std::uint64_t steps) {
    if (stepped_)
        return neuron_chip_run(chip, steps) < steps;
    neuron_chip_quiesce(chip);
    return true;
}

void Machine::reset() {
    neuron_chip_reset(chip);
    guest.forget_vectors();
    FUZZ_REQUIRE(settle(ABORT_STEPS), "a reset does not end what was going on");
    FUZZ_REQUIRE(ready(), "not ready after a reset");
    FUZZ_REQUIRE(guest.vectors() == 0, "an interrupt of before the reset: %#llx",
                 static_cast<unsigned long long>(guest.vectors()));
}

void Machine::forbid_hbm(std::uint64_t offset, std::uint64_t bytes) { ASAN_POISON_MEMORY_REGION(hbm_ + offset, bytes); }

void Machine::allow_hbm(std::uint64_t offset, std::uint64_t bytes) {
    ASAN_UNPOISON_MEMORY_REGION(hbm_ + offset, bytes);
}

// ---- contexts -------------------------------------------------------------------------------------------------------

Context::Context(Machine &machine, std::uint32_t index, std::uint64_t hbm_tables)
    : machine_(machine), index_(index), next_hbm_table_(hbm_tables), root_(new_table()) {}

void Context::enable() {
    machine_.w64(reg::CTX_PT_ROOT(index_), root_ & ~VALID);
    machine_.w32(reg::CTX_CTRL(index_), field::CTX_CTRL_ENABLE.mask);
}

void Context::set_entry(std::uint64_t va, unsigned level, std::uint64_t pte) {
    std::uint64_t table = root_;
    for (unsigned l = spec::MMU_LEVELS - 1; l > level; --l) {
        std::byte *entry = entry_at(table, va, l);
        std::uint64_t next = 0;
        std::memcpy(&next, entry, sizeof next);
        if (next == 0) {
            next = new_table();
            std::memcpy(entry, &next, sizeof next);
        }
        table = next;
    }
    std::memcpy(entry_at(table, va, level), &pte, sizeof pte);
}

void Context::map(std::uint64_t va, std::uint64_t at, std::uint64_t bytes, std::uint64_t flags) {
    for (std::uint64_t done = 0; done < bytes; done += PAGE)
        set_entry(va + done, 0, (at + done) | flags | VALID);
}

std::uint64_t Context::new_table() {
    if (next_hbm_table_ == 0)
        return machine_.guest.alloc(PAGE, GuestMemory::READ) | VALID;
    const std::uint64_t at = next_hbm_table_;
    next_hbm_table_ += PAGE;
    return at | HBM | VALID;
}

std::byte *Context::entry_at(std::uint64_t table, std::uint64_t va, unsigned level) {
    const std::uint64_t shift = spec::MMU_PAGE_SHIFT + level * spec::MMU_INDEX_BITS;
    const std::uint64_t index = va >> shift & ((1U << spec::MMU_INDEX_BITS) - 1);
    const std::uint64_t at = (table & field::PTE_ADDR.mask) + index * sizeof(std::uint64_t);
    return (table & HBM) != 0 ? machine_.hbm(at) : machine_.guest.at(at, sizeof(std::uint64_t));
}

// ---- queues ---------------------------------------------------------------------------------------------------------

Queue::Queue(Machine &machine, std::uint32_t index, std::uint32_t ctx, const RingPlace &place)
    : machine_(machine), index_(index), ctx_(ctx), place_(place) {}

void Queue::enable() {
    tail_ = 0;
    machine_.w64(reg::QUEUE_RING_BASE(index_), place_.base);
    machine_.w64(reg::QUEUE_SEQNO_ADDR(index_), place_.base + BYTES);
    machine_.w32(reg::QUEUE_RING_LOG2(index_), LOG2);
    machine_.w32(reg::QUEUE_CFG(index_), field::QUEUE_CFG_CTX.set(ctx_) | field::QUEUE_CFG_VECTOR.set(1 + index_) |
                                             field::QUEUE_CFG_SLOT.set(index_) |
                                             field::QUEUE_CFG_RING_VA.set(place_.in_context) |
                                             field::QUEUE_CFG_PRIORITY.set(spec::raw(manners.priority)));
    machine_.w64(reg::QUEUE_STAMP_ADDR(index_), manners.stamps ? place_.base + STAMPS : 0);
    machine_.w32(reg::QUEUE_COALESCE(index_), manners.coalesce);
    machine_.w32(reg::QUEUE_CTRL(index_), field::QUEUE_CTRL_ENABLE.mask);
}

void Queue::push_raw(std::span<const std::byte, spec::PACKET_BYTES> raw) {
    const std::uint64_t slot = place_.ring + tail_++ % PACKETS * spec::PACKET_BYTES;
    std::memcpy(machine_.guest.at(slot, raw.size()), raw.data(), raw.size());
}

void Queue::ring() {
    neuron_chip_doorbell_write(machine_.chip, spec::doorbell(ctx_, index_), tail_, sizeof(std::uint32_t));
}

// ---- events ---------------------------------------------------------------------------------------------------------

void check_record(const spec::EventRecord &record, std::uint32_t cores) {
    const auto known = [](auto value) { return spec::enum_desc<decltype(value)>().find(spec::raw(value)) != nullptr; };
    FUZZ_REQUIRE(record.kind == spec::Event::FAULT || record.kind == spec::Event::ECC, "event %u",
                 unsigned{spec::raw(record.kind)});
    if (record.kind == spec::Event::ECC) {
        const spec::EventRecord expected{.kind = spec::Event::ECC,
                                         .code = record.code,
                                         .info = record.info % Machine::HBM_BYTES,
                                         .time_ns = record.time_ns};
        FUZZ_REQUIRE(record == expected && (record.code == spec::Fault::NONE || record.code == spec::Fault::HBM_ECC),
                     "a record of an error of HBM says more");
        return;
    }
    FUZZ_REQUIRE(known(record.code) && record.code != spec::Fault::NONE, "fault %u", unsigned{spec::raw(record.code)});
    FUZZ_REQUIRE(known(record.unit), "unit %u", unsigned{spec::raw(record.unit)});
    FUZZ_REQUIRE(record.core < cores, "core %u", unsigned{record.core});
    FUZZ_REQUIRE(record.ring < spec::DMA_RINGS, "ring %u", unsigned{record.ring});
    FUZZ_REQUIRE(record.write <= 1, "write %u", unsigned{record.write});
    FUZZ_REQUIRE(record.ctx < spec::MAX_CONTEXTS, "context %u", unsigned{record.ctx});
    FUZZ_REQUIRE(record.queue < spec::MAX_QUEUES, "queue %u", unsigned{record.queue});
}

} // namespace fuzz
