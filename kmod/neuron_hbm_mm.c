// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/errno.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#include <kunit/static_stub.h>
#include <kunit/visibility.h>

#include "neuron_hbm_mm.h"
#include "neuron_spec.h"

/**
 * neuron_hbm_mm_init() - begin with all memory free
 * @mm: Allocator; the sizes, @banks and @scrub are set.
 *
 * Return: 0 or a negative error.
 */
int neuron_hbm_mm_init(struct neuron_hbm_mm *mm)
{
	u32 bank;

	mm->bank_bytes = div_u64(mm->bytes, mm->banks);
	for (bank = 0; bank < mm->banks; bank++)
		mm->bank_free[bank] = mm->bank_bytes;
	return drm_buddy_init(&mm->buddy, mm->bytes, NRN_PAGE_SIZE);
}
EXPORT_SYMBOL_IF_KUNIT(neuron_hbm_mm_init);

/* All has been freed. */
void neuron_hbm_mm_fini(struct neuron_hbm_mm *mm)
{
	drm_buddy_fini(&mm->buddy);
}
EXPORT_SYMBOL_IF_KUNIT(neuron_hbm_mm_fini);

/* A block may reach over the end of a stack, where these are no power of two. */
static void neuron_hbm_mm_count_block(struct neuron_hbm_mm *mm, u64 start, u64 size, bool alloc)
{
	u32 bank = div64_u64(start, mm->bank_bytes);

	while (size) {
		u64 part = min(size, (bank + 1) * mm->bank_bytes - start);

		mm->bank_free[bank++] += alloc ? -part : part;
		start += part;
		size -= part;
	}
}

static void neuron_hbm_mm_count(struct neuron_hbm_mm *mm, struct list_head *blocks, bool alloc)
{
	struct drm_buddy_block *block;

	list_for_each_entry(block, blocks, link)
		neuron_hbm_mm_count_block(mm, drm_buddy_block_offset(block),
					  drm_buddy_block_size(&mm->buddy, block), alloc);
}

VISIBLE_IF_KUNIT int neuron_hbm_mm_alloc_range(struct neuron_hbm_mm *mm, u64 start, u64 end,
					       u64 size, struct list_head *blocks)
{
	unsigned long flags = 0;

	KUNIT_STATIC_STUB_REDIRECT(neuron_hbm_mm_alloc_range, mm, start, end, size, blocks);

	/* The allocator calls a size that cannot fit an invalid one. */
	if (start >= end || size > end - start)
		return -ENOSPC;
	if (start || end != mm->bytes)
		flags |= DRM_BUDDY_RANGE_ALLOCATION;
	return drm_buddy_alloc_blocks(&mm->buddy, start, end, size, NRN_PAGE_SIZE, blocks, flags);
}
EXPORT_SYMBOL_IF_KUNIT(neuron_hbm_mm_alloc_range);

/**
 * neuron_hbm_mm_alloc() - allocate device memory; it reads as zero
 * @mm: Allocator.
 * @size: Bytes, a multiple of the page size.
 * @bank: HBM stack, or DRM_NEURON_BO_ANY_BANK.
 * @mappable: Allocate behind the aperture.
 * @blocks: Empty; gets the blocks, in the order of the buffer's bytes.
 *
 * Return: 0, -ENOSPC, -ENOMEM, or the error of neuron_hbm_mm.scrub; then nothing has changed.
 */
int neuron_hbm_mm_alloc(struct neuron_hbm_mm *mm, u64 size, u32 bank, bool mappable,
			struct list_head *blocks)
{
	u64 start = 0, end = mm->bytes, aperture = mm->aperture_bytes;
	int ret = -ENOSPC;

	if (bank != DRM_NEURON_BO_ANY_BANK) {
		start = bank * mm->bank_bytes;
		end = start + mm->bank_bytes;
	}
	if (mappable)
		end = min(end, aperture);

	/* What need not be behind the aperture spares it. */
	if (!mappable)
		ret = neuron_hbm_mm_alloc_range(mm, max(start, aperture), end, size, blocks);
	if (ret == -ENOSPC)
		ret = neuron_hbm_mm_alloc_range(mm, start, end, size, blocks);
	if (ret)
		return ret;

	ret = mm->scrub(mm, blocks);
	if (ret)
		drm_buddy_free_list(&mm->buddy, blocks, 0);
	else
		neuron_hbm_mm_count(mm, blocks, true);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(neuron_hbm_mm_alloc);

void neuron_hbm_mm_free(struct neuron_hbm_mm *mm, struct list_head *blocks)
{
	neuron_hbm_mm_count(mm, blocks, false);
	drm_buddy_free_list(&mm->buddy, blocks, 0);
}
EXPORT_SYMBOL_IF_KUNIT(neuron_hbm_mm_free);
