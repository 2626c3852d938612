/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_HBM_MM_H__
#define __NEURON_HBM_MM_H__

#include <linux/list.h>
#include <linux/types.h>

#include <drm/neuron_accel.h>

#include "neuron_compat.h"

/*
 * struct neuron_hbm_mm: allocator of device memory
 *
 * The caller serialises the calls.
 */
struct neuron_hbm_mm {
	struct drm_buddy buddy;
	/* @bytes: Of all stacks, which are of one size. */
	u64 bytes;
	/* @aperture_bytes: What the CPU sees of it, from the first byte on. */
	u64 aperture_bytes;
	u64 bank_bytes;
	u32 banks;
	/* @bank_free: Bytes of each stack that are not allocated. */
	u64 bank_free[DRM_NEURON_MAX_BANKS];
	/*
	 * @scrub: Zero blocks before they are handed out. Return: 0 or an error, and then nothing
	 * writes to the blocks any more.
	 */
	int (*scrub)(struct neuron_hbm_mm *mm, struct list_head *blocks);
};

int neuron_hbm_mm_init(struct neuron_hbm_mm *mm);
void neuron_hbm_mm_fini(struct neuron_hbm_mm *mm);
int neuron_hbm_mm_alloc(struct neuron_hbm_mm *mm, u64 size, u32 bank, bool mappable,
			struct list_head *blocks);
void neuron_hbm_mm_free(struct neuron_hbm_mm *mm, struct list_head *blocks);

#if IS_ENABLED(CONFIG_KUNIT)
int neuron_hbm_mm_alloc_range(struct neuron_hbm_mm *mm, u64 start, u64 end, u64 size,
			      struct list_head *blocks);
#endif

static inline u64 neuron_hbm_mm_avail(const struct neuron_hbm_mm *mm)
{
	return mm->buddy.avail;
}

#endif /* __NEURON_HBM_MM_H__ */
