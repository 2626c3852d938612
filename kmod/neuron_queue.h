/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_QUEUE_H__
#define __NEURON_QUEUE_H__

#include <linux/cleanup.h>
#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <drm/neuron_accel.h>

#include "neuron_ring.h"
#include "neuron_spec.h"

struct drm_device;
struct drm_file;
struct drm_syncobj;
struct neuron_device;
struct neuron_file;
struct neuron_job;
struct neuron_usage;
struct neuron_user;
struct neuron_vector;
struct neuron_vm;

#define NEURON_RING_LOG2_DEFAULT 10

/*
 * struct neuron_times: when a job ran, by the clock of the device
 */
struct neuron_times {
	u64 start_ns;
	u64 end_ns;
};

/*
 * struct neuron_time_log: those of the latest jobs
 */
struct neuron_time_log {
	struct rcu_head rcu;
	/* @at: By seqno modulo the length of the ring. */
	struct neuron_times at[];
};

/*
 * struct neuron_queue: a queue
 */
struct neuron_queue {
	struct kref ref;
	struct neuron_device *ndev;
	/* @payer: Who is charged for it, or NULL; the file holds it. */
	struct neuron_user *payer;
	/* @usage: Where its times are added up, or NULL; the file's. */
	struct neuron_usage *usage;
	/* @usage_link: In neuron_usage.queues. */
	struct list_head usage_link;
	u32 ctx;
	/* @id: What user space calls it. */
	u32 id;
	/* @hw: Number of the hardware queue, and index in neuron_device.queues. */
	u32 hw;
	u32 ring_log2;
	/* @polled: No interrupts: whoever waits looks. */
	bool polled;
	/* @user: The process writes the ring, see DOC: Queues in user mode. */
	bool user;
	enum drm_neuron_priority priority;
	u32 coalesce_count;
	u32 coalesce_usecs;
	/* @timeout: Jiffies that a job may go without progress. */
	unsigned long timeout;
	u64 fence_context;
	/* @syncobj: Timeline of the jobs. */
	struct drm_syncobj *syncobj;

	/* @ring: Packets; freed, with @seqno and @stamps, when the queue is destroyed. */
	struct neuron_raw_packet *ring;
	dma_addr_t ring_dma;
	/* @seqno: Where the device writes how many packets it has retired. */
	__le64 *seqno;
	dma_addr_t seqno_dma;
	/* @stamps: Where it writes when the jobs ran, by the ring's index of their last packet. */
	struct nrn_stamp *stamps;
	dma_addr_t stamps_dma;

	/* @vm: With @user: where the mappings of the following are pinned, or NULL. */
	struct neuron_vm *vm;
	u64 ring_va;
	u64 seqno_va;
	u64 stamps_va;

	/*
	 * @stop_lock: Who stops the hardware queue must know that it is still this one's, and who
	 * writes packets that the ring is still there.
	 */
	struct mutex stop_lock;
	/* @owns_hw: The hardware queue @hw is ours; under @stop_lock. */
	bool owns_hw;

	struct neuron_vector *vector;
	/* @vector_link: In neuron_vector.queues. */
	struct list_head vector_link;

	/* @lock: One submitter at a time; points of @syncobj are added in order. */
	struct mutex lock;
	/* @tail: Packets written since the start; under @lock. */
	u64 tail;

	/* @irq_lock: Protects what follows. */
	spinlock_t irq_lock;
	enum drm_neuron_queue_state state;
	/* @marked: Takes no jobs any more: @state is not OK, or the queue is being destroyed. */
	bool marked;
	/*
	 * @counting: The registers of @hw count for this queue, and may be read under @irq_lock
	 * without further ado: nothing resets the device, or hands @hw on, before it is cleared.
	 */
	bool counting;
	/* @busy_ns: Time that the queue had work, at the last look. */
	u64 busy_ns;
	/* @core_ns: The same for cores. */
	u64 core_ns;
	/* @jobs: Jobs in flight, oldest first. */
	struct list_head jobs;
	/*
	 * @held: Jobs whose memory of a process has not been given back, oldest first. Who waits
	 * for a job waits for that, too; its fence may have signalled.
	 */
	struct list_head held;
	/* @waiters: &struct neuron_waiter by seqno. */
	struct rb_root_cached waiters;
	/* @announced: Packets that the doorbell has told of. */
	u64 announced;
	/* @head: Packets retired, as far as the driver has seen. */
	u64 head;
	/* @submitted: Seqno of the newest job. */
	u64 submitted;
	/* @completed: Seqno of the newest job that is done, with or without success. */
	u64 completed;
	/* @failed: Seqno of the first job that was failed, 0 if none was. With @user, see there. */
	u64 failed;
	/* @times: When the jobs ran that are done. */
	struct neuron_time_log *times;
	/* @first_error: Result of the job @failed. */
	int first_error;
	/* @rest_error: Result of the jobs after it. */
	int rest_error;
	/* @fault: First fault of the queue; the code is 0 when there was none. */
	struct nrn_event_record fault;
	u64 fault_seqno;
	u64 fault_packet;

	/* @unheard: Jobs that the watchdog has completed because no interrupt told of them. */
	u64 unheard;
	/* @unheard_job: The last of them. */
	u64 unheard_job;
	/* @unheard_ns: How long that had been done. */
	u64 unheard_ns;

	/* @progress: The watchdog's last reading; the fields from here on are its own. */
	u64 progress;
	/* @progress_at: When that reading changed, or the queue was idle or waited for cores. */
	unsigned long progress_at;
	/* @moved_at: When that reading last changed under load. */
	unsigned long moved_at;
	/* @head_job: Oldest job at the last look. */
	u64 head_job;
	/* @head_job_at: Since when it has been. */
	unsigned long head_job_at;
	/* @awaited: Last job that was seen to be done before any interrupt told of it, or 0. */
	u64 awaited;
	/* @awaited_at: When that was seen. */
	unsigned long awaited_at;

	/* @copy_back: See DOC: Bounce buffers; holds a reference. */
	struct work_struct copy_back;

	/* @wait: Woken when jobs are done or the queue stops. */
	wait_queue_head_t wait;
};

static inline struct neuron_queue *neuron_queue_get(struct neuron_queue *queue)
{
	kref_get(&queue->ref);
	return queue;
}

/* neuron_queue.c */
struct neuron_queue *neuron_queue_create(struct neuron_file *nfile,
					 const struct drm_neuron_queue_create *args);
struct neuron_queue *neuron_queue_find(struct neuron_file *nfile, u32 id);
struct neuron_queue *neuron_queue_get_hw(struct neuron_device *ndev, u32 hw);
struct neuron_queue *neuron_queue_next(struct neuron_device *ndev, struct neuron_queue *prev);
void neuron_queue_put(struct neuron_queue *queue);

DEFINE_FREE(neuron_queue, struct neuron_queue *, neuron_queue_put(_T))

void neuron_queue_retire(struct neuron_queue *queue);
void neuron_queue_unhold(struct neuron_queue *queue, struct neuron_job *job);
bool neuron_queue_mark(struct neuron_queue *queue, enum drm_neuron_queue_state state,
		       int first_error, int rest_error);
void neuron_queue_sample_locked(struct neuron_queue *queue);
void neuron_queue_flush(struct neuron_queue *queue);
u64 neuron_queue_oldest(struct neuron_queue *queue);
int neuron_queue_stop_hw(struct neuron_queue *queue);
void neuron_queue_release_memory(struct neuron_queue *queue);
void neuron_queue_kill(struct neuron_queue *queue);
void neuron_queue_drop(struct neuron_queue *queue);

/* neuron_queue_ring.c */
int neuron_queue_alloc_ring(struct neuron_queue *queue);
size_t neuron_queue_ring_bytes(const struct neuron_queue *queue);
size_t neuron_queue_stamp_bytes(const struct neuron_queue *queue);
void neuron_queue_free_ring(struct neuron_queue *queue);
int neuron_queue_reserve(struct neuron_queue *queue, u32 count, bool nonblock);
void neuron_queue_write(struct neuron_queue *queue, const struct neuron_raw_packet *packets,
			u32 count);
int neuron_queue_push(struct neuron_queue *queue, struct neuron_job *job, u32 count, bool plugged);
void neuron_queue_announce(struct neuron_queue *queue);
u64 neuron_queue_retired_locked(struct neuron_queue *queue);
void neuron_queue_collect_locked(struct neuron_queue *queue, struct list_head *done);
void neuron_queue_abandon_locked(struct neuron_queue *queue, struct list_head *done);
struct neuron_times neuron_queue_times_locked(struct neuron_queue *queue, u64 seqno);
void neuron_queue_uncollected(struct neuron_queue *queue, u64 *first, u64 *last);
u64 neuron_queue_note_unheard(struct neuron_queue *queue, u64 last, u64 now_ns);

/* neuron_queue_user.c */
int neuron_queue_pin(struct neuron_queue *queue, struct neuron_vm *vm);
void neuron_queue_unpin(struct neuron_queue *queue);

/* neuron_queue_ioctl.c */
void neuron_queue_fill_limits(struct neuron_file *nfile, struct drm_neuron_query_queues *info);
const char *neuron_queue_mode_name(const struct neuron_queue *queue);
const char *neuron_queue_state_name(enum drm_neuron_queue_state state);
int neuron_queue_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int neuron_queue_destroy_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int neuron_queue_query_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

/* neuron_queue_wait.c */
int neuron_queue_wait_event(struct neuron_queue *queue,
			    bool (*done)(struct neuron_queue *queue, u64 arg), u64 arg,
			    ktime_t deadline);
u64 neuron_queue_reached_locked(struct neuron_queue *queue);
int neuron_queue_result_locked(struct neuron_queue *queue, u64 seqno);
bool neuron_queue_knows(struct neuron_queue *queue, u64 seqno);
int neuron_wait_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* __NEURON_QUEUE_H__ */
