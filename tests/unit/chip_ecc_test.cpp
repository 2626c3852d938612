// SPDX-License-Identifier: MIT
// Errors of HBM: what is told of them, every way in which the chip can read spoilt bytes, and what mends them.
#include "chip_dma.hpp"
#include "hbm_errors.hpp"

#include <optional>

namespace {

using namespace chip_test;
using neuron::chip::HbmErrors;
using spec::Fault;
using spec::QueueState;

constexpr std::uint64_t LINE = HbmErrors::LINE;
constexpr std::uint64_t DATA = Runner::DATA; ///< HBM from offset 0

// ---- the lines ------------------------------------------------------------------------------------------------------

void a_line_is_spoilt_as_a_whole(void **) {
    HbmErrors errors;
    assert_true(errors.none());
    errors.spoil(5 * LINE + 13);
    assert_false(errors.none());
    assert_false(errors.first(0, 5 * LINE).has_value());
    assert_false(errors.first(6 * LINE, 1000).has_value());
    assert_int_equal(errors.first(0, 5 * LINE + 1).value(), 5 * LINE);
    assert_int_equal(errors.first(5 * LINE + 63, 1).value(), 5 * LINE + 63);
    assert_int_equal(errors.first(5 * LINE + 7, 1 << 20).value(), 5 * LINE + 7);
    errors.spoil(9 * LINE);
    assert_int_equal(errors.first(0, 1 << 20).value(), 5 * LINE);
    assert_int_equal(errors.first(6 * LINE, 1 << 20).value(), 9 * LINE);
}

void a_line_is_mended_by_its_last_byte(void **) {
    HbmErrors errors;
    for (const std::uint64_t step : {1U, 2U, 4U, 8U, 32U}) {
        errors.spoil(LINE);
        for (std::uint64_t at = 0; at < LINE; at += step) {
            assert_int_equal(errors.first(LINE, LINE).value(), LINE); // written bytes of it too
            errors.written(LINE + (at + 32) % LINE, step);
        }
        assert_true(errors.none());
    }
    errors.spoil(LINE);
    errors.spoil(3 * LINE);
    errors.written(LINE - 5, 2 * LINE + 6); // one whole line, and the first byte of the other
    assert_int_equal(errors.first(0, 10 * LINE).value(), 3 * LINE);
    errors.written(3 * LINE + 1, 63);
    assert_true(errors.none());
    errors.spoil(LINE);
    errors.written(LINE, 60);
    errors.spoil(LINE + 3); // once more: all that was written is spoilt again
    errors.written(LINE + 60, 4);
    assert_false(errors.none());
    errors.written(0, ~0ULL);
    assert_true(errors.none());
}

// ---- what is told ---------------------------------------------------------------------------------------------------

/// A runner whose HBM is spoilt.
struct Spoilt {
    explicit Spoilt(void **state) : Spoilt(mode_of(state)) {}
    explicit Spoilt(const Mode &mode) : m(mode), r(m) {}

    void spoil(std::uint64_t offset) {
        const std::uint32_t before = m.event_count();
        assert_int_equal(neuron_chip_inject_ecc(m.chip, offset, true), 0);
        m.settle();
        assert_int_equal(m.event_count(), before + 1);
        m.w32(reg::GLOBAL_EVENT_HEAD, before + 1);
    }
    /// The record of the fault that the queue has ended with; then it is as new.
    spec::EventRecord taken(Fault fault, TestQueue &queue) {
        assert_int_equal(fault, Fault::HBM_ECC);
        const std::uint32_t last = m.event_count() - 1;
        const spec::EventRecord record = m.event(last);
        assert_int_equal(record.kind, spec::Event::FAULT);
        assert_int_equal(record.code, Fault::HBM_ECC);
        m.w32(reg::GLOBAL_EVENT_HEAD, last + 1);
        queue.disable();
        queue.enable();
        return record;
    }
    template<class Packet>
    void expect(const Packet &packet, std::uint64_t offset) {
        const auto record = taken(r.queue.run(packet), r.queue);
        assert_int_equal(record.va, DATA + offset);
        assert_int_equal(record.info, offset);
        assert_int_equal(record.write, 0);
        assert_int_equal(record.unit, spec::Unit::QUEUE);
    }
    void expect(const Program &program, std::uint64_t offset, spec::Unit unit = spec::Unit::DMA,
                const std::vector<std::uint64_t> &args = {DATA}) {
        const auto record = taken(r.run(program, args), r.queue);
        assert_int_equal(record.va, DATA + offset);
        assert_int_equal(record.info, offset);
        assert_int_equal(record.unit, unit);
    }
    template<class Work>
    void fine(const Work &work) {
        assert_int_equal(run(work), Fault::NONE);
    }
    Fault run(const Program &program) { return r.run(program, {DATA}); }
    template<class Packet>
    Fault run(const Packet &packet) {
        return r.queue.run(packet);
    }
    bool mended(std::uint64_t line) {
        const Fault fault = r.queue.run(spec::PacketCopy{.src = DATA + line, .dst = DATA + 2 * MiB, .bytes = LINE});
        if (fault != Fault::NONE)
            taken(fault, r.queue);
        return fault == Fault::NONE;
    }

    Machine m;
    Runner r;
};

void errors_are_counted_and_reported(void **state) {
    Machine m(mode_of(state));
    assert_int_equal(neuron_chip_inject_ecc(m.chip, 12345, false), 0);
    m.settle();
    const std::uint64_t between = m.r64(reg::GLOBAL_CLOCK_NS);
    assert_int_equal(neuron_chip_inject_ecc(m.chip, 64 * MiB - 1, true), 0);
    assert_int_equal(neuron_chip_inject_ecc(m.chip, 64 * MiB - 1, true), 0); // a new error of the same line
    m.settle();
    assert_int_equal(m.r32(reg::GLOBAL_HBM_CORRECTED), 1);
    assert_int_equal(m.r32(reg::GLOBAL_HBM_UNCORRECTED), 2);
    assert_int_equal(m.event_count(), 3);
    assert_int_equal(m.host.irqs(0), 3);
    spec::EventRecord expected{.kind = spec::Event::ECC, .code = Fault::NONE, .info = 12345};
    expected.time_ns = m.event(0).time_ns;
    assert_true(expected.time_ns <= between);
    assert_true(m.event(0) == expected);
    expected = {.kind = spec::Event::ECC, .code = Fault::HBM_ECC, .info = 64 * MiB - 1};
    expected.time_ns = m.event(1).time_ns;
    assert_true(expected.time_ns >= between);
    assert_true(m.event(1) == expected);
    for (const std::uint64_t offset : {reg::GLOBAL_HBM_CORRECTED, reg::GLOBAL_HBM_UNCORRECTED})
        m.w32(offset, 0);
    assert_int_equal(m.bad(), 2);
    assert_int_equal(m.r32(reg::GLOBAL_HBM_UNCORRECTED), 2);
}

void errors_outside_hbm_are_refused(void **) {
    Machine m;
    for (const bool uncorrectable : {false, true})
        for (const std::uint64_t offset : {std::uint64_t{64 * MiB}, std::uint64_t{1} << 40, ~std::uint64_t{0}})
            assert_int_equal(neuron_chip_inject_ecc(m.chip, offset, uncorrectable), -EINVAL);
    m.settle();
    assert_int_equal(m.event_count(), 0);
    assert_int_equal(m.r32(reg::GLOBAL_HBM_CORRECTED) + m.r32(reg::GLOBAL_HBM_UNCORRECTED), 0);
}

void a_reset_forgets_errors(void **) {
    Spoilt s(STEPPED);
    s.spoil(0);
    neuron_chip_reset(s.m.chip);
    assert_int_equal(s.m.r32(reg::GLOBAL_HBM_UNCORRECTED), 0);
    assert_int_equal(neuron_chip_inject_ecc(s.m.chip, 0, false), -EAGAIN);
    s.m.settle();
    assert_true(s.m.ready());
    assert_int_equal(s.m.r32(reg::GLOBAL_HBM_CORRECTED), 0);
    Runner again(s.m);
    assert_int_equal(again.queue.run(spec::PacketCopy{.src = DATA, .dst = DATA + MiB, .bytes = PAGE}), Fault::NONE);
}

void without_a_ring_records_are_lost_but_errors_counted(void **) {
    Machine m;
    m.w64(reg::GLOBAL_EVENT_RING_BASE, 0);
    assert_int_equal(neuron_chip_inject_ecc(m.chip, 0, false), 0);
    m.settle();
    assert_int_equal(m.r32(reg::GLOBAL_EVENTS_LOST), 1);
    assert_int_equal(m.r32(reg::GLOBAL_HBM_CORRECTED), 1);
}

void a_corrected_error_spoils_nothing(void **state) {
    Spoilt s(state);
    assert_int_equal(neuron_chip_inject_ecc(s.m.chip, 0, false), 0);
    s.fine(spec::PacketCopy{.src = DATA, .dst = DATA + MiB, .bytes = PAGE});
}

// ---- packets --------------------------------------------------------------------------------------------------------

void copies_end_where_it_is_spoilt(void **state) {
    Spoilt s(state);
    const std::uint64_t bad = 100 * LINE;
    const Bytes data = random_bytes(300 * LINE, 1);
    std::copy(data.begin(), data.end(), s.r.data(0));
    s.spoil(bad + 17);
    for (const std::uint64_t target : {DATA + MiB, Runner::CODE}) { // HBM and host memory
        std::byte *const to = target == Runner::CODE ? s.r.code(0) : s.r.data(MiB);
        std::fill_n(to, data.size(), std::byte{0x77});
        s.expect(spec::PacketCopy{.src = DATA + 3, .dst = target + 1, .bytes = data.size() - 3}, bad);
        if (target != Runner::CODE) { // code is not writable for long copies: see below
            assert_memory_equal(to + 1, data.data() + 3, bad - 3);
            assert_int_equal(to[1 + bad - 3], std::byte{0x77});
        }
        s.expect(spec::PacketCopy{.src = DATA + bad + 63, .dst = target, .bytes = 1}, bad + 63);
        s.expect(spec::PacketCopy{.src = DATA + bad + 5, .dst = target, .bytes = 100}, bad + 5);
    }
    s.fine(spec::PacketCopy{.src = DATA, .dst = DATA + MiB, .bytes = bad});
    s.fine(spec::PacketCopy{.src = DATA + bad + LINE, .dst = DATA + MiB, .bytes = 100 * LINE});
    s.fine(spec::PacketCopy{.src = DATA, .dst = DATA + MiB, .bytes = 0});
}

void strided_copies_read_what_they_name(void **state) {
    Spoilt s(state);
    s.spoil(10 * LINE);
    const auto rows = [](std::uint64_t first) {
        return spec::PacketCopyStrided{.row_bytes = 32,
                                       .src = DATA + first,
                                       .dst = DATA + MiB,
                                       .count = {30, 1, 1},
                                       .src_stride = {128, 0, 0},
                                       .dst_stride = {32, 0, 0}};
    };
    s.expect(rows(0), 10 * LINE);
    s.expect(rows(32), 10 * LINE + 32);
    s.fine(rows(64)); // every other line
}

void who_only_writes_does_not_mind(void **state) {
    Spoilt s(state);
    s.spoil(0);
    s.fine(spec::PacketFence{.addr = DATA, .value = 7});
    s.fine(spec::PacketFill{.dst = DATA + 8, .bytes = 10, .pattern = 3});
    s.fine(spec::PacketCopy{.src = DATA + PAGE, .dst = DATA + 20, .bytes = 20});
    assert_false(s.mended(0));
}

void launches_read_header_arguments_and_instructions(void **state) {
    Spoilt s(state);
    // The program is in HBM at 1 MiB, its arguments at 2 MiB.
    constexpr std::uint64_t PROGRAM = MiB, ARGS = 2 * MiB;
    Program p;
    for (int i = 0; i < 40; ++i)
        p.add(Engine::SP, alu(spec::AluOp::ADD, 1, 1, 0, 1));
    p.add(Engine::SP, branch(spec::Cond::ALWAYS, 0, 0, 50)); // over those up to 49
    for (int i = 0; i < 9; ++i)
        p.add(Engine::SP, nop());
    p.add(Engine::SP, end());
    p.write(s.r.data(PROGRAM), DATA + PROGRAM);
    const spec::PacketLaunch launch{
        .core_mask = 1, .program = DATA + PROGRAM, .args = DATA + ARGS, .arg_count = spec::LAUNCH_ARGS};
    s.fine(launch);
    s.spoil(PROGRAM + LINE);
    s.expect(launch, PROGRAM + LINE);
    s.fine(spec::PacketFill{.dst = DATA + PROGRAM + LINE, .bytes = LINE});
    p.write(s.r.data(PROGRAM), DATA + PROGRAM);
    s.spoil(ARGS + 3 * LINE);
    s.expect(launch, ARGS + 3 * LINE);
    spec::PacketLaunch fewer = launch;
    fewer.arg_count = 24;
    s.fine(fewer);
    fewer.arg_count = 25;
    s.expect(fewer, ARGS + 3 * LINE);
    s.fine(spec::PacketFill{.dst = DATA + ARGS + 3 * LINE, .bytes = LINE});

    const auto instruction = [](std::uint32_t pc) {
        return PROGRAM + spec::ProgramHeader::BYTES + pc * spec::INSTRUCTION_BYTES;
    };
    s.spoil(instruction(45)); // which is never reached, but shares pages with those that are
    s.fine(launch);
    s.spoil(instruction(20) + LINE);
    const auto record = s.taken(s.run(launch), s.r.queue);
    assert_int_equal(record.pc, 20);
    assert_int_equal(record.unit, spec::Unit::SP);
    assert_int_equal(record.info, instruction(20) + LINE);
    assert_int_equal(record.va, DATA + instruction(20) + LINE);
}

void a_ring_in_hbm_is_read_packet_by_packet(void **state) {
    constexpr std::uint64_t RING = 0x7000'0000;
    Mode mode = unwatched(mode_of(state));
    void *alone = &mode;
    Spoilt s(&alone);
    s.r.ctx.map(RING, 3 * MiB, 2 * PAGE, Context::HBM | Context::WRITE);
    // The test's queue writes rings in host memory only: here it is done by hand.
    const std::uint32_t q = 7;
    s.m.w64(reg::QUEUE_RING_BASE(q), RING);
    s.m.w64(reg::QUEUE_SEQNO_ADDR(q), RING + PAGE);
    s.m.w32(reg::QUEUE_RING_LOG2(q), 4);
    s.m.w32(reg::QUEUE_CFG(q), field::QUEUE_CFG_CTX.set(1) | field::QUEUE_CFG_VECTOR.set(1) |
                                   field::QUEUE_CFG_RING_VA.mask | field::QUEUE_CFG_DB_REG.mask);
    spec::PacketNop nop{};
    nop.flags = spec::raw(spec::PacketFlag::SEQNO);
    for (std::uint64_t i = 0; i < 16; ++i)
        std::ranges::copy(spec::packed(nop), s.m.hbm(3 * MiB + i * spec::PACKET_BYTES));
    s.m.w32(reg::QUEUE_CTRL(q), 1);
    s.spoil(3 * MiB + 5 * spec::PACKET_BYTES);
    s.m.w32(reg::QUEUE_DOORBELL(q), 9);
    s.m.settle();
    assert_int_equal(s.m.state(q), QueueState::FAULTED);
    assert_int_equal(s.m.r64(reg::QUEUE_HEAD(q)), 5); // those before it have run
    const auto record = s.m.event(s.m.event_count() - 1);
    assert_int_equal(record.code, Fault::HBM_ECC);
    assert_int_equal(record.packet, 5);
    assert_int_equal(record.va, RING + 5 * spec::PACKET_BYTES);
    assert_int_equal(record.info, 3 * MiB + 5 * spec::PACKET_BYTES);
    // A seqno is written, not read.
    s.m.w32(reg::QUEUE_CTRL(q), 0);
    s.m.w32(reg::GLOBAL_EVENT_HEAD, s.m.event_count());
    s.spoil(3 * MiB + PAGE);
    s.m.w32(reg::QUEUE_CTRL(q), 1);
    s.m.w32(reg::QUEUE_DOORBELL(q), 5);
    s.m.settle();
    assert_int_equal(s.m.state(q), QueueState::IDLE);
}

void page_tables_are_read_too(void **state) {
    Machine m(mode_of(state));
    Context ctx(m, 1, true);
    TestQueue queue(m, 0, 1);
    constexpr std::uint64_t VA = 0x4000'0000;
    ctx.map(VA, 0, 64 * PAGE, Context::HBM | Context::WRITE);
    // Root, level 2, level 1, level 0, in the order in which the context took them.
    const auto table = [](unsigned level) { return Context::HBM_TABLES + MiB + (3 - level) * PAGE; };
    const auto entry = [&](unsigned level) {
        return table(level) + (VA >> (spec::MMU_PAGE_SHIFT + level * spec::MMU_INDEX_BITS) & 511) * 8;
    };
    for (const unsigned level : {0U, 1U, 2U, 3U}) {
        assert_int_equal(neuron_chip_inject_ecc(m.chip, entry(level), true), 0);
        ctx.flush();
        assert_int_equal(queue.run(spec::PacketFill{.dst = VA, .bytes = 8}), Fault::HBM_ECC);
        m.settle();
        const auto record = m.event(m.event_count() - 1);
        assert_int_equal(record.va, VA);
        assert_int_equal(record.info, entry(level));
        assert_int_equal(record.write, 1);
        m.w32(reg::GLOBAL_EVENT_HEAD, m.event_count());
        // A scrub would empty the table: what the chip has zeroed is written again by hand.
        const Bytes saved(m.hbm(table(level)), m.hbm(table(level)) + PAGE);
        m.w64(reg::GLOBAL_SCRUB_ADDR, table(level));
        m.w64(reg::GLOBAL_SCRUB_BYTES, PAGE);
        m.w32(reg::GLOBAL_SCRUB_CTRL, 1);
        m.settle();
        std::ranges::copy(saved, m.hbm(table(level)));
        queue.disable();
        queue.enable();
        assert_int_equal(queue.run(spec::PacketFill{.dst = VA, .bytes = 8}), Fault::NONE);
    }
    // The entries that are read along do not matter, until they are wanted.
    assert_int_equal(neuron_chip_inject_ecc(m.chip, entry(0) + LINE, true), 0);
    ctx.flush();
    assert_int_equal(queue.run(spec::PacketFill{.dst = VA, .bytes = 8 * PAGE}), Fault::NONE);
    assert_int_equal(queue.run(spec::PacketFill{.dst = VA + 8 * PAGE, .bytes = 8}), Fault::HBM_ECC);
    m.settle();
    assert_int_equal(m.event(m.event_count() - 1).info, entry(0) + LINE);
    queue.disable();
    queue.enable();
    assert_int_equal(queue.run(spec::PacketFill{.dst = VA + 16 * PAGE, .bytes = 8}), Fault::NONE);
}

// ---- transfers and instructions -------------------------------------------------------------------------------------

Program one(const auto &insn) {
    Program p;
    p.add(Engine::SP, insn).add(Engine::SP, spec::InsnDrain{}).add(Engine::SP, end());
    return p;
}

spec::Mem typed(spec::Mem m, Dtype dtype) {
    m.dtype = spec::raw(dtype);
    return m;
}

void transfers_end_where_it_is_spoilt(void **state) {
    Spoilt s(state);
    const std::uint64_t bad = 40 * PAGE + 6 * LINE;
    s.spoil(bad);
    const spec::Tile words = tile(64, 1024); // 64 rows of a page
    s.expect(one(load(words, mem(0, 1024), 2)), bad);
    // Into other types, added up, in many pieces.
    s.expect(one(load(tile(64, 1024, 0, Dtype::BF16), typed(mem(0, 1024), Dtype::F32), 2)), bad);
    spec::InsnDmaLoad sum = load(tile(64, 1024, 0, Dtype::F32), typed(mem(0, 1024), Dtype::F32), 2);
    sum.op = DmaOp::ADD;
    s.expect(one(sum), bad);
    // Every other word of a row, every fourth: single elements.
    spec::Mem sparse = mem(0, 512, 4);
    sparse.stride[0] = 8;
    sparse.partition_stride = PAGE;
    s.expect(one(load(tile(64, 512), sparse, 0)), bad);
    sparse.offset = 4;
    s.expect(one(load(tile(64, 512), sparse, 0)), bad + 4);
    // Memory to memory, and the sum of several blocks.
    spec::InsnDmaCopy copy{.dst = typed(mem(0, 1024, 4, MiB), Dtype::U32), .src = typed(mem(0, 1024), Dtype::U32)};
    copy.rows = 64;
    s.expect(one(copy), bad);
    s.expect(one(spec::InsnDmaReduce{.dst = tile(32, 1024, 0, Dtype::F32),
                                     .src = typed(mem(0, 1024), Dtype::F32),
                                     .source_stride = 32 * static_cast<std::int64_t>(PAGE),
                                     .sources = 2}),
             bad);
    // A store reads where it adds, and only there.
    spec::InsnDmaStore store_sum = store(typed(mem(0, 1024), Dtype::F32), tile(64, 1024, 0, Dtype::F32), 1);
    store_sum.op = DmaOp::ADD;
    s.expect(one(store_sum), bad);
    s.fine(one(store(mem(0, 1024, 4, 4), words, 1)));
    assert_true(s.mended(bad));
}

void rows_of_an_index_are_read_and_no_others(void **state) {
    Spoilt s(state);
    s.spoil(5 * PAGE + 100);
    const spec::Tile index = tile(4, 1, 64 * 1024, Dtype::I32);
    const auto gather = [&](std::int32_t second) {
        Program p;
        const std::int32_t rows[4] = {1, second, 9, 2};
        std::memcpy(s.r.data(3 * MiB), rows, sizeof rows);
        p.add(Engine::SP, load(index, typed(mem(0, 1, 4, 3 * static_cast<std::int64_t>(MiB)), Dtype::I32), 0));
        p.add(Engine::SP, spec::InsnDrain{});
        p.add(Engine::SP,
              spec::InsnDmaGather{
                  .dst = tile(4, 1024), .src = typed(mem(0, 1024), Dtype::U32), .index = index, .bound = 10});
        p.add(Engine::SP, spec::InsnDrain{}).add(Engine::SP, end());
        return p;
    };
    s.fine(gather(4));
    s.expect(gather(5), 5 * PAGE + LINE);
}

// A block that is read along its columns covers bytes that nobody wants.
void gaps_between_columns_do_not_matter(void **state) {
    Spoilt s(state);
    spec::Mem block = typed(mem(0, 64), Dtype::U32);
    block.stride[0] = 1024;     // columns are far apart,
    block.partition_stride = 4; // rows next to each other
    const spec::Tile words = tile(128, 64);
    s.spoil(10 * 1024 + 512 + 64); // 128 rows are 512 bytes
    s.fine(one(load(words, block, 0)));
    s.spoil(10 * 1024 + 448);
    s.expect(one(load(words, block, 0)), 10 * 1024 + 448);
}

void elements_are_read_one_by_one(void **state) {
    Spoilt s(state);
    s.spoil(8 * LINE);
    const auto get = [](std::int64_t offset) {
        return spec::InsnMemLoad{.rd = 1, .src = typed(mem(0, 1, 4, offset), Dtype::U32)};
    };
    s.fine(one(get(8 * LINE - 4)));
    s.expect(one(get(8 * LINE - 2)), 8 * LINE, spec::Unit::SP);
    s.expect(one(get(9 * LINE - 4)), 9 * LINE - 4, spec::Unit::SP);
    s.fine(one(get(9 * LINE)));
    s.fine(one(spec::InsnMemStore{.dst = typed(mem(0, 1, 4, 8 * LINE), Dtype::U32), .ra = 1}));
    assert_false(s.mended(8 * LINE));
}

// ---- mending --------------------------------------------------------------------------------------------------------

void whatever_writes_all_of_a_line_mends_it(void **state) {
    Spoilt s(state);
    const std::uint64_t bad = 77 * LINE;
    const auto mends = [&](const auto &work) {
        s.spoil(bad);
        assert_false(s.mended(bad));
        s.fine(work);
        assert_true(s.mended(bad));
    };
    mends(spec::PacketFill{.dst = DATA + bad - 1, .bytes = LINE + 1});
    mends(spec::PacketCopy{.src = DATA + MiB, .dst = DATA + bad, .bytes = LINE});
    mends(spec::PacketCopy{.src = Runner::CODE, .dst = DATA + bad - 5, .bytes = PAGE});
    mends(spec::PacketCopyStrided{.row_bytes = 8,
                                  .src = DATA + MiB,
                                  .dst = DATA + bad,
                                  .count = {8, 1, 1},
                                  .src_stride = {8, 0, 0},
                                  .dst_stride = {8, 0, 0}});
    mends(one(store(mem(0, 16, 4, static_cast<std::int64_t>(bad)), tile(1, 16), 0)));
    spec::Mem backwards = mem(0, 64, 1, static_cast<std::int64_t>(bad) + 63);
    backwards.stride[0] = -1;
    mends(one(store(typed(backwards, Dtype::U8), tile(1, 64, 0, Dtype::U8), 0)));
    // Half by half.
    Program halves;
    spec::Mem even = typed(mem(0, 8, 4, static_cast<std::int64_t>(bad)), Dtype::U32);
    even.stride[0] = 8;
    spec::Mem odd = even;
    odd.offset += 4;
    halves.add(Engine::SP, store(even, tile(1, 8), 0)).add(Engine::SP, store(odd, tile(1, 8), 3));
    halves.add(Engine::SP, spec::InsnDrain{}).add(Engine::SP, end());
    mends(halves);
    s.spoil(bad);
    s.fine(one(store(even, tile(1, 8), 0)));
    s.fine(one(store(even, tile(1, 8), 0)));
    assert_false(s.mended(bad));
}

void notifications_mend_their_line(void **state) {
    static_assert(2 * spec::Notification::BYTES == LINE);
    for (const unsigned records : {1U, 2U}) {
        Spoilt s(state);
        s.spoil(MiB);
        Program p;
        for (unsigned i = 0; i < records; ++i)
            p.add(Engine::SP, spec::InsnNotify{});
        p.add(Engine::SP, end());
        spec::PacketLaunch launch = s.r.prepare(p);
        launch.notify = DATA + MiB;
        launch.notify_log2 = 1;
        s.fine(launch);
        assert_int_equal(s.mended(MiB), records == 2);
    }
}

void a_scrub_mends_and_the_aperture_does_not(void **state) {
    Spoilt s(state);
    s.spoil(3 * PAGE + 9);
    *s.r.data(3 * PAGE) = std::byte{0x42};
    assert_int_equal(*s.r.data(3 * PAGE), std::byte{0x42}); // a CPU sees what is there
    std::fill_n(s.r.data(3 * PAGE), PAGE, std::byte{1});
    assert_false(s.mended(3 * PAGE));
    s.m.w64(reg::GLOBAL_SCRUB_ADDR, 2 * PAGE);
    s.m.w64(reg::GLOBAL_SCRUB_BYTES, PAGE);
    s.m.w32(reg::GLOBAL_SCRUB_CTRL, 1);
    s.m.settle();
    assert_false(s.mended(3 * PAGE));
    s.m.w64(reg::GLOBAL_SCRUB_ADDR, 3 * PAGE);
    s.m.w32(reg::GLOBAL_SCRUB_CTRL, 1);
    s.m.settle();
    assert_true(s.mended(3 * PAGE));
}

void nobody_else_minds(void **state) {
    Spoilt s(state);
    Runner other(s.m, 2, 1, 4 * MiB);
    s.spoil(0);
    s.expect(spec::PacketCopy{.src = DATA, .dst = DATA + MiB, .bytes = 8}, 0);
    assert_int_equal(other.queue.run(spec::PacketCopy{.src = DATA, .dst = DATA + MiB, .bytes = MiB}), Fault::NONE);
    assert_int_equal(other.queue.state(), QueueState::IDLE);
}

// Errors from all sides while everything runs: whoever meets one says so, and the rest goes on.
void errors_come_at_any_time(void **) {
    Machine m;
    m.w64(reg::GLOBAL_EVENT_RING_BASE, 0);
    Runner a(m, 1, 0), b(m, 2, 1, 4 * MiB);
    std::atomic<bool> stop = false;
    std::thread injector([&] {
        std::mt19937 random(1);
        while (!stop) {
            assert_int_equal(neuron_chip_inject_ecc(m.chip, random() % (8 * MiB), random() % 2 != 0), 0);
            if (random() % 64 == 0)
                std::this_thread::sleep_for(std::chrono::microseconds(200));
        }
    });
    unsigned faults = 0, good = 0;
    const Program p = one(load(tile(64, 256), mem(0, 256), 2));
    for (int i = 0; i < 300; ++i) {
        for (Runner *r : {&a, &b}) {
            const Fault fault = i % 3 == 0 ? r->run(p)
                                : i % 3 == 1
                                    ? r->queue.run(spec::PacketCopy{.src = DATA, .dst = DATA + MiB, .bytes = 64 * PAGE})
                                    : r->queue.run(spec::PacketFill{.dst = DATA, .bytes = Runner::DATA_BYTES});
            assert_true(fault == Fault::NONE || fault == Fault::HBM_ECC);
            ++(fault == Fault::NONE ? good : faults);
            if (fault != Fault::NONE)
                r->restart();
        }
    }
    stop = true;
    injector.join();
    assert_true(good != 0 && faults != 0);
    assert_true(m.r32(reg::GLOBAL_HBM_UNCORRECTED) != 0);
}

} // namespace

int main() {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_spoilt_as_a_whole),
        cmocka_unit_test(a_line_is_mended_by_its_last_byte),
        IN_BOTH_MODES(errors_are_counted_and_reported),
        cmocka_unit_test(errors_outside_hbm_are_refused),
        cmocka_unit_test(a_reset_forgets_errors),
        cmocka_unit_test(without_a_ring_records_are_lost_but_errors_counted),
        IN_BOTH_MODES(a_corrected_error_spoils_nothing),
        IN_BOTH_MODES(copies_end_where_it_is_spoilt),
        IN_BOTH_MODES(strided_copies_read_what_they_name),
        IN_BOTH_MODES(who_only_writes_does_not_mind),
        IN_BOTH_MODES(launches_read_header_arguments_and_instructions),
        IN_BOTH_MODES(a_ring_in_hbm_is_read_packet_by_packet),
        IN_BOTH_MODES(page_tables_are_read_too),
        IN_BOTH_MODES(transfers_end_where_it_is_spoilt),
        IN_BOTH_MODES(rows_of_an_index_are_read_and_no_others),
        IN_BOTH_MODES(gaps_between_columns_do_not_matter),
        IN_BOTH_MODES(elements_are_read_one_by_one),
        IN_BOTH_MODES(whatever_writes_all_of_a_line_mends_it),
        IN_BOTH_MODES(notifications_mend_their_line),
        IN_BOTH_MODES(a_scrub_mends_and_the_aperture_does_not),
        IN_BOTH_MODES(nobody_else_minds),
        cmocka_unit_test(errors_come_at_any_time),
    };
    return cmocka_run_group_tests_name("chip errors of HBM", tests, nullptr, nullptr);
}
