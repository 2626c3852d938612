// SPDX-License-Identifier: MIT
// Reductions, scans and selections of whole tiles, against plain loops with the same results that are compiled for this
// host alone (-O3 -march=native), by turns. The cases compare bits, never times; --json adds a line per figure.
#include "bench.hpp"
#include "compute_support.hpp"
#include "reduce_loops.hpp"

#include <cstdio>
#include <string_view>

namespace {

using namespace compute_test;
using reduce_loops::Rows;
using spec::Dtype;
using spec::Engine;
using spec::Space;
using spec::TensorOp;

constexpr unsigned ROWS = spec::PARTITIONS;
constexpr unsigned ELEMENTS = 1024; // of fp32: half a mebibyte per tile
constexpr std::uint32_t TILE_BYTES = ELEMENTS * sizeof(float);
constexpr std::uint32_t IN = 0, IN2 = TILE_BYTES, WANT = 2 * TILE_BYTES, OUT = 3 * TILE_BYTES; // 16 KiB in all
static_assert(OUT + TILE_BYTES <= SBUF_BYTES);
constexpr int ROUNDS = 31;
constexpr int REPEATS = 4;
constexpr double GOAL = 1.0;

bool json = false;

template<class T = float>
Rows<T> rows(Core &core, std::uint32_t byte) {
    return {reinterpret_cast<T *>(core.memory.partition(Space::SBUF, 0).data() + byte),
            core.memory.partition_stride(Space::SBUF) / sizeof(T)};
}

spec::Tile whole(std::uint32_t byte, Dtype dtype = Dtype::F32, unsigned elements = ELEMENTS,
                 unsigned partitions = ROWS) {
    return tile(Space::SBUF, dtype, partitions, elements, byte);
}

spec::Scalar imm(float value) {
    return {.value = std::bit_cast<std::uint32_t>(value), .kind = spec::ScalarKind::IMM, .dtype = Dtype::F32};
}

/// Numbers around 1 in the two inputs: scans neither grow nor vanish.
std::unique_ptr<Core> prepared() {
    auto core = make_core();
    Random random(1);
    for (const std::uint32_t byte : {IN, IN2}) {
        for (unsigned p = 0; p < ROWS; ++p) {
            for (unsigned i = 0; i < ELEMENTS; ++i) {
                rows(*core, byte)[p][i] = static_cast<float>(random.below(1U << 24)) * 0x1p-23F - 1;
            }
        }
    }
    return core;
}

/// The first `elements` elements of the first `partitions` rows of both results.
void assert_same_results(Core &core, unsigned elements, unsigned partitions) {
    for (unsigned p = 0; p < partitions; ++p) {
        assert_memory_equal(rows(core, OUT)[p], rows(core, WANT)[p], elements * sizeof(float));
    }
}

template<class Insn, class Loop>
void compare(const char *name, Core &core, Engine engine, const Insn &insn, Loop loop, unsigned elements = ELEMENTS,
             unsigned partitions = ROWS) {
    const auto chip = [&] { return core.run(engine, insn); };
    assert_legal(chip());
    loop();
    assert_same_results(core, elements, partitions);
    const auto repeated = [](auto work) {
        return [work] {
            for (int i = 0; i < REPEATS; ++i)
                work();
        };
    };
    const auto seconds = bench::by_turns(ROUNDS, {{repeated([&] { (void)chip(); })}, {repeated(loop)}});
    const auto rate = [](double s) { return 1e-9 * REPEATS * ROWS * ELEMENTS / s; };
    std::printf("# %-18s %7.2f, plain loop %7.2f G elements/s: %.2f x\n", name, rate(seconds[0]), rate(seconds[1]),
                seconds[1] / seconds[0]);
    if (json) {
        bench::report({.name = std::string("reduce.") + name,
                       .value = rate(seconds[0]),
                       .unit = "Gelem/s",
                       .baseline = rate(seconds[1]),
                       .goal = GOAL,
                       .against = "plain C++ loop, -O3 -march=native, 1 thread"});
    }
}

void reduce_of(TensorOp op, const char *name,
               void (*loop)(reduce_loops::Out, reduce_loops::In, std::size_t, std::size_t)) {
    const auto core = prepared();
    const spec::InsnTensorReduce insn{.dst = whole(OUT, Dtype::F32, 1), .src = whole(IN), .op = op, .axes = 1};
    compare(
        name, *core, Engine::DVE, insn, [&] { loop(rows(*core, WANT), rows<const float>(*core, IN), ROWS, ELEMENTS); },
        1);
}

void tensor_reduce_add(void **) { reduce_of(TensorOp::ADD, "tensor_reduce_add", reduce_loops::reduce_add); }
void tensor_reduce_max(void **) { reduce_of(TensorOp::MAX, "tensor_reduce_max", reduce_loops::reduce_max); }

void tensor_tensor_scan(void **) {
    const auto core = prepared();
    const spec::InsnTensorTensorScan insn{.dst = whole(OUT),
                                          .a = whole(IN),
                                          .b = whole(IN2),
                                          .initial = imm(0.5F),
                                          .op0 = TensorOp::MULT,
                                          .op1 = TensorOp::ADD};
    compare("scan", *core, Engine::DVE, insn, [&] {
        reduce_loops::scan(rows(*core, WANT), rows<const float>(*core, IN), rows<const float>(*core, IN2), ROWS,
                           ELEMENTS);
    });
}

void tensor_scalar_cumulative(void **) {
    const auto core = prepared();
    const spec::InsnTensorScalarCumulative insn{.dst = whole(OUT),
                                                .src = whole(IN),
                                                .op0 = TensorOp::BYPASS,
                                                .operand0 = imm(0),
                                                .op1 = TensorOp::ADD,
                                                .acc = spec::AccCmd::RESET_REDUCE,
                                                .init = imm(0)};
    compare("cumulative", *core, Engine::DVE, insn,
            [&] { reduce_loops::cumulative(rows(*core, WANT), rows<const float>(*core, IN), ROWS, ELEMENTS); });
}

void transpose(void **) {
    const auto core = prepared();
    const spec::InsnTranspose insn{.dst = whole(OUT), .src = whole(IN)};
    compare("transpose", *core, Engine::DVE, insn,
            [&] { reduce_loops::transpose(rows(*core, WANT), rows<const float>(*core, IN), ROWS, ELEMENTS); });
}

void iota(void **) {
    const auto core = prepared();
    const spec::InsnIota insn{.dst = whole(OUT, Dtype::I32), .base = -7, .channel = 100, .steps = {3, 0, 0, 0}};
    compare("iota", *core, Engine::POOL, insn,
            [&] { reduce_loops::iota(rows<std::int32_t>(*core, WANT), -7, 100, 3, ROWS, ELEMENTS); });
}

void affine_select(void **) {
    const auto core = prepared();
    const spec::InsnAffineSelect insn{.dst = whole(OUT),
                                      .src = whole(IN),
                                      .base = 300,
                                      .channel = 1,
                                      .steps = {-1, 0, 0, 0},
                                      .cmp = TensorOp::IS_GE,
                                      .fill = std::bit_cast<std::uint32_t>(-1e30F)};
    compare("affine_select", *core, Engine::POOL, insn, [&] {
        reduce_loops::affine_select(rows(*core, WANT), rows<const float>(*core, IN), 300, 1, -1, -1e30F, ROWS,
                                    ELEMENTS);
    });
}

void select_reduce(void **) {
    const auto core = prepared();
    for (unsigned p = 0; p < ROWS; ++p) {
        for (unsigned i = 0; i < ELEMENTS; ++i) {
            rows<std::uint8_t>(*core, IN2)[p][i] = i % 3 == 0;
        }
    }
    const spec::InsnSelectReduce insn{.dst = whole(OUT),
                                      .on_true = whole(IN),
                                      .pred = whole(IN2, Dtype::U8),
                                      .on_false = imm(-2),
                                      .acc = spec::AccCmd::RESET_REDUCE};
    std::array<float, ROWS> largest{};
    compare("select_reduce", *core, Engine::DVE, insn, [&] {
        reduce_loops::select_reduce(rows(*core, WANT), largest.data(), rows<const float>(*core, IN),
                                    rows<const std::uint8_t>(*core, IN2), -2, ROWS, ELEMENTS);
    });
    assert_memory_equal(core->state(Engine::DVE).acc.data(), largest.data(), sizeof(largest));
}

void partition_reduce(void **) {
    const auto core = prepared();
    const spec::InsnPartitionReduce insn{
        .dst = whole(OUT, Dtype::F32, ELEMENTS, 1), .src = whole(IN), .op = spec::PartitionOp::ADD};
    compare(
        "partition_reduce", *core, Engine::POOL, insn,
        [&] { reduce_loops::partition_reduce(rows(*core, WANT)[0], rows<const float>(*core, IN), ROWS, ELEMENTS); },
        ELEMENTS, 1);
}

} // namespace

int main(int argc, char **argv) {
    json = argc == 2 && std::string_view(argv[1]) == "--json";
    if (argc > 1 && !json) {
        std::fprintf(stderr, "usage: reduce_bench [--json]\n");
        return 2;
    }
    const CMUnitTest tests[] = {
        cmocka_unit_test(tensor_reduce_add),  cmocka_unit_test(tensor_reduce_max),
        cmocka_unit_test(tensor_tensor_scan), cmocka_unit_test(tensor_scalar_cumulative),
        cmocka_unit_test(transpose),          cmocka_unit_test(iota),
        cmocka_unit_test(affine_select),      cmocka_unit_test(select_reduce),
        cmocka_unit_test(partition_reduce),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("reduce_bench", tests, nullptr, nullptr);
}
