/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_PGTABLE_H__
#define __NEURON_PGTABLE_H__

#include <linux/bits.h>
#include <linux/sizes.h>
#include <linux/types.h>

#include "neuron_spec.h"

struct dma_pool;
struct neuron_pt;

/* A wrong pointer that is nearly zero must fault. */
#define NEURON_VA_START SZ_2M
/* Whatever user space maps at addresses of its own choice, it does not meet the driver's. */
#define NEURON_VA_END	(NEURON_VA_TOP - SZ_1T)
#define NEURON_VA_TOP	BIT_ULL(NRN_MMU_VA_BITS)

/*
 * struct neuron_pgtable: page tables of a context
 *
 * The caller serialises the calls.
 */
struct neuron_pgtable {
	struct dma_pool *pool;
	struct neuron_pt *root;
	/*
	 * @unlinked: Tables that are no part of the tree any more, but may be cached by the
	 * device.
	 */
	struct neuron_pt *unlinked;
	/* @tables: Those in the tree, and @unlinked. */
	unsigned long tables;
	/* @pages, @large_pages: Translations of each size. */
	unsigned long pages;
	unsigned long large_pages;
};

/*
 * struct neuron_pt_step: an entry on the way to an address
 */
struct neuron_pt_step {
	unsigned int level;
	/* @table: Bus address of the table, @index the place in it. */
	dma_addr_t table;
	unsigned int index;
	u64 entry;
};

int neuron_pgtable_init(struct neuron_pgtable *pgt, struct dma_pool *pool);
void neuron_pgtable_fini(struct neuron_pgtable *pgt);
dma_addr_t neuron_pgtable_root(const struct neuron_pgtable *pgt);

int neuron_pgtable_map(struct neuron_pgtable *pgt, u64 va, u64 addr, u64 size, u64 flags);
void neuron_pgtable_unmap(struct neuron_pgtable *pgt, u64 va, u64 size);
void neuron_pgtable_free_unlinked(struct neuron_pgtable *pgt);

unsigned int neuron_pgtable_walk(const struct neuron_pgtable *pgt, u64 va,
				 struct neuron_pt_step *steps);
void neuron_pgtable_for_each(const struct neuron_pgtable *pgt,
			     void (*fn)(void *arg, dma_addr_t table, unsigned int level),
			     void *arg);
void neuron_pgtable_count(const struct neuron_pgtable *pgt, u64 va, u64 size,
			  unsigned long *pages, unsigned long *large_pages);

#endif /* __NEURON_PGTABLE_H__ */
