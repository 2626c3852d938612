// SPDX-License-Identifier: MIT
// Assembles the kernels of this test while it is built.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "assembler.hpp"

int main(int argc, char **argv) {
    if (argc != 3)
        return 2;
    std::ifstream in(argv[1]);
    const std::string source(std::istreambuf_iterator<char>(in), {});
    const auto image = neuron::assembler::assemble(source);
    if (!image) {
        std::fputs(neuron::assembler::render(image.error(), argv[1], source).c_str(), stderr);
        return 1;
    }
    const auto bytes = neuron::assembler::write_elf(*image).value();
    std::ofstream out(argv[2], std::ios::binary);
    out.write(reinterpret_cast<const char *>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return out.flush() ? 0 : 1;
}
