// SPDX-License-Identifier: MIT
// What the tests of single instructions share: a copy of a core's memory that a reference of the
// instruction works on, element by element, as the hardware reference words it.
#ifndef NEURON_TESTS_COMPUTE_REFERENCE_HPP
#define NEURON_TESTS_COMPUTE_REFERENCE_HPP

#include "compute_support.hpp"

#include "compute/convert.hpp"
#include "compute/fp_environment.hpp"

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

namespace compute_test {

/// SBUF and PSUM, partition by partition.
class Image {
public:
    explicit Image(const Core &core) {
        for (const spec::Space space : {spec::Space::SBUF, spec::Space::PSUM}) {
            for (unsigned p = 0; p < spec::PARTITIONS; ++p) {
                const auto bytes = core.memory.partition(space, p);
                rows(space).emplace_back(bytes.begin(), bytes.end());
            }
        }
    }

    /// Byte offset of element `index` of the walk, counted as struct tile says.
    static std::int64_t offset(const spec::Tile &tile, std::uint32_t index) {
        std::int64_t at = tile.offset;
        for (std::size_t d = 0; d < tile.num.size(); ++d) {
            at += std::int64_t{index % tile.num[d]} * tile.step[d] * spec::bytes(tile.dtype);
            index /= tile.num[d];
        }
        return at;
    }
    static std::uint32_t elements(const spec::Tile &tile) {
        return std::uint32_t{tile.num[0]} * tile.num[1] * tile.num[2] * tile.num[3];
    }

    std::uint32_t bits(const spec::Tile &tile, unsigned p, std::uint32_t index) const {
        std::uint32_t value = 0;
        std::memcpy(&value, at(tile, p, index), spec::bytes(tile.dtype));
        return value;
    }
    void set_bits(const spec::Tile &tile, unsigned p, std::uint32_t index, std::uint32_t value) {
        std::memcpy(const_cast<std::byte *>(at(tile, p, index)), &value, spec::bytes(tile.dtype));
    }
    /// As arithmetic takes it.
    float f32(const spec::Tile &tile, unsigned p, std::uint32_t index) const {
        const std::uint32_t raw = bits(tile, p, index);
        float value = 0;
        neuron::chip::convert_to_f32(&value, tile.dtype, reinterpret_cast<const std::byte *>(&raw), 1);
        return value;
    }
    /// As arithmetic writes it.
    void set_f32(const spec::Tile &tile, unsigned p, std::uint32_t index, float value) {
        const neuron::chip::DefaultFpEnvironment environment;
        if (std::isnan(value)) {
            value = std::bit_cast<float>(F32_NAN);
        }
        std::uint32_t raw = 0;
        neuron::chip::convert(tile.dtype, reinterpret_cast<std::byte *>(&raw), spec::Dtype::F32,
                              reinterpret_cast<const std::byte *>(&value), 1);
        set_bits(tile, p, index, raw);
    }
    /// All elements of a partition as arithmetic takes them.
    std::vector<float> row(const spec::Tile &tile, unsigned p) const {
        std::vector<float> values;
        for (std::uint32_t i = 0; i < elements(tile); ++i) {
            values.push_back(f32(tile, p, i));
        }
        return values;
    }

    /// Every byte of the core is the same.
    void assert_same(const Core &core) const {
        for (const spec::Space space : {spec::Space::SBUF, spec::Space::PSUM}) {
            for (unsigned p = 0; p < spec::PARTITIONS; ++p) {
                const auto &want = rows(space)[p];
                const auto is = core.memory.partition(space, p);
                for (std::size_t byte = 0; byte < want.size(); ++byte) {
                    if (is[byte] != want[byte]) {
                        fail_msg("%s, partition %u, byte %zu: 0x%02x instead of 0x%02x", spec::name(space).data(), p,
                                 byte, static_cast<unsigned>(is[byte]), static_cast<unsigned>(want[byte]));
                    }
                }
            }
        }
    }

private:
    using Rows = std::vector<std::vector<std::byte>>;
    Rows &rows(spec::Space space) { return space == spec::Space::PSUM ? psum_ : sbuf_; }
    const Rows &rows(spec::Space space) const { return space == spec::Space::PSUM ? psum_ : sbuf_; }
    const std::byte *at(const spec::Tile &tile, unsigned p, std::uint32_t index) const {
        return &rows(tile.space)[tile.partition + p].at(static_cast<std::size_t>(offset(tile, index)));
    }
    Rows sbuf_;
    Rows psum_;
};

/// A value of fp32 that is interesting now and then.
inline std::uint32_t random_f32(Random &random) {
    constexpr std::uint32_t EDGES[] = {0x00000000, 0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc12345,
                                       0x00000001, 0x807fffff, 0x7f7fffff, 0xff7fffff, 0x3f800000, 0xbf800000};
    const std::uint32_t bits = random.bits();
    switch (random.below(4)) {
    case 0: return EDGES[random.below(std::size(EDGES))];
    case 1: return bits;
    // Around 1: sums and products that round.
    default: return (bits & 0x80ffffffU) | 0x3f000000U;
    }
}

/// Numbers without NaN and infinity, which would drown everything else in a long sum.
inline float random_number(Random &random) { return (static_cast<float>(random.below(1U << 24)) - 0x1p23F) * 0x1p-20F; }

/// Fills the elements of a tile: F32 and BF16 with numbers and edge values, others with any bits.
inline void fill(Core &core, const spec::Tile &tile, Random &random, bool edges = true) {
    for (unsigned p = 0; p < tile.partitions; ++p) {
        for (std::uint32_t i = 0; i < Image::elements(tile); ++i) {
            const auto byte = static_cast<std::uint32_t>(Image::offset(tile, i));
            const std::uint32_t number =
                edges ? random_f32(random) : std::bit_cast<std::uint32_t>(random_number(random));
            switch (tile.dtype) {
            case spec::Dtype::F32: core.set(tile.space, tile.partition + p, byte, 0, number); break;
            case spec::Dtype::BF16:
                core.set(tile.space, tile.partition + p, byte, 0, static_cast<std::uint16_t>(number >> 16));
                break;
            default:
                switch (spec::bytes(tile.dtype)) {
                case 1:
                    core.set(tile.space, tile.partition + p, byte, 0, static_cast<std::uint8_t>(random.bits()));
                    break;
                case 2:
                    core.set(tile.space, tile.partition + p, byte, 0, static_cast<std::uint16_t>(random.bits()));
                    break;
                default: core.set(tile.space, tile.partition + p, byte, 0, random.bits()); break;
                }
            }
        }
    }
}

inline void set_f32(Core &core, const spec::Tile &tile, unsigned p, std::uint32_t index, float value) {
    core.set(tile.space, tile.partition + p, static_cast<std::uint32_t>(Image::offset(tile, index)), 0, value);
}

inline spec::Scalar imm_f32(float value) {
    return {.value = std::bit_cast<std::uint32_t>(value), .kind = spec::ScalarKind::IMM, .dtype = spec::Dtype::F32};
}

inline spec::Scalar column(spec::Space space, spec::Dtype dtype, std::uint32_t offset, unsigned partition = 0) {
    return {.value = offset,
            .kind = spec::ScalarKind::VECTOR,
            .partition = static_cast<std::uint8_t>(partition),
            .space = space,
            .dtype = dtype};
}

/// The column's elements as a tile.
inline spec::Tile column_tile(const spec::Scalar &scalar, unsigned partitions) {
    return tile(scalar.space, scalar.dtype, partitions, 1, scalar.value, scalar.partition);
}

/// The instruction is refused because of operand `name`, and nothing has changed.
template<class Insn>
void assert_refused(Core &core, spec::Engine engine, const Insn &insn, const char *name,
                    spec::Fault code = spec::Fault::ILLEGAL_OPERAND) {
    const Image before(core);
    const auto state = core.state(engine);
    assert_fault(core.run(engine, insn), code, neuron::chip::operand_offset(Insn::OPCODE, name));
    before.assert_same(core);
    assert_memory_equal(core.state(engine).acc.data(), state.acc.data(), sizeof(state.acc));
    assert_int_equal(core.state(engine).seed, state.seed);
    assert_int_equal(core.state(engine).words, state.words);
}

// ---- operations ----

inline float maximum(float a, float b) {
    if (std::isnan(a) || std::isnan(b)) {
        return std::numeric_limits<float>::quiet_NaN();
    }
    return a == b ? (std::signbit(a) ? b : a) : a > b ? a : b;
}
inline float minimum(float a, float b) {
    if (std::isnan(a) || std::isnan(b)) {
        return std::numeric_limits<float>::quiet_NaN();
    }
    return a == b ? (std::signbit(a) ? a : b) : a < b ? a : b;
}

/// Those that the tests use.
inline float operate(spec::TensorOp op, float a, float b) {
    switch (op) {
    case spec::TensorOp::BYPASS: return a;
    case spec::TensorOp::ADD: return a + b;
    case spec::TensorOp::SUBTRACT: return a - b;
    case spec::TensorOp::MULT: return a * b;
    case spec::TensorOp::MAX: return maximum(a, b);
    case spec::TensorOp::MIN: return minimum(a, b);
    case spec::TensorOp::IS_EQUAL: return a == b ? 1 : 0;
    case spec::TensorOp::IS_GT: return a > b ? 1 : 0;
    case spec::TensorOp::IS_GE: return a >= b ? 1 : 0;
    case spec::TensorOp::IS_LT: return a < b ? 1 : 0;
    case spec::TensorOp::IS_LE: return a <= b ? 1 : 0;
    case spec::TensorOp::LOGICAL_AND: return a != 0 && b != 0 ? 1 : 0;
    case spec::TensorOp::LOGICAL_OR: return a != 0 || b != 0 ? 1 : 0;
    case spec::TensorOp::LOGICAL_XOR: return (a != 0) != (b != 0) ? 1 : 0;
    default: fail_msg("no reference for this operation"); return 0;
    }
}

/// The fixed order of sums and products: sixteen lanes, then halves. A difference is taken in the order of the walk.
inline float reduced(spec::TensorOp op, const std::vector<float> &values) {
    if (op == spec::TensorOp::SUBTRACT) {
        float difference = values[0];
        for (std::size_t i = 1; i < values.size(); ++i) {
            difference = operate(op, difference, values[i]);
        }
        return difference;
    }
    constexpr std::size_t LANES = 16;
    std::vector<std::vector<float>> lanes(LANES); // empty: no elements
    for (std::size_t i = 0; i < values.size(); ++i) {
        auto &lane = lanes[i % LANES];
        if (lane.empty()) {
            lane.push_back(values[i]);
        } else {
            lane[0] = operate(op, lane[0], values[i]);
        }
    }
    for (std::size_t half = LANES / 2; half > 0; half /= 2) {
        for (std::size_t l = 0; l < half; ++l) {
            if (!lanes[l + half].empty()) {
                lanes[l][0] = operate(op, lanes[l][0], lanes[l + half][0]);
            }
        }
    }
    const float result = lanes[0][0];
    const bool logical =
        op == spec::TensorOp::LOGICAL_AND || op == spec::TensorOp::LOGICAL_OR || op == spec::TensorOp::LOGICAL_XOR;
    return logical && values.size() == 1 ? (result != 0 ? 1.0F : 0.0F) : result;
}

inline void assert_f32_bits(float is, float want) {
    if (std::isnan(want)) {
        assert_true(std::isnan(is));
    } else {
        assert_int_equal(std::bit_cast<std::uint32_t>(is), std::bit_cast<std::uint32_t>(want));
    }
}

} // namespace compute_test

#endif // NEURON_TESTS_COMPUTE_REFERENCE_HPP
