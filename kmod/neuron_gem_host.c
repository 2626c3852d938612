// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/mm.h>
#include <linux/shmem_fs.h>

#include <drm/drm_print.h>
#include <drm/neuron_accel.h>

#include "neuron_bounce.h"
#include "neuron_debug.h"
#include "neuron_device.h"
#include "neuron_gem.h"
#include "neuron_prime.h"
#include "neuron_user.h"

/**
 * DOC: Host buffers
 *
 * A host buffer is a shmem object. Its first binding pins it and maps it for DMA; that lasts until
 * the buffer is freed, or until the device is removed, whichever is first: no mapping of a device
 * may outlive it. What was imported is in the same list of mappings, and so are the buffers of
 * systems where the DMA API bounces (see DOC: Host buffers where the DMA API bounces).
 */

void neuron_bo_unmap_dma_locked(struct neuron_bo *bo)
{
	struct drm_gem_shmem_object *shmem = &bo->shmem;

	lockdep_assert_held(&to_neuron_device(shmem->base.dev)->bos_lock);

	list_del_init(&bo->link);
	if (bo->import) {
		neuron_import_detach_locked(bo);
		return;
	}
	if (bo->coherent) {
		neuron_coherent_bo_unmap_dma_locked(bo);
		return;
	}
	dma_unmap_sgtable(shmem->base.dev->dev, shmem->sgt, DMA_BIDIRECTIONAL, 0);
	sg_free_table(shmem->sgt);
	kfree(shmem->sgt);
	shmem->sgt = NULL;
}

/* For the free function: the device does not use the buffer any more. */
void neuron_bo_unmap_dma(struct neuron_bo *bo)
{
	struct neuron_device *ndev = to_neuron_device(bo->shmem.base.dev);

	/* Under the lock, so that remove does not return while the device still has the mapping. */
	mutex_lock(&ndev->bos_lock);
	if (!list_empty(&bo->link))
		neuron_bo_unmap_dma_locked(bo);
	mutex_unlock(&ndev->bos_lock);
}

/* Remove: the device is unplugged, so nobody maps a buffer for it any more. */
void neuron_bos_unmap_dma(struct neuron_device *ndev)
{
	struct neuron_bo *bo, *next;

	/* Under this lock the core looks whether a buffer is imported, to export it again. */
	mutex_lock(&ndev->drm.object_name_lock);
	mutex_lock(&ndev->bos_lock);
	list_for_each_entry_safe(bo, next, &ndev->bos, link)
		neuron_bo_unmap_dma_locked(bo);
	mutex_unlock(&ndev->bos_lock);
	mutex_unlock(&ndev->drm.object_name_lock);
}

/* A buffer was mapped for the device; called once or more, while the device is entered. */
void neuron_bo_track_dma(struct neuron_bo *bo)
{
	struct neuron_device *ndev = to_neuron_device(bo->shmem.base.dev);

	mutex_lock(&ndev->bos_lock);
	if (list_empty(&bo->link))
		list_add_tail(&bo->link, &ndev->bos);
	mutex_unlock(&ndev->bos_lock);
}

/*
 * A buffer that could not get all of its pages would keep those that it got, which is no use to
 * anybody. Nobody has seen them: data is only in buffers that have had all pages at once.
 */
static void neuron_host_bo_drop_partial_locked(struct neuron_bo *bo)
{
	struct drm_gem_object *obj = &bo->shmem.base;
	struct inode *inode = file_inode(obj->filp);

	dma_resv_assert_held(obj->resv);

	if (!bo->shmem.pages && inode->i_blocks < obj->size >> SECTOR_SHIFT)
		shmem_truncate_range(inode, 0, (loff_t)-1);
}

static void neuron_host_bo_drop_partial(struct neuron_bo *bo)
{
	dma_resv_lock(bo->shmem.base.resv, NULL);
	neuron_host_bo_drop_partial_locked(bo);
	dma_resv_unlock(bo->shmem.base.resv);
}

/**
 * neuron_bo_map_dma() - pin a host buffer and map it for the device, if it is not yet
 * @bo: Host buffer; the device is entered with drm_dev_enter().
 *
 * Return: The table, which belongs to the buffer, or an error pointer.
 */
struct sg_table *neuron_bo_map_dma(struct neuron_bo *bo)
{
	struct neuron_device *ndev = to_neuron_device(bo->shmem.base.dev);
	struct sg_table *sgt;

	if (bo->import)
		return bo->shmem.sgt;
	if (bo->coherent)
		return neuron_coherent_bo_map_dma(bo);

	if (neuron_should_fail(ndev, NEURON_FAIL_DMA_MAP))
		return ERR_PTR(-ENOMEM);

	sgt = drm_gem_shmem_get_pages_sgt(&bo->shmem);
	if (IS_ERR(sgt)) {
		neuron_host_bo_drop_partial(bo);
		return sgt;
	}
	neuron_bo_track_dma(bo);

	if (!neuron_sgt_is_coherent(neuron_dma_dev(ndev), sgt)) {
		drm_dbg(&ndev->drm, "the buffer would be bounced: not supported\n");
		return ERR_PTR(-EOPNOTSUPP);
	}
	return sgt;
}

static void neuron_host_bo_free(struct drm_gem_object *obj)
{
	struct neuron_bo *bo = to_neuron_bo(obj);
	struct neuron_user *user = bo->user;
	size_t size = obj->size;

	neuron_bo_list_del(bo);
	neuron_bo_unmap_dma(bo);
	drm_gem_shmem_free(&bo->shmem);
	neuron_user_uncharge(user, NEURON_HOST_BYTES, size);
	neuron_user_put(user);
}

/* As in the shmem helpers, which take vm_start for the start of the buffer. */
static vm_fault_t neuron_host_bo_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct drm_gem_object *obj = vma->vm_private_data;
	pgoff_t page = neuron_vma_page(vma, vmf->address);
	struct drm_gem_shmem_object *shmem = to_drm_gem_shmem_obj(obj);
	vm_fault_t ret = VM_FAULT_SIGBUS;

	dma_resv_lock(obj->resv, NULL);
	if (page < obj->size >> PAGE_SHIFT && shmem->pages)
		ret = vmf_insert_pfn(vma, vmf->address, page_to_pfn(shmem->pages[page]));
	dma_resv_unlock(obj->resv);
	return ret;
}

static void neuron_host_bo_vm_open(struct vm_area_struct *vma)
{
	drm_gem_shmem_vm_ops.open(vma);
}

static void neuron_host_bo_vm_close(struct vm_area_struct *vma)
{
	drm_gem_shmem_vm_ops.close(vma);
}

static const struct vm_operations_struct neuron_host_vm_ops = {
	.fault = neuron_host_bo_fault,
	.open = neuron_host_bo_vm_open,
	.close = neuron_host_bo_vm_close,
};

static int neuron_host_bo_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	struct neuron_bo *bo = to_neuron_bo(obj);
	int ret;

	ret = drm_gem_shmem_mmap(&bo->shmem, vma);
	if (ret)
		neuron_host_bo_drop_partial(bo);
	return ret;
}

static int neuron_host_bo_pin(struct drm_gem_object *obj)
{
	struct neuron_bo *bo = to_neuron_bo(obj);
	int ret;

	ret = drm_gem_shmem_pin_locked(&bo->shmem);
	if (ret)
		neuron_host_bo_drop_partial_locked(bo);
	return ret;
}

static const struct drm_gem_object_funcs neuron_host_bo_funcs = {
	.free = neuron_host_bo_free,
	.close = neuron_debug_tell_free,
	.print_info = drm_gem_shmem_object_print_info,
	.pin = neuron_host_bo_pin,
	.unpin = drm_gem_shmem_object_unpin,
	.get_sg_table = drm_gem_shmem_object_get_sg_table,
	.vmap = drm_gem_shmem_object_vmap,
	.vunmap = drm_gem_shmem_object_vunmap,
	.mmap = neuron_host_bo_mmap,
	.vm_ops = &neuron_host_vm_ops,
};

/* Called by the shmem helpers. */
struct drm_gem_object *neuron_gem_create_object(struct drm_device *drm, size_t size)
{
	struct neuron_bo *bo;

	bo = neuron_bo_alloc();
	if (!bo)
		return ERR_PTR(-ENOMEM);

	bo->placement = DRM_NEURON_PLACE_HOST;
	bo->shmem.base.funcs = &neuron_host_bo_funcs;
	return &bo->shmem.base;
}

struct drm_gem_object *neuron_host_bo_create(struct neuron_device *ndev, u64 size)
{
	struct drm_gem_shmem_object *shmem;

	/* More than there is cannot be pinned; asking would only annoy the page allocator. */
	if (size >> PAGE_SHIFT > totalram_pages())
		return ERR_PTR(-ENOMEM);

	if (ndev->bounces)
		return neuron_coherent_bo_create(ndev, size);

	shmem = drm_gem_shmem_create(&ndev->drm, size);
	/* What shmem says when there is no memory for an inode. */
	if (shmem == ERR_PTR(-ENOSPC))
		return ERR_PTR(-ENOMEM);
	return IS_ERR(shmem) ? ERR_CAST(shmem) : &shmem->base;
}
