/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_GEM_H__
#define __NEURON_GEM_H__

#include <linux/list.h>
#include <linux/types.h>

#include <drm/drm_gem_shmem_helper.h>

struct drm_device;
struct drm_file;
struct drm_printer;
struct neuron_device;

/*
 * struct neuron_bo: a buffer
 */
struct neuron_bo {
	/* @shmem: Host buffers use all of it, HBM buffers the GEM object inside. */
	struct drm_gem_shmem_object shmem;
	u32 placement;
	u32 flags;
	/* @link: In neuron_device.bos, while a host buffer is mapped for DMA. */
	struct list_head link;
	/* @blocks: HBM of the buffer, in the order of its bytes; constant. */
	struct list_head blocks;
	/* @dummy: What an HBM mapping shows once the device is gone; under the dma_resv lock. */
	struct page *dummy;
};

static inline struct neuron_bo *to_neuron_bo(struct drm_gem_object *obj)
{
	return container_of(obj, struct neuron_bo, shmem.base);
}

struct drm_gem_object *neuron_gem_create_object(struct drm_device *drm, size_t size);
struct sg_table *neuron_bo_map_dma(struct neuron_bo *bo);
void neuron_bos_unmap_dma(struct neuron_device *ndev);
bool neuron_gem_owns_hbm(struct drm_file *file, u64 offset);
void neuron_gem_show_fdinfo(struct drm_printer *p, struct drm_file *file);

int neuron_bo_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int neuron_bo_query_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* __NEURON_GEM_H__ */
