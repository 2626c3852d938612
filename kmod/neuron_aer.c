// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/dma-fence.h>
#include <linux/pci.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>

#include "neuron_aer.h"
#include "neuron_hw.h"
#include "neuron_reset.h"

/**
 * DOC: Errors of the link
 *
 * Errors that the link has corrected itself are counted. One that cost a transaction (non-fatal)
 * stops nothing here either: a transaction of the device that fails is a fault of the queue that it
 * was made for, a doorbell that gets lost is a job for the watchdog. After one that makes the link
 * unreliable (fatal) the PCI core resets the slot: then it is a reset like any other, except that
 * the device cannot be told to stop before.
 *
 * The core may also give up in the middle, without a word to the driver. So recovery has a limit
 * of its own, after which the device counts as gone.
 *
 * The core holds the device's lock while it calls us, as it does in remove.
 */

/* More than the core waits for a device after a reset. */
#define NEURON_RECOVERY_MS (90 * MSEC_PER_SEC)

static void neuron_device_give_up(struct neuron_device *ndev)
{
	bool cookie = dma_fence_begin_signalling();

	down_write(&ndev->reset_sem);
	neuron_device_lose(ndev);
	up_write(&ndev->reset_sem);
	dma_fence_end_signalling(cookie);
}

static void neuron_recovery_work(struct work_struct *work)
{
	struct neuron_device *ndev =
		container_of(to_delayed_work(work), struct neuron_device, recovery);
	int idx;

	if (!drm_dev_enter(&ndev->drm, &idx))
		return;
	/* neuron_slot_reset() cancels this work before it brings the device back. */
	neuron_device_give_up(ndev);
	drm_dev_exit(idx);
}

static pci_ers_result_t neuron_error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	struct neuron_device *ndev = pci_get_drvdata(pdev);

	switch (state) {
	case pci_channel_io_normal:
		return PCI_ERS_RESULT_CAN_RECOVER;
	case pci_channel_io_frozen:
		drm_err(&ndev->drm, "the link has failed: all jobs are lost\n");
		atomic_inc(&ndev->ras.aer_fatal);
		neuron_device_leave(ndev, NEURON_AWAY_ERROR, false);
		queue_delayed_work(system_unbound_wq, &ndev->recovery,
				   msecs_to_jiffies(NEURON_RECOVERY_MS));
		return PCI_ERS_RESULT_NEED_RESET;
	default:
		atomic_inc(&ndev->ras.aer_fatal);
		neuron_device_give_up(ndev);
		return PCI_ERS_RESULT_DISCONNECT;
	}
}

static pci_ers_result_t neuron_mmio_enabled(struct pci_dev *pdev)
{
	struct neuron_device *ndev = pci_get_drvdata(pdev);

	if (!neuron_hw_present(ndev))
		return PCI_ERS_RESULT_NEED_RESET;
	atomic_inc(&ndev->ras.aer_corrected);
	return PCI_ERS_RESULT_RECOVERED;
}

static pci_ers_result_t neuron_slot_reset(struct pci_dev *pdev)
{
	struct neuron_device *ndev = pci_get_drvdata(pdev);
	int ret;

	cancel_delayed_work_sync(&ndev->recovery);
	/* After an error that was not fatal, the core leaves the reset to us. */
	if (!(ndev->away & NEURON_AWAY_ERROR)) {
		atomic_inc(&ndev->ras.aer_fatal);
		neuron_device_leave(ndev, NEURON_AWAY_ERROR, false);
	}

	pci_restore_state(pdev);
	pci_save_state(pdev);
	ret = neuron_hw_reset(ndev);
	neuron_device_come_back(ndev, NEURON_AWAY_ERROR, ret);
	return ret ? PCI_ERS_RESULT_DISCONNECT : PCI_ERS_RESULT_RECOVERED;
}

static void neuron_resume(struct pci_dev *pdev)
{
	struct neuron_device *ndev = pci_get_drvdata(pdev);

	drm_info(&ndev->drm, "recovered from an error of the link\n");
}

static void neuron_cor_error_detected(struct pci_dev *pdev)
{
	struct neuron_device *ndev = pci_get_drvdata(pdev);

	atomic_inc(&ndev->ras.aer_corrected);
}

/* A reset of the function from outside, such as sysfs' reset file. prepare and done are a pair. */
static void neuron_reset_prepare(struct pci_dev *pdev)
{
	neuron_device_leave(pci_get_drvdata(pdev), NEURON_AWAY_RESET, true);
}

static void neuron_reset_done(struct pci_dev *pdev)
{
	struct neuron_device *ndev = pci_get_drvdata(pdev);
	int ret = neuron_hw_wait_ready(ndev);

	/* The core has restored what it had saved, which it then forgets. */
	pci_save_state(pdev);
	neuron_device_come_back(ndev, NEURON_AWAY_RESET, ret);
}

const struct pci_error_handlers neuron_pci_err_handler = {
	.error_detected = neuron_error_detected,
	.mmio_enabled = neuron_mmio_enabled,
	.slot_reset = neuron_slot_reset,
	.resume = neuron_resume,
	.cor_error_detected = neuron_cor_error_detected,
	.reset_prepare = neuron_reset_prepare,
	.reset_done = neuron_reset_done,
};

void neuron_aer_init(struct neuron_device *ndev)
{
	INIT_DELAYED_WORK(&ndev->recovery, neuron_recovery_work);
}

/* Remove: the core calls no handler any more. */
void neuron_aer_fini(struct neuron_device *ndev)
{
	cancel_delayed_work_sync(&ndev->recovery);
}
