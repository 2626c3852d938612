// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>

#include "neuron_debugfs.h"
#include "neuron_fail.h"
#include "neuron_hw.h"
#include "neuron_recorder.h"
#include "neuron_sysfs.h"

/**
 * DOC: Debugfs
 *
 * The files are in the folder that DRM makes for the device, and go with it: drm_dev_unplug() waits
 * for those who read. The helpers of DRM would let everybody read what is in them once debugfs
 * itself does; these are root's.
 *
 * Reading wakes nobody. Registers are read under reset_sem, as long as the device is not cut off;
 * what the driver knows by itself is told in every state. What another file has is looked at under
 * the locks that keep it: files_lock a file that is not being closed, bo_list_lock a buffer,
 * neuron_vm.lock an address space.
 *
 * docs/reference/driver.md describes each file.
 */

/* How far the driver has got in the event ring, and how far it has told the device that it has. */
static void neuron_debugfs_print_events(struct drm_printer *p, struct neuron_device *ndev)
{
	struct neuron_events *events = &ndev->events;

	mutex_lock(&events->lock);
	drm_printf(p, " events_handled=%u events_head=%u events_tail=%u", events->head,
		   neuron_rd32(ndev, NRN_REG_GLOBAL_EVENT_HEAD),
		   neuron_rd32(ndev, NRN_REG_GLOBAL_EVENT_TAIL));
	mutex_unlock(&events->lock);
}

static void neuron_debugfs_print_device(struct drm_printer *p, struct neuron_device *ndev)
{
	drm_printf(p, "state=%s resets=%d wedged=%d", neuron_device_state(ndev),
		   atomic_read(&ndev->reset_count), READ_ONCE(ndev->wedged));

	down_read(&ndev->reset_sem);
	if (!neuron_hw_is_cut_off(ndev) && neuron_hw_present(ndev)) {
		drm_printf(p, " status=%#x events_lost=%u bad_register=%u",
			   neuron_rd32(ndev, NRN_REG_GLOBAL_STATUS),
			   neuron_rd32(ndev, NRN_REG_GLOBAL_EVENTS_LOST),
			   neuron_rd32(ndev, NRN_REG_GLOBAL_BAD_REGISTER));
		neuron_debugfs_print_events(p, ndev);
	}
	up_read(&ndev->reset_sem);
	drm_puts(p, "\n");
}

static int neuron_debugfs_show(struct seq_file *m,
			       void (*print)(struct drm_printer *p, struct neuron_device *ndev))
{
	struct drm_printer p = drm_seq_file_printer(m);
	struct neuron_device *ndev = m->private;
	int idx;

	if (!drm_dev_enter(&ndev->drm, &idx))
		return -ENODEV;
	print(&p, ndev);
	drm_dev_exit(idx);
	return 0;
}

#define NEURON_DEBUGFS_FILE(name)							\
	static int neuron_debugfs_##name##_show(struct seq_file *m, void *unused)	\
	{										\
		return neuron_debugfs_show(m, neuron_debugfs_print_##name);		\
	}										\
	DEFINE_SHOW_ATTRIBUTE(neuron_debugfs_##name)

NEURON_DEBUGFS_FILE(blame);
NEURON_DEBUGFS_FILE(buffers);
NEURON_DEBUGFS_FILE(clients);
NEURON_DEBUGFS_FILE(cores);
NEURON_DEBUGFS_FILE(device);
NEURON_DEBUGFS_FILE(dma);
NEURON_DEBUGFS_FILE(hbm);
NEURON_DEBUGFS_FILE(queues);
NEURON_DEBUGFS_FILE(registers);
NEURON_DEBUGFS_FILE(rings);
NEURON_DEBUGFS_FILE(stalls);
NEURON_DEBUGFS_FILE(vm);

static const struct {
	const char *name;
	const struct file_operations *fops;
} neuron_debugfs_files[] = {
	{ "blame", &neuron_debugfs_blame_fops },
	{ "buffers", &neuron_debugfs_buffers_fops },
	{ "clients", &neuron_debugfs_clients_fops },
	{ "cores", &neuron_debugfs_cores_fops },
	{ "device", &neuron_debugfs_device_fops },
	{ "dma", &neuron_debugfs_dma_fops },
	{ "hbm", &neuron_debugfs_hbm_fops },
	{ "queues", &neuron_debugfs_queues_fops },
	{ "registers", &neuron_debugfs_registers_fops },
	{ "rings", &neuron_debugfs_rings_fops },
	{ "stalls", &neuron_debugfs_stalls_fops },
	{ "vm", &neuron_debugfs_vm_fops },
};

void neuron_debugfs_init(struct neuron_device *ndev)
{
	struct dentry *folder = ndev->drm.debugfs_root;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(neuron_debugfs_files); i++)
		debugfs_create_file(neuron_debugfs_files[i].name, 0400, folder, ndev,
				    neuron_debugfs_files[i].fops);
	neuron_debugfs_add_vm_walk(ndev, folder);
	neuron_debugfs_add_fault_plan(ndev, folder);
	neuron_recorder_add_file(ndev, folder);
	neuron_sanitizer_add_file(ndev, folder);
	neuron_fail_add_files(ndev, folder);
}
