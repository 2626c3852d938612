// SPDX-License-Identifier: MIT
// The sanitizer: each kind of report, and for each what comes close and is none.
#include "chip_program.hpp"
#include "chip_teller.hpp"

namespace {

using namespace chip_test;
using spec::BlameRelation;
using spec::DebugKind;
using spec::Fault;
using spec::SanitizerFlag;
using spec::SanitizerKind;

constexpr std::uint16_t CTX = 3;
constexpr std::uint32_t QUEUE = 5;
constexpr std::uint64_t VA = 0x4000'0000;

Mode sanitized(void **state) {
    Mode mode = mode_of(state);
    mode.sanitizer = true;
    return mode;
}

/// A context with a queue, a driver that tells, and reports.
struct Watched : Teller {
    explicit Watched(void **state) : Teller(sanitized(state)), ctx(m, CTX), queue(m, QUEUE, CTX) { open(CTX, 412); }

    /// Host memory that is mapped and told.
    void give(std::uint64_t buffer, std::uint64_t va, std::uint64_t bytes, std::uint64_t flags = Context::WRITE) {
        ctx.map_host(va, bytes, flags);
        const std::uint64_t pages = (bytes + PAGE - 1) / PAGE * PAGE;
        const bool write = (flags & Context::WRITE) != 0;
        tell({.kind = DebugKind::BIND,
              .ctx = CTX,
              .flags = write ? spec::raw(spec::DebugFlag::WRITE) : 0,
              .pid = 412,
              .padding = static_cast<std::uint32_t>(pages - bytes),
              .buffer = buffer,
              .va = va,
              .bytes = pages});
    }
    /// What the driver does: told, then unmapped and flushed.
    void take(std::uint64_t buffer, std::uint64_t va, std::uint64_t bytes) {
        unbind(CTX, buffer, va, bytes);
        for (std::uint64_t at = 0; at < bytes; at += PAGE)
            ctx.unmap(va + at);
        ctx.flush();
        m.settle();
    }
    /// A packet that runs without a fault.
    template<class Packet>
    void runs(const Packet &packet) {
        assert_int_equal(queue.run(packet), Fault::NONE);
    }
    void fill(std::uint64_t va, std::uint64_t bytes) {
        runs(spec::PacketFill{.dst = va, .bytes = bytes, .pattern = 1});
    }

    std::vector<spec::SanitizerReport> reports() {
        m.settle();
        std::array<std::byte, 8 * spec::SanitizerReport::BYTES> raw;
        std::vector<spec::SanitizerReport> all;
        for (std::uint64_t first = 0;;) {
            const std::size_t count = neuron_chip_read_reports(m.chip, &first, raw.data(), raw.size());
            for (std::size_t i = 0; i < count; ++i)
                all.push_back(spec::unpack<spec::SanitizerReport>(
                    std::span<const std::byte, spec::SanitizerReport::BYTES>(raw.data() + i * 512, 512)));
            if (count == 0)
                return all;
        }
    }
    void none() {
        for (const auto &report : reports())
            fail_msg("unexpected: %s", report.text.data());
    }
    /// The only report.
    spec::SanitizerReport one(SanitizerKind kind, const char *text) {
        const auto all = reports();
        if (all.size() != 1 || all[0].kind != kind || std::strstr(all[0].text.data(), text) == nullptr) {
            for (const auto &report : all)
                print_message("# %s\n", report.text.data());
            fail_msg("%zu reports, expected one that says \"%s\"", all.size(), text);
        }
        return all[0];
    }
    /// The same; forgotten afterwards.
    spec::SanitizerReport took(SanitizerKind kind, const char *text) {
        const auto report = one(kind, text);
        neuron_chip_forget_reports(m.chip);
        return report;
    }
    void restart() {
        queue.disable();
        m.settle();
        queue.enable();
    }

    Context ctx;
    TestQueue queue;
};

bool has(const spec::SanitizerReport &report, SanitizerFlag flag) { return (report.flags & spec::raw(flag)) != 0; }

// ---- after unmap, after free ----------------------------------------------------------------------------------------

void use_after_unmap(void **state) {
    Watched w(state);
    w.give(7, VA, PAGE);
    w.fill(VA, PAGE);
    w.none();
    w.take(7, VA, PAGE);
    assert_int_equal(w.queue.run(spec::PacketFill{.dst = VA + 16, .bytes = 8}), Fault::PAGE_NOT_MAPPED);
    const auto report =
        w.took(SanitizerKind::USE_AFTER_UNMAP, "use after unmap: job 2 (packet 1) of queue 5, a FILL, "
                                               "context 3 (prog), writes 1 bytes at 0x40000010: byte 16 "
                                               "of buffer #7 at [0x40000000, 0x40001000), unbound ");
    assert_true(has(report, SanitizerFlag::FAULTED) && has(report, SanitizerFlag::WRITE));
    assert_int_equal(report.ctx, CTX);
    assert_int_equal(report.queue, QUEUE);
    assert_int_equal(report.packet, 1);
    assert_int_equal(report.seqno, 2);
    assert_int_equal(report.va, VA + 16);
    assert_int_equal(report.buffer, 7);
    assert_int_equal(report.distance, 16);
    assert_int_equal(report.pid, 412);
    assert_string_equal(report.comm.data(), "prog");
    w.tell({.kind = DebugKind::FREE, .ctx = CTX, .pid = 412, .buffer = 7});
    w.restart();
    assert_int_equal(w.queue.run(spec::PacketCopy{.src = VA, .dst = VA + PAGE, .bytes = 8}), Fault::PAGE_NOT_MAPPED);
    assert_false(has(w.one(SanitizerKind::USE_AFTER_FREE, "use after free"), SanitizerFlag::WRITE));
}

// The driver has told, but the page table entry is still there: nothing faults.
void use_after_unmap_without_a_fault(void **state) {
    Watched w(state);
    w.give(7, VA, PAGE);
    w.unbind(CTX, 7, VA, PAGE);
    w.fill(VA, 8);
    assert_false(has(w.one(SanitizerKind::USE_AFTER_UNMAP, "unbound"), SanitizerFlag::FAULTED));
}

void a_stale_mapping(void **) {
    Mode mode = STEPPED;
    void *state = &mode;
    for (const bool queued_before : {false, true}) {
        Watched w(&state);
        w.give(7, VA, PAGE);
        if (queued_before)
            w.queue.submit(spec::PacketFill{.dst = VA, .bytes = 8});
        w.unbind(CTX, 7, VA, PAGE);
        w.ctx.unmap(VA);
        w.ctx.flush();
        w.give(8, VA, PAGE);
        if (!queued_before)
            w.queue.submit(spec::PacketFill{.dst = VA, .bytes = 8});
        w.m.settle();
        assert_int_equal(w.queue.head(), 1);
        if (queued_before)
            assert_int_equal(w.one(SanitizerKind::STALE_MAPPING, "stale mapping").buffer, 8);
        else
            w.none();
    }
    // Bound only after the packet was queued, where nothing was before: late, but in time.
    Watched w(&state);
    w.queue.submit(spec::PacketFill{.dst = VA, .bytes = 8});
    w.give(8, VA, PAGE);
    w.m.settle();
    assert_int_equal(w.queue.head(), 1);
    w.none();
}

// ---- out of buffer --------------------------------------------------------------------------------------------------

void over_the_end_of_a_buffer(void **state) {
    Watched w(state);
    w.give(7, VA, 100);
    w.fill(VA, 100);
    w.fill(VA + 99, 1);
    w.none();
    w.fill(VA + 96, 8);
    const auto report =
        w.took(SanitizerKind::OUT_OF_BUFFER, "writes 4 bytes at 0x40000064: 0 bytes past the end of buffer #7 at "
                                             "[0x40000000, 0x40000064), bound ");
    assert_int_equal(report.relation, BlameRelation::AFTER);
    assert_int_equal(report.distance, 0);
    assert_false(has(report, SanitizerFlag::FAULTED));
    w.fill(VA + 200, 8); // wholly in the padding
    assert_int_equal(w.took(SanitizerKind::OUT_OF_BUFFER, "100 bytes past the end of buffer #7").va, VA + 200);
    // Behind its pages it faults.
    assert_int_equal(w.queue.run(spec::PacketFill{.dst = VA + PAGE, .bytes = 8}), Fault::PAGE_NOT_MAPPED);
    assert_true(has(w.one(SanitizerKind::OUT_OF_BUFFER, "past the end"), SanitizerFlag::FAULTED));
}

void into_a_neighbour(void **state) {
    Watched w(state);
    w.give(7, VA, PAGE);
    w.give(8, VA + PAGE, PAGE);
    w.give(9, VA + 8 * PAGE, 4 * PAGE);
    w.fill(VA, PAGE);
    w.fill(VA + PAGE, PAGE);
    w.none();
    w.fill(VA, PAGE + 1);
    assert_int_equal(w.took(SanitizerKind::OUT_OF_BUFFER, "past the end of buffer #7").va, VA + PAGE);
    w.runs(spec::PacketCopy{.src = VA + PAGE - 1, .dst = VA + 8 * PAGE, .bytes = 2});
    assert_false(has(w.took(SanitizerKind::OUT_OF_BUFFER, "past the end of buffer #7"), SanitizerFlag::WRITE));
    // Rows that leave it for another one, forwards and backwards; and such that stay.
    spec::PacketCopyStrided rows{};
    rows.src = VA + PAGE;
    rows.dst = VA + 8 * PAGE;
    rows.row_bytes = 8;
    rows.count = {2, 1, 1};
    rows.src_stride[0] = -64;
    rows.dst_stride[0] = static_cast<std::int32_t>(2 * PAGE);
    w.runs(rows);
    assert_int_equal(w.took(SanitizerKind::OUT_OF_BUFFER, "64 bytes before buffer #8").va, VA + PAGE - 64);
    rows.src = VA + PAGE + 64;
    w.runs(rows);
    w.none();
}

// One buffer shown twice in a row may be used as one.
void a_buffer_that_goes_on(void **state) {
    Watched w(state);
    w.give(7, VA, PAGE);
    w.give(7, VA + PAGE, PAGE);
    w.fill(VA + PAGE - 8, 16);
    w.none();
}

void beside_all_buffers(void **state) {
    Watched w(state);
    w.give(7, VA, PAGE);
    w.ctx.map_host(VA + 16 * PAGE, PAGE); // which nobody has told
    w.fill(VA + 16 * PAGE, 8);
    w.took(SanitizerKind::OUT_OF_BUFFER, "61440 bytes past the end of buffer #7");
    // Of a context of which nothing is known nothing follows.
    Context other(w.m, CTX + 1);
    TestQueue queue(w.m, QUEUE + 1, CTX + 1);
    other.map_host(VA, PAGE);
    assert_int_equal(queue.run(spec::PacketFill{.dst = VA, .bytes = 8}), Fault::NONE);
    assert_int_equal(queue.run(spec::PacketFill{.dst = VA + PAGE, .bytes = 8}), Fault::PAGE_NOT_MAPPED);
    w.none();
}

// A driver that has told what makes no sense is not believed any more.
void what_makes_no_sense_ends_it(void **state) {
    Watched w(state);
    w.give(7, VA, PAGE);
    w.unbind(CTX, 7, VA, 2 * PAGE);
    w.ctx.map_host(VA + 16 * PAGE, PAGE);
    w.fill(VA + 16 * PAGE, 8);
    w.none();
}

void transfers_of_cores(void **state) {
    Watched w(state);
    Runner run(w.m, CTX + 1, QUEUE + 1);
    w.bind(CTX + 1, 1, Runner::CODE, Runner::CODE_BYTES);
    w.bind(CTX + 1, 2, Runner::ARGS, PAGE);
    w.bind(CTX + 1, 7, Runner::DATA, PAGE, "in");
    w.bind(CTX + 1, 8, Runner::DATA + PAGE, Runner::DATA_BYTES - PAGE, "out");
    std::memset(run.data(0), 1, 2 * PAGE);
    Program good;
    good.add(Engine::SP, load(tile(4, 256), mem(0, 256), 0)).add(Engine::SP, end());
    assert_int_equal(run.run(good), Fault::NONE);
    w.none();
    Program bad; // four rows of 256 words fill the page
    bad.add(Engine::SP, nop()).add(Engine::SP, load(tile(5, 256), mem(0, 256), 2)).add(Engine::SP, end());
    assert_int_equal(run.run(bad), Fault::NONE);
    const auto report =
        w.took(SanitizerKind::OUT_OF_BUFFER, "DMA ring 2 of core 0 at instruction 1 (DMA_LOAD), context 4, "
                                             "reads 1024 bytes at 0x30001000: 0 bytes past the end of "
                                             "buffer 'in' (#7)");
    assert_int_equal(report.unit, spec::Unit::DMA);
    assert_int_equal(report.pc, 1);
    assert_int_equal(report.ring, 2);
    assert_int_equal(report.packet, 1);
}

// ---- read only ------------------------------------------------------------------------------------------------------

void a_write_to_a_read_only_buffer(void **state) {
    Watched w(state);
    w.give(7, VA, PAGE, 0);
    w.give(8, VA + 2 * PAGE, PAGE);
    w.runs(spec::PacketCopy{.src = VA, .dst = VA + 2 * PAGE, .bytes = PAGE});
    w.none();
    assert_int_equal(w.queue.run(spec::PacketFill{.dst = VA, .bytes = 8}), Fault::PAGE_READ_ONLY);
    const auto faulted = w.took(SanitizerKind::WRITE_READ_ONLY, "write to a read-only buffer: job 2 ");
    assert_true(has(faulted, SanitizerFlag::FAULTED));
    assert_int_equal(faulted.buffer, 7);
    // The driver has told so, but made the page writable.
    w.restart();
    w.ctx.map_host(VA, PAGE);
    w.ctx.flush();
    w.fill(VA, 8);
    assert_false(has(w.one(SanitizerKind::WRITE_READ_ONLY, "byte 0 of buffer #7"), SanitizerFlag::FAULTED));
}

// ---- reports --------------------------------------------------------------------------------------------------------

void a_cause_is_reported_once(void **state) {
    Watched w(state);
    w.give(7, VA, 100);
    for (int i = 0; i < 3; ++i)
        w.fill(VA + 200, 8);
    assert_int_equal(w.one(SanitizerKind::OUT_OF_BUFFER, "job 1 ").repeats, 2);
    w.runs(spec::PacketCopy{.src = VA + 200, .dst = VA, .bytes = 8}); // the other direction is another cause
    assert_int_equal(w.reports().size(), 2);
    assert_int_equal(w.m.r64(reg::REC_REPORTS), 2);
    // Forgotten, it is reported anew, and numbers go on.
    neuron_chip_forget_reports(w.m.chip);
    w.none();
    w.fill(VA + 200, 8);
    assert_int_equal(w.one(SanitizerKind::OUT_OF_BUFFER, "job 5 ").index, 2);
}

void reports_are_bounded(void **state) {
    Watched w(state);
    for (std::uint64_t i = 0; i < spec::SANITIZER_REPORTS + 3; ++i) {
        w.give(i + 1, VA + i * PAGE, 100);
        w.fill(VA + i * PAGE + 200, 8);
    }
    assert_int_equal(w.reports().size(), spec::SANITIZER_REPORTS);
    assert_int_equal(w.m.r64(reg::REC_REPORTS_LOST), 3);
    neuron_chip_forget_reports(w.m.chip);
    assert_int_equal(w.m.r64(reg::REC_REPORTS_LOST), 0);
}

void a_driver_reads_reports(void **state) {
    Watched w(state);
    w.give(7, VA, 100);
    w.give(8, VA + PAGE, 100);
    w.fill(VA + 200, 8);
    w.fill(VA + PAGE + 200, 8);
    assert_int_equal(w.m.r32(reg::REC_SANITIZER), field::REC_SANITIZER_ON.mask);
    const std::uint64_t bus = w.m.host.alloc(4 * PAGE);
    const auto command = [&](spec::RecOp op, std::uint64_t first, std::uint32_t count) {
        w.m.w64(reg::REC_CMD_ADDR, bus);
        w.m.w64(reg::REC_CMD_FIRST, first);
        w.m.w32(reg::REC_CMD_COUNT, count);
        w.m.w32(reg::REC_CMD, spec::raw(op));
        w.m.settle();
        assert_int_equal(w.m.r32(reg::REC_CMD) & field::REC_CMD_ERROR.mask, 0);
        return w.m.r32(reg::REC_CMD_DONE);
    };
    const auto at = [&](std::uint64_t i) {
        return spec::unpack<spec::SanitizerReport>(
            std::span<const std::byte, 512>(w.m.host.at(bus + i * 512, 512), 512));
    };
    assert_int_equal(command(spec::RecOp::REPORTS, 0, ~0U), 2);
    assert_int_equal(at(0).buffer, 7);
    assert_int_equal(at(1).buffer, 8);
    assert_int_equal(at(1).index, 1);
    assert_int_equal(command(spec::RecOp::REPORTS, 0, 1), 1);
    assert_int_equal(command(spec::RecOp::REPORTS, 1, 5), 1);
    assert_int_equal(at(0).buffer, 8);
    assert_int_equal(command(spec::RecOp::REPORTS, 2, 5), 0);
    assert_int_equal(command(spec::RecOp::FORGET_REPORTS, 0, 0), 0);
    assert_int_equal(command(spec::RecOp::REPORTS, 0, ~0U), 0);
    w.none();
}

void without_it_nothing_is_reported(void **state) {
    Teller t(mode_of(state));
    Context ctx(t.m, CTX);
    TestQueue queue(t.m, QUEUE, CTX);
    ctx.map_host(VA, PAGE);
    t.bind(CTX, 7, VA, PAGE, "", 412, 100);
    assert_int_equal(queue.run(spec::PacketFill{.dst = VA, .bytes = PAGE}), Fault::NONE);
    std::byte raw[512];
    std::uint64_t first = 0;
    assert_int_equal(neuron_chip_read_reports(t.m.chip, &first, raw, sizeof raw), 0);
    assert_int_equal(t.m.r32(reg::REC_SANITIZER), 0);
    assert_int_equal(t.m.r64(reg::REC_REPORTS), 0);
    t.m.w32(reg::REC_CMD, spec::raw(spec::RecOp::REPORTS));
    assert_true((t.m.r32(reg::REC_CMD) & field::REC_CMD_ERROR.mask) != 0);
}

void it_needs_the_recorder(void **) {
    Mode mode = STEPPED;
    mode.sanitizer = true;
    mode.recorder_records = NEURON_CHIP_RECORDER_OFF;
    Machine m;
    try {
        m.make_chip(mode);
        fail_msg("a chip was made");
    } catch (const std::runtime_error &error) {
        assert_non_null(std::strstr(error.what(), "sanitizer: needs the recorder"));
    }
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        IN_BOTH_MODES(use_after_unmap),          IN_BOTH_MODES(use_after_unmap_without_a_fault),
        cmocka_unit_test(a_stale_mapping),       IN_BOTH_MODES(over_the_end_of_a_buffer),
        IN_BOTH_MODES(into_a_neighbour),         IN_BOTH_MODES(a_buffer_that_goes_on),
        IN_BOTH_MODES(beside_all_buffers),       IN_BOTH_MODES(what_makes_no_sense_ends_it),
        IN_BOTH_MODES(transfers_of_cores),       IN_BOTH_MODES(a_write_to_a_read_only_buffer),
        IN_BOTH_MODES(a_cause_is_reported_once), IN_BOTH_MODES(reports_are_bounded),
        IN_BOTH_MODES(a_driver_reads_reports),   IN_BOTH_MODES(without_it_nothing_is_reported),
        cmocka_unit_test(it_needs_the_recorder),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("chip_sanitizer", tests, nullptr, nullptr);
}
