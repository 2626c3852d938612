// SPDX-License-Identifier: MIT
/**
 * @file
 * A line chart with logarithmic axes, as SVG.
 */
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace neuronctl {

struct Plot {
    struct Series {
        std::string name;
        std::vector<std::pair<double, double>> points; ///< Both above 0; others are left out.
    };
    std::string title;
    std::string x_label;
    std::string y_label;
    std::vector<Series> series;
};

std::string svg(const Plot &plot);

} // namespace neuronctl
