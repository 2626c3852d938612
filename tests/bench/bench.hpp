// SPDX-License-Identifier: MIT
// What the benchmarks share: rounds by turns, medians, and figures for the report.
#ifndef NEURON_TESTS_BENCH_HPP
#define NEURON_TESTS_BENCH_HPP

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace bench {

/// One way to do the work. `run` does it once and is timed whole.
struct Way {
    std::function<void()> run;
    std::function<void()> before{}; ///< untimed, before each turn; may be empty
};

/// Median seconds of each way, over `rounds` rounds (odd) in which each has its turn once, so that whatever else the machine
/// does meets all alike. One more round goes before, untimed.
std::vector<double> by_turns(int rounds, const std::vector<Way> &ways);

double median(std::vector<double> values);

enum class Better { MORE, LESS };

/// One figure of the report. The ratio says how many times better than the baseline the value is.
struct Figure {
    std::string name;
    double value;
    std::string unit;
    double baseline;
    std::optional<double> goal; ///< the least ratio that will do; none: the figure is for information
    std::string against;        ///< what the baseline is, with version and threads
    Better better = Better::MORE;
};

/// Writes the figure to standard output as one line of JSON, {name, value, unit, baseline, ratio, goal, met, against}, which
/// the runner of the tests puts into its report. A goal that is missed is not an error.
void report(const Figure &figure);

} // namespace bench

#endif // NEURON_TESTS_BENCH_HPP
