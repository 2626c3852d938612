// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/dma-mapping.h>
#include <linux/sched.h>
#include <linux/string.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>
#include <drm/neuron_accel.h>

#include "neuron_debug.h"
#include "neuron_gem.h"
#include "neuron_hw.h"
#include "neuron_name.h"
#include "neuron_recorder.h"
#include "neuron_spec_names.h"

/**
 * DOC: Debug channel
 *
 * The driver tells the device which buffer and process a mapping belongs to, so that it can say
 * whose memory the address of a fault is or was. A mapping is told after it can be used, and that
 * it goes before it does: whatever fails later finds that the device knows.
 *
 * The device keeps what it is told across a reset. What cannot be told, since the device is cut
 * off, it does not know.
 */

#define NEURON_DEBUG_LOG2 6
#define NEURON_DEBUG_RECORDS BIT(NEURON_DEBUG_LOG2)

static bool neuron_debug_has_room(struct neuron_device *ndev, u32 count)
{
	struct neuron_debug *debug = &ndev->debug;

	if (debug->tail - debug->head + count <= NEURON_DEBUG_RECORDS)
		return true;
	debug->head = neuron_rd32(ndev, NRN_REG_REC_DEBUG_HEAD);
	return debug->tail - debug->head + count <= NEURON_DEBUG_RECORDS;
}

/* Records that follow each other, announced at once; reset_sem is held. */
static void neuron_debug_tell_all(struct neuron_device *ndev, const struct nrn_debug_record *recs,
				  u32 count)
{
	struct neuron_debug *debug = &ndev->debug;
	u32 i;

	lockdep_assert_held(&ndev->reset_sem);

	if (!debug->ring || neuron_hw_is_cut_off(ndev))
		return;

	mutex_lock(&debug->lock);
	if (neuron_debug_has_room(ndev, count)) {
		for (i = 0; i < count; i++)
			debug->ring[debug->tail++ % NEURON_DEBUG_RECORDS] = recs[i];
		/* The device sees the records before it hears of them: writel() orders. */
		neuron_wr32(ndev, NRN_REG_REC_DEBUG_TAIL, debug->tail);
	}
	mutex_unlock(&debug->lock);
}

/* reset_sem is held. */
void neuron_debug_tell(struct neuron_device *ndev, const struct nrn_debug_record *rec)
{
	neuron_debug_tell_all(ndev, rec, 1);
}

struct nrn_debug_record neuron_debug_record(u16 kind, u32 ctx)
{
	return (struct nrn_debug_record){
		.kind = cpu_to_le16(kind),
		.ctx = cpu_to_le16(ctx),
		.pid = cpu_to_le32(task_tgid_nr(current)),
	};
}

/* A driver has come: what the one before has told is over. */
void neuron_debug_tell_clear(struct neuron_device *ndev)
{
	struct nrn_debug_record rec = neuron_debug_record(NRN_DEBUG_KIND_CLEAR, 0);

	down_read(&ndev->reset_sem);
	neuron_debug_tell(ndev, &rec);
	up_read(&ndev->reset_sem);
}

/* The file has got its context; reset_sem is held. */
void neuron_debug_tell_open(struct neuron_file *nfile)
{
	struct nrn_debug_record rec = neuron_debug_record(NRN_DEBUG_KIND_OPEN, nfile->ctx);

	get_task_comm(rec.comm, current);
	neuron_debug_tell(nfile->ndev, &rec);
}

/* The file gives up its context, and what it has not unbound before; reset_sem is held. */
void neuron_debug_tell_close(struct neuron_file *nfile)
{
	struct nrn_debug_record rec = neuron_debug_record(NRN_DEBUG_KIND_CLOSE, nfile->ctx);

	neuron_debug_tell(nfile->ndev, &rec);
}

/* Bytes behind the end of the buffer, in its last page. */
static u32 neuron_debug_padding(const struct neuron_mapping *map)
{
	const struct neuron_bo *bo = map->bo;
	u64 size = bo->shmem.base.size;

	if (!bo->asked || map->bo_offset + map->node.size != size)
		return 0;
	return size - bo->asked;
}

static struct nrn_debug_record neuron_debug_mapping_record(struct neuron_file *nfile, u16 kind,
							   const struct neuron_mapping *map)
{
	struct nrn_debug_record rec = neuron_debug_record(kind, nfile->ctx);

	rec.flags = cpu_to_le32((map->read_only ? 0 : NRN_DEBUG_FLAG_WRITE) |
				(map->bo->placement == DRM_NEURON_PLACE_HBM ?
					 NRN_DEBUG_FLAG_HBM : 0));
	rec.buffer = cpu_to_le64(map->bo->serial);
	rec.va = cpu_to_le64(map->node.start);
	rec.bytes = cpu_to_le64(map->node.size);
	rec.offset = cpu_to_le64(map->bo_offset);
	rec.padding = cpu_to_le32(neuron_debug_padding(map));
	if (map->name)
		strscpy(rec.label, map->name->label, sizeof(rec.label));
	return rec;
}

/* The place comes first: what it belongs to is the next record. */
static void neuron_debug_tell_mapping(struct neuron_file *nfile, u16 kind,
				      const struct neuron_mapping *map,
				      const struct neuron_name *where)
{
	struct neuron_device *ndev = nfile->ndev;
	struct nrn_debug_record recs[2];
	u32 count = 0;

	lockdep_assert_held(&nfile->vm.lock);

	if (where && where->place[0] && neuron_hw_knows_names(ndev)) {
		recs[count] = neuron_debug_record(NRN_DEBUG_KIND_PLACE, nfile->ctx);
		recs[count].va = cpu_to_le64(map->node.start);
		strscpy(recs[count].label, where->place, sizeof(recs[count].label));
		count++;
	}
	recs[count++] = neuron_debug_mapping_record(nfile, kind, map);
	down_read(&ndev->reset_sem);
	neuron_debug_tell_all(ndev, recs, count);
	up_read(&ndev->reset_sem);
}

void neuron_debug_tell_bind(struct neuron_file *nfile, const struct neuron_mapping *map)
{
	neuron_debug_tell_mapping(nfile, NRN_DEBUG_KIND_BIND, map, map->name);
}

/* @where: Where in the source of the program, or NULL. */
void neuron_debug_tell_unbind(struct neuron_file *nfile, const struct neuron_mapping *map,
			      const struct neuron_name *where)
{
	neuron_debug_tell_mapping(nfile, NRN_DEBUG_KIND_UNBIND, map, where);
}

static void neuron_debug_tell_own(struct neuron_file *nfile, u16 kind,
				  const struct neuron_own_mapping *own)
{
	struct nrn_debug_record rec = neuron_debug_record(kind, nfile->ctx);
	struct neuron_device *ndev = nfile->ndev;

	lockdep_assert_held(&nfile->vm.lock);

	rec.flags = cpu_to_le32(own->write ? NRN_DEBUG_FLAG_WRITE : 0);
	rec.buffer = cpu_to_le64(own->serial);
	rec.va = cpu_to_le64(own->node.start);
	rec.bytes = cpu_to_le64(own->node.size);
	strscpy(rec.label, "pages of a DMA job", sizeof(rec.label));
	down_read(&ndev->reset_sem);
	neuron_debug_tell(ndev, &rec);
	up_read(&ndev->reset_sem);
}

void neuron_debug_tell_bind_own(struct neuron_file *nfile, const struct neuron_own_mapping *own)
{
	neuron_debug_tell_own(nfile, NRN_DEBUG_KIND_BIND, own);
}

void neuron_debug_tell_unbind_own(struct neuron_file *nfile, const struct neuron_own_mapping *own)
{
	neuron_debug_tell_own(nfile, NRN_DEBUG_KIND_UNBIND, own);
}

/* &drm_gem_object_funcs.close: the file has given up the buffer. */
void neuron_debug_tell_free(struct drm_gem_object *obj, struct drm_file *file)
{
	struct neuron_device *ndev = to_neuron_device(obj->dev);
	struct neuron_file *nfile = file->driver_priv;
	struct nrn_debug_record rec;
	int idx;

	if (!nfile || !drm_dev_enter(&ndev->drm, &idx))
		return;
	rec = neuron_debug_record(NRN_DEBUG_KIND_FREE, nfile->ctx);
	rec.buffer = cpu_to_le64(to_neuron_bo(obj)->serial);
	down_read(&ndev->reset_sem);
	neuron_debug_tell(ndev, &rec);
	up_read(&ndev->reset_sem);
	drm_dev_exit(idx);
}

/**
 * neuron_debug_last_fault() - whose memory the last fault of a context met
 * @ndev: Device; reset_sem is held, and the device is not cut off.
 * @ctx: Context.
 * @blame: Gets what the device says.
 *
 * Return: 0 or a negative errno; -EOPNOTSUPP: the device has no recorder.
 */
int neuron_debug_last_fault(struct neuron_device *ndev, u32 ctx, struct nrn_blame_record *blame)
{
	struct neuron_recorder *rec = &ndev->recorder;
	int ret;

	lockdep_assert_held(&ndev->reset_sem);

	if (!rec->capacity)
		return -EOPNOTSUPP;

	mutex_lock(&rec->lock);
	/* An older device writes less. */
	memset(rec->buffer, 0, sizeof(*blame));
	ret = neuron_hw_rec_command(ndev, NRN_REC_OP_LAST_FAULT, rec->dma, 0, ctx);
	if (!ret)
		memcpy(blame, rec->buffer, sizeof(*blame));
	mutex_unlock(&rec->lock);
	return ret;
}

/**
 * neuron_debug_history() - what is and was at an address
 * @ndev: Device; reset_sem is held, and the device is not cut off.
 * @ctx: Context, or NRN_SPACE_HBM or NRN_SPACE_BUS.
 * @va: Address of it.
 * @to: Gets what the device says, newest first; room for NRN_BLAME_HISTORY.
 *
 * Return: how many, or a negative errno; -EOPNOTSUPP: the device does not know.
 */
int neuron_debug_history(struct neuron_device *ndev, u32 ctx, u64 va, struct nrn_blame_record *to)
{
	struct neuron_recorder *rec = &ndev->recorder;
	int count;

	static_assert(NEURON_RECORDER_NEWEST * sizeof(*rec->buffer) >=
		      NRN_BLAME_HISTORY * sizeof(*to));
	lockdep_assert_held(&ndev->reset_sem);

	if (!rec->capacity || !neuron_hw_knows_names(ndev))
		return -EOPNOTSUPP;
	if (ctx >= NRN_SPACE_HBM && !ndev->debug.spaces)
		return -EOPNOTSUPP;
	if (ctx == NRN_SPACE_BUS && !ndev->debug.bus)
		return -EOPNOTSUPP;

	mutex_lock(&rec->lock);
	count = neuron_hw_rec_command(ndev, NRN_REC_OP_HISTORY, rec->dma, va, ctx);
	if (!count)
		count = min(neuron_rd32(ndev, NRN_REG_REC_CMD_DONE), NRN_BLAME_HISTORY);
	if (count > 0)
		memcpy(to, rec->buffer, count * sizeof(*to));
	mutex_unlock(&rec->lock);
	return count;
}

/* It stays zero if there was no fault, or nothing can be known. The device is entered. */
void neuron_debug_fill_fault(struct neuron_file *nfile, struct drm_neuron_query_fault *info)
{
	struct neuron_device *ndev = nfile->ndev;
	struct nrn_blame_record blame = {};
	u16 relation;

	down_read(&ndev->reset_sem);
	if (!neuron_hw_is_cut_off(ndev) && neuron_debug_last_fault(ndev, nfile->ctx, &blame))
		blame.va = 0;
	up_read(&ndev->reset_sem);
	if (!blame.va)
		return;

	relation = le16_to_cpu(blame.relation);
	info->relation = relation;
	info->va = le64_to_cpu(blame.va);
	info->start = le64_to_cpu(blame.start);
	info->bytes = le64_to_cpu(blame.bytes);
	info->distance = le64_to_cpu(blame.distance);
	info->bound_ns = le64_to_cpu(blame.bound_ns);
	if (relation == NRN_BLAME_RELATION_UNBOUND || relation == NRN_BLAME_RELATION_FREED)
		info->gone_ns = le64_to_cpu(blame.time_ns);
	info->fault_ns = le64_to_cpu(blame.now_ns);
	memcpy(info->label, blame.label, sizeof(info->label));
	memcpy(info->place, blame.place, sizeof(info->place));
	memcpy(info->gone_place, blame.gone_place, sizeof(info->gone_place));
}

static void neuron_debug_print_text(struct drm_printer *p, const char *key, const char *text,
				    int room)
{
	if (text[0])
		drm_printf(p, " %s=\"%.*s\"", key, room, text);
}

/* A line. Texts of a device that lies have an end, too. */
void neuron_debug_print_blame(struct drm_printer *p, const struct nrn_blame_record *blame)
{
	u16 ctx = le16_to_cpu(blame->ctx);

	if (ctx == NRN_SPACE_HBM || ctx == NRN_SPACE_BUS)
		drm_printf(p, "space=%s", ctx == NRN_SPACE_HBM ? "hbm" : "bus");
	else
		drm_printf(p, "ctx=%u", ctx);
	drm_printf(p, " va=%#llx %s buffer=%llu start=%#llx bytes=%#llx distance=%llu",
		   le64_to_cpu(blame->va), nrn_blame_relation_name(le16_to_cpu(blame->relation)),
		   le64_to_cpu(blame->buffer), le64_to_cpu(blame->start),
		   le64_to_cpu(blame->bytes), le64_to_cpu(blame->distance));
	drm_printf(p, " pid=%u earlier_ns=%lld", le32_to_cpu(blame->pid),
		   le64_to_cpu(blame->now_ns) - le64_to_cpu(blame->time_ns));
	drm_printf(p, " bound_pid=%u bound_earlier_ns=%lld", le32_to_cpu(blame->bound_pid),
		   le64_to_cpu(blame->now_ns) - le64_to_cpu(blame->bound_ns));
	neuron_debug_print_text(p, "label", blame->label, sizeof(blame->label));
	neuron_debug_print_text(p, "made", blame->place, sizeof(blame->place));
	neuron_debug_print_text(p, "gone", blame->gone_place, sizeof(blame->gone_place));
	/* As elsewhere: last, since it may be anything. */
	if (blame->comm[0])
		drm_printf(p, " comm=%.*s", (int)sizeof(blame->comm), blame->comm);
	drm_puts(p, "\n");
}

/* One line per open file whose context has faulted at an address. */
void neuron_debugfs_print_blame(struct drm_printer *p, struct neuron_device *ndev)
{
	struct nrn_blame_record blame;
	struct neuron_file *nfile;

	mutex_lock(&ndev->files_lock);
	list_for_each_entry(nfile, &ndev->files, link) {
		down_read(&ndev->reset_sem);
		if (!nfile->closing && !neuron_hw_is_cut_off(ndev) &&
		    !neuron_debug_last_fault(ndev, nfile->ctx, &blame) && blame.va)
			neuron_debug_print_blame(p, &blame);
		up_read(&ndev->reset_sem);
	}
	mutex_unlock(&ndev->files_lock);
}

/* After every reset; reset_sem is held for writing, or the device is not in use yet. */
void neuron_debug_start(struct neuron_device *ndev)
{
	struct neuron_debug *debug = &ndev->debug;

	if (!debug->ring)
		return;
	debug->head = 0;
	debug->tail = 0;
	neuron_wr32(ndev, NRN_REG_REC_DEBUG_LOG2, NEURON_DEBUG_LOG2);
	neuron_wr64(ndev, NRN_REG_REC_DEBUG_RING, debug->dma);
}

/* After neuron_recorder_init(): the channel comes with the recorder. */
int neuron_debug_init(struct neuron_device *ndev)
{
	struct neuron_debug *debug = &ndev->debug;
	int ret;

	ret = drmm_mutex_init(&ndev->drm, &debug->lock);
	if (ret || !ndev->recorder.capacity)
		return ret;

	debug->ring = dmam_alloc_coherent(neuron_dma_dev(ndev),
					  NEURON_DEBUG_RECORDS * sizeof(*debug->ring),
					  &debug->dma, GFP_KERNEL);
	if (!debug->ring)
		return -ENOMEM;
	debug->sanitizer = neuron_hw_can_test_drivers(ndev) &&
			   neuron_rd32(ndev, NRN_REG_REC_SANITIZER) & NRN_REC_SANITIZER_ON;
	debug->spaces = neuron_hw_knows_spaces(ndev);
	debug->bus = debug->sanitizer ||
		     (debug->spaces && device_iommu_mapped(neuron_dma_dev(ndev)));
	return 0;
}
