// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>

#include "neuron_debugfs.h"
#include "neuron_hw.h"
#include "neuron_recorder.h"

/*
 * sanitizer: a line for each report, none without the sanitizer. Any write forgets them, so that
 * their causes are reported anew.
 */
static int neuron_sanitizer_fetch(struct neuron_device *ndev, struct neuron_report *reports)
{
	int count = -EIO;
	int idx;

	if (!drm_dev_enter(&ndev->drm, &idx))
		return -ENODEV;
	down_read(&ndev->reset_sem);
	if (!neuron_hw_is_cut_off(ndev))
		count = neuron_recorder_reports(ndev, reports, NRN_SANITIZER_REPORTS);
	up_read(&ndev->reset_sem);
	drm_dev_exit(idx);
	return count;
}

static int neuron_sanitizer_show(struct seq_file *m, void *unused)
{
	struct drm_printer p = drm_seq_file_printer(m);
	struct neuron_report *reports;
	int count;

	reports = kvmalloc_array(NRN_SANITIZER_REPORTS, sizeof(*reports), GFP_KERNEL);
	if (!reports)
		return -ENOMEM;
	count = neuron_sanitizer_fetch(m->private, reports);
	if (count > 0)
		neuron_recorder_print_reports(&p, reports, count);
	kvfree(reports);
	return min(count, 0);
}

static int neuron_sanitizer_open(struct inode *inode, struct file *file)
{
	return single_open(file, neuron_sanitizer_show, inode->i_private);
}

static ssize_t neuron_sanitizer_write(struct file *file, const char __user *from, size_t size,
				      loff_t *pos)
{
	struct neuron_device *ndev = file_inode(file)->i_private;
	int ret = -EIO;
	int idx;

	if (!drm_dev_enter(&ndev->drm, &idx))
		return -ENODEV;
	down_read(&ndev->reset_sem);
	if (!neuron_hw_is_cut_off(ndev))
		ret = neuron_recorder_forget_reports(ndev);
	up_read(&ndev->reset_sem);
	drm_dev_exit(idx);
	return ret ?: size;
}

static const struct file_operations neuron_sanitizer_fops = {
	.owner = THIS_MODULE,
	.open = neuron_sanitizer_open,
	.release = single_release,
	.read = seq_read,
	.write = neuron_sanitizer_write,
	.llseek = seq_lseek,
};

void neuron_sanitizer_add_file(struct neuron_device *ndev, struct dentry *folder)
{
	debugfs_create_file("sanitizer", 0600, folder, ndev, &neuron_sanitizer_fops);
}
