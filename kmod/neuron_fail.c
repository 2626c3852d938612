// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/dcache.h>

#include <drm/drm_managed.h>

#include "neuron_device.h"
#include "neuron_fail.h"

static const char *const neuron_fail_names[NEURON_FAILS] = {
	[NEURON_FAIL_DOORBELL] = "fail_doorbell",
	[NEURON_FAIL_INTERRUPT] = "fail_interrupt",
	[NEURON_FAIL_DMA_MAP] = "fail_dma_map",
	[NEURON_FAIL_RESET] = "fail_reset",
	[NEURON_FAIL_QUEUE_STOP] = "fail_queue_stop",
	[NEURON_FAIL_CONTEXT_STOP] = "fail_context_stop",
	[NEURON_FAIL_TLB_FLUSH] = "fail_tlb_flush",
	[NEURON_FAIL_SCRUB] = "fail_scrub",
};

/* Debugfs has forgotten the folders, but the attributes hold their names. */
static void neuron_fail_fini(struct drm_device *drm, void *arg)
{
	struct neuron_device *ndev = to_neuron_device(drm);
	u32 i;

	for (i = 0; i < NEURON_FAILS; i++)
		dput(ndev->fails.attrs[i].dname);
}

/* Before anything may fail. */
int neuron_fail_init(struct neuron_device *ndev)
{
	u32 i;

	for (i = 0; i < NEURON_FAILS; i++)
		ndev->fails.attrs[i] = (struct fault_attr)FAULT_ATTR_INITIALIZER;
	return drmm_add_action_or_reset(&ndev->drm, neuron_fail_fini, NULL);
}

void neuron_fail_add_files(struct neuron_device *ndev, struct dentry *folder)
{
	u32 i;

	for (i = 0; i < NEURON_FAILS; i++)
		fault_create_debugfs_attr(neuron_fail_names[i], folder, &ndev->fails.attrs[i]);
}

/*
 * Any context. Only what was asked for fails: the fail-nth of a process, which counts whatever asks
 * should_fail(), is about the kernel's allocations and not about this hardware.
 */
bool neuron_should_fail(struct neuron_device *ndev, enum neuron_fail what)
{
	struct fault_attr *attr = &ndev->fails.attrs[what];

	return READ_ONCE(attr->probability) && should_fail(attr, 1);
}
