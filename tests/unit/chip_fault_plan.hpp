// SPDX-License-Identifier: MIT
// The fault plan of a chip under test, as text.
#pragma once

#include "chip_support.hpp"

#include <string>

namespace chip_test {

inline void set_fault_plan(Machine &m, const std::string &text) {
    char error[256];
    if (neuron_chip_set_fault_plan(m.chip, text.c_str(), error, sizeof error) != 0)
        fail_msg("%s", error);
}

inline std::string fault_report(Machine &m) {
    char text[1024];
    assert_true(neuron_chip_fault_report(m.chip, text, sizeof text) < sizeof text);
    return text;
}

} // namespace chip_test
