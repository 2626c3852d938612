// SPDX-License-Identifier: MIT
#include "kernel_side.h"

#include "kernel.h"
#include "kernel_io.h"

/* All that the driver's accesses to registers need of a device. */
#define __NEURON_DEVICE_H__
struct neuron_device {
    void *regs;
};

#include "neuron_spec.h"

#include "neuron_hw.h"
#include "neuron_pgtable.h"
#include "neuron_ring.h"

#include <stdlib.h>

void shim_bug(const char *what, const char *file, int line) {
    fprintf(stderr, "%s:%d: BUG: %s\n", file, line, what);
    abort();
}

void *shim_alloc(size_t count, size_t size, size_t align) {
    (void)align;
    return calloc(count, size);
}

void kfree(const void *memory) { free((void *)memory); }

// The zeroes are stores like all others.
void *dma_pool_zalloc(struct dma_pool *pool, gfp_t gfp, dma_addr_t *dma) {
    uint64_t bus = 0;
    void *memory = explore_dma_alloc(pool->size, &bus);
    (void)gfp;
    for (size_t at = 0; at < pool->size; at += sizeof(u64))
        *(u64 *)((char *)memory + at) = 0;
    *dma = bus;
    return memory;
}

void dma_pool_free(struct dma_pool *pool, void *memory, dma_addr_t dma) { (void)pool, (void)memory, (void)dma; }

struct explore_tables {
    struct dma_pool pool;
    struct neuron_pgtable tables;
};

struct explore_tables *explore_tables_make(void) {
    struct explore_tables *made = calloc(1, sizeof(*made));
    made->pool.size = NRN_PAGE_SIZE;
    return neuron_pgtable_init(&made->tables, &made->pool) == 0 ? made : NULL;
}

void explore_tables_free(struct explore_tables *tables) {
    neuron_pgtable_fini(&tables->tables);
    free(tables);
}

uint64_t explore_tables_root(const struct explore_tables *tables) { return neuron_pgtable_root(&tables->tables); }

int explore_tables_map(struct explore_tables *tables, uint64_t va, uint64_t addr, uint64_t bytes, uint64_t flags) {
    return neuron_pgtable_map(&tables->tables, va, addr, bytes, flags);
}

void explore_user_store(uint64_t *at, uint64_t value) { *at = value; }

void explore_kernel_submit(void *ring, uint32_t log2, uint64_t tail, const void *packets, uint32_t count, uint8_t flags,
                           void *regs, uint32_t hw) {
    struct neuron_device device = {.regs = regs};
    neuron_ring_write(ring, log2, tail, packets, count, flags);
    neuron_hw_doorbell(&device, hw, tail + count);
}
