// SPDX-License-Identifier: MIT
// The control instructions of one core: registers, single elements, semaphores, DRAIN. Several cores: chip_multicore_test.cpp.
#include "chip_program.hpp"

namespace {

using namespace chip_test;
using spec::Dtype;
using spec::Fault;
using spec::UpdateOp;
using spec::WaitOp;

constexpr std::uint64_t NOWHERE = 0x5000'0000'0000;

// One element in memory.
spec::Mem cell(std::int64_t offset, Dtype dtype = Dtype::U32) {
    spec::Mem m = mem(0, 1, spec::bytes(dtype), offset);
    m.dtype = spec::raw(dtype);
    return m;
}

spec::InsnMemStore put(std::uint8_t reg, std::int64_t offset, Dtype dtype = Dtype::U32) {
    return {.dst = cell(offset, dtype), .ra = reg};
}
spec::InsnMemLoad get(std::uint8_t reg, std::int64_t offset, Dtype dtype = Dtype::U32) {
    return {.rd = reg, .src = cell(offset, dtype)};
}

void elements_of_memory_come_and_go(void **state) {
    struct Case {
        Dtype dtype;
        std::uint32_t loaded; ///< of memory that holds fe dc ba 98 ...
    };
    const Case cases[] = {{Dtype::U8, 0xfe},        {Dtype::I8, 0xfffffffe},   {Dtype::F8E5M2, 0xfe},
                          {Dtype::U16, 0xdcfe},     {Dtype::I16, 0xffffdcfe},  {Dtype::BF16, 0xdcfe},
                          {Dtype::F16, 0xdcfe},     {Dtype::U32, 0x98badcfe},  {Dtype::I32, 0x98badcfe},
                          {Dtype::F32, 0x98badcfe}, {Dtype::TF32, 0x98badcfe}, {Dtype::F8E3M4, 0xfe},
                          {Dtype::F8E4M3, 0xfe}};
    Machine m(mode_of(state));
    Runner r(m);
    const std::byte pattern[4] = {std::byte{0xfe}, std::byte{0xdc}, std::byte{0xba}, std::byte{0x98}};
    Program p;
    std::int64_t at = 0;
    for (const Case &c : cases) {
        const std::int64_t source = PAGE - 1 + 32 * at; // the first one crosses a page, and none is aligned
        std::copy(std::begin(pattern), std::end(pattern), r.data(static_cast<std::uint64_t>(source)));
        p.add(Engine::DVE, get(1, source, c.dtype)).add(Engine::DVE, put(1, 8 * PAGE + 8 * at));
        p.add(Engine::DVE, put(1, 16 * PAGE - 1 + 8 * at, c.dtype));
        ++at;
    }
    p.add(Engine::DVE, end());
    assert_int_equal(r.run(p), Fault::NONE);
    at = 0;
    for (const Case &c : cases) {
        assert_int_equal(r.word(static_cast<std::uint64_t>(8 * PAGE + 8 * at)), c.loaded);
        std::array<std::byte, 8> expected{};
        std::copy_n(std::begin(pattern), spec::bytes(c.dtype), expected.begin());
        assert_true(same(r.data(static_cast<std::uint64_t>(16 * PAGE - 1 + 8 * at)), expected)); // and not a byte more
        ++at;
    }
}

void elements_of_tiles_come_and_go(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    Program p;
    p.add(Engine::PE, move(1, -2)).add(Engine::PE, move(2, 6));
    std::int64_t word = 0;
    for (const spec::Space space : spec::values<spec::Space>()) {
        for (const Dtype dtype : {Dtype::I8, Dtype::U8, Dtype::I16, Dtype::BF16, Dtype::I32}) {
            spec::Tile t = tile(1, 1, 1024, dtype);
            t.space = space;
            t.partition = 96;
            t.reg = 2; // 1030: aligned to 2
            if (spec::bytes(dtype) == 4)
                t.offset += 2;
            p.add(Engine::PE, spec::InsnTensorStore{.dst = t, .ra = 1});
            p.add(Engine::PE, spec::InsnTensorLoad{.rd = 3, .src = t});
            p.add(Engine::PE, put(3, 4 * word++));
        }
    }
    p.add(Engine::PE, spec::InsnTensorLoad{.rd = 0, .src = tile(1, 1)}); // a write to r0 is lost
    p.add(Engine::PE, put(0, 4 * word)).add(Engine::PE, end());
    r.set_word(static_cast<std::uint64_t>(4 * word), 1);
    assert_int_equal(r.run(p), Fault::NONE);
    const std::uint32_t expected[] = {0xfffffffe, 0xfe, 0xfffffffe, 0xfffe, 0xfffffffe};
    for (std::uint64_t i = 0; i < 10; ++i)
        assert_int_equal(r.word(4 * i), expected[i % 5]);
    assert_int_equal(r.word(40), 0);
}

void a_memory_store_is_there_when_its_update_fires(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    constexpr std::uint32_t ROUNDS = 100;
    Program p;
    p.add(Engine::SP, alu(spec::AluOp::ADD, 1, 1, 0, 3));
    spec::InsnMemStore store = put(1, 0);
    store.header = sync(WaitOp::TAKE, 1, 1, UpdateOp::ADD, 0, 1);
    p.add(Engine::SP, store).add(Engine::SP, branch(spec::Cond::LT, 1, 3 * ROUNDS, 0)).add(Engine::SP, end());
    p.add(Engine::PE, nop(add(1, 1)));
    spec::InsnMemLoad load = get(1, 0);
    load.header = sync(WaitOp::TAKE, 0, 1, UpdateOp::ADD, 1, 1);
    p.add(Engine::PE, load).add(Engine::PE, alu(spec::AluOp::ADD, 2, 2, 1, 0));
    p.add(Engine::PE, branch(spec::Cond::LT, 1, 3 * ROUNDS, 1)).add(Engine::PE, put(2, 4)).add(Engine::PE, end());
    assert_int_equal(r.run(p), Fault::NONE);
    assert_int_equal(r.word(4), 3 * ROUNDS * (ROUNDS + 1) / 2);
}

void semaphores_are_cleared_in_one_step(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    Program p;
    p.add(Engine::SP, nop(add(0, 5))).add(Engine::SP, nop(add(7, 5))).add(Engine::SP, nop(add(8, 5)));
    p.add(Engine::SP, nop(add(255, 5)));
    p.add(Engine::SP, nop(wait_ge(20, 1))).add(Engine::SP, alu(spec::AluOp::ADD, 1, 1, 0, 1));
    p.add(Engine::SP, branch(spec::Cond::LT, 1, 5000, 5)); // ACT has gone to sleep meanwhile
    p.add(Engine::SP, spec::InsnSemClear{.first = 1, .count = 7});
    // Those next to the range have stayed.
    p.add(Engine::SP, nop(sync(WaitOp::EQ, 0, 5))).add(Engine::SP, nop(sync(WaitOp::EQ, 8, 5)));
    p.add(Engine::SP, spec::InsnSemClear{.header = add(20, 1), .first = 0, .count = 256});
    p.add(Engine::SP, nop(sync(WaitOp::EQ, 20, 1))); // the update comes after
    p.add(Engine::SP, nop(sync(WaitOp::EQ, 255, 0))).add(Engine::SP, end());
    // Whoever waits for just that goes on.
    p.add(Engine::ACT, nop(sync(WaitOp::GE, 7, 5, UpdateOp::ADD, 20, 1))).add(Engine::ACT, end(sync(WaitOp::EQ, 7, 0)));
    assert_int_equal(r.run(p), Fault::NONE);
}

void a_drain_waits_for_the_transfers_of_its_engine(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    constexpr std::uint32_t WORDS = 20;
    Program p;
    // ACT writes words through several rings with no semaphore at all, and reads them back at once.
    for (std::uint32_t i = 0; i < WORDS; ++i) {
        const spec::Tile t = tile(1, 1, 4 * i);
        p.add(Engine::ACT, move(1, static_cast<std::int32_t>(1000 + i)));
        p.add(Engine::ACT, spec::InsnTensorStore{.dst = t, .ra = 1});
        p.add(Engine::ACT, store(mem(0, 1, 4, 4 * i), t, static_cast<std::uint8_t>(i % spec::DMA_RINGS), add(1, 1)));
    }
    p.add(Engine::ACT, spec::InsnDrain{});
    p.add(Engine::ACT, nop(sync(WaitOp::NONE, 0, 0, UpdateOp::SUB, 1, WORDS))); // updates included: no wait, no fault
    for (std::uint32_t i = 0; i < WORDS; ++i)
        p.add(Engine::ACT, get(1, 4 * i)).add(Engine::ACT, put(1, 4096 + 4 * i));
    p.add(Engine::ACT, spec::InsnDrain{}).add(Engine::ACT, end(add(2, 1)));
    // SP has a transfer in line behind a long one of its own: none of that delays ACT, which it waits for.
    p.add(Engine::SP, spec::InsnDrain{});
    p.add(Engine::SP, load(tile(1, 1, 8192), mem(0, 1, 4, 8192), 15)).add(Engine::SP, nop(wait_ge(2, 1)));
    p.add(Engine::SP, spec::InsnDrain{}).add(Engine::SP, end());
    assert_int_equal(r.run(p), Fault::NONE);
    for (std::uint32_t i = 0; i < WORDS; ++i)
        assert_int_equal(r.word(4096 + 4 * i), 1000 + i);
}

void a_core_alone_is_rank_0_of_1(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    Program p;
    p.add(Engine::DVE, spec::InsnCoreRank{.rd = 1}).add(Engine::DVE, spec::InsnCoreCount{.rd = 2});
    p.add(Engine::DVE, spec::InsnCoreBarrier{.sem = 3}); // meets nobody
    p.add(Engine::DVE, nop(sync(WaitOp::EQ, 3, 0)));
    p.add(Engine::DVE, spec::InsnSemRemote{.rank = 1, .sem = 4, .op = UpdateOp::SET, .value = 9}); // itself
    p.add(Engine::DVE, nop(sync(WaitOp::EQ, 4, 9)));
    p.add(Engine::DVE, put(1, 0)).add(Engine::DVE, put(2, 4)).add(Engine::DVE, end());
    r.set_word(0, 77);
    assert_int_equal(r.run(p, {Runner::DATA}, 2), Fault::NONE);
    assert_int_equal(r.word(0), 0);
    assert_int_equal(r.word(4), 1);
}

void a_copy(Program &p, float value, Dtype to, std::int64_t offset) {
    const spec::Tile from = tile(1, 1, 0, Dtype::F32);
    const spec::Tile dst = tile(1, 1, 64, to);
    std::int32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    p.add(Engine::DVE, move(1, bits)).add(Engine::DVE, spec::InsnTensorStore{.dst = from, .ra = 1});
    p.add(Engine::DVE, spec::InsnCopy{.dst = dst, .src = from})
        .add(Engine::DVE, spec::InsnTensorLoad{.rd = 2, .src = dst});
    p.add(Engine::DVE, put(2, offset));
}

void rounding_lasts_for_a_launch(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    // Halfway between two numbers of bf16: nearest even gives 1; 64 stochastic tries are not all the same.
    const float half = 1.0F + 0x1p-8F;
    Program stochastic;
    stochastic.add(Engine::DVE, spec::InsnSetRounding{.mode = spec::Rounding::STOCHASTIC});
    for (std::int64_t i = 0; i < 64; ++i)
        a_copy(stochastic, half, Dtype::BF16, 4 * i);
    stochastic.add(Engine::DVE, end());
    Program nearest;
    for (std::int64_t i = 0; i < 64; ++i)
        a_copy(nearest, half, Dtype::BF16, 4 * i);
    nearest.add(Engine::DVE, end());
    std::array<std::vector<std::uint32_t>, 2> seen;
    for (auto &words : seen) {
        assert_int_equal(r.run(stochastic), Fault::NONE);
        for (std::uint64_t i = 0; i < 64; ++i)
            words.push_back(r.word(4 * i));
        assert_int_not_equal(std::count(words.begin(), words.end(), 0x3f80U), 64);
        assert_int_not_equal(std::count(words.begin(), words.end(), 0x3f80U), 0);
        assert_int_equal(r.run(nearest), Fault::NONE);
        for (std::uint64_t i = 0; i < 64; ++i)
            assert_int_equal(r.word(4 * i), 0x3f80);
    }
    assert_true(seen[0] == seen[1]); // the random words start anew with each launch, too
}

// ---- faults ---------------------------------------------------------------------------------------------------------

struct Bad {
    const char *what;
    Engine engine;
    std::array<std::byte, 128> raw;
    Fault fault;
    std::uint64_t info;
    std::uint64_t va = 0;
};

template<class Insn>
std::array<std::byte, 128> bytes_of(const Insn &insn) {
    return spec::packed(insn);
}

spec::Mem changed(spec::Mem m, const std::function<void(spec::Mem &)> &change) {
    change(m);
    return m;
}

void what_they_cannot_do_is_a_fault(void **state) {
    const auto load = [](const spec::Mem &m) { return bytes_of(spec::InsnMemLoad{.rd = 1, .src = m}); };
    const Bad cases[] = {
        {"two partitions", Engine::SP, bytes_of(spec::InsnTensorLoad{.rd = 1, .src = tile(2, 1)}),
         Fault::ILLEGAL_OPERAND, 16},
        {"two elements", Engine::SP, bytes_of(spec::InsnTensorStore{.dst = tile(1, 2), .ra = 1}),
         Fault::ILLEGAL_OPERAND, 16},
        {"outside", Engine::SP, bytes_of(spec::InsnTensorStore{.dst = tile(1, 1, 1 << 30), .ra = 1}), Fault::TILE_RANGE,
         16},
        {"register 64", Engine::SP, bytes_of(spec::InsnTensorLoad{.rd = 64, .src = tile(1, 1)}), Fault::ILLEGAL_OPERAND,
         44},
        {"no type", Engine::SP, load(changed(cell(0), [](auto &c) { c.dtype = 0; })), Fault::ILLEGAL_OPERAND, 16},
        {"unknown type", Engine::SP, load(changed(cell(0), [](auto &c) { c.dtype = 99; })), Fault::ILLEGAL_OPERAND, 16},
        {"two of them", Engine::SP, load(changed(cell(0), [](auto &c) { c.num[1] = 2; })), Fault::ILLEGAL_OPERAND, 16},
        {"newer type", Engine::SP, load(changed(cell(0), [](auto &c) { c.dtype = spec::raw(Dtype::F8E4M3FN); })),
         Fault::UNSUPPORTED_OPERAND, 16},
        {"unmapped load", Engine::SP, load(changed(cell(0), [](auto &c) { c.arg = 1; })), Fault::PAGE_NOT_MAPPED, 0,
         NOWHERE},
        {"unmapped store", Engine::ACT,
         bytes_of(spec::InsnMemStore{.dst = changed(cell(4), [](auto &c) { c.arg = 1; }), .ra = 1}),
         Fault::PAGE_NOT_MAPPED, 0, NOWHERE + 4},
        {"bad address", Engine::SP, load(changed(cell(-1), [](auto &c) { c.arg = 5; })), Fault::BAD_ADDRESS, 0, ~0ULL},
        {"no semaphores", Engine::SP, bytes_of(spec::InsnSemClear{.first = 3, .count = 0}), Fault::ILLEGAL_OPERAND, 18},
        {"too many", Engine::SP, bytes_of(spec::InsnSemClear{.first = 0, .count = 257}), Fault::ILLEGAL_OPERAND, 18},
        {"beyond the last", Engine::SP, bytes_of(spec::InsnSemClear{.first = 1, .count = 256}), Fault::ILLEGAL_OPERAND,
         18},
        {"no such rank", Engine::PE,
         bytes_of(spec::InsnSemRemote{.rank = 1, .sem = 0, .op = UpdateOp::ADD, .value = 1}), Fault::ILLEGAL_OPERAND,
         16},
        {"below zero", Engine::PE, bytes_of(spec::InsnSemRemote{.rank = 0, .sem = 6, .op = UpdateOp::SUB, .value = 1}),
         Fault::SEMAPHORE, 6},
        {"unknown change", Engine::PE, bytes_of(spec::InsnSemRemote{.rank = 0, .sem = 6, .op = UpdateOp{4}}),
         Fault::ILLEGAL_OPERAND, 18},
        {"drain on DVE", Engine::DVE, bytes_of(spec::InsnDrain{}), Fault::ILLEGAL_INSTRUCTION,
         spec::raw(spec::Opcode::DRAIN)},
        {"rounding on PE", Engine::PE, bytes_of(spec::InsnSetRounding{}), Fault::ILLEGAL_INSTRUCTION,
         spec::raw(spec::Opcode::SET_ROUNDING)},
        {"unknown rounding", Engine::ACT, bytes_of(spec::InsnSetRounding{.mode = spec::Rounding{2}}),
         Fault::ILLEGAL_OPERAND, 16},
    };
    for (const Bad &bad : cases) {
        Machine m(mode_of(state));
        Runner r(m);
        Program p;
        p.add(bad.engine, move(1, 1)).add_raw(bad.engine, bad.raw).add(bad.engine, end());
        r.run(p, {Runner::DATA, NOWHERE});
        assert_int_equal(m.event_count(), 1);
        const auto record = m.event(0);
        if (record.code != bad.fault || record.info != bad.info || record.va != bad.va)
            fail_msg("%s: %s, info %llu, va %#llx", bad.what, spec::name(record.code).data(),
                     static_cast<unsigned long long>(record.info), static_cast<unsigned long long>(record.va));
        assert_int_equal(record.unit, spec::raw(spec::Unit::PE) + spec::raw(bad.engine));
        assert_int_equal(record.pc, 1);
        assert_int_equal(record.write, std::string_view(bad.what) == "unmapped store");
    }
}

} // namespace

int main() {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const CMUnitTest tests[] = {
        IN_BOTH_MODES(elements_of_memory_come_and_go),
        IN_BOTH_MODES(elements_of_tiles_come_and_go),
        IN_BOTH_MODES(a_memory_store_is_there_when_its_update_fires),
        IN_BOTH_MODES(semaphores_are_cleared_in_one_step),
        IN_BOTH_MODES(a_drain_waits_for_the_transfers_of_its_engine),
        IN_BOTH_MODES(a_core_alone_is_rank_0_of_1),
        IN_BOTH_MODES(rounding_lasts_for_a_launch),
        IN_BOTH_MODES(what_they_cannot_do_is_a_fault),
    };
    return cmocka_run_group_tests_name("chip control", tests, nullptr, nullptr);
}
