// SPDX-License-Identifier: MIT
#include "plot.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace neuronctl {
namespace {

constexpr double width = 720, height = 440, left = 80, right = 170, top = 40, bottom = 60;
// Told apart also by those who do not see all colours (Okabe and Ito).
constexpr const char *colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"};

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text)
        out += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : std::string(1, c);
    return out;
}

/** A logarithmic axis, from a power of ten to another. */
struct Axis {
    int first = 0;
    int last = 1;
    double at = 0;
    double length = 1;

    void cover(double least, double most) {
        first = static_cast<int>(std::floor(std::log10(least)));
        last = std::max(first + 1, static_cast<int>(std::ceil(std::log10(most))));
    }
    double place(double value) const { return at + (std::log10(value) - first) / (last - first) * length; }
};

std::string power(int exponent) {
    constexpr const char *prefixes[] = {"", "k", "M", "G", "T"};
    if (exponent < 0 || exponent >= 15)
        return fmt::format("1e{}", exponent);
    return fmt::format("{}{}", exponent % 3 == 0 ? 1 : exponent % 3 == 1 ? 10 : 100, prefixes[exponent / 3]);
}

} // namespace

std::string svg(const Plot &plot) {
    Axis x{.at = left, .length = width - left - right};
    Axis y{.at = height - bottom, .length = -(height - top - bottom)};
    double limits[4] = {0, 0, 0, 0};
    bool any = false;
    for (const Plot::Series &series : plot.series)
        for (const auto &[px, py] : series.points) {
            if (px <= 0 || py <= 0)
                continue;
            limits[0] = any ? std::min(limits[0], px) : px;
            limits[1] = any ? std::max(limits[1], px) : px;
            limits[2] = any ? std::min(limits[2], py) : py;
            limits[3] = any ? std::max(limits[3], py) : py;
            any = true;
        }
    if (any) {
        x.cover(limits[0], limits[1]);
        y.cover(limits[2], limits[3]);
    }
    std::string out = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" "
        "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n"
        "<text x=\"{2}\" y=\"24\" font-size=\"15\">{3}</text>\n",
        width, height, left, escaped(plot.title));
    for (int e = x.first; e <= x.last; ++e)
        out += fmt::format("<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\" stroke=\"#ddd\"/>"
                           "<text x=\"{0:.1f}\" y=\"{3}\" text-anchor=\"middle\">{4}</text>\n",
                           x.place(std::pow(10, e)), top, height - bottom, height - bottom + 18, power(e));
    for (int e = y.first; e <= y.last; ++e)
        out += fmt::format("<line x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" stroke=\"#ddd\"/>"
                           "<text x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\">{5}</text>\n",
                           left, width - right, y.place(std::pow(10, e)), left - 6, y.place(std::pow(10, e)) + 4,
                           power(e));
    out += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n", left + x.length / 2,
                       height - 18, escaped(plot.x_label));
    out += fmt::format(
        "<text x=\"18\" y=\"{0:.1f}\" text-anchor=\"middle\" transform=\"rotate(-90 18 {0:.1f})\">{1}</text>\n",
        top - y.length / 2, escaped(plot.y_label));
    double legend = top + 10;
    std::size_t number = 0;
    for (const Plot::Series &series : plot.series) {
        const char *colour = colours[number++ % std::size(colours)];
        std::string points;
        for (const auto &[px, py] : series.points)
            if (px > 0 && py > 0)
                points += fmt::format("{:.1f},{:.1f} ", x.place(px), y.place(py));
        out +=
            fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\n", points, colour);
        out += fmt::format("<line x1=\"{0}\" x2=\"{1}\" y1=\"{2}\" y2=\"{2}\" stroke=\"{3}\" stroke-width=\"2\"/>"
                           "<text x=\"{4}\" y=\"{5}\">{6}</text>\n",
                           width - right + 12, width - right + 32, legend, colour, width - right + 38, legend + 4,
                           escaped(series.name));
        legend += 20;
    }
    return out + "</svg>\n";
}

} // namespace neuronctl
