// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/ktime.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>
#include <drm/neuron_accel.h>

#include "neuron_bug.h"
#include "neuron_check.h"
#include "neuron_gem.h"
#include "neuron_hw.h"
#include "neuron_name.h"
#include "neuron_reset.h"
#include "neuron_trace.h"

int neuron_vm_init(struct neuron_vm *vm, struct neuron_device *ndev)
{
	int ret;

	ret = neuron_pgtable_init(&vm->pgt, ndev->pt_pool);
	if (ret)
		return ret;

	mutex_init(&vm->lock);
	drm_mm_init(&vm->mm, NEURON_VA_START, NEURON_VA_END - NEURON_VA_START);
	drm_mm_init(&vm->own_mm, NEURON_VA_END, NEURON_VA_TOP - NEURON_VA_END);
	return 0;
}

/* Of a device that is gone remove may be taking the table away. */
static void neuron_mapping_tell_unmap(struct neuron_bo *bo)
{
	struct neuron_device *ndev = to_neuron_device(bo->shmem.base.dev);
	int idx;

	if (bo->placement != DRM_NEURON_PLACE_HOST || !drm_dev_enter(&ndev->drm, &idx))
		return;
	if (bo->shmem.sgt)
		neuron_debug_tell_sgt(ndev, NRN_DEBUG_KIND_DMA_UNMAP, bo->shmem.sgt, bo->serial,
				      "host buffer");
	drm_dev_exit(idx);
}

static void neuron_mapping_free(struct neuron_mapping *map)
{
	struct neuron_bo *bo = map->bo;

	neuron_mapping_tell_unmap(bo);
	atomic_dec(&bo->bindings);
	drm_mm_remove_node(&map->node);
	if (NEURON_MISTAKE(BUFFER_LEAKED)) /* the mapping's reference is forgotten */
		neuron_bug_leak(&bo->shmem.base);
	else
		drm_gem_object_put(&bo->shmem.base);
	neuron_name_put(map->name);
	kfree(map);
}

/* The device must have forgotten the context. May be called twice. */
void neuron_vm_fini(struct neuron_vm *vm)
{
	struct drm_mm_node *node, *next;

	/* Whoever looks at the address space of another file finds it whole, or empty. */
	mutex_lock(&vm->lock);
	if (vm->pgt.root) {
		drm_mm_for_each_node_safe(node, next, &vm->mm)
			neuron_mapping_free(to_neuron_mapping(node));
		drm_mm_takedown(&vm->mm);
		drm_mm_takedown(&vm->own_mm);
		neuron_pgtable_fini(&vm->pgt);
	}
	mutex_unlock(&vm->lock);
}

/* After neuron_vm_fini(), when nobody can look any more. */
void neuron_vm_destroy(struct neuron_vm *vm)
{
	mutex_destroy(&vm->lock);
}

/* Enters the part of [addr, addr + bytes) that [skip, skip + left) names; updates the window. */
static int neuron_vm_map_extent(struct neuron_vm *vm, u64 *va, u64 *skip, u64 *left, u64 addr,
				u64 bytes, u64 flags)
{
	u64 size;
	int ret;

	if (*skip >= bytes) {
		*skip -= bytes;
		return 0;
	}

	size = min(bytes - *skip, *left);
	ret = neuron_pgtable_map(&vm->pgt, *va, addr + *skip, size, flags);
	*va += size;
	*left -= size;
	*skip = 0;
	return ret;
}

static int neuron_vm_map_host(struct neuron_vm *vm, const struct drm_mm_node *node, u64 skip,
			      struct sg_table *sgt, u64 flags)
{
	u64 va = node->start, left = node->size;
	struct scatterlist *sg;
	int ret;
	int i;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		ret = neuron_vm_map_extent(vm, &va, &skip, &left, sg_dma_address(sg),
					   sg_dma_len(sg), flags);
		if (ret || !left)
			return ret;
	}
	return 0;
}

static int neuron_vm_map_hbm(struct neuron_vm *vm, struct neuron_mapping *map, struct drm_buddy *mm,
			     u64 flags)
{
	u64 va = map->node.start, skip = map->bo_offset, left = map->node.size;
	struct drm_buddy_block *block;
	int ret;

	list_for_each_entry(block, &map->bo->blocks, link) {
		u64 start = drm_buddy_block_offset(block);

		if (NEURON_MISTAKE(ADDRESS_TRUNCATED)) /* there once was less HBM than 4 GiB */
			start = lower_32_bits(start);
		ret = neuron_vm_map_extent(vm, &va, &skip, &left, start,
					   drm_buddy_block_size(mm, block), flags | NRN_PTE_HBM);
		if (ret || !left)
			return ret;
	}
	return 0;
}

/* When it returns, the device uses no translation that was removed before. */
static void neuron_vm_flush(struct neuron_file *nfile)
{
	bool traced = trace_neuron_tlb_flush_enabled();
	struct neuron_device *ndev = nfile->ndev;
	ktime_t start = traced ? ktime_get() : 0;
	int ret;

	down_read(&ndev->reset_sem);
	ret = neuron_hw_tlb_flush(ndev, nfile->ctx);
	up_read(&ndev->reset_sem);
	if (traced)
		trace_neuron_tlb_flush(nfile->ctx, ktime_sub(ktime_get(), start), ret);
	if (ret)
		neuron_device_reset_by(ndev, nfile->ctx, "a TLB flush does not end");
}

static void neuron_vm_unmap_locked(struct neuron_file *nfile, const struct drm_mm_node *node)
{
	struct neuron_vm *vm = &nfile->vm;

	lockdep_assert_held(&vm->lock);

	if (!NEURON_MISTAKE(ENTRY_LEFT)) /* "nobody uses the address any more" */
		neuron_pgtable_unmap(&vm->pgt, node->start, node->size);
	if (!NEURON_MISTAKE(TLB_NOT_FLUSHED)) /* "the device will look again" */
		neuron_vm_flush(nfile);
	neuron_pgtable_free_unlinked(&vm->pgt);
}

/* Large pages need an alignment. */
static u64 neuron_vm_align(u64 range)
{
	return range >= SZ_2M ? SZ_2M : NRN_PAGE_SIZE;
}

static int neuron_vm_reserve_locked(struct neuron_vm *vm, struct drm_mm_node *node,
				    const struct drm_neuron_vm_bind *args)
{
	int ret;

	lockdep_assert_held(&vm->lock);

	if (!(args->flags & DRM_NEURON_BIND_FIXED_VA))
		return drm_mm_insert_node_in_range(&vm->mm, node, args->range,
						   neuron_vm_align(args->range), 0, NEURON_VA_START,
						   NEURON_VA_END, DRM_MM_INSERT_BEST);

	node->start = args->va;
	node->size = args->range;
	ret = drm_mm_reserve_node(&vm->mm, node);
	return ret == -ENOSPC ? -EEXIST : ret;
}

static int neuron_vm_map_locked(struct neuron_file *nfile, struct neuron_mapping *map,
				struct sg_table *sgt, const struct drm_neuron_vm_bind *args)
{
	bool write = !(args->flags & DRM_NEURON_BIND_READ_ONLY) ||
		     NEURON_MISTAKE(READ_ONLY_IGNORED); /* a flag that nobody reads */
	u64 flags = write ? NRN_PTE_WRITE : 0;
	struct neuron_vm *vm = &nfile->vm;
	int ret;

	ret = neuron_vm_reserve_locked(vm, &map->node, args);
	if (ret)
		return ret;

	if (sgt)
		ret = neuron_vm_map_host(vm, &map->node, map->bo_offset, sgt, flags);
	else
		ret = neuron_vm_map_hbm(vm, map, &nfile->ndev->hbm.mm.buddy, flags);
	if (ret) {
		neuron_vm_unmap_locked(nfile, &map->node);
		drm_mm_remove_node(&map->node);
	}
	return ret;
}

static int neuron_vm_map_bo(struct neuron_file *nfile, struct neuron_bo *bo,
			    struct drm_neuron_vm_bind *args, struct neuron_name *name)
{
	struct neuron_vm *vm = &nfile->vm;
	struct sg_table *sgt = NULL;
	struct neuron_mapping *map;
	int ret;

	if (bo->placement == DRM_NEURON_PLACE_HOST) {
		sgt = neuron_bo_map_dma(bo);
		if (IS_ERR(sgt))
			return PTR_ERR(sgt);
	}

	map = kzalloc(sizeof(*map), GFP_KERNEL_ACCOUNT);
	if (!map)
		return -ENOMEM;

	map->bo = bo;
	map->bo_offset = args->bo_offset;
	map->read_only = args->flags & DRM_NEURON_BIND_READ_ONLY;
	map->name = name;

	mutex_lock(&vm->lock);
	ret = neuron_vm_map_locked(nfile, map, sgt, args);
	if (!ret) {
		drm_gem_object_get(&bo->shmem.base);
		atomic_inc(&bo->bindings);
		neuron_name_get(name);
		args->va = map->node.start;
		/* First whose it is: then the name of the mapping is its, too. */
		if (sgt)
			neuron_debug_tell_sgt(nfile->ndev, NRN_DEBUG_KIND_DMA_MAP, sgt,
					      bo->serial, "host buffer");
		neuron_debug_tell_bind(nfile, map);
		trace_neuron_map(nfile->ctx, map->node.start, map->node.size, bo->placement,
				 map->read_only);
	}
	mutex_unlock(&vm->lock);

	if (ret)
		kfree(map);
	return ret;
}

static int neuron_vm_map_named(struct neuron_file *nfile, struct neuron_bo *bo,
			       struct drm_neuron_vm_bind *args)
{
	struct neuron_name *name = neuron_name_read(args);
	int ret;

	if (IS_ERR(name))
		return PTR_ERR(name);

	ret = neuron_vm_map_bo(nfile, bo, args, name);
	if (!ret)
		neuron_bo_set_name(bo, nfile->drm_file->client_id, name);
	neuron_name_put(name);
	return ret;
}

static int neuron_vm_map(struct neuron_file *nfile, struct drm_neuron_vm_bind *args)
{
	struct drm_gem_object *obj;
	int ret;

	if (!(args->flags & DRM_NEURON_BIND_FIXED_VA))
		args->va = 0;

	obj = drm_gem_object_lookup(nfile->drm_file, args->handle);
	if (!obj)
		return -ENOENT;

	ret = neuron_check_bo_range(args, obj->size);
	if (!ret && to_neuron_bo(obj)->flags & DRM_NEURON_BO_DOORBELL)
		ret = -EINVAL;
	if (!ret)
		ret = neuron_vm_map_named(nfile, to_neuron_bo(obj), args);
	drm_gem_object_put(obj);
	return ret;
}

static struct neuron_mapping *neuron_vm_find_locked(struct neuron_vm *vm, u64 va, u64 range)
{
	struct drm_mm_node *node;

	lockdep_assert_held(&vm->lock);

	drm_mm_for_each_node_in_range(node, &vm->mm, va, va + range) {
		if (node->start == va && node->size == range)
			return to_neuron_mapping(node);
		break;
	}
	return NULL;
}

static int neuron_vm_unmap(struct neuron_file *nfile, const struct drm_neuron_vm_bind *args)
{
	struct neuron_name *name = neuron_name_read(args);
	struct neuron_vm *vm = &nfile->vm;
	struct neuron_mapping *map;
	int ret = 0;

	if (IS_ERR(name))
		return PTR_ERR(name);

	mutex_lock(&vm->lock);
	map = neuron_vm_find_locked(vm, args->va, args->range);
	if (!map) {
		ret = -ENOENT;
	} else if (map->pins) {
		ret = -EBUSY;
	} else {
		trace_neuron_unmap(nfile->ctx, map->node.start, map->node.size, map->bo->placement,
				   map->read_only);
		neuron_debug_tell_unbind(nfile, map, name);
		neuron_vm_unmap_locked(nfile, &map->node);
		neuron_mapping_free(map);
	}
	mutex_unlock(&vm->lock);
	neuron_name_put(name);
	return ret;
}

/* Whether mappings cover the range without a gap, those to be written writable. */
static bool neuron_vm_covers_locked(struct neuron_vm *vm, u64 va, u64 size, bool write)
{
	struct drm_mm_node *node;
	u64 end = va + size;

	lockdep_assert_held(&vm->lock);

	drm_mm_for_each_node_in_range(node, &vm->mm, va, end) {
		if (node->start > va || (write && to_neuron_mapping(node)->read_only))
			return false;
		va = node->start + node->size;
	}
	return va >= end;
}

static void neuron_vm_add_pins_locked(struct neuron_vm *vm, u64 va, u64 size, int pins)
{
	struct drm_mm_node *node;

	lockdep_assert_held(&vm->lock);

	drm_mm_for_each_node_in_range(node, &vm->mm, va, va + size) {
		to_neuron_mapping(node)->pins += pins;
		atomic_add(pins, &to_neuron_mapping(node)->bo->pins);
	}
}

/**
 * neuron_vm_pin() - keep UNMAP away from a range
 * @vm: Address space.
 * @va: Any address.
 * @size: Bytes, not 0.
 * @write: It must be writable for the device.
 *
 * Return: 0, or -EFAULT if not all of it is mapped in that way; then nothing is pinned.
 */
int neuron_vm_pin(struct neuron_vm *vm, u64 va, u64 size, bool write)
{
	int ret = -EFAULT;

	if (va >= NEURON_VA_END || size > NEURON_VA_END - va)
		return -EFAULT;

	mutex_lock(&vm->lock);
	if (neuron_vm_covers_locked(vm, va, size, write)) {
		neuron_vm_add_pins_locked(vm, va, size, 1);
		ret = 0;
	}
	mutex_unlock(&vm->lock);
	return ret;
}

/* The inverse, for the same range: its mappings are still the same. */
void neuron_vm_unpin(struct neuron_vm *vm, u64 va, u64 size)
{
	mutex_lock(&vm->lock);
	neuron_vm_add_pins_locked(vm, va, size, -1);
	mutex_unlock(&vm->lock);
}

static int neuron_vm_map_own_locked(struct neuron_file *nfile, struct neuron_own_mapping *own,
				    struct sg_table *sgt, u64 bytes)
{
	struct neuron_vm *vm = &nfile->vm;
	int ret;

	ret = drm_mm_insert_node_generic(&vm->own_mm, &own->node, bytes, neuron_vm_align(bytes), 0,
					 DRM_MM_INSERT_BEST);
	if (ret)
		return ret;

	ret = neuron_vm_map_host(vm, &own->node, 0, sgt, own->write ? NRN_PTE_WRITE : 0);
	if (ret) {
		neuron_vm_unmap_locked(nfile, &own->node);
		drm_mm_remove_node(&own->node);
	}
	return ret;
}

/**
 * neuron_vm_map_own() - map memory for a job that the driver makes
 * @nfile: File; the device is entered.
 * @own: Gets the range, which VM_BIND neither gives to others nor removes.
 * @sgt: The memory, mapped for DMA, in whole pages.
 * @bytes: Its size.
 * @write: Whether the device may write.
 *
 * Return: 0, -ENOMEM or -ENOSPC.
 */
int neuron_vm_map_own(struct neuron_file *nfile, struct neuron_own_mapping *own,
		      struct sg_table *sgt, u64 bytes, bool write)
{
	int ret;

	own->sgt = sgt;
	own->write = write;
	mutex_lock(&nfile->vm.lock);
	ret = neuron_vm_map_own_locked(nfile, own, sgt, bytes);
	if (!ret) {
		own->serial = atomic64_inc_return(&nfile->ndev->bo_serial);
		neuron_debug_tell_bind_own(nfile, own);
		neuron_debug_tell_sgt(nfile->ndev, NRN_DEBUG_KIND_DMA_MAP, sgt,
				      own->serial, "pages of a DMA job");
	}
	mutex_unlock(&nfile->vm.lock);
	if (!ret)
		trace_neuron_map(nfile->ctx, own->node.start, own->node.size,
				 DRM_NEURON_PLACE_HOST, !write);
	return ret;
}

/*
 * The inverse. No job needs the memory any more, and when it returns none can reach it. If the
 * device is not entered, it has been stopped for good.
 */
void neuron_vm_unmap_own(struct neuron_file *nfile, struct neuron_own_mapping *own, bool entered)
{
	struct neuron_vm *vm = &nfile->vm;

	trace_neuron_unmap(nfile->ctx, own->node.start, own->node.size, DRM_NEURON_PLACE_HOST,
			   !own->write);

	mutex_lock(&vm->lock);
	if (entered) {
		neuron_debug_tell_unbind_own(nfile, own);
		neuron_vm_unmap_locked(nfile, &own->node);
	} else {
		neuron_pgtable_unmap(&vm->pgt, own->node.start, own->node.size);
		neuron_pgtable_free_unlinked(&vm->pgt);
	}
	drm_mm_remove_node(&own->node);
	mutex_unlock(&vm->lock);
}

static void neuron_vm_range_fill(struct neuron_vm_range *range, const struct neuron_mapping *map)
{
	const struct neuron_bo *bo = map->bo;

	*range = (struct neuron_vm_range){
		.va = map->node.start,
		.size = map->node.size,
		.hbm = bo->placement == DRM_NEURON_PLACE_HBM,
		.read_only = map->read_only,
		.buffer = bo->serial,
		.offset = map->bo_offset,
		.pid = bo->pid,
	};
	memcpy(range->comm, bo->comm, sizeof(range->comm));
	if (map->name) {
		memcpy(range->label, map->name->label, sizeof(range->label));
		memcpy(range->place, map->name->place, sizeof(range->place));
	}
}

/**
 * neuron_vm_list() - what is mapped, for a coredump
 * @vm: Address space.
 * @ranges: Gets the first mappings.
 * @max: At most so many.
 *
 * Waits for nothing: it is called by those that complete fences.
 *
 * Return: how many mappings there are, or -EBUSY.
 */
int neuron_vm_list(struct neuron_vm *vm, struct neuron_vm_range *ranges, u32 max)
{
	struct neuron_mapping *map;
	struct drm_mm_node *node;
	u32 count = 0;

	if (!mutex_trylock(&vm->lock))
		return -EBUSY;

	drm_mm_for_each_node(node, &vm->mm) {
		map = container_of(node, struct neuron_mapping, node);
		if (count < max)
			neuron_vm_range_fill(&ranges[count], map);
		count++;
	}
	mutex_unlock(&vm->lock);
	return count;
}

int neuron_vm_bind_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct neuron_file *nfile = file->driver_priv;
	struct drm_neuron_vm_bind *args = data;
	int ret;
	int idx;

	ret = neuron_check_vm_bind(args);
	if (ret)
		return ret;

	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;

	if (args->op == DRM_NEURON_BIND_UNMAP)
		ret = neuron_vm_unmap(nfile, args);
	else
		ret = neuron_device_error(nfile->ndev) ?: neuron_vm_map(nfile, args);
	drm_dev_exit(idx);
	return ret;
}

/* A snapshot, without the lock, which remove destroys. */
void neuron_vm_show_fdinfo(struct drm_printer *p, const struct neuron_vm *vm)
{
	drm_printf(p, "neuron-tables:\t%lu\n", READ_ONCE(vm->pgt.tables));
	drm_printf(p, "neuron-pages:\t%lu\n", READ_ONCE(vm->pgt.pages));
	drm_printf(p, "neuron-large-pages:\t%lu\n", READ_ONCE(vm->pgt.large_pages));
}
