// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/align.h>
#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/overflow.h>

#include <kunit/visibility.h>

#include <drm/neuron_accel.h>

#include "neuron_check.h"
#include "neuron_pgtable.h"
#include "neuron_reset.h"
#include "neuron_ring.h"

/**
 * DOC: Arguments of user space
 *
 * What can be judged by looking at the arguments alone is judged here, before anything is looked up
 * or locked: fields out of range, unknown flags, combinations that make no sense. Whether the
 * caller may have what it asks for, and whether there is such a thing, the ioctls ask themselves.
 */

/**
 * neuron_check_bo_create() - arguments of BO_CREATE
 * @args: Arguments.
 * @banks: HBM stacks of the device.
 *
 * Return: 0 or -EINVAL.
 */
int neuron_check_bo_create(const struct drm_neuron_bo_create *args, u32 banks)
{
	if (!args->size || args->size > U64_MAX - PAGE_SIZE)
		return -EINVAL;

	switch (args->placement) {
	case DRM_NEURON_PLACE_HOST:
		return args->flags || args->bank ? -EINVAL : 0;
	case DRM_NEURON_PLACE_HBM:
		if (args->flags & ~DRM_NEURON_BO_MAPPABLE)
			return -EINVAL;
		if (args->bank != DRM_NEURON_BO_ANY_BANK && args->bank >= banks)
			return -EINVAL;
		return 0;
	default:
		return -EINVAL;
	}
}
EXPORT_SYMBOL_IF_KUNIT(neuron_check_bo_create);

static int neuron_check_va_range(const struct drm_neuron_vm_bind *args)
{
	if (!IS_ALIGNED(args->va, NRN_PAGE_SIZE))
		return -EINVAL;
	if (args->va < NEURON_VA_START || args->va >= NEURON_VA_END ||
	    args->range > NEURON_VA_END - args->va)
		return -EINVAL;
	return 0;
}

static int neuron_check_names(const struct drm_neuron_vm_bind *args)
{
	if (!args->label != !args->label_bytes || !args->place != !args->place_bytes)
		return -EINVAL;
	if (args->label_bytes > DRM_NEURON_LABEL_MAX || args->place_bytes > DRM_NEURON_PLACE_MAX)
		return -EINVAL;
	return args->op == DRM_NEURON_BIND_UNMAP && args->label ? -EINVAL : 0;
}

/**
 * neuron_check_text() - a name, once it is copied
 * @text: Text.
 * @bytes: Its length.
 *
 * It is printed as it is, in quotation marks.
 *
 * Return: 0 or -EINVAL.
 */
int neuron_check_text(const char *text, u32 bytes)
{
	u32 i;

	for (i = 0; i < bytes; i++)
		if (!isascii(text[i]) || !isprint(text[i]) || text[i] == '"')
			return -EINVAL;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(neuron_check_text);

/**
 * neuron_check_vm_bind() - arguments of VM_BIND
 * @args: Arguments.
 *
 * Return: 0 or -EINVAL.
 */
int neuron_check_vm_bind(const struct drm_neuron_vm_bind *args)
{
	if (args->pad)
		return -EINVAL;
	if (!args->range || !IS_ALIGNED(args->range | args->bo_offset, NRN_PAGE_SIZE))
		return -EINVAL;
	if (neuron_check_names(args))
		return -EINVAL;

	switch (args->op) {
	case DRM_NEURON_BIND_MAP:
		if (args->flags & ~(DRM_NEURON_BIND_FIXED_VA | DRM_NEURON_BIND_READ_ONLY))
			return -EINVAL;
		return args->flags & DRM_NEURON_BIND_FIXED_VA ? neuron_check_va_range(args) : 0;
	case DRM_NEURON_BIND_UNMAP:
		if (args->flags || args->handle || args->bo_offset)
			return -EINVAL;
		return neuron_check_va_range(args);
	default:
		return -EINVAL;
	}
}
EXPORT_SYMBOL_IF_KUNIT(neuron_check_vm_bind);

/* Whether the range that MAP names lies in the buffer. Return: 0 or -EINVAL. */
int neuron_check_bo_range(const struct drm_neuron_vm_bind *args, u64 bo_size)
{
	if (args->bo_offset >= bo_size || args->range > bo_size - args->bo_offset)
		return -EINVAL;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(neuron_check_bo_range);

/* What only queues in user mode have, or all others. */
static int neuron_check_queue_mode(const struct drm_neuron_queue_create *args)
{
	switch (args->flags) {
	case 0:
	case DRM_NEURON_QUEUE_POLLED:
		return args->ring_va || args->seqno_va || args->stamps_va ? -EINVAL : 0;
	case DRM_NEURON_QUEUE_USER:
		if (!IS_ALIGNED(args->ring_va, NRN_PAGE_SIZE) ||
		    !IS_ALIGNED(args->seqno_va, sizeof(u64)) ||
		    !IS_ALIGNED(args->stamps_va, sizeof(struct nrn_stamp)))
			return -EINVAL;
		/* A larger page would show the doorbells of other contexts as well. */
		if (PAGE_SIZE != NRN_PAGE_SIZE)
			return -EOPNOTSUPP;
		return 0;
	default:
		return -EINVAL;
	}
}

/**
 * neuron_check_queue_create() - arguments of QUEUE_CREATE
 * @args: Arguments. Whether the caller may have the priority is not looked at.
 *
 * Return: 0, -EINVAL, or -EOPNOTSUPP where this kernel cannot have queues in user mode.
 */
int neuron_check_queue_create(const struct drm_neuron_queue_create *args)
{
	int ret;

	ret = neuron_check_queue_mode(args);
	if (ret)
		return ret;
	if (args->ring_log2 &&
	    (args->ring_log2 < NRN_RING_LOG2_MIN || args->ring_log2 > NRN_RING_LOG2_MAX))
		return -EINVAL;
	if (args->timeout_ms > NEURON_TIMEOUT_MS_MAX)
		return -EINVAL;
	if (args->coalesce_count > NEURON_COALESCE_COUNT_MAX ||
	    args->coalesce_usecs > NEURON_COALESCE_USECS_MAX)
		return -EINVAL;
	/* What is not raised cannot be held back. */
	if (args->flags == DRM_NEURON_QUEUE_POLLED &&
	    (args->coalesce_count || args->coalesce_usecs))
		return -EINVAL;
	return args->priority > DRM_NEURON_PRIORITY_HIGH ? -EINVAL : 0;
}
EXPORT_SYMBOL_IF_KUNIT(neuron_check_queue_create);

/**
 * neuron_check_array() - the stride of an array in user space
 * @array: Array.
 * @size: Bytes of an element as the driver knows it, which is also the smallest stride there has
 *   been.
 *
 * Return: 0, -EINVAL, or -E2BIG if elements are longer than anybody would have looked at.
 */
int neuron_check_array(const struct drm_neuron_array *array, size_t size)
{
	if (array->stride < size)
		return -EINVAL;
	/* All beyond the element is read, to see that it is zero. */
	return array->stride > PAGE_SIZE ? -E2BIG : 0;
}
EXPORT_SYMBOL_IF_KUNIT(neuron_check_array);

/**
 * neuron_check_packets() - the packets of a job
 * @packets: Packets.
 * @count: How many.
 *
 * The flags say when to write the seqno, which is the driver's to decide. The device judges the
 * rest.
 *
 * Return: 0 or -EINVAL.
 */
int neuron_check_packets(const struct neuron_raw_packet *packets, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		if (packets[i].header.flags || packets[i].header.reserved0)
			return -EINVAL;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(neuron_check_packets);

/**
 * neuron_check_dma() - arguments of DMA
 * @args: Arguments.
 *
 * Return: 0, -EINVAL, or -EFAULT if the memory cannot be anybody's.
 */
int neuron_check_dma(const struct drm_neuron_dma *args)
{
	u64 end;

	if (args->flags & ~DRM_NEURON_DMA_FROM_DEVICE)
		return -EINVAL;
	if (!args->bytes || args->bytes > NEURON_DMA_BYTES_MAX)
		return -EINVAL;
	if (check_add_overflow(args->va, args->bytes, &end))
		return -EINVAL;
	return check_add_overflow(args->ptr, args->bytes, &end) ? -EFAULT : 0;
}
EXPORT_SYMBOL_IF_KUNIT(neuron_check_dma);
