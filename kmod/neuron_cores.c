// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/bitfield.h>

#include <drm/drm_print.h>

#include "neuron_cores.h"
#include "neuron_hw.h"
#include "neuron_spec_names.h"

/* 1.3 brought the registers that show cores. */
#define NEURON_SPEC_MINOR_CORES 3

static bool neuron_cores_are_shown(struct neuron_device *ndev)
{
	return FIELD_GET(NRN_GLOBAL_VERSION_MINOR, ndev->info.spec_version) >=
	       NEURON_SPEC_MINOR_CORES;
}

static void neuron_engine_read(struct neuron_device *ndev, u32 index,
			       struct neuron_engine_view *view)
{
	view->status = neuron_rd32(ndev, NRN_REG_ENGINE_STATUS(index));
	view->pc = neuron_rd32(ndev, NRN_REG_ENGINE_PC(index));
	view->wait_value = neuron_rd32(ndev, NRN_REG_ENGINE_WAIT_VALUE(index));
	view->retired = neuron_rd64(ndev, NRN_REG_ENGINE_RETIRED(index));
}

/* The device is not cut off. It goes on meanwhile, if it does. */
void neuron_core_read(struct neuron_device *ndev, u32 core, struct neuron_core_view *view)
{
	u32 i;

	lockdep_assert_held(&ndev->reset_sem);

	view->status = 0;
	if (neuron_cores_are_shown(ndev))
		view->status = neuron_rd32(ndev, NRN_REG_CORE_STATUS(core));
	if (!(view->status & NRN_CORE_STATUS_USED))
		return;

	for (i = 0; i < NRN_ENGINE_COUNT; i++)
		neuron_engine_read(ndev, core * NRN_ENGINE_COUNT + i, &view->engines[i]);
	for (i = 0; i < NRN_SEMAPHORES; i++)
		view->semaphores[i] =
			neuron_rd32(ndev, NRN_REG_SEMAPHORE_VALUE(core * NRN_SEMAPHORES + i));
}

static void neuron_engine_print(struct drm_printer *p, u32 engine,
				const struct neuron_core_view *core)
{
	const struct neuron_engine_view *view = &core->engines[engine];
	u32 state = FIELD_GET(NRN_ENGINE_STATUS_STATE, view->status);
	u32 op = FIELD_GET(NRN_ENGINE_STATUS_WAIT_OP, view->status);
	u32 semaphore = FIELD_GET(NRN_ENGINE_STATUS_SEMAPHORE, view->status);

	if (state == NRN_ENGINE_STATE_UNUSED)
		return;
	drm_printf(p, "engine %s: state=%s pc=%u retired=%llu transfers=%u",
		   nrn_engine_name(engine), nrn_engine_state_name(state), view->pc, view->retired,
		   FIELD_GET(NRN_ENGINE_STATUS_TRANSFERS, view->status));
	if (op != NRN_WAIT_OP_NONE)
		drm_printf(p, " wait=%s semaphore=%u value=%u is=%u", nrn_wait_op_name(op),
			   semaphore, view->wait_value, core->semaphores[semaphore]);
	drm_puts(p, "\n");
}

/* A section for a core that was used; semaphores that are 0 are left out. */
void neuron_core_print(struct drm_printer *p, u32 core, const struct neuron_core_view *view)
{
	u32 i;

	if (!(view->status & NRN_CORE_STATUS_USED))
		return;

	drm_printf(p, "\n[core %u]\n", core);
	drm_printf(p, "queue: %u\n", FIELD_GET(NRN_CORE_STATUS_QUEUE, view->status));
	drm_printf(p, "busy: %d\n", !!(view->status & NRN_CORE_STATUS_BUSY));
	for (i = 0; i < NRN_ENGINE_COUNT; i++)
		neuron_engine_print(p, i, view);
	for (i = 0; i < NRN_SEMAPHORES; i++)
		if (view->semaphores[i])
			drm_printf(p, "semaphore %u: %u\n", i, view->semaphores[i]);
}
