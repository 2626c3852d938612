// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/mm.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>
#include <drm/neuron_accel.h>

#include "neuron_device.h"
#include "neuron_gem.h"
#include "neuron_reset.h"

/**
 * DOC: Buffers
 *
 * A host buffer is a shmem object. Its first binding pins it and maps it for DMA; that lasts until
 * the buffer is freed, or until the device is removed, whichever is first: no mapping of a device
 * may outlive it.
 *
 * An HBM buffer is a list of blocks of the buddy allocator, scrubbed before anybody can see them.
 * CPU mappings of it go through the aperture. When the device is gone they show a page of zeroes
 * that belongs to the buffer, so that the process does not die from a signal.
 */

/* Pages that one fault maps around the faulting one: 2 MiB, aligned in the buffer. */
#define NEURON_FAULT_PAGES (SZ_2M >> PAGE_SHIFT)

static void neuron_bo_unmap_dma(struct neuron_bo *bo)
{
	struct drm_gem_shmem_object *shmem = &bo->shmem;

	lockdep_assert_held(&to_neuron_device(shmem->base.dev)->bos_lock);

	dma_unmap_sgtable(shmem->base.dev->dev, shmem->sgt, DMA_BIDIRECTIONAL, 0);
	sg_free_table(shmem->sgt);
	kfree(shmem->sgt);
	shmem->sgt = NULL;
	list_del_init(&bo->link);
}

/* Remove: the device is unplugged, so nobody maps a buffer for it any more. */
void neuron_bos_unmap_dma(struct neuron_device *ndev)
{
	struct neuron_bo *bo, *next;

	mutex_lock(&ndev->bos_lock);
	list_for_each_entry_safe(bo, next, &ndev->bos, link)
		neuron_bo_unmap_dma(bo);
	mutex_unlock(&ndev->bos_lock);
}

/* The bounce buffers of swiotlb would need a sync around each job, which there is no call for. */
static bool neuron_sgt_is_coherent(struct device *dev, struct sg_table *sgt)
{
	struct scatterlist *sg;
	int i;

	/* With DMA API debugging on, all that is behind an IOMMU seems to need a sync. */
	if (IS_ENABLED(CONFIG_DMA_API_DEBUG) && device_iommu_mapped(dev))
		return true;

	for_each_sgtable_dma_sg(sgt, sg, i)
		if (dma_need_sync(dev, sg_dma_address(sg)))
			return false;
	return true;
}

/**
 * neuron_bo_map_dma() - pin a host buffer and map it for the device
 * @bo: Host buffer; the device is entered with drm_dev_enter().
 *
 * Return: The table, which belongs to the buffer, or an error pointer.
 */
struct sg_table *neuron_bo_map_dma(struct neuron_bo *bo)
{
	struct neuron_device *ndev = to_neuron_device(bo->shmem.base.dev);
	struct sg_table *sgt;

	sgt = drm_gem_shmem_get_pages_sgt(&bo->shmem);
	if (IS_ERR(sgt))
		return sgt;

	mutex_lock(&ndev->bos_lock);
	if (list_empty(&bo->link))
		list_add_tail(&bo->link, &ndev->bos);
	mutex_unlock(&ndev->bos_lock);

	if (!neuron_sgt_is_coherent(neuron_dma_dev(ndev), sgt)) {
		drm_dbg(&ndev->drm, "the buffer would be bounced: not supported\n");
		return ERR_PTR(-EOPNOTSUPP);
	}
	return sgt;
}

static void neuron_host_bo_free(struct drm_gem_object *obj)
{
	struct neuron_device *ndev = to_neuron_device(obj->dev);
	struct neuron_bo *bo = to_neuron_bo(obj);

	/* Under the lock, so that remove does not return while the device still has the mapping. */
	mutex_lock(&ndev->bos_lock);
	if (!list_empty(&bo->link))
		neuron_bo_unmap_dma(bo);
	mutex_unlock(&ndev->bos_lock);

	drm_gem_shmem_free(&bo->shmem);
}

/*
 * Page of the buffer at an address. What was split off a mapping starts later than the buffer, so
 * vm_start says nothing.
 */
static pgoff_t neuron_vma_page(struct vm_area_struct *vma, unsigned long address)
{
	struct drm_gem_object *obj = vma->vm_private_data;

	return ((address - vma->vm_start) >> PAGE_SHIFT) + vma->vm_pgoff -
	       drm_vma_node_start(&obj->vma_node);
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

static const struct drm_gem_object_funcs neuron_host_bo_funcs = {
	.free = neuron_host_bo_free,
	.print_info = drm_gem_shmem_object_print_info,
	.pin = drm_gem_shmem_object_pin,
	.unpin = drm_gem_shmem_object_unpin,
	.get_sg_table = drm_gem_shmem_object_get_sg_table,
	.vmap = drm_gem_shmem_object_vmap,
	.vunmap = drm_gem_shmem_object_vunmap,
	.mmap = drm_gem_shmem_object_mmap,
	.vm_ops = &neuron_host_vm_ops,
};

static struct neuron_bo *neuron_bo_alloc(void)
{
	struct neuron_bo *bo;

	bo = kzalloc(sizeof(*bo), GFP_KERNEL);
	if (!bo)
		return NULL;

	INIT_LIST_HEAD(&bo->link);
	INIT_LIST_HEAD(&bo->blocks);
	return bo;
}

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

static struct drm_gem_object *neuron_host_bo_create(struct neuron_device *ndev, u64 size)
{
	struct drm_gem_shmem_object *shmem;

	/* More than there is cannot be pinned; asking would only annoy the page allocator. */
	if (size >> PAGE_SHIFT > totalram_pages())
		return ERR_PTR(-ENOMEM);

	shmem = drm_gem_shmem_create(&ndev->drm, size);
	return IS_ERR(shmem) ? ERR_CAST(shmem) : &shmem->base;
}

static bool neuron_bo_pfn(struct neuron_bo *bo, pgoff_t page, unsigned long *pfn)
{
	struct neuron_device *ndev = to_neuron_device(bo->shmem.base.dev);
	u64 offset = (u64)page << PAGE_SHIFT;
	struct drm_buddy_block *block;

	list_for_each_entry(block, &bo->blocks, link) {
		u64 size = drm_buddy_block_size(&ndev->hbm.mm, block);

		if (offset < size) {
			*pfn = PHYS_PFN(ndev->aperture + drm_buddy_block_offset(block) + offset);
			return true;
		}
		offset -= size;
	}
	return false;
}

/* Maps the faulting page, and what lies around it, where the mapping has no page yet. */
static vm_fault_t neuron_hbm_bo_map_around(struct vm_fault *vmf, struct neuron_bo *bo)
{
	struct vm_area_struct *vma = vmf->vma;
	pgoff_t start = neuron_vma_page(vma, vma->vm_start);
	pgoff_t fault = neuron_vma_page(vma, vmf->address);
	pgoff_t first = max(round_down(fault, NEURON_FAULT_PAGES), start);
	pgoff_t last = min(round_down(fault, NEURON_FAULT_PAGES) + NEURON_FAULT_PAGES,
			   start + vma_pages(vma));
	unsigned long pfn;
	vm_fault_t ret;
	pgoff_t page;

	if (!neuron_bo_pfn(bo, fault, &pfn))
		return VM_FAULT_SIGBUS;

	ret = vmf_insert_pfn(vma, vmf->address, pfn);
	for (page = first; page < last && ret == VM_FAULT_NOPAGE; page++) {
		if (page == fault || !neuron_bo_pfn(bo, page, &pfn))
			continue;
		if (vmf_insert_pfn(vma, vma->vm_start + ((page - start) << PAGE_SHIFT), pfn) !=
		    VM_FAULT_NOPAGE)
			break; /* only a service */
	}
	return ret;
}

static vm_fault_t neuron_hbm_bo_map_dummy(struct vm_fault *vmf, struct neuron_bo *bo)
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

static vm_fault_t neuron_hbm_bo_fault(struct vm_fault *vmf)
{
	struct drm_gem_object *obj = vmf->vma->vm_private_data;
	struct neuron_bo *bo = to_neuron_bo(obj);
	vm_fault_t ret;
	int idx;

	if (!drm_dev_enter(obj->dev, &idx))
		return neuron_hbm_bo_map_dummy(vmf, bo);

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
		return -EACCES;
	if (is_cow_mapping(vma->vm_flags))
		return -EINVAL;

	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_page_prot = pgprot_writecombine(vm_get_page_prot(vma->vm_flags));
	vma->vm_page_prot = pgprot_decrypted(vma->vm_page_prot);
	return 0;
}

/* A mapping through a dma-buf would lie outside the address space that unplug clears. */
static struct dma_buf *neuron_hbm_bo_export(struct drm_gem_object *obj, int flags)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static void neuron_hbm_bo_free(struct drm_gem_object *obj)
{
	struct neuron_bo *bo = to_neuron_bo(obj);

	neuron_hbm_free(to_neuron_device(obj->dev), &bo->blocks);
	if (bo->dummy)
		__free_page(bo->dummy);
	drm_gem_object_release(obj);
	kfree(bo);
}

static const struct drm_gem_object_funcs neuron_hbm_bo_funcs = {
	.free = neuron_hbm_bo_free,
	.export = neuron_hbm_bo_export,
	.mmap = neuron_hbm_bo_mmap,
	.vm_ops = &neuron_hbm_vm_ops,
};

static struct drm_gem_object *
neuron_hbm_bo_create(struct neuron_device *ndev, const struct drm_neuron_bo_create *args, u64 size)
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

static int neuron_bo_create_check(struct neuron_device *ndev,
				  const struct drm_neuron_bo_create *args)
{
	if (!args->size || args->size > U64_MAX - PAGE_SIZE)
		return -EINVAL;

	switch (args->placement) {
	case DRM_NEURON_PLACE_HOST:
		return args->flags || args->bank ? -EINVAL : 0;
	case DRM_NEURON_PLACE_HBM:
		if (args->flags & ~DRM_NEURON_BO_MAPPABLE)
			return -EINVAL;
		if (args->bank != DRM_NEURON_BO_ANY_BANK && args->bank >= ndev->info.hbm_banks)
			return -EINVAL;
		return neuron_device_error(ndev);
	default:
		return -EINVAL;
	}
}

int neuron_bo_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct neuron_device *ndev = to_neuron_device(drm);
	struct drm_neuron_bo_create *args = data;
	struct drm_gem_object *obj;
	u64 size;
	int ret;
	int idx;

	ret = neuron_bo_create_check(ndev, args);
	if (ret)
		return ret;

	size = PAGE_ALIGN(args->size);
	if (args->placement == DRM_NEURON_PLACE_HOST) {
		obj = neuron_host_bo_create(ndev, size);
	} else {
		if (!drm_dev_enter(drm, &idx))
			return -ENODEV;
		obj = neuron_hbm_bo_create(ndev, args, size);
		drm_dev_exit(idx);
	}
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
	struct drm_buddy *mm = &to_neuron_device(file->minor->dev)->hbm.mm;
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

void neuron_gem_show_fdinfo(struct drm_printer *p, struct drm_file *file)
{
	struct drm_memory_stats stats[] = {
		[DRM_NEURON_PLACE_HOST] = {},
		[DRM_NEURON_PLACE_HBM] = {},
	};
	struct drm_gem_object *obj;
	int id;

	spin_lock(&file->table_lock);
	idr_for_each_entry(&file->object_idr, obj, id) {
		struct drm_memory_stats *s = &stats[to_neuron_bo(obj)->placement];

		if (drm_gem_object_is_shared_for_memory_stats(obj))
			s->shared += obj->size;
		else
			s->private += obj->size;
	}
	spin_unlock(&file->table_lock);

	drm_print_memory_stats(p, &stats[DRM_NEURON_PLACE_HOST], 0, "system");
	drm_print_memory_stats(p, &stats[DRM_NEURON_PLACE_HBM], 0, "hbm");
}
