/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_HBM_H__
#define __NEURON_HBM_H__

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "neuron_hbm_mm.h"

struct drm_neuron_query_memory;
struct neuron_device;

/*
 * struct neuron_hbm: device memory
 */
struct neuron_hbm {
	/* @lock: Protects @mm and the scrub registers. */
	struct mutex lock;
	struct neuron_hbm_mm mm;
	/* @scrub_lock: Protects @scrubbing; inside @lock. */
	spinlock_t scrub_lock;
	/* @scrubbing: Blocks that are being scrubbed, or NULL. */
	const struct list_head *scrubbing;
};

int neuron_hbm_init(struct neuron_device *ndev);
int neuron_hbm_alloc(struct neuron_device *ndev, u64 size, u32 bank, bool mappable,
		     struct list_head *blocks);
void neuron_hbm_free(struct neuron_device *ndev, struct list_head *blocks);
u64 neuron_hbm_avail(struct neuron_device *ndev);
bool neuron_hbm_is_used(struct neuron_device *ndev);
void neuron_hbm_query(struct neuron_device *ndev, struct drm_neuron_query_memory *info);

#endif /* __NEURON_HBM_H__ */
