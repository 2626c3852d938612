// SPDX-License-Identifier: MIT
/**
 * @file
 * kernels/hello/hello.s in C++.
 */
#pragma once

#include <neuron/builder.hpp>

namespace builder_test {

inline void hello(neuron::builder::Kernel &kernel) {
    using namespace neuron::builder;
    const auto x = kernel.in<f32>("X", {128, 512});
    const auto y = kernel.out<bf16>("Y", {128, 512});
    constexpr auto loaded = sbuf<f32>(partitions<128>(), at<0>(), dims<512>());
    constexpr auto converted = sbuf<bf16>(partitions<128>(), at<2048>(), dims<512>());

    const auto sp = kernel.sp();
    sp.dma_load(loaded, x.block<128, 512>(), {.ring = 0}).then(sem<0> += 1);
    sp.end();

    const auto act = kernel.act();
    act.copy(converted, loaded).wait(sem<0> >= 1);
    act.dma_store(y.block<128, 512>(), converted, {.ring = 1});
    act.end();
}

} // namespace builder_test
