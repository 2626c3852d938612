/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_TEST_H__
#define __NEURON_TEST_H__

#include <linux/kconfig.h>
#include <linux/sched.h>
#include <linux/types.h>

#include <kunit/test.h>

/**
 * DOC: Unit tests
 *
 * The parts of the driver that know nothing of a device: page tables, the allocator of device
 * memory, rings, and the checks of arguments. The same sources are built for user space as well,
 * where tests/kmod-units has what they need of the kernel, with the address sanitizer.
 *
 * Allocations fail where a test says so by way of the task's fail-nth. In a kernel, failslab and
 * fail_page_alloc must be told to let allocations fail that may wait, see tests/guest/kunit.
 */

/* What a test counts on an allocation to do from now on: the @nth one fails, 0 for none. */
static inline void neuron_test_fail_nth(unsigned int nth)
{
#ifdef CONFIG_FAULT_INJECTION
	current->fail_nth = nth;
#endif
}

/* End it. Return: whether one has failed. */
static inline bool neuron_test_has_failed(void)
{
	bool failed = false;

#ifdef CONFIG_FAULT_INJECTION
	failed = !current->fail_nth;
#endif
	neuron_test_fail_nth(0);
	return failed;
}

/* Numbers that look random and are the same in each run. */
static inline u32 neuron_test_random(u32 *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

#endif /* __NEURON_TEST_H__ */
