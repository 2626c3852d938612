// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/align.h>
#include <linux/dma-direct.h>
#include <linux/dma-mapping.h>
#include <linux/dmapool.h>
#include <linux/io.h>
#include <linux/slab.h>

#include <kunit/device.h>

#include "neuron_pgtable.h"
#include "neuron_spec.h"
#include "neuron_test.h"

/*
 * The tables are read as the device reads them, by a walk of its own that knows nothing of how they
 * were made.
 */

#define PAGE_4K	 BIT_ULL(NRN_MMU_PAGE_SHIFT)
#define PAGE_2M	 BIT_ULL(NRN_MMU_LARGE_PAGE_SHIFT)
#define SPAN_1G	 (PAGE_2M << NRN_MMU_INDEX_BITS)
#define SPAN_512G (SPAN_1G << NRN_MMU_INDEX_BITS)

struct neuron_pgtable_fixture {
	struct device *dev;
	struct dma_pool *pool;
	struct neuron_pgtable pgt;
};

static int neuron_pgtable_test_init(struct kunit *test)
{
	struct neuron_pgtable_fixture *fix = kzalloc(sizeof(*fix), GFP_KERNEL);
	int ret;

	if (!fix)
		return -ENOMEM;
	test->priv = fix;

	fix->dev = kunit_device_register(test, "neuron-pgtable");
	if (IS_ERR(fix->dev))
		return PTR_ERR(fix->dev);
	ret = dma_coerce_mask_and_coherent(fix->dev, DMA_BIT_MASK(52));
	if (ret)
		return ret;
	fix->pool = dma_pool_create("neuron-pt-test", fix->dev, NRN_PAGE_SIZE, NRN_PAGE_SIZE, 0);
	return fix->pool ? neuron_pgtable_init(&fix->pgt, fix->pool) : -ENOMEM;
}

/* The pool complains of a table that has not been given back. */
static void neuron_pgtable_test_exit(struct kunit *test)
{
	struct neuron_pgtable_fixture *fix = test->priv;

	if (!fix)
		return;
	if (fix->pgt.root)
		neuron_pgtable_fini(&fix->pgt);
	dma_pool_destroy(fix->pool);
	kfree(fix);
}

static struct neuron_pgtable *to_pgt(struct kunit *test)
{
	return &((struct neuron_pgtable_fixture *)test->priv)->pgt;
}

static struct device *to_dev(struct kunit *test)
{
	return ((struct neuron_pgtable_fixture *)test->priv)->dev;
}

static const __le64 *neuron_walk_table(struct kunit *test, dma_addr_t dma)
{
	return phys_to_virt(dma_to_phys(to_dev(test), dma));
}

/* Return: the entry that translates @va and what it spans, or 0 and what nothing is mapped in. */
static u64 neuron_walk(struct kunit *test, u64 va, u64 *span)
{
	dma_addr_t table = neuron_pgtable_root(to_pgt(test));
	unsigned int shift = NRN_MMU_VA_BITS;
	u64 entry;

	for (;;) {
		shift -= NRN_MMU_INDEX_BITS;
		*span = BIT_ULL(shift);
		entry = le64_to_cpu(neuron_walk_table(test, table)[(va >> shift) & 511]);
		if (!(entry & NRN_PTE_VALID)) {
			KUNIT_EXPECT_EQ(test, entry, 0ull);
			return 0;
		}
		if (entry & NRN_PTE_LARGE)
			KUNIT_EXPECT_EQ(test, shift, NRN_MMU_LARGE_PAGE_SHIFT);
		if ((entry & NRN_PTE_LARGE) || shift == NRN_MMU_PAGE_SHIFT)
			return entry;
		table = entry & NRN_PTE_ADDR;
	}
}

/* All of the range leads to @addr and so on, with these flags, in @page bytes if that is not 0. */
static void neuron_expect_mapped(struct kunit *test, u64 va, u64 addr, u64 size, u64 flags,
				 u64 page)
{
	u64 entry, span, offset;
	u64 end = va + size;

	while (va < end) {
		entry = neuron_walk(test, va, &span);
		offset = va & (span - 1);
		KUNIT_ASSERT_NE(test, entry, 0ull);
		KUNIT_ASSERT_EQ(test, (entry & NRN_PTE_ADDR) + offset, addr);
		KUNIT_ASSERT_EQ(test, entry & (NRN_PTE_WRITE | NRN_PTE_HBM), flags);
		if (page)
			KUNIT_ASSERT_EQ(test, span, page);
		va += span - offset;
		addr += span - offset;
	}
	/* A large page must not reach further. */
	KUNIT_EXPECT_EQ(test, va, end);
}

static void neuron_expect_hole(struct kunit *test, u64 va, u64 size)
{
	u64 end = va + size, span;

	while (va < end) {
		KUNIT_ASSERT_EQ(test, neuron_walk(test, va, &span), 0ull);
		va = ALIGN(va + 1, span);
	}
}

static void neuron_expect_count(struct kunit *test, unsigned long pages, unsigned long large)
{
	KUNIT_EXPECT_EQ(test, to_pgt(test)->pages, pages);
	KUNIT_EXPECT_EQ(test, to_pgt(test)->large_pages, large);
}

static void neuron_unmap(struct kunit *test, u64 va, u64 size)
{
	neuron_pgtable_unmap(to_pgt(test), va, size);
	neuron_pgtable_free_unlinked(to_pgt(test));
}

static void neuron_pgtable_test_empty(struct kunit *test)
{
	neuron_expect_hole(test, 0, NEURON_VA_TOP);
	neuron_expect_count(test, 0, 0);
	/* Nothing to do, nothing done. */
	neuron_unmap(test, NEURON_VA_START, SPAN_1G);
	neuron_expect_hole(test, 0, NEURON_VA_TOP);
}

static void neuron_pgtable_test_page(struct kunit *test)
{
	u64 va = NEURON_VA_START + 3 * PAGE_4K, addr = 0x123456789000;

	KUNIT_ASSERT_EQ(test, neuron_pgtable_map(to_pgt(test), va, addr, PAGE_4K, NRN_PTE_WRITE),
			0);
	neuron_expect_mapped(test, va, addr, PAGE_4K, NRN_PTE_WRITE, PAGE_4K);
	neuron_expect_hole(test, 0, va);
	neuron_expect_hole(test, va + PAGE_4K, NEURON_VA_TOP - va - PAGE_4K);
	neuron_expect_count(test, 1, 0);

	neuron_unmap(test, va, PAGE_4K);
	neuron_expect_hole(test, 0, NEURON_VA_TOP);
	neuron_expect_count(test, 0, 0);
}

static void neuron_pgtable_test_flags(struct kunit *test)
{
	static const u64 flags[] = { 0, NRN_PTE_WRITE, NRN_PTE_HBM, NRN_PTE_WRITE | NRN_PTE_HBM };
	u64 va = NEURON_VA_START;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(flags); i++, va += PAGE_2M) {
		KUNIT_ASSERT_EQ(test, neuron_pgtable_map(to_pgt(test), va, va, PAGE_4K, flags[i]),
				0);
		neuron_expect_mapped(test, va, va, PAGE_4K, flags[i], 0);
	}
	KUNIT_ASSERT_EQ(test, neuron_pgtable_map(to_pgt(test), va, 0, PAGE_2M, NRN_PTE_HBM), 0);
	neuron_expect_mapped(test, va, 0, PAGE_2M, NRN_PTE_HBM, PAGE_2M);
}

/* The largest and the smallest bus address that an entry holds. */
static void neuron_pgtable_test_addresses(struct kunit *test)
{
	u64 last = NRN_PTE_ADDR;

	KUNIT_ASSERT_EQ(test, neuron_pgtable_map(to_pgt(test), PAGE_2M, last, PAGE_4K, 0), 0);
	neuron_expect_mapped(test, PAGE_2M, last, PAGE_4K, 0, PAGE_4K);
	KUNIT_ASSERT_EQ(test, neuron_pgtable_map(to_pgt(test), 2 * PAGE_2M, 0, PAGE_4K, 0), 0);
	neuron_expect_mapped(test, 2 * PAGE_2M, 0, PAGE_4K, 0, PAGE_4K);
}

/* Large pages need both addresses aligned and the size. */
static void neuron_pgtable_test_large(struct kunit *test)
{
	struct neuron_pgtable *pgt = to_pgt(test);
	u64 va = SPAN_1G;

	KUNIT_ASSERT_EQ(test, neuron_pgtable_map(pgt, va, PAGE_2M, PAGE_2M, 0), 0);
	neuron_expect_mapped(test, va, PAGE_2M, PAGE_2M, 0, PAGE_2M);
	neuron_expect_count(test, 0, 1);

	va += PAGE_2M;
	KUNIT_ASSERT_EQ(test, neuron_pgtable_map(pgt, va, PAGE_2M + PAGE_4K, PAGE_2M, 0), 0);
	neuron_expect_mapped(test, va, PAGE_2M + PAGE_4K, PAGE_2M, 0, PAGE_4K);
	neuron_expect_count(test, 512, 1);

	va += PAGE_2M;
	KUNIT_ASSERT_EQ(test, neuron_pgtable_map(pgt, va, PAGE_2M, PAGE_2M - PAGE_4K, 0), 0);
	neuron_expect_mapped(test, va, PAGE_2M, PAGE_2M - PAGE_4K, 0, PAGE_4K);
	neuron_expect_count(test, 512 + 511, 1);

	va += 2 * PAGE_2M + PAGE_4K;
	KUNIT_ASSERT_EQ(test, neuron_pgtable_map(pgt, va, PAGE_2M, PAGE_2M, 0), 0);
	neuron_expect_mapped(test, va, PAGE_2M, PAGE_2M, 0, PAGE_4K);
	neuron_expect_count(test, 512 + 511 + 512, 1);
}

/* Small pages, large ones, small ones, in one mapping that crosses tables. */
static void neuron_pgtable_test_mixed(struct kunit *test)
{
	u64 head = 3 * PAGE_4K, tail = 5 * PAGE_4K, large = 3 * PAGE_2M;
	u64 va = SPAN_512G - PAGE_2M - head, addr = 7 * PAGE_2M - head;
	u64 size = head + large + tail;

	KUNIT_ASSERT_EQ(test, neuron_pgtable_map(to_pgt(test), va, addr, size, NRN_PTE_WRITE), 0);
	neuron_expect_mapped(test, va, addr, head, NRN_PTE_WRITE, PAGE_4K);
	neuron_expect_mapped(test, va + head, addr + head, large, NRN_PTE_WRITE, PAGE_2M);
	neuron_expect_mapped(test, va + head + large, addr + head + large, tail, NRN_PTE_WRITE,
			     PAGE_4K);
	neuron_expect_hole(test, va - PAGE_4K, PAGE_4K);
	neuron_expect_hole(test, va + size, PAGE_2M);
	neuron_expect_count(test, 8, 3);

	neuron_unmap(test, va, size);
	neuron_expect_hole(test, 0, NEURON_VA_TOP);
	neuron_expect_count(test, 0, 0);
}

/* Mappings that touch each other: one goes, the others stay. */
static void neuron_pgtable_test_neighbours(struct kunit *test)
{
	u64 va = 5 * PAGE_2M;
	u32 i;

	for (i = 0; i < 3; i++)
		KUNIT_ASSERT_EQ(test, neuron_pgtable_map(to_pgt(test), va + i * PAGE_4K,
							 (100 + i) * PAGE_4K, PAGE_4K, 0),
				0);
	neuron_unmap(test, va + PAGE_4K, PAGE_4K);
	neuron_expect_mapped(test, va, 100 * PAGE_4K, PAGE_4K, 0, PAGE_4K);
	neuron_expect_hole(test, va + PAGE_4K, PAGE_4K);
	neuron_expect_mapped(test, va + 2 * PAGE_4K, 102 * PAGE_4K, PAGE_4K, 0, PAGE_4K);
	neuron_expect_count(test, 2, 0);
}

/* A range of small pages becomes a large one, and small ones again. */
static void neuron_pgtable_test_split_and_merge(struct kunit *test)
{
	struct neuron_pgtable *pgt = to_pgt(test);
	u64 va = 9 * PAGE_2M;
	u32 round;

	for (round = 0; round < 3; round++) {
		KUNIT_ASSERT_EQ(test, neuron_pgtable_map(pgt, va, PAGE_4K, PAGE_2M, 0), 0);
		neuron_expect_mapped(test, va, PAGE_4K, PAGE_2M, 0, PAGE_4K);
		neuron_expect_count(test, 512, 0);
		neuron_unmap(test, va, PAGE_2M);

		KUNIT_ASSERT_EQ(test, neuron_pgtable_map(pgt, va, PAGE_2M, PAGE_2M, 0), 0);
		neuron_expect_mapped(test, va, PAGE_2M, PAGE_2M, 0, PAGE_2M);
		neuron_expect_count(test, 0, 1);
		neuron_unmap(test, va, PAGE_2M);
	}
	neuron_expect_hole(test, 0, NEURON_VA_TOP);
}

/* The first and the last page that there are, and those around the driver's own part. */
static void neuron_pgtable_test_boundaries(struct kunit *test)
{
	static const u64 vas[] = {
		0,
		NEURON_VA_START - PAGE_4K,
		NEURON_VA_START,
		SPAN_1G - PAGE_4K,
		SPAN_512G - PAGE_4K,
		SPAN_512G,
		NEURON_VA_END - PAGE_4K,
		NEURON_VA_END,
		NEURON_VA_TOP - PAGE_4K,
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(vas); i++)
		KUNIT_ASSERT_EQ(test, neuron_pgtable_map(to_pgt(test), vas[i], (i + 1) * PAGE_4K,
							 PAGE_4K, 0),
				0);
	for (i = 0; i < ARRAY_SIZE(vas); i++)
		neuron_expect_mapped(test, vas[i], (i + 1) * PAGE_4K, PAGE_4K, 0, PAGE_4K);
	neuron_expect_count(test, ARRAY_SIZE(vas), 0);
	for (i = 0; i < ARRAY_SIZE(vas); i++)
		neuron_unmap(test, vas[i], PAGE_4K);
	neuron_expect_hole(test, 0, NEURON_VA_TOP);
}

static void neuron_pgtable_test_top(struct kunit *test)
{
	u64 size = 2 * PAGE_2M + PAGE_4K, va = NEURON_VA_TOP - size;

	KUNIT_ASSERT_EQ(test, neuron_pgtable_map(to_pgt(test), va, PAGE_2M - PAGE_4K, size, 0), 0);
	neuron_expect_mapped(test, va, PAGE_2M - PAGE_4K, size, 0, 0);
	neuron_expect_count(test, 1, 2);
	neuron_unmap(test, va, size);
	neuron_expect_hole(test, 0, NEURON_VA_TOP);
}

/* Tables that the device may still cache are kept until it has been told. */
static void neuron_pgtable_test_unlinked(struct kunit *test)
{
	struct neuron_pgtable *pgt = to_pgt(test);

	KUNIT_EXPECT_EQ(test, pgt->tables, 1ul);
	KUNIT_ASSERT_EQ(test, neuron_pgtable_map(pgt, PAGE_2M, PAGE_4K, PAGE_4K, 0), 0);
	KUNIT_ASSERT_EQ(test, neuron_pgtable_map(pgt, SPAN_1G, PAGE_4K, PAGE_4K, 0), 0);
	/* The second has tables of its own for two levels, and shares the third. */
	KUNIT_EXPECT_EQ(test, pgt->tables, 6ul);

	neuron_pgtable_unmap(pgt, SPAN_1G, PAGE_4K);
	KUNIT_EXPECT_EQ(test, pgt->tables, 6ul);
	neuron_expect_hole(test, SPAN_1G, SPAN_1G);
	neuron_expect_mapped(test, PAGE_2M, PAGE_4K, PAGE_4K, 0, PAGE_4K);

	/* What is mapped there meanwhile gets new ones. */
	KUNIT_ASSERT_EQ(test, neuron_pgtable_map(pgt, SPAN_1G, 2 * PAGE_4K, PAGE_4K, 0), 0);
	KUNIT_EXPECT_EQ(test, pgt->tables, 8ul);
	neuron_pgtable_free_unlinked(pgt);
	KUNIT_EXPECT_EQ(test, pgt->tables, 6ul);
	neuron_expect_mapped(test, SPAN_1G, 2 * PAGE_4K, PAGE_4K, 0, PAGE_4K);

	neuron_pgtable_unmap(pgt, PAGE_2M, PAGE_4K);
	neuron_pgtable_unmap(pgt, SPAN_1G, PAGE_4K);
	KUNIT_EXPECT_EQ(test, pgt->tables, 6ul);
	/* The end frees them, too. */
}

/* A table goes with its last entry, not before. */
static void neuron_pgtable_test_prune(struct kunit *test)
{
	u64 va = 4 * PAGE_2M;
	u32 i;

	KUNIT_ASSERT_EQ(test, neuron_pgtable_map(to_pgt(test), va, PAGE_4K, PAGE_2M, 0), 0);
	for (i = 0; i < 511; i++) {
		neuron_unmap(test, va + i * PAGE_4K, PAGE_4K);
		KUNIT_ASSERT_EQ(test, to_pgt(test)->tables, 4ul);
	}
	neuron_unmap(test, va + i * PAGE_4K, PAGE_4K);
	KUNIT_EXPECT_EQ(test, to_pgt(test)->tables, 1ul);
}

/* Unmapping goes over holes, as it does after a mapping that has failed half-way. */
static void neuron_pgtable_test_unmap_holes(struct kunit *test)
{
	struct neuron_pgtable *pgt = to_pgt(test);

	KUNIT_ASSERT_EQ(test, neuron_pgtable_map(pgt, SPAN_1G + PAGE_4K, PAGE_4K, PAGE_4K, 0), 0);
	KUNIT_ASSERT_EQ(test, neuron_pgtable_map(pgt, SPAN_1G + PAGE_2M, PAGE_2M, PAGE_2M, 0), 0);
	KUNIT_ASSERT_EQ(test, neuron_pgtable_map(pgt, 3 * SPAN_1G, PAGE_4K, 2 * PAGE_4K, 0), 0);
	neuron_unmap(test, SPAN_1G, 3 * SPAN_1G);
	neuron_expect_hole(test, 0, NEURON_VA_TOP);
	neuron_expect_count(test, 0, 0);
}

/* Many mappings in an order of chance, each checked against a simple table of what there is. */
#define NEURON_TEST_SLOTS 64
#define NEURON_TEST_STEPS 400

#define NEURON_TEST_SLOT  (6 * PAGE_2M)

/* Eight around each of these borders between tables, not all aligned to large pages. */
static u64 neuron_test_slot_va(u32 slot)
{
	static const u64 borders[] = {
		SPAN_1G,       2 * SPAN_1G,	  7 * SPAN_1G,	 SPAN_512G,
		2 * SPAN_512G, 3 * SPAN_512G + SPAN_1G, NEURON_VA_END, NEURON_VA_TOP - SPAN_1G,
	};

	return borders[slot / 8] + slot % 8 * NEURON_TEST_SLOT - 4 * NEURON_TEST_SLOT +
	       slot % 3 * PAGE_4K;
}

static u64 neuron_test_slot_size(u32 random)
{
	return random & 1 ? (1 + random / 2 % 5) * PAGE_2M : (1 + random / 2 % 1025) * PAGE_4K;
}

static void neuron_pgtable_test_random(struct kunit *test)
{
	u64 sizes[NEURON_TEST_SLOTS] = {}, addrs[NEURON_TEST_SLOTS];
	u32 state = 1, step, slot;

	for (step = 0; step < NEURON_TEST_STEPS; step++) {
		u32 random = neuron_test_random(&state);
		u64 va;

		slot = neuron_test_random(&state) % NEURON_TEST_SLOTS;
		va = neuron_test_slot_va(slot);
		if (sizes[slot]) {
			neuron_unmap(test, va, sizes[slot]);
			sizes[slot] = 0;
		} else {
			sizes[slot] = neuron_test_slot_size(random);
			addrs[slot] = random & 2 ? random * PAGE_2M : random * PAGE_4K;
			KUNIT_ASSERT_EQ(test, neuron_pgtable_map(to_pgt(test), va, addrs[slot],
								 sizes[slot], 0),
					0);
		}
		if (step % 16)
			continue;
		for (slot = 0; slot < NEURON_TEST_SLOTS; slot++) {
			va = neuron_test_slot_va(slot);
			neuron_expect_mapped(test, va, addrs[slot], sizes[slot], 0, 0);
			neuron_expect_hole(test, va + sizes[slot],
					   NEURON_TEST_SLOT - 2 * PAGE_4K - sizes[slot]);
		}
	}
	for (slot = 0; slot < NEURON_TEST_SLOTS; slot++)
		neuron_unmap(test, neuron_test_slot_va(slot), sizes[slot]);
	neuron_expect_hole(test, 0, NEURON_VA_TOP);
	neuron_expect_count(test, 0, 0);
}

/* In a pool of its own: one that is in use keeps memory for later. */
static int neuron_pgtable_test_begin(struct kunit *test)
{
	struct neuron_pgtable_fixture *fix = test->priv;

	neuron_pgtable_fini(&fix->pgt);
	dma_pool_destroy(fix->pool);
	fix->pool = dma_pool_create("neuron-pt-test", fix->dev, NRN_PAGE_SIZE, NRN_PAGE_SIZE, 0);
	return fix->pool ? neuron_pgtable_init(&fix->pgt, fix->pool) : -ENOMEM;
}

/* One allocation after the other fails: then the caller unmaps, and there is nothing left. */
static void neuron_pgtable_test_no_memory(struct kunit *test)
{
	u64 va = SPAN_512G - PAGE_4K, size = PAGE_4K + PAGE_2M + PAGE_4K;
	unsigned int failures = 0, nth;
	bool failed;
	int ret;

	if (!IS_ENABLED(CONFIG_FAULT_INJECTION))
		kunit_skip(test, "the kernel has no fault injection");

	for (nth = 1;; nth++) {
		KUNIT_ASSERT_EQ(test, neuron_pgtable_test_begin(test), 0);
		neuron_test_fail_nth(nth);
		ret = neuron_pgtable_map(to_pgt(test), va, PAGE_2M - PAGE_4K, size, 0);
		failed = neuron_test_has_failed();
		if (!failed)
			break;
		/* The kernel's allocator may have had a second way. */
		if (ret) {
			KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
			failures++;
		}
		neuron_unmap(test, va, size);
		neuron_expect_hole(test, 0, NEURON_VA_TOP);
		neuron_expect_count(test, 0, 0);
		KUNIT_EXPECT_EQ(test, to_pgt(test)->tables, 1ul);
	}
	KUNIT_EXPECT_EQ(test, ret, 0);
	neuron_expect_mapped(test, va, PAGE_2M - PAGE_4K, size, 0, 0);
	/* Three tables for the page below 512 GiB, three for what is above, each in two pieces. */
	KUNIT_EXPECT_EQ(test, to_pgt(test)->tables, 1ul + 3 + 3);
	KUNIT_EXPECT_GE(test, failures, 2u * (3 + 3));
}

static void neuron_pgtable_test_no_root(struct kunit *test)
{
	struct neuron_pgtable_fixture *fix = test->priv;
	struct neuron_pgtable other = {};
	unsigned int failures = 0, nth;
	bool failed;
	int ret;

	if (!IS_ENABLED(CONFIG_FAULT_INJECTION))
		kunit_skip(test, "the kernel has no fault injection");

	for (nth = 1;; nth++) {
		neuron_test_fail_nth(nth);
		ret = neuron_pgtable_init(&other, fix->pool);
		failed = neuron_test_has_failed();
		if (!ret)
			neuron_pgtable_fini(&other);
		if (!failed)
			break;
		failures += ret == -ENOMEM;
	}
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_GE(test, failures, 1u);
}

static struct kunit_case neuron_pgtable_cases[] = {
	KUNIT_CASE(neuron_pgtable_test_empty),
	KUNIT_CASE(neuron_pgtable_test_page),
	KUNIT_CASE(neuron_pgtable_test_flags),
	KUNIT_CASE(neuron_pgtable_test_addresses),
	KUNIT_CASE(neuron_pgtable_test_large),
	KUNIT_CASE(neuron_pgtable_test_mixed),
	KUNIT_CASE(neuron_pgtable_test_neighbours),
	KUNIT_CASE(neuron_pgtable_test_split_and_merge),
	KUNIT_CASE(neuron_pgtable_test_boundaries),
	KUNIT_CASE(neuron_pgtable_test_top),
	KUNIT_CASE(neuron_pgtable_test_unlinked),
	KUNIT_CASE(neuron_pgtable_test_prune),
	KUNIT_CASE(neuron_pgtable_test_unmap_holes),
	KUNIT_CASE(neuron_pgtable_test_random),
	KUNIT_CASE(neuron_pgtable_test_no_memory),
	KUNIT_CASE(neuron_pgtable_test_no_root),
	{}
};

static struct kunit_suite neuron_pgtable_suite = {
	.name = "neuron_pgtable",
	.init = neuron_pgtable_test_init,
	.exit = neuron_pgtable_test_exit,
	.test_cases = neuron_pgtable_cases,
};

kunit_test_suite(neuron_pgtable_suite);
