// SPDX-License-Identifier: MIT
// The registers that show what cores and sequencers do: running, waiting, halted, and in the next chip.
#include "chip_program.hpp"
#include "chip_state.hpp"

namespace {

using namespace chip_test;
using spec::EngineState;
using spec::Fault;
using spec::WaitOp;

struct EngineRegisters {
    EngineState state{};
    WaitOp op{};
    std::uint32_t semaphore = 0;
    std::uint32_t transfers = 0;
    std::uint32_t pc = 0;
    std::uint32_t value = 0;
    std::uint64_t retired = 0;
    friend bool operator==(const EngineRegisters &, const EngineRegisters &) = default;
};

EngineRegisters engine(Machine &m, std::uint32_t core, Engine which) {
    const std::uint32_t n = core * spec::ENGINE_COUNT + spec::raw(which);
    const std::uint32_t status = m.r32(reg::ENGINE_STATUS(n));
    return {.state = static_cast<EngineState>(field::ENGINE_STATUS_STATE.get(status)),
            .op = static_cast<WaitOp>(field::ENGINE_STATUS_WAIT_OP.get(status)),
            .semaphore = field::ENGINE_STATUS_SEMAPHORE.get(status),
            .transfers = field::ENGINE_STATUS_TRANSFERS.get(status),
            .pc = m.r32(reg::ENGINE_PC(n)),
            .value = m.r32(reg::ENGINE_WAIT_VALUE(n)),
            .retired = m.r64(reg::ENGINE_RETIRED(n))};
}

std::uint32_t semaphore(Machine &m, std::uint32_t core, std::uint32_t number) {
    return m.r32(reg::SEMAPHORE_VALUE(core * spec::SEMAPHORES + number));
}

constexpr std::uint32_t USED = field::CORE_STATUS_USED.mask;
constexpr std::uint32_t BUSY = field::CORE_STATUS_BUSY.mask;

/// SP goes on for ever after it has added 2 to s5, for which ACT waits until it is 3; PE ends.
Program stuck() {
    Program p;
    p.add(Engine::SP, nop(add(5, 2))).add(Engine::SP, jump(1));
    p.add(Engine::ACT, nop()).add(Engine::ACT, nop(wait_ge(5, 3))).add(Engine::ACT, end());
    p.add(Engine::PE, nop()).add(Engine::PE, end());
    return p;
}

void start_stuck(Machine &m, Runner &r) {
    r.queue.submit(r.prepare(stuck(), {Runner::DATA}, 2));
    assert_true(eventually([&] {
        neuron_chip_run(m.chip, 100);
        return engine(m, 1, Engine::ACT).state == EngineState::WAITING &&
               engine(m, 1, Engine::PE).state == EngineState::ENDED && engine(m, 1, Engine::SP).retired > 3;
    }));
}

void who_waits_and_who_runs(void **state) {
    Machine m(mode_of(state));
    Runner r(m, 1, 3);
    start_stuck(m, r);
    assert_int_equal(m.r32(reg::CORE_STATUS(0)), 0);
    assert_int_equal(m.r32(reg::CORE_STATUS(1)), USED | BUSY | field::CORE_STATUS_QUEUE.set(3));
    const EngineRegisters waits = engine(m, 1, Engine::ACT);
    assert_true(waits == (EngineRegisters{EngineState::WAITING, WaitOp::GE, 5, 0, 1, 3, 1}));
    assert_int_equal(semaphore(m, 1, 5), 2);
    assert_int_equal(semaphore(m, 0, 5), 0);
    const EngineRegisters ended = engine(m, 1, Engine::PE);
    assert_true(ended == (EngineRegisters{EngineState::ENDED, WaitOp::NONE, 0, 0, 1, 0, 2}));
    assert_true(engine(m, 1, Engine::POOL) == EngineRegisters{});
    const EngineRegisters runs = engine(m, 1, Engine::SP);
    assert_int_equal(runs.state, EngineState::RUNNING);
    assert_int_equal(runs.pc, 1);
    assert_true(eventually([&] {
        neuron_chip_run(m.chip, 10);
        return engine(m, 1, Engine::SP).retired > runs.retired;
    }));
    assert_int_equal(m.bad(), 0);
}

// What a fault has halted can still be looked at, until the core's next launch.
void what_was_halted_stays(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    Program p;
    p.add(Engine::ACT, nop(add(9, 1))).add(Engine::ACT, nop(wait_ge(5, 3))).add(Engine::ACT, end());
    p.add(Engine::DVE, nop(take(6, 1))).add(Engine::DVE, end());
    p.add(Engine::PE, end());
    assert_int_equal(r.run(p), Fault::DEADLOCK);
    assert_int_equal(m.r32(reg::CORE_STATUS(0)), USED);
    const EngineRegisters act = engine(m, 0, Engine::ACT);
    assert_true(act == (EngineRegisters{EngineState::HALTED, WaitOp::GE, 5, 0, 1, 3, 1}));
    const EngineRegisters dve = engine(m, 0, Engine::DVE);
    assert_true(dve == (EngineRegisters{EngineState::HALTED, WaitOp::TAKE, 6, 0, 0, 1, 0}));
    assert_int_equal(engine(m, 0, Engine::PE).state, EngineState::ENDED);
    assert_int_equal(semaphore(m, 0, 9), 1);

    r.restart();
    Program fine;
    fine.add(Engine::SP, end());
    assert_int_equal(r.run(fine), Fault::NONE);
    assert_true(engine(m, 0, Engine::ACT) == EngineRegisters{});
    assert_int_equal(engine(m, 0, Engine::SP).state, EngineState::ENDED);
    assert_int_equal(semaphore(m, 0, 9), 0);
}

// The one that faults has not waited.
void the_one_that_faulted_shows_where(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    Program p;
    p.add(Engine::POOL, nop()).add(Engine::POOL, jump(77)).add(Engine::POOL, end());
    assert_int_equal(r.run(p), Fault::PC_RANGE);
    const EngineRegisters pool = engine(m, 0, Engine::POOL);
    assert_int_equal(pool.state, EngineState::HALTED);
    assert_int_equal(pool.pc, 1);
    assert_int_equal(pool.op, WaitOp::NONE);
}

void a_reset_forgets_it(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    start_stuck(m, r);
    m.w32(reg::GLOBAL_CTRL, field::GLOBAL_CTRL_RESET.mask);
    m.settle();
    assert_true(eventually([&] { return m.ready(); }));
    assert_int_equal(m.r32(reg::CORE_STATUS(1)), 0);
    for (const Engine which : spec::values<Engine>())
        assert_true(engine(m, 1, which) == EngineRegisters{});
    assert_int_equal(semaphore(m, 1, 5), 0);
}

void cores_that_are_not_there_read_as_nothing(void **) {
    Machine m({.cores = 2});
    for (std::uint32_t core = 2; core < spec::MAX_CORES; ++core) {
        assert_int_equal(m.r32(reg::CORE_STATUS(core)), 0);
        assert_int_equal(semaphore(m, core, 255), 0);
        for (const Engine which : spec::values<Engine>())
            assert_true(engine(m, core, which) == EngineRegisters{});
    }
    assert_int_equal(m.bad(), 0);
    m.r32(reg::CORE_STATUS(spec::MAX_CORES));
    m.w32(reg::CORE_STATUS(0), 1);
    m.w32(reg::ENGINE_PC(0), 1);
    m.w32(reg::SEMAPHORE_VALUE(0), 1);
    assert_int_equal(m.bad(), 4);
    assert_int_equal(semaphore(m, 0, 0), 0);
}

/// Every register of the three blocks, of core 0 and 1.
std::vector<std::uint64_t> all(Machine &m) {
    std::vector<std::uint64_t> out;
    for (std::uint32_t core = 0; core < 2; ++core) {
        out.push_back(m.r32(reg::CORE_STATUS(core)));
        for (std::uint32_t i = core * spec::ENGINE_COUNT; i < (core + 1) * spec::ENGINE_COUNT; ++i) {
            out.insert(out.end(), {m.r32(reg::ENGINE_STATUS(i)), m.r32(reg::ENGINE_PC(i)),
                                   m.r32(reg::ENGINE_WAIT_VALUE(i)), m.r64(reg::ENGINE_RETIRED(i))});
        }
        for (std::uint32_t i = 0; i < spec::SEMAPHORES; ++i)
            out.push_back(semaphore(m, core, i));
    }
    return out;
}

// While the launch runs, and when it is over.
void they_are_the_same_in_the_next_chip(void **) {
    Machine m(unwatched(STEPPED));
    Runner r(m, 1, 3);
    start_stuck(m, r);
    neuron_chip_pause(m.chip);
    auto before = all(m);
    hop(m, unwatched(STEPPED));
    neuron_chip_pause(m.chip);
    assert_true(all(m) == before);
    neuron_chip_resume(m.chip);

    r.queue.disable();
    m.settle();
    assert_int_equal(engine(m, 1, Engine::ACT).state, EngineState::HALTED);
    assert_int_equal(engine(m, 1, Engine::ACT).op, WaitOp::GE);
    before = all(m);
    hop(m, unwatched(STEPPED));
    assert_true(all(m) == before);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        IN_BOTH_MODES(who_waits_and_who_runs),
        IN_BOTH_MODES(what_was_halted_stays),
        IN_BOTH_MODES(the_one_that_faulted_shows_where),
        IN_BOTH_MODES(a_reset_forgets_it),
        cmocka_unit_test(cores_that_are_not_there_read_as_nothing),
        cmocka_unit_test(they_are_the_same_in_the_next_chip),
    };
    return cmocka_run_group_tests_name("chip inspection", tests, nullptr, nullptr);
}
