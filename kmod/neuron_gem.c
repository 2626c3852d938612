// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/dma-resv.h>
#include <linux/mm.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>
#include <drm/neuron_accel.h>

#include "neuron_check.h"
#include "neuron_compat.h"
#include "neuron_debug.h"
#include "neuron_device.h"
#include "neuron_gem.h"
#include "neuron_name.h"
#include "neuron_reset.h"
#include "neuron_user.h"

/* A buffer of no kind yet. */
void neuron_bo_init(struct neuron_bo *bo)
{
	INIT_LIST_HEAD(&bo->link);
	INIT_LIST_HEAD(&bo->blocks);
	INIT_LIST_HEAD(&bo->list_link);
	INIT_LIST_HEAD(&bo->chunks);
}

/* A buffer that is complete; of the process that calls, and the file, if it is known. */
void neuron_bo_list_add(struct neuron_bo *bo, const struct drm_file *file)
{
	struct neuron_device *ndev = to_neuron_device(bo->shmem.base.dev);

	bo->serial = atomic64_inc_return(&ndev->bo_serial);
	bo->client = file ? file->client_id : 0;
	bo->pid = task_tgid_nr(current);
	get_task_comm(bo->comm, current->group_leader);

	mutex_lock(&ndev->bo_list_lock);
	list_add_tail(&bo->list_link, &ndev->bo_list);
	mutex_unlock(&ndev->bo_list_lock);
}

/* A file has mapped it under that name. Only its maker names it for the administrator. */
void neuron_bo_set_name(struct neuron_bo *bo, u64 client, struct neuron_name *name)
{
	struct neuron_device *ndev = to_neuron_device(bo->shmem.base.dev);

	if (!name || bo->client != client)
		return;
	mutex_lock(&ndev->bo_list_lock);
	if (!bo->name)
		bo->name = neuron_name_get(name);
	mutex_unlock(&ndev->bo_list_lock);
}

/* First step of freeing it. */
void neuron_bo_list_del(struct neuron_bo *bo)
{
	struct neuron_device *ndev = to_neuron_device(bo->shmem.base.dev);

	mutex_lock(&ndev->bo_list_lock);
	list_del_init(&bo->list_link);
	mutex_unlock(&ndev->bo_list_lock);
	neuron_name_put(bo->name);
	bo->name = NULL;
}

/* To be freed with kfree(). */
struct neuron_bo *neuron_bo_alloc(void)
{
	struct neuron_bo *bo;

	bo = kzalloc(sizeof(*bo), GFP_KERNEL);
	if (!bo)
		return NULL;

	neuron_bo_init(bo);
	return bo;
}

/* In place of what the device shows, for who must not die from a signal. */
vm_fault_t neuron_bo_map_dummy(struct vm_fault *vmf, struct neuron_bo *bo)
{
	struct drm_gem_object *obj = &bo->shmem.base;
	struct page *page;

	dma_resv_lock(obj->resv, NULL);
	if (!bo->dummy)
		bo->dummy = alloc_page(GFP_KERNEL | __GFP_ZERO);
	page = bo->dummy;
	dma_resv_unlock(obj->resv);

	if (!page)
		return VM_FAULT_OOM;
	return vmf_insert_pfn_prot(vmf->vma, vmf->address, page_to_pfn(page),
				   vm_get_page_prot(vmf->vma->vm_flags));
}

/*
 * Page of the buffer at an address. What was split off a mapping starts later than the buffer, so
 * vm_start says nothing.
 */
pgoff_t neuron_vma_page(struct vm_area_struct *vma, unsigned long address)
{
	struct drm_gem_object *obj = vma->vm_private_data;

	return ((address - vma->vm_start) >> PAGE_SHIFT) + vma->vm_pgoff -
	       drm_vma_node_start(&obj->vma_node);
}

static struct drm_gem_object *neuron_bo_create(struct neuron_device *ndev,
					       const struct drm_neuron_bo_create *args, u64 size)
{
	struct drm_gem_object *obj;
	int idx;

	if (args->placement == DRM_NEURON_PLACE_HOST)
		return neuron_host_bo_create(ndev, size);

	if (!drm_dev_enter(&ndev->drm, &idx))
		return ERR_PTR(-ENODEV);
	obj = neuron_hbm_bo_create(ndev, args, size);
	drm_dev_exit(idx);
	return obj;
}

static struct drm_gem_object *neuron_bo_create_charged(struct neuron_file *nfile,
						       const struct drm_neuron_bo_create *args,
						       u64 size)
{
	enum neuron_resource what = args->placement == DRM_NEURON_PLACE_HOST ? NEURON_HOST_BYTES :
									       NEURON_HBM_BYTES;
	struct drm_gem_object *obj;
	int ret;

	ret = neuron_user_charge(nfile->user, what, size);
	if (ret)
		return ERR_PTR(ret);

	obj = neuron_bo_create(nfile->ndev, args, size);
	if (IS_ERR(obj)) {
		neuron_user_uncharge(nfile->user, what, size);
		return obj;
	}
	to_neuron_bo(obj)->user = neuron_user_get(nfile->user);
	to_neuron_bo(obj)->asked = args->size;
	neuron_bo_list_add(to_neuron_bo(obj), nfile->drm_file);
	neuron_debug_tell_hbm_of(to_neuron_bo(obj), NRN_DEBUG_KIND_HBM_TAKE);
	return obj;
}

int neuron_bo_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct neuron_device *ndev = to_neuron_device(drm);
	struct drm_neuron_bo_create *args = data;
	struct drm_gem_object *obj;
	u64 size;
	int ret;

	ret = neuron_check_bo_create(args, ndev->info.hbm_banks);
	if (!ret && args->placement == DRM_NEURON_PLACE_HBM)
		ret = neuron_device_error(ndev);
	if (ret)
		return ret;

	size = PAGE_ALIGN(args->size);
	obj = neuron_bo_create_charged(file->driver_priv, args, size);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	ret = drm_gem_handle_create(file, obj, &args->handle);
	if (!ret)
		args->size = size;
	drm_gem_object_put(obj);
	return ret;
}

int neuron_bo_query_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_neuron_bo_query *args = data;
	struct drm_gem_object *obj;
	struct neuron_bo *bo;

	if (args->pad)
		return -EINVAL;

	obj = drm_gem_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;

	bo = to_neuron_bo(obj);
	args->placement = bo->placement;
	args->flags = bo->flags;
	args->size = obj->size;
	args->mmap_offset = 0;
	if (bo->placement == DRM_NEURON_PLACE_HOST || (bo->flags & DRM_NEURON_BO_MAPPABLE))
		args->mmap_offset = drm_vma_node_offset_addr(&obj->vma_node);
	drm_gem_object_put(obj);
	return 0;
}

static bool neuron_bo_covers(struct neuron_bo *bo, struct drm_buddy *mm, u64 offset)
{
	struct drm_buddy_block *block;

	list_for_each_entry(block, &bo->blocks, link) {
		u64 start = drm_buddy_block_offset(block);

		if (offset >= start && offset - start < drm_buddy_block_size(mm, block))
			return true;
	}
	return false;
}

/* Whether the byte of HBM lies in a buffer that the file has a handle to. */
bool neuron_gem_owns_hbm(struct drm_file *file, u64 offset)
{
	struct drm_buddy *mm = &to_neuron_device(file->minor->dev)->hbm.mm.buddy;
	struct drm_gem_object *obj;
	bool owns = false;
	int id;

	spin_lock(&file->table_lock);
	idr_for_each_entry(&file->object_idr, obj, id) {
		owns = neuron_bo_covers(to_neuron_bo(obj), mm, offset);
		if (owns)
			break;
	}
	spin_unlock(&file->table_lock);
	return owns;
}

/* HBM always is; of host memory, what is pinned or mapped by a process. */
static bool neuron_bo_is_resident(struct neuron_bo *bo)
{
	return bo->placement == DRM_NEURON_PLACE_HBM || READ_ONCE(bo->shmem.sgt) ||
	       READ_ONCE(bo->shmem.pages);
}

/* What is bound may be used by each job; which ones use it nobody says. */
void neuron_gem_show_fdinfo(struct drm_printer *p, struct drm_file *file, bool active)
{
	struct drm_memory_stats stats[] = {
		[DRM_NEURON_PLACE_HOST] = {},
		[DRM_NEURON_PLACE_HBM] = {},
	};
	struct drm_gem_object *obj;
	int id;

	spin_lock(&file->table_lock);
	idr_for_each_entry(&file->object_idr, obj, id) {
		struct neuron_bo *bo = to_neuron_bo(obj);
		struct drm_memory_stats *s = &stats[bo->placement];

		/* No memory. */
		if (bo->flags & DRM_NEURON_BO_DOORBELL)
			continue;
		if (drm_gem_object_is_shared_for_memory_stats(obj))
			s->shared += obj->size;
		else
			s->private += obj->size;
		if (neuron_bo_is_resident(bo))
			s->resident += obj->size;
		if (active && atomic_read(&bo->bindings))
			s->active += obj->size;
	}
	spin_unlock(&file->table_lock);

	drm_print_memory_stats(p, &stats[DRM_NEURON_PLACE_HOST], NEURON_MEMORY_STATS, "system");
	drm_print_memory_stats(p, &stats[DRM_NEURON_PLACE_HBM], NEURON_MEMORY_STATS, "hbm");
}
