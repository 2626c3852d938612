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

void a_packet_that_is_put_off_is_done_after_the_next(void **state) {
    Rig rig(state);
    rig.plan("packet nth=2: reorder; packet nth=4: reorder; packet nth=5: drop");
    rig.fill(1);
    rig.fill(2); // has ended well, says the device
    assert_int_equal(rig.r.queue.seqno(), 2);
    assert_int_equal(rig.r.word(0), 1);
    rig.fill(3);
    assert_int_equal(rig.r.queue.seqno(), 3);
    assert_int_equal(rig.r.word(0), 2);
    rig.fill(4);
    rig.fill(5); // is not done, so it is not the next one
    assert_int_equal(rig.r.word(0), 2);
    rig.run(spec::PacketNop{});
    assert_int_equal(rig.r.word(0), 4);
    assert_int_equal(rig.r.queue.seqno(), 6);
}

void a_launch_that_is_put_off_runs_after_the_next_packet(void **state) {
    Rig rig(state);
    const Bytes in = random_bytes(BYTES, 1);
    rig.r.put(DmaRunner::HOST_AREA, in);
    rig.plan("packet nth=1: reorder");
    assert_int_equal(rig.r.run(copying(), ENDS), Fault::NONE);
    assert_true(same(rig.r.data(0), Bytes(BYTES)));
    rig.run(spec::PacketNop{});
    assert_int_equal(rig.r.queue.seqno(), 2);
    assert_true(same(rig.r.data(0), in));
}

// What it writes to may be somebody else's by then.
void what_is_put_off_is_forgotten_with_its_queue_and_with_its_plan(void **state) {
    Rig rig(state);
    rig.plan("packet nth=1..2: reorder; packet nth=5: reorder");
    rig.fill(1);
    rig.fill(2);
    rig.r.queue.disable();
    rig.m.settle();
    rig.r.queue.enable();
    rig.run(spec::PacketNop{});
    rig.run(spec::PacketNop{});
    assert_int_equal(rig.r.word(0), 0);
    rig.fill(5);
    rig.plan("irq: drop");
    rig.m.expects(spec::SanitizerKind::INTERRUPT_MISSING);
    rig.run(spec::PacketNop{});
    rig.run(spec::PacketNop{});
    assert_int_equal(rig.r.word(0), 0);
}

// Or a guest could fill its host's memory.
void as_many_as_may_be_put_off_are_and_the_next_one_is_done(void **state) {
    Rig rig(state);
    rig.plan("packet: reorder");
    for (unsigned i = 1; i <= spec::PLAN_HELD; ++i)
        rig.fill(i);
    assert_int_equal(rig.r.word(0), 0);
    rig.fill(1000); // and then the others in their order
    assert_int_equal(rig.r.word(0), spec::PLAN_HELD);
    rig.fill(1001);
    assert_int_equal(rig.r.word(0), spec::PLAN_HELD);
}

// What is at work is then not what was taken up.
void what_was_put_off_is_not_saved_while_it_is_at_work(void **) {
    Mode mode = unwatched(STEPPED);
    void *state = &mode;
    Rig rig(&state);
    const auto save = [&] {
        neuron_chip_pause(rig.m.chip);
        char error[256] = "";
        neuron_chip_save(
            rig.m.chip, [](void *, const void *, size_t) { return 0; }, nullptr, error, sizeof error);
        neuron_chip_resume(rig.m.chip);
        return std::string(error);
    };
    rig.plan("packet nth=1: reorder");
    rig.run(spec::PacketFill{.dst = Runner::DATA, .bytes = 2 * MiB, .pattern = 7});
    rig.r.queue.submit(spec::PacketNop{});
    neuron_chip_run(rig.m.chip, 4);
    rig.plan("");
    assert_string_equal(save().c_str(), "fault plan: what one has put off is at work");
    rig.m.settle();
    assert_string_equal(save().c_str(), "");
    assert_int_equal(rig.r.word(0), 7);
}

// In stepped mode others take their steps meanwhile, until the device clock says that it is time.
void a_delayed_packet_lets_other_queues_go_on(void **state) {
    Rig rig(state);
    Context other(rig.m, 2);
    TestQueue queue(rig.m, 5, 2);
    rig.plan("packet queue=0: delay us=20000");
    std::string order;
    rig.m.host.on_dma = [&](std::uint64_t bus, std::size_t, bool write) {
        if (write && (bus == queue.seqno_bus() || bus == rig.r.queue.seqno_bus()))
            order += bus == queue.seqno_bus() ? "5" : "0";
    };
    const std::uint64_t before = rig.m.r64(reg::GLOBAL_CLOCK_NS);
    rig.r.queue.submit(spec::PacketNop{});
    queue.submit(spec::PacketNop{});
    rig.m.settle();
    rig.m.host.on_dma = {};
    assert_string_equal(order.c_str(), "50");
    assert_true(rig.m.r64(reg::GLOBAL_CLOCK_NS) - before >= 20'000'000);
}

void a_delay_of_packets_ends_with_its_plan(void **) {
    Mode mode = STEPPED;
    void *state = &mode;
    Rig rig(&state);
    const std::uint64_t before = rig.m.r64(reg::GLOBAL_CLOCK_NS);
    rig.plan("packet nth=1: delay us=1000000");
    rig.r.queue.submit(spec::PacketNop{});
    neuron_chip_run(rig.m.chip, 3); // with more, the time would leap
    assert_int_equal(rig.r.queue.seqno(), 0);
    rig.plan("");
    neuron_chip_run(rig.m.chip, 1000);
    assert_int_equal(rig.r.queue.seqno(), 1);
    assert_true(rig.m.r64(reg::GLOBAL_CLOCK_NS) - before < 1'000'000'000);
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

// The signal of the first one comes before its bytes, as on a device that takes its descriptors in the wrong order.
void a_transfer_that_is_put_off_moves_after_the_next_and_signals_before(void **state) {
    Rig rig(state);
    const Bytes in = random_bytes(BYTES, 1);
    rig.r.put(DmaRunner::HOST_AREA, in);
    rig.plan("transfer nth=1: reorder");
    assert_int_equal(rig.r.run(copying(), ENDS), Fault::NONE);
    assert_true(same(rig.r.data(0), Bytes(BYTES)));
    Program p;
    p.add(Engine::SP, store(mem(1, BYTES / 4), tile(1, BYTES / 4), 3));
    p.add(Engine::SP, end());
    assert_int_equal(rig.r.run(p, ENDS), Fault::NONE);
    assert_true(same(rig.r.data(0), in));
}

void a_transfer_that_is_put_off_is_forgotten_with_its_launch(void **state) {
    Rig rig(state);
    rig.r.put(DmaRunner::HOST_AREA, random_bytes(BYTES, 1));
    rig.plan("transfer nth=2: reorder");
    assert_int_equal(rig.r.run(copying(), ENDS), Fault::NONE);
    assert_int_equal(rig.r.run(copying(), {DmaRunner::HOST_AREA, Runner::DATA + 2 * BYTES}), Fault::NONE);
    assert_true(same(rig.r.data(0), Bytes(BYTES)));
}

void a_delayed_transfer_takes_its_time(void **state) {
    Rig rig(state);
    rig.plan("transfer nth=1: delay us=5000; instruction nth=1: delay us=5000");
    const std::uint64_t before = rig.m.r64(reg::GLOBAL_CLOCK_NS);
    assert_int_equal(rig.r.run(copying(), ENDS), Fault::NONE);
    rig.made(1, 2, 1);
    rig.made(2, 5, 1);
    assert_true(rig.m.r64(reg::GLOBAL_CLOCK_NS) - before >= 10'000'000);
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
        IN_BOTH_MODES(a_packet_that_is_put_off_is_done_after_the_next),
        IN_BOTH_MODES(a_launch_that_is_put_off_runs_after_the_next_packet),
        IN_BOTH_MODES(what_is_put_off_is_forgotten_with_its_queue_and_with_its_plan),
        IN_BOTH_MODES(as_many_as_may_be_put_off_are_and_the_next_one_is_done),
        cmocka_unit_test(what_was_put_off_is_not_saved_while_it_is_at_work),
        IN_BOTH_MODES(a_delayed_packet_lets_other_queues_go_on),
        cmocka_unit_test(a_delay_of_packets_ends_with_its_plan),
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
        IN_BOTH_MODES(a_transfer_that_is_put_off_moves_after_the_next_and_signals_before),
        IN_BOTH_MODES(a_transfer_that_is_put_off_is_forgotten_with_its_launch),
        IN_BOTH_MODES(a_delayed_transfer_takes_its_time),
        IN_BOTH_MODES(accesses_are_told_apart_by_who_makes_them),
        IN_BOTH_MODES(what_is_nobodys_meets_no_rule_that_says_whose),
    };
    return cmocka_run_group_tests_name("chip plan work", tests, nullptr, nullptr);
}
