// SPDX-License-Identifier: MIT
/**
 * @file
 * Writes what the builder knows of the hardware contract: its constants, a function for each instruction with the checks
 * of its operands, and the table of them for people. What is optional and what is short is what the assembler thinks.
 */
#include <cstdio>
#include <fstream>
#include <string>

#include "writer.hpp"

int main(int argc, char **argv) {
    if (argc != 4) {
        std::fprintf(stderr, "usage: %s tables.hpp instructions.hpp calls.md\n", argv[0]);
        return 2;
    }
    const std::string texts[] = {neuron::generate::tables(), neuron::generate::instructions(),
                                 neuron::generate::calls()};
    for (int i = 0; i < 3; ++i) {
        std::ofstream file(argv[i + 1], std::ios::binary);
        file << texts[i];
        if (!file.flush()) {
            std::fprintf(stderr, "%s: %s\n", argv[0], argv[i + 1]);
            return 1;
        }
    }
    return 0;
}
