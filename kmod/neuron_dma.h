/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_DMA_H__
#define __NEURON_DMA_H__

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

struct drm_device;
struct drm_file;
struct drm_neuron_dma;
struct io_uring_cmd;
struct neuron_dma;
struct neuron_file;
struct neuron_job;
struct neuron_raw_packet;

/*
 * struct neuron_file_dma: jobs of a file that use memory of a process
 */
struct neuron_file_dma {
	/* @flying: Jobs that may still be with the device. */
	atomic_t flying;
	/* @lock: Protects @done (hard irq). */
	spinlock_t lock;
	/* @done: &struct neuron_dma whose job is done, to be released. */
	struct list_head done;
	/* @work: Releases what is in @done. */
	struct work_struct work;
};

void neuron_dma_init_file(struct neuron_file *nfile);
void neuron_dma_drain(struct neuron_file *nfile, bool entered);

int neuron_dma_map(struct neuron_dma *dma, struct neuron_job *job,
		   struct neuron_raw_packet *packet);
void neuron_dma_unmap(struct neuron_dma *dma);
void neuron_dma_free(struct neuron_dma *dma);
void neuron_dma_copy_back(struct neuron_dma *dma);
void neuron_dma_job_done(struct neuron_dma *dma);

int neuron_dma_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int neuron_dma_uring(const struct drm_neuron_dma *args, struct io_uring_cmd *ioucmd,
		     unsigned int issue_flags);

#endif /* __NEURON_DMA_H__ */
