// SPDX-License-Identifier: MIT
/**
 * @file
 * Operands to text that reads as the same bytes. Text with a '?' stands for
 * what has none.
 */
#pragma once

#include <cstdint>
#include <string>

#include <neuron/kernel_file.hpp>

namespace neuron::assembler {

std::string tile_text(const spec::Tile &tile);

/** What a block of memory takes from its instruction. */
struct MemContext {
    std::int64_t rows = 1;
    spec::Dtype dtype{};      ///< Of the tile; where there is none the block has its own.
    bool one_element = false; ///< Rows and dimensions may be left out.
};
std::string mem_text(const spec::Mem &mem, std::string param, const MemContext &context);

/** A scalar of an instruction whose tile has so many partitions. */
std::string scalar_text(const spec::Scalar &scalar, std::uint32_t partitions);

} // namespace neuron::assembler
