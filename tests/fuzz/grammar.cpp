// SPDX-License-Identifier: MIT
#include "grammar.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <string_view>
#include <vector>

namespace fuzz {

namespace {

constexpr unsigned HOSTILE = 3;      ///< percent of values that are anything at all
constexpr std::int64_t MANY = 16384; ///< elements per partition

void put(std::span<std::byte> out, std::size_t offset, std::size_t bytes, std::uint64_t value) {
    for (std::size_t i = 0; i < bytes; ++i)
        out[offset + i] = static_cast<std::byte>(value >> 8 * i);
}

std::uint64_t enum_value(Random &random, const spec::EnumDesc &desc) {
    if (desc.values.empty() || random.chance(HOSTILE))
        return random.below(256);
    std::uint64_t value = random.pick(desc.values).value;
    while (desc.is_flags && random.chance(40))
        value ^= random.pick(desc.values).value;
    return value;
}

/// Number of one of the bits that are set.
std::uint64_t bit_of(Random &random, std::uint32_t mask) {
    for (std::uint64_t skip = random.below(static_cast<std::uint64_t>(std::popcount(mask))); skip != 0; --skip)
        mask &= mask - 1;
    return static_cast<std::uint64_t>(std::countr_zero(mask));
}

/// Mostly a number that the range holds and that is near its lower end, now and then one next to its ends.
std::uint64_t number_of(Random &random, const spec::RangeDesc &range) {
    constexpr std::uint64_t FEW = 8;
    if (!range.limited() || random.chance(HOSTILE))
        return random.chance(70) ? random.below(4) : interesting_number(random);
    const auto first = static_cast<std::uint64_t>(range.min);
    const auto last = static_cast<std::uint64_t>(range.max);
    switch (random.below(40)) {
    case 0: return first - 1;
    case 1: return last + 1;
    case 2:
    case 3: return last;
    case 4:
    case 5: return static_cast<std::uint64_t>(range.also);
    default: break;
    }
    if (range.power_of_two)
        return first << random.below(static_cast<std::uint64_t>(std::bit_width(last / first)));
    const std::uint64_t steps = (last - first) / range.multiple;
    return first + random.below(std::min(steps, random.chance(70) ? FEW : steps) + 1) * range.multiple;
}

/// The same for how many a tile has of something, at least 1 and at most `most`.
std::uint32_t count_of(Random &random, spec::RangeDesc range, std::int64_t most) {
    range.min = std::max<std::int64_t>(range.min, 1);
    range.max = std::max(range.min, std::min(range.max, most));
    range.also = range.min;
    return static_cast<std::uint32_t>(number_of(random, range));
}

/// What the tiles of an instruction have in common.
struct Shape {
    std::uint32_t partitions;
    std::array<std::uint32_t, 4> num;
    std::uint64_t dtype;
};

Shape make_shape(Random &random) {
    static constexpr std::array<std::uint32_t, 8> PARTITIONS = {128, 128, 64, 32, 32, 16, 4, 1};
    static constexpr std::array<std::uint32_t, 10> NUMS = {1, 2, 4, 8, 16, 32, 64, 128, 512, 7};
    Shape shape{random.pick(PARTITIONS), {random.pick(NUMS), 1, 1, 1}, 0};
    for (std::size_t i = 1; i < shape.num.size() && random.chance(25); ++i)
        shape.num[i] = static_cast<std::uint32_t>(1 + random.below(4));
    const auto types = spec::values<spec::Dtype>();
    shape.dtype = random.chance(50) ? spec::raw(spec::Dtype::F32) : spec::raw(random.pick(types));
    return shape;
}

std::uint32_t element_bytes(const Shape &shape) {
    return std::max(1U, spec::bytes(static_cast<spec::Dtype>(shape.dtype)));
}

std::uint64_t product(const Shape &shape) {
    std::uint64_t elements = 1;
    for (const std::uint32_t n : shape.num)
        elements *= n;
    return elements;
}

/// Element `index` of the field `name` of a tile, a block of memory, or whatever has fields of such names.
std::uint64_t shaped_value(Random &random, const spec::FieldDesc &field, std::uint32_t index, const Shape &shape,
                           bool memory) {
    const std::string_view name = field.name;
    if (name == "offset")
        return random.below(memory ? 4 : 64) * (random.chance(70) ? 64 : element_bytes(shape));
    if (name == "reg")
        return random.chance(85) ? 0 : random.below(spec::SEQ_REGISTERS);
    if (name == "partition")
        return random.chance(70) ? 0 : 32 * random.below(4);
    if (name == "partitions")
        return shape.partitions;
    if (name == "dtype")
        return shape.dtype;
    if (name == "arg")
        return random.below(12);
    if (name == "shift")
        return random.below(5);
    if (name == "partition_stride")
        return product(shape) * element_bytes(shape);
    if (name == "num") {
        if (!memory)
            return shape.num[index];
        return index == 0 ? product(shape) : 1;
    }
    if (name == "step" || name == "stride") {
        std::uint64_t step = name == "stride" ? element_bytes(shape) : 1;
        for (std::uint32_t i = 0; i < index; ++i)
            step *= shape.num[i];
        return random.chance(85) ? step : interesting_number(random);
    }
    return random.below(4);
}

void write_struct(Random &random, const spec::StructDesc &desc, const Shape &shape, std::span<std::byte> out) {
    std::ranges::fill(out, std::byte{0});
    const bool memory = desc.name == "mem";
    for (const spec::FieldDesc &field : desc.fields) {
        if (field.is_reserved && !random.chance(1))
            continue;
        for (std::uint32_t i = 0; i < field.count; ++i) {
            const std::size_t at = field.offset + i * field.size;
            if (field.struct_desc != nullptr)
                write_struct(random, *field.struct_desc, shape, out.subspan(at, field.size));
            else if (random.chance(1))
                put(out, at, field.size, interesting_number(random));
            else if (field.enum_desc != nullptr && field.name != "dtype")
                put(out, at, field.size, enum_value(random, *field.enum_desc));
            else
                put(out, at, field.size, shaped_value(random, field, i, shape, memory));
        }
    }
}

void write_operand(Random &random, const spec::OperandDesc &operand, std::uint32_t stream_length, Shape shape,
                   std::span<std::byte> raw) {
    const auto out = raw.subspan(operand.offset, operand.size);
    if (operand.struct_desc != nullptr) {
        const Shape other = make_shape(random);
        if (random.chance(15))
            shape.dtype = other.dtype;
        if (operand.dtypes != 0 && (operand.dtypes >> shape.dtype & 1) == 0 && random.chance(100 - HOSTILE))
            shape.dtype = bit_of(random, operand.dtypes);
        if (random.chance(10))
            shape.partitions = other.partitions;
        if (random.chance(10))
            shape.num = other.num;
        if (!operand.partitions.holds(shape.partitions) && random.chance(100 - HOSTILE))
            shape.partitions = count_of(random, operand.partitions, spec::PARTITIONS);
        if (!operand.elements.holds(static_cast<std::int64_t>(product(shape))) && random.chance(100 - HOSTILE))
            shape.num = {count_of(random, operand.elements, MANY), 1, 1, 1};
        // An operand may be an array of structs.
        for (std::size_t at = 0; at + operand.struct_desc->size <= out.size(); at += operand.struct_desc->size)
            write_struct(random, *operand.struct_desc, shape, out.subspan(at, operand.struct_desc->size));
        for (const spec::FieldDesc &field : operand.struct_desc->fields)
            if (field.name == "space" && operand.spaces != 0 && random.chance(100 - HOSTILE))
                put(out, field.offset, field.size, bit_of(random, operand.spaces));
        return;
    }
    const std::size_t unit = operand.size / operand.count;
    for (std::size_t at = 0; at < out.size(); at += unit) {
        std::uint64_t value = number_of(random, operand.range);
        if (operand.enum_desc != nullptr)
            value = enum_value(random, *operand.enum_desc);
        else if (operand.kind == spec::OperandKind::REG)
            value = random.chance(100 - HOSTILE) ? random.below(8) : random.below(256);
        else if (operand.kind == spec::OperandKind::ARG)
            value = random.chance(100 - HOSTILE) ? random.below(12) : random.below(256);
        else if (operand.kind == spec::OperandKind::LABEL)
            value = random.below(stream_length + 1);
        put(out, at, unit, value);
    }
}

// Few semaphores and small values, so that waits and updates meet.
void write_sync(Random &random, std::span<std::byte> raw) {
    for (const spec::FieldDesc &field : spec::struct_desc<spec::InstructionHeader>().fields) {
        if (field.is_reserved || field.name == "opcode")
            continue;
        std::uint64_t value = 0;
        if (field.enum_desc != nullptr)
            value = random.chance(75) ? 0 : enum_value(random, *field.enum_desc);
        else if (field.size == 1)
            value = random.chance(100 - HOSTILE) ? random.below(3) : random.below(256);
        else
            value = random.chance(90) ? random.below(3) : interesting_number(random);
        put(raw, field.offset, field.size, value);
    }
}

void write_field(Random &random, const spec::FieldDesc &field, std::span<const std::uint64_t> addresses,
                 std::span<std::byte> raw) {
    for (std::uint32_t i = 0; i < field.count; ++i) {
        std::uint64_t value = 0;
        if (field.enum_desc != nullptr)
            value = enum_value(random, *field.enum_desc);
        else if (field.size == sizeof(std::uint64_t) && random.chance(75))
            value = random.pick(addresses) + (random.chance(70) ? 0 : random.below(2 * spec::PAGE_SIZE));
        else if (random.chance(60))
            value = 1 + random.below(random.chance(50) ? 4 : 4 * spec::PAGE_SIZE);
        else
            value = interesting_number(random);
        if (field.name == "bytes" && random.chance(80))
            value = random.below(3 * spec::PAGE_SIZE);
        put(raw, field.offset + i * field.size, field.size, value);
    }
}

} // namespace

std::uint64_t Random::next() {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

std::uint64_t interesting_number(Random &random) {
    const auto bit = static_cast<unsigned>(random.below(64));
    switch (random.below(7)) {
    case 0: return random.next();
    case 1: return 1ULL << bit;
    case 2: return (1ULL << bit) - 1;
    case 3: return ~0ULL - random.below(8);
    case 4: return 0x3f800000ULL << random.below(2); // spec-ok: 1.0f and beyond, as the bits of a float
    case 5: return random.below(65536);
    default: return 0;
    }
}

void write_instruction(Random &random, const spec::InsnDesc &desc, std::uint32_t stream_length, RawInstruction out) {
    std::ranges::fill(out, std::byte{0});
    out[0] = static_cast<std::byte>(spec::raw(desc.opcode));
    write_sync(random, out);
    const Shape shape = make_shape(random);
    for (const spec::OperandDesc &operand : desc.operands)
        write_operand(random, operand, stream_length, shape, out);
}

void mutate_instruction(Random &random, std::uint32_t stream_length, RawInstruction raw) {
    const spec::InsnDesc *desc = spec::find_instruction(static_cast<spec::Opcode>(raw[0]));
    if (desc == nullptr || desc->operands.empty() || random.chance(20)) {
        write_sync(random, raw);
        return;
    }
    const spec::OperandDesc &operand = random.pick(desc->operands);
    if (operand.struct_desc == nullptr || random.chance(30)) {
        write_operand(random, operand, stream_length, make_shape(random), raw);
        return;
    }
    // One field of a struct, the others as they are.
    const spec::FieldDesc &field = random.pick(operand.struct_desc->fields);
    std::vector<std::byte> fresh(operand.struct_desc->size);
    write_struct(random, *operand.struct_desc, make_shape(random), fresh);
    const std::size_t at = field.offset + field.size * random.below(field.count);
    std::copy_n(fresh.data() + at, field.size, raw.data() + operand.offset + at);
}

void write_packet(Random &random, const spec::PacketDesc &desc, std::span<const std::uint64_t> addresses,
                  RawPacket out) {
    std::ranges::fill(out, std::byte{0});
    out[0] = static_cast<std::byte>(spec::raw(desc.op));
    out[1] = static_cast<std::byte>(random.chance(90) ? random.below(2) * 3 : random.below(256));
    for (const spec::FieldDesc &field : desc.fields)
        if (!field.is_reserved || random.chance(1))
            write_field(random, field, addresses, out);
}

void mutate_packet(Random &random, std::span<const std::uint64_t> addresses, RawPacket raw) {
    const spec::PacketDesc *desc = spec::find_packet(static_cast<spec::PacketOp>(raw[0]));
    if (desc == nullptr || desc->fields.empty())
        raw[random.below(raw.size())] = static_cast<std::byte>(random.next());
    else
        write_field(random, random.pick(desc->fields), addresses, raw);
}

std::uint64_t register_value(Random &random, const spec::RegisterDesc &desc, std::span<const std::uint64_t> values) {
    if (desc.fields.empty())
        return random.chance(70) ? random.pick(values) : interesting_number(random);
    std::uint64_t value = 0;
    for (const spec::RegisterFieldDesc &field : desc.fields) {
        const std::uint64_t mask = (1ULL << field.bits) - 1;
        const std::uint64_t part = random.chance(80) ? random.below(4) : interesting_number(random);
        value |= (part & mask) << field.lsb;
    }
    return random.chance(95) ? value : interesting_number(random);
}

} // namespace fuzz
