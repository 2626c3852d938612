// SPDX-License-Identifier: MIT
// TENSOR_TENSOR, TENSOR_SCALAR, SCALAR_TENSOR_TENSOR, RECIPROCAL and MEMSET against a scalar reference in fp64, on every
// instruction set of the host.
#include "compute_support.hpp"

#include "compute/fp_environment.hpp"
#include "compute/math/math.hpp"
#include "compute/tensor_op.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

namespace {

using namespace compute_test;
using spec::Dtype;
using spec::Engine;
using spec::Fault;
using spec::Opcode;
using spec::OperandFlag;
using spec::Space;
using spec::TensorOp;

// ---- reference ----

float f32(std::uint32_t bits) { return std::bit_cast<float>(bits); }
std::uint32_t bits_of(float value) { return std::bit_cast<std::uint32_t>(value); }
std::uint32_t canonical(float value) { return std::isnan(value) ? F32_NAN : bits_of(value); }

double larger(double a, double b) {
    if (a == b)
        return std::signbit(a) ? b : a;
    return a > b ? a : b;
}

bool is_exact(TensorOp op) { return op != TensorOp::POW && op != TensorOp::RSQRT; }

// fp64 has room for a second rounding of sums, products and quotients of fp32 numbers to change nothing.
float reference(TensorOp op, float a_in, float b_in) {
    const double a = a_in, b = b_in, nan = std::numeric_limits<double>::quiet_NaN();
    const bool any_nan = std::isnan(a) || std::isnan(b);
    double result = 0;
    switch (op) {
    case TensorOp::BYPASS: result = a; break;
    case TensorOp::ADD: result = a + b; break;
    case TensorOp::SUBTRACT: result = a - b; break;
    case TensorOp::MULT: result = a * b; break;
    case TensorOp::MAX: result = any_nan ? nan : larger(a, b); break;
    case TensorOp::MIN: result = any_nan ? nan : -larger(-a, -b); break;
    case TensorOp::ABS: result = std::fabs(a); break;
    case TensorOp::RECIPROCAL: result = 1 / a; break;
    case TensorOp::IS_EQUAL: result = a == b; break;
    case TensorOp::NOT_EQUAL: result = !(a == b); break;
    case TensorOp::IS_GT: result = a > b; break;
    case TensorOp::IS_GE: result = a >= b; break;
    case TensorOp::IS_LT: result = a < b; break;
    case TensorOp::IS_LE: result = a <= b; break;
    case TensorOp::LOGICAL_AND: result = a != 0 && b != 0; break;
    case TensorOp::LOGICAL_OR: result = a != 0 || b != 0; break;
    case TensorOp::LOGICAL_XOR: result = (a != 0) != (b != 0); break;
    case TensorOp::SQUARE: result = a * a; break;
    case TensorOp::RELU: result = std::isnan(a) ? nan : larger(a, 0.0); break;
    case TensorOp::ABS_MAX: result = any_nan ? nan : std::fabs(a) > std::fabs(b) ? a : b; break;
    case TensorOp::ABS_MIN: result = any_nan ? nan : std::fabs(a) < std::fabs(b) ? a : b; break;
    default: fail_msg("no reference for %s", spec::name(op).data());
    }
    return static_cast<float>(result);
}

const std::vector<TensorOp> &arithmetic() {
    static const std::vector<TensorOp> ops = [] {
        std::vector<TensorOp> result;
        for (const TensorOp op : spec::values<TensorOp>()) {
            if (!neuron::chip::is_bitvec(op) && is_exact(op))
                result.push_back(op);
        }
        return result;
    }();
    return ops;
}

const std::vector<float> &edge_floats() {
    static const std::vector<float> values = [] {
        std::vector<float> result;
        for (const std::uint32_t magnitude :
             {0u, 1u, 2u, 0x007fffffu, 0x00800000u, 0x00800001u, 0x3f800000u, 0x3f800001u, 0x40400000u, 0x3eaaaaabu,
              0x4b800001u, 0x7e800000u, 0x7f7fffffu, 0x7f800000u, 0x7f800001u, 0x7fc00000u, 0x7fffffffu}) {
            result.push_back(f32(magnitude));
            result.push_back(f32(magnitude | 0x80000000));
        }
        return result;
    }();
    return values;
}

constexpr std::uint32_t A = 0, B = 5120, OUT = 10240; // byte offsets in a partition
constexpr auto F32 = Dtype::F32;

spec::Tile sbuf(Dtype dtype, unsigned elements, std::uint32_t offset, unsigned partitions = 1) {
    return tile(Space::SBUF, dtype, partitions, elements, offset);
}

spec::Scalar imm(float value) { return {.value = bits_of(value), .kind = spec::ScalarKind::IMM, .dtype = F32}; }
spec::Scalar imm_bits(Dtype dtype, std::uint32_t value) {
    return {.value = value, .kind = spec::ScalarKind::IMM, .dtype = dtype};
}
spec::Scalar column(Dtype dtype, std::uint32_t offset, Space space = Space::SBUF) {
    return {.value = offset, .kind = spec::ScalarKind::VECTOR, .space = space, .dtype = dtype};
}

template<class T>
void store(Core &core, std::uint32_t offset, const std::vector<T> &values, unsigned partition = 0) {
    for (std::size_t i = 0; i < values.size(); ++i)
        core.set<T>(Space::SBUF, partition, offset, i, values[i]);
}
template<class T>
std::vector<T> load(const Core &core, std::uint32_t offset, std::size_t count, unsigned partition = 0) {
    std::vector<T> values(count);
    for (std::size_t i = 0; i < count; ++i)
        values[i] = core.get<T>(Space::SBUF, partition, offset, i);
    return values;
}

template<class T>
void check(const std::vector<T> &got, const std::vector<T> &want, const char *target, const char *what) {
    for (std::size_t i = 0; i < want.size(); ++i) {
        if (got[i] != want[i]) {
            fail_msg("%s: %s, element %zu: got %llx, want %llx", target, what, i,
                     static_cast<unsigned long long>(got[i]), static_cast<unsigned long long>(want[i]));
        }
    }
}

// Every pair of edge values.
struct Pairs {
    std::vector<float> a, b;
    Pairs() {
        for (const float x : edge_floats()) {
            for (const float y : edge_floats()) {
                a.push_back(x);
                b.push_back(y);
            }
        }
        a.push_back(3); // not a multiple of any vector
        b.push_back(-7);
    }
};

// ---- fp32 ----

void tensor_tensor_of_every_pair_of_edge_values(void **) {
    const Pairs pairs;
    const auto n = static_cast<unsigned>(pairs.a.size());
    on_every_target([&](const char *target) {
        for (const TensorOp op : arithmetic()) {
            const auto core = make_core();
            store(*core, A, pairs.a);
            store(*core, B, pairs.b);
            assert_legal(core->run(
                Engine::DVE, spec::InsnTensorTensor{
                                 .dst = sbuf(F32, n, OUT), .a = sbuf(F32, n, A), .b = sbuf(F32, n, B), .op = op}));
            std::vector<std::uint32_t> want(n);
            for (unsigned i = 0; i < n; ++i) {
                want[i] = canonical(reference(op, pairs.a[i], pairs.b[i]));
                assert_int_equal(bits_of(neuron::chip::apply(op, pairs.a[i], pairs.b[i])), want[i]);
            }
            check(load<std::uint32_t>(*core, OUT, n), want, target, spec::name(op).data());
        }
    });
}

void tensor_scalar_of_every_pair_of_operations(void **) {
    const auto &values = edge_floats();
    const auto n = static_cast<unsigned>(values.size());
    const float operands[][2] = {{3, -0.25f}, {0.0f, f32(0x7f800000)}, {-0.0f, 1}, {f32(0xffc12345), -2}};
    on_every_target([&](const char *target) {
        const auto core = make_core();
        store(*core, A, values);
        for (const TensorOp op0 : arithmetic()) {
            for (const TensorOp op1 : arithmetic()) {
                for (std::uint8_t flags = 0; flags < 4; ++flags) {
                    const auto &[x, y] = operands[(flags + spec::raw(op0)) % 4];
                    assert_legal(core->run(Engine::DVE, spec::InsnTensorScalar{.dst = sbuf(F32, n, OUT),
                                                                               .src = sbuf(F32, n, A),
                                                                               .op0 = op0,
                                                                               .operand0 = imm(x),
                                                                               .op1 = op1,
                                                                               .operand1 = imm(y),
                                                                               .flags = flags}));
                    std::vector<std::uint32_t> want;
                    for (const float value : values) {
                        const float first =
                            flags & OperandFlag::REVERSE0 ? reference(op0, x, value) : reference(op0, value, x);
                        want.push_back(canonical(flags & OperandFlag::REVERSE1 ? reference(op1, y, first)
                                                                               : reference(op1, first, y)));
                    }
                    check(load<std::uint32_t>(*core, OUT, n), want, target, spec::name(op0).data());
                }
            }
        }
    });
}

void scalar_tensor_tensor_of_every_pair_of_operations(void **) {
    const Pairs pairs;
    const auto n = static_cast<unsigned>(pairs.a.size());
    const float scalars[] = {3, -0.0f, f32(0x7f800000), 0x1p-140f};
    on_every_target([&](const char *target) {
        const auto core = make_core();
        store(*core, A, pairs.a);
        store(*core, B, pairs.b);
        for (const TensorOp op0 : arithmetic()) {
            for (const TensorOp op1 : arithmetic()) {
                const auto flags = static_cast<std::uint8_t>((spec::raw(op0) + spec::raw(op1)) % 4);
                const float x = scalars[(spec::raw(op0) + spec::raw(op1) / 4) % 4];
                assert_legal(core->run(Engine::DVE, spec::InsnScalarTensorTensor{.dst = sbuf(F32, n, OUT),
                                                                                 .a = sbuf(F32, n, A),
                                                                                 .op0 = op0,
                                                                                 .operand0 = imm(x),
                                                                                 .op1 = op1,
                                                                                 .b = sbuf(F32, n, B),
                                                                                 .flags = flags}));
                std::vector<std::uint32_t> want;
                for (unsigned i = 0; i < n; ++i) {
                    const float a = pairs.a[i], b = pairs.b[i];
                    const float first = flags & OperandFlag::REVERSE0 ? reference(op0, x, a) : reference(op0, a, x);
                    want.push_back(
                        canonical(flags & OperandFlag::REVERSE1 ? reference(op1, b, first) : reference(op1, first, b)));
                }
                check(load<std::uint32_t>(*core, OUT, n), want, target, spec::name(op0).data());
            }
        }
    });
}

void reciprocal_is_rounded_once(void **) {
    std::vector<float> values = edge_floats();
    Random random(5);
    for (int i = 0; i < 600; ++i)
        values.push_back(f32(random.bits()));
    const auto n = static_cast<unsigned>(values.size());
    on_every_target([&](const char *target) {
        const auto core = make_core();
        store(*core, A, values);
        assert_legal(core->run(Engine::DVE, spec::InsnReciprocal{.dst = sbuf(F32, n, OUT), .src = sbuf(F32, n, A)}));
        std::vector<std::uint32_t> want;
        for (const float value : values)
            want.push_back(canonical(static_cast<float>(1.0 / static_cast<double>(value))));
        check(load<std::uint32_t>(*core, OUT, n), want, target, "RECIPROCAL");
    });
}

// A contraction to fused multiply-add would show: (1 + 2^-12)^2 - 1 - 2^-11 is 2^-24 only before the rounding.
void nothing_is_fused(void **) {
    on_every_target([&](const char *target) {
        const auto core = make_core();
        const float x = 1 + 0x1p-12f;
        store(*core, A, std::vector<float>(40, x));
        assert_legal(core->run(Engine::ACT, spec::InsnTensorScalar{.dst = sbuf(F32, 40, OUT),
                                                                   .src = sbuf(F32, 40, A),
                                                                   .op0 = TensorOp::MULT,
                                                                   .operand0 = imm(x),
                                                                   .op1 = TensorOp::ADD,
                                                                   .operand1 = imm(-1 - 0x1p-11f)}));
        check(load<std::uint32_t>(*core, OUT, 40), std::vector<std::uint32_t>(40, 0), target, "MULT, ADD");
    });
}

void pow_and_rsqrt_are_those_of_the_library(void **) {
    const Pairs pairs;
    const auto n = static_cast<unsigned>(pairs.a.size());
    on_every_target([&](const char *target) {
        const auto core = make_core();
        store(*core, A, pairs.a);
        store(*core, B, pairs.b);
        std::vector<float> power(n), root(n);
        {
            const neuron::chip::DefaultFpEnvironment environment;
            neuron::chip::power(pairs.a.data(), pairs.b.data(), power.data(), n);
            neuron::chip::activation_function(neuron::chip::MathFunction::RSQRT, pairs.a.data(), root.data(), n);
        }
        for (const auto &[op, want] : {std::pair{TensorOp::POW, power}, {TensorOp::RSQRT, root}}) {
            assert_legal(core->run(
                Engine::POOL, spec::InsnTensorTensor{
                                  .dst = sbuf(F32, n, OUT), .a = sbuf(F32, n, A), .b = sbuf(F32, n, B), .op = op}));
            std::vector<std::uint32_t> bits;
            for (const float value : want)
                bits.push_back(canonical(value));
            check(load<std::uint32_t>(*core, OUT, n), bits, target, spec::name(op).data());
        }
        // 2^x: the scalar is the base.
        assert_legal(core->run(Engine::POOL, spec::InsnTensorScalar{.dst = sbuf(F32, 3, OUT),
                                                                    .src = sbuf(F32, 3, B),
                                                                    .op0 = TensorOp::POW,
                                                                    .operand0 = imm(2),
                                                                    .operand1 = imm(0),
                                                                    .flags = spec::raw(OperandFlag::REVERSE0)}));
        assert_int_equal(core->get<std::uint32_t>(Space::SBUF, 0, OUT), bits_of(1)); // 2^0
    });
}

// ---- other types ----

// What a row looks like after a COPY to another type.
std::vector<std::uint8_t> copied(Core &core, Dtype from, std::uint32_t at, Dtype to, unsigned n) {
    assert_legal(core.run(Engine::DVE, spec::InsnCopy{.dst = sbuf(to, n, OUT), .src = sbuf(from, n, at)}));
    return load<std::uint8_t>(core, OUT, std::size_t{n} * spec::bytes(to));
}

// Any types: as if the inputs had been copied to fp32, and the result from there.
void types_pass_through_fp32(void **) {
    constexpr unsigned N = 1203; // more than a piece
    const auto types = spec::values<Dtype>();
    on_every_target([&](const char *target) {
        const auto core = std::make_unique<Core>();
        Random random(11);
        for (unsigned round = 0; round < 60; ++round) {
            const Dtype to = types[random.below(static_cast<unsigned>(types.size()))];
            const Dtype from_a = round % 4 == 0 ? to : types[random.below(static_cast<unsigned>(types.size()))];
            const Dtype from_b = round % 4 == 0 ? to : types[random.below(static_cast<unsigned>(types.size()))];
            for (unsigned i = 0; i < N; ++i) {
                core->set<std::uint32_t>(Space::SBUF, 0, A, i, random.bits());
                core->set<std::uint32_t>(Space::SBUF, 0, B, i, random.bits());
            }
            const TensorOp op = arithmetic()[random.below(static_cast<unsigned>(arithmetic().size()))];
            const auto insn = [&](Dtype dst, Dtype a, Dtype b) {
                return spec::InsnTensorTensor{
                    .dst = sbuf(dst, N, OUT), .a = sbuf(a, N, A), .b = sbuf(b, N, B), .op = op};
            };
            assert_legal(core->run(Engine::DVE, insn(to, from_a, from_b)));
            const auto got = load<std::uint8_t>(*core, OUT, std::size_t{N} * spec::bytes(to));
            for (const auto &[type, at] : {std::pair{from_a, A}, {from_b, B}}) {
                const auto wide = copied(*core, type, at, F32, N);
                store(*core, at, wide);
            }
            assert_legal(core->run(Engine::DVE, insn(F32, F32, F32)));
            const auto wide = load<std::uint8_t>(*core, OUT, N * sizeof(float));
            store(*core, A, wide);
            check(got, copied(*core, F32, A, to, N), target, spec::name(to).data());
        }
    });
}

void pool_is_exact_on_32_bit_integers(void **) {
    std::vector<std::uint32_t> a, b;
    const std::uint32_t edges[] = {0,          1,          2,          7,          (1u << 24) + 1,
                                   0x7fffffff, 0x80000000, 0x80000001, 0xffffffff, 0xfffffffe};
    for (const std::uint32_t x : edges) {
        for (const std::uint32_t y : edges) {
            a.push_back(x);
            b.push_back(y);
        }
    }
    const auto n = static_cast<unsigned>(a.size());
    const auto want = [](TensorOp op, std::int64_t x, std::int64_t y) -> std::int64_t {
        switch (op) {
        case TensorOp::ADD: return x + y;
        case TensorOp::SUBTRACT: return x - y;
        case TensorOp::MULT:
            return static_cast<std::int64_t>(static_cast<std::uint64_t>(x) * static_cast<std::uint64_t>(y));
        case TensorOp::MAX: return std::max(x, y);
        case TensorOp::MIN: return std::min(x, y);
        case TensorOp::ABS: return std::abs(x);
        case TensorOp::IS_EQUAL: return x == y;
        case TensorOp::NOT_EQUAL: return x != y;
        case TensorOp::IS_GT: return x > y;
        case TensorOp::IS_GE: return x >= y;
        case TensorOp::IS_LT: return x < y;
        case TensorOp::IS_LE: return x <= y;
        default: return x;
        }
    };
    on_every_target([&](const char *target) {
        const auto core = make_core();
        store(*core, A, a);
        store(*core, B, b);
        for (const TensorOp op : arithmetic()) {
            if (!neuron::chip::has_integer_form(op))
                continue;
            for (const Dtype type : {Dtype::I32, Dtype::U32}) {
                const auto wide = [&](std::uint32_t v) {
                    return type == Dtype::I32 ? static_cast<std::int64_t>(static_cast<std::int32_t>(v))
                                              : std::int64_t{v};
                };
                assert_legal(core->run(Engine::POOL, spec::InsnTensorTensor{.dst = sbuf(type, n, OUT),
                                                                            .a = sbuf(type, n, A),
                                                                            .b = sbuf(type, n, B),
                                                                            .op = op}));
                std::vector<std::uint32_t> expected, scalar;
                for (unsigned i = 0; i < n; ++i) {
                    expected.push_back(static_cast<std::uint32_t>(want(op, wide(a[i]), wide(b[i]))));
                    scalar.push_back(static_cast<std::uint32_t>(want(op, wide(b[7]), wide(a[i]))));
                }
                check(load<std::uint32_t>(*core, OUT, n), expected, target, spec::name(op).data());
                assert_legal(
                    core->run(Engine::POOL, spec::InsnTensorScalar{.dst = sbuf(type, n, OUT),
                                                                   .src = sbuf(type, n, A),
                                                                   .op0 = op,
                                                                   .operand0 = imm_bits(type, b[7]),
                                                                   .operand1 = imm(0),
                                                                   .flags = spec::raw(OperandFlag::REVERSE0)}));
                check(load<std::uint32_t>(*core, OUT, n), scalar, target, spec::name(op).data());
            }
        }
    });
}

// 2^24 + 1 + 0 shows the difference.
void integers_elsewhere_are_numbers(void **) {
    const auto core = make_core();
    const std::uint32_t odd = (1u << 24) + 1;
    const auto result = [&](Engine engine, Dtype dst, Dtype b, TensorOp op) {
        core->set<std::uint32_t>(Space::SBUF, 0, A, 0, odd);
        core->set<std::uint32_t>(Space::SBUF, 0, B, 0, 0);
        assert_legal(core->run(
            engine, spec::InsnTensorTensor{
                        .dst = sbuf(dst, 1, OUT), .a = sbuf(Dtype::I32, 1, A), .b = sbuf(b, 1, B), .op = op}));
        return core->get<std::uint32_t>(Space::SBUF, 0, OUT);
    };
    assert_int_equal(result(Engine::POOL, Dtype::I32, Dtype::I32, TensorOp::ADD), odd);
    assert_int_equal(result(Engine::DVE, Dtype::I32, Dtype::I32, TensorOp::ADD), odd - 1);
    assert_int_equal(result(Engine::POOL, Dtype::I32, Dtype::U32, TensorOp::ADD), odd - 1);
    assert_int_equal(result(Engine::POOL, Dtype::U32, Dtype::I32, TensorOp::ADD), odd - 1);
    assert_int_equal(result(Engine::POOL, Dtype::I32, Dtype::I32, TensorOp::ABS_MAX), odd - 1);

    const auto scalar = [&](TensorOp op1, spec::Scalar operand0) {
        assert_legal(core->run(Engine::POOL, spec::InsnTensorScalar{.dst = sbuf(Dtype::I32, 1, OUT),
                                                                    .src = sbuf(Dtype::I32, 1, A),
                                                                    .op0 = TensorOp::ADD,
                                                                    .operand0 = operand0,
                                                                    .op1 = op1,
                                                                    .operand1 = imm_bits(Dtype::I32, 0)}));
        return core->get<std::uint32_t>(Space::SBUF, 0, OUT);
    };
    assert_int_equal(scalar(TensorOp::ADD, imm_bits(Dtype::I32, 0)), odd);
    assert_int_equal(scalar(TensorOp::ADD, imm(0)), odd - 1);                   // a number: so is the rest
    assert_int_equal(scalar(TensorOp::RELU, imm_bits(Dtype::I32, 0)), odd - 1); // no exact form
}

template<class T>
T bit_reference(TensorOp op, T a, T b) {
    using Signed = std::make_signed_t<T>;
    constexpr unsigned W = 8 * sizeof(T);
    switch (op) {
    case TensorOp::BITWISE_AND: return a & b;
    case TensorOp::BITWISE_OR: return a | b;
    case TensorOp::BITWISE_XOR: return a ^ b;
    case TensorOp::BITWISE_NOT: return static_cast<T>(~a);
    case TensorOp::LOGICAL_SHIFT_LEFT:
    case TensorOp::ARITH_SHIFT_LEFT: return b >= W ? T{} : static_cast<T>(std::uint64_t{a} << b);
    case TensorOp::LOGICAL_SHIFT_RIGHT: return b >= W ? T{} : static_cast<T>(a >> b);
    default: return static_cast<T>(static_cast<std::int64_t>(static_cast<Signed>(a)) >> std::min<unsigned>(b, 63));
    }
}

template<class T>
void check_bits(const char *target, Dtype unsigned_type, Dtype signed_type) {
    const auto core = make_core();
    Random random(17);
    std::vector<T> a, b;
    for (unsigned i = 0; i < 501; ++i) {
        a.push_back(static_cast<T>(random.bits()));
        b.push_back(static_cast<T>(i % 3 == 0 ? random.bits() : random.below(40)));
    }
    const auto n = static_cast<unsigned>(a.size());
    store(*core, A, a);
    store(*core, B, b);
    for (const TensorOp op : spec::values<TensorOp>()) {
        if (!neuron::chip::is_bitvec(op))
            continue;
        assert_legal(core->run(Engine::DVE, spec::InsnTensorTensor{.dst = sbuf(signed_type, n, OUT),
                                                                   .a = sbuf(unsigned_type, n, A),
                                                                   .b = sbuf(signed_type, n, B),
                                                                   .op = op}));
        std::vector<T> want, scalar;
        for (unsigned i = 0; i < n; ++i) {
            want.push_back(bit_reference<T>(op, a[i], b[i]));
            scalar.push_back(
                bit_reference<T>(op, static_cast<T>(0xf5), bit_reference<T>(TensorOp::BITWISE_XOR, a[i], b[0])));
        }
        check(load<T>(*core, OUT, n), want, target, spec::name(op).data());
        // A column, then the low bits of a number.
        assert_legal(core->run(Engine::DVE, spec::InsnTensorScalar{.dst = sbuf(unsigned_type, n, OUT),
                                                                   .src = sbuf(unsigned_type, n, A),
                                                                   .op0 = TensorOp::BITWISE_XOR,
                                                                   .operand0 = column(unsigned_type, B),
                                                                   .op1 = op,
                                                                   .operand1 = imm_bits(Dtype::U32, 0xf5),
                                                                   .flags = spec::raw(OperandFlag::REVERSE1)}));
        check(load<T>(*core, OUT, n), scalar, target, spec::name(op).data());
    }
    // BYPASS goes with bits, and leaves them alone.
    assert_legal(core->run(Engine::DVE, spec::InsnTensorScalar{.dst = sbuf(unsigned_type, n, OUT),
                                                               .src = sbuf(unsigned_type, n, A),
                                                               .op0 = TensorOp::BYPASS,
                                                               .operand0 = imm(0),
                                                               .op1 = TensorOp::BITWISE_OR,
                                                               .operand1 = imm_bits(Dtype::I32, 0)}));
    check(load<T>(*core, OUT, n), a, target, "BYPASS");
}

void bits_of_every_size(void **) {
    on_every_target([](const char *target) {
        check_bits<std::uint8_t>(target, Dtype::U8, Dtype::I8);
        check_bits<std::uint16_t>(target, Dtype::U16, Dtype::I16);
        check_bits<std::uint32_t>(target, Dtype::U32, Dtype::I32);
    });
}

// ---- walks ----

constexpr unsigned WALK = 24; // elements: 24, or 6 x 4
constexpr Dtype WALK_TYPES[] = {Dtype::F32, Dtype::BF16, Dtype::I8, Dtype::I32};

spec::Tile any_walk(Random &random, std::uint32_t limit) {
    spec::Tile t = sbuf(WALK_TYPES[random.below(4)], WALK, 4 * (30 + random.below(limit)), 2);
    if (random.below(2) == 0) {
        t.num = {6, 4, 1, 1};
        t.step = {static_cast<std::int16_t>(random.below(4)), static_cast<std::int16_t>(random.below(9)), 0, 0};
    } else if (random.below(3) == 0) {
        t.step[0] = -1;
    }
    return t;
}

std::uint32_t walk_at(const spec::Tile &t, unsigned i) {
    const int index = t.num[1] == 1 ? static_cast<int>(i) * t.step[0]
                                    : static_cast<int>(i % 6) * t.step[0] + static_cast<int>(i / 6) * t.step[1];
    return t.offset + static_cast<std::uint32_t>(index * static_cast<int>(spec::bytes(t.dtype)));
}

// Small integers, which all these types hold.
double walk_load(const std::byte *at, Dtype dtype) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, at, spec::bytes(dtype));
    switch (dtype) {
    case Dtype::F32: return f32(bits);
    case Dtype::BF16: return f32(bits << 16);
    case Dtype::I8: return static_cast<std::int8_t>(bits);
    default: return static_cast<std::int32_t>(bits);
    }
}
bool is_small_integer(double value) {
    return std::fabs(value) <= 32 && std::trunc(value) == value && !(value == 0 && std::signbit(value));
}
void walk_store(std::byte *at, Dtype dtype, int value) {
    std::uint32_t bits = static_cast<std::uint32_t>(value);
    if (dtype == Dtype::F32 || dtype == Dtype::BF16)
        bits = bits_of(static_cast<float>(value)) >> (dtype == Dtype::BF16 ? 16 : 0);
    std::memcpy(at, &bits, spec::bytes(dtype));
}

// Any walks over the same bytes: broadcast, backward, in place and shifted, as if the partition's inputs were read first.
void any_walks_and_overlaps(void **) {
    const auto core = make_core();
    Random random(21);
    unsigned compared = 0;
    for (int round = 0; round < 3000; ++round) {
        const std::uint32_t limit = round % 2 == 0 ? 400 : 24;
        spec::InsnTensorTensor insn{.dst = any_walk(random, limit),
                                    .a = any_walk(random, limit),
                                    .b = any_walk(random, limit),
                                    .op = TensorOp::SUBTRACT};
        if (random.below(4) == 0)
            insn.dst = insn.a;
        std::vector<std::byte> want[2];
        for (unsigned row = 0; row < 2; ++row) {
            const auto partition = core->memory.partition(Space::SBUF, row);
            // Inputs may overlap with different types: fill for a, then for b, and take what is there.
            for (const spec::Tile *t : {&insn.a, &insn.b}) {
                for (unsigned i = 0; i < WALK; ++i)
                    walk_store(partition.data() + walk_at(*t, i), t->dtype, static_cast<int>(random.below(64)) - 32);
            }
            want[row].assign(partition.begin(), partition.end());
        }
        bool small = true;
        for (unsigned row = 0; row < 2; ++row) {
            const std::vector<std::byte> before = want[row];
            for (unsigned i = 0; i < WALK; ++i) {
                const double a = walk_load(before.data() + walk_at(insn.a, i), insn.a.dtype);
                const double b = walk_load(before.data() + walk_at(insn.b, i), insn.b.dtype);
                small = small && is_small_integer(a) && is_small_integer(b);
                walk_store(want[row].data() + walk_at(insn.dst, i), insn.dst.dtype,
                           small ? static_cast<int>(a - b) : 0);
            }
        }
        if (!small)
            continue; // bytes of another type: not what this test is about
        ++compared;
        assert_legal(core->run(Engine::DVE, insn));
        for (unsigned row = 0; row < 2; ++row) {
            const auto partition = core->memory.partition(Space::SBUF, row);
            assert_memory_equal(partition.data(), want[row].data(), want[row].size());
        }
    }
    assert_true(compared > 1000);
}

void one_scalar_per_partition(void **) {
    const auto core = make_core();
    for (unsigned p = 0; p < 64; ++p) {
        core->set<float>(Space::SBUF, 64 + p, A, 0, 2);
        core->set<float>(Space::PSUM, p, 8, 0, static_cast<float>(p));
    }
    core->regs[5] = 8;
    core->regs[6] = bits_of(0.5f);
    const spec::Scalar from_psum{
        .value = 0, .kind = spec::ScalarKind::VECTOR, .reg = 5, .space = Space::PSUM, .dtype = F32};
    const spec::Scalar from_register{.kind = spec::ScalarKind::REG, .reg = 6, .dtype = F32};
    assert_legal(core->run(Engine::DVE, spec::InsnTensorScalar{.dst = tile(Space::SBUF, F32, 64, 1, OUT),
                                                               .src = tile(Space::SBUF, F32, 64, 1, A, 64),
                                                               .op0 = TensorOp::MULT,
                                                               .operand0 = from_psum,
                                                               .op1 = TensorOp::ADD,
                                                               .operand1 = from_register}));
    for (unsigned p = 0; p < 64; ++p)
        assert_float_equal(core->get<float>(Space::SBUF, p, OUT), 2.0f * static_cast<float>(p) + 0.5f, 0);
}

// ---- MEMSET ----

void memset_converts_its_value(void **) {
    struct Case {
        spec::Scalar value;
        Dtype to;
        std::uint32_t want;
    };
    const Case cases[] = {
        {imm_bits(F32, 0x7f800001), F32, 0x7f800001}, // equal types: the bits
        {imm_bits(F32, 0x7f800001), Dtype::BF16, 0x7fc0},
        {imm(1.5f), Dtype::F8E4M3, 0x3c},
        {imm(2.5f), Dtype::I8, 2},
        {imm(-1), Dtype::U16, 0},
        {imm_bits(Dtype::I32, 0x12345678), Dtype::I8, 0x78}, // low bits
        {imm_bits(Dtype::U32, 0xffff8001), Dtype::I16, 0x8001},
        {imm_bits(Dtype::U32, 0xffffffff), Dtype::I32, 0xffffffff},
        {imm_bits(Dtype::I32, (1 << 24) + 1), F32, 0x4b800000}, // through fp32
        {column(Dtype::I8, B), Dtype::U16, 0},                  // -5, saturated
        {column(Dtype::I8, B), F32, bits_of(-5.0f)},
        {column(Dtype::F8E5M2, B + 4), Dtype::F8E5M2, 0x7d},
        {column(Dtype::F8E5M2, B + 4), Dtype::F16, 0x7e00},
    };
    on_every_target([&](const char *target) {
        for (const Case &c : cases) {
            const auto core = make_core();
            core->set<std::int8_t>(Space::SBUF, 0, B, 0, -5);
            core->set<std::uint8_t>(Space::SBUF, 0, B, 4, 0x7d); // a NaN with a payload
            spec::Tile dst = sbuf(c.to, 7, OUT);
            dst.step[0] = 2;
            assert_legal(core->run(Engine::DVE, spec::InsnMemset{.dst = dst, .value = c.value}));
            for (unsigned i = 0; i < 14; ++i) {
                std::uint32_t got = 0;
                std::memcpy(&got, core->memory.partition(Space::SBUF, 0).data() + OUT + i * spec::bytes(c.to),
                            spec::bytes(c.to));
                if (got != (i % 2 == 0 ? c.want : 0))
                    fail_msg("%s: %s, element %u: got %x", target, spec::name(c.to).data(), i, got);
            }
        }
    });
}

// ---- stochastic rounding: words are taken by element, whatever the pieces ----

void stochastic_results_take_a_word_per_element(void **) {
    constexpr unsigned N = 2100;
    on_every_target([&](const char *target) {
        std::vector<std::vector<std::uint8_t>> results;
        for (const unsigned split : {N, 7u}) {
            const auto core = make_core();
            auto &state = core->state(Engine::DVE);
            state.rounding = spec::Rounding::STOCHASTIC;
            state.seed = 77;
            for (unsigned i = 0; i < N; ++i)
                core->set<std::uint16_t>(Space::SBUF, 0, A, i, static_cast<std::uint16_t>(0x3f80 + i % 128));
            const auto run = [&](unsigned first, unsigned n) {
                assert_legal(core->run(Engine::DVE, spec::InsnTensorScalar{.dst = sbuf(Dtype::BF16, n, OUT + 2 * first),
                                                                           .src = sbuf(Dtype::BF16, n, A + 2 * first),
                                                                           .op0 = TensorOp::MULT,
                                                                           .operand0 = imm(1.0f / 3),
                                                                           .operand1 = imm(0)}));
            };
            run(0, split);
            if (split != N)
                run(split, N - split);
            assert_int_equal(state.words, N);
            results.push_back(load<std::uint8_t>(*core, OUT, 2 * N));
        }
        check(results[1], results[0], target, "cut in two");
        const auto core = make_core();
        auto &state = core->state(Engine::DVE);
        state.rounding = spec::Rounding::STOCHASTIC;
        assert_legal(core->run(Engine::DVE, spec::InsnReciprocal{.dst = sbuf(F32, 9, OUT), .src = sbuf(F32, 9, A)}));
        assert_int_equal(state.words, 0); // not narrower
        assert_legal(core->run(Engine::DVE, spec::InsnMemset{.dst = sbuf(Dtype::TF32, 9, OUT), .value = imm(1)}));
        assert_int_equal(state.words, 9);
        assert_legal(core->run(Engine::DVE, spec::InsnCopy{.dst = sbuf(Dtype::F16, 5, OUT), .src = sbuf(F32, 5, A)}));
        assert_int_equal(state.words, 14);
    });
}

// ---- limits ----

template<class Insn>
void refused(Core &core, Engine engine, const Insn &insn, const char *operand) {
    const auto before = load<std::uint8_t>(core, 0, SBUF_BYTES);
    assert_fault(core.run(engine, insn), Fault::ILLEGAL_OPERAND, neuron::chip::operand_offset(Insn::OPCODE, operand));
    check(load<std::uint8_t>(core, 0, SBUF_BYTES), before, "", operand);
}

void tensor_tensor_refuses_by_name(void **) {
    const auto core = make_core();
    core->set<float>(Space::SBUF, 0, A, 0, 1);
    const spec::InsnTensorTensor good{.dst = sbuf(F32, 8, OUT, 4), .a = sbuf(F32, 8, A, 4), .b = sbuf(F32, 8, B, 4)};
    const auto with = [&](auto change) {
        spec::InsnTensorTensor insn = good;
        change(insn);
        return insn;
    };
    assert_legal(core->run(Engine::DVE, good));
    refused(*core, Engine::DVE, with([](auto &i) { i.a.num[0] = 9; }), "a");
    refused(*core, Engine::DVE, with([](auto &i) { i.a.partitions = 3; }), "a");
    refused(*core, Engine::DVE, with([](auto &i) { i.b.num[0] = 7; }), "b");
    refused(*core, Engine::DVE, with([](auto &i) { i.b.partitions = 5; }), "b");
    refused(*core, Engine::DVE, with([](auto &i) { i.dst.dtype = Dtype{}; }), "dst");
    refused(*core, Engine::DVE, with([](auto &i) { i.a.space = i.b.space = Space::PSUM; }), "b");
    assert_legal(core->run(Engine::DVE, with([](auto &i) { i.a.space = i.dst.space = Space::PSUM; })));
    for (const TensorOp op : {TensorOp::POW, TensorOp::RSQRT}) {
        refused(*core, Engine::DVE, with([&](auto &i) { i.op = op; }), "op");
        assert_legal(core->run(Engine::POOL, with([&](auto &i) { i.op = op; })));
    }
    const auto bits = [&](Dtype dst, Dtype a, Dtype b) {
        return with([&](auto &i) {
            i.op = TensorOp::BITWISE_OR;
            i.dst.dtype = dst;
            i.a.dtype = a;
            i.b.dtype = b;
        });
    };
    assert_legal(core->run(Engine::DVE, bits(Dtype::I16, Dtype::U16, Dtype::I16)));
    refused(*core, Engine::POOL, bits(Dtype::I16, Dtype::U16, Dtype::I16), "op");
    refused(*core, Engine::DVE, bits(F32, Dtype::U32, Dtype::U32), "dst");
    refused(*core, Engine::DVE, bits(Dtype::U32, F32, Dtype::U32), "a");
    refused(*core, Engine::DVE, bits(Dtype::U32, Dtype::U16, Dtype::U32), "a");
    refused(*core, Engine::DVE, bits(Dtype::U32, Dtype::U32, Dtype::U8), "b");
    refused(*core, Engine::DVE, bits(Dtype::U32, Dtype::U32, F32), "b");
}

void tensor_scalar_refuses_by_name(void **) {
    const auto core = make_core();
    const spec::InsnTensorScalar good{.dst = sbuf(F32, 8, OUT, 4),
                                      .src = sbuf(F32, 8, A, 4),
                                      .op0 = TensorOp::MULT,
                                      .operand0 = imm(1),
                                      .op1 = TensorOp::ADD,
                                      .operand1 = imm(1)};
    const auto with = [&](auto change) {
        spec::InsnTensorScalar insn = good;
        change(insn);
        return insn;
    };
    const auto ops = [&](TensorOp op0, TensorOp op1, Dtype dtype = F32) {
        return with([&](auto &i) {
            i.op0 = op0;
            i.op1 = op1;
            i.dst.dtype = i.src.dtype = dtype;
        });
    };
    assert_legal(core->run(Engine::DVE, good));
    refused(*core, Engine::DVE, with([](auto &i) { i.src.num[0] = 9; }), "src");
    refused(*core, Engine::DVE, with([](auto &i) { i.operand0.dtype = Dtype::BF16; }), "operand0");
    refused(*core, Engine::DVE, with([](auto &i) { i.operand1.reg = 1; }), "operand1");
    refused(*core, Engine::DVE, with([](auto &i) { i.operand0 = column(Dtype::BF16, B); }), "operand0");
    refused(*core, Engine::DVE, with([](auto &i) { i.operand1 = column(Dtype::U32, B); }), "operand1");
    assert_legal(core->run(Engine::DVE, with([](auto &i) { i.operand1 = column(F32, B); })));
    // Kinds of operations.
    refused(*core, Engine::DVE, ops(TensorOp::BITWISE_AND, TensorOp::ADD, Dtype::U32), "op1");
    refused(*core, Engine::DVE, ops(TensorOp::ADD, TensorOp::BITWISE_AND, Dtype::U32), "op1");
    assert_legal(core->run(Engine::DVE, ops(TensorOp::BITWISE_AND, TensorOp::BYPASS, Dtype::U32)));
    refused(*core, Engine::DVE, ops(TensorOp::BITWISE_AND, TensorOp::BYPASS, F32), "dst");
    refused(*core, Engine::POOL, ops(TensorOp::BITWISE_AND, TensorOp::BYPASS, Dtype::U32), "op0");
    refused(*core, Engine::POOL, ops(TensorOp::BYPASS, TensorOp::BITWISE_AND, Dtype::U32), "op1");
    refused(*core, Engine::DVE, ops(TensorOp::POW, TensorOp::ADD), "op0");
    refused(*core, Engine::DVE, ops(TensorOp::ADD, TensorOp::RSQRT), "op1");
    assert_legal(core->run(Engine::POOL, ops(TensorOp::POW, TensorOp::RSQRT)));
    for (const Dtype dtype : {F32, Dtype::U16, Dtype::I8}) {
        refused(*core, Engine::DVE, with([&](auto &i) {
            i.op0 = i.op1 = TensorOp::BITWISE_XOR;
            i.dst.dtype = i.src.dtype = Dtype::I32;
            i.operand0 = column(dtype, B);
        }),
                "operand0");
    }
    // The ACT engine.
    for (const auto &[op0, op1] : {std::pair{TensorOp::MULT, TensorOp::ADD},
                                   {TensorOp::MULT, TensorOp::BYPASS},
                                   {TensorOp::ADD, TensorOp::BYPASS}})
        assert_legal(core->run(Engine::ACT, ops(op0, op1)));
    refused(*core, Engine::ACT, ops(TensorOp::BYPASS, TensorOp::ADD), "op0");
    refused(*core, Engine::ACT, ops(TensorOp::SUBTRACT, TensorOp::BYPASS), "op0");
    refused(*core, Engine::ACT, ops(TensorOp::ADD, TensorOp::ADD), "op1");
    refused(*core, Engine::ACT, ops(TensorOp::MULT, TensorOp::MULT), "op1");
    refused(*core, Engine::ACT, with([](auto &i) { i.flags = spec::raw(OperandFlag::REVERSE1); }), "flags");
}

void scalar_tensor_tensor_refuses_by_name(void **) {
    const auto core = make_core();
    const spec::InsnScalarTensorTensor good{.dst = sbuf(F32, 8, OUT, 4),
                                            .a = sbuf(F32, 8, A, 4),
                                            .op0 = TensorOp::MULT,
                                            .operand0 = imm(1),
                                            .op1 = TensorOp::ADD,
                                            .b = sbuf(F32, 8, B, 4)};
    const auto with = [&](auto change) {
        spec::InsnScalarTensorTensor insn = good;
        change(insn);
        return insn;
    };
    assert_legal(core->run(Engine::DVE, good));
    refused(*core, Engine::DVE, with([](auto &i) { i.a.num[0] = 9; }), "a");
    refused(*core, Engine::DVE, with([](auto &i) { i.b.num[0] = 9; }), "b");
    refused(*core, Engine::DVE, with([](auto &i) { i.a.space = i.b.space = Space::PSUM; }), "b");
    refused(*core, Engine::DVE, with([](auto &i) { i.operand0 = column(Dtype::F16, B); }), "operand0");
    for (const TensorOp op : {TensorOp::POW, TensorOp::RSQRT, TensorOp::BITWISE_AND}) {
        refused(*core, Engine::DVE, with([&](auto &i) { i.op0 = op; }), "op0");
        refused(*core, Engine::DVE, with([&](auto &i) { i.op1 = op; }), "op1");
    }
}

void memset_and_reciprocal_refuse_by_name(void **) {
    const auto core = make_core();
    const spec::Tile dst = sbuf(F32, 8, OUT, 4);
    refused(*core, Engine::DVE, spec::InsnReciprocal{.dst = dst, .src = sbuf(F32, 9, A, 4)}, "src");
    refused(*core, Engine::DVE, spec::InsnMemset{.dst = dst, .value = imm_bits(Dtype::I8, 1)}, "value");
    const spec::Scalar outside{
        .value = SBUF_BYTES, .kind = spec::ScalarKind::VECTOR, .space = Space::SBUF, .dtype = Dtype::F16};
    assert_fault(core->run(Engine::DVE, spec::InsnMemset{.dst = dst, .value = outside}), Fault::TILE_RANGE,
                 neuron::chip::operand_offset(Opcode::MEMSET, "value"));
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(tensor_tensor_of_every_pair_of_edge_values),
        cmocka_unit_test(tensor_scalar_of_every_pair_of_operations),
        cmocka_unit_test(scalar_tensor_tensor_of_every_pair_of_operations),
        cmocka_unit_test(reciprocal_is_rounded_once),
        cmocka_unit_test(nothing_is_fused),
        cmocka_unit_test(pow_and_rsqrt_are_those_of_the_library),
        cmocka_unit_test(types_pass_through_fp32),
        cmocka_unit_test(pool_is_exact_on_32_bit_integers),
        cmocka_unit_test(integers_elsewhere_are_numbers),
        cmocka_unit_test(bits_of_every_size),
        cmocka_unit_test(any_walks_and_overlaps),
        cmocka_unit_test(one_scalar_per_partition),
        cmocka_unit_test(memset_converts_its_value),
        cmocka_unit_test(stochastic_results_take_a_word_per_element),
        cmocka_unit_test(tensor_tensor_refuses_by_name),
        cmocka_unit_test(tensor_scalar_refuses_by_name),
        cmocka_unit_test(scalar_tensor_tensor_refuses_by_name),
        cmocka_unit_test(memset_and_reciprocal_refuse_by_name),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("compute_elementwise", tests, nullptr, nullptr);
}
