// SPDX-License-Identifier: MIT
// MAX8, FIND_INDEX8, MATCH_REPLACE8 and MATCH_REPLACE8_INDEX.
#include "compute_reference.hpp"

#include <algorithm>

namespace {

using namespace compute_test;
using spec::Dtype;
using spec::Engine;
using spec::Fault;
using spec::Space;

constexpr float INF = std::numeric_limits<float>::infinity();
constexpr float QNAN = std::numeric_limits<float>::quiet_NaN();

// a comes before b.
bool larger(float a, float b) {
    if (std::isnan(a) || std::isnan(b)) {
        return std::isnan(a) && !std::isnan(b);
    }
    return a == b ? std::signbit(b) && !std::signbit(a) : a > b;
}

void check_max(Core &core, const spec::InsnMax8 &insn) {
    Image want(core);
    for (unsigned p = 0; p < insn.src.partitions; ++p) {
        auto row = want.row(insn.src, p);
        std::ranges::stable_sort(row, larger);
        for (unsigned v = 0; v < 8; ++v) {
            want.set_f32(insn.dst, p, v, row[v]);
        }
    }
    assert_legal(core.run(Engine::DVE, insn));
    want.assert_same(core);
}

void the_eight_largest(void **) {
    on_every_target([](const char *) {
        const auto core = make_core();
        Random random(1);
        for (const Dtype dtype : {Dtype::F32, Dtype::BF16, Dtype::I8, Dtype::U32}) {
            for (const unsigned elements : {8U, 9U, 100U}) {
                const spec::InsnMax8 insn{.dst = tile(Space::SBUF, dtype, 35, 8),
                                          .src = tile(Space::PSUM, dtype, 35, elements)};
                fill(*core, insn.src, random);
                check_max(*core, insn);
            }
        }
        spec::InsnMax8 strided{.dst = tile(Space::SBUF, Dtype::BF16, 2, 8, 20),
                               .src = tile(Space::SBUF, Dtype::F32, 2, 60)};
        strided.src.step = {2, 7, 0, 0};
        strided.src.num = {6, 10, 1, 1};
        fill(*core, strided.src, random);
        check_max(*core, strided); // and overlapping
    });
}

void ascending_and_descending_rows(void **) {
    on_every_target([](const char *) {
        const auto core = make_core();
        const spec::InsnMax8 insn{.dst = tile(Space::PSUM, Dtype::F32, 2, 8),
                                  .src = tile(Space::SBUF, Dtype::F32, 2, 4096)};
        for (unsigned i = 0; i < 4096; ++i) {
            set_f32(*core, insn.src, 0, i, static_cast<float>(i));
            set_f32(*core, insn.src, 1, i, -static_cast<float>(i));
        }
        check_max(*core, insn);
    });
}

void the_order_of_special_values(void **) {
    const auto core = make_core();
    const float row[] = {-0.0F, -INF, 0.0F, QNAN, -1.0F, INF, 0.0F, -0.0F, -QNAN, 0x1p-149F};
    const spec::InsnMax8 insn{.dst = tile(Space::SBUF, Dtype::F32, 1, 8, 512),
                              .src = tile(Space::SBUF, Dtype::F32, 1, 10)};
    for (unsigned i = 0; i < 10; ++i) {
        set_f32(*core, insn.src, 0, i, row[i]);
    }
    assert_legal(core->run(Engine::DVE, insn));
    const float want[] = {QNAN, QNAN, INF, 0x1p-149F, 0.0F, 0.0F, -0.0F, -0.0F};
    for (unsigned v = 0; v < 8; ++v) {
        assert_f32_bits(core->get<float>(Space::SBUF, 0, 512, v), want[v]);
        if (std::isnan(want[v])) {
            assert_int_equal(core->get<std::uint32_t>(Space::SBUF, 0, 512, v), F32_NAN);
        }
    }
}

// ---- searches ----

// The definition, word by word.
std::vector<std::uint32_t> find(const std::vector<float> &row, const std::vector<float> &values, bool descending) {
    std::vector<std::uint32_t> found(8, 0xffffffff);
    std::vector<bool> given(row.size());
    for (unsigned turn = 0; turn < 8; ++turn) {
        const unsigned v = descending ? 7 - turn : turn;
        for (std::uint32_t i = 0; i < row.size(); ++i) {
            if (!given[i] && row[i] == values[v]) {
                given[i] = true;
                found[v] = i;
                break;
            }
        }
    }
    return found;
}

// Few different values, so that many occur again and again; some of `values` are not in the row.
void fill_search(Core &core, const spec::Tile &values, const spec::Tile &src, Random &random) {
    constexpr float POOL_OF_VALUES[] = {0.0F, -0.0F, 1.0F, 2.0F, QNAN, INF, -3.0F, 4.0F, 5.0F, 6.0F};
    for (unsigned p = 0; p < src.partitions; ++p) {
        for (unsigned i = 0; i < Image::elements(src); ++i) {
            set_f32(core, src, p, i, POOL_OF_VALUES[random.below(9)]);
        }
        for (unsigned v = 0; v < 8; ++v) {
            set_f32(core, values, p, v, POOL_OF_VALUES[random.below(10)]);
        }
    }
}

void finds_the_lowest_indices(void **) {
    on_every_target([](const char *) {
        const auto core = make_core();
        Random random(2);
        for (const Dtype dtype : {Dtype::U16, Dtype::U32}) {
            for (const unsigned elements : {8U, 20U, 300U}) {
                const spec::InsnFindIndex8 insn{.dst = tile(Space::SBUF, dtype, 40, 8),
                                                .values = tile(Space::SBUF, Dtype::F32, 40, 8, 4096),
                                                .src = tile(Space::PSUM, Dtype::F32, 40, elements)};
                fill_search(*core, insn.values, insn.src, random);
                Image want(*core);
                for (unsigned p = 0; p < 40; ++p) {
                    const auto found = find(want.row(insn.src, p), want.row(insn.values, p), false);
                    for (unsigned v = 0; v < 8; ++v) {
                        want.set_bits(insn.dst, p, v, found[v]);
                    }
                }
                assert_legal(core->run(Engine::DVE, insn));
                want.assert_same(*core);
            }
        }
    });
}

void values_of_another_type(void **) {
    const auto core = make_core();
    const spec::InsnFindIndex8 insn{.dst = tile(Space::SBUF, Dtype::U16, 1, 8),
                                    .values = tile(Space::SBUF, Dtype::BF16, 1, 8, 64),
                                    .src = tile(Space::SBUF, Dtype::U8, 1, 16, 128)};
    for (unsigned i = 0; i < 16; ++i) {
        core->set<std::uint8_t>(Space::SBUF, 0, 128, i, static_cast<std::uint8_t>(15 - i));
    }
    core->set<std::uint16_t>(Space::SBUF, 0, 64, 0, 0x40e0); // 7
    core->set<std::uint16_t>(Space::SBUF, 0, 64, 1, 0x40f0); // 7.5
    assert_legal(core->run(Engine::DVE, insn));
    const unsigned want[] = {8, 0xffff, 15, 0xffff}; // then zeros: there is one
    for (unsigned v = 0; v < 4; ++v) {
        assert_int_equal(core->get<std::uint16_t>(Space::SBUF, 0, 0, v), want[v]);
    }
}

template<class Insn>
Image want_replaced(const Core &core, const Insn &insn, const spec::Tile &values, const spec::Tile *index) {
    Image want(core);
    const Image in = want;
    for (unsigned p = 0; p < insn.src.partitions; ++p) {
        const auto row = in.row(insn.src, p);
        const auto found = find(row, in.row(values, p), true);
        for (std::uint32_t i = 0; i < row.size(); ++i) {
            const bool replaced = std::ranges::count(found, i) != 0;
            want.set_f32(insn.dst, p, i, replaced ? std::bit_cast<float>(insn.imm) : row[i]);
        }
        for (unsigned v = 0; index != nullptr && v < 8; ++v) {
            want.set_bits(*index, p, v, found[v]);
        }
    }
    return want;
}

void replaces_the_first_matches(void **) {
    const auto core = make_core();
    Random random(3);
    for (const Dtype dtype : {Dtype::F32, Dtype::BF16}) {
        for (const float imm : {-INF, QNAN, 1.0F + 0x1p-8F}) {
            spec::InsnMatchReplace8 insn{.dst = tile(Space::SBUF, dtype, 40, 30),
                                         .values = tile(Space::PSUM, Dtype::F32, 40, 8, 4096),
                                         .src = tile(Space::SBUF, Dtype::F32, 40, 30, 4096),
                                         .imm = std::bit_cast<std::uint32_t>(imm)};
            fill_search(*core, insn.values, insn.src, random);
            auto want = want_replaced(*core, insn, insn.values, nullptr);
            assert_legal(core->run(Engine::DVE, insn));
            want.assert_same(*core);
            insn.dst.offset = 4100; // overlaps
            fill_search(*core, insn.values, insn.src, random);
            want = want_replaced(*core, insn, insn.values, nullptr);
            assert_legal(core->run(Engine::DVE, insn));
            want.assert_same(*core);
        }
    }
}

void replaces_and_tells_where(void **) {
    const auto core = make_core();
    Random random(4);
    for (const Dtype dtype : {Dtype::U16, Dtype::U32}) {
        core->regs[3] = 16;
        spec::InsnMatchReplace8Index insn{.dst = tile(Space::SBUF, Dtype::F32, 40, 30),
                                          .index = tile(Space::SBUF, dtype, 40, 8, 200),
                                          .values = column(Space::SBUF, Dtype::F32, SBUF_BYTES - 48),
                                          .src = tile(Space::PSUM, Dtype::F32, 40, 30),
                                          .imm = std::bit_cast<std::uint32_t>(-1.0F)};
        insn.values.reg = 3; // the eight end at the end of the partition
        const auto values = tile(Space::SBUF, Dtype::F32, 40, 8, SBUF_BYTES - 32);
        fill_search(*core, values, insn.src, random);
        const auto want = want_replaced(*core, insn, values, &insn.index);
        assert_legal(core->run(Engine::DVE, insn));
        want.assert_same(*core);
        core->regs[3] = 20;
        assert_refused(*core, Engine::DVE, insn, "values", Fault::TILE_RANGE);
    }
}

void bad_operands_are_refused(void **) {
    const auto core = make_core();
    const auto eight = tile(Space::SBUF, Dtype::F32, 4, 8);
    const auto src = tile(Space::SBUF, Dtype::F32, 4, 64, 1024);
    const auto few = tile(Space::SBUF, Dtype::F32, 4, 7, 1024);
    auto psum_eight = eight, psum_src = src;
    psum_eight.space = psum_src.space = Space::PSUM;

    const auto max8 = [&](const spec::Tile &dst, const spec::Tile &from, const char *name) {
        assert_refused(*core, Engine::DVE, spec::InsnMax8{.dst = dst, .src = from}, name);
    };
    max8(eight, few, "src");
    max8(tile(Space::SBUF, Dtype::F32, 4, 9), src, "dst");
    max8(tile(Space::SBUF, Dtype::F32, 5, 8), src, "src");

    const auto index8 = tile(Space::SBUF, Dtype::U16, 4, 8, 2048);
    const auto find8 = [&](const spec::Tile &dst, const spec::Tile &values, const spec::Tile &from, const char *name) {
        assert_refused(*core, Engine::DVE, spec::InsnFindIndex8{.dst = dst, .values = values, .src = from}, name);
    };
    find8(index8, eight, few, "src");
    find8(index8, few, src, "values");
    find8(tile(Space::SBUF, Dtype::U16, 4, 7), eight, src, "dst");
    find8(index8, psum_eight, psum_src, "src");

    const auto replace = [&](const spec::Tile &dst, const spec::Tile &values, const spec::Tile &from,
                             const char *name) {
        assert_refused(*core, Engine::DVE, spec::InsnMatchReplace8{.dst = dst, .values = values, .src = from}, name);
    };
    replace(src, few, src, "values");
    replace(few, eight, few, "dst");
    replace(eight, eight, src, "src");
    replace(src, psum_eight, psum_src, "values");

    const spec::InsnMatchReplace8Index good{
        .dst = src, .index = index8, .values = column(Space::SBUF, Dtype::F32, 0), .src = src};
    assert_legal(core->run(Engine::DVE, good));
    auto insn = good;
    insn.values = imm_f32(1);
    assert_refused(*core, Engine::DVE, insn, "values");
    insn = good;
    insn.index.offset = 1024 + 256 - 2; // one byte of dst
    assert_refused(*core, Engine::DVE, insn, "index");
    insn = good;
    insn.index.num[0] = 9;
    assert_refused(*core, Engine::DVE, insn, "index");
    insn = good;
    insn.src.space = insn.values.space = Space::PSUM;
    assert_refused(*core, Engine::DVE, insn, "values");
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_eight_largest),           cmocka_unit_test(ascending_and_descending_rows),
        cmocka_unit_test(the_order_of_special_values), cmocka_unit_test(finds_the_lowest_indices),
        cmocka_unit_test(values_of_another_type),      cmocka_unit_test(replaces_the_first_matches),
        cmocka_unit_test(replaces_and_tells_where),    cmocka_unit_test(bad_operands_are_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("compute_top8", tests, nullptr, nullptr);
}
