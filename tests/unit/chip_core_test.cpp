// SPDX-License-Identifier: MIT
#include "chip_program.hpp"

namespace {

using namespace chip_test;
using spec::AluOp;
using spec::Cond;
using spec::Fault;
using spec::UpdateOp;
using spec::WaitOp;

// No instruction stores a register. So registers are read out through a table in which word n holds n.
constexpr std::uint64_t TABLE = MiB;
constexpr std::uint32_t TABLE_WORDS = 4096;

void make_table(Runner &r) {
    for (std::uint32_t i = 0; i < TABLE_WORDS; ++i)
        r.set_word(TABLE + 4 * i, i);
}

// Appends to SP: data word `slot` = r[reg], for values below TABLE_WORDS. Semaphore 200 orders load and store.
void store_register(Program &p, Engine engine, std::uint8_t reg, std::uint32_t slot) {
    spec::Mem from = mem(0, 1, 4, TABLE);
    from.reg = reg;
    from.shift = 2;
    p.add(engine, load(tile(1, 1, 8192), from, 15, add(200, 1)));
    p.add(engine, nop(take(200, 1)));
    p.add(engine, store(mem(0, 1, 4, 4 * slot), tile(1, 1, 8192), 15, add(200, 1)));
    p.add(engine, nop(take(200, 1)));
}

void an_empty_program_retires(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    assert_int_equal(r.run(Program()), Fault::NONE);
    assert_int_equal(r.queue.seqno(), 1);
}

void all_sequencers_run_to_their_end(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    Program p;
    for (const Engine engine : spec::values<Engine>())
        p.add(engine, nop(add(1, 1))).add(engine, nop(wait_ge(1, 5))).add(engine, end());
    assert_int_equal(r.run(p), Fault::NONE);
    Program once; // would never end with a count of before
    once.add(Engine::SP, nop(add(1, 1))).add(Engine::SP, end(sync(WaitOp::EQ, 1, 1)));
    assert_int_equal(r.run(once), Fault::NONE);
    assert_int_equal(r.queue.head(), 2);
}

void arithmetic_is_that_of_32_bits(void **state) {
    struct Case {
        AluOp op;
        std::int32_t a, b;
        std::uint32_t result;
    };
    const Case cases[] = {
        {AluOp::ADD, 3, 4, 7},
        {AluOp::ADD, -1, 5, 4},
        {AluOp::SUB, 10, 4, 6},
        {AluOp::SUB, 0, -9, 9},
        {AluOp::MUL, 0, 0, 0}, // see below
        {AluOp::AND, 0xff0, 0x1f8, 0x1f0},
        {AluOp::OR, 0x101, 0x22, 0x123},
        {AluOp::XOR, 0xfff, 0xf0f, 0x0f0},
        {AluOp::SHL, 3, 33, 6},
        {AluOp::SHR, -1, 20 + 32, 0xfff},
    };
    Machine m(mode_of(state));
    Runner r(m);
    make_table(r);
    Program p;
    std::uint32_t slot = 0;
    for (const Case &c : cases) {
        if (c.op == AluOp::MUL) { // the product is more than 31 bits: its low 12 are looked at
            p.add(Engine::SP, move(1, 46341)).add(Engine::SP, alu(AluOp::MUL, 2, 1, 0, 46341));
            p.add(Engine::SP, alu(AluOp::AND, 2, 2, 0, 0xfff));
        } else {
            p.add(Engine::SP, move(1, c.a)).add(Engine::SP, move(3, c.b - 100));
            p.add(Engine::SP, alu(c.op, 2, 1, 3, 100)); // register and immediate add up
        }
        store_register(p, Engine::SP, 2, slot++);
    }
    p.add(Engine::SP, move(0, 5)); // lost
    store_register(p, Engine::SP, 0, slot);
    p.add(Engine::SP, end());
    assert_int_equal(r.run(p), Fault::NONE);
    slot = 0;
    for (const Case &c : cases) {
        const std::uint32_t expected = c.op == AluOp::MUL ? (46341U * 46341U & 0xfff) : c.result;
        assert_int_equal(r.word(4 * slot++), expected);
    }
    assert_int_equal(r.word(4 * slot), 0);
}

void branches_compare_signed(void **state) {
    struct Case {
        Cond cond;
        std::int32_t a, b;
        bool taken;
    };
    const Case cases[] = {
        {Cond::ALWAYS, 1, 2, true}, {Cond::EQ, 5, 5, true},  {Cond::EQ, 5, 6, false},  {Cond::NE, 5, 6, true},
        {Cond::NE, 5, 5, false},    {Cond::LT, -1, 0, true}, {Cond::LT, 0, -1, false}, {Cond::LE, 3, 3, true},
        {Cond::LE, 4, 3, false},    {Cond::GT, 1, -5, true}, {Cond::GT, -5, 1, false}, {Cond::GE, -5, -5, true},
        {Cond::GE, -6, -5, false},
    };
    Machine m(mode_of(state));
    Runner r(m);
    make_table(r);
    Program p;
    std::uint32_t pc = 0;
    std::uint32_t slot = 0;
    for (const Case &c : cases) {
        p.add(Engine::ACT, move(1, c.a)).add(Engine::ACT, move(2, 1));
        p.add(Engine::ACT, branch(c.cond, 1, c.b, pc + 4)).add(Engine::ACT, move(2, 0));
        store_register(p, Engine::ACT, 2, slot++);
        pc += 8;
    }
    p.add(Engine::ACT, end());
    assert_int_equal(r.run(p), Fault::NONE);
    slot = 0;
    for (const Case &c : cases)
        assert_int_equal(r.word(4 * slot++), c.taken);
}

void loops_run_as_often_as_they_say(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    make_table(r);
    Program p;
    p.add(Engine::POOL, move(1, 0));
    p.add(Engine::POOL, alu(AluOp::ADD, 1, 1, 0, 1));
    p.add(Engine::POOL, branch(Cond::LT, 1, 1000, 1));
    store_register(p, Engine::POOL, 1, 0);
    p.add(Engine::POOL, end());
    assert_int_equal(r.run(p), Fault::NONE);
    assert_int_equal(r.word(0), 1000);
    assert_true(m.r64(reg::QUEUE_PROGRESS(0)) >= 2000);
}

void arguments_and_core_number_are_readable(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    make_table(r);
    Program p;
    p.add(Engine::SP, spec::InsnLoadArg{.rd = 4, .arg = 1, .high = 0});
    store_register(p, Engine::SP, 4, 0);
    p.add(Engine::SP, spec::InsnLoadArg{.rd = 4, .arg = 1, .high = 1});
    store_register(p, Engine::SP, 4, 1);
    p.add(Engine::SP, spec::InsnLoadArg{.rd = 4, .arg = 31, .high = 0}); // not given
    store_register(p, Engine::SP, 4, 2);
    p.add(Engine::SP, spec::InsnCoreId{.rd = 4});
    store_register(p, Engine::SP, 4, 3);
    p.add(Engine::SP, end());
    assert_int_equal(r.run(p, {Runner::DATA, 77ULL << 32 | 99}, 2), Fault::NONE);
    assert_int_equal(r.word(0), 99);
    assert_int_equal(r.word(4), 77);
    assert_int_equal(r.word(8), 0);
    assert_int_equal(r.word(12), 1);
}

// Random data through SBUF with the given tile and memory block, in and out again: the walk in equals the walk out.
void round_trip(const Mode &mode, const spec::Tile &t, const spec::Mem &in, std::uint64_t area) {
    Machine m(mode);
    Runner r(m);
    const Bytes data = random_bytes(2 * area, 4);
    std::copy(data.begin(), data.end(), r.data(0));
    spec::Mem out = in;
    out.arg = 1;
    Program p;
    p.add(Engine::SP, load(t, in, 3, add(0, 1)));
    p.add(Engine::ACT, store(out, t, 4, wait_ge(0, 1))).add(Engine::ACT, end());
    p.add(Engine::SP, end());
    assert_int_equal(r.run(p, {Runner::DATA + area / 2, Runner::DATA + 2 * MiB + area / 2}), Fault::NONE);
    // What the block touches has arrived, everything else has stayed zero.
    Bytes expected(2 * area);
    const std::uint32_t size = spec::bytes(t.dtype);
    for (std::uint32_t row = 0; row < t.partitions; ++row)
        for (std::uint32_t i = 0; i < in.num[2]; ++i)
            for (std::uint32_t j = 0; j < in.num[1]; ++j)
                for (std::uint32_t k = 0; k < in.num[0]; ++k) {
                    const auto at = static_cast<std::size_t>(
                        static_cast<std::int64_t>(area / 2) + in.offset + std::int64_t{row} * in.partition_stride +
                        std::int64_t{i} * in.stride[2] + std::int64_t{j} * in.stride[1] +
                        std::int64_t{k} * in.stride[0]);
                    std::copy_n(data.begin() + static_cast<std::ptrdiff_t>(at), size,
                                expected.begin() + static_cast<std::ptrdiff_t>(at));
                }
    assert_true(same(r.data(2 * MiB), expected));
}

void dma_moves_dense_tiles(void **state) { round_trip(mode_of(state), tile(128, 512), mem(0, 512), 512 * 1024); }

void dma_moves_whole_partitions_in_chunks(void **state) {
    // 40000 elements of 4 bytes: each row is longer than a chunk.
    spec::Tile t = tile(3, 4000);
    t.num = {4000, 10, 1, 1};
    t.step = {1, 4000, 0, 0};
    spec::Mem block = mem(0, 4000);
    block.num = {4000, 10, 1};
    block.stride = {4, 16000, 0};
    block.partition_stride = 160004;
    round_trip(mode_of(state), t, block, 600 * 1024);
}

void dma_walks_strides_backwards_and_apart(void **state) {
    spec::Tile t = tile(33, 6, 4096, spec::Dtype::BF16);
    t.num = {6, 5, 4, 1};
    t.step = {3, -40, 500, 0};
    spec::Mem block = mem(0, 10, 2);
    block.num = {10, 4, 3};
    block.stride = {-2, 100, 1000};
    block.partition_stride = -3001; // odd on purpose: memory needs no alignment
    block.offset = 60000;
    round_trip(mode_of(state), t, block, 256 * 1024);
}

void dma_adds_the_shifted_register(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    r.set_word(0x800, 0xcafe);
    spec::Mem from = mem(0, 1, 4, 0x1000);
    from.reg = 7;
    from.shift = 9;
    Program p;
    p.add(Engine::SP, move(7, -4)).add(Engine::SP, load(tile(1, 1), from, 0, add(0, 1)));
    p.add(Engine::SP, store(mem(0, 1, 4, 0x2000), tile(1, 1), 0, wait_ge(0, 1))).add(Engine::SP, end());
    assert_int_equal(r.run(p), Fault::NONE); // 0x1000 + (-4 << 9) = 0x800
    assert_int_equal(r.word(0x2000), 0xcafe);
}

void a_ring_works_in_order_without_semaphores(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    r.set_word(0, 1234);
    Program p;
    // A chain through memory: each transfer reads what the one before wrote. More of them than the ring has room for.
    for (std::int64_t i = 0; i < 100; ++i) {
        p.add(Engine::SP, load(tile(1, 1), mem(0, 1, 4, 4 * i), 5));
        p.add(Engine::SP, store(mem(0, 1, 4, 4 * i + 4), tile(1, 1), 5));
    }
    p.add(Engine::SP, end());
    assert_int_equal(r.run(p), Fault::NONE); // retires only when the ring has drained
    assert_int_equal(r.word(400), 1234);
}

void a_take_takes_once_though_its_ring_is_full(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    constexpr std::uint32_t TRANSFERS = 150;
    // Transfers of several chunks: the sequencer is faster and has to wait for room in the ring.
    Program p;
    p.add(Engine::SP, nop(add(0, TRANSFERS)));
    for (std::uint32_t i = 0; i < TRANSFERS; ++i)
        p.add(Engine::SP, load(tile(128, 512), mem(0, 512), 0, take(0, 1)));
    p.add(Engine::SP, end(sync(WaitOp::EQ, 0, 0)));
    assert_int_equal(r.run(p), Fault::NONE);
}

// A TAKE changes its semaphore as an update does: whoever waits for just that value must go on.
void a_take_wakes_who_waits_for_what_it_leaves(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    Program p;
    p.add(Engine::ACT, end(sync(spec::WaitOp::EQ, 1, 2)));
    p.add(Engine::SP, nop(add(1, 5)));
    p.add(Engine::SP, alu(spec::AluOp::ADD, 1, 1, 0, 1)).add(Engine::SP, branch(spec::Cond::LT, 1, 5000, 1));
    p.add(Engine::SP, end(take(1, 3))); // ACT has gone to sleep meanwhile
    assert_int_equal(r.run(p), Fault::NONE);
    assert_int_equal(r.queue.head(), 1);
}

void rings_and_engines_meet_at_semaphores_only(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    constexpr std::uint32_t ROUNDS = 50;
    // SP loads word i, DVE copies it, ACT stores it: a pipeline with one buffer and TAKE on both sides.
    Program p;
    spec::Mem from = mem(0, 1);
    from.reg = 1;
    from.shift = 2;
    spec::Mem to = mem(0, 1, 4, 4096);
    to.reg = 1;
    to.shift = 2;
    const Header fill = sync(WaitOp::TAKE, 2, 1, UpdateOp::ADD, 0, 1);
    p.add(Engine::SP, nop(add(2, 1)));
    p.add(Engine::SP, load(tile(1, 1), from, 0, fill));
    p.add(Engine::SP, alu(AluOp::ADD, 1, 1, 0, 1))
        .add(Engine::SP, branch(Cond::LT, 1, ROUNDS, 1))
        .add(Engine::SP, end());
    const Header pass = sync(WaitOp::TAKE, 0, 1, UpdateOp::ADD, 1, 1);
    p.add(Engine::DVE, spec::InsnCopy{.header = pass, .dst = tile(1, 1, 64), .src = tile(1, 1)});
    p.add(Engine::DVE, alu(AluOp::ADD, 1, 1, 0, 1))
        .add(Engine::DVE, branch(Cond::LT, 1, ROUNDS, 0))
        .add(Engine::DVE, end());
    const Header drain = sync(WaitOp::TAKE, 1, 1, UpdateOp::ADD, 2, 1);
    p.add(Engine::ACT, store(to, tile(1, 1, 64), 1, drain));
    p.add(Engine::ACT, alu(AluOp::ADD, 1, 1, 0, 1))
        .add(Engine::ACT, branch(Cond::LT, 1, ROUNDS, 0))
        .add(Engine::ACT, end());
    for (std::uint32_t i = 0; i < ROUNDS; ++i)
        r.set_word(4 * i, i * i + 1);
    assert_int_equal(r.run(p), Fault::NONE);
    for (std::uint32_t i = 0; i < ROUNDS; ++i)
        assert_int_equal(r.word(4096 + 4 * i), i * i + 1);
}

void waits_know_ge_eq_and_take(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    Program p;
    p.add(Engine::SP, nop(sync(WaitOp::NONE, 0, 0, UpdateOp::SET, 9, 7)));
    p.add(Engine::SP, nop(sync(WaitOp::EQ, 9, 7, UpdateOp::SUB, 9, 2)));   // 5
    p.add(Engine::SP, nop(sync(WaitOp::TAKE, 9, 3, UpdateOp::ADD, 9, 8))); // 2, then 10
    p.add(Engine::SP, nop(sync(WaitOp::GE, 9, 10)));
    p.add(Engine::SP, nop(sync(WaitOp::EQ, 9, 10)));
    p.add(Engine::SP, end(sync(WaitOp::TAKE, 9, 10, UpdateOp::ADD, 8, 1)));
    p.add(Engine::PE, end(sync(WaitOp::EQ, 8, 1))); // END updates, too
    p.add(Engine::DVE, nop(wait_ge(8, 1))).add(Engine::DVE, end(sync(WaitOp::EQ, 9, 0)));
    assert_int_equal(r.run(p), Fault::NONE);
}

void a_matmul_runs_through_all_engines(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    // C[2,2] = A[2,2]^T B[2,2] in f32, loaded, multiplied, copied out of PSUM and stored.
    const float a[4] = {1, 2, 3, 4};
    const float b[4] = {5, 6, 7, 8};
    std::memcpy(r.data(0), a, sizeof a);
    std::memcpy(r.data(64), b, sizeof b);
    const auto f32 = [](std::uint32_t offset) { return tile(2, 2, offset, spec::Dtype::F32); };
    spec::Tile acc = f32(0);
    acc.space = spec::Space::PSUM;
    Program p;
    p.add(Engine::SP, load(f32(0), mem(0, 2), 0, add(0, 1)))
        .add(Engine::SP, load(f32(64), mem(0, 2, 4, 64), 1, add(0, 1)));
    p.add(Engine::SP, end());
    p.add(Engine::PE, spec::InsnLdweights{.header = wait_ge(0, 2), .src = f32(0)});
    p.add(Engine::PE, spec::InsnMatmul{.header = add(1, 1),
                                       .dst = acc,
                                       .moving = f32(64),
                                       .flags = spec::MatmulFlag::START | spec::MatmulFlag::STOP});
    p.add(Engine::PE, end());
    p.add(Engine::DVE,
          spec::InsnCopy{.header = sync(WaitOp::GE, 1, 1, UpdateOp::ADD, 2, 1), .dst = f32(128), .src = acc});
    p.add(Engine::DVE, end());
    p.add(Engine::ACT, store(mem(0, 2, 4, 128), f32(128), 2, wait_ge(2, 1))).add(Engine::ACT, end());
    assert_int_equal(r.run(p), Fault::NONE);
    const float expected[4] = {26, 30, 38, 44};
    assert_memory_equal(r.data(128), expected, sizeof expected);
}

void a_launch_runs_on_all_its_cores(void **state) {
    Mode mode = mode_of(state);
    mode.cores = 8;
    Machine m(mode);
    Runner r(m);
    make_table(r);
    Program p;
    p.add(Engine::SP, spec::InsnCoreId{.rd = 4});
    spec::Mem from = mem(0, 1, 4, TABLE);
    from.reg = 4;
    from.shift = 2;
    spec::Mem to = mem(0, 1);
    to.reg = 4;
    to.shift = 2;
    p.add(Engine::SP, load(tile(1, 1), from, 0, add(0, 1))).add(Engine::SP, store(to, tile(1, 1), 0, wait_ge(0, 1)));
    p.add(Engine::SP, end());
    for (std::uint32_t i = 0; i < 8; ++i)
        r.set_word(4 * i, 0xffff);
    assert_int_equal(r.run(p, {Runner::DATA}, 0xb5), Fault::NONE);
    for (std::uint32_t i = 0; i < 8; ++i)
        assert_int_equal(r.word(4 * i), (0xb5 >> i & 1) != 0 ? i : 0xffff);
}

void launches_share_cores_without_deadlock(void **state) {
    Mode mode = mode_of(state);
    mode.cores = 4;
    Machine m(mode);
    std::vector<std::unique_ptr<Runner>> runners;
    const std::uint32_t masks[] = {0x3, 0x6, 0xc, 0x9, 0xf};
    Program p;
    p.add(Engine::SP, move(1, 0)).add(Engine::SP, alu(AluOp::ADD, 1, 1, 0, 1));
    p.add(Engine::SP, branch(Cond::LT, 1, 50, 1)).add(Engine::SP, end());
    for (std::uint32_t i = 0; i < 5; ++i) {
        runners.push_back(std::make_unique<Runner>(m, i, i));
        const auto packet = runners.back()->prepare(p, {Runner::DATA}, masks[i]);
        for (int n = 0; n < 12; ++n)
            runners.back()->queue.push(packet);
    }
    for (auto &r : runners)
        r->queue.ring();
    m.settle();
    for (auto &r : runners)
        assert_int_equal(r->queue.head(), 12);
}

// Reads 128 partitions of SBUF and PSUM and says whether all is zero.
bool sees_zero(Runner &r) {
    Program p;
    spec::Tile psum = tile(128, 4096);
    psum.space = spec::Space::PSUM;
    p.add(Engine::SP, store(mem(0, 4096), tile(128, 4096), 0))
        .add(Engine::SP, store(mem(0, 4096, 4, 2 * MiB), psum, 0));
    p.add(Engine::SP, end());
    assert_int_equal(r.run(p), Fault::NONE);
    const auto zero = [](std::byte b) { return b == std::byte{0}; };
    return std::all_of(r.data(0), r.data(0) + 4 * MiB, zero);
}

void on_chip_memory_is_scrubbed_between_contexts(void **state) {
    Machine m(mode_of(state));
    Runner victim(m, 1, 0, 0);
    Runner spy(m, 2, 1, 4 * MiB);
    const Bytes secret(4 * MiB, std::byte{0x99});
    std::copy(secret.begin(), secret.end(), victim.data(0));
    spec::Tile psum = tile(128, 4096);
    psum.space = spec::Space::PSUM;
    Program p;
    p.add(Engine::SP, load(tile(128, 4096), mem(0, 4096), 0))
        .add(Engine::SP, load(psum, mem(0, 4096), 0))
        .add(Engine::SP, end());
    assert_int_equal(victim.run(p), Fault::NONE);
    assert_false(sees_zero(victim)); // its own data is still there
    assert_true(sees_zero(spy));
    // The number of a context is not its identity.
    assert_int_equal(victim.run(p), Fault::NONE);
    victim.ctx.disable();
    victim.ctx.enable();
    victim.restart();
    assert_true(sees_zero(victim));
}

void programs_may_sit_in_hbm(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    Program p;
    p.add(Engine::SP, store(mem(0, 1), tile(1, 1), 0)).add(Engine::SP, end());
    r.set_word(0, 5);
    p.write(r.data(64 * 1024), Runner::DATA + 64 * 1024);
    r.prepare(p);
    assert_int_equal(r.queue.run(spec::PacketLaunch{
                         .core_mask = 1, .program = Runner::DATA + 64 * 1024, .args = Runner::ARGS, .arg_count = 1}),
                     Fault::NONE);
    assert_int_equal(r.word(0), 0);
}

void long_programs_run_through_the_instruction_cache(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    make_table(r);
    // 5000 instructions, more than the cache holds, gone through three times.
    Program p;
    p.add(Engine::SP, move(1, 0)).add(Engine::SP, move(2, 0));
    for (int i = 0; i < 5000; ++i)
        p.add(Engine::SP, alu(AluOp::ADD, 1, 1, 0, 1));
    p.add(Engine::SP, alu(AluOp::ADD, 2, 2, 0, 1)).add(Engine::SP, branch(Cond::LT, 2, 3, 2));
    p.add(Engine::SP, alu(AluOp::SUB, 1, 1, 0, 14000));
    store_register(p, Engine::SP, 1, 0);
    p.add(Engine::SP, end());
    assert_int_equal(r.run(p), Fault::NONE);
    assert_int_equal(r.word(0), 1000);
}

} // namespace

int main() {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const CMUnitTest tests[] = {
        IN_BOTH_MODES(an_empty_program_retires),
        IN_BOTH_MODES(all_sequencers_run_to_their_end),
        IN_BOTH_MODES(arithmetic_is_that_of_32_bits),
        IN_BOTH_MODES(branches_compare_signed),
        IN_BOTH_MODES(loops_run_as_often_as_they_say),
        IN_BOTH_MODES(arguments_and_core_number_are_readable),
        IN_BOTH_MODES(dma_moves_dense_tiles),
        IN_BOTH_MODES(dma_moves_whole_partitions_in_chunks),
        IN_BOTH_MODES(dma_walks_strides_backwards_and_apart),
        IN_BOTH_MODES(dma_adds_the_shifted_register),
        IN_BOTH_MODES(a_ring_works_in_order_without_semaphores),
        IN_BOTH_MODES(a_take_takes_once_though_its_ring_is_full),
        IN_BOTH_MODES(a_take_wakes_who_waits_for_what_it_leaves),
        IN_BOTH_MODES(rings_and_engines_meet_at_semaphores_only),
        IN_BOTH_MODES(waits_know_ge_eq_and_take),
        IN_BOTH_MODES(a_matmul_runs_through_all_engines),
        IN_BOTH_MODES(a_launch_runs_on_all_its_cores),
        IN_BOTH_MODES(launches_share_cores_without_deadlock),
        IN_BOTH_MODES(on_chip_memory_is_scrubbed_between_contexts),
        IN_BOTH_MODES(programs_may_sit_in_hbm),
        IN_BOTH_MODES(long_programs_run_through_the_instruction_cache),
    };
    return cmocka_run_group_tests_name("chip cores", tests, nullptr, nullptr);
}
