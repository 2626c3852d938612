// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/math64.h>

#include <drm/drm_managed.h>
#include <drm/neuron_accel.h>

#include "neuron_hw.h"
#include "neuron_reset.h"

static void neuron_hbm_fini(struct drm_device *drm, void *arg)
{
	struct neuron_device *ndev = to_neuron_device(drm);

	drm_buddy_fini(&ndev->hbm.mm);
}

static u64 neuron_hbm_bank_bytes(struct neuron_device *ndev)
{
	return div_u64(ndev->info.hbm_bytes, ndev->info.hbm_banks);
}

int neuron_hbm_init(struct neuron_device *ndev)
{
	u32 bank;
	int ret;

	for (bank = 0; bank < ndev->info.hbm_banks; bank++)
		ndev->hbm.bank_free[bank] = neuron_hbm_bank_bytes(ndev);

	spin_lock_init(&ndev->hbm.scrub_lock);
	ret = drmm_mutex_init(&ndev->drm, &ndev->hbm.lock);
	if (ret)
		return ret;

	ret = drm_buddy_init(&ndev->hbm.mm, ndev->info.hbm_bytes, NRN_PAGE_SIZE);
	if (ret)
		return ret;

	return drmm_add_action_or_reset(&ndev->drm, neuron_hbm_fini, NULL);
}

/* A block may reach over the end of a stack, where these are no power of two. */
static void neuron_hbm_count_block(struct neuron_device *ndev, u64 start, u64 size, bool alloc)
{
	u64 bank_bytes = neuron_hbm_bank_bytes(ndev);
	u32 bank = div64_u64(start, bank_bytes);

	while (size) {
		u64 part = min(size, (bank + 1) * bank_bytes - start);

		ndev->hbm.bank_free[bank++] += alloc ? -part : part;
		start += part;
		size -= part;
	}
}

static void neuron_hbm_count(struct neuron_device *ndev, struct list_head *blocks, bool alloc)
{
	struct drm_buddy *mm = &ndev->hbm.mm;
	struct drm_buddy_block *block;

	lockdep_assert_held(&ndev->hbm.lock);

	list_for_each_entry(block, blocks, link)
		neuron_hbm_count_block(ndev, drm_buddy_block_offset(block),
				       drm_buddy_block_size(mm, block), alloc);
}

/* For whoever looks at the map while it takes its time. */
static void neuron_hbm_set_scrubbing(struct neuron_hbm *hbm, const struct list_head *blocks)
{
	spin_lock(&hbm->scrub_lock);
	hbm->scrubbing = blocks;
	spin_unlock(&hbm->scrub_lock);
}

/* Memory of another process must not shine through. */
static int neuron_hbm_scrub(struct neuron_device *ndev, struct list_head *blocks)
{
	struct drm_buddy *mm = &ndev->hbm.mm;
	struct drm_buddy_block *block;
	int ret = 0;

	neuron_hbm_set_scrubbing(&ndev->hbm, blocks);
	down_read(&ndev->reset_sem);
	list_for_each_entry(block, blocks, link) {
		ret = neuron_hw_scrub(ndev, drm_buddy_block_offset(block),
				      drm_buddy_block_size(mm, block));
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

static int neuron_hbm_alloc_range_locked(struct neuron_device *ndev, u64 start, u64 end, u64 size,
					 struct list_head *blocks)
{
	struct drm_buddy *mm = &ndev->hbm.mm;
	unsigned long flags = 0;

	lockdep_assert_held(&ndev->hbm.lock);

	/* The allocator calls a size that cannot fit an invalid one. */
	if (start >= end || size > end - start)
		return -ENOSPC;
	if (start || end != ndev->info.hbm_bytes)
		flags |= DRM_BUDDY_RANGE_ALLOCATION;
	return drm_buddy_alloc_blocks(mm, start, end, size, NRN_PAGE_SIZE, blocks, flags);
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
	u64 start = 0, end = ndev->info.hbm_bytes, aperture = ndev->info.aperture_bytes;
	struct neuron_hbm *hbm = &ndev->hbm;
	int ret = -ENOSPC;

	if (bank != DRM_NEURON_BO_ANY_BANK) {
		start = bank * neuron_hbm_bank_bytes(ndev);
		end = start + neuron_hbm_bank_bytes(ndev);
	}
	if (mappable)
		end = min(end, aperture);

	mutex_lock(&hbm->lock);
	/* What need not be behind the aperture spares it. */
	if (!mappable)
		ret = neuron_hbm_alloc_range_locked(ndev, max(start, aperture), end, size, blocks);
	if (ret == -ENOSPC)
		ret = neuron_hbm_alloc_range_locked(ndev, start, end, size, blocks);
	if (!ret) {
		ret = neuron_hbm_scrub(ndev, blocks);
		if (ret)
			drm_buddy_free_list(&hbm->mm, blocks, 0);
		else
			neuron_hbm_count(ndev, blocks, true);
	}
	mutex_unlock(&hbm->lock);
	return ret;
}

void neuron_hbm_free(struct neuron_device *ndev, struct list_head *blocks)
{
	mutex_lock(&ndev->hbm.lock);
	neuron_hbm_count(ndev, blocks, false);
	drm_buddy_free_list(&ndev->hbm.mm, blocks, 0);
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
	avail = ndev->hbm.mm.avail;
	mutex_unlock(&ndev->hbm.lock);
	return avail;
}

void neuron_hbm_query(struct neuron_device *ndev, struct drm_neuron_query_memory *info)
{
	u32 bank;

	info->banks = ndev->info.hbm_banks;

	mutex_lock(&ndev->hbm.lock);
	for (bank = 0; bank < info->banks; bank++) {
		info->bank_bytes[bank] = neuron_hbm_bank_bytes(ndev);
		info->bank_free[bank] = ndev->hbm.bank_free[bank];
	}
	mutex_unlock(&ndev->hbm.lock);
}
