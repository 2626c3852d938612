// SPDX-License-Identifier: MIT
#include "chip_support.hpp"

#include <future>
#include <thread>
#include <utility>

namespace {

using namespace chip_test;
using spec::Fault;

constexpr std::uint64_t VA = 0x1234'5678'9000;
constexpr std::uint64_t OTHER = 0x0000'4000'0000;
constexpr std::uint64_t VALID = field::PTE_VALID.mask;
constexpr std::uint64_t LARGE = field::PTE_LARGE.mask;
constexpr std::uint64_t HBM = Context::HBM;
constexpr std::uint64_t WRITE = Context::WRITE;

// The fault of a FENCE to `va`.
Fault store(TestQueue &queue, std::uint64_t va, std::uint64_t value = 1) {
    return queue.run(spec::PacketFence{.addr = va, .value = value});
}

void restart(TestQueue &queue) {
    queue.disable();
    queue.enable();
}

void tables_may_sit_in_host_memory_or_in_hbm(void **state) {
    for (const bool in_hbm : {false, true}) {
        Machine m(mode_of(state));
        Context ctx(m, 5, in_hbm);
        TestQueue queue(m, 0, 5);
        const std::uint64_t bus = ctx.map_host(VA, PAGE);
        ctx.map(OTHER, 3 * PAGE, PAGE, HBM | WRITE);
        assert_int_equal(store(queue, VA + 8, 0x11), Fault::NONE);
        assert_int_equal(store(queue, OTHER + 16, 0x22), Fault::NONE);
        assert_int_equal(m.host.u64(bus + 8), 0x11);
        assert_int_equal(*m.hbm(3 * PAGE + 16), std::byte{0x22});
    }
}

void large_pages_translate_all_of_their_two_mib(void **state) {
    Machine m(mode_of(state));
    Context ctx(m, 0);
    TestQueue queue(m, 0, 0);
    const std::uint64_t host = m.host.alloc(LARGE_PAGE, LARGE_PAGE);
    ctx.map_large(OTHER, 2 * LARGE_PAGE, HBM | WRITE);
    ctx.map_large(OTHER + LARGE_PAGE, host, WRITE);
    const Bytes data = random_bytes(LARGE_PAGE, 3);
    std::copy(data.begin(), data.end(), m.hbm(2 * LARGE_PAGE));
    const spec::PacketCopy copy{.src = OTHER, .dst = OTHER + LARGE_PAGE, .bytes = LARGE_PAGE};
    assert_int_equal(queue.run(copy), Fault::NONE);
    assert_true(same(m.host.at(host, LARGE_PAGE), data));
    assert_int_equal(store(queue, OTHER + 2 * LARGE_PAGE), Fault::PAGE_NOT_MAPPED);
}

void a_large_page_meets_a_small_one(void **state) {
    Machine m(mode_of(state));
    Context ctx(m, 0);
    TestQueue queue(m, 0, 0);
    ctx.map_large(OTHER, 0, HBM | WRITE);
    ctx.map(OTHER + LARGE_PAGE, LARGE_PAGE, 4 * PAGE, HBM | WRITE); // consecutive in HBM, too
    const spec::PacketFill fill{.dst = OTHER + LARGE_PAGE - 5000, .bytes = 10000, .pattern = ~0ULL};
    assert_int_equal(queue.run(fill), Fault::NONE);
    assert_int_equal(*m.hbm(LARGE_PAGE - 5000), std::byte{0xff});
    assert_int_equal(*m.hbm(LARGE_PAGE + 4999), std::byte{0xff});
    assert_int_equal(*m.hbm(LARGE_PAGE + 5000), std::byte{0});
}

void a_read_only_page_can_be_read_and_not_written(void **state) {
    Machine m(mode_of(state));
    Context ctx(m, 0);
    TestQueue queue(m, 0, 0);
    const std::uint64_t bus = ctx.map_host(VA, PAGE, 0);
    ctx.map(OTHER, 0, PAGE, HBM | WRITE);
    m.host.set_u64(bus, 42);
    assert_int_equal(queue.run(spec::PacketCopy{.src = VA, .dst = OTHER, .bytes = 8}), Fault::NONE);
    assert_int_equal(*m.hbm(0), std::byte{42});
    assert_int_equal(store(queue, VA), Fault::PAGE_READ_ONLY);
    const auto record = m.event(0);
    assert_int_equal(record.va, VA);
    assert_int_equal(record.write, 1);
    assert_int_equal(m.host.u64(bus), 42);
}

void a_write_stops_at_the_first_page_that_refuses_it(void **state) {
    Machine m(mode_of(state));
    Context ctx(m, 0);
    TestQueue queue(m, 0, 0);
    const std::uint64_t first = ctx.map_host(OTHER, PAGE);
    ctx.map_host(OTHER + PAGE, PAGE, 0);
    const spec::PacketFill fill{.dst = OTHER + 8, .bytes = 2 * PAGE, .pattern = 0x77};
    assert_int_equal(queue.run(fill), Fault::PAGE_READ_ONLY);
    assert_int_equal(m.event(0).va, OTHER + PAGE);
    assert_int_equal(m.host.u64(first + PAGE - 8), 0x77);
}

void the_same_address_means_another_page_in_another_context(void **state) {
    Machine m(mode_of(state));
    Context a(m, 1);
    Context b(m, 2);
    TestQueue qa(m, 0, 1);
    TestQueue qb(m, 1, 2);
    const std::uint64_t pa = a.map_host(VA, PAGE);
    const std::uint64_t pb = b.map_host(VA, PAGE);
    assert_int_equal(store(qa, VA, 0xaa), Fault::NONE);
    assert_int_equal(store(qb, VA, 0xbb), Fault::NONE);
    assert_int_equal(m.host.u64(pa), 0xaa);
    assert_int_equal(m.host.u64(pb), 0xbb);
}

struct BadTable {
    const char *what;
    std::function<void(Machine &, Context &)> spoil;
    Fault fault;
};

const BadTable BAD_TABLES[] = {
    {"no entry", [](Machine &, Context &) {}, Fault::PAGE_NOT_MAPPED},
    {"not valid", [](Machine &, Context &c) { c.set_entry(VA, 0, WRITE); }, Fault::PAGE_NOT_MAPPED},
    {"reserved low bit", [](Machine &, Context &c) { c.set_entry(VA, 0, VALID | WRITE | 1 << 5); }, Fault::PAGE_TABLE},
    {"reserved high bit", [](Machine &, Context &c) { c.set_entry(VA, 0, VALID | WRITE | 1ULL << 60); },
     Fault::PAGE_TABLE},
    {"large leaf at level 0", [](Machine &, Context &c) { c.set_entry(VA, 0, VALID | WRITE | LARGE); },
     Fault::PAGE_TABLE},
    {"large leaf at level 2", [](Machine &, Context &c) { c.set_entry(VA, 2, VALID | WRITE | LARGE | HBM); },
     Fault::PAGE_TABLE},
    {"large leaf at level 3", [](Machine &, Context &c) { c.set_entry(VA, 3, VALID | WRITE | LARGE | HBM); },
     Fault::PAGE_TABLE},
    {"misaligned large leaf", [](Machine &, Context &c) { c.set_entry(VA, 1, VALID | WRITE | LARGE | HBM | PAGE); },
     Fault::PAGE_TABLE},
    {"table outside host memory", [](Machine &, Context &c) { c.set_entry(VA, 1, VALID | PAGE); }, Fault::PAGE_TABLE},
    {"table outside HBM", [](Machine &, Context &c) { c.set_entry(VA, 1, VALID | HBM | 64 * MiB); }, Fault::PAGE_TABLE},
    {"page outside HBM", [](Machine &, Context &c) { c.set_entry(VA, 0, VALID | WRITE | HBM | 64 * MiB); },
     Fault::HBM_RANGE},
    {"large page outside HBM",
     [](Machine &, Context &c) { c.set_entry(VA, 1, VALID | WRITE | LARGE | HBM | 64 * MiB); }, Fault::HBM_RANGE},
    {"page outside host memory", [](Machine &, Context &c) { c.set_entry(VA, 0, VALID | WRITE | PAGE); },
     Fault::HOST_BUS},
    {"highest page of all", [](Machine &, Context &c) { c.set_entry(VA, 0, VALID | WRITE | field::PTE_ADDR.mask); },
     Fault::HOST_BUS},
};

void malformed_tables_fault_and_harm_nobody(void **state) {
    for (const BadTable &bad : BAD_TABLES) {
        Machine m(mode_of(state));
        Context ctx(m, 1);
        Context other(m, 2);
        TestQueue queue(m, 0, 1);
        TestQueue witness(m, 1, 2);
        other.map_host(VA, PAGE);
        bad.spoil(m, ctx);
        const Fault fault = store(queue, VA + 24);
        if (fault != bad.fault)
            fail_msg("%s: %s", bad.what, spec::name(fault).data());
        const auto record = m.event(0);
        assert_int_equal(record.va, VA + 24);
        assert_int_equal(record.ctx, 1);
        assert_int_equal(record.write, 1);
        assert_int_equal(store(witness, VA), Fault::NONE);
    }
}

void a_table_may_point_to_itself(void **state) {
    Machine m(mode_of(state));
    Context ctx(m, 0);
    TestQueue queue(m, 0, 0);
    // Every level of address 0 is the root again: the "page" is the root table.
    ctx.set_entry(0, 3, ctx.root() | WRITE);
    assert_int_equal(store(queue, 64, 0), Fault::NONE);
    assert_int_equal(store(queue, 1ULL << 30), Fault::PAGE_NOT_MAPPED);
}

void a_root_with_stray_bits_is_malformed(void **state) {
    Machine m(mode_of(state));
    m.w64(reg::CTX_PT_ROOT(0), m.host.alloc(PAGE) | VALID);
    m.w32(reg::CTX_CTRL(0), 1);
    TestQueue queue(m, 0, 0);
    assert_int_equal(store(queue, VA), Fault::PAGE_TABLE);
}

void addresses_beyond_48_bits_fault(void **state) {
    Machine m(mode_of(state));
    Context ctx(m, 0);
    TestQueue queue(m, 0, 0);
    const std::uint64_t end = 1ULL << 48;
    ctx.map_host(end - PAGE, PAGE);
    assert_int_equal(store(queue, end - 8), Fault::NONE);
    const auto check = [&](const spec::PacketFill &fill, std::uint64_t va) {
        assert_int_equal(queue.run(fill), Fault::BAD_ADDRESS);
        const auto record = m.event(m.event_count() - 1);
        assert_int_equal(record.va, va);
        restart(queue);
    };
    check({.dst = end, .bytes = 8, .pattern = 0}, end);
    check({.dst = end - 8, .bytes = 16, .pattern = 0}, end);
    check({.dst = ~7ULL, .bytes = 64, .pattern = 0}, ~7ULL);
    check({.dst = 8, .bytes = ~0ULL, .pattern = 0}, end);
}

void a_flush_makes_changes_of_the_table_visible(void **state) {
    Machine m(mode_of(state));
    Context ctx(m, 0);
    TestQueue queue(m, 0, 0);
    const std::uint64_t first = ctx.map_host(VA, PAGE);
    assert_int_equal(store(queue, VA, 1), Fault::NONE);
    const std::uint64_t second = ctx.map_host(VA, PAGE);
    ctx.flush();
    assert_false(ctx.flushing());
    assert_int_equal(store(queue, VA, 2), Fault::NONE);
    assert_int_equal(m.host.u64(first), 1);
    assert_int_equal(m.host.u64(second), 2);
    ctx.unmap(VA);
    ctx.flush();
    assert_int_equal(store(queue, VA, 3), Fault::PAGE_NOT_MAPPED);
}

void an_enable_forgets_the_old_table(void **state) {
    Machine m(mode_of(state));
    Context ctx(m, 0);
    TestQueue queue(m, 0, 0);
    ctx.map_host(VA, PAGE);
    assert_int_equal(store(queue, VA), Fault::NONE);
    ctx.disable();
    ctx.unmap(VA);
    ctx.enable();
    restart(queue);
    assert_int_equal(store(queue, VA), Fault::PAGE_NOT_MAPPED);
}

// Holds the chip inside a transfer to one bus page until released.
class Gate {
public:
    Gate(Machine &m, std::uint64_t bus) : m_(m) {
        m.host.on_dma = [this, bus](std::uint64_t at, std::size_t, bool) {
            if (at / PAGE != bus / PAGE || passed_.exchange(true))
                return;
            entered_.set_value();
            released_.get_future().wait();
        };
    }
    ~Gate() { open(); }
    /// Submits a packet, and returns when the chip is inside the transfer. By a thread of its own, for the chip may do
    /// the work on the submitter's.
    void hold(TestQueue &queue, const spec::PacketFence &packet) {
        submitter_ = std::thread([&queue, packet] { queue.submit(packet); });
        entered_.get_future().wait();
    }
    void open() {
        if (!std::exchange(opened_, true))
            released_.set_value();
        if (submitter_.joinable())
            submitter_.join();
        m_.settle();
        m_.host.on_dma = nullptr;
    }

private:
    Machine &m_;
    std::atomic<bool> passed_{false};
    bool opened_ = false;
    std::promise<void> entered_;
    std::promise<void> released_;
    std::thread submitter_;
};

void a_flush_waits_for_accesses_that_use_old_translations(void **) {
    Machine m;
    Context ctx(m, 0);
    Context other(m, 1);
    TestQueue queue(m, 0, 0);
    TestQueue second(m, 1, 0);
    const std::uint64_t old_page = ctx.map_host(VA, PAGE);
    Gate gate(m, old_page);
    gate.hold(queue, {.addr = VA, .value = 1});
    const std::uint64_t new_page = ctx.map_host(VA, PAGE);
    other.flush();
    assert_false(other.flushing()); // not concerned
    ctx.flush();
    assert_true(ctx.flushing());
    assert_true(m.context_busy(0));
    assert_false(m.context_busy(1));
    // New accesses use the new page at once, and do not hold the flush up.
    second.submit(spec::PacketFence{.addr = VA, .value = 2});
    assert_true(eventually([&] { return second.seqno() == 1; }));
    assert_int_equal(m.host.u64(new_page), 2);
    assert_true(ctx.flushing());
    ctx.flush(); // one more meanwhile
    assert_true(ctx.flushing());
    gate.open();
    assert_false(ctx.flushing());
    assert_false(m.context_busy(0));
    assert_int_equal(m.host.u64(old_page), 1);
}

void a_walk_that_a_flush_overtakes_is_not_cached(void **) {
    Machine m;
    Context ctx(m, 0);
    TestQueue queue(m, 0, 0);
    const std::uint64_t old_page = ctx.map_host(VA, PAGE);
    // Stop inside the write: the walk is over, its result cached. Stop inside the walk instead: the root table.
    Gate gate(m, ctx.root() & field::PTE_ADDR.mask);
    gate.hold(queue, {.addr = VA, .value = 1});
    ctx.flush();
    assert_true(ctx.flushing());
    gate.open();
    assert_false(ctx.flushing());
    assert_int_equal(m.host.u64(old_page), 1);
    const std::uint64_t new_page = ctx.map_host(VA, PAGE);
    assert_int_equal(store(queue, VA, 2), Fault::NONE);
    assert_int_equal(m.host.u64(new_page), 2);
}

void a_disabled_context_is_busy_until_its_last_access(void **) {
    Machine m;
    Context ctx(m, 0);
    TestQueue queue(m, 0, 0);
    const std::uint64_t page = ctx.map_host(VA, PAGE);
    Gate gate(m, page);
    gate.hold(queue, {.addr = VA, .value = 1});
    ctx.disable();
    assert_int_equal(queue.state(), spec::QueueState::STOPPED);
    assert_true(m.context_busy(0));
    assert_true(queue.busy());
    // Neither can start anew before that.
    const std::uint32_t bad = m.bad();
    ctx.enable();
    assert_int_equal(m.r32(reg::CTX_CTRL(0)), 0);
    queue.disable();
    queue.enable();
    assert_int_equal(queue.state(), spec::QueueState::DISABLED);
    assert_int_equal(m.bad(), bad + 2);
    gate.open();
    assert_false(m.context_busy(0));
    assert_false(queue.busy());
    assert_int_equal(queue.head(), 0);
    assert_int_equal(m.host.irqs(1), 0);
    ctx.enable();
    queue.enable();
    assert_int_equal(store(queue, VA, 5), Fault::NONE);
}

} // namespace

int main() {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const CMUnitTest tests[] = {
        IN_BOTH_MODES(tables_may_sit_in_host_memory_or_in_hbm),
        IN_BOTH_MODES(large_pages_translate_all_of_their_two_mib),
        IN_BOTH_MODES(a_large_page_meets_a_small_one),
        IN_BOTH_MODES(a_read_only_page_can_be_read_and_not_written),
        IN_BOTH_MODES(a_write_stops_at_the_first_page_that_refuses_it),
        IN_BOTH_MODES(the_same_address_means_another_page_in_another_context),
        IN_BOTH_MODES(malformed_tables_fault_and_harm_nobody),
        IN_BOTH_MODES(a_table_may_point_to_itself),
        IN_BOTH_MODES(a_root_with_stray_bits_is_malformed),
        IN_BOTH_MODES(addresses_beyond_48_bits_fault),
        IN_BOTH_MODES(a_flush_makes_changes_of_the_table_visible),
        IN_BOTH_MODES(an_enable_forgets_the_old_table),
        cmocka_unit_test(a_flush_waits_for_accesses_that_use_old_translations),
        cmocka_unit_test(a_walk_that_a_flush_overtakes_is_not_cached),
        cmocka_unit_test(a_disabled_context_is_busy_until_its_last_access),
    };
    return cmocka_run_group_tests_name("chip page tables", tests, nullptr, nullptr);
}
