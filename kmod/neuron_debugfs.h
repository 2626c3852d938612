/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_DEBUGFS_H__
#define __NEURON_DEBUGFS_H__

#include <linux/kconfig.h>

struct dentry;
struct drm_printer;
struct neuron_device;
struct neuron_file;

#if IS_ENABLED(CONFIG_DEBUG_FS)
void neuron_debugfs_init(struct neuron_device *ndev);
#else
static inline void neuron_debugfs_init(struct neuron_device *ndev)
{
}
#endif

/* What the files print; the device is entered, and may be in any state. */
void neuron_debugfs_print_buffers(struct drm_printer *p, struct neuron_device *ndev);
void neuron_debugfs_print_clients(struct drm_printer *p, struct neuron_device *ndev);
void neuron_debugfs_print_client(struct drm_printer *p, struct neuron_file *nfile);
void neuron_debugfs_print_cores(struct drm_printer *p, struct neuron_device *ndev);
void neuron_debugfs_print_dma(struct drm_printer *p, struct neuron_device *ndev);
void neuron_debugfs_print_hbm(struct drm_printer *p, struct neuron_device *ndev);
void neuron_debugfs_print_queues(struct drm_printer *p, struct neuron_device *ndev);
void neuron_debugfs_print_registers(struct drm_printer *p, struct neuron_device *ndev);
void neuron_debugfs_print_rings(struct drm_printer *p, struct neuron_device *ndev);
void neuron_debugfs_print_stalls(struct drm_printer *p, struct neuron_device *ndev);
void neuron_debugfs_print_vm(struct drm_printer *p, struct neuron_device *ndev);

/* neuron_debugfs_vm.c */
void neuron_debugfs_add_vm_walk(struct neuron_device *ndev, struct dentry *folder);

/* neuron_debugfs_plan.c */
void neuron_debugfs_add_fault_plan(struct neuron_device *ndev, struct dentry *folder);

#endif /* __NEURON_DEBUGFS_H__ */
