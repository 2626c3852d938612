// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/container_of.h>

#include <drm/drm_managed.h>
#include <drm/neuron_accel.h>

#include "neuron_bug.h"
#include "neuron_hw.h"
#include "neuron_reset.h"

static void neuron_hbm_fini(struct drm_device *drm, void *arg)
{
	struct neuron_device *ndev = to_neuron_device(drm);

	neuron_hbm_mm_fini(&ndev->hbm.mm);
}

/* For whoever looks at the map while it takes its time. */
static void neuron_hbm_set_scrubbing(struct neuron_hbm *hbm, const struct list_head *blocks)
{
	spin_lock(&hbm->scrub_lock);
	hbm->scrubbing = blocks;
	spin_unlock(&hbm->scrub_lock);
}

/* Memory of another process must not shine through. */
static int neuron_hbm_scrub(struct neuron_hbm_mm *mm, struct list_head *blocks)
{
	struct neuron_device *ndev = container_of(mm, struct neuron_device, hbm.mm);
	struct drm_buddy_block *block;
	int ret = 0;

	lockdep_assert_held(&ndev->hbm.lock);

	if (NEURON_MISTAKE(HBM_NOT_SCRUBBED)) /* "who allocates it writes it first" */
		return 0;

	neuron_hbm_set_scrubbing(&ndev->hbm, blocks);
	down_read(&ndev->reset_sem);
	list_for_each_entry(block, blocks, link) {
		ret = neuron_hw_scrub(ndev, drm_buddy_block_offset(block),
				      drm_buddy_block_size(&mm->buddy, block));
		if (ret)
			break;
	}
	up_read(&ndev->reset_sem);

	/* It may still be writing zeroes, where the next owner of the memory will have data. */
	if (ret == -ETIMEDOUT || ret == -ENODEV) {
		neuron_device_reset(ndev, "a scrub does not end");
		ret = neuron_device_error(ndev) ?: -EIO;
	}
	neuron_hbm_set_scrubbing(&ndev->hbm, NULL);
	return ret;
}

int neuron_hbm_init(struct neuron_device *ndev)
{
	struct neuron_hbm *hbm = &ndev->hbm;
	int ret;

	spin_lock_init(&hbm->scrub_lock);
	ret = drmm_mutex_init(&ndev->drm, &hbm->lock);
	if (ret)
		return ret;

	hbm->mm.bytes = ndev->info.hbm_bytes;
	hbm->mm.aperture_bytes = ndev->info.aperture_bytes;
	hbm->mm.banks = ndev->info.hbm_banks;
	hbm->mm.scrub = neuron_hbm_scrub;
	ret = neuron_hbm_mm_init(&hbm->mm);
	if (ret)
		return ret;

	return drmm_add_action_or_reset(&ndev->drm, neuron_hbm_fini, NULL);
}

/**
 * neuron_hbm_alloc() - allocate device memory; it reads as zero
 * @ndev: Device, entered with drm_dev_enter().
 * @size: Bytes, a multiple of the page size.
 * @bank: HBM stack, or DRM_NEURON_BO_ANY_BANK.
 * @mappable: Allocate behind the aperture.
 * @blocks: Gets the blocks, in the order of the buffer's bytes.
 *
 * Return: 0, -ENOSPC, -ENOMEM, -EAGAIN during a reset of the function, -EIO when the device
 * failed, or -ENODEV when it is gone.
 */
int neuron_hbm_alloc(struct neuron_device *ndev, u64 size, u32 bank, bool mappable,
		     struct list_head *blocks)
{
	int ret;

	mutex_lock(&ndev->hbm.lock);
	ret = neuron_hbm_mm_alloc(&ndev->hbm.mm, size, bank, mappable, blocks);
	mutex_unlock(&ndev->hbm.lock);
	return ret;
}

void neuron_hbm_free(struct neuron_device *ndev, struct list_head *blocks)
{
	mutex_lock(&ndev->hbm.lock);
	neuron_hbm_mm_free(&ndev->hbm.mm, blocks);
	mutex_unlock(&ndev->hbm.lock);
}

/* Whether a buffer lives in it. */
bool neuron_hbm_is_used(struct neuron_device *ndev)
{
	return neuron_hbm_avail(ndev) != ndev->info.hbm_bytes;
}

u64 neuron_hbm_avail(struct neuron_device *ndev)
{
	u64 avail;

	mutex_lock(&ndev->hbm.lock);
	avail = neuron_hbm_mm_avail(&ndev->hbm.mm);
	mutex_unlock(&ndev->hbm.lock);
	return avail;
}

void neuron_hbm_query(struct neuron_device *ndev, struct drm_neuron_query_memory *info)
{
	struct neuron_hbm_mm *mm = &ndev->hbm.mm;
	u32 bank;

	info->banks = mm->banks;

	mutex_lock(&ndev->hbm.lock);
	for (bank = 0; bank < mm->banks; bank++) {
		info->bank_bytes[bank] = mm->bank_bytes;
		info->bank_free[bank] = mm->bank_free[bank];
	}
	mutex_unlock(&ndev->hbm.lock);
}
