// SPDX-License-Identifier: MIT
// Exploring: its words, what it chooses, and what it must not choose.
#include "chip_fault_plan.hpp"

#include "plan/rule.hpp"

#include <cinttypes>
#include <deque>

namespace {

using namespace chip_test;
using neuron::chip::plan::parse;
using spec::ExploreAspect;

constexpr std::uint64_t SEEDS = 60;

// ---- the language ---------------------------------------------------------------------------------------------------

void the_words_are_read(void **) {
    const auto some = parse("seed 3; explore seed=0x11 order resets; irq: drop");
    assert_true(some.has_value());
    assert_true(some->explore.has_value());
    assert_int_equal(some->explore->seed, 0x11);
    assert_int_equal(some->explore->aspects, spec::raw(ExploreAspect::ORDER) | spec::raw(ExploreAspect::RESETS));
    assert_int_equal(some->rules.size(), 1);
    assert_int_equal(some->seed, 3);
    std::uint32_t all = 0;
    for (const auto aspect : spec::values<ExploreAspect>())
        all |= spec::raw(aspect);
    assert_int_equal(parse("explore seed=1")->explore->aspects, all);
    assert_false(parse("irq: drop")->explore.has_value());
}

void what_is_no_exploring_is_named(void **) {
    constexpr std::pair<const char *, const char *> wrong[] = {
        {"explore", "fault plan: 'explore': needs seed=N"},
        {"explore order", "fault plan: 'explore': needs seed=N"},
        {"explore seed=x", "fault plan: 'seed=x': explore takes one seed=N"},
        {"explore seed=", "fault plan: 'seed=': explore takes one seed=N"},
        {"explore seed=1 seed=2", "fault plan: 'seed=2': explore takes one seed=N"},
        {"explore seed=1 ORDER",
         "fault plan: 'ORDER': explore takes seed=N, order, doorbells, packets, interrupts, resets"},
        {"explore seed=1 time",
         "fault plan: 'time': explore takes seed=N, order, doorbells, packets, interrupts, resets"},
        {"explore seed=1; irq: drop; explore seed=2", "fault plan: 'explore seed=2': explore is there already"},
    };
    for (const auto &[text, message] : wrong) {
        const auto plan = parse(text);
        assert_false(plan.has_value());
        assert_string_equal(plan.error().c_str(), message);
    }
}

// ---- the chip -------------------------------------------------------------------------------------------------------

struct Rig {
    explicit Rig(const std::string &plan) : m(STEPPED), ctx(m, 3) { set(plan); }
    void set(const std::string &text) { set_fault_plan(m, text); }
    std::string report() { return fault_report(m); }
    std::uint64_t count(const std::string &name) {
        const std::string text = report();
        const auto at = text.find(" " + name + "=");
        assert_true(at != std::string::npos);
        return std::strtoull(text.c_str() + at + name.size() + 2, nullptr, 0);
    }
    Machine m;
    Context ctx;
};

std::string seed_plan(std::uint64_t seed, const char *aspects = "") {
    return "explore seed=" + std::to_string(seed) + " " + aspects;
}

void a_threaded_chip_refuses(void **) {
    Machine m(THREADED);
    char error[256];
    assert_int_equal(neuron_chip_set_fault_plan(m.chip, "explore seed=1 order", error, sizeof error), -EINVAL);
    assert_string_equal(error, "fault plan: 'explore seed=1 order': the device is not in stepped mode");
    char text[256];
    neuron_chip_fault_report(m.chip, text, sizeof text);
    assert_string_equal(text, "refused: fault plan: 'explore seed=1 order': the device is not in stepped mode\n");
}

void the_report_says_what_was_chosen(void **) {
    Rig r(seed_plan(5, "doorbells order"));
    assert_string_equal(r.report().substr(0, 82).c_str(),
                        "explore seed=5 order doorbells: steps=0 late=0 early=0 held=0 merged=0 resets=0 ha");
    r.set("");
    assert_string_equal(r.report().c_str(), "");
}

/// Copies in a chain on each of three queues, of which each has its own words; all have interrupts.
void work(Rig &r) {
    const std::uint64_t memory = r.ctx.map_host(0x10'0000, 16 * PAGE);
    std::deque<TestQueue> queues;
    for (std::uint32_t q = 0; q < 3; ++q)
        queues.emplace_back(r.m, q, 3, QueueOptions{.vector = 1 + q});
    for (std::uint64_t round = 0; round < 8; ++round)
        for (std::uint64_t q = 0; q < 3; ++q) {
            const std::uint64_t page = 0x10'0000 + q * PAGE;
            queues[q].push(spec::PacketFill{.dst = page + round * 16, .bytes = 8, .pattern = 100 * q + round});
            queues[q].submit(spec::PacketCopy{.src = page + round * 16, .dst = page + round * 16 + 8, .bytes = 8});
            neuron_chip_run(r.m.chip, 3);
            while (queues[q].tail() - queues[q].seqno() > 12) // as it has to be: a look at the seqno
                neuron_chip_run(r.m.chip, 1);
        }
    r.m.settle();
    for (std::uint64_t q = 0; q < 3; ++q) {
        assert_int_equal(queues[q].seqno(), 16);
        assert_int_equal(queues[q].state(), spec::QueueState::IDLE);
        assert_true(r.m.host.irqs(1 + static_cast<std::uint32_t>(q)) >= 1);
        for (std::uint64_t round = 0; round < 8; ++round)
            assert_int_equal(r.m.host.u64(memory + q * PAGE + round * 16 + 8), 100 * q + round);
    }
    assert_int_equal(r.m.bad(), 0);
}

void all_work_is_done_under_each_seed(void **) {
    std::uint64_t late = 0, early = 0, held = 0, merged = 0;
    for (std::uint64_t seed = 0; seed < SEEDS; ++seed) {
        Rig r(seed_plan(seed));
        work(r);
        late += r.count("late"), early += r.count("early"), held += r.count("held"), merged += r.count("merged");
    }
    assert_true(late > SEEDS && early > SEEDS && held > SEEDS && merged > SEEDS);
}

std::string traced(std::uint64_t seed, const char *aspects) {
    Rig r(seed_plan(seed, aspects));
    r.m.host.tracing = true;
    work(r);
    std::string all = r.report();
    for (const std::string &line : r.m.host.trace())
        all += line + "\n";
    return all;
}

void a_seed_gives_the_same_run(void **) {
    for (const char *aspects : {"", "order", "doorbells", "packets", "interrupts", "resets"}) {
        assert_string_equal(traced(7, aspects).c_str(), traced(7, aspects).c_str());
        if (std::string(aspects) != "resets") // of which there are none
            assert_string_not_equal(traced(7, aspects).c_str(), traced(8, aspects).c_str());
    }
}

void only_what_is_meant_is_chosen(void **) {
    constexpr std::pair<const char *, const char *> aspects[] = {
        {"doorbells", "late"}, {"packets", "early"}, {"interrupts", "held"}, {"resets", "resets"}};
    for (const auto &[aspect, own] : aspects) {
        std::uint64_t chosen = 0;
        for (std::uint64_t seed = 0; seed < 10; ++seed) {
            Rig r(seed_plan(seed, aspect));
            work(r);
            r.m.w32(reg::GLOBAL_CTRL, field::GLOBAL_CTRL_RESET.mask);
            r.m.settle();
            assert_true(r.m.ready());
            for (const char *name : {"late", "early", "held", "resets"})
                if (std::string_view(name) == own)
                    chosen += r.count(name);
                else
                    assert_int_equal(r.count(name), 0);
        }
        assert_true(chosen != 0);
    }
}

void the_registers_have_the_same_report(void **) {
    Rig r(seed_plan(5));
    const std::uint64_t at = r.m.host.alloc(PAGE);
    r.m.w64(reg::PLAN_ADDR, at);
    r.m.w32(reg::PLAN_BYTES, PAGE);
    r.m.w32(reg::PLAN_CMD, field::PLAN_CMD_OP.set(spec::raw(spec::PlanOp::REPORT)));
    const std::string text(reinterpret_cast<const char *>(r.m.host.at(at)), r.m.r32(reg::PLAN_DONE));
    assert_string_equal(text.c_str(), r.report().c_str());
}

// ---- what it must not choose ------------------------------------------------------------------------------------------

// Doorbells that are late are there before any register is read or written.
void a_register_access_comes_behind_doorbells(void **) {
    for (const bool write : {false, true})
        for (std::uint64_t seed = 0; seed < SEEDS; ++seed) {
            Rig r(seed_plan(seed));
            TestQueue queue(r.m, 2, 3);
            queue.push(spec::PacketNop{});
            queue.push(spec::PacketNop{});
            r.m.doorbell(3, 2, 1);
            r.m.doorbell(3, 2, 2);
            if (write) {
                queue.disable(); // forgets what it knows: after both
                assert_int_equal(r.m.bad(), 0);
            } else {
                assert_int_equal(r.m.r64(reg::QUEUE_TAIL(2)), 2);
            }
        }
}

void a_doorbell_that_is_a_register_may_be_late_too(void **) {
    std::uint64_t late = 0;
    for (std::uint64_t seed = 0; seed < SEEDS; ++seed) {
        Rig r(seed_plan(seed, "doorbells"));
        TestQueue queue(r.m, 1, 3, {.doorbell_register = true});
        queue.submit(spec::PacketNop{});
        late += r.count("late");
        r.m.settle();
        assert_int_equal(queue.seqno(), 1);
    }
    assert_true(late > SEEDS / 4 && late < SEEDS);
}

void no_interrupt_comes_across_a_reset_or_a_stop(void **) {
    for (const bool reset : {false, true})
        for (std::uint64_t seed = 0; seed < SEEDS; ++seed) {
            Rig r(seed_plan(seed, "interrupts"));
            TestQueue queue(r.m, 2, 3);
            for (int i = 0; i < 4; ++i)
                queue.submit(spec::PacketNop{});
            while (queue.seqno() < 4)
                neuron_chip_run(r.m.chip, 1);
            if (reset)
                neuron_chip_reset(r.m.chip);
            else
                queue.disable();
            const unsigned before = r.m.host.irqs(1);
            r.m.settle();
            assert_int_equal(r.m.host.irqs(1), before);
            if (!reset)
                assert_true(before >= 1);
        }
}

void a_register_read_comes_behind_interrupts(void **) {
    for (std::uint64_t seed = 0; seed < SEEDS; ++seed) {
        Rig r(seed_plan(seed, "interrupts"));
        TestQueue queue(r.m, 2, 3);
        queue.submit(spec::PacketNop{});
        while (queue.seqno() == 0)
            neuron_chip_run(r.m.chip, 1);
        (void)queue.state();
        assert_int_equal(r.m.host.irqs(1), 1);
    }
}

// Exploring ends with its plan, and what was held back is not lost.
void another_plan_lets_out_what_is_held_back(void **) {
    for (std::uint64_t seed = 0; seed < SEEDS; ++seed) {
        Rig r(seed_plan(seed));
        TestQueue queue(r.m, 2, 3);
        queue.submit(spec::PacketNop{});
        r.set("");
        while (queue.seqno() == 0 && neuron_chip_run(r.m.chip, 1) != 0) {
        }
        assert_int_equal(queue.seqno(), 1);
        r.m.settle();
        assert_int_equal(r.m.host.irqs(1), 1);
    }
}

void the_host_is_kicked_for_what_is_held_back(void **) {
    for (std::uint64_t seed = 0; seed < SEEDS; ++seed) {
        Rig r(seed_plan(seed));
        TestQueue queue(r.m, 2, 3);
        r.m.settle();
        const unsigned before = r.m.host.kicks;
        queue.submit(spec::PacketNop{});
        assert_true(r.m.host.kicks > before || queue.seqno() == 1);
    }
}

void a_chip_that_explores_is_not_saved(void **) {
    Rig r(seed_plan(1));
    neuron_chip_pause(r.m.chip);
    char error[256];
    const auto drop = [](void *, const void *, std::size_t) { return 0; };
    assert_int_equal(neuron_chip_save(r.m.chip, drop, nullptr, error, sizeof error), -ENOTSUP);
    assert_string_equal(error, "fault plan: a chip with one is not saved");
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_words_are_read),
        cmocka_unit_test(what_is_no_exploring_is_named),
        cmocka_unit_test(a_threaded_chip_refuses),
        cmocka_unit_test(the_report_says_what_was_chosen),
        cmocka_unit_test(all_work_is_done_under_each_seed),
        cmocka_unit_test(a_seed_gives_the_same_run),
        cmocka_unit_test(only_what_is_meant_is_chosen),
        cmocka_unit_test(the_registers_have_the_same_report),
        cmocka_unit_test(a_register_access_comes_behind_doorbells),
        cmocka_unit_test(a_doorbell_that_is_a_register_may_be_late_too),
        cmocka_unit_test(no_interrupt_comes_across_a_reset_or_a_stop),
        cmocka_unit_test(a_register_read_comes_behind_interrupts),
        cmocka_unit_test(another_plan_lets_out_what_is_held_back),
        cmocka_unit_test(the_host_is_kicked_for_what_is_held_back),
        cmocka_unit_test(a_chip_that_explores_is_not_saved),
    };
    return cmocka_run_group_tests_name("chip exploring", tests, nullptr, nullptr);
}
