// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include "neuron_device.h"
#include "neuron_hw.h"
#include "neuron_queue.h"
#include "neuron_trace.h"

/**
 * DOC: Queues in user mode
 *
 * The process writes the ring and rings the doorbell, and the device translates the addresses of
 * ring, seqno and stamps like any other of the context. The kernel does not look at any of these:
 * what it knows of such a queue comes from the registers HEAD and TAIL, which only the device
 * writes. There is nothing here that a fence could be made of: nobody but the process knows what
 * will be submitted, or ever done. WAIT sleeps until HEAD is where the caller wants it, or the
 * queue has stopped.
 *
 * The job numbers of such a queue are numbers of packets, from 1. @completed is HEAD and @submitted
 * TAIL, at the last look. When the queue has stopped for good, @failed is the packet behind HEAD.
 *
 * The mappings that hold ring, seqno and stamps are pinned, so that what the device writes by
 * itself never hits a page that the process has meanwhile mapped for something else.
 */

static u64 neuron_queue_user_ring_bytes(const struct neuron_queue *queue)
{
	return (u64)NRN_PACKET_BYTES << queue->ring_log2;
}

static u64 neuron_queue_user_stamp_bytes(const struct neuron_queue *queue)
{
	return (u64)sizeof(struct nrn_stamp) << queue->ring_log2;
}

static int neuron_queue_pin_range(struct neuron_queue *queue, struct neuron_vm *vm, u64 va,
				  u64 size, bool write)
{
	int ret;

	ret = neuron_vm_pin(vm, va, size, write);
	if (!ret)
		trace_neuron_pin(queue->ctx, va, size, write);
	return ret;
}

static void neuron_queue_unpin_range(struct neuron_queue *queue, struct neuron_vm *vm, u64 va,
				     u64 size, bool write)
{
	trace_neuron_unpin(queue->ctx, va, size, write);
	neuron_vm_unpin(vm, va, size);
}

/*
 * Pin what the queue needs in memory of its context. Return: 0, or -EFAULT if it is not mapped, or
 * only for reading.
 */
int neuron_queue_pin(struct neuron_queue *queue, struct neuron_vm *vm)
{
	u64 ring_bytes = neuron_queue_user_ring_bytes(queue);
	int ret;

	ret = neuron_queue_pin_range(queue, vm, queue->ring_va, ring_bytes, false);
	if (ret)
		return ret;

	ret = neuron_queue_pin_range(queue, vm, queue->seqno_va, sizeof(u64), true);
	if (ret)
		goto err_unpin_ring;

	if (queue->stamps_va)
		ret = neuron_queue_pin_range(queue, vm, queue->stamps_va,
					     neuron_queue_user_stamp_bytes(queue), true);
	if (ret)
		goto err_unpin_seqno;

	queue->vm = vm;
	return 0;

err_unpin_seqno:
	neuron_queue_unpin_range(queue, vm, queue->seqno_va, sizeof(u64), true);
err_unpin_ring:
	neuron_queue_unpin_range(queue, vm, queue->ring_va, ring_bytes, false);
	return ret;
}

/* The device has let go of them. May be called twice, as long as the address space is there. */
void neuron_queue_unpin(struct neuron_queue *queue)
{
	struct neuron_vm *vm = queue->vm;

	if (!vm)
		return;

	queue->vm = NULL;
	neuron_queue_unpin_range(queue, vm, queue->ring_va, neuron_queue_user_ring_bytes(queue),
				 false);
	neuron_queue_unpin_range(queue, vm, queue->seqno_va, sizeof(u64), true);
	if (queue->stamps_va)
		neuron_queue_unpin_range(queue, vm, queue->stamps_va,
					 neuron_queue_user_stamp_bytes(queue), true);
}
