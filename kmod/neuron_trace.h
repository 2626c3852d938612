/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM neuron

#if !defined(__NEURON_TRACE_H__) || defined(TRACE_HEADER_MULTI_READ)
#define __NEURON_TRACE_H__

#include <linux/tracepoint.h>
#include <linux/types.h>

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
