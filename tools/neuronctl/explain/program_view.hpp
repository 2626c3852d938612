// SPDX-License-Identifier: MIT
/**
 * @file
 * What a kernel's text says about its instructions: where they are, and which change a semaphore.
 */
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <neuron/error.hpp>
#include <neuron/kernel_file.hpp>

#include "../../asm/encoding.hpp"
#include "../report.hpp"

namespace neuronctl {

class ProgramView {
public:
    /** A kernel file, or a source that is assembled, which also knows its lines. */
    static Outcome<ProgramView> load(const std::string &path, const std::vector<std::string> &definitions = {});
    ProgramView(const std::string &name, neuron::encoding::KernelImage image);

    /** File name without folder and suffix. */
    const std::string &name() const { return name_; }
    bool has(neuron::spec::Engine engine, std::uint32_t pc) const;
    /** "loop+1", empty before the first label. */
    std::string label(neuron::spec::Engine engine, std::uint32_t pc) const;
    /** Line of the source, 0 if it is not known. */
    std::uint32_t line(neuron::spec::Engine engine, std::uint32_t pc) const;
    /** "line 12 of matmul", "line 88 of step.cpp, matmul" if the source has another name, or "matmul". */
    std::string line_text(neuron::spec::Engine engine, std::uint32_t pc) const;
    /** Whose instruction a fault is about; of a transfer's only if a single engine has a DMA instruction there. */
    std::optional<neuron::spec::Engine> engine_of(const neuron::FaultInfo &fault) const;
    /** "instruction 1 (loop+1, line 12 of matmul: nop wait s5>=3)", or "instruction 1". */
    std::string place(neuron::spec::Engine engine, std::uint32_t pc) const;

    struct Producer {
        neuron::spec::Engine engine{};
        std::uint32_t pc = 0;
        bool remote = false; ///< It changes the semaphore of another core.
    };
    /** Instructions that can make a semaphore grow, in the order of engines. */
    std::vector<Producer> producers(std::uint32_t semaphore) const;

    /** Whether no way leads out of instructions `first` to `last`. */
    bool closed(neuron::spec::Engine engine, std::uint32_t first, std::uint32_t last) const;

private:
    std::string name_;
    neuron::encoding::KernelImage image_;
};

} // namespace neuronctl
