// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/mm.h>

#include <drm/drm_drv.h>
#include <drm/drm_prime.h>
#include <drm/neuron_accel.h>

#include "neuron_compat.h"
#include "neuron_debug.h"
#include "neuron_device.h"
#include "neuron_gem.h"
#include "neuron_pm.h"
#include "neuron_user.h"

/**
 * DOC: HBM buffers
 *
 * An HBM buffer is a list of blocks of the buddy allocator, scrubbed before anybody can see them.
 * CPU mappings of it go through the aperture. When the device is gone they show a page of zeroes
 * that belongs to the buffer, so that the process does not die from a signal.
 *
 * Its dma-buf is for files of this device, where importing it gives the buffer itself. There is no
 * table of pages, so nobody can attach. CPU mappings of the dma-buf are in the address space of the
 * device's node, like all others, and go with the device like these.
 */

/* Pages that one fault maps around the faulting one: 2 MiB, aligned in the buffer. */
#define NEURON_FAULT_PAGES (SZ_2M >> PAGE_SHIFT)

/* Maps the faulting page, and what lies around it, in one walk over the blocks. */
static vm_fault_t neuron_hbm_bo_map_around(struct vm_fault *vmf, struct neuron_bo *bo)
{
	struct neuron_device *ndev = to_neuron_device(bo->shmem.base.dev);
	struct drm_buddy *mm = &ndev->hbm.mm.buddy;
	struct vm_area_struct *vma = vmf->vma;
	pgoff_t start = neuron_vma_page(vma, vma->vm_start);
	pgoff_t fault = neuron_vma_page(vma, vmf->address);
	pgoff_t around = round_down(fault, NEURON_FAULT_PAGES);
	pgoff_t last = min(around + NEURON_FAULT_PAGES, start + vma_pages(vma));
	pgoff_t page = max(around, start);
	struct drm_buddy_block *block;
	pgoff_t block_start = 0;

	list_for_each_entry(block, &bo->blocks, link) {
		unsigned long pfn = PHYS_PFN(ndev->aperture + drm_buddy_block_offset(block));
		pgoff_t end = block_start + (drm_buddy_block_size(mm, block) >> PAGE_SHIFT);

		for (; page < min(end, last); page++) {
			unsigned long address = vma->vm_start + ((page - start) << PAGE_SHIFT);
			vm_fault_t ret;

			ret = vmf_insert_pfn(vma, address, pfn + page - block_start);
			if (ret != VM_FAULT_NOPAGE)
				return ret;
		}
		if (page == last)
			break;
		block_start = end;
	}
	return page > fault ? VM_FAULT_NOPAGE : VM_FAULT_SIGBUS;
}

static vm_fault_t neuron_hbm_bo_fault(struct vm_fault *vmf)
{
	struct drm_gem_object *obj = vmf->vma->vm_private_data;
	struct neuron_bo *bo = to_neuron_bo(obj);
	vm_fault_t ret;
	int idx;

	if (!drm_dev_enter(obj->dev, &idx))
		return neuron_bo_map_dummy(vmf, bo);

	ret = neuron_hbm_bo_map_around(vmf, bo);
	drm_dev_exit(idx);
	return ret;
}

static const struct vm_operations_struct neuron_hbm_vm_ops = {
	.fault = neuron_hbm_bo_fault,
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
};

static int neuron_hbm_bo_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	if (!(to_neuron_bo(obj)->flags & DRM_NEURON_BO_MAPPABLE))
		return -ENODEV;
	if (vma_is_cow_mapping(vma))
		return -EINVAL;

	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_page_prot = pgprot_writecombine(vm_get_page_prot(vma->vm_flags));
	vma->vm_page_prot = pgprot_decrypted(vma->vm_page_prot);
	return 0;
}

/*
 * The core serializes exports. Who has a dma-buf may have no file open, which is what keeps the
 * device awake.
 */
static struct dma_buf *neuron_hbm_bo_export(struct drm_gem_object *obj, int flags)
{
	struct neuron_bo *bo = to_neuron_bo(obj);
	int ret;

	if (!bo->awake) {
		ret = neuron_pm_get(to_neuron_device(obj->dev));
		if (ret)
			return ERR_PTR(ret);
		bo->awake = true;
	}
	return drm_gem_prime_export(obj, flags);
}

static void neuron_hbm_bo_free(struct drm_gem_object *obj)
{
	struct neuron_bo *bo = to_neuron_bo(obj);

	neuron_bo_list_del(bo);
	neuron_debug_tell_hbm_of(bo, NRN_DEBUG_KIND_HBM_GIVE);
	neuron_hbm_free(to_neuron_device(obj->dev), &bo->blocks);
	if (bo->awake)
		neuron_pm_put(to_neuron_device(obj->dev));
	neuron_user_uncharge(bo->user, NEURON_HBM_BYTES, obj->size);
	neuron_user_put(bo->user);
	if (bo->dummy)
		__free_page(bo->dummy);
	drm_gem_object_release(obj);
	kfree(bo);
}

static const struct drm_gem_object_funcs neuron_hbm_bo_funcs = {
	.free = neuron_hbm_bo_free,
	.close = neuron_debug_tell_free,
	.export = neuron_hbm_bo_export,
	.mmap = neuron_hbm_bo_mmap,
	.vm_ops = &neuron_hbm_vm_ops,
};

/* The device is entered. */
struct drm_gem_object *neuron_hbm_bo_create(struct neuron_device *ndev,
					    const struct drm_neuron_bo_create *args, u64 size)
{
	bool mappable = args->flags & DRM_NEURON_BO_MAPPABLE;
	struct drm_gem_object *obj;
	struct neuron_bo *bo;
	int ret;

	bo = neuron_bo_alloc();
	if (!bo)
		return ERR_PTR(-ENOMEM);

	bo->placement = DRM_NEURON_PLACE_HBM;
	bo->flags = args->flags;
	obj = &bo->shmem.base;
	obj->funcs = &neuron_hbm_bo_funcs;
	drm_gem_private_object_init(&ndev->drm, obj, size);

	ret = neuron_hbm_alloc(ndev, size, args->bank, mappable, &bo->blocks);
	if (!ret && mappable)
		ret = drm_gem_create_mmap_offset(obj);
	if (ret) {
		drm_gem_object_put(obj);
		return ERR_PTR(ret);
	}
	return obj;
}
