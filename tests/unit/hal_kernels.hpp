// SPDX-License-Identifier: MIT
// Kernels made in the test, without an assembler.
#pragma once

#include <utility>
#include <vector>

#include <neuron/kernel_file.hpp>

#include "hal_check.hpp"
#include "hal_kernel_image.hpp"

namespace hal_test {

/// A kernel of these sections and parameters.
inline neuron::KernelFile kernel(std::vector<std::pair<const char *, Bytes>> streams,
                                 std::vector<spec::NoteParam> params = {}) {
    Image image;
    for (auto &[section, bytes] : streams)
        image.add(section, std::move(bytes));
    Bytes notes = isa_note();
    for (const auto &param : params)
        notes = std::move(notes) + param_note(param);
    image.add_notes(std::move(notes));
    return must(neuron::KernelFile::parse(image.build(), "test.nk"));
}

/// A kernel whose PE branches to itself for ever.
inline neuron::KernelFile endless_kernel() {
    return kernel(
        {{".text.pe", stream(spec::InsnBranch{
                          .header = {}, .cond = spec::Cond::ALWAYS, .ra = 0, .rb = 0, .imm = 0, .target = 0})}});
}

} // namespace hal_test
