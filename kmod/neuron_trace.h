/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM neuron

#if !defined(__NEURON_TRACE_H__) || defined(TRACE_HEADER_MULTI_READ)
#define __NEURON_TRACE_H__

#include <linux/tracepoint.h>
#include <linux/types.h>

#include <drm/neuron_accel.h>

/*
 * What belongs together has the same ids: ctx is the context, that is the file; queue the hardware
 * queue; seqno the job, from 1 in each queue; req and user_data the command, as in the events of
 * io_uring. docs/reference/driver.md describes each event.
 */

TRACE_DEFINE_ENUM(DRM_NEURON_QUEUE_OK);
TRACE_DEFINE_ENUM(DRM_NEURON_QUEUE_FAULTED);
TRACE_DEFINE_ENUM(DRM_NEURON_QUEUE_TIMED_OUT);
TRACE_DEFINE_ENUM(DRM_NEURON_QUEUE_CANCELED);
TRACE_DEFINE_ENUM(DRM_NEURON_QUEUE_LOST);

DECLARE_EVENT_CLASS(neuron_bind,
	TP_PROTO(u32 ctx, u64 va, u64 size, u32 placement, bool read_only),
	TP_ARGS(ctx, va, size, placement, read_only),
	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(u64, va)
		__field(u64, size)
		__field(u32, placement)
		__field(bool, read_only)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->va = va;
		__entry->size = size;
		__entry->placement = placement;
		__entry->read_only = read_only;
	),
	TP_printk("ctx=%u va=%#llx size=%#llx placement=%s%s",
		  __entry->ctx, __entry->va, __entry->size,
		  __entry->placement ? "hbm" : "host", __entry->read_only ? " ro" : "")
);

DEFINE_EVENT(neuron_bind, neuron_map,
	TP_PROTO(u32 ctx, u64 va, u64 size, u32 placement, bool read_only),
	TP_ARGS(ctx, va, size, placement, read_only)
);

DEFINE_EVENT(neuron_bind, neuron_unmap,
	TP_PROTO(u32 ctx, u64 va, u64 size, u32 placement, bool read_only),
	TP_ARGS(ctx, va, size, placement, read_only)
);

DECLARE_EVENT_CLASS(neuron_pin,
	TP_PROTO(u32 ctx, u64 va, u64 size, bool write),
	TP_ARGS(ctx, va, size, write),
	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(u64, va)
		__field(u64, size)
		__field(bool, write)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->va = va;
		__entry->size = size;
		__entry->write = write;
	),
	TP_printk("ctx=%u va=%#llx size=%#llx%s", __entry->ctx, __entry->va, __entry->size,
		  __entry->write ? " write" : "")
);

/* Mappings that a queue in user mode needs. */
DEFINE_EVENT(neuron_pin, neuron_pin,
	TP_PROTO(u32 ctx, u64 va, u64 size, bool write),
	TP_ARGS(ctx, va, size, write)
);

DEFINE_EVENT(neuron_pin, neuron_unpin,
	TP_PROTO(u32 ctx, u64 va, u64 size, bool write),
	TP_ARGS(ctx, va, size, write)
);

DECLARE_EVENT_CLASS(neuron_dma_pages,
	TP_PROTO(u32 ctx, u32 hw, u64 ptr, u64 pages, bool write),
	TP_ARGS(ctx, hw, ptr, pages, write),
	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(u32, hw)
		__field(u64, ptr)
		__field(u64, pages)
		__field(bool, write)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->hw = hw;
		__entry->ptr = ptr;
		__entry->pages = pages;
		__entry->write = write;
	),
	TP_printk("ctx=%u queue=%u ptr=%#llx pages=%llu%s", __entry->ctx, __entry->hw,
		  __entry->ptr, __entry->pages, __entry->write ? " write" : "")
);

/* Memory of a process that a job uses. */
DEFINE_EVENT(neuron_dma_pages, neuron_dma_pin,
	TP_PROTO(u32 ctx, u32 hw, u64 ptr, u64 pages, bool write),
	TP_ARGS(ctx, hw, ptr, pages, write)
);

DEFINE_EVENT(neuron_dma_pages, neuron_dma_unpin,
	TP_PROTO(u32 ctx, u32 hw, u64 ptr, u64 pages, bool write),
	TP_ARGS(ctx, hw, ptr, pages, write)
);

TRACE_EVENT(neuron_tlb_flush,
	TP_PROTO(u32 ctx, u64 ns, int error),
	TP_ARGS(ctx, ns, error),
	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(u64, ns)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->ns = ns;
		__entry->error = error;
	),
	TP_printk("ctx=%u ns=%llu error=%d", __entry->ctx, __entry->ns, __entry->error)
);

TRACE_EVENT(neuron_queue_create,
	TP_PROTO(u32 ctx, u32 hw, u32 id, u32 flags, u32 priority, u32 ring_log2),
	TP_ARGS(ctx, hw, id, flags, priority, ring_log2),
	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(u32, hw)
		__field(u32, id)
		__field(u32, flags)
		__field(u32, priority)
		__field(u32, ring_log2)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->hw = hw;
		__entry->id = id;
		__entry->flags = flags;
		__entry->priority = priority;
		__entry->ring_log2 = ring_log2;
	),
	TP_printk("ctx=%u queue=%u id=%u flags=%#x priority=%u ring_log2=%u", __entry->ctx,
		  __entry->hw, __entry->id, __entry->flags, __entry->priority, __entry->ring_log2)
);

TRACE_EVENT(neuron_queue_stop,
	TP_PROTO(u32 ctx, u32 hw, u32 state, int error, u64 submitted, u64 completed),
	TP_ARGS(ctx, hw, state, error, submitted, completed),
	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(u32, hw)
		__field(u32, state)
		__field(int, error)
		__field(u64, submitted)
		__field(u64, completed)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->hw = hw;
		__entry->state = state;
		__entry->error = error;
		__entry->submitted = submitted;
		__entry->completed = completed;
	),
	TP_printk("ctx=%u queue=%u state=%s error=%d submitted=%llu completed=%llu", __entry->ctx,
		  __entry->hw,
		  __print_symbolic(__entry->state, { DRM_NEURON_QUEUE_OK, "destroyed" },
				   { DRM_NEURON_QUEUE_FAULTED, "faulted" },
				   { DRM_NEURON_QUEUE_TIMED_OUT, "timed_out" },
				   { DRM_NEURON_QUEUE_CANCELED, "canceled" },
				   { DRM_NEURON_QUEUE_LOST, "lost" }),
		  __entry->error, __entry->submitted, __entry->completed)
);

TRACE_EVENT(neuron_job_create,
	TP_PROTO(u32 ctx, u32 hw, u64 seqno, u32 count, bool dma),
	TP_ARGS(ctx, hw, seqno, count, dma),
	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(u32, hw)
		__field(u64, seqno)
		__field(u32, count)
		__field(bool, dma)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->hw = hw;
		__entry->seqno = seqno;
		__entry->count = count;
		__entry->dma = dma;
	),
	TP_printk("ctx=%u queue=%u seqno=%llu packets=%u%s", __entry->ctx, __entry->hw,
		  __entry->seqno, __entry->count, __entry->dma ? " dma" : "")
);

TRACE_EVENT(neuron_job_submit,
	TP_PROTO(u32 ctx, u32 hw, u64 seqno, u64 first, u32 count),
	TP_ARGS(ctx, hw, seqno, first, count),
	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(u32, hw)
		__field(u64, seqno)
		__field(u64, first)
		__field(u32, count)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->hw = hw;
		__entry->seqno = seqno;
		__entry->first = first;
		__entry->count = count;
	),
	TP_printk("ctx=%u queue=%u seqno=%llu packets=%llu+%u",
		  __entry->ctx,
		  __entry->hw,
		  __entry->seqno,
		  __entry->first,
		  __entry->count)
);

TRACE_EVENT(neuron_job_doorbell,
	TP_PROTO(u32 ctx, u32 hw, u64 seqno, u64 tail),
	TP_ARGS(ctx, hw, seqno, tail),
	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(u32, hw)
		__field(u64, seqno)
		__field(u64, tail)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->hw = hw;
		__entry->seqno = seqno;
		__entry->tail = tail;
	),
	TP_printk("ctx=%u queue=%u seqno=%llu tail=%llu", __entry->ctx, __entry->hw,
		  __entry->seqno, __entry->tail)
);

/* When a job ran is known, by the clock of the device, once it is over. */
TRACE_EVENT(neuron_job_retire,
	TP_PROTO(u32 ctx, u32 hw, u64 seqno, u64 start_ns, u64 end_ns),
	TP_ARGS(ctx, hw, seqno, start_ns, end_ns),
	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(u32, hw)
		__field(u64, seqno)
		__field(u64, start_ns)
		__field(u64, end_ns)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->hw = hw;
		__entry->seqno = seqno;
		__entry->start_ns = start_ns;
		__entry->end_ns = end_ns;
	),
	TP_printk("ctx=%u queue=%u seqno=%llu start_ns=%llu end_ns=%llu run_ns=%llu",
		  __entry->ctx, __entry->hw, __entry->seqno, __entry->start_ns, __entry->end_ns,
		  __entry->end_ns - __entry->start_ns)
);

TRACE_EVENT(neuron_job_done,
	TP_PROTO(u32 ctx, u32 hw, u64 seqno, int error),
	TP_ARGS(ctx, hw, seqno, error),
	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(u32, hw)
		__field(u64, seqno)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->hw = hw;
		__entry->seqno = seqno;
		__entry->error = error;
	),
	TP_printk("ctx=%u queue=%u seqno=%llu error=%d",
		  __entry->ctx,
		  __entry->hw,
		  __entry->seqno,
		  __entry->error)
);

TRACE_EVENT(neuron_fault,
	TP_PROTO(u32 ctx, u32 hw, u32 code, u32 unit, u64 packet, u64 va, u64 info),
	TP_ARGS(ctx, hw, code, unit, packet, va, info),
	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(u32, hw)
		__field(u32, code)
		__field(u32, unit)
		__field(u64, packet)
		__field(u64, va)
		__field(u64, info)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->hw = hw;
		__entry->code = code;
		__entry->unit = unit;
		__entry->packet = packet;
		__entry->va = va;
		__entry->info = info;
	),
	TP_printk("ctx=%u queue=%u code=%u unit=%u packet=%llu va=%#llx info=%#llx",
		  __entry->ctx,
		  __entry->hw,
		  __entry->code,
		  __entry->unit,
		  __entry->packet,
		  __entry->va,
		  __entry->info)
);

TRACE_EVENT(neuron_uring_issue,
	TP_PROTO(u32 ctx, const void *req, u64 user_data, const char *op, u32 flags, bool worker,
		 bool iopoll),
	TP_ARGS(ctx, req, user_data, op, flags, worker, iopoll),
	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(const void *, req)
		__field(u64, user_data)
		__string(op, op)
		__field(u32, flags)
		__field(bool, worker)
		__field(bool, iopoll)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->req = req;
		__entry->user_data = user_data;
		__assign_str(op);
		__entry->flags = flags;
		__entry->worker = worker;
		__entry->iopoll = iopoll;
	),
	TP_printk("ctx=%u req=%p user_data=%#llx op=%s flags=%#x%s%s", __entry->ctx, __entry->req,
		  __entry->user_data, __get_str(op), __entry->flags,
		  __entry->worker ? " worker" : "", __entry->iopoll ? " iopoll" : "")
);

TRACE_EVENT(neuron_uring_issued,
	TP_PROTO(u32 ctx, const void *req, u64 user_data, int result, const char *outcome),
	TP_ARGS(ctx, req, user_data, result, outcome),
	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(const void *, req)
		__field(u64, user_data)
		__field(int, result)
		__string(outcome, outcome)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->req = req;
		__entry->user_data = user_data;
		__entry->result = result;
		__assign_str(outcome);
	),
	TP_printk("ctx=%u req=%p user_data=%#llx %s result=%d", __entry->ctx, __entry->req,
		  __entry->user_data, __get_str(outcome), __entry->result)
);

DECLARE_EVENT_CLASS(neuron_uring_job,
	TP_PROTO(u32 ctx, u32 hw, u64 seqno, const void *req, u64 user_data),
	TP_ARGS(ctx, hw, seqno, req, user_data),
	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(u32, hw)
		__field(u64, seqno)
		__field(const void *, req)
		__field(u64, user_data)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->hw = hw;
		__entry->seqno = seqno;
		__entry->req = req;
		__entry->user_data = user_data;
	),
	TP_printk("ctx=%u queue=%u seqno=%llu req=%p user_data=%#llx", __entry->ctx, __entry->hw,
		  __entry->seqno, __entry->req, __entry->user_data)
);

/* The command stands for this job from here on, or waits for it. */
DEFINE_EVENT(neuron_uring_job, neuron_uring_queued,
	TP_PROTO(u32 ctx, u32 hw, u64 seqno, const void *req, u64 user_data),
	TP_ARGS(ctx, hw, seqno, req, user_data)
);

/* The ring or its task goes away. */
DEFINE_EVENT(neuron_uring_job, neuron_uring_cancel,
	TP_PROTO(u32 ctx, u32 hw, u64 seqno, const void *req, u64 user_data),
	TP_ARGS(ctx, hw, seqno, req, user_data)
);

TRACE_EVENT(neuron_uring_iopoll,
	TP_PROTO(u32 ctx, u32 hw, u64 seqno, const void *req, u64 user_data, bool done),
	TP_ARGS(ctx, hw, seqno, req, user_data, done),
	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(u32, hw)
		__field(u64, seqno)
		__field(const void *, req)
		__field(u64, user_data)
		__field(bool, done)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->hw = hw;
		__entry->seqno = seqno;
		__entry->req = req;
		__entry->user_data = user_data;
		__entry->done = done;
	),
	TP_printk("ctx=%u queue=%u seqno=%llu req=%p user_data=%#llx done=%d", __entry->ctx,
		  __entry->hw, __entry->seqno, __entry->req, __entry->user_data, __entry->done)
);

TRACE_EVENT(neuron_uring_complete,
	TP_PROTO(u32 ctx, u32 hw, u64 seqno, const void *req, u64 user_data, int result,
		 u64 end_ns, u64 latency_ns),
	TP_ARGS(ctx, hw, seqno, req, user_data, result, end_ns, latency_ns),
	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(u32, hw)
		__field(u64, seqno)
		__field(const void *, req)
		__field(u64, user_data)
		__field(int, result)
		__field(u64, end_ns)
		__field(u64, latency_ns)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->hw = hw;
		__entry->seqno = seqno;
		__entry->req = req;
		__entry->user_data = user_data;
		__entry->result = result;
		__entry->end_ns = end_ns;
		__entry->latency_ns = latency_ns;
	),
	TP_printk("ctx=%u queue=%u seqno=%llu req=%p user_data=%#llx result=%d end_ns=%llu latency_ns=%llu",
		  __entry->ctx, __entry->hw, __entry->seqno, __entry->req, __entry->user_data,
		  __entry->result, __entry->end_ns, __entry->latency_ns)
);

TRACE_EVENT(neuron_reset,
	TP_PROTO(const char *why),
	TP_ARGS(why),
	TP_STRUCT__entry(
		__string(why, why)
	),
	TP_fast_assign(
		__assign_str(why);
	),
	TP_printk("%s", __get_str(why))
);

#endif /* __NEURON_TRACE_H__ */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE neuron_trace
#include <trace/define_trace.h>
