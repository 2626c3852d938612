// SPDX-License-Identifier: MIT
// Priorities of queues: who gets the chip's attention, and who gets cores.
#include "chip_program.hpp"

namespace {

using namespace chip_test;
using spec::Fault;
using spec::QueuePriority;
using spec::QueueState;

constexpr QueuePriority LOW = QueuePriority::LOW, NORMAL = QueuePriority::NORMAL, HIGH = QueuePriority::HIGH;

Program endless_program() {
    Program p;
    p.add(Engine::SP, jump(0));
    p.add(Engine::PE, jump(0));
    return p;
}

/// A transfer after the other for ever, with sequencers that only wait for them.
Program endless_transfers() {
    Program p;
    p.add(Engine::SP, load(tile(128, 1024), mem(0, 1024), 3, add(1, 1)));
    p.add(Engine::SP, nop(take(1, 1))).add(Engine::SP, jump(0));
    return p;
}

Program short_program() {
    Program p;
    p.add(Engine::SP, nop()).add(Engine::SP, end());
    return p;
}

spec::Mem word(std::uint64_t offset) {
    spec::Mem m = mem(0, 1, 4, static_cast<std::int64_t>(offset));
    m.dtype = spec::raw(spec::Dtype::U32);
    return m;
}

/// Runs until word `gate` of the data is not 0.
Program gated_program(std::uint64_t gate = 0) {
    Program p;
    p.add(Engine::SP, spec::InsnMemLoad{.rd = 1, .src = word(4 * gate)});
    p.add(Engine::SP, branch(spec::Cond::EQ, 1, 0, 0)).add(Engine::SP, end());
    return p;
}

Mode with_threads(void **state, std::uint32_t threads) {
    Mode mode = mode_of(state);
    mode.threads = threads;
    mode.cores = 4;
    return mode;
}

/// Tenants of one chip: each with a context and a queue of a priority.
class Tenants {
public:
    /// On one thread, so that not everybody can have one.
    Tenants(void **state, std::initializer_list<QueuePriority> priorities, std::uint32_t threads = 1)
        : stepped_(mode_of(state).stepped), m(with_threads(state, threads)) {
        std::uint32_t index = 0;
        for (const QueuePriority priority : priorities) {
            runners_.push_back(std::make_unique<Runner>(m, index, index, index * 4 * MiB,
                                                        QueueOptions{.vector = index + 1, .priority = priority}));
            ++index;
        }
    }
    ~Tenants() {
        for (auto &runner : runners_)
            runner->queue.disable();
        m.settle();
    }
    Runner &operator[](std::size_t i) { return *runners_[i]; }
    void launch(std::size_t i, const Program &program, std::uint32_t cores) {
        (*this)[i].queue.submit((*this)[i].prepare(program, {Runner::DATA}, cores));
    }
    std::uint64_t progress(std::uint32_t queue) { return m.r64(reg::QUEUE_PROGRESS(queue)); }
    bool waits(std::uint32_t queue) {
        return (m.r32(reg::QUEUE_STATUS(queue)) & field::QUEUE_STATUS_WAITING.mask) != 0;
    }
    bool has_cores(std::uint32_t queue) { return m.r64(reg::QUEUE_CORE_NS(queue)) != 0; }
    bool try_until(const std::function<bool()> &done) {
        return eventually([&] {
            if (stepped_)
                neuron_chip_run(m.chip, 30);
            return done();
        });
    }
    void until(const std::function<bool()> &done) { assert_true(try_until(done)); }
    void runs(std::uint32_t queue, std::uint64_t steps = 1000) {
        const std::uint64_t before = progress(queue);
        until([&] { return progress(queue) > before + steps; });
    }

private:
    bool stepped_;

public:
    Machine m;

private:
    std::vector<std::unique_ptr<Runner>> runners_;
};

void packets_of_the_more_urgent_go_first(void **state) {
    for (const auto &[first, second] : {std::pair{NORMAL, LOW}, {HIGH, NORMAL}, {HIGH, LOW}}) {
        Tenants t(state, {second, first});
        t.launch(0, endless_program(), 1);
        t.runs(0);
        for (int i = 0; i < 16; ++i)
            t[1].queue.push(spec::PacketNop{});
        // Between the doorbell and the last packet the other one does not advance, but for the step in flight.
        std::uint64_t others = 0;
        std::atomic<bool> begun = false;
        t.m.host.on_irq = [&](std::uint32_t) {
            const std::uint64_t now = t.progress(0);
            if (begun.exchange(true))
                assert_int_equal(now, others);
            others = now;
        };
        t[1].queue.ring();
        t.until([&] { return t[1].queue.seqno() == 16 && t.m.host.irqs(2) == 16; });
        t.m.host.on_irq = {};
        t.runs(0); // and now it goes on
    }
}

void a_launch_and_its_transfers_are_as_urgent_as_its_queue(void **state) {
    for (const Program &urgent : {endless_program(), endless_transfers()}) {
        for (const Program &other : {endless_program(), endless_transfers()}) {
            for (const auto &[first, second] : {std::pair{NORMAL, LOW}, {HIGH, NORMAL}}) {
                Tenants t(state, {second, first});
                t.launch(0, other, 1);
                t.runs(0, 20);
                t.launch(1, urgent, 2);
                t.until([&] { return t.has_cores(1); });
                t.runs(1, 20);
                const std::uint64_t before = t.progress(0);
                t.runs(1, 200);
                // The urgent program's sequencer sleeps while its transfer runs, and is awake before that has ended.
                assert_int_equal(t.progress(0), before);
                t[1].queue.disable();
                t.runs(0, 20);
            }
        }
    }
}

void equals_share(void **state) {
    for (const QueuePriority priority : {LOW, NORMAL, HIGH}) {
        Tenants t(state, {priority, priority, priority});
        t.launch(0, endless_program(), 1);
        t.launch(1, endless_program(), 2);
        t.runs(0);
        t.runs(1);
        t[2].queue.submit(spec::PacketNop{});
        t.until([&] { return t[2].queue.head() == 1; });
        t.runs(1);
        t.runs(0);
    }
}

void cores_go_to_the_more_urgent_in_line(void **state) {
    Tenants t(state, {LOW, LOW, NORMAL, NORMAL, HIGH});
    t.launch(0, endless_program(), 1);
    t.until([&] { return t.has_cores(0); });
    for (const std::uint32_t i : {1U, 2U, 3U, 4U}) {
        t.launch(i, short_program(), 1);
        t.until([&] { return t.waits(i); });
    }
    std::vector<std::uint32_t> order;
    t.m.host.on_irq = [&](std::uint32_t vector) { order.push_back(vector - 1); };
    t[0].queue.disable();
    t.m.settle();
    t.m.host.on_irq = {};
    assert_true((order == std::vector<std::uint32_t>{4, 2, 3, 1}));
}

// With threads for all, for nobody here would let the others near the line otherwise.
void a_latecomer_does_not_get_what_a_more_urgent_one_waits_for(void **state) {
    Tenants t(state, {LOW, HIGH, LOW, NORMAL}, 4);
    t.launch(0, gated_program(), 1);
    t.until([&] { return t.has_cores(0); });
    t.launch(1, short_program(), 3);
    t.until([&] { return t.waits(1); });
    t.launch(2, short_program(), 2); // core 1 is free, but not for this one
    t.until([&] { return t.waits(2); });
    t.launch(3, short_program(), 4); // which nobody waits for
    t.until([&] { return t[3].queue.seqno() == 1; });
    assert_true(t.waits(1) && t.waits(2));
    t[0].set_word(0, 1);
    t.m.settle();
    for (std::size_t i = 0; i < 4; ++i)
        assert_int_equal(t[i].queue.seqno(), 1);
}

void the_urgent_latecomer_gets_what_others_wait_for(void **state) {
    Tenants t(state, {LOW, LOW, HIGH});
    t.launch(0, endless_program(), 1);
    t.until([&] { return t.has_cores(0); });
    t.launch(1, short_program(), 3);
    t.until([&] { return t.waits(1); });
    t.launch(2, short_program(), 2); // core 1 is free
    t.until([&] { return t[2].queue.seqno() == 1; });
    assert_true(t.waits(1));
    t[0].queue.disable();
    t.until([&] { return t[1].queue.seqno() == 1; });
}

// LOW holds what HIGH waits for, and NORMAL would keep LOW from ever giving it back.
void who_is_in_the_way_is_as_urgent_as_who_waits(void **state) {
    Tenants t(state, {LOW, NORMAL, HIGH});
    t.launch(0, endless_program(), 1);
    t.until([&] { return t.has_cores(0); });
    t.launch(1, endless_program(), 2);
    t.until([&] { return t.has_cores(1); });
    t.runs(1);
    const std::uint64_t stuck = t.progress(0);
    t.runs(1);
    assert_int_equal(t.progress(0), stuck);
    t.launch(2, short_program(), 1);
    t.until([&] { return t.waits(2); });
    t.runs(0);
    // What is lent is given back when nobody waits any more.
    t[2].queue.disable();
    t.until([&] { return !t[2].queue.busy(); });
    t.runs(1);
    const std::uint64_t again = t.progress(0);
    t.runs(1);
    assert_int_equal(t.progress(0), again);
}

void a_loan_ends_with_the_launch(void **state) {
    Tenants t(state, {LOW, NORMAL, HIGH});
    t.launch(0, gated_program(0), 1);
    t.until([&] { return t.has_cores(0); });
    t.launch(1, endless_program(), 2);
    t.until([&] { return t.has_cores(1); });
    t[0].queue.submit(spec::PacketNop{}); // right behind
    t.launch(2, short_program(), 1);
    t.until([&] { return t.waits(2); });
    t[0].set_word(0, 1);
    t.until([&] { return t[2].queue.seqno() == 1; });
    // It has given the cores back, and stands in nobody's way any more: not even its completion is urgent now.
    t.runs(1);
    assert_int_equal(t[0].queue.head(), 0);
    t[1].queue.disable();
    t.until([&] { return t[0].queue.head() == 2; });
}

// Nothing that the driver waits for depends on how busy the urgent ones are.
void control_is_never_starved(void **state) {
    Tenants t(state, {LOW, HIGH, NORMAL});
    t.launch(0, endless_transfers(), 1);
    t.runs(0, 20);
    t.launch(1, endless_program(), 2);
    t.until([&] { return t.has_cores(1); });
    t.runs(1);
    // A queue comes to rest,
    t[0].queue.disable();
    t.until([&] { return !t[0].queue.busy(); });
    assert_false(t.m.context_busy(0));
    // a fault is reported,
    t.m.doorbell(2, 2, 99);
    t.until([&] { return t.m.event_count() == 1; });
    assert_int_equal(t.m.event(0).code, Fault::DOORBELL_RANGE);
    // memory is scrubbed,
    *t.m.hbm(20 * MiB) = std::byte{1};
    t.m.w64(reg::GLOBAL_SCRUB_ADDR, 20 * MiB);
    t.m.w64(reg::GLOBAL_SCRUB_BYTES, PAGE);
    t.m.w32(reg::GLOBAL_SCRUB_CTRL, 1);
    t.until([&] { return t.m.r32(reg::GLOBAL_SCRUB_CTRL) == 0; });
    assert_int_equal(*t.m.hbm(20 * MiB), std::byte{0});
    // a context is switched off,
    assert_int_equal(t.m.state(1), QueueState::RUNNING);
    t[1].ctx.disable();
    t.until([&] { return !t.m.context_busy(1); });
    // and the device reset.
    Tenants u(state, {HIGH});
    u.launch(0, endless_program(), 1);
    u.runs(0);
    neuron_chip_reset(u.m.chip);
    u.until([&] { return u.m.ready(); });
}

void a_queue_takes_its_new_priority(void **state) {
    Tenants t(state, {LOW, NORMAL});
    const std::uint32_t cfg = t.m.r32(reg::QUEUE_CFG(0)) & ~static_cast<std::uint32_t>(field::QUEUE_CFG_PRIORITY.mask);
    t[0].queue.disable();
    t.m.w32(reg::QUEUE_CFG(0), cfg | field::QUEUE_CFG_PRIORITY.set(spec::raw(HIGH)));
    t[0].queue.enable();
    t.launch(1, endless_program(), 1);
    t.runs(1);
    t.launch(0, endless_program(), 2);
    t.until([&] { return t.has_cores(0); });
    t.runs(0);
    const std::uint64_t other = t.progress(1);
    t.runs(0);
    assert_int_equal(t.progress(1), other);
    t[0].queue.disable();
    t.until([&] { return !t[0].queue.busy(); });
    t.m.w32(reg::QUEUE_CFG(0), cfg | field::QUEUE_CFG_PRIORITY.set(spec::raw(LOW)));
    t[0].queue.enable();
    t.runs(1);
    t.launch(0, short_program(), 2);
    t.runs(1);
    assert_int_equal(t[0].queue.head(), 0);
}

// Many short launches on cores that overlap, of all priorities and on several threads.
void launches_of_all_priorities_end(void **state) {
    Mode mode = mode_of(state);
    mode.cores = 4;
    Machine m(mode);
    std::vector<std::unique_ptr<Runner>> runners;
    for (std::uint32_t i = 0; i < 6; ++i)
        runners.push_back(std::make_unique<Runner>(m, i, i, i * 4 * MiB,
                                                   QueueOptions{.priority = static_cast<QueuePriority>(i % 3)}));
    std::mt19937 random(3);
    for (int round = 0; round < 20; ++round) {
        for (auto &runner : runners) {
            for (int i = 0; i < 4; ++i) {
                const auto mask = static_cast<std::uint32_t>(1 + random() % 15);
                runner->queue.submit(runner->prepare(short_program(), {Runner::DATA}, mask));
            }
        }
        m.settle();
        for (auto &runner : runners)
            assert_int_equal(runner->queue.seqno(), (round + 1) * 4);
    }
    assert_int_equal(m.event_count(), 0);
}

void the_order_depends_on_the_seed_alone(void **) {
    const auto order = [](std::uint64_t seed) {
        Machine m({.stepped = true, .seed = seed, .cores = 4});
        std::vector<std::unique_ptr<Runner>> runners;
        for (std::uint32_t i = 0; i < 6; ++i)
            runners.push_back(std::make_unique<Runner>(m, i, i, i * 4 * MiB,
                                                       QueueOptions{.priority = static_cast<QueuePriority>(i % 3)}));
        m.host.tracing = true;
        for (auto &runner : runners) {
            runner->queue.submit(runner->prepare(short_program(), {Runner::DATA}, 3));
            runner->queue.submit(runner->prepare(short_program(), {Runner::DATA}, 6));
        }
        m.settle();
        return m.host.trace();
    };
    assert_true(order(1) == order(1));
    assert_true(order(1) != order(2));
}

} // namespace

int main() {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const CMUnitTest tests[] = {
        IN_BOTH_MODES(packets_of_the_more_urgent_go_first),
        IN_BOTH_MODES(a_launch_and_its_transfers_are_as_urgent_as_its_queue),
        IN_BOTH_MODES(equals_share),
        IN_BOTH_MODES(cores_go_to_the_more_urgent_in_line),
        ONLY_THREADED(a_latecomer_does_not_get_what_a_more_urgent_one_waits_for),
        IN_BOTH_MODES(the_urgent_latecomer_gets_what_others_wait_for),
        IN_BOTH_MODES(who_is_in_the_way_is_as_urgent_as_who_waits),
        IN_BOTH_MODES(a_loan_ends_with_the_launch),
        IN_BOTH_MODES(control_is_never_starved),
        IN_BOTH_MODES(a_queue_takes_its_new_priority),
        IN_BOTH_MODES(launches_of_all_priorities_end),
        cmocka_unit_test(the_order_depends_on_the_seed_alone),
    };
    return cmocka_run_group_tests_name("chip priorities", tests, nullptr, nullptr);
}
