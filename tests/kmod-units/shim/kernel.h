// SPDX-License-Identifier: MIT
// What the pure parts of the driver, and the kernel's own sources they stand on, need of a kernel. headers.sh makes a
// header of each name that they include, which leads here.
#pragma once

#include <linux/types.h>

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

// Types.
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __s64 s64;
typedef __u64 u64;
typedef u64 dma_addr_t;
typedef u64 phys_addr_t;
typedef unsigned gfp_t;
struct list_head {
    struct list_head *next, *prev;
};
struct hlist_node {
    struct hlist_node *next, **pprev;
};
struct hlist_head {
    struct hlist_node *first;
};

#define U32_MAX UINT32_MAX
#define U64_MAX UINT64_MAX

// The compiler.
#define __aligned(bytes) __attribute__((aligned(bytes)))
#define __init
#define __rcu
#define __user
#define likely(x) (x)
#define unlikely(x) (x)
#define data_race(x) (x)
#define READ_ONCE(x) (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile typeof(x) *)&(x) = (value))
#define rcu_dereference_raw READ_ONCE
#define rcu_assign_pointer(p, v) __atomic_store_n(&(p), (v), __ATOMIC_RELEASE)
#define smp_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define dma_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define static_assert _Static_assert

// Configuration: fault injection is on, whatever else is asked for is not.
#define CONFIG_FAULT_INJECTION 1
#define SHIM_SECOND(ignored, value, ...) value
#define SHIM_ENABLED_1 0,
#define SHIM_ENABLED(value) SHIM_ENABLED_(value)
#define SHIM_ENABLED_(value) SHIM_SECOND_(SHIM_ENABLED_##value 1, 0)
#define SHIM_SECOND_(...) SHIM_SECOND(__VA_ARGS__, 0)
#define IS_ENABLED(option) SHIM_ENABLED(option)
// Newer than all that neuron_compat.h helps out.
#define LINUX_VERSION_CODE KERNEL_VERSION(255, 0, 0)
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + (c))
#define __stringify(x) #x

// Numbers.
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define BIT(n) (1UL << (n))
#define BIT_ULL(n) (1ULL << (n))
#define GENMASK_ULL(high, low) ((~0ULL << (low)) & (~0ULL >> (63 - (high))))
#define FIELD_MAX(mask) ((mask) >> __builtin_ctzll(mask))
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#define min_t(type, a, b) min((type)(a), (type)(b))
#define swap(a, b)                                                                                                     \
    do {                                                                                                               \
        typeof(a) shim_swapped = (a);                                                                                  \
        (a) = (b);                                                                                                     \
        (b) = shim_swapped;                                                                                            \
    } while (0)
#define IS_ALIGNED(x, a) (((x) & ((typeof(x))(a)-1)) == 0)
#define ALIGN(x, a) (((x) + ((typeof(x))(a)-1)) & ~((typeof(x))(a)-1))
#define round_up ALIGN
#define round_down(x, a) ((x) & ~((typeof(x))(a)-1))
#define hweight64(x) __builtin_popcountll(x)
#define fls64(x) ((x) ? 64 - __builtin_clzll(x) : 0)
#define fls(x) fls64((u32)(x))
#define ilog2(x) (fls64(x) - 1)
#define is_power_of_2(x) ((x) && !((x) & ((x)-1)))
#define rounddown_pow_of_two(x) (1ULL << ilog2(x))
#define roundup_pow_of_two(x) ((x) <= 1 ? 1ULL : 1ULL << fls64((x)-1))
#define div_u64(a, b) ((u64)(a) / (b))
#define div64_u64(a, b) ((u64)(a) / (b))
#define check_add_overflow(a, b, sum) __builtin_add_overflow(a, b, sum)
#define struct_size(p, member, count) (sizeof(*(p)) + sizeof((p)->member[0]) * (count))
#define cpu_to_le16(x) ((__le16)(x))
#define cpu_to_le64(x) ((__le64)(x))
#define le64_to_cpu(x) ((u64)(x))
#define MSEC_PER_SEC 1000L

// Errors.
#define ERR_PTR(error) ((void *)(intptr_t)(error))
#define PTR_ERR(p) ((intptr_t)(p))
#define IS_ERR(p) ((uintptr_t)(p) >= (uintptr_t)-4095)
void shim_bug(const char *what, const char *file, int line);
#define BUG_ON(x) ((x) ? shim_bug(#x, __FILE__, __LINE__) : (void)0)
#define WARN_ON(x)                                                                                                     \
    ({                                                                                                                 \
        bool shim_true = (x);                                                                                          \
        BUG_ON(shim_true);                                                                                             \
        shim_true;                                                                                                     \
    })

// Memory. The task's fail_nth counts down; the allocation that makes it 0 fails.
#define PAGE_SIZE 4096UL
#define GFP_KERNEL 0u
#define GFP_KERNEL_ACCOUNT 0u
struct task_struct {
    unsigned fail_nth;
};
extern struct task_struct shim_task;
#define current (&shim_task)
void *shim_alloc(size_t count, size_t size, size_t align);
void kfree(const void *memory);
#define kzalloc(size, gfp) shim_alloc(1, size, 0)
#define kcalloc(count, size, gfp) shim_alloc(count, size, 0)
#define kmalloc_array kcalloc
struct kmem_cache {
    size_t size;
};
struct kmem_cache *shim_cache_create(size_t size);
void kmem_cache_destroy(struct kmem_cache *cache);
#define KMEM_CACHE(type, flags) shim_cache_create(sizeof(struct type))
#define kmem_cache_zalloc(cache, gfp) shim_alloc(1, (cache)->size, 0)
#define kmem_cache_free(cache, memory) kfree(memory)
#define kmemleak_update_trace(memory) ((void)(memory))
#define cond_resched() ((void)0)

// DMA: a bus address is the CPU's.
struct device {
    int unused;
};
struct dma_pool {
    size_t size, align;
    unsigned used;
};
struct dma_pool *dma_pool_create(const char *name, struct device *dev, size_t size, size_t align, size_t boundary);
void *dma_pool_zalloc(struct dma_pool *pool, gfp_t gfp, dma_addr_t *dma);
void dma_pool_free(struct dma_pool *pool, void *memory, dma_addr_t dma);
void dma_pool_destroy(struct dma_pool *pool);
#define DMA_BIT_MASK(bits) (~0ULL >> (64 - (bits)))
#define dma_coerce_mask_and_coherent(dev, mask) 0
#define dma_to_phys(dev, dma) ((void)(dev), (dma))
#define phys_to_virt(phys) ((void *)(uintptr_t)(phys))

// Printing.
struct drm_printer {
    int unused;
};
#define drm_printf(printer, ...) ((void)(printer), (void)printf(__VA_ARGS__))

// KUnit's: a function may have another in its place.
#define VISIBLE_IF_KUNIT
#define CONFIG_KUNIT 1
void *shim_stub(void *function);
void shim_set_stub(void *function, void *stub);
#define KUNIT_STATIC_STUB_REDIRECT(function, ...)                                                                      \
    do {                                                                                                               \
        typeof(&(function)) shim_found = shim_stub(function);                                                          \
        if (shim_found)                                                                                                \
            return shim_found(__VA_ARGS__);                                                                            \
    } while (0)
#define kunit_activate_static_stub(test, function, stub) shim_set_stub(function, stub)
#define kunit_deactivate_static_stub(test, function) shim_set_stub(function, NULL)

// Modules: what one does when it is loaded is done before main().
#define EXPORT_SYMBOL(name)
#define EXPORT_SYMBOL_IF_KUNIT(name)
#define MODULE_LICENSE(text)
#define MODULE_DESCRIPTION(text)
#define module_init(function)                                                                                          \
    __attribute__((constructor)) static void shim_init_##function(void) { BUG_ON(function()); }
#define module_exit(function)                                                                                          \
    __attribute__((destructor)) static void shim_exit_##function(void) { function(); }
