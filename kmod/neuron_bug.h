/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_BUG_H__
#define __NEURON_BUG_H__

#include <linux/types.h>

struct device;
struct drm_gem_object;

/**
 * DOC: Bugs on purpose
 *
 * Mistakes that drivers make, each a line where it would be made, to prove that
 * somebody who has one is told what it is; tests/bugs has what is said of each. A
 * module built with NEURON_BUGS=1 makes those that its parameter "bug" names.
 * Everywhere else NEURON_MISTAKE() is false at compile time: nothing of it is in the
 * module.
 */

/*
 * enum neuron_bug: see the names in neuron_bug.c, and the comment where each is made
 */
enum neuron_bug {
	NEURON_BUG_ADDRESS_TRUNCATED,
	NEURON_BUG_BUFFER_LEAKED,
	NEURON_BUG_DMA_UNMAPPED_EARLY,
	NEURON_BUG_DOORBELL_FORGOTTEN,
	NEURON_BUG_EARLY_DOORBELL,
	NEURON_BUG_ENTRY_LEFT,
	NEURON_BUG_EVENTS_NOT_RETURNED,
	NEURON_BUG_FENCE_EARLY,
	NEURON_BUG_HBM_NOT_SCRUBBED,
	NEURON_BUG_INTERRUPT_IGNORED,
	NEURON_BUG_NEVER_SLEEPS,
	NEURON_BUG_READ_ONLY_IGNORED,
	NEURON_BUG_RESET_FORGETS_QUEUE,
	NEURON_BUG_RING_OVERRUN,
	NEURON_BUG_RING_WRAP,
	NEURON_BUG_TLB_NOT_FLUSHED,
	NEURON_BUG_WRONG_CONTEXT,
	NEURON_BUG_WRONG_VECTOR,
	NEURON_BUGS_COUNT,
};

#ifdef NEURON_BUGS
bool neuron_has_bug(enum neuron_bug bug);
void neuron_bug_leak(struct drm_gem_object *obj);
void neuron_bug_stay_awake(struct device *dev);
#else
static inline bool neuron_has_bug(enum neuron_bug bug)
{
	return false;
}

static inline void neuron_bug_leak(struct drm_gem_object *obj)
{
}

static inline void neuron_bug_stay_awake(struct device *dev)
{
}
#endif

#define NEURON_MISTAKE(name) neuron_has_bug(NEURON_BUG_##name)

#endif /* __NEURON_BUG_H__ */
