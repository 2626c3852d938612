/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_SYSFS_H__
#define __NEURON_SYSFS_H__

struct attribute_group;
struct neuron_device;

extern const struct attribute_group *neuron_sysfs_groups[];

const char *neuron_device_state(const struct neuron_device *ndev);

#endif /* __NEURON_SYSFS_H__ */
