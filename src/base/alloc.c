/* Every allocation of the library passes here, so that a failing one is an error and tests can make any of them fail. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE
#endif
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "base/base.h"

#define LARGE ((size_t)4 << 20)
#define PAGE  ((uintptr_t)4096)

static _Atomic int64_t allocations, fail_at;

void nac_test_fail_allocation(int64_t n)
{
    fail_at = n > 0 ? allocations + n : 0;
}

int64_t nac_test_allocations(void)
{
    return allocations;
}

/* What is large is touched from end to end: in pages of 2 MiB that is a fraction of the faults. Where there are none, nothing changes. All of its
   pages: the system moves what is of one kind when it grows, and the C library copies it otherwise. */
static void *checked(void *p, size_t size)
{
    if (p && size >= LARGE) {
        uintptr_t from = (uintptr_t)p & ~(PAGE - 1), to = ((uintptr_t)p + size + PAGE - 1) & ~(PAGE - 1);
        madvise((void *)from, to - from, MADV_HUGEPAGE);
    }
    return p ? p : nac_fail(NAC_E_MEMORY, "out of memory: %zu bytes", size);
}

static bool refused(void)
{
    int64_t count = atomic_fetch_add(&allocations, 1) + 1;
    return fail_at && count == fail_at;
}

void *nac_malloc(size_t size)
{
    return checked(refused() ? NULL : malloc(size ? size : 1), size);
}

void *nac_calloc(size_t n, size_t size)
{
    return checked(refused() ? NULL : calloc(n ? n : 1, size ? size : 1), n * size);
}

void *nac_realloc(void *p, size_t size)
{
    return checked(refused() ? NULL : realloc(p, size ? size : 1), size);
}

void *nac_alloc_aligned(size_t size)
{
    size_t rounded = (size + 63) & ~(size_t)63;
    return checked(refused() || rounded < size ? NULL : aligned_alloc(64, rounded ? rounded : 64), size);
}

void nac_free(void *p)
{
    free(p);
}

char *nac_strndup(const char *s, size_t n)
{
    char *copy = nac_malloc(n + 1);
    if (copy) {
        memcpy(copy, s, n);
        copy[n] = 0;
    }
    return copy;
}

char *nac_strdup(const char *s)
{
    return nac_strndup(s, strlen(s));
}

char *nac_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = n < 0 ? NULL : nac_malloc((size_t)n + 1);
    if (text) {
        va_start(args, format);
        vsnprintf(text, (size_t)n + 1, format, args);
        va_end(args);
    }
    return text;
}

bool nac_mul_size(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}
