// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/dma-mapping.h>
#include <linux/dmapool.h>
#include <linux/module.h>

#include <drm/drm_accel.h>
#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_ioctl.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>
#include <drm/neuron_accel.h>

#include "neuron_aer.h"
#include "neuron_bounce.h"
#include "neuron_compat.h"
#include "neuron_debugfs.h"
#include "neuron_doorbell.h"
#include "neuron_event.h"
#include "neuron_gem.h"
#include "neuron_hw.h"
#include "neuron_hwmon.h"
#include "neuron_irq.h"
#include "neuron_pm.h"
#include "neuron_prime.h"
#include "neuron_queue.h"
#include "neuron_reset.h"
#include "neuron_submit.h"
#include "neuron_sysfs.h"
#include "neuron_tdr.h"
#include "neuron_uring.h"
#include "neuron_user.h"

/**
 * DOC: Life of a device and of a file
 *
 * An open file owns a context of the device. When it is closed its queues are stopped, the context
 * is switched off and waited for, and only then its memory is freed.
 *
 * It also keeps the device awake, see DOC: Power management.
 *
 * Remove may come while files are open. drm_dev_unplug() waits until nobody uses the hardware and
 * lets nobody in; then the device is reset, all jobs are failed, and everything that the DMA API
 * gave us for the files goes back. What is left of the files is plain memory.
 */

union neuron_query {
	struct drm_neuron_query_device device;
	struct drm_neuron_query_memory memory;
	struct drm_neuron_query_queues queues;
	struct drm_neuron_query_context context;
	struct drm_neuron_query_ras ras;
	struct drm_neuron_query_fault fault;
};

static void neuron_query_fill_device(struct neuron_device *ndev,
				     struct drm_neuron_query_device *info)
{
	info->spec_version = ndev->info.spec_version;
	info->driver_spec_version = NRN_VERSION;
	info->profile = ndev->info.profile;
	info->cores = ndev->info.cores;
	info->sbuf_bytes = ndev->info.sbuf_bytes;
	info->psum_bytes = ndev->info.psum_bytes;
	info->hbm_banks = ndev->info.hbm_banks;
	info->reset_count = atomic_read(&ndev->reset_count);
	info->hbm_bytes = ndev->info.hbm_bytes;
	info->hbm_free = neuron_hbm_avail(ndev);
	info->aperture_bytes = ndev->info.aperture_bytes;
	info->va_start = NEURON_VA_START;
	info->va_end = NEURON_VA_END;
	info->page_size = NRN_PAGE_SIZE;
	info->max_queues = min(ndev->info.queues, NEURON_FILE_QUEUES);

	down_read(&ndev->reset_sem);
	if (!neuron_hw_is_cut_off(ndev))
		info->clock_ns = neuron_rd64(ndev, NRN_REG_GLOBAL_CLOCK_NS);
	up_read(&ndev->reset_sem);
}

static void neuron_query_fill_memory(struct neuron_file *nfile,
				     struct drm_neuron_query_memory *info)
{
	neuron_hbm_query(nfile->ndev, info);
	neuron_user_query_memory(nfile->ndev, nfile->user, info);
}

/* Return: size of the structure that was filled, or -EINVAL. The device is entered. */
static int neuron_query_fill(struct neuron_file *nfile, u32 type, union neuron_query *query)
{
	memset(query, 0, sizeof(*query));

	switch (type) {
	case DRM_NEURON_QUERY_DEVICE:
		neuron_query_fill_device(nfile->ndev, &query->device);
		return sizeof(query->device);
	case DRM_NEURON_QUERY_MEMORY:
		neuron_query_fill_memory(nfile, &query->memory);
		return sizeof(query->memory);
	case DRM_NEURON_QUERY_QUEUES:
		neuron_queue_fill_limits(nfile, &query->queues);
		return sizeof(query->queues);
	case DRM_NEURON_QUERY_CONTEXT:
		neuron_ras_fill_context(nfile, &query->context);
		return sizeof(query->context);
	case DRM_NEURON_QUERY_RAS:
		neuron_ras_fill(nfile->ndev, &query->ras);
		return sizeof(query->ras);
	case DRM_NEURON_QUERY_FAULT:
		neuron_debug_fill_fault(nfile, &query->fault);
		return sizeof(query->fault);
	default:
		return -EINVAL;
	}
}

/* Copies what fits, and clears what user space knows and we do not. */
static int neuron_query_copy(struct drm_neuron_dev_query *args, const void *from, u32 size)
{
	void __user *to = u64_to_user_ptr(args->ptr);
	u32 known = min(args->size, size);

	if (args->ptr) {
		if (copy_to_user(to, from, known))
			return -EFAULT;
		if (clear_user(to + known, args->size - known))
			return -EFAULT;
	}
	args->size = size;
	return 0;
}

static int neuron_dev_query_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_neuron_dev_query *args = data;
	union neuron_query query;
	int size;
	int idx;

	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;
	size = neuron_query_fill(file->driver_priv, args->type, &query);
	drm_dev_exit(idx);

	return size < 0 ? size : neuron_query_copy(args, &query, size);
}

static int neuron_file_start(struct neuron_file *nfile)
{
	struct neuron_device *ndev = nfile->ndev;
	int ctx;
	int ret;

	ctx = ida_alloc_max(&ndev->ctx_ida, ndev->info.contexts - 1, GFP_KERNEL);
	if (ctx < 0)
		return ctx;
	nfile->ctx = ctx;

	ret = neuron_vm_init(&nfile->vm, ndev);
	if (ret) {
		ida_free(&ndev->ctx_ida, ctx);
		return ret;
	}

	memset(&ndev->ctx_stats[ctx], 0, sizeof(ndev->ctx_stats[ctx]));

	down_read(&ndev->reset_sem);
	ndev->ctx_vm[ctx] = &nfile->vm;
	ndev->ctx_root[ctx] = neuron_pgtable_root(&nfile->vm.pgt);
	neuron_debug_tell_open(nfile);
	neuron_hw_ctx_enable(ndev, ctx, ndev->ctx_root[ctx]);
	up_read(&ndev->reset_sem);

	mutex_lock(&ndev->files_lock);
	list_add_tail(&nfile->link, &ndev->files);
	mutex_unlock(&ndev->files_lock);
	return 0;
}

/* The device is entered. */
static int neuron_file_start_awake(struct neuron_file *nfile)
{
	int ret;

	ret = neuron_pm_get(nfile->ndev);
	if (ret)
		return ret;
	ret = neuron_file_start(nfile);
	if (ret)
		neuron_pm_put(nfile->ndev);
	return ret;
}

/* A context for the file, within what its user may have. The device is entered. */
static int neuron_file_admit(struct neuron_file *nfile)
{
	int ret;

	nfile->user = neuron_user_current(nfile->ndev);
	if (IS_ERR(nfile->user))
		return PTR_ERR(nfile->user);

	ret = neuron_user_charge(nfile->user, NEURON_CONTEXTS, 1);
	if (ret)
		goto err_put;
	ret = neuron_file_start_awake(nfile);
	if (ret)
		goto err_uncharge;
	return 0;

err_uncharge:
	neuron_user_uncharge(nfile->user, NEURON_CONTEXTS, 1);
err_put:
	neuron_user_put(nfile->user);
	return ret;
}

static int neuron_open(struct drm_device *drm, struct drm_file *file)
{
	struct neuron_file *nfile;
	int ret;
	int idx;

	nfile = kzalloc(sizeof(*nfile), GFP_KERNEL);
	if (!nfile)
		return -ENOMEM;

	nfile->ndev = to_neuron_device(drm);
	nfile->drm_file = file;
	INIT_LIST_HEAD(&nfile->link);
	INIT_LIST_HEAD(&nfile->listener.link);
	xa_init_flags(&nfile->queues, XA_FLAGS_ALLOC1);
	neuron_usage_init(&nfile->usage);
	neuron_dma_init_file(nfile);

	ret = -ENODEV;
	if (drm_dev_enter(drm, &idx)) {
		ret = neuron_file_admit(nfile);
		drm_dev_exit(idx);
	}
	if (ret) {
		kfree(nfile);
		return ret;
	}
	file->driver_priv = nfile;
	return 0;
}

/* Take the file's context out of service. The device is entered. */
static void neuron_file_stop(struct neuron_file *nfile)
{
	struct neuron_device *ndev = nfile->ndev;
	struct neuron_queue *queue;
	unsigned long id;
	int ret;

	xa_for_each(&nfile->queues, id, queue) {
		xa_erase(&nfile->queues, id);
		neuron_queue_kill(queue);
	}
	neuron_dma_drain(nfile, true);

	/* Before somebody else has the context. */
	neuron_doorbell_revoke(nfile);

	down_read(&ndev->reset_sem);
	ndev->ctx_root[nfile->ctx] = 0;
	ndev->ctx_vm[nfile->ctx] = NULL;
	ret = neuron_hw_ctx_disable(ndev, nfile->ctx);
	neuron_debug_tell_close(nfile);
	up_read(&ndev->reset_sem);
	if (ret)
		neuron_device_reset_by(ndev, nfile->ctx, "a context does not stop");

	neuron_vm_fini(&nfile->vm);
	ida_free(&ndev->ctx_ida, nfile->ctx);
}

/* Remove has stopped the device for good: give back what is tied to it. May be called twice. */
static void neuron_file_abandon_locked(struct neuron_file *nfile)
{
	struct neuron_queue *queue;
	unsigned long id;

	lockdep_assert_held(&nfile->ndev->files_lock);

	xa_for_each(&nfile->queues, id, queue)
		neuron_queue_release_memory(queue);
	neuron_dma_drain(nfile, false);
	neuron_vm_fini(&nfile->vm);
}

static void neuron_file_forget(struct neuron_file *nfile, bool abandon)
{
	struct neuron_device *ndev = nfile->ndev;
	struct neuron_queue *queue;
	unsigned long id;

	mutex_lock(&ndev->files_lock);
	if (abandon)
		neuron_file_abandon_locked(nfile);
	list_del(&nfile->link);
	mutex_unlock(&ndev->files_lock);

	neuron_doorbell_revoke(nfile);
	xa_for_each(&nfile->queues, id, queue)
		neuron_queue_drop(queue);
	xa_destroy(&nfile->queues);
	neuron_vm_destroy(&nfile->vm);
	neuron_user_uncharge(nfile->user, NEURON_CONTEXTS, 1);
	neuron_user_put(nfile->user);
	kfree(nfile);
}

static void neuron_postclose(struct drm_device *drm, struct drm_file *file)
{
	struct neuron_device *ndev = to_neuron_device(drm);
	struct neuron_file *nfile = file->driver_priv;
	int idx;

	if (drm_dev_enter(drm, &idx)) {
		neuron_file_stop(nfile);
		/* Still inside: remove must find the file stopped, or on the list. */
		neuron_file_forget(nfile, false);
		drm_dev_exit(idx);
	} else {
		/* Until the device has stopped the memory is not ours to free. */
		wait_for_completion(&ndev->quiesced);
		neuron_file_forget(nfile, true);
	}
	neuron_pm_put(ndev);
}

static void neuron_file_close(struct neuron_file *nfile)
{
	struct neuron_device *ndev = nfile->ndev;

	mutex_lock(&ndev->files_lock);
	nfile->closing = true;
	mutex_unlock(&ndev->files_lock);
}

/* Before DRM's own release, which frees the events and the handles of the file. */
static int neuron_release(struct inode *inode, struct file *filp)
{
	struct drm_file *file = filp->private_data;

	neuron_event_file_release(file->driver_priv);
	neuron_file_close(file->driver_priv);
	return drm_release(inode, filp);
}

static void neuron_show_fdinfo(struct drm_printer *p, struct drm_file *file)
{
	struct neuron_file *nfile = file->driver_priv;

	struct neuron_times_used used;
	bool active;

	used = neuron_usage_read(&nfile->usage, &active);
	drm_printf(p, "drm-engine-queue:\t%llu ns\n", used.busy_ns);
	drm_printf(p, "drm-engine-capacity-queue:\t%u\n", nfile->ndev->info.queues);
	drm_printf(p, "drm-engine-core:\t%llu ns\n", used.core_ns);
	drm_printf(p, "drm-engine-capacity-core:\t%u\n", nfile->ndev->info.cores);
	neuron_gem_show_fdinfo(p, file, active);
	neuron_vm_show_fdinfo(p, &nfile->vm);
}

static const struct drm_ioctl_desc neuron_ioctls[] = {
	DRM_IOCTL_DEF_DRV(NEURON_DEV_QUERY, neuron_dev_query_ioctl, 0),
	DRM_IOCTL_DEF_DRV(NEURON_BO_CREATE, neuron_bo_create_ioctl, 0),
	DRM_IOCTL_DEF_DRV(NEURON_BO_QUERY, neuron_bo_query_ioctl, 0),
	DRM_IOCTL_DEF_DRV(NEURON_VM_BIND, neuron_vm_bind_ioctl, 0),
	DRM_IOCTL_DEF_DRV(NEURON_QUEUE_CREATE, neuron_queue_create_ioctl, 0),
	DRM_IOCTL_DEF_DRV(NEURON_QUEUE_DESTROY, neuron_queue_destroy_ioctl, 0),
	DRM_IOCTL_DEF_DRV(NEURON_QUEUE_QUERY, neuron_queue_query_ioctl, 0),
	DRM_IOCTL_DEF_DRV(NEURON_SUBMIT, neuron_submit_ioctl, 0),
	DRM_IOCTL_DEF_DRV(NEURON_WAIT, neuron_wait_ioctl, 0),
	DRM_IOCTL_DEF_DRV(NEURON_EVENT_MASK, neuron_event_mask_ioctl, 0),
	DRM_IOCTL_DEF_DRV(NEURON_DMA, neuron_dma_ioctl, 0),
};

/* DRM_ACCEL_FOPS and what is ours; the macro has no place for it. */
static const struct file_operations neuron_fops = {
	.owner = THIS_MODULE,
	.open = accel_open,
	.release = neuron_release,
	.unlocked_ioctl = drm_ioctl,
	.compat_ioctl = drm_compat_ioctl,
	.poll = drm_poll,
	.read = drm_read,
	.llseek = noop_llseek,
	.mmap = drm_gem_mmap,
	.fop_flags = FOP_UNSIGNED_OFFSET,
	.show_fdinfo = drm_show_fdinfo,
#if IS_ENABLED(CONFIG_IO_URING)
	.uring_cmd = neuron_uring_cmd,
	.uring_cmd_iopoll = neuron_uring_cmd_iopoll,
#endif
};

static const struct drm_driver neuron_driver = {
	.driver_features = DRIVER_COMPUTE_ACCEL | DRIVER_GEM | DRIVER_SYNCOBJ |
			   DRIVER_SYNCOBJ_TIMELINE,
	.open = neuron_open,
	.postclose = neuron_postclose,
	.gem_create_object = neuron_gem_create_object,
	.gem_prime_import = neuron_prime_import,
	.gem_prime_import_sg_table = neuron_prime_import_sg_table,
	.show_fdinfo = neuron_show_fdinfo,
	.ioctls = neuron_ioctls,
	.num_ioctls = ARRAY_SIZE(neuron_ioctls),
	.fops = &neuron_fops,
	.name = "neuron_accel",
	.desc = "Neuron AI accelerator",
	NEURON_DRIVER_DATE("20261123")
	.major = 1,
	.minor = 2,
};

static void neuron_free_software(struct drm_device *drm, void *arg)
{
	struct neuron_device *ndev = to_neuron_device(drm);

	neuron_users_fini(ndev);
	ida_destroy(&ndev->ctx_ida);
}

static int neuron_init_software(struct neuron_device *ndev)
{
	int ret;

	init_rwsem(&ndev->reset_sem);
	init_completion(&ndev->quiesced);
	spin_lock_init(&ndev->queues_lock);
	spin_lock_init(&ndev->stalls_lock);
	INIT_LIST_HEAD(&ndev->stalls);
	INIT_LIST_HEAD(&ndev->files);
	INIT_LIST_HEAD(&ndev->bos);
	INIT_LIST_HEAD(&ndev->bo_list);
	INIT_LIST_HEAD(&ndev->listeners);
	INIT_DELAYED_WORK(&ndev->tdr, neuron_tdr_work);
	ida_init(&ndev->ctx_ida);
	neuron_reset_init(ndev);
	neuron_aer_init(ndev);
	neuron_ras_init(ndev);
	neuron_users_init(ndev);

	ret = neuron_fail_init(ndev);
	if (ret)
		return ret;
	ret = drmm_add_action_or_reset(&ndev->drm, neuron_free_software, NULL);
	if (ret)
		return ret;
	ret = drmm_mutex_init(&ndev->drm, &ndev->files_lock);
	if (ret)
		return ret;
	ret = drmm_mutex_init(&ndev->drm, &ndev->doorbell_lock);
	if (ret)
		return ret;
	ret = drmm_mutex_init(&ndev->drm, &ndev->bo_list_lock);
	if (ret)
		return ret;
	ret = drmm_mutex_init(&ndev->drm, &ndev->bos_lock);
	if (ret)
		return ret;
	ret = drmm_mutex_init(&ndev->drm, &ndev->events.lock);
	if (ret)
		return ret;
	return neuron_coredump_init(ndev);
}

/* What the device needs in host memory; neuron_fini_host() is the inverse. */
static int neuron_init_host(struct neuron_device *ndev)
{
	struct device *dev = neuron_dma_dev(ndev);
	int ret;

	ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(fls64(NRN_PTE_ADDR)));
	if (ret)
		return dev_err_probe(dev, ret, "no usable DMA mask\n");
	dma_set_max_seg_size(dev, UINT_MAX);

	ret = neuron_bounce_init(ndev);
	if (ret)
		return dev_err_probe(dev, ret, "cannot map memory\n");

	ret = -ENOMEM;
	ndev->wq = alloc_ordered_workqueue("neuron-tdr", WQ_MEM_RECLAIM);
	if (!ndev->wq)
		goto err_fini_bounce;

	ndev->pt_pool = dma_pool_create("neuron-pt", dev, NRN_PAGE_SIZE, NRN_PAGE_SIZE, 0);
	if (!ndev->pt_pool)
		goto err_destroy_wq;

	ret = neuron_events_alloc(ndev);
	if (ret)
		goto err_destroy_pool;
	return 0;

err_destroy_pool:
	dma_pool_destroy(ndev->pt_pool);
err_destroy_wq:
	destroy_workqueue(ndev->wq);
err_fini_bounce:
	neuron_bounce_fini(ndev);
	return ret;
}

static void neuron_fini_host(struct neuron_device *ndev)
{
	neuron_events_free(ndev);
	dma_pool_destroy(ndev->pt_pool);
	destroy_workqueue(ndev->wq);
	neuron_bounce_fini(ndev);
}

/*
 * The device may have been left running by whoever drove it before, so it is reset before it may
 * reach memory.
 */
static int neuron_start_device(struct neuron_device *ndev)
{
	struct pci_dev *pdev = to_pci_dev(ndev->drm.dev);
	int ret;

	ret = neuron_hw_reset(ndev);
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "the device does not become ready\n");

	pci_set_master(pdev);
	ret = neuron_irq_init(ndev);
	if (ret)
		goto err_clear_master;
	neuron_events_start(ndev);
	neuron_debug_start(ndev);
	neuron_debug_tell_clear(ndev);
	return 0;

err_clear_master:
	pci_clear_master(pdev);
	return ret;
}

/* When it returns, the device reaches no memory and no handler runs. */
static void neuron_stop_device(struct neuron_device *ndev)
{
	struct pci_dev *pdev = to_pci_dev(ndev->drm.dev);

	if (neuron_hw_present(ndev) && neuron_hw_reset(ndev))
		drm_err(&ndev->drm, "the device does not stop\n");
	pci_clear_master(pdev);
	neuron_irq_fini(ndev);
}

static int neuron_probe_device(struct neuron_device *ndev)
{
	int ret;

	ret = neuron_init_software(ndev);
	if (ret)
		return ret;
	ret = neuron_hw_map(ndev);
	if (ret)
		return ret;
	ret = neuron_hw_identify(ndev);
	if (ret)
		return ret;
	neuron_users_set_defaults(ndev);
	ret = neuron_recorder_init(ndev) ?: neuron_debug_init(ndev);
	if (ret)
		return ret;
	return neuron_hbm_init(ndev);
}

static int neuron_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct neuron_device *ndev;
	int ret;

	ndev = devm_drm_dev_alloc(&pdev->dev, &neuron_driver, struct neuron_device, drm);
	if (IS_ERR(ndev))
		return PTR_ERR(ndev);
	pci_set_drvdata(pdev, ndev);

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	ret = neuron_probe_device(ndev);
	if (ret)
		return ret;
	ret = neuron_init_host(ndev);
	if (ret)
		return ret;
	ret = neuron_start_device(ndev);
	if (ret)
		goto err_fini_host;

	neuron_debugfs_init(ndev);
	ret = drm_dev_register(&ndev->drm, 0);
	if (ret)
		goto err_stop_device;
	neuron_hwmon_init(ndev);

	drm_info(&ndev->drm, "spec %u.%u, %u cores, %llu MiB HBM, %llu MiB behind the aperture\n",
		 ndev->info.spec_version >> NRN_GLOBAL_VERSION_MAJOR_SHIFT,
		 ndev->info.spec_version & NRN_GLOBAL_VERSION_MINOR, ndev->info.cores,
		 ndev->info.hbm_bytes >> 20, ndev->info.aperture_bytes >> 20);
	neuron_pm_init(ndev);
	return 0;

err_stop_device:
	neuron_stop_device(ndev);
err_fini_host:
	neuron_fini_host(ndev);
	return ret;
}

/* Files may still be open, but nobody uses the hardware any more. */
static void neuron_unplug(struct neuron_device *ndev)
{
	neuron_pm_fini(ndev);
	drm_dev_unplug(&ndev->drm);
	neuron_queues_mark_lost(ndev, -ENODEV);
	cancel_delayed_work_sync(&ndev->tdr);
	neuron_aer_fini(ndev);
	neuron_reset_fini(ndev);
	neuron_stop_device(ndev);
	neuron_queues_flush(ndev);
	complete_all(&ndev->quiesced);
	cancel_work_sync(&ndev->ras.work);
	neuron_coredump_fini(ndev);
}

static void neuron_remove(struct pci_dev *pdev)
{
	struct neuron_device *ndev = pci_get_drvdata(pdev);
	struct neuron_file *nfile;

	neuron_unplug(ndev);

	mutex_lock(&ndev->files_lock);
	list_for_each_entry(nfile, &ndev->files, link)
		neuron_file_abandon_locked(nfile);
	mutex_unlock(&ndev->files_lock);
	neuron_bos_unmap_dma(ndev);
	neuron_fini_host(ndev);
}

/* The next kernel must not find a device that writes into its memory. */
static void neuron_shutdown(struct pci_dev *pdev)
{
	neuron_unplug(pci_get_drvdata(pdev));
}

static const struct pci_device_id neuron_pci_ids[] = {
	{ PCI_DEVICE(NRN_PCI_VENDOR, NRN_PCI_DEVICE) }, {}
};
MODULE_DEVICE_TABLE(pci, neuron_pci_ids);

static struct pci_driver neuron_pci_driver = {
	.name = "neuron_accel",
	.id_table = neuron_pci_ids,
	.probe = neuron_probe,
	.remove = neuron_remove,
	.shutdown = neuron_shutdown,
	.err_handler = &neuron_pci_err_handler,
	.dev_groups = neuron_sysfs_groups,
	.driver.pm = pm_ptr(&neuron_pm_ops),
};
module_pci_driver(neuron_pci_driver);

MODULE_DESCRIPTION("Neuron AI accelerator");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_IMPORT_NS(NEURON_NAMESPACE(DMA_BUF));
