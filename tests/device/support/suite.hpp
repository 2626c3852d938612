// SPDX-License-Identifier: MIT
// The frame of a test program: CMocka with TAP output, and no machine left over between cases.
#pragma once

#include "check.hpp"
#include "machine.hpp"

namespace neuron::test {

inline int stop_machines(void **) {
    Machine::stop_all();
    return 0;
}

/// Body of main(). A failed case never runs its destructors, so each case ends the machines that it started.
template<size_t N>
int run_suite(const char *name, const CMUnitTest (&tests)[N]) {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return _cmocka_run_group_tests(name, tests, N, nullptr, nullptr);
}

} // namespace neuron::test

/// A case that starts machines.
#define device_test(function) cmocka_unit_test_teardown(function, neuron::test::stop_machines)
