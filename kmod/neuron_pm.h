/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_PM_H__
#define __NEURON_PM_H__

#include <linux/pm.h>

struct neuron_device;

extern const struct dev_pm_ops neuron_pm_ops;

void neuron_pm_init(struct neuron_device *ndev);
void neuron_pm_fini(struct neuron_device *ndev);

int neuron_pm_get(struct neuron_device *ndev);
void neuron_pm_put(struct neuron_device *ndev);

#endif /* __NEURON_PM_H__ */
