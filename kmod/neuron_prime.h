/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_PRIME_H__
#define __NEURON_PRIME_H__

struct dma_buf;
struct dma_buf_attachment;
struct drm_device;
struct drm_gem_object;
struct neuron_bo;
struct sg_table;

struct drm_gem_object *neuron_prime_import(struct drm_device *drm, struct dma_buf *dma_buf);
struct drm_gem_object *neuron_prime_import_sg_table(struct drm_device *drm,
						    struct dma_buf_attachment *attach,
						    struct sg_table *sgt);
void neuron_import_detach_locked(struct neuron_bo *bo);

#endif /* __NEURON_PRIME_H__ */
