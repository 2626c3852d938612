/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_DEBUGFS_H__
#define __NEURON_DEBUGFS_H__

#include <linux/kconfig.h>

struct neuron_device;

#if IS_ENABLED(CONFIG_DEBUG_FS)
void neuron_debugfs_init(struct neuron_device *ndev);
#else
static inline void neuron_debugfs_init(struct neuron_device *ndev)
{
}
#endif

#endif /* __NEURON_DEBUGFS_H__ */
