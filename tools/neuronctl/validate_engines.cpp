// SPDX-License-Identifier: MIT
// Self tests of the engines: each of each core computes something that has one right answer to the bit.
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "kernels.hpp"
#include "times.hpp"
#include "validate.hpp"

namespace neuronctl {
namespace {

constexpr std::size_t rows = 128;
constexpr std::size_t columns = 64;
constexpr std::size_t elements = rows * columns;

constexpr std::string_view pe_source = R"(
        .param X, in, f32, 128, 64
        .param W, in, f32, 128, 128
        .param Y, out, f32, 128, 64
        .engine sp
        dma_load sbuf.f32[0:128, 0, 64], X[0, 128, 64], ring=0 then s0+=1
        dma_load sbuf.f32[0:128, 1024, 128], W[0, 128, 128], ring=1 then s0+=1
        dma_store Y[0, 128, 64], sbuf.f32[0:128, 2048, 64], ring=0 wait s2>=1
        end
        .engine pe
        ldweights sbuf.f32[0:128, 1024, 128] wait s0>=2
        matmul psum.f32[0:128, 0, 64], sbuf.f32[0:128, 0, 64], start|stop then s1+=1
        end
        .engine act
        copy sbuf.f32[0:128, 2048, 64], psum.f32[0:128, 0, 64] wait s1>=1 then s2+=1
        end
)";

constexpr std::string_view act_source = R"(
        .param X, in, f32, 128, 64
        .param Y, out, f32, 128, 64
        .engine act
        dma_load sbuf.f32[0:128, 0, 64], X[0, 128, 64], ring=0 then s0+=1
        activate sbuf.f32[0:128, 2048, 64], sbuf.f32[0:128, 0, 64], relu, 2.0 wait s0>=1
        dma_store Y[0, 128, 64], sbuf.f32[0:128, 2048, 64], ring=0
        end
)";

constexpr std::string_view dve_source = R"(
        .param X, in, f32, 128, 64
        .param Y, out, f32, 128, 64
        .engine sp
        dma_load sbuf.f32[0:128, 0, 64], X[0, 128, 64], ring=0 then s0+=1
        dma_store Y[0, 128, 64], sbuf.f32[0:128, 2048, 64], ring=0 wait s1>=1
        end
        .engine dve
        tensor_tensor sbuf.f32[0:128, 2048, 64], sbuf.f32[0:128, 0, 64], sbuf.f32[0:128, 0, 64], add wait s0>=1 then s1+=1
        end
)";

constexpr std::string_view pool_source = R"(
        .param X, in, u32, 128, 64
        .param Y, out, u32, 128, 64
        .engine pool
        dma_load sbuf.u32[0:128, 0, 64], X[0, 128, 64], ring=0 then s0+=1
        tensor_tensor sbuf.u32[0:128, 2048, 64], sbuf.u32[0:128, 0, 64], sbuf.u32[0:128, 0, 64], mult wait s0>=1
        dma_store Y[0, 128, 64], sbuf.u32[0:128, 2048, 64], ring=0
        end
)";

constexpr std::string_view sp_source = R"(
        .param X, in, u32, 128, 64
        .param Y, out, u32, 128, 64
        .engine sp
        dma_load sbuf.u32[0:128, 0, 64], X[0, 128, 64], ring=0 then s0+=1
        dma_tile sbuf.u32[0:128, 2048, 64], sbuf.u32[0:128, 0, 64], ring=1 wait s0>=1 then s1+=1
        dma_store Y[0, 128, 64], sbuf.u32[0:128, 2048, 64], ring=2 wait s1>=1
        end
)";

template<class T>
using Tensor = std::vector<T>;

template<class T>
Outcome<void> same(std::span<const std::byte> got, const Tensor<T> &want, std::uint32_t core) {
    for (std::size_t i = 0; i < want.size(); ++i) {
        T value;
        std::memcpy(&value, got.data() + i * sizeof(T), sizeof value);
        if (std::memcmp(&value, &want[i], sizeof value) != 0)
            return tl::unexpected(wrong_answer(fmt::format("core {}: element [{}, {}] is {} and should be {}", core,
                                                           i / columns, i % columns, value, want[i])));
    }
    return {};
}

/** Runs a kernel on each core with X, perhaps W, and looks at Y. */
template<class T>
Outcome<Findings> on_each_core(const Bench &bench, std::string_view source, const Tensor<T> &x, const Tensor<T> &y,
                               const Tensor<T> &w = {}) {
    auto session = bench.open();
    if (!session)
        return tl::unexpected(session.error());
    const auto file = make_kernel("validate", source);
    if (!file)
        return tl::unexpected(file.error());
    const auto kernel = LoadedKernel::load(*session, *file);
    if (!kernel)
        return tl::unexpected(kernel.error());
    auto done = kernel->write(*session, "X", std::as_bytes(std::span(x)));
    if (done && !w.empty())
        done = kernel->write(*session, "W", std::as_bytes(std::span(w)));
    const std::vector<std::byte> nothing(y.size() * sizeof(T), std::byte{0xee});
    Times times;
    for (std::uint32_t core = 0; done && core < bench.info().cores; ++core) {
        // What the core before has left would do for an answer.
        done = kernel->write(*session, "Y", nothing);
        const auto start = std::chrono::steady_clock::now();
        if (done)
            done = kernel->run(*session, 1U << core);
        times.push_back(std::chrono::steady_clock::now() - start);
        if (!done) {
            done.error().message = fmt::format("core {}: {}", core, done.error().message);
            break;
        }
        const auto got = kernel->read(*session, "Y");
        done = got ? same(std::span<const std::byte>(*got), y, core) : tl::unexpected(got.error());
    }
    if (!done)
        return tl::unexpected(done.error());
    return Findings{{{"cores", static_cast<double>(bench.info().cores), ""},
                     {"launch", static_cast<double>(spread_of(times).median), "ns"}},
                    {}};
}

// Whole numbers from -100 on: sums of their products are exact in fp32.
Tensor<float> numbers(std::size_t count, std::size_t step) {
    Tensor<float> out(count);
    for (std::size_t i = 0; i < count; ++i)
        out[i] = static_cast<float>(i * step % 201) - 100.0F;
    return out;
}

Outcome<Findings> test_pe(const Bench &bench) {
    const Tensor<float> x = numbers(elements, 7);
    const Tensor<float> w = numbers(rows * rows, 13);
    Tensor<float> y(elements, 0.0F);
    for (std::size_t k = 0; k < rows; ++k)
        for (std::size_t m = 0; m < rows; ++m)
            for (std::size_t n = 0; n < columns; ++n)
                y[m * columns + n] += w[k * rows + m] * x[k * columns + n];
    return on_each_core(bench, pe_source, x, y, w);
}

Outcome<Findings> test_act(const Bench &bench) {
    const Tensor<float> x = numbers(elements, 7);
    Tensor<float> y(elements);
    for (std::size_t i = 0; i < elements; ++i)
        y[i] = x[i] > 0 ? 2 * x[i] : 0.0F;
    return on_each_core(bench, act_source, x, y);
}

Outcome<Findings> test_dve(const Bench &bench) {
    const Tensor<float> x = numbers(elements, 7);
    Tensor<float> y(elements);
    for (std::size_t i = 0; i < elements; ++i)
        y[i] = x[i] + x[i];
    return on_each_core(bench, dve_source, x, y);
}

Outcome<Findings> test_pool(const Bench &bench) {
    Tensor<std::uint32_t> x(elements);
    Tensor<std::uint32_t> y(elements);
    for (std::uint32_t i = 0; i < elements; ++i) {
        x[i] = i * 2654435761U;
        y[i] = x[i] * x[i];
    }
    return on_each_core(bench, pool_source, x, y);
}

Outcome<Findings> test_sp(const Bench &bench) {
    Tensor<std::uint32_t> x(elements);
    for (std::uint32_t i = 0; i < elements; ++i)
        x[i] = i * 2654435761U + 1;
    return on_each_core(bench, sp_source, x, x);
}

constexpr std::array tests = {
    SelfTest{"pe", "Tensor engine of each core: a matrix product, through PSUM", test_pe},
    SelfTest{"act", "Scalar engine of each core: an activation", test_act},
    SelfTest{"dve", "Vector engine of each core: a sum", test_dve},
    SelfTest{"pool", "GpSimd engine of each core: products of 32-bit integers", test_pool},
    SelfTest{"sp", "Sync engine of each core: transfers in, within and out, on three rings", test_sp},
};

} // namespace

std::span<const SelfTest> engine_tests() { return tests; }

} // namespace neuronctl
