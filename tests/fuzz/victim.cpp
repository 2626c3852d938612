// SPDX-License-Identifier: MIT
#include "victim.hpp"

#include "check.hpp"
#include "program_writer.hpp"

#include <algorithm>
#include <cstring>

namespace fuzz {

namespace {

/// Offsets in the victim's memory.
constexpr std::uint64_t PLANT = 1 * PAGE;
constexpr std::uint64_t WORK = 2 * PAGE;
constexpr std::uint64_t READ_BACK = 3 * PAGE;
constexpr std::uint64_t SBUF_SECRET = 4 * PAGE;
constexpr std::uint64_t PSUM_SECRET = 6 * PAGE;
constexpr std::uint64_t SBUF_FOUND = 7 * PAGE;
constexpr std::uint64_t PSUM_FOUND = 9 * PAGE;
constexpr std::uint64_t WORK_IN = 10 * PAGE;
constexpr std::uint64_t WORK_OUT = 11 * PAGE;

/// 32-bit elements in each of the 128 partitions.
constexpr std::uint16_t SBUF_ELEMENTS = 16;
constexpr std::uint16_t PSUM_ELEMENTS = 8;
constexpr std::uint16_t WORK_ELEMENTS = 8;
constexpr std::uint32_t WORK_OFFSET = 4096; ///< in SBUF, off what was planted
constexpr std::uint32_t WORK_COPY_OFFSET = 8192;
constexpr std::size_t WORD = sizeof(std::uint32_t);

constexpr std::uint64_t STEPS = 5000;

} // namespace

Victim::Victim(Arena &arena, std::uint64_t secret) : arena_(arena), secret_(secret) {
    write_plant();
    write_work();
    write_read_back();
    // The launches' one argument: where the victim's memory is.
    arena_.machine.guest.set_u64(arena_.victim_data_bus(8), Arena::VICTIM_DATA);
    for (std::uint64_t at = SBUF_SECRET; at < SBUF_FOUND; at += sizeof secret)
        std::memcpy(arena_.victim_data(at), &secret, sizeof secret);
    for (std::uint32_t i = 0; i < PAGE / WORD; ++i)
        std::memcpy(arena_.victim_data(WORK_IN + i * WORD), &i, WORD);
    launch(PLANT);
    arena_.machine.settle(STEPS);
    FUZZ_REQUIRE(arena_.victim_queue.state() == spec::QueueState::IDLE, "planting the secret failed");
}

void Victim::launch(std::uint64_t program) {
    arena_.victim_queue.submit(spec::PacketLaunch{.core_mask = CORE_MASK,
                                                  .program = Arena::VICTIM_DATA + program,
                                                  .args = Arena::VICTIM_DATA + sizeof(std::uint64_t),
                                                  .arg_count = 1});
}

void Victim::write_plant() {
    ProgramWriter writer(arena_.victim_data(PLANT), Arena::VICTIM_DATA + PLANT);
    writer.stream(spec::Engine::SP,
                  load(dense_tile(spec::Space::SBUF, 0, SBUF_ELEMENTS), dense_rows(SBUF_SECRET, SBUF_ELEMENTS), 0),
                  load(dense_tile(spec::Space::PSUM, 0, PSUM_ELEMENTS), dense_rows(PSUM_SECRET, PSUM_ELEMENTS), 1));
    writer.finish();
}

void Victim::write_work() {
    const spec::Tile in = dense_tile(spec::Space::SBUF, WORK_OFFSET, WORK_ELEMENTS);
    const spec::Tile copied = dense_tile(spec::Space::SBUF, WORK_COPY_OFFSET, WORK_ELEMENTS);
    ProgramWriter writer(arena_.victim_data(WORK), Arena::VICTIM_DATA + WORK);
    writer.stream(spec::Engine::SP, updating(load(in, dense_rows(WORK_IN, WORK_ELEMENTS), 3), 0));
    writer.stream(spec::Engine::DVE, updating(waiting(copy(copied, in), 0), 1));
    writer.stream(spec::Engine::POOL, waiting(store(dense_rows(WORK_OUT, WORK_ELEMENTS), copied, 4), 1));
    writer.finish();
}

void Victim::write_read_back() {
    ProgramWriter writer(arena_.victim_data(READ_BACK), Arena::VICTIM_DATA + READ_BACK);
    writer.stream(spec::Engine::SP,
                  store(dense_rows(SBUF_FOUND, SBUF_ELEMENTS), dense_tile(spec::Space::SBUF, 0, SBUF_ELEMENTS), 0),
                  store(dense_rows(PSUM_FOUND, PSUM_ELEMENTS), dense_tile(spec::Space::PSUM, 0, PSUM_ELEMENTS), 1));
    writer.finish();
}

void Victim::start_work() { launch(WORK); }

void Victim::check(bool core_was_shared) {
    FUZZ_REQUIRE(arena_.victim_queue.state() == spec::QueueState::IDLE,
                 "the victim's program ended in state %u, fault %u", unsigned{spec::raw(arena_.victim_queue.state())},
                 unsigned{spec::raw(arena_.victim_queue.fault())});
    FUZZ_REQUIRE(std::memcmp(arena_.victim_data(WORK_IN), arena_.victim_data(WORK_OUT), PAGE) == 0,
                 "the victim's program computed something else");
    launch(READ_BACK);
    arena_.machine.settle(STEPS);
    arena_.check_reading(arena_.victim, arena_.victim_queue, core_was_shared);
    const std::byte *found = arena_.victim_data(SBUF_FOUND);
    const std::size_t bytes = WORK_IN - SBUF_FOUND;
    const bool untouched = std::memcmp(found, arena_.victim_data(SBUF_SECRET), bytes) == 0;
    const bool gone = std::all_of(found, found + bytes, [](std::byte b) { return b == std::byte{0}; });
    FUZZ_REQUIRE(untouched || (core_was_shared && gone), "SBUF or PSUM of the victim's core has changed");
    FUZZ_REQUIRE(!arena_.hostile_sees(secret_), "the hostile tenant has what was in the victim's core");
}

} // namespace fuzz
