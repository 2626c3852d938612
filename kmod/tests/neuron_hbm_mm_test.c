// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/align.h>
#include <linux/list.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <kunit/static_stub.h>

#include "neuron_hbm_mm.h"
#include "neuron_spec.h"
#include "neuron_test.h"

#define ANY DRM_NEURON_BO_ANY_BANK
#define PAGE_4K ((u64)NRN_PAGE_SIZE)

/* Four stacks of 48 pages, no power of two, and an aperture that ends inside the second one. */
#define TEST_BANKS 4
#define TEST_BANK (48 * PAGE_4K)
#define TEST_BYTES (TEST_BANKS * TEST_BANK)
#define TEST_APERTURE (64 * PAGE_4K)
#define TEST_PAGES (TEST_BYTES / PAGE_4K)

/*
 * struct neuron_hbm_fixture: an allocator, and what each page of the memory holds
 */
struct neuron_hbm_fixture {
	struct neuron_hbm_mm mm;
	enum { CLEAN, OWNED, DIRTY } pages[TEST_PAGES];
	int scrub_error;
	u32 scrubs;
};

static int neuron_test_scrub(struct neuron_hbm_mm *mm, struct list_head *blocks)
{
	struct neuron_hbm_fixture *fix = container_of(mm, struct neuron_hbm_fixture, mm);
	struct drm_buddy_block *block;
	u64 at;

	fix->scrubs++;
	if (fix->scrub_error)
		return fix->scrub_error;
	list_for_each_entry(block, blocks, link)
		for (at = 0; at < drm_buddy_block_size(&mm->buddy, block); at += PAGE_4K)
			fix->pages[(drm_buddy_block_offset(block) + at) / PAGE_4K] = CLEAN;
	return 0;
}

static int neuron_hbm_test_init(struct kunit *test)
{
	struct neuron_hbm_fixture *fix = kzalloc(sizeof(*fix), GFP_KERNEL);
	u32 i;

	if (!fix)
		return -ENOMEM;
	/* What a reset has left is not known. */
	for (i = 0; i < TEST_PAGES; i++)
		fix->pages[i] = DIRTY;
	fix->mm.bytes = TEST_BYTES;
	fix->mm.aperture_bytes = TEST_APERTURE;
	fix->mm.banks = TEST_BANKS;
	fix->mm.scrub = neuron_test_scrub;
	test->priv = fix;
	return neuron_hbm_mm_init(&fix->mm);
}

static void neuron_hbm_test_exit(struct kunit *test)
{
	struct neuron_hbm_fixture *fix = test->priv;

	if (!fix)
		return;
	KUNIT_EXPECT_EQ(test, neuron_hbm_mm_avail(&fix->mm), TEST_BYTES);
	neuron_hbm_mm_fini(&fix->mm);
	kfree(fix);
}

/* What the counters say is what the pages say. */
static void neuron_expect_counters(struct kunit *test)
{
	struct neuron_hbm_fixture *fix = test->priv;
	u64 all = 0;
	u32 bank, i;

	for (bank = 0; bank < TEST_BANKS; bank++) {
		u64 free = 0;

		for (i = 0; i < TEST_BANK / PAGE_4K; i++)
			free += fix->pages[bank * TEST_BANK / PAGE_4K + i] == OWNED ? 0 : PAGE_4K;
		KUNIT_EXPECT_EQ(test, fix->mm.bank_free[bank], free);
		all += free;
	}
	KUNIT_EXPECT_EQ(test, neuron_hbm_mm_avail(&fix->mm), all);
}

/* Takes the pages of the blocks: each is clean, nobody's, and where it was asked for. */
static void neuron_test_own(struct kunit *test, struct list_head *blocks, u64 size, u64 start,
			    u64 end)
{
	struct neuron_hbm_fixture *fix = test->priv;
	struct drm_buddy_block *block;
	u64 sum = 0, at;

	list_for_each_entry(block, blocks, link) {
		u64 offset = drm_buddy_block_offset(block);
		u64 bytes = drm_buddy_block_size(&fix->mm.buddy, block);

		KUNIT_EXPECT_GE(test, offset, start);
		KUNIT_EXPECT_LE(test, offset + bytes, end);
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED(offset | bytes, PAGE_4K));
		for (at = offset; at < offset + bytes; at += PAGE_4K) {
			KUNIT_EXPECT_EQ(test, (int)fix->pages[at / PAGE_4K], (int)CLEAN);
			fix->pages[at / PAGE_4K] = OWNED;
		}
		sum += bytes;
	}
	KUNIT_EXPECT_EQ(test, sum, size);
	neuron_expect_counters(test);
}

static void neuron_test_free(struct kunit *test, struct list_head *blocks)
{
	struct neuron_hbm_fixture *fix = test->priv;
	struct drm_buddy_block *block;
	u64 at;

	list_for_each_entry(block, blocks, link)
		for (at = 0; at < drm_buddy_block_size(&fix->mm.buddy, block); at += PAGE_4K)
			fix->pages[(drm_buddy_block_offset(block) + at) / PAGE_4K] = DIRTY;
	neuron_hbm_mm_free(&fix->mm, blocks);
	KUNIT_EXPECT_TRUE(test, list_empty(blocks));
	neuron_expect_counters(test);
}

static int neuron_test_alloc(struct kunit *test, u64 size, u32 bank, bool mappable,
			     struct list_head *blocks)
{
	struct neuron_hbm_fixture *fix = test->priv;
	u64 start = bank == ANY ? 0 : bank * TEST_BANK;
	u64 end = bank == ANY ? TEST_BYTES : start + TEST_BANK;
	int ret;

	INIT_LIST_HEAD(blocks);
	ret = neuron_hbm_mm_alloc(&fix->mm, size, bank, mappable, blocks);
	if (!ret)
		neuron_test_own(test, blocks, size, start,
				mappable ? min(end, TEST_APERTURE) : end);
	else
		KUNIT_EXPECT_TRUE(test, list_empty(blocks));
	neuron_expect_counters(test);
	return ret;
}

static void neuron_hbm_test_one(struct kunit *test)
{
	struct neuron_hbm_fixture *fix = test->priv;
	struct list_head blocks;

	neuron_expect_counters(test);
	KUNIT_ASSERT_EQ(test, neuron_test_alloc(test, PAGE_4K, ANY, false, &blocks), 0);
	KUNIT_EXPECT_EQ(test, fix->scrubs, 1u);
	neuron_test_free(test, &blocks);
	/* It is scrubbed before somebody sees it, not when it is given back. */
	KUNIT_EXPECT_EQ(test, fix->scrubs, 1u);
}

/* Each size, in one stack and in all; odd ones are in pieces. */
static void neuron_hbm_test_sizes(struct kunit *test)
{
	struct list_head blocks;
	u64 size;

	for (size = PAGE_4K; size <= TEST_BYTES; size += PAGE_4K) {
		int want = size <= TEST_BANK ? 0 : -ENOSPC;

		KUNIT_ASSERT_EQ(test, neuron_test_alloc(test, size, ANY, false, &blocks), 0);
		neuron_test_free(test, &blocks);
		KUNIT_ASSERT_EQ(test, neuron_test_alloc(test, size, 1, false, &blocks), want);
		if (!want)
			neuron_test_free(test, &blocks);
	}
	KUNIT_EXPECT_EQ(test, neuron_test_alloc(test, size, ANY, false, &blocks), -ENOSPC);
	KUNIT_EXPECT_EQ(test, neuron_test_alloc(test, 1ull << 60, ANY, false, &blocks), -ENOSPC);
}

static void neuron_hbm_test_banks(struct kunit *test)
{
	struct list_head blocks[TEST_BANKS], more;
	u32 bank;

	for (bank = 0; bank < TEST_BANKS; bank++) {
		int ret = neuron_test_alloc(test, TEST_BANK, bank, false, &blocks[bank]);

		KUNIT_ASSERT_EQ(test, ret, 0);
		KUNIT_EXPECT_EQ(test, neuron_test_alloc(test, PAGE_4K, bank, false, &more),
				-ENOSPC);
	}
	KUNIT_EXPECT_EQ(test, neuron_test_alloc(test, PAGE_4K, ANY, false, &more), -ENOSPC);

	/* One has room again, and the others have not. */
	neuron_test_free(test, &blocks[2]);
	KUNIT_EXPECT_EQ(test, neuron_test_alloc(test, PAGE_4K, 1, false, &more), -ENOSPC);
	KUNIT_EXPECT_EQ(test, neuron_test_alloc(test, PAGE_4K, 3, false, &more), -ENOSPC);
	KUNIT_ASSERT_EQ(test, neuron_test_alloc(test, PAGE_4K, ANY, false, &more), 0);
	neuron_test_free(test, &more);
	KUNIT_ASSERT_EQ(test, neuron_test_alloc(test, TEST_BANK, 2, false, &blocks[2]), 0);
	for (bank = 0; bank < TEST_BANKS; bank++)
		neuron_test_free(test, &blocks[bank]);
}

static void neuron_hbm_test_aperture(struct kunit *test)
{
	u64 beyond = TEST_BYTES - TEST_APERTURE;
	struct list_head all, mappable, more;

	/* What need not be seen by the CPU leaves the aperture alone, as long as it can. */
	KUNIT_ASSERT_EQ(test, neuron_test_alloc(test, beyond, ANY, false, &all), 0);
	KUNIT_ASSERT_EQ(test, neuron_test_alloc(test, TEST_APERTURE, ANY, true, &mappable), 0);
	KUNIT_EXPECT_EQ(test, neuron_test_alloc(test, PAGE_4K, ANY, true, &more), -ENOSPC);
	KUNIT_EXPECT_EQ(test, neuron_test_alloc(test, PAGE_4K, ANY, false, &more), -ENOSPC);

	neuron_test_free(test, &mappable);
	KUNIT_ASSERT_EQ(test, neuron_test_alloc(test, PAGE_4K, ANY, false, &more), 0);
	KUNIT_EXPECT_EQ(test, neuron_test_alloc(test, TEST_APERTURE, ANY, true, &mappable),
			-ENOSPC);
	neuron_test_free(test, &more);
	neuron_test_free(test, &all);
}

/* A stack that the aperture ends in, and those before and behind. */
static void neuron_hbm_test_aperture_banks(struct kunit *test)
{
	u64 part = TEST_APERTURE - TEST_BANK;
	struct list_head blocks, rest;

	KUNIT_ASSERT_EQ(test, neuron_test_alloc(test, TEST_BANK, 0, true, &blocks), 0);
	neuron_test_free(test, &blocks);
	KUNIT_EXPECT_EQ(test, neuron_test_alloc(test, part + PAGE_4K, 1, true, &blocks), -ENOSPC);
	KUNIT_EXPECT_EQ(test, neuron_test_alloc(test, PAGE_4K, 2, true, &blocks), -ENOSPC);
	KUNIT_EXPECT_EQ(test, neuron_test_alloc(test, PAGE_4K, 3, true, &blocks), -ENOSPC);

	KUNIT_ASSERT_EQ(test, neuron_test_alloc(test, TEST_BANK - part, 1, false, &rest), 0);
	KUNIT_ASSERT_EQ(test, neuron_test_alloc(test, part, 1, true, &blocks), 0);
	neuron_test_free(test, &blocks);
	neuron_test_free(test, &rest);
}

/* Every second page is taken: half of the memory is there, in single pages. */
static void neuron_hbm_test_fragmented(struct kunit *test)
{
	struct list_head *pages = kcalloc(TEST_PAGES, sizeof(*pages), GFP_KERNEL), big;
	struct drm_buddy_block *block;
	u64 pieces = 0;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, pages);
	for (i = 0; i < TEST_PAGES; i++)
		KUNIT_ASSERT_EQ(test, neuron_test_alloc(test, PAGE_4K, ANY, false, &pages[i]), 0);
	KUNIT_EXPECT_EQ(test, neuron_test_alloc(test, PAGE_4K, ANY, false, &big), -ENOSPC);

	for (i = 0; i < TEST_PAGES; i++) {
		block = list_first_entry(&pages[i], struct drm_buddy_block, link);
		if (drm_buddy_block_offset(block) / PAGE_4K % 2)
			neuron_test_free(test, &pages[i]);
	}
	KUNIT_EXPECT_EQ(test, neuron_test_alloc(test, TEST_BYTES / 2 + PAGE_4K, ANY, false, &big),
			-ENOSPC);
	KUNIT_ASSERT_EQ(test, neuron_test_alloc(test, TEST_BYTES / 2, ANY, false, &big), 0);
	list_for_each_entry(block, &big, link)
		pieces++;
	KUNIT_EXPECT_EQ(test, pieces, TEST_PAGES / 2);

	neuron_test_free(test, &big);
	for (i = 0; i < TEST_PAGES; i++)
		if (!list_empty(&pages[i]))
			neuron_test_free(test, &pages[i]);
	kfree(pages);

	/* It has grown together again. */
	KUNIT_ASSERT_EQ(test, neuron_test_alloc(test, TEST_BANK / 3 * 2, 0, false, &big), 0);
	KUNIT_EXPECT_TRUE(test, list_is_singular(&big));
	neuron_test_free(test, &big);
}

/* What could not be scrubbed is handed to nobody, and not lost. */
static void neuron_hbm_test_scrub_fails(struct kunit *test)
{
	struct neuron_hbm_fixture *fix = test->priv;
	struct list_head blocks;

	fix->scrub_error = -EIO;
	KUNIT_EXPECT_EQ(test, neuron_test_alloc(test, 5 * PAGE_4K, ANY, false, &blocks), -EIO);
	KUNIT_EXPECT_EQ(test, neuron_test_alloc(test, TEST_BANK, 2, false, &blocks), -EIO);
	KUNIT_EXPECT_EQ(test, neuron_hbm_mm_avail(&fix->mm), TEST_BYTES);

	fix->scrub_error = 0;
	KUNIT_ASSERT_EQ(test, neuron_test_alloc(test, TEST_BYTES, ANY, false, &blocks), 0);
	neuron_test_free(test, &blocks);
}

/* The memory of one owner is clean when the next one gets it, always the same pages. */
static void neuron_hbm_test_reuse(struct kunit *test)
{
	struct neuron_hbm_fixture *fix = test->priv;
	struct list_head blocks;
	u32 round;

	for (round = 1; round <= 3; round++) {
		KUNIT_ASSERT_EQ(test, neuron_test_alloc(test, TEST_BYTES, ANY, false, &blocks), 0);
		KUNIT_EXPECT_EQ(test, fix->scrubs, round);
		neuron_test_free(test, &blocks);
	}
}

/* Buffers come and go in an order of chance. */
#define TEST_BUFFERS 24
#define TEST_STEPS 600

static void neuron_hbm_test_random(struct kunit *test)
{
	struct list_head buffers[TEST_BUFFERS];
	u32 state = 1, step, i, successes = 0;

	for (i = 0; i < TEST_BUFFERS; i++)
		INIT_LIST_HEAD(&buffers[i]);
	for (step = 0; step < TEST_STEPS; step++) {
		u32 random = neuron_test_random(&state);
		u32 bank = random & 1 ? ANY : random / 2 % TEST_BANKS;
		u64 size = (1 + neuron_test_random(&state) % 20) * PAGE_4K;
		int ret;

		i = neuron_test_random(&state) % TEST_BUFFERS;
		if (!list_empty(&buffers[i])) {
			neuron_test_free(test, &buffers[i]);
			continue;
		}
		ret = neuron_test_alloc(test, size, bank, random & 64, &buffers[i]);
		KUNIT_EXPECT_TRUE(test, !ret || ret == -ENOSPC);
		successes += !ret;
	}
	KUNIT_EXPECT_GT(test, successes, TEST_STEPS / 4);
	for (i = 0; i < TEST_BUFFERS; i++)
		if (!list_empty(&buffers[i]))
			neuron_test_free(test, &buffers[i]);
}

/*
 * The allocator runs out of memory for its own structures. It is replaced, because the real one
 * does not survive that: drm_buddy of 6.12 frees a block that is still in the tree of free ones.
 */
static u32 neuron_test_calls;

static int neuron_test_no_memory(struct neuron_hbm_mm *mm, u64 start, u64 end, u64 size,
				 struct list_head *blocks)
{
	neuron_test_calls++;
	return -ENOMEM;
}

static void neuron_hbm_test_no_memory(struct kunit *test)
{
	struct neuron_hbm_fixture *fix = test->priv;
	struct list_head blocks;

	neuron_test_calls = 0;
	kunit_activate_static_stub(test, neuron_hbm_mm_alloc_range, neuron_test_no_memory);
	KUNIT_EXPECT_EQ(test, neuron_test_alloc(test, PAGE_4K, ANY, false, &blocks), -ENOMEM);
	/* It is no reason to try behind the aperture. */
	KUNIT_EXPECT_EQ(test, neuron_test_calls, 1u);
	KUNIT_EXPECT_EQ(test, neuron_test_alloc(test, PAGE_4K, 1, true, &blocks), -ENOMEM);
	KUNIT_EXPECT_EQ(test, neuron_test_calls, 2u);
	KUNIT_EXPECT_EQ(test, fix->scrubs, 0u);
	kunit_deactivate_static_stub(test, neuron_hbm_mm_alloc_range);

	KUNIT_ASSERT_EQ(test, neuron_test_alloc(test, TEST_BYTES, ANY, false, &blocks), 0);
	neuron_test_free(test, &blocks);
}

static void neuron_hbm_test_no_memory_at_init(struct kunit *test)
{
	struct neuron_hbm_mm mm = {
		.bytes = TEST_BYTES,
		.aperture_bytes = TEST_APERTURE,
		.banks = TEST_BANKS,
		.scrub = neuron_test_scrub,
	};
	unsigned int failures = 0, nth;
	bool failed;
	int ret;

	if (!IS_ENABLED(CONFIG_FAULT_INJECTION))
		kunit_skip(test, "the kernel has no fault injection");

	for (nth = 1;; nth++) {
		neuron_test_fail_nth(nth);
		ret = neuron_hbm_mm_init(&mm);
		failed = neuron_test_has_failed();
		if (!ret)
			neuron_hbm_mm_fini(&mm);
		if (!failed)
			break;
		/* The kernel's allocator may have had a second way. */
		if (ret) {
			KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
			failures++;
		}
	}
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_GE(test, failures, 4u);
}

static struct kunit_case neuron_hbm_cases[] = {
	KUNIT_CASE(neuron_hbm_test_one),
	KUNIT_CASE(neuron_hbm_test_sizes),
	KUNIT_CASE(neuron_hbm_test_banks),
	KUNIT_CASE(neuron_hbm_test_aperture),
	KUNIT_CASE(neuron_hbm_test_aperture_banks),
	KUNIT_CASE(neuron_hbm_test_fragmented),
	KUNIT_CASE(neuron_hbm_test_scrub_fails),
	KUNIT_CASE(neuron_hbm_test_reuse),
	KUNIT_CASE(neuron_hbm_test_random),
	KUNIT_CASE(neuron_hbm_test_no_memory),
	KUNIT_CASE(neuron_hbm_test_no_memory_at_init),
	{}
};

static struct kunit_suite neuron_hbm_suite = {
	.name = "neuron_hbm",
	.init = neuron_hbm_test_init,
	.exit = neuron_hbm_test_exit,
	.test_cases = neuron_hbm_cases,
};

kunit_test_suite(neuron_hbm_suite);
