/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_RAS_H__
#define __NEURON_RAS_H__

#include <linux/atomic.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "neuron_ring.h"

struct drm_neuron_query_context;
struct drm_neuron_query_ras;
struct neuron_device;
struct neuron_file;
struct neuron_queue;
struct nrn_event_record;

/* Errors that wait to be told; more at a time are only counted. */
#define NEURON_RAS_PENDING 32u

/*
 * struct neuron_ctx_stats: what happened to the queues of a context
 *
 * Of the fields of struct drm_neuron_query_context.
 */
struct neuron_ctx_stats {
	atomic_t faults;
	atomic_t timeouts;
	atomic_t canceled;
	atomic_t lost;
	atomic_t resets_caused;
};

/*
 * struct neuron_ecc: an error of HBM
 */
struct neuron_ecc {
	u64 offset;
	u32 code;
	u64 time_ns;
};

/*
 * struct neuron_ras: errors of the device since the driver was bound
 */
struct neuron_ras {
	/* @lock: Protects what follows, up to @pending_count. */
	spinlock_t lock;
	struct neuron_counter hbm_corrected;
	struct neuron_counter hbm_uncorrected;
	/* @energy_uj: No error, but counted in the same way. */
	struct neuron_counter energy_uj;
	struct neuron_ecc pending[NEURON_RAS_PENDING];
	u32 pending_count;

	atomic64_t faults;
	atomic64_t timeouts;
	atomic_t aer_corrected;
	atomic_t aer_fatal;
	/* @work: Tells of @pending. */
	struct work_struct work;
};

void neuron_ras_init(struct neuron_device *ndev);
void neuron_ras_sample(struct neuron_device *ndev);
void neuron_ras_restart(struct neuron_device *ndev);
void neuron_ras_count_stop(struct neuron_queue *queue);
void neuron_ras_handle_ecc(struct neuron_device *ndev, const struct nrn_event_record *rec);
u64 neuron_ras_energy_uj(struct neuron_device *ndev);

void neuron_ras_fill(struct neuron_device *ndev, struct drm_neuron_query_ras *info);
void neuron_ras_fill_context(struct neuron_file *nfile, struct drm_neuron_query_context *info);

#endif /* __NEURON_RAS_H__ */
