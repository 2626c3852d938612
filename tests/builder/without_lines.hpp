// SPDX-License-Identifier: MIT
/**
 * @file
 * What a kernel file is but for where it was written.
 */
#pragma once

#include <cstddef>
#include <vector>

#include <neuron/kernel_file.hpp>

#include "encoding.hpp"

namespace builder_test {

inline std::vector<std::byte> without_lines(const neuron::KernelFile &file) {
    auto image = neuron::assembler::to_image(file);
    image.lines = {};
    return neuron::assembler::write_elf(image).value();
}

inline std::vector<std::byte> without_lines(const std::vector<std::byte> &file) {
    return without_lines(neuron::KernelFile::parse(file, "kernel").value());
}

} // namespace builder_test
