/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_COMPAT_H__
#define __NEURON_COMPAT_H__

/*
 * The driver is written for Linux 6.12. Here is all that later kernels, up to 7.3, spell otherwise.
 * Where their headers say which spelling they have, those are asked instead of the version, since
 * distributions move things between versions.
 */

#include <linux/hrtimer.h>
#include <linux/io_uring/cmd.h>
#include <linux/mm.h>
#include <linux/version.h>

#include <drm/drm_buddy.h>

/* The buddy allocator moved out of DRM; only its printing stayed. */
#ifdef GPU_BUDDY_RANGE_ALLOCATION
#define DRM_BUDDY_RANGE_ALLOCATION	GPU_BUDDY_RANGE_ALLOCATION
#define DRM_BUDDY_TOPDOWN_ALLOCATION	GPU_BUDDY_TOPDOWN_ALLOCATION
#define drm_buddy			gpu_buddy
#define drm_buddy_block			gpu_buddy_block
#define drm_buddy_block_offset		gpu_buddy_block_offset
#define drm_buddy_block_size		gpu_buddy_block_size
#define drm_buddy_init			gpu_buddy_init
#define drm_buddy_fini			gpu_buddy_fini
#define drm_buddy_alloc_blocks		gpu_buddy_alloc_blocks
#define drm_buddy_free_list		gpu_buddy_free_list
#endif

/* What fdinfo tells of memory that is in use became an option. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#define NEURON_MEMORY_STATS DRM_GEM_OBJECT_RESIDENT
#else
#define NEURON_MEMORY_STATS (DRM_GEM_OBJECT_RESIDENT | DRM_GEM_OBJECT_ACTIVE)
#endif

/* struct drm_driver lost its date. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#define NEURON_DRIVER_DATE(text) .date = (text),
#else
#define NEURON_DRIVER_DATE(text)
#endif

/* Namespaces of symbols became strings. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define NEURON_NAMESPACE(name) name
#else
#define NEURON_NAMESPACE(name) __stringify(name)
#endif

/* What a mapping is, is asked of the mapping. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
static inline bool vma_is_cow_mapping(const struct vm_area_struct *vma)
{
	return is_cow_mapping(vma->vm_flags);
}
#endif

/* Which fences have 64-bit seqnos is said at their birth now, not by their operations. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#define NEURON_FENCE_SEQNO64 .use_64bit_seqno = true,
#define dma_fence_init64 dma_fence_init
#else
#define NEURON_FENCE_SEQNO64
#endif

/*
 * neuron_fence_driver(), neuron_fence_timeline(): whose fence it is. Names go with their module, so
 * later kernels ask for RCU.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#define neuron_fence_driver(fence) \
	({ struct dma_fence *__fence = (fence); __fence->ops->get_driver_name(__fence); })
#define neuron_fence_timeline(fence) \
	({ struct dma_fence *__fence = (fence); __fence->ops->get_timeline_name(__fence); })
#else
#define neuron_fence_driver(fence)   ((__force const char *)dma_fence_driver_name(fence))
#define neuron_fence_timeline(fence) ((__force const char *)dma_fence_timeline_name(fence))
#endif

/* Timers get their function at their birth. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

/*
 * neuron_uring_sqe(): the command's payload in its submission entry
 * neuron_uring_sqe128(): the same in a big one
 * neuron_uring_import_fixed(): memory of the command in a registered buffer
 * neuron_uring_done(): complete the command; the second result goes into a big completion entry
 * NEURON_URING_IN_TASK(): give NAME, for io_uring_cmd_do_in_task_lazy(), the body FUNCTION
 */
#ifdef IO_URING_CMD_TASK_WORK_ISSUE_FLAGS
#define neuron_uring_sqe(ioucmd, type) io_uring_sqe_cmd((ioucmd)->sqe, type)
#define neuron_uring_sqe128(ioucmd, type) io_uring_sqe128_cmd((ioucmd)->sqe, type)
#define neuron_uring_import_fixed io_uring_cmd_import_fixed
#define neuron_uring_done io_uring_cmd_done32
#define NEURON_URING_IN_TASK(name, function)						\
	static void name(struct io_tw_req tw_req, io_tw_token_t tw)			\
	{										\
		function(io_uring_cmd_from_tw(tw_req), IO_URING_CMD_TASK_WORK_ISSUE_FLAGS);	\
	}
#else
#define neuron_uring_sqe(ioucmd, type) ((const type *)io_uring_sqe_cmd((ioucmd)->sqe))
#define neuron_uring_sqe128 neuron_uring_sqe
#define neuron_uring_import_fixed(ubuf, len, rw, iter, ioucmd, issue_flags)		\
	io_uring_cmd_import_fixed(ubuf, len, rw, iter, ioucmd)
#define neuron_uring_done io_uring_cmd_done
#define NEURON_URING_IN_TASK(name, function)						\
	static void name(struct io_uring_cmd *ioucmd, unsigned int issue_flags)		\
	{										\
		function(ioucmd, issue_flags);						\
	}
#endif

#endif /* __NEURON_COMPAT_H__ */
