// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/string.h>

#include <drm/neuron_accel.h>

#include "neuron_check.h"
#include "neuron_pgtable.h"
#include "neuron_reset.h"
#include "neuron_ring.h"
#include "neuron_test.h"

/*
 * NEURON_EXPECT() - what CHECK says of GOOD with one field changed, then changed back
 */
#define NEURON_EXPECT(test, want, good, field, value, check)			\
	do {									\
		typeof(good) *_good = &(good);					\
		typeof(good) _saved = *_good;					\
										\
		(*_good).field = (value);					\
		KUNIT_EXPECT_EQ(test, check, want);				\
		*_good = _saved;						\
	} while (0)

#define BANKS 4

static void neuron_check_test_bo_size(struct kunit *test)
{
	struct drm_neuron_bo_create args = { .size = 1 };

#define SIZE(want, value) \
	NEURON_EXPECT(test, want, args, size, value, neuron_check_bo_create(&args, BANKS))
	SIZE(0, 1);
	SIZE(0, U64_MAX - PAGE_SIZE);
	SIZE(-EINVAL, 0);
	/* Rounding these up to pages would give nothing. */
	SIZE(-EINVAL, U64_MAX - PAGE_SIZE + 1);
	SIZE(-EINVAL, U64_MAX);
#undef SIZE
}

static void neuron_check_test_text(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 0, neuron_check_text("", 0));
	KUNIT_EXPECT_EQ(test, 0, neuron_check_text("first layer, 'W' ~", 18));
	KUNIT_EXPECT_EQ(test, -EINVAL, neuron_check_text("a\"b", 3));
	KUNIT_EXPECT_EQ(test, -EINVAL, neuron_check_text("a\nb", 3));
	KUNIT_EXPECT_EQ(test, -EINVAL, neuron_check_text("a\x7f", 2));
	KUNIT_EXPECT_EQ(test, -EINVAL, neuron_check_text("\xa1", 1));
	/* What is counted is text; there is no end before. */
	KUNIT_EXPECT_EQ(test, -EINVAL, neuron_check_text("ab", 3));
}

static void neuron_check_test_bo_placement(struct kunit *test)
{
	struct drm_neuron_bo_create args = { .size = 4096, .placement = DRM_NEURON_PLACE_HOST };

#define HOST(want, field, value) \
	NEURON_EXPECT(test, want, args, field, value, neuron_check_bo_create(&args, BANKS))
	HOST(0, placement, DRM_NEURON_PLACE_HOST);
	HOST(0, placement, DRM_NEURON_PLACE_HBM);
	HOST(-EINVAL, placement, DRM_NEURON_PLACE_HBM + 1);
	HOST(-EINVAL, placement, U32_MAX);
	/* Host memory has neither. */
	HOST(-EINVAL, flags, DRM_NEURON_BO_MAPPABLE);
	HOST(-EINVAL, bank, 1);
	HOST(-EINVAL, bank, DRM_NEURON_BO_ANY_BANK);
#undef HOST
}

static void neuron_check_test_bo_hbm(struct kunit *test)
{
	struct drm_neuron_bo_create args = { .size = 4096, .placement = DRM_NEURON_PLACE_HBM };
	u32 bit;

#define HBM(want, field, value) \
	NEURON_EXPECT(test, want, args, field, value, neuron_check_bo_create(&args, BANKS))
	HBM(0, bank, BANKS - 1);
	HBM(0, bank, DRM_NEURON_BO_ANY_BANK);
	HBM(-EINVAL, bank, BANKS);
	HBM(-EINVAL, bank, DRM_NEURON_BO_ANY_BANK - 1);
	for (bit = 0; bit < 32; bit++)
		HBM(BIT(bit) == DRM_NEURON_BO_MAPPABLE ? 0 : -EINVAL, flags, BIT(bit));
#undef HBM
}

#define BIND(want, field, value) \
	NEURON_EXPECT(test, want, args, field, value, neuron_check_vm_bind(&args))

static void neuron_check_test_bind_common(struct kunit *test)
{
	struct drm_neuron_vm_bind args = { .op = DRM_NEURON_BIND_MAP, .range = SZ_4K };
	u32 bit;

	BIND(0, op, DRM_NEURON_BIND_MAP);
	BIND(-EINVAL, op, DRM_NEURON_BIND_UNMAP + 1);
	BIND(-EINVAL, op, U32_MAX);
	BIND(-EINVAL, pad, 1);
	BIND(-EINVAL, range, 0);
	for (bit = 0; bit < NRN_MMU_PAGE_SHIFT; bit++) {
		BIND(-EINVAL, range, SZ_4K | BIT(bit));
		BIND(-EINVAL, bo_offset, BIT(bit));
	}
	BIND(0, bo_offset, SZ_4K);
	for (bit = 0; bit < 32; bit++)
		BIND(BIT(bit) & (DRM_NEURON_BIND_READ_ONLY) ? 0 : -EINVAL, flags, BIT(bit));
	/* Where the kernel chooses, the address is not looked at. */
	BIND(0, va, 1);
}

static void neuron_check_test_bind_fixed(struct kunit *test)
{
	struct drm_neuron_vm_bind args = {
		.op = DRM_NEURON_BIND_MAP,
		.flags = DRM_NEURON_BIND_FIXED_VA,
		.range = SZ_8K,
		.va = NEURON_VA_START,
	};
	u32 bit;

	BIND(0, va, NEURON_VA_START);
	BIND(0, va, NEURON_VA_END - SZ_8K);
	BIND(-EINVAL, va, 0);
	BIND(-EINVAL, va, NEURON_VA_START - SZ_4K);
	/* The last page would be the driver's. */
	BIND(-EINVAL, va, NEURON_VA_END - SZ_4K);
	BIND(-EINVAL, va, NEURON_VA_END);
	BIND(-EINVAL, va, NEURON_VA_TOP);
	BIND(-EINVAL, va, -SZ_8K);
	for (bit = 0; bit < NRN_MMU_PAGE_SHIFT; bit++)
		BIND(-EINVAL, va, NEURON_VA_START | BIT(bit));
	BIND(0, range, NEURON_VA_END - NEURON_VA_START);
	BIND(-EINVAL, range, NEURON_VA_END - NEURON_VA_START + SZ_4K);
	/* The end of the range would wrap. */
	BIND(-EINVAL, range, -NEURON_VA_START);
	BIND(0, flags, DRM_NEURON_BIND_FIXED_VA | DRM_NEURON_BIND_READ_ONLY);
	BIND(-EINVAL, flags, DRM_NEURON_BIND_FIXED_VA | 4);
}

static void neuron_check_test_bind_unmap(struct kunit *test)
{
	struct drm_neuron_vm_bind args = {
		.op = DRM_NEURON_BIND_UNMAP,
		.range = SZ_4K,
		.va = NEURON_VA_START,
	};

	BIND(0, va, NEURON_VA_END - SZ_4K);
	BIND(-EINVAL, va, 0);
	BIND(-EINVAL, va, NEURON_VA_END);
	BIND(-EINVAL, va, NEURON_VA_START + 1);
	BIND(-EINVAL, flags, DRM_NEURON_BIND_FIXED_VA);
	BIND(-EINVAL, flags, DRM_NEURON_BIND_READ_ONLY);
	BIND(-EINVAL, handle, 1);
	BIND(-EINVAL, bo_offset, SZ_4K);
	BIND(-EINVAL, range, 0);
	BIND(-EINVAL, pad, 1);
}

#undef BIND

static void neuron_check_test_bo_range(struct kunit *test)
{
	struct drm_neuron_vm_bind args = { .bo_offset = SZ_4K, .range = SZ_8K };

#define RANGE(want, field, value) \
	NEURON_EXPECT(test, want, args, field, value, neuron_check_bo_range(&args, SZ_4K + SZ_8K))
	RANGE(0, range, SZ_8K);
	RANGE(0, range, SZ_4K);
	RANGE(-EINVAL, range, SZ_8K + SZ_4K);
	RANGE(-EINVAL, range, -SZ_4K); /* the end would wrap */
	RANGE(0, bo_offset, 0);
	RANGE(-EINVAL, bo_offset, SZ_8K);
	RANGE(-EINVAL, bo_offset, SZ_4K + SZ_8K);
	RANGE(-EINVAL, bo_offset, -SZ_8K);
#undef RANGE
}

#define QUEUE(want, field, value) \
	NEURON_EXPECT(test, want, args, field, value, neuron_check_queue_create(&args))

static void neuron_check_test_queue_common(struct kunit *test)
{
	struct drm_neuron_queue_create args = {};
	u32 bit;

	QUEUE(0, ring_log2, 0);
	QUEUE(0, ring_log2, NRN_RING_LOG2_MIN);
	QUEUE(0, ring_log2, NRN_RING_LOG2_MAX);
	QUEUE(-EINVAL, ring_log2, NRN_RING_LOG2_MIN - 1);
	QUEUE(-EINVAL, ring_log2, NRN_RING_LOG2_MAX + 1);
	QUEUE(-EINVAL, ring_log2, U32_MAX);
	QUEUE(0, timeout_ms, NEURON_TIMEOUT_MS_MAX);
	QUEUE(-EINVAL, timeout_ms, NEURON_TIMEOUT_MS_MAX + 1);
	QUEUE(-EINVAL, timeout_ms, U32_MAX);
	QUEUE(0, priority, DRM_NEURON_PRIORITY_HIGH);
	QUEUE(-EINVAL, priority, DRM_NEURON_PRIORITY_HIGH + 1);
	QUEUE(-EINVAL, priority, U32_MAX);
	QUEUE(0, coalesce_count, NEURON_COALESCE_COUNT_MAX);
	QUEUE(-EINVAL, coalesce_count, NEURON_COALESCE_COUNT_MAX + 1);
	QUEUE(0, coalesce_usecs, NEURON_COALESCE_USECS_MAX);
	QUEUE(-EINVAL, coalesce_usecs, NEURON_COALESCE_USECS_MAX + 1);
	for (bit = 0; bit < 32; bit++)
		QUEUE(BIT(bit) & (DRM_NEURON_QUEUE_POLLED | DRM_NEURON_QUEUE_USER) ? 0 : -EINVAL,
		      flags, BIT(bit));
	QUEUE(-EINVAL, flags, DRM_NEURON_QUEUE_POLLED | DRM_NEURON_QUEUE_USER);
	/* Only queues in user mode have them. */
	QUEUE(-EINVAL, ring_va, NEURON_VA_START);
	QUEUE(-EINVAL, seqno_va, NEURON_VA_START);
	QUEUE(-EINVAL, stamps_va, NEURON_VA_START);
}

static void neuron_check_test_queue_polled(struct kunit *test)
{
	struct drm_neuron_queue_create args = { .flags = DRM_NEURON_QUEUE_POLLED };

	QUEUE(0, ring_log2, NRN_RING_LOG2_MIN);
	QUEUE(-EINVAL, coalesce_count, 1);
	QUEUE(-EINVAL, coalesce_usecs, 1);
	QUEUE(-EINVAL, ring_va, NEURON_VA_START);
	QUEUE(-EINVAL, seqno_va, NEURON_VA_START);
	QUEUE(-EINVAL, stamps_va, NEURON_VA_START);
}

static void neuron_check_test_queue_user(struct kunit *test)
{
	struct drm_neuron_queue_create args = {
		.flags = DRM_NEURON_QUEUE_USER,
		.ring_va = NEURON_VA_START,
		.seqno_va = NEURON_VA_START + SZ_4K,
		.stamps_va = NEURON_VA_START + SZ_8K,
	};
	u32 bit;

	QUEUE(0, stamps_va, 0);
	QUEUE(0, coalesce_count, 1);
	for (bit = 0; bit < NRN_MMU_PAGE_SHIFT; bit++)
		QUEUE(-EINVAL, ring_va, NEURON_VA_START | BIT(bit));
	for (bit = 0; bit < 3; bit++)
		QUEUE(-EINVAL, seqno_va, NEURON_VA_START | BIT(bit));
	QUEUE(0, seqno_va, NEURON_VA_START | 8);
	for (bit = 0; BIT(bit) < sizeof(struct nrn_stamp); bit++)
		QUEUE(-EINVAL, stamps_va, NEURON_VA_START | BIT(bit));
	QUEUE(0, stamps_va, NEURON_VA_START | sizeof(struct nrn_stamp));
}

#undef QUEUE

static void neuron_check_test_array(struct kunit *test)
{
	struct drm_neuron_array array = { .stride = 64, .count = 1 };

#define STRIDE(want, value) \
	NEURON_EXPECT(test, want, array, stride, value, neuron_check_array(&array, 64))
	STRIDE(0, 64);
	STRIDE(0, 65);
	STRIDE(0, PAGE_SIZE);
	STRIDE(-EINVAL, 63);
	STRIDE(-EINVAL, 0);
	STRIDE(-E2BIG, PAGE_SIZE + 1);
	STRIDE(-E2BIG, U32_MAX);
#undef STRIDE
}

static void neuron_check_test_packets(struct kunit *test)
{
	struct neuron_raw_packet packets[3] = {};
	u32 bit;

#define PACKET(want, at, field, value) \
	NEURON_EXPECT(test, want, packets[at], header.field, value,		\
		      neuron_check_packets(packets, 3))
	PACKET(0, 0, opcode, 0xff);
	for (bit = 0; bit < 8; bit++) {
		PACKET(-EINVAL, 0, flags, BIT(bit));
		PACKET(-EINVAL, 2, flags, BIT(bit));
	}
	PACKET(-EINVAL, 1, reserved0, cpu_to_le16(1));
	PACKET(-EINVAL, 2, reserved0, cpu_to_le16(0x8000));
#undef PACKET
	/* Behind the last one nothing is looked at. */
	packets[2].header.flags = 1;
	KUNIT_EXPECT_EQ(test, neuron_check_packets(packets, 2), 0);
	KUNIT_EXPECT_EQ(test, neuron_check_packets(packets, 0), 0);
}

static void neuron_check_test_dma(struct kunit *test)
{
	struct drm_neuron_dma args = { .bytes = 4096, .ptr = 4096, .va = NEURON_VA_START };
	u32 bit;

#define DMA(want, field, value) \
	NEURON_EXPECT(test, want, args, field, value, neuron_check_dma(&args))
	for (bit = 0; bit < 32; bit++)
		DMA(BIT(bit) == DRM_NEURON_DMA_FROM_DEVICE ? 0 : -EINVAL, flags, BIT(bit));
	DMA(-EINVAL, bytes, 0);
	DMA(0, bytes, 1);
	DMA(0, bytes, NEURON_DMA_BYTES_MAX);
	DMA(-EINVAL, bytes, NEURON_DMA_BYTES_MAX + 1);
	DMA(-EINVAL, bytes, U64_MAX);
	DMA(0, va, U64_MAX - 4096);
	DMA(-EINVAL, va, U64_MAX - 4095);
	DMA(0, ptr, U64_MAX - 4096);
	DMA(-EFAULT, ptr, U64_MAX - 4095);
	DMA(-EFAULT, ptr, U64_MAX);
#undef DMA
}

static struct kunit_case neuron_check_cases[] = {
	KUNIT_CASE(neuron_check_test_bo_size),
	KUNIT_CASE(neuron_check_test_text),
	KUNIT_CASE(neuron_check_test_bo_placement),
	KUNIT_CASE(neuron_check_test_bo_hbm),
	KUNIT_CASE(neuron_check_test_bind_common),
	KUNIT_CASE(neuron_check_test_bind_fixed),
	KUNIT_CASE(neuron_check_test_bind_unmap),
	KUNIT_CASE(neuron_check_test_bo_range),
	KUNIT_CASE(neuron_check_test_queue_common),
	KUNIT_CASE(neuron_check_test_queue_polled),
	KUNIT_CASE(neuron_check_test_queue_user),
	KUNIT_CASE(neuron_check_test_array),
	KUNIT_CASE(neuron_check_test_packets),
	KUNIT_CASE(neuron_check_test_dma),
	{}
};

static struct kunit_suite neuron_check_suite = {
	.name = "neuron_check",
	.test_cases = neuron_check_cases,
};

kunit_test_suite(neuron_check_suite);
