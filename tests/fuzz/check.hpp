// SPDX-License-Identifier: MIT
// An invariant that does not hold ends the process, which is how a fuzz target reports a finding.
#ifndef NEURON_TESTS_FUZZ_CHECK_HPP
#define NEURON_TESTS_FUZZ_CHECK_HPP

#include <cstdio>
#include <cstdlib>

#define FUZZ_REQUIRE(condition, ...)                                                                                   \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            std::fprintf(stderr, "%s:%d: broken: %s: ", __FILE__, __LINE__, #condition);                               \
            std::fprintf(stderr, __VA_ARGS__);                                                                         \
            std::fputc('\n', stderr);                                                                                  \
            std::abort();                                                                                              \
        }                                                                                                              \
    } while (false)

#endif // NEURON_TESTS_FUZZ_CHECK_HPP
