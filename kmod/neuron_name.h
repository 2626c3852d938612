/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_NAME_H__
#define __NEURON_NAME_H__

#include <linux/kref.h>
#include <linux/types.h>

#include <drm/neuron_accel.h>

struct drm_printer;

/*
 * struct neuron_name: what a program calls a buffer, and where in its source it made it
 */
struct neuron_name {
	struct kref ref;
	/* Empty if nobody has said; constant. */
	char label[DRM_NEURON_LABEL_MAX + 1];
	char place[DRM_NEURON_PLACE_MAX + 1];
};

struct neuron_name *neuron_name_read(const struct drm_neuron_vm_bind *args);
struct neuron_name *neuron_name_get(struct neuron_name *name);
void neuron_name_put(struct neuron_name *name);
void neuron_name_print(struct drm_printer *p, const struct neuron_name *name);

#endif /* __NEURON_NAME_H__ */
