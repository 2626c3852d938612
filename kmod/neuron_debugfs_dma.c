// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/iommu.h>
#include <linux/scatterlist.h>

#include <drm/drm_print.h>

#include "neuron_debugfs.h"
#include "neuron_device.h"
#include "neuron_gem.h"
#include "neuron_irq.h"
#include "neuron_pgtable.h"
#include "neuron_queue.h"

/*
 * struct neuron_dma_printer: where to print, and how the bus sees memory
 */
struct neuron_dma_printer {
	struct drm_printer *p;
	/* @domain: What translates the device's addresses, or NULL. */
	struct iommu_domain *domain;
	/* @ctx, @level: Of the page tables that are printed. */
	u32 ctx;
};

static phys_addr_t neuron_dma_phys(const struct neuron_dma_printer *dp, dma_addr_t dma)
{
	return dp->domain ? iommu_iova_to_phys(dp->domain, dma) : dma;
}

/* From @dma on, what is one piece of memory: at most @size bytes. */
static u64 neuron_dma_piece(const struct neuron_dma_printer *dp, dma_addr_t dma, u64 size)
{
	phys_addr_t phys = neuron_dma_phys(dp, dma);
	u64 piece = min_t(u64, size, PAGE_SIZE - offset_in_page(dma));

	if (!dp->domain)
		return size;
	while (piece < size && neuron_dma_phys(dp, dma + piece) == phys + piece)
		piece += min_t(u64, size - piece, PAGE_SIZE);
	return piece;
}

/* The lines of a range, each the beginning of one, for the caller to end. */
static u64 neuron_dma_begin_line(const struct neuron_dma_printer *dp, dma_addr_t dma, u64 size)
{
	u64 piece = neuron_dma_piece(dp, dma, size);

	drm_printf(dp->p, "%#llx +%#llx phys=%#llx ", (u64)dma, piece,
		   (u64)neuron_dma_phys(dp, dma));
	return piece;
}

static void neuron_dma_print_bo(const struct neuron_dma_printer *dp, struct neuron_bo *bo)
{
	struct sg_table *sgt = READ_ONCE(bo->shmem.sgt);
	u64 offset = 0, done, piece;
	struct scatterlist *sg;
	int i;

	if (!sgt)
		return;
	for_each_sgtable_dma_sg(sgt, sg, i) {
		for (done = 0; done < sg_dma_len(sg); done += piece, offset += piece) {
			piece = neuron_dma_begin_line(dp, sg_dma_address(sg) + done,
						      sg_dma_len(sg) - done);
			drm_printf(dp->p, "buffer=%llu offset=%#llx client=%llu pid=%d comm=%s\n",
				   bo->serial, offset, bo->client, bo->pid, bo->comm);
		}
	}
}

static void neuron_dma_print_bos(const struct neuron_dma_printer *dp, struct neuron_device *ndev)
{
	struct neuron_bo *bo;

	mutex_lock(&ndev->bos_lock);
	list_for_each_entry(bo, &ndev->bos, link)
		neuron_dma_print_bo(dp, bo);
	mutex_unlock(&ndev->bos_lock);
}

static void neuron_dma_print_part(const struct neuron_dma_printer *dp, dma_addr_t dma, u64 size,
				  const char *what, u32 queue)
{
	u64 done;

	for (done = 0; done < size;) {
		u64 piece = neuron_dma_begin_line(dp, dma + done, size - done);

		drm_printf(dp->p, "%s offset=%#llx queue=%u\n", what, done, queue);
		done += piece;
	}
}

/* The memory of a queue goes under irq_lock. */
static void neuron_dma_print_queue(const struct neuron_dma_printer *dp, struct neuron_queue *queue)
{
	u64 entries = BIT_ULL(queue->ring_log2);
	bool there;

	mutex_lock(&queue->stop_lock);
	spin_lock_irq(&queue->irq_lock);
	there = queue->ring;
	spin_unlock_irq(&queue->irq_lock);
	if (there) {
		neuron_dma_print_part(dp, queue->ring_dma, entries * NRN_PACKET_BYTES, "ring",
				      queue->hw);
		neuron_dma_print_part(dp, queue->stamps_dma, entries * sizeof(*queue->stamps),
				      "stamps", queue->hw);
		neuron_dma_print_part(dp, queue->seqno_dma, NRN_PAGE_SIZE, "seqno", queue->hw);
	}
	mutex_unlock(&queue->stop_lock);
}

static void neuron_dma_print_table(void *arg, dma_addr_t dma, unsigned int level)
{
	const struct neuron_dma_printer *dp = arg;

	neuron_dma_begin_line(dp, dma, NRN_PAGE_SIZE);
	drm_printf(dp->p, "table level=%u ctx=%u\n", level, dp->ctx);
}

static void neuron_dma_print_own(const struct neuron_dma_printer *dp, struct neuron_file *nfile)
{
	struct neuron_own_mapping *own;
	struct drm_mm_node *node;
	struct scatterlist *sg;
	u64 va, done, piece;
	int i;

	drm_mm_for_each_node(node, &nfile->vm.own_mm) {
		own = container_of(node, struct neuron_own_mapping, node);
		va = node->start;
		for_each_sgtable_dma_sg(own->sgt, sg, i) {
			for (done = 0; done < sg_dma_len(sg); done += piece, va += piece) {
				piece = neuron_dma_begin_line(dp, sg_dma_address(sg) + done,
							      sg_dma_len(sg) - done);
				drm_printf(dp->p, "process ctx=%u va=%#llx\n", nfile->ctx, va);
			}
		}
	}
}

static void neuron_dma_print_files(struct neuron_dma_printer *dp, struct neuron_device *ndev)
{
	struct neuron_file *nfile;

	mutex_lock(&ndev->files_lock);
	list_for_each_entry(nfile, &ndev->files, link) {
		if (nfile->closing)
			continue;
		dp->ctx = nfile->ctx;
		mutex_lock(&nfile->vm.lock);
		if (nfile->vm.pgt.root) {
			neuron_dma_print_own(dp, nfile);
			neuron_pgtable_for_each(&nfile->vm.pgt, neuron_dma_print_table, dp);
		}
		mutex_unlock(&nfile->vm.lock);
	}
	mutex_unlock(&ndev->files_lock);
}

static void neuron_dma_print_events(const struct neuron_dma_printer *dp,
				    struct neuron_device *ndev)
{
	u64 size = neuron_events_bytes(), done, piece;

	for (done = 0; done < size; done += piece) {
		piece = neuron_dma_begin_line(dp, ndev->events.dma + done, size - done);
		drm_printf(dp->p, "events offset=%#llx\n", done);
	}
}

/* All memory of the system that the device can reach: by its own addresses, and where it is. */
void neuron_debugfs_print_dma(struct drm_printer *p, struct neuron_device *ndev)
{
	struct neuron_dma_printer dp = {
		.p = p,
		.domain = iommu_get_domain_for_dev(neuron_dma_dev(ndev)),
	};
	struct neuron_queue *queue __free(neuron_queue) = NULL;

	neuron_dma_print_bos(&dp, ndev);
	neuron_dma_print_files(&dp, ndev);
	while ((queue = neuron_queue_next(ndev, queue)))
		neuron_dma_print_queue(&dp, queue);
	neuron_dma_print_events(&dp, ndev);
}
