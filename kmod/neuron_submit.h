/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_SUBMIT_H__
#define __NEURON_SUBMIT_H__

struct drm_device;
struct drm_file;
struct drm_neuron_submit;
struct io_uring_cmd;
struct neuron_file;

int neuron_submit_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int neuron_submit_uring(struct neuron_file *nfile, const struct drm_neuron_submit *args,
			struct io_uring_cmd *ioucmd, unsigned int issue_flags);

#endif /* __NEURON_SUBMIT_H__ */
