// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/dma-buf.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/scatterlist.h>

#include <drm/drm_drv.h>
#include <drm/drm_prime.h>
#include <drm/drm_print.h>
#include <drm/neuron_accel.h>

#include "neuron_bounce.h"
#include "neuron_debug.h"
#include "neuron_device.h"
#include "neuron_gem.h"
#include "neuron_prime.h"

/**
 * DOC: Imported buffers
 *
 * A dma-buf of another driver is attached and mapped for the device when it is imported, and bound
 * like a host buffer. The attachment is static and takes no peer-to-peer memory: the exporter pins
 * pages of system memory for as long as it lasts, which is until the buffer is freed or the device
 * is removed, whichever is first. Exporters may keep a mapping in the attachment, so that only
 * detaching gives it back. All files of the device that import a dma-buf share one buffer: memory
 * must not be mapped twice for a device.
 *
 * CPU mappings are the exporter's own. Exporting such a buffer gives the original dma-buf again,
 * and importing one that this device has exported gives the original buffer; the core sees to both.
 */

static int neuron_import_check(struct neuron_device *ndev, struct dma_buf *dma_buf,
			       struct sg_table *sgt)
{
	struct scatterlist *sg;
	u64 bytes = 0;
	int i;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		if (!IS_ALIGNED(sg_dma_address(sg) | sg_dma_len(sg), NRN_PAGE_SIZE))
			return -EINVAL;
		bytes += sg_dma_len(sg);
	}
	if (!PAGE_ALIGNED(dma_buf->size) || bytes < dma_buf->size)
		return -EINVAL;

	if (!neuron_sgt_is_coherent(neuron_dma_dev(ndev), sgt)) {
		drm_dbg(&ndev->drm, "the imported buffer would be bounced: not supported\n");
		return -EOPNOTSUPP;
	}
	return 0;
}

/* The mapping becomes one of the dma-buf: it needs neither the buffer nor the device any more. */
static int neuron_import_bo_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	int ret;

	vma->vm_private_data = NULL;
	ret = dma_buf_mmap(to_neuron_bo(obj)->import, vma, 0);
	if (ret)
		return ret;

	/* The core insists, and not every exporter thinks of it. */
	vm_flags_set(vma, VM_DONTEXPAND);
	/* What the core took for a mapping of ours. */
	drm_gem_object_put(obj);
	return 0;
}

static void neuron_import_bo_free(struct drm_gem_object *obj)
{
	struct neuron_bo *bo = to_neuron_bo(obj);

	neuron_bo_list_del(bo);
	neuron_bo_unmap_dma(bo);
	dma_buf_put(bo->import);
	drm_gem_object_release(obj);
	kfree(bo);
}

static const struct drm_gem_object_funcs neuron_import_bo_funcs = {
	.free = neuron_import_bo_free,
	.close = neuron_debug_tell_free,
	.mmap = neuron_import_bo_mmap,
};

/* Called by drm_gem_prime_import_dev(), which undoes the attachment on an error. */
struct drm_gem_object *neuron_prime_import_sg_table(struct drm_device *drm,
						    struct dma_buf_attachment *attach,
						    struct sg_table *sgt)
{
	struct dma_buf *dma_buf = attach->dmabuf;
	struct drm_gem_object *obj;
	struct neuron_bo *bo;
	int ret;

	ret = neuron_import_check(to_neuron_device(drm), dma_buf, sgt);
	if (ret)
		return ERR_PTR(ret);

	bo = neuron_bo_alloc();
	if (!bo)
		return ERR_PTR(-ENOMEM);

	bo->placement = DRM_NEURON_PLACE_HOST;
	bo->flags = DRM_NEURON_BO_IMPORTED;
	bo->import = dma_buf;
	bo->shmem.sgt = sgt;
	obj = &bo->shmem.base;
	obj->funcs = &neuron_import_bo_funcs;
	drm_gem_private_object_init(drm, obj, dma_buf->size);

	ret = drm_gem_create_mmap_offset(obj);
	if (ret) {
		drm_gem_object_release(obj);
		kfree(bo);
		return ERR_PTR(ret);
	}
	return obj;
}

/* A buffer of the device that is the dma-buf already, referenced, or NULL. */
static struct drm_gem_object *neuron_import_find(struct neuron_device *ndev,
						 struct dma_buf *dma_buf)
{
	struct drm_gem_object *found = NULL;
	struct neuron_bo *bo;

	mutex_lock(&ndev->bos_lock);
	list_for_each_entry(bo, &ndev->bos, link) {
		if (bo->import != dma_buf)
			continue;
		/* One about to be freed would give its mapping back too late for a new one. */
		if (kref_get_unless_zero(&bo->shmem.base.refcount))
			found = &bo->shmem.base;
		else
			neuron_bo_unmap_dma_locked(bo);
		break;
	}
	mutex_unlock(&ndev->bos_lock);
	return found;
}

/* The core holds object_name_lock, so imports come one after another. The device is entered. */
static struct drm_gem_object *neuron_import(struct neuron_device *ndev, struct dma_buf *dma_buf)
{
	struct drm_gem_object *obj;

	obj = neuron_import_find(ndev, dma_buf);
	if (obj)
		return obj;

	/* Not even to see it fail: attaching would bounce it. */
	if (ndev->bounces && dma_buf->owner != THIS_MODULE)
		return ERR_PTR(-EOPNOTSUPP);

	obj = drm_gem_prime_import_dev(&ndev->drm, dma_buf, neuron_dma_dev(ndev));
	/* A buffer of our own is tracked when it is bound. */
	if (!IS_ERR(obj) && to_neuron_bo(obj)->import) {
		neuron_bo_track_dma(to_neuron_bo(obj));
		neuron_bo_list_add(to_neuron_bo(obj), NULL);
	}
	return obj;
}

struct drm_gem_object *neuron_prime_import(struct drm_device *drm, struct dma_buf *dma_buf)
{
	struct drm_gem_object *obj;
	int idx;

	/* Remove gives the mapping back, if it comes to see it. */
	if (!drm_dev_enter(drm, &idx))
		return ERR_PTR(-ENODEV);
	obj = neuron_import(to_neuron_device(drm), dma_buf);
	drm_dev_exit(idx);
	return obj;
}

/*
 * Give the mapping back to the exporter. The dma-buf stays: it has the lock of the buffer, its CPU
 * mappings, and is what an export gives.
 */
void neuron_import_detach_locked(struct neuron_bo *bo)
{
	struct drm_gem_object *obj = &bo->shmem.base;

	lockdep_assert_held(&to_neuron_device(obj->dev)->bos_lock);

	dma_buf_unmap_attachment_unlocked(obj->import_attach, bo->shmem.sgt, DMA_BIDIRECTIONAL);
	dma_buf_detach(bo->import, obj->import_attach);
	obj->import_attach = NULL;
	bo->shmem.sgt = NULL;
}
