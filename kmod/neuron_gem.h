/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_GEM_H__
#define __NEURON_GEM_H__

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/sched.h>
#include <linux/types.h>

#include <drm/drm_gem_shmem_helper.h>

struct dma_buf;
struct drm_device;
struct drm_file;
struct drm_neuron_bo_create;
struct drm_printer;
struct neuron_device;
struct neuron_name;
struct neuron_user;

/*
 * struct neuron_bo: a buffer
 */
struct neuron_bo {
	/*
	 * @shmem: Host buffers use all of it, coherent ones the GEM object inside, the pages and
	 * the table, imported ones the object and the table, HBM buffers the object.
	 */
	struct drm_gem_shmem_object shmem;
	u32 placement;
	u32 flags;
	/* @asked: Bytes that user space asked for; 0: unknown. Constant once a handle names it. */
	u64 asked;
	/* @user: Who is charged for it, or NULL; constant once a handle names the buffer. */
	struct neuron_user *user;
	/* @import: Where an imported buffer comes from, referenced; constant. */
	struct dma_buf *import;
	/* @coherent: A host buffer with pages of the DMA API; constant. */
	bool coherent;
	/*
	 * @chunks: &struct neuron_chunk: pages of a coherent buffer, as long as there is a device;
	 * under the dma_resv lock.
	 */
	struct list_head chunks;
	/* @link: In neuron_device.bos, while a buffer is mapped for DMA. */
	struct list_head link;
	/* @awake: Exported HBM keeps the device awake; under drm_device.object_name_lock. */
	bool awake;
	/* @blocks: HBM of the buffer, in the order of its bytes; constant. */
	struct list_head blocks;
	/*
	 * @dummy: What a mapping shows in place of the device, once it is gone; under the dma_resv
	 * lock.
	 */
	struct page *dummy;
	/* @bindings: In how many mappings of contexts it is. */
	atomic_t bindings;
	/* @pins: How many queues in user mode need these. */
	atomic_t pins;
	/* @list_link: In neuron_device.bo_list. */
	struct list_head list_link;
	/* @serial: What debugfs and coredumps call it; never used again. */
	u64 serial;
	/* @client, @pid, @comm: Who has made it: the file, as in fdinfo, and the process. */
	u64 client;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	/* @name: Of its maker's first mapping that has one, or NULL; under bo_list_lock. */
	struct neuron_name *name;
};

static inline struct neuron_bo *to_neuron_bo(struct drm_gem_object *obj)
{
	return container_of(obj, struct neuron_bo, shmem.base);
}

void neuron_bo_init(struct neuron_bo *bo);
struct neuron_bo *neuron_bo_alloc(void);
vm_fault_t neuron_bo_map_dummy(struct vm_fault *vmf, struct neuron_bo *bo);
pgoff_t neuron_vma_page(struct vm_area_struct *vma, unsigned long address);

struct drm_gem_object *neuron_gem_create_object(struct drm_device *drm, size_t size);
struct drm_gem_object *neuron_host_bo_create(struct neuron_device *ndev, u64 size);
struct drm_gem_object *neuron_hbm_bo_create(struct neuron_device *ndev,
					    const struct drm_neuron_bo_create *args, u64 size);
struct drm_gem_object *neuron_coherent_bo_create(struct neuron_device *ndev, u64 size);

struct sg_table *neuron_coherent_bo_map_dma(struct neuron_bo *bo);
void neuron_coherent_bo_unmap_dma_locked(struct neuron_bo *bo);

struct sg_table *neuron_bo_map_dma(struct neuron_bo *bo);
void neuron_bo_track_dma(struct neuron_bo *bo);
void neuron_bo_unmap_dma(struct neuron_bo *bo);
void neuron_bo_unmap_dma_locked(struct neuron_bo *bo);
void neuron_bos_unmap_dma(struct neuron_device *ndev);
bool neuron_gem_owns_hbm(struct drm_file *file, u64 offset);

void neuron_bo_list_add(struct neuron_bo *bo, const struct drm_file *file);
void neuron_bo_set_name(struct neuron_bo *bo, u64 client, struct neuron_name *name);
void neuron_bo_list_del(struct neuron_bo *bo);

void neuron_gem_show_fdinfo(struct drm_printer *p, struct drm_file *file, bool active);

int neuron_bo_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int neuron_bo_query_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* __NEURON_GEM_H__ */
