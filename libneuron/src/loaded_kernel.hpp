// SPDX-License-Identifier: MIT
// A kernel while it is in a device's memory: what faults, and those who look at the process from outside, learn of it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include <neuron/error.hpp>
#include <neuron/kernel_file.hpp>

namespace neuron::detail {

struct LoadedKernel {
    explicit LoadedKernel(KernelFile kernel) : file(std::move(kernel)) {}
    ~LoadedKernel();
    LoadedKernel(const LoadedKernel &) = delete;
    LoadedKernel &operator=(const LoadedKernel &) = delete;

    /** Puts the file into memory of that name. A system that has none to give gets on without. */
    void show(const std::string &mark);

    const KernelFile file;

private:
    std::span<std::byte> shown_{}; // mapped
};

/** "matmul.s:12": where the instruction of a fault was written; "" if the file does not say. */
std::string line_of(const FaultInfo &fault, const KernelFile &file);

} // namespace neuron::detail
