// SPDX-License-Identifier: MIT
// The happens-before order that hazard detection builds, and what it calls a conflict.
#include "hazard/monitor.hpp"

#include "compute_support.hpp"

#include <optional>

using namespace neuron::chip;
using hazard::Monitor;
using hazard::Site;
using Mode = Monitor::Mode;
using spec_engine = neuron::spec::Engine;
namespace spec = neuron::spec;

namespace {

constexpr std::uint8_t CORE = 0;
constexpr std::uint8_t SEM = 7;

// A monitor and a core whose tiles it is told of.
struct Bench {
    Monitor monitor{2, compute_test::SBUF_BYTES};
    CoreMemory memory{compute_test::SBUF_BYTES};

    Bench() {
        monitor.begin(0, true);
        monitor.begin(1, true);
    }

    TileView view(const spec::Tile &tile) const { return *resolve(tile, 0U, 0, memory); }
    TileView row(unsigned elements, std::uint32_t offset = 0) const {
        return view(compute_test::tile(spec::Space::SBUF, spec::Dtype::U8, 2, elements, offset));
    }

    std::optional<FaultInfo> touch(spec_engine engine, Mode mode, const TileView &tile, std::uint32_t pc = 0) {
        const Site site{CORE, static_cast<spec::Unit>(spec::raw(spec::Unit::PE) + spec::raw(engine)), 0, pc};
        return monitor.access(Monitor::sequencer(CORE, engine), site, CORE, tile, mode);
    }
    std::optional<FaultInfo> transfer(std::uint8_t ring, Mode mode, const TileView &tile, std::uint32_t pc = 0) {
        return monitor.access(Monitor::ring(CORE, ring), {CORE, spec::Unit::DMA, ring, pc}, CORE, tile, mode);
    }
    void raise(spec_engine engine, std::uint32_t value = 1, spec::UpdateOp op = spec::UpdateOp::ADD) {
        monitor.updating(Monitor::sequencer(CORE, engine), CORE, SEM, op, value);
    }
    void wait(spec_engine engine, std::uint32_t value = 1, spec::WaitOp op = spec::WaitOp::GE) {
        if (op == spec::WaitOp::TAKE)
            monitor.taking(Monitor::sequencer(CORE, engine), CORE, SEM);
        monitor.waited(Monitor::sequencer(CORE, engine), CORE, SEM, op, value);
    }
};

constexpr auto ACT = spec_engine::ACT;
constexpr auto DVE = spec_engine::DVE;
constexpr auto SP = spec_engine::SP;

void assert_order(const std::optional<FaultInfo> &found) {
    assert_true(found.has_value());
    assert_string_equal(spec::name(found->code).data(), "HAZARD_ORDER");
}

void an_engine_orders_itself(void **) {
    Bench b;
    assert_false(b.touch(ACT, Mode::WRITE, b.row(8)).has_value());
    assert_false(b.touch(ACT, Mode::READ, b.row(8)).has_value());
    assert_false(b.touch(ACT, Mode::WRITE, b.row(8)).has_value());
}

void a_read_without_a_semaphore_names_both(void **) {
    Bench b;
    assert_false(b.touch(ACT, Mode::WRITE, b.row(8, 64), 5).has_value());
    const auto found = b.touch(DVE, Mode::READ, b.row(4, 66), 9);
    assert_order(found);
    assert_int_equal(found->pc, 9);
    assert_int_equal(spec::raw(found->unit), spec::raw(spec::Unit::DVE));
    assert_int_equal(found->info & 0xffffffff, 5);
    assert_int_equal(found->info >> 32 & 0xff, spec::raw(spec::Unit::ACT));
    assert_int_equal(found->info >> 56, 2); // the other one wrote, this one reads
    assert_int_equal(found->va & 0xffffffff, 66);
    assert_int_equal(found->va >> 32, 0);
}

void a_semaphore_orders(void **) {
    Bench b;
    b.touch(ACT, Mode::WRITE, b.row(8));
    b.raise(ACT);
    b.wait(DVE);
    assert_false(b.touch(DVE, Mode::READ, b.row(8)).has_value());
    // But not what the producer does afterwards.
    assert_order(b.touch(ACT, Mode::WRITE, b.row(8)));
}

void an_update_before_the_write_orders_nothing(void **) {
    Bench b;
    b.raise(ACT);
    b.touch(ACT, Mode::WRITE, b.row(8));
    b.wait(DVE);
    assert_order(b.touch(DVE, Mode::READ, b.row(8)));
}

void writes_conflict_with_reads_and_writes(void **) {
    Bench b;
    b.touch(ACT, Mode::WRITE, b.row(8));
    b.raise(ACT);
    b.wait(DVE);
    b.touch(DVE, Mode::READ, b.row(8));
    const auto found = b.touch(SP, Mode::WRITE, b.row(8));
    assert_order(found);
    b.touch(ACT, Mode::WRITE, b.row(8, 100));
    assert_order(b.touch(DVE, Mode::WRITE, b.row(8, 107)));
    assert_false(b.touch(DVE, Mode::WRITE, b.row(8, 108)).has_value()); // the neighbour
}

void a_wait_knows_only_the_raises_it_needs(void **) {
    Bench b;
    b.touch(ACT, Mode::WRITE, b.row(8, 0));
    b.raise(ACT);
    b.touch(ACT, Mode::WRITE, b.row(8, 8));
    b.raise(ACT);
    // The count is 2 here, but a wait for 1 could have been over before the second write.
    b.wait(DVE, 1, spec::WaitOp::TAKE);
    assert_false(b.touch(DVE, Mode::READ, b.row(8, 0)).has_value());
    assert_order(b.touch(DVE, Mode::READ, b.row(8, 8)));
    b.wait(DVE, 1, spec::WaitOp::TAKE);
    assert_false(b.touch(DVE, Mode::READ, b.row(8, 8)).has_value());
}

void setting_forgets_older_raises(void **) {
    Bench b;
    b.touch(ACT, Mode::WRITE, b.row(8));
    b.raise(ACT, 1);
    b.raise(SP, 1, spec::UpdateOp::SET);
    b.wait(DVE);
    assert_order(b.touch(DVE, Mode::READ, b.row(8)));
}

// ACT fills a buffer, DVE reads it and gives it back with `give_back`, ACT waits for the count of before and fills it again.
template<class GiveBack>
void expect_given_back(GiveBack &&give_back) {
    Bench b;
    b.touch(ACT, Mode::WRITE, b.row(8));
    b.raise(ACT);
    b.wait(DVE);
    b.touch(DVE, Mode::READ, b.row(8));
    give_back(b);
    b.touch(DVE, Mode::READ, b.row(8, 64));
    b.wait(ACT, 0, spec::WaitOp::EQ);
    assert_false(b.touch(ACT, Mode::WRITE, b.row(8)).has_value());
    assert_order(b.touch(ACT, Mode::WRITE, b.row(8, 64))); // read after it was given back
}

void lowering_orders_whoever_waits_for_the_number(void **) {
    expect_given_back([](Bench &b) { b.raise(DVE, 1, spec::UpdateOp::SUB); });
    expect_given_back([](Bench &b) { b.raise(DVE, 0, spec::UpdateOp::SET); });
    expect_given_back([](Bench &b) { b.wait(DVE, 1, spec::WaitOp::TAKE); });
    expect_given_back([](Bench &b) { b.monitor.clearing(Monitor::sequencer(CORE, DVE), CORE, SEM, 1); });
}

void a_take_is_known_before_its_wait_is_over(void **) {
    Bench b;
    b.touch(DVE, Mode::READ, b.row(8));
    b.monitor.taking(Monitor::sequencer(CORE, DVE), CORE, SEM);
    // The semaphore is 0 from here on, and whoever waits for that may be told before the one who took.
    b.wait(ACT, 0, spec::WaitOp::EQ);
    assert_false(b.touch(ACT, Mode::WRITE, b.row(8)).has_value());
}

void lowering_orders_nobody_else(void **) {
    Bench b;
    b.raise(ACT, 2);
    b.touch(DVE, Mode::READ, b.row(8));
    b.raise(DVE, 1, spec::UpdateOp::SUB);
    b.wait(ACT);
    assert_order(b.touch(ACT, Mode::WRITE, b.row(8)));
    // A count that was set anew says nothing of who lowered the old one.
    b.raise(SP, 1, spec::UpdateOp::SET);
    b.wait(ACT, 1, spec::WaitOp::EQ);
    assert_order(b.touch(ACT, Mode::WRITE, b.row(8)));
}

// ---- bounds ----

using hazard::SemaphoreClock;
using hazard::Shadow;
using hazard::VectorClock;

constexpr std::size_t AGENTS = 2;

VectorClock clock_at(hazard::Agent agent, unsigned tick) {
    VectorClock clock(AGENTS);
    for (unsigned i = 0; i < tick; ++i)
        clock.tick(agent);
    return clock;
}

void idle_raises_are_not_kept_apart(void **) {
    SemaphoreClock semaphore;
    const VectorClock clock = clock_at(0, 1);
    for (unsigned i = 0; i < 1000; ++i) {
        semaphore.update(spec::UpdateOp::ADD, 0, clock_at(0, i));
        semaphore.update(spec::UpdateOp::SUB, 0, clock_at(0, i));
    }
    assert_int_equal(semaphore.raises(), 0);
    for (unsigned i = 0; i < 1000; ++i)
        semaphore.update(spec::UpdateOp::ADD, 1, clock);
    assert_int_equal(semaphore.raises(), 1);
    VectorClock waiter(AGENTS);
    semaphore.wait(spec::WaitOp::GE, 1000, waiter);
    assert_int_equal(waiter[0], 1);
}

void a_raise_of_nothing_tells_nothing(void **) {
    Bench b;
    b.touch(ACT, Mode::WRITE, b.row(8));
    b.raise(ACT, 0);
    b.wait(DVE, 0);
    b.wait(DVE, 0, spec::WaitOp::EQ);
    assert_order(b.touch(DVE, Mode::READ, b.row(8)));
}

void an_agent_that_touches_nothing_in_between_raises_once(void **) {
    Bench b;
    b.touch(ACT, Mode::WRITE, b.row(8));
    for (unsigned i = 0; i < 10; ++i)
        b.raise(ACT);
    b.touch(ACT, Mode::WRITE, b.row(8, 64));
    for (unsigned i = 0; i < 10; ++i)
        b.raise(ACT);
    b.wait(DVE, 10, spec::WaitOp::TAKE);
    assert_false(b.touch(DVE, Mode::READ, b.row(8)).has_value());
    assert_order(b.touch(DVE, Mode::READ, b.row(8, 64)));
    b.wait(DVE, 1, spec::WaitOp::TAKE);
    assert_false(b.touch(DVE, Mode::READ, b.row(8, 64)).has_value());
}

void many_raises_lose_the_order_of_the_oldest(void **) {
    constexpr unsigned RAISES = 1000;
    SemaphoreClock semaphore;
    for (unsigned i = 1; i <= RAISES; ++i) {
        semaphore.update(spec::UpdateOp::ADD, 1, clock_at(0, i));
        assert_true(semaphore.raises() <= SemaphoreClock::MAX_RAISES);
    }
    VectorClock newest(AGENTS), before(AGENTS), oldest(AGENTS);
    semaphore.wait(spec::WaitOp::GE, RAISES - 1, before);
    semaphore.wait(spec::WaitOp::GE, RAISES, newest);
    semaphore.wait(spec::WaitOp::GE, 1, oldest);
    assert_int_equal(newest[0], RAISES);
    assert_int_equal(before[0], RAISES - 1);
    assert_int_equal(oldest[0], RAISES - SemaphoreClock::MAX_RAISES + 1); // too much, never too little
}

void a_walk_with_gaps_costs_what_its_elements_do(void **) {
    Bench b;
    Shadow shadow(compute_test::SBUF_BYTES);
    spec::Tile gaps = compute_test::tile(spec::Space::SBUF, spec::Dtype::U8, spec::PARTITIONS, 8192);
    gaps.step[0] = 2;
    const VectorClock clock = clock_at(0, 1);
    for (std::uint32_t pc = 0; pc < 3; ++pc)
        assert_false(
            shadow.access(b.view(gaps), Mode::WRITE, {0, 1, {0, spec::Unit::ACT, 0, pc}}, clock).conflict.has_value());
    // One for all of the bytes, beside the two that are always there and those that no byte has any more.
    assert_true(shadow.histories() <= 5);
    gaps.offset = 1;
    const auto found = shadow.access(b.view(gaps), Mode::READ, {0, 1, {}}, clock);
    assert_true(found.unwritten.has_value());
    assert_int_equal(found.unwritten->byte, 1);
}

// Each byte its own history, and more of them than the table holds.
void a_full_table_takes_what_lies_behind_for_ordered(void **) {
    Bench b;
    Shadow shadow(compute_test::SBUF_BYTES);
    constexpr std::uint32_t COLUMNS = 1024;
    spec::Tile byte = compute_test::tile(spec::Space::SBUF, spec::Dtype::U8, 1, 1);
    const VectorClock ignorant(AGENTS), clock = clock_at(0, 1);
    const auto write = [&](unsigned quadrant, std::uint32_t column, std::uint32_t pc) {
        byte.partition = static_cast<std::uint8_t>(32 * quadrant);
        byte.offset = column;
        assert_false(
            shadow.access(b.view(byte), Mode::WRITE, {0, 1, {0, spec::Unit::ACT, 0, pc}}, clock).conflict.has_value());
    };
    std::uint32_t pc = 0;
    for (unsigned round = 0; round < 32; ++round) // overwritten ones make room
        for (unsigned quadrant = 0; quadrant < 4; ++quadrant)
            for (std::uint32_t column = 0; column < COLUMNS; ++column)
                write(quadrant, column, ++pc);
    assert_true(shadow.access(b.view(byte), Mode::READ, {1, 1, {}}, ignorant).conflict.has_value());
    for (unsigned quadrant = 0; quadrant < 4; ++quadrant)
        for (std::uint32_t column = 0; column < compute_test::SBUF_BYTES; ++column)
            write(quadrant, column, ++pc);
    assert_true(shadow.histories() <= hazard::Histories::MAX);
    // The first ones were forgotten, but not that they were written; the last ones were not.
    byte.offset = 0;
    byte.partition = 0;
    const auto first = shadow.access(b.view(byte), Mode::READ, {1, 1, {}}, ignorant);
    assert_false(first.conflict.has_value() || first.unwritten.has_value());
    byte.offset = compute_test::SBUF_BYTES - 1;
    byte.partition = 96;
    assert_true(shadow.access(b.view(byte), Mode::READ, {1, 1, {}}, ignorant).conflict.has_value());
}

void unwritten_memory_is_told_at_the_end(void **) {
    Bench b;
    b.touch(ACT, Mode::WRITE, b.row(8));
    assert_false(b.monitor.ended(CORE).has_value());
    assert_false(b.touch(ACT, Mode::READ, b.row(9), 3).has_value());
    assert_false(b.touch(ACT, Mode::READ, b.row(30), 4).has_value());
    const auto found = b.monitor.ended(CORE);
    assert_true(found.has_value());
    assert_string_equal(spec::name(found->code).data(), "HAZARD_UNWRITTEN");
    assert_int_equal(found->va & 0xffffffff, 8);
    assert_int_equal(found->pc, 3);
    assert_false(b.monitor.ended(CORE).has_value());
    b.touch(ACT, Mode::MODIFY, b.row(1, 500));
    assert_true(b.monitor.ended(CORE).has_value());
    b.touch(ACT, Mode::WRITE_PARTLY, b.row(1, 600));
    b.touch(ACT, Mode::READ_PARTLY, b.row(1, 700));
    assert_false(b.monitor.ended(CORE).has_value());
}

void a_write_that_comes_after_the_read_names_both(void **) {
    Bench b;
    assert_false(b.touch(DVE, Mode::READ, b.row(8), 9).has_value());
    const auto found = b.touch(ACT, Mode::WRITE, b.row(8, 4), 5);
    assert_order(found);
    assert_int_equal(found->pc, 5);
    assert_int_equal(found->info & 0xffffffff, 9);
    assert_int_equal(found->info >> 56, 1); // this one writes, the other one read
    assert_int_equal(found->va & 0xffffffff, 4);
}

void strided_walks_are_exact(void **) {
    Bench b;
    spec::Tile even = compute_test::tile(spec::Space::SBUF, spec::Dtype::U16, 2, 4);
    even.step[0] = 2;
    spec::Tile odd = even;
    odd.offset = 2;
    b.touch(ACT, Mode::WRITE, b.view(even));
    assert_false(b.touch(DVE, Mode::WRITE, b.view(odd)).has_value());
    assert_order(b.touch(DVE, Mode::WRITE, b.view(even)));
    spec::Tile repeated = compute_test::tile(spec::Space::SBUF, spec::Dtype::U16, 2, 4);
    repeated.step[0] = 0;
    assert_order(b.touch(DVE, Mode::READ, b.view(repeated)));
}

void a_launch_orders_what_was_before(void **) {
    Bench b;
    b.touch(ACT, Mode::WRITE, b.row(8));
    b.monitor.begin(CORE, false);
    assert_false(b.touch(DVE, Mode::READ, b.row(8)).has_value());
    assert_false(b.monitor.ended(CORE).has_value());
    b.monitor.begin(CORE, true);
    b.touch(DVE, Mode::READ, b.row(8));
    assert_true(b.monitor.ended(CORE).has_value());
}

void a_transfer_knows_its_issuer(void **) {
    Bench b;
    const auto sp = Monitor::sequencer(CORE, SP), ring = Monitor::ring(CORE, 3);
    b.touch(SP, Mode::WRITE, b.row(8));
    b.monitor.issued(sp, ring);
    b.touch(SP, Mode::WRITE, b.row(8, 64));
    b.monitor.started(ring);
    assert_false(b.transfer(3, Mode::READ, b.row(8)).has_value());
    assert_order(b.transfer(3, Mode::READ, b.row(8, 64)));
    // The issuer may not overwrite the source before it knows that the transfer is over.
    assert_order(b.touch(SP, Mode::WRITE, b.row(8)));
    b.monitor.completed(ring, sp);
    assert_order(b.touch(SP, Mode::WRITE, b.row(8)));
    b.monitor.drained(sp);
    assert_false(b.touch(SP, Mode::WRITE, b.row(8)).has_value());
}

void a_transfer_updates_like_an_engine(void **) {
    Bench b;
    const auto sp = Monitor::sequencer(CORE, SP), ring = Monitor::ring(CORE, 3);
    b.monitor.issued(sp, ring);
    b.monitor.started(ring);
    assert_false(b.transfer(3, Mode::WRITE, b.row(8), 4).has_value());
    const auto found = b.touch(DVE, Mode::READ, b.row(8));
    assert_order(found);
    assert_int_equal(found->info >> 40 & 0xff, 3);
    b.monitor.updating(ring, CORE, SEM, spec::UpdateOp::ADD, 1);
    b.monitor.completed(ring, sp);
    b.wait(DVE);
    assert_false(b.touch(DVE, Mode::READ, b.row(8)).has_value());
}

void cores_order_each_other_through_remote_updates(void **) {
    Bench b;
    const auto far = Monitor::sequencer(1, SP);
    const Site site{1, spec::Unit::SP, 0, 2};
    assert_false(b.monitor.access(far, site, CORE, b.row(8), Mode::WRITE).has_value());
    const auto found = b.touch(DVE, Mode::READ, b.row(8));
    assert_order(found);
    assert_int_equal(found->info >> 48 & 0xff, 1);
    b.monitor.updating(far, CORE, SEM, spec::UpdateOp::ADD, 1);
    b.wait(DVE);
    assert_false(b.touch(DVE, Mode::READ, b.row(8)).has_value());
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(an_engine_orders_itself),
        cmocka_unit_test(a_read_without_a_semaphore_names_both),
        cmocka_unit_test(a_semaphore_orders),
        cmocka_unit_test(an_update_before_the_write_orders_nothing),
        cmocka_unit_test(writes_conflict_with_reads_and_writes),
        cmocka_unit_test(a_wait_knows_only_the_raises_it_needs),
        cmocka_unit_test(setting_forgets_older_raises),
        cmocka_unit_test(lowering_orders_whoever_waits_for_the_number),
        cmocka_unit_test(a_take_is_known_before_its_wait_is_over),
        cmocka_unit_test(lowering_orders_nobody_else),
        cmocka_unit_test(idle_raises_are_not_kept_apart),
        cmocka_unit_test(a_raise_of_nothing_tells_nothing),
        cmocka_unit_test(an_agent_that_touches_nothing_in_between_raises_once),
        cmocka_unit_test(many_raises_lose_the_order_of_the_oldest),
        cmocka_unit_test(a_walk_with_gaps_costs_what_its_elements_do),
        cmocka_unit_test(a_full_table_takes_what_lies_behind_for_ordered),
        cmocka_unit_test(unwritten_memory_is_told_at_the_end),
        cmocka_unit_test(a_write_that_comes_after_the_read_names_both),
        cmocka_unit_test(strided_walks_are_exact),
        cmocka_unit_test(a_launch_orders_what_was_before),
        cmocka_unit_test(a_transfer_knows_its_issuer),
        cmocka_unit_test(a_transfer_updates_like_an_engine),
        cmocka_unit_test(cores_order_each_other_through_remote_updates),
    };
    return cmocka_run_group_tests_name("hazard_monitor", tests, nullptr, nullptr);
}
