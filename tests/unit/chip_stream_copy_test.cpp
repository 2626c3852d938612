// SPDX-License-Identifier: MIT
// Copies past the caches: every byte, and no other, at any alignment; and the COPY packets that use them.
#include "chip_support.hpp"

#include "memory/stream_copy.hpp"

#include "compute/simd_targets.hpp"

#include <hwy/highway.h>

namespace {

using namespace chip_test;

// Runs `body` with each instruction set that this host has.
template<class Body>
void on_every_target(Body &&body) {
    for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
        hwy::SetSupportedTargetsForTest(target);
        body(hwy::TargetName(target));
    }
    hwy::SetSupportedTargetsForTest(0);
}

void every_byte_and_no_other(void **) {
    constexpr std::size_t ROOM = 1024;
    const Bytes source = random_bytes(ROOM, 1), before = random_bytes(ROOM, 2);
    alignas(64) std::byte target[ROOM];
    on_every_target([&](const char *name) {
        for (const std::size_t to : {0, 1, 15, 16, 63, 64}) {
            for (const std::size_t from : {0, 1, 8, 33}) {
                for (const std::size_t bytes : {0, 1, 2, 63, 64, 65, 127, 128, 129, 192, 500, 900}) {
                    Bytes want = before;
                    std::copy_n(source.begin() + static_cast<std::ptrdiff_t>(from), bytes,
                                want.begin() + static_cast<std::ptrdiff_t>(to));
                    std::ranges::copy(before, target);
                    neuron::chip::stream_copy(std::span(target).subspan(to, bytes),
                                              std::span(source).subspan(from, bytes));
                    if (!same(target, want))
                        fail_msg("%s: %zu bytes from offset %zu to %zu", name, bytes, from, to);
                }
            }
        }
    });
}

constexpr std::uint64_t SRC = 0x1000'0000, DST = 0x2000'0000;

// Long enough that it begins past the caches and ends in them.
void long_copy_at_any_alignment(void **state) {
    constexpr std::uint64_t BYTES = 6 * MiB;
    Machine machine(mode_of(state));
    Context context(machine, 1);
    TestQueue queue(machine, 0, 1);
    const std::uint64_t source = 2 * MiB, target = 18 * MiB;
    for (std::uint64_t at = 0; at <= BYTES; at += LARGE_PAGE) {
        context.map_large(SRC + at, source + at, Context::HBM);
        context.map_large(DST + at, target + at, Context::HBM | Context::WRITE);
    }
    const Bytes data = random_bytes(BYTES, 3);
    for (const std::uint64_t from : {0, 7}) {
        for (const std::uint64_t to : {0, 64, 5}) {
            std::memset(machine.hbm(target), 0xa5, BYTES + PAGE);
            std::ranges::copy(data, machine.hbm(source + from));
            assert_int_equal(queue.run(spec::PacketCopy{.src = SRC + from, .dst = DST + to, .bytes = BYTES}),
                             spec::Fault::NONE);
            assert_true(same(machine.hbm(target + to), data));
            assert_int_equal(*machine.hbm(target + to + BYTES), 0xa5);
            assert_true(to == 0 || *machine.hbm(target + to - 1) == std::byte{0xa5});
        }
    }
}

// Addresses do not overlap, but the pages behind them do: a chunk moves as if it went through a buffer.
void aliased_pages_move_whole_chunks(void **state) {
    constexpr std::uint64_t BYTES = 4 * MiB, SHIFT = PAGE;
    Machine machine(mode_of(state));
    Context context(machine, 1);
    TestQueue queue(machine, 0, 1);
    const std::uint64_t source = 2 * MiB, target = source + SHIFT;
    context.map(SRC, source, BYTES, Context::HBM);
    context.map(DST, target, BYTES, Context::HBM | Context::WRITE);
    const Bytes data = random_bytes(BYTES, 4);
    std::ranges::copy(data, machine.hbm(source));
    assert_int_equal(queue.run(spec::PacketCopy{.src = SRC, .dst = DST, .bytes = BYTES}), spec::Fault::NONE);
    // At least the first page arrives as it was; what follows has been overwritten by then or not, chunk by chunk.
    assert_true(same(machine.hbm(target), std::span(data).first(PAGE)));
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_and_no_other),
        IN_BOTH_MODES(long_copy_at_any_alignment),
        IN_BOTH_MODES(aliased_pages_move_whole_chunks),
    };
    return cmocka_run_group_tests_name("chip_stream_copy", tests, nullptr, nullptr);
}
