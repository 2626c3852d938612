// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/sched.h>
#include <linux/scatterlist.h>
#include <linux/string.h>

#include <drm/drm_drv.h>
#include <drm/neuron_accel.h>

#include "neuron_debug.h"
#include "neuron_device.h"
#include "neuron_gem.h"

/**
 * DOC: Who holds HBM and host memory
 *
 * Besides mappings of contexts the device is told which buffer HBM and bus addresses belong to. It
 * so knows whose an address was that the IOMMU or ECC complains of, though its holder is gone.
 */

static void neuron_debug_tell_held(struct neuron_device *ndev, u16 kind, u64 start, u64 bytes,
				   u64 buffer, const char *label)
{
	struct nrn_debug_record rec = neuron_debug_record(kind, 0);

	rec.va = cpu_to_le64(start);
	rec.bytes = cpu_to_le64(bytes);
	rec.buffer = cpu_to_le64(ndev->debug.spaces ? buffer : 0);
	if (ndev->debug.spaces)
		get_task_comm(rec.comm, current);
	if (label)
		strscpy(rec.label, label, sizeof(rec.label));
	neuron_debug_tell(ndev, &rec);
}

/*
 * What the device may access by bus address, and what not any more. Each call is an exit from a
 * virtual machine for each piece, so it is told to who looks only: the sanitizer, or the
 * administrator to whom an IOMMU has given an address. reset_sem is held.
 */
void neuron_debug_tell_dma(struct neuron_device *ndev, u16 kind, dma_addr_t dma, size_t bytes,
			   const char *label)
{
	if (ndev->debug.bus)
		neuron_debug_tell_held(ndev, kind, dma, bytes, 0, label);
}

/* @buffer: Serial of the buffer. */
void neuron_debug_tell_sgt(struct neuron_device *ndev, u16 kind, struct sg_table *sgt, u64 buffer,
			   const char *label)
{
	struct scatterlist *sg;
	int i;

	if (!ndev->debug.bus)
		return;
	down_read(&ndev->reset_sem);
	for_each_sgtable_dma_sg(sgt, sg, i)
		neuron_debug_tell_held(ndev, kind, sg_dma_address(sg), sg_dma_len(sg), buffer,
				       label);
	up_read(&ndev->reset_sem);
}

static void neuron_debug_tell_hbm(struct neuron_device *ndev, struct neuron_bo *bo, u16 kind)
{
	struct drm_buddy *mm = &ndev->hbm.mm.buddy;
	struct drm_buddy_block *block;
	u64 start = 0, bytes = 0;

	down_read(&ndev->reset_sem);
	list_for_each_entry(block, &bo->blocks, link) {
		u64 next = drm_buddy_block_offset(block);

		if (bytes && next != start + bytes) {
			neuron_debug_tell_held(ndev, kind, start, bytes, bo->serial, NULL);
			bytes = 0;
		}
		if (!bytes)
			start = next;
		bytes += drm_buddy_block_size(mm, block);
	}
	if (bytes)
		neuron_debug_tell_held(ndev, kind, start, bytes, bo->serial, NULL);
	up_read(&ndev->reset_sem);
}

/*
 * neuron_debug_tell_hbm_of() - a buffer that is complete has its HBM, or gives it up
 * @bo: Buffer. One of host memory has none.
 * @kind: NRN_DEBUG_KIND_HBM_TAKE or _GIVE.
 *
 * Of a device that is gone remove may be taking the channel away: it is not told.
 */
void neuron_debug_tell_hbm_of(struct neuron_bo *bo, u16 kind)
{
	struct neuron_device *ndev = to_neuron_device(bo->shmem.base.dev);
	int idx;

	if (!ndev->debug.spaces || list_empty(&bo->blocks) || !drm_dev_enter(&ndev->drm, &idx))
		return;
	neuron_debug_tell_hbm(ndev, bo, kind);
	drm_dev_exit(idx);
}
