// SPDX-License-Identifier: MIT
// Stopping, resetting, and the two ways to run the chip.
#include "chip_program.hpp"

namespace {

using namespace chip_test;
using spec::Fault;
using spec::QueueState;

Program endless() {
    Program p;
    for (const Engine engine : {Engine::PE, Engine::DVE})
        p.add(engine, jump(0));
    // A sequencer that floods a ring, and one that waits for ever.
    p.add(Engine::SP, load(tile(128, 512), mem(0, 512), 0)).add(Engine::SP, jump(0));
    p.add(Engine::ACT, end(wait_ge(1, 1)));
    return p;
}

void work(Machine &m, const Mode &mode) {
    if (mode.stepped)
        neuron_chip_run(m.chip, 2000);
    else
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

// Whether `done` comes true while the chip works; a host with much else to do may take its time.
bool soon(Machine &m, const Mode &mode, const std::function<bool()> &done) {
    return eventually([&] {
        if (mode.stepped)
            neuron_chip_run(m.chip, 100);
        return done();
    });
}

// ---- stopping -------------------------------------------------------------------------------------------------------

void an_endless_launch_can_be_stopped(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    r.queue.submit(r.prepare(endless(), {Runner::DATA}, 3));
    assert_true(soon(m, mode_of(state), [&] { return m.r64(reg::QUEUE_PROGRESS(0)) > 0; }));
    assert_int_equal(r.queue.state(), QueueState::RUNNING);
    assert_true(r.queue.busy());
    const std::uint64_t progress = m.r64(reg::QUEUE_PROGRESS(0));
    assert_true(soon(m, mode_of(state), [&] { return m.r64(reg::QUEUE_PROGRESS(0)) > progress; }));
    r.queue.disable();
    assert_int_equal(r.queue.state(), QueueState::DISABLED);
    m.settle();
    assert_false(r.queue.busy());
    assert_false(m.context_busy(1));
    assert_int_equal(r.queue.head(), 0);
    assert_int_equal(m.event_count(), 0);
    Program good;
    good.add(Engine::SP, end());
    r.queue.enable();
    assert_int_equal(r.run(good, {Runner::DATA}, 3), Fault::NONE);
}

void a_stop_is_quick(void **) {
    Machine m;
    Runner r(m);
    r.queue.submit(r.prepare(endless(), {Runner::DATA}, 3));
    work(m, THREADED);
    const auto start = std::chrono::steady_clock::now();
    r.queue.disable();
    assert_true(eventually([&] { return !r.queue.busy(); }));
    assert_true(std::chrono::steady_clock::now() - start < std::chrono::seconds(2));
}

void huge_packets_can_be_stopped(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    const std::uint32_t many = 0xffffffff;
    const spec::PacketCopyStrided strided{.row_bytes = 1,
                                          .src = Runner::DATA,
                                          .dst = Runner::DATA + 4096,
                                          .count = {many, many, many},
                                          .src_stride = {},
                                          .dst_stride = {}};
    r.queue.submit(strided);
    work(m, mode_of(state));
    assert_true(r.queue.busy());
    r.queue.disable();
    m.settle();
    assert_false(r.queue.busy());
}

void a_launch_in_line_for_cores_can_be_stopped(void **state) {
    Machine m(mode_of(state));
    Runner holder(m, 1, 0, 0);
    Runner waiter(m, 2, 1, 4 * MiB);
    Runner third(m, 3, 2, 8 * MiB);
    Program good;
    good.add(Engine::SP, end());
    holder.queue.submit(holder.prepare(endless(), {Runner::DATA}, 1));
    work(m, mode_of(state));
    waiter.queue.submit(waiter.prepare(good, {Runner::DATA}, 3));
    work(m, mode_of(state));
    third.queue.submit(third.prepare(good, {Runner::DATA}, 2)); // behind the waiter
    work(m, mode_of(state));
    assert_int_equal(waiter.queue.head(), 0);
    assert_int_equal(third.queue.head(), 0);
    waiter.queue.disable();
    assert_true(soon(m, mode_of(state), [&] { return !waiter.queue.busy(); }));
    assert_true(soon(m, mode_of(state), [&] { return third.queue.head() == 1; })); // core 1 was free all the time
    holder.queue.disable();
    m.settle();
    waiter.queue.enable();
    assert_int_equal(waiter.run(good, {Runner::DATA}, 3), Fault::NONE);
}

void a_disabled_context_stops_its_queues(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    TestQueue second(m, 5, 1);
    r.queue.submit(r.prepare(endless()));
    work(m, mode_of(state));
    r.ctx.disable();
    assert_int_equal(r.queue.state(), QueueState::STOPPED);
    assert_int_equal(second.state(), QueueState::STOPPED);
    m.settle();
    assert_false(m.context_busy(1));
    assert_int_equal(m.event_count(), 0);
}

void nothing_is_touched_after_busy_has_fallen(void **) {
    Machine m;
    Runner r(m);
    for (int round = 0; round < 20; ++round) {
        r.queue.submit(r.prepare(endless(), {Runner::DATA}, 3));
        std::this_thread::sleep_for(std::chrono::microseconds(200 * round));
        r.queue.disable();
        assert_true(eventually([&] { return !r.queue.busy(); }));
        const std::uint64_t transfers = m.host.transfers;
        r.set_word(0, static_cast<std::uint32_t>(round)); // a race, had a DMA ring not come to rest
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        assert_int_equal(m.host.transfers, transfers);
        r.queue.enable();
        assert_int_equal(r.queue.state(), QueueState::IDLE);
    }
}

// ---- reset ----------------------------------------------------------------------------------------------------------

void reset_under_load_leaves_a_fresh_device(void **state) {
    for (const bool by_register : {false, true}) {
        Machine m(mode_of(state));
        Runner r(m, 1, 0, 0);
        Runner s(m, 2, 1, 8 * MiB);
        std::memset(r.data(0), 0x77, 4096);
        r.queue.submit(r.prepare(endless()));
        s.queue.submit(spec::PacketCopyStrided{.row_bytes = 64,
                                               .src = Runner::DATA,
                                               .dst = Runner::DATA + 4096,
                                               .count = {1000, 1000, 1000},
                                               .src_stride = {},
                                               .dst_stride = {}});
        work(m, mode_of(state));
        m.r32(0x34); // a bad access, to be forgotten
        if (by_register)
            m.w32(reg::GLOBAL_CTRL, field::GLOBAL_CTRL_RESET.mask);
        else
            neuron_chip_reset(m.chip);
        assert_int_equal(m.state(0), QueueState::DISABLED);
        m.settle();
        assert_true(m.ready());
        assert_false(r.queue.busy());
        assert_int_equal(m.bad(), 0);
        assert_int_equal(m.r64(reg::GLOBAL_EVENT_RING_BASE), 0);
        assert_int_equal(m.r64(reg::QUEUE_RING_BASE(0)), 0);
        assert_int_equal(m.r64(reg::QUEUE_PROGRESS(0)), 0);
        assert_int_equal(m.r32(reg::CTX_STATUS(1)), 0);
        assert_int_equal(*m.hbm(5), std::byte{0});
        assert_int_equal(m.host.irqs(1), 0);
        // And it works again.
        m.start_events();
        Runner again(m, 1, 0, 0);
        Program good;
        good.add(Engine::SP, end());
        assert_int_equal(again.run(good, {Runner::DATA}, 3), Fault::NONE);
    }
}

void a_reset_refuses_commands_until_ready(void **) {
    Machine m(STEPPED); // nothing moves by itself here
    Runner r(m);
    r.queue.submit(r.prepare(endless()));
    neuron_chip_run(m.chip, 100);
    neuron_chip_reset(m.chip);
    assert_false(m.ready());
    m.w32(reg::CTX_CTRL(1), 1);
    m.w64(reg::QUEUE_RING_BASE(0), 64);
    m.doorbell(1, 0, 1);
    assert_int_equal(m.bad(), 3);
    assert_int_equal(m.r64(reg::QUEUE_RING_BASE(0)), 0);
    m.settle();
    assert_true(m.ready());
    assert_int_equal(m.r64(reg::QUEUE_RING_BASE(0)), 0);
}

// A step runs under the host's big lock in stepped mode, so a reset of much memory takes several.
void a_reset_zeroes_hbm_step_by_step(void **) {
    Machine m(Mode{.stepped = true, .hbm_bytes = 1024 * MiB});
    const auto steps_to_ready = [&] {
        unsigned steps = 0;
        for (; !m.ready(); ++steps)
            assert_int_equal(neuron_chip_run(m.chip, 1), 1);
        return steps;
    };
    const std::uint64_t last = 32 * MiB - 1; // of the aperture
    *m.hbm(0) = *m.hbm(last) = std::byte{1};
    neuron_chip_reset(m.chip);
    assert_true(steps_to_ready() >= 4);
    assert_int_equal(*m.hbm(0), std::byte{0});
    assert_int_equal(*m.hbm(last), std::byte{0});
    // One that comes in the midst of another begins anew.
    neuron_chip_reset(m.chip);
    neuron_chip_run(m.chip, 2);
    assert_false(m.ready());
    *m.hbm(0) = *m.hbm(last) = std::byte{2};
    neuron_chip_reset(m.chip);
    assert_true(steps_to_ready() >= 4);
    assert_int_equal(*m.hbm(0), std::byte{0});
    assert_int_equal(*m.hbm(last), std::byte{0});
}

void resets_in_quick_succession_end(void **) {
    Machine m;
    for (int i = 0; i < 30; ++i) {
        {
            Context ctx(m, 1);
            ctx.map_host(0x1000, PAGE);
            TestQueue queue(m, 0, 1);
            for (int n = 0; n < 10; ++n)
                queue.push(spec::PacketFence{.addr = 0x1000, .value = 1});
            queue.ring();
        }
        neuron_chip_reset(m.chip);
        const unsigned irqs = m.host.irqs(1);
        neuron_chip_reset(m.chip);
        assert_true(eventually([&] { return m.ready(); }));
        assert_int_equal(m.host.irqs(1), irqs); // none of before after the first reset's return
    }
}

void destroy_under_load_ends(void **state) {
    for (int i = 0; i < 5; ++i) {
        Machine m(mode_of(state));
        Runner r(m);
        r.queue.submit(r.prepare(endless(), {Runner::DATA}, 3));
        work(m, mode_of(state));
    }
}

// ---- the two modes --------------------------------------------------------------------------------------------------

struct Outcome {
    std::vector<std::string> trace;
    Bytes memory;
    bool operator==(const Outcome &) const = default;
};

// Two contexts at work at once: a pipeline on two cores, copies, a fault at the end of one of them.
Outcome busy_scene(const Mode &mode) {
    Machine m(mode);
    Runner a(m, 1, 0, 0);
    Runner b(m, 2, 1, 8 * MiB);
    m.host.tracing = true;
    Program p;
    const std::uint16_t n = 256;
    const Header ping = sync(spec::WaitOp::TAKE, 1, 1, spec::UpdateOp::ADD, 0, 1);
    p.add(Engine::SP, nop(add(1, 1)));
    p.add(Engine::SP, load(tile(32, n), mem(0, n), 0, ping)).add(Engine::SP, alu(spec::AluOp::ADD, 1, 1, 0, 1));
    p.add(Engine::SP, branch(spec::Cond::LT, 1, 4, 1)).add(Engine::SP, end());
    const Header pong = sync(spec::WaitOp::TAKE, 0, 1, spec::UpdateOp::ADD, 1, 1);
    p.add(Engine::DVE, spec::InsnCopy{.header = pong, .dst = tile(32, n, 4096), .src = tile(32, n)});
    p.add(Engine::DVE, alu(spec::AluOp::ADD, 1, 1, 0, 1)).add(Engine::DVE, branch(spec::Cond::LT, 1, 4, 0));
    p.add(Engine::DVE, end(add(2, 1)));
    spec::Mem to = mem(0, n, 4, MiB); // each core has its own 256 KiB
    to.reg = 5;
    to.shift = 18;
    p.add(Engine::ACT, spec::InsnCoreId{.rd = 5});
    p.add(Engine::ACT, store(to, tile(32, n, 4096), 1, wait_ge(2, 1))).add(Engine::ACT, end());
    const Bytes data = random_bytes(64 * 1024, 8);
    for (Runner *r : {&a, &b}) {
        std::copy(data.begin(), data.end(), r->data(0));
        r->queue.push(r->prepare(p, {Runner::DATA}, r == &a ? 1 : 3));
        r->queue.push(spec::PacketCopy{.src = Runner::DATA + MiB, .dst = Runner::DATA + 2 * MiB, .bytes = 200'000});
        r->queue.push(spec::PacketFill{.dst = Runner::DATA + 3 * MiB, .bytes = 100'000, .pattern = 0x1234567890});
    }
    b.queue.push(spec::PacketFence{.addr = 8, .value = 0}); // not mapped
    a.queue.ring();
    b.queue.ring();
    m.settle();
    if (a.queue.seqno() != 3 || b.queue.seqno() != 3 || m.fault(1) != Fault::PAGE_NOT_MAPPED)
        throw std::runtime_error("the scene did not play");
    Outcome outcome{m.host.trace(), Bytes(16 * MiB)};
    std::copy_n(m.hbm(0), outcome.memory.size(), outcome.memory.data());
    return outcome;
}

void the_same_seed_gives_the_same_run(void **) {
    const Outcome first = busy_scene({.stepped = true, .seed = 42});
    assert_true(first == busy_scene({.stepped = true, .seed = 42}));
}

void another_seed_gives_another_order_and_the_same_results(void **) {
    const Outcome first = busy_scene({.stepped = true, .seed = 1});
    unsigned different = 0;
    for (std::uint64_t seed = 2; seed < 8; ++seed) {
        const Outcome other = busy_scene({.stepped = true, .seed = seed});
        different += other.trace != first.trace;
        assert_true(other.memory == first.memory);
    }
    assert_true(different > 0);
}

void threads_give_the_results_of_the_stepped_mode(void **) {
    const Outcome stepped = busy_scene(STEPPED);
    for (const std::uint32_t threads : {1, 2, 4})
        assert_true(busy_scene({.threads = threads}).memory == stepped.memory);
}

void stepped_mode_kicks_once_per_idle_spell(void **) {
    Machine m(STEPPED);
    Context ctx(m, 0);
    TestQueue queue(m, 0, 0);
    const unsigned before = m.host.kicks;
    queue.submit(spec::PacketNop{});
    queue.submit(spec::PacketNop{});
    assert_int_equal(m.host.kicks, before + 1);
    assert_int_equal(queue.head(), 0); // nothing runs by itself
    assert_int_equal(neuron_chip_run(m.chip, 1), 1);
    assert_true(neuron_chip_run(m.chip, 1000) < 1000);
    assert_int_equal(queue.head(), 2);
    assert_int_equal(neuron_chip_run(m.chip, 1000), 0);
    queue.submit(spec::PacketNop{});
    assert_int_equal(m.host.kicks, before + 2);
    neuron_chip_quiesce(m.chip);
    assert_int_equal(queue.head(), 3);
}

void run_does_nothing_in_threaded_mode(void **) {
    Machine m;
    assert_int_equal(neuron_chip_run(m.chip, 1000), 0);
    assert_int_equal(m.host.kicks, 0);
}

// ---- a hostile guest ------------------------------------------------------------------------------------------------

// ---- misbehaviour on purpose ----------------------------------------------------------------------------------------

void a_reset_sticks_while_wanted(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    r.queue.submit(r.prepare(endless(), {Runner::DATA}, 3));
    work(m, mode_of(state));
    assert_int_equal(neuron_chip_set_test_fault(m.chip, NEURON_CHIP_TEST_STUCK_RESET), 0);
    assert_true(m.ready()); // one that runs is not bothered
    for (int i = 0; i < 2; ++i) {
        neuron_chip_reset(m.chip);
        m.settle();
        assert_false(m.ready());
        m.w32(reg::GLOBAL_EVENT_HEAD, 1); // nor does it take commands
        assert_int_equal(m.r32(reg::GLOBAL_EVENT_HEAD), 0);
    }
    assert_int_equal(neuron_chip_set_test_fault(m.chip, 0), 0);
    m.settle();
    assert_true(m.ready());
    Runner again(m);
    assert_int_equal(again.queue.run(spec::PacketNop{}), Fault::NONE);
}

void a_queue_hangs_while_wanted(void **state) {
    Machine m(mode_of(state));
    Runner r(m, 1, 0), other(m, 2, 1, 4 * MiB);
    assert_int_equal(neuron_chip_set_test_fault(m.chip, NEURON_CHIP_TEST_HANG_STOP), 0);
    // Without work in flight there is nothing to hang.
    r.queue.disable();
    assert_false(r.queue.busy());
    r.queue.enable();
    Program good;
    good.add(Engine::SP, end());
    r.queue.submit(r.prepare(endless(), {Runner::DATA}, 1));
    work(m, mode_of(state));
    r.queue.disable();
    m.settle();
    assert_int_equal(r.queue.state(), QueueState::DISABLED);
    assert_true(r.queue.busy());
    assert_true(m.context_busy(1));
    r.queue.enable(); // refused
    assert_int_equal(r.queue.state(), QueueState::DISABLED);
    // Its core is lost for others, the rest of the chip is not.
    assert_int_equal(other.run(good, {Runner::DATA}, 2), Fault::NONE);
    other.queue.submit(other.prepare(good, {Runner::DATA}, 1));
    m.settle();
    assert_int_equal(other.queue.head(), 1);
    assert_int_equal(neuron_chip_set_test_fault(m.chip, 0), 0);
    m.settle();
    assert_false(r.queue.busy());
    assert_false(m.context_busy(1));
    assert_int_equal(other.queue.head(), 2);
    r.queue.enable();
    assert_int_equal(r.run(good), Fault::NONE);
}

void a_reset_gets_a_queue_that_hangs(void **state) {
    Machine m(mode_of(state));
    assert_int_equal(neuron_chip_set_test_fault(m.chip, NEURON_CHIP_TEST_HANG_STOP), 0);
    for (int i = 0; i < 2; ++i) { // it is still wanted after a reset
        Runner r(m);
        r.queue.submit(r.prepare(endless(), {Runner::DATA}, 3));
        work(m, mode_of(state));
        r.ctx.disable();
        m.settle();
        assert_true(r.queue.busy());
        neuron_chip_reset(m.chip);
        m.settle();
        assert_true(m.ready());
        assert_false(r.queue.busy());
        m.start_events();
    }
}

void unknown_misbehaviour_is_refused(void **) {
    Machine m;
    assert_int_equal(neuron_chip_set_test_fault(m.chip, 4), -EINVAL);
    assert_int_equal(neuron_chip_set_test_fault(m.chip, ~0U), -EINVAL);
    neuron_chip_reset(m.chip);
    m.settle();
    assert_true(m.ready());
}

// Random registers, doorbells, packets and instructions: nothing may crash, hang or leave memory, and a device that is
// reset afterwards works.
void random_abuse_is_survived(void **state) {
    const std::uint32_t rounds = mode_of(state).stepped ? 12 : 6;
    for (std::uint32_t seed = 0; seed < rounds; ++seed) {
        Machine m(mode_of(state));
        std::mt19937_64 random(seed);
        Runner r(m, 1, 0, 0);
        Program p;
        for (const Engine engine : spec::values<Engine>()) {
            for (int i = 0; i < 64; ++i) {
                Bytes raw = random_bytes(128, static_cast<std::uint32_t>(random()));
                const auto all = spec::instructions();
                raw[0] = std::byte(spec::raw(all[random() % all.size()].opcode));
                for (std::size_t at = 1; at < 128; ++at)
                    if (random() % 4 != 0)
                        raw[at] = std::byte{0};
                p.add_raw(engine, std::span<const std::byte, 128>(raw.data(), 128));
            }
        }
        const auto launch = r.prepare(p, {Runner::DATA, random(), random()}, 3);
        for (int i = 0; i < 400; ++i) {
            switch (random() % 6) {
            case 0: neuron_chip_reg_write(m.chip, random() % 0x2800 * 16 + random() % 4 * 4, random(), 4); break;
            case 1: neuron_chip_doorbell_write(m.chip, random() % 0x4000, random() % 20, 4); break;
            case 2: r.queue.submit(launch); break;
            case 3: {
                Bytes raw = random_bytes(64, static_cast<std::uint32_t>(random()));
                raw[0] = std::byte(random() % 8);
                raw[1] = raw[2] = raw[3] = std::byte{0};
                r.queue.push_raw(std::span<const std::byte, 64>(raw.data(), 64));
                r.queue.ring();
                break;
            }
            case 4:
                r.ctx.enable();
                r.restart();
                break;
            default: work(m, {.stepped = true}); break;
            }
        }
        neuron_chip_reset(m.chip);
        m.settle();
        assert_true(m.ready());
        m.start_events();
        Runner again(m, 1, 0, 0);
        Program good;
        good.add(Engine::SP, end());
        assert_int_equal(again.run(good, {Runner::DATA}, 3), Fault::NONE);
    }
}

} // namespace

int main() {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const CMUnitTest tests[] = {
        IN_BOTH_MODES(an_endless_launch_can_be_stopped),
        cmocka_unit_test(a_stop_is_quick),
        IN_BOTH_MODES(huge_packets_can_be_stopped),
        IN_BOTH_MODES(a_launch_in_line_for_cores_can_be_stopped),
        IN_BOTH_MODES(a_disabled_context_stops_its_queues),
        cmocka_unit_test(nothing_is_touched_after_busy_has_fallen),
        IN_BOTH_MODES(reset_under_load_leaves_a_fresh_device),
        cmocka_unit_test(a_reset_refuses_commands_until_ready),
        cmocka_unit_test(a_reset_zeroes_hbm_step_by_step),
        cmocka_unit_test(resets_in_quick_succession_end),
        IN_BOTH_MODES(destroy_under_load_ends),
        cmocka_unit_test(the_same_seed_gives_the_same_run),
        cmocka_unit_test(another_seed_gives_another_order_and_the_same_results),
        cmocka_unit_test(threads_give_the_results_of_the_stepped_mode),
        cmocka_unit_test(stepped_mode_kicks_once_per_idle_spell),
        cmocka_unit_test(run_does_nothing_in_threaded_mode),
        IN_BOTH_MODES(a_reset_sticks_while_wanted),
        IN_BOTH_MODES(a_queue_hangs_while_wanted),
        IN_BOTH_MODES(a_reset_gets_a_queue_that_hangs),
        cmocka_unit_test(unknown_misbehaviour_is_refused),
        IN_BOTH_MODES(random_abuse_is_survived),
    };
    return cmocka_run_group_tests_name("chip life cycle", tests, nullptr, nullptr);
}
