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
 */
enum drm_neuron_query_type {
	DRM_NEURON_QUERY_DEVICE = 0,
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
 * @va_end: One past the last.
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
 * @flags: Out: flags of creation.
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
 * @op: &enum drm_neuron_bind_op
 * @flags: DRM_NEURON_BIND_*; 0 for UNMAP.
 * @handle: Buffer; 0 for UNMAP.
 * @pad: Zero.
 * @bo_offset: First byte of the buffer, page aligned; 0 for UNMAP.
 * @range: Bytes, a multiple of the page size, not 0.
 * @va: In or out: address in the context, page aligned. -EEXIST if a fixed range overlaps another
 *   mapping, -ENOENT if UNMAP names none.
 */
struct drm_neuron_vm_bind {
	__u32 op;
	__u32 flags;
	__u32 handle;
	__u32 pad;
	__u64 bo_offset;
	__u64 range;
	__u64 va;
};

/**
 * struct drm_neuron_queue_create - create a queue whose ring the kernel writes
 * @flags: Zero.
 * @ring_log2: log2 of the number of packets in flight, 4 to 16; 0 for the default.
 * @timeout_ms: A job that makes no progress for this long while no other queue of the device does
 *   either, or that takes 32 times as long all in all, is stopped and its result is -ETIME. At most
 *   an hour; 0 for the default of ten seconds.
 * @queue_id: Out: id, never 0.
 * @syncobj: Out: handle of a timeline syncobj; point N signals when the job with seqno N is done.
 * @pad: Zero.
 */
struct drm_neuron_queue_create {
	__u32 flags;
	__u32 ring_log2;
	__u32 timeout_ms;
	__u32 queue_id;
	__u32 syncobj;
	__u32 pad;
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
 * @submitted: Out: seqno of the newest job.
 * @completed: Out: seqno of the newest job that is done.
 * @fault_code: Out: fault code of the hardware contract, 0 without a fault.
 * @fault_unit: Out: unit of the contract where it arose.
 * @fault_core: Out: core.
 * @fault_ring: Out: DMA ring.
 * @fault_pc: Out: index of the instruction in its stream.
 * @fault_write: Out: 1 if the failed access was a write.
 * @fault_seqno: Out: seqno of the job.
 * @fault_packet: Out: index of the packet in that job.
 * @fault_va: Out: address in the context.
 * @fault_info: Out: more, by fault code.
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
 * @seqno: Out: number of the job, growing by one per job of the queue, starting at 1.
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
 * @seqno: Job; one that was never submitted gives -EINVAL.
 * @timeout_ns: Absolute; 0 or a time in the past polls.
 * @status: Out: 0, or the negative error of the job, when it is done.
 * @pad2: Zero.
 */
struct drm_neuron_wait {
	__u32 queue_id;
	__u32 pad;
	__u64 seqno;
	__s64 timeout_ns;
	__s32 status;
	__u32 pad2;
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

/**
 * DOC: io_uring
 *
 * IORING_OP_URING_CMD on the device file. cmd_op is one of DRM_NEURON_URING_*; another gives
 * -ENOTTY. The completion comes when the job is done: res is 0 or the error of the job. The command
 * works with 64 and 128 byte SQEs; with IORING_SETUP_CQE32 the second result is the seqno of the
 * job.
 *
 * Commands of a ring enter their queue in order as long as none of them has to sleep (a sync to
 * wait for, a full ring); link commands that must not overtake.
 *
 * When the ring or the task goes away, commands in flight complete with -ECANCELED, and their jobs
 * go on.
 */

/**
 * struct drm_neuron_uring_submit - payload of DRM_NEURON_URING_SUBMIT in sqe->cmd
 * @ptr: User pointer to a &struct drm_neuron_submit; it is read before io_uring_submit() returns,
 *   or by a worker if the command has to sleep: keep it and what it points at until the completion.
 *   @seqno is not written back.
 * @pad: Zero.
 */
struct drm_neuron_uring_submit {
	__u64 ptr;
	__u64 pad;
};

#define DRM_NEURON_URING_SUBMIT _IOW('N', 0x80, struct drm_neuron_uring_submit)

#if defined(__cplusplus)
}
#endif

#endif /* _UAPI_DRM_NEURON_ACCEL_H_ */
