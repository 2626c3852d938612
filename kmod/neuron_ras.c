// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/ktime.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>
#include <drm/neuron_accel.h>

#include "neuron_event.h"
#include "neuron_gem.h"
#include "neuron_hw.h"
#include "neuron_queue.h"
#include "neuron_ras.h"
#include "neuron_reset.h"

/**
 * DOC: Errors of the device
 *
 * The device counts errors of HBM in registers that a reset clears, and reports each one with an
 * event that may get lost when there are too many. So the registers are what counts: they are read
 * whenever somebody asks and before each reset, and what they have grown by is added up here.
 *
 * Whose buffer an error lies in is looked up by a work item: the event handler completes fences and
 * must not take the locks for it.
 */

/* Take in what the device has counted. It is not cut off. */
void neuron_ras_sample(struct neuron_device *ndev)
{
	struct neuron_ras *ras = &ndev->ras;
	u32 corrected, uncorrected;
	u64 energy;

	lockdep_assert_held(&ndev->reset_sem);

	/* The registers are read under the lock: readings that overtake would count backwards. */
	spin_lock(&ras->lock);
	corrected = neuron_rd32(ndev, NRN_REG_GLOBAL_HBM_CORRECTED);
	uncorrected = neuron_rd32(ndev, NRN_REG_GLOBAL_HBM_UNCORRECTED);
	energy = neuron_rd64(ndev, NRN_REG_GLOBAL_ENERGY_UJ);
	/* All ones may be the end of the device, or of a counter. */
	if (neuron_hw_present(ndev)) {
		neuron_counter_advance(&ras->hbm_corrected, corrected, U32_MAX);
		neuron_counter_advance(&ras->hbm_uncorrected, uncorrected, U32_MAX);
		neuron_counter_advance(&ras->energy_uj, energy, U64_MAX);
	}
	spin_unlock(&ras->lock);
}

/* The registers start at zero again. */
void neuron_ras_restart(struct neuron_device *ndev)
{
	struct neuron_ras *ras = &ndev->ras;

	lockdep_assert_held_write(&ndev->reset_sem);

	spin_lock(&ras->lock);
	ras->hbm_corrected.reading = 0;
	ras->hbm_uncorrected.reading = 0;
	ras->energy_uj.reading = 0;
	spin_unlock(&ras->lock);
}

static void neuron_ras_refresh(struct neuron_device *ndev)
{
	down_read(&ndev->reset_sem);
	if (!neuron_hw_is_cut_off(ndev))
		neuron_ras_sample(ndev);
	up_read(&ndev->reset_sem);
}

/* Energy used since the driver was bound. */
u64 neuron_ras_energy_uj(struct neuron_device *ndev)
{
	u64 energy;

	neuron_ras_refresh(ndev);
	spin_lock(&ndev->ras.lock);
	energy = ndev->ras.energy_uj.total;
	spin_unlock(&ndev->ras.lock);
	return energy;
}

/* A queue has been marked, and its state says why. Under its irq_lock. */
void neuron_ras_count_stop(struct neuron_queue *queue)
{
	struct neuron_device *ndev = queue->ndev;
	struct neuron_ctx_stats *stats = &ndev->ctx_stats[queue->ctx];

	lockdep_assert_held(&queue->irq_lock);

	switch (queue->state) {
	case DRM_NEURON_QUEUE_FAULTED:
		atomic_inc(&stats->faults);
		atomic64_inc(&ndev->ras.faults);
		break;
	case DRM_NEURON_QUEUE_TIMED_OUT:
		atomic_inc(&stats->timeouts);
		atomic64_inc(&ndev->ras.timeouts);
		break;
	case DRM_NEURON_QUEUE_CANCELED:
		atomic_inc(&stats->canceled);
		break;
	case DRM_NEURON_QUEUE_LOST:
		atomic_inc(&stats->lost);
		break;
	case DRM_NEURON_QUEUE_OK: /* it is being destroyed */
		break;
	}
}

/* In the event thread, or whoever else empties the ring. */
void neuron_ras_handle_ecc(struct neuron_device *ndev, const struct nrn_event_record *rec)
{
	struct neuron_ras *ras = &ndev->ras;
	struct neuron_ecc *ecc;

	spin_lock(&ras->lock);
	if (ras->pending_count < NEURON_RAS_PENDING) {
		ecc = &ras->pending[ras->pending_count++];
		ecc->offset = le64_to_cpu(rec->info);
		ecc->code = le16_to_cpu(rec->code);
		ecc->time_ns = ktime_get_ns();
	}
	spin_unlock(&ras->lock);
	queue_work(system_unbound_wq, &ras->work);
}

static bool neuron_ras_next(struct neuron_ras *ras, struct neuron_ecc *ecc)
{
	bool any;

	spin_lock(&ras->lock);
	any = ras->pending_count;
	if (any) {
		*ecc = ras->pending[0];
		ras->pending_count--;
		memmove(&ras->pending[0], &ras->pending[1], ras->pending_count * sizeof(*ecc));
	}
	spin_unlock(&ras->lock);
	return any;
}

static void neuron_ras_tell(struct neuron_device *ndev, const struct neuron_ecc *ecc)
{
	struct neuron_file *nfile;

	if (ecc->code)
		drm_err_ratelimited(&ndev->drm, "uncorrectable error of HBM at %#llx\n",
				    ecc->offset);

	mutex_lock(&ndev->files_lock);
	list_for_each_entry(nfile, &ndev->files, link) {
		if (!nfile->closing && READ_ONCE(nfile->listener.mask) & DRM_NEURON_EVENT_RAS)
			neuron_event_send_ras(nfile, ecc,
					      neuron_gem_owns_hbm(nfile->drm_file, ecc->offset));
	}
	mutex_unlock(&ndev->files_lock);
}

static void neuron_ras_work(struct work_struct *work)
{
	struct neuron_device *ndev = container_of(work, struct neuron_device, ras.work);
	struct neuron_ecc ecc;
	int idx;

	if (!drm_dev_enter(&ndev->drm, &idx))
		return;
	while (neuron_ras_next(&ndev->ras, &ecc))
		neuron_ras_tell(ndev, &ecc);
	drm_dev_exit(idx);
}

void neuron_ras_init(struct neuron_device *ndev)
{
	spin_lock_init(&ndev->ras.lock);
	INIT_WORK(&ndev->ras.work, neuron_ras_work);
}

void neuron_ras_fill(struct neuron_device *ndev, struct drm_neuron_query_ras *info)
{
	struct neuron_ras *ras = &ndev->ras;

	neuron_ras_refresh(ndev);

	spin_lock(&ras->lock);
	info->hbm_corrected = ras->hbm_corrected.total;
	info->hbm_uncorrected = ras->hbm_uncorrected.total;
	spin_unlock(&ras->lock);
	info->faults = atomic64_read(&ras->faults);
	info->timeouts = atomic64_read(&ras->timeouts);
	info->resets = atomic_read(&ndev->reset_count);
	info->wedged = READ_ONCE(ndev->wedged);
	info->aer_corrected = atomic_read(&ras->aer_corrected);
	info->aer_fatal = atomic_read(&ras->aer_fatal);
}

void neuron_ras_fill_context(struct neuron_file *nfile, struct drm_neuron_query_context *info)
{
	struct neuron_ctx_stats *stats = &nfile->ndev->ctx_stats[nfile->ctx];

	info->faults = atomic_read(&stats->faults);
	info->timeouts = atomic_read(&stats->timeouts);
	info->canceled = atomic_read(&stats->canceled);
	info->lost = atomic_read(&stats->lost);
	info->resets_caused = atomic_read(&stats->resets_caused);
	info->context = nfile->ctx;
}
