// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/limits.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "neuron_ring.h"
#include "neuron_test.h"

#define NEURON_TEST_LOG2 3
#define NEURON_TEST_LENGTH 8

/* Each packet carries a number, and each entry that nobody has written 0xff. */
struct neuron_ring_fixture {
	struct neuron_raw_packet packets[NEURON_TEST_LENGTH];
	struct neuron_raw_packet ring[NEURON_TEST_LENGTH];
};

static int neuron_ring_test_init(struct kunit *test)
{
	struct neuron_ring_fixture *fix = kzalloc(sizeof(*fix), GFP_KERNEL);
	u32 i;

	if (!fix)
		return -ENOMEM;
	memset(fix->ring, 0xff, sizeof(fix->ring));
	for (i = 0; i < NEURON_TEST_LENGTH; i++)
		fix->packets[i].payload[0] = i + 1;
	test->priv = fix;
	return 0;
}

static void neuron_ring_test_exit(struct kunit *test)
{
	kfree(test->priv);
}

static void neuron_ring_test_entries(struct kunit *test)
{
	u32 log2;

	for (log2 = NRN_RING_LOG2_MIN; log2 <= NRN_RING_LOG2_MAX; log2++) {
		u64 length = neuron_ring_length(log2);

		KUNIT_EXPECT_EQ(test, length, 1ull << log2);
		KUNIT_EXPECT_EQ(test, neuron_ring_entry(log2, 0), 0u);
		KUNIT_EXPECT_EQ(test, neuron_ring_entry(log2, length - 1), (u32)length - 1);
		KUNIT_EXPECT_EQ(test, neuron_ring_entry(log2, length), 0u);
		KUNIT_EXPECT_EQ(test, neuron_ring_entry(log2, 5 * length + 3), 3u);
		/* Where 32 and 64 bits end. */
		KUNIT_EXPECT_EQ(test, neuron_ring_entry(log2, U32_MAX), (u32)length - 1);
		KUNIT_EXPECT_EQ(test, neuron_ring_entry(log2, 1ull << 32), 0u);
		KUNIT_EXPECT_EQ(test, neuron_ring_entry(log2, U64_MAX), (u32)length - 1);
	}
}

static void neuron_ring_test_room(struct kunit *test)
{
	static const u64 heads[] = { 0, 1, 7, 8, U32_MAX - 1, U32_MAX, 1ull << 32, U64_MAX - 3 };
	u64 used;
	u32 i;

	/* Empty, full and all between, wherever the ring is; the last one wraps. */
	for (i = 0; i < ARRAY_SIZE(heads); i++)
		for (used = 0; used <= NEURON_TEST_LENGTH; used++)
			KUNIT_EXPECT_EQ(test,
					neuron_ring_room(NEURON_TEST_LOG2, heads[i],
							 heads[i] + used),
					NEURON_TEST_LENGTH - used);
}

static void neuron_ring_test_room_lengths(struct kunit *test)
{
	u32 log2;

	for (log2 = NRN_RING_LOG2_MIN; log2 <= NRN_RING_LOG2_MAX; log2++) {
		KUNIT_EXPECT_EQ(test, neuron_ring_room(log2, 100, 100), 1ull << log2);
		KUNIT_EXPECT_EQ(test, neuron_ring_room(log2, 100, 100 + (1ull << log2)), 0ull);
	}
}

/* A device or a process that says nonsense is not believed. */
static void neuron_ring_test_possible(struct kunit *test)
{
	u32 log2 = NEURON_TEST_LOG2;

	KUNIT_EXPECT_TRUE(test, neuron_ring_is_possible(log2, 0, 0));
	KUNIT_EXPECT_TRUE(test, neuron_ring_is_possible(log2, 92, 100));
	KUNIT_EXPECT_FALSE(test, neuron_ring_is_possible(log2, 91, 100));
	KUNIT_EXPECT_FALSE(test, neuron_ring_is_possible(log2, 101, 100));
	KUNIT_EXPECT_FALSE(test, neuron_ring_is_possible(log2, U64_MAX, 0));
	KUNIT_EXPECT_FALSE(test, neuron_ring_is_possible(log2, U64_MAX, 3));
}

static void neuron_ring_test_possible32(struct kunit *test)
{
	u32 log2 = NEURON_TEST_LOG2, used;

	for (used = 0; used <= NEURON_TEST_LENGTH; used++)
		KUNIT_EXPECT_TRUE(test, neuron_ring_is_possible32(log2, U32_MAX - 3,
								  U32_MAX - 3 + used));
	KUNIT_EXPECT_FALSE(test, neuron_ring_is_possible32(log2, U32_MAX - 3, U32_MAX - 3 + used));
	KUNIT_EXPECT_FALSE(test, neuron_ring_is_possible32(log2, 1, 0));
	KUNIT_EXPECT_FALSE(test, neuron_ring_is_possible32(log2, 0, U32_MAX));
}

static void neuron_ring_test_keeps(struct kunit *test)
{
	u32 log2 = NEURON_TEST_LOG2;

	KUNIT_EXPECT_TRUE(test, neuron_ring_keeps(log2, 100, 100));
	KUNIT_EXPECT_TRUE(test, neuron_ring_keeps(log2, 100, 93));
	KUNIT_EXPECT_FALSE(test, neuron_ring_keeps(log2, 100, 92));
	KUNIT_EXPECT_FALSE(test, neuron_ring_keeps(log2, 100, 101));
	KUNIT_EXPECT_TRUE(test, neuron_ring_keeps(log2, 3, 0));
	KUNIT_EXPECT_FALSE(test, neuron_ring_keeps(log2, 3, U64_MAX));
}

/* Writes @count packets behind @tail and looks at the whole ring. */
static void neuron_ring_test_job(struct kunit *test, u64 tail, u32 count)
{
	struct neuron_ring_fixture *fix = test->priv;
	u32 i;

	memset(fix->ring, 0xff, sizeof(fix->ring));
	neuron_ring_write(fix->ring, NEURON_TEST_LOG2, tail, fix->packets, count,
			  NRN_PACKET_FLAG_SEQNO);

	for (i = 0; i < NEURON_TEST_LENGTH; i++) {
		const struct neuron_raw_packet *packet =
			&fix->ring[(tail + i) % NEURON_TEST_LENGTH];
		bool written = i < count;
		u8 flags = i == count - 1 ? NRN_PACKET_FLAG_SEQNO : 0;

		KUNIT_EXPECT_EQ(test, packet->payload[0], written ? i + 1 : 0xff);
		KUNIT_EXPECT_EQ(test, packet->header.flags, written ? flags : 0xff);
	}
}

static void neuron_ring_test_write(struct kunit *test)
{
	u64 tail;
	u32 count;

	/* Each place in the ring and each length, those that wrap and those that fill it, too. */
	for (tail = 0; tail < NEURON_TEST_LENGTH; tail++)
		for (count = 1; count <= NEURON_TEST_LENGTH; count++)
			neuron_ring_test_job(test, tail, count);
	neuron_ring_test_job(test, U32_MAX - 1, 4);
	neuron_ring_test_job(test, (1ull << 32) - 4, NEURON_TEST_LENGTH);
}

/* The packets of user space stay as they are: they may be submitted again. */
static void neuron_ring_test_write_leaves_source(struct kunit *test)
{
	struct neuron_ring_fixture *fix = test->priv;

	neuron_ring_write(fix->ring, NEURON_TEST_LOG2, 6, fix->packets, 4, NRN_PACKET_FLAG_IRQ);
	KUNIT_EXPECT_EQ(test, fix->packets[3].header.flags, 0);
}

static void neuron_ring_test_window(struct kunit *test)
{
	u32 log2 = NEURON_TEST_LOG2;

	KUNIT_EXPECT_EQ(test, neuron_ring_window(log2, 0, 0, 4), 0ull);
	KUNIT_EXPECT_EQ(test, neuron_ring_window(log2, 5, 3, 4), 0ull);
	KUNIT_EXPECT_EQ(test, neuron_ring_window(log2, 100, 99, 4), 95ull);
	/* Not what has been overwritten. */
	KUNIT_EXPECT_EQ(test, neuron_ring_window(log2, 100, 94, 4), 92ull);
	KUNIT_EXPECT_EQ(test, neuron_ring_window(log2, 100, 2, 4), 92ull);
	KUNIT_EXPECT_EQ(test, neuron_ring_window(log2, 9, 1, 4), 1ull);
}

static void neuron_ring_test_counter32(struct kunit *test)
{
	struct neuron_counter counter = {};

	neuron_counter_advance(&counter, 5, U32_MAX);
	neuron_counter_advance(&counter, 5, U32_MAX);
	KUNIT_EXPECT_EQ(test, counter.total, 5ull);
	neuron_counter_advance(&counter, U32_MAX, U32_MAX);
	KUNIT_EXPECT_EQ(test, counter.total, (u64)U32_MAX);
	/* It wraps, and the sum goes on. */
	neuron_counter_advance(&counter, 2, U32_MAX);
	KUNIT_EXPECT_EQ(test, counter.total, U32_MAX + 3ull);
}

static void neuron_ring_test_counter64(struct kunit *test)
{
	struct neuron_counter counter = { .total = 10, .reading = U64_MAX - 1 };

	neuron_counter_advance(&counter, 3, U64_MAX);
	KUNIT_EXPECT_EQ(test, counter.total, 15ull);
	KUNIT_EXPECT_EQ(test, counter.reading, 3ull);
}

static struct kunit_case neuron_ring_cases[] = {
	KUNIT_CASE(neuron_ring_test_entries),
	KUNIT_CASE(neuron_ring_test_room),
	KUNIT_CASE(neuron_ring_test_room_lengths),
	KUNIT_CASE(neuron_ring_test_possible),
	KUNIT_CASE(neuron_ring_test_possible32),
	KUNIT_CASE(neuron_ring_test_keeps),
	KUNIT_CASE(neuron_ring_test_write),
	KUNIT_CASE(neuron_ring_test_write_leaves_source),
	KUNIT_CASE(neuron_ring_test_window),
	KUNIT_CASE(neuron_ring_test_counter32),
	KUNIT_CASE(neuron_ring_test_counter64),
	{}
};

static struct kunit_suite neuron_ring_suite = {
	.name = "neuron_ring",
	.init = neuron_ring_test_init,
	.exit = neuron_ring_test_exit,
	.test_cases = neuron_ring_cases,
};

kunit_test_suite(neuron_ring_suite);
