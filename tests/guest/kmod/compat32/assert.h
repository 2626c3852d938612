/* SPDX-License-Identifier: MIT */
/* In place of the C library's, of which Debian has no 32-bit version installed. */
#ifndef NEURON_TESTS_COMPAT32_ASSERT_H
#define NEURON_TESTS_COMPAT32_ASSERT_H

#define static_assert _Static_assert

#endif /* NEURON_TESTS_COMPAT32_ASSERT_H */
