/* SPDX-License-Identifier: MIT */
/* The driver's page tables and rings, for a program that is not the kernel. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Memory that the device reaches. What it is taken from was used before. */
void *explore_dma_alloc(size_t bytes, uint64_t *bus);

struct explore_tables;
struct explore_tables *explore_tables_make(void);
void explore_tables_free(struct explore_tables *tables);
uint64_t explore_tables_root(const struct explore_tables *tables);
int explore_tables_map(struct explore_tables *tables, uint64_t va, uint64_t addr, uint64_t bytes, uint64_t flags);

/* A program stores to memory of its own. */
void explore_user_store(uint64_t *at, uint64_t value);
/* Writes packets of 64 bytes behind the tail, and rings queue `hw`. `regs`: BAR REGS. */
void explore_kernel_submit(void *ring, uint32_t log2, uint64_t tail, const void *packets, uint32_t count, uint8_t flags,
                           void *regs, uint32_t hw);
/* The HAL's. */
void explore_user_submit(void *ring, uint64_t entries, uint64_t tail, const void *packets, size_t count, uint8_t flags,
                         void *doorbell);

#ifdef __cplusplus
}
#endif
