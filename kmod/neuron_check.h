/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_CHECK_H__
#define __NEURON_CHECK_H__

#include <linux/bitfield.h>
#include <linux/sizes.h>
#include <linux/types.h>

#include "neuron_spec.h"

struct drm_neuron_array;
struct drm_neuron_bo_create;
struct drm_neuron_dma;
struct drm_neuron_queue_create;
struct drm_neuron_vm_bind;
struct neuron_raw_packet;

/* What the fields of the register take. The latter is also for how long a fence may be late. */
#define NEURON_COALESCE_COUNT_MAX FIELD_MAX(NRN_QUEUE_COALESCE_COUNT)
#define NEURON_COALESCE_USECS_MAX FIELD_MAX(NRN_QUEUE_COALESCE_USECS)

#define NEURON_DMA_BYTES_MAX SZ_1G

/* Enough for anybody, and bounds what one call can make the kernel allocate. */
#define NEURON_SUBMIT_SYNCS 256

int neuron_check_bo_create(const struct drm_neuron_bo_create *args, u32 banks);
int neuron_check_text(const char *text, u32 bytes);
int neuron_check_vm_bind(const struct drm_neuron_vm_bind *args);
int neuron_check_bo_range(const struct drm_neuron_vm_bind *args, u64 bo_size);
int neuron_check_queue_create(const struct drm_neuron_queue_create *args);
int neuron_check_array(const struct drm_neuron_array *array, size_t size);
int neuron_check_packets(const struct neuron_raw_packet *packets, u32 count);
int neuron_check_dma(const struct drm_neuron_dma *args);

#endif /* __NEURON_CHECK_H__ */
