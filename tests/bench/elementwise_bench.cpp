// SPDX-License-Identifier: MIT
// Element-wise and reducing instructions on full tiles (128 partitions of 2048 elements)
// against a plain loop, compiled with -O3 -march=native, and activations against SLEEF: the same work on the same memory, by
// turns. One JSON object per line and figure.
#include "bench.hpp"
#include "elementwise_loops.hpp"
#include "sleef_loops.hpp"

#include "compute/execute.hpp"

#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

namespace {

namespace spec = neuron::spec;
using spec::Dtype;
using spec::Engine;
using spec::TensorOp;

constexpr unsigned ROWS = spec::PARTITIONS;
constexpr unsigned COLUMNS = 2048;
constexpr std::uint32_t TILE_BYTES = COLUMNS * sizeof(float);
constexpr int ROUNDS = 41;
constexpr int REPEATS = 10; // per turn: about a millisecond

// Byte offsets in a partition.
constexpr std::uint32_t A = 0, B = TILE_BYTES, OUT = 2 * TILE_BYTES, SCALARS = 3 * TILE_BYTES;

/// The chip's side: one core.
struct Core {
    neuron::chip::CoreMemory memory{SCALARS + 64};
    std::unique_ptr<neuron::chip::TensorEngine> tensor_engine = std::make_unique<neuron::chip::TensorEngine>();
    neuron::chip::EngineState state;
    std::array<std::uint32_t, spec::SEQ_REGISTERS> regs{};
    unsigned version = 4;

    template<class Insn>
    void run(Engine engine, const Insn &insn) {
        neuron::chip::ExecContext context{engine, version, regs, memory, state, *tensor_engine};
        if (!neuron::chip::execute_compute(context, Insn::OPCODE, spec::packed(insn))) {
            std::fprintf(stderr, "elementwise_bench: an instruction faults\n");
            std::exit(1);
        }
    }
};

struct Data {
    std::vector<float> a, b;
    std::vector<plain::Bf16> a16, b16;
    std::vector<float> scales, biases;
    float sums[ROWS] = {};
};

plain::Bf16 bf16(float value) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    return static_cast<plain::Bf16>(bits >> 16);
}

Data make_data() {
    std::mt19937 random(1);
    const auto number = [&] { return static_cast<float>(random() >> 8) * 0x1p-20f - 8.0f; };
    Data d;
    for (unsigned i = 0; i < ROWS * COLUMNS; ++i) {
        d.a.push_back(number());
        d.b.push_back(number());
        d.a16.push_back(bf16(d.a.back()));
        d.b16.push_back(bf16(d.b.back()));
    }
    for (unsigned r = 0; r < ROWS; ++r) {
        d.scales.push_back(number());
        d.biases.push_back(number());
    }
    return d;
}

class Bench {
public:
    Bench() {
        for (unsigned r = 0; r < ROWS; ++r) {
            std::byte *const row = core.memory.partition(spec::Space::SBUF, r).data();
            std::memcpy(row + SCALARS, &data.scales[r], sizeof(float));
            std::memcpy(row + SCALARS + 4, &data.biases[r], sizeof(float));
        }
    }

    spec::Tile tile(Dtype dtype, std::uint32_t offset, unsigned columns = COLUMNS) const {
        return {.offset = offset,
                .partitions = ROWS,
                .space = spec::Space::SBUF,
                .dtype = dtype,
                .step = {1, 0, 0, 0},
                .num = {static_cast<std::uint16_t>(columns), 1, 1, 1}};
    }
    spec::Scalar column(std::uint32_t offset) const {
        return {.value = SCALARS + offset, .kind = spec::ScalarKind::VECTOR, .dtype = Dtype::F32};
    }
    spec::Scalar zero() const { return {.kind = spec::ScalarKind::IMM, .dtype = Dtype::F32}; }

    template<class T>
    T *at(unsigned row, std::uint32_t offset) {
        return reinterpret_cast<T *>(core.memory.partition(spec::Space::SBUF, row).data() + offset);
    }

    /// Fills A and B with the numbers of `dtype`.
    void load(Dtype dtype) {
        for (unsigned r = 0; r < ROWS; ++r) {
            std::byte *const row = core.memory.partition(spec::Space::SBUF, r).data();
            const std::size_t first = std::size_t{r} * COLUMNS;
            if (dtype == Dtype::F32) {
                std::memcpy(row + A, &data.a[first], COLUMNS * sizeof(float));
                std::memcpy(row + B, &data.b[first], COLUMNS * sizeof(float));
            } else {
                std::memcpy(row + A, &data.a16[first], COLUMNS * sizeof(plain::Bf16));
                std::memcpy(row + B, &data.b16[first], COLUMNS * sizeof(plain::Bf16));
            }
        }
    }

    /// `loop(row)` does what the instruction does for one row, on the same memory.
    template<class Insn, class Loop>
    void compare(const char *name, Dtype dtype, Engine engine, const Insn &insn, Loop loop, double goal = 1.0,
                 const char *against = "plain loop, -O3 -march=native") {
        load(dtype);
        const auto medians = bench::by_turns(ROUNDS, {{[&] {
                                                          for (int i = 0; i < REPEATS; ++i)
                                                              core.run(engine, insn);
                                                      }},
                                                      {[&] {
                                                          for (int i = 0; i < REPEATS; ++i) {
                                                              for (unsigned r = 0; r < ROWS; ++r)
                                                                  loop(r);
                                                          }
                                                      }}});
        const double work = 1e-9 * ROWS * COLUMNS * REPEATS;
        bench::report({.name = std::string(name) + (dtype == Dtype::F32 ? "_f32" : "_bf16"),
                       .value = work / medians[0],
                       .unit = "Gelements/s",
                       .baseline = work / medians[1],
                       .goal = goal,
                       .against = against});
    }

    Core core;
    Data data = make_data();
};

const auto F32 = Dtype::F32;
const auto BF16 = Dtype::BF16;

void tensor_tensor(Bench &b) {
    const auto insn = [&](Dtype dtype, TensorOp op) {
        return spec::InsnTensorTensor{
            .dst = b.tile(dtype, OUT), .a = b.tile(dtype, A), .b = b.tile(dtype, B), .op = op};
    };
    b.compare("tensor_tensor_add", F32, Engine::DVE, insn(F32, TensorOp::ADD),
              [&](unsigned r) { plain::add(b.at<float>(r, A), b.at<float>(r, B), b.at<float>(r, OUT), COLUMNS); });
    b.compare("tensor_tensor_add", BF16, Engine::DVE, insn(BF16, TensorOp::ADD), [&](unsigned r) {
        plain::add(b.at<plain::Bf16>(r, A), b.at<plain::Bf16>(r, B), b.at<plain::Bf16>(r, OUT), COLUMNS);
    });
    b.compare("tensor_tensor_max", F32, Engine::DVE, insn(F32, TensorOp::MAX),
              [&](unsigned r) { plain::max(b.at<float>(r, A), b.at<float>(r, B), b.at<float>(r, OUT), COLUMNS); });
    b.compare("tensor_tensor_max", BF16, Engine::DVE, insn(BF16, TensorOp::MAX), [&](unsigned r) {
        plain::max(b.at<plain::Bf16>(r, A), b.at<plain::Bf16>(r, B), b.at<plain::Bf16>(r, OUT), COLUMNS);
    });
}

void scalars(Bench &b) {
    Data &d = b.data;
    const auto two = [&](Dtype dtype) {
        return spec::InsnTensorScalar{.dst = b.tile(dtype, OUT),
                                      .src = b.tile(dtype, A),
                                      .op0 = TensorOp::MULT,
                                      .operand0 = b.column(0),
                                      .op1 = TensorOp::ADD,
                                      .operand1 = b.column(4)};
    };
    b.compare("tensor_scalar_mult_add", F32, Engine::DVE, two(F32), [&](unsigned r) {
        plain::mult_add(b.at<float>(r, A), d.scales[r], d.biases[r], b.at<float>(r, OUT), COLUMNS);
    });
    b.compare("tensor_scalar_mult_add", BF16, Engine::DVE, two(BF16), [&](unsigned r) {
        plain::mult_add(b.at<plain::Bf16>(r, A), d.scales[r], d.biases[r], b.at<plain::Bf16>(r, OUT), COLUMNS);
    });
    const auto three = [&](Dtype dtype) {
        return spec::InsnScalarTensorTensor{.dst = b.tile(dtype, OUT),
                                            .a = b.tile(dtype, A),
                                            .op0 = TensorOp::MULT,
                                            .operand0 = b.column(0),
                                            .op1 = TensorOp::ADD,
                                            .b = b.tile(dtype, B)};
    };
    b.compare("scalar_tensor_tensor", F32, Engine::DVE, three(F32), [&](unsigned r) {
        plain::scalar_tensor_tensor(b.at<float>(r, A), d.scales[r], b.at<float>(r, B), b.at<float>(r, OUT), COLUMNS);
    });
    b.compare("scalar_tensor_tensor", BF16, Engine::DVE, three(BF16), [&](unsigned r) {
        plain::scalar_tensor_tensor(b.at<plain::Bf16>(r, A), d.scales[r], b.at<plain::Bf16>(r, B),
                                    b.at<plain::Bf16>(r, OUT), COLUMNS);
    });
}

void copies(Bench &b) {
    b.compare("copy_to_bf16_from", F32, Engine::DVE, spec::InsnCopy{.dst = b.tile(BF16, OUT), .src = b.tile(F32, A)},
              [&](unsigned r) { plain::copy(b.at<float>(r, A), b.at<plain::Bf16>(r, OUT), COLUMNS); });
    b.compare("copy_to_f32_from", BF16, Engine::DVE, spec::InsnCopy{.dst = b.tile(F32, OUT), .src = b.tile(BF16, A)},
              [&](unsigned r) { plain::copy(b.at<plain::Bf16>(r, A), b.at<float>(r, OUT), COLUMNS); });
    b.compare("reciprocal", F32, Engine::DVE, spec::InsnReciprocal{.dst = b.tile(F32, OUT), .src = b.tile(F32, A)},
              [&](unsigned r) { plain::reciprocal(b.at<float>(r, A), b.at<float>(r, OUT), COLUMNS); });
}

void reductions(Bench &b) {
    Data &d = b.data;
    const auto insn = [&](Dtype dtype, TensorOp op) {
        return spec::InsnTensorReduce{.dst = b.tile(F32, OUT, 1), .src = b.tile(dtype, A), .op = op, .axes = 1};
    };
    b.compare("tensor_reduce_add", F32, Engine::DVE, insn(F32, TensorOp::ADD),
              [&](unsigned r) { d.sums[r] = plain::reduce_add(b.at<float>(r, A), COLUMNS); });
    b.compare("tensor_reduce_add", BF16, Engine::DVE, insn(BF16, TensorOp::ADD),
              [&](unsigned r) { d.sums[r] = plain::reduce_add(b.at<plain::Bf16>(r, A), COLUMNS); });
    b.compare("tensor_reduce_max", F32, Engine::DVE, insn(F32, TensorOp::MAX),
              [&](unsigned r) { d.sums[r] = plain::reduce_max(b.at<float>(r, A), COLUMNS); });
    b.compare("tensor_reduce_max", BF16, Engine::DVE, insn(BF16, TensorOp::MAX),
              [&](unsigned r) { d.sums[r] = plain::reduce_max(b.at<plain::Bf16>(r, A), COLUMNS); });
}

spec::InsnActivate activate(const Bench &b, Dtype dtype, spec::Activation func, spec::AccCmd acc) {
    return {.dst = b.tile(dtype, OUT),
            .src = b.tile(dtype, A),
            .func = func,
            .scale = b.column(0),
            .bias = b.column(4),
            .acc = acc};
}

void exact_activations(Bench &b) {
    Data &d = b.data;
    const auto sum = spec::AccCmd::RESET_REDUCE;
    b.compare("activate_copy_sum", F32, Engine::ACT, activate(b, F32, spec::Activation::COPY, sum), [&](unsigned r) {
        d.sums[r] = plain::activate_copy(b.at<float>(r, A), d.scales[r], d.biases[r], b.at<float>(r, OUT), COLUMNS);
    });
    b.compare("activate_relu_sum", F32, Engine::ACT, activate(b, F32, spec::Activation::RELU, sum), [&](unsigned r) {
        d.sums[r] = plain::activate_relu(b.at<float>(r, A), d.scales[r], d.biases[r], b.at<float>(r, OUT), COLUMNS);
    });
    b.compare("activate_relu_sum", BF16, Engine::ACT, activate(b, BF16, spec::Activation::RELU, sum), [&](unsigned r) {
        d.sums[r] =
            plain::activate_relu(b.at<plain::Bf16>(r, A), d.scales[r], d.biases[r], b.at<plain::Bf16>(r, OUT), COLUMNS);
    });
}

SleefLoops fastest_sleef() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f"))
        return sleef_loops_avx512();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return sleef_loops_avx2();
#endif
    return sleef_loops_baseline();
}

// The instruction multiplies and adds besides; SLEEF just runs over the array.
void sleef_activations(Bench &b) {
    const SleefLoops sleef = fastest_sleef();
    const auto compare = [&](const char *name, spec::Activation func,
                             void (*loop)(const float *, float *, std::size_t)) {
        spec::InsnActivate insn = activate(b, F32, func, spec::AccCmd::IDLE);
        insn.scale = {.value = 0x3f800000, .kind = spec::ScalarKind::IMM, .dtype = F32};
        insn.bias = b.zero();
        b.compare(
            name, F32, Engine::ACT, insn, [&](unsigned r) { loop(b.at<float>(r, A), b.at<float>(r, OUT), COLUMNS); },
            0.8, sleef.name);
    };
    compare("activate_exp", spec::Activation::EXP, sleef.exp);
    compare("activate_tanh", spec::Activation::TANH, sleef.tanh);
    compare("activate_gelu", spec::Activation::GELU, sleef.gelu);
}

} // namespace

int main() {
    const auto b = std::make_unique<Bench>();
    tensor_tensor(*b);
    scalars(*b);
    copies(*b);
    reductions(*b);
    exact_activations(*b);
    sleef_activations(*b);
    // What the instructions compute is the oracle's business; here none may fault.
    std::printf("1..1\nok 1 - every instruction ran\n");
    return 0;
}
