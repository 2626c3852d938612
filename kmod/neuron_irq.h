/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_IRQ_H__
#define __NEURON_IRQ_H__

#include <linux/types.h>

struct neuron_device;
struct neuron_queue;
struct nrn_event_record;

int neuron_irq_init(struct neuron_device *ndev);
void neuron_irq_fini(struct neuron_device *ndev);

void neuron_vector_add(struct neuron_queue *queue);
void neuron_vector_remove(struct neuron_queue *queue);

size_t neuron_events_bytes(void);
int neuron_events_alloc(struct neuron_device *ndev);
void neuron_events_free(struct neuron_device *ndev);
void neuron_events_start(struct neuron_device *ndev);
void neuron_events_process(struct neuron_device *ndev);
const struct nrn_event_record *neuron_events_record(struct neuron_device *ndev, u32 index);

#endif /* __NEURON_IRQ_H__ */
