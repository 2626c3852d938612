// SPDX-License-Identifier: MIT
#include "chip_support.hpp"

namespace {

using namespace chip_test;
using spec::Fault;
using spec::QueueState;

constexpr std::uint64_t A = 0x10'0000;        // host memory
constexpr std::uint64_t B = 0x20'0000;        // host memory
constexpr std::uint64_t H = 0x7f00'0000'0000; // HBM from offset 0, far up
constexpr std::uint64_t AREA = 64 * PAGE;

// One context with two areas of scattered host pages and one of HBM.
struct Fixture {
    explicit Fixture(const Mode &mode) : m(mode), ctx(m, 3), queue(m, 2, 3) {
        for (std::uint64_t at = 0; at < AREA; at += PAGE) {
            // Backwards, so that consecutive pages are not consecutive on the bus.
            if (at % (2 * PAGE) == 0)
                a_pages.push_back(m.host.alloc(PAGE));
            else
                a_pages.insert(a_pages.end() - 1, m.host.alloc(PAGE));
        }
        for (std::uint64_t i = 0; i < a_pages.size(); ++i)
            ctx.map(A + i * PAGE, a_pages[i], PAGE, Context::WRITE);
        b = ctx.map_host(B, AREA);
        ctx.map(H, 0, 8 * MiB, Context::HBM | Context::WRITE);
    }
    std::byte *at(std::uint64_t va) {
        if (va >= H)
            return m.hbm(va - H);
        if (va >= B)
            return m.host.at(b + (va - B));
        return m.host.at(a_pages.at((va - A) / PAGE) + va % PAGE);
    }
    void put(std::uint64_t va, std::span<const std::byte> data) {
        for (std::size_t i = 0; i < data.size(); ++i)
            *at(va + i) = data[i];
    }
    Bytes get(std::uint64_t va, std::size_t bytes) {
        Bytes data(bytes);
        for (std::size_t i = 0; i < bytes; ++i)
            data[i] = *at(va + i);
        return data;
    }

    Machine m;
    Context ctx;
    TestQueue queue;
    std::vector<std::uint64_t> a_pages;
    std::uint64_t b = 0;
};

void nop_retires_with_seqno_then_irq(void **state) {
    Fixture f(mode_of(state));
    std::uint64_t seen = ~0ULL;
    f.m.host.on_irq = [&](std::uint32_t vector) {
        if (vector == 1)
            seen = f.queue.seqno();
    };
    assert_int_equal(f.queue.run(spec::PacketNop{}), Fault::NONE);
    assert_int_equal(f.m.host.irqs(1), 1);
    assert_int_equal(seen, 1); // in memory before the interrupt
    assert_int_equal(f.queue.head(), 1);
    assert_int_equal(f.queue.state(), QueueState::IDLE);
    assert_false(f.queue.busy());
}

void without_flags_nothing_is_signalled(void **state) {
    Fixture f(mode_of(state));
    f.queue.push_raw(spec::packed(spec::PacketNop{}));
    f.queue.ring();
    f.m.settle();
    assert_int_equal(f.queue.head(), 1);
    assert_int_equal(f.queue.seqno(), 0);
    assert_int_equal(f.m.host.irqs(1), 0);
}

void head_is_never_behind_the_written_seqno(void **state) {
    Fixture f(mode_of(state));
    bool coherent = true;
    f.m.host.on_dma = [&](std::uint64_t bus, std::size_t, bool write) {
        if (write && bus == f.queue.seqno_bus())
            coherent = coherent && f.queue.head() == f.queue.seqno() + 1;
    };
    for (int i = 0; i < 10; ++i)
        f.queue.push(spec::PacketNop{});
    f.queue.ring();
    f.m.settle();
    assert_true(coherent);
    assert_int_equal(f.queue.seqno(), 10);
}

void copies_of_every_alignment_are_exact(void **state) {
    Fixture f(mode_of(state));
    const std::uint64_t areas[] = {A, B, H};
    const std::size_t sizes[] = {0, 1, 7, 64, PAGE - 1, PAGE + 1, 3 * PAGE + 5, 30 * PAGE};
    std::uint32_t round = 0;
    for (const std::uint64_t from : areas) {
        for (const std::uint64_t to : areas) {
            for (const std::size_t size : sizes) {
                ++round;
                const std::uint64_t src = from + round * 7 % 61;
                const std::uint64_t dst = to + AREA / 2 + round * 11 % 67;
                const Bytes data = random_bytes(size + 2, round);
                f.put(src, std::span(data).first(size));
                f.put(dst - 1, Bytes(size + 2, std::byte{0x5a}));
                const spec::PacketCopy copy{.src = src, .dst = dst, .bytes = size};
                assert_int_equal(f.queue.run(copy), Fault::NONE);
                const Bytes got = f.get(dst - 1, size + 2);
                assert_memory_equal(got.data() + 1, data.data(), size);
                assert_int_equal(got.front(), std::byte{0x5a}); // nothing before or behind
                assert_int_equal(got.back(), std::byte{0x5a});
            }
        }
    }
    assert_int_equal(f.queue.head(), round);
}

void large_copies_move_in_chunks(void **state) {
    Fixture f(mode_of(state));
    const Bytes data = random_bytes(AREA, 5);
    f.put(B, data);
    assert_int_equal(f.queue.run(spec::PacketCopy{.src = B, .dst = H + 13, .bytes = AREA}), Fault::NONE);
    assert_true(same(f.m.hbm(13), data));
    assert_true(f.m.host.largest >= 16 * PAGE); // consecutive pages go together
    assert_true(f.m.host.largest <= 64 * 1024);
}

struct Block {
    std::uint32_t row;
    std::array<std::uint32_t, 3> count;
    std::array<std::int32_t, 3> src, dst;
};

void strided_copies_equal_the_naive_loop(void **state) {
    Fixture f(mode_of(state));
    const Block blocks[] = {
        {16, {4, 3, 2}, {16, 64, 192}, {16, 64, 192}},         // dense on both sides
        {16, {4, 3, 2}, {16, 64, 192}, {32, 256, 2048}},       // spread out
        {1, {17, 5, 3}, {3, 100, 1000}, {1, 17, 85}},          // single bytes, gathered
        {3, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}},                  // one row
        {8, {9, 7, 5}, {-8, 200, -1400}, {8, -72, 504}},       // backwards
        {4, {6, 1, 1}, {0, 0, 0}, {4, 0, 0}},                  // repeated source
        {5000, {2, 2, 1}, {5000, 10000, 0}, {6000, 12000, 0}}, // rows over page ends
        {1, {512, 8, 1}, {2, 1024, 0}, {1, 512, 0}},           // more rows than one step takes
        {70000, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}},              // a row longer than a chunk
    };
    const Bytes data = random_bytes(AREA, 9);
    for (const Block &b : blocks) {
        for (const auto &[from, to] : {std::pair{A, H}, {H, B}, {A, B}, {H, H + 4 * MiB}}) {
            f.put(from, data);
            f.put(to, Bytes(AREA, std::byte{0}));
            const std::uint64_t src = from + 20000;
            const std::uint64_t dst = to + 20000;
            Bytes expected(AREA);
            for (std::uint32_t i = 0; i < b.count[2]; ++i)
                for (std::uint32_t j = 0; j < b.count[1]; ++j)
                    for (std::uint32_t k = 0; k < b.count[0]; ++k)
                        for (std::uint32_t n = 0; n < b.row; ++n) {
                            const auto at = [&](const std::array<std::int32_t, 3> &s) {
                                return static_cast<std::size_t>(20000 + static_cast<std::int64_t>(i) * s[2] +
                                                                static_cast<std::int64_t>(j) * s[1] +
                                                                static_cast<std::int64_t>(k) * s[0] + n);
                            };
                            expected[at(b.dst)] = data[at(b.src)];
                        }
            const spec::PacketCopyStrided copy{
                .row_bytes = b.row, .src = src, .dst = dst, .count = b.count, .src_stride = b.src, .dst_stride = b.dst};
            assert_int_equal(f.queue.run(copy), Fault::NONE);
            const Bytes got = f.get(to, AREA);
            assert_memory_equal(got.data(), expected.data(), expected.size());
        }
    }
}

void fill_repeats_its_pattern_across_pages(void **state) {
    Fixture f(mode_of(state));
    for (const std::uint64_t area : {A, B, H}) {
        for (const std::size_t size : {std::size_t{0}, std::size_t{3}, std::size_t{8}, std::size_t{5 * PAGE + 5}}) {
            const std::uint64_t dst = area + PAGE - 3;
            f.put(dst - 1, Bytes(size + 2, std::byte{0xee}));
            const spec::PacketFill fill{.dst = dst, .bytes = size, .pattern = 0x0807060504030201};
            assert_int_equal(f.queue.run(fill), Fault::NONE);
            const Bytes got = f.get(dst - 1, size + 2);
            for (std::size_t i = 0; i < size; ++i)
                assert_int_equal(got[i + 1], std::byte(i % 8 + 1));
            assert_int_equal(got.front(), std::byte{0xee});
            assert_int_equal(got.back(), std::byte{0xee});
        }
    }
}

void fence_writes_its_value(void **state) {
    Fixture f(mode_of(state));
    for (const std::uint64_t area : {A, H}) {
        assert_int_equal(f.queue.run(spec::PacketFence{.addr = area + 64, .value = 0x1122334455667788}), Fault::NONE);
        std::uint64_t value = 0;
        std::memcpy(&value, f.at(area + 64), 8);
        assert_int_equal(value, 0x1122334455667788);
    }
}

void packets_run_in_order_and_the_ring_wraps(void **state) {
    Fixture f(mode_of(state));
    // Each copy reads what the one before wrote: any reordering breaks the chain.
    const Bytes data = random_bytes(64, 1);
    f.put(B, data);
    std::uint64_t at = B;
    for (int round = 0; round < 10; ++round) {
        for (int i = 0; i < 11; ++i) {
            f.queue.push(spec::PacketCopy{.src = at, .dst = at + 64, .bytes = 64});
            at += 64;
        }
        f.queue.ring();
        f.m.settle();
    }
    assert_int_equal(f.queue.seqno(), 110);
    assert_int_equal(f.queue.head(), 110);
    const Bytes got = f.get(at, 64);
    assert_memory_equal(got.data(), data.data(), 64);
    assert_int_equal(f.m.host.irqs(1), 110);
}

void a_full_ring_is_fine(void **state) {
    Fixture f(mode_of(state));
    for (int i = 0; i < 16; ++i)
        f.queue.push(spec::PacketNop{});
    f.queue.ring();
    f.m.settle();
    assert_int_equal(f.queue.head(), 16);
}

void doorbells_to_nowhere_are_counted(void **state) {
    Fixture f(mode_of(state));
    const auto bad = [&](std::uint64_t offset, unsigned size) {
        const std::uint32_t before = f.m.bad();
        neuron_chip_doorbell_write(f.m.chip, offset, 1, size);
        assert_int_equal(f.m.bad(), before + 1);
    };
    bad(spec::doorbell(3, 1), 4);     // no queue has this slot
    bad(spec::doorbell(4, 2), 4);     // another context's page
    bad(spec::doorbell(3, 2) + 4, 4); // upper half
    bad(spec::doorbell(3, 2), 8);     // not 32 bits
    bad(spec::doorbell(3, 2), 2);
    bad(spec::doorbell(spec::MAX_CONTEXTS, 0), 4); // beyond the last context
    bad(~0ULL, 4);
    f.queue.disable();
    bad(spec::doorbell(3, 2), 4);
    f.m.settle();
    assert_int_equal(f.queue.head(), 0);
    assert_int_equal(f.m.event_count(), 0);
}

void a_doorbell_counts_modulo_two_to_the_32(void **state) {
    Fixture f(mode_of(state));
    f.m.doorbell(3, 2, 0); // nothing new
    f.m.settle();
    assert_int_equal(f.queue.state(), QueueState::IDLE);
    f.m.doorbell(3, 2, 0xffffffff);
    f.m.settle();
    assert_int_equal(f.queue.state(), QueueState::FAULTED);
    const auto record = f.m.event(0);
    assert_int_equal(record.code, Fault::DOORBELL_RANGE);
    assert_int_equal(record.info, 0xffffffff);
    assert_int_equal(record.queue, 2);
    assert_int_equal(record.ctx, 3);
}

void a_doorbell_register_takes_no_slot(void **state) {
    Machine m(mode_of(state));
    Context ctx(m, 3);
    // Three of one context, and slot 0 belongs to a fourth.
    TestQueue a(m, 5, 3, {.doorbell_register = true});
    TestQueue slotted(m, 0, 3);
    TestQueue b(m, 6, 3, {.vector = 2, .doorbell_register = true});
    TestQueue c(m, 127, 3, {.vector = 3, .doorbell_register = true});
    for (TestQueue *queue : {&a, &slotted, &b, &c})
        assert_int_equal(queue->state(), QueueState::IDLE);
    for (TestQueue *queue : {&c, &a, &slotted, &b})
        assert_int_equal(queue->run(spec::PacketNop{}), Fault::NONE);
    for (TestQueue *queue : {&a, &slotted, &b, &c})
        assert_int_equal(queue->head(), 1);
    // The slot went with the one that had it, and not with the others.
    b.disable();
    assert_int_equal(slotted.run(spec::PacketNop{}), Fault::NONE);
    slotted.disable();
    assert_int_equal(a.run(spec::PacketNop{}), Fault::NONE);
    assert_int_equal(m.bad(), 0);
    assert_int_equal(m.r32(reg::QUEUE_DOORBELL(5)), 0);
    assert_int_equal(m.bad(), 0);
}

void no_slot_reaches_a_queue_with_a_doorbell_register(void **state) {
    Machine m(mode_of(state));
    Context ctx(m, 3);
    TestQueue queue(m, 5, 3, {.doorbell_register = true});
    queue.push(spec::PacketNop{});
    for (std::uint32_t slot = 0; slot < spec::DOORBELL_SLOTS; ++slot)
        m.doorbell(3, slot, 1);
    m.settle();
    assert_int_equal(m.bad(), spec::DOORBELL_SLOTS);
    assert_int_equal(queue.head(), 0);
    queue.ring();
    m.settle();
    assert_int_equal(queue.head(), 1);
    m.w32(reg::QUEUE_DOORBELL(5), 1 + 17); // of a ring of 16
    m.settle();
    assert_int_equal(queue.state(), QueueState::FAULTED);
    assert_int_equal(m.event(0).code, Fault::DOORBELL_RANGE);
    assert_int_equal(m.event(0).info, 18);
    // The driver does not know yet; only once it has disabled the queue is it wrong to ring.
    queue.ring();
    assert_int_equal(m.bad(), spec::DOORBELL_SLOTS);
    queue.disable();
    queue.ring();
    assert_int_equal(m.bad(), spec::DOORBELL_SLOTS + 1);
}

void a_doorbell_register_of_a_queue_with_a_slot_is_ignored(void **state) {
    Fixture f(mode_of(state));
    f.queue.push(spec::PacketNop{});
    f.m.w32(reg::QUEUE_DOORBELL(2), 1);
    f.m.w32(reg::QUEUE_DOORBELL(3), 1); // never enabled
    f.m.w32(reg::QUEUE_DOORBELL(2) + 2, 1);
    neuron_chip_reg_write(f.m.chip, reg::QUEUE_DOORBELL(2), 1, 8);
    assert_int_equal(f.m.bad(), 4);
    f.m.settle();
    assert_int_equal(f.queue.head(), 0);
}

void a_user_ring_is_read_through_the_page_table(void **state) {
    Machine m(mode_of(state));
    Context ctx(m, 1);
    const std::uint64_t bus = ctx.map_host(A, 2 * PAGE);
    TestQueue queue(m, 9, 1, {.log2 = 4, .vector = 2, .ring_va = A, .ring_bus = bus});
    assert_int_equal(queue.run(spec::PacketNop{}), Fault::NONE);
    assert_int_equal(queue.seqno(), 1);
    assert_int_equal(m.host.irqs(2), 1);
    // A page later the context is on its own: bus addresses mean nothing here.
    ctx.unmap(A);
    ctx.flush();
    assert_int_equal(queue.run(spec::PacketNop{}), Fault::PAGE_NOT_MAPPED);
    assert_int_equal(m.event(0).va, A + spec::PACKET_BYTES);
}

void an_enabled_queue_starts_at_zero(void **state) {
    Fixture f(mode_of(state));
    assert_int_equal(f.queue.run(spec::PacketNop{}), Fault::NONE);
    f.queue.disable();
    assert_int_equal(f.queue.state(), QueueState::DISABLED);
    assert_int_equal(f.queue.head(), 1); // to be looked at until the next ENABLE
    f.queue.enable();
    assert_int_equal(f.queue.head(), 0);
    assert_int_equal(f.queue.run(spec::PacketFence{.addr = A, .value = 7}), Fault::NONE);
    assert_int_equal(f.queue.head(), 1);
}

void packets_changed_after_a_restart_are_fetched_anew(void **state) {
    Fixture f(mode_of(state));
    f.queue.push(spec::PacketFence{.addr = A, .value = 1});
    f.queue.ring();
    f.m.settle();
    f.queue.disable();
    f.queue.enable();
    assert_int_equal(f.queue.run(spec::PacketFence{.addr = A, .value = 2}), Fault::NONE);
    assert_int_equal(*f.at(A), std::byte{2});
}

void progress_grows(void **state) {
    Fixture f(mode_of(state));
    const std::uint64_t before = f.m.r64(reg::QUEUE_PROGRESS(2));
    f.queue.run(spec::PacketCopy{.src = A, .dst = H, .bytes = AREA});
    assert_true(f.m.r64(reg::QUEUE_PROGRESS(2)) >= before + 4);
}

} // namespace

int main() {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const CMUnitTest tests[] = {
        IN_BOTH_MODES(nop_retires_with_seqno_then_irq),
        IN_BOTH_MODES(without_flags_nothing_is_signalled),
        IN_BOTH_MODES(head_is_never_behind_the_written_seqno),
        IN_BOTH_MODES(copies_of_every_alignment_are_exact),
        IN_BOTH_MODES(large_copies_move_in_chunks),
        IN_BOTH_MODES(strided_copies_equal_the_naive_loop),
        IN_BOTH_MODES(fill_repeats_its_pattern_across_pages),
        IN_BOTH_MODES(fence_writes_its_value),
        IN_BOTH_MODES(packets_run_in_order_and_the_ring_wraps),
        IN_BOTH_MODES(a_full_ring_is_fine),
        IN_BOTH_MODES(doorbells_to_nowhere_are_counted),
        IN_BOTH_MODES(a_doorbell_counts_modulo_two_to_the_32),
        IN_BOTH_MODES(a_doorbell_register_takes_no_slot),
        IN_BOTH_MODES(no_slot_reaches_a_queue_with_a_doorbell_register),
        IN_BOTH_MODES(a_doorbell_register_of_a_queue_with_a_slot_is_ignored),
        IN_BOTH_MODES(a_user_ring_is_read_through_the_page_table),
        IN_BOTH_MODES(an_enabled_queue_starts_at_zero),
        IN_BOTH_MODES(packets_changed_after_a_restart_are_fetched_anew),
        IN_BOTH_MODES(progress_grows),
    };
    return cmocka_run_group_tests_name("chip queues", tests, nullptr, nullptr);
}
