/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_RESET_H__
#define __NEURON_RESET_H__

#include <linux/time64.h>
#include <linux/types.h>

struct neuron_device;
struct neuron_queue;
struct work_struct;

/**
 * DOC: Limits
 *
 * How long things may take is an administrator's to say, at run time, by attributes of the PCI
 * device (see neuron_sysfs.c). The defaults are generous: the device may be a model that shares its
 * host, and a limit that strikes costs a job or a reset. A change takes effect with the next queue
 * or the next wait.
 */
#define NEURON_TIMEOUT_MS_DEFAULT   (10 * MSEC_PER_SEC)
#define NEURON_TIMEOUT_MS_MIN	    1
/* A fence must signal in finite time, whatever anybody asks for. */
#define NEURON_TIMEOUT_MS_MAX	    (60 * 60 * MSEC_PER_SEC)
#define NEURON_JOB_TIMEOUTS_DEFAULT 32
#define NEURON_JOB_TIMEOUTS_MAX	    1000
#define NEURON_STOP_MS_DEFAULT	    (2 * MSEC_PER_SEC)
#define NEURON_STOP_MS_MIN	    10
#define NEURON_STOP_MS_MAX	    (60 * MSEC_PER_SEC)
#define NEURON_RESET_MS_DEFAULT	    (10 * MSEC_PER_SEC)
#define NEURON_RESET_MS_MIN	    100
#define NEURON_RESET_MS_MAX	    (5 * 60 * MSEC_PER_SEC)

/* A failure has no context or queue, or it is not known. */
#define NEURON_NO_CTX (~0u)

void neuron_reset_init(struct neuron_device *ndev);
void neuron_reset_fini(struct neuron_device *ndev);

int neuron_device_error(const struct neuron_device *ndev);
void neuron_device_reset(struct neuron_device *ndev, const char *why);
void neuron_device_reset_by(struct neuron_device *ndev, u32 ctx, const char *why);

void neuron_device_leave(struct neuron_device *ndev, unsigned int why, bool reachable);
void neuron_device_come_back(struct neuron_device *ndev, unsigned int why, int error);
void neuron_device_restart(struct neuron_device *ndev, int error);
void neuron_device_lose(struct neuron_device *ndev);

void neuron_queues_mark_lost(struct neuron_device *ndev, int error);
void neuron_queues_flush(struct neuron_device *ndev);

#endif /* __NEURON_RESET_H__ */
