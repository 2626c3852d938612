// SPDX-License-Identifier: MIT
// Where the time goes: the stamps of packets, and what queues and cores are busy for.
#include "chip_program.hpp"

#include <bit>

namespace {

using namespace chip_test;
using spec::Fault;
using spec::QueueState;

constexpr std::uint64_t SLOTS = 16;
constexpr std::uint64_t UNTOUCHED = 0x5a5a5a5a5a5a5a5a;

/// A queue with room for stamps in host memory.
struct Stamped {
    explicit Stamped(const Mode &mode) : m(mode), ctx(m, 3), stamps(make(m)), queue(m, 2, 3, {.stamp_addr = stamps}) {
        for (std::uint64_t at = 0; at < SLOTS * spec::Stamp::BYTES; at += 8)
            m.host.set_u64(stamps + at, UNTOUCHED);
    }
    static std::uint64_t make(Machine &m) { return m.host.alloc(SLOTS * spec::Stamp::BYTES); }
    spec::Stamp stamp(std::uint64_t packet) {
        const std::uint64_t at = stamps + packet % SLOTS * spec::Stamp::BYTES;
        return {.start_ns = m.host.u64(at), .end_ns = m.host.u64(at + 8)};
    }
    bool touched(std::uint64_t packet) { return stamp(packet) != spec::Stamp{UNTOUCHED, UNTOUCHED}; }

    Machine m;
    Context ctx;
    std::uint64_t stamps;
    TestQueue queue;
};

void every_packet_has_its_stamp_in_its_slot(void **state) {
    Stamped s(mode_of(state));
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 13; ++i)
            s.queue.push(spec::PacketNop{});
        s.queue.ring();
        s.m.settle();
    }
    const std::uint64_t last = s.queue.tail() - 1;
    for (std::uint64_t packet = last - SLOTS + 1; packet <= last; ++packet) {
        const spec::Stamp stamp = s.stamp(packet);
        assert_true(stamp.start_ns <= stamp.end_ns);
        if (packet != last)
            assert_true(stamp.end_ns <= s.stamp(packet + 1).start_ns);
    }
    assert_true(s.stamp(last).end_ns <= s.m.r64(reg::GLOBAL_CLOCK_NS));
}

// One after the other without a gap: the next packet is taken up when the one before has retired.
void packets_that_follow_each_other_share_a_moment(void **state) {
    Stamped s(mode_of(state));
    for (int i = 0; i < 5; ++i)
        s.queue.push(spec::PacketNop{});
    s.queue.ring();
    s.m.settle();
    for (std::uint64_t packet = 0; packet < 4; ++packet)
        assert_int_equal(s.stamp(packet).end_ns, s.stamp(packet + 1).start_ns);
}

void a_packet_does_not_begin_before_it_was_submitted(void **state) {
    Stamped s(mode_of(state));
    for (std::uint64_t packet = 0; packet < 40; ++packet) {
        const std::uint64_t before = s.m.r64(reg::GLOBAL_CLOCK_NS);
        s.queue.run(spec::PacketNop{});
        const std::uint64_t after = s.m.r64(reg::GLOBAL_CLOCK_NS);
        assert_in_range(s.stamp(packet).start_ns, before, after);
        assert_in_range(s.stamp(packet).end_ns, s.stamp(packet).start_ns, after);
    }
}

// The same without a pause, so that a doorbell meets every moment of the packet before.
void nor_when_it_comes_while_another_ends(void **) {
    Stamped s(THREADED);
    for (std::uint64_t packet = 0; packet < 3000; ++packet) {
        s.queue.push(spec::PacketNop{});
        const std::uint64_t before = s.m.r64(reg::GLOBAL_CLOCK_NS);
        s.queue.ring();
        while (s.queue.head() != packet + 1)
            std::this_thread::yield();
        assert_true(eventually([&] { return s.queue.seqno() == packet + 1; }));
        assert_true(s.stamp(packet).start_ns >= before);
    }
}

void a_stamp_covers_the_packets_without_a_seqno(void **state) {
    Stamped s(mode_of(state));
    s.queue.run(spec::PacketNop{});
    const std::uint64_t before = s.m.r64(reg::GLOBAL_CLOCK_NS);
    s.queue.push_unflagged(spec::PacketNop{});
    s.queue.ring();
    s.m.settle();
    const std::uint64_t between = s.m.r64(reg::GLOBAL_CLOCK_NS);
    s.queue.push_unflagged(spec::PacketNop{});
    s.queue.push(spec::PacketNop{});
    s.queue.push(spec::PacketNop{});
    s.queue.ring();
    s.m.settle();
    assert_in_range(s.stamp(3).start_ns, before, between);
    assert_true(s.stamp(3).end_ns >= between);
    assert_int_equal(s.stamp(4).start_ns, s.stamp(3).end_ns);
    assert_false(s.touched(1));
    assert_false(s.touched(2));
    assert_false(s.touched(5));
}

void the_stamp_is_there_before_the_seqno(void **state) {
    Stamped s(mode_of(state));
    unsigned missing = 0;
    s.m.host.on_dma = [&](std::uint64_t bus, std::size_t, bool write) {
        if (write && bus == s.queue.seqno_bus())
            missing += !s.touched(s.queue.seqno());
    };
    for (int i = 0; i < 10; ++i)
        s.queue.push(spec::PacketNop{});
    s.queue.ring();
    s.m.settle();
    assert_int_equal(s.queue.seqno(), 10);
    assert_int_equal(missing, 0);
}

void busy_time_stands_still_once_the_completion_is_known(void **state) {
    Stamped s(mode_of(state));
    std::uint64_t at_seqno = 0;
    s.m.host.on_dma = [&](std::uint64_t bus, std::size_t, bool write) {
        if (write && bus == s.queue.seqno_bus())
            at_seqno = s.m.r64(reg::QUEUE_BUSY_NS(2));
    };
    for (std::uint64_t before = 0; before < 3; ++before) {
        const std::uint64_t start = s.m.r64(reg::QUEUE_BUSY_NS(2));
        s.queue.run(spec::PacketNop{});
        assert_true(at_seqno > start);
        assert_int_equal(s.m.r64(reg::QUEUE_BUSY_NS(2)), at_seqno);
    }
}

void without_an_address_nothing_is_written(void **state) {
    Machine m(unwatched(mode_of(state)));
    Context ctx(m, 0);
    TestQueue queue(m, 0, 0);
    std::uint64_t writes = 0;
    m.host.on_dma = [&](std::uint64_t, std::size_t, bool write) { writes += write; };
    for (int i = 0; i < 10; ++i)
        queue.push(spec::PacketNop{});
    queue.ring();
    m.settle();
    assert_int_equal(writes, 10); // the seqnos
}

void a_user_queue_is_stamped_through_the_page_table(void **state) {
    constexpr std::uint64_t RING = 0x10'0000, STAMPS = 0x20'0000;
    Machine m(mode_of(state));
    Context ctx(m, 1);
    const std::uint64_t ring = ctx.map_host(RING, 2 * PAGE);
    ctx.map(STAMPS, 5 * PAGE, PAGE, Context::HBM | Context::WRITE);
    TestQueue queue(m, 9, 1, {.ring_va = RING, .ring_bus = ring, .stamp_addr = STAMPS});
    assert_int_equal(queue.run(spec::PacketNop{}), Fault::NONE);
    const auto raw = std::span<const std::byte, spec::Stamp::BYTES>(m.hbm(5 * PAGE), spec::Stamp::BYTES);
    const auto stamp = spec::unpack<spec::Stamp>(raw);
    assert_in_range(stamp.start_ns, 1, stamp.end_ns);
    // It is the context's own fault if the page goes away, and the packet has not completed.
    ctx.unmap(STAMPS);
    ctx.flush();
    assert_int_equal(queue.run(spec::PacketNop{}), Fault::PAGE_NOT_MAPPED);
    assert_int_equal(m.event(0).va, STAMPS + spec::Stamp::BYTES);
    assert_int_equal(m.event(0).write, 1);
    assert_int_equal(m.event(0).packet, 1);
    assert_int_equal(queue.head(), 1);
    assert_int_equal(queue.seqno(), 1);
}

void a_stamp_that_the_bus_refuses_is_a_fault(void **state) {
    constexpr std::uint64_t NOWHERE = 1 * MiB;
    Machine m(mode_of(state));
    Context ctx(m, 0);
    TestQueue queue(m, 0, 0, {.stamp_addr = NOWHERE});
    queue.push_unflagged(spec::PacketNop{});
    assert_int_equal(queue.run(spec::PacketNop{}), Fault::HOST_BUS);
    const auto record = m.event(0);
    assert_int_equal(record.info, NOWHERE + spec::Stamp::BYTES);
    assert_int_equal(record.write, 1);
    assert_int_equal(record.packet, 1);
    assert_int_equal(record.unit, spec::Unit::QUEUE);
    assert_int_equal(queue.head(), 1);
    assert_int_equal(queue.seqno(), 0);
    assert_int_equal(m.host.irqs(1), 0);
}

void a_restarted_queue_knows_nothing_of_old_packets(void **state) {
    Stamped s(mode_of(state));
    s.queue.push_unflagged(spec::PacketNop{});
    const Bytes garbage(spec::PACKET_BYTES, std::byte{0xff});
    s.queue.push_raw(std::span<const std::byte, spec::PACKET_BYTES>(garbage)); // faults with the first one not covered
    s.queue.ring();
    s.m.settle();
    assert_int_equal(s.queue.state(), QueueState::FAULTED);
    s.queue.disable();
    const std::uint64_t before = s.m.r64(reg::GLOBAL_CLOCK_NS);
    s.queue.enable();
    assert_int_equal(s.queue.run(spec::PacketNop{}), Fault::NONE);
    assert_true(s.stamp(0).start_ns >= before);
}

// ---- BUSY_NS, CORE_NS -----------------------------------------------------------------------------------------------

Program endless_program() {
    Program p;
    p.add(Engine::SP, jump(0));
    return p;
}

struct Meters {
    explicit Meters(void **state, std::uint32_t cores = 4) : mode(with(mode_of(state), cores)), m(mode) {}
    static Mode with(Mode mode, std::uint32_t cores) {
        mode.cores = cores;
        return mode;
    }
    std::uint64_t busy(std::uint32_t queue = 0) { return m.r64(reg::QUEUE_BUSY_NS(queue)); }
    std::uint64_t cores(std::uint32_t queue = 0) { return m.r64(reg::QUEUE_CORE_NS(queue)); }
    void until(const std::function<bool()> &done) {
        assert_true(eventually([&] {
            if (mode.stepped)
                neuron_chip_run(m.chip, 50);
            return done();
        }));
    }
    void pass() {
        const std::uint64_t now = m.r64(reg::GLOBAL_CLOCK_NS);
        until([&] { return m.r64(reg::GLOBAL_CLOCK_NS) > now + 100'000; });
    }

    Mode mode;
    Machine m;
};

void an_idle_queue_is_not_busy(void **state) {
    Meters t(state);
    Runner r(t.m);
    assert_int_equal(t.busy(), 0);
    assert_int_equal(r.queue.run(spec::PacketNop{}), Fault::NONE);
    const std::uint64_t once = t.busy();
    assert_in_range(once, 1, t.m.r64(reg::GLOBAL_CLOCK_NS));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    assert_int_equal(t.busy(), once);
    assert_int_equal(r.queue.run(spec::PacketNop{}), Fault::NONE);
    assert_true(t.busy() > once);
    assert_int_equal(t.cores(), 0);
    assert_int_equal(t.busy(1), 0);
}

void a_running_packet_counts_up_to_now(void **state) {
    Meters t(state);
    Runner r(t.m);
    r.queue.submit(r.prepare(endless_program(), {Runner::DATA}, 0x5));
    t.until([&] { return t.cores() != 0; });
    // Two cores count twice. Each reading of the one lies between two of the other.
    const std::uint64_t busy = t.busy(), cores = t.cores(), busy_after = t.busy();
    t.pass();
    const std::uint64_t busy2 = t.busy(), cores2 = t.cores(), busy2_after = t.busy();
    assert_true(busy2 > busy + 100'000);
    assert_in_range(cores2 - cores, 2 * (busy2 - busy_after), 2 * (busy2_after - busy));
    assert_true(cores2 <= 2 * busy2_after);
    r.queue.disable();
    t.until([&] { return !r.queue.busy(); });
    // What was counted stays to be read until the next start.
    const std::uint64_t last = t.busy(), last_cores = t.cores();
    assert_true(last >= busy2_after && last_cores >= cores2);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    assert_int_equal(t.busy(), last);
    assert_int_equal(t.cores(), last_cores);
    r.queue.enable();
    assert_int_equal(t.busy(), 0);
    assert_int_equal(t.cores(), 0);
}

void waiting_for_cores_is_not_being_busy(void **state) {
    Meters t(state);
    Runner holder(t.m, 1, 0, 0);
    Runner waiter(t.m, 2, 1, 4 * MiB);
    holder.queue.submit(holder.prepare(endless_program(), {Runner::DATA}, 1));
    t.until([&] { return t.cores(0) != 0; });
    waiter.queue.submit(waiter.prepare(endless_program(), {Runner::DATA}, 3));
    t.until([&] { return (t.m.r32(reg::QUEUE_STATUS(1)) & field::QUEUE_STATUS_WAITING.mask) != 0; });
    const std::uint64_t waited = t.busy(1);
    t.pass();
    assert_int_equal(t.busy(1), waited);
    assert_int_equal(t.cores(1), 0);
    holder.queue.disable();
    t.until([&] { return t.cores(1) != 0; });
    t.pass();
    assert_true(t.busy(1) > waited + 100'000);
    waiter.queue.disable();
    t.m.settle();
}

void a_queue_stopped_in_line_counts_no_more(void **state) {
    Meters t(state);
    Runner holder(t.m, 1, 0, 0);
    Runner waiter(t.m, 2, 1, 4 * MiB);
    holder.queue.submit(holder.prepare(endless_program(), {Runner::DATA}, 1));
    t.until([&] { return t.cores(0) != 0; });
    waiter.queue.submit(waiter.prepare(endless_program(), {Runner::DATA}, 1));
    t.until([&] { return (t.m.r32(reg::QUEUE_STATUS(1)) & field::QUEUE_STATUS_WAITING.mask) != 0; });
    waiter.queue.disable();
    t.until([&] { return !waiter.queue.busy(); });
    const std::uint64_t busy = t.busy(1);
    t.pass();
    assert_int_equal(t.busy(1), busy);
    holder.queue.disable();
    t.m.settle();
}

void a_reset_forgets_the_time(void **state) {
    Meters t(state);
    Runner r(t.m);
    r.queue.submit(r.prepare(endless_program(), {Runner::DATA}, 3));
    t.until([&] { return t.cores() != 0; });
    t.pass();
    neuron_chip_reset(t.m.chip);
    assert_int_equal(t.busy(), 0);
    assert_int_equal(t.cores(), 0);
    t.m.settle();
    assert_true(t.m.ready());
    assert_int_equal(t.busy(), 0);
    assert_int_equal(t.cores(), 0);
    Runner again(t.m, 1, 0, 0);
    assert_int_equal(again.queue.run(spec::PacketNop{}), Fault::NONE);
    assert_in_range(t.busy(), 1, t.m.r64(reg::GLOBAL_CLOCK_NS));
}

void stepped_time_is_the_same_every_time(void **) {
    const auto times = [](std::uint32_t mask) {
        Machine m({.stepped = true, .seed = 7, .cores = 4});
        Runner r(m);
        Program p;
        p.add(Engine::SP, alu(spec::AluOp::ADD, 1, 1, 0, 1)).add(Engine::SP, branch(spec::Cond::LT, 1, 50, 0));
        p.add(Engine::SP, end());
        assert_int_equal(r.run(p, {Runner::DATA}, mask), Fault::NONE);
        const std::uint64_t cores = m.r64(reg::QUEUE_CORE_NS(0));
        assert_int_equal(cores % static_cast<unsigned>(std::popcount(mask)), 0);
        return std::pair(m.r64(reg::QUEUE_BUSY_NS(0)), cores);
    };
    for (const std::uint32_t mask : {1U, 3U, 15U}) {
        const auto once = times(mask);
        assert_true(once == times(mask));
        assert_true(once.second / static_cast<unsigned>(std::popcount(mask)) < once.first);
    }
}

} // namespace

int main() {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const CMUnitTest tests[] = {
        IN_BOTH_MODES(every_packet_has_its_stamp_in_its_slot),
        IN_BOTH_MODES(packets_that_follow_each_other_share_a_moment),
        IN_BOTH_MODES(a_packet_does_not_begin_before_it_was_submitted),
        cmocka_unit_test(nor_when_it_comes_while_another_ends),
        IN_BOTH_MODES(a_stamp_covers_the_packets_without_a_seqno),
        IN_BOTH_MODES(the_stamp_is_there_before_the_seqno),
        IN_BOTH_MODES(busy_time_stands_still_once_the_completion_is_known),
        IN_BOTH_MODES(without_an_address_nothing_is_written),
        IN_BOTH_MODES(a_user_queue_is_stamped_through_the_page_table),
        IN_BOTH_MODES(a_stamp_that_the_bus_refuses_is_a_fault),
        IN_BOTH_MODES(a_restarted_queue_knows_nothing_of_old_packets),
        IN_BOTH_MODES(an_idle_queue_is_not_busy),
        IN_BOTH_MODES(a_running_packet_counts_up_to_now),
        IN_BOTH_MODES(waiting_for_cores_is_not_being_busy),
        IN_BOTH_MODES(a_queue_stopped_in_line_counts_no_more),
        IN_BOTH_MODES(a_reset_forgets_the_time),
        cmocka_unit_test(stepped_time_is_the_same_every_time),
    };
    return cmocka_run_group_tests_name("chip accounting", tests, nullptr, nullptr);
}
