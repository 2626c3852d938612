// SPDX-License-Identifier: MIT
#include "operand_text.hpp"

#include <fmt/format.h>

#include "scalar.hpp"
#include "symbols.hpp"
#include <encoding/fp32.hpp>

namespace neuron::assembler {
namespace {

template<class Nums>
std::size_t rank_of(const Nums &num, const auto &step) {
    std::size_t rank = num.size();
    while (rank > 1 && num[rank - 1] == 1 && step[rank - 1] == 0)
        --rank;
    return rank;
}

// Dimensions with only those steps that the assembler would not fill in itself;
// `next` becomes the following default.
template<class Nums>
std::string dims_text(const Nums &num, const auto &step, std::int64_t &next) {
    std::string out;
    const std::size_t rank = rank_of(num, step);
    for (std::size_t i = 0; i < rank; ++i) {
        std::string dim = std::to_string(num[i]);
        if (step[i] != (num[i] == 1 ? 0 : next))
            dim += fmt::format("@{}", step[i]);
        if (num[i] != 1)
            next = std::int64_t{num[i]} * step[i];
        out.insert(0, ", " + dim);
    }
    return out;
}

std::string address_text(std::int64_t offset, std::uint32_t reg, std::uint32_t shift = 0) {
    if (reg == 0 && shift == 0)
        return std::to_string(offset);
    const std::string term = shift == 0 ? fmt::format("r{}", reg) : fmt::format("r{}<<{}", reg, shift);
    return offset == 0 ? term : fmt::format("{} + {}", offset, term);
}

// A tile up to its address.
std::string head_text(const spec::Tile &tile) {
    return fmt::format("{}.{}[{}:{}, {}", lower(spec::name(tile.space)), lower(spec::name(tile.dtype)), tile.partition,
                       tile.partition + tile.partitions, address_text(tile.offset, tile.reg));
}

} // namespace

std::string tile_text(const spec::Tile &tile) {
    std::int64_t next = 1;
    return head_text(tile) + dims_text(tile.num, tile.step, next) + "]";
}

std::string mem_text(const spec::Mem &mem, std::string param, const MemContext &context) {
    const auto own = static_cast<spec::Dtype>(mem.dtype);
    if (mem.dtype != 0)
        param += "." + lower(spec::name(own));
    const std::string address = address_text(mem.offset, mem.reg, mem.shift);
    std::int64_t next = spec::bytes(mem.dtype != 0 ? own : context.dtype);
    const std::string dims = dims_text(mem.num, mem.stride, next);
    std::string row = std::to_string(context.rows);
    if (mem.partition_stride != (context.rows == 1 ? 0 : next))
        row += fmt::format("@{}", mem.partition_stride);
    if (context.one_element && row == "1" && dims == ", 1")
        return fmt::format("{}[{}]", param, address);
    return fmt::format("{}[{}, {}{}]", param, address, row, dims);
}

std::string scalar_text(const spec::Scalar &scalar, std::uint32_t partitions) {
    if (scalar.kind == spec::ScalarKind::VECTOR)
        return head_text(column_tile(scalar, partitions)) + "]";
    const std::string type = lower(spec::name(scalar.dtype));
    if (scalar.kind == spec::ScalarKind::REG)
        return fmt::format("{}:r{}", type, scalar.reg);
    switch (scalar.kind == spec::ScalarKind::IMM ? scalar.dtype : spec::Dtype{}) {
    case spec::Dtype::F32: return fp32_text(scalar.value);
    case spec::Dtype::I32: return fmt::format("{}:{}", type, static_cast<std::int32_t>(scalar.value));
    case spec::Dtype::U32: return fmt::format("{}:{}", type, scalar.value);
    default: return "?";
    }
}

} // namespace neuron::assembler
