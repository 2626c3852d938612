// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/wait_bit.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>
#include <drm/neuron_accel.h>

#include "neuron_bounce.h"
#include "neuron_bug.h"
#include "neuron_check.h"
#include "neuron_compat.h"
#include "neuron_device.h"
#include "neuron_dma.h"
#include "neuron_job.h"
#include "neuron_submit.h"
#include "neuron_trace.h"
#include "neuron_uring.h"

/**
 * DOC: Jobs with memory of a process
 *
 * Such a job is a COPY packet between an address of the context and pages of a process, which are
 * pinned, and mapped for the device in the driver's own part of the context's address space. The
 * pages are pinned before any lock is taken, as a page fault may take as long as user space likes.
 * They are mapped when the job has its place in the ring, together with the push inside one
 * drm_dev_enter(): so remove finds the job in the queue, or no mapping.
 *
 * The job's fence signals when the device is done with the copy. From then on the data is there.
 * To take the pages away from the device needs a TLB flush, which sleeps, so a worker of the file
 * does it, then drops the pins, and only then the job is over for those who wait for it with WAIT
 * or io_uring: they may change their limits or measure what is pinned at once. A fence must not
 * depend on that, because unmapping takes neuron_vm.lock, under which memory is allocated.
 *
 * While the device is entered the worker releases. When it cannot enter, remove is under way, and
 * the pages stay until the device has stopped; then neuron_dma_drain() releases them. It is called
 * by whoever ends the file's part of the device, after all its queues have been stopped.
 *
 * Where the DMA API bounces, data from the device is copied back before the fence signals, see DOC:
 * Bounce buffers. It is exactly what the job was to write: the bounce buffers hold whole pages, as
 * they were when they were mapped, and the rest of the pages is the process's meanwhile.
 *
 * Pages that io_uring has pinned for a registered buffer are not pinned again. But a cancelled
 * command lets go of the buffer and leaves its job running, so each page is referenced.
 */

/*
 * struct neuron_dma: memory of a process that a job uses
 */
struct neuron_dma {
	struct neuron_file *nfile;
	/* @pages: Pinned or, if there is no @mm, referenced. */
	struct page **pages;
	unsigned long num_pages;
	/* @mm: Where the pins are accounted; grabbed. */
	struct mm_struct *mm;
	/* @ptr: Address in the process, for the trace. */
	u64 ptr;
	/* @offset: Of the first byte in the first page. */
	u32 offset;
	u64 bytes;
	/* @va: Address in the context, the other end of the copy. */
	u64 va;
	enum dma_data_direction dir;

	/* @queue: Referenced. */
	struct neuron_queue *queue;

	/* @job: Referenced; this and what follows is set while the device can reach the pages. */
	struct neuron_job *job;
	struct sg_table sgt;
	struct neuron_own_mapping own;
	/* @link: In neuron_file_dma.done. */
	struct list_head link;
};

static bool neuron_dma_writes(const struct neuron_dma *dma)
{
	return dma->dir == DMA_FROM_DEVICE;
}

/* Pages that stay pinned for a job count as those that are locked. */
static int neuron_dma_account(struct neuron_dma *dma)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	struct mm_struct *mm = current->mm;

	if (atomic64_add_return(dma->num_pages, &mm->pinned_vm) > limit && !capable(CAP_IPC_LOCK)) {
		atomic64_sub(dma->num_pages, &mm->pinned_vm);
		return -ENOMEM;
	}
	mmgrab(mm);
	dma->mm = mm;
	return 0;
}

static void neuron_dma_unaccount(struct neuron_dma *dma)
{
	atomic64_sub(dma->num_pages, &dma->mm->pinned_vm);
	mmdrop(dma->mm);
	dma->mm = NULL;
}

/* Why memory cannot be pinned is of no interest to user space. */
static int neuron_dma_pin_error(long ret)
{
	return ret == -ENOMEM || ret == -EINTR || ret == -ERESTARTSYS ? ret : -EFAULT;
}

static int neuron_dma_pin_pages(struct neuron_dma *dma, u64 ptr)
{
	unsigned int flags = FOLL_LONGTERM | (neuron_dma_writes(dma) ? FOLL_WRITE : 0);
	unsigned long start = ptr & PAGE_MASK, done = 0;
	long ret;

	while (done < dma->num_pages) {
		ret = pin_user_pages_fast(start + (done << PAGE_SHIFT), dma->num_pages - done,
					  flags, dma->pages + done);
		if (ret <= 0) {
			unpin_user_pages(dma->pages, done);
			return neuron_dma_pin_error(ret);
		}
		done += ret;
	}
	return 0;
}

static int neuron_dma_pin(struct neuron_dma *dma, u64 ptr)
{
	int ret;

	ret = neuron_dma_account(dma);
	if (ret)
		return ret;

	ret = neuron_dma_pin_pages(dma, ptr);
	if (ret)
		neuron_dma_unaccount(dma);
	return ret;
}

#if IS_ENABLED(CONFIG_IO_URING)
/* The registered buffer has the pages already; some kernels give them one at a time. */
static int neuron_dma_import(struct neuron_dma *dma, u64 ptr, const struct neuron_submission *sub)
{
	unsigned long done = 0;
	struct iov_iter iter;
	struct page **pages;
	size_t offset;
	ssize_t size;
	int ret;

	ret = neuron_uring_import_fixed(ptr, dma->bytes,
					neuron_dma_writes(dma) ? ITER_DEST : ITER_SOURCE, &iter,
					sub->ioucmd, sub->issue_flags);
	while (!ret && iov_iter_count(&iter)) {
		pages = dma->pages + done;
		size = iov_iter_extract_pages(&iter, &pages, iov_iter_count(&iter),
					      dma->num_pages - done, 0, &offset);
		if (size <= 0)
			ret = -EFAULT;
		for (; size > 0; size -= min_t(ssize_t, size, PAGE_SIZE - offset), offset = 0)
			get_page(dma->pages[done++]);
	}
	if (ret)
		dma->num_pages = done;
	return ret;
}
#else
static int neuron_dma_import(struct neuron_dma *dma, u64 ptr, const struct neuron_submission *sub)
{
	return -EOPNOTSUPP;
}
#endif

/* May be called twice. */
static void neuron_dma_put_pages(struct neuron_dma *dma)
{
	unsigned long i;

	if (dma->num_pages)
		trace_neuron_dma_unpin(dma->queue->ctx, dma->queue->hw, dma->ptr, dma->num_pages,
				       neuron_dma_writes(dma));
	if (dma->mm) {
		unpin_user_pages_dirty_lock(dma->pages, dma->num_pages, neuron_dma_writes(dma));
		neuron_dma_unaccount(dma);
	} else {
		for (i = 0; i < dma->num_pages; i++) {
			if (neuron_dma_writes(dma))
				set_page_dirty_lock(dma->pages[i]);
			put_page(dma->pages[i]);
		}
	}
	dma->num_pages = 0;
}

/* Not mapped, or no more. */
void neuron_dma_free(struct neuron_dma *dma)
{
	neuron_dma_put_pages(dma);
	neuron_queue_put(dma->queue);
	kvfree(dma->pages);
	kfree(dma);
}

static struct neuron_dma *neuron_dma_alloc(struct neuron_submission *sub,
					   const struct drm_neuron_dma *args)
{
	struct neuron_dma *dma;

	dma = kzalloc(sizeof(*dma), GFP_KERNEL_ACCOUNT);
	if (!dma)
		return NULL;

	dma->nfile = sub->nfile;
	dma->ptr = args->ptr;
	dma->offset = offset_in_page(args->ptr);
	dma->bytes = args->bytes;
	dma->va = args->va;
	dma->dir = args->flags & DRM_NEURON_DMA_FROM_DEVICE ? DMA_FROM_DEVICE : DMA_TO_DEVICE;
	dma->num_pages = DIV_ROUND_UP(dma->offset + dma->bytes, PAGE_SIZE);
	dma->pages = kvmalloc_array(dma->num_pages, sizeof(*dma->pages), GFP_KERNEL_ACCOUNT);
	if (!dma->pages) {
		kfree(dma);
		return NULL;
	}
	dma->queue = neuron_queue_get(sub->queue);
	return dma;
}

/* The pages for a submission, in neuron_submission.dma if 0 is returned. */
static int neuron_dma_get_pages(struct neuron_submission *sub, const struct drm_neuron_dma *args)
{
	bool fixed = sub->ioucmd && (sub->ioucmd->flags & IORING_URING_CMD_FIXED);
	struct neuron_dma *dma;
	int ret;

	dma = neuron_dma_alloc(sub, args);
	if (!dma)
		return -ENOMEM;

	ret = fixed ? neuron_dma_import(dma, args->ptr, sub) : neuron_dma_pin(dma, args->ptr);
	/* What was pinned has been unpinned, what was imported is referenced. */
	if (ret && !fixed)
		dma->num_pages = 0;
	if (dma->num_pages)
		trace_neuron_dma_pin(dma->queue->ctx, dma->queue->hw, dma->ptr, dma->num_pages,
				     neuron_dma_writes(dma));
	if (ret) {
		neuron_dma_free(dma);
		return ret;
	}
	sub->dma = dma;
	return 0;
}

static u64 neuron_dma_page_bytes(const struct neuron_dma *dma)
{
	return (u64)dma->num_pages << PAGE_SHIFT;
}

/* Whole pages, so that the device's pages are aligned; it could reach the rest of them, too. */
static int neuron_dma_map_sgt(struct neuron_dma *dma)
{
	struct neuron_device *ndev = dma->nfile->ndev;
	struct device *dev = neuron_dma_dev(ndev);
	unsigned int segment = min_t(size_t, dma_max_mapping_size(dev), UINT_MAX);
	unsigned long attrs = DMA_ATTR_NO_WARN;
	int ret;

	if (neuron_should_fail(dma->nfile->ndev, NEURON_FAIL_DMA_MAP))
		return -ENOMEM;

	ret = sg_alloc_table_from_pages_segment(&dma->sgt, dma->pages, dma->num_pages, 0,
						dma->num_pages << PAGE_SHIFT, segment,
						GFP_KERNEL_ACCOUNT);
	if (ret)
		return ret;

	/*
	 * What needs a sync without being bounced is refused later. To say so here as well lets DMA
	 * API debugging accept jobs on the same pages at the same time: that is the process's
	 * business.
	 */
	if (!ndev->bounces)
		attrs |= DMA_ATTR_SKIP_CPU_SYNC;
	ret = dma_map_sgtable(dev, &dma->sgt, dma->dir, attrs);
	if (ret) {
		sg_free_table(&dma->sgt);
		/* The DMA API does not say that there are no bounce buffers left. */
		return ret == -ENOMEM || (ret == -EIO && ndev->bounces) ? -ENOMEM : -EOPNOTSUPP;
	}
	return 0;
}

/* What there was to copy back has been, and the device cannot reach the pages any more. */
static void neuron_dma_withdraw(struct neuron_dma *dma, bool entered)
{
	struct neuron_device *ndev = dma->nfile->ndev;

	if (entered)
		neuron_debug_tell_sgt(ndev, NRN_DEBUG_KIND_DMA_UNMAP, &dma->sgt,
				      dma->own.serial, "pages of a DMA job");
	dma_unmap_sgtable(neuron_dma_dev(ndev), &dma->sgt, dma->dir,
			  DMA_ATTR_NO_WARN | DMA_ATTR_SKIP_CPU_SYNC);
}

static void neuron_dma_unmap_sgt(struct neuron_dma *dma, bool entered)
{
	if (!NEURON_MISTAKE(DMA_UNMAPPED_EARLY))
		neuron_dma_withdraw(dma, entered);
	sg_free_table(&dma->sgt);
}

static int neuron_dma_map_charged(struct neuron_dma *dma, struct neuron_job *job)
{
	struct neuron_device *ndev = dma->nfile->ndev;
	bool coherent;
	int ret;

	ret = neuron_dma_map_sgt(dma);
	if (ret)
		return ret;

	coherent = neuron_sgt_is_coherent(neuron_dma_dev(ndev), &dma->sgt);
	job->copy_back = !coherent && neuron_dma_writes(dma);
	if (!coherent && !ndev->bounces) {
		drm_dbg(&ndev->drm, "the memory would need a sync: not supported\n");
		ret = -EOPNOTSUPP;
	} else {
		ret = neuron_vm_map_own(dma->nfile, &dma->own, &dma->sgt,
					neuron_dma_page_bytes(dma), neuron_dma_writes(dma));
	}
	if (ret)
		neuron_dma_unmap_sgt(dma, true);
	else if (NEURON_MISTAKE(DMA_UNMAPPED_EARLY)) /* "the device has the addresses now" */
		neuron_dma_withdraw(dma, true);
	return ret;
}

static int neuron_dma_map_pages(struct neuron_dma *dma, struct neuron_job *job)
{
	struct neuron_device *ndev = dma->nfile->ndev;
	int ret;

	if (!ndev->bounces)
		return neuron_dma_map_charged(dma, job);

	ret = neuron_bounce_charge(ndev, neuron_dma_page_bytes(dma));
	if (ret)
		return ret;
	ret = neuron_dma_map_charged(dma, job);
	if (ret)
		neuron_bounce_uncharge(ndev, neuron_dma_page_bytes(dma));
	return ret;
}

static void neuron_dma_unmap_pages(struct neuron_dma *dma, bool entered)
{
	struct neuron_device *ndev = dma->nfile->ndev;

	neuron_vm_unmap_own(dma->nfile, &dma->own, entered);
	neuron_dma_unmap_sgt(dma, entered);
	if (ndev->bounces)
		neuron_bounce_uncharge(ndev, neuron_dma_page_bytes(dma));
}

/**
 * neuron_dma_copy_back() - let the process have what the device has written
 * @dma: Its job is done as far as the device is concerned, and no fence says so yet.
 */
void neuron_dma_copy_back(struct neuron_dma *dma)
{
	struct device *dev = neuron_dma_dev(dma->nfile->ndev);
	u64 start = dma->offset, end = start + dma->bytes;
	struct scatterlist *sg;
	u64 at = 0;
	int i;

	for_each_sgtable_dma_sg(&dma->sgt, sg, i) {
		u64 from = max(start, at), to = min(end, at + sg_dma_len(sg));

		if (from < to)
			dma_sync_single_range_for_cpu(dev, sg_dma_address(sg), from - at, to - from,
						      DMA_FROM_DEVICE);
		at += sg_dma_len(sg);
	}
}

/**
 * neuron_dma_map() - let the device reach the pages, and tie them to a job
 * @dma: Pages; the device is entered.
 * @job: Job that is about to be pushed. If it is, the pages are released after it; if not,
 *   neuron_dma_unmap() has to follow.
 * @packet: Gets the copy.
 */
int neuron_dma_map(struct neuron_dma *dma, struct neuron_job *job, struct neuron_raw_packet *packet)
{
	struct nrn_packet_copy copy = {
		.header.opcode = NRN_PACKET_OP_COPY,
		.bytes = cpu_to_le64(dma->bytes),
	};
	u64 own;
	int ret;

	ret = neuron_dma_map_pages(dma, job);
	if (ret)
		return ret;

	own = dma->own.node.start + dma->offset;
	copy.src = cpu_to_le64(neuron_dma_writes(dma) ? dma->va : own);
	copy.dst = cpu_to_le64(neuron_dma_writes(dma) ? own : dma->va);
	memcpy(packet, &copy, sizeof(copy));

	dma_fence_get(&job->fence);
	dma->job = job;
	job->dma = dma;
	atomic_inc(&dma->nfile->dma.flying);
	return 0;
}

static void neuron_dma_land(struct neuron_file *nfile)
{
	/* The file may be gone as soon as nothing flies; the address is only a name then. */
	if (atomic_dec_and_test(&nfile->dma.flying))
		wake_up_var(&nfile->dma.flying);
}

/* The job was not pushed after all. */
void neuron_dma_unmap(struct neuron_dma *dma)
{
	dma->job->dma = NULL;
	dma_fence_put(&dma->job->fence);
	neuron_dma_unmap_pages(dma, true);
	neuron_dma_land(dma->nfile);
}

/* Give back what a job that is done has used, and tell those who wait for it. */
static void neuron_dma_release(struct neuron_dma *dma, bool entered)
{
	struct neuron_job *job = dma->job;

	neuron_dma_unmap_pages(dma, entered);
	neuron_dma_put_pages(dma);

	neuron_queue_unhold(dma->queue, job);
	neuron_uring_job_done(job);
	dma_fence_put(&job->fence);
	neuron_dma_free(dma);
}

static struct neuron_dma *neuron_dma_pop(struct neuron_file_dma *file)
{
	struct neuron_dma *dma;

	spin_lock_irq(&file->lock);
	dma = list_first_entry_or_null(&file->done, struct neuron_dma, link);
	if (dma)
		list_del(&dma->link);
	spin_unlock_irq(&file->lock);
	return dma;
}

static void neuron_dma_release_done(struct neuron_file *nfile, bool entered)
{
	struct neuron_dma *dma;

	while ((dma = neuron_dma_pop(&nfile->dma)))
		neuron_dma_release(dma, entered);
}

static void neuron_dma_work(struct work_struct *work)
{
	struct neuron_file *nfile = container_of(work, struct neuron_file, dma.work);
	int idx;

	if (!drm_dev_enter(&nfile->ndev->drm, &idx))
		return; /* neuron_dma_drain() will do it */
	neuron_dma_release_done(nfile, true);
	drm_dev_exit(idx);
}

/* The job's fence has signalled. Any context. */
void neuron_dma_job_done(struct neuron_dma *dma)
{
	struct neuron_file *nfile = dma->nfile;
	unsigned long flags;

	spin_lock_irqsave(&nfile->dma.lock, flags);
	list_add_tail(&dma->link, &nfile->dma.done);
	queue_work(system_unbound_wq, &nfile->dma.work);
	spin_unlock_irqrestore(&nfile->dma.lock, flags);

	neuron_dma_land(nfile);
}

void neuron_dma_init_file(struct neuron_file *nfile)
{
	struct neuron_file_dma *file = &nfile->dma;

	atomic_set(&file->flying, 0);
	spin_lock_init(&file->lock);
	INIT_LIST_HEAD(&file->done);
	INIT_WORK(&file->work, neuron_dma_work);
}

/**
 * neuron_dma_drain() - wait until the file's jobs have given their memory back
 * @nfile: File whose queues have all been stopped, and take no jobs any more.
 * @entered: The device is entered; if not, it must have been stopped for good.
 */
void neuron_dma_drain(struct neuron_file *nfile, bool entered)
{
	struct neuron_file_dma *file = &nfile->dma;

	/* Fences have signalled or are about to: an interrupt handler may hold the last ones. */
	wait_var_event(&file->flying, !atomic_read(&file->flying));
	/* What it is about it ends; what it does not get to, because of remove, is done here. */
	cancel_work_sync(&file->work);
	neuron_dma_release_done(nfile, entered);
}

static int neuron_dma_submit(struct neuron_submission *sub, const struct drm_neuron_dma *args,
			     u64 *seqno)
{
	int ret;

	ret = neuron_check_dma(args);
	if (ret)
		return ret;

	ret = neuron_submit_begin(sub, args->queue_id);
	if (!ret)
		ret = neuron_submit_parse_syncs(sub, &args->syncs);
	if (!ret)
		ret = neuron_submit_wait(sub);
	if (!ret)
		ret = neuron_dma_get_pages(sub, args);
	if (!ret) {
		sub->count = 1;
		ret = neuron_submit_commit(sub, seqno);
	}
	neuron_submit_cleanup(sub);
	return ret;
}

int neuron_dma_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_neuron_dma *args = data;
	struct neuron_submission sub;
	u64 seqno;
	int ret;

	neuron_submit_init(&sub, file->driver_priv);
	ret = neuron_dma_submit(&sub, args, &seqno);
	if (!ret)
		args->seqno = seqno;
	return ret;
}

#if IS_ENABLED(CONFIG_IO_URING)
/* Return: as neuron_submit_uring(). Always for a worker: memory is pinned. */
int neuron_dma_uring(const struct drm_neuron_dma *args, struct io_uring_cmd *ioucmd,
		     unsigned int issue_flags)
{
	struct neuron_submission sub;
	u64 seqno;

	neuron_submit_init_uring(&sub, ioucmd, issue_flags);
	if (sub.nonblock)
		return -EAGAIN;
	return neuron_submit_uring_result(&sub, neuron_dma_submit(&sub, args, &seqno));
}
#endif

static_assert(sizeof(struct nrn_packet_copy) == NRN_PACKET_BYTES);
