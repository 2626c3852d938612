/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_REGS_H__
#define __NEURON_REGS_H__

#include <linux/types.h>

#include "neuron_spec_names.h"

struct drm_printer;
struct neuron_device;

/*
 * struct neuron_reg_desc: a register that can be read without an effect
 */
struct neuron_reg_desc {
	const char *name;
	/* @offset: In the first block. */
	u32 offset;
	u32 bits;
};

#define NEURON_GLOBAL_REGS NRN_REGISTERS_GLOBAL_COUNT
#define NEURON_REC_REGS	   NRN_REGISTERS_REC_COUNT
#define NEURON_PLAN_REGS   NRN_REGISTERS_PLAN_COUNT
#define NEURON_CTX_REGS	   NRN_REGISTERS_CTX_COUNT
#define NEURON_QUEUE_REGS  NRN_REGISTERS_QUEUE_COUNT

extern const struct neuron_reg_desc neuron_global_regs[NEURON_GLOBAL_REGS];
extern const struct neuron_reg_desc neuron_rec_regs[NEURON_REC_REGS];
extern const struct neuron_reg_desc neuron_plan_regs[NEURON_PLAN_REGS];
extern const struct neuron_reg_desc neuron_ctx_regs[NEURON_CTX_REGS];
extern const struct neuron_reg_desc neuron_queue_regs[NEURON_QUEUE_REGS];

void neuron_regs_read(struct neuron_device *ndev, const struct neuron_reg_desc *descs, u32 count,
		      u32 base, u64 *values);
void neuron_regs_print(struct drm_printer *p, const struct neuron_reg_desc *descs, u32 count,
		       const u64 *values);
void neuron_regs_show(struct drm_printer *p, struct neuron_device *ndev,
		      const struct neuron_reg_desc *descs, u32 count, u32 base);

#endif /* __NEURON_REGS_H__ */
