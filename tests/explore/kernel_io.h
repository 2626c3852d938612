/* SPDX-License-Identifier: MIT */
/*
 * Accesses to a device and their barriers, as little as the kernel promises of them on any processor: writel() orders stores to coherent
 * memory before it; only wmb() orders those to memory that is mapped write-combining, too. See StoreBuffer.
 */
#pragma once

#include "kernel.h"

#define wmb() __atomic_thread_fence(__ATOMIC_SEQ_CST)

static inline void writel(u32 value, volatile void *at) {
    __atomic_thread_fence(__ATOMIC_RELEASE);
    *(volatile u32 *)at = value;
}
static inline void writeq(u64 value, volatile void *at) {
    __atomic_thread_fence(__ATOMIC_RELEASE);
    *(volatile u64 *)at = value;
}
static inline u32 readl(const volatile void *at) { return *(const volatile u32 *)at; }
static inline u64 readq(const volatile void *at) { return *(const volatile u64 *)at; }
#define lower_32_bits(n) ((u32)(n))
