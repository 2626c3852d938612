// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_drv.h>

#include "neuron_debugfs.h"
#include "neuron_hw.h"
#include "neuron_recorder.h"

/*
 * recorder: the records as the device has them. Text would be ten times as long, and the same tools
 * read what QEMU writes on the host. Read once through; each record is read when its turn comes.
 */
struct neuron_recorder_reader {
	struct neuron_device *ndev;
	u64 next;
	struct neuron_raw_record records[64];
};

static int neuron_recorder_open(struct inode *inode, struct file *file)
{
	struct neuron_recorder_reader *reader = kvzalloc(sizeof(*reader), GFP_KERNEL);

	if (!reader)
		return -ENOMEM;
	reader->ndev = inode->i_private;
	file->private_data = reader;
	return stream_open(inode, file);
}

static int neuron_recorder_release(struct inode *inode, struct file *file)
{
	kvfree(file->private_data);
	return 0;
}

static int neuron_recorder_fetch(struct neuron_recorder_reader *reader, u32 max)
{
	struct neuron_device *ndev = reader->ndev;
	int count = -EIO;
	int idx;

	if (!drm_dev_enter(&ndev->drm, &idx))
		return -ENODEV;
	down_read(&ndev->reset_sem);
	if (!neuron_hw_is_cut_off(ndev))
		count = neuron_recorder_read(ndev, &reader->next, reader->records, max);
	up_read(&ndev->reset_sem);
	drm_dev_exit(idx);
	return count;
}

/* Whole records only. */
static ssize_t neuron_recorder_file_read(struct file *file, char __user *to, size_t size,
					 loff_t *pos)
{
	struct neuron_recorder_reader *reader = file->private_data;
	size_t bytes = sizeof(reader->records[0]);
	u32 max = min_t(size_t, size / bytes, ARRAY_SIZE(reader->records));
	int count;

	if (!max)
		return size ? -EINVAL : 0;
	count = neuron_recorder_fetch(reader, max);
	if (count <= 0)
		return count;
	if (copy_to_user(to, reader->records, count * bytes))
		return -EFAULT;
	return count * bytes;
}

static const struct file_operations neuron_recorder_fops = {
	.owner = THIS_MODULE,
	.open = neuron_recorder_open,
	.release = neuron_recorder_release,
	.read = neuron_recorder_file_read,
};

void neuron_recorder_add_file(struct neuron_device *ndev, struct dentry *folder)
{
	debugfs_create_file("recorder", 0400, folder, ndev, &neuron_recorder_fops);
}
