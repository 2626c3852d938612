// SPDX-License-Identifier: MIT
// The sanitizer: each kind of report, and for each what comes close and is none.
#include "chip_program.hpp"
#include "chip_teller.hpp"
#include "sanitizer/completions.hpp"
#include "sanitizer/flights.hpp"

namespace {

using namespace chip_test;
namespace chip = neuron::chip;
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
    const auto report = w.took(SanitizerKind::USE_AFTER_UNMAP, "use after unmap: job 2 (packet 1) of queue 5, a FILL, "
                                                               "context 3 (prog), writes at 0x40000010: byte 16 "
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
    const auto report =
        w.one(SanitizerKind::USE_AFTER_UNMAP, "; it did not fault: its page table entry is still there");
    assert_true(has(report, SanitizerFlag::PERMITTED));
    assert_false(has(report, SanitizerFlag::FAULTED) || has(report, SanitizerFlag::CACHED));
}

// The entry is gone, but the device still has it.
void use_after_unmap_without_a_flush(void **state) {
    Watched w(state);
    w.give(7, VA, PAGE);
    w.fill(VA, 8);
    w.unbind(CTX, 7, VA, PAGE);
    w.ctx.unmap(VA);
    w.fill(VA, 8);
    const auto report = w.one(SanitizerKind::USE_AFTER_UNMAP, "entry is gone, but the TLB was not flushed");
    assert_true(has(report, SanitizerFlag::CACHED));
    assert_false(has(report, SanitizerFlag::FAULTED) || has(report, SanitizerFlag::PERMITTED));
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
    const auto let = w.one(SanitizerKind::WRITE_READ_ONLY, "; it did not fault: its page table entry is writable");
    assert_true(has(let, SanitizerFlag::PERMITTED) && !has(let, SanitizerFlag::FAULTED));
}

// ---- never written --------------------------------------------------------------------------------------------------

void a_read_of_what_nobody_wrote(void **state) {
    Watched w(state);
    constexpr std::uint64_t HBM = 48 * MiB; // behind the aperture
    w.ctx.map(VA, HBM, 4 * PAGE, Context::HBM | Context::WRITE);
    w.bind(CTX, 7, VA, 4 * PAGE);
    w.give(8, VA + 16 * PAGE, 4 * PAGE);
    const auto copy = [&](std::uint64_t offset, std::uint64_t bytes) {
        w.runs(spec::PacketCopy{.src = VA + offset, .dst = VA + 16 * PAGE, .bytes = bytes});
    };
    w.fill(VA, PAGE + 64);
    copy(0, PAGE + 64);
    w.none();
    copy(PAGE, 128);
    const auto report = w.took(SanitizerKind::READ_UNWRITTEN, "read of never-written memory: job 3 ");
    assert_int_equal(report.va, VA + PAGE + 64);
    assert_int_equal(report.bytes, 64);
    assert_int_equal(report.bus, HBM + PAGE + 64);
    assert_int_equal(report.buffer, 7);
    assert_true(has(report, SanitizerFlag::HBM));
    // Written by a copy, it may be read; scrubbed, not any more.
    w.runs(spec::PacketCopy{.src = VA + 16 * PAGE, .dst = VA + PAGE + 64, .bytes = 64});
    copy(PAGE, 128);
    w.none();
    w.m.w64(reg::GLOBAL_SCRUB_ADDR, HBM);
    w.m.w64(reg::GLOBAL_SCRUB_BYTES, PAGE);
    w.m.w32(reg::GLOBAL_SCRUB_CTRL, field::GLOBAL_SCRUB_CTRL_START.mask);
    w.m.settle();
    copy(PAGE, 128);
    w.none();
    copy(PAGE - 4, 8);
    assert_int_equal(w.one(SanitizerKind::READ_UNWRITTEN, "byte 4092 of buffer #7").va, VA + PAGE - 4);
}

// ---- of another buffer ----------------------------------------------------------------------------------------------

void bytes_that_were_written_for_another_buffer(void **state) {
    Watched w(state);
    constexpr std::uint64_t HBM = 48 * MiB; // behind the aperture
    const auto at = [&](std::uint64_t buffer, std::uint64_t va, std::uint64_t hbm) {
        w.ctx.map(va, hbm, 2 * PAGE, Context::HBM | Context::WRITE);
        w.bind(CTX, buffer, va, 2 * PAGE);
    };
    const auto read = [&](std::uint64_t va, std::uint64_t bytes) {
        w.runs(spec::PacketCopy{.src = va, .dst = VA + 64 * PAGE, .bytes = bytes});
    };
    const auto scrub = [&] {
        w.m.w64(reg::GLOBAL_SCRUB_ADDR, HBM);
        w.m.w64(reg::GLOBAL_SCRUB_BYTES, 2 * PAGE);
        w.m.w32(reg::GLOBAL_SCRUB_CTRL, field::GLOBAL_SCRUB_CTRL_START.mask);
        w.m.settle();
    };
    w.give(9, VA + 64 * PAGE, 2 * PAGE);
    at(7, VA, HBM);
    w.fill(VA + PAGE, PAGE);
    read(VA + PAGE, PAGE);
    w.none();
    // The next one has it as it is; its first page was never written, and that is another matter.
    w.take(7, VA, 2 * PAGE);
    at(8, VA + 16 * PAGE, HBM);
    w.fill(VA + 16 * PAGE, PAGE);
    read(VA + 16 * PAGE, PAGE);
    w.none();
    read(VA + 16 * PAGE, 2 * PAGE);
    const auto report =
        w.took(SanitizerKind::FOREIGN_BYTES, "bytes of another buffer: job 5 (packet 4) of queue 5, a COPY, "
                                             "context 3 (prog), reads 4096 bytes at 0x40011000: byte "
                                             "4096 of buffer #8 at [0x40010000, 0x40012000), bound ");
    assert_int_equal(report.other_buffer, 7);
    assert_int_equal(report.buffer, 8);
    assert_int_equal(report.bus, HBM + PAGE);
    // Two at once.
    at(10, VA + 32 * PAGE, HBM);
    read(VA + 32 * PAGE, 8);
    w.took(SanitizerKind::FOREIGN_BYTES,
           "last written for buffer #8: that memory was not scrubbed, or is two buffers' at once");
    // What one writes is its own, and what was scrubbed nobody's.
    w.fill(VA + 32 * PAGE, 2 * PAGE);
    read(VA + 32 * PAGE, 2 * PAGE);
    w.none();
    scrub();
    w.fill(VA + 16 * PAGE, 2 * PAGE);
    read(VA + 16 * PAGE, 2 * PAGE);
    w.none();
}

void what_the_cpu_wrote_was_written(void **state) {
    Watched w(state);
    constexpr std::uint64_t HBM = 8 * MiB;
    w.ctx.map(VA, HBM, 4 * PAGE, Context::HBM | Context::WRITE);
    w.bind(CTX, 7, VA, 4 * PAGE);
    w.give(8, VA + 16 * PAGE, 4 * PAGE);
    const auto copy = [&](std::uint64_t offset, std::uint64_t bytes) {
        w.runs(spec::PacketCopy{.src = VA + offset, .dst = VA + 16 * PAGE, .bytes = bytes});
    };
    std::memset(w.m.hbm(HBM), 0, 16); // zeroes are as good as any
    copy(0, PAGE);
    w.none();
    assert_int_equal(*w.m.hbm(HBM + PAGE), 0); // reading writes nothing
    copy(PAGE, 8);
    w.one(SanitizerKind::READ_UNWRITTEN, "byte 4096 of buffer #7");
}

void a_core_reads_what_nobody_wrote(void **state) {
    Watched w(state);
    Runner run(w.m, CTX + 1, QUEUE + 1, 40 * MiB);
    w.bind(CTX + 1, 1, Runner::CODE, Runner::CODE_BYTES);
    w.bind(CTX + 1, 2, Runner::ARGS, PAGE);
    w.bind(CTX + 1, 7, Runner::DATA, Runner::DATA_BYTES, "in");
    Program store_and_load;
    store_and_load.add(Engine::SP, store(mem(0, 16), tile(4, 16), 0, add(1, 1)))
        .add(Engine::SP, load(tile(4, 16), mem(0, 16), 0, wait_ge(1, 1)))
        .add(Engine::SP, end());
    assert_int_equal(run.run(store_and_load), Fault::NONE);
    w.none();
    Program strided; // every second word: the first row's third one is new
    spec::Mem every_second = mem(0, 4);
    every_second.stride[0] = 128;
    strided.add(Engine::SP, load(tile(1, 4), every_second, 0)).add(Engine::SP, end());
    assert_int_equal(run.run(strided), Fault::NONE);
    assert_int_equal(w.one(SanitizerKind::READ_UNWRITTEN, "byte 256 of buffer 'in' (#7)").bytes, 4);
}

// ---- host memory that the driver has taken back ---------------------------------------------------------------------

void use_after_dma_unmap(void **state) {
    Watched w(state);
    const auto tell_dma = [&](DebugKind kind, std::uint64_t bus, std::uint64_t bytes, std::string_view label = "") {
        w.tell({.kind = kind,
                .pid = 77,
                .va = bus,
                .bytes = bytes,
                .label = text<decltype(spec::DebugRecord::label)>(label)});
    };
    const std::uint64_t bus = w.ctx.map_host(VA, 2 * PAGE);
    w.bind(CTX, 7, VA, 2 * PAGE);
    w.fill(VA, 2 * PAGE); // of what was never told nothing follows
    tell_dma(DebugKind::DMA_MAP, bus, 2 * PAGE, "host buffer");
    w.fill(VA, 2 * PAGE);
    tell_dma(DebugKind::DMA_MAP, bus + PAGE, PAGE, "once more");
    tell_dma(DebugKind::DMA_UNMAP, bus + PAGE, PAGE);
    tell_dma(DebugKind::DMA_UNMAP, bus + 64 * PAGE, PAGE); // unknown
    w.fill(VA, 2 * PAGE);
    w.none();
    tell_dma(DebugKind::DMA_UNMAP, bus + PAGE, PAGE);
    w.fill(VA, PAGE);
    w.none();
    w.fill(VA + PAGE - 8, 16);
    const auto report =
        w.took(SanitizerKind::USE_AFTER_DMA_UNMAP, "use after DMA unmap: job 5 (packet 4) of queue 5, a FILL, "
                                                   "context 3, writes 8 bytes at 0x40001000: once more was "
                                                   "the device's until ");
    assert_int_equal(report.bus, bus + PAGE);
    assert_int_equal(report.pid, 77);
    // What a new driver says begins anew.
    w.tell({.kind = DebugKind::CLEAR});
    w.fill(VA, 2 * PAGE);
    w.none();
    // The queue's own: the ring is gone, and is used all the same.
    const std::uint64_t ring = w.queue.slot(0);
    tell_dma(DebugKind::DMA_MAP, ring, 2 * PAGE, "ring of queue 5");
    w.runs(spec::PacketNop{});
    w.none();
    tell_dma(DebugKind::DMA_UNMAP, ring, 2 * PAGE);
    w.runs(spec::PacketNop{});
    for (const auto &found : w.reports()) {
        assert_int_equal(found.kind, SanitizerKind::USE_AFTER_DMA_UNMAP);
        assert_non_null(std::strstr(found.text.data(), "at bus address 0x"));
        assert_non_null(std::strstr(found.text.data(), "ring of queue 5 was the device's until "));
    }
    assert_int_equal(w.reports().size(), 2); // the packet is read, the seqno is written
}

// ---- rings ----------------------------------------------------------------------------------------------------------

void a_stale_packet(void **state) {
    Watched w(state);
    for (unsigned lap = 0; lap < 3; ++lap)
        for (unsigned i = 0; i < 16; ++i)
            w.runs(spec::PacketNop{});
    w.none();
    w.m.doorbell(CTX, QUEUE, static_cast<std::uint32_t>(w.queue.tail()) + 1); // one too many
    w.m.settle();
    assert_int_equal(w.m.fault(QUEUE), Fault::ILLEGAL_PACKET);
    const auto report =
        w.one(SanitizerKind::STALE_PACKET, "stale packet: packet 48 of queue 5 was announced, but its slot "
                                           "holds what was done a lap before");
    assert_true(has(report, SanitizerFlag::FAULTED));
    assert_int_equal(report.packet, 48);
}

void a_doorbell_before_its_packet(void **state) {
    Watched w(state);
    w.m.doorbell(CTX, QUEUE, 1);
    w.m.settle();
    assert_int_equal(w.m.fault(QUEUE), Fault::ILLEGAL_PACKET);
    w.one(SanitizerKind::EARLY_DOORBELL, "packet 0 of queue 5 was announced, but its slot is empty");
}

// By the driver's register: it is looked at before the device can be late enough not to notice.
void a_doorbell_that_overtakes_its_packet(void **) {
    Mode mode = STEPPED;
    void *state = &mode;
    Watched w(&state);
    TestQueue queue(w.m, QUEUE + 1, CTX, {.doorbell_register = true});
    queue.submit(spec::PacketNop{});
    w.m.settle();
    w.none();
    w.m.w32(reg::QUEUE_DOORBELL(QUEUE + 1), 2);
    queue.push(spec::PacketNop{}); // too late, but in time
    w.m.settle();
    assert_int_equal(queue.head(), 2);
    const auto report =
        w.one(SanitizerKind::EARLY_DOORBELL, "packet 1 of queue 6 was announced, but its slot is empty");
    assert_false(has(report, SanitizerFlag::FAULTED));
    assert_int_equal(report.packet, 1);
}

void a_packet_that_changes_after_its_doorbell(void **) {
    Mode mode = STEPPED;
    void *state = &mode;
    for (const bool early : {false, true}) {
        Watched w(&state);
        w.queue.submit(spec::PacketNop{});
        if (early)
            neuron_chip_run(w.m.chip, 1); // it was fetched
        const std::byte flags{static_cast<unsigned char>(spec::PacketFlag::SEQNO | spec::PacketFlag::IRQ)};
        *w.m.host.at(w.queue.slot(0) + 1) = early ? std::byte{spec::raw(spec::PacketFlag::SEQNO)} : flags;
        w.m.settle();
        assert_int_equal(w.queue.head(), 1);
        if (early)
            w.one(SanitizerKind::EARLY_DOORBELL, "a NOP, was not yet in its slot when its doorbell came");
        else
            w.none();
    }
}

// ---- completions ----------------------------------------------------------------------------------------------------

void completions_come_once(void **) {
    chip::Completions c;
    const auto kind = [](const std::optional<chip::Completions::Finding> &found) {
        return found ? found->kind : SanitizerKind{};
    };
    c.start(3);
    assert_false(c.ask_seqno(3, 0).has_value() || c.write_seqno(3, 1).has_value());
    assert_false(c.ask_interrupt(3, 0, 9).has_value());
    c.raise(9);
    assert_false(c.owed(3).has_value() || c.owed(3).has_value());
    // Packets that ask for nothing may lie between.
    assert_false(c.ask_seqno(3, 4).has_value() || c.write_seqno(3, 5).has_value());
    assert_int_equal(kind(c.write_seqno(3, 5)), SanitizerKind::COMPLETION_TWICE);
    assert_int_equal(kind(c.write_seqno(3, 2)), SanitizerKind::COMPLETION_TWICE);
    assert_false(c.ask_seqno(3, 6).has_value());
    const auto missing = c.ask_seqno(3, 7);
    assert_int_equal(kind(missing), SanitizerKind::COMPLETION_MISSING);
    assert_int_equal(missing->packet, 6);
    assert_int_equal(kind(c.owed(3)), SanitizerKind::COMPLETION_MISSING);
    assert_false(c.owed(3).has_value());
    assert_false(c.ask_interrupt(3, 8, 9).has_value());
    c.raise(8); // another's
    const auto lost = c.ask_interrupt(3, 9, 9);
    assert_int_equal(kind(lost), SanitizerKind::INTERRUPT_MISSING);
    assert_int_equal(lost->packet, 8);
    assert_int_equal(kind(c.owed(3)), SanitizerKind::INTERRUPT_MISSING);
    // A queue that begins anew owes nothing, and counts from 0.
    assert_false(c.ask_seqno(3, 9).has_value() || c.ask_interrupt(3, 9, 9).has_value());
    c.start(3);
    assert_false(c.owed(3).has_value());
    assert_false(c.write_seqno(3, 1).has_value());
    assert_false(c.owed(4).has_value());
}

// ---- leaks ----------------------------------------------------------------------------------------------------------

void a_leak_at_close(void **state) {
    Watched w(state);
    w.bind(CTX, 7, VA, PAGE, "weights");
    w.bind(CTX, 8, VA + PAGE, PAGE);
    w.unbind(CTX, 8, VA + PAGE, PAGE);
    w.bind(CTX, 10, VA + 2 * PAGE, PAGE);
    w.tell({.kind = DebugKind::CLOSE, .ctx = CTX, .pid = 412});
    assert_int_equal(w.one(SanitizerKind::LEAK, "leak").repeats, 1); // for both
    assert_int_equal(w.took(SanitizerKind::LEAK,
                            "leak: context 3 (prog) was closed with a buffer bound: byte 0 of buffer "
                            "'weights' (#7)")
                         .bytes,
                     PAGE);
    assert_int_equal(w.blame(CTX, VA).relation, BlameRelation::NOTHING);
    w.open(CTX, 413);
    w.bind(CTX, 9, VA, PAGE);
    w.unbind(CTX, 9, VA, PAGE);
    w.tell({.kind = DebugKind::CLOSE, .ctx = CTX, .pid = 413});
    w.none();
}

// ---- races ----------------------------------------------------------------------------------------------------------

void two_queues_at_the_same_bytes(void **) {
    constexpr std::uint64_t ROOM = 4 * MiB;
    constexpr std::uint64_t FIRST = VA, SECOND = VA + 64 * MiB, THIRD = VA + 128 * MiB;
    struct Case {
        std::uint64_t a_src, a_dst, b_src, b_dst;
        bool race;
    };
    // Small ones are over before another one begins; that they need not be is the same mistake.
    for (const std::uint64_t BYTES : {ROOM, std::uint64_t{64}}) {
        const Case cases[] = {
            {FIRST, SECOND, FIRST, SECOND, true},              // both write
            {FIRST, SECOND, SECOND, THIRD, true},              // one reads what the other one writes
            {FIRST, SECOND, FIRST, THIRD, false},              // both read
            {FIRST, SECOND, FIRST, SECOND + BYTES / 2, false}, // side by side: each moves half of it
        };
        for (const Case &it : cases) {
            Mode mode = STEPPED;
            void *state = &mode;
            Watched w(&state);
            TestQueue other(w.m, QUEUE + 1, CTX);
            for (const std::uint64_t va : {FIRST, SECOND, THIRD})
                w.give(va / MiB, va, ROOM);
            w.queue.submit(spec::PacketCopy{.src = it.a_src, .dst = it.a_dst, .bytes = BYTES / 2});
            other.submit(spec::PacketCopy{.src = it.b_src, .dst = it.b_dst, .bytes = BYTES / 2});
            w.m.settle();
            assert_int_equal(w.queue.head() + other.head(), 2);
            if (!it.race) {
                w.none();
                continue;
            }
            const auto all = w.reports();
            assert_in_range(all.size(), 1, 2);
            assert_int_equal(all[0].kind, SanitizerKind::RACE);
            assert_int_equal(all[0].queue + all[0].other_queue, 2 * QUEUE + 1);
            assert_non_null(std::strstr(all[0].text.data(), " is at the same bytes: "));
        }
    }
}

// What a program has waited for orders what comes behind it.
void a_launch_may_have_waited(void **) {
    Mode mode = STEPPED;
    void *state = &mode;
    Watched w(&state);
    TestQueue other(w.m, QUEUE + 1, CTX);
    w.give(7, VA, MiB);
    w.give(8, VA + 2 * MiB, MiB);
    const std::uint64_t code = w.ctx.map_host(VA + 4 * MiB, 8 * PAGE);
    w.bind(CTX, 9, VA + 4 * MiB, 8 * PAGE);
    Program program;
    for (int i = 0; i < 100; ++i)
        program.add(spec::Engine::SP, spec::InsnNop{});
    program.add(spec::Engine::SP, spec::InsnEnd{});
    program.write(w.m.host.at(code, program.bytes()), VA + 4 * MiB);
    other.submit(spec::PacketLaunch{.core_mask = 1, .program = VA + 4 * MiB});
    other.submit(spec::PacketFill{.dst = VA, .bytes = 64});
    w.queue.submit(spec::PacketFill{.dst = VA, .bytes = 64});
    w.m.settle();
    assert_int_equal(other.head(), 2);
    w.none();
    other.submit(spec::PacketFill{.dst = VA + 2 * MiB, .bytes = 64});
    w.queue.submit(spec::PacketFill{.dst = VA + 2 * MiB, .bytes = 64});
    w.m.settle();
    assert_int_equal(other.head() + w.queue.head(), 5);
    w.one(SanitizerKind::RACE, " in no order with job ");
}

// One after the other, the same is right.
void one_queue_after_the_other(void **state) {
    Watched w(state);
    TestQueue other(w.m, QUEUE + 1, CTX);
    w.give(7, VA, MiB);
    for (int i = 0; i < 3; ++i) {
        w.fill(VA, MiB);
        assert_int_equal(other.run(spec::PacketFill{.dst = VA, .bytes = MiB}), Fault::NONE);
    }
    w.none();
}

// Rings, seqnos and fences are meant to be looked at by others.
void what_queues_tell_each_other_is_no_race(void **) {
    constexpr std::uint64_t RING = VA + MiB;
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
        Mode mode = STEPPED;
        mode.seed = seed;
        void *state = &mode;
        Watched w(&state);
        w.give(7, VA, MiB);
        const std::uint64_t bus = w.ctx.map_host(RING, 2 * PAGE);
        w.bind(CTX, 8, RING, 2 * PAGE);
        TestQueue user(w.m, QUEUE + 1, CTX, {.ring_va = RING, .ring_bus = bus});
        // One after the other: what a packet leaves behind must not be in the way of the next one.
        for (int i = 0; i < 3; ++i) {
            assert_int_equal(user.run(spec::PacketFill{.dst = VA, .bytes = 64}), Fault::NONE);
            w.runs(spec::PacketCopy{.src = RING, .dst = VA + PAGE, .bytes = PAGE}); // the ring and the seqno
        }
        user.submit(spec::PacketFence{.addr = VA + 8 * PAGE, .value = 1});
        w.queue.submit(spec::PacketCopy{.src = VA + 8 * PAGE, .dst = VA + PAGE, .bytes = PAGE});
        w.m.settle();
        w.none();
    }
}

void flights_know_what_overlaps(void **) {
    chip::Flights flights;
    const chip::Actor a{.queue = 1}, b{.queue = 2}, ring{.unit = spec::Unit::DMA, .core = 0, .ring = 1};
    assert_false(flights.touch(a, true, 0, 100, true).has_value());
    assert_false(flights.touch(a, true, 50, 100, false).has_value()); // its own
    assert_false(flights.touch(b, true, 150, 10, true).has_value());
    assert_false(flights.touch(b, false, 0, 100, true).has_value()); // host memory
    assert_true(flights.touch(b, true, 99, 1, false).has_value());
    assert_true(flights.touch(b, true, 149, 1, true).has_value()); // which a reads
    assert_false(flights.touch(ring, true, 120, 10, false).has_value());
    assert_true(flights.touch(ring, true, 120, 10, true).has_value());
    flights.end(a);
    flights.end(b);
    assert_true(flights.touch(a, true, 125, 1, false).has_value());
    flights.end(ring);
    assert_false(flights.touch(a, true, 125, 1, true).has_value());
}

void what_is_over_counts_until_somebody_could_know(void **) {
    chip::Flights flights;
    const std::uint64_t before = flights.moment();
    const chip::Actor a{.queue = 1};
    flights.touch(a, true, 0, 100, true);
    flights.end(a);
    const chip::Actor late{.queue = 2, .moment = flights.moment()}, early{.queue = 3, .moment = before},
        ring{.queue = 3, .unit = spec::Unit::DMA, .moment = before};
    assert_false(flights.touch(late, true, 50, 10, false).has_value());
    assert_false(flights.touch(ring, true, 50, 10, false).has_value());
    assert_false(flights.touch(early, true, 100, 10, true).has_value());
    assert_true(flights.touch(early, true, 99, 10, false).has_value());
    // Only so many are remembered.
    for (std::size_t i = 0; i < chip::Flights::MAX_OVER; ++i) {
        flights.touch(a, true, 1000, 1, true);
        flights.end(a);
    }
    assert_false(flights.touch(chip::Actor{.queue = 4, .moment = before}, true, 0, 1, true).has_value());
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
    // The whole sentence, which is also in the report if there is room.
    for (const std::uint64_t i : {0, 1}) {
        assert_int_equal(command(spec::RecOp::REPORTS, i, 1), 1);
        const std::string text = at(0).text.data();
        std::memset(w.m.host.at(bus, PAGE), 0xaa, PAGE);
        assert_int_equal(command(spec::RecOp::REPORT_TEXT, i, 0), 1);
        assert_string_equal(reinterpret_cast<const char *>(w.m.host.at(bus, PAGE)), text.c_str());
        assert_int_equal(w.m.host.at(bus, PAGE)[spec::REPORT_TEXT - 1], 0);
        assert_int_equal(w.m.host.at(bus, PAGE)[spec::REPORT_TEXT], 0xaa);
    }
    assert_int_equal(command(spec::RecOp::REPORT_TEXT, 2, 0), 0);
    assert_int_equal(command(spec::RecOp::FORGET_REPORTS, 0, 0), 0);
    assert_int_equal(command(spec::RecOp::REPORTS, 0, ~0U), 0);
    assert_int_equal(command(spec::RecOp::REPORT_TEXT, 1, 0), 0);
    w.none();
}

// Of a buffer and places with long names.
void a_long_report_is_whole(void **state) {
    Watched w(state);
    const std::string label(47, 'w'), made(47, 'm'), gone(47, 'g');
    const auto place = [&](const std::string &text_of_it) {
        w.tell({.kind = DebugKind::PLACE,
                .ctx = CTX,
                .va = VA,
                .label = text<decltype(spec::DebugRecord::label)>(text_of_it)});
    };
    place(made);
    w.give(7, VA, PAGE);
    w.tell(
        {.kind = DebugKind::LABEL, .ctx = CTX, .buffer = 7, .label = text<decltype(spec::DebugRecord::label)>(label)});
    place(gone);
    w.tell({.kind = DebugKind::UNBIND, .ctx = CTX, .pid = 412, .buffer = 7, .va = VA, .bytes = PAGE});
    w.fill(VA, 8);
    const std::uint64_t bus = w.m.host.alloc(PAGE);
    w.m.w64(reg::REC_CMD_ADDR, bus);
    w.m.w64(reg::REC_CMD_FIRST, 0);
    w.m.w32(reg::REC_CMD, spec::raw(spec::RecOp::REPORT_TEXT));
    w.m.settle();
    const std::string all = reinterpret_cast<const char *>(w.m.host.at(bus, PAGE));
    for (const std::string &part : {label, made, gone, std::string("its page table entry is still there")})
        if (all.find(part) == std::string::npos)
            fail_msg("'%s' does not say '%s'", all.c_str(), part.c_str());
    std::array<char, spec::REPORT_TEXT> text_of_it;
    assert_int_equal(neuron_chip_report_text(w.m.chip, 0, text_of_it.data(), text_of_it.size()), all.size());
    assert_string_equal(text_of_it.data(), all.c_str());
    assert_int_equal(neuron_chip_report_text(w.m.chip, 0, text_of_it.data(), 5), all.size());
    assert_string_equal(text_of_it.data(), all.substr(0, 4).c_str());
    assert_int_equal(neuron_chip_report_text(w.m.chip, 1, text_of_it.data(), text_of_it.size()), 0);
    w.reports();
}

// Its fault is told like any other.
void a_queue_of_a_context_that_is_none(void **state) {
    Watched w(state);
    constexpr std::uint32_t other = QUEUE + 1;
    for (std::uint32_t ctx = spec::MAX_CONTEXTS; ctx < 256; ctx += 64) {
        w.m.w32(reg::QUEUE_RING_LOG2(other), spec::RING_LOG2_MIN);
        w.m.w32(reg::QUEUE_CFG(other),
                field::QUEUE_CFG_CTX.set(ctx) | field::QUEUE_CFG_VECTOR.set(1) | field::QUEUE_CFG_SLOT.set(other));
        w.m.w32(reg::QUEUE_CTRL(other), 1);
        w.m.settle();
        assert_int_equal(w.m.state(other), spec::QueueState::FAULTED);
        w.m.w32(reg::QUEUE_CTRL(other), 0);
        w.m.settle();
    }
    w.none();
}

void without_it_nothing_is_reported(void **state) {
    Teller t(unwatched(mode_of(state)));
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
        IN_BOTH_MODES(use_after_unmap),
        IN_BOTH_MODES(use_after_unmap_without_a_fault),
        IN_BOTH_MODES(use_after_unmap_without_a_flush),
        cmocka_unit_test(a_stale_mapping),
        IN_BOTH_MODES(over_the_end_of_a_buffer),
        IN_BOTH_MODES(into_a_neighbour),
        IN_BOTH_MODES(a_buffer_that_goes_on),
        IN_BOTH_MODES(beside_all_buffers),
        IN_BOTH_MODES(what_makes_no_sense_ends_it),
        IN_BOTH_MODES(transfers_of_cores),
        IN_BOTH_MODES(a_write_to_a_read_only_buffer),
        IN_BOTH_MODES(a_read_of_what_nobody_wrote),
        IN_BOTH_MODES(bytes_that_were_written_for_another_buffer),
        IN_BOTH_MODES(what_the_cpu_wrote_was_written),
        IN_BOTH_MODES(a_core_reads_what_nobody_wrote),
        IN_BOTH_MODES(use_after_dma_unmap),
        IN_BOTH_MODES(a_stale_packet),
        IN_BOTH_MODES(a_doorbell_before_its_packet),
        cmocka_unit_test(a_doorbell_that_overtakes_its_packet),
        cmocka_unit_test(a_packet_that_changes_after_its_doorbell),
        cmocka_unit_test(completions_come_once),
        IN_BOTH_MODES(a_leak_at_close),
        cmocka_unit_test(two_queues_at_the_same_bytes),
        cmocka_unit_test(a_launch_may_have_waited),
        IN_BOTH_MODES(one_queue_after_the_other),
        cmocka_unit_test(what_queues_tell_each_other_is_no_race),
        cmocka_unit_test(flights_know_what_overlaps),
        cmocka_unit_test(what_is_over_counts_until_somebody_could_know),
        IN_BOTH_MODES(a_cause_is_reported_once),
        IN_BOTH_MODES(reports_are_bounded),
        IN_BOTH_MODES(a_driver_reads_reports),
        IN_BOTH_MODES(a_long_report_is_whole),
        IN_BOTH_MODES(a_queue_of_a_context_that_is_none),
        IN_BOTH_MODES(without_it_nothing_is_reported),
        cmocka_unit_test(it_needs_the_recorder),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("chip_sanitizer", tests, nullptr, nullptr);
}
