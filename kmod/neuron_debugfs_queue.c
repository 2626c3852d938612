// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/slab.h>

#include <drm/drm_print.h>

#include "neuron_cores.h"
#include "neuron_debugfs.h"
#include "neuron_hw.h"
#include "neuron_job.h"
#include "neuron_queue.h"
#include "neuron_regs.h"
#include "neuron_sysfs.h"

static const char *neuron_priority_name(enum drm_neuron_priority priority)
{
	switch (priority) {
	case DRM_NEURON_PRIORITY_LOW:
		return "low";
	case DRM_NEURON_PRIORITY_HIGH:
		return "high";
	default:
		return "normal";
	}
}

/* The first fault of a queue, by the contract's names. */
static void neuron_debugfs_print_fault(struct drm_printer *p, const struct nrn_event_record *rec,
				       u64 job)
{
	u16 code = le16_to_cpu(rec->code);

	if (!code)
		return;
	drm_printf(p, " fault=%s fault_job=%llu fault_packet=%llu", nrn_fault_name(code), job,
		   le64_to_cpu(rec->packet));
	drm_printf(p, " fault_unit=%s fault_core=%u fault_ring=%u fault_pc=%u",
		   nrn_unit_name(rec->unit), rec->core, rec->ring, le32_to_cpu(rec->pc));
	drm_printf(p, " fault_write=%u fault_va=%#llx fault_info=%#llx fault_ns=%llu", rec->write,
		   le64_to_cpu(rec->va), le64_to_cpu(rec->info), le64_to_cpu(rec->time_ns));
}

/* What the driver knows, at one moment. */
static void neuron_debugfs_print_queue(struct drm_printer *p, struct neuron_queue *queue)
{
	struct neuron_queue_counts {
		enum drm_neuron_queue_state state;
		bool marked;
		u64 submitted, completed, busy_ns, core_ns;
		u64 announced, retired, seqno, oldest_end;
		u64 failed;
		u64 unheard, unheard_job, unheard_ns;
		struct nrn_event_record fault;
		u64 fault_job;
		struct neuron_times last;
	} now;
	struct neuron_vector *vector;
	struct neuron_job *oldest;

	spin_lock_irq(&queue->irq_lock);
	neuron_queue_sample_locked(queue);
	oldest = list_first_entry_or_null(&queue->jobs, struct neuron_job, link);
	now = (struct neuron_queue_counts){
		.state = queue->state,
		.marked = queue->marked,
		.submitted = queue->submitted,
		.completed = queue->completed,
		.busy_ns = queue->busy_ns,
		.core_ns = queue->core_ns,
		.announced = queue->announced,
		.retired = queue->head,
		.seqno = neuron_queue_retired_locked(queue),
		.oldest_end = oldest ? oldest->end : 0,
		.failed = queue->failed,
		.unheard = queue->unheard,
		.unheard_job = queue->unheard_job,
		.unheard_ns = queue->unheard_ns,
		.fault = queue->fault,
		.fault_job = queue->fault_seqno,
		.last = neuron_queue_times_locked(queue, queue->completed),
	};
	spin_unlock_irq(&queue->irq_lock);

	drm_printf(p, "%u ctx=%u id=%u mode=%s priority=%s", queue->hw, queue->ctx, queue->id,
		   neuron_queue_mode_name(queue), neuron_priority_name(queue->priority));
	drm_printf(p, " ring=%llu timeout_ms=%u", BIT_ULL(queue->ring_log2),
		   jiffies_to_msecs(queue->timeout));
	drm_printf(p, " state=%s stopped=%d", neuron_queue_state_name(now.state), now.marked);
	drm_printf(p, " submitted=%llu completed=%llu", now.submitted, now.completed);
	drm_printf(p, " busy_ns=%llu core_ns=%llu", now.busy_ns, now.core_ns);
	drm_printf(p, " last_start_ns=%llu last_end_ns=%llu", now.last.start_ns, now.last.end_ns);
	drm_printf(p, " coalesce_count=%u coalesce_usecs=%u", queue->coalesce_count,
		   queue->coalesce_usecs);
	vector = READ_ONCE(queue->vector);
	drm_printf(p, " vector=%td", vector ? vector - queue->ndev->vectors : 0);
	if (!queue->user) {
		drm_printf(p, " written=%llu announced=%llu retired=%llu", READ_ONCE(queue->tail),
			   now.announced, now.retired);
		drm_printf(p, " seqno=%llu oldest_end=%llu", now.seqno, now.oldest_end);
	}
	if (now.unheard)
		drm_printf(p, " unheard=%llu unheard_job=%llu unheard_ns=%llu", now.unheard,
			   now.unheard_job, now.unheard_ns);
	if (now.failed)
		drm_printf(p, " failed=%llu", now.failed);
	neuron_debugfs_print_fault(p, &now.fault, now.fault_job);
}

static void neuron_debugfs_print_queue_regs(struct drm_printer *p, struct neuron_device *ndev,
					    u32 hw)
{
	drm_printf(p, " status=%#x cfg=%#x", neuron_rd32(ndev, NRN_REG_QUEUE_STATUS(hw)),
		   neuron_rd32(ndev, NRN_REG_QUEUE_CFG(hw)));
	drm_printf(p, " head=%llu tail=%llu", neuron_rd64(ndev, NRN_REG_QUEUE_HEAD(hw)),
		   neuron_rd64(ndev, NRN_REG_QUEUE_TAIL(hw)));
	drm_printf(p, " progress=%llu", neuron_rd64(ndev, NRN_REG_QUEUE_PROGRESS(hw)));
}

/* One line per queue: hardware number, what the driver knows, what the registers say. */
void neuron_debugfs_print_queues(struct drm_printer *p, struct neuron_device *ndev)
{
	struct neuron_queue *queue __free(neuron_queue) = NULL;

	down_read(&ndev->reset_sem);
	while ((queue = neuron_queue_next(ndev, queue))) {
		neuron_debugfs_print_queue(p, queue);
		if (!neuron_hw_is_cut_off(ndev))
			neuron_debugfs_print_queue_regs(p, ndev, queue->hw);
		drm_puts(p, "\n");
	}
	up_read(&ndev->reset_sem);
}

static void neuron_debugfs_print_all_regs(struct drm_printer *p, struct neuron_device *ndev)
{
	struct neuron_queue *queue __free(neuron_queue) = NULL;
	u32 ctx;

	lockdep_assert_held(&ndev->reset_sem);

	drm_puts(p, "[device]\n");
	neuron_regs_show(p, ndev, neuron_global_regs, NEURON_GLOBAL_REGS, 0);

	if (ndev->recorder.capacity) {
		drm_puts(p, "\n[recorder]\n");
		neuron_regs_show(p, ndev, neuron_rec_regs, NEURON_REC_REGS, 0);
	}

	if (neuron_hw_can_test_drivers(ndev)) {
		drm_puts(p, "\n[fault plan]\n");
		neuron_regs_show(p, ndev, neuron_plan_regs, NEURON_PLAN_REGS, 0);
	}

	for (ctx = 0; ctx < ndev->info.contexts; ctx++) {
		if (!ndev->ctx_root[ctx])
			continue;
		drm_printf(p, "\n[context %u]\n", ctx);
		neuron_regs_show(p, ndev, neuron_ctx_regs, NEURON_CTX_REGS,
				 ctx * NRN_BLOCK_CTX_STRIDE);
	}

	while ((queue = neuron_queue_next(ndev, queue))) {
		drm_printf(p, "\n[queue %u]\n", queue->hw);
		neuron_regs_show(p, ndev, neuron_queue_regs, NEURON_QUEUE_REGS,
				 queue->hw * NRN_BLOCK_QUEUE_STRIDE);
	}
}

/* Otherwise says why not. */
static bool neuron_debugfs_registers_answer(struct drm_printer *p, struct neuron_device *ndev)
{
	lockdep_assert_held(&ndev->reset_sem);

	if (neuron_hw_is_cut_off(ndev)) {
		drm_printf(p, "the device is %s\n", neuron_device_state(ndev));
		return false;
	}
	if (neuron_hw_present(ndev))
		return true;
	drm_puts(p, "the device does not answer\n");
	return false;
}

void neuron_debugfs_print_registers(struct drm_printer *p, struct neuron_device *ndev)
{
	down_read(&ndev->reset_sem);
	if (neuron_debugfs_registers_answer(p, ndev))
		neuron_debugfs_print_all_regs(p, ndev);
	up_read(&ndev->reset_sem);
}

/* A section per core that a launch was on. */
void neuron_debugfs_print_cores(struct drm_printer *p, struct neuron_device *ndev)
{
	/* Not under reset_sem, which fences wait for, and reclaim for those. */
	struct neuron_core_view *view = kmalloc(sizeof(*view), GFP_KERNEL);
	u32 core;

	if (!view)
		return;
	down_read(&ndev->reset_sem);
	if (neuron_debugfs_registers_answer(p, ndev)) {
		for (core = 0; core < ndev->info.cores; core++) {
			neuron_core_read(ndev, core, view);
			neuron_core_print(p, core, view);
		}
	}
	up_read(&ndev->reset_sem);
	kfree(view);
}
