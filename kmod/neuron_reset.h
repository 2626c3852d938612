/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_RESET_H__
#define __NEURON_RESET_H__

struct neuron_device;
struct neuron_queue;
struct pci_error_handlers;
struct work_struct;

extern const struct pci_error_handlers neuron_pci_err_handler;

void neuron_queues_mark_lost(struct neuron_device *ndev, int error);
void neuron_queues_flush(struct neuron_device *ndev);
void neuron_device_reset(struct neuron_device *ndev, const char *why);

void neuron_tdr_kick(struct neuron_queue *queue);
void neuron_tdr_work(struct work_struct *work);

#endif /* __NEURON_RESET_H__ */
