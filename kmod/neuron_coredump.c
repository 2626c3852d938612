// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/devcoredump.h>
#include <linux/ktime.h>
#include <linux/pci.h>
#include <linux/utsname.h>
#include <linux/vmalloc.h>

#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include "neuron_coredump.h"
#include "neuron_cores.h"
#include "neuron_hw.h"
#include "neuron_irq.h"
#include "neuron_queue.h"
#include "neuron_recorder.h"
#include "neuron_regs.h"
#include "neuron_reset.h"
#include "neuron_snapshot.h"
#include "neuron_vm_way.h"

/**
 * DOC: Device coredump
 *
 * Taken of the first failure, before the hardware is touched, and kept by the devcoredump core
 * until somebody has read it or five minutes are over. It names registers, queues, packets, jobs
 * and mappings, but holds nothing of what is in the buffers of a process.
 *
 * Whoever takes it completes fences, so it is done in two steps: neuron_coredump_take() copies into
 * a snapshot that exists since probe, and allocates and waits for nothing. A work item makes text
 * of it. While it is at that, further failures are not recorded; the core would drop them.
 */

#define NEURON_DUMP_VERSION  1
#define NEURON_DUMP_PACKETS  8
/* Packets before the one that the queue is at. */
#define NEURON_DUMP_BEFORE   2
#define NEURON_DUMP_MAPPINGS 1024
#define NEURON_DUMP_EVENTS   16
#define NEURON_DUMP_REPORTS  32

struct neuron_snapshot_queue {
	bool used;
	u64 regs[NEURON_QUEUE_REGS];
	struct neuron_queue_snapshot queue;
	struct neuron_raw_packet packets[NEURON_DUMP_PACKETS];
};

struct neuron_snapshot_ctx {
	bool used;
	u64 regs[NEURON_CTX_REGS];
};

/*
 * struct neuron_snapshot: the state of the device and the driver at a failure
 */
struct neuron_snapshot {
	const char *why;
	/* @ctx, @hw: Context and hardware queue that failed, or NEURON_NO_CTX. */
	u32 ctx;
	u32 hw;
	ktime_t real;
	ktime_t boot;
	int resets;
	u64 regs[NEURON_GLOBAL_REGS];
	struct neuron_snapshot_ctx contexts[NRN_MAX_CONTEXTS];
	struct neuron_snapshot_queue queues[NRN_MAX_QUEUES];
	struct neuron_core_view cores[NRN_MAX_CORES];
	struct neuron_vm_range mappings[NEURON_DUMP_MAPPINGS];
	/* @mapping_count: How many there are, or negative if they could not be looked at. */
	int mapping_count;
	/* @events: The newest records of the event ring, the last one is that before @event_tail */
	struct nrn_event_record events[NEURON_DUMP_EVENTS];
	u32 event_count;
	u32 event_tail;
	/* @records: The newest of the flight recorder. */
	struct neuron_raw_record records[NEURON_RECORDER_NEWEST];
	u32 record_count;
	/* @reports: The first of the sanitizer. */
	struct nrn_sanitizer_report reports[NEURON_DUMP_REPORTS];
	int report_count;
	/* @blame: Whose memory the last fault of @ctx has met; address 0: none. */
	struct nrn_blame_record blame;
	/* @way: What translates that address. */
	struct neuron_vm_way way;
};

static void neuron_snapshot_queue(struct neuron_snapshot_queue *to, struct neuron_queue *queue)
{
	u32 base = queue->hw * NRN_BLOCK_QUEUE_STRIDE;
	u64 head;

	neuron_regs_read(queue->ndev, neuron_queue_regs, NEURON_QUEUE_REGS, base, to->regs);
	to->used = true;
	to->queue.packets = to->packets;
	to->queue.packet_room = NEURON_DUMP_PACKETS;

	spin_lock_irq(&queue->irq_lock);
	head = neuron_rd64(queue->ndev, NRN_REG_QUEUE_HEAD(queue->hw));
	neuron_queue_snapshot_locked(&to->queue, queue, head, NEURON_DUMP_BEFORE);
	spin_unlock_irq(&queue->irq_lock);
}

static void neuron_snapshot_queues(struct neuron_snapshot *snap, struct neuron_device *ndev)
{
	struct neuron_queue *queue;
	u32 hw;

	for (hw = 0; hw < ndev->info.queues; hw++) {
		snap->queues[hw].used = false;
		queue = neuron_queue_get_hw(ndev, hw);
		if (!queue)
			continue;
		neuron_snapshot_queue(&snap->queues[hw], queue);
		neuron_queue_put(queue);
	}
}

static void neuron_snapshot_contexts(struct neuron_snapshot *snap, struct neuron_device *ndev)
{
	u32 ctx;

	for (ctx = 0; ctx < ndev->info.contexts; ctx++) {
		snap->contexts[ctx].used = ndev->ctx_root[ctx];
		if (ndev->ctx_root[ctx])
			neuron_regs_read(ndev, neuron_ctx_regs, NEURON_CTX_REGS,
					 ctx * NRN_BLOCK_CTX_STRIDE, snap->contexts[ctx].regs);
	}
}

static void neuron_snapshot_events(struct neuron_snapshot *snap, struct neuron_device *ndev)
{
	u32 tail = neuron_rd32(ndev, NRN_REG_GLOBAL_EVENT_TAIL);
	u32 i;

	snap->event_tail = tail;
	snap->event_count = min(tail, NEURON_DUMP_EVENTS);
	for (i = 0; i < snap->event_count; i++)
		snap->events[i] = *neuron_events_record(ndev, tail - snap->event_count + i);
}

static void neuron_snapshot_cores(struct neuron_snapshot *snap, struct neuron_device *ndev)
{
	u32 core;

	for (core = 0; core < ndev->info.cores; core++)
		neuron_core_read(ndev, core, &snap->cores[core]);
}

/**
 * neuron_coredump_take() - record the state of the device
 * @ndev: Device that can be talked to; reset_sem is held for writing.
 * @why: What has happened; a string that lasts.
 * @ctx: Context that it has happened to, or NEURON_NO_CTX.
 * @hw: Hardware queue, likewise.
 */
void neuron_coredump_take(struct neuron_device *ndev, const char *why, u32 ctx, u32 hw)
{
	struct neuron_snapshot *snap = ndev->coredump.snapshot;
	struct neuron_vm *vm = ctx == NEURON_NO_CTX ? NULL : ndev->ctx_vm[ctx];

	lockdep_assert_held_write(&ndev->reset_sem);

	if (!IS_ENABLED(CONFIG_DEV_COREDUMP) || test_and_set_bit_lock(0, &ndev->coredump.busy))
		return;

	snap->why = why;
	snap->ctx = ctx;
	snap->hw = hw;
	snap->real = ktime_get_real();
	snap->boot = ktime_get_boottime();
	snap->resets = atomic_read(&ndev->reset_count);
	neuron_regs_read(ndev, neuron_global_regs, NEURON_GLOBAL_REGS, 0, snap->regs);
	neuron_snapshot_contexts(snap, ndev);
	neuron_snapshot_queues(snap, ndev);
	neuron_snapshot_cores(snap, ndev);
	neuron_snapshot_events(snap, ndev);
	snap->record_count = neuron_recorder_newest(ndev, snap->records, NEURON_RECORDER_NEWEST);
	snap->report_count = neuron_recorder_reports(ndev, snap->reports, NEURON_DUMP_REPORTS);
	if (ctx == NEURON_NO_CTX || neuron_debug_last_fault(ndev, ctx, &snap->blame))
		memset(&snap->blame, 0, sizeof(snap->blame));
	snap->way.count = 0;
	if (vm && snap->blame.va)
		neuron_vm_way_try(vm, le64_to_cpu(snap->blame.va), &snap->way);
	snap->mapping_count = vm ? neuron_vm_list(vm, snap->mappings, NEURON_DUMP_MAPPINGS) : 0;
	queue_work(system_unbound_wq, &ndev->coredump.work);
}

static void neuron_dump_header(struct drm_printer *p, struct neuron_device *ndev,
			       const struct neuron_snapshot *snap)
{
	struct timespec64 real = ktime_to_timespec64(snap->real);
	struct timespec64 boot = ktime_to_timespec64(snap->boot);

	drm_printf(p, "neuron_accel coredump %u\n", NEURON_DUMP_VERSION);
	drm_printf(p, "kernel: %s\n", init_utsname()->release);
	drm_printf(p, "device: %s\n", pci_name(to_pci_dev(ndev->drm.dev)));
	drm_printf(p, "profile: %s\n", nrn_profile_name(ndev->info.profile));
	drm_printf(p, "contract: device %u.%u driver %u.%u\n",
		   ndev->info.spec_version >> NRN_GLOBAL_VERSION_MAJOR_SHIFT,
		   ndev->info.spec_version & NRN_GLOBAL_VERSION_MINOR, NRN_VERSION_MAJOR,
		   NRN_VERSION_MINOR);
	drm_printf(p, "reason: %s\n", snap->why);
	if (snap->ctx != NEURON_NO_CTX)
		drm_printf(p, "context: %u\n", snap->ctx);
	if (snap->hw != NEURON_NO_CTX)
		drm_printf(p, "queue: %u\n", snap->hw);
	drm_printf(p, "time: %lld.%09ld\n", real.tv_sec, real.tv_nsec);
	drm_printf(p, "uptime: %lld.%09ld\n", boot.tv_sec, boot.tv_nsec);
	drm_printf(p, "resets: %d\n", snap->resets);
}

static void neuron_dump_queue(struct drm_printer *p, u32 hw,
			      const struct neuron_snapshot_queue *queue)
{
	drm_printf(p, "\n[queue %u]\n", hw);
	neuron_queue_snapshot_print(p, &queue->queue);
	neuron_regs_print(p, neuron_queue_regs, NEURON_QUEUE_REGS, queue->regs);
	neuron_queue_snapshot_print_work(p, &queue->queue);
}

static void neuron_dump_mappings(struct drm_printer *p, const struct neuron_snapshot *snap)
{
	const struct neuron_vm_range *map;
	int i;

	if (snap->ctx == NEURON_NO_CTX)
		return;

	drm_printf(p, "\n[mappings of context %u]\n", snap->ctx);
	if (snap->mapping_count < 0) {
		drm_puts(p, "in use\n");
		return;
	}
	drm_printf(p, "mappings: %d\n", snap->mapping_count);
	for (i = 0; i < min(snap->mapping_count, NEURON_DUMP_MAPPINGS); i++) {
		map = &snap->mappings[i];
		drm_printf(p, "%#llx +%#llx %s %s", map->va, map->size, map->hbm ? "hbm" : "host",
			   map->read_only ? "ro" : "rw");
		drm_printf(p, " buffer=%llu offset=%#llx", map->buffer, map->offset);
		if (map->label[0])
			drm_printf(p, " label=\"%s\"", map->label);
		if (map->place[0])
			drm_printf(p, " made=\"%s\"", map->place);
		drm_printf(p, " pid=%d comm=%s\n", map->pid, map->comm);
	}
}

static void neuron_dump(struct drm_printer *p, struct neuron_device *ndev,
			const struct neuron_snapshot *snap)
{
	char name[24];
	u32 i;

	neuron_dump_header(p, ndev, snap);

	drm_puts(p, "\n[device]\n");
	neuron_regs_print(p, neuron_global_regs, NEURON_GLOBAL_REGS, snap->regs);

	for (i = 0; i < ndev->info.contexts; i++) {
		if (!snap->contexts[i].used)
			continue;
		drm_printf(p, "\n[context %u]\n", i);
		neuron_regs_print(p, neuron_ctx_regs, NEURON_CTX_REGS,
				  snap->contexts[i].regs);
	}

	for (i = 0; i < ndev->info.queues; i++)
		if (snap->queues[i].used)
			neuron_dump_queue(p, i, &snap->queues[i]);

	for (i = 0; i < ndev->info.cores; i++)
		neuron_core_print(p, i, &snap->cores[i]);

	neuron_dump_mappings(p, snap);

	if (snap->blame.va) {
		drm_puts(p, "\n[blame]\n");
		neuron_debug_print_blame(p, &snap->blame);
	}
	if (snap->way.count) {
		drm_printf(p, "\n[page tables of context %u at %#llx]\n", snap->ctx, snap->way.va);
		neuron_vm_way_print(p, &snap->way);
	}

	drm_puts(p, "\n[events]\n");
	for (i = 0; i < snap->event_count; i++) {
		snprintf(name, sizeof(name), "event %u",
			 snap->event_tail - snap->event_count + i);
		neuron_event_print(p, name, &snap->events[i]);
	}
	drm_puts(p, "\n[recorder]\n");
	neuron_recorder_print(p, snap->records, snap->record_count);
	if (snap->report_count > 0) {
		drm_puts(p, "\n[sanitizer]\n");
		neuron_recorder_print_reports(p, snap->reports, snap->report_count);
	}
	drm_puts(p, "\n[end]\n");
}

/* Into the buffer, or only to see how long it is. Return: bytes. */
static ssize_t neuron_dump_to(void *buffer, ssize_t size, struct neuron_device *ndev)
{
	struct drm_print_iterator iter = { .data = buffer, .remain = size };
	struct drm_printer p = drm_coredump_printer(&iter);

	neuron_dump(&p, ndev, ndev->coredump.snapshot);
	return size - iter.remain;
}

static void neuron_coredump_work(struct work_struct *work)
{
	struct neuron_device *ndev = container_of(work, struct neuron_device, coredump.work);
	ssize_t size = neuron_dump_to(NULL, SSIZE_MAX, ndev);
	void *text = vmalloc(size);

	if (text)
		neuron_dump_to(text, size, ndev);
	/* Before it can be seen: whoever has read it may cause the next one. */
	clear_bit_unlock(0, &ndev->coredump.busy);
	if (text)
		dev_coredumpv(ndev->drm.dev, text, size, GFP_KERNEL);
}

static void neuron_coredump_free(struct drm_device *drm, void *arg)
{
	vfree(to_neuron_device(drm)->coredump.snapshot);
}

int neuron_coredump_init(struct neuron_device *ndev)
{
	INIT_WORK(&ndev->coredump.work, neuron_coredump_work);
	ndev->coredump.snapshot = vzalloc(sizeof(*ndev->coredump.snapshot));
	if (!ndev->coredump.snapshot)
		return -ENOMEM;
	return drmm_add_action_or_reset(&ndev->drm, neuron_coredump_free, NULL);
}

/* Remove: what was taken still becomes a coredump. */
void neuron_coredump_fini(struct neuron_device *ndev)
{
	flush_work(&ndev->coredump.work);
}
