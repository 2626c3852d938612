// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/bitfield.h>
#include <linux/dma-mapping.h>
#include <linux/string.h>

#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include "neuron_hw.h"
#include "neuron_recorder.h"
#include "neuron_spec_names.h"

/**
 * DOC: Flight recorder
 *
 * The device records what it does, and writes records into memory when it is asked to. That is a
 * dialogue with the hardware: under reset_sem, and one at a time. It ends soon, for it does not
 * wait for work, or not at all; a device that does not answer ends the wait like any other.
 *
 * A coredump asks in the path that completes fences, so the buffer exists since probe and nothing
 * here allocates memory.
 */

/* 1.3 brought the recorder. */
#define NEURON_SPEC_RECORDER (NRN_VERSION_MAJOR << NRN_GLOBAL_VERSION_MAJOR_SHIFT | 3)

/*
 * Have records @first to @first + @count - 1 written to the buffer.
 *
 * Return: how many are there, or a negative errno.
 */
static int neuron_recorder_dump(struct neuron_device *ndev, u64 first, u32 count)
{
	int ret;

	lockdep_assert_held(&ndev->recorder.lock);

	ret = neuron_hw_rec_command(ndev, NRN_REC_OP_DUMP, ndev->recorder.dma, first, count);
	if (ret)
		return ret;
	return min(neuron_rd32(ndev, NRN_REG_REC_CMD_DONE), count);
}

/* How many of @max records from @first on the device has; skips those that are gone. */
static u32 neuron_recorder_there(struct neuron_device *ndev, u64 *first, u32 max)
{
	u64 written = neuron_rd64(ndev, NRN_REG_REC_WRITTEN);

	*first = max(*first, written - min_t(u64, written, ndev->recorder.capacity));
	return *first < written ? min_t(u64, max, written - *first) : 0;
}

/**
 * neuron_recorder_read() - read records
 * @ndev: Device; reset_sem is held, and the device is not cut off.
 * @first: Number of the first record; becomes that of the first one that was not looked at.
 * @to: Gets the records, those that the device still has.
 * @max: At most so many, and at most NEURON_RECORDER_NEWEST.
 *
 * Return: how many, 0 if there is none from @first on, or a negative errno.
 */
int neuron_recorder_read(struct neuron_device *ndev, u64 *first, struct neuron_raw_record *to,
			 u32 max)
{
	struct neuron_recorder *rec = &ndev->recorder;
	u32 wanted;
	int count;

	lockdep_assert_held(&ndev->reset_sem);

	if (!rec->capacity)
		return 0;

	max = min(max, NEURON_RECORDER_NEWEST);
	mutex_lock(&rec->lock);
	do {
		wanted = neuron_recorder_there(ndev, first, max);
		count = wanted ? neuron_recorder_dump(ndev, *first, wanted) : 0;
		*first += wanted;
		/* None: all of them were overwritten meanwhile. */
	} while (wanted && !count);
	if (count > 0)
		memcpy(to, rec->buffer, count * sizeof(*to));
	mutex_unlock(&rec->lock);
	return count;
}

/* The newest records; 0 if they cannot be had. Return: how many. */
u32 neuron_recorder_newest(struct neuron_device *ndev, struct neuron_raw_record *to, u32 max)
{
	u64 written, first;

	if (!ndev->recorder.capacity)
		return 0;

	written = neuron_rd64(ndev, NRN_REG_REC_WRITTEN);
	first = written - min_t(u64, written, max);
	return max(neuron_recorder_read(ndev, &first, to, max), 0);
}

/* An older device has what is in the report, which may be cut. */
static int neuron_recorder_report_text(struct neuron_device *ndev, struct neuron_report *to)
{
	struct neuron_recorder *rec = &ndev->recorder;
	int ret;

	lockdep_assert_held(&rec->lock);

	memset(to->text, 0, sizeof(to->text));
	memcpy(to->text, to->report.text, sizeof(to->report.text));
	if (!ndev->debug.spaces)
		return 0;
	ret = neuron_hw_rec_command(ndev, NRN_REC_OP_REPORT_TEXT, rec->dma,
				    le64_to_cpu(to->report.index), 0);
	if (!ret && neuron_rd32(ndev, NRN_REG_REC_CMD_DONE))
		memcpy(to->text, rec->buffer, sizeof(to->text));
	return ret;
}

static int neuron_recorder_reports_locked(struct neuron_device *ndev, struct neuron_report *to,
					  u32 max)
{
	const struct nrn_sanitizer_report *from = (const void *)ndev->recorder.buffer;
	int ret, count, i;

	ret = neuron_hw_rec_command(ndev, NRN_REC_OP_REPORTS, ndev->recorder.dma, 0, ~0u);
	if (ret)
		return ret;
	count = min(neuron_rd32(ndev, NRN_REG_REC_CMD_DONE), max);
	for (i = 0; i < count; i++)
		to[i].report = from[i];
	for (i = 0; i < count && !ret; i++)
		ret = neuron_recorder_report_text(ndev, &to[i]);
	return ret ?: count;
}

/**
 * neuron_recorder_reports() - read reports of the sanitizer
 * @ndev: Device; reset_sem is held, and the device is not cut off.
 * @to: Gets the first that the device has.
 * @max: At most so many, and at most NRN_SANITIZER_REPORTS.
 *
 * Return: how many, 0 without a sanitizer, or a negative errno.
 */
int neuron_recorder_reports(struct neuron_device *ndev, struct neuron_report *to, u32 max)
{
	struct neuron_recorder *rec = &ndev->recorder;
	int count;

	static_assert(NEURON_RECORDER_NEWEST * sizeof(*rec->buffer) >=
		      NRN_SANITIZER_REPORTS * sizeof(to->report));
	lockdep_assert_held(&ndev->reset_sem);

	if (!ndev->debug.sanitizer)
		return 0;

	mutex_lock(&rec->lock);
	count = neuron_recorder_reports_locked(ndev, to, min(max, NRN_SANITIZER_REPORTS));
	mutex_unlock(&rec->lock);
	return count;
}

/* Return: 0 or a negative errno; -EOPNOTSUPP: the device has no sanitizer. */
int neuron_recorder_forget_reports(struct neuron_device *ndev)
{
	struct neuron_recorder *rec = &ndev->recorder;
	int ret;

	lockdep_assert_held(&ndev->reset_sem);

	if (!ndev->debug.sanitizer)
		return -EOPNOTSUPP;

	mutex_lock(&rec->lock);
	ret = neuron_hw_rec_command(ndev, NRN_REC_OP_FORGET_REPORTS, rec->dma, 0, 0);
	mutex_unlock(&rec->lock);
	return ret;
}

/* A line each; texts of a device that lies have an end, too. */
void neuron_recorder_print_reports(struct drm_printer *p, const struct neuron_report *reports,
				   u32 count)
{
	const struct nrn_sanitizer_report *report;
	u32 i;

	for (i = 0; i < count; i++) {
		report = &reports[i].report;
		drm_printf(p, "report %llu %s%s repeats=%u: %.*s\n", le64_to_cpu(report->index),
			   nrn_sanitizer_kind_name(le16_to_cpu(report->kind)),
			   le16_to_cpu(report->flags) & NRN_SANITIZER_FLAG_FAULTED ?
				   " faulted" : "",
			   le32_to_cpu(report->repeats), (int)sizeof(reports[i].text),
			   reports[i].text);
	}
}

/* The kind by name, then the record as it is. */
void neuron_recorder_print(struct drm_printer *p, const struct neuron_raw_record *records,
			   u32 count)
{
	const u8 *bytes;
	u32 i, at;

	for (i = 0; i < count; i++) {
		bytes = (const u8 *)&records[i];
		drm_printf(p, "record %llu %s:", le64_to_cpu(records[i].head.index),
			   nrn_record_kind_name(records[i].head.kind));
		for (at = 0; at < sizeof(records[i]); at += 8)
			drm_printf(p, " %8phN", bytes + at);
		drm_puts(p, "\n");
	}
}

int neuron_recorder_init(struct neuron_device *ndev)
{
	struct neuron_recorder *rec = &ndev->recorder;
	int ret;

	ret = drmm_mutex_init(&ndev->drm, &rec->lock);
	if (ret)
		return ret;
	if (ndev->info.spec_version < NEURON_SPEC_RECORDER)
		return 0;

	rec->buffer = dmam_alloc_coherent(neuron_dma_dev(ndev),
					  NEURON_RECORDER_NEWEST * sizeof(*rec->buffer), &rec->dma,
					  GFP_KERNEL);
	if (!rec->buffer)
		return -ENOMEM;
	rec->capacity = neuron_rd32(ndev, NRN_REG_REC_CAPACITY);
	return 0;
}
