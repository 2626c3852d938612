// SPDX-License-Identifier: MIT
#include "sim_bench.hpp"

namespace bench {

neuron::KernelFile assemble(std::string_view source, const std::vector<neuron::assembler::Definition> &definitions) {
    const auto image = neuron::assembler::assemble(source, definitions);
    if (!image)
        fail_msg("%s", neuron::assembler::render(image.error(), "kernel", source).c_str());
    return hal_test::must(neuron::KernelFile::parse(hal_test::must(neuron::assembler::write_elf(*image)), "kernel"));
}

} // namespace bench
