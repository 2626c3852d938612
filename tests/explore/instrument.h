/* SPDX-License-Identifier: MIT */
/* Comes before all else in code under test: the compiler's instrumentation leaves memcpy() to an interceptor, and this is it. */
#include <stddef.h>
#ifdef __cplusplus
extern "C" void *memcpy(void *, const void *, size_t) noexcept __asm__("explore_memcpy");
#else
extern void *memcpy(void *, const void *, size_t) __asm__("explore_memcpy");
#endif
