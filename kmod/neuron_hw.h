/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_HW_H__
#define __NEURON_HW_H__

#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/io.h>

#include <drm/neuron_accel.h>

#include "neuron_device.h"
#include "neuron_fail.h"

static inline u32 neuron_rd32(struct neuron_device *ndev, u32 reg)
{
	return readl(ndev->regs + reg);
}

static inline u64 neuron_rd64(struct neuron_device *ndev, u32 reg)
{
	return readq(ndev->regs + reg);
}

static inline void neuron_wr32(struct neuron_device *ndev, u32 reg, u32 value)
{
	writel(value, ndev->regs + reg);
}

static inline void neuron_wr64(struct neuron_device *ndev, u32 reg, u64 value)
{
	writeq(value, ndev->regs + reg);
}

/*
 * struct neuron_queue_regs: what a hardware queue is told when it starts
 */
struct neuron_queue_regs {
	/* Bus addresses; of a queue in user mode, context addresses. */
	u64 ring;
	u64 seqno;
	u64 stamps;
	u32 ring_log2;
	u32 ctx;
	u32 vector;
	enum drm_neuron_priority priority;
	u32 coalesce_count;
	u32 coalesce_usecs;
	bool user;
};

int neuron_hw_map(struct neuron_device *ndev);
int neuron_hw_identify(struct neuron_device *ndev);
bool neuron_hw_present(struct neuron_device *ndev);
bool neuron_hw_is_cut_off(struct neuron_device *ndev);
int neuron_hw_reset(struct neuron_device *ndev);
int neuron_hw_wait_ready(struct neuron_device *ndev);
int neuron_hw_scrub(struct neuron_device *ndev, u64 addr, u64 bytes);

bool neuron_hw_can_test_drivers(struct neuron_device *ndev);
bool neuron_hw_knows_names(struct neuron_device *ndev);
bool neuron_hw_knows_spaces(struct neuron_device *ndev);
int neuron_hw_rec_command(struct neuron_device *ndev, u32 op, dma_addr_t to, u64 first, u32 count);
void neuron_hw_ctx_enable(struct neuron_device *ndev, u32 ctx, dma_addr_t root);
int neuron_hw_ctx_disable(struct neuron_device *ndev, u32 ctx);
int neuron_hw_tlb_flush(struct neuron_device *ndev, u32 ctx);

void neuron_hw_queue_start(struct neuron_device *ndev, u32 hw,
			   const struct neuron_queue_regs *regs);
int neuron_hw_queue_stop(struct neuron_device *ndev, u32 hw);

/* Of a kernel-mode queue. */
static inline void neuron_hw_doorbell(struct neuron_device *ndev, u32 hw, u64 tail)
{
	/*
	 * writel() orders the packets, in coherent memory, before the doorbell. What user space
	 * wrote to HBM may still be in a write-combining buffer, which only wmb() empties.
	 */
	wmb();
	if (neuron_should_fail(ndev, NEURON_FAIL_DOORBELL))
		return;
	neuron_wr32(ndev, NRN_REG_QUEUE_DOORBELL(hw), lower_32_bits(tail));
}

#endif /* __NEURON_HW_H__ */
