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
    Monitor monitor{2};
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
