/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_FAIL_H__
#define __NEURON_FAIL_H__

#include <linux/fault-inject.h>
#include <linux/kconfig.h>
#include <linux/types.h>

struct dentry;
struct neuron_device;

/*
 * enum neuron_fail: what can be made to fail, so that it is seen what the driver does then
 */
enum neuron_fail {
	/* A doorbell of the driver is not rung. */
	NEURON_FAIL_DOORBELL,
	/* An interrupt of queues is not looked at. */
	NEURON_FAIL_INTERRUPT,
	/* Memory cannot be mapped for DMA. */
	NEURON_FAIL_DMA_MAP,
	/* A reset does not end; the device is not even told of it. */
	NEURON_FAIL_RESET,
	/* What has been told to stop does not. */
	NEURON_FAIL_QUEUE_STOP,
	NEURON_FAIL_CONTEXT_STOP,
	NEURON_FAIL_TLB_FLUSH,
	NEURON_FAIL_SCRUB,
	NEURON_FAILS,
};

#if IS_ENABLED(CONFIG_FAULT_INJECTION_DEBUG_FS)
/*
 * struct neuron_fails: the attributes, of this device alone
 */
struct neuron_fails {
	struct fault_attr attrs[NEURON_FAILS];
};

int neuron_fail_init(struct neuron_device *ndev);
void neuron_fail_add_files(struct neuron_device *ndev, struct dentry *folder);
bool neuron_should_fail(struct neuron_device *ndev, enum neuron_fail what);
#else
struct neuron_fails {
};

static inline int neuron_fail_init(struct neuron_device *ndev)
{
	return 0;
}

static inline void neuron_fail_add_files(struct neuron_device *ndev, struct dentry *folder)
{
}

static inline bool neuron_should_fail(struct neuron_device *ndev, enum neuron_fail what)
{
	return false;
}
#endif

#endif /* __NEURON_FAIL_H__ */
