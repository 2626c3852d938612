// SPDX-License-Identifier: MIT
// The chip's exp, tanh and gelu against SLEEF's fastest vector function for this CPU, by turns, over an array that fits the
// second-level cache. A TAP case per function compares the results, a figure (see tests/runner/figures.py) the speed.
#include "compute/math/math.hpp"
#include "sleef_loops.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
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
constexpr std::int64_t MAX_ULPS = 2; // both are within one of the truth

struct Figure {
    const char *name;
    MathFunction function;
    Loop SleefLoops::*sleef;
    bool sleef_is_accurate; ///< gelu made of erf loses everything where 1 + erf cancels
};

constexpr Figure FIGURES[] = {
    {"exp", MathFunction::EXP, &SleefLoops::exp, true},
    {"tanh", MathFunction::TANH, &SleefLoops::tanh, true},
    {"gelu", MathFunction::GELU, &SleefLoops::gelu, false},
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
    std::int64_t ulps; ///< largest difference between the two
};

std::int64_t ulps_apart(float a, float b) {
    const auto ordered = [](float value) {
        const auto bits = std::bit_cast<std::int32_t>(value);
        return std::int64_t{bits < 0 ? INT32_MIN - bits : bits};
    };
    return std::abs(ordered(a) - ordered(b));
}

std::int64_t most_ulps_apart(const std::vector<float> &a, const std::vector<float> &b) {
    std::int64_t most = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        most = std::max(most, ulps_apart(a[i], b[i]));
    }
    return most;
}

Measured measure(const Figure &figure, const std::vector<SleefLoops> &sleef, const std::vector<float> &in) {
    std::vector<float> out(in.size()), sleef_out(in.size());
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
            const double baseline = millions_per_second([&] { loop(in.data(), sleef_out.data(), in.size()); });
            if (round >= 0) {
                theirs[i].push_back(baseline);
            }
        }
    }
    Measured best{median(ours), 0, "", most_ulps_apart(out, sleef_out)};
    for (std::size_t i = 0; i < sleef.size(); ++i) {
        if (const double speed = median(theirs[i]); speed > best.baseline) {
            best.baseline = speed;
            best.sleef = sleef[i].name;
        }
    }
    return best;
}

void print(int number, const Figure &figure, const Measured &m) {
    const double ratio = m.value / m.baseline;
    std::printf("{\"name\": \"math.%s\", \"value\": %.1f, \"unit\": \"Melem/s\", \"baseline\": %.1f, \"ratio\": %.3f, "
                "\"goal\": %.2f, \"met\": %s, \"against\": \"%s\"}\n",
                figure.name, m.value, m.baseline, ratio, GOAL, ratio >= GOAL ? "true" : "false", m.sleef);
    if (!figure.sleef_is_accurate) {
        std::printf("ok %d - %s runs\n", number, figure.name);
    } else {
        std::printf("%s %d - %s: %lld ulp at most from SLEEF's\n", m.ulps <= MAX_ULPS ? "ok" : "not ok", number,
                    figure.name, static_cast<long long>(m.ulps));
    }
    std::fflush(stdout);
}

} // namespace

int main() {
    const std::vector<SleefLoops> sleef = sleef_of_this_cpu();
    const std::vector<float> in = inputs();
    std::printf("1..%zu\n", std::size(FIGURES));
    int number = 0;
    for (const Figure &figure : FIGURES) {
        print(++number, figure, measure(figure, sleef, in));
    }
    return 0;
}
