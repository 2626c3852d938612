// SPDX-License-Identifier: MIT
// TRANSPOSE and STREAM_SHUFFLE against the definition, with strides, overlaps and all sizes.
#include "compute_reference.hpp"

#include <algorithm>

namespace {

using namespace compute_test;
using spec::Dtype;
using spec::Engine;
using spec::Fault;
using spec::Space;

spec::InsnTranspose transpose(const spec::Tile &dst, const spec::Tile &src) { return {.dst = dst, .src = src}; }

void want_transpose(Image &image, const spec::InsnTranspose &insn) {
    const Image in = image;
    const unsigned partitions = insn.src.partitions, elements = Image::elements(insn.src);
    if (partitions <= 32 && elements <= 32) {
        for (unsigned j = 0; j < elements; ++j) {
            for (unsigned p = 0; p < partitions; ++p) {
                image.set_bits(insn.dst, j, p, in.bits(insn.src, p, j));
            }
        }
        return;
    }
    for (unsigned p = 0; p < partitions; ++p) {
        for (unsigned i = 0; i < elements; ++i) {
            image.set_bits(insn.dst, p, i, in.bits(insn.src, p / 32 * 32 + i % 32, i / 32 * 32 + p % 32));
        }
    }
}

void check_transpose(Core &core, const spec::InsnTranspose &insn) {
    Random random(insn.src.partitions * 1000U + Image::elements(insn.src));
    fill(core, insn.src, random);
    Image want(core);
    want_transpose(want, insn);
    assert_legal(core.run(Engine::DVE, insn));
    want.assert_same(core);
}

void small_tiles_of_any_shape(void **) {
    on_every_target([](const char *) {
        const auto core = make_core();
        for (const Dtype dtype : {Dtype::U8, Dtype::BF16, Dtype::F32}) {
            for (const unsigned partitions : {1U, 2U, 7U, 31U, 32U}) {
                for (const unsigned elements : {1U, 3U, 16U, 32U}) {
                    check_transpose(*core, transpose(tile(Space::SBUF, dtype, elements, partitions, 512, 32),
                                                     tile(Space::SBUF, dtype, partitions, elements)));
                }
            }
        }
    });
}

void blocks_of_every_quadrant(void **) {
    on_every_target([](const char *) {
        const auto core = make_core();
        for (const Dtype dtype : {Dtype::I8, Dtype::F16, Dtype::U32}) {
            for (const unsigned partitions : {32U, 64U, 96U, 128U}) {
                check_transpose(*core, transpose(tile(Space::PSUM, dtype, partitions, 96),
                                                 tile(Space::SBUF, dtype, partitions, 96)));
            }
        }
    });
}

void strides_on_either_side(void **) {
    const auto core = make_core();
    auto src = tile(Space::SBUF, Dtype::U16, 64, 64);
    auto dst = tile(Space::SBUF, Dtype::BF16, 64, 64, 4096);
    src.step = {-3, 100, 0, 0};
    src.num = {16, 4, 1, 1};
    src.offset = 90;
    check_transpose(*core, transpose(dst, src));
    std::swap(dst, src);
    check_transpose(*core, transpose(dst, src));
    src = tile(Space::SBUF, Dtype::F32, 32, 64, 8192);
    src.step[0] = 0; // one element, 64 times
    check_transpose(*core, transpose(tile(Space::PSUM, Dtype::F32, 32, 64), src));
}

void overlapping_tiles_are_read_first(void **) {
    const auto core = make_core();
    const auto at = tile(Space::SBUF, Dtype::F32, 128, 128);
    check_transpose(*core, transpose(at, at));
    auto shifted = at;
    shifted.offset = 64;
    check_transpose(*core, transpose(shifted, at));
    check_transpose(*core, transpose(at, shifted));
    auto small = tile(Space::SBUF, Dtype::U8, 32, 32);
    check_transpose(*core, transpose(small, small));
    auto backwards = tile(Space::SBUF, Dtype::U8, 32, 64, 63);
    backwards.step[0] = -1;
    check_transpose(*core, transpose(backwards, tile(Space::SBUF, Dtype::U8, 32, 64)));
}

void bad_shapes_are_refused(void **) {
    const auto core = make_core();
    const auto block = tile(Space::SBUF, Dtype::F32, 64, 64);
    const auto refuse = [&](const spec::Tile &dst, const spec::Tile &src) {
        assert_refused(*core, Engine::DVE, transpose(dst, src), "src");
    };
    refuse(tile(Space::SBUF, Dtype::F16, 64, 64), block);                                 // sizes differ
    refuse(tile(Space::SBUF, Dtype::F32, 64, 32), block);                                 // fewer elements
    refuse(tile(Space::SBUF, Dtype::F32, 32, 64), block);                                 // fewer partitions
    refuse(tile(Space::SBUF, Dtype::F32, 4, 8), tile(Space::SBUF, Dtype::F32, 4, 8));     // small: not swapped
    refuse(tile(Space::SBUF, Dtype::F32, 33, 32), tile(Space::SBUF, Dtype::F32, 33, 32)); // partitions not whole
    refuse(tile(Space::SBUF, Dtype::F32, 32, 48), tile(Space::SBUF, Dtype::F32, 32, 48)); // elements not whole
    assert_refused(*core, Engine::DVE, transpose(tile(Space::SBUF, Dtype::F32, 64, 64, SBUF_BYTES - 252), block), "dst",
                   Fault::TILE_RANGE);
    auto wild = block;
    wild.step[0] = -1;
    assert_refused(*core, Engine::DVE, transpose(block, wild), "src", Fault::TILE_RANGE);
}

// ---- STREAM_SHUFFLE ----

spec::InsnStreamShuffle shuffle(const spec::Tile &dst, const spec::Tile &src, Random &random) {
    spec::InsnStreamShuffle insn{.dst = dst, .src = src};
    for (auto &from : insn.mask) {
        from = static_cast<std::uint8_t>(random.below(4) == 0 ? 255 : random.below(32));
    }
    return insn;
}

void check_shuffle(Core &core, const spec::InsnStreamShuffle &insn, Random &random) {
    fill(core, insn.src, random);
    Image want(core);
    const Image in = want;
    for (unsigned p = 0; p < insn.dst.partitions; ++p) {
        const unsigned from = insn.mask[p % 32];
        for (unsigned i = 0; from != 255 && i < Image::elements(insn.dst); ++i) {
            want.set_bits(insn.dst, p, i, in.bits(insn.src, p / 32 * 32 + from, i));
        }
    }
    assert_legal(core.run(Engine::DVE, insn));
    want.assert_same(core);
}

void shuffles_within_quadrants(void **) {
    const auto core = make_core();
    Random random(3);
    for (const unsigned partitions : {32U, 64U, 96U, 128U}) {
        for (const Dtype dtype : {Dtype::U8, Dtype::F16, Dtype::F32}) {
            const auto src = tile(Space::SBUF, dtype, partitions, 50);
            check_shuffle(*core, shuffle(tile(Space::PSUM, dtype, partitions, 50), src, random), random);
            check_shuffle(*core, shuffle(src, src, random), random); // in place
            auto strided = src;
            strided.offset = 100;
            strided.step = {2, 10, 0, 0};
            strided.num = {5, 10, 1, 1};
            check_shuffle(*core, shuffle(strided, src, random), random); // overlaps
            check_shuffle(*core, shuffle(src, strided, random), random);
        }
    }
}

void bad_shuffles_are_refused(void **) {
    const auto core = make_core();
    Random random(4);
    const auto src = tile(Space::SBUF, Dtype::F32, 32, 8);
    const auto good = shuffle(tile(Space::SBUF, Dtype::U32, 32, 8, 512), src, random);
    assert_legal(core->run(Engine::DVE, good));
    for (const unsigned bad : {32U, 33U, 128U, 254U}) {
        auto insn = good;
        insn.mask[31] = static_cast<std::uint8_t>(bad);
        assert_refused(*core, Engine::DVE, insn, "mask");
    }
    auto insn = good;
    insn.dst = tile(Space::SBUF, Dtype::F16, 32, 8);
    assert_refused(*core, Engine::DVE, insn, "src");
    insn.dst = tile(Space::SBUF, Dtype::F32, 32, 9);
    assert_refused(*core, Engine::DVE, insn, "src");
    insn.dst = tile(Space::SBUF, Dtype::F32, 64, 8);
    assert_refused(*core, Engine::DVE, insn, "src");
    insn.dst = insn.src = tile(Space::SBUF, Dtype::F32, 16, 8);
    assert_refused(*core, Engine::DVE, insn, "dst");
    insn.dst = insn.src = tile(Space::SBUF, Dtype::F32, 100, 8);
    assert_refused(*core, Engine::DVE, insn, "dst");
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(small_tiles_of_any_shape), cmocka_unit_test(blocks_of_every_quadrant),
        cmocka_unit_test(strides_on_either_side),   cmocka_unit_test(overlapping_tiles_are_read_first),
        cmocka_unit_test(bad_shapes_are_refused),   cmocka_unit_test(shuffles_within_quadrants),
        cmocka_unit_test(bad_shuffles_are_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("compute_transpose", tests, nullptr, nullptr);
}
