// SPDX-License-Identifier: MIT
// kernels/matmul at 2048^3 on the in-process chip, beside OpenBLAS sgemm on as many threads. Only results are asserted,
// never a time.
#include "bench.hpp"
#include "sim_bench.hpp"

#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <cblas.h>
#include <fmt/format.h>

namespace {

using hal_test::must;
using neuron::Argument;
using neuron::Buffer;

constexpr int ROUNDS = 9;
constexpr int SIZE = 2048;
constexpr std::size_t ELEMENTS = std::size_t{SIZE} * SIZE;
constexpr double GOAL = 0.8;

using Floats = std::vector<float>;

/// Values that bf16 holds exactly: both kernels compute the same products, and owe the same bits.
Floats values(unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    Floats out(ELEMENTS);
    for (float &value : out)
        value = std::bit_cast<float>(std::bit_cast<std::uint32_t>(normal(random)) & 0xffff0000U);
    return out;
}

std::vector<std::byte> as_bf16(const Floats &in) {
    std::vector<std::byte> out(in.size() * 2);
    for (std::size_t i = 0; i < in.size(); ++i) {
        const auto code = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(in[i]) >> 16);
        std::memcpy(out.data() + 2 * i, &code, sizeof code);
    }
    return out;
}

const Floats &a() {
    static const Floats in = values(1);
    return in;
}
const Floats &b() {
    static const Floats in = values(2);
    return in;
}

std::string kernel_source() {
    const char *top = std::getenv("NEURON_TOP");
    const std::string path = std::string(top != nullptr ? top : ".") + "/kernels/matmul/matmul.s";
    std::ifstream file(path);
    if (!file)
        fail_msg("cannot read %s", path.c_str());
    return {std::istreambuf_iterator<char>(file), {}};
}

/// The kernel on a chip of its own, its inputs in HBM: only launching and waiting is timed.
class Kernel {
public:
    Kernel(bool f32, unsigned threads)
        : sim_(threads),
          program_(must(neuron::Program::load(sim_.context, sim_.queue, file(f32)))),
          a_(input(a(), f32)),
          b_(input(b(), f32)),
          c_(sim_.buffer(ELEMENTS * sizeof(float))),
          cores_((1U << threads) - 1) {}

    void run() {
        const std::vector<Argument> arguments{Argument::tensor(a_), Argument::tensor(b_), Argument::tensor(c_)};
        must(sim_.queue.wait(must(program_.launch(sim_.queue, arguments, cores_))));
    }
    Floats result() {
        Floats out(ELEMENTS);
        must(sim_.queue.read(c_, 0, std::as_writable_bytes(std::span(out))));
        return out;
    }

private:
    static neuron::KernelFile file(bool f32) {
        const std::string size = std::to_string(SIZE);
        return bench::assemble(kernel_source(),
                               {{"M", size}, {"N", size}, {"K", size}, {"IN_F32", f32 ? "1" : "0"}, {"OUT_F32", "1"}});
    }
    Buffer input(const Floats &in, bool f32) {
        const auto narrow = f32 ? std::vector<std::byte>() : as_bf16(in);
        const auto bytes = f32 ? std::as_bytes(std::span(in)) : std::span<const std::byte>(narrow);
        Buffer buffer = sim_.buffer(bytes.size());
        must(sim_.queue.write(buffer, 0, bytes));
        return buffer;
    }

    bench::Sim sim_;
    neuron::Program program_;
    Buffer a_, b_, c_;
    std::uint32_t cores_;
};

void sgemm(Floats &c) {
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, SIZE, SIZE, SIZE, 1.0F, a().data(), SIZE, b().data(), SIZE,
                0.0F, c.data(), SIZE);
}

/// Two sums of the same products in different orders.
void assert_near(const Floats &got, const Floats &want) {
    for (std::size_t i = 0; i < got.size(); ++i)
        if (!(std::abs(got[i] - want[i]) <= 0.01F)) // the values are about 45; fp32 sums of 2048 err by 1e-4
            fail_msg("C[%zu] is %g, OpenBLAS has %g", i, static_cast<double>(got[i]), static_cast<double>(want[i]));
}

/// "OpenBLAS 0.3.21": what its configuration begins with.
std::string openblas() {
    std::istringstream words(openblas_get_config());
    std::string name, version;
    words >> name >> version;
    return name + " " + version;
}

/// What every way to compute C owes to the bit; empty before the first.
Floats expected;

struct Case {
    const char *dtype;
    bool f32;
    unsigned threads;
};

void matmul(void **state) {
    const Case &job = *static_cast<const Case *>(*state);
    const auto threads = static_cast<int>(job.threads);
    openblas_set_num_threads(threads);
    Kernel kernel(job.f32, job.threads);
    Floats c(ELEMENTS);
    // OpenBLAS's threads spin for a while after the work, and would take the chip's processors away.
    const auto calm = [] { std::this_thread::sleep_for(std::chrono::milliseconds(150)); };
    const auto seconds = bench::by_turns(ROUNDS, {{[&] { kernel.run(); }, calm}, {[&] { sgemm(c); }, calm}});
    const auto rate = [](double s) { return static_cast<double>(ELEMENTS) * SIZE / s * 1e-9; };
    const char *plural = job.threads == 1 ? "" : "s";
    bench::report({fmt::format("matmul {} {}^3, {} thread{}", job.dtype, SIZE, job.threads, plural), rate(seconds[0]),
                   "GMAC/s", rate(seconds[1]), GOAL,
                   fmt::format("{} sgemm, {} thread{}", openblas(), job.threads, plural)});
    const Floats got = kernel.result();
    assert_near(got, c);
    if (expected.empty())
        expected = got;
    assert_int_equal(std::memcmp(got.data(), expected.data(), ELEMENTS * sizeof(float)), 0);
}

std::array cases{Case{"bf16", false, 1}, Case{"bf16", false, 2}, Case{"f32", true, 1}, Case{"f32", true, 2}};

} // namespace

int main() {
    std::printf("# %s\n", openblas_get_config());
    const CMUnitTest tests[] = {
        {"bf16 on 1 thread is near OpenBLAS", matmul, nullptr, nullptr, &cases[0]},
        {"bf16 on 2 threads has the same bits", matmul, nullptr, nullptr, &cases[1]},
        {"f32 on 1 thread has the same bits", matmul, nullptr, nullptr, &cases[2]},
        {"f32 on 2 threads has the same bits", matmul, nullptr, nullptr, &cases[3]},
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("matmul_bench", tests, nullptr, nullptr);
}
