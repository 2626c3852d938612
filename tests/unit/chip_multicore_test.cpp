// SPDX-License-Identifier: MIT
// Several cores of a launch: remote semaphores, barriers, and deadlocks that only all of them together show.
#include "chip_program.hpp"

#include <bit>
#include <optional>

namespace {

using namespace chip_test;
using spec::Cond;
using spec::Fault;
using spec::UpdateOp;
using spec::WaitOp;

// Registers of the programs here.
constexpr std::uint8_t RANK = 1;
constexpr std::uint8_t COUNT = 2;
constexpr std::uint8_t NEXT = 3; ///< rank of the next core of a circle
constexpr std::uint8_t ROUND = 4;

spec::Mem cell(std::int64_t offset, std::uint8_t reg = 0, std::uint8_t shift = 0) {
    spec::Mem m = mem(0, 1, 4, offset);
    m.dtype = spec::raw(spec::Dtype::U32);
    m.reg = reg;
    m.shift = shift;
    return m;
}
spec::InsnSemRemote remote(std::uint8_t rank_reg, std::uint8_t sem, UpdateOp op = UpdateOp::ADD,
                           std::uint32_t value = 1, const Header &header = {}) {
    return {.header = header, .rank = rank_reg, .sem = sem, .op = op, .value = value};
}

// RANK, COUNT and NEXT.
constexpr std::uint32_t PROLOGUE = 6;
void prologue(Program &p, Engine engine) {
    p.add(engine, spec::InsnCoreRank{.rd = RANK}).add(engine, spec::InsnCoreCount{.rd = COUNT});
    p.add(engine, alu(spec::AluOp::ADD, NEXT, RANK, 0, 1));
    p.add(engine, spec::InsnBranch{.cond = Cond::NE, .ra = NEXT, .rb = COUNT, .imm = 0, .target = 5});
    p.add(engine, move(NEXT, 0)).add(engine, nop());
}

Mode with_cores(void **state, std::uint32_t cores) {
    Mode mode = mode_of(state);
    mode.cores = cores;
    return mode;
}

void ranks_count_the_cores_of_the_launch(void **state) {
    Machine m(with_cores(state, 8));
    Runner r(m);
    Program p;
    prologue(p, Engine::SP);
    p.add(Engine::SP, spec::InsnCoreId{.rd = 9});
    p.add(Engine::SP, spec::InsnMemStore{.dst = cell(0, 9, 2), .ra = RANK});
    p.add(Engine::SP, spec::InsnMemStore{.dst = cell(64, 9, 2), .ra = COUNT}).add(Engine::SP, end());
    assert_int_equal(r.run(p, {Runner::DATA}, 0xb5), Fault::NONE);
    const std::pair<std::uint32_t, std::uint32_t> ranks[] = {{0, 0}, {2, 1}, {4, 2}, {5, 3}, {7, 4}};
    for (const auto &[core, rank] : ranks) {
        assert_int_equal(r.word(4 * core), rank);
        assert_int_equal(r.word(64 + 4 * core), 5);
    }
}

// A token goes round all cores. Every hop depends on the one before.
void a_token_goes_round(void **state) {
    constexpr std::int32_t ROUNDS = 200;
    Machine m(with_cores(state, 8));
    Runner r(m);
    Program p;
    prologue(p, Engine::PE);
    p.add(Engine::PE, branch(Cond::NE, RANK, 0, PROLOGUE + 2)).add(Engine::PE, nop(add(0, 1)));
    const std::uint32_t loop = PROLOGUE + 2;
    // word 0 += 1, by whoever has the token
    p.add(Engine::PE, spec::InsnMemLoad{.header = take(0, 1), .rd = 9, .src = cell(0)});
    p.add(Engine::PE, alu(spec::AluOp::ADD, 9, 9, 0, 1)).add(Engine::PE, spec::InsnMemStore{.dst = cell(0), .ra = 9});
    p.add(Engine::PE, remote(NEXT, 0)).add(Engine::PE, alu(spec::AluOp::ADD, ROUND, ROUND, 0, 1));
    p.add(Engine::PE, branch(Cond::LT, ROUND, ROUNDS, loop)).add(Engine::PE, end());
    for (const std::uint32_t mask : {0x3U, 0xffU, 0x92U}) {
        r.set_word(0, 0);
        assert_int_equal(r.run(p, {Runner::DATA}, mask), Fault::NONE);
        assert_int_equal(r.word(0), ROUNDS * std::popcount(mask));
    }
}

void every_change_works_on_another_core(void **state) {
    Machine m(with_cores(state, 2));
    Runner r(m);
    Program p;
    prologue(p, Engine::SP);
    const std::uint32_t second = PROLOGUE + 5;
    p.add(Engine::SP, branch(Cond::EQ, RANK, 1, second));
    p.add(Engine::SP, remote(NEXT, 255, UpdateOp::SET, 10)).add(Engine::SP, remote(NEXT, 255, UpdateOp::SUB, 3));
    p.add(Engine::SP, remote(NEXT, 255, UpdateOp::ADD, 1, add(255, 50)));
    p.add(Engine::SP, end(sync(WaitOp::EQ, 255, 50))); // its own is another one
    p.add(Engine::SP, nop(take(255, 8))).add(Engine::SP, end(sync(WaitOp::EQ, 255, 0)));
    assert_int_equal(r.run(p, {Runner::DATA}, 3), Fault::NONE);
}

// All cores add to their word in every round, and check that those of the others are neither behind nor ahead.
void nobody_passes_a_barrier_alone(void **state) {
    constexpr std::int32_t ROUNDS = 60;
    Machine m(with_cores(state, 8));
    Runner r(m);
    Program p;
    prologue(p, Engine::ACT);
    const std::uint32_t loop = PROLOGUE;
    p.add(Engine::ACT, alu(spec::AluOp::ADD, ROUND, ROUND, 0, 1));
    p.add(Engine::ACT, spec::InsnMemStore{.dst = cell(0, RANK, 2), .ra = ROUND});
    p.add(Engine::ACT, spec::InsnCoreBarrier{.sem = 7});
    p.add(Engine::ACT, spec::InsnMemLoad{.rd = 9, .src = cell(0, NEXT, 2)});
    p.add(Engine::ACT, spec::InsnBranch{.cond = Cond::NE, .ra = 9, .rb = ROUND, .imm = 0, .target = 9999});
    p.add(Engine::ACT, spec::InsnCoreBarrier{.sem = 8}); // so that nobody writes before all have read
    p.add(Engine::ACT, branch(Cond::LT, ROUND, ROUNDS, loop));
    p.add(Engine::ACT, nop(sync(WaitOp::EQ, 7, 0))).add(Engine::ACT, end(sync(WaitOp::EQ, 8, 0)));
    for (const std::uint32_t mask : {0x6U, 0x7U, 0xffU})
        assert_int_equal(r.run(p, {Runner::DATA}, mask), Fault::NONE);
}

// One barrier is enough where nothing is read in between: who is early finds the count of the next round begun.
void barriers_follow_each_other_closely(void **state) {
    constexpr std::int32_t ROUNDS = 300;
    Machine m(with_cores(state, 4));
    Runner r(m);
    Program p;
    p.add(Engine::DVE, spec::InsnCoreBarrier{.sem = 1}).add(Engine::DVE, alu(spec::AluOp::ADD, ROUND, ROUND, 0, 1));
    p.add(Engine::DVE, branch(Cond::LT, ROUND, ROUNDS, 0)).add(Engine::DVE, end(sync(WaitOp::EQ, 1, 0)));
    assert_int_equal(r.run(p, {Runner::DATA}, 0xf), Fault::NONE);
}

void a_core_that_has_ended_may_be_signalled(void **state) {
    Machine m(with_cores(state, 2));
    Runner r(m);
    Program p;
    prologue(p, Engine::SP);
    const std::uint32_t ended = PROLOGUE + 6;
    p.add(Engine::SP, branch(Cond::EQ, RANK, 1, ended));
    p.add(Engine::SP, alu(spec::AluOp::ADD, ROUND, ROUND, 0, 1));
    p.add(Engine::SP, branch(Cond::LT, ROUND, 500, PROLOGUE + 1)); // long after
    p.add(Engine::SP, remote(NEXT, 0)).add(Engine::SP, remote(NEXT, 0, UpdateOp::SUB, 1)).add(Engine::SP, end());
    p.add(Engine::SP, end());
    for (int i = 0; i < 20; ++i)
        assert_int_equal(r.run(p, {Runner::DATA}, 3), Fault::NONE);
}

// ---- deadlocks ------------------------------------------------------------------------------------------------------

struct Stuck {
    std::uint8_t core;
    Engine engine;
    std::uint64_t semaphore;
    std::uint32_t pc;
};

void expect_deadlock(void **state, const Program &p, std::uint32_t mask, const Stuck &stuck) {
    Machine m(with_cores(state, 4));
    Runner r(m);
    for (int i = 0; i < 10; ++i) {
        assert_int_equal(r.run(p, {Runner::DATA}, mask), Fault::DEADLOCK);
        assert_int_equal(m.event_count(), i + 1); // once
        const auto record = m.event(static_cast<std::uint32_t>(i));
        assert_int_equal(record.core, stuck.core);
        assert_int_equal(record.unit, spec::raw(spec::Unit::PE) + spec::raw(stuck.engine));
        assert_int_equal(record.info, stuck.semaphore);
        assert_int_equal(record.pc, stuck.pc);
        m.w32(reg::GLOBAL_EVENT_HEAD, static_cast<std::uint32_t>(i) + 1);
        r.restart();
    }
    Program good;
    good.add(Engine::SP, end());
    assert_int_equal(r.run(good, {Runner::DATA}, 0xf), Fault::NONE);
}

void all_wait_for_each_other(void **state) {
    Program p;
    prologue(p, Engine::POOL);
    p.add(Engine::POOL, nop(wait_ge(3, 1))).add(Engine::POOL, remote(NEXT, 3)).add(Engine::POOL, end());
    expect_deadlock(state, p, 0xe, {1, Engine::POOL, 3, PROLOGUE});
}

void a_barrier_that_one_core_leaves_out(void **state) {
    Program p;
    p.add(Engine::SP, spec::InsnCoreRank{.rd = RANK}).add(Engine::SP, branch(Cond::EQ, RANK, 0, 3));
    p.add(Engine::SP, spec::InsnCoreBarrier{.sem = 9}).add(Engine::SP, end());
    expect_deadlock(state, p, 0xf, {1, Engine::SP, 9, 2}); // core 0 has ended: it counts no more
}

void the_lowest_engine_of_the_lowest_core_is_named(void **state) {
    Program p; // of core 0 only POOL and SP hang, of core 1 all do
    for (const Engine engine : {Engine::PE, Engine::POOL, Engine::SP}) {
        p.add(engine, spec::InsnCoreRank{.rd = RANK});
        const bool ends = engine == Engine::PE;
        p.add(engine, branch(ends ? Cond::EQ : Cond::GT, RANK, ends ? 0 : 9, 3));
        p.add(engine, nop(wait_ge(static_cast<std::uint8_t>(20 + spec::raw(engine)), 1))).add(engine, end());
    }
    expect_deadlock(state, p, 3, {0, Engine::POOL, 23, 2});
}

void the_last_help_comes_too_early(void **state) {
    Program p; // rank 1 takes what it got and wants more; rank 0 has ended, after a long while
    prologue(p, Engine::ACT);
    p.add(Engine::ACT, branch(Cond::EQ, RANK, 1, PROLOGUE + 5));
    p.add(Engine::ACT, alu(spec::AluOp::ADD, ROUND, ROUND, 0, 1));
    p.add(Engine::ACT, branch(Cond::LT, ROUND, 300, PROLOGUE + 1));
    p.add(Engine::ACT, remote(NEXT, 0)).add(Engine::ACT, end());
    p.add(Engine::ACT, nop(take(0, 1))).add(Engine::ACT, end(take(0, 1)));
    expect_deadlock(state, p, 0xa, {3, Engine::ACT, 0, PROLOGUE + 6});
}

void help_that_is_taken_back_may_be_missed(void **) {
    Program p; // rank 1 may see the 5 before it is gone; if it does not, nobody hangs
    prologue(p, Engine::DVE);
    p.add(Engine::DVE, branch(Cond::EQ, RANK, 1, PROLOGUE + 4));
    p.add(Engine::DVE, remote(NEXT, 0, UpdateOp::ADD, 5)).add(Engine::DVE, remote(NEXT, 0, UpdateOp::SUB, 5));
    p.add(Engine::DVE, end());
    p.add(Engine::DVE, nop(wait_ge(0, 5))).add(Engine::DVE, end());
    unsigned deadlocks = 0;
    constexpr unsigned SEEDS = 60;
    for (std::uint64_t seed = 1; seed <= SEEDS; ++seed) {
        Machine m({.stepped = true, .seed = seed});
        Runner r(m);
        const Fault fault = r.run(p, {Runner::DATA}, 3);
        assert_false(r.queue.busy());
        assert_true(fault == Fault::DEADLOCK || (fault == Fault::NONE && r.queue.head() == 1));
        deadlocks += fault == Fault::DEADLOCK;
    }
    assert_in_range(deadlocks, 1, SEEDS - 1); // both happen
}

void a_transfer_in_flight_is_no_deadlock(void **state) {
    Machine m(with_cores(state, 2));
    Runner r(m);
    Program p;
    // Both cores wait: rank 0 for a long transfer of its own, rank 1 for what rank 0 does after that.
    prologue(p, Engine::SP);
    p.add(Engine::SP, branch(Cond::EQ, RANK, 1, PROLOGUE + 4));
    p.add(Engine::SP, load(tile(128, 4096), mem(0, 4096), 0, add(1, 1)));
    p.add(Engine::SP, remote(NEXT, 2, UpdateOp::ADD, 1, wait_ge(1, 1))).add(Engine::SP, end());
    p.add(Engine::SP, end(wait_ge(2, 1)));
    for (int i = 0; i < 10; ++i)
        assert_int_equal(r.run(p, {Runner::DATA}, 3), Fault::NONE);
}

// Programs of random signals and waits, of which some end and some do not. A semaphore that is only added to ends in the same
// state in every order, so each order must come to the same verdict.
Program random_signals(std::uint32_t seed) {
    std::mt19937 random(seed);
    const auto below = [&](std::uint32_t n) { return random() % n; };
    Program p;
    for (const Engine engine : {Engine::PE, Engine::DVE}) {
        p.add(engine, spec::InsnCoreRank{.rd = RANK});
        for (std::uint32_t rank = 0; rank < 3; ++rank)
            p.add(engine, branch(Cond::EQ, RANK, static_cast<std::int32_t>(rank), 4 + rank * 13));
        for (std::uint32_t rank = 0; rank < 3; ++rank) {
            for (int i = 0; i < 4; ++i) {
                p.add(engine, move(9, static_cast<std::int32_t>(below(3))));
                p.add(engine, remote(9, static_cast<std::uint8_t>(below(2))));
                p.add(engine, nop(wait_ge(static_cast<std::uint8_t>(below(2)), below(3))));
            }
            p.add(engine, end());
        }
    }
    return p;
}

void every_order_finds_the_same_deadlocks(void **) {
    unsigned deadlocks = 0;
    constexpr std::uint32_t PROGRAMS = 24;
    for (std::uint32_t program = 0; program < PROGRAMS; ++program) {
        const Program p = random_signals(program);
        std::optional<Fault> verdict;
        for (const std::uint64_t seed : {0, 1, 2, 3}) {
            Machine m({.stepped = seed != 0, .seed = seed, .cores = 3});
            Runner r(m);
            const Fault fault = r.run(p, {Runner::DATA}, 7);
            assert_true(fault == Fault::NONE || fault == Fault::DEADLOCK);
            assert_int_equal(m.event_count(), fault == Fault::DEADLOCK);
            if (verdict && *verdict != fault)
                fail_msg("program %u: %s with seed %u", program, spec::name(fault).data(), static_cast<unsigned>(seed));
            verdict = fault;
        }
        deadlocks += *verdict == Fault::DEADLOCK;
    }
    assert_in_range(deadlocks, 5, PROGRAMS - 5); // both kinds are among them
}

void threads_agree_on_the_end(void **) {
    Machine m({.threads = 4, .cores = 3});
    Runner r(m);
    for (std::uint32_t i = 0; i < 300; ++i) {
        const Fault fault = r.run(random_signals(i % 24), {Runner::DATA}, 7);
        assert_true(fault == Fault::NONE || fault == Fault::DEADLOCK);
        if (fault != Fault::NONE)
            r.restart();
    }
}

// ---- waiting for cores ----------------------------------------------------------------------------------------------

void a_launch_in_line_says_that_it_waits(void **state) {
    Machine m(with_cores(state, 2));
    Runner holder(m, 1, 0, 0);
    Runner waiter(m, 2, 1, 4 * MiB);
    const auto waits = [&] { return (m.r32(reg::QUEUE_STATUS(1)) & field::QUEUE_STATUS_WAITING.mask) != 0; };
    Program endless;
    endless.add(Engine::SP, jump(0));
    Program good;
    good.add(Engine::SP, end());
    const auto work = [&] {
        if (mode_of(state).stepped)
            neuron_chip_run(m.chip, 100);
    };
    const auto until = [&](const std::function<bool()> &done) {
        assert_true(eventually([&] {
            work();
            return done();
        }));
    };
    holder.queue.submit(holder.prepare(endless, {Runner::DATA}, 3));
    until([&] { return m.r64(reg::QUEUE_PROGRESS(0)) > 10; });
    assert_false(waits());
    waiter.queue.submit(waiter.prepare(good, {Runner::DATA}, 2));
    until(waits);
    assert_int_equal(m.r32(reg::QUEUE_STATUS(0)) & field::QUEUE_STATUS_WAITING.mask, 0);
    // Stopped in line, it waits no more; tried again, it gets its turn.
    waiter.queue.disable();
    until([&] { return !waiter.queue.busy(); });
    assert_false(waits());
    waiter.queue.enable();
    waiter.queue.submit(waiter.prepare(good, {Runner::DATA}, 2));
    until(waits);
    holder.queue.disable();
    m.settle();
    assert_false(waits());
    assert_int_equal(waiter.queue.head(), 1);
}

} // namespace

int main() {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const CMUnitTest tests[] = {
        IN_BOTH_MODES(ranks_count_the_cores_of_the_launch),
        IN_BOTH_MODES(a_token_goes_round),
        IN_BOTH_MODES(every_change_works_on_another_core),
        IN_BOTH_MODES(nobody_passes_a_barrier_alone),
        IN_BOTH_MODES(barriers_follow_each_other_closely),
        IN_BOTH_MODES(a_core_that_has_ended_may_be_signalled),
        IN_BOTH_MODES(all_wait_for_each_other),
        IN_BOTH_MODES(a_barrier_that_one_core_leaves_out),
        IN_BOTH_MODES(the_lowest_engine_of_the_lowest_core_is_named),
        IN_BOTH_MODES(the_last_help_comes_too_early),
        cmocka_unit_test(help_that_is_taken_back_may_be_missed),
        IN_BOTH_MODES(a_transfer_in_flight_is_no_deadlock),
        cmocka_unit_test(every_order_finds_the_same_deadlocks),
        cmocka_unit_test(threads_agree_on_the_end),
        IN_BOTH_MODES(a_launch_in_line_says_that_it_waits),
    };
    return cmocka_run_group_tests_name("chip cores together", tests, nullptr, nullptr);
}
