/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_RECORDER_H__
#define __NEURON_RECORDER_H__

#include <linux/mutex.h>
#include <linux/types.h>

#include "neuron_spec.h"

struct dentry;
struct drm_printer;
struct neuron_device;

/* Records of the newest that a coredump has. */
#define NEURON_RECORDER_NEWEST 2048u

/*
 * struct neuron_raw_record: a record as the device writes it
 */
struct neuron_raw_record {
	struct nrn_record_head head;
	u8 rest[sizeof(struct nrn_record_reset) - sizeof(struct nrn_record_head)];
};

/*
 * struct neuron_recorder: what is needed to read the flight recorder
 */
struct neuron_recorder {
	/* @lock: One command at a time; inside reset_sem. */
	struct mutex lock;
	/* @capacity: Records that the device has; 0: there is no recorder. */
	u32 capacity;
	/* @buffer: What commands write to, NEURON_RECORDER_NEWEST records. */
	struct neuron_raw_record *buffer;
	dma_addr_t dma;
};

/*
 * struct neuron_report: a report of the sanitizer, and all that it says
 */
struct neuron_report {
	struct nrn_sanitizer_report report;
	char text[NRN_REPORT_TEXT];
};

int neuron_recorder_init(struct neuron_device *ndev);
int neuron_recorder_read(struct neuron_device *ndev, u64 *first, struct neuron_raw_record *to,
			 u32 max);
u32 neuron_recorder_newest(struct neuron_device *ndev, struct neuron_raw_record *to, u32 max);
void neuron_recorder_print(struct drm_printer *p, const struct neuron_raw_record *records,
			   u32 count);

int neuron_recorder_reports(struct neuron_device *ndev, struct neuron_report *to, u32 max);
int neuron_recorder_forget_reports(struct neuron_device *ndev);
void neuron_recorder_print_reports(struct drm_printer *p, const struct neuron_report *reports,
				   u32 count);

#if IS_ENABLED(CONFIG_DEBUG_FS)
void neuron_recorder_add_file(struct neuron_device *ndev, struct dentry *folder);
void neuron_sanitizer_add_file(struct neuron_device *ndev, struct dentry *folder);
#endif

#endif /* __NEURON_RECORDER_H__ */
