// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/dma-fence.h>
#include <linux/dma-mapping.h>
#include <linux/sizes.h>
#include <linux/wait.h>

#include "neuron_bounce.h"
#include "neuron_device.h"
#include "neuron_dma.h"
#include "neuron_job.h"
#include "neuron_queue.h"

/**
 * DOC: Bounce buffers
 *
 * On some systems a device does not reach all memory, or not as it is: virtual machines with
 * encrypted memory, and every machine with swiotlb=force. What is mapped for the device is copied
 * there, or "bounced": into a buffer of the kernel when it is mapped, and back when it is synced.
 * Whether the system is one of them is found out at probe.
 *
 * That does for memory that has an owner at each time and a direction, which is that of a DMA job:
 * the process gives it away with the job, and has it back with the fence. It does not for buffers
 * (see DOC: Host buffers where the DMA API bounces), nor for imports, whose exporter cannot be
 * told to sync; they are refused.
 *
 * The device is done with a copy to memory of the process when the data is in the bounce buffer. To
 * copy it back takes too long for the interrupt handler, so a job like this ends when a worker has
 * done that, and those behind it not earlier. All that completes jobs leaves such a job to the
 * worker; who has to know how far the queue got waits for it. The worker itself only copies, and
 * needs no memory: fences depend on it.
 *
 * The kernel's bounce buffers are few, and other devices, disks among them, need them as well. So
 * what one device may have of them at a time is limited, to half of what kernels have by default.
 */
#define NEURON_BOUNCE_BYTES_MAX SZ_32M

static bool neuron_dma_is_coherent(struct device *dev, dma_addr_t addr)
{
	/* With DMA API debugging on, all that is behind an IOMMU seems to need a sync. */
	if (IS_ENABLED(CONFIG_DMA_API_DEBUG) && device_iommu_mapped(dev))
		return true;

	return !dma_need_sync(dev, addr);
}

/* Whether CPU and device see the same memory at all times. */
bool neuron_sgt_is_coherent(struct device *dev, struct sg_table *sgt)
{
	struct scatterlist *sg;
	int i;

	for_each_sgtable_dma_sg(sgt, sg, i)
		if (!neuron_dma_is_coherent(dev, sg_dma_address(sg)))
			return false;
	return true;
}

/* Return: whether a page that is mapped is copied, or an error. */
static int neuron_bounce_try_mapping(struct device *dev)
{
	struct page *page;
	dma_addr_t addr;
	int ret = -ENOMEM;

	/* The page at hand says nothing about others. */
	if (dma_addressing_limited(dev))
		return true;

	page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!page)
		return -ENOMEM;

	addr = dma_map_page(dev, page, 0, PAGE_SIZE, DMA_TO_DEVICE);
	if (!dma_mapping_error(dev, addr)) {
		ret = !neuron_dma_is_coherent(dev, addr);
		dma_unmap_page(dev, addr, PAGE_SIZE, DMA_TO_DEVICE);
	}
	__free_page(page);
	return ret;
}

/* Return: whether the DMA API has pages that need no copies, or an error. */
static int neuron_bounce_try_allocation(struct device *dev)
{
	struct page *page;
	dma_addr_t addr;
	int ret;

	page = dma_alloc_pages(dev, PAGE_SIZE, &addr, DMA_BIDIRECTIONAL, GFP_KERNEL);
	if (!page)
		return -ENOMEM;

	ret = neuron_dma_is_coherent(dev, addr);
	dma_free_pages(dev, PAGE_SIZE, page, addr, DMA_BIDIRECTIONAL);
	return ret;
}

/* The DMA masks are set. Without pages that need no copies all is as usual, and refused. */
int neuron_bounce_init(struct neuron_device *ndev)
{
	int ret;

	ret = neuron_bounce_try_mapping(neuron_dma_dev(ndev));
	if (ret > 0)
		ret = neuron_bounce_try_allocation(neuron_dma_dev(ndev));
	if (ret <= 0)
		return ret;

	/* Fences depend on it. */
	ndev->bounce_wq = alloc_workqueue("neuron-bounce", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!ndev->bounce_wq)
		return -ENOMEM;
	ndev->bounces = true;
	return 0;
}

void neuron_bounce_fini(struct neuron_device *ndev)
{
	if (ndev->bounce_wq)
		destroy_workqueue(ndev->bounce_wq);
}

/**
 * neuron_bounce_charge() - ask for bounce buffers
 * @ndev: Device of a system that bounces.
 * @bytes: As many are about to be mapped.
 *
 * Return: 0, -ENOMEM if others have them, -E2BIG if there never are as many.
 */
int neuron_bounce_charge(struct neuron_device *ndev, u64 bytes)
{
	if (bytes > NEURON_BOUNCE_BYTES_MAX)
		return -E2BIG;
	if (atomic64_add_return(bytes, &ndev->bounced) <= NEURON_BOUNCE_BYTES_MAX)
		return 0;

	neuron_bounce_uncharge(ndev, bytes);
	return -ENOMEM;
}

void neuron_bounce_uncharge(struct neuron_device *ndev, u64 bytes)
{
	atomic64_sub(bytes, &ndev->bounced);
}

/* The oldest job whose data has been delivered up to this packet, and nobody copied back yet. */
static struct neuron_job *neuron_copy_back_next(struct neuron_queue *queue, u64 head)
{
	struct neuron_job *job, *found = NULL;

	spin_lock_irq(&queue->irq_lock);
	head = min(head, neuron_queue_retired_locked(queue));
	list_for_each_entry(job, &queue->jobs, link) {
		if (job->end > head)
			break;
		if (job->copy_back) {
			found = job;
			break;
		}
	}
	spin_unlock_irq(&queue->irq_lock);
	return found;
}

/*
 * What it finds stays: jobs like this are completed after their copy only, or when the device did
 * not get there.
 */
void neuron_copy_back_work(struct work_struct *work)
{
	struct neuron_queue *queue = container_of(work, struct neuron_queue, copy_back);
	struct neuron_job *job;
	bool cookie;

	cookie = dma_fence_begin_signalling();
	while ((job = neuron_copy_back_next(queue, U64_MAX))) {
		neuron_dma_copy_back(job->dma);

		spin_lock_irq(&queue->irq_lock);
		job->copy_back = false;
		spin_unlock_irq(&queue->irq_lock);
		wake_up_all(&queue->wait);
		neuron_queue_retire(queue);
	}
	dma_fence_end_signalling(cookie);
	neuron_queue_put(queue);
}

/* Any context. */
void neuron_copy_back_kick(struct neuron_queue *queue)
{
	neuron_queue_get(queue);
	if (!queue_work(queue->ndev->bounce_wq, &queue->copy_back))
		neuron_queue_put(queue); /* not the last: the caller has one */
}

static bool neuron_copy_back_done(struct neuron_queue *queue, u64 head)
{
	if (!neuron_copy_back_next(queue, head))
		return true;
	neuron_copy_back_kick(queue);
	return false;
}

/*
 * Wait until all data is where it belongs of the jobs that the device is done with. Not for the
 * work itself: it signals fences, as those do who wait here, and lockdep would take them for one
 * another's victims.
 */
void neuron_copy_back_finish(struct neuron_queue *queue)
{
	u64 head;

	if (!queue->ndev->bounces || queue->user)
		return;

	spin_lock_irq(&queue->irq_lock);
	head = neuron_queue_retired_locked(queue);
	spin_unlock_irq(&queue->irq_lock);
	wait_event(queue->wait, neuron_copy_back_done(queue, head));
}
