// SPDX-License-Identifier: MIT
// GATHER and LOCAL_GATHER: the definition, strides and overlaps, and indices that would leave the tile.
#include "compute_reference.hpp"

namespace {

using namespace compute_test;
using spec::Dtype;
using spec::Engine;
using spec::Fault;
using spec::Space;

void set_index(Core &core, const spec::Tile &index, unsigned p, unsigned i, std::uint32_t value) {
    const auto byte = static_cast<std::uint32_t>(Image::offset(index, i));
    if (index.dtype == Dtype::U16) {
        core.set(index.space, index.partition + p, byte, 0, static_cast<std::uint16_t>(value));
    } else {
        core.set(index.space, index.partition + p, byte, 0, value);
    }
}

template<class Insn>
void fill_operands(Core &core, const Insn &insn, unsigned limit, Random &random) {
    fill(core, insn.src, random);
    for (unsigned p = 0; p < insn.index.partitions; ++p) {
        for (unsigned i = 0; i < Image::elements(insn.index); ++i) {
            set_index(core, insn.index, p, i, random.below(limit));
        }
    }
}

void check_gather(Core &core, const spec::InsnGather &insn, Random &random) {
    fill_operands(core, insn, Image::elements(insn.src), random);
    Image want(core);
    const Image in = want;
    for (unsigned p = 0; p < insn.dst.partitions; ++p) {
        for (unsigned i = 0; i < Image::elements(insn.dst); ++i) {
            want.set_bits(insn.dst, p, i, in.bits(insn.src, p, in.bits(insn.index, p, i)));
        }
    }
    assert_legal(core.run(Engine::POOL, insn));
    want.assert_same(core);
}

void gathers_elements(void **) {
    const auto core = make_core();
    Random random(1);
    for (const Dtype dtype : {Dtype::U8, Dtype::F16, Dtype::F32}) {
        check_gather(*core,
                     {.dst = tile(Space::SBUF, dtype, 40, 30),
                      .src = tile(Space::SBUF, dtype, 40, 100, 2048, 64),
                      .index = tile(Space::SBUF, Dtype::U32, 40, 30, 4096)},
                     random);
        check_gather(*core,
                     {.dst = tile(Space::SBUF, dtype, 3, 90, 64),
                      .src = tile(Space::SBUF, dtype, 3, 1, 4),
                      .index = tile(Space::SBUF, Dtype::U32, 3, 90, 4096)},
                     random);
    }
}

void gathers_with_strides_and_overlaps(void **) {
    const auto core = make_core();
    Random random(2);
    spec::InsnGather insn{.dst = tile(Space::SBUF, Dtype::U16, 5, 20, 100),
                          .src = tile(Space::SBUF, Dtype::BF16, 5, 40, 90),
                          .index = tile(Space::SBUF, Dtype::U32, 5, 20, 4096)};
    check_gather(*core, insn, random);
    insn.dst.step[0] = -2;
    insn.dst.offset = 200;
    check_gather(*core, insn, random);
    insn.src.step = {2, 11, 0, 0};
    insn.src.num = {4, 10, 1, 1};
    insn.index.step[0] = 3;
    check_gather(*core, insn, random);
    // The results replace the indices.
    check_gather(*core,
                 {.dst = tile(Space::SBUF, Dtype::F32, 8, 50),
                  .src = tile(Space::SBUF, Dtype::F32, 8, 50, 1024),
                  .index = tile(Space::SBUF, Dtype::U32, 8, 50)},
                 random);
}

// Long enough for several pieces of indices, and in place of what is read.
void gathers_long_rows(void **) {
    on_every_target([](const char *) {
        const auto core = make_core();
        Random random(7);
        for (const Dtype dtype : {Dtype::U8, Dtype::F16, Dtype::F32}) {
            for (const unsigned n : {511U, 520U, 1543U}) {
                check_gather(*core,
                             {.dst = tile(Space::SBUF, dtype, 2, n, 64 + spec::bytes(dtype)),
                              .src = tile(Space::SBUF, dtype, 2, 900, 8192 - spec::bytes(dtype)),
                              .index = tile(Space::SBUF, Dtype::U32, 2, n, 12)},
                             random); // results over indices that are still needed
                check_gather(*core,
                             {.dst = tile(Space::SBUF, dtype, 2, n, 0),
                              .src = tile(Space::SBUF, dtype, 2, 900, 4),
                              .index = tile(Space::SBUF, Dtype::U32, 2, n, 8192)},
                             random); // and over elements
            }
        }
    });
}

void an_index_out_of_range_in_a_long_row_changes_nothing(void **) {
    on_every_target([](const char *) {
        const auto core = make_core();
        Random random(8);
        const spec::InsnGather insn{.dst = tile(Space::SBUF, Dtype::U8, 2, 1543, 0),
                                    .src = tile(Space::SBUF, Dtype::U8, 2, 900, 2048),
                                    .index = tile(Space::SBUF, Dtype::U32, 2, 1543, 4096)};
        for (const unsigned place : {0U, 31U, 600U, 1535U, 1542U}) {
            for (const std::uint32_t bad : {900U, 0x80000000U, 0xffffffffU}) {
                fill_operands(*core, insn, 900, random);
                set_index(*core, insn.index, 1, place, bad);
                const Image before(*core);
                assert_fault(core->run(Engine::POOL, insn), Fault::INDEX_RANGE, bad);
                before.assert_same(*core);
            }
        }
    });
}

void an_index_out_of_range_changes_nothing(void **) {
    const auto core = make_core();
    Random random(3);
    const spec::InsnGather insn{.dst = tile(Space::SBUF, Dtype::F32, 8, 16),
                                .src = tile(Space::SBUF, Dtype::F32, 8, 100, 1024),
                                .index = tile(Space::SBUF, Dtype::U32, 8, 16, 4096)};
    for (const std::uint32_t bad : {100U, 0x80000000U, 0xffffffffU}) {
        fill_operands(*core, insn, 100, random);
        set_index(*core, insn.index, 7, 15, bad); // the very last
        const Image before(*core);
        assert_fault(core->run(Engine::POOL, insn), Fault::INDEX_RANGE, bad);
        before.assert_same(*core);
    }
    set_index(*core, insn.index, 7, 2, 123); // the first of several is reported
    set_index(*core, insn.index, 3, 9, 105);
    set_index(*core, insn.index, 3, 8, 104);
    assert_fault(core->run(Engine::POOL, insn), Fault::INDEX_RANGE, 104);
}

void bad_gathers_are_refused(void **) {
    const auto core = make_core();
    const spec::InsnGather good{.dst = tile(Space::SBUF, Dtype::F32, 8, 16),
                                .src = tile(Space::SBUF, Dtype::I32, 8, 100, 1024),
                                .index = tile(Space::SBUF, Dtype::U32, 8, 16, 4096)};
    assert_legal(core->run(Engine::POOL, good));
    auto insn = good;
    insn.src.dtype = Dtype::F16;
    assert_refused(*core, Engine::POOL, insn, "src");
    insn = good;
    insn.src.partitions = 9;
    assert_refused(*core, Engine::POOL, insn, "src");
    insn = good;
    insn.index.num[0] = 15;
    assert_refused(*core, Engine::POOL, insn, "index");
    insn = good;
    insn.index.partitions = 7;
    assert_refused(*core, Engine::POOL, insn, "index");
    insn = good;
    insn.dst.offset = SBUF_BYTES;
    assert_refused(*core, Engine::POOL, insn, "dst", Fault::TILE_RANGE);
}

// ---- LOCAL_GATHER ----

void check_local(Core &core, const spec::InsnLocalGather &insn, Random &random) {
    fill_operands(core, insn, Image::elements(insn.src) - insn.run + 1, random);
    Image want(core);
    const Image in = want;
    for (unsigned p = 0; p < insn.dst.partitions; ++p) {
        for (unsigned i = 0; i < Image::elements(insn.dst); ++i) {
            const unsigned k = i / insn.run;
            const std::uint32_t index = in.bits(insn.index, p / 16 * 16 + k % 16, k / 16);
            want.set_bits(insn.dst, p, i, in.bits(insn.src, p, index + i % insn.run));
        }
    }
    assert_legal(core.run(Engine::POOL, insn));
    want.assert_same(core);
}

void gathers_runs_in_groups(void **) {
    const auto core = make_core();
    Random random(4);
    for (const Dtype dtype : {Dtype::I8, Dtype::BF16, Dtype::F32}) {
        for (const std::uint8_t run : {1, 2, 4, 8, 16, 32}) {
            check_local(*core,
                        {.dst = tile(Space::SBUF, dtype, 48, run * 37U),
                         .src = tile(Space::SBUF, dtype, 48, 200, 8192),
                         .index = tile(Space::SBUF, Dtype::U16, 48, 3, 12000),
                         .run = run},
                        random);
        }
    }
    check_local(*core, // all 4096 indices, as many as there are
                {.dst = tile(Space::SBUF, Dtype::U8, 16, 4096),
                 .src = tile(Space::SBUF, Dtype::U8, 16, 4096, 4096),
                 .index = tile(Space::SBUF, Dtype::U16, 16, 256, 8192),
                 .run = 1},
                random);
}

void runs_with_strides_and_overlaps(void **) {
    const auto core = make_core();
    Random random(5);
    spec::InsnLocalGather insn{.dst = tile(Space::SBUF, Dtype::U16, 16, 64, 100),
                               .src = tile(Space::SBUF, Dtype::BF16, 16, 80, 140),
                               .index = tile(Space::SBUF, Dtype::U16, 16, 4, 110),
                               .run = 4};
    insn.index.offset = 4096;
    check_local(*core, insn, random);
    insn.src.step[0] = -1;
    insn.src.offset = 300;
    insn.dst.step = {2, 17, 0, 0};
    insn.dst.num = {8, 8, 1, 1};
    insn.index.step[0] = 0;
    check_local(*core, insn, random);
    insn.index = tile(Space::SBUF, Dtype::U16, 16, 1);
    insn.dst = tile(Space::SBUF, Dtype::U16, 16, 64); // over its indices
    insn.src = tile(Space::SBUF, Dtype::U16, 16, 64, 1024);
    check_local(*core, insn, random);
}

void a_run_that_leaves_the_tile_changes_nothing(void **) {
    const auto core = make_core();
    Random random(6);
    const spec::InsnLocalGather insn{.dst = tile(Space::SBUF, Dtype::F32, 32, 64),
                                     .src = tile(Space::SBUF, Dtype::F32, 32, 100, 1024),
                                     .index = tile(Space::SBUF, Dtype::U16, 32, 2, 4096),
                                     .run = 4};
    for (const unsigned bad : {97U, 100U, 0xffffU}) {
        fill_operands(*core, insn, 97, random);
        set_index(*core, insn.index, 31, 0, bad); // the last that is used: 64 / 4 = 16 of each group
        const Image before(*core);
        assert_fault(core->run(Engine::POOL, insn), Fault::INDEX_RANGE, bad);
        before.assert_same(*core);
    }
    set_index(*core, insn.index, 31, 0, 96);
    set_index(*core, insn.index, 0, 1, 0xffff); // not used
    assert_legal(core->run(Engine::POOL, insn));
}

void bad_local_gathers_are_refused(void **) {
    const auto core = make_core();
    const spec::InsnLocalGather good{.dst = tile(Space::SBUF, Dtype::U8, 32, 64),
                                     .src = tile(Space::SBUF, Dtype::I8, 32, 100, 1024),
                                     .index = tile(Space::SBUF, Dtype::U16, 32, 4, 4096),
                                     .run = 1};
    assert_legal(core->run(Engine::POOL, good));
    auto insn = good;
    for (const std::uint8_t run : {0, 3, 5, 31, 33, 64, 255}) {
        insn.run = run;
        assert_refused(*core, Engine::POOL, insn, "run");
    }
    insn.run = 32;
    insn.dst.num[0] = 65;
    assert_refused(*core, Engine::POOL, insn, "dst");
    insn = good;
    insn.dst.num[0] = 65; // 4 columns of 16 hold 64 indices
    assert_refused(*core, Engine::POOL, insn, "index");
    insn = good;
    insn.dst.num[0] = 4097;
    insn.index.num[0] = 1024;
    assert_refused(*core, Engine::POOL, insn, "dst");
    insn = good;
    insn.src.dtype = Dtype::U16;
    assert_refused(*core, Engine::POOL, insn, "src");
    insn = good;
    insn.src.partitions = 16;
    assert_refused(*core, Engine::POOL, insn, "src");
    insn = good;
    insn.index.partitions = 16;
    assert_refused(*core, Engine::POOL, insn, "index");
    insn = good;
    insn.dst.partitions = insn.src.partitions = insn.index.partitions = 24;
    assert_refused(*core, Engine::POOL, insn, "dst");
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(gathers_elements),
        cmocka_unit_test(gathers_with_strides_and_overlaps),
        cmocka_unit_test(gathers_long_rows),
        cmocka_unit_test(an_index_out_of_range_in_a_long_row_changes_nothing),
        cmocka_unit_test(an_index_out_of_range_changes_nothing),
        cmocka_unit_test(bad_gathers_are_refused),
        cmocka_unit_test(gathers_runs_in_groups),
        cmocka_unit_test(runs_with_strides_and_overlaps),
        cmocka_unit_test(a_run_that_leaves_the_tile_changes_nothing),
        cmocka_unit_test(bad_local_gathers_are_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("compute_gather", tests, nullptr, nullptr);
}
