/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_EVENT_H__
#define __NEURON_EVENT_H__

#include <linux/types.h>

struct drm_device;
struct drm_file;
struct neuron_device;
struct neuron_ecc;
struct neuron_file;
struct neuron_queue;

void neuron_event_send_fault(struct neuron_queue *queue);
void neuron_event_send_reset(struct neuron_device *ndev);
void neuron_event_send_ras(struct neuron_file *nfile, const struct neuron_ecc *ecc, bool own);

void neuron_event_file_release(struct neuron_file *nfile);
int neuron_event_mask_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* __NEURON_EVENT_H__ */
