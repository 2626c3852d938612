// SPDX-License-Identifier: MIT
/**
 * @file
 * A kernel between text and file.
 */
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include <neuron/kernel_file.hpp>

namespace neuron::encoding {

struct KernelImage {
    std::uint32_t sbuf_bytes = 0; ///< Per partition, 0 if unknown.
    std::uint32_t cores = 0;      ///< That a launch must name, 0: any number.
    std::vector<KernelParam> params;
    std::array<std::vector<InstructionBytes>, KernelFile::engines> streams;
    /** Lines of the source, by instruction; empty if it has none. A kernel file does not hold them. */
    std::array<std::vector<std::uint32_t>, KernelFile::engines> lines;
    std::vector<KernelSymbol> symbols; ///< Labels, by engine and then by instruction.
};

KernelImage to_image(const KernelFile &file);

/**
 * The kernel as an ELF file (spec/object.toml). Equal images give equal bytes.
 * @return io if the system refuses the memory to build it in.
 */
Result<std::vector<std::byte>> write_elf(const KernelImage &image);

} // namespace neuron::encoding
