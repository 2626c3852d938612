/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_VM_H__
#define __NEURON_VM_H__

#include <linux/mutex.h>
#include <linux/sched.h>

#include <drm/drm_mm.h>

#include <drm/neuron_accel.h>

#include "neuron_pgtable.h"
#include "neuron_spec.h"

struct drm_device;
struct drm_file;
struct drm_printer;
struct neuron_bo;
struct neuron_device;
struct neuron_file;
struct neuron_name;
struct sg_table;

/*
 * struct neuron_vm: address space of a context
 */
struct neuron_vm {
	/* @lock: Protects what follows. */
	struct mutex lock;
	/* @mm: What user space has mapped, up to NEURON_VA_END. */
	struct drm_mm mm;
	/* @own_mm: What the driver has mapped for a job, above; see neuron_vm_map_own(). */
	struct drm_mm own_mm;
	struct neuron_pgtable pgt;
};

/*
 * struct neuron_mapping: a range of a context that shows a range of a buffer
 */
struct neuron_mapping {
	struct drm_mm_node node;
	/* @bo: Referenced: memory that the device can reach is not freed. */
	struct neuron_bo *bo;
	u64 bo_offset;
	bool read_only;
	/* @name: What the program calls it, or NULL. */
	struct neuron_name *name;
	/* @pins: Queues in user mode that need it; under neuron_vm.lock. */
	unsigned int pins;
};

static inline struct neuron_mapping *to_neuron_mapping(struct drm_mm_node *node)
{
	return container_of(node, struct neuron_mapping, node);
}

/*
 * struct neuron_own_mapping: a range of a context that the driver has mapped for a job
 */
struct neuron_own_mapping {
	struct drm_mm_node node;
	struct sg_table *sgt;
	bool write;
	/* @serial: What the device's sanitizer calls it, among the serials of buffers. */
	u64 serial;
};

/*
 * struct neuron_vm_range: a mapping, for a coredump
 */
struct neuron_vm_range {
	u64 va;
	u64 size;
	bool hbm;
	bool read_only;
	/* @buffer: Its serial, @offset: of the first byte in it, and who has made it. */
	u64 buffer;
	u64 offset;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	/* @label: What the program calls it, @place: where it made it; or empty. */
	char label[DRM_NEURON_LABEL_MAX + 1];
	char place[DRM_NEURON_PLACE_MAX + 1];
};

int neuron_vm_list(struct neuron_vm *vm, struct neuron_vm_range *ranges, u32 max);

int neuron_vm_init(struct neuron_vm *vm, struct neuron_device *ndev);
void neuron_vm_fini(struct neuron_vm *vm);
void neuron_vm_destroy(struct neuron_vm *vm);
void neuron_vm_show_fdinfo(struct drm_printer *p, const struct neuron_vm *vm);

int neuron_vm_pin(struct neuron_vm *vm, u64 va, u64 size, bool write);
void neuron_vm_unpin(struct neuron_vm *vm, u64 va, u64 size);

int neuron_vm_map_own(struct neuron_file *nfile, struct neuron_own_mapping *own,
		      struct sg_table *sgt, u64 bytes, bool write);
void neuron_vm_unmap_own(struct neuron_file *nfile, struct neuron_own_mapping *own, bool entered);

int neuron_vm_bind_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* __NEURON_VM_H__ */
