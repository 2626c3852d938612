// SPDX-License-Identifier: MIT
#include "kernel.h"

#include <kunit/test.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct task_struct shim_task;

// What has been allocated and not been freed, of all kinds.
static size_t live;

void shim_bug(const char *what, const char *file, int line) {
    fprintf(stderr, "%s:%d: BUG: %s\n", file, line, what);
    abort();
}

static bool should_fail(void) { return shim_task.fail_nth && --shim_task.fail_nth == 0; }

void *shim_alloc(size_t count, size_t size, size_t align) {
    size_t bytes;
    if (should_fail() || __builtin_mul_overflow(count, size, &bytes))
        return NULL;
    void *memory = align ? aligned_alloc(align, bytes) : malloc(bytes);
    if (!memory)
        shim_bug("out of memory", __FILE__, __LINE__);
    ++live;
    return memset(memory, 0, bytes);
}

void kfree(const void *memory) {
    live -= memory != NULL;
    free((void *)memory);
}

// Made before main() and destroyed after it, so it does not count.
struct kmem_cache *shim_cache_create(size_t size) {
    struct kmem_cache *cache = malloc(sizeof(*cache));
    if (cache)
        cache->size = size;
    return cache;
}

void kmem_cache_destroy(struct kmem_cache *cache) { free(cache); }

struct dma_pool *dma_pool_create(const char *name, struct device *dev, size_t size, size_t align, size_t boundary) {
    (void)name, (void)dev, (void)boundary;
    struct dma_pool *pool = shim_alloc(1, sizeof(*pool), 0);
    if (pool)
        *pool = (struct dma_pool){.size = size, .align = align};
    return pool;
}

void *dma_pool_zalloc(struct dma_pool *pool, gfp_t gfp, dma_addr_t *dma) {
    (void)gfp;
    void *memory = shim_alloc(1, pool->size, pool->align);
    if (memory)
        ++pool->used;
    *dma = (uintptr_t)memory;
    return memory;
}

void dma_pool_free(struct dma_pool *pool, void *memory, dma_addr_t dma) {
    BUG_ON((uintptr_t)memory != dma);
    BUG_ON(!pool->used);
    --pool->used;
    kfree(memory);
}

void dma_pool_destroy(struct dma_pool *pool) {
    if (!pool)
        return;
    shim_check(pool->used == 0, "the pool is empty when it is destroyed", pool->used, 0, __FILE__, __LINE__);
    kfree(pool);
}

struct device *kunit_device_register(struct kunit *test, const char *name) {
    static struct device device;
    (void)test, (void)name;
    return &device;
}

// One at a time is enough.
static void *stubbed, *stub;

void *shim_stub(void *function) { return function == stubbed ? stub : NULL; }

void shim_set_stub(void *function, void *other) {
    stubbed = function;
    stub = other;
}

void shim_check(bool ok, const char *text, long long left, long long right, const char *file, int line) {
    if (ok)
        return;
    print_error("%s: %lld (%#llx), %lld (%#llx)\n", text, left, left, right, right);
    _fail(file, line);
}

void shim_skip(const char *why) {
    print_message("%s\n", why);
    skip();
}

struct shim_case {
    const struct kunit_suite *suite;
    const struct kunit_case *unit;
};

static void run_case(void **state) {
    const struct shim_case *one = *state;
    struct kunit test = {0};
    const size_t before = live;

    if (one->suite->init)
        assert_int_equal(one->suite->init(&test), 0);
    one->unit->run_case(&test);
    shim_set_stub(NULL, NULL);
    if (one->suite->exit)
        one->suite->exit(&test);
    assert_int_equal(live, before);
}

int shim_run(const struct kunit_suite *suite) {
    size_t count = 0;
    while (suite->test_cases[count].run_case)
        ++count;

    struct CMUnitTest *tests = calloc(count, sizeof(*tests));
    struct shim_case *cases = calloc(count, sizeof(*cases));
    if (!tests || !cases)
        return 1;
    for (size_t i = 0; i < count; ++i) {
        cases[i] = (struct shim_case){suite, &suite->test_cases[i]};
        tests[i] = (struct CMUnitTest){cases[i].unit->name, run_case, NULL, NULL, &cases[i]};
    }
    const int failed = _cmocka_run_group_tests(suite->name, tests, count, NULL, NULL);
    free(tests);
    free(cases);
    return failed;
}
