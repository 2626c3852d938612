// SPDX-License-Identifier: MIT
// Interrupts that are held back: how many go out and when, that none is lost, and that none outlives its queue.
#include "chip_program.hpp"

#include <filesystem>

namespace {

using namespace chip_test;
using spec::Fault;
using spec::QueueState;

constexpr std::uint32_t LONG = 65535; ///< microseconds

std::uint32_t coalesce(std::uint32_t count, std::uint32_t usecs) {
    return field::QUEUE_COALESCE_COUNT.set(count) | field::QUEUE_COALESCE_USECS.set(usecs);
}

Program endless_program() {
    Program p;
    p.add(Engine::SP, jump(0));
    return p;
}

/// A queue with a ring of 64 on one thread, which an endless program can occupy.
struct Held {
    explicit Held(const Mode &mode) : stepped(mode.stepped), m(one_thread(mode)), r(m, 1, 0, 0, {.log2 = 6}) {}
    static Mode one_thread(Mode mode) {
        mode.threads = 1;
        return mode;
    }
    void set(std::uint32_t count, std::uint32_t usecs) { m.w32(reg::QUEUE_COALESCE(0), coalesce(count, usecs)); }
    void push(unsigned packets) {
        for (unsigned i = 0; i < packets; ++i)
            r.queue.push(spec::PacketNop{});
    }
    /// `packets` that have retired, and behind them one that does not end.
    void hold(unsigned packets) {
        push(packets);
        r.queue.push(r.prepare(endless_program()));
        r.queue.ring();
        until([&] { return m.r64(reg::QUEUE_CORE_NS(0)) != 0; });
    }
    void until(const std::function<bool()> &done) {
        assert_true(eventually([&] {
            if (stepped)
                neuron_chip_run(m.chip, 100);
            return done();
        }));
    }
    void stop() {
        r.queue.disable();
        m.settle();
    }
    unsigned irqs() const { return m.host.irqs(1); }

    bool stepped;
    Machine m;
    Runner r;
};

void a_count_of_interrupts_becomes_one(void **) {
    for (const unsigned packets : {1U, 3U, 4U, 5U, 8U, 41U}) {
        Held h(STEPPED);
        h.set(4, LONG);
        h.push(packets);
        h.r.queue.ring();
        h.m.settle();
        assert_int_equal(h.r.queue.seqno(), packets);
        assert_int_equal(h.irqs(), (packets + 3) / 4);
    }
}

void the_last_packet_lets_them_out(void **state) {
    Held h(mode_of(state));
    h.set(60, LONG);
    std::uint64_t seen = 0;
    h.m.host.on_irq = [&](std::uint32_t vector) { seen = vector == 1 ? h.r.queue.seqno() : seen; };
    h.push(20);
    h.r.queue.ring();
    h.m.settle();
    assert_int_equal(seen, 20);
    assert_in_range(h.irqs(), 1, 20);
    if (h.stepped)
        assert_int_equal(h.irqs(), 1);
}

void so_does_a_last_packet_that_has_none(void **state) {
    Held h(mode_of(state));
    h.set(60, LONG);
    h.push(3);
    h.r.queue.push_unflagged(spec::PacketNop{});
    h.r.queue.ring();
    h.m.settle(); // waits for no timer
    assert_in_range(h.irqs(), 1, 3);
    if (h.stepped)
        assert_int_equal(h.irqs(), 1);
}

void small_numbers_hold_nothing_back(void **state) {
    for (const auto &[count, usecs] : {std::pair{0U, LONG}, {1U, LONG}, {60U, 0U}, {0U, 0U}}) {
        Held h(mode_of(state));
        h.set(count, usecs);
        h.push(20);
        h.r.queue.ring();
        h.m.settle();
        assert_int_equal(h.irqs(), 20);
    }
}

// Though the only thread never comes to rest.
void one_is_held_back_no_longer_than_wanted(void **state) {
    Held h(mode_of(state));
    constexpr std::uint32_t USECS = 2000;
    h.set(60, USECS);
    using Clock = std::chrono::steady_clock;
    std::atomic<Clock::rep> seen = 0;
    h.m.host.on_irq = [&](std::uint32_t) { seen = Clock::now().time_since_epoch().count(); };
    const auto before = Clock::now().time_since_epoch().count();
    const std::uint64_t clock = h.m.r64(reg::GLOBAL_CLOCK_NS);
    h.hold(3);
    if (h.stepped) { // step by step: not one too early, and as soon as somebody looks
        while (h.irqs() == 0)
            assert_int_equal(neuron_chip_run(h.m.chip, 1), 1);
        const std::uint64_t passed = h.m.r64(reg::GLOBAL_CLOCK_NS) - clock;
        assert_in_range(passed, USECS * 1000, USECS * 1000 + 20'000);
    } else {
        h.until([&] { return h.irqs() != 0; });
        assert_true(std::chrono::nanoseconds(seen - before) >= std::chrono::microseconds(USECS));
    }
    h.until([&] { return h.m.r64(reg::GLOBAL_CLOCK_NS) > clock + 3 * USECS * 1000; });
    assert_int_equal(h.irqs(), 1); // for all three
    h.stop();
    assert_int_equal(h.irqs(), 1);
}

void a_write_lets_them_out(void **state) {
    Held h(mode_of(state));
    h.set(60, LONG);
    h.hold(3);
    const unsigned before = h.irqs();
    if (h.stepped)
        assert_int_equal(before, 0);
    h.set(60, LONG);
    if (h.stepped) { // and not by the time
        neuron_chip_run(h.m.chip, 10);
        assert_int_equal(h.irqs(), 1);
    }
    h.until([&] { return h.irqs() != 0; });
    h.stop();
    // Nothing held, nothing to let out.
    const unsigned after = h.irqs();
    h.set(0, 0);
    h.m.settle();
    assert_int_equal(h.irqs(), after);
}

void the_register_may_be_written_at_any_time(void **state) {
    Held h(mode_of(state));
    h.set(7, 9);
    assert_int_equal(h.m.r32(reg::QUEUE_COALESCE(0)), coalesce(7, 9));
    assert_int_equal(h.m.r32(reg::QUEUE_COALESCE(1)), 0);
    h.r.queue.disable();
    assert_int_equal(h.m.r32(reg::QUEUE_COALESCE(0)), coalesce(7, 9));
    h.set(3, LONG);
    h.r.queue.enable();
    h.push(3);
    h.r.queue.ring();
    h.m.settle();
    assert_int_equal(h.m.bad(), 0);
    assert_true(h.irqs() != 0);
    neuron_chip_reset(h.m.chip);
    assert_int_equal(h.m.r32(reg::QUEUE_COALESCE(0)), 0);
}

/// Longer than anything may be held back.
void wait_for_the_timer(Held &h) {
    if (!h.stepped)
        std::this_thread::sleep_for(std::chrono::microseconds(2 * LONG));
    h.m.settle();
}

void a_disabled_queue_is_silent(void **state) {
    Held h(mode_of(state));
    h.set(60, LONG);
    h.hold(3);
    h.r.queue.disable();
    h.until([&] { return !h.r.queue.busy(); });
    const unsigned after = h.irqs(); // not 0 if the host was slow
    if (h.stepped)
        assert_int_equal(after, 0);
    wait_for_the_timer(h);
    assert_int_equal(h.irqs(), after);
    h.r.queue.enable();
    wait_for_the_timer(h);
    assert_int_equal(h.irqs(), after);
    assert_int_equal(h.r.queue.run(spec::PacketNop{}), Fault::NONE);
    assert_int_equal(h.irqs(), after + 1);
}

void a_reset_silences_all(void **state) {
    Held h(mode_of(state));
    h.set(60, LONG);
    h.hold(3);
    neuron_chip_reset(h.m.chip);
    const unsigned after = h.irqs();
    if (h.stepped)
        assert_int_equal(after, 0);
    h.m.settle();
    wait_for_the_timer(h);
    assert_int_equal(h.irqs(), after);
}

void a_fault_lets_out_what_came_before(void **state) {
    Held h(mode_of(state));
    h.set(60, LONG);
    h.push(3);
    h.r.queue.push(spec::PacketFence{.addr = 4});
    h.r.queue.ring();
    h.m.settle();
    assert_int_equal(h.m.state(0), QueueState::FAULTED);
    assert_int_equal(h.m.event_count(), 1);
    assert_int_equal(h.m.host.irqs(0), 1); // not held back
    assert_in_range(h.irqs(), 1, 3);
    if (h.stepped)
        assert_int_equal(h.irqs(), 1);
    assert_int_equal(h.r.queue.seqno(), 3);
}

void so_does_the_fault_of_another_queue(void **state) {
    Held h(mode_of(state));
    TestQueue other(h.m, 5, 1, {.vector = 2});
    h.set(60, LONG);
    h.hold(3);
    h.m.doorbell(1, 5, 99);
    h.m.settle();
    assert_int_equal(h.m.state(0), QueueState::STOPPED);
    assert_in_range(h.irqs(), 1, 3);
    if (h.stepped)
        assert_int_equal(h.irqs(), 1);
    assert_int_equal(h.m.host.irqs(2), 0);
}

void queues_of_a_vector_are_held_back_apart(void **) {
    Held h(STEPPED);
    TestQueue other(h.m, 5, 1);
    h.set(60, LONG);
    h.hold(3);
    for (unsigned i = 1; i < 5; ++i) {
        other.submit(spec::PacketNop{});
        h.until([&] { return other.seqno() == i && !other.busy(); });
        assert_int_equal(h.irqs(), i);
    }
    h.stop();
}

// Whoever sleeps until an interrupt, and then looks at the seqno, must not sleep for ever.
void no_completion_is_missed(void **state) {
    Mode mode = mode_of(state);
    Machine m(mode);
    Context ctx(m, 1);
    TestQueue a(m, 0, 1, {.log2 = 6, .vector = 1}), b(m, 1, 1, {.log2 = 6, .vector = 2});
    std::mt19937 random(7);
    std::uint64_t targets[2]{};
    for (int round = 0; round < 400; ++round) {
        if (round % 3 == 0)
            m.w32(reg::QUEUE_COALESCE(random() % 2), coalesce(random() % 12, random() % 2 != 0 ? random() % 50 : LONG));
        unsigned before[2] = {m.host.irqs(1), m.host.irqs(2)};
        for (int i = 0; i < 2; ++i) {
            TestQueue &queue = i == 0 ? a : b;
            const unsigned batches = 1 + random() % 3;
            for (unsigned batch = 0; batch < batches; ++batch) {
                for (unsigned n = 1 + random() % 10; n != 0; --n)
                    if (random() % 4 != 0 || n == 1)
                        queue.push(spec::PacketNop{});
                    else
                        queue.push_unflagged(spec::PacketNop{});
                queue.ring();
            }
            targets[i] = queue.tail();
        }
        for (int i = 0; i < 2; ++i) {
            TestQueue &queue = i == 0 ? a : b;
            const auto vector = static_cast<std::uint32_t>(i + 1);
            while (queue.seqno() != targets[i]) {
                assert_true(eventually([&] {
                    if (mode.stepped)
                        neuron_chip_run(m.chip, 10);
                    return m.host.irqs(vector) != before[i];
                }));
                before[i] = m.host.irqs(vector);
            }
        }
    }
    m.settle();
    assert_int_equal(m.event_count(), 0);
}

std::size_t threads_of_this_process() {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

void who_does_not_use_it_does_not_pay(void **) {
    const std::size_t before = threads_of_this_process();
    Held h(THREADED);
    h.push(10);
    h.r.queue.ring();
    h.m.settle();
    assert_int_equal(threads_of_this_process(), before + 1);
    h.set(60, LONG);
    h.hold(1);
    assert_int_equal(threads_of_this_process(), before + 2);
    h.stop();
}

void the_same_seed_holds_back_the_same(void **) {
    const auto trace = [](std::uint64_t seed) {
        Machine m({.stepped = true, .seed = seed});
        Context ctx(m, 1);
        TestQueue a(m, 0, 1, {.log2 = 6}), b(m, 1, 1, {.log2 = 6, .vector = 2});
        m.w32(reg::QUEUE_COALESCE(0), coalesce(5, 3));
        m.w32(reg::QUEUE_COALESCE(1), coalesce(9, 1));
        m.host.tracing = true;
        for (int i = 0; i < 40; ++i) {
            a.push(spec::PacketNop{});
            b.push(spec::PacketNop{});
        }
        a.ring();
        b.ring();
        m.settle();
        return std::pair(m.host.trace(), m.r64(reg::GLOBAL_CLOCK_NS));
    };
    assert_true(trace(1) == trace(1));
    assert_true(trace(1) != trace(2));
}

} // namespace

int main() {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_count_of_interrupts_becomes_one),
        IN_BOTH_MODES(the_last_packet_lets_them_out),
        IN_BOTH_MODES(so_does_a_last_packet_that_has_none),
        IN_BOTH_MODES(small_numbers_hold_nothing_back),
        IN_BOTH_MODES(one_is_held_back_no_longer_than_wanted),
        IN_BOTH_MODES(a_write_lets_them_out),
        IN_BOTH_MODES(the_register_may_be_written_at_any_time),
        IN_BOTH_MODES(a_disabled_queue_is_silent),
        IN_BOTH_MODES(a_reset_silences_all),
        IN_BOTH_MODES(a_fault_lets_out_what_came_before),
        IN_BOTH_MODES(so_does_the_fault_of_another_queue),
        cmocka_unit_test(queues_of_a_vector_are_held_back_apart),
        IN_BOTH_MODES(no_completion_is_missed),
        cmocka_unit_test(who_does_not_use_it_does_not_pay),
        cmocka_unit_test(the_same_seed_holds_back_the_same),
    };
    return cmocka_run_group_tests_name("chip interrupts held back", tests, nullptr, nullptr);
}
