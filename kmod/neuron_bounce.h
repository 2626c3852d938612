/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_BOUNCE_H__
#define __NEURON_BOUNCE_H__

#include <linux/types.h>

struct device;
struct neuron_device;
struct neuron_queue;
struct sg_table;
struct work_struct;

int neuron_bounce_init(struct neuron_device *ndev);
void neuron_bounce_fini(struct neuron_device *ndev);

bool neuron_sgt_is_coherent(struct device *dev, struct sg_table *sgt);

int neuron_bounce_charge(struct neuron_device *ndev, u64 bytes);
void neuron_bounce_uncharge(struct neuron_device *ndev, u64 bytes);

void neuron_copy_back_work(struct work_struct *work);
void neuron_copy_back_kick(struct neuron_queue *queue);
void neuron_copy_back_finish(struct neuron_queue *queue);

#endif /* __NEURON_BOUNCE_H__ */
