// SPDX-License-Identifier: MIT
// ACTIVATE and the reductions: functions, scale and bias, sums in the fixed order, accumulators, limits. How exact the
// inexact functions are is compute_math_accuracy_test's subject.
#include "compute_support.hpp"

#include "compute/fp_environment.hpp"
#include "compute/math/math.hpp"
#include "compute/reduction.hpp"

#include <cmath>
#include <limits>
#include <vector>

namespace {

using namespace compute_test;
using neuron::chip::MathFunction;
using spec::AccCmd;
using spec::Activation;
using spec::Dtype;
using spec::Engine;
using spec::Fault;
using spec::Space;
using spec::TensorOp;

constexpr std::uint32_t SRC = 0, DST = 8192, COLUMN = 16000;
constexpr auto F32 = Dtype::F32;

float f32(std::uint32_t bits) { return std::bit_cast<float>(bits); }
std::uint32_t bits_of(float value) { return std::bit_cast<std::uint32_t>(value); }
std::uint32_t canonical(float value) { return std::isnan(value) ? F32_NAN : bits_of(value); }

spec::Scalar imm(float value) { return {.value = bits_of(value), .kind = spec::ScalarKind::IMM, .dtype = F32}; }
spec::Scalar column(Dtype dtype) {
    return {.value = COLUMN, .kind = spec::ScalarKind::VECTOR, .space = Space::SBUF, .dtype = dtype};
}

spec::InsnActivate activate(unsigned elements, Activation func) {
    return {.dst = tile(Space::SBUF, F32, 1, elements, DST),
            .src = tile(Space::SBUF, F32, 1, elements, SRC),
            .func = func,
            .scale = imm(1),
            .bias = imm(0)};
}

std::vector<float> inputs() {
    std::vector<float> values;
    for (const std::uint32_t magnitude : {0u, 1u, 0x007fffffu, 0x00800000u, 0x3f800000u, 0x3fc00000u, 0x40490fdbu,
                                          0x42b17218u, 0x7f7fffffu, 0x7f800000u, 0x7f800001u, 0x7fc12345u}) {
        values.push_back(f32(magnitude));
        values.push_back(f32(magnitude | 0x80000000));
    }
    Random random(2);
    while (values.size() < 1291) // more than a piece, no multiple of any vector
        values.push_back((static_cast<float>(random.below(20000)) - 10000) / 1000);
    return values;
}

void store(Core &core, const std::vector<float> &values) {
    for (std::size_t i = 0; i < values.size(); ++i)
        core.set<float>(Space::SBUF, 0, SRC, i, values[i]);
}

// ---- reference ----

MathFunction library_function(Activation func) {
    switch (func) {
    case Activation::SIGMOID: return MathFunction::SIGMOID;
    case Activation::TANH: return MathFunction::TANH;
    case Activation::EXP: return MathFunction::EXP;
    case Activation::LOG: return MathFunction::LOG;
    case Activation::RSQRT: return MathFunction::RSQRT;
    case Activation::GELU: return MathFunction::GELU;
    case Activation::GELU_DX: return MathFunction::GELU_DX;
    case Activation::GELU_TANH: return MathFunction::GELU_TANH;
    case Activation::GELU_SIGMOID: return MathFunction::GELU_SIGMOID;
    case Activation::GELU_SIGMOID_DX: return MathFunction::GELU_SIGMOID_DX;
    case Activation::SILU: return MathFunction::SILU;
    case Activation::SILU_DX: return MathFunction::SILU_DX;
    case Activation::SOFTPLUS: return MathFunction::SOFTPLUS;
    case Activation::MISH: return MathFunction::MISH;
    case Activation::ERF: return MathFunction::ERF;
    case Activation::ERF_DX: return MathFunction::ERF_DX;
    case Activation::SIN: return MathFunction::SIN;
    case Activation::ARCTAN: return MathFunction::ARCTAN;
    default: fail_msg("no such function: %s", spec::name(func).data()); return {};
    }
}

float reference(Activation func, float x, float param) {
    switch (func) {
    case Activation::COPY: return x;
    case Activation::SQUARE: return x * x;
    case Activation::ABS: return std::fabs(x);
    case Activation::SIGN: return x > 0 ? 1.0f : x < 0 ? -1.0f : x;
    case Activation::RELU: return std::isnan(x) || x > 0 ? x : 0.0f;
    case Activation::PRELU: return x >= 0 ? x : x * param;
    case Activation::SQRT: return static_cast<float>(std::sqrt(static_cast<double>(x)));
    case Activation::RECIPROCAL: return static_cast<float>(1 / static_cast<double>(x));
    default: break;
    }
    float result = 0;
    neuron::chip::activation_function(library_function(func), &x, &result, 1);
    return result;
}

// The fixed order, written down once more.
float sum_of(const std::vector<float> &values) {
    float lanes[16];
    const std::size_t used = std::min<std::size_t>(16, values.size());
    for (std::size_t i = 0; i < values.size(); ++i)
        lanes[i % 16] = i < 16 ? values[i] : lanes[i % 16] + values[i];
    for (const std::size_t distance : {8, 4, 2, 1}) {
        for (std::size_t l = 0; l < distance; ++l) {
            if (l + distance < used)
                lanes[l] = lanes[l] + lanes[l + distance];
        }
    }
    return lanes[0];
}

// ---- tests ----

void every_function_with_scale_and_bias(void **) {
    const std::vector<float> values = inputs();
    const auto n = static_cast<unsigned>(values.size());
    const float scales[][2] = {{1, 0}, {0.37f, -1.25f}, {-2, 0.1f}};
    on_every_target([&](const char *target) {
        const auto core = make_core();
        store(*core, values);
        for (const Activation func : spec::values<Activation>()) {
            for (const auto &[scale, bias] : scales) {
                spec::InsnActivate insn = activate(n, func);
                insn.scale = imm(scale);
                insn.bias = imm(bias);
                const float param = func == Activation::PRELU ? -0.75f : 0.0f;
                insn.param = bits_of(param);
                assert_legal(core->run(Engine::ACT, insn));
                for (unsigned i = 0; i < n; ++i) {
                    const float product = values[i] * scale;
                    const std::uint32_t want = canonical(reference(func, product + bias, param));
                    const auto got = core->get<std::uint32_t>(Space::SBUF, 0, DST, i);
                    if (got != want)
                        fail_msg("%s: %s(%a * %a + %a): %08x, not %08x", target, spec::name(func).data(),
                                 static_cast<double>(values[i]), static_cast<double>(scale), static_cast<double>(bias),
                                 got, want);
                }
            }
        }
    });
}

// As if src had been copied to fp32, and the result from there; the sum is that of fp32.
void types_pass_through_fp32(void **) {
    constexpr unsigned N = 1050;
    on_every_target([&](const char *target) {
        const auto types = spec::values<Dtype>();
        Random random(8);
        for (unsigned round = 0; round < 60; ++round) {
            const auto core = make_core();
            const Dtype from = types[random.below(static_cast<unsigned>(types.size()))];
            const Dtype to = types[random.below(static_cast<unsigned>(types.size()))];
            const Activation func = round % 3 == 0   ? Activation::TANH
                                    : round % 3 == 1 ? Activation::RELU
                                                     : Activation::COPY;
            for (unsigned i = 0; i < N; ++i)
                core->set<std::uint32_t>(Space::SBUF, 0, SRC, i, random.bits() & 0xbfffbfbf);
            spec::InsnActivate insn = activate(N, func);
            insn.scale = imm(0.5f);
            insn.acc = AccCmd::RESET_REDUCE;
            insn.src.dtype = from;
            insn.dst.dtype = to;
            assert_legal(core->run(Engine::ACT, insn));
            std::vector<std::byte> got(std::size_t{N} * spec::bytes(to));
            const std::byte *const row = core->memory.partition(Space::SBUF, 0).data();
            std::memcpy(got.data(), row + DST, got.size());
            const float sum = core->state(Engine::ACT).acc[0];

            const auto copy = [&](Dtype dst, std::uint32_t dst_at, Dtype src, std::uint32_t src_at) {
                assert_legal(core->run(Engine::ACT, spec::InsnCopy{.dst = tile(Space::SBUF, dst, 1, N, dst_at),
                                                                   .src = tile(Space::SBUF, src, 1, N, src_at)}));
            };
            copy(F32, DST, from, SRC);
            copy(F32, SRC, F32, DST);
            insn.src.dtype = insn.dst.dtype = F32;
            assert_legal(core->run(Engine::ACT, insn));
            copy(to, SRC, F32, DST);
            if (std::memcmp(row + SRC, got.data(), got.size()) != 0 ||
                bits_of(sum) != bits_of(core->state(Engine::ACT).acc[0]))
                fail_msg("%s: %s from %s to %s", target, spec::name(func).data(), spec::name(from).data(),
                         spec::name(to).data());
        }
    });
}

void sums_in_the_fixed_order(void **) {
    Random random(4);
    on_every_target([&](const char *target) {
        for (const unsigned n : {1u, 2u, 9u, 15u, 16u, 17u, 31u, 100u, 1024u, 1025u, 1040u, 1291u}) {
            for (const Activation func : {Activation::COPY, Activation::EXP, Activation::TANH}) {
                const auto core = make_core();
                std::vector<float> z;
                for (unsigned i = 0; i < n; ++i) {
                    const float x = (static_cast<float>(random.below(1u << 20)) - 0x1p19f) * 0x1p-18f;
                    core->set<float>(Space::SBUF, 0, SRC, i, x);
                    z.push_back(reference(func, x, 0));
                }
                spec::InsnActivate insn = activate(n, func);
                insn.acc = AccCmd::RESET_REDUCE;
                assert_legal(core->run(Engine::ACT, insn));
                if (bits_of(core->state(Engine::ACT).acc[0]) != bits_of(sum_of(z)))
                    fail_msg("%s: %s of %u elements", target, spec::name(func).data(), n);
            }
        }
    });
}

void accumulators_by_command_and_partition(void **) {
    const auto core = make_core();
    for (unsigned p = 0; p < 32; ++p) {
        for (unsigned i = 0; i < 20; ++i)
            core->set<float>(Space::SBUF, p, SRC, i, static_cast<float>(p + 1));
    }
    spec::InsnActivate insn = activate(20, Activation::COPY);
    insn.src.partitions = insn.dst.partitions = 32;
    insn.dst.partition = 64; // accumulators follow the destination
    const auto after = [&](AccCmd command) {
        insn.acc = command;
        assert_legal(core->run(Engine::ACT, insn));
        return core->state(Engine::ACT).acc;
    };
    assert_float_equal(after(AccCmd::IDLE)[64], 0, 0);
    assert_float_equal(after(AccCmd::RESET_REDUCE)[65], 40, 0);
    const auto twice = after(AccCmd::REDUCE);
    assert_float_equal(twice[64], 40, 0);
    assert_float_equal(twice[95], 2 * 20 * 32, 0);
    assert_float_equal(twice[0], 0, 0);
    assert_float_equal(twice[96], 0, 0);
    assert_float_equal(after(AccCmd::IDLE)[95], 2 * 20 * 32, 0);
    assert_float_equal(after(AccCmd::RESET)[95], 0, 0);
    core->set<std::uint32_t>(Space::SBUF, 3, SRC, 7, 0xff812345);
    assert_int_equal(bits_of(after(AccCmd::RESET_REDUCE)[67]), F32_NAN);
    assert_int_equal(bits_of(after(AccCmd::REDUCE)[67]), F32_NAN);
}

void scalars_of_a_column(void **) {
    const auto core = make_core();
    core->set<float>(Space::SBUF, 0, SRC, 0, 3);
    core->set<float>(Space::SBUF, 0, COLUMN, 0, -2);
    spec::InsnActivate insn = activate(1, Activation::COPY);
    insn.scale = column(F32);
    insn.bias = column(F32);
    assert_legal(core->run(Engine::ACT, insn));
    assert_float_equal(core->get<float>(Space::SBUF, 0, DST), -8, 0);
    for (const Dtype dtype : spec::values<Dtype>()) {
        if (dtype == F32 || dtype == Dtype::TF32)
            continue;
        assert_legal(
            core->run(Engine::DVE, spec::InsnMemset{.dst = tile(Space::SBUF, dtype, 1, 1, COLUMN), .value = imm(2)}));
        insn.scale = imm(1);
        insn.bias = column(dtype);
        assert_legal(core->run(Engine::ACT, insn));
        assert_float_equal(core->get<float>(Space::SBUF, 0, DST), 5, 0);
    }
}

void shifted_and_in_place(void **) {
    const auto run = [](std::uint32_t dst, Dtype dtype) {
        const auto core = make_core();
        for (unsigned i = 0; i < 1500; ++i)
            core->set<float>(Space::SBUF, 0, SRC + 64, i, static_cast<float>(i));
        spec::InsnActivate insn = activate(1500, Activation::SQUARE);
        insn.src.offset = SRC + 64;
        insn.dst.offset = dst;
        insn.dst.dtype = dtype;
        assert_legal(core->run(Engine::ACT, insn));
        std::vector<std::byte> out(1500 * spec::bytes(dtype));
        std::memcpy(out.data(), core->memory.partition(Space::SBUF, 0).data() + dst, out.size());
        return out;
    };
    for (const Dtype dtype : {F32, Dtype::BF16, Dtype::I32}) {
        const auto apart = run(DST, dtype);
        for (const std::uint32_t dst : {SRC, SRC + 60, SRC + 64, SRC + 68, SRC + 4000})
            assert_memory_equal(run(dst, dtype).data(), apart.data(), apart.size());
    }
}

void refuses_by_name(void **) {
    const auto core = make_core();
    const auto refused = [&](const char *operand, auto change) {
        spec::InsnActivate insn = activate(8, Activation::COPY);
        change(insn);
        assert_fault(core->run(Engine::ACT, insn), Fault::ILLEGAL_OPERAND,
                     neuron::chip::operand_offset(spec::Opcode::ACTIVATE, operand));
    };
    const auto legal = [&](auto change) {
        spec::InsnActivate insn = activate(8, Activation::COPY);
        change(insn);
        assert_legal(core->run(Engine::ACT, insn));
    };
    refused("src", [](auto &i) { i.src.num[0] = 9; });
    refused("dst", [](auto &i) { i.dst.partition = 1; });
    refused("scale", [](auto &i) { i.scale = column(Dtype::BF16); });
    refused("bias", [](auto &i) { i.bias = column(Dtype::TF32); });
    refused("param", [](auto &i) { i.param = 1; });
    legal([](auto &i) {
        i.func = Activation::PRELU;
        i.param = 1;
    });
    refused("acc", [](auto &i) { i.acc = AccCmd::LOAD_REDUCE; });
    legal([](auto &i) { i.bias = imm(1); });
    core->version = 2;
    refused("bias", [](auto &i) { i.bias = imm(1); });
    refused("bias", [](auto &i) { i.bias = {.kind = spec::ScalarKind::REG, .reg = 1, .dtype = F32}; });
    refused("bias", [](auto &i) {
        i.func = Activation::RECIPROCAL;
        i.bias = column(F32);
    });
    legal([](auto &i) { i.bias = column(F32); });
    legal([](auto &i) { i.func = Activation::RECIPROCAL; });
}

// ---- reductions that other instructions use ----

float reduced(TensorOp op, const std::vector<float> &values) {
    return neuron::chip::reduce(op, values.data(), values.size());
}

void reductions_of_edge_values(void **) {
    const float inf = std::numeric_limits<float>::infinity(), nan = f32(0xff812345);
    on_every_target([&](const char *) {
        for (const unsigned n : {1u, 5u, 16u, 33u, 100u}) {
            for (unsigned at = 0; at < n; at += 4) {
                std::vector<float> values(n, -3.0f);
                const auto with = [&](float value) {
                    values[at] = value;
                    return values;
                };
                assert_int_equal(bits_of(reduced(TensorOp::MAX, with(nan))), F32_NAN);
                assert_int_equal(bits_of(reduced(TensorOp::MIN, with(nan))), F32_NAN);
                assert_int_equal(bits_of(reduced(TensorOp::ADD, with(nan))), F32_NAN);
                assert_int_equal(bits_of(reduced(TensorOp::MAX, with(-0.0f))), 0x80000000);
                assert_int_equal(bits_of(reduced(TensorOp::MAX, with(inf))), bits_of(inf));
                assert_int_equal(bits_of(reduced(TensorOp::MIN, with(-inf))), bits_of(-inf));
                assert_float_equal(reduced(TensorOp::LOGICAL_AND, with(-0.0f)), 0, 0);
                assert_float_equal(reduced(TensorOp::LOGICAL_AND, with(nan)), 1, 0);
                assert_float_equal(reduced(TensorOp::LOGICAL_XOR, with(0)), static_cast<float>((n - 1) % 2), 0);
                values.assign(n, -0.0f);
                assert_int_equal(bits_of(reduced(TensorOp::ADD, values)), 0x80000000);
                assert_int_equal(bits_of(reduced(TensorOp::MAX, with(n == 1 ? -0.0f : 0.0f))), n == 1 ? 0x80000000 : 0);
                values.assign(n, 0.0f);
                assert_int_equal(bits_of(reduced(TensorOp::MIN, with(-0.0f))), 0x80000000);
                assert_float_equal(reduced(TensorOp::LOGICAL_OR, values), 0, 0);
                assert_float_equal(reduced(TensorOp::LOGICAL_OR, with(1e-40f)), 1, 0);
            }
        }
    });
}

void rows_reduce_like_one_by_one(void **) {
    const neuron::chip::DefaultFpEnvironment environment;
    constexpr std::size_t ROWS = 37, STRIDE = 131;
    std::vector<float> values(ROWS * STRIDE);
    Random random(6);
    for (float &value : values)
        value = (static_cast<float>(random.below(2000)) - 1000) / 997;
    on_every_target([&](const char *) {
        for (const std::size_t n : {1, 8, 16, 50, 131}) {
            std::vector<float> out(ROWS);
            neuron::chip::reduce_rows(TensorOp::ADD, values.data(), ROWS, STRIDE, n, out.data());
            for (std::size_t r = 0; r < ROWS; ++r) {
                const std::vector<float> row(values.begin() + r * STRIDE, values.begin() + r * STRIDE + n);
                assert_int_equal(bits_of(out[r]), bits_of(sum_of(row)));
                neuron::chip::Reduction pieces(TensorOp::ADD);
                pieces.add(row.data(), n / 32 * 16);
                pieces.add(row.data() + n / 32 * 16, n - n / 32 * 16);
                assert_int_equal(bits_of(pieces.result()), bits_of(out[r]));
            }
        }
    });
}

void bits_reduce(void **) {
    const std::uint8_t bytes[] = {0xff, 0x3c, 0x7e};
    const auto *const raw = reinterpret_cast<const std::byte *>(bytes);
    assert_int_equal(neuron::chip::reduce_bits(TensorOp::BITWISE_AND, raw, 1, 3), 0x3c);
    assert_int_equal(neuron::chip::reduce_bits(TensorOp::BITWISE_OR, raw, 1, 2), 0xff);
    assert_int_equal(neuron::chip::reduce_bits(TensorOp::BITWISE_XOR, raw, 1, 3), 0xff ^ 0x3c ^ 0x7e);
    assert_int_equal(neuron::chip::reduce_bits(TensorOp::BITWISE_AND, raw, 2, 1), 0x3cff);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(every_function_with_scale_and_bias),
        cmocka_unit_test(types_pass_through_fp32),
        cmocka_unit_test(sums_in_the_fixed_order),
        cmocka_unit_test(accumulators_by_command_and_partition),
        cmocka_unit_test(scalars_of_a_column),
        cmocka_unit_test(shifted_and_in_place),
        cmocka_unit_test(refuses_by_name),
        cmocka_unit_test(reductions_of_edge_values),
        cmocka_unit_test(rows_reduce_like_one_by_one),
        cmocka_unit_test(bits_reduce),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("compute_activate", tests, nullptr, nullptr);
}
