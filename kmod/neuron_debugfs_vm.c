// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/debugfs.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_print.h>

#include "neuron_debugfs.h"
#include "neuron_device.h"
#include "neuron_gem.h"
#include "neuron_hw.h"
#include "neuron_name.h"
#include "neuron_pm.h"
#include "neuron_vm_way.h"

/* Whose file it is; at the end of a line, for a comm may be anything. */
static void neuron_debugfs_print_owner(struct drm_printer *p, const struct neuron_file *nfile)
{
	struct task_struct *task;
	struct pid *pid;

	rcu_read_lock();
	pid = rcu_dereference(nfile->drm_file->pid);
	task = pid_task(pid, PIDTYPE_TGID);
	drm_printf(p, " client=%llu pid=%d comm=%s\n", nfile->drm_file->client_id, pid_nr(pid),
		   task ? task->comm : "?");
	rcu_read_unlock();
}

static void neuron_debugfs_print_memory(struct drm_printer *p, struct drm_file *file)
{
	u64 bytes[] = { [DRM_NEURON_PLACE_HOST] = 0, [DRM_NEURON_PLACE_HBM] = 0 };
	struct drm_gem_object *obj;
	u32 buffers = 0;
	int id;

	spin_lock(&file->table_lock);
	idr_for_each_entry(&file->object_idr, obj, id) {
		if (to_neuron_bo(obj)->flags & DRM_NEURON_BO_DOORBELL)
			continue;
		bytes[to_neuron_bo(obj)->placement] += obj->size;
		buffers++;
	}
	spin_unlock(&file->table_lock);

	drm_printf(p, " buffers=%u host_bytes=%llu hbm_bytes=%llu", buffers,
		   bytes[DRM_NEURON_PLACE_HOST], bytes[DRM_NEURON_PLACE_HBM]);
}

/* files_lock is held, and the file is not being closed. */
void neuron_debugfs_print_client(struct drm_printer *p, struct neuron_file *nfile)
{
	struct neuron_times_used used;
	size_t mappings = 0, queues;
	struct drm_mm_node *node;
	unsigned long pages, large;
	bool active;

	used = neuron_usage_read(&nfile->usage, &active);
	spin_lock(&nfile->usage.lock);
	queues = list_count_nodes(&nfile->usage.queues);
	spin_unlock(&nfile->usage.lock);

	mutex_lock(&nfile->vm.lock);
	drm_mm_for_each_node(node, &nfile->vm.mm)
		mappings++;
	pages = nfile->vm.pgt.pages;
	large = nfile->vm.pgt.large_pages;
	mutex_unlock(&nfile->vm.lock);

	drm_printf(p, "ctx=%u queues=%zu active=%d", nfile->ctx, queues, active);
	neuron_debugfs_print_memory(p, nfile->drm_file);
	drm_printf(p, " mappings=%zu pages=%lu large_pages=%lu", mappings, pages, large);
	drm_printf(p, " busy_ns=%llu core_ns=%llu", used.busy_ns, used.core_ns);
	neuron_debugfs_print_owner(p, nfile);
}

/* One line per open file. */
void neuron_debugfs_print_clients(struct drm_printer *p, struct neuron_device *ndev)
{
	struct neuron_file *nfile;

	mutex_lock(&ndev->files_lock);
	list_for_each_entry(nfile, &ndev->files, link)
		if (!nfile->closing)
			neuron_debugfs_print_client(p, nfile);
	mutex_unlock(&ndev->files_lock);
}

static void neuron_vm_print_range(struct drm_printer *p, const struct neuron_vm *vm,
				  const struct drm_mm_node *node)
{
	unsigned long pages = 0, large = 0;

	neuron_pgtable_count(&vm->pgt, node->start, node->size, &pages, &large);
	drm_printf(p, "%#llx +%#llx pages=%lu large_pages=%lu", node->start, node->size, pages,
		   large);
}

static void neuron_vm_print_locked(struct drm_printer *p, struct neuron_vm *vm)
{
	struct neuron_own_mapping *own;
	struct neuron_mapping *map;
	struct drm_mm_node *node;

	lockdep_assert_held(&vm->lock);

	drm_mm_for_each_node(node, &vm->mm) {
		map = to_neuron_mapping(node);
		neuron_vm_print_range(p, vm, node);
		drm_printf(p, " %s %s buffer=%llu offset=%#llx pins=%u client=%llu",
			   map->bo->placement == DRM_NEURON_PLACE_HBM ? "hbm" : "host",
			   map->read_only ? "ro" : "rw", map->bo->serial, map->bo_offset,
			   map->pins, map->bo->client);
		neuron_name_print(p, map->name);
		drm_puts(p, "\n");
	}
	drm_mm_for_each_node(node, &vm->own_mm) {
		own = container_of(node, struct neuron_own_mapping, node);
		neuron_vm_print_range(p, vm, node);
		drm_printf(p, " process %s\n", own->write ? "rw" : "ro");
	}
}

/* The mappings of all contexts. */
void neuron_debugfs_print_vm(struct drm_printer *p, struct neuron_device *ndev)
{
	struct neuron_file *nfile;

	mutex_lock(&ndev->files_lock);
	list_for_each_entry(nfile, &ndev->files, link) {
		if (nfile->closing)
			continue;
		drm_printf(p, "[context %u]", nfile->ctx);
		neuron_debugfs_print_owner(p, nfile);
		mutex_lock(&nfile->vm.lock);
		if (nfile->vm.pgt.root)
			neuron_vm_print_locked(p, &nfile->vm);
		mutex_unlock(&nfile->vm.lock);
	}
	mutex_unlock(&ndev->files_lock);
}

/*
 * struct neuron_vm_walk: the address that was last written to this file description
 */
struct neuron_vm_walk {
	struct neuron_device *ndev;
	/* @print: The answer; the device is entered. Constant. */
	int (*print)(struct drm_printer *p, const struct neuron_vm_walk *walk);
	/* What follows is under the lock of the seq_file. */
	bool asked;
	u32 ctx;
	u64 va;
};

/* Return: the file that has the context, or NULL. */
static struct neuron_file *neuron_file_of_ctx(struct neuron_device *ndev, u32 ctx)
{
	struct neuron_file *nfile;

	lockdep_assert_held(&ndev->files_lock);

	list_for_each_entry(nfile, &ndev->files, link)
		if (nfile->ctx == ctx && !nfile->closing)
			return nfile;
	return NULL;
}

static int neuron_vm_walk_print(struct drm_printer *p, const struct neuron_vm_walk *walk)
{
	struct neuron_file *nfile;
	struct neuron_vm_way way;

	mutex_lock(&walk->ndev->files_lock);
	nfile = neuron_file_of_ctx(walk->ndev, walk->ctx);
	if (nfile) {
		mutex_lock(&nfile->vm.lock);
		if (nfile->vm.pgt.root) {
			neuron_vm_way_locked(&nfile->vm, walk->va, &way);
			neuron_vm_way_print(p, &way);
		}
		mutex_unlock(&nfile->vm.lock);
	} else {
		drm_printf(p, "no file has context %u\n", walk->ctx);
	}
	mutex_unlock(&walk->ndev->files_lock);
	return 0;
}

/*
 * history: what the device knows of an address, newest first. Those of a context it forgets with
 * the end of the context. Who asks whose memory an address was comes when nobody uses the device
 * any more: it is woken.
 */
static int neuron_vm_history_print(struct drm_printer *p, const struct neuron_vm_walk *walk)
{
	struct neuron_device *ndev = walk->ndev;
	struct nrn_blame_record *records;
	int count;
	int i;

	if (walk->ctx >= ndev->info.contexts && walk->ctx < NRN_SPACE_HBM)
		return -ERANGE;
	records = kcalloc(NRN_BLAME_HISTORY, sizeof(*records), GFP_KERNEL);
	if (!records)
		return -ENOMEM;
	count = neuron_pm_get(ndev);
	if (!count) {
		down_read(&ndev->reset_sem);
		count = neuron_hw_is_cut_off(ndev) ?
				-EIO : neuron_debug_history(ndev, walk->ctx, walk->va, records);
		up_read(&ndev->reset_sem);
		neuron_pm_put(ndev);
	}
	for (i = 0; i < count; i++)
		neuron_debug_print_blame(p, &records[i]);
	kfree(records);
	return min(count, 0);
}

static int neuron_vm_walk_show(struct seq_file *m, void *unused)
{
	struct drm_printer p = drm_seq_file_printer(m);
	struct neuron_vm_walk *walk = m->private;
	int ret;
	int idx;

	if (!walk->asked) {
		seq_puts(m, "write a context and an address to this file, then read on\n");
		return 0;
	}
	if (!drm_dev_enter(&walk->ndev->drm, &idx))
		return -ENODEV;
	ret = walk->print(&p, walk);
	drm_dev_exit(idx);
	return ret;
}

static int neuron_vm_ask_open(struct inode *inode, struct file *file,
			      int (*print)(struct drm_printer *p,
					   const struct neuron_vm_walk *walk))
{
	struct neuron_vm_walk *walk;
	int ret;

	walk = kzalloc(sizeof(*walk), GFP_KERNEL);
	if (!walk)
		return -ENOMEM;
	walk->ndev = inode->i_private;
	walk->print = print;

	ret = single_open(file, neuron_vm_walk_show, walk);
	if (ret)
		kfree(walk);
	return ret;
}

static int neuron_vm_walk_open(struct inode *inode, struct file *file)
{
	return neuron_vm_ask_open(inode, file, neuron_vm_walk_print);
}

static int neuron_vm_history_open(struct inode *inode, struct file *file)
{
	return neuron_vm_ask_open(inode, file, neuron_vm_history_print);
}

static int neuron_vm_walk_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	kfree(m->private);
	return single_release(inode, file);
}

static int neuron_vm_walk_parse(const struct neuron_vm_walk *walk, char *text, u32 *ctx, u64 *va)
{
	bool history = walk->print == neuron_vm_history_print;
	char *rest = strim(text);
	char *first = strsep(&rest, " ");

	if (!rest || kstrtou64(rest, 0, va))
		return -EINVAL;
	if (history && !strcmp(first, "hbm")) {
		*ctx = NRN_SPACE_HBM;
		return 0;
	}
	if (history && !strcmp(first, "bus")) {
		*ctx = NRN_SPACE_BUS;
		return 0;
	}
	if (kstrtou32(first, 0, ctx))
		return -EINVAL;
	return *va >> NRN_MMU_VA_BITS || (history && *ctx >= NRN_SPACE_HBM) ? -ERANGE : 0;
}

static ssize_t neuron_vm_walk_write(struct file *file, const char __user *from, size_t count,
				    loff_t *pos)
{
	struct seq_file *m = file->private_data;
	struct neuron_vm_walk *walk = m->private;
	char text[64];
	u64 va;
	u32 ctx;
	int ret;

	if (count >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, from, count))
		return -EFAULT;
	text[count] = '\0';
	ret = neuron_vm_walk_parse(walk, text, &ctx, &va);
	if (ret)
		return ret;

	mutex_lock(&m->lock);
	walk->asked = true;
	walk->ctx = ctx;
	walk->va = va;
	mutex_unlock(&m->lock);
	/* The next read begins with the answer. */
	*pos = 0;
	return count;
}

static const struct file_operations neuron_vm_walk_fops = {
	.owner = THIS_MODULE,
	.open = neuron_vm_walk_open,
	.read = seq_read,
	.write = neuron_vm_walk_write,
	.llseek = seq_lseek,
	.release = neuron_vm_walk_release,
};

static const struct file_operations neuron_vm_history_fops = {
	.owner = THIS_MODULE,
	.open = neuron_vm_history_open,
	.read = seq_read,
	.write = neuron_vm_walk_write,
	.llseek = seq_lseek,
	.release = neuron_vm_walk_release,
};

void neuron_debugfs_add_vm_walk(struct neuron_device *ndev, struct dentry *folder)
{
	debugfs_create_file("history", 0600, folder, ndev, &neuron_vm_history_fops);
	debugfs_create_file("vm_walk", 0600, folder, ndev, &neuron_vm_walk_fops);
}
