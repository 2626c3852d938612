/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_DOORBELL_H__
#define __NEURON_DOORBELL_H__

#include <linux/types.h>

struct neuron_device;
struct neuron_file;

int neuron_doorbell_handle(struct neuron_file *nfile, u32 *handle);
void neuron_doorbell_revoke(struct neuron_file *nfile);

void neuron_doorbells_shut(struct neuron_device *ndev);
void neuron_doorbells_open(struct neuron_device *ndev);

#endif /* __NEURON_DOORBELL_H__ */
