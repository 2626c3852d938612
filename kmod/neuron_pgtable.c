// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/align.h>
#include <linux/bits.h>
#include <linux/dmapool.h>
#include <linux/slab.h>

#include <kunit/visibility.h>

#include "neuron_pgtable.h"
#include "neuron_spec.h"

/**
 * DOC: Page tables
 *
 * The device walks the tables in coherent memory. A shadow of each inner table holds the CPU's
 * pointers to its children, because a bus address cannot be turned back into one.
 *
 * A table that becomes empty leaves the tree at once, but the device may still cache the way to it.
 * It waits in a list until the caller has flushed the TLB and calls neuron_pgtable_free_unlinked().
 */

#define NEURON_PT_ENTRIES BIT(NRN_MMU_INDEX_BITS)
#define NEURON_PT_TOP	  (NRN_MMU_LEVELS - 1)
#define NEURON_PAGE	  BIT_ULL(NRN_MMU_PAGE_SHIFT)
#define NEURON_LARGE_PAGE BIT_ULL(NRN_MMU_LARGE_PAGE_SHIFT)

struct neuron_pt {
	__le64 *entries;
	dma_addr_t dma;
	/* @used: Entries that are not zero. */
	unsigned int used;
	/* @next: In neuron_pgtable.unlinked. */
	struct neuron_pt *next;
	/* @children: Only in tables above level 0. */
	struct neuron_pt *children[];
};

static unsigned int neuron_pt_index(u64 va, unsigned int level)
{
	return (va >> (NRN_MMU_PAGE_SHIFT + level * NRN_MMU_INDEX_BITS)) & (NEURON_PT_ENTRIES - 1);
}

/* Single 64-bit stores: the device never sees half an entry. */
static void neuron_pt_set(struct neuron_pt *pt, unsigned int index, u64 entry)
{
	if (!pt->entries[index])
		pt->used++;
	WRITE_ONCE(pt->entries[index], cpu_to_le64(entry));
}

/* Return: whether there was an entry. */
static bool neuron_pt_clear(struct neuron_pt *pt, unsigned int index)
{
	if (!pt->entries[index])
		return false;

	pt->used--;
	WRITE_ONCE(pt->entries[index], 0);
	return true;
}

static struct neuron_pt *neuron_pt_alloc(struct neuron_pgtable *pgt, unsigned int level)
{
	struct neuron_pt *pt;

	/* User space decides how many: its memory cgroup pays. */
	pt = kzalloc(struct_size(pt, children, level ? NEURON_PT_ENTRIES : 0), GFP_KERNEL_ACCOUNT);
	if (!pt)
		return NULL;

	pt->entries = dma_pool_zalloc(pgt->pool, GFP_KERNEL, &pt->dma);
	if (!pt->entries) {
		kfree(pt);
		return NULL;
	}
	pgt->tables++;
	return pt;
}

static void neuron_pt_free(struct neuron_pgtable *pgt, struct neuron_pt *pt)
{
	dma_pool_free(pgt->pool, pt->entries, pt->dma);
	kfree(pt);
	pgt->tables--;
}

static void neuron_pt_free_tree(struct neuron_pgtable *pgt, struct neuron_pt *pt,
				unsigned int level)
{
	unsigned int i;

	/* At most NRN_MMU_LEVELS deep. */
	for (i = 0; level && i < NEURON_PT_ENTRIES; i++)
		if (pt->children[i])
			neuron_pt_free_tree(pgt, pt->children[i], level - 1);
	neuron_pt_free(pgt, pt);
}

int neuron_pgtable_init(struct neuron_pgtable *pgt, struct dma_pool *pool)
{
	pgt->pool = pool;
	pgt->unlinked = NULL;
	pgt->tables = 0;
	pgt->pages = 0;
	pgt->large_pages = 0;
	pgt->root = neuron_pt_alloc(pgt, NEURON_PT_TOP);
	return pgt->root ? 0 : -ENOMEM;
}
EXPORT_SYMBOL_IF_KUNIT(neuron_pgtable_init);

/* The device must have forgotten the context. */
void neuron_pgtable_fini(struct neuron_pgtable *pgt)
{
	neuron_pgtable_free_unlinked(pgt);
	neuron_pt_free_tree(pgt, pgt->root, NEURON_PT_TOP);
	pgt->root = NULL;
	pgt->pages = 0;
	pgt->large_pages = 0;
}
EXPORT_SYMBOL_IF_KUNIT(neuron_pgtable_fini);

dma_addr_t neuron_pgtable_root(const struct neuron_pgtable *pgt)
{
	return pgt->root->dma;
}
EXPORT_SYMBOL_IF_KUNIT(neuron_pgtable_root);

/* The table of @level that covers @va, made if it is not there; NULL without memory. */
static struct neuron_pt *neuron_pt_get(struct neuron_pgtable *pgt, u64 va, unsigned int level)
{
	struct neuron_pt *pt = pgt->root;
	unsigned int l;

	for (l = NEURON_PT_TOP; l > level; l--) {
		unsigned int index = neuron_pt_index(va, l);
		struct neuron_pt *child = pt->children[index];

		if (!child) {
			child = neuron_pt_alloc(pgt, l - 1);
			if (!child)
				return NULL;
			/* The zeroes of the table must be visible before the way to it. */
			dma_wmb();
			neuron_pt_set(pt, index, child->dma | NRN_PTE_VALID);
			pt->children[index] = child;
		}
		pt = child;
	}
	return pt;
}

/**
 * neuron_pgtable_map() - enter translations
 * @pgt: Tables.
 * @va: First context address; nothing may be mapped in the range.
 * @addr: Bus address, or byte offset in HBM.
 * @size: Bytes. All three are multiples of the page size.
 * @flags: NRN_PTE_WRITE, NRN_PTE_HBM.
 *
 * Uses large pages where both addresses allow it. On an error part of the range may have been
 * entered; the caller unmaps it.
 *
 * Return: 0 or -ENOMEM.
 */
int neuron_pgtable_map(struct neuron_pgtable *pgt, u64 va, u64 addr, u64 size, u64 flags)
{
	struct neuron_pt *pt;
	u64 step;

	for (; size; va += step, addr += step, size -= step) {
		if (IS_ALIGNED(va | addr, NEURON_LARGE_PAGE) && size >= NEURON_LARGE_PAGE) {
			pt = neuron_pt_get(pgt, va, 1);
			if (!pt)
				return -ENOMEM;
			neuron_pt_set(pt, neuron_pt_index(va, 1),
				      addr | flags | NRN_PTE_VALID | NRN_PTE_LARGE);
			pgt->large_pages++;
			step = NEURON_LARGE_PAGE;
			continue;
		}

		pt = neuron_pt_get(pgt, va, 0);
		if (!pt)
			return -ENOMEM;
		/* Up to the end of this table. */
		for (step = 0; step < size; step += NEURON_PAGE) {
			if (step && IS_ALIGNED(va + step, NEURON_LARGE_PAGE))
				break;
			neuron_pt_set(pt, neuron_pt_index(va + step, 0),
				      (addr + step) | flags | NRN_PTE_VALID);
			pgt->pages++;
		}
	}
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(neuron_pgtable_map);

/* Take empty tables, from the level of @path[@level] upwards, out of the tree. */
static void neuron_pt_prune(struct neuron_pgtable *pgt, struct neuron_pt **path, u64 va,
			    unsigned int level)
{
	unsigned int l;

	for (l = level; l < NEURON_PT_TOP && !path[l]->used; l++) {
		unsigned int index = neuron_pt_index(va, l + 1);

		neuron_pt_clear(path[l + 1], index);
		path[l + 1]->children[index] = NULL;
		path[l]->next = pgt->unlinked;
		pgt->unlinked = path[l];
	}
}

/* Fills @path with the tables that cover @va. Return: the lowest level that there is. */
static unsigned int neuron_pt_path(struct neuron_pgtable *pgt, u64 va, struct neuron_pt **path)
{
	unsigned int l = NEURON_PT_TOP;

	path[l] = pgt->root;
	while (l) {
		struct neuron_pt *child = path[l]->children[neuron_pt_index(va, l)];

		if (!child)
			break;
		path[--l] = child;
	}
	return l;
}

/**
 * neuron_pgtable_unmap() - remove translations
 * @pgt: Tables.
 * @va: First context address.
 * @size: Bytes. The range covers whole mappings only; holes are allowed.
 *
 * The device may use the translations until the TLB has been flushed; then call
 * neuron_pgtable_free_unlinked().
 */
void neuron_pgtable_unmap(struct neuron_pgtable *pgt, u64 va, u64 size)
{
	struct neuron_pt *path[NRN_MMU_LEVELS];
	u64 end = va + size;

	while (va < end) {
		u64 next = min(end, ALIGN(va + 1, NEURON_LARGE_PAGE));
		unsigned int level = neuron_pt_path(pgt, va, path);
		u64 page;

		if (level == 1)
			pgt->large_pages -= neuron_pt_clear(path[1], neuron_pt_index(va, 1));
		for (page = va; level == 0 && page < next; page += NEURON_PAGE)
			pgt->pages -= neuron_pt_clear(path[0], neuron_pt_index(page, 0));
		neuron_pt_prune(pgt, path, va, level);
		va = next;
	}
}
EXPORT_SYMBOL_IF_KUNIT(neuron_pgtable_unmap);

/* Only after a TLB flush that began after the last neuron_pgtable_unmap(). */
void neuron_pgtable_free_unlinked(struct neuron_pgtable *pgt)
{
	while (pgt->unlinked) {
		struct neuron_pt *pt = pgt->unlinked;

		pgt->unlinked = pt->next;
		neuron_pt_free(pgt, pt);
	}
}
EXPORT_SYMBOL_IF_KUNIT(neuron_pgtable_free_unlinked);

/**
 * neuron_pgtable_walk() - the way to an address, as the device goes it
 * @pgt: Tables.
 * @va: Context address.
 * @steps: Gets the entry of each level, from the root on; room for NRN_MMU_LEVELS.
 *
 * Return: how many entries there are. The last one is a translation, or not valid.
 */
unsigned int neuron_pgtable_walk(const struct neuron_pgtable *pgt, u64 va,
				 struct neuron_pt_step *steps)
{
	const struct neuron_pt *pt = pgt->root;
	unsigned int level = NEURON_PT_TOP, count = 0;

	for (;;) {
		struct neuron_pt_step *step = &steps[count++];

		step->level = level;
		step->table = pt->dma;
		step->index = neuron_pt_index(va, level);
		step->entry = le64_to_cpu(READ_ONCE(pt->entries[step->index]));
		if (!level || !pt->children[step->index])
			return count;
		pt = pt->children[step->index];
		level--;
	}
}

static void neuron_pt_for_each(const struct neuron_pt *pt, unsigned int level,
			       void (*fn)(void *arg, dma_addr_t table, unsigned int level),
			       void *arg)
{
	unsigned int i;

	fn(arg, pt->dma, level);
	for (i = 0; level && i < NEURON_PT_ENTRIES; i++)
		if (pt->children[i])
			neuron_pt_for_each(pt->children[i], level - 1, fn, arg);
}

/* Calls @fn for each table that the device can reach: those that wait to be freed are not told. */
void neuron_pgtable_for_each(const struct neuron_pgtable *pgt,
			     void (*fn)(void *arg, dma_addr_t table, unsigned int level),
			     void *arg)
{
	neuron_pt_for_each(pgt->root, NEURON_PT_TOP, fn, arg);
}
EXPORT_SYMBOL_IF_KUNIT(neuron_pgtable_for_each);

/* How many translations of each size there are in a range of whole mappings; adds to both. */
void neuron_pgtable_count(const struct neuron_pgtable *pgt, u64 va, u64 size,
			  unsigned long *pages, unsigned long *large_pages)
{
	struct neuron_pt_step steps[NRN_MMU_LEVELS];
	u64 end = va + size;

	while (va < end) {
		unsigned int count = neuron_pgtable_walk(pgt, va, steps);
		const struct neuron_pt_step *last = &steps[count - 1];
		bool valid = last->entry & NRN_PTE_VALID;

		if (last->level) {
			*large_pages += valid;
			va = ALIGN(va + 1, NEURON_LARGE_PAGE);
		} else {
			*pages += valid;
			va += NEURON_PAGE;
		}
	}
}

static_assert(NRN_MMU_PAGE_SHIFT + NRN_MMU_LEVELS * NRN_MMU_INDEX_BITS == NRN_MMU_VA_BITS);
static_assert(NRN_MMU_PAGE_SHIFT + NRN_MMU_INDEX_BITS == NRN_MMU_LARGE_PAGE_SHIFT);
