/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_COREDUMP_H__
#define __NEURON_COREDUMP_H__

#include <linux/types.h>
#include <linux/workqueue.h>

struct neuron_device;
struct neuron_snapshot;

/*
 * struct neuron_coredump: what the next device coredump is made of
 */
struct neuron_coredump {
	/* @on_fault: Take one at faults, too. */
	bool on_fault;
	/* @busy: @snapshot is filled or being filled; bit 0. */
	unsigned long busy;
	struct neuron_snapshot *snapshot;
	/* @work: Makes a coredump of @snapshot. */
	struct work_struct work;
};

int neuron_coredump_init(struct neuron_device *ndev);
void neuron_coredump_fini(struct neuron_device *ndev);
void neuron_coredump_take(struct neuron_device *ndev, const char *why, u32 ctx, u32 hw);

#endif /* __NEURON_COREDUMP_H__ */
