// SPDX-License-Identifier: MIT
// What the tests of the assembler share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "assembler.hpp"
#include "disassembler.hpp"

extern "C" {
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
}

namespace asm_test {

using namespace neuron;
using assembler::Definition;
using assembler::KernelImage;

// Assembles, or fails the test with the errors.
inline KernelImage good(std::string_view source, const std::vector<Definition> &definitions = {}) {
    auto image = assembler::assemble(source, definitions);
    if (!image)
        fail_msg("%s", assembler::render(image.error(), "test.s", source).c_str());
    return std::move(*image);
}

// The errors of a source that must not assemble.
inline std::string bad(std::string_view source, const std::vector<Definition> &definitions = {}) {
    const auto image = assembler::assemble(source, definitions);
    if (image)
        fail_msg("assembled without an error: %s", std::string(source).c_str());
    return assembler::render(image.error(), "test.s", source);
}

inline void expect_part(const std::string &text, std::string_view part) {
    if (text.find(part) == std::string::npos)
        fail_msg("\"%s\" is not in: %s", std::string(part).c_str(), text.c_str());
}

inline void expect_no_part(const std::string &text, std::string_view part) {
    if (text.find(part) != std::string::npos)
        fail_msg("\"%s\" is in: %s", std::string(part).c_str(), text.c_str());
}

inline const std::vector<InstructionBytes> &stream(const KernelImage &image, spec::Engine engine) {
    return image.streams[static_cast<std::size_t>(engine)];
}

inline std::vector<std::byte> elf(const KernelImage &image) {
    auto bytes = assembler::write_elf(image);
    if (!bytes)
        fail_msg("%s", bytes.error().message.c_str());
    return std::move(*bytes);
}

inline KernelFile parse(const std::vector<std::byte> &bytes) {
    auto file = KernelFile::parse(bytes, "test.nko");
    if (!file)
        fail_msg("%s", file.error().message.c_str());
    return std::move(*file);
}

} // namespace asm_test
