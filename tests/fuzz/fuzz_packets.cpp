// SPDX-License-Identifier: MIT
// A ring full of hostile packets, kernel-mode or user-mode: nothing but the tenant's own memory changes, the queue ends
// idle or with a fault that says why, and another tenant does not notice.
#include "arena.hpp"
#include "check.hpp"
#include "grammar.hpp"
#include "records.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace {

using namespace fuzz;

/// Profile, seed, options, manners of the queue; then packets.
constexpr RecordLayout LAYOUT{4, spec::PACKET_BYTES};
constexpr std::uint64_t MAX_STEPS = 3000;

enum Option : std::uint8_t {
    TABLES_IN_HBM = 1,
    RING_IN_CONTEXT = 2,
    DISABLE_CONTEXT = 4,
    RESET = 8,
    SPOILT = 16,
    STAMPS = 32,
};

Queue::Manners manners_of(std::uint8_t options, std::uint8_t manners) {
    const unsigned priority = manners % 4, count = manners >> 2 & 7, usecs = manners >> 5;
    return {.stamps = (options & STAMPS) != 0,
            .priority = static_cast<spec::QueuePriority>(priority % 3),
            .coalesce = field::QUEUE_COALESCE_COUNT.set(count) | field::QUEUE_COALESCE_USECS.set(usecs)};
}

Ending ending_of(std::uint8_t options) {
    if ((options & RESET) != 0)
        return Ending::RESET;
    return (options & DISABLE_CONTEXT) != 0 ? Ending::DISABLE_CONTEXT : Ending::DISABLE_QUEUE;
}

/// Something that a LAUNCH can name: each engine ends at once.
void write_program(Arena &arena) {
    spec::ProgramHeader header{.magic = spec::PROGRAM_MAGIC, .isa_version = spec::VERSION};
    for (spec::StreamRef &stream : header.streams)
        stream = {.addr = va::CODE + spec::ProgramHeader::BYTES, .count = 1};
    const auto raw = spec::packed(header);
    std::memcpy(arena.code(0), raw.data(), raw.size());
    const auto end = spec::packed(spec::InsnEnd{});
    std::memcpy(arena.code(raw.size()), end.data(), end.size());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    if (size < LAYOUT.header + LAYOUT.record)
        return 0;
    const std::uint8_t options = data[2];
    Arena arena({.profile = data[0],
                 .seed = data[1],
                 .tables_in_hbm = (options & TABLES_IN_HBM) != 0,
                 .ring_in_context = (options & RING_IN_CONTEXT) != 0,
                 .spoilt = (options & SPOILT) != 0,
                 .manners = manners_of(options, data[3])});
    write_program(arena);
    const std::size_t packets = std::min((size - LAYOUT.header) / LAYOUT.record, std::size_t{Queue::PACKETS});
    const auto bytes = std::as_bytes(std::span(data, size)).subspan(LAYOUT.header);
    for (std::size_t i = 0; i < packets; ++i)
        arena.hostile_queue.push_raw(bytes.subspan(i * LAYOUT.record).first<spec::PACKET_BYTES>());
    arena.watch();
    arena.run_hostile(MAX_STEPS, ending_of(options));
    if ((options & RESET) == 0) {
        arena.check_hostile();
        arena.check_victim_works();
        arena.check_memory();
    }
    arena.check_reset();
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t *data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    Random random(seed);
    const auto fresh = [&](std::span<std::byte> record) {
        write_packet(random, random.pick(spec::packets()), va::ALL, record.first<spec::PACKET_BYTES>());
    };
    const auto change = [&](std::span<std::byte> record, std::size_t) {
        mutate_packet(random, va::ALL, record.first<spec::PACKET_BYTES>());
    };
    return mutate_records(data, size, max_size, LAYOUT, random, fresh, change);
}

extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t *first, std::size_t first_size,
                                                 const std::uint8_t *second, std::size_t second_size, std::uint8_t *out,
                                                 std::size_t max_size, unsigned seed) {
    Random random(seed);
    return cross_records({first, first_size}, {second, second_size}, {out, max_size}, LAYOUT, random);
}
