// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/device.h>
#include <linux/sysfs.h>

#include <drm/neuron_accel.h>

#include "neuron_device.h"
#include "neuron_reset.h"
#include "neuron_sysfs.h"
#include "neuron_user.h"

/**
 * DOC: Attributes of the PCI device
 *
 * They are there while the driver is bound: the driver core makes them after probe and takes them
 * away, waiting for those who use them, before remove. None of them wakes the device.
 *
 * docs/reference/driver.md describes each.
 */

/*
 * struct neuron_limit: an attribute that is a number in a range
 */
struct neuron_limit {
	struct device_attribute attr;
	/* @offset: Of the u32 in struct neuron_device. */
	size_t offset;
	u32 min;
	u32 max;
};

static u32 *neuron_limit_value(struct device *dev, const struct neuron_limit *limit)
{
	return dev_get_drvdata(dev) + limit->offset;
}

static ssize_t neuron_limit_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct neuron_limit *limit = container_of(attr, struct neuron_limit, attr);

	return sysfs_emit(buf, "%u\n", READ_ONCE(*neuron_limit_value(dev, limit)));
}

static ssize_t neuron_limit_store(struct device *dev, struct device_attribute *attr,
				  const char *buf, size_t count)
{
	const struct neuron_limit *limit = container_of(attr, struct neuron_limit, attr);
	u32 value;
	int ret;

	ret = kstrtou32(buf, 0, &value);
	if (ret)
		return ret;
	if (value < limit->min || value > limit->max)
		return -ERANGE;
	WRITE_ONCE(*neuron_limit_value(dev, limit), value);
	return count;
}

#define NEURON_LIMIT(_name, _member, _min, _max)					\
	static struct neuron_limit neuron_limit_##_name = {				\
		.attr = __ATTR(_name, 0644, neuron_limit_show, neuron_limit_store),	\
		.offset = offsetof(struct neuron_device, _member),			\
		.min = _min,								\
		.max = _max,								\
	}

NEURON_LIMIT(timeout_ms, timeout_ms_default, NEURON_TIMEOUT_MS_MIN, NEURON_TIMEOUT_MS_MAX);
NEURON_LIMIT(job_timeouts, job_timeouts, 1, NEURON_JOB_TIMEOUTS_MAX);
NEURON_LIMIT(stop_ms, stop_ms, NEURON_STOP_MS_MIN, NEURON_STOP_MS_MAX);
NEURON_LIMIT(reset_ms, reset_ms, NEURON_RESET_MS_MIN, NEURON_RESET_MS_MAX);

static struct attribute *neuron_watchdog_attrs[] = {
	&neuron_limit_timeout_ms.attr.attr,
	&neuron_limit_job_timeouts.attr.attr,
	&neuron_limit_stop_ms.attr.attr,
	&neuron_limit_reset_ms.attr.attr,
	NULL
};

static const struct attribute_group neuron_watchdog_group = {
	.name = "watchdog",
	.attrs = neuron_watchdog_attrs,
};

/*
 * struct neuron_error_count: an attribute that is a counter of struct drm_neuron_query_ras
 */
struct neuron_error_count {
	struct device_attribute attr;
	size_t offset;
	/* @wide: It has 64 bits. */
	bool wide;
};

static ssize_t neuron_error_count_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct neuron_error_count *count =
		container_of(attr, struct neuron_error_count, attr);
	struct drm_neuron_query_ras ras = {};
	const void *value = (const void *)&ras + count->offset;

	neuron_ras_fill(dev_get_drvdata(dev), &ras);
	return sysfs_emit(buf, "%llu\n",
			  count->wide ? *(const u64 *)value : *(const u32 *)value);
}

#define NEURON_ERROR_COUNT(_name, _member, _wide)					\
	static struct neuron_error_count neuron_error_count_##_name = {			\
		.attr = __ATTR(_name, 0444, neuron_error_count_show, NULL),		\
		.offset = offsetof(struct drm_neuron_query_ras, _member),		\
		.wide = _wide,								\
	}

NEURON_ERROR_COUNT(hbm_corrected, hbm_corrected, true);
NEURON_ERROR_COUNT(hbm_uncorrected, hbm_uncorrected, true);
NEURON_ERROR_COUNT(faults, faults, true);
NEURON_ERROR_COUNT(timeouts, timeouts, true);
NEURON_ERROR_COUNT(resets, resets, false);
NEURON_ERROR_COUNT(aer_corrected, aer_corrected, false);
NEURON_ERROR_COUNT(aer_fatal, aer_fatal, false);

static struct attribute *neuron_ras_attrs[] = {
	&neuron_error_count_hbm_corrected.attr.attr,
	&neuron_error_count_hbm_uncorrected.attr.attr,
	&neuron_error_count_faults.attr.attr,
	&neuron_error_count_timeouts.attr.attr,
	&neuron_error_count_resets.attr.attr,
	&neuron_error_count_aer_corrected.attr.attr,
	&neuron_error_count_aer_fatal.attr.attr,
	NULL
};

static const struct attribute_group neuron_ras_group = {
	.name = "ras",
	.attrs = neuron_ras_attrs,
};

const char *neuron_device_state(const struct neuron_device *ndev)
{
	unsigned int away = READ_ONCE(ndev->away);

	if (READ_ONCE(ndev->gone))
		return "gone";
	if (READ_ONCE(ndev->wedged))
		return "wedged";
	if (away & NEURON_AWAY_ERROR)
		return "recovering";
	if (away & NEURON_AWAY_RESET)
		return "resetting";
	return away ? "sleeping" : "ready";
}

static ssize_t device_state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", neuron_device_state(dev_get_drvdata(dev)));
}
static DEVICE_ATTR_RO(device_state);

static ssize_t coredump_on_fault_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct neuron_device *ndev = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%d\n", READ_ONCE(ndev->coredump.on_fault));
}

static ssize_t coredump_on_fault_store(struct device *dev, struct device_attribute *attr,
				       const char *buf, size_t count)
{
	struct neuron_device *ndev = dev_get_drvdata(dev);
	bool value;
	int ret;

	ret = kstrtobool(buf, &value);
	if (ret)
		return ret;
	WRITE_ONCE(ndev->coredump.on_fault, value);
	return count;
}
static DEVICE_ATTR_RW(coredump_on_fault);

static struct attribute *neuron_device_attrs[] = {
	&dev_attr_device_state.attr,
	&dev_attr_coredump_on_fault.attr,
	NULL
};

static const struct attribute_group neuron_device_group = {
	.attrs = neuron_device_attrs,
};

const struct attribute_group *neuron_sysfs_groups[] = {
	&neuron_device_group,
	&neuron_watchdog_group,
	&neuron_ras_group,
	&neuron_user_group,
	NULL
};
