// SPDX-License-Identifier: MIT
// BN_STATS and BN_AGGR.
#include "compute_reference.hpp"

namespace {

using namespace compute_test;
using spec::Dtype;
using spec::Engine;
using spec::Space;
using spec::TensorOp;

float sum(const std::vector<float> &values) { return reduced(TensorOp::ADD, values); }

void check_stats(Core &core, const spec::InsnBnStats &insn, Random &random, bool edges) {
    fill(core, insn.src, random, edges);
    Image want(core);
    for (unsigned p = 0; p < insn.src.partitions; ++p) {
        const auto row = want.row(insn.src, p);
        float out[6] = {};
        for (unsigned parity = 0; parity < 2; ++parity) {
            std::vector<float> e;
            for (unsigned i = parity; i < row.size(); i += 2) {
                e.push_back(row[i]);
            }
            if (e.empty()) {
                continue;
            }
            const auto n = static_cast<float>(e.size());
            const float mean = sum(e) / n;
            for (float &x : e) {
                x = (x - mean) * (x - mean);
            }
            out[3 * parity] = n;
            out[3 * parity + 1] = mean;
            out[3 * parity + 2] = sum(e);
        }
        for (unsigned i = 0; i < 6; ++i) {
            want.set_f32(insn.dst, p, i, out[i]);
        }
    }
    assert_legal(core.run(Engine::DVE, insn));
    want.assert_same(core);
}

void statistics_of_even_and_odd(void **) {
    on_every_target([](const char *) {
        const auto core = make_core();
        Random random(1);
        for (const unsigned elements : {1U, 2U, 3U, 31U, 64U, 511U, 512U}) {
            for (const Dtype dtype : {Dtype::F32, Dtype::BF16, Dtype::U8}) {
                check_stats(
                    *core,
                    {.dst = tile(Space::SBUF, Dtype::F32, 40, 6), .src = tile(Space::PSUM, dtype, 40, elements, 32)},
                    random, false);
            }
        }
        spec::InsnBnStats insn{.dst = tile(Space::SBUF, Dtype::F32, 8, 6, 64),
                               .src = tile(Space::SBUF, Dtype::F32, 8, 33)};
        check_stats(*core, insn, random, true); // overlapping, with infinities and NaN
        insn.src.step = {3, 1, 0, 0};
        insn.src.num = {3, 11, 1, 1};
        check_stats(*core, insn, random, false);
    });
}

void check_aggr(Core &core, const spec::InsnBnAggr &insn) {
    Image want(core);
    for (unsigned p = 0; p < insn.src.partitions; ++p) {
        const auto row = want.row(insn.src, p);
        std::vector<float> n, m, s, nm, nd;
        for (unsigned g = 0; g < row.size(); g += 3) {
            n.push_back(row[g]);
            m.push_back(row[g + 1]);
            s.push_back(row[g + 2]);
            nm.push_back(n.back() * m.back());
        }
        const float count = sum(n), mean = sum(nm) / count;
        for (unsigned g = 0; g < n.size(); ++g) {
            const float d = m[g] - mean;
            nd.push_back(n[g] * (d * d));
        }
        want.set_f32(insn.dst, p, 0, mean);
        want.set_f32(insn.dst, p, 1, (sum(s) + sum(nd)) / count);
    }
    assert_legal(core.run(Engine::DVE, insn));
    want.assert_same(core);
}

void aggregates_of_triples(void **) {
    const auto core = make_core();
    Random random(2);
    for (const unsigned triples : {1U, 2U, 15U, 16U, 17U, 300U}) {
        const spec::InsnBnAggr insn{.dst = tile(Space::PSUM, Dtype::F32, 40, 2),
                                    .src = tile(Space::SBUF, Dtype::F32, 40, 3 * triples)};
        fill(*core, insn.src, random, false);
        check_aggr(*core, insn);
    }
    const auto zeros = make_core(); // 0 / 0
    const spec::InsnBnAggr insn{.dst = tile(Space::SBUF, Dtype::F32, 2, 2), .src = tile(Space::SBUF, Dtype::F32, 2, 6)};
    check_aggr(*zeros, insn);
    assert_int_equal(zeros->get<std::uint32_t>(Space::SBUF, 1, 4), F32_NAN);
}

// The two together give the mean and the variance.
void both_give_mean_and_variance(void **) {
    const auto core = make_core();
    for (unsigned i = 0; i < 16; ++i) {
        core->set<float>(Space::SBUF, 0, 0, i, static_cast<float>(i));
    }
    assert_legal(core->run(Engine::DVE, spec::InsnBnStats{.dst = tile(Space::SBUF, Dtype::F32, 1, 6, 128),
                                                          .src = tile(Space::SBUF, Dtype::F32, 1, 16)}));
    const float stats[] = {8, 7, 168, 8, 8, 168};
    for (unsigned i = 0; i < 6; ++i) {
        assert_f32_bits(core->get<float>(Space::SBUF, 0, 128, i), stats[i]);
    }
    assert_legal(core->run(Engine::DVE, spec::InsnBnAggr{.dst = tile(Space::SBUF, Dtype::F32, 1, 2, 256),
                                                         .src = tile(Space::SBUF, Dtype::F32, 1, 6, 128)}));
    assert_f32_bits(core->get<float>(Space::SBUF, 0, 256, 0), 7.5F);
    assert_f32_bits(core->get<float>(Space::SBUF, 0, 256, 1), 21.25F);
}

void bad_shapes_are_refused(void **) {
    const auto core = make_core();
    const auto stats = [&](unsigned dst, unsigned src, unsigned partitions, const char *name) {
        assert_refused(*core, Engine::DVE,
                       spec::InsnBnStats{.dst = tile(Space::SBUF, Dtype::F32, 4, dst),
                                         .src = tile(Space::SBUF, Dtype::F32, partitions, src, 64)},
                       name);
    };
    stats(6, 513, 4, "src");
    stats(5, 512, 4, "dst");
    stats(7, 512, 4, "dst");
    stats(6, 512, 5, "src");
    const auto aggr = [&](unsigned dst, unsigned src, unsigned partitions, const char *name) {
        assert_refused(*core, Engine::DVE,
                       spec::InsnBnAggr{.dst = tile(Space::SBUF, Dtype::F32, 4, dst),
                                        .src = tile(Space::SBUF, Dtype::F32, partitions, src, 64)},
                       name);
    };
    aggr(2, 4, 4, "src");
    aggr(2, 2, 4, "src");
    aggr(3, 3, 4, "dst");
    aggr(2, 3, 3, "src");
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(statistics_of_even_and_odd),
        cmocka_unit_test(aggregates_of_triples),
        cmocka_unit_test(both_give_mean_and_variance),
        cmocka_unit_test(bad_shapes_are_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("compute_statistics", tests, nullptr, nullptr);
}
