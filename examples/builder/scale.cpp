// SPDX-License-Identifier: MIT
/**
 * @file
 * A kernel written in C++, run and checked: Y = max(2 X + 1, 0) for 512 rows.
 *
 * SP loads blocks of 128 rows and stores the results, DVE computes; both walk the four blocks in a loop of their own, and
 * meet at semaphores, each of which counts blocks that have come so far and were not taken.
 */
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <vector>

#include <neuron/builder.hpp>
#include <neuron/neuron.hpp>

namespace {

constexpr std::int64_t rows = 512, columns = 256, block = 128;
constexpr std::int64_t row_bytes = columns * 4, block_bytes = block * row_bytes;

neuron::Result<std::vector<std::byte>> scale_kernel() {
    using namespace neuron::builder;
    using neuron::spec::TensorOp;
    constexpr auto loaded = sem<0>, computed = sem<1>, stored = sem<2>;
    constexpr auto pass = reg<1>, offset = reg<2>;
    constexpr auto place = sbuf<f32>(partitions<block>(), at<0>(), dims<columns>());

    Kernel kernel;
    const auto x = kernel.in<f32>("X", {rows, columns});
    const auto y = kernel.out<f32>("Y", {rows, columns});

    const auto sp = kernel.sp();
    sp.move(offset, 0);
    repeat(sp, pass, rows / block, [&] {
        sp.dma_load(place, x.block<block, columns>(offset)).then(loaded += 1);
        sp.dma_store(y.block<block, columns>(offset), place).take(computed >= 1).then(stored += 1);
        sp.nop().take(stored >= 1); // the place is free again
        sp.add(offset, offset, block_bytes);
    });
    sp.end();

    const auto dve = kernel.dve();
    repeat(dve, pass, rows / block, [&] {
        dve.nop().take(loaded >= 1);
        dve.tensor_scalar(place, place, TensorOp::MULT, 2.0F, {.op1 = TensorOp::ADD, .operand1 = 1.0F});
        dve.tensor_scalar(place, place, TensorOp::MAX, 0.0F).then(computed += 1);
    });
    dve.end();
    return kernel.file();
}

neuron::Result<std::vector<float>> run(const std::string &backend, const std::vector<float> &input) {
    const auto image = scale_kernel();
    if (!image)
        return tl::unexpected(image.error());
    auto file = neuron::KernelFile::parse(*image, "scale");
    auto device = neuron::Device::open({.backend = backend});
    if (!file || !device)
        return tl::unexpected(!file ? file.error() : device.error());
    auto context = neuron::Context::create(*device);
    if (!context)
        return tl::unexpected(context.error());
    auto queue = neuron::Queue::create(*context);
    if (!queue)
        return tl::unexpected(queue.error());
    const neuron::BufferOptions hbm{.placement = neuron::Placement::hbm};
    auto x = neuron::Buffer::create(*context, input.size() * sizeof(float), hbm);
    auto y = neuron::Buffer::create(*context, input.size() * sizeof(float), hbm);
    auto program = neuron::Program::load(*context, *queue, std::move(*file));
    if (!x || !y || !program)
        return tl::unexpected(!x ? x.error() : !y ? y.error() : program.error());
    if (auto done = queue->write(*x, 0, std::as_bytes(std::span(input))); !done)
        return tl::unexpected(done.error());
    const neuron::Argument args[] = {neuron::Argument::tensor(*x), neuron::Argument::tensor(*y)};
    const auto job = program->launch(*queue, args);
    if (!job)
        return tl::unexpected(job.error());
    if (auto done = queue->wait(*job, std::chrono::seconds(60)); !done)
        return tl::unexpected(done.error());
    std::vector<float> output(input.size());
    if (auto done = queue->read(*y, 0, std::as_writable_bytes(std::span(output))); !done)
        return tl::unexpected(done.error());
    return output;
}

} // namespace

int main(int argc, char **argv) {
    std::vector<float> input(rows * columns);
    for (std::size_t i = 0; i < input.size(); ++i)
        input[i] = static_cast<float>(static_cast<int>(i % 1001) - 500) / 8;
    const auto output = run(argc > 1 ? argv[1] : "sim", input);
    if (!output) {
        std::fprintf(stderr, "scale: %s\n", output.error().message.c_str());
        return 1;
    }
    for (std::size_t i = 0; i < input.size(); ++i)
        if (const float want = std::max(2 * input[i] + 1, 0.0F); (*output)[i] != want) {
            std::fprintf(stderr, "scale: element %zu is %g, not %g\n", i, double{(*output)[i]}, double{want});
            return 1;
        }
    std::printf("scale: %zu elements are right\n", input.size());
    return 0;
}
