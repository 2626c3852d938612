// SPDX-License-Identifier: MIT
#include "arena.hpp"

#include "check.hpp"
#include "program_writer.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstring>
#include <vector>

namespace fuzz {

namespace {

/// Where things are in HBM.
constexpr std::uint64_t HBM_SMALL = 1 * MiB;
constexpr std::uint64_t HBM_LARGE = 2 * MiB;
constexpr std::uint64_t HBM_READ_ONLY = 4 * MiB;
constexpr std::uint64_t HBM_TABLES = 6 * MiB;
constexpr std::uint64_t HBM_VICTIM = 7 * MiB;
constexpr std::uint64_t LARGE_PAGE = 2 * MiB;
constexpr std::uint64_t TABLE_BYTES = 64 * KiB;

constexpr std::uint32_t THREADS = 3;

constexpr std::uint64_t NOT_ON_THE_BUS = 0x1000;
constexpr std::uint64_t UNKNOWN_PTE_BIT = 1ULL << 58;
constexpr std::byte CANARY{0xc5};

/// Enough for aborting everything, in whatever order the units come.
constexpr std::uint64_t ABORT_STEPS = 20'000;

std::span<std::byte> hbm(Machine &machine, std::uint64_t offset, std::uint64_t bytes) {
    return {machine.hbm(offset), bytes};
}

bool all_are(std::span<const std::byte> bytes, std::byte value) {
    return bytes.empty() || (bytes[0] == value && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

} // namespace

Arena::Arena(const ArenaOptions &options)
    : machine({.profile = options.profile,
               .seed = options.seed,
               .threads = options.threads ? THREADS : 0,
               .cores = CORES,
               .hazards = options.hazards}),
      hostile(machine, HOSTILE, options.tables_in_hbm ? HBM_TABLES : 0),
      victim(machine, VICTIM),
      hostile_queue(machine, HOSTILE, HOSTILE, make_ring(HOSTILE, options.ring_in_context)),
      victim_queue(machine, VICTIM, VICTIM, make_ring(VICTIM, false)),
      hazards_(options.hazards) {
    machine.start_events();
    map_hostile();
    map_victim();
    hostile.enable();
    victim.enable();
    hostile_queue.manners = options.manners;
    hostile_queue.enable();
    victim_queue.enable();
    if (options.spoilt)
        spoil();
}

void Arena::spoil() {
    const auto meet = [&](std::uint64_t offset, bool uncorrectable) {
        FUZZ_REQUIRE(neuron_chip_inject_ecc(machine.chip, offset, uncorrectable) == 0, "an error was refused");
        ++errors_;
    };
    // Where the arguments of programs and the addresses of packets lead, an entry of the page tables in HBM, and what nobody
    // has mapped. Of the victim's only what can be corrected.
    meet(HBM_LARGE, true);
    meet(HBM_LARGE + PAGE / 2, true);
    meet(HBM_LARGE + 0x40000 + 256, true); // spec-ok: where an argument leads
    meet(HBM_SMALL + 64, true);
    meet(HBM_TABLES + 3 * PAGE + 10 * sizeof(std::uint64_t), true);
    meet(HBM_VICTIM, false);
    meet(Machine::HBM_BYTES - 1, true);
    FUZZ_REQUIRE(machine.settle(ABORT_STEPS), "reporting errors does not end");
    FUZZ_REQUIRE(machine.event_count() == errors_, "%" PRIu32 " records of errors", machine.event_count());
    machine.w32(reg::GLOBAL_EVENT_HEAD, errors_);
}

Arena::~Arena() { machine.allow_hbm(0, Machine::HBM_BYTES); }

RingPlace Arena::make_ring(std::uint32_t tenant, bool in_context) {
    // The seqno is what follows the ring.
    static_assert(Queue::STAMPS_END <= PAGE);
    const std::uint64_t ring = machine.guest.alloc(Queue::STAMPS_END, GuestMemory::BOTH);
    if (!in_context)
        return {ring, ring, false};
    (tenant == HOSTILE ? hostile : victim).map(va::RING, ring, PAGE, Context::WRITABLE);
    return {ring, va::RING, true};
}

void Arena::map_hostile() {
    data_ = machine.guest.alloc(va::DATA_PAGES * PAGE, GuestMemory::BOTH);
    constexpr std::uint64_t SHUFFLE = 5; // neighbours in the context are not neighbours on the bus
    for (std::uint64_t page = 0; page < va::DATA_PAGES; ++page)
        hostile.map(va::DATA + page * PAGE, data_ + page * SHUFFLE % va::DATA_PAGES * PAGE, PAGE, Context::WRITABLE);
    const auto trap = [&](std::uint64_t page, std::uint64_t pte) {
        hostile.set_entry(va::DATA + page * PAGE, 0, pte);
        machine.guest.permit(data_ + page * SHUFFLE % va::DATA_PAGES * PAGE, PAGE, GuestMemory::NOTHING);
    };
    trap(5, 0);
    trap(7, machine.guest.alloc(PAGE, GuestMemory::READ) | Context::VALID);
    trap(9, HBM_SMALL | Context::VALID | Context::HBM | Context::WRITABLE);
    trap(11, data_ | Context::VALID | Context::WRITABLE | UNKNOWN_PTE_BIT);
    trap(12, Machine::HBM_BYTES | Context::VALID | Context::HBM | Context::WRITABLE);
    trap(13, NOT_ON_THE_BUS | Context::VALID | Context::WRITABLE);
    trap(14, data_ | Context::VALID | Context::WRITABLE); // the first page once more

    hostile.map_large(va::LARGE_HBM, HBM_LARGE, Context::HBM | Context::WRITABLE);
    hostile.map_large(va::LARGE_READ_ONLY, HBM_READ_ONLY, Context::HBM);
    hostile.map_large(va::LARGE_GUEST, GuestMemory::SECOND_BASE, Context::WRITABLE);
    machine.guest.permit(GuestMemory::SECOND_BASE, GuestMemory::SECOND_BYTES, GuestMemory::BOTH);
    hostile.map_large(va::LARGE_MISALIGNED, HBM_LARGE + PAGE, Context::HBM | Context::WRITABLE);
    hostile.map_large(va::LARGE_BEYOND_HBM, Machine::HBM_BYTES, Context::HBM | Context::WRITABLE);
    hostile.set_entry(va::BAD_TABLE, 2, NOT_ON_THE_BUS | Context::VALID);
    hostile.set_entry(va::OWN_TABLES, spec::MMU_LEVELS - 1, hostile.root());
    hostile.map(va::TOP, machine.guest.alloc(PAGE, GuestMemory::BOTH), PAGE, Context::WRITABLE);
    code_ = machine.guest.alloc(va::CODE_BYTES, GuestMemory::BOTH);
    hostile.map(va::CODE, code_, va::CODE_BYTES, 0);
    hostile.map(va::CODE_WRITABLE, code_, va::CODE_BYTES, Context::WRITABLE);
}

void Arena::map_victim() {
    victim_data_ = machine.guest.alloc(VICTIM_BYTES, GuestMemory::BOTH);
    victim.map(VICTIM_DATA, victim_data_, VICTIM_BYTES, Context::WRITABLE);
    victim.map(VICTIM_HBM, HBM_VICTIM, PAGE, Context::HBM | Context::WRITABLE);
}

void Arena::watch() {
    std::ranges::fill(hbm(machine, HBM_VICTIM, PAGE), CANARY);
    machine.forbid_hbm(0, Machine::HBM_BYTES);
    machine.allow_hbm(HBM_SMALL, PAGE);
    machine.allow_hbm(HBM_LARGE, LARGE_PAGE);
    machine.allow_hbm(HBM_READ_ONLY, LARGE_PAGE);
    machine.allow_hbm(HBM_TABLES, TABLE_BYTES);
    machine.allow_hbm(HBM_VICTIM, PAGE);
    machine.guest.enforce();
}

void Arena::run_hostile(std::uint64_t steps, Ending ending) {
    hostile_queue.ring();
    ended_by_force_ = !machine.run(steps, [&] { return hostile_queue.at_rest(); });
    if (ending == Ending::RESET) {
        // Nothing of before may come after it: the tenants' memory may be somebody else's now.
        machine.reset();
        return;
    }
    if (ended_by_force_) {
        if (ending == Ending::DISABLE_QUEUE)
            hostile_queue.disable();
        else
            hostile.disable();
    }
    FUZZ_REQUIRE(machine.settle(ABORT_STEPS), "work goes on after the hostile queue has ended");
    FUZZ_REQUIRE(!hostile_queue.busy(), "a stopped queue stays busy");
    FUZZ_REQUIRE(!hostile.busy(), "the context of a stopped queue stays busy");
}

void Arena::check_hostile() {
    const std::uint32_t events = machine.event_count();
    FUZZ_REQUIRE(machine.r32(reg::GLOBAL_EVENTS_LOST) == 0, "events were lost");
    const spec::QueueState state = hostile_queue.state();
    for (std::uint32_t i = errors_; i < events; ++i) {
        const spec::EventRecord record = machine.event(i);
        check_record(record, CORES);
        FUZZ_REQUIRE(record.kind == spec::Event::FAULT, "an error of HBM that was not made");
        FUZZ_REQUIRE(record.code != spec::Fault::HBM_ECC || (errors_ != 0 && record.info < Machine::HBM_BYTES),
                     "HBM_ECC at %#" PRIx64, record.info);
        FUZZ_REQUIRE(record.ctx == HOSTILE && record.queue == HOSTILE && i == errors_,
                     "event %" PRIu32 ": %s of context %u, queue %u, unit %s, core %u, pc %" PRIu32 ", info %#" PRIx64,
                     i, spec::name(record.code).data(), unsigned{record.ctx}, unsigned{record.queue},
                     spec::name(record.unit).data(), unsigned{record.core}, record.pc, record.info);
        if (state == spec::QueueState::FAULTED) {
            FUZZ_REQUIRE(record.code == hostile_queue.fault(), "fault %u in the record, %u in the register",
                         unsigned{spec::raw(record.code)}, unsigned{spec::raw(hostile_queue.fault())});
            FUZZ_REQUIRE(record.packet == hostile_queue.head(), "the record names packet %" PRIu64, record.packet);
        }
    }
    if (ended_by_force_)
        return;
    FUZZ_REQUIRE((state == spec::QueueState::FAULTED) == (events == errors_ + 1), "state %u with %" PRIu32 " events",
                 unsigned{spec::raw(state)}, events);
    FUZZ_REQUIRE(state == spec::QueueState::FAULTED || state == spec::QueueState::IDLE, "state %u",
                 unsigned{spec::raw(state)});
    if (state == spec::QueueState::IDLE)
        FUZZ_REQUIRE(hostile_queue.head() == hostile_queue.tail(), "idle at packet %" PRIu64, hostile_queue.head());
}

void Arena::check_victim_works() {
    const std::uint64_t head = victim_queue.head();
    const std::uint64_t value = ++fences_ * 0x0101'0101; // spec-ok: any number that memory does not hold yet
    victim_queue.submit(spec::PacketFence{.addr = VICTIM_DATA, .value = value});
    machine.settle(ABORT_STEPS);
    FUZZ_REQUIRE(victim_queue.state() == spec::QueueState::IDLE, "the victim's queue is in state %u with fault %u",
                 unsigned{spec::raw(victim_queue.state())}, unsigned{spec::raw(victim_queue.fault())});
    FUZZ_REQUIRE(victim_queue.head() == head + 1, "the victim's packet has not retired");
    FUZZ_REQUIRE(machine.guest.u64(victim_data_) == value, "the victim's fence wrote something else");
}

void Arena::check_memory() {
    // Everything else is watched access by access.
    FUZZ_REQUIRE(all_are(hbm(machine, HBM_READ_ONLY, LARGE_PAGE), std::byte{0}), "read-only HBM was written");
    FUZZ_REQUIRE(all_are(hbm(machine, HBM_VICTIM, PAGE), CANARY), "the victim's HBM was written");
    constexpr std::uint64_t VECTORS = 1ULL << 0 | 1ULL << (1 + HOSTILE) | 1ULL << (1 + VICTIM);
    FUZZ_REQUIRE((machine.guest.vectors() & ~VECTORS) == 0, "vectors %#" PRIx64, machine.guest.vectors());
}

bool Arena::hostile_sees(std::uint64_t word) {
    const auto has = [&](std::span<const std::byte> bytes) {
        return memmem(bytes.data(), bytes.size(), &word, sizeof word) != nullptr;
    };
    const std::uint64_t pages = va::DATA_PAGES * PAGE;
    return has({machine.guest.at(data_, pages), pages}) || has(hbm(machine, HBM_SMALL, PAGE)) ||
           has(hbm(machine, HBM_LARGE, LARGE_PAGE)) ||
           has({machine.guest.at(GuestMemory::SECOND_BASE), GuestMemory::SECOND_BYTES});
}

void Arena::check_reading(Context &context, Queue &queue, bool scrubbed) {
    const spec::QueueState state = queue.state();
    if (hazards_ && scrubbed && state == spec::QueueState::FAULTED && queue.fault() == spec::Fault::HAZARD_UNWRITTEN) {
        queue.disable();
        context.enable();
        queue.enable();
        return;
    }
    FUZZ_REQUIRE(state == spec::QueueState::IDLE && queue.head() == queue.tail(),
                 "a good launch failed: state %u, fault %u", unsigned{spec::raw(state)},
                 unsigned{spec::raw(queue.fault())});
}

void Arena::probe_core(std::uint32_t core_mask, std::uint64_t word) {
    constexpr std::uint16_t ELEMENTS = 64;
    constexpr std::uint64_t BYTES = spec::PARTITIONS * ELEMENTS * sizeof(std::uint32_t);
    constexpr std::uint64_t ARGS = va::CODE_BYTES - PAGE;
    ProgramWriter writer(code(0), va::CODE);
    writer.stream(spec::Engine::SP, store(dense_rows(0, ELEMENTS), dense_tile(spec::Space::SBUF, 0, ELEMENTS), 0),
                  store(dense_rows(BYTES, ELEMENTS), dense_tile(spec::Space::PSUM, 0, ELEMENTS), 1));
    writer.finish();
    std::memcpy(code(ARGS), &va::LARGE_HBM, sizeof va::LARGE_HBM);
    hostile_queue.disable();
    hostile.enable();
    hostile_queue.enable();
    hostile_queue.submit(
        spec::PacketLaunch{.core_mask = core_mask, .program = va::CODE, .args = va::CODE + ARGS, .arg_count = 1});
    FUZZ_REQUIRE(machine.settle(ABORT_STEPS), "a probe does not end");
    check_reading(hostile, hostile_queue, true);
    FUZZ_REQUIRE(!hostile_sees(word), "the core was not scrubbed");
}

void Arena::check_reset() {
    machine.allow_hbm(0, Machine::HBM_BYTES);
    machine.reset();
    FUZZ_REQUIRE(all_are(hbm(machine, HBM_LARGE, LARGE_PAGE), std::byte{0}), "HBM was not scrubbed");
    FUZZ_REQUIRE(all_are(hbm(machine, HBM_VICTIM, PAGE), std::byte{0}), "the victim's HBM was not scrubbed");
    victim.enable();
    victim_queue.enable();
    check_victim_works();
    FUZZ_REQUIRE(machine.event_count() == 0, "an event of before the reset");
}

} // namespace fuzz
