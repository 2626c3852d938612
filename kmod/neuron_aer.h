/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_AER_H__
#define __NEURON_AER_H__

struct neuron_device;
struct pci_error_handlers;

extern const struct pci_error_handlers neuron_pci_err_handler;

void neuron_aer_init(struct neuron_device *ndev);
void neuron_aer_fini(struct neuron_device *ndev);

#endif /* __NEURON_AER_H__ */
