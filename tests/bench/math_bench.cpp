// SPDX-License-Identifier: MIT
// math_bench [--json]: the chip's exp, tanh and gelu against SLEEF's fastest vector function for this CPU, by turns, over
// an array that fits the second-level cache. Text for people, or one JSON object per line and figure:
//   {"name", "value", "unit", "baseline", "ratio", "goal", "met"}     (baseline in the same unit, ratio = value / baseline)
#include "compute/math/math.hpp"
#include "sleef_loops.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

namespace {

using neuron::chip::MathFunction;
using Clock = std::chrono::steady_clock;
using Loop = void (*)(const float *in, float *out, std::size_t n);

constexpr std::size_t ELEMENTS = 65536;
constexpr int ROUNDS = 31;
constexpr int REPEATS = 8; // per round: a few milliseconds
constexpr double GOAL = 0.8;

struct Figure {
    const char *name;
    MathFunction function;
    Loop SleefLoops::*sleef;
};

constexpr Figure FIGURES[] = {
    {"exp", MathFunction::EXP, &SleefLoops::exp},
    {"tanh", MathFunction::TANH, &SleefLoops::tanh},
    {"gelu", MathFunction::GELU, &SleefLoops::gelu},
};

std::vector<SleefLoops> sleef_of_this_cpu() {
    std::vector<SleefLoops> loops{sleef_loops_baseline()};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        loops.push_back(sleef_loops_avx2());
    }
    if (__builtin_cpu_supports("avx512f")) {
        loops.push_back(sleef_loops_avx512());
    }
#endif
    return loops;
}

/// What activations look like, with all the ways through the functions: evenly from -8 to 8.
std::vector<float> inputs() {
    std::mt19937 random(1);
    std::vector<float> values(ELEMENTS);
    for (float &value : values) {
        value = static_cast<float>(random() >> 8) * 0x1p-20f - 8.0f;
    }
    return values;
}

template<class Work>
double millions_per_second(Work work) {
    const auto start = Clock::now();
    for (int i = 0; i < REPEATS; ++i) {
        work();
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    return static_cast<double>(ELEMENTS) * REPEATS / seconds * 1e-6;
}

double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
    return values[values.size() / 2];
}

struct Measured {
    double value;
    double baseline;
    const char *sleef;
};

Measured measure(const Figure &figure, const std::vector<SleefLoops> &sleef, const std::vector<float> &in) {
    std::vector<float> out(in.size());
    std::vector<double> ours;
    std::vector<std::vector<double>> theirs(sleef.size());
    for (int round = -1; round < ROUNDS; ++round) { // the first one warms up
        const double speed = millions_per_second(
            [&] { neuron::chip::activation_function(figure.function, in.data(), out.data(), in.size()); });
        if (round >= 0) {
            ours.push_back(speed);
        }
        for (std::size_t i = 0; i < sleef.size(); ++i) {
            const Loop loop = sleef[i].*figure.sleef;
            const double baseline = millions_per_second([&] { loop(in.data(), out.data(), in.size()); });
            if (round >= 0) {
                theirs[i].push_back(baseline);
            }
        }
    }
    Measured best{median(ours), 0, ""};
    for (std::size_t i = 0; i < sleef.size(); ++i) {
        if (const double speed = median(theirs[i]); speed > best.baseline) {
            best.baseline = speed;
            best.sleef = sleef[i].name;
        }
    }
    return best;
}

void print(const Figure &figure, const Measured &m, bool json) {
    const double ratio = m.value / m.baseline;
    const bool met = ratio >= GOAL;
    if (json) {
        std::printf("{\"name\": \"math.%s\", \"value\": %.1f, \"unit\": \"Melem/s\", \"baseline\": %.1f, "
                    "\"ratio\": %.3f, \"goal\": %.2f, \"met\": %s}\n",
                    figure.name, m.value, m.baseline, ratio, GOAL, met ? "true" : "false");
    } else {
        std::printf("%-5s %8.1f Melem/s, %s %8.1f Melem/s: ratio %.2f (goal %.2f: %s)\n", figure.name, m.value, m.sleef,
                    m.baseline, ratio, GOAL, met ? "met" : "missed");
    }
    std::fflush(stdout);
}

} // namespace

int main(int argc, char **argv) {
    const bool json = argc == 2 && std::strcmp(argv[1], "--json") == 0;
    if (argc > 1 && !json) {
        std::fprintf(stderr, "usage: math_bench [--json]\n");
        return 2;
    }
    const std::vector<SleefLoops> sleef = sleef_of_this_cpu();
    const std::vector<float> in = inputs();
    for (const Figure &figure : FIGURES) {
        print(figure, measure(figure, sleef, in), json);
    }
    return 0;
}
