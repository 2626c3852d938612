// SPDX-License-Identifier: MIT
#include "chip_program.hpp"

namespace {

using namespace chip_test;
using spec::Dtype;
using spec::Fault;
using spec::QueueState;
using spec::Unit;
using spec::UpdateOp;
using spec::WaitOp;

constexpr std::uint64_t NOWHERE = 0x5000'0000'0000;

// The record of the only fault so far.
spec::EventRecord only_event(Machine &m) {
    assert_int_equal(m.event_count(), 1);
    assert_int_equal(m.host.irqs(0), 1);
    const auto record = m.event(0);
    assert_int_equal(record.kind, spec::Event::FAULT);
    return record;
}

void expect(const spec::EventRecord &record, Fault code, Unit unit, std::uint64_t info) {
    if (record.code != code || record.unit != unit || record.info != info)
        fail_msg("%s of %s with info %#llx", spec::name(record.code).data(), spec::name(record.unit).data(),
                 static_cast<unsigned long long>(record.info));
}

// ---- packets --------------------------------------------------------------------------------------------------------

using Raw = std::array<std::byte, spec::PACKET_BYTES>;

template<class Packet>
Raw raw_packet(const Packet &packet) {
    return spec::packed(packet);
}

void illegal_packets_are_refused(void **state) {
    const auto with_byte = [](Raw raw, std::size_t at, unsigned value) {
        raw[at] = std::byte(value);
        return raw;
    };
    const spec::PacketLaunch launch{.core_mask = 1, .program = 0, .args = 0, .arg_count = 0};
    const auto launch_with = [&](auto change) {
        spec::PacketLaunch packet = launch;
        change(packet);
        return raw_packet(packet);
    };
    const spec::PacketCopyStrided strided{
        .row_bytes = 1, .src = 0, .dst = 0, .count = {1, 1, 1}, .src_stride = {}, .dst_stride = {}};
    const auto strided_with = [&](auto change) {
        spec::PacketCopyStrided packet = strided;
        change(packet);
        return raw_packet(packet);
    };
    const std::pair<Raw, std::uint64_t> cases[] = {
        {Raw{}, 0}, // a ring nobody wrote to
        {with_byte(Raw{}, 0, 0xff), 0xff},
        {with_byte(raw_packet(spec::PacketNop{}), 63, 1), 1},
        {with_byte(raw_packet(spec::PacketNop{}), 2, 1), 1},
        {with_byte(raw_packet(spec::PacketNop{}), 1, 4), 1}, // unknown flag
        {with_byte(raw_packet(spec::PacketNop{}), 1, 2), 1}, // IRQ without SEQNO
        {with_byte(raw_packet(spec::PacketFence{}), 5, 1), 6},
        {raw_packet(spec::PacketFence{.addr = 12, .value = 0}), 6},
        {raw_packet(spec::PacketCopy{.src = 100, .dst = 107, .bytes = 8}), 2}, // overlap
        {raw_packet(spec::PacketCopy{.src = 100, .dst = 100, .bytes = 1}), 2},
        {strided_with([](auto &p) { p.row_bytes = 0; }), 3},
        {strided_with([](auto &p) { p.count[1] = 0; }), 3},
        {launch_with([](auto &p) { p.core_mask = 0; }), 5},
        {launch_with([](auto &p) { p.core_mask = 4; }), 5}, // there are two
        {launch_with([](auto &p) { p.core_mask = 0x80000001; }), 5},
        {launch_with([](auto &p) { p.arg_count = spec::LAUNCH_ARGS + 1; }), 5},
        {launch_with([](auto &p) { p.arg_count = 1, p.args = 4; }), 5},
    };
    for (const auto &[raw, info] : cases) {
        Machine m(mode_of(state));
        Context ctx(m, 6);
        TestQueue queue(m, 11, 6);
        queue.push(spec::PacketNop{});
        queue.push_raw(raw);
        queue.push(spec::PacketNop{});
        queue.ring();
        m.settle();
        assert_int_equal(queue.state(), QueueState::FAULTED);
        const auto record = only_event(m);
        expect(record, Fault::ILLEGAL_PACKET, Unit::QUEUE, info);
        assert_int_equal(record.queue, 11);
        assert_int_equal(record.ctx, 6);
        assert_int_equal(record.packet, 1); // the second one
        assert_int_equal(queue.head(), 1);
        assert_int_equal(queue.seqno(), 1);
        assert_int_equal(m.fault(11), Fault::ILLEGAL_PACKET);
    }
}

void strided_addresses_cannot_wrap(void **state) {
    struct Case {
        std::uint64_t src, dst;
        std::array<std::uint32_t, 3> count;
        std::int32_t stride;
        std::uint64_t va;
    };
    const std::uint64_t page = Runner::DATA;
    const std::int32_t far = INT32_MIN;
    const Case cases[] = {
        {page, page + 64, {2, 1, 1}, far, page - (1ULL << 31)}, // below zero, seen modulo 2^64
        {page, page + 64, {0xffffffff, 0xffffffff, 0xffffffff}, far, page - (1ULL << 31)},
        {1ULL << 48, page, {1, 1, 1}, 0, 1ULL << 48},
        {page, ~0ULL, {1, 1, 1}, 0, ~0ULL},
    };
    for (const Case &c : cases) {
        Machine m(mode_of(state));
        Runner r(m);
        const spec::PacketCopyStrided copy{.row_bytes = 8,
                                           .src = c.src,
                                           .dst = c.dst,
                                           .count = c.count,
                                           .src_stride = {c.stride, c.stride, c.stride},
                                           .dst_stride = {8, 8, 8}};
        assert_int_equal(r.queue.run(copy), Fault::BAD_ADDRESS);
        assert_int_equal(only_event(m).va, c.va);
    }
}

void a_refused_bus_access_names_its_address(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    r.ctx.map(NOWHERE, 0x1000, PAGE, Context::WRITE);
    assert_int_equal(r.queue.run(spec::PacketCopy{.src = NOWHERE + 16, .dst = Runner::DATA, .bytes = 32}),
                     Fault::HOST_BUS);
    const auto record = only_event(m);
    expect(record, Fault::HOST_BUS, Unit::QUEUE, 0x1010);
    assert_int_equal(record.va, NOWHERE + 16);
    assert_int_equal(record.write, 0);
}

void a_ring_outside_host_memory_faults(void **state) {
    Machine m(mode_of(state));
    Context ctx(m, 0);
    m.w64(reg::QUEUE_RING_BASE(4), 0x10000);
    m.w32(reg::QUEUE_RING_LOG2(4), 4);
    m.w32(reg::QUEUE_CFG(4), field::QUEUE_CFG_VECTOR.set(1));
    m.w32(reg::QUEUE_CTRL(4), 1);
    m.doorbell(0, 0, 1);
    m.settle();
    const auto record = only_event(m);
    expect(record, Fault::HOST_BUS, Unit::QUEUE, 0x10000);
    assert_int_equal(record.va, 0);
    assert_int_equal(record.queue, 4);
}

void a_failed_seqno_write_leaves_its_packet_unretired(void **state) {
    Machine m(mode_of(state));
    Context ctx(m, 0);
    TestQueue queue(m, 0, 0);
    queue.disable();
    m.w64(reg::QUEUE_SEQNO_ADDR(0), 0x20000);
    queue.enable();
    assert_int_equal(queue.run(spec::PacketNop{}), Fault::HOST_BUS);
    const auto record = only_event(m);
    expect(record, Fault::HOST_BUS, Unit::QUEUE, 0x20000);
    assert_int_equal(record.write, 1);
    assert_int_equal(record.packet, 0);
    assert_int_equal(queue.head(), 0);
    assert_int_equal(m.host.irqs(1), 0);
}

// ---- isolation ------------------------------------------------------------------------------------------------------

void a_fault_stops_its_context_and_no_other(void **state) {
    Machine m(mode_of(state));
    Context guilty(m, 1);
    Context innocent(m, 2);
    TestQueue culprit(m, 0, 1);
    TestQueue sibling(m, 1, 1);
    TestQueue stranger(m, 2, 2);
    assert_int_equal(sibling.run(spec::PacketNop{}), Fault::NONE);
    assert_int_equal(culprit.run(spec::PacketFence{.addr = NOWHERE, .value = 0}), Fault::PAGE_NOT_MAPPED);
    const auto record = only_event(m);
    expect(record, Fault::PAGE_NOT_MAPPED, Unit::QUEUE, 0);
    assert_int_equal(record.va, NOWHERE);
    assert_int_equal(culprit.state(), QueueState::FAULTED);
    assert_int_equal(sibling.state(), QueueState::STOPPED);
    assert_int_equal(m.fault(1), Fault::NONE);
    // Doorbells of stopped queues do nothing; the stranger runs on.
    sibling.submit(spec::PacketNop{});
    assert_int_equal(stranger.run(spec::PacketNop{}), Fault::NONE);
    assert_int_equal(sibling.head(), 1);
    // Both can be used again.
    culprit.disable();
    sibling.disable();
    culprit.enable();
    sibling.enable();
    assert_int_equal(culprit.run(spec::PacketNop{}), Fault::NONE);
    assert_int_equal(sibling.run(spec::PacketNop{}), Fault::NONE);
}

void records_beyond_the_ring_are_counted_as_lost(void **state) {
    Machine m(mode_of(state));
    Context ctx(m, 0);
    TestQueue queue(m, 0, 0);
    const auto fault = [&] {
        queue.disable();
        queue.enable();
        queue.run(spec::PacketFence{.addr = NOWHERE, .value = 0});
    };
    for (unsigned i = 0; i < (1U << Machine::EVENT_LOG2) + 3; ++i)
        fault();
    assert_int_equal(m.event_count(), 1U << Machine::EVENT_LOG2);
    assert_int_equal(m.r32(reg::GLOBAL_EVENTS_LOST), 3);
    m.w32(reg::GLOBAL_EVENT_HEAD, 5); // room again
    fault();
    assert_int_equal(m.event_count(), (1U << Machine::EVENT_LOG2) + 1);
    m.w64(reg::GLOBAL_EVENT_RING_BASE, 0);
    fault();
    m.w64(reg::GLOBAL_EVENT_RING_BASE, 0x1000); // the bus refuses it
    fault();
    m.w64(reg::GLOBAL_EVENT_RING_BASE, FakeHost::BASE + 8); // misaligned
    fault();
    assert_int_equal(m.r32(reg::GLOBAL_EVENTS_LOST), 6);
    assert_int_equal(m.host.irqs(0), (1U << Machine::EVENT_LOG2) + 1);
}

void event_time_is_the_device_clock(void **state) {
    Machine m(mode_of(state));
    Context ctx(m, 0);
    TestQueue queue(m, 0, 0);
    queue.run(spec::PacketFence{.addr = NOWHERE, .value = 0});
    const std::uint64_t time = only_event(m).time_ns;
    assert_true(time > 0);
    assert_true(time <= m.r64(reg::GLOBAL_CLOCK_NS));
}

// ---- launches -------------------------------------------------------------------------------------------------------

void program_headers_are_checked(void **state) {
    struct Case {
        std::function<void(spec::ProgramHeader &)> spoil;
        std::uint64_t info;
        Fault fault = Fault::PROGRAM_HEADER;
    };
    const Case cases[] = {
        {[](auto &h) { h.magic = 0x1234; }, 0x1234},
        {[](auto &h) { h.isa_version = (spec::VERSION_MAJOR + 1) << 16; }, (spec::VERSION_MAJOR + 1) << 16},
        {[](auto &h) { h.isa_version = spec::VERSION + 1; }, spec::VERSION + 1},
        {[](auto &h) { h.streams[2] = {.addr = 64, .count = 1}; }, 64},
        {[](auto &h) { h.streams[2] = {.addr = (1ULL << 48) - 128, .count = 2}; }, 0, Fault::BAD_ADDRESS},
        {[](auto &h) { h.streams[4] = {.addr = ~127ULL, .count = 0xffffffff}; }, 0, Fault::BAD_ADDRESS},
    };
    for (const Case &c : cases) {
        Machine m(mode_of(state));
        Runner r(m);
        Program p;
        p.add(Engine::SP, end());
        const auto packet = r.prepare(p);
        auto header = p.header(Runner::CODE);
        c.spoil(header);
        const auto raw = spec::packed(header);
        std::copy(raw.begin(), raw.end(), r.code(0));
        assert_int_equal(r.queue.run(packet), c.fault);
        expect(only_event(m), c.fault, Unit::QUEUE, c.info);
    }
}

void misplaced_programs_and_arguments_fault(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    Program p;
    p.add(Engine::SP, end());
    auto packet = r.prepare(p);
    const auto last = [&] { return m.event(m.event_count() - 1); };
    packet.program = Runner::CODE + 32;
    assert_int_equal(r.queue.run(packet), Fault::PROGRAM_HEADER);
    assert_int_equal(last().info, Runner::CODE + 32);
    r.restart();
    packet.program = NOWHERE;
    assert_int_equal(r.queue.run(packet), Fault::PAGE_NOT_MAPPED);
    assert_int_equal(last().va, NOWHERE);
    r.restart();
    packet.program = Runner::CODE;
    packet.args = NOWHERE + 8;
    assert_int_equal(r.queue.run(packet), Fault::PAGE_NOT_MAPPED);
    assert_int_equal(last().va, NOWHERE + 8);
    r.restart();
    *r.code(12 * 8) = std::byte{7}; // a reserved word of the header
    packet.args = Runner::ARGS;
    assert_int_equal(r.queue.run(packet), Fault::PROGRAM_HEADER);
}

// A program whose SP stream has one NOP and then the given instruction.
struct BadInsn {
    const char *what;
    Engine engine;
    std::array<std::byte, 128> raw;
    Fault fault;
    std::uint64_t info;
};

template<class Insn>
std::array<std::byte, 128> bytes_of(const Insn &insn) {
    return spec::packed(insn);
}

std::array<std::byte, 128> spoiled(std::array<std::byte, 128> raw, std::size_t at, unsigned value) {
    raw[at] = std::byte(value);
    return raw;
}

spec::Tile psum_tile() {
    spec::Tile t = tile(2, 2, 0, Dtype::F32);
    t.space = spec::Space::PSUM;
    return t;
}

spec::Mem mem_with(const std::function<void(spec::Mem &)> &change) {
    spec::Mem block = mem(0, 4);
    change(block);
    return block;
}

spec::Tile tile_with(const std::function<void(spec::Tile &)> &change) {
    spec::Tile t = tile(1, 4);
    change(t);
    return t;
}

void bad_instructions_fault_where_they_stand(void **state) {
    const auto ld = [](const spec::Tile &t, const spec::Mem &block, std::uint8_t ring = 0) {
        return bytes_of(load(t, block, ring));
    };
    const auto st = [](const spec::Tile &t, const spec::Mem &block) { return bytes_of(store(block, t, 0)); };
    const BadInsn cases[] = {
        {"opcode 0", Engine::SP, {}, Fault::ILLEGAL_INSTRUCTION, 0},
        {"opcode 255", Engine::DVE, spoiled({}, 0, 255), Fault::ILLEGAL_INSTRUCTION, 255},
        {"matmul on SP", Engine::SP, bytes_of(spec::InsnMatmul{}), Fault::ILLEGAL_INSTRUCTION, 0x21},
        {"DMA on PE", Engine::PE, ld(tile(1, 4), mem(0, 4)), Fault::ILLEGAL_INSTRUCTION, 0x10},
        {"copy on SP", Engine::SP, bytes_of(spec::InsnCopy{}), Fault::ILLEGAL_INSTRUCTION, 0x30},
        {"reserved byte", Engine::SP, spoiled(bytes_of(nop()), 127, 1), Fault::ILLEGAL_OPERAND, 127},
        {"reserved header byte", Engine::SP, spoiled(bytes_of(nop()), 6, 1), Fault::ILLEGAL_OPERAND, 6},
        {"wait_op", Engine::SP, spoiled(bytes_of(nop()), 1, 4), Fault::ILLEGAL_OPERAND, 1},
        {"update_op", Engine::SP, spoiled(bytes_of(nop()), 3, 4), Fault::ILLEGAL_OPERAND, 3},
        {"register 64", Engine::SP, bytes_of(move(64, 1)), Fault::ILLEGAL_OPERAND, 16},
        {"alu op", Engine::SP, bytes_of(alu(spec::AluOp{8}, 1, 1, 1, 1)), Fault::ILLEGAL_OPERAND, 19},
        {"condition", Engine::SP, bytes_of(branch(spec::Cond{7}, 1, 1, 1)), Fault::ILLEGAL_OPERAND, 16},
        {"argument 32", Engine::SP, bytes_of(spec::InsnLoadArg{.rd = 1, .arg = 32}), Fault::ILLEGAL_OPERAND, 17},
        {"half 2", Engine::SP, bytes_of(spec::InsnLoadArg{.rd = 1, .arg = 1, .high = 2}), Fault::ILLEGAL_OPERAND, 18},
        {"DMA ring 16", Engine::SP, ld(tile(1, 4), mem(0, 4), 16), Fault::ILLEGAL_OPERAND, 84},
        {"DMA ring 16, before the wait", Engine::SP, bytes_of(load(tile(1, 4), mem(0, 4), 16, wait_ge(9, 1))),
         Fault::ILLEGAL_OPERAND, 84},
        {"mem argument", Engine::SP, ld(tile(1, 4), mem_with([](auto &b) { b.arg = 32; })), Fault::ILLEGAL_OPERAND, 16},
        {"mem register", Engine::ACT, st(tile(1, 4), mem_with([](auto &b) { b.reg = 64; })), Fault::ILLEGAL_OPERAND,
         16},
        {"mem shift", Engine::POOL, ld(tile(1, 4), mem_with([](auto &b) { b.shift = 32; })), Fault::ILLEGAL_OPERAND,
         16},
        {"mem num 0", Engine::SP, ld(tile(1, 4), mem_with([](auto &b) { b.num[2] = 0; })), Fault::ILLEGAL_OPERAND, 16},
        {"element counts differ", Engine::SP, ld(tile(1, 5), mem(0, 4)), Fault::ILLEGAL_OPERAND, 16},
        {"element count wraps", Engine::SP, ld(tile(1, 4), mem_with([](auto &b) {
                                                   b.num = {1U << 31, 1U << 31, 4};
                                               })),
         Fault::ILLEGAL_OPERAND, 16},
        {"tile register", Engine::SP, st(tile_with([](auto &t) { t.reg = 64; }), mem(0, 4)), Fault::ILLEGAL_OPERAND,
         56},
        {"tile dtype", Engine::SP, st(tile_with([](auto &t) { t.dtype = Dtype{0}; }), mem(0, 4)),
         Fault::ILLEGAL_OPERAND, 56},
        {"tile start", Engine::SP, st(tile_with([](auto &t) { t.partition = 5; }), mem(0, 4)), Fault::ILLEGAL_OPERAND,
         56},
        {"endless tile", Engine::SP,
         st(tile_with([](auto &t) {
                t.num = {65535, 65535, 65535, 65535}, t.step = {};
            }),
            mem(0, 4)),
         Fault::ILLEGAL_OPERAND, 56},
        {"tile range", Engine::SP, ld(tile(1, 4, 229376 - 8), mem(0, 4)), Fault::TILE_RANGE, 56},
        {"copy tile range", Engine::DVE, bytes_of(spec::InsnCopy{.dst = tile(1, 1, 1 << 30), .src = tile(1, 1)}),
         Fault::TILE_RANGE, 16},
        {"branch out", Engine::SP, bytes_of(jump(77)), Fault::PC_RANGE, 77},
        {"no END", Engine::SP, bytes_of(nop()), Fault::PC_RANGE, 2},
        {"semaphore above", Engine::SP, bytes_of(nop(sync(WaitOp::GE, 3, 1, UpdateOp::ADD, 3, 0xffffffff))),
         Fault::SEMAPHORE, 3},
        {"semaphore below", Engine::SP, bytes_of(nop(sync(WaitOp::NONE, 0, 0, UpdateOp::SUB, 4, 1))), Fault::SEMAPHORE,
         4},
        {"accumulate without group", Engine::PE, {}, Fault::PSUM_GROUP, 0}, // filled in below
    };
    for (const BadInsn &bad : cases) {
        Machine m(mode_of(state));
        Runner r(m);
        Program p;
        p.add(bad.engine, nop(add(3, 1)));
        if (bad.fault == Fault::PSUM_GROUP) {
            p = Program();
            p.add(Engine::PE, spec::InsnLdweights{.src = tile(2, 2, 0, Dtype::F32)});
            p.add(Engine::PE, spec::InsnMatmul{.dst = psum_tile(), .moving = tile(2, 2, 0, Dtype::F32), .flags = 0});
        } else {
            p.add_raw(bad.engine, bad.raw);
        }
        const auto packet = r.prepare(p, {Runner::DATA}, 2);
        r.queue.submit(packet);
        m.settle();
        const auto record = only_event(m);
        if (record.code != bad.fault || record.info != bad.info)
            fail_msg("%s: %s, info %llu", bad.what, spec::name(record.code).data(),
                     static_cast<unsigned long long>(record.info));
        assert_int_equal(record.unit, spec::raw(Unit::PE) + spec::raw(bad.engine));
        assert_int_equal(record.core, 1);
        assert_int_equal(record.pc, 1);
        assert_int_equal(record.packet, 0);
        assert_int_equal(r.queue.state(), QueueState::FAULTED);
        assert_false(r.queue.busy());
        // The cores are free again.
        r.restart();
        Program good;
        good.add(Engine::SP, end());
        assert_int_equal(r.run(good, {Runner::DATA}, 3), Fault::NONE);
    }
}

void an_instruction_fetch_may_fault(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    Program p;
    for (int i = 0; i < 100; ++i)
        p.add(Engine::DVE, nop());
    p.add(Engine::DVE, end());
    const auto packet = r.prepare(p);
    r.ctx.unmap(Runner::CODE + PAGE); // instruction 31 starts there: the header takes the place of one
    assert_int_equal(r.queue.run(packet), Fault::PAGE_NOT_MAPPED);
    const auto record = only_event(m);
    expect(record, Fault::PAGE_NOT_MAPPED, Unit::DVE, 0);
    assert_int_equal(record.va, Runner::CODE + PAGE);
    assert_int_equal(record.pc, 31);
    assert_int_equal(record.write, 0);
}

void a_dma_fault_names_ring_and_instruction(void **state) {
    struct Case {
        spec::Mem block;
        std::uint64_t base;
        Fault fault;
        std::uint64_t va;
    };
    const std::uint64_t data = Runner::DATA;
    const Case cases[] = {
        {mem(0, 16), NOWHERE + 8, Fault::PAGE_NOT_MAPPED, NOWHERE + 8},
        {mem(0, 16), data + Runner::DATA_BYTES - 32, Fault::PAGE_NOT_MAPPED, data + Runner::DATA_BYTES},
        {mem_with([](auto &b) {
             b.num = {16, 1, 1}, b.offset = INT64_MIN;
         }),
         0, Fault::BAD_ADDRESS, 1ULL << 63},
        {mem_with([](auto &b) {
             b.num = {16, 1, 1}, b.offset = INT64_MAX;
         }),
         ~0ULL, Fault::BAD_ADDRESS, (1ULL << 63) - 2},
        {mem_with([](auto &b) {
             b.num = {16, 1, 1}, b.offset = 1;
         }),
         ~0ULL, Fault::BAD_ADDRESS, 0}, // 2^64, not 0
    };
    for (const bool is_load : {true, false}) {
        for (const Case &c : cases) {
            Machine m(mode_of(state));
            Runner r(m);
            Program p;
            const spec::Tile t = tile(2, 16);
            p.add(Engine::POOL, nop());
            if (is_load)
                p.add(Engine::POOL, load(t, c.block, 9));
            else
                p.add(Engine::POOL, store(c.block, t, 9));
            p.add(Engine::POOL, end());
            assert_int_equal(r.run(p, {c.base}), c.fault);
            const auto record = only_event(m);
            assert_int_equal(record.unit, Unit::DMA);
            assert_int_equal(record.ring, 9);
            assert_int_equal(record.pc, 1);
            assert_int_equal(record.core, 0);
            assert_int_equal(record.write, !is_load);
            assert_int_equal(record.va, c.va);
        }
    }
}

void a_dma_update_may_overflow_its_semaphore(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    Program p;
    p.add(Engine::SP, nop(add(7, 0xffffffff)));
    p.add(Engine::SP, load(tile(1, 1), mem(0, 1), 3, add(7, 1)))
        .add(Engine::SP, nop(wait_ge(8, 1)))
        .add(Engine::SP, end());
    assert_int_equal(r.run(p), Fault::SEMAPHORE);
    const auto record = only_event(m);
    expect(record, Fault::SEMAPHORE, Unit::DMA, 7);
    assert_int_equal(record.ring, 3);
    assert_int_equal(record.pc, 1);
}

void deadlocks_are_found(void **state) {
    const auto check = [&](const Program &p, Engine engine, std::uint64_t semaphore, std::uint32_t pc) {
        Machine m(mode_of(state));
        Runner r(m);
        assert_int_equal(r.run(p, {Runner::DATA}, 2), Fault::DEADLOCK);
        const auto record = only_event(m);
        expect(record, Fault::DEADLOCK, static_cast<Unit>(spec::raw(Unit::PE) + spec::raw(engine)), semaphore);
        assert_int_equal(record.pc, pc);
        assert_int_equal(record.core, 1);
    };
    Program alone;
    alone.add(Engine::SP, nop()).add(Engine::SP, end(wait_ge(5, 1)));
    check(alone, Engine::SP, 5, 1);

    Program circle; // each waits for the other; the lower one is reported
    circle.add(Engine::DVE, nop(sync(WaitOp::GE, 1, 1, UpdateOp::ADD, 2, 1))).add(Engine::DVE, end());
    circle.add(Engine::ACT, nop(sync(WaitOp::GE, 2, 1, UpdateOp::ADD, 1, 1))).add(Engine::ACT, end());
    check(circle, Engine::ACT, 2, 0);

    Program taken; // one TAKE too many
    taken.add(Engine::SP, nop(add(0, 1))).add(Engine::SP, end());
    taken.add(Engine::PE, nop(take(0, 1))).add(Engine::PE, end(take(0, 1)));
    check(taken, Engine::PE, 0, 1);

    Program after_dma; // nobody moves any more once the transfer is over
    after_dma.add(Engine::SP, load(tile(128, 512), mem(0, 512), 0, add(1, 1))).add(Engine::SP, end(wait_ge(1, 2)));
    check(after_dma, Engine::SP, 1, 1);

    Program after_end; // the last one that could have helped has ended
    after_end.add(Engine::POOL, spec::InsnMove{.header = wait_ge(9, 1), .rd = 1, .imm = 1}).add(Engine::POOL, end());
    after_end.add(Engine::SP, move(1, 0)).add(Engine::SP, alu(spec::AluOp::ADD, 1, 1, 0, 1));
    after_end.add(Engine::SP, branch(spec::Cond::LT, 1, 500, 1)).add(Engine::SP, end());
    check(after_end, Engine::POOL, 9, 0);
}

void a_faulting_launch_ends_on_all_its_cores(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    Runner other(m, 2, 1, 8 * MiB);
    Program p;
    // Core 1 faults, core 0 loops until it is told to stop.
    p.add(Engine::SP, spec::InsnCoreId{.rd = 1})
        .add(Engine::SP, branch(spec::Cond::EQ, 1, 1, 99))
        .add(Engine::SP, jump(2));
    p.add(Engine::PE, jump(0));
    assert_int_equal(r.run(p, {Runner::DATA}, 3), Fault::PC_RANGE);
    assert_int_equal(only_event(m).core, 1);
    assert_false(r.queue.busy());
    Program good;
    good.add(Engine::SP, end());
    assert_int_equal(other.run(good, {Runner::DATA}, 3), Fault::NONE);
}

} // namespace

int main() {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const CMUnitTest tests[] = {
        IN_BOTH_MODES(illegal_packets_are_refused),
        IN_BOTH_MODES(strided_addresses_cannot_wrap),
        IN_BOTH_MODES(a_refused_bus_access_names_its_address),
        IN_BOTH_MODES(a_ring_outside_host_memory_faults),
        IN_BOTH_MODES(a_failed_seqno_write_leaves_its_packet_unretired),
        IN_BOTH_MODES(a_fault_stops_its_context_and_no_other),
        IN_BOTH_MODES(records_beyond_the_ring_are_counted_as_lost),
        IN_BOTH_MODES(event_time_is_the_device_clock),
        IN_BOTH_MODES(program_headers_are_checked),
        IN_BOTH_MODES(misplaced_programs_and_arguments_fault),
        IN_BOTH_MODES(bad_instructions_fault_where_they_stand),
        IN_BOTH_MODES(an_instruction_fetch_may_fault),
        IN_BOTH_MODES(a_dma_fault_names_ring_and_instruction),
        IN_BOTH_MODES(a_dma_update_may_overflow_its_semaphore),
        IN_BOTH_MODES(deadlocks_are_found),
        IN_BOTH_MODES(a_faulting_launch_ends_on_all_its_cores),
    };
    return cmocka_run_group_tests_name("chip faults", tests, nullptr, nullptr);
}
