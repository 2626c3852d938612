// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <drm/drm_print.h>

#include "neuron_vm.h"
#include "neuron_vm_way.h"

/* vm->lock is held, and there are tables. */
void neuron_vm_way_locked(const struct neuron_vm *vm, u64 va, struct neuron_vm_way *way)
{
	lockdep_assert_held(&vm->lock);

	way->va = va;
	way->count = neuron_pgtable_walk(&vm->pgt, va, way->steps);
}

/* Waits for nothing: it is called by those that complete fences. */
void neuron_vm_way_try(struct neuron_vm *vm, u64 va, struct neuron_vm_way *way)
{
	way->count = 0;
	if (va >> NRN_MMU_VA_BITS || !mutex_trylock(&vm->lock))
		return;
	if (vm->pgt.root)
		neuron_vm_way_locked(vm, va, way);
	mutex_unlock(&vm->lock);
}

static void neuron_vm_way_print_end(struct drm_printer *p, u64 va, u32 level, u64 entry)
{
	u64 page = level ? BIT_ULL(NRN_MMU_LARGE_PAGE_SHIFT) : BIT_ULL(NRN_MMU_PAGE_SHIFT);

	if (!(entry & NRN_PTE_VALID))
		drm_puts(p, "not mapped\n");
	else
		drm_printf(p, "%s %#llx %s page=%#llx\n", entry & NRN_PTE_HBM ? "hbm" : "host",
			   (entry & NRN_PTE_ADDR & ~(page - 1)) | (va & (page - 1)),
			   entry & NRN_PTE_WRITE ? "rw" : "ro", page);
}

/* From the root on, and where it leads to. */
void neuron_vm_way_print(struct drm_printer *p, const struct neuron_vm_way *way)
{
	const struct neuron_pt_step *step = NULL;
	u32 i;

	for (i = 0; i < way->count; i++) {
		step = &way->steps[i];
		drm_printf(p, "level %u: table=%#llx index=%u entry=%#llx\n", step->level,
			   (u64)step->table, step->index, step->entry);
	}
	if (step)
		neuron_vm_way_print_end(p, way->va, step->level, step->entry);
}
