// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/bitfield.h>
#include <linux/ctype.h>
#include <linux/debugfs.h>
#include <linux/dma-mapping.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include <drm/drm_drv.h>

#include "neuron_debugfs.h"
#include "neuron_device.h"
#include "neuron_hw.h"
#include "neuron_pm.h"

/*
 * fault_plan: what the device is to do wrong, for tests of this driver. A write is a whole plan,
 * and nothing or blanks are none; a read gives what has become of it. The device knows the
 * language.
 *
 * Both wake the device, for who asks for a fault means it. To take a plan away asks no memory of
 * the host, so that works in a device that is cut off, as it may be by the plan.
 */

/* One command at a time. */
static DEFINE_MUTEX(neuron_plan_lock);

/*
 * struct neuron_plan_text: memory that the device reads or writes a text in
 */
struct neuron_plan_text {
	void *buffer;
	dma_addr_t dma;
	/* @bytes: Of a plan; of a report, what of it is there. */
	u32 bytes;
};

static int neuron_plan_command(struct neuron_device *ndev, u32 op,
			       const struct neuron_plan_text *text)
{
	u32 cmd;

	lockdep_assert_held(&ndev->reset_sem);
	lockdep_assert_held(&neuron_plan_lock);

	neuron_wr64(ndev, NRN_REG_PLAN_ADDR, text->dma);
	neuron_wr32(ndev, NRN_REG_PLAN_BYTES, text->bytes);
	/* The device sees the text before it hears of it: writel() orders. */
	neuron_wr32(ndev, NRN_REG_PLAN_CMD, FIELD_PREP(NRN_PLAN_CMD_OP, op));
	cmd = neuron_rd32(ndev, NRN_REG_PLAN_CMD);
	/* What has lost its addresses does not read as ones, but not as this either. */
	if (cmd == ~0u || FIELD_GET(NRN_PLAN_CMD_OP, cmd) != op)
		return -ENODEV;
	return cmd & NRN_PLAN_CMD_ERROR ? -EINVAL : 0;
}

/* reset_sem is held. */
static int neuron_plan_set_locked(struct neuron_device *ndev, const struct neuron_plan_text *text)
{
	if (ndev->away || (text->bytes && neuron_hw_is_cut_off(ndev)))
		return -EIO;
	return neuron_plan_command(ndev, NRN_PLAN_OP_SET, text);
}

/* reset_sem is held. */
static int neuron_plan_report_locked(struct neuron_device *ndev, struct neuron_plan_text *text)
{
	int ret;

	if (neuron_hw_is_cut_off(ndev))
		return -EIO;
	text->bytes = NRN_PLAN_BYTES;
	ret = neuron_plan_command(ndev, NRN_PLAN_OP_REPORT, text);
	if (ret)
		return ret == -EINVAL ? -EIO : ret;
	text->bytes = min(neuron_rd32(ndev, NRN_REG_PLAN_DONE), NRN_PLAN_BYTES);
	return 0;
}

static int neuron_plan_talk(struct neuron_device *ndev, u32 op, struct neuron_plan_text *text)
{
	int ret;

	ret = neuron_pm_get(ndev);
	if (ret)
		return ret;
	mutex_lock(&neuron_plan_lock);
	down_read(&ndev->reset_sem);
	if (op == NRN_PLAN_OP_SET)
		ret = neuron_plan_set_locked(ndev, text);
	else
		ret = neuron_plan_report_locked(ndev, text);
	up_read(&ndev->reset_sem);
	mutex_unlock(&neuron_plan_lock);
	neuron_pm_put(ndev);
	return ret;
}

static int neuron_plan_alloc(struct neuron_device *ndev, struct neuron_plan_text *text)
{
	text->buffer = dma_alloc_coherent(neuron_dma_dev(ndev), NRN_PLAN_BYTES, &text->dma,
					  GFP_KERNEL);
	return text->buffer ? 0 : -ENOMEM;
}

static void neuron_plan_free(struct neuron_device *ndev, struct neuron_plan_text *text)
{
	dma_free_coherent(neuron_dma_dev(ndev), NRN_PLAN_BYTES, text->buffer, text->dma);
}

static int neuron_plan_show(struct seq_file *m, void *unused)
{
	struct neuron_device *ndev = m->private;
	struct neuron_plan_text text = {};
	int ret, idx;

	/* Inside, the memory goes before the device does. */
	if (!drm_dev_enter(&ndev->drm, &idx))
		return -ENODEV;
	ret = neuron_plan_alloc(ndev, &text);
	if (ret)
		goto exit;
	ret = neuron_plan_talk(ndev, NRN_PLAN_OP_REPORT, &text);
	if (!ret)
		seq_write(m, text.buffer, text.bytes);
	neuron_plan_free(ndev, &text);
exit:
	drm_dev_exit(idx);
	return ret;
}

static int neuron_plan_open(struct inode *inode, struct file *file)
{
	return single_open(file, neuron_plan_show, inode->i_private);
}

static int neuron_plan_take(struct neuron_device *ndev, const char __user *from, size_t count)
{
	struct neuron_plan_text text = {};
	int ret;

	ret = neuron_plan_alloc(ndev, &text);
	if (ret)
		return ret;
	if (copy_from_user(text.buffer, from, count)) {
		ret = -EFAULT;
	} else {
		/* echo's newline is no plan. */
		while (count && isspace(((const char *)text.buffer)[count - 1]))
			count--;
		text.bytes = count;
		ret = neuron_plan_talk(ndev, NRN_PLAN_OP_SET, &text);
	}
	neuron_plan_free(ndev, &text);
	return ret;
}

static ssize_t neuron_plan_write(struct file *file, const char __user *from, size_t count,
				 loff_t *pos)
{
	struct seq_file *m = file->private_data;
	struct neuron_device *ndev = m->private;
	int ret, idx;

	if (count > NRN_PLAN_BYTES)
		return -E2BIG;
	if (!drm_dev_enter(&ndev->drm, &idx))
		return -ENODEV;
	ret = neuron_plan_take(ndev, from, count);
	drm_dev_exit(idx);
	return ret ?: count;
}

static const struct file_operations neuron_plan_fops = {
	.owner = THIS_MODULE,
	.open = neuron_plan_open,
	.read = seq_read,
	.write = neuron_plan_write,
	.llseek = seq_lseek,
	.release = single_release,
};

void neuron_debugfs_add_fault_plan(struct neuron_device *ndev, struct dentry *folder)
{
	if (neuron_hw_can_test_drivers(ndev))
		debugfs_create_file("fault_plan", 0600, folder, ndev, &neuron_plan_fops);
}
