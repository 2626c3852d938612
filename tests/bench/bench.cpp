// SPDX-License-Identifier: MIT
#include "bench.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include <nlohmann/json.hpp>

namespace bench {

double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

std::vector<double> by_turns(int rounds, const std::vector<Way> &ways) {
    using Clock = std::chrono::steady_clock;
    std::vector<std::vector<double>> seconds(ways.size());
    for (int round = -1; round < rounds; ++round) {
        for (std::size_t i = 0; i < ways.size(); ++i) {
            if (ways[i].before)
                ways[i].before();
            const auto start = Clock::now();
            ways[i].run();
            const std::chrono::duration<double> took = Clock::now() - start;
            if (round >= 0)
                seconds[i].push_back(took.count());
        }
    }
    std::vector<double> medians;
    for (auto &values : seconds)
        medians.push_back(median(std::move(values)));
    return medians;
}

void report(const Figure &figure) {
    const double ratio =
        figure.better == Better::MORE ? figure.value / figure.baseline : figure.baseline / figure.value;
    nlohmann::ordered_json line{
        {"name", figure.name}, {"value", figure.value}, {"unit", figure.unit}, {"baseline", figure.baseline},
        {"ratio", ratio},      {"goal", nullptr},       {"met", nullptr},      {"against", figure.against}};
    if (figure.goal) {
        line["goal"] = *figure.goal;
        line["met"] = ratio >= *figure.goal;
    }
    std::printf("%s\n", line.dump().c_str());
    std::fflush(stdout);
}

} // namespace bench
