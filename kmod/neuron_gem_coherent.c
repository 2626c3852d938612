// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/cc_platform.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_prime.h>
#include <drm/drm_print.h>
#include <drm/drm_vma_manager.h>
#include <drm/neuron_accel.h>

#include "neuron_compat.h"
#include "neuron_debug.h"
#include "neuron_device.h"
#include "neuron_gem.h"
#include "neuron_user.h"

/**
 * DOC: Host buffers where the DMA API bounces
 *
 * What such a system maps for the device are copies (see DOC: Bounce buffers), but a buffer has to
 * be one memory for both sides: jobs, processes and queues in user mode use it when they like. So
 * its pages come from the DMA API, which knows memory that the device reaches as it is. All of them
 * are allocated by the first mapping, of either kind.
 *
 * The DMA API wants its pages back when the device is removed, while processes still look at them.
 * Then the content moves to ordinary pages: the dma_resv lock keeps faults out, nothing is mapped,
 * and what is mapped from then on are the new pages. Without them, which takes a system without a
 * page to spare, the content is lost and reads as zero; nobody dies from a signal.
 *
 * The mappings to be taken away must all be found in the address space of the device's node, so it
 * is that of the dma-buf as well. Other devices do not get the pages: what they would map would be
 * bounced, too, and copies are not shared memory.
 */

/*
 * A buffer may be all the memory that a process is allowed, so each allocation for one may be the
 * first that finds none: it fails then, and nobody is killed.
 */
#define NEURON_GFP_MAYFAIL (GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* Largest piece: enough for a large page of the device. */
#define NEURON_CHUNK_ORDER get_order(SZ_2M)

/*
 * struct neuron_chunk: pages of a buffer that the DMA API has given in one piece
 */
struct neuron_chunk {
	/* @link: In neuron_bo.chunks, in the order of the buffer. */
	struct list_head link;
	struct page *page;
	dma_addr_t dma;
	unsigned int order;
};

static size_t neuron_chunk_bytes(const struct neuron_chunk *chunk)
{
	return PAGE_SIZE << chunk->order;
}

static struct device *neuron_bo_dma_dev(struct neuron_bo *bo)
{
	return neuron_dma_dev(to_neuron_device(bo->shmem.base.dev));
}

static unsigned long neuron_bo_num_pages(struct neuron_bo *bo)
{
	return bo->shmem.base.size >> PAGE_SHIFT;
}

/* Zeroed; NULL if there is no such piece. */
static struct neuron_chunk *neuron_chunk_alloc(struct device *dev, unsigned int order)
{
	gfp_t gfp = NEURON_GFP_MAYFAIL;
	struct neuron_chunk *chunk;

	chunk = kmalloc(sizeof(*chunk), NEURON_GFP_MAYFAIL);
	if (!chunk)
		return NULL;

	/* A large piece is nice to have, the last page is worth trying for. */
	if (order)
		gfp = GFP_KERNEL_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN;
	chunk->order = order;
	chunk->page = dma_alloc_pages(dev, neuron_chunk_bytes(chunk), &chunk->dma,
				      DMA_BIDIRECTIONAL, gfp | __GFP_ZERO);
	if (!chunk->page) {
		kfree(chunk);
		return NULL;
	}
	return chunk;
}

static void neuron_chunk_free(struct device *dev, struct neuron_chunk *chunk)
{
	list_del(&chunk->link);
	dma_free_pages(dev, neuron_chunk_bytes(chunk), chunk->page, chunk->dma, DMA_BIDIRECTIONAL);
	kfree(chunk);
}

/* The table for the device, and the pages that are the DMA API's. */
static void neuron_coherent_bo_free_chunks(struct neuron_bo *bo)
{
	struct neuron_chunk *chunk, *next;

	if (bo->shmem.sgt) {
		sg_free_table(bo->shmem.sgt);
		kfree(bo->shmem.sgt);
		bo->shmem.sgt = NULL;
	}
	list_for_each_entry_safe(chunk, next, &bo->chunks, link)
		neuron_chunk_free(neuron_bo_dma_dev(bo), chunk);
}

static int neuron_coherent_bo_alloc_chunks(struct neuron_bo *bo, struct page **pages)
{
	unsigned long left = neuron_bo_num_pages(bo);
	unsigned int order = NEURON_CHUNK_ORDER;
	struct neuron_chunk *chunk;
	unsigned long i;

	while (left) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();

		order = min_t(unsigned int, order, ilog2(left));
		chunk = neuron_chunk_alloc(neuron_bo_dma_dev(bo), order);
		if (!chunk) {
			if (!order)
				return -ENOMEM;
			order--;
			continue;
		}
		list_add_tail(&chunk->link, &bo->chunks);
		for (i = 0; i < 1ul << order; i++)
			*pages++ = chunk->page + i;
		left -= 1ul << order;
	}
	return 0;
}

/* All pages or none. Without @entered the device is gone, and each page comes when it is used. */
static int neuron_coherent_bo_populate_locked(struct neuron_bo *bo, bool entered)
{
	struct page **pages;
	int ret = 0;

	dma_resv_assert_held(bo->shmem.base.resv);

	if (bo->shmem.pages)
		return 0;

	pages = kvcalloc(neuron_bo_num_pages(bo), sizeof(*pages), NEURON_GFP_MAYFAIL);
	if (!pages)
		return -ENOMEM;

	if (entered)
		ret = neuron_coherent_bo_alloc_chunks(bo, pages);
	if (ret) {
		neuron_coherent_bo_free_chunks(bo);
		kvfree(pages);
		return ret;
	}
	bo->shmem.pages = pages;
	return 0;
}

/* Remove, which waits until nobody is inside any more, must find what is the DMA API's. */
static void neuron_coherent_bo_track(struct neuron_bo *bo)
{
	if (!list_empty(&bo->chunks))
		neuron_bo_track_dma(bo);
}

/* What dma_map_sgtable() would give if it did not bounce. */
static struct sg_table *neuron_coherent_bo_table(struct neuron_bo *bo)
{
	struct neuron_chunk *chunk;
	struct scatterlist *sg;
	struct sg_table *sgt;

	sgt = kzalloc(sizeof(*sgt), NEURON_GFP_MAYFAIL);
	if (!sgt)
		return ERR_PTR(-ENOMEM);
	if (sg_alloc_table(sgt, list_count_nodes(&bo->chunks), NEURON_GFP_MAYFAIL)) {
		kfree(sgt);
		return ERR_PTR(-ENOMEM);
	}

	sg = sgt->sgl;
	list_for_each_entry(chunk, &bo->chunks, link) {
		sg_set_page(sg, chunk->page, neuron_chunk_bytes(chunk), 0);
		sg_dma_address(sg) = chunk->dma;
		sg_dma_len(sg) = neuron_chunk_bytes(chunk);
		sg = sg_next(sg);
	}
	return sgt;
}

static struct sg_table *neuron_coherent_bo_map_dma_locked(struct neuron_bo *bo)
{
	struct sg_table *sgt;
	int ret;

	ret = neuron_coherent_bo_populate_locked(bo, true);
	if (ret)
		return ERR_PTR(ret);

	if (!bo->shmem.sgt) {
		sgt = neuron_coherent_bo_table(bo);
		if (IS_ERR(sgt))
			return sgt;
		bo->shmem.sgt = sgt;
	}
	return bo->shmem.sgt;
}

/* As neuron_bo_map_dma(): the device is entered. */
struct sg_table *neuron_coherent_bo_map_dma(struct neuron_bo *bo)
{
	struct dma_resv *resv = bo->shmem.base.resv;
	struct sg_table *sgt;
	int ret;

	ret = dma_resv_lock_interruptible(resv, NULL);
	if (ret)
		return ERR_PTR(ret);
	sgt = neuron_coherent_bo_map_dma_locked(bo);
	dma_resv_unlock(resv);

	neuron_coherent_bo_track(bo);
	return sgt;
}

/* Return: false if not all of the content could be kept. */
static bool neuron_coherent_bo_move_locked(struct neuron_bo *bo)
{
	struct page **pages = bo->shmem.pages;
	struct neuron_chunk *chunk, *next;
	bool kept = true;
	unsigned long i;

	dma_resv_assert_held(bo->shmem.base.resv);

	/* One after the other: what is given back is there for the next one. */
	list_for_each_entry_safe(chunk, next, &bo->chunks, link) {
		for (i = 0; i < 1ul << chunk->order; i++, pages++) {
			*pages = alloc_page(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
			if (*pages)
				copy_highpage(*pages, chunk->page + i);
			else
				kept = false;
		}
		neuron_chunk_free(neuron_bo_dma_dev(bo), chunk);
		cond_resched();
	}
	return kept;
}

/* Remove: the device has been stopped. */
void neuron_coherent_bo_unmap_dma_locked(struct neuron_bo *bo)
{
	struct drm_gem_object *obj = &bo->shmem.base;
	bool kept;

	lockdep_assert_held(&to_neuron_device(obj->dev)->bos_lock);

	dma_resv_lock(obj->resv, NULL);
	drm_vma_node_unmap(&obj->vma_node, obj->dev->anon_inode->i_mapping);
	kept = neuron_coherent_bo_move_locked(bo);
	neuron_coherent_bo_free_chunks(bo); /* only the table is left */
	dma_resv_unlock(obj->resv);

	if (!kept)
		drm_warn(obj->dev, "out of memory: the content of a buffer is lost\n");
}

/* The last user is gone, but remove may still have it in its list. */
static void neuron_coherent_bo_free_pages(struct neuron_bo *bo)
{
	struct neuron_device *ndev = to_neuron_device(bo->shmem.base.dev);
	unsigned long i;
	bool plain;

	mutex_lock(&ndev->bos_lock);
	list_del_init(&bo->link);
	plain = list_empty(&bo->chunks);
	neuron_coherent_bo_free_chunks(bo);
	mutex_unlock(&ndev->bos_lock);

	for (i = 0; plain && bo->shmem.pages && i < neuron_bo_num_pages(bo); i++)
		if (bo->shmem.pages[i])
			__free_page(bo->shmem.pages[i]);
	kvfree(bo->shmem.pages);
}

static void neuron_coherent_bo_free(struct drm_gem_object *obj)
{
	struct neuron_bo *bo = to_neuron_bo(obj);

	neuron_bo_list_del(bo);
	neuron_coherent_bo_free_pages(bo);
	neuron_user_uncharge(bo->user, NEURON_HOST_BYTES, obj->size);
	neuron_user_put(bo->user);
	drm_gem_object_release(obj);
	kfree(bo);
}

/* Where the system's memory is encrypted, what the device reaches is not. */
static pgprot_t neuron_coherent_bo_prot_locked(struct neuron_bo *bo, pgprot_t prot)
{
	bool decrypted = cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT) && !list_empty(&bo->chunks);

	dma_resv_assert_held(bo->shmem.base.resv);

	return decrypted ? pgprot_decrypted(prot) : prot;
}

static vm_fault_t neuron_coherent_bo_fault_locked(struct vm_fault *vmf, struct neuron_bo *bo)
{
	pgoff_t index = neuron_vma_page(vmf->vma, vmf->address);
	struct page **page;

	dma_resv_assert_held(bo->shmem.base.resv);

	if (index >= neuron_bo_num_pages(bo))
		return VM_FAULT_SIGBUS;
	page = &bo->shmem.pages[index];
	/* Only without the device. */
	if (!*page)
		*page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!*page)
		return VM_FAULT_OOM;
	return vmf_insert_pfn_prot(vmf->vma, vmf->address, page_to_pfn(*page),
				   neuron_coherent_bo_prot_locked(bo, vmf->vma->vm_page_prot));
}

static vm_fault_t neuron_coherent_bo_fault(struct vm_fault *vmf)
{
	struct drm_gem_object *obj = vmf->vma->vm_private_data;
	vm_fault_t ret;

	dma_resv_lock(obj->resv, NULL);
	ret = neuron_coherent_bo_fault_locked(vmf, to_neuron_bo(obj));
	dma_resv_unlock(obj->resv);
	return ret;
}

static const struct vm_operations_struct neuron_coherent_vm_ops = {
	.fault = neuron_coherent_bo_fault,
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
};

static int neuron_coherent_bo_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	bool entered;
	int ret;
	int idx;

	if (vma_is_cow_mapping(vma))
		return -EINVAL;

	entered = drm_dev_enter(obj->dev, &idx);
	dma_resv_lock(obj->resv, NULL);
	ret = neuron_coherent_bo_populate_locked(to_neuron_bo(obj), entered);
	dma_resv_unlock(obj->resv);
	if (entered) {
		neuron_coherent_bo_track(to_neuron_bo(obj));
		drm_dev_exit(idx);
	}
	if (ret)
		return ret;

	vm_flags_set(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_page_prot = vm_get_page_prot(vma->vm_flags);
	return 0;
}

static struct dma_buf *neuron_coherent_bo_export(struct drm_gem_object *obj, int flags)
{
	struct dma_buf *dma_buf = drm_gem_prime_export(obj, flags);

	/* As for the files of the node, in accel_open(): there remove looks for mappings. */
	if (!IS_ERR(dma_buf))
		dma_buf->file->f_mapping = obj->dev->anon_inode->i_mapping;
	return dma_buf;
}

/* For another device, which attaches first and then maps. */
static int neuron_coherent_bo_pin(struct drm_gem_object *obj)
{
	return -EOPNOTSUPP;
}

/* The core wants to see it before it asks to pin. */
static struct sg_table *neuron_coherent_bo_get_sg_table(struct drm_gem_object *obj)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static const struct drm_gem_object_funcs neuron_coherent_bo_funcs = {
	.free = neuron_coherent_bo_free,
	.close = neuron_debug_tell_free,
	.export = neuron_coherent_bo_export,
	.pin = neuron_coherent_bo_pin,
	.get_sg_table = neuron_coherent_bo_get_sg_table,
	.mmap = neuron_coherent_bo_mmap,
	.vm_ops = &neuron_coherent_vm_ops,
};

struct drm_gem_object *neuron_coherent_bo_create(struct neuron_device *ndev, u64 size)
{
	struct drm_gem_object *obj;
	struct neuron_bo *bo;
	int ret;

	bo = neuron_bo_alloc();
	if (!bo)
		return ERR_PTR(-ENOMEM);

	bo->placement = DRM_NEURON_PLACE_HOST;
	bo->coherent = true;
	obj = &bo->shmem.base;
	obj->funcs = &neuron_coherent_bo_funcs;
	drm_gem_private_object_init(&ndev->drm, obj, size);

	ret = drm_gem_create_mmap_offset(obj);
	if (ret) {
		drm_gem_object_put(obj);
		return ERR_PTR(ret);
	}
	return obj;
}
