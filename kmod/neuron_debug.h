/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_DEBUG_H__
#define __NEURON_DEBUG_H__

#include <linux/mutex.h>
#include <linux/types.h>

#include "neuron_spec.h"

struct drm_gem_object;
struct drm_neuron_query_fault;
struct drm_file;
struct drm_printer;
struct neuron_bo;
struct neuron_device;
struct neuron_file;
struct neuron_mapping;
struct neuron_name;
struct neuron_own_mapping;
struct sg_table;

/*
 * struct neuron_debug: the debug channel
 */
struct neuron_debug {
	/* @lock: Who tells; inside reset_sem. */
	struct mutex lock;
	/* @ring: Records; NULL: the device does not listen. */
	struct nrn_debug_record *ring;
	dma_addr_t dma;
	/* @sanitizer: The device looks at every access. */
	bool sanitizer;
	/* @spaces: It also wants to know who holds HBM and host memory. */
	bool spaces;
	/* @bus: Who holds host memory is worth telling. */
	bool bus;
	u32 head;
	u32 tail;
};

struct nrn_debug_record neuron_debug_record(u16 kind, u32 ctx);
void neuron_debug_tell(struct neuron_device *ndev, const struct nrn_debug_record *rec);

int neuron_debug_init(struct neuron_device *ndev);
void neuron_debug_start(struct neuron_device *ndev);
void neuron_debug_tell_clear(struct neuron_device *ndev);
void neuron_debug_tell_open(struct neuron_file *nfile);
void neuron_debug_tell_close(struct neuron_file *nfile);
void neuron_debug_tell_bind_own(struct neuron_file *nfile, const struct neuron_own_mapping *own);
void neuron_debug_tell_unbind_own(struct neuron_file *nfile, const struct neuron_own_mapping *own);
void neuron_debug_tell_dma(struct neuron_device *ndev, u16 kind, dma_addr_t dma, size_t bytes,
			   const char *label);
void neuron_debug_tell_sgt(struct neuron_device *ndev, u16 kind, struct sg_table *sgt, u64 buffer,
			   const char *label);
void neuron_debug_tell_hbm_of(struct neuron_bo *bo, u16 kind);
void neuron_debug_tell_bind(struct neuron_file *nfile, const struct neuron_mapping *map);
void neuron_debug_tell_unbind(struct neuron_file *nfile, const struct neuron_mapping *map,
			      const struct neuron_name *where);
void neuron_debug_tell_free(struct drm_gem_object *obj, struct drm_file *file);
int neuron_debug_last_fault(struct neuron_device *ndev, u32 ctx, struct nrn_blame_record *blame);
int neuron_debug_history(struct neuron_device *ndev, u32 ctx, u64 va, struct nrn_blame_record *to);
void neuron_debug_fill_fault(struct neuron_file *nfile, struct drm_neuron_query_fault *info);
void neuron_debug_print_blame(struct drm_printer *p, const struct nrn_blame_record *blame);
void neuron_debugfs_print_blame(struct drm_printer *p, struct neuron_device *ndev);

#endif /* __NEURON_DEBUG_H__ */
