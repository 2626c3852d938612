/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_PLUG_H__
#define __NEURON_PLUG_H__

#include <linux/types.h>

struct neuron_queue;

#if IS_ENABLED(CONFIG_BLOCK)
bool neuron_plug_add(struct neuron_queue *queue);
#else
static inline bool neuron_plug_add(struct neuron_queue *queue)
{
	return false;
}
#endif

#endif /* __NEURON_PLUG_H__ */
