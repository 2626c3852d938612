// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/hwmon.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>

#include "neuron_hw.h"
#include "neuron_hwmon.h"

static umode_t neuron_hwmon_is_visible(const void *data, enum hwmon_sensor_types type, u32 attr,
				       int channel)
{
	return 0444;
}

static int neuron_hwmon_read_reg(struct neuron_device *ndev, enum hwmon_sensor_types type,
				 long *val)
{
	switch (type) {
	case hwmon_temp:
		*val = (s32)neuron_rd32(ndev, NRN_REG_GLOBAL_TEMPERATURE);
		return 0;
	case hwmon_power:
		*val = neuron_rd32(ndev, NRN_REG_GLOBAL_POWER_UW);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

/* Who only watches must not wake the device: while it is away there is nothing to see. */
static int neuron_hwmon_read_awake(struct neuron_device *ndev, enum hwmon_sensor_types type,
				   long *val)
{
	int ret = -ENODATA;

	down_read(&ndev->reset_sem);
	if (!neuron_hw_is_cut_off(ndev))
		ret = neuron_hwmon_read_reg(ndev, type, val);
	if (!ret && !neuron_hw_present(ndev))
		ret = -ENODATA;
	up_read(&ndev->reset_sem);
	return ret;
}

/* Devres takes the sensors away only after remove has returned. */
static int neuron_hwmon_read(struct device *dev, enum hwmon_sensor_types type, u32 attr,
			     int channel, long *val)
{
	struct neuron_device *ndev = dev_get_drvdata(dev);
	int ret = 0;
	int idx;

	if (!drm_dev_enter(&ndev->drm, &idx))
		return -ENODEV;
	if (type == hwmon_energy)
		*val = neuron_ras_energy_uj(ndev);
	else
		ret = neuron_hwmon_read_awake(ndev, type, val);
	drm_dev_exit(idx);
	return ret;
}

static int neuron_hwmon_read_string(struct device *dev, enum hwmon_sensor_types type, u32 attr,
				    int channel, const char **str)
{
	*str = type == hwmon_temp ? "die" : "device";
	return 0;
}

static const struct hwmon_ops neuron_hwmon_ops = {
	.is_visible = neuron_hwmon_is_visible,
	.read = neuron_hwmon_read,
	.read_string = neuron_hwmon_read_string,
};

static const struct hwmon_channel_info *const neuron_hwmon_channels[] = {
	HWMON_CHANNEL_INFO(temp, HWMON_T_INPUT | HWMON_T_LABEL),
	HWMON_CHANNEL_INFO(power, HWMON_P_AVERAGE | HWMON_P_LABEL),
	HWMON_CHANNEL_INFO(energy, HWMON_E_INPUT | HWMON_E_LABEL),
	NULL
};

static const struct hwmon_chip_info neuron_hwmon_chip = {
	.ops = &neuron_hwmon_ops,
	.info = neuron_hwmon_channels,
};

/* The device is as good without. */
void neuron_hwmon_init(struct neuron_device *ndev)
{
	struct device *hwmon;

	hwmon = devm_hwmon_device_register_with_info(ndev->drm.dev, "neuron", ndev,
						     &neuron_hwmon_chip, NULL);
	if (IS_ERR(hwmon))
		drm_warn(&ndev->drm, "no sensors (%ld)\n", PTR_ERR(hwmon));
}
