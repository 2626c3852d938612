// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sort.h>

#include <drm/drm_print.h>

#include "neuron_debugfs.h"
#include "neuron_device.h"
#include "neuron_gem.h"
#include "neuron_name.h"

static const char *neuron_bo_kind(const struct neuron_bo *bo)
{
	if (bo->flags & DRM_NEURON_BO_DOORBELL)
		return "doorbell";
	return bo->placement == DRM_NEURON_PLACE_HBM ? "hbm" : "host";
}

/* Bank of a buffer that lies in one, else "any". */
static void neuron_debugfs_print_bank(struct drm_printer *p, struct neuron_device *ndev,
				      const struct neuron_bo *bo)
{
	u64 bank_bytes = div_u64(ndev->info.hbm_bytes, ndev->info.hbm_banks);
	struct drm_buddy *mm = &ndev->hbm.mm.buddy;
	struct drm_buddy_block *block;
	u64 first = U64_MAX, bank;

	list_for_each_entry(block, &bo->blocks, link) {
		u64 start = drm_buddy_block_offset(block);

		bank = div64_u64(start, bank_bytes);
		first = first == U64_MAX ? bank : first;
		if (bank != first ||
		    div64_u64(start + drm_buddy_block_size(mm, block) - 1, bank_bytes) != first) {
			drm_puts(p, " bank=several");
			return;
		}
	}
	if (first != U64_MAX)
		drm_printf(p, " bank=%llu", first);
}

static void neuron_debugfs_print_buffer(struct drm_printer *p, struct neuron_device *ndev,
					struct neuron_bo *bo)
{
	const struct drm_gem_object *obj = &bo->shmem.base;

	drm_printf(p, "%s buffer=%llu size=%#zx", neuron_bo_kind(bo), bo->serial, obj->size);
	neuron_debugfs_print_bank(p, ndev, bo);
	drm_printf(p, " handles=%u refs=%u bindings=%d pins=%d", READ_ONCE(obj->handle_count),
		   kref_read(&obj->refcount), atomic_read(&bo->bindings), atomic_read(&bo->pins));
	if (bo->flags & DRM_NEURON_BO_MAPPABLE)
		drm_puts(p, " mappable");
	if (READ_ONCE(bo->shmem.sgt))
		drm_puts(p, " dma");
	if (bo->import)
		drm_puts(p, " imported");
	else if (READ_ONCE(obj->dma_buf))
		drm_puts(p, " exported");
	neuron_name_print(p, bo->name);
	drm_printf(p, " client=%llu pid=%d comm=%s\n", bo->client, bo->pid, bo->comm);
}

/* One line per buffer, whatever keeps it alive. */
void neuron_debugfs_print_buffers(struct drm_printer *p, struct neuron_device *ndev)
{
	struct neuron_bo *bo;

	mutex_lock(&ndev->bo_list_lock);
	list_for_each_entry(bo, &ndev->bo_list, list_link)
		neuron_debugfs_print_buffer(p, ndev, bo);
	mutex_unlock(&ndev->bo_list_lock);
}

/*
 * struct neuron_hbm_range: memory that belongs to a buffer, or is being scrubbed for one
 */
struct neuron_hbm_range {
	u64 start;
	u64 end;
	/* @buffer: Serial of the buffer, 0 while it is scrubbed. */
	u64 buffer;
	/* @offset: Of the range in the buffer. */
	u64 offset;
	u64 client;
	pid_t pid;
	char comm[TASK_COMM_LEN];
};

/*
 * struct neuron_hbm_map: all of them
 */
struct neuron_hbm_map {
	struct neuron_hbm_range *ranges;
	size_t room;
	size_t count;
};

static void neuron_hbm_map_add(struct neuron_hbm_map *map, struct neuron_device *ndev,
			       const struct list_head *blocks, const struct neuron_bo *bo)
{
	struct drm_buddy_block *block;
	struct neuron_hbm_range *range;
	u64 offset = 0, size;

	list_for_each_entry(block, blocks, link) {
		size = drm_buddy_block_size(&ndev->hbm.mm.buddy, block);
		offset += size;
		if (map->count++ >= map->room)
			continue; /* only counted */
		range = &map->ranges[map->count - 1];
		range->start = drm_buddy_block_offset(block);
		range->end = range->start + size;
		range->buffer = bo ? bo->serial : 0;
		range->offset = offset - size;
		if (!bo)
			continue;
		range->client = bo->client;
		range->pid = bo->pid;
		memcpy(range->comm, bo->comm, sizeof(range->comm));
	}
}

/* The lock of the allocator is not taken: a scrub that does not end would hold it. */
static void neuron_hbm_map_collect(struct neuron_hbm_map *map, struct neuron_device *ndev)
{
	struct neuron_bo *bo;

	map->count = 0;
	mutex_lock(&ndev->bo_list_lock);
	list_for_each_entry(bo, &ndev->bo_list, list_link)
		neuron_hbm_map_add(map, ndev, &bo->blocks, bo);
	spin_lock(&ndev->hbm.scrub_lock);
	if (ndev->hbm.scrubbing)
		neuron_hbm_map_add(map, ndev, ndev->hbm.scrubbing, NULL);
	spin_unlock(&ndev->hbm.scrub_lock);
	mutex_unlock(&ndev->bo_list_lock);
}

static int neuron_hbm_range_compare(const void *a, const void *b)
{
	const struct neuron_hbm_range *ra = a, *rb = b;

	return ra->start < rb->start ? -1 : ra->start > rb->start;
}

/* Return: whether there is the memory to tell. To be freed with kvfree(). */
static bool neuron_hbm_map_make(struct neuron_hbm_map *map, struct neuron_device *ndev)
{
	neuron_hbm_map_collect(map, ndev);
	while (map->count > map->room) {
		kvfree(map->ranges);
		map->room = map->count + map->count / 8;
		map->ranges = kvcalloc(map->room, sizeof(*map->ranges), GFP_KERNEL);
		if (!map->ranges)
			return false;
		neuron_hbm_map_collect(map, ndev);
	}
	sort(map->ranges, map->count, sizeof(*map->ranges), neuron_hbm_range_compare, NULL);
	return true;
}

static void neuron_hbm_print_range(struct drm_printer *p, u64 start, u64 end,
				   const struct neuron_hbm_range *range)
{
	drm_printf(p, "%#012llx +%#llx ", start, end - start);
	if (!range)
		drm_puts(p, "free\n");
	else if (!range->buffer)
		drm_puts(p, "scrubbing\n");
	else
		drm_printf(p, "used buffer=%llu offset=%#llx client=%llu pid=%d comm=%s\n",
			   range->buffer, range->offset + (start - range->start), range->client,
			   range->pid, range->comm);
}

/* Whether the next range is the same buffer's, from the next byte on. */
static bool neuron_hbm_range_goes_on(const struct neuron_hbm_range *range)
{
	u64 size = range->end - range->start;

	return range[1].buffer == range->buffer && range[1].start == range->end &&
	       (!range->buffer || range[1].offset == range->offset + size);
}

static void neuron_hbm_print_bank(struct drm_printer *p, const struct neuron_hbm_map *map,
				  u64 start, u64 end)
{
	const struct neuron_hbm_range *range, *first, *last = map->ranges + map->count;
	u64 at = start, to;

	for (range = map->ranges; range < last; range++) {
		if (range->end <= at || range->start >= end)
			continue;
		if (range->start > at)
			neuron_hbm_print_range(p, at, range->start, NULL);
		at = max(at, range->start);
		/* Pieces of one buffer that follow each other are one range. */
		first = range;
		to = range->end;
		while (range + 1 < last && neuron_hbm_range_goes_on(range))
			to = (++range)->end;
		to = min(to, end);
		neuron_hbm_print_range(p, at, to, first);
		at = to;
	}
	if (at < end)
		neuron_hbm_print_range(p, at, end, NULL);
}

/* Each bank from its first to its last byte: a snapshot, while others allocate and free. */
void neuron_debugfs_print_hbm(struct drm_printer *p, struct neuron_device *ndev)
{
	u64 bank_bytes = div_u64(ndev->info.hbm_bytes, ndev->info.hbm_banks);
	struct neuron_hbm_map map = {};
	u32 bank;

	if (!neuron_hbm_map_make(&map, ndev)) {
		drm_puts(p, "no memory for the map\n");
		return;
	}
	for (bank = 0; bank < ndev->info.hbm_banks; bank++) {
		drm_printf(p, "[bank %u] size=%#llx free=%#llx\n", bank, bank_bytes,
			   READ_ONCE(ndev->hbm.mm.bank_free[bank]));
		neuron_hbm_print_bank(p, &map, bank * bank_bytes, (bank + 1) * bank_bytes);
	}
	kvfree(map.ranges);
}
