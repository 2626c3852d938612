// SPDX-License-Identifier: MIT
#include "chip_support.hpp"

namespace {

using namespace chip_test;

void identity_is_that_of_the_contract(void **) {
    Machine m;
    assert_int_equal(m.r32(reg::GLOBAL_MAGIC), spec::GLOBAL_MAGIC_RESET);
    assert_int_equal(m.r32(reg::GLOBAL_VERSION), spec::VERSION);
    assert_int_equal(m.r32(reg::GLOBAL_PROFILE), spec::raw(spec::Profile::TRN2));
    assert_int_equal(m.r32(reg::GLOBAL_CORES), 2);
    assert_int_equal(m.r64(reg::GLOBAL_HBM_BYTES), 64 * MiB);
    assert_int_equal(m.r64(reg::GLOBAL_APERTURE_BYTES), 32 * MiB);
    assert_int_equal(m.r32(reg::GLOBAL_HBM_BANKS), spec::find_profile("trn2")->hbm_banks);
    assert_int_equal(m.r32(reg::GLOBAL_SBUF_BYTES), spec::find_profile("trn2")->sbuf_bytes);
    assert_int_equal(m.r32(reg::GLOBAL_PSUM_BYTES), spec::PSUM_BYTES);
    assert_int_equal(m.r32(reg::GLOBAL_CONTEXTS), spec::MAX_CONTEXTS);
    assert_int_equal(m.r32(reg::GLOBAL_QUEUES), spec::MAX_QUEUES);
    assert_true(m.ready());
    assert_int_equal(m.bad(), 0);
}

void full_size_chip_costs_nothing(void **) {
    for (const spec::ProfileDesc &profile : spec::profiles()) {
        neuron_chip_config config{};
        config.size = sizeof config;
        config.abi_major = NEURON_CHIP_ABI_MAJOR;
        const std::string name(profile.name);
        config.profile = name.c_str();
        const auto ops = FakeHost::ops();
        FakeHost host;
        neuron_chip *chip = nullptr;
        char error[128];
        assert_int_equal(neuron_chip_create(&config, &ops, &host, &chip, error, sizeof error), 0);
        assert_int_equal(neuron_chip_reg_read(chip, reg::GLOBAL_HBM_BYTES, 8), profile.hbm_bytes);
        assert_int_equal(neuron_chip_reg_read(chip, reg::GLOBAL_CORES, 4), profile.cores);
        neuron_chip_destroy(chip);
    }
}

void every_register_resets_to_its_value(void **) {
    // What the device computes is excluded; everything else must show the table's reset value.
    Machine m;
    m.w64(reg::GLOBAL_EVENT_RING_BASE, 0);
    m.w32(reg::GLOBAL_EVENT_RING_LOG2, 0);
    for (const spec::RegisterDesc &desc : spec::registers()) {
        if ((desc.block == "GLOBAL" || desc.block == "REC") && desc.access == spec::Access::RO)
            continue;
        for (std::uint32_t i = 0; i < desc.count; ++i) {
            const std::uint64_t at = desc.offset + std::uint64_t{i} * desc.stride;
            assert_int_equal(neuron_chip_reg_read(m.chip, at, desc.bits / 8), desc.reset);
        }
    }
    assert_int_equal(m.bad(), 0);
}

void illegal_accesses_are_counted_and_do_nothing(void **) {
    Machine m;
    std::uint32_t bad = 0;
    const auto reads_zero = [&](std::uint64_t offset, unsigned size) {
        assert_int_equal(neuron_chip_reg_read(m.chip, offset, size), 0);
        assert_int_equal(m.bad(), ++bad);
    };
    const auto write_ignored = [&](std::uint64_t offset, std::uint64_t value, unsigned size) {
        neuron_chip_reg_write(m.chip, offset, value, size);
        assert_int_equal(m.bad(), ++bad);
    };
    reads_zero(reg::GLOBAL_MAGIC, 1);
    reads_zero(reg::GLOBAL_MAGIC, 2);
    reads_zero(reg::GLOBAL_MAGIC, 8); // a 32-bit register
    reads_zero(reg::GLOBAL_MAGIC + 1, 4);
    reads_zero(reg::GLOBAL_HBM_BYTES + 4, 8);
    reads_zero(0x34, 4); // a hole
    reads_zero(spec::BAR_REGS_SIZE, 4);
    reads_zero(~0ULL, 4);
    reads_zero(0, 0);
    reads_zero(reg::QUEUE_STATUS(spec::MAX_QUEUES), 4);
    write_ignored(reg::GLOBAL_MAGIC, 1, 4);
    write_ignored(reg::GLOBAL_EVENT_HEAD, 1, 2);
    write_ignored(reg::QUEUE_HEAD(0), 1, 8);
    write_ignored(reg::CTX_PT_ROOT(spec::MAX_CONTEXTS), 0, 8);
    assert_int_equal(m.r32(reg::GLOBAL_MAGIC), spec::GLOBAL_MAGIC_RESET);
    assert_int_equal(m.r32(reg::GLOBAL_EVENT_HEAD), 0);
}

void a_64_bit_register_can_be_used_in_halves(void **) {
    Machine m;
    m.w32(reg::QUEUE_RING_BASE(5), 0x55667788);
    m.w32(reg::QUEUE_RING_BASE(5) + 4, 0x11223344);
    assert_int_equal(m.r64(reg::QUEUE_RING_BASE(5)), 0x1122334455667788);
    assert_int_equal(m.r32(reg::QUEUE_RING_BASE(5)), 0x55667788);
    assert_int_equal(m.r32(reg::QUEUE_RING_BASE(5) + 4), 0x11223344);
    m.w64(reg::QUEUE_RING_BASE(5), 0xa1a2a3a4a5a6a7a8);
    m.w32(reg::QUEUE_RING_BASE(5), 0);
    assert_int_equal(m.r64(reg::QUEUE_RING_BASE(5)), 0xa1a2a3a400000000);
    assert_int_equal(m.bad(), 0);
}

void bits_outside_the_fields_do_not_stick(void **) {
    Machine m;
    m.w32(reg::QUEUE_CTRL(3), ~field::QUEUE_CTRL_ENABLE.mask);
    assert_int_equal(m.r32(reg::QUEUE_CTRL(3)), 0);
    assert_int_equal(m.state(3), spec::QueueState::DISABLED);
    m.w32(reg::GLOBAL_CTRL, ~field::GLOBAL_CTRL_RESET.mask);
    assert_true(m.ready());
    assert_int_equal(m.bad(), 0);
}

void the_clock_runs(void **) {
    Machine m;
    const std::uint64_t first = m.r64(reg::GLOBAL_CLOCK_NS);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    const std::uint64_t low = m.r32(reg::GLOBAL_CLOCK_NS);
    const std::uint64_t high = m.r32(reg::GLOBAL_CLOCK_NS + 4);
    assert_in_range((high << 32 | low) - first, 2'000'000, 10'000'000'000);
}

void configuration_is_locked_while_enabled(void **) {
    Machine m;
    Context ctx(m, 0);
    TestQueue queue(m, 0, 0);
    const std::uint64_t base = m.r64(reg::QUEUE_RING_BASE(0));
    m.w64(reg::QUEUE_RING_BASE(0), 0);
    m.w32(reg::QUEUE_RING_LOG2(0), 9);
    m.w32(reg::QUEUE_CFG(0), 0);
    m.w64(reg::QUEUE_SEQNO_ADDR(0), 0);
    m.w64(reg::QUEUE_STAMP_ADDR(0), 0);
    m.w64(reg::CTX_PT_ROOT(0), 0);
    assert_int_equal(m.bad(), 6);
    assert_int_equal(m.r64(reg::QUEUE_RING_BASE(0)), base);
    queue.disable();
    m.w64(reg::QUEUE_RING_BASE(0), 0);
    assert_int_equal(m.bad(), 6);
}

void a_queue_with_a_bad_configuration_faults(void **) {
    struct Case {
        std::uint32_t log2, cfg;
        std::uint64_t base, seqno;
        std::uint32_t info;
        std::uint64_t stamp = 0;
    };
    const auto cfg = [](std::uint32_t ctx, std::uint32_t vector, std::uint32_t slot, bool va = false) {
        return field::QUEUE_CFG_CTX.set(ctx) | field::QUEUE_CFG_VECTOR.set(vector) | field::QUEUE_CFG_SLOT.set(slot) |
               field::QUEUE_CFG_RING_VA.set(va);
    };
    const std::uint32_t q = 7;
    const Case cases[] = {
        {spec::RING_LOG2_MIN - 1, cfg(0, 1, 7), 0, 0, reg::QUEUE_RING_LOG2(q)},
        {spec::RING_LOG2_MAX + 1, cfg(0, 1, 7), 0, 0, reg::QUEUE_RING_LOG2(q)},
        {0xffffffff, cfg(0, 1, 7), 0, 0, reg::QUEUE_RING_LOG2(q)},
        {4, cfg(1, 1, 7), 0, 0, reg::QUEUE_CFG(q)},                                  // disabled context
        {4, cfg(spec::MAX_CONTEXTS, 1, 7), 0, 0, reg::QUEUE_CFG(q)},                 // no such context
        {4, cfg(0, 0, 7), 0, 0, reg::QUEUE_CFG(q)},                                  // the events' vector
        {4, cfg(0, spec::MSIX_VECTORS, 7), 0, 0, reg::QUEUE_CFG(q)},                 // no such vector
        {4, cfg(0, 1, spec::DOORBELL_SLOTS), 0, 0, reg::QUEUE_CFG(q)},               // no such slot
        {4, cfg(0, 1, 0), 0, 0, reg::QUEUE_CFG(q)},                                  // queue 0 has it
        {4, cfg(0, 1, 7) | field::QUEUE_CFG_DB_REG.mask, 0, 0, reg::QUEUE_CFG(q)},   // a slot and the register
        {4, cfg(0, 1, 7) | field::QUEUE_CFG_PRIORITY.mask, 0, 0, reg::QUEUE_CFG(q)}, // no such priority
        {4, cfg(0, 1, 7), 32, 0, reg::QUEUE_RING_BASE(q)},
        {4, cfg(0, 1, 7), ~63ULL, 0, reg::QUEUE_RING_BASE(q)},
        {4, cfg(0, 1, 7, true), 1ULL << 48, 0, reg::QUEUE_RING_BASE(q)},
        {4, cfg(0, 1, 7), 0, 4, reg::QUEUE_SEQNO_ADDR(q)},
        {4, cfg(0, 1, 7, true), 0, 1ULL << 50, reg::QUEUE_SEQNO_ADDR(q)},
        {4, cfg(0, 1, 7), 0, 0, reg::QUEUE_STAMP_ADDR(q), 8},
        {4, cfg(0, 1, 7), 0, 0, reg::QUEUE_STAMP_ADDR(q), ~15ULL},
        {4, cfg(0, 1, 7, true), 0, 0, reg::QUEUE_STAMP_ADDR(q), (1ULL << 48) - 15 * 16}, // the last one is outside
    };
    Machine m;
    Context ctx(m, 0);
    TestQueue other(m, 0, 0);
    std::uint32_t events = 0;
    for (const Case &c : cases) {
        m.w64(reg::QUEUE_RING_BASE(q), c.base);
        m.w64(reg::QUEUE_SEQNO_ADDR(q), c.seqno);
        m.w64(reg::QUEUE_STAMP_ADDR(q), c.stamp);
        m.w32(reg::QUEUE_RING_LOG2(q), c.log2);
        m.w32(reg::QUEUE_CFG(q), c.cfg);
        m.w32(reg::QUEUE_CTRL(q), 1);
        m.settle();
        assert_int_equal(m.state(q), spec::QueueState::FAULTED);
        assert_int_equal(m.fault(q), spec::Fault::QUEUE_CONFIG);
        assert_int_equal(m.event_count(), events + 1);
        const auto record = m.event(events++);
        assert_int_equal(record.code, spec::Fault::QUEUE_CONFIG);
        assert_int_equal(record.queue, q);
        assert_int_equal(record.info, c.info);
        m.w32(reg::GLOBAL_EVENT_HEAD, events);
        m.w32(reg::QUEUE_CTRL(q), 0);
        assert_int_equal(m.state(q), spec::QueueState::DISABLED);
    }
    assert_int_equal(other.run(spec::PacketNop{}), spec::Fault::NONE);
}

void scrub_zeroes_its_range_and_nothing_else(void **) {
    Machine m;
    std::memset(m.hbm(0), 0xaa, 4 * PAGE);
    m.w64(reg::GLOBAL_SCRUB_ADDR, PAGE);
    m.w64(reg::GLOBAL_SCRUB_BYTES, 2 * PAGE);
    m.w32(reg::GLOBAL_SCRUB_CTRL, 1);
    m.settle();
    assert_int_equal(m.r32(reg::GLOBAL_SCRUB_CTRL), 0);
    for (std::uint64_t i = 0; i < 4 * PAGE; ++i)
        assert_int_equal(*m.hbm(i), std::byte(i < PAGE || i >= 3 * PAGE ? 0xaa : 0));
}

void scrub_refuses_bad_ranges(void **) {
    Machine m;
    std::memset(m.hbm(0), 0xaa, PAGE);
    const std::uint64_t cases[][2] = {
        {1, PAGE}, {0, 100}, {64 * MiB, PAGE}, {63 * MiB, 2 * MiB}, {~(PAGE - 1), 2 * PAGE}};
    for (const auto &[addr, bytes] : cases) {
        m.w64(reg::GLOBAL_SCRUB_ADDR, addr);
        m.w64(reg::GLOBAL_SCRUB_BYTES, bytes);
        m.w32(reg::GLOBAL_SCRUB_CTRL, 1);
        m.settle();
        assert_int_equal(m.r32(reg::GLOBAL_SCRUB_CTRL), field::GLOBAL_SCRUB_CTRL_ERROR.mask);
    }
    assert_int_equal(*m.hbm(0), std::byte{0xaa});
    m.w64(reg::GLOBAL_SCRUB_ADDR, 0);
    m.w64(reg::GLOBAL_SCRUB_BYTES, PAGE);
    m.w32(reg::GLOBAL_SCRUB_CTRL, 1);
    m.settle();
    assert_int_equal(m.r32(reg::GLOBAL_SCRUB_CTRL), 0);
    assert_int_equal(*m.hbm(0), std::byte{0});
}

std::string create_error(const std::function<void(neuron_chip_config &, neuron_chip_host_ops &)> &spoil) {
    neuron_chip_config config{};
    config.size = sizeof config;
    config.abi_major = NEURON_CHIP_ABI_MAJOR;
    auto ops = FakeHost::ops();
    spoil(config, ops);
    neuron_chip *chip = nullptr;
    char error[128] = "";
    FakeHost host;
    const int result = neuron_chip_create(&config, &ops, &host, &chip, error, sizeof error);
    neuron_chip_destroy(chip);
    return result < 0 ? error : "";
}

void create_names_what_is_wrong(void **) {
    const auto names = [](const std::string &error, const char *member) {
        if (error.rfind(member, 0) != 0)
            fail_msg("\"%s\" does not start with %s", error.c_str(), member);
    };
    names(create_error([](auto &c, auto &) { c.abi_major = 99; }), "abi_major");
    names(create_error([](auto &c, auto &) { c.profile = "trn9"; }), "profile");
    names(create_error([](auto &c, auto &) { c.hbm_bytes = 12345; }), "hbm_bytes");
    names(create_error([](auto &c, auto &) { c.hbm_bytes = 1ULL << 60; }), "hbm_bytes");
    names(create_error([](auto &c, auto &) { c.aperture_bytes = 3 * MiB; }), "aperture_bytes");
    names(create_error([](auto &c, auto &) { c.hbm_bytes = 8 * MiB, c.aperture_bytes = 16 * MiB; }), "aperture_bytes");
    names(create_error([](auto &c, auto &) { c.cores = 33; }), "cores");
    names(create_error([](auto &c, auto &) { c.threads = 100000; }), "threads");
    names(create_error([](auto &, auto &o) { o.dma_read = nullptr; }), "ops.dma_read");
    names(create_error([](auto &, auto &o) { o.raise_irq = nullptr; }), "ops.raise_irq");
    names(create_error([](auto &, auto &o) { o.size = 16; }), "ops.dma_write");
}

void two_chips_know_nothing_of_each_other(void **) {
    Machine a;
    Machine b(STEPPED);
    a.w32(reg::QUEUE_RING_LOG2(0), 7);
    std::memset(a.hbm(0), 1, 16);
    assert_int_equal(b.r32(reg::QUEUE_RING_LOG2(0)), 0);
    assert_int_equal(*b.hbm(0), std::byte{0});
    assert_true((b.r32(reg::GLOBAL_STATUS) & field::GLOBAL_STATUS_STEPPED.mask) != 0);
    assert_true((a.r32(reg::GLOBAL_STATUS) & field::GLOBAL_STATUS_STEPPED.mask) == 0);
}

} // namespace

int main() {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const CMUnitTest tests[] = {
        cmocka_unit_test(identity_is_that_of_the_contract),
        cmocka_unit_test(full_size_chip_costs_nothing),
        cmocka_unit_test(every_register_resets_to_its_value),
        cmocka_unit_test(illegal_accesses_are_counted_and_do_nothing),
        cmocka_unit_test(a_64_bit_register_can_be_used_in_halves),
        cmocka_unit_test(bits_outside_the_fields_do_not_stick),
        cmocka_unit_test(the_clock_runs),
        cmocka_unit_test(configuration_is_locked_while_enabled),
        cmocka_unit_test(a_queue_with_a_bad_configuration_faults),
        cmocka_unit_test(scrub_zeroes_its_range_and_nothing_else),
        cmocka_unit_test(scrub_refuses_bad_ranges),
        cmocka_unit_test(create_names_what_is_wrong),
        cmocka_unit_test(two_chips_know_nothing_of_each_other),
    };
    return cmocka_run_group_tests_name("chip registers", tests, nullptr, nullptr);
}
