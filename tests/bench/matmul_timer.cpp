// SPDX-License-Identifier: MIT
// matmul_timer KERNEL A.npy B.npy C.raw: for each line of standard input ("sim THREADS", 0 for the default, or
// "scalar") computes C = A^T B once, leaves C's fp32 elements in C.raw and writes the seconds it took.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <neuron/neuron.hpp>

#include "npy.hpp"

// Where the CPU has the instruction, calling the C library's fma() would be a strawman.
#if defined(__x86_64__)
#define WITH_FMA gnu::target_clones("fma", "default")
#else
#define WITH_FMA gnu::noinline
#endif

namespace {

using Clock = std::chrono::steady_clock;
using neuron::npy::Array;

template<class T>
T must(neuron::Result<T> result) {
    if (!result) {
        std::cerr << "matmul_timer: " << result.error().message << '\n';
        std::exit(1);
    }
    if constexpr (!std::is_void_v<T>)
        return std::move(*result);
}

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// The kernel on a chip of its own, loaded and its inputs uploaded: only launching and waiting is timed.
class Sim {
public:
    Sim(std::uint32_t threads, const neuron::KernelFile &kernel, const Array &a, const Array &b)
        : context_(must(neuron::Context::create(open(threads)))),
          queue_(must(neuron::Queue::create(context_))),
          program_(must(neuron::Program::load(context_, queue_, kernel))),
          a_(input(a)),
          b_(input(b)),
          c_(must(neuron::Buffer::create(context_, a.shape[1] * b.shape[1] * sizeof(float),
                                         {.placement = neuron::Placement::hbm}))) {}

    double run(std::vector<float> &c) {
        using neuron::Argument;
        const std::vector<Argument> arguments{Argument::tensor(a_), Argument::tensor(b_), Argument::tensor(c_)};
        const auto start = Clock::now();
        must(queue_.wait(must(program_.launch(queue_, arguments))));
        const double seconds = seconds_since(start);
        must(queue_.read(c_, 0, std::as_writable_bytes(std::span(c))));
        return seconds;
    }

private:
    static neuron::Device open(std::uint32_t threads) {
        neuron::DeviceOptions options;
        options.backend = "sim";
        options.sim.threads = threads;
        return must(neuron::Device::open(options));
    }
    neuron::Buffer input(const Array &array) {
        auto buffer =
            must(neuron::Buffer::create(context_, array.data().size(), {.placement = neuron::Placement::hbm}));
        must(queue_.write(buffer, 0, array.data()));
        return buffer;
    }

    neuron::Context context_;
    neuron::Queue queue_;
    neuron::Program program_;
    neuron::Buffer a_, b_, c_;
};

std::vector<float> widened(const Array &array) {
    std::vector<float> values(array.data().size() / 2);
    for (std::size_t i = 0; i < values.size(); ++i) {
        std::uint16_t code = 0;
        std::memcpy(&code, array.data().data() + 2 * i, sizeof(code));
        const std::uint32_t bits = std::uint32_t{code} << 16;
        std::memcpy(&values[i], &bits, sizeof(bits));
    }
    return values;
}

/// A plain loop with unit strides, kept scalar: one fma per step of K, in order, as the contract has it.
[[WITH_FMA, gnu::optimize("no-tree-vectorize")]] void multiply(const float *a, const float *b, float *c, std::size_t m,
                                                               std::size_t n, std::size_t k) {
    for (std::size_t row = 0; row < m; ++row) {
        float *const c_row = c + row * n;
        for (std::size_t step = 0; step < k; ++step) {
            const float factor = a[step * m + row];
            const float *const b_row = b + step * n;
#pragma GCC unroll 8 // the figure must not hang on how the loop happens to be aligned
            for (std::size_t column = 0; column < n; ++column)
                c_row[column] = std::fma(factor, b_row[column], c_row[column]);
        }
    }
}

double run_scalar(const Array &a, const Array &b, std::vector<float> &c) {
    const std::vector<float> wide_a = widened(a), wide_b = widened(b);
    std::fill(c.begin(), c.end(), 0.0F);
    const auto start = Clock::now();
    multiply(wide_a.data(), wide_b.data(), c.data(), a.shape[1], b.shape[1], a.shape[0]);
    return seconds_since(start);
}

bool answer(double seconds, const std::vector<float> &c, const char *path) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char *>(c.data()), static_cast<std::streamsize>(c.size() * sizeof(float)));
    file.close();
    std::cout << seconds << std::endl;
    return file.good();
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 5) {
        std::cerr << "usage: matmul_timer KERNEL A.npy B.npy C.raw\n";
        return 2;
    }
    const auto kernel = must(neuron::KernelFile::load(argv[1]));
    const Array a = must(neuron::npy::read(argv[2])), b = must(neuron::npy::read(argv[3]));
    std::vector<float> c(a.shape[1] * b.shape[1]);
    std::map<std::uint32_t, std::unique_ptr<Sim>> sims;
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::string what;
        std::uint32_t threads = 0;
        double seconds = 0;
        if (words >> what && what == "scalar") {
            seconds = run_scalar(a, b, c);
        } else if (what == "sim" && words >> threads) {
            auto &sim = sims[threads];
            if (!sim)
                sim = std::make_unique<Sim>(threads, kernel, a, b);
            seconds = sim->run(c);
        } else {
            std::cerr << "matmul_timer: '" << line << "' is neither 'sim THREADS' nor 'scalar'\n";
            return 2;
        }
        if (!answer(seconds, c, argv[4]))
            return 1;
    }
    return 0;
}
