/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_VM_WAY_H__
#define __NEURON_VM_WAY_H__

#include "neuron_pgtable.h"

struct drm_printer;
struct neuron_vm;

/*
 * struct neuron_vm_way: what translates an address, as the device finds it
 */
struct neuron_vm_way {
	u64 va;
	/* @count: Entries of @steps; 0: nobody knows. */
	u32 count;
	struct neuron_pt_step steps[NRN_MMU_LEVELS];
};

void neuron_vm_way_locked(const struct neuron_vm *vm, u64 va, struct neuron_vm_way *way);
void neuron_vm_way_try(struct neuron_vm *vm, u64 va, struct neuron_vm_way *way);
void neuron_vm_way_print(struct drm_printer *p, const struct neuron_vm_way *way);

#endif /* __NEURON_VM_WAY_H__ */
