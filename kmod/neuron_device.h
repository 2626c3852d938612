/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_DEVICE_H__
#define __NEURON_DEVICE_H__

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/idr.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <drm/drm_device.h>
#include <drm/drm_file.h>

#include "neuron_debug.h"
#include "neuron_dma.h"
#include "neuron_coredump.h"
#include "neuron_fail.h"
#include "neuron_hbm.h"
#include "neuron_ras.h"
#include "neuron_recorder.h"
#include "neuron_spec.h"
#include "neuron_usage.h"
#include "neuron_user.h"
#include "neuron_vm.h"

struct dma_pool;
struct neuron_doorbell;
struct neuron_queue;

/**
 * DOC: Locking
 *
 * From the outside in; a lock further down may be taken while one further up is held, never the
 * other way round::
 *
 *   drm_device.object_name_lock       held by the core while a dma-buf is imported
 *   drm_dev_enter()                   every access to the hardware, every use of the DMA API
 *     neuron_device.files_lock        list of open files
 *     neuron_queue.lock               submitters of one queue take turns
 *     neuron_vm.lock                  address space of one file
 *     neuron_device.doorbell_lock     who sees doorbells; faults take it inside mmap_lock
 *       neuron_device.bos_lock        list of buffers that hold DMA mappings; mmap() takes it
 *                                     inside mmap_lock
 *         dma_resv                    pages of one buffer (inside the helpers of GEM and dma-buf);
 *                                     faults take it
 *     neuron_hbm.lock                 HBM allocator and the scrub registers
 *       neuron_device.reset_sem       read: a dialogue with the hardware that a reset must not
 *                                     tear; write: the reset
 *         neuron_events.lock          consumer of the event ring
 *         neuron_recorder.lock        commands of the flight recorder
 *         neuron_debug.lock           producer of the debug channel
 *         neuron_queue.stop_lock      ownership of a hardware queue and of a ring
 *           neuron_device.queues_lock table of hardware queues
 *           neuron_usage.lock         queues of one file, and the time that they have used
 *           neuron_vector.lock        queues of one interrupt vector (hard irq)
 *             neuron_queue.irq_lock   jobs and state of one queue (hard irq)
 *               dma_fence.lock
 *             neuron_file_dma.lock    jobs that are done with memory of a process (hard irq)
 *           drm_device.event_lock     files that listen to events, and their events
 *           neuron_ras.lock           error counters
 *     neuron_device.bo_list_lock      list of all buffers
 *     neuron_device.stalls_lock       who waits in a submission
 *     neuron_device.users (xa_lock)   users and what is charged to them
 *
 * Nothing is taken inside the last three.
 *
 * Fences complete through the interrupt handlers, the event thread and the watchdog. They take
 * reset_sem and what is below it. So while one of these locks is held, no memory may be allocated,
 * no user memory touched and no fence waited for; and dma_fence_begin_signalling() comes before
 * reset_sem. What the uring_lock of io_uring is held for only tries neuron_queue.lock. A coredump
 * is taken there, too: it only tries neuron_vm.lock, which the holder allocates memory under.
 *
 * A queue is marked under irq_lock, and the doorbell is rung under irq_lock: after
 * neuron_queue_mark() no doorbell of the queue reaches the device any more. A process that has the
 * doorbells mapped rings them when it likes; neuron_doorbells_shut() ends that. It waits for page
 * tables, so it is not called while one of the locks above is held.
 */

/*
 * struct neuron_info: what the device says about itself, read once
 */
struct neuron_info {
	u32 spec_version;
	u32 profile;
	u32 cores;
	u32 sbuf_bytes;
	u32 psum_bytes;
	u32 hbm_banks;
	u32 contexts;
	u32 queues;
	u64 hbm_bytes;
	u64 aperture_bytes;
};

/*
 * struct neuron_vector: an interrupt vector and the queues that it serves
 */
struct neuron_vector {
	struct neuron_device *ndev;
	int irq;
	/* @lock: Protects @queues; keeps a queue of the list from being freed. */
	spinlock_t lock;
	struct list_head queues;
};

/*
 * struct neuron_events: the event ring
 */
struct neuron_events {
	/* @lock: One consumer at a time. */
	struct mutex lock;
	struct nrn_event_record *ring;
	dma_addr_t dma;
	u32 head;
};

/*
 * struct neuron_device: one device
 */
struct neuron_device {
	struct drm_device drm;

	void __iomem *regs;
	/* @doorbells: CPU address of the page of doorbells of context 0. */
	phys_addr_t doorbells;
	/* @aperture: CPU address of the first byte of HBM. */
	phys_addr_t aperture;
	struct neuron_info info;

	/* @reset_sem: See DOC: Locking. */
	struct rw_semaphore reset_sem;
	/* @wedged: A reset failed; see DOC: States of the device. Written under reset_sem. */
	bool wedged;
	/* @gone: It does not answer any more. Written under reset_sem. */
	bool gone;
	/*
	 * @away: Why the device must not be talked to at the moment, NEURON_AWAY_*. Written under
	 * reset_sem, which the PCI core must not be called with.
	 */
	unsigned int away;
	/* @reset_count: Resets since probe. */
	atomic_t reset_count;
	/* @wedged_work: Tells user space that the device is wedged. */
	struct work_struct wedged_work;
	/* @recovery: Ends a recovery of the link that does not come to an end. */
	struct delayed_work recovery;
	/* @quiesced: Completed by remove, once the device can reach no memory any more. */
	struct completion quiesced;

	struct neuron_hbm hbm;
	struct neuron_events events;

	/* @vectors: Vector 0 serves events, the others queues. */
	struct neuron_vector vectors[NRN_MSIX_VECTORS];
	u32 num_vectors;
	atomic_t next_vector;

	/* @queues_lock: Protects @queues. */
	spinlock_t queues_lock;
	/* @queues: Queues by hardware number; a number is taken while its entry is set. */
	struct neuron_queue *queues[NRN_MAX_QUEUES];

	/* @ctx_ida: Contexts in use. */
	struct ida ctx_ida;
	/* @ctx_root: Root table of each context, 0 when it is off; written under reset_sem. */
	dma_addr_t ctx_root[NRN_MAX_CONTEXTS];
	/*
	 * @ctx_vm: Address space of each context that is on. Read under reset_sem held for writing:
	 * until it is released, the address space stays.
	 */
	struct neuron_vm *ctx_vm[NRN_MAX_CONTEXTS];
	/* @ctx_stats: What happened to the file that has the context. */
	struct neuron_ctx_stats ctx_stats[NRN_MAX_CONTEXTS];
	/* @pt_pool: Page tables. */
	struct dma_pool *pt_pool;

	struct workqueue_struct *wq;
	/* @tdr: The watchdog; pending or running while a queue has jobs. */
	struct delayed_work tdr;
	/* @timeout_ms_default: Timeout of queues that name none. See DOC: Limits for these. */
	u32 timeout_ms_default;
	/* @job_timeouts: A job may take so many timeouts altogether. */
	u32 job_timeouts;
	/* @stop_ms: How long a queue, a context or a TLB flush may take to end. */
	u32 stop_ms;
	/* @reset_ms: How long a reset may take. */
	u32 reset_ms;

	struct neuron_ras ras;
	struct neuron_coredump coredump;
	struct neuron_recorder recorder;
	struct neuron_debug debug;
	struct neuron_fails fails;
	/* @listeners: Files that want events; under drm_device.event_lock. */
	struct list_head listeners;

	/* @bounces: The DMA API bounces what it maps for the device; constant. */
	bool bounces;
	/* @bounce_wq: With @bounces: copies back what the device has written. */
	struct workqueue_struct *bounce_wq;
	/* @bounced: Bytes of bounce buffers in use. */
	atomic64_t bounced;

	/* @users: Users by uid; its lock protects what is charged to them. */
	struct xarray users;
	/* @user_limits: What each may have at most; written by the administrator at any time. */
	u64 user_limits[NEURON_RESOURCES];

	/* @stalls_lock: Protects @stalls, &struct neuron_stall of who waits in a submission. */
	spinlock_t stalls_lock;
	struct list_head stalls;

	/* @files_lock: Protects @files. */
	struct mutex files_lock;
	struct list_head files;

	/* @doorbell_lock: See DOC: Doorbells. */
	struct mutex doorbell_lock;
	/* @doorbells_shut: No process may reach its doorbells; under @doorbell_lock. */
	bool doorbells_shut;

	/* @bo_list_lock: Protects @bo_list; a buffer of the list is not freed. */
	struct mutex bo_list_lock;
	/* @bo_list: All buffers that somebody has, or has had, a handle to. */
	struct list_head bo_list;

	/* @bo_serial: Buffers that there have been. */
	atomic64_t bo_serial;

	/* @bos_lock: Protects @bos and the DMA mappings of the buffers in it. */
	struct mutex bos_lock;
	struct list_head bos;
};

/* neuron_device.away: */
#define NEURON_AWAY_RESET BIT(0) /* the function is being reset from outside */
#define NEURON_AWAY_ERROR BIT(1) /* the link has failed and is being recovered */
#define NEURON_AWAY_SLEEP BIT(2) /* it sleeps */

/*
 * struct neuron_listener: what a file gets to know
 */
struct neuron_listener {
	/* @link: In neuron_device.listeners; all of it is under drm_device.event_lock. */
	struct list_head link;
	u32 mask;
	u32 dropped;
};

/*
 * struct neuron_file: an open file: a context of the device
 */
struct neuron_file {
	struct neuron_device *ndev;
	struct drm_file *drm_file;
	/* @link: In neuron_device.files. */
	struct list_head link;
	/* @user: Who pays for the file, NULL for one without limits; constant. */
	struct neuron_user *user;
	u32 ctx;
	struct neuron_vm vm;
	/* @doorbell: What shows the doorbells of the context, or NULL; under doorbell_lock. */
	struct neuron_doorbell *doorbell;
	/* @queues: Queues by the id that user space knows. */
	struct xarray queues;
	struct neuron_file_dma dma;
	struct neuron_listener listener;
	struct neuron_usage usage;
	/*
	 * @closing: Its handles are about to be freed, or have been, without a lock: nobody but
	 * the file itself looks at them any more. Under neuron_device.files_lock.
	 */
	bool closing;
};

/* Queues that one file may have, so that a single process cannot take all. */
#define NEURON_FILE_QUEUES 32u

static inline struct neuron_device *to_neuron_device(struct drm_device *drm)
{
	return container_of(drm, struct neuron_device, drm);
}

static inline struct device *neuron_dma_dev(struct neuron_device *ndev)
{
	return ndev->drm.dev;
}

#endif /* __NEURON_DEVICE_H__ */
