/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_SYSFS_H__
#define __NEURON_SYSFS_H__

struct attribute_group;

extern const struct attribute_group *neuron_sysfs_groups[];

#endif /* __NEURON_SYSFS_H__ */
