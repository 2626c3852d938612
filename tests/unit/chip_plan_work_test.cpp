// SPDX-License-Identifier: MIT
// What a fault plan does to packets, instructions and transfers, and rules that name whose an access is.
#include "chip_plan.hpp"

#include <fmt/format.h>

namespace {

using namespace chip_test;
using spec::Fault;
using spec::UpdateOp;

/// One packet hangs by this plan, whose first rule has matched so many, and no other; it goes on with another plan.
void hangs_until_there_is_another_plan(void **state, const std::string &plan, int matched) {
    Rig rig(state);
    rig.plan(plan);
    rig.r.queue.submit(rig.r.prepare(copying(), ENDS));
    rig.m.settle();
    assert_int_equal(rig.r.queue.seqno(), 0);
    rig.made(1, matched, 1);
    rig.made(2, 0, 0);
    rig.made(3, 0, 0);
    rig.plan("");
    rig.m.settle();
    assert_int_equal(rig.r.queue.seqno(), 1);
}

void what_hangs_can_be_stopped(void **state, const std::string &plan) {
    Rig rig(state);
    rig.plan(plan);
    rig.r.queue.submit(rig.r.prepare(copying(), ENDS));
    rig.m.settle();
    rig.r.queue.disable();
    rig.m.settle();
    assert_false(rig.r.queue.busy());
    rig.r.queue.enable();
    assert_int_equal(rig.r.run(copying(), ENDS), Fault::NONE);
}

// ---- packets --------------------------------------------------------------------------------------------------------

void a_dropped_packet_ends_and_does_nothing(void **state) {
    Rig rig(state);
    rig.plan("packet nth=2: drop");
    rig.fill(1);
    rig.fill(2);
    assert_int_equal(rig.r.queue.seqno(), 2);
    assert_int_equal(rig.r.word(0), 1);
    rig.fill(3);
    assert_int_equal(rig.r.word(0), 3);
    rig.made(1, 3, 1);
}

void a_doubled_packet_is_done_twice_and_told_once(void **state) {
    Rig rig(state);
    rig.r.ctx.map_host(0x7000'0000, PAGE);
    rig.plan("packet nth=1: duplicate; dma_write: delay us=0");
    rig.r.queue.submit(spec::PacketFill{.dst = 0x7000'0000, .bytes = 8, .pattern = 5});
    rig.m.settle();
    assert_int_equal(rig.r.queue.seqno(), 1);
    rig.made(2, 3, 3); // twice the word, once the seqno
    rig.r.queue.submit(spec::PacketFill{.dst = 0x7000'0000, .bytes = 8, .pattern = 5});
    rig.m.settle();
    rig.made(2, 5, 5);
}

void a_doubled_launch_runs_twice(void **state) {
    Rig rig(state);
    rig.plan("packet nth=1: duplicate; instruction unit=sp pc=0: delay us=0; packet nth=2: delay us=10");
    assert_int_equal(rig.r.run(copying(), ENDS), Fault::NONE);
    rig.made(2, 2, 2);
    assert_int_equal(rig.r.run(copying(), ENDS), Fault::NONE);
    rig.made(2, 3, 3);
    rig.made(3, 2, 1);
}

void packets_are_told_apart_by_what_they_are(void **state) {
    Rig rig(state);
    rig.plan("packet op=nop: delay us=0; packet op=fill queue=0: delay us=0; packet op=fill queue=1: drop; "
             "packet op=launch: delay us=0; packet op=launch addr=0..: drop");
    rig.fill(1);
    rig.fill(2);
    assert_int_equal(rig.r.run(copying(), ENDS), Fault::NONE);
    rig.made(1, 0, 0);
    rig.made(2, 2, 2);
    rig.made(3, 0, 0);
    rig.made(4, 1, 1);
    rig.made(5, 0, 0);
}

void packets_are_told_apart_by_where_they_reach(void **state) {
    constexpr std::uint64_t A = Runner::DATA, B = Runner::DATA + 0x10000, C = Runner::DATA + 0x20000;
    Rig rig(state);
    rig.plan(fmt::format("packet addr={}+1: delay us=0; packet addr={}..{}: delay us=0; packet addr={}: delay us=0; "
                         "packet addr={}: delay us=0",
                         A + 7, A + 8, B - 1, B + 15, C + 0x300));
    rig.run(spec::PacketFill{.dst = A, .bytes = 8, .pattern = 1});  // 1
    rig.run(spec::PacketCopy{.src = A, .dst = B, .bytes = 8});      // 1
    rig.run(spec::PacketCopy{.src = A + 8, .dst = B, .bytes = 16}); // 2, 3
    rig.run(spec::PacketFill{.dst = B, .bytes = 15, .pattern = 1});
    rig.run(spec::PacketFence{.addr = C + 0x2f8, .value = 1});
    rig.run(spec::PacketFence{.addr = C + 0x300, .value = 1}); // 4
    // Rows from the last one backwards; a gap is part of the stretch.
    spec::PacketCopyStrided rows{.row_bytes = 16, .src = B, .dst = C + 0x400, .count = {3, 1, 1}};
    rows.dst_stride[0] = -0xf8;
    rig.run(rows); // 3, 4
    rig.run(spec::PacketFill{.dst = A + 7, .bytes = 0, .pattern = 1});
    rig.made(1, 2, 2);
    rig.made(2, 1, 1);
    rig.made(3, 2, 1); // the first rule that is due acts
    rig.made(4, 2, 1);
}

// ---- instructions ---------------------------------------------------------------------------------------------------

void an_instruction_hangs_until_there_is_another_plan(void **state) {
    hangs_until_there_is_another_plan(
        state, "instruction core=0 unit=act pc=1: hang; instruction unit=dve: hang; instruction core=1: hang", 1);
}

void an_instruction_that_hangs_can_be_stopped(void **state) {
    what_hangs_can_be_stopped(state, "instruction nth=2: hang");
}

// The semaphores of an instruction are not part of what it does.
void a_dropped_instruction_still_signals(void **state) {
    Rig rig(state);
    Program p;
    p.add(Engine::SP, spec::InsnTensorStore{.header = add(1, 1), .dst = tile(1, 1), .ra = 0});
    p.add(Engine::SP, move(1, 7));
    p.add(Engine::SP, spec::InsnTensorStore{.header = add(1, 1), .dst = tile(1, 1), .ra = 1});
    p.add(Engine::SP, store(mem(0, 1), tile(1, 1), 0, wait_ge(1, 2)));
    p.add(Engine::SP, end());
    rig.plan("instruction unit=sp pc=2: drop");
    assert_int_equal(rig.r.run(p), Fault::NONE);
    assert_int_equal(rig.r.word(0), 0);
    rig.plan("");
    assert_int_equal(rig.r.run(p), Fault::NONE);
    assert_int_equal(rig.r.word(0), 7);
}

// What waits is asked when its wait is over, and once, however often it is looked at.
void an_instruction_counts_once(void **state) {
    Rig rig(state);
    rig.plan("instruction: ecc_corrected at=8; instruction unit=act: ecc_corrected at=8; instruction queue=1: drop");
    assert_int_equal(rig.r.run(copying(), ENDS), Fault::NONE);
    rig.made(1, 5, 5);
    rig.made(2, 3, 0);
    rig.made(3, 0, 0);
    assert_int_equal(rig.m.r32(reg::GLOBAL_HBM_CORRECTED), 5);
}

// ---- transfers ------------------------------------------------------------------------------------------------------

void a_transfer_hangs_until_there_is_another_plan(void **state) {
    hangs_until_there_is_another_plan(
        state, "transfer ring=3 nth=2: hang; transfer ring=0: hang; transfer unit=queue: hang", 2);
}

void a_transfer_that_hangs_can_be_stopped(void **state) { what_hangs_can_be_stopped(state, "transfer nth=1: hang"); }

void a_dropped_transfer_signals_and_moves_nothing(void **state) {
    Rig rig(state);
    const Bytes in = random_bytes(BYTES, 1);
    rig.r.put(DmaRunner::HOST_AREA, in);
    rig.plan("transfer nth=2: drop");
    assert_int_equal(rig.r.run(copying(), ENDS), Fault::NONE);
    assert_true(same(rig.r.data(0), Bytes(BYTES)));
    assert_int_equal(rig.r.run(copying(), ENDS), Fault::NONE);
    assert_true(same(rig.r.data(0), in));
}

void a_doubled_transfer_moves_twice_and_signals_once(void **state) {
    Rig rig(state);
    const std::vector<std::uint64_t> back{Runner::DATA, DmaRunner::HOST_AREA};
    rig.plan("transfer nth=2: duplicate; dma_write unit=dma core=0: delay us=0");
    assert_int_equal(rig.r.run(copying(), back), Fault::NONE);
    rig.made(2, 2, 2);
    assert_int_equal(rig.r.run(copying(), back), Fault::NONE);
    rig.made(2, 3, 3);
}

// ---- whose access ---------------------------------------------------------------------------------------------------

void accesses_are_told_apart_by_who_makes_them(void **state) {
    Rig rig(state);
    Context other(rig.m, 2);
    TestQueue queue(rig.m, 5, 2);
    rig.plan("dma_write queue=5: delay us=0; dma_write queue=0 unit=queue: delay us=0; dma_read core=0: delay us=0; "
             "dma_read core=1: fail; "
             "dma_read unit=pe: fail; dma_read queue=5 core=0: fail");
    queue.submit(spec::PacketNop{});
    rig.m.settle();
    rig.made(1, 1, 1); // its seqno
    rig.made(2, 0, 0);
    assert_int_equal(rig.r.run(copying(), ENDS), Fault::NONE);
    rig.made(1, 1, 1);
    rig.made(2, 1, 1);
    assert_true(rig.report().find("\n3: matched=0") == std::string::npos); // the program, and the row
    for (const int never : {4, 5, 6})
        rig.made(never, 0, 0);
}

// Events of the device itself, such as the event ring's, are nobody's.
void what_is_nobodys_meets_no_rule_that_says_whose(void **state) {
    Rig rig(state);
    rig.plan("dma_write queue=0..: delay us=0");
    assert_int_equal(rig.r.queue.run(spec::PacketFill{.dst = 0x7000'0000, .bytes = 8, .pattern = 5}),
                     Fault::PAGE_NOT_MAPPED);
    assert_int_equal(rig.m.event_count(), 1);
    rig.made(1, 0, 0);
}

} // namespace

int main() {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const CMUnitTest tests[] = {
        IN_BOTH_MODES(a_dropped_packet_ends_and_does_nothing),
        IN_BOTH_MODES(a_doubled_packet_is_done_twice_and_told_once),
        IN_BOTH_MODES(a_doubled_launch_runs_twice),
        IN_BOTH_MODES(packets_are_told_apart_by_what_they_are),
        IN_BOTH_MODES(packets_are_told_apart_by_where_they_reach),
        IN_BOTH_MODES(an_instruction_hangs_until_there_is_another_plan),
        IN_BOTH_MODES(an_instruction_that_hangs_can_be_stopped),
        IN_BOTH_MODES(a_dropped_instruction_still_signals),
        IN_BOTH_MODES(an_instruction_counts_once),
        IN_BOTH_MODES(a_transfer_hangs_until_there_is_another_plan),
        IN_BOTH_MODES(a_transfer_that_hangs_can_be_stopped),
        IN_BOTH_MODES(a_dropped_transfer_signals_and_moves_nothing),
        IN_BOTH_MODES(a_doubled_transfer_moves_twice_and_signals_once),
        IN_BOTH_MODES(accesses_are_told_apart_by_who_makes_them),
        IN_BOTH_MODES(what_is_nobodys_meets_no_rule_that_says_whose),
    };
    return cmocka_run_group_tests_name("chip plan work", tests, nullptr, nullptr);
}
