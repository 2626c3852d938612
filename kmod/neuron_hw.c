// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/bitfield.h>
#include <linux/iopoll.h>

#include <drm/drm_print.h>
#include <drm/neuron_accel.h>

#include "neuron_hw.h"

/* The other limits are an administrator's, see DOC: Limits. */
#define NEURON_SCRUB_US (30 * USEC_PER_SEC)
#define NEURON_POLL_US	20
#define NEURON_SPIN_US	20

/* All ones is what a device reads as that is not there; no register of ours stays at that. */
bool neuron_hw_present(struct neuron_device *ndev)
{
	return neuron_rd32(ndev, NRN_REG_GLOBAL_MAGIC) == NRN_GLOBAL_MAGIC_RESET;
}

static bool neuron_poll_ends(struct neuron_device *ndev, u32 val, u32 mask, u32 want)
{
	if (val == ~0u)
		return !neuron_hw_present(ndev);
	return (val & mask) == want;
}

/*
 * 1.2 brought the doorbell register. A page of doorbells that is mapped into a process cannot move
 * the tail of a queue that listens to it, so nothing but the driver starts work that a fence stands
 * for.
 */
#define NEURON_SPEC_MINOR_NEEDED 2

/*
 * Wait until the masked register has the value. Most conditions hold at the first look or soon;
 * only then it pays to sleep. A device that is gone ends the wait at once.
 *
 * Return: 0, -ETIMEDOUT or -ENODEV.
 */
static int neuron_poll(struct neuron_device *ndev, u32 reg, u32 mask, u32 want, u64 timeout_us)
{
	void __iomem *addr = ndev->regs + reg;
	u32 val;
	int ret;

	ret = readl_poll_timeout_atomic(addr, val, neuron_poll_ends(ndev, val, mask, want), 1,
					NEURON_SPIN_US);
	if (ret)
		ret = readl_poll_timeout(addr, val, neuron_poll_ends(ndev, val, mask, want),
					 NEURON_POLL_US, timeout_us);
	if (!ret && val == ~0u)
		return -ENODEV;
	return ret;
}

/* The same, unless it is to fail in its own way. */
static int neuron_poll_or_fail(struct neuron_device *ndev, enum neuron_fail what, u32 reg, u32 mask,
			       u32 want, u64 timeout_us)
{
	if (neuron_should_fail(ndev, what))
		return -ETIMEDOUT;
	return neuron_poll(ndev, reg, mask, want, timeout_us);
}

static u64 neuron_hw_stop_us(struct neuron_device *ndev)
{
	return READ_ONCE(ndev->stop_ms) * (u64)USEC_PER_MSEC;
}

int neuron_hw_map(struct neuron_device *ndev)
{
	struct pci_dev *pdev = to_pci_dev(ndev->drm.dev);
	int ret;

	if (pci_resource_len(pdev, NRN_BAR_REGS) < NRN_BAR_REGS_SIZE ||
	    pci_resource_len(pdev, NRN_BAR_DOORBELLS) < NRN_BAR_DOORBELLS_SIZE ||
	    !pci_resource_len(pdev, NRN_BAR_APERTURE))
		return dev_err_probe(&pdev->dev, -ENODEV, "a BAR is missing or too small\n");

	ndev->regs = pcim_iomap_region(pdev, NRN_BAR_REGS, "neuron-regs");
	if (IS_ERR(ndev->regs))
		return PTR_ERR(ndev->regs);

	/* Doorbells are for processes to ring: the driver has a register for it. */
	ret = pcim_request_region(pdev, NRN_BAR_DOORBELLS, "neuron-doorbells");
	if (ret)
		return ret;
	ndev->doorbells = pci_resource_start(pdev, NRN_BAR_DOORBELLS);

	ret = pcim_request_region(pdev, NRN_BAR_APERTURE, "neuron-aperture");
	if (ret)
		return ret;

	/* Without the reservation, user mappings of the aperture would fall back to uncached. */
	ndev->aperture = pci_resource_start(pdev, NRN_BAR_APERTURE);
	return devm_arch_io_reserve_memtype_wc(&pdev->dev, ndev->aperture,
					       pci_resource_len(pdev, NRN_BAR_APERTURE));
}

static int neuron_hw_check_version(struct neuron_device *ndev, u32 version)
{
	u32 major = FIELD_GET(NRN_GLOBAL_VERSION_MAJOR, version);
	u32 minor = FIELD_GET(NRN_GLOBAL_VERSION_MINOR, version);

	if (major != NRN_VERSION_MAJOR) {
		drm_err(&ndev->drm,
			"the device speaks spec version %u.%u, this driver %u.%u: the major versions must be equal\n",
			major, minor, NRN_VERSION_MAJOR, NRN_VERSION_MINOR);
		return -ENODEV;
	}
	if (minor < NEURON_SPEC_MINOR_NEEDED) {
		drm_err(&ndev->drm,
			"the device speaks spec version %u.%u, this driver needs %u.%u or a later minor version\n",
			major, minor, NRN_VERSION_MAJOR, NEURON_SPEC_MINOR_NEEDED);
		return -ENODEV;
	}
	return 0;
}

static int neuron_hw_check_info(struct neuron_device *ndev)
{
	struct pci_dev *pdev = to_pci_dev(ndev->drm.dev);
	struct neuron_info *info = &ndev->info;

	if (!info->contexts || !info->queues || !info->cores || !info->hbm_banks ||
	    info->hbm_banks > DRM_NEURON_MAX_BANKS || !info->hbm_bytes ||
	    !IS_ALIGNED(info->hbm_bytes, (u64)NRN_PAGE_SIZE * info->hbm_banks)) {
		drm_err(&ndev->drm, "the device describes itself with impossible sizes\n");
		return -ENODEV;
	}

	info->contexts = min_t(u32, info->contexts, NRN_MAX_CONTEXTS);
	info->queues = min_t(u32, info->queues, NRN_MAX_QUEUES);
	info->aperture_bytes = min3(info->aperture_bytes, info->hbm_bytes,
				    (u64)pci_resource_len(pdev, NRN_BAR_APERTURE));
	info->aperture_bytes = ALIGN_DOWN(info->aperture_bytes, PAGE_SIZE);
	return 0;
}

/* Why BAR REGS does not hold the registers. The kernel does not see that a link was down. */
static const char *neuron_hw_stranger(struct neuron_device *ndev)
{
	struct pci_dev *pdev = to_pci_dev(ndev->drm.dev);
	u32 low = 0, high = 0;

	pci_read_config_dword(pdev, PCI_BASE_ADDRESS_0, &low);
	pci_read_config_dword(pdev, PCI_BASE_ADDRESS_1, &high);
	if (PCI_POSSIBLE_ERROR(low))
		return "the function does not answer at all";
	if (!(low & PCI_BASE_ADDRESS_MEM_MASK) && !high)
		return "its BARs have lost their addresses; remove the function and rescan the bus";
	return "its registers cannot be reached, or it is another device";
}

/* Says why when it fails. */
int neuron_hw_identify(struct neuron_device *ndev)
{
	u32 magic = neuron_rd32(ndev, NRN_REG_GLOBAL_MAGIC);
	struct neuron_info *info = &ndev->info;
	int ret;

	if (magic != NRN_GLOBAL_MAGIC_RESET) {
		drm_err(&ndev->drm, "the device answers %#x instead of its magic %#x: %s\n", magic,
			NRN_GLOBAL_MAGIC_RESET, neuron_hw_stranger(ndev));
		return -ENODEV;
	}

	info->spec_version = neuron_rd32(ndev, NRN_REG_GLOBAL_VERSION);
	ret = neuron_hw_check_version(ndev, info->spec_version);
	if (ret)
		return ret;

	info->profile = neuron_rd32(ndev, NRN_REG_GLOBAL_PROFILE);
	info->cores = neuron_rd32(ndev, NRN_REG_GLOBAL_CORES);
	info->sbuf_bytes = neuron_rd32(ndev, NRN_REG_GLOBAL_SBUF_BYTES);
	info->psum_bytes = neuron_rd32(ndev, NRN_REG_GLOBAL_PSUM_BYTES);
	info->hbm_banks = neuron_rd32(ndev, NRN_REG_GLOBAL_HBM_BANKS);
	info->contexts = neuron_rd32(ndev, NRN_REG_GLOBAL_CONTEXTS);
	info->queues = neuron_rd32(ndev, NRN_REG_GLOBAL_QUEUES);
	info->hbm_bytes = neuron_rd64(ndev, NRN_REG_GLOBAL_HBM_BYTES);
	info->aperture_bytes = neuron_rd64(ndev, NRN_REG_GLOBAL_APERTURE_BYTES);
	return neuron_hw_check_info(ndev);
}

int neuron_hw_wait_ready(struct neuron_device *ndev)
{
	return neuron_poll(ndev, NRN_REG_GLOBAL_STATUS, NRN_GLOBAL_STATUS_READY,
			   NRN_GLOBAL_STATUS_READY, READ_ONCE(ndev->reset_ms) * (u64)USEC_PER_MSEC);
}

/*
 * Stops everything, and forgets and zeroes it. When 0 is returned the device reaches no memory any
 * more.
 */
int neuron_hw_reset(struct neuron_device *ndev)
{
	if (neuron_should_fail(ndev, NEURON_FAIL_RESET))
		return -ETIMEDOUT;
	neuron_wr32(ndev, NRN_REG_GLOBAL_CTRL, NRN_GLOBAL_CTRL_RESET);
	return neuron_hw_wait_ready(ndev);
}

int neuron_hw_scrub(struct neuron_device *ndev, u64 addr, u64 bytes)
{
	int ret;

	lockdep_assert_held(&ndev->hbm.lock);
	lockdep_assert_held(&ndev->reset_sem);

	if (ndev->gone)
		return -ENODEV;
	if (ndev->wedged)
		return -EIO;
	/*
	 * The reset zeroes all of HBM, but when is not known, and who has it mapped may write
	 * behind it.
	 */
	if (ndev->away)
		return -EAGAIN;

	neuron_wr64(ndev, NRN_REG_GLOBAL_SCRUB_ADDR, addr);
	neuron_wr64(ndev, NRN_REG_GLOBAL_SCRUB_BYTES, bytes);
	neuron_wr32(ndev, NRN_REG_GLOBAL_SCRUB_CTRL, NRN_GLOBAL_SCRUB_CTRL_START);
	ret = neuron_poll_or_fail(ndev, NEURON_FAIL_SCRUB, NRN_REG_GLOBAL_SCRUB_CTRL,
				  NRN_GLOBAL_SCRUB_CTRL_START, 0, NEURON_SCRUB_US);
	if (!ret && !(neuron_rd32(ndev, NRN_REG_GLOBAL_SCRUB_CTRL) & NRN_GLOBAL_SCRUB_CTRL_ERROR))
		return 0;
	if (ret == -ENODEV)
		return ret;

	drm_err_ratelimited(&ndev->drm, "scrubbing HBM [%#llx, %#llx) failed: %s\n", addr,
			    addr + bytes, ret ? "timeout" : "refused");
	return ret ?: -EIO;
}

/* Idle, or without bus mastering: it reaches no memory, and asking it would only take its time. */
bool neuron_hw_is_cut_off(struct neuron_device *ndev)
{
	lockdep_assert_held(&ndev->reset_sem);

	return ndev->away || ndev->wedged || ndev->gone;
}

void neuron_hw_ctx_enable(struct neuron_device *ndev, u32 ctx, dma_addr_t root)
{
	lockdep_assert_held(&ndev->reset_sem);

	/* neuron_device_restart() will do it. */
	if (neuron_hw_is_cut_off(ndev))
		return;

	neuron_wr64(ndev, NRN_REG_CTX_PT_ROOT(ctx), root);
	neuron_wr32(ndev, NRN_REG_CTX_CTRL(ctx), NRN_CTX_CTRL_ENABLE);
}

/* When 0 is returned, nothing of the context is in flight. */
int neuron_hw_ctx_disable(struct neuron_device *ndev, u32 ctx)
{
	lockdep_assert_held(&ndev->reset_sem);

	if (neuron_hw_is_cut_off(ndev))
		return 0;

	neuron_wr32(ndev, NRN_REG_CTX_CTRL(ctx), 0);
	return neuron_poll_or_fail(ndev, NEURON_FAIL_CONTEXT_STOP, NRN_REG_CTX_STATUS(ctx),
				   NRN_CTX_STATUS_BUSY, 0, neuron_hw_stop_us(ndev));
}

/* When 0 is returned, no access uses a translation that was removed before the call. */
int neuron_hw_tlb_flush(struct neuron_device *ndev, u32 ctx)
{
	lockdep_assert_held(&ndev->reset_sem);

	if (neuron_hw_is_cut_off(ndev))
		return 0;

	neuron_wr32(ndev, NRN_REG_CTX_TLB_FLUSH(ctx), NRN_CTX_TLB_FLUSH_FLUSH);
	return neuron_poll_or_fail(ndev, NEURON_FAIL_TLB_FLUSH, NRN_REG_CTX_TLB_FLUSHING(ctx), ~0u,
				   0, neuron_hw_stop_us(ndev));
}

/* 1.4 brought fault plans and the sanitizer. */
bool neuron_hw_can_test_drivers(struct neuron_device *ndev)
{
	return FIELD_GET(NRN_GLOBAL_VERSION_MINOR, ndev->info.spec_version) >= 4;
}

/* 1.5 brought names and places of buffers, and the history of addresses. */
bool neuron_hw_knows_names(struct neuron_device *ndev)
{
	return FIELD_GET(NRN_GLOBAL_VERSION_MINOR, ndev->info.spec_version) >= 5;
}

/* 1.6 brought who holds HBM and host memory. */
bool neuron_hw_knows_spaces(struct neuron_device *ndev)
{
	return FIELD_GET(NRN_GLOBAL_VERSION_MINOR, ndev->info.spec_version) >= 6;
}

/* A command of the flight recorder, which writes to @to. */
int neuron_hw_rec_command(struct neuron_device *ndev, u32 op, dma_addr_t to, u64 first, u32 count)
{
	int ret;

	lockdep_assert_held(&ndev->reset_sem);
	lockdep_assert_held(&ndev->recorder.lock);

	neuron_wr64(ndev, NRN_REG_REC_CMD_ADDR, to);
	neuron_wr64(ndev, NRN_REG_REC_CMD_FIRST, first);
	neuron_wr32(ndev, NRN_REG_REC_CMD_COUNT, count);
	neuron_wr32(ndev, NRN_REG_REC_CMD, FIELD_PREP(NRN_REC_CMD_OP, op));
	ret = neuron_poll(ndev, NRN_REG_REC_CMD, NRN_REC_CMD_BUSY, 0, neuron_hw_stop_us(ndev));
	if (!ret && neuron_rd32(ndev, NRN_REG_REC_CMD) & NRN_REC_CMD_ERROR)
		ret = -EIO;
	return ret;
}

static u32 neuron_hw_queue_cfg(u32 hw, const struct neuron_queue_regs *regs)
{
	u32 cfg = FIELD_PREP(NRN_QUEUE_CFG_CTX, regs->ctx) |
		  FIELD_PREP(NRN_QUEUE_CFG_VECTOR, regs->vector) |
		  FIELD_PREP(NRN_QUEUE_CFG_PRIORITY, regs->priority);

	/* The doorbell slot is the hardware number: unique, hence unique in its context. */
	return cfg | (regs->user ? FIELD_PREP(NRN_QUEUE_CFG_SLOT, hw) | NRN_QUEUE_CFG_RING_VA :
				   NRN_QUEUE_CFG_DB_REG);
}

void neuron_hw_queue_start(struct neuron_device *ndev, u32 hw, const struct neuron_queue_regs *regs)
{
	lockdep_assert_held(&ndev->reset_sem);

	neuron_wr64(ndev, NRN_REG_QUEUE_RING_BASE(hw), regs->ring);
	neuron_wr64(ndev, NRN_REG_QUEUE_SEQNO_ADDR(hw), regs->seqno);
	neuron_wr64(ndev, NRN_REG_QUEUE_STAMP_ADDR(hw), regs->stamps);
	neuron_wr32(ndev, NRN_REG_QUEUE_RING_LOG2(hw), regs->ring_log2);
	neuron_wr32(ndev, NRN_REG_QUEUE_COALESCE(hw),
		    FIELD_PREP(NRN_QUEUE_COALESCE_COUNT, regs->coalesce_count) |
			    FIELD_PREP(NRN_QUEUE_COALESCE_USECS, regs->coalesce_usecs));
	neuron_wr32(ndev, NRN_REG_QUEUE_CFG(hw), neuron_hw_queue_cfg(hw, regs));
	neuron_wr32(ndev, NRN_REG_QUEUE_CTRL(hw), NRN_QUEUE_CTRL_ENABLE);
}

/* When 0 is returned, nothing of the queue is in flight. */
int neuron_hw_queue_stop(struct neuron_device *ndev, u32 hw)
{
	lockdep_assert_held(&ndev->reset_sem);

	if (neuron_hw_is_cut_off(ndev))
		return 0;

	neuron_wr32(ndev, NRN_REG_QUEUE_CTRL(hw), 0);
	return neuron_poll_or_fail(ndev, NEURON_FAIL_QUEUE_STOP, NRN_REG_QUEUE_STATUS(hw),
				   NRN_QUEUE_STATUS_BUSY, 0, neuron_hw_stop_us(ndev));
}

static_assert(NRN_MAX_QUEUES <= NRN_DOORBELL_SLOTS);
static_assert(DRM_NEURON_PRIORITY_NORMAL == (int)NRN_QUEUE_PRIORITY_NORMAL);
static_assert(DRM_NEURON_PRIORITY_LOW == (int)NRN_QUEUE_PRIORITY_LOW);
static_assert(DRM_NEURON_PRIORITY_HIGH == (int)NRN_QUEUE_PRIORITY_HIGH);
