/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_SNAPSHOT_H__
#define __NEURON_SNAPSHOT_H__

#include <linux/types.h>

#include <drm/neuron_accel.h>

#include "neuron_ring.h"

struct drm_printer;
struct neuron_device;
struct neuron_queue;

#define NEURON_SNAPSHOT_JOBS 16

struct neuron_snapshot_job {
	u64 seqno;
	u64 first;
	u64 end;
};

/*
 * struct neuron_queue_snapshot: what a queue has to do at one moment, to be told later
 */
struct neuron_queue_snapshot {
	bool user;
	bool marked;
	u32 ctx;
	u32 id;
	u32 ring_log2;
	enum drm_neuron_queue_state state;
	const char *mode;
	u32 timeout_ms;
	u32 coalesce_count;
	u32 coalesce_usecs;
	u64 submitted;
	u64 completed;
	/* @head, @tail: Packets, as far as the driver has seen them retired and knows of them. */
	u64 head;
	u64 tail;
	/* @announced, @seqno: Packets that the doorbell told of; that the device wrote back. */
	u64 announced;
	u64 seqno;
	/* @failed: The job that the queue was stopped in. @fault_job: That of @fault. */
	u64 failed;
	u64 fault_job;
	struct nrn_event_record fault;
	/* @at: The packet that the device is at. */
	u64 at;
	/* @jobs: The oldest jobs in flight, of @job_count. */
	struct neuron_snapshot_job jobs[NEURON_SNAPSHOT_JOBS];
	u32 job_count;
	/* @packets: Room for @packet_room of the ring, from @first_packet on. */
	struct neuron_raw_packet *packets;
	u64 first_packet;
	u32 packet_count;
	u32 packet_room;
};

void neuron_queue_snapshot_locked(struct neuron_queue_snapshot *to, struct neuron_queue *queue,
				  u64 hw_head, u32 before);
int neuron_queue_snapshot_user(struct neuron_queue_snapshot *to, struct neuron_device *ndev,
			       struct neuron_queue *queue, u32 before);

void neuron_queue_snapshot_print(struct drm_printer *p, const struct neuron_queue_snapshot *snap);
void neuron_queue_snapshot_print_work(struct drm_printer *p,
				      const struct neuron_queue_snapshot *snap);
void neuron_event_print(struct drm_printer *p, const char *name,
			const struct nrn_event_record *rec);

#endif /* __NEURON_SNAPSHOT_H__ */
