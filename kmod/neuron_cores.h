/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_CORES_H__
#define __NEURON_CORES_H__

#include <linux/types.h>

#include "neuron_spec.h"

struct drm_printer;
struct neuron_device;

/*
 * struct neuron_engine_view: what a sequencer does
 */
struct neuron_engine_view {
	u32 status;
	u32 pc;
	u32 wait_value;
	u64 retired;
};

/*
 * struct neuron_core_view: what a core does, or did last
 */
struct neuron_core_view {
	/* @status: Register STATUS; what follows is only filled in if the core was used. */
	u32 status;
	struct neuron_engine_view engines[NRN_ENGINE_COUNT];
	u32 semaphores[NRN_SEMAPHORES];
};

void neuron_core_read(struct neuron_device *ndev, u32 core, struct neuron_core_view *view);
void neuron_core_print(struct drm_printer *p, u32 core, const struct neuron_core_view *view);

#endif /* __NEURON_CORES_H__ */
