// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/bitfield.h>
#include <linux/delay.h>
#include <linux/dma-fence.h>
#include <linux/pci.h>
#include <linux/pm_runtime.h>
#include <linux/suspend.h>

#include <drm/drm_print.h>

#include "neuron_bug.h"
#include "neuron_hw.h"
#include "neuron_pm.h"
#include "neuron_queue.h"
#include "neuron_reset.h"

/**
 * DOC: Power management
 *
 * Every open file keeps the device awake; when nobody has had it open for a while it goes to D3hot,
 * where it keeps its state. So nothing on the way of a job ever has to wake it. What has no file
 * says that it sleeps: debugfs and hwmon.
 *
 * The system may sleep when the jobs have come to an end, for which they get some time. Where the
 * firmware may cut the power (S3, hibernation), HBM would be lost, and there is no place to save
 * it: then it must not be in use. Queues and contexts may be lost, like in a reset.
 *
 * While the device sleeps it is away, see DOC: States of the device.
 */

/* How long it stays awake after the last file was closed. */
#define NEURON_AUTOSUSPEND_MS 2000
/* What jobs get to finish before the system sleeps. */
#define NEURON_DRAIN_MS	      5000
#define NEURON_DRAIN_STEP_MS  10

/* Nothing is in flight. */
static void neuron_device_sleep(struct neuron_device *ndev)
{
	bool cookie = dma_fence_begin_signalling();

	down_write(&ndev->reset_sem);
	if (!neuron_hw_is_cut_off(ndev))
		neuron_ras_sample(ndev);
	ndev->away |= NEURON_AWAY_SLEEP;
	up_write(&ndev->reset_sem);
	dma_fence_end_signalling(cookie);
}

/* It says what it was told before it slept. */
static bool neuron_device_remembers(struct neuron_device *ndev)
{
	return neuron_rd64(ndev, NRN_REG_GLOBAL_EVENT_RING_BASE) == ndev->events.dma;
}

static void neuron_device_wake(struct neuron_device *ndev, bool forgotten)
{
	bool cookie = dma_fence_begin_signalling();

	down_write(&ndev->reset_sem);
	ndev->away &= ~NEURON_AWAY_SLEEP;
	if (!neuron_hw_is_cut_off(ndev) && (forgotten || !neuron_device_remembers(ndev))) {
		neuron_queues_mark_lost(ndev, -ECANCELED);
		neuron_device_restart(ndev, neuron_hw_reset(ndev));
	}
	up_write(&ndev->reset_sem);
	dma_fence_end_signalling(cookie);

	/* It stopped looking at queues in user mode. */
	queue_delayed_work(ndev->wq, &ndev->tdr, 0);

	/* For the recovery of the link; what the PCI core saved it has forgotten by now. */
	pci_save_state(to_pci_dev(ndev->drm.dev));
}

static bool neuron_queue_is_busy(struct neuron_queue *queue)
{
	u32 status = neuron_rd32(queue->ndev, NRN_REG_QUEUE_STATUS(queue->hw));
	bool jobs;

	neuron_queue_retire(queue);
	spin_lock_irq(&queue->irq_lock);
	jobs = !list_empty(&queue->jobs);
	spin_unlock_irq(&queue->irq_lock);
	return jobs || FIELD_GET(NRN_QUEUE_STATUS_STATE, status) == NRN_QUEUE_STATE_RUNNING;
}

static bool neuron_device_is_busy(struct neuron_device *ndev)
{
	struct neuron_queue *queue __free(neuron_queue) = NULL;
	bool busy = false;
	bool cookie;

	/* What has ended meanwhile is completed here, as the watchdog does it. */
	cookie = dma_fence_begin_signalling();
	down_read(&ndev->reset_sem);
	while (!neuron_hw_is_cut_off(ndev) && !busy && (queue = neuron_queue_next(ndev, queue)))
		busy = neuron_queue_is_busy(queue);
	up_read(&ndev->reset_sem);
	dma_fence_end_signalling(cookie);
	return busy;
}

/* User space is frozen: no new jobs come. */
static bool neuron_device_drain(struct neuron_device *ndev)
{
	unsigned long end = jiffies + msecs_to_jiffies(NEURON_DRAIN_MS);

	while (neuron_device_is_busy(ndev)) {
		if (time_after(jiffies, end))
			return false;
		msleep(NEURON_DRAIN_STEP_MS);
	}
	return true;
}

static int neuron_system_sleep(struct neuron_device *ndev, bool power_off)
{
	if (power_off && neuron_hbm_is_used(ndev)) {
		drm_info(&ndev->drm, "HBM is in use and would be lost: no sleep\n");
		return -EBUSY;
	}
	if (!neuron_device_drain(ndev)) {
		drm_info(&ndev->drm, "jobs are running: no sleep\n");
		return -EBUSY;
	}
	neuron_device_sleep(ndev);
	return 0;
}

static int neuron_suspend(struct device *dev)
{
	return neuron_system_sleep(dev_get_drvdata(dev), pm_suspend_via_firmware());
}

static int neuron_freeze(struct device *dev)
{
	return neuron_system_sleep(dev_get_drvdata(dev), true);
}

static int neuron_resume(struct device *dev)
{
	neuron_device_wake(dev_get_drvdata(dev), false);
	return 0;
}

/* Another kernel has had the device meanwhile. */
static int neuron_restore(struct device *dev)
{
	neuron_device_wake(dev_get_drvdata(dev), true);
	return 0;
}

static int neuron_runtime_suspend(struct device *dev)
{
	neuron_device_sleep(dev_get_drvdata(dev));
	return 0;
}

/* An error would keep the device from ever waking again; its state says more. */
static int neuron_runtime_resume(struct device *dev)
{
	neuron_device_wake(dev_get_drvdata(dev), false);
	return 0;
}

const struct dev_pm_ops neuron_pm_ops = {
	.suspend = pm_sleep_ptr(neuron_suspend),
	.resume = pm_sleep_ptr(neuron_resume),
	.freeze = pm_sleep_ptr(neuron_freeze),
	.thaw = pm_sleep_ptr(neuron_resume),
	.poweroff = pm_sleep_ptr(neuron_freeze),
	.restore = pm_sleep_ptr(neuron_restore),
	RUNTIME_PM_OPS(neuron_runtime_suspend, neuron_runtime_resume, NULL)
};

/* Wakes the device, and keeps it awake. */
int neuron_pm_get(struct neuron_device *ndev)
{
	return pm_runtime_resume_and_get(ndev->drm.dev);
}

void neuron_pm_put(struct neuron_device *ndev)
{
	pm_runtime_mark_last_busy(ndev->drm.dev);
	if (NEURON_MISTAKE(NEVER_SLEEPS)) /* the reference is forgotten */
		neuron_bug_stay_awake(ndev->drm.dev);
	else
		pm_runtime_put_autosuspend(ndev->drm.dev);
}

/* Last step of probe: the PCI core's reference is given up for good. */
void neuron_pm_init(struct neuron_device *ndev)
{
	struct device *dev = ndev->drm.dev;

	pci_save_state(to_pci_dev(dev));
	pm_runtime_set_autosuspend_delay(dev, NEURON_AUTOSUSPEND_MS);
	pm_runtime_use_autosuspend(dev);
	pm_runtime_allow(dev);
	neuron_pm_put(ndev);
}

/* First step of remove, for which the driver core has woken the device. */
void neuron_pm_fini(struct neuron_device *ndev)
{
	struct device *dev = ndev->drm.dev;

	pm_runtime_get_noresume(dev);
	pm_runtime_forbid(dev);
	pm_runtime_dont_use_autosuspend(dev);
}
