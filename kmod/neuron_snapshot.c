// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/highmem.h>

#include <drm/drm_print.h>

#include "neuron_device.h"
#include "neuron_gem.h"
#include "neuron_job.h"
#include "neuron_queue.h"
#include "neuron_snapshot.h"
#include "neuron_spec_names.h"
#include "neuron_vm.h"

/**
 * DOC: Snapshots of queues
 *
 * Both the device coredump and debugfs tell the jobs and packets of a queue. Taking a snapshot
 * allocates nothing and is done under irq_lock, which keeps the ring; it becomes text afterwards.
 *
 * The ring of a queue in user mode is memory of its process, which the driver otherwise does not
 * look at. Who asks for it finds it by way of the address space. The number of the hardware queue
 * is given back before the mappings are unpinned, and that takes the lock of the address space:
 * whoever sees, under that lock, that the queue still has its number, sees its own ring.
 */

static void neuron_snapshot_jobs(struct neuron_queue_snapshot *to, struct neuron_queue *queue)
{
	struct neuron_snapshot_job *entry;
	struct neuron_job *job;

	lockdep_assert_held(&queue->irq_lock);

	to->job_count = 0;
	list_for_each_entry(job, &queue->jobs, link) {
		if (to->job_count < NEURON_SNAPSHOT_JOBS) {
			entry = &to->jobs[to->job_count];
			entry->seqno = job->fence.seqno;
			entry->first = job->first;
			entry->end = job->end;
		}
		to->job_count++;
	}
}

/* The ring may be gone already. */
static void neuron_snapshot_packets(struct neuron_queue_snapshot *to, struct neuron_queue *queue,
				    u32 before)
{
	u32 log2 = queue->ring_log2;

	lockdep_assert_held(&queue->irq_lock);

	to->packet_count = 0;
	if (!queue->ring)
		return;

	to->first_packet = neuron_ring_window(log2, to->tail, to->at, before);
	while (to->packet_count < to->packet_room &&
	       to->first_packet + to->packet_count < to->tail) {
		to->packets[to->packet_count] =
			queue->ring[neuron_ring_entry(log2, to->first_packet + to->packet_count)];
		to->packet_count++;
	}
}

/**
 * neuron_queue_snapshot_locked() - copy what a queue has to do
 * @to: Where to; its room for packets is set.
 * @queue: Queue, whose irq_lock is held.
 * @hw_head: What the device says of how far it is, which may be anything.
 * @before: How many packets before that one are of interest.
 */
void neuron_queue_snapshot_locked(struct neuron_queue_snapshot *to, struct neuron_queue *queue,
				  u64 hw_head, u32 before)
{
	lockdep_assert_held(&queue->irq_lock);

	to->user = queue->user;
	to->marked = queue->marked;
	to->ctx = queue->ctx;
	to->id = queue->id;
	to->ring_log2 = queue->ring_log2;
	to->state = queue->state;
	to->mode = neuron_queue_mode_name(queue);
	to->timeout_ms = jiffies_to_msecs(queue->timeout);
	to->coalesce_count = queue->coalesce_count;
	to->coalesce_usecs = queue->coalesce_usecs;
	to->submitted = queue->submitted;
	to->completed = queue->completed;
	to->head = queue->user ? queue->completed : queue->head;
	to->tail = queue->user ? queue->submitted : queue->tail;
	to->announced = queue->announced;
	to->seqno = neuron_queue_retired_locked(queue);
	to->failed = queue->failed;
	to->fault_job = queue->fault_seqno;
	to->fault = queue->fault;
	to->at = neuron_ring_is_possible(queue->ring_log2, hw_head, to->tail) ? hw_head : to->head;
	neuron_snapshot_jobs(to, queue);
	neuron_snapshot_packets(to, queue, before);
}

/* Return: the mapping that has the address, or NULL. */
static struct neuron_mapping *neuron_snapshot_find_locked(struct neuron_vm *vm, u64 va)
{
	struct drm_mm_node *node;

	lockdep_assert_held(&vm->lock);

	drm_mm_for_each_node_in_range(node, &vm->mm, va, va + 1)
		return to_neuron_mapping(node);
	return NULL;
}

/* The device is entered, so the pages of what is mapped stay. Return: 0, or -EOPNOTSUPP. */
static int neuron_snapshot_read_locked(struct neuron_vm *vm, u64 va, struct neuron_raw_packet *to)
{
	struct neuron_mapping *map = neuron_snapshot_find_locked(vm, va);
	u64 offset;

	if (!map || !map->bo->shmem.pages)
		return -EOPNOTSUPP;

	offset = map->bo_offset + va - map->node.start;
	memcpy_from_page((char *)to, map->bo->shmem.pages[offset >> PAGE_SHIFT],
			 offset_in_page(offset), sizeof(*to));
	return 0;
}

static int neuron_snapshot_ring_locked(struct neuron_queue_snapshot *to, struct neuron_vm *vm,
				       u64 ring_va, u32 before)
{
	int ret = 0;
	u64 at;

	to->first_packet = neuron_ring_window(to->ring_log2, to->tail, to->at, before);
	for (at = to->first_packet; at < to->tail && to->packet_count < to->packet_room; at++) {
		ret = neuron_snapshot_read_locked(vm, ring_va + NRN_PACKET_BYTES *
						  neuron_ring_entry(to->ring_log2, at),
						  &to->packets[to->packet_count]);
		if (ret)
			break;
		to->packet_count++;
	}
	return ret;
}

static bool neuron_queue_has_number(struct neuron_device *ndev, const struct neuron_queue *queue)
{
	bool has;

	spin_lock(&ndev->queues_lock);
	has = ndev->queues[queue->hw] == queue;
	spin_unlock(&ndev->queues_lock);
	return has;
}

/**
 * neuron_queue_snapshot_user() - copy packets from the ring of a queue in user mode
 * @to: Snapshot of the queue.
 * @ndev: Device, which is entered.
 * @queue: Queue, referenced.
 * @before: How many packets before the current one are of interest.
 *
 * The process may be writing them: what it has not rung for is not shown, what it has must not
 * change any more.
 *
 * Return: 0; -ENXIO if the queue is being destroyed, or -EOPNOTSUPP if its ring is not in pages of
 * this driver: HBM, or what another driver has exported.
 */
int neuron_queue_snapshot_user(struct neuron_queue_snapshot *to, struct neuron_device *ndev,
			       struct neuron_queue *queue, u32 before)
{
	struct neuron_file *nfile;
	int ret = -ENXIO;

	mutex_lock(&ndev->files_lock);
	list_for_each_entry(nfile, &ndev->files, link) {
		if (nfile->ctx != queue->ctx || nfile->closing)
			continue;
		mutex_lock(&nfile->vm.lock);
		if (neuron_queue_has_number(ndev, queue))
			ret = neuron_snapshot_ring_locked(to, &nfile->vm, queue->ring_va, before);
		mutex_unlock(&nfile->vm.lock);
		break;
	}
	mutex_unlock(&ndev->files_lock);
	return ret;
}

/**
 * neuron_event_print() - a line for an event record
 * @p: Where to.
 * @name: What the line begins with.
 * @rec: Record, as the device has written it.
 */
void neuron_event_print(struct drm_printer *p, const char *name,
			const struct nrn_event_record *rec)
{
	drm_printf(p, "%s: %s %s context %u queue %u unit %s core %u ring %u write %u", name,
		   nrn_event_name(le16_to_cpu(rec->kind)), nrn_fault_name(le16_to_cpu(rec->code)),
		   le16_to_cpu(rec->ctx), le16_to_cpu(rec->queue), nrn_unit_name(rec->unit),
		   rec->core, rec->ring, rec->write);
	drm_printf(p, " pc %u packet %llu va %#llx info %#llx time %llu\n", le32_to_cpu(rec->pc),
		   le64_to_cpu(rec->packet), le64_to_cpu(rec->va), le64_to_cpu(rec->info),
		   le64_to_cpu(rec->time_ns));
}

/* Whose it is, how it is, and how far. */
void neuron_queue_snapshot_print(struct drm_printer *p, const struct neuron_queue_snapshot *snap)
{
	drm_printf(p, "context: %u\nid: %u\nstate: %s%s\n", snap->ctx, snap->id,
		   neuron_queue_state_name(snap->state), snap->marked ? ", stopped" : "");
	drm_printf(p, "mode: %s\n", snap->mode);
	drm_printf(p, "coalesce: %u %u\n", snap->coalesce_count, snap->coalesce_usecs);
	drm_printf(p, "timeout: %u\n", snap->timeout_ms);
	drm_printf(p, "failed: %llu\n", snap->failed);
	drm_printf(p, "submitted: %llu\ncompleted: %llu\n", snap->submitted, snap->completed);
	drm_printf(p, "head: %llu\ntail: %llu\n", snap->head, snap->tail);
	drm_printf(p, "announced: %llu\nseqno: %llu\n", snap->announced, snap->seqno);
	if (snap->fault.code) {
		drm_printf(p, "fault job: %llu\n", snap->fault_job);
		neuron_event_print(p, "fault", &snap->fault);
	}
}

static void neuron_snapshot_print_packet(struct drm_printer *p, u64 index,
					 const struct neuron_raw_packet *packet)
{
	const u8 *bytes = (const u8 *)packet;
	u32 i;

	drm_printf(p, "packet %llu %s:", index, nrn_packet_op_name(packet->header.opcode));
	for (i = 0; i < sizeof(*packet); i += 8)
		drm_printf(p, " %8phN", bytes + i);
	drm_puts(p, "\n");
}

/* Its jobs and packets. */
void neuron_queue_snapshot_print_work(struct drm_printer *p,
				      const struct neuron_queue_snapshot *snap)
{
	u32 i;

	drm_printf(p, "jobs: %u\n", snap->job_count);
	for (i = 0; i < min(snap->job_count, NEURON_SNAPSHOT_JOBS); i++)
		drm_printf(p, "job %llu: packets %llu to %llu\n", snap->jobs[i].seqno,
			   snap->jobs[i].first, snap->jobs[i].end - 1);
	for (i = 0; i < snap->packet_count; i++)
		neuron_snapshot_print_packet(p, snap->first_packet + i, &snap->packets[i]);
}
