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

/** Where an instruction was written. */
struct ImageLine {
    std::uint32_t line = 0; ///< From 1; 0: not known.
    std::uint32_t file = 0; ///< Index of KernelImage::sources; where there are none, they have no name.
    friend bool operator==(const ImageLine &, const ImageLine &) = default;
};

struct KernelImage {
    std::uint32_t sbuf_bytes = 0; ///< Per partition, 0 if unknown.
    std::uint32_t cores = 0;      ///< That a launch must name, 0: any number.
    std::vector<KernelParam> params;
    std::array<std::vector<InstructionBytes>, KernelFile::engines> streams;
    /** By instruction; empty if nobody knows. */
    std::array<std::vector<ImageLine>, KernelFile::engines> lines;
    std::vector<std::string> sources;  ///< Names of the files that `lines` are of.
    std::vector<KernelSymbol> symbols; ///< Labels, by engine and then by instruction.
};

KernelImage to_image(const KernelFile &file);

/**
 * The kernel as an ELF file (spec/object.toml). Equal images give equal bytes.
 * @return io if the system refuses the memory to build it in.
 */
Result<std::vector<std::byte>> write_elf(const KernelImage &image);

} // namespace neuron::encoding
