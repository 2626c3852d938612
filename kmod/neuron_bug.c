// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/array_size.h>
#include <linux/bits.h>
#include <linux/bitops.h>
#include <linux/cleanup.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/pm_runtime.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <drm/drm_gem.h>

#include "neuron_bug.h"

/* Only in a module built with NEURON_BUGS=1. */
static const char *const neuron_bug_names[NEURON_BUGS_COUNT] = {
	[NEURON_BUG_ADDRESS_TRUNCATED] = "address-truncated",
	[NEURON_BUG_BUFFER_LEAKED] = "buffer-leaked",
	[NEURON_BUG_DMA_UNMAPPED_EARLY] = "dma-unmapped-early",
	[NEURON_BUG_DOORBELL_FORGOTTEN] = "doorbell-forgotten",
	[NEURON_BUG_EARLY_DOORBELL] = "early-doorbell",
	[NEURON_BUG_ENTRY_LEFT] = "entry-left",
	[NEURON_BUG_EVENTS_NOT_RETURNED] = "events-not-returned",
	[NEURON_BUG_FENCE_EARLY] = "fence-early",
	[NEURON_BUG_HBM_NOT_SCRUBBED] = "hbm-not-scrubbed",
	[NEURON_BUG_INTERRUPT_IGNORED] = "interrupt-ignored",
	[NEURON_BUG_NEVER_SLEEPS] = "never-sleeps",
	[NEURON_BUG_READ_ONLY_IGNORED] = "read-only-ignored",
	[NEURON_BUG_RESET_FORGETS_QUEUE] = "reset-forgets-queue",
	[NEURON_BUG_RING_OVERRUN] = "ring-overrun",
	[NEURON_BUG_RING_WRAP] = "ring-wrap",
	[NEURON_BUG_TLB_NOT_FLUSHED] = "tlb-not-flushed",
	[NEURON_BUG_WRONG_CONTEXT] = "wrong-context",
	[NEURON_BUG_WRONG_VECTOR] = "wrong-vector",
};

static unsigned long neuron_bugs;

/*
 * What was leaked on purpose. It is given back when the bugs are others, which must come before the
 * device goes: a buffer that is still there then makes the kernel complain.
 */
#define NEURON_BUG_LEAKS 64

static DEFINE_MUTEX(neuron_bug_lock);
static struct drm_gem_object *neuron_bug_leaked[NEURON_BUG_LEAKS];
static unsigned int neuron_bug_leaks;
static struct device *neuron_bug_awake;

static_assert(NEURON_BUGS_COUNT <= BITS_PER_LONG);

/* Any context. */
bool neuron_has_bug(enum neuron_bug bug)
{
	return test_bit(bug, &neuron_bugs);
}

/* In place of drm_gem_object_put(). */
void neuron_bug_leak(struct drm_gem_object *obj)
{
	guard(mutex)(&neuron_bug_lock);
	if (neuron_bug_leaks < NEURON_BUG_LEAKS)
		neuron_bug_leaked[neuron_bug_leaks++] = obj;
	else
		drm_gem_object_put(obj);
}

/* In place of pm_runtime_put_autosuspend(): of one reference, those before it are given back. */
void neuron_bug_stay_awake(struct device *dev)
{
	guard(mutex)(&neuron_bug_lock);
	if (neuron_bug_awake)
		pm_runtime_put_autosuspend(neuron_bug_awake);
	neuron_bug_awake = dev;
}

static void neuron_bug_give_back(void)
{
	guard(mutex)(&neuron_bug_lock);
	if (neuron_bug_awake)
		pm_runtime_put_autosuspend(neuron_bug_awake);
	neuron_bug_awake = NULL;
	while (neuron_bug_leaks)
		drm_gem_object_put(neuron_bug_leaked[--neuron_bug_leaks]);
}

/* Names with commas between; none is fine. */
static int neuron_bug_set(const char *value, const struct kernel_param *param)
{
	char *names __free(kfree) = kstrdup(value, GFP_KERNEL);
	unsigned long bugs = 0;
	char *rest, *name;
	int bug;

	if (!names)
		return -ENOMEM;
	rest = strim(names);
	while ((name = strsep(&rest, ","))) {
		if (!*name)
			continue;
		bug = match_string(neuron_bug_names, ARRAY_SIZE(neuron_bug_names), name);
		if (bug < 0) {
			pr_err("neuron_accel: no bug is called '%s'\n", name);
			return -EINVAL;
		}
		bugs |= BIT(bug);
	}
	neuron_bug_give_back();
	WRITE_ONCE(neuron_bugs, bugs);
	return 0;
}

static int neuron_bug_get(char *buffer, const struct kernel_param *param)
{
	int bug, at = 0;

	for_each_set_bit(bug, &neuron_bugs, NEURON_BUGS_COUNT)
		at += sysfs_emit_at(buffer, at, "%s%s", at ? "," : "", neuron_bug_names[bug]);
	return at + sysfs_emit_at(buffer, at, "\n");
}

static const struct kernel_param_ops neuron_bug_ops = {
	.set = neuron_bug_set,
	.get = neuron_bug_get,
};

module_param_cb(bug, &neuron_bug_ops, NULL, 0644);
MODULE_PARM_DESC(bug, "mistakes to make, names with commas between");
