/* SPDX-License-Identifier: MIT */
#ifndef _UAPI_DRM_NEURON_ACCEL_H_
#define _UAPI_DRM_NEURON_ACCEL_H_

#include "drm.h"

#if defined(__cplusplus)
extern "C" {
#endif

/**
 * DOC: Rules of this interface
 *
 * - An open file is a context of the device: one address space, one protection domain. Handles and
 *   queue ids belong to the file.
 * - Structures have the same layout on 32 and 64 bit and no implicit padding. Fields named @pad
 *   must be zero, unknown flags are refused with -EINVAL.
 * - Structures grow at the end; zero means the old behaviour. Arrays carry the stride of their
 *   elements (&struct drm_neuron_array).
 * - An older kernel does not look at what it does not know at the end of a structure. What is new
 *   comes with a new minor version of the driver (DRM_IOCTL_VERSION): 1.2 has all that is here, 1.1
 *   neither names in VM_BIND nor DRM_NEURON_QUERY_FAULT, and 1.0 had DEV_QUERY of the device,
 *   buffers, bindings, queues of the kernel and io_uring SUBMIT.
 * - Timeouts are absolute CLOCK_MONOTONIC nanoseconds. An interrupted call may be repeated
 *   unchanged.
 * - Every io_uring command has an ioctl that does the same.
 * - Error codes beyond the usual: -ENOENT unknown handle or queue, -ENOSPC out of device memory,
 *   contexts, queues or address space, -ENODEV the device is gone, -EIO the queue was stopped
 *   (QUEUE_QUERY says why) or the device is out of service, -ECANCELED the queue was destroyed,
 *   -ETIME a wait has run out, -EAGAIN the function is being reset: repeat the call (BO_CREATE).
 * - Results of jobs: 0; -EIO the job faulted; -ETIME it was stopped by the watchdog; -ECANCELED it
 *   never ran to its end because its queue was stopped; -ENODEV the device is gone.
 */

/**
 * enum drm_neuron_ioctl_id - numbers of the ioctls
 * @DRM_NEURON_DEV_QUERY: Read facts about the device. &struct drm_neuron_dev_query
 * @DRM_NEURON_BO_CREATE: Create a buffer. &struct drm_neuron_bo_create
 * @DRM_NEURON_BO_QUERY: Read facts about a buffer, its mmap offset included. &struct
 *   drm_neuron_bo_query
 * @DRM_NEURON_VM_BIND: Map or unmap a buffer in the context. &struct drm_neuron_vm_bind
 * @DRM_NEURON_QUEUE_CREATE: Create a queue. &struct drm_neuron_queue_create
 * @DRM_NEURON_QUEUE_DESTROY: Destroy a queue. &struct drm_neuron_queue_destroy
 * @DRM_NEURON_QUEUE_QUERY: Read the state of a queue, its fault included. &struct
 *   drm_neuron_queue_query
 * @DRM_NEURON_SUBMIT: Submit a job. &struct drm_neuron_submit
 * @DRM_NEURON_WAIT: Wait for a job. &struct drm_neuron_wait
 * @DRM_NEURON_EVENT_MASK: Choose the events that can be read from the file. &struct
 *   drm_neuron_event_mask
 * @DRM_NEURON_DMA: Copy between memory of the process and memory of the context. &struct
 *   drm_neuron_dma
 */
enum drm_neuron_ioctl_id {
	DRM_NEURON_DEV_QUERY = 0,
	DRM_NEURON_BO_CREATE,
	DRM_NEURON_BO_QUERY,
	DRM_NEURON_VM_BIND,
	DRM_NEURON_QUEUE_CREATE,
	DRM_NEURON_QUEUE_DESTROY,
	DRM_NEURON_QUEUE_QUERY,
	DRM_NEURON_SUBMIT,
	DRM_NEURON_WAIT,
	DRM_NEURON_EVENT_MASK,
	DRM_NEURON_DMA,
};

/**
 * struct drm_neuron_array - array in user memory
 * @stride: Size of one element as user space knows it. A larger element of the kernel reads the
 *   rest as zero; what a smaller one of the kernel does not know must be zero, else -E2BIG. Less
 *   than the size of the first version of the element gives -EINVAL, more than a page -E2BIG.
 * @count: Number of elements.
 * @ptr: User pointer to the first element.
 */
struct drm_neuron_array {
	__u32 stride;
	__u32 count;
	__u64 ptr;
};

/**
 * enum drm_neuron_query_type - what DEV_QUERY reads
 * @DRM_NEURON_QUERY_DEVICE: &struct drm_neuron_query_device
 * @DRM_NEURON_QUERY_MEMORY: &struct drm_neuron_query_memory
 * @DRM_NEURON_QUERY_QUEUES: &struct drm_neuron_query_queues
 * @DRM_NEURON_QUERY_CONTEXT: &struct drm_neuron_query_context
 * @DRM_NEURON_QUERY_RAS: &struct drm_neuron_query_ras
 * @DRM_NEURON_QUERY_FAULT: &struct drm_neuron_query_fault
 */
enum drm_neuron_query_type {
	DRM_NEURON_QUERY_DEVICE = 0,
	DRM_NEURON_QUERY_MEMORY,
	DRM_NEURON_QUERY_QUEUES,
	DRM_NEURON_QUERY_CONTEXT,
	DRM_NEURON_QUERY_RAS,
	DRM_NEURON_QUERY_FAULT,
};

/**
 * struct drm_neuron_query_device - the device
 * @spec_version: Version of the hardware contract that the device reports: major << 16 | minor.
 * @driver_spec_version: The version that the driver was built for.
 * @profile: Chip profile, &enum nrn_profile of the contract.
 * @cores: NeuronCores.
 * @sbuf_bytes: SBUF bytes per partition.
 * @psum_bytes: PSUM bytes per partition.
 * @hbm_banks: HBM stacks.
 * @reset_count: Resets of the device since the driver was bound. Each one zeroes HBM and stops all
 *   queues.
 * @hbm_bytes: HBM capacity.
 * @hbm_free: HBM bytes not allocated at the moment.
 * @aperture_bytes: HBM bytes that the CPU can map.
 * @va_start: First address that VM_BIND accepts.
 * @va_end: One past the last. What lies above is used by the driver.
 * @page_size: Granularity of VM_BIND.
 * @max_queues: Queues that a context may have.
 * @clock_ns: Device clock.
 */
struct drm_neuron_query_device {
	__u32 spec_version;
	__u32 driver_spec_version;
	__u32 profile;
	__u32 cores;
	__u32 sbuf_bytes;
	__u32 psum_bytes;
	__u32 hbm_banks;
	__u32 reset_count;
	__u64 hbm_bytes;
	__u64 hbm_free;
	__u64 aperture_bytes;
	__u64 va_start;
	__u64 va_end;
	__u32 page_size;
	__u32 max_queues;
	__u64 clock_ns;
};

#define DRM_NEURON_MAX_BANKS 8

/**
 * struct drm_neuron_query_memory - memory, and what the caller may have of it
 *
 * Limits hold for all files of one user together: those that it has opened. Only buffers that they
 * have created count, until the last user of the buffer is gone. Beyond a limit BO_CREATE gives
 * -ENOMEM for host buffers and -ENOSPC for HBM. Files that the superuser (CAP_SYS_RESOURCE) has
 * opened have no limits and are not counted: for them, limits are all that there is.
 *
 * @banks: HBM stacks.
 * @pad: Zero.
 * @host_limit: Bytes of host buffers that the caller's user may have.
 * @host_used: Bytes that the caller's user has.
 * @hbm_limit: Bytes of HBM buffers that the caller's user may have.
 * @hbm_used: Bytes that the caller's user has.
 * @bank_bytes: Capacity of each stack, 0 for those that there are not.
 * @bank_free: Bytes of each that are not allocated at the moment.
 */
struct drm_neuron_query_memory {
	__u32 banks;
	__u32 pad;
	__u64 host_limit;
	__u64 host_used;
	__u64 hbm_limit;
	__u64 hbm_used;
	__u64 bank_bytes[DRM_NEURON_MAX_BANKS];
	__u64 bank_free[DRM_NEURON_MAX_BANKS];
};

/**
 * struct drm_neuron_query_queues - what queues can do
 * @ring_log2_min: Least log2 of the packets of a ring.
 * @ring_log2_max: Largest.
 * @ring_log2_default: What 0 means.
 * @coalesce_count_max: Largest @coalesce_count.
 * @coalesce_usecs_max: Largest @coalesce_usecs.
 * @timeout_ms_default: Timeout of queues that name none; an administrator may change it.
 * @timeout_ms_max: Largest timeout.
 * @queues_max: Queues that a file may have.
 * @queues_user_max: Queues that all files of the caller's user may have together.
 * @pad: Zero.
 */
struct drm_neuron_query_queues {
	__u32 ring_log2_min;
	__u32 ring_log2_max;
	__u32 ring_log2_default;
	__u32 coalesce_count_max;
	__u32 coalesce_usecs_max;
	__u32 timeout_ms_default;
	__u32 timeout_ms_max;
	__u32 queues_max;
	__u32 queues_user_max;
	__u32 pad;
};

/**
 * struct drm_neuron_query_context - what happened to this file
 * @faults: Queues of the file that were stopped by a fault of their own: guilty.
 * @timeouts: Queues that the watchdog has stopped: guilty.
 * @canceled: Queues that were stopped because of another queue of the file: innocent.
 * @lost: Queues that were lost in a reset which another file's queue or an administrator caused,
 *   or in one that they did not cause themselves: innocent.
 * @resets_caused: Resets of the device that a queue of this file has caused: guilty.
 * @context: Number of the context, as traces and debugfs name it.
 */
struct drm_neuron_query_context {
	__u32 faults;
	__u32 timeouts;
	__u32 canceled;
	__u32 lost;
	__u32 resets_caused;
	__u32 context;
};

/**
 * struct drm_neuron_query_ras - errors of the device since the driver was bound
 * @hbm_corrected: Errors of HBM that were corrected.
 * @hbm_uncorrected: Errors of HBM that were not.
 * @faults: Faults of queues.
 * @timeouts: Queues that the watchdog has stopped.
 * @resets: Resets, for whatever reason.
 * @wedged: 1 if the device is out of service.
 * @aer_corrected: Errors of the link that the PCI core has reported as recovered without a reset.
 * @aer_fatal: Those that led to a reset or to the loss of the device.
 */
struct drm_neuron_query_ras {
	__u64 hbm_corrected;
	__u64 hbm_uncorrected;
	__u64 faults;
	__u64 timeouts;
	__u32 resets;
	__u32 wedged;
	__u32 aer_corrected;
	__u32 aer_fatal;
};

#define DRM_NEURON_LABEL_MAX 63
#define DRM_NEURON_PLACE_MAX 47

/**
 * struct drm_neuron_query_fault - whose memory the last fault of this file has met
 *
 * The device notes it when a queue of the file faults at an address, and remembers what was mapped
 * there before. It is about mappings of this file and of no other. All zero if there was no such
 * fault, or if the device keeps no such notes.
 *
 * @relation: &enum nrn_blame_relation of the contract: how the address lies to the buffer.
 * @pad: Zero.
 * @va: The address.
 * @start: Where the buffer is, or was, mapped.
 * @bytes: Its size there.
 * @distance: Bytes between the buffer and the address; from its first byte for an address in it.
 * @bound_ns: Device clock when it was mapped.
 * @gone_ns: Device clock when it was unmapped or freed; 0 if it is still mapped.
 * @fault_ns: Device clock at the fault. A reset starts the clock anew.
 * @label: What VM_BIND called it, cut and padded with zeros.
 * @place: Where VM_BIND said that it was made, likewise.
 * @gone_place: Where VM_BIND said that it was unmapped, likewise.
 */
struct drm_neuron_query_fault {
	__u32 relation;
	__u32 pad;
	__u64 va;
	__u64 start;
	__u64 bytes;
	__u64 distance;
	__u64 bound_ns;
	__u64 gone_ns;
	__u64 fault_ns;
	__u8 label[DRM_NEURON_PLACE_MAX + 1];
	__u8 place[DRM_NEURON_PLACE_MAX + 1];
	__u8 gone_place[DRM_NEURON_PLACE_MAX + 1];
};

/**
 * struct drm_neuron_dev_query - read facts about the device
 * @type: &enum drm_neuron_query_type
 * @size: In: size of the buffer at @ptr; out: size of what the kernel knows. With @ptr 0 only @size
 *   is written. A larger buffer is zeroed at the end, a smaller one gets the first bytes.
 * @ptr: User pointer to the structure of the type.
 */
struct drm_neuron_dev_query {
	__u32 type;
	__u32 size;
	__u64 ptr;
};

/**
 * enum drm_neuron_placement - where a buffer lives
 * @DRM_NEURON_PLACE_HOST: System memory.
 * @DRM_NEURON_PLACE_HBM: Device memory.
 */
enum drm_neuron_placement {
	DRM_NEURON_PLACE_HOST = 0,
	DRM_NEURON_PLACE_HBM,
};

#define DRM_NEURON_BO_MAPPABLE 0x1u /* HBM: allocate behind the aperture, so that mmap works */
#define DRM_NEURON_BO_IMPORTED 0x2u /* BO_QUERY only: host memory that another driver owns */
#define DRM_NEURON_BO_DOORBELL 0x4u /* BO_QUERY only: the context's page of doorbells */
#define DRM_NEURON_BO_ANY_BANK (~0u)

/**
 * struct drm_neuron_bo_create - create a buffer; it reads as zero
 * @size: In: bytes, not 0; out: rounded up to pages.
 * @placement: &enum drm_neuron_placement
 * @flags: DRM_NEURON_BO_MAPPABLE, meaningful for HBM; host buffers are always mappable.
 * @bank: HBM stack, or DRM_NEURON_BO_ANY_BANK; 0 for host buffers.
 * @handle: Out: handle.
 */
struct drm_neuron_bo_create {
	__u64 size;
	__u32 placement;
	__u32 flags;
	__u32 bank;
	__u32 handle;
};

/**
 * struct drm_neuron_bo_query - read facts about a buffer
 * @handle: In: handle.
 * @placement: Out: &enum drm_neuron_placement
 * @flags: Out: DRM_NEURON_BO_*.
 * @pad: Zero.
 * @size: Out: bytes.
 * @mmap_offset: Out: offset for mmap() on the device file, 0 if the buffer cannot be mapped.
 */
struct drm_neuron_bo_query {
	__u32 handle;
	__u32 placement;
	__u32 flags;
	__u32 pad;
	__u64 size;
	__u64 mmap_offset;
};

/**
 * enum drm_neuron_bind_op - what VM_BIND does
 * @DRM_NEURON_BIND_MAP: Map a range of a buffer.
 * @DRM_NEURON_BIND_UNMAP: Remove a mapping, named by the @va and @range it was made with. When the
 *   call returns, the device does not use it any more.
 */
enum drm_neuron_bind_op {
	DRM_NEURON_BIND_MAP = 0,
	DRM_NEURON_BIND_UNMAP,
};

#define DRM_NEURON_BIND_FIXED_VA 0x1u /* map at @va; otherwise the kernel chooses it */
#define DRM_NEURON_BIND_READ_ONLY 0x2u /* the device may not write */

/**
 * struct drm_neuron_vm_bind - map or unmap, synchronously
 *
 * Whoever maps may say what the program calls the buffer and where in its source it was made, and
 * whoever unmaps where that was. The device tells it in reports of faults, and the administrator
 * sees it. A name is printable ASCII without quotation marks, and not terminated; other characters
 * give -EINVAL. It belongs to the mapping: other files that share the buffer have names of their
 * own.
 *
 * @op: &enum drm_neuron_bind_op
 * @flags: DRM_NEURON_BIND_*; 0 for UNMAP.
 * @handle: Buffer; 0 for UNMAP.
 * @pad: Zero.
 * @bo_offset: First byte of the buffer, page aligned; 0 for UNMAP.
 * @range: Bytes, a multiple of the page size, not 0.
 * @va: In or out: address in the context, page aligned. -EEXIST if a fixed range overlaps another
 *   mapping, -ENOENT if UNMAP names none.
 * @label: User pointer to what the buffer is called, or 0; 0 for UNMAP.
 * @place: User pointer to the place in the source, or 0.
 * @label_bytes: Length of the label, at most DRM_NEURON_LABEL_MAX; 0 without.
 * @place_bytes: Length of the place, at most DRM_NEURON_PLACE_MAX; 0 without.
 */
struct drm_neuron_vm_bind {
	__u32 op;
	__u32 flags;
	__u32 handle;
	__u32 pad;
	__u64 bo_offset;
	__u64 range;
	__u64 va;
	__u64 label;
	__u64 place;
	__u32 label_bytes;
	__u32 place_bytes;
};

/**
 * enum drm_neuron_priority - priority of a queue
 * @DRM_NEURON_PRIORITY_NORMAL: Normal.
 * @DRM_NEURON_PRIORITY_LOW: Runs when no other has work that could go on.
 * @DRM_NEURON_PRIORITY_HIGH: Goes first. Needs CAP_SYS_NICE, else -EACCES.
 */
enum drm_neuron_priority {
	DRM_NEURON_PRIORITY_NORMAL = 0,
	DRM_NEURON_PRIORITY_LOW,
	DRM_NEURON_PRIORITY_HIGH,
};

#define DRM_NEURON_QUEUE_USER 0x1u /* the process writes ring and doorbell itself */
#define DRM_NEURON_QUEUE_POLLED 0x2u /* no interrupts: for IORING_SETUP_IOPOLL, and WAIT */

/**
 * struct drm_neuron_queue_create - create a queue
 *
 * The kernel writes the ring of a queue, copies the packets of SUBMIT into it, and gives each job a
 * fence. With DRM_NEURON_QUEUE_USER the process does it: it writes packets to the ring, then the
 * number of packets written so far to the doorbell, a 32-bit store to the mapping of
 * @doorbell_handle at @doorbell_offset. The device writes the number of packets retired to
 * @seqno_va for packets with flag SEQNO, and wakes WAIT for packets with flag IRQ. Such a queue has
 * no fences, no syncobj and no SUBMIT; the numbers of its jobs are numbers of packets, from 1.
 *
 * Ring, seqno and stamps must be mapped in the context when the queue is created, the latter two
 * writable, else -EFAULT. Their mappings cannot be removed while the queue exists: -EBUSY. A store
 * to the doorbell comes after earlier ones to host buffers; those to HBM need a barrier in between,
 * for its mappings are write-combined. The mapping of the doorbell is one page, shared, writable
 * and not executable.
 *
 * With DRM_NEURON_QUEUE_POLLED the queue raises no interrupts. WAIT, a SUBMIT that finds the ring
 * full, and io_uring with IORING_SETUP_IOPOLL look by themselves for what is done. Fences and
 * syncobjs signal when one of them looks, or when the watchdog does, about once a second.
 *
 * @flags: DRM_NEURON_QUEUE_*; the two exclude each other.
 * @ring_log2: log2 of the number of packets of the ring, 4 to 16; 0 for the default.
 * @timeout_ms: A job that makes no progress for this long, though it does not wait for cores or for
 *   a queue of higher priority, is stopped and its result is -ETIME; so is one that takes 32 times
 *   as long all in all (an administrator may change that). At most an hour; 0 for the default.
 * @queue_id: Out: id, never 0.
 * @syncobj: Out: handle of a timeline syncobj; point N signals when the job with seqno N is done. 0
 *   with USER.
 * @priority: &enum drm_neuron_priority
 * @coalesce_count: Jobs whose interrupts are held back at most, until the queue has nothing more to
 *   do; 0 and 1: none. 0 with POLLED.
 * @coalesce_usecs: Microseconds that one is held back at most; 0: none. 0 with POLLED.
 * @doorbell_handle: Out, with USER: buffer to map for the doorbell. Each call gives a handle of its
 *   own to the one page of the context.
 * @doorbell_offset: Out, with USER: byte offset of the queue's doorbell in it.
 * @ring_va: With USER: context address of the ring, page aligned; else 0.
 * @seqno_va: With USER: context address of the seqno, 8-byte aligned; else 0.
 * @stamps_va: With USER: context address of an array of struct stamp of the hardware contract, one
 *   for each packet of the ring, 16-byte aligned, or 0; else 0.
 */
struct drm_neuron_queue_create {
	__u32 flags;
	__u32 ring_log2;
	__u32 timeout_ms;
	__u32 queue_id;
	__u32 syncobj;
	__u32 priority;
	__u32 coalesce_count;
	__u32 coalesce_usecs;
	__u32 doorbell_handle;
	__u32 doorbell_offset;
	__u64 ring_va;
	__u64 seqno_va;
	__u64 stamps_va;
};

/**
 * struct drm_neuron_queue_destroy - destroy a queue; jobs in flight are stopped and signal
 * -ECANCELED
 * @queue_id: Queue.
 * @pad: Zero.
 */
struct drm_neuron_queue_destroy {
	__u32 queue_id;
	__u32 pad;
};

/**
 * enum drm_neuron_queue_state - state of a queue
 * @DRM_NEURON_QUEUE_OK: Takes jobs.
 * @DRM_NEURON_QUEUE_FAULTED: Stopped by a fault of one of its jobs; @fault_* tell it.
 * @DRM_NEURON_QUEUE_TIMED_OUT: Stopped because a job made no progress.
 * @DRM_NEURON_QUEUE_CANCELED: Stopped because of another queue of the context.
 * @DRM_NEURON_QUEUE_LOST: The device was reset or is gone.
 */
enum drm_neuron_queue_state {
	DRM_NEURON_QUEUE_OK = 0,
	DRM_NEURON_QUEUE_FAULTED,
	DRM_NEURON_QUEUE_TIMED_OUT,
	DRM_NEURON_QUEUE_CANCELED,
	DRM_NEURON_QUEUE_LOST,
};

/**
 * struct drm_neuron_queue_query - read the state of a queue
 * @queue_id: In: queue.
 * @state: Out: &enum drm_neuron_queue_state
 * @submitted: Out: seqno of the newest job; with USER, number of packets that the doorbell has
 *   announced.
 * @completed: Out: seqno of the newest job that is done; with USER, number of packets retired.
 * @fault_code: Out: fault code of the hardware contract, 0 without a fault.
 * @fault_unit: Out: unit of the contract where it arose.
 * @fault_core: Out: core.
 * @fault_ring: Out: DMA ring.
 * @fault_pc: Out: index of the instruction in its stream.
 * @fault_write: Out: 1 if the failed access was a write.
 * @fault_seqno: Out: seqno of the job; with USER, number of the packet.
 * @fault_packet: Out: index of the packet in that job.
 * @fault_va: Out: address in the context.
 * @fault_info: Out: more, by fault code.
 * @busy_ns: Out: time that the queue had work in the device and did not wait for cores.
 * @core_ns: Out: the same for NeuronCores, those of a job added up. Both keep their last value when
 *   the queue has stopped.
 * @priority: Out: &enum drm_neuron_priority
 * @flags: Out: DRM_NEURON_QUEUE_* of creation.
 */
struct drm_neuron_queue_query {
	__u32 queue_id;
	__u32 state;
	__u64 submitted;
	__u64 completed;
	__u32 fault_code;
	__u32 fault_unit;
	__u32 fault_core;
	__u32 fault_ring;
	__u32 fault_pc;
	__u32 fault_write;
	__u64 fault_seqno;
	__u64 fault_packet;
	__u64 fault_va;
	__u64 fault_info;
	__u64 busy_ns;
	__u64 core_ns;
	__u32 priority;
	__u32 flags;
};

#define DRM_NEURON_SYNC_WAIT 0x1u /* the job starts after this point has signalled */
#define DRM_NEURON_SYNC_SIGNAL 0x2u /* the point signals when the job is done */

/**
 * struct drm_neuron_sync - point of a syncobj
 * @flags: Exactly one of DRM_NEURON_SYNC_*.
 * @handle: Syncobj.
 * @point: Timeline point, 0 for a binary syncobj.
 */
struct drm_neuron_sync {
	__u32 flags;
	__u32 handle;
	__u64 point;
};

/**
 * struct drm_neuron_submit - submit a job: packets that run in order
 * @queue_id: Queue.
 * @flags: Zero.
 * @packets: Packets of the hardware contract, 64 bytes each, header flags and reserved bits zero;
 *   at least one, at most half a ring.
 * @syncs: &struct drm_neuron_sync, at most 256; may be empty. A wait on a point that has no fence
 *   yet is refused with -EINVAL.
 * @seqno: Out: number of the job, growing by one per job of the queue, starting at 1. An io_uring
 *   command writes it before the job can be done.
 */
struct drm_neuron_submit {
	__u32 queue_id;
	__u32 flags;
	struct drm_neuron_array packets;
	struct drm_neuron_array syncs;
	__u64 seqno;
};

/**
 * struct drm_neuron_wait - wait for a job
 * @queue_id: Queue.
 * @pad: Zero.
 * @seqno: Job; one that was never submitted gives -EINVAL. Queues in USER mode: number of packets,
 *   which may be ahead of what was submitted. The call looks at the device and not at the seqno in
 *   memory, when it begins, at interrupts of the queue, and when the time is over.
 * @timeout_ns: Absolute; 0 or a time in the past polls.
 * @status: Out: 0, or the negative error of the job, when it is done.
 * @pad2: Zero.
 * @start_ns: Out: device clock when the job was begun; 0 if it did not run to its end, if it is
 *   further back than the ring is long, or with USER.
 * @end_ns: Out: device clock when it was done; likewise.
 */
struct drm_neuron_wait {
	__u32 queue_id;
	__u32 pad;
	__u64 seqno;
	__s64 timeout_ns;
	__s32 status;
	__u32 pad2;
	__u64 start_ns;
	__u64 end_ns;
};

#define DRM_NEURON_EVENT_FAULT 0x1u /* a fault or the watchdog has stopped a queue of this file */
#define DRM_NEURON_EVENT_RESET 0x2u /* the device was reset: HBM is zero, queues are lost */
#define DRM_NEURON_EVENT_RAS 0x4u /* HBM has met an error */

/* The types of DRM drivers are from here on. */
#define DRM_NEURON_EVENT_TYPE 0x80000000u

/**
 * struct drm_neuron_event_mask - choose the events of this file
 * @mask: DRM_NEURON_EVENT_* that read() gives from now on, as &struct drm_neuron_event; poll()
 *   tells of them.
 * @pad: Zero.
 */
struct drm_neuron_event_mask {
	__u32 mask;
	__u32 pad;
};

/**
 * struct drm_neuron_event - what read() gives
 *
 * Events that find the file's space for events full are dropped; @dropped of the next one tells.
 *
 * @type: DRM_NEURON_EVENT_TYPE and one of DRM_NEURON_EVENT_*. (With @length, a &struct drm_event.)
 * @length: Bytes of this event.
 * @queue_id: FAULT: queue.
 * @code: FAULT: fault code of the contract, 0 for the watchdog. RAS: 0 if the error was corrected.
 * @seqno: FAULT: job.
 * @va: FAULT: address. RAS: byte in HBM, if it lies in a buffer of this file, else all ones.
 * @info: FAULT: more, by fault code. RESET: how many resets there have been.
 * @time_ns: CLOCK_MONOTONIC when the driver learnt of it.
 * @dropped: Events dropped before this one.
 * @pad: Zero.
 */
struct drm_neuron_event {
	__u32 type;
	__u32 length;
	__u32 queue_id;
	__u32 code;
	__u64 seqno;
	__u64 va;
	__u64 info;
	__u64 time_ns;
	__u32 dropped;
	__u32 pad;
};

#define DRM_NEURON_DMA_FROM_DEVICE 0x1u /* from the context to the process, else the other way */

/**
 * struct drm_neuron_dma - copy between memory of the process and memory of the context
 *
 * A job of the queue that needs no buffer for the process's side: its pages are pinned and mapped
 * for the device until the job is done. They count against RLIMIT_MEMLOCK (-ENOMEM) until WAIT, or
 * an io_uring command, tells that it is; its fence may signal earlier. Queues in USER mode have no
 * such jobs (-EINVAL).
 *
 * Where the kernel has to bounce the pages (swiotlb), the jobs of all files together have 32 MiB of
 * them at a time: what others have is -ENOMEM, and more than that in one job -E2BIG.
 *
 * @queue_id: Queue.
 * @flags: DRM_NEURON_DMA_*.
 * @ptr: User pointer to anonymous or shared memory; any alignment. Memory that cannot be pinned
 *   gives -EFAULT.
 * @bytes: Length, not 0, at most 1 GiB.
 * @va: Address in the context.
 * @syncs: As in &struct drm_neuron_submit.
 * @seqno: Out: number of the job.
 */
struct drm_neuron_dma {
	__u32 queue_id;
	__u32 flags;
	__u64 ptr;
	__u64 bytes;
	__u64 va;
	struct drm_neuron_array syncs;
	__u64 seqno;
};

#define DRM_IOCTL_NEURON(access, id, type) \
	DRM_##access(DRM_COMMAND_BASE + DRM_NEURON_##id, struct drm_neuron_##type)

#define DRM_IOCTL_NEURON_DEV_QUERY DRM_IOCTL_NEURON(IOWR, DEV_QUERY, dev_query)
#define DRM_IOCTL_NEURON_BO_CREATE DRM_IOCTL_NEURON(IOWR, BO_CREATE, bo_create)
#define DRM_IOCTL_NEURON_BO_QUERY DRM_IOCTL_NEURON(IOWR, BO_QUERY, bo_query)
#define DRM_IOCTL_NEURON_VM_BIND DRM_IOCTL_NEURON(IOWR, VM_BIND, vm_bind)
#define DRM_IOCTL_NEURON_QUEUE_CREATE DRM_IOCTL_NEURON(IOWR, QUEUE_CREATE, queue_create)
#define DRM_IOCTL_NEURON_QUEUE_DESTROY DRM_IOCTL_NEURON(IOW, QUEUE_DESTROY, queue_destroy)
#define DRM_IOCTL_NEURON_QUEUE_QUERY DRM_IOCTL_NEURON(IOWR, QUEUE_QUERY, queue_query)
#define DRM_IOCTL_NEURON_SUBMIT DRM_IOCTL_NEURON(IOWR, SUBMIT, submit)
#define DRM_IOCTL_NEURON_WAIT DRM_IOCTL_NEURON(IOWR, WAIT, wait)
#define DRM_IOCTL_NEURON_EVENT_MASK DRM_IOCTL_NEURON(IOW, EVENT_MASK, event_mask)
#define DRM_IOCTL_NEURON_DMA DRM_IOCTL_NEURON(IOWR, DMA, dma)

/**
 * DOC: io_uring
 *
 * IORING_OP_URING_CMD on the device file. cmd_op is one of DRM_NEURON_URING_*; another gives
 * -ENOTTY. The completion comes when the job is done: res is 0 or the error of the job. With
 * IORING_SETUP_CQE32 the second result is the device clock when the job was done, 0 if it did not
 * run to its end. Each command has an ioctl that does the same: SUBMIT, WAIT, DMA.
 *
 * Commands of a ring enter their queue in order as long as none of them has to sleep (a sync to
 * wait for, a full ring, the turn of another submitter, memory that is short, DMA); link commands
 * that must not overtake.
 *
 * Fields of the SQE that a command has no use for are zero, else -EINVAL: addr (but for WAIT and
 * DMA), len (but for DMA), file_index, buf_index and uring_cmd_flags (but for DMA).
 *
 * When the ring or the task goes away, commands in flight complete with -ECANCELED, and their jobs
 * go on.
 *
 * Rings with IORING_SETUP_IOPOLL take SUBMIT and SUBMIT_INLINE on queues with
 * DRM_NEURON_QUEUE_POLLED; other combinations of the two give -EOPNOTSUPP.
 */

/**
 * struct drm_neuron_uring_submit - payload of DRM_NEURON_URING_SUBMIT in sqe->cmd
 * @ptr: User pointer to a &struct drm_neuron_submit; it is read before io_uring_submit() returns,
 *   or by a worker if the command has to sleep: keep it and what it points at until the completion.
 *   @seqno is written back before the job can be done; it is 0, or not written, if there is no job.
 * @pad: Zero.
 */
struct drm_neuron_uring_submit {
	__u64 ptr;
	__u64 pad;
};

/**
 * struct drm_neuron_uring_inline - payload of DRM_NEURON_URING_SUBMIT_INLINE
 *
 * A job of one packet that is in the command itself, and nothing is read from user memory. Needs
 * IORING_SETUP_SQE128, else -EOPNOTSUPP.
 *
 * @queue_id: Queue.
 * @flags: Zero.
 * @pad: Zero.
 * @packet: The packet, under the rules of SUBMIT.
 */
struct drm_neuron_uring_inline {
	__u32 queue_id;
	__u32 flags;
	__u64 pad;
	__u8 packet[64];
};

/**
 * struct drm_neuron_uring_wait - payload of DRM_NEURON_URING_WAIT
 *
 * Completes when the job is done, with its error in res; with -ETIME when the time is over. The
 * absolute timeout is in sqe->addr: CLOCK_MONOTONIC nanoseconds, below 2^63, 0 for none. (Timeouts
 * of io_uring and IORING_OP_ASYNC_CANCEL do not reach such commands.) On a queue without interrupts
 * (DRM_NEURON_QUEUE_POLLED) it gives -EOPNOTSUPP.
 *
 * @queue_id: Queue.
 * @flags: Zero, or DRM_NEURON_URING_WAIT_CANCEL.
 * @seqno: As in &struct drm_neuron_wait.
 */
struct drm_neuron_uring_wait {
	__u32 queue_id;
	__u32 flags;
	__u64 seqno;
};

/*
 * Instead of waiting, complete the WAIT commands of this file for the same queue and seqno with
 * -ECANCELED; res is how many there were.
 */
#define DRM_NEURON_URING_WAIT_CANCEL 0x1u

/**
 * struct drm_neuron_uring_dma - payload of DRM_NEURON_URING_DMA
 *
 * Like DRM_IOCTL_NEURON_DMA. sqe->addr and sqe->len name the memory of the process; with
 * IORING_URING_CMD_FIXED they lie in the registered buffer sqe->buf_index, whose pages are pinned
 * already.
 *
 * @queue_id: Queue.
 * @flags: DRM_NEURON_DMA_*.
 * @va: Address in the context.
 */
struct drm_neuron_uring_dma {
	__u32 queue_id;
	__u32 flags;
	__u64 va;
};

#define DRM_NEURON_URING_SUBMIT _IOW('N', 0x80, struct drm_neuron_uring_submit)
#define DRM_NEURON_URING_SUBMIT_INLINE _IOW('N', 0x81, struct drm_neuron_uring_inline)
#define DRM_NEURON_URING_WAIT _IOW('N', 0x82, struct drm_neuron_uring_wait)
#define DRM_NEURON_URING_DMA _IOW('N', 0x83, struct drm_neuron_uring_dma)

#if defined(__cplusplus)
}
#endif

#endif /* _UAPI_DRM_NEURON_ACCEL_H_ */
