// SPDX-License-Identifier: MIT
#include "chip_dma.hpp"

namespace {

using namespace chip_test;
using spec::Fault;
using spec::OobMode;
using spec::Opcode;
using spec::Unit;

constexpr std::uint64_t HBM = DmaRunner::HBM_AREA;
constexpr std::uint64_t HOST = DmaRunner::HOST_AREA;
/// The page that the tests take away or make read-only.
constexpr std::uint64_t PAGE_AT = 100 * PAGE;

template<class Insn>
Program program_of(const Insn &insn) {
    Program p;
    p.add(Engine::SP, nop()).add(Engine::SP, insn).add(Engine::SP, end());
    return p;
}

void expect_memory_fault(DmaRunner &r, const Program &p, const std::vector<std::uint64_t> &args, Fault code,
                         std::uint64_t va, bool write, std::uint8_t ring) {
    const spec::EventRecord record = r.fault_of(p, args);
    assert_int_equal(record.code, code);
    assert_int_equal(record.unit, Unit::DMA);
    assert_int_equal(record.ring, ring);
    assert_int_equal(record.core, 0);
    assert_int_equal(record.pc, 1);
    assert_int_equal(record.va, va);
    assert_int_equal(record.write, write);
}

spec::InsnDmaCopy copy(const spec::Mem &dst, const spec::Mem &src, std::uint16_t rows, DmaOp op = DmaOp::WRITE) {
    return {.dst = dst, .src = src, .rows = rows, .ring = 3, .op = op};
}
spec::Mem words(std::uint8_t arg, std::uint32_t count, std::int32_t stride = 4, std::int64_t offset = 0) {
    spec::Mem block = typed(mem(arg, count, 4, offset), Dtype::U32);
    block.stride[0] = stride;
    return block;
}

// A hole is reported at the first byte that is missing, in the order of the elements.
void holes_are_named_exactly(void **state) {
    struct Case {
        std::int64_t offset; // of the first element from the hole
        std::int32_t stride;
    };
    const Case cases[] = {
        {-400, 4},                          // dense
        {-402, 4},                          // an element crosses into the hole
        {-402, 12},                         // neighbours, one of which begins in it
        {-399, 12},                         // and crosses
        {PAGE + 396, -4},                   // downwards
        {PAGE + 399, -4},                   // an element ends outside
        {-3 * 8000 + 5, 8000},              // far apart
        {std::int64_t{PAGE} + 8100, -8190}, // and downwards
    };
    for (const std::uint64_t area : AREAS)
        for (const Case &c : cases) {
            Machine m(mode_of(state));
            DmaRunner r(m);
            r.ctx.unmap(area + PAGE_AT);
            const std::uint64_t hole = area + PAGE_AT;
            // The first element, in order, of which a byte lies in the hole, and that byte.
            std::uint64_t va = 0;
            for (std::int64_t i = 0; i < 300 && va == 0; ++i)
                for (std::int64_t b = 0; b < 4 && va == 0; ++b) {
                    const std::uint64_t at = hole + static_cast<std::uint64_t>(c.offset + i * c.stride + b);
                    if (at - hole < PAGE)
                        va = at;
                }
            assert_int_not_equal(va, 0);
            const spec::Mem block = words(0, 300, c.stride);
            const spec::Mem dense = words(1, 300);
            const std::vector<std::uint64_t> args = {hole + static_cast<std::uint64_t>(c.offset), Runner::DATA};
            const Fault code = Fault::PAGE_NOT_MAPPED;
            expect_memory_fault(r, program_of(load(tile(1, 300), block, 9)), args, code, va, false, 9);
            expect_memory_fault(r, program_of(store(block, tile(1, 300), 9)), args, code, va, true, 9);
            expect_memory_fault(r, program_of(copy(dense, block, 1)), args, code, va, false, 3);
            expect_memory_fault(r, program_of(copy(block, dense, 1)), args, code, va, true, 3);
            const auto reduce = spec::InsnDmaReduce{.dst = tile(1, 300, 0, Dtype::F32),
                                                    .src = typed(block, Dtype::F32),
                                                    .source_stride = 64 * 1024,
                                                    .sources = 2,
                                                    .ring = 15};
            expect_memory_fault(r, program_of(reduce), args, code, va, false, 15);
        }
}

// A load that goes along columns reports what going along rows comes to first, and has moved the rows before it.
void a_transposing_load_faults_as_if_row_by_row(void **state) {
    for (const std::uint64_t area : AREAS)
        for (const std::int32_t stride : {128, 4096, 5000}) {
            Machine m(mode_of(state));
            DmaRunner r(m);
            const std::uint64_t base = area + PAGE_AT - 3 * static_cast<std::uint64_t>(stride) - 50;
            r.put(base, random_bytes(20000, 4));
            r.ctx.unmap(area + PAGE_AT);
            // Element 3 of row 25 is the first to touch the hole; elements 4 and up of rows before it do not if the stride is a
            // page or more.
            spec::Mem block = mem(0, 4, 2);
            block.stride[0] = stride;
            block.partition_stride = 2;
            expect_memory_fault(r, program_of(load(tile(64, 4, 0, Dtype::U16), block, 1)), {base},
                                Fault::PAGE_NOT_MAPPED, area + PAGE_AT, false, 1);
            Program p;
            p.add(Engine::SP, store(mem(0, 4, 2), tile(25, 4, 0, Dtype::U16), 0)).add(Engine::SP, end());
            assert_int_equal(r.run(p), Fault::NONE);
            const Bytes expected = collect(r, walk(block, 25, base), 2);
            assert_true(same(r.data(0), expected));
        }
}

void writes_need_the_right_to(void **state) {
    for (const std::uint64_t area : AREAS) {
        Machine m(mode_of(state));
        DmaRunner r(m);
        const std::uint64_t va = area + PAGE_AT;
        const std::uint64_t phys = m.host.alloc(PAGE);
        r.ctx.map(va, phys, PAGE, 0);
        for (const DmaOp op : {DmaOp::WRITE, DmaOp::ADD}) {
            const spec::Mem block = typed(mem(0, 100), Dtype::F32);
            const spec::InsnDmaStore insn{.dst = block, .src = tile(1, 100, 0, Dtype::F32), .ring = 2, .op = op};
            expect_memory_fault(r, program_of(insn), {va - 120}, Fault::PAGE_READ_ONLY, va, true, 2);
            const auto far = typed(mem(1, 100), Dtype::F32);
            expect_memory_fault(r, program_of(copy(block, far, 1, op)), {va - 120, Runner::DATA}, Fault::PAGE_READ_ONLY,
                                va, true, 3);
            // An element half of which may be written.
            expect_memory_fault(r, program_of(copy(block, far, 1, op)), {va - 122, Runner::DATA}, Fault::PAGE_READ_ONLY,
                                va, true, 3);
        }
        // Reading it is allowed.
        const spec::Mem block = typed(mem(0, 100), Dtype::F32);
        assert_int_equal(r.run(program_of(load(tile(1, 100, 0, Dtype::F32), block, 0)), {va}), Fault::NONE);
    }
}

void addresses_end_at_48_bits(void **state) {
    constexpr std::uint64_t VA_END = 1ULL << spec::MMU_VA_BITS;
    Machine m(mode_of(state));
    DmaRunner r(m);
    r.ctx.map_host(VA_END - PAGE, PAGE);
    r.ctx.map_host(0, PAGE);
    const Fault code = Fault::BAD_ADDRESS;
    const auto one = program_of(load(tile(1, 8), words(0, 8), 0));
    expect_memory_fault(r, one, {VA_END - 16}, code, VA_END, false, 0);
    expect_memory_fault(r, one, {VA_END - 18}, code, VA_END, false, 0);
    expect_memory_fault(r, one, {~0ULL - 3}, code, ~0ULL - 3, false, 0);
    expect_memory_fault(r, program_of(store(words(0, 8, -4), tile(1, 8), 0)), {8}, code, ~0ULL - 3, true, 0);
    expect_memory_fault(r, program_of(copy(words(1, 8), words(0, 8), 1)), {VA_END - 16, Runner::DATA}, code, VA_END,
                        false, 3);
    expect_memory_fault(r, program_of(copy(words(0, 8), words(1, 8), 1)), {VA_END - 18, Runner::DATA}, code, VA_END,
                        true, 3);
    assert_int_equal(r.run(one, {VA_END - 32}), Fault::NONE);
}

void the_bus_may_refuse(void **state) {
    Machine m(mode_of(state));
    DmaRunner r(m);
    constexpr std::uint64_t NOWHERE = 0x10'0000'0000;
    const std::uint64_t va = HOST + PAGE_AT;
    r.ctx.map(va, NOWHERE, PAGE, Context::WRITE);
    for (const std::int32_t stride : {4, 8, 600, -8}) {
        const std::uint64_t base = va + (stride < 0 ? PAGE : 0) - static_cast<std::uint64_t>(stride * 2);
        const std::uint64_t first = stride < 0 ? va + PAGE - 8 : va;
        expect_memory_fault(r, program_of(load(tile(1, 4), words(0, 4, stride), 0)), {base}, Fault::HOST_BUS, first,
                            false, 0);
        expect_memory_fault(r, program_of(store(words(0, 4, stride), tile(1, 4), 0)), {base}, Fault::HOST_BUS, first,
                            true, 0);
    }
}

void indices_out_of_bounds_fault(void **state) {
    struct Case {
        Dtype dtype;
        std::uint32_t index;
        std::uint64_t info;
    };
    const Case cases[] = {
        {Dtype::U32, 4, 4},
        {Dtype::U32, 0xffffffff, 0xffffffff},
        {Dtype::I32, 0xfffffffe, ~1ULL},
        {Dtype::U16, 0xffff, 0xffff},
    };
    for (const Case &c : cases) {
        Machine m(mode_of(state));
        DmaRunner r(m);
        const std::uint32_t size = spec::bytes(c.dtype);
        const std::uint32_t index[4] = {3, 0, c.index, 1};
        for (std::uint32_t i = 0; i < 4; ++i)
            std::memcpy(r.data(i * size), &index[i], size);
        r.put_values<std::uint32_t>(Runner::DATA + 64, {10, 11, 12, 13});
        const spec::Tile column = tile(4, 1, 64, c.dtype);
        for (const bool gather : {true, false}) {
            Program p;
            p.add(Engine::ACT, load(column, mem(0, 1, size), 5)).add(Engine::ACT, load(tile(4, 1), mem(1, 1), 5));
            if (gather)
                p.add(Engine::ACT,
                      spec::InsnDmaGather{
                          .dst = tile(4, 1), .src = mem(0, 1, 4, 64), .index = column, .ring = 5, .bound = 4});
            else
                p.add(Engine::ACT,
                      spec::InsnDmaScatter{
                          .dst = mem(0, 1, 4, 128), .src = tile(4, 1), .index = column, .ring = 5, .bound = 4});
            p.add(Engine::ACT, end());
            r.put_values<std::uint32_t>(HBM, {90, 91, 92, 93});
            const spec::EventRecord record = r.fault_of(p, {Runner::DATA, HBM});
            assert_int_equal(record.code, Fault::INDEX_RANGE);
            assert_int_equal(record.unit, Unit::DMA);
            assert_int_equal(record.ring, 5);
            assert_int_equal(record.pc, 2);
            assert_int_equal(record.va, 0);
            assert_int_equal(record.info, c.info);
            if (!gather) { // rows 3 and 0 have been written
                assert_true(r.get_values<std::uint32_t>(Runner::DATA + 128, 4) ==
                            (std::vector<std::uint32_t>{91, 0, 0, 90}));
                continue;
            }
            Program q;
            q.add(Engine::SP, store(mem(0, 1), tile(4, 1), 0)).add(Engine::SP, end());
            assert_int_equal(r.run(q, {HBM}), Fault::NONE);
            assert_true(r.get_values<std::uint32_t>(HBM, 4) == (std::vector<std::uint32_t>{13, 10, 92, 93}));
        }
    }
}

void a_semaphore_of_the_peer_may_overflow(void **state) {
    Machine m(mode_of(state));
    DmaRunner r(m);
    Program p;
    p.add(Engine::SP, nop(sync(spec::WaitOp::NONE, 0, 0, spec::UpdateOp::SET, 77, 5)));
    p.add(Engine::SP,
          spec::InsnDmaSend{
              .dst = tile(1, 1), .src = tile(1, 1, 4), .rank = 0, .sem = 77, .ring = 4, .value = 0xffffffff});
    p.add(Engine::SP, end());
    const spec::EventRecord record = r.fault_of(p, {Runner::DATA});
    assert_int_equal(record.code, Fault::SEMAPHORE);
    assert_int_equal(record.unit, Unit::DMA);
    assert_int_equal(record.ring, 4);
    assert_int_equal(record.pc, 1);
    assert_int_equal(record.info, 77);
}

template<class Insn>
void expect_illegal(DmaRunner &r, const Insn &insn, std::uint32_t offset, Fault code = Fault::ILLEGAL_OPERAND,
                    std::uint32_t cores = 1) {
    const spec::EventRecord record = r.fault_of(program_of(insn), {Runner::DATA}, cores);
    assert_int_equal(record.code, code);
    assert_int_equal(record.unit, Unit::SP);
    assert_int_equal(record.pc, 1);
    assert_int_equal(record.info, offset);
}

std::uint32_t offset_of(Opcode opcode, std::string_view name) {
    for (const spec::OperandDesc &operand : spec::find_instruction(opcode)->operands)
        if (operand.name == name)
            return operand.offset;
    fail_msg("no such operand");
    return 0;
}

void shapes_must_match(void **state) {
    Machine m(mode_of(state));
    DmaRunner r(m);
    const spec::Mem eight = typed(mem(0, 8), Dtype::F32), nine = typed(mem(0, 9), Dtype::F32);
    const spec::Tile t = tile(4, 8, 0, Dtype::F32);
    spec::Mem huge = words(0, 1U << 31);
    huge.num = {1U << 31, 1U << 31, 1U << 31};
    const auto at = [](Opcode opcode, std::string_view name) { return offset_of(opcode, name); };
    expect_illegal(r, load(t, nine, 0), at(Opcode::DMA_LOAD, "src"));
    expect_illegal(r, load(t, huge, 0), at(Opcode::DMA_LOAD, "src"));
    expect_illegal(r, store(nine, t, 0), at(Opcode::DMA_STORE, "dst"));
    expect_illegal(r, copy(nine, eight, 1), at(Opcode::DMA_COPY, "src"));
    expect_illegal(r, copy(huge, huge, 1), at(Opcode::DMA_COPY, "dst"));
    expect_illegal(r, copy(words(0, (1U << 24) + 1), words(0, (1U << 24) + 1), 1), at(Opcode::DMA_COPY, "dst"));
    expect_illegal(r, spec::InsnDmaTile{.dst = t, .src = tile(4, 7)}, at(Opcode::DMA_TILE, "src"));
    expect_illegal(r, spec::InsnDmaTile{.dst = t, .src = tile(3, 8)}, at(Opcode::DMA_TILE, "src"));
    expect_illegal(r, spec::InsnDmaSend{.dst = t, .src = tile(5, 8)}, at(Opcode::DMA_SEND, "src"));
    expect_illegal(r, spec::InsnDmaTranspose{.dst = t, .src = t}, at(Opcode::DMA_TRANSPOSE, "src"));
    expect_illegal(r, spec::InsnDmaTranspose{.dst = t, .src = tile(8, 4, 0, Dtype::U16)},
                   at(Opcode::DMA_TRANSPOSE, "src"));
    const spec::Tile index = tile(4, 1, 64);
    expect_illegal(r, spec::InsnDmaGather{.dst = t, .src = nine, .index = index}, at(Opcode::DMA_GATHER, "src"));
    expect_illegal(r, spec::InsnDmaGather{.dst = t, .src = eight, .index = tile(3, 1)},
                   at(Opcode::DMA_GATHER, "index"));
    expect_illegal(r, spec::InsnDmaGather{.dst = t, .src = eight, .index = tile(4, 2)},
                   at(Opcode::DMA_GATHER, "index"));
    expect_illegal(r, spec::InsnDmaScatter{.dst = nine, .src = t, .index = index}, at(Opcode::DMA_SCATTER, "dst"));
    expect_illegal(r, spec::InsnDmaScatter{.dst = eight, .src = t, .index = tile(5, 1)},
                   at(Opcode::DMA_SCATTER, "index"));
    expect_illegal(r, spec::InsnDmaReduce{.dst = t, .src = nine, .sources = 2}, at(Opcode::DMA_REDUCE, "src"));
}

void tiles_must_fit(void **state) {
    Machine m(mode_of(state));
    DmaRunner r(m);
    const spec::Tile outside = tile(1, 8, 256 * 1024), inside = tile(1, 8);
    const Fault range = Fault::TILE_RANGE;
    expect_illegal(r, load(outside, words(0, 8), 0), offset_of(Opcode::DMA_LOAD, "dst"), range);
    expect_illegal(r, store(words(0, 8), outside, 0), offset_of(Opcode::DMA_STORE, "src"), range);
    expect_illegal(r, spec::InsnDmaTile{.dst = outside, .src = inside}, offset_of(Opcode::DMA_TILE, "dst"), range);
    expect_illegal(r, spec::InsnDmaTile{.dst = inside, .src = outside}, offset_of(Opcode::DMA_TILE, "src"), range);
    expect_illegal(r, spec::InsnDmaSend{.dst = outside, .src = inside}, offset_of(Opcode::DMA_SEND, "dst"), range);
    expect_illegal(r, spec::InsnDmaTranspose{.dst = inside, .src = outside}, offset_of(Opcode::DMA_TRANSPOSE, "src"),
                   range);
    spec::Tile index = outside;
    index.num[0] = 1;
    expect_illegal(r, spec::InsnDmaGather{.dst = inside, .src = words(0, 8), .index = index},
                   offset_of(Opcode::DMA_GATHER, "index"), range);
}

void ranks_must_exist(void **state) {
    Machine m(mode_of(state));
    DmaRunner r(m);
    const auto send = spec::InsnDmaSend{.dst = tile(1, 1), .src = tile(1, 1), .rank = 1};
    for (const std::int32_t rank : {1, -1}) { // a launch of one core, of two that the chip has
        Program p;
        p.add(Engine::SP, move(1, rank)).add(Engine::SP, send).add(Engine::SP, end());
        const spec::EventRecord record = r.fault_of(p, {Runner::DATA});
        assert_int_equal(record.code, Fault::ILLEGAL_OPERAND);
        assert_int_equal(record.info, offset_of(Opcode::DMA_SEND, "rank"));
    }
}

void operations_do_not_take_integers_of_32_bits(void **state) {
    Machine m(mode_of(state));
    DmaRunner r(m);
    const spec::Tile f = tile(2, 2, 0, Dtype::F32), i = tile(2, 2, 0, Dtype::I32);
    const spec::Mem fm = typed(mem(0, 2), Dtype::F32), um = typed(mem(0, 2), Dtype::U32);
    const DmaOp op = DmaOp::MAX;
    const auto at = [](Opcode opcode, std::string_view name) { return offset_of(opcode, name); };
    expect_illegal(r, spec::InsnDmaLoad{.dst = i, .src = fm, .op = op}, at(Opcode::DMA_LOAD, "dst"));
    expect_illegal(r, spec::InsnDmaLoad{.dst = f, .src = um, .op = op}, at(Opcode::DMA_LOAD, "src"));
    expect_illegal(r, spec::InsnDmaStore{.dst = um, .src = f, .op = op}, at(Opcode::DMA_STORE, "dst"));
    expect_illegal(r, spec::InsnDmaStore{.dst = fm, .src = i, .op = op}, at(Opcode::DMA_STORE, "src"));
    expect_illegal(r, copy(fm, um, 1, op), at(Opcode::DMA_COPY, "src"));
    expect_illegal(r, spec::InsnDmaTile{.dst = f, .src = i, .op = op}, at(Opcode::DMA_TILE, "src"));
    const spec::Tile index = tile(2, 1, 64);
    expect_illegal(r, spec::InsnDmaGather{.dst = i, .src = fm, .index = index, .op = op},
                   at(Opcode::DMA_GATHER, "dst"));
    expect_illegal(r, spec::InsnDmaScatter{.dst = um, .src = f, .index = index, .op = op},
                   at(Opcode::DMA_SCATTER, "dst"));
    expect_illegal(r, spec::InsnDmaReduce{.dst = i, .src = fm, .sources = 1}, at(Opcode::DMA_REDUCE, "dst"));
    expect_illegal(r, spec::InsnDmaReduce{.dst = f, .src = um, .sources = 1}, at(Opcode::DMA_REDUCE, "src"));
}

// Transfers that would take days end at once when their queue does; the chip is whole afterwards.
void endless_transfers_stop_with_their_queue(void **state) {
    // Over and over the same elements. Each ring has an area of its own: to share one would be a race of the program.
    constexpr std::uint32_t AREA = 64 * 1024;
    const auto endless = [](std::uint8_t arg, std::int32_t stride) {
        spec::Mem block = typed(words(arg, 4096, stride), Dtype::F32);
        block.num[1] = 4096;
        return block;
    };
    const spec::InsnDmaCopy cases[] = {
        copy(endless(0, 1), endless(1, 8), 65535),
        copy(endless(0, 0), endless(1, 0), 65535, DmaOp::ADD),
        copy(endless(0, 4), endless(1, 4), 65535),
    };
    for (const spec::InsnDmaCopy &insn : cases)
        for (const std::uint64_t area : AREAS) {
            Machine m(mode_of(state));
            DmaRunner r(m);
            Program p;
            for (int i = 0; i < 40; ++i) // more than the ring holds: its sequencer waits, too
                p.add(Engine::SP, insn);
            for (std::uint8_t ring = 4; ring < 16; ++ring) {
                spec::InsnDmaCopy other = insn;
                other.ring = ring;
                other.dst.offset = std::int64_t{ring} * AREA;
                p.add(Engine::ACT, other);
            }
            p.add(Engine::SP, end()).add(Engine::ACT, end());
            r.queue.submit(r.prepare(p, {area, area + MiB}));
            if (mode_of(state).stepped)
                neuron_chip_run(m.chip, 1000);
            else
                assert_true(eventually([&] { return m.r64(reg::QUEUE_PROGRESS(0)) > 500; }));
            assert_true(r.queue.busy());
            assert_int_equal(m.fault(0), Fault::NONE);
            r.queue.disable();
            if (mode_of(state).stepped)
                neuron_chip_run(m.chip, 1000);
            assert_true(eventually([&] { return !r.queue.busy(); }));
            r.queue.enable();
            r.set_word(0, 77);
            assert_int_equal(r.run(program_of(copy(words(0, 1, 4, 64), words(0, 1), 1))), Fault::NONE);
            assert_int_equal(r.word(64), 77);
        }
}

// A fault of one transfer drops those behind it and those of other rings; nothing of them arrives later.
void a_fault_drops_what_is_in_line(void **state) {
    Machine m(mode_of(state));
    DmaRunner r(m);
    Program p;
    p.add(Engine::SP, copy(words(0, 1), words(1, 1), 1)); // no such page
    p.add(Engine::SP, copy(words(0, 1), words(0, 1, 4, 64), 1));
    p.add(Engine::SP, end());
    r.set_word(0, 5);
    r.set_word(64, 6);
    const spec::EventRecord record = r.fault_of(p, {Runner::DATA, 0x7000'0000});
    assert_int_equal(record.code, Fault::PAGE_NOT_MAPPED);
    assert_int_equal(record.pc, 0);
    assert_int_equal(r.word(0), 5);
    assert_int_equal(m.event_count(), 1);
}

} // namespace

int main() {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const CMUnitTest tests[] = {
        IN_BOTH_MODES(holes_are_named_exactly),
        IN_BOTH_MODES(a_transposing_load_faults_as_if_row_by_row),
        IN_BOTH_MODES(writes_need_the_right_to),
        IN_BOTH_MODES(addresses_end_at_48_bits),
        IN_BOTH_MODES(the_bus_may_refuse),
        IN_BOTH_MODES(indices_out_of_bounds_fault),
        IN_BOTH_MODES(a_semaphore_of_the_peer_may_overflow),
        IN_BOTH_MODES(shapes_must_match),
        IN_BOTH_MODES(tiles_must_fit),
        IN_BOTH_MODES(ranks_must_exist),
        IN_BOTH_MODES(operations_do_not_take_integers_of_32_bits),
        IN_BOTH_MODES(endless_transfers_stop_with_their_queue),
        IN_BOTH_MODES(a_fault_drops_what_is_in_line),
    };
    return cmocka_run_group_tests_name("chip dma faults", tests, nullptr, nullptr);
}
