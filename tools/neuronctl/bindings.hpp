// SPDX-License-Identifier: MIT
/**
 * @file
 * What the command line binds to the parameters of a kernel. Needs no device: everything that can be wrong with the
 * inputs is found before one is opened.
 */
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <neuron/kernel_file.hpp>

#include "../npy/npy.hpp"
#include "report.hpp"

namespace neuronctl {

/** A parameter and what it was given. */
struct Binding {
    const neuron::KernelParam *param = nullptr;
    std::string in_path;                        ///< Empty: no input.
    std::string out_path;                       ///< Empty: no output.
    std::optional<neuron::npy::Array> input;    ///< Read from in_path, checked against the parameter.
    std::string check_path;                     ///< Empty: the output is not compared.
    std::optional<neuron::npy::Array> expected; ///< Read from check_path, checked against the parameter.
    std::uint64_t scalar = 0;
    bool shared = false; ///< One buffer in host memory for all chips, zero at first.
};

/** The texts of the command line: "A=a.npy", "n=5"; for shared just the name. */
struct BindingTexts {
    std::vector<std::string> inputs;
    std::vector<std::string> outputs;
    std::vector<std::string> checks;
    std::vector<std::string> scalars;
    std::vector<std::string> shared;
};

/**
 * Matches texts and parameters, and reads the inputs. `kernel` is how messages call the kernel, e.g. "matmul".
 * @return One binding per parameter, in order. They refer to `file`.
 */
Outcome<std::vector<Binding>> bind(const neuron::KernelFile &file, const std::string &kernel,
                                   const BindingTexts &texts);

/**
 * The same for several chips that run the kernel together: "{chip}" in a text stands for the number of the chip.
 * @return The bindings of each chip.
 */
Outcome<std::vector<std::vector<Binding>>> bind(const neuron::KernelFile &file, const std::string &kernel,
                                                const BindingTexts &texts, std::size_t chips);

/** "bf16 [512, 512]". */
std::string tensor_text(neuron::spec::Dtype dtype, const std::vector<std::uint64_t> &shape);

} // namespace neuronctl
