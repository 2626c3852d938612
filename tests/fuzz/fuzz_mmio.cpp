// SPDX-License-Identifier: MIT
// Everything that a driver can do to the chip, in any order: no crash, no transfer that the host interface forbids, and
// after a reset the chip is as new.
#include "check.hpp"
#include "machine.hpp"
#include "mmio.hpp"
#include "records.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

namespace {

using namespace fuzz;

constexpr RecordLayout LAYOUT{2, MmioRecord::BYTES}; // profile and seed, then what is done
constexpr std::size_t MAX_RECORDS = 256;
constexpr std::uint64_t MAX_STEPS = 512;

/// A ring with one packet of each kind, page tables, and a program, none of which a register names yet.
void furnish(Machine &m) {
    Context context(m, 0);
    FUZZ_REQUIRE((context.root() & field::PTE_ADDR.mask) == mmio_guest::ROOT, "the root table is elsewhere");
    // The other tables come when something is mapped: three, so that the ring follows.
    context.map(mmio_guest::DATA_VA, 0, PAGE, Context::HBM | Context::WRITABLE);
    const std::uint64_t ring = m.guest.alloc(PAGE, GuestMemory::BOTH);
    FUZZ_REQUIRE(ring == mmio_guest::RING, "the ring is elsewhere");
    m.guest.alloc(PAGE, GuestMemory::BOTH); // seqnos
    const std::uint64_t code = m.guest.alloc(PAGE, GuestMemory::BOTH);
    context.map(mmio_guest::RING_VA, ring, PAGE, Context::WRITABLE);
    const std::uint64_t code_va = mmio_guest::DATA_VA + 2 * PAGE;
    context.map(code_va, code, PAGE, 0);
    spec::ProgramHeader header{.magic = spec::PROGRAM_MAGIC, .isa_version = spec::VERSION};
    header.streams[spec::raw(spec::Engine::SP)] = {.addr = code_va + spec::ProgramHeader::BYTES, .count = 1};
    const auto raw_header = spec::packed(header);
    std::memcpy(m.guest.at(code, PAGE), raw_header.data(), raw_header.size());
    const auto raw_end = spec::packed(spec::InsnEnd{});
    std::memcpy(m.guest.at(code + raw_header.size(), raw_end.size()), raw_end.data(), raw_end.size());

    std::byte *to = m.guest.at(ring, PAGE);
    const auto push = [&](auto packet) {
        packet.flags = spec::PacketFlag::SEQNO | spec::PacketFlag::IRQ;
        const auto raw = spec::packed(packet);
        to = std::copy(raw.begin(), raw.end(), to);
    };
    push(spec::PacketNop{});
    push(spec::PacketFill{.dst = mmio_guest::DATA_VA, .bytes = 100, .pattern = 1});
    push(spec::PacketCopy{.src = mmio_guest::DATA_VA, .dst = mmio_guest::DATA_VA + 512, .bytes = 100});
    push(spec::PacketLaunch{.core_mask = 3, .program = code_va, .args = 0, .arg_count = 0});
    push(spec::PacketFence{.addr = mmio_guest::DATA_VA + 8, .value = 1});
}

void make_error(Machine &m, std::uint64_t offset) {
    const int result = neuron_chip_inject_ecc(m.chip, offset, offset % 2 != 0);
    const int expected = offset >= Machine::HBM_BYTES ? -EINVAL : m.ready() ? 0 : -EAGAIN;
    FUZZ_REQUIRE(result == expected, "an error of HBM gives %d", result);
}

void act(Machine &m, const MmioRecord &record) {
    const unsigned width = 1U << record.width % 4;
    switch (static_cast<MmioAction>(record.action % MMIO_ACTIONS)) {
    case MmioAction::READ: neuron_chip_reg_read(m.chip, record.offset, width); break;
    case MmioAction::WRITE: neuron_chip_reg_write(m.chip, record.offset, record.value, width); break;
    case MmioAction::DOORBELL: neuron_chip_doorbell_write(m.chip, record.offset, record.value, width); break;
    case MmioAction::RUN: neuron_chip_run(m.chip, record.value % MAX_STEPS); break;
    case MmioAction::RESET: neuron_chip_reset(m.chip); break;
    case MmioAction::POKE:
        m.guest.set_u64(GuestMemory::BASE + record.offset % (GuestMemory::BYTES - 8), record.value);
        break;
    case MmioAction::ERROR: make_error(m, record.value); break;
    case MmioAction::APERTURE: std::memcpy(m.hbm(record.offset % (Machine::HBM_BYTES - 8)), &record.value, 8); break;
    }
}

/// Nothing is left of what the driver did.
void check_new(Machine &m) {
    for (std::uint32_t i = 0; i < mmio_guest::CONTEXTS; ++i) {
        FUZZ_REQUIRE(m.r32(reg::QUEUE_COALESCE(i)) == 0 && m.r64(reg::QUEUE_STAMP_ADDR(i)) == 0, "queue %u is not new",
                     i);
        FUZZ_REQUIRE(m.r64(reg::QUEUE_BUSY_NS(i)) == 0 && m.r64(reg::QUEUE_CORE_NS(i)) == 0, "queue %u was busy", i);
    }
    FUZZ_REQUIRE(m.r32(reg::GLOBAL_HBM_CORRECTED) == 0 && m.r32(reg::GLOBAL_HBM_UNCORRECTED) == 0,
                 "errors are not forgotten");
    const std::uint64_t idle = m.profile.idle_mw * m.r64(reg::GLOBAL_CLOCK_NS) / 1'000'000;
    FUZZ_REQUIRE(m.r64(reg::GLOBAL_ENERGY_UJ) == idle, "energy of before the reset");
}

/// A new context and queue work as if nothing had been.
void check_works(Machine &m) {
    Context context(m, 5);
    const std::uint64_t ring = m.guest.alloc(2 * PAGE, GuestMemory::BOTH);
    const std::uint64_t data = m.guest.alloc(PAGE, GuestMemory::BOTH);
    context.map(mmio_guest::DATA_VA, data, PAGE, Context::WRITABLE);
    context.enable();
    Queue queue(m, 7, 5, {ring, ring, false});
    queue.enable();
    queue.submit(spec::PacketFence{.addr = mmio_guest::DATA_VA, .value = 42});
    FUZZ_REQUIRE(m.settle(1000), "a fence does not end");
    FUZZ_REQUIRE(queue.state() == spec::QueueState::IDLE && queue.head() == 1, "a good fence failed");
    FUZZ_REQUIRE(m.guest.u64(data) == 42, "a good fence wrote something else");
    FUZZ_REQUIRE(m.r32(reg::GLOBAL_BAD_REGISTER) == 0, "good accesses were counted as bad");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    if (size < LAYOUT.header)
        return 0;
    Machine m({.profile = data[0], .seed = data[1]});
    furnish(m);
    const std::size_t records = std::min((size - LAYOUT.header) / LAYOUT.record, MAX_RECORDS);
    const auto bytes = std::as_bytes(std::span(data, size)).subspan(LAYOUT.header);
    for (std::size_t i = 0; i < records; ++i)
        act(m, MmioRecord::read(bytes.subspan(i * LAYOUT.record).first<MmioRecord::BYTES>()));
    m.reset();
    check_new(m);
    check_works(m);
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t *data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    Random random(seed);
    const auto fresh = [&](std::span<std::byte> record) { make_mmio(random).write(record.first<MmioRecord::BYTES>()); };
    const auto change = [&](std::span<std::byte> record, std::size_t) {
        auto was = MmioRecord::read(record.first<MmioRecord::BYTES>());
        const MmioRecord other = make_mmio(random);
        if (random.chance(50))
            was.value = other.value;
        else
            was.offset += static_cast<std::uint32_t>(random.below(8)) - 4;
        was.write(record.first<MmioRecord::BYTES>());
    };
    return mutate_records(data, size, max_size, LAYOUT, random, fresh, change);
}

extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t *first, std::size_t first_size,
                                                 const std::uint8_t *second, std::size_t second_size, std::uint8_t *out,
                                                 std::size_t max_size, unsigned seed) {
    Random random(seed);
    return cross_records({first, first_size}, {second, second_size}, {out, max_size}, LAYOUT, random);
}
