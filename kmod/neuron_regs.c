// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <drm/drm_print.h>

#include "neuron_hw.h"
#include "neuron_regs.h"

/* The contract says which there are. */
#define NEURON_REG_DESC(_name, _offset, _bits) { #_name, _offset, _bits },

const struct neuron_reg_desc neuron_global_regs[NEURON_GLOBAL_REGS] = {
	NRN_REGISTERS_GLOBAL(NEURON_REG_DESC)
};

const struct neuron_reg_desc neuron_rec_regs[NEURON_REC_REGS] = {
	NRN_REGISTERS_REC(NEURON_REG_DESC)
};

const struct neuron_reg_desc neuron_plan_regs[NEURON_PLAN_REGS] = {
	NRN_REGISTERS_PLAN(NEURON_REG_DESC)
};

const struct neuron_reg_desc neuron_ctx_regs[NEURON_CTX_REGS] = {
	NRN_REGISTERS_CTX(NEURON_REG_DESC)
};

const struct neuron_reg_desc neuron_queue_regs[NEURON_QUEUE_REGS] = {
	NRN_REGISTERS_QUEUE(NEURON_REG_DESC)
};

static u64 neuron_reg_read(struct neuron_device *ndev, const struct neuron_reg_desc *desc, u32 base)
{
	u32 reg = base + desc->offset;

	return desc->bits == 64 ? neuron_rd64(ndev, reg) : neuron_rd32(ndev, reg);
}

static void neuron_reg_print(struct drm_printer *p, const struct neuron_reg_desc *desc, u64 value)
{
	drm_printf(p, "%s: %#llx\n", desc->name, value);
}

/* Registers of a block that is so many bytes behind the first one. The device is not cut off. */
void neuron_regs_read(struct neuron_device *ndev, const struct neuron_reg_desc *descs, u32 count,
		      u32 base, u64 *values)
{
	u32 i;

	lockdep_assert_held(&ndev->reset_sem);

	for (i = 0; i < count; i++)
		values[i] = neuron_reg_read(ndev, &descs[i], base);
}

/* What was read before. */
void neuron_regs_print(struct drm_printer *p, const struct neuron_reg_desc *descs, u32 count,
		       const u64 *values)
{
	u32 i;

	for (i = 0; i < count; i++)
		neuron_reg_print(p, &descs[i], values[i]);
}

/* What they say now. */
void neuron_regs_show(struct drm_printer *p, struct neuron_device *ndev,
		      const struct neuron_reg_desc *descs, u32 count, u32 base)
{
	u32 i;

	lockdep_assert_held(&ndev->reset_sem);

	for (i = 0; i < count; i++)
		neuron_reg_print(p, &descs[i], neuron_reg_read(ndev, &descs[i], base));
}
