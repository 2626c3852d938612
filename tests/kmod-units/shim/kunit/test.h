// SPDX-License-Identifier: MIT
// KUnit's macros on top of CMocka. A suite becomes a program; an expectation that fails ends its case.
#pragma once

#include "kernel.h"

struct kunit {
    void *priv;
};

struct kunit_case {
    void (*run_case)(struct kunit *test);
    const char *name;
};
#define KUNIT_CASE(function)                                                                                           \
    { .run_case = (function), .name = #function }

struct kunit_suite {
    const char *name;
    int (*init)(struct kunit *test);
    void (*exit)(struct kunit *test);
    struct kunit_case *test_cases;
};

int shim_run(const struct kunit_suite *suite);
#define kunit_test_suite(suite)                                                                                        \
    int main(void) { return shim_run(&(suite)); }

void shim_check(bool ok, const char *text, long long left, long long right, const char *file, int line);
void shim_skip(const char *why);
#define kunit_skip(test, why) shim_skip(why)

#define SHIM_COMPARE(left, op, right)                                                                                  \
    do {                                                                                                               \
        typeof(left) shim_left = (left);                                                                               \
        typeof(right) shim_right = (right);                                                                            \
        shim_check(shim_left op shim_right, #left " " #op " " #right, (long long)shim_left, (long long)shim_right,     \
                   __FILE__, __LINE__);                                                                                \
    } while (0)
#define KUNIT_EXPECT_EQ(test, left, right) SHIM_COMPARE(left, ==, right)
#define KUNIT_EXPECT_NE(test, left, right) SHIM_COMPARE(left, !=, right)
#define KUNIT_EXPECT_GE(test, left, right) SHIM_COMPARE(left, >=, right)
#define KUNIT_EXPECT_GT(test, left, right) SHIM_COMPARE(left, >, right)
#define KUNIT_EXPECT_LE(test, left, right) SHIM_COMPARE(left, <=, right)
#define KUNIT_EXPECT_TRUE(test, what) SHIM_COMPARE(!!(what), ==, true)
#define KUNIT_EXPECT_FALSE(test, what) SHIM_COMPARE(!!(what), ==, false)
#define KUNIT_ASSERT_EQ KUNIT_EXPECT_EQ
#define KUNIT_ASSERT_NE KUNIT_EXPECT_NE
#define KUNIT_ASSERT_NOT_NULL(test, pointer) KUNIT_EXPECT_TRUE(test, (pointer) != NULL)

struct device *kunit_device_register(struct kunit *test, const char *name);
