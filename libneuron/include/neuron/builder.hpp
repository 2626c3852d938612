// SPDX-License-Identifier: MIT
/**
 * @file
 * Kernels in C++: the whole interface of libneuron-kernel.
 *
 * @code
 * #include <neuron/builder.hpp>
 *
 * using namespace neuron::builder;
 *
 * neuron::Result<std::vector<std::byte>> hello() {
 *     Kernel kernel;
 *     const auto x = kernel.in<f32>("X", {128, 512});
 *     const auto y = kernel.out<bf16>("Y", {128, 512});
 *     const auto loaded = sbuf<f32>(partitions<128>(), at<0>(), dims<512>());
 *     const auto converted = sbuf<bf16>(partitions<128>(), at<2048>(), dims<512>());
 *
 *     const auto sp = kernel.sp();
 *     sp.dma_load(loaded, x.block<128, 512>(), {.ring = 0}).then(sem<0> += 1);
 *     sp.end();
 *
 *     const auto act = kernel.act();
 *     act.copy(converted, loaded).wait(sem<0> >= 1);
 *     act.dma_store(y.block<128, 512>(), converted, {.ring = 1});
 *     act.end();
 *     return kernel.file();
 * }
 * @endcode
 *
 * docs/reference/builder.md has the rules and every instruction.
 */
#pragma once

#include <neuron/builder/kernel.hpp>
