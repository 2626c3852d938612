// SPDX-License-Identifier: MIT
#include "chip_dma.hpp"

namespace {

using namespace chip_test;
using spec::Fault;
using spec::OobMode;
using spec::UpdateOp;
using spec::WaitOp;

constexpr std::uint64_t OUT = Runner::DATA + 2 * MiB;

spec::InsnDmaLoad load_op(const spec::Tile &dst, const spec::Mem &src, DmaOp op) {
    return {.dst = dst, .src = src, .ring = 0, .op = op};
}
spec::InsnDmaStore store_op(const spec::Mem &dst, const spec::Tile &src, DmaOp op) {
    return {.dst = dst, .src = src, .ring = 0, .op = op};
}
spec::InsnDmaCopy copy(const spec::Mem &dst, const spec::Mem &src, std::uint16_t rows, DmaOp op = DmaOp::WRITE) {
    return {.dst = dst, .src = src, .rows = rows, .ring = 0, .op = op};
}
spec::InsnDmaTile move_tile(const spec::Tile &dst, const spec::Tile &src, DmaOp op = DmaOp::WRITE) {
    return {.dst = dst, .src = src, .ring = 0, .op = op};
}

// Every pair of types, from memory to a tile, from a tile to memory, and from memory to memory. One ring keeps the order.
void transfers_convert(void **state) {
    constexpr std::uint16_t COUNT = 100;
    constexpr std::uint32_t SLOT = 2 * COUNT * 4;
    Machine m(mode_of(state));
    DmaRunner r(m);
    const Bytes random = random_bytes(SLOT, 3);
    r.put(DmaRunner::HBM_AREA + PAGE - 50, random);
    std::uint64_t slot = 0;
    Program p;
    for (const Dtype from : dtypes())
        for (const Dtype to : dtypes()) {
            const std::uint32_t in = spec::bytes(from), out = spec::bytes(to);
            const auto source = [&](Dtype named) { return typed(mem(0, COUNT, in), named); };
            const auto target = [&](Dtype named) {
                return typed(mem(1, COUNT, out, static_cast<std::int64_t>(slot++ * SLOT)), named);
            };
            p.add(Engine::SP, load(tile(2, COUNT, 0, to), source(from), 0));
            p.add(Engine::SP, store(target({}), tile(2, COUNT, 0, to), 0));
            p.add(Engine::SP, load(tile(2, COUNT, 0, from), source({}), 0));
            p.add(Engine::SP, store(target(to), tile(2, COUNT, 0, from), 0));
            p.add(Engine::SP, copy(target(to), source(from), 2));
        }
    p.add(Engine::SP, end());
    assert_int_equal(r.run(p, {DmaRunner::HBM_AREA + PAGE - 50, Runner::DATA}), Fault::NONE);
    slot = 0;
    for (const Dtype from : dtypes())
        for (const Dtype to : dtypes()) {
            const Bytes in(random.begin(), random.begin() + 2 * COUNT * spec::bytes(from));
            const Bytes expected = converted(to, from, in);
            for (int way = 0; way < 3; ++way)
                assert_true(same(r.data(slot++ * SLOT), expected));
        }
}

// Strides forwards, backwards, over each other and to unaligned addresses, between two areas whose pages are out of order.
void memory_walks_are_those_of_the_contract(void **state) {
    struct Case {
        std::array<std::int32_t, 4> stride; // innermost first, then the rows
        std::array<std::uint32_t, 3> num;
        std::uint16_t rows;
    };
    const Case cases[] = {
        {{4, 0, 0, 4 * 5000}, {5000, 1, 1}, 20},  // dense, longer than a page and than a chunk
        {{4, 20, 0, 60}, {5, 3, 1}, 1000},        // dense in pieces
        {{4, 0, 0, 24}, {5, 1, 1}, 700},          // short rows with gaps
        {{-4, 0, 0, 800}, {200, 1, 1}, 30},       // backwards
        {{12, 0, 0, 2404}, {200, 1, 1}, 40},      // neighbours
        {{-20, 4001, 0, -8003}, {100, 2, 1}, 20}, // neighbours downwards, unaligned
        {{4099, -7, 133, 1}, {30, 5, 3}, 4},      // a page apart
        {{-4098, 4, 0, 24}, {50, 6, 1}, 3},       // a page apart, downwards
        {{2, 0, 0, 1000}, {400, 1, 1}, 4},        // elements over each other
        {{0, 100, 0, 0}, {3, 4, 1}, 2},           // repeated
    };
    for (const std::uint64_t from : AREAS)
        for (const std::uint64_t to : AREAS) {
            Machine m(mode_of(state));
            DmaRunner r(m);
            for (const Case &c : cases) {
                r.put(to, Bytes(DmaRunner::AREA_BYTES));
                spec::Mem block = typed(mem(0, 1), Dtype::U32);
                block.stride = {c.stride[0], c.stride[1], c.stride[2]};
                block.partition_stride = c.stride[3];
                block.num = c.num;
                block.offset = MiB + 3;
                const std::uint32_t count = c.num[0] * c.num[1] * c.num[2];
                r.put(from + MiB / 2, random_bytes(MiB, 7));
                const auto addresses = walk(block, c.rows, from);
                const Bytes gathered = collect(r, addresses, 4);

                Program p; // to consecutive bytes, and from there to the same places of the other area
                spec::Mem dense = typed(mem(1, count), Dtype::U32);
                p.add(Engine::SP, copy(dense, block, c.rows));
                spec::Mem back = block;
                back.arg = 2;
                p.add(Engine::SP, copy(back, dense, c.rows)).add(Engine::SP, end());
                assert_int_equal(r.run(p, {from, Runner::DATA, to}), Fault::NONE);
                assert_true(same(r.data(0), gathered));
                if (from == to)
                    continue; // has been seen; now the later of two elements stays
                std::map<std::uint64_t, std::byte> expected;
                const auto targets = walk(back, c.rows, to);
                for (std::size_t i = 0; i < targets.size(); ++i)
                    for (std::size_t b = 0; b < 4; ++b)
                        expected[targets[i] + b] = gathered[4 * i + b];
                for (const auto &[va, value] : expected)
                    assert_int_equal(r.byte(va), value);
                for (const std::uint64_t va : targets) { // nothing beside them
                    if (!expected.contains(va - 1))
                        assert_int_equal(r.byte(va - 1), 0);
                    if (!expected.contains(va + 4))
                        assert_int_equal(r.byte(va + 4), 0);
                }
            }
        }
}

// A tile is loaded from a matrix the other way round, in every order of its dimensions.
void loads_transpose(void **state) {
    struct Case {
        Dtype dtype;
        std::uint8_t rows;
        std::uint16_t columns;
        std::int32_t row_stride;
        std::int32_t stride;
    };
    const Case cases[] = {
        {Dtype::U16, 128, 700, 2, 256},   // a dense matrix
        {Dtype::U32, 128, 300, 4, 1024},  // lines with gaps
        {Dtype::U8, 64, 150, 1, 5000},    // lines a page apart
        {Dtype::U16, 32, 400, -2, 66},    // upside down
        {Dtype::U16, 32, 400, 2, -66},    // from right to left
        {Dtype::U32, 16, 90, -8, -9000},  // both
        {Dtype::U32, 3, 500, 4, 12},      // too few rows to make it worth while
        {Dtype::U32, 100, 50, 100, 4000}, // rows too far apart
    };
    for (const std::uint64_t area : AREAS) {
        Machine m(mode_of(state));
        DmaRunner r(m);
        r.put(area, random_bytes(DmaRunner::AREA_BYTES, 9));
        for (const Case &c : cases) {
            spec::Mem block = mem(0, 1, spec::bytes(c.dtype), MiB + 1);
            block.partition_stride = c.row_stride;
            block.stride = {c.stride, 0, 0};
            block.num = {c.columns, 1, 1};
            spec::Tile gaps = tile(c.rows, c.columns, 64, c.dtype);
            gaps.step[0] = 3;
            spec::Mem dense = mem(1, c.columns, spec::bytes(c.dtype));
            Program p;
            p.add(Engine::SP, load(tile(c.rows, c.columns, 0, c.dtype), block, 0));
            p.add(Engine::SP, store(dense, tile(c.rows, c.columns, 0, c.dtype), 0));
            p.add(Engine::SP, load(gaps, block, 0));
            dense.arg = 2;
            p.add(Engine::SP, store(dense, gaps, 0)).add(Engine::SP, end());
            assert_int_equal(r.run(p, {area, Runner::DATA, OUT}), Fault::NONE);
            const Bytes expected = collect(r, walk(block, c.rows, area), spec::bytes(c.dtype));
            assert_true(same(r.data(0), expected));
            assert_true(same(r.data(2 * MiB), expected));
        }
    }
}

// MAX and MIN order the zeros and keep NaN, results are rounded to the destination, in memory and in tiles.
void operations_combine_in_fp32(void **state) {
    const float nan = f32(0xffc12345);
    const float big = 3e38F;
    const std::vector<float> old = {1, -0.0F, 0.0F, nan, 2, 1e-40F, big, -5};
    const std::vector<float> arriving = {2.5F, 0.0F, -0.0F, 1, nan, 1e-40F, big, 7};
    struct Case {
        DmaOp op;
        std::vector<std::uint32_t> expected;
    };
    const std::uint32_t quiet = 0x7fc00000;
    const Case cases[] = {
        {DmaOp::ADD, {bits(3.5F), 0, 0, quiet, quiet, bits(1e-40F + 1e-40F), 0x7f800000, bits(2.0F)}},
        {DmaOp::MAX, {bits(2.5F), 0, 0, quiet, quiet, bits(1e-40F), bits(big), bits(7.0F)}},
        {DmaOp::MIN, {bits(1.0F), bits(-0.0F), bits(-0.0F), quiet, quiet, bits(1e-40F), bits(big), bits(-5.0F)}},
    };
    for (const std::uint64_t area : AREAS)
        for (const Case &c : cases) {
            Machine m(mode_of(state));
            DmaRunner r(m);
            const std::uint64_t in = area,
                                out = area + 2 * PAGE - 14; // unaligned, an element on both sides of a page's end
            r.put_values(in, arriving);
            r.put_values(out, old);
            r.put_values(Runner::DATA, old);
            r.put_values(Runner::DATA + 64, arriving);
            const auto f = [](std::uint8_t arg, std::int64_t at = 0) { return typed(mem(arg, 8, 4, at), Dtype::F32); };
            const auto t = [](std::uint32_t at) { return tile(1, 8, at, Dtype::F32); };
            Program p;
            p.add(Engine::SP, load(t(0), f(2), 0));
            p.add(Engine::SP, load_op(t(0), f(0), c.op)); // memory to tile
            p.add(Engine::SP, store(f(3), t(0), 0));
            p.add(Engine::SP, copy(f(1), f(0), 1, c.op)); // memory to memory
            p.add(Engine::SP, load(t(64), f(2, 64), 0));
            p.add(Engine::SP, store_op(f(2), t(64), c.op)); // tile to memory: the old values are in DATA
            p.add(Engine::SP, load(t(128), f(3, 1024), 0)).add(Engine::SP, end());
            assert_int_equal(r.run(p, {in, out, Runner::DATA, OUT}), Fault::NONE);
            assert_true(r.get_values<std::uint32_t>(OUT, 8) == c.expected);
            assert_true(r.get_values<std::uint32_t>(out, 8) == c.expected);
            assert_true(r.get_values<std::uint32_t>(Runner::DATA, 8) == c.expected);
        }
}

void operations_convert_both_sides(void **state) {
    Machine m(mode_of(state));
    DmaRunner r(m);
    // U8 in memory is added to BF16 in a tile: 256 + 1 is halfway and goes to even, 256 + 3 goes up.
    r.put_values<std::uint16_t>(Runner::DATA, {0x4380, 0x4380, 0xbf80});
    r.put_values<std::uint8_t>(Runner::DATA + 64, {1, 3, 255});
    Program p;
    p.add(Engine::SP, load(tile(1, 3, 0, Dtype::BF16), mem(0, 3, 2), 0));
    p.add(Engine::SP, load_op(tile(1, 3, 0, Dtype::BF16), typed(mem(0, 3, 1, 64), Dtype::U8), DmaOp::ADD));
    p.add(Engine::SP, store(mem(0, 3, 2, 128), tile(1, 3, 0, Dtype::BF16), 0));
    p.add(Engine::SP, store_op(typed(mem(0, 3, 1, 64), Dtype::U8), tile(1, 3, 0, Dtype::BF16), DmaOp::ADD));
    p.add(Engine::SP, end());
    assert_int_equal(r.run(p), Fault::NONE);
    assert_true(r.get_values<std::uint16_t>(Runner::DATA + 128, 3) ==
                (std::vector<std::uint16_t>{0x4380, 0x4382, 0x437e})); // 256, 260, 254
    assert_true(r.get_values<std::uint8_t>(Runner::DATA + 64, 3) == (std::vector<std::uint8_t>{255, 255, 255}));
}

// The bytes between the elements are not written, not even with what they were.
void operations_leave_gaps_alone(void **state) {
    for (const std::uint64_t area : AREAS)
        for (const std::int32_t stride : {12, -12, 600, -4100}) {
            Machine m(unwatched(mode_of(state)));
            DmaRunner r(m);
            constexpr std::uint32_t COUNT = 200;
            std::vector<float> old(COUNT), arriving(COUNT), expected(COUNT);
            spec::Mem apart = typed(mem(1, COUNT, 4, MiB + 1), Dtype::F32);
            apart.stride[0] = stride;
            const auto places = walk(apart, 1, area);
            for (std::uint32_t i = 0; i < COUNT; ++i) {
                old[i] = static_cast<float>(i) + 0.5F;
                arriving[i] = static_cast<float>(3 * i);
                expected[i] = old[i] + arriving[i];
                r.put_values<float>(places[i], {old[i]});
            }
            r.put_values(Runner::DATA, arriving);
            std::atomic<bool> between{false}; // a write covers more than an element
            m.host.on_dma = [&](std::uint64_t, std::size_t bytes, bool write) {
                if (write && bytes > 8)
                    between = true;
            };
            Program p;
            p.add(Engine::SP, copy(apart, typed(mem(0, COUNT), Dtype::F32), 1, DmaOp::ADD)).add(Engine::SP, end());
            assert_int_equal(r.run(p, {Runner::DATA, area}), Fault::NONE);
            assert_false(between);
            for (std::uint32_t i = 0; i < COUNT; ++i) {
                assert_int_equal(r.get_values<std::uint32_t>(places[i], 1)[0], bits(expected[i]));
                assert_int_equal(r.get_values<std::uint32_t>(places[i] + 4, 1)[0], 0);
            }
        }
}

void tiles_walk_four_dimensions(void **state) {
    Machine m(mode_of(state));
    DmaRunner r(m);
    constexpr std::uint16_t COUNT = 2 * 3 * 4 * 5, SPAN = 2000;
    const Bytes data = random_bytes(COUNT * 2, 3);
    r.put(Runner::DATA, data);
    spec::Tile deep = tile(1, COUNT, 1000, Dtype::U16);
    deep.num = {2, 3, 4, 5};
    deep.step = {3, -20, 70, 101};
    Program p;
    p.add(Engine::SP, load(deep, mem(0, COUNT, 2), 0))
        .add(Engine::SP, store(mem(1, SPAN, 2), tile(1, SPAN, 0, Dtype::U16), 0));
    p.add(Engine::SP, move_tile(tile(1, COUNT, 8000, Dtype::U16), deep));
    p.add(Engine::SP, store(mem(2, COUNT, 2), tile(1, COUNT, 8000, Dtype::U16), 0)).add(Engine::SP, end());
    assert_int_equal(r.run(p, {Runner::DATA, OUT, OUT + MiB}), Fault::NONE);
    Bytes expected(SPAN * 2);
    std::size_t next = 0;
    for (int i3 = 0; i3 < 5; ++i3)
        for (int i2 = 0; i2 < 4; ++i2)
            for (int i1 = 0; i1 < 3; ++i1)
                for (int i0 = 0; i0 < 2; ++i0, ++next)
                    std::copy_n(data.begin() + static_cast<std::ptrdiff_t>(2 * next), 2,
                                expected.begin() + 1000 + 2 * (101 * i3 + 70 * i2 - 20 * i1 + 3 * i0));
    assert_true(same(&r.byte(OUT), expected));
    assert_true(same(&r.byte(OUT + MiB), data)); // no two elements of the walk are in one place
}

// Where a walk comes to an element again, it adds to what it has left there.
void repeated_elements_accumulate(void **state) {
    for (const std::uint64_t area : AREAS) {
        Machine m(mode_of(state));
        DmaRunner r(m);
        constexpr std::uint32_t COUNT = 600;
        std::vector<float> in(COUNT);
        float sum = 0.5F;
        for (std::uint32_t i = 0; i < COUNT; ++i) {
            in[i] = static_cast<float>(i % 7) * 1e6F + 0.37F;
            sum += in[i]; // the order shows in the rounding
        }
        r.put_values(Runner::DATA, in);
        r.put_values<float>(area + PAGE - 2, {0.5F});
        spec::Tile once = tile(1, COUNT, 16384, Dtype::F32);
        once.step[0] = 0;
        spec::Mem same_place = typed(mem(1, COUNT), Dtype::F32);
        same_place.stride[0] = 0;
        spec::Mem as_f32 = typed(mem(0, COUNT), Dtype::F32);
        Program p;
        p.add(Engine::SP, load(tile(1, 1, 16384, Dtype::F32), mem(1, 1), 0));
        p.add(Engine::SP, load_op(once, as_f32, DmaOp::ADD));
        p.add(Engine::SP, copy(same_place, as_f32, 1, DmaOp::ADD));
        p.add(Engine::SP, store(mem(2, 1), tile(1, 1, 16384, Dtype::F32), 0)).add(Engine::SP, end());
        assert_int_equal(r.run(p, {Runner::DATA, area + PAGE - 2, OUT}), Fault::NONE);
        assert_int_equal(r.get_values<std::uint32_t>(OUT, 1)[0], bits(sum));
        assert_int_equal(r.get_values<std::uint32_t>(area + PAGE - 2, 1)[0], bits(sum));
    }
}

// fp32 elements two bytes apart: the upper half of each is the lower half of the next.
void overlapping_elements_combine_in_order(void **state) {
    for (const std::uint64_t area : AREAS) {
        Machine m(mode_of(state));
        DmaRunner r(m);
        Bytes memory = random_bytes(202, 5);
        r.put(area + PAGE - 100, memory);
        std::vector<float> in(100);
        for (std::size_t i = 0; i < in.size(); ++i) {
            in[i] = static_cast<float>(i) * 1.5F;
            float value = 0;
            std::memcpy(&value, memory.data() + 2 * i, 4);
            value += in[i];
            const std::uint32_t result = value != value ? 0x7fc00000 : bits(value);
            std::memcpy(memory.data() + 2 * i, &result, 4);
        }
        r.put_values(Runner::DATA, in);
        spec::Mem close = typed(mem(1, 100), Dtype::F32);
        close.stride[0] = 2;
        Program p;
        p.add(Engine::SP, copy(close, typed(mem(0, 100), Dtype::F32), 1, DmaOp::ADD)).add(Engine::SP, end());
        assert_int_equal(r.run(p, {Runner::DATA, area + PAGE - 100}), Fault::NONE);
        assert_true(r.get(area + PAGE - 100, 202) == memory);
    }
}

void tiles_move_between_partitions(void **state) {
    Machine m(mode_of(state));
    DmaRunner r(m);
    const Bytes data = random_bytes(32 * 200 * 4, 2);
    r.put(Runner::DATA, data);
    spec::Tile src = from_partition(tile(32, 200, 0, Dtype::F32), 96);
    spec::Tile gaps = in_psum(from_partition(tile(32, 200, 8, Dtype::F32), 32));
    gaps.num = {20, 10, 1, 1};
    gaps.step = {-3, 100, 0, 0};
    gaps.offset = 400;
    Program p;
    p.add(Engine::SP, load(src, mem(0, 200), 0)).add(Engine::SP, move_tile(gaps, src));
    p.add(Engine::SP, move_tile(tile(32, 200, 4096, Dtype::BF16), gaps));
    p.add(Engine::SP, move_tile(gaps, src, DmaOp::ADD));
    p.add(Engine::SP, store(mem(1, 200, 2), tile(32, 200, 4096, Dtype::BF16), 0));
    p.add(Engine::SP, store(mem(2, 200), gaps, 0)).add(Engine::SP, end());
    assert_int_equal(r.run(p, {Runner::DATA, OUT, OUT + MiB}), Fault::NONE);
    assert_true(same(&r.byte(OUT), converted(Dtype::BF16, Dtype::F32, data)));
    for (std::uint64_t i = 0; i < 32 * 200; ++i) {
        const float value = r.get_values<float>(Runner::DATA + 4 * i, 1)[0];
        const float twice = value + value;
        const std::uint32_t expected = twice != twice ? 0x7fc00000 : bits(twice);
        assert_int_equal(r.get_values<std::uint32_t>(OUT + MiB + 4 * i, 1)[0], expected);
    }
}

// A row is read before it is written, however the two tiles overlap; the longest row there is takes many pieces.
void overlapping_tiles_move_row_by_row(void **state) {
    Machine m(mode_of(state));
    DmaRunner r(m);
    constexpr std::uint32_t COUNT = 90000;
    const Bytes data = random_bytes(2 * COUNT, 8);
    r.put(Runner::DATA, data);
    const auto row = [](std::uint32_t offset, Dtype dtype, std::int16_t step = 1) {
        spec::Tile t = tile(1, 9000, offset, dtype);
        t.num = {9000, 10, 1, 1};
        t.step = {step, static_cast<std::int16_t>(step * 9000), 0, 0};
        return t;
    };
    spec::Mem block = mem(0, COUNT, 2);
    spec::Mem out = mem(1, COUNT, 2);
    Program p;
    p.add(Engine::SP, load(row(0, Dtype::U16), block, 0));
    p.add(Engine::SP, move_tile(row(10, Dtype::U16), row(0, Dtype::U16))); // upwards by five
    p.add(Engine::SP, store(out, row(10, Dtype::U16), 0));
    // Into itself as another type, backwards.
    spec::Tile back = row(2 * COUNT - 2, Dtype::U16, -1);
    p.add(Engine::SP, load(row(0, Dtype::I16), block, 0));
    p.add(Engine::SP, move_tile(back, row(0, Dtype::I16)));
    out.arg = 2;
    p.add(Engine::SP, store(out, back, 0)).add(Engine::SP, end());
    assert_int_equal(r.run(p, {Runner::DATA, OUT, OUT + MiB}), Fault::NONE);
    assert_true(same(&r.byte(OUT), data));
    assert_true(same(&r.byte(OUT + MiB), converted(Dtype::U16, Dtype::I16, data)));
}

void cores_swap_tiles(void **state) {
    Machine m(mode_of(state));
    DmaRunner r(m);
    r.put_values<std::uint32_t>(Runner::DATA, {11, 12, 21, 22});
    const auto mine = [](std::uint8_t arg, std::int64_t at = 0) {
        spec::Mem block = mem(arg, 2, 4, at);
        block.reg = 1;
        block.shift = 3;
        return block;
    };
    // r1 = rank, r2 = the other rank. Semaphore 5 counts what has arrived, in each core by the other.
    Program q;
    q.add(Engine::SP, spec::InsnCoreRank{.rd = 1});
    q.add(Engine::SP, alu(spec::AluOp::XOR, 2, 1, 0, 1));
    q.add(Engine::SP, load(tile(1, 2), mine(0), 0));
    q.add(Engine::SP, spec::InsnDmaSend{.header = add(6, 1),
                                        .dst = from_partition(tile(1, 2, 64, Dtype::F32), 32),
                                        .src = tile(1, 2),
                                        .rank = 2,
                                        .sem = 5,
                                        .ring = 0,
                                        .value = 3});
    q.add(Engine::SP, nop(wait_ge(6, 1)));
    q.add(Engine::SP, store(mine(1), from_partition(tile(1, 2, 64, Dtype::F32), 32), 1, sync(WaitOp::EQ, 5, 3)));
    q.add(Engine::SP, end());
    for (int round = 0; round < 20; ++round) {
        r.put_values<float>(OUT, {0, 0, 0, 0});
        assert_int_equal(r.run(q, {Runner::DATA, OUT}, 3), Fault::NONE);
        assert_true(r.get_values<float>(OUT, 4) == (std::vector<float>{21, 22, 11, 12}));
    }
}

// One sender whose program ends at once: the launch, and the memory that the tile goes to, stay until it has arrived.
void a_sent_tile_arrives_after_the_end_of_its_sender(void **state) {
    Machine m(mode_of(state));
    DmaRunner r(m);
    const Bytes data = random_bytes(128 * 2000 * 4, 6);
    r.put(Runner::DATA, data);
    Program p;
    p.add(Engine::SP, spec::InsnCoreRank{.rd = 1}).add(Engine::SP, move(2, 1));
    p.add(Engine::SP, branch(spec::Cond::EQ, 1, 1, 6));
    p.add(Engine::SP, load(tile(128, 2000), mem(0, 2000), 0));
    p.add(Engine::SP,
          spec::InsnDmaSend{
              .dst = in_psum(tile(128, 2000)), .src = tile(128, 2000), .rank = 2, .sem = 9, .ring = 0, .value = 1});
    p.add(Engine::SP, end());
    p.add(Engine::SP, store(mem(1, 2000), in_psum(tile(128, 2000)), 3, wait_ge(9, 1))).add(Engine::SP, end());
    assert_int_equal(r.run(p, {Runner::DATA, OUT}, 3), Fault::NONE);
    assert_true(same(&r.byte(OUT), data));
    // A core may send to itself; value 0 tells nobody.
    Program self;
    self.add(Engine::SP, load(tile(8, 10), mem(0, 10), 0));
    self.add(Engine::SP,
             spec::InsnDmaSend{.dst = tile(8, 10, 400), .src = tile(8, 10), .rank = 0, .sem = 9, .ring = 0});
    self.add(Engine::SP, store(mem(1, 10), tile(8, 10, 400), 0, sync(WaitOp::EQ, 9, 0))).add(Engine::SP, end());
    assert_int_equal(r.run(self, {Runner::DATA, OUT}, 2), Fault::NONE);
    assert_true(same(&r.byte(OUT), std::span(data).first(8 * 10 * 4)));
}

spec::InsnDmaGather gather(const spec::Tile &dst, const spec::Mem &src, const spec::Tile &index, std::uint32_t bound,
                           OobMode oob) {
    return {.dst = dst, .src = src, .index = index, .ring = 0, .op = DmaOp::WRITE, .oob = oob, .bound = bound};
}

void gathers_follow_their_index(void **state) {
    for (const std::uint64_t area : AREAS) {
        Machine m(mode_of(state));
        DmaRunner r(m);
        constexpr std::uint32_t ROWS = 300, COLUMNS = 33;
        const Bytes table = random_bytes(std::size_t{ROWS} * COLUMNS * 2, 1);
        r.put(area, table);
        const std::vector<std::int32_t> index = {299, 0, 7, -1, 7, 300, 150, INT32_MIN, 298};
        r.put_values(Runner::DATA, index);
        const auto count = static_cast<std::uint8_t>(index.size());
        spec::Tile column = from_partition(tile(count, 1, 512, Dtype::I32), 64);
        Program p;
        p.add(Engine::SP, load(column, mem(1, 1), 0));
        p.add(Engine::SP,
              gather(tile(count, COLUMNS, 0, Dtype::BF16), mem(0, COLUMNS, 2), column, ROWS, OobMode::SKIP));
        // The rows once more, converted and added to what is there.
        spec::InsnDmaGather sum = gather(tile(count, COLUMNS, 1024, Dtype::F32), typed(mem(0, COLUMNS, 2), Dtype::I16),
                                         column, ROWS, OobMode::SKIP);
        sum.op = DmaOp::ADD;
        p.add(Engine::SP, sum).add(Engine::SP, sum);
        p.add(Engine::SP, store(mem(2, COLUMNS, 2), tile(count, COLUMNS, 0, Dtype::BF16), 0));
        p.add(Engine::SP, store(mem(3, COLUMNS), tile(count, COLUMNS, 1024, Dtype::F32), 0)).add(Engine::SP, end());
        assert_int_equal(r.run(p, {area, Runner::DATA, OUT, OUT + MiB}), Fault::NONE);
        for (std::size_t i = 0; i < index.size(); ++i) {
            Bytes expected(COLUMNS * 2);
            if (index[i] >= 0 && index[i] < static_cast<std::int32_t>(ROWS))
                std::copy_n(table.begin() + index[i] * static_cast<std::ptrdiff_t>(COLUMNS) * 2, COLUMNS * 2,
                            expected.begin());
            assert_true(same(&r.byte(OUT + i * COLUMNS * 2), expected));
            for (std::size_t j = 0; j < COLUMNS; ++j) {
                std::int16_t value = 0;
                std::memcpy(&value, expected.data() + 2 * j, 2);
                const float twice = 2 * static_cast<float>(value);
                assert_int_equal(r.get_values<std::uint32_t>(OUT + MiB + (i * COLUMNS + j) * 4, 1)[0], bits(twice));
            }
        }
    }
}

// Rows that several partitions name: the last one stays, sums are made in their order.
void scatters_combine_in_order(void **state) {
    for (const std::uint64_t area : AREAS) {
        Machine m(mode_of(state));
        DmaRunner r(m);
        constexpr std::uint32_t ROWS = 100, COLUMNS = 20;
        std::vector<float> values(ROWS * COLUMNS);
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i] = static_cast<float>((i * 2654435761U) % 1000003) * 0.01F;
        std::vector<std::uint16_t> index(ROWS);
        for (std::uint32_t p = 0; p < ROWS; ++p)
            index[p] = static_cast<std::uint16_t>(p * 7 % 10); // 8 and 9 are out of bounds
        r.put_values(Runner::DATA, values);
        r.put_values(Runner::DATA + MiB, index);
        const spec::Tile data = tile(ROWS, COLUMNS, 0, Dtype::F32);
        const spec::Tile column = tile(ROWS, 1, 512, Dtype::U16);
        Program p;
        p.add(Engine::SP, load(data, mem(0, COLUMNS), 0)).add(Engine::SP, load(column, mem(0, 1, 2, MiB), 0));
        spec::InsnDmaScatter scatter{.dst = typed(mem(1, COLUMNS), Dtype::F32),
                                     .src = data,
                                     .index = column,
                                     .ring = 0,
                                     .op = DmaOp::WRITE,
                                     .oob = OobMode::SKIP,
                                     .bound = 8};
        p.add(Engine::SP, scatter);
        scatter.dst = typed(mem(1, COLUMNS, 2, 3 * PAGE - 6), Dtype::BF16); // rounds after each arrival
        scatter.op = DmaOp::ADD;
        p.add(Engine::SP, scatter).add(Engine::SP, end());
        assert_int_equal(r.run(p, {Runner::DATA, area}), Fault::NONE);
        std::vector<std::uint16_t> sums(10 * COLUMNS);
        std::vector<float> last(10 * COLUMNS);
        for (std::uint32_t row = 0; row < ROWS; ++row)
            for (std::uint32_t j = 0; j < COLUMNS && index[row] < 8; ++j) {
                const std::size_t at = index[row] * COLUMNS + j;
                last[at] = values[row * COLUMNS + j];
                const float sum = f32(std::uint32_t{sums[at]} << 16) + last[at];
                Bytes raw(4);
                std::memcpy(raw.data(), &sum, 4);
                std::memcpy(&sums[at], converted(Dtype::BF16, Dtype::F32, raw).data(), 2);
            }
        assert_true(r.get_values<float>(area, last.size()) == last);
        assert_true(r.get_values<std::uint16_t>(area + 3 * PAGE - 6, sums.size()) == sums);
    }
}

// The index tile is read when the transfer starts: what an earlier one of the ring puts there counts, and dst may cover it.
void an_index_is_read_once_when_its_transfer_starts(void **state) {
    Machine m(mode_of(state));
    DmaRunner r(m);
    r.put_values<std::uint32_t>(Runner::DATA, {1, 0, 100, 101, 102, 103});
    Program p;
    const spec::Tile column = tile(2, 1);
    p.add(Engine::SP, load(column, mem(0, 1), 0));
    p.add(Engine::SP, gather(tile(2, 2), mem(0, 2, 4, 8), column, 2, OobMode::FAULT));
    p.add(Engine::SP, store(mem(1, 2), tile(2, 2), 0)).add(Engine::SP, end());
    assert_int_equal(r.run(p, {Runner::DATA, OUT}), Fault::NONE);
    assert_true(r.get_values<std::uint32_t>(OUT, 4) == (std::vector<std::uint32_t>{102, 103, 100, 101}));
}

void tiles_transpose(void **state) {
    for (const Dtype dtype : {Dtype::U8, Dtype::BF16, Dtype::F32}) {
        Machine m(mode_of(state));
        DmaRunner r(m);
        const std::uint32_t bytes = spec::bytes(dtype);
        const Bytes data = random_bytes(128 * 128 * bytes, 5);
        r.put(Runner::DATA, data);
        const auto check = [&](std::uint64_t at, std::uint32_t rows, std::uint32_t columns) {
            for (std::uint32_t i = 0; i < rows; ++i)
                for (std::uint32_t j = 0; j < columns; ++j)
                    for (std::uint32_t b = 0; b < bytes; ++b)
                        assert_int_equal(r.byte(at + (j * rows + i) * bytes + b), data[(i * columns + j) * bytes + b]);
        };
        // In place, and a narrow one into a tile with gaps.
        const spec::Tile square = tile(128, 128, 0, dtype);
        const spec::Tile wide = from_partition(tile(20, 50, 1024, dtype), 32);
        spec::Tile tall = in_psum(tile(50, 20, 4096, dtype));
        tall.num = {5, 4, 1, 1};
        tall.step = {-2, 30, 0, 0};
        Program p;
        p.add(Engine::SP, load(square, mem(0, 128, bytes), 0));
        p.add(Engine::SP, spec::InsnDmaTranspose{.dst = square, .src = square, .ring = 0});
        p.add(Engine::SP, store(mem(1, 128, bytes), square, 0));
        p.add(Engine::SP, load(wide, mem(0, 50, bytes), 0));
        p.add(Engine::SP, spec::InsnDmaTranspose{.dst = tall, .src = wide, .ring = 0});
        p.add(Engine::SP, store(mem(2, 20, bytes), tall, 0)).add(Engine::SP, end());
        assert_int_equal(r.run(p, {Runner::DATA, OUT, OUT + MiB}), Fault::NONE);
        check(OUT, 128, 128);
        check(OUT + MiB, 20, 50);
    }
}

void blocks_reduce_in_order(void **state) {
    for (const std::uint64_t area : AREAS) {
        Machine m(mode_of(state));
        DmaRunner r(m);
        constexpr std::uint32_t ROWS = 3, COLUMNS = 9001; // more than a piece
        constexpr std::uint32_t BLOCK = 3 * COLUMNS * 2;
        for (std::uint32_t k = 0; k < 16; ++k) {
            std::vector<std::uint16_t> values(ROWS * COLUMNS);
            for (std::size_t i = 0; i < values.size(); ++i)
                values[i] = static_cast<std::uint16_t>((i * 40503 + k * 977) & 0xbfff); // finite, or a large fp16
            r.put_values(area + std::uint64_t{k} * BLOCK, values);
        }
        Program p;
        p.add(Engine::SP, spec::InsnDmaReduce{.dst = tile(ROWS, COLUMNS, 0, Dtype::F32),
                                              .src = typed(mem(0, COLUMNS, 2, 15 * BLOCK), Dtype::F16),
                                              .source_stride = -static_cast<std::int64_t>(BLOCK),
                                              .sources = 16,
                                              .ring = 0});
        p.add(Engine::SP, store(mem(1, COLUMNS), tile(ROWS, COLUMNS, 0, Dtype::F32), 0)).add(Engine::SP, end());
        assert_int_equal(r.run(p, {area, Runner::DATA}), Fault::NONE);
        std::vector<std::uint32_t> expected(ROWS * COLUMNS);
        for (std::size_t i = 0; i < expected.size(); ++i) {
            float acc = 0;
            for (std::uint32_t k = 0; k < 16; ++k) {
                const Bytes raw = r.get(area + (15 - k) * std::uint64_t{BLOCK} + 2 * i, 2);
                float value = 0;
                std::memcpy(&value, converted(Dtype::F32, Dtype::F16, raw).data(), 4);
                acc = k == 0 ? value : acc + value;
            }
            expected[i] = acc != acc ? 0x7fc00000 : bits(acc);
        }
        assert_true(r.get_values<std::uint32_t>(Runner::DATA, expected.size()) == expected);
    }
}

void one_source_still_makes_nan_quiet(void **state) {
    Machine m(mode_of(state));
    DmaRunner r(m);
    r.put_values<std::uint32_t>(Runner::DATA, {0xff812345, bits(-0.0F)});
    Program p;
    p.add(Engine::SP, spec::InsnDmaReduce{.dst = tile(1, 2, 0, Dtype::F32), .src = mem(0, 2), .sources = 1, .ring = 0});
    p.add(Engine::SP, store(mem(1, 2), tile(1, 2, 0, Dtype::F32), 0)).add(Engine::SP, end());
    assert_int_equal(r.run(p, {Runner::DATA, OUT}), Fault::NONE);
    assert_true(r.get_values<std::uint32_t>(OUT, 2) == (std::vector<std::uint32_t>{0x7fc00000, bits(-0.0F)}));
}

// Equal types keep every bit, NaNs and the unused bits of TF32 included.
void equal_types_keep_their_bits(void **state) {
    for (const Dtype dtype : {Dtype::F32, Dtype::TF32, Dtype::BF16, Dtype::F8E5M2}) {
        Machine m(mode_of(state));
        DmaRunner r(m);
        const Bytes data(4096, std::byte{0xff});
        r.put(Runner::DATA, data);
        const auto count = static_cast<std::uint16_t>(1024 / spec::bytes(dtype));
        spec::Tile gaps = tile(4, count, 8192, dtype);
        gaps.step[0] = 2;
        const spec::Mem block = typed(mem(0, count, spec::bytes(dtype)), dtype);
        Program p;
        p.add(Engine::SP, load(gaps, block, 0)).add(Engine::SP, move_tile(tile(4, count, 0, dtype), gaps));
        p.add(Engine::SP, store(typed(mem(1, count, spec::bytes(dtype)), dtype), tile(4, count, 0, dtype), 0));
        p.add(Engine::SP, end());
        assert_int_equal(r.run(p, {Runner::DATA, OUT}), Fault::NONE);
        assert_true(same(&r.byte(OUT), data));
    }
}

// Three engines share a ring that has room for a part of what they issue.
void engines_wait_for_room_in_a_ring(void **state) {
    Machine m(mode_of(state));
    DmaRunner r(m);
    r.put_values<float>(Runner::DATA, {1});
    Program p;
    spec::Mem in = typed(mem(0, 1), Dtype::F32);
    for (const Engine engine : {Engine::ACT, Engine::POOL, Engine::SP}) {
        for (int i = 0; i < 200; ++i)
            p.add(engine, copy(typed(mem(1, 1), Dtype::F32), in, 1, DmaOp::ADD));
        p.add(engine, end());
    }
    assert_int_equal(r.run(p, {Runner::DATA, OUT}), Fault::NONE);
    assert_int_equal(r.get_values<std::uint32_t>(OUT, 1)[0], bits(600.0F));
}

} // namespace

int main() {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const CMUnitTest tests[] = {
        IN_BOTH_MODES(transfers_convert),
        IN_BOTH_MODES(memory_walks_are_those_of_the_contract),
        IN_BOTH_MODES(loads_transpose),
        IN_BOTH_MODES(operations_combine_in_fp32),
        IN_BOTH_MODES(operations_convert_both_sides),
        IN_BOTH_MODES(operations_leave_gaps_alone),
        IN_BOTH_MODES(tiles_walk_four_dimensions),
        IN_BOTH_MODES(repeated_elements_accumulate),
        IN_BOTH_MODES(overlapping_elements_combine_in_order),
        IN_BOTH_MODES(tiles_move_between_partitions),
        IN_BOTH_MODES(overlapping_tiles_move_row_by_row),
        IN_BOTH_MODES(cores_swap_tiles),
        IN_BOTH_MODES(a_sent_tile_arrives_after_the_end_of_its_sender),
        IN_BOTH_MODES(gathers_follow_their_index),
        IN_BOTH_MODES(scatters_combine_in_order),
        IN_BOTH_MODES(an_index_is_read_once_when_its_transfer_starts),
        IN_BOTH_MODES(tiles_transpose),
        IN_BOTH_MODES(blocks_reduce_in_order),
        IN_BOTH_MODES(one_source_still_makes_nan_quiet),
        IN_BOTH_MODES(equal_types_keep_their_bits),
        IN_BOTH_MODES(engines_wait_for_room_in_a_ring),
    };
    return cmocka_run_group_tests_name("chip dma", tests, nullptr, nullptr);
}
