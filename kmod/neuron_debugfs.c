// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/seq_file.h>

#include <drm/drm_debugfs.h>
#include <drm/drm_drv.h>
#include <drm/drm_print.h>

#include "neuron_debugfs.h"
#include "neuron_hw.h"
#include "neuron_pm.h"
#include "neuron_queue.h"

static void neuron_debugfs_show_queue(struct seq_file *m, struct neuron_queue *queue)
{
	struct neuron_device *ndev = queue->ndev;
	u32 hw = queue->hw;

	seq_printf(m, "%u ctx=%u state=%u submitted=%llu completed=%llu", hw, queue->ctx,
		   queue->state, queue->submitted, queue->completed);
	seq_printf(m, " status=%#x head=%llu tail=%llu progress=%llu\n",
		   neuron_rd32(ndev, NRN_REG_QUEUE_STATUS(hw)),
		   neuron_rd64(ndev, NRN_REG_QUEUE_HEAD(hw)),
		   neuron_rd64(ndev, NRN_REG_QUEUE_TAIL(hw)),
		   neuron_rd64(ndev, NRN_REG_QUEUE_PROGRESS(hw)));
}

/* One line per queue: hardware number, what the driver knows, what the registers say. */
static int neuron_debugfs_queues(struct seq_file *m, void *unused)
{
	struct drm_debugfs_entry *entry = m->private;
	struct neuron_device *ndev = to_neuron_device(entry->dev);
	struct neuron_queue *queue __free(neuron_queue) = NULL;
	int idx;

	if (!drm_dev_enter(&ndev->drm, &idx))
		return -ENODEV;

	down_read(&ndev->reset_sem);
	/* Without a file there is no queue, so nothing has to be woken. */
	while (!neuron_hw_is_cut_off(ndev) && (queue = neuron_queue_next(ndev, queue)))
		neuron_debugfs_show_queue(m, queue);
	up_read(&ndev->reset_sem);
	drm_dev_exit(idx);
	return 0;
}

static int neuron_debugfs_hbm(struct seq_file *m, void *unused)
{
	struct drm_debugfs_entry *entry = m->private;
	struct neuron_device *ndev = to_neuron_device(entry->dev);
	struct drm_printer p = drm_seq_file_printer(m);

	mutex_lock(&ndev->hbm.lock);
	drm_buddy_print(&ndev->hbm.mm.buddy, &p);
	mutex_unlock(&ndev->hbm.lock);
	return 0;
}

static int neuron_debugfs_device(struct seq_file *m, void *unused)
{
	struct drm_debugfs_entry *entry = m->private;
	struct neuron_device *ndev = to_neuron_device(entry->dev);
	int idx;

	int ret;

	if (!drm_dev_enter(&ndev->drm, &idx))
		return -ENODEV;
	ret = neuron_pm_get(ndev);
	if (ret)
		goto out_exit;

	down_read(&ndev->reset_sem);
	if (!neuron_hw_is_cut_off(ndev))
		seq_printf(m, "status=%#x resets=%d wedged=%d events_lost=%u bad_register=%u\n",
			   neuron_rd32(ndev, NRN_REG_GLOBAL_STATUS),
			   atomic_read(&ndev->reset_count), ndev->wedged,
			   neuron_rd32(ndev, NRN_REG_GLOBAL_EVENTS_LOST),
			   neuron_rd32(ndev, NRN_REG_GLOBAL_BAD_REGISTER));
	up_read(&ndev->reset_sem);
	neuron_pm_put(ndev);
out_exit:
	drm_dev_exit(idx);
	return ret;
}

static const struct drm_debugfs_info neuron_debugfs_files[] = {
	{ "device", neuron_debugfs_device, 0, NULL },
	{ "hbm", neuron_debugfs_hbm, 0, NULL },
	{ "queues", neuron_debugfs_queues, 0, NULL },
};

void neuron_debugfs_init(struct neuron_device *ndev)
{
	drm_debugfs_add_files(&ndev->drm, neuron_debugfs_files, ARRAY_SIZE(neuron_debugfs_files));
}
