// SPDX-License-Identifier: MIT
// The debug channel: what a driver tells of buffers, and whose memory an address then is.
#include "chip_program.hpp"
#include "chip_state.hpp"
#include "chip_teller.hpp"

namespace {

using namespace chip_test;
using spec::BlameRelation;
using spec::DebugKind;
using spec::Fault;

constexpr std::uint64_t VA = 0x4000'0000;

void an_address_has_a_buffer(void **state) {
    Teller t(mode_of(state));
    t.open(3, 412);
    t.bind(3, 7, VA, 2 * PAGE, "weights");
    t.bind(3, 8, VA + 10 * PAGE, PAGE);
    assert_int_equal(t.bad(), 0);
    assert_int_equal(t.m.r32(reg::REC_DEBUG_HEAD), 3);

    const spec::BlameRecord inside = t.blame(3, VA + 5);
    assert_int_equal(inside.relation, BlameRelation::INSIDE);
    assert_int_equal(inside.distance, 5);
    assert_int_equal(inside.buffer, 7);
    assert_int_equal(inside.start, VA);
    assert_int_equal(inside.bytes, 2 * PAGE);
    assert_int_equal(inside.pid, 412);
    assert_string_equal(inside.label.data(), "weights");
    assert_string_equal(inside.comm.data(), "prog");
    t.says(3, VA + 5, "byte 5 of buffer 'weights' (#7) at [0x40000000, 0x40002000), bound ");
    t.says(3, VA + 5, " ms earlier by pid 412");

    const spec::BlameRecord after = t.blame(3, VA + 3 * PAGE);
    assert_int_equal(after.relation, BlameRelation::AFTER);
    assert_int_equal(after.distance, PAGE);
    assert_int_equal(after.buffer, 7);
    t.says(3, VA + 3 * PAGE, "4096 bytes past the end of buffer 'weights'");
    const spec::BlameRecord before = t.blame(3, VA + 10 * PAGE - 16);
    assert_int_equal(before.relation, BlameRelation::BEFORE);
    assert_int_equal(before.distance, 16);
    t.says(3, VA + 10 * PAGE - 16, "16 bytes before buffer #8");
    t.says(4, VA, "no buffer is known there");
}

void what_was_there_is_remembered(void **state) {
    Teller t(mode_of(state));
    t.open(3, 412);
    t.bind(3, 7, VA, PAGE, "weights");
    t.unbind(3, 7, VA, PAGE, 500);
    assert_int_equal(t.blame(3, VA + 1).relation, BlameRelation::UNBOUND);
    t.says(3, VA + 1, "byte 1 of buffer 'weights' (#7) at [0x40000000, 0x40001000), unbound ");
    t.says(3, VA + 1, "by pid 500");
    t.tell({.kind = DebugKind::FREE, .ctx = 3, .pid = 501, .buffer = 7});
    assert_int_equal(t.blame(3, VA + 1).relation, BlameRelation::FREED);
    t.says(3, VA + 1, "freed ");
    t.says(3, VA + 1, "by pid 501");
    // What is bound there now comes first, and a new owner of the context knows nothing of it.
    t.bind(3, 9, VA, PAGE);
    assert_int_equal(t.blame(3, VA + 1).buffer, 9);
    t.open(3, 600);
    assert_int_equal(t.blame(3, VA + 1).relation, BlameRelation::NOTHING);
}

void a_label_may_come_later(void **) {
    Teller t(STEPPED);
    t.bind(3, 7, VA, PAGE);
    t.bind(3, 8, VA + PAGE, PAGE);
    t.unbind(3, 8, VA + PAGE, PAGE);
    for (const std::uint64_t buffer : {7, 8})
        t.tell({.kind = DebugKind::LABEL, .ctx = 3, .buffer = buffer, .label = {'x'}});
    t.says(3, VA, "buffer 'x' (#7)");
    t.says(3, VA + PAGE, "buffer 'x' (#8)");
}

// The place is said right before, and counts for that record alone.
void places_in_the_source(void **state) {
    Teller t(mode_of(state));
    t.open(3, 412);
    t.at(3, VA, "foo.cc:88");
    t.bind(3, 7, VA, PAGE, "weights");
    t.bind(3, 8, VA + 2 * PAGE, PAGE);
    assert_string_equal(t.blame(3, VA).place.data(), "foo.cc:88");
    t.says(3, VA + PAGE, "0 bytes past the end of buffer 'weights' (#7, made at foo.cc:88) at [");
    assert_int_equal(t.blame(3, VA + 2 * PAGE).place[0], 0);
    t.at(3, VA, "foo.cc:120");
    t.unbind(3, 7, VA, PAGE, 500);
    assert_string_equal(t.blame(3, VA).gone_place.data(), "foo.cc:120");
    t.tell({.kind = DebugKind::FREE, .ctx = 3, .pid = 501, .buffer = 7});
    t.says(3, VA, "freed ");
    t.says(3, VA, " ms earlier by pid 501 at foo.cc:120");
    // Of another address, and of another context.
    t.at(3, VA + PAGE, "bar.cc:1");
    t.bind(3, 9, VA, PAGE);
    assert_int_equal(t.blame(3, VA).place[0], 0);
    t.at(4, VA + 4 * PAGE, "bar.cc:2");
    t.bind(3, 10, VA + 4 * PAGE, PAGE);
    assert_int_equal(t.blame(3, VA + 4 * PAGE).place[0], 0);
    assert_int_equal(t.bad(), 0);
    // What is too long is cut.
    t.at(3, VA + 5 * PAGE, std::string(64, 'x'));
    t.bind(3, 11, VA + 5 * PAGE, PAGE);
    assert_string_equal(t.blame(3, VA + 5 * PAGE).place.data(), std::string(47, 'x').c_str());
    hop(t.m, mode_of(state));
    t.says(3, VA + 5 * PAGE, "buffer #11 (made at xxx");
}

void an_address_has_a_history(void **state) {
    Teller t(mode_of(state));
    t.open(3, 412);
    assert_int_equal(t.history(3, VA).size(), 0);
    t.bind(3, 7, VA, 2 * PAGE, "first", 412);
    t.unbind(3, 7, VA, 2 * PAGE, 500);
    t.tell({.kind = DebugKind::FREE, .ctx = 3, .pid = 501, .buffer = 7});
    t.bind(3, 8, VA, PAGE, "second", 413);
    t.unbind(3, 8, VA, PAGE, 414);
    t.bind(3, 9, VA, PAGE, "third");
    const auto all = t.history(3, VA + 4);
    assert_int_equal(all.size(), 3);
    assert_int_equal(all[0].relation, BlameRelation::INSIDE);
    assert_string_equal(all[0].label.data(), "third");
    assert_int_equal(all[1].relation, BlameRelation::UNBOUND);
    assert_int_equal(all[1].bound_pid, 413);
    assert_int_equal(all[1].pid, 414);
    assert_true(all[1].bound_ns <= all[1].time_ns && all[1].time_ns <= all[1].now_ns);
    assert_int_equal(all[2].relation, BlameRelation::FREED);
    assert_int_equal(all[2].buffer, 7);
    assert_int_equal(all[2].pid, 501);
    assert_int_equal(t.history(3, VA + PAGE).size(), 1);
    assert_int_equal(t.history(4, VA).size(), 0);
    for (std::uint64_t i = 0; i < 20; ++i) {
        t.bind(3, 20 + i, VA + 8 * PAGE, PAGE);
        t.unbind(3, 20 + i, VA + 8 * PAGE, PAGE);
    }
    const auto many = t.history(3, VA + 8 * PAGE);
    assert_int_equal(many.size(), spec::BLAME_HISTORY);
    assert_int_equal(many.front().buffer, 39);
    for (const auto &[ctx, va] : {std::pair{64U, VA}, std::pair{3U, std::uint64_t{1} << 48}}) {
        t.m.w64(reg::REC_CMD_FIRST, va);
        t.m.w32(reg::REC_CMD_COUNT, ctx);
        t.m.w32(reg::REC_CMD, spec::raw(spec::RecOp::HISTORY));
        assert_true((t.m.r32(reg::REC_CMD) & field::REC_CMD_ERROR.mask) != 0);
    }
}

// Whatever is asked of one context, nothing of the other one appears.
void contexts_know_nothing_of_each_other(void **state) {
    Teller t(mode_of(state));
    t.open(1, 100, "alice");
    t.open(2, 200, "bob");
    t.bind(2, 55, VA, 4 * PAGE, "secret", 200);
    t.bind(2, 56, VA + 16 * PAGE, 4 * PAGE, "secret", 200);
    t.unbind(2, 56, VA + 16 * PAGE, 4 * PAGE, 200);
    for (std::uint64_t page = 0; page < 32; ++page) {
        const spec::BlameRecord found = t.blame(1, VA + page * PAGE);
        assert_int_equal(found.relation, BlameRelation::NOTHING);
        assert_int_equal(found.buffer, 0);
        assert_int_equal(found.pid, 0);
        assert_int_equal(found.label[0], 0);
        assert_string_equal(found.comm.data(), "alice");
    }
    t.bind(1, 57, VA + PAGE, PAGE, "own", 100);
    assert_int_equal(t.blame(1, VA + 2 * PAGE).buffer, 57);
    // Freed by its number in one context says nothing in the other one.
    t.tell({.kind = DebugKind::FREE, .ctx = 1, .pid = 100, .buffer = 56});
    assert_int_equal(t.blame(2, VA + 16 * PAGE).relation, BlameRelation::UNBOUND);
}

void a_fault_has_its_blame(void **state) {
    Teller t(mode_of(state));
    Context ctx(t.m, 3);
    TestQueue queue(t.m, 5, 3);
    ctx.map_host(VA, PAGE);
    t.open(3, 412);
    t.bind(3, 7, VA, PAGE, "weights");
    assert_int_equal(queue.run(spec::PacketFill{.dst = VA, .bytes = 2 * PAGE, .pattern = 1}), Fault::PAGE_NOT_MAPPED);
    // What comes later does not change it.
    t.unbind(3, 7, VA, PAGE);
    const std::uint64_t bus = t.m.host.alloc(PAGE);
    t.m.w64(reg::REC_CMD_ADDR, bus);
    t.m.w32(reg::REC_CMD_COUNT, 3);
    t.m.w32(reg::REC_CMD, spec::raw(spec::RecOp::LAST_FAULT));
    t.m.settle();
    assert_int_equal(t.m.r32(reg::REC_CMD_DONE), 1);
    constexpr auto bytes = spec::BlameRecord::BYTES;
    const auto raw = std::span<const std::byte, bytes>(t.m.host.at(bus, bytes), bytes);
    const auto blame = spec::unpack<spec::BlameRecord>(raw);
    assert_int_equal(blame.relation, BlameRelation::AFTER);
    assert_int_equal(blame.va, VA + PAGE);
    assert_int_equal(blame.ctx, 3);
    assert_int_equal(blame.distance, 0);
    assert_int_equal(blame.now_ns, t.m.event(0).time_ns);
    t.m.w64(reg::REC_CMD_FIRST, VA);
    t.m.w32(reg::REC_CMD, spec::raw(spec::RecOp::BLAME));
    t.m.settle();
    assert_int_equal(spec::unpack<spec::BlameRecord>(raw).relation, BlameRelation::UNBOUND);
    for (const auto &[count, first] : {std::pair{64U, VA}, std::pair{~0U, VA}, std::pair{3U, std::uint64_t{1} << 48}}) {
        t.m.w32(reg::REC_CMD_COUNT, count);
        t.m.w64(reg::REC_CMD_FIRST, first);
        t.m.w32(reg::REC_CMD, spec::raw(spec::RecOp::BLAME));
        assert_true((t.m.r32(reg::REC_CMD) & field::REC_CMD_ERROR.mask) != 0);
    }
}

void bad_records_are_counted(void **state) {
    Teller t(mode_of(state));
    const std::vector<spec::DebugRecord> bad{
        {.kind = static_cast<DebugKind>(0)},
        {.kind = static_cast<DebugKind>(99)},
        {.kind = DebugKind::OPEN, .ctx = spec::MAX_CONTEXTS},
        {.kind = DebugKind::BIND, .va = VA, .bytes = 0},
        {.kind = DebugKind::BIND, .va = 1ULL << 48, .bytes = 1},
        {.kind = DebugKind::BIND, .va = VA, .bytes = 1ULL << 48},
        {.kind = DebugKind::UNBIND, .va = VA, .bytes = PAGE},
    };
    for (std::size_t i = 0; i < bad.size(); ++i) {
        t.tell(bad[i]);
        assert_int_equal(t.bad(), i + 1);
    }
    t.bind(1, 1, VA, 4 * PAGE);
    const std::uint32_t before = t.bad();
    t.bind(1, 2, VA + PAGE, PAGE);       // inside
    t.bind(1, 2, VA - PAGE, 2 * PAGE);   // over its start
    t.bind(1, 2, VA, PAGE);              // at its start
    t.unbind(1, 1, VA, PAGE);            // of another size
    t.unbind(1, 1, VA + PAGE, 3 * PAGE); // elsewhere
    assert_int_equal(t.bad(), before + 5);
    assert_int_equal(t.blame(1, VA + PAGE).buffer, 1);
    assert_int_equal(t.m.bad(), 0);
}

void bad_rings_are_refused(void **state) {
    Teller t(mode_of(state));
    t.m.w64(reg::REC_DEBUG_RING, t.ring + 64);
    assert_int_equal(t.m.bad(), 1);
    assert_int_equal(t.m.r64(reg::REC_DEBUG_RING), t.ring);
    t.m.w32(reg::REC_DEBUG_LOG2, 17);
    assert_int_equal(t.m.bad(), 2);
    // More than a ring full, and backwards.
    t.m.w32(reg::REC_DEBUG_TAIL, (1U << Teller::LOG2) + 1);
    t.m.w32(reg::REC_DEBUG_TAIL, ~0U);
    assert_int_equal(t.m.bad(), 4);
    assert_int_equal(t.m.r32(reg::REC_DEBUG_HEAD), 0);
    // None; one that the bus refuses.
    t.m.w64(reg::REC_DEBUG_RING, 0);
    t.m.w32(reg::REC_DEBUG_TAIL, 1);
    assert_int_equal(t.m.bad(), 5);
    t.m.w64(reg::REC_DEBUG_RING, PAGE);
    t.m.w32(reg::REC_DEBUG_TAIL, 1);
    assert_int_equal(t.bad(), 1);
    std::byte record[spec::BlameRecord::BYTES];
    assert_int_equal(neuron_chip_blame(t.m.chip, spec::MAX_CONTEXTS, VA, record, t.message, sizeof t.message), -EINVAL);
}

void it_is_bounded(void **) {
    Teller t(STEPPED);
    for (std::uint64_t i = 0; i < 10'000; ++i)
        t.bind(1, i, VA + i * PAGE, PAGE);
    assert_int_equal(t.bad(), 0);
    assert_int_equal(t.blame(1, VA + 9'999 * PAGE).relation, BlameRelation::INSIDE);
    assert_int_equal(t.blame(1, VA).relation, BlameRelation::BEFORE);
    for (std::uint64_t i = 9'000; i < 10'000; ++i)
        t.unbind(1, i, VA + i * PAGE, PAGE);
    for (std::uint64_t i = 8'000; i < 9'000; ++i)
        t.unbind(1, i, VA + i * PAGE, PAGE);
    assert_int_equal(t.bad(), 0);
    assert_int_equal(t.blame(1, VA + 8'999 * PAGE).relation, BlameRelation::UNBOUND);
    assert_int_not_equal(t.blame(1, VA + 9'000 * PAGE).relation, BlameRelation::UNBOUND);
}

void mappings_have_records_and_survive(void **state) {
    Teller t(mode_of(state));
    t.open(3, 412);
    t.bind(3, 7, VA, PAGE, "weights");
    t.bind(3, 8, VA + PAGE, PAGE, "old");
    t.unbind(3, 8, VA + PAGE, PAGE);
    std::array<std::array<std::byte, 64>, 64> raw;
    std::uint64_t first = 0;
    const std::size_t count = neuron_chip_read_records(t.m.chip, &first, raw.data(), sizeof raw);
    unsigned mappings = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const auto record = spec::unpack<spec::RecordMapping>(raw[i]);
        if (record.head.kind != spec::RecordKind::MAPPING)
            continue;
        ++mappings;
        assert_int_equal(record.pid, 412);
        assert_int_equal(record.bytes, PAGE);
        assert_int_equal(record.head.ctx, 3);
    }
    assert_int_equal(mappings, 3);

    hop(t.m, mode_of(state));
    assert_int_equal(t.m.r32(reg::REC_DEBUG_HEAD), 4);
    t.says(3, VA, "buffer 'weights'");
    t.says(3, VA + PAGE, "buffer 'old' (#8) at [0x40001000, 0x40002000), unbound ");
    // A reset takes the ring, but not what is known.
    neuron_chip_reset(t.m.chip);
    t.m.settle();
    assert_int_equal(t.m.r64(reg::REC_DEBUG_RING), 0);
    t.says(3, VA, "buffer 'weights'");
    t.start();
    t.tell({.kind = DebugKind::CLEAR});
    t.says(3, VA, "no buffer is known there");
}

void without_a_recorder_nothing_is_taken(void **) {
    Mode mode = STEPPED;
    mode.recorder_records = NEURON_CHIP_RECORDER_OFF;
    Teller t(mode);
    t.bind(3, 7, VA, PAGE);
    assert_int_equal(t.blame(3, VA).relation, BlameRelation::NOTHING);
    assert_int_equal(t.m.bad(), 3);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        IN_BOTH_MODES(an_address_has_a_buffer),
        IN_BOTH_MODES(what_was_there_is_remembered),
        cmocka_unit_test(a_label_may_come_later),
        IN_BOTH_MODES(places_in_the_source),
        IN_BOTH_MODES(an_address_has_a_history),
        IN_BOTH_MODES(contexts_know_nothing_of_each_other),
        IN_BOTH_MODES(a_fault_has_its_blame),
        IN_BOTH_MODES(bad_records_are_counted),
        IN_BOTH_MODES(bad_rings_are_refused),
        cmocka_unit_test(it_is_bounded),
        IN_BOTH_MODES(mappings_have_records_and_survive),
        cmocka_unit_test(without_a_recorder_nothing_is_taken),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("chip_blame", tests, nullptr, nullptr);
}
