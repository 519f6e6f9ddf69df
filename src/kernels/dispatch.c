/* Which build of the kernels this processor runs. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/bf16.h"
#ifdef __x86_64__
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

extern const nac_kernels nac_k_table_baseline_float, nac_k_table_baseline_double;
extern const nac_bf16_kernels nac_k_bf16_baseline_float;
#ifdef __x86_64__
extern const nac_bf16_kernels nac_k_bf16_avx2_float, nac_k_bf16_avx512_float, nac_k_bf16_avx512bf16_float, nac_k_bf16_amx_float;
extern const nac_kernels nac_k_table_avx2_float, nac_k_table_avx2_double, nac_k_table_avx512_float, nac_k_table_avx512_double;
#endif

const nac_kernels *nac_kernels_get(const char *isa, bool f64);

const nac_kernels *nac_kernels_get(const char *isa, bool f64)
{
#ifdef __x86_64__
    if (strcmp(isa, "avx512") == 0)
        return !(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
                 && __builtin_cpu_supports("avx512vl"))
                   ? NULL
               : f64 ? &nac_k_table_avx512_double
                     : &nac_k_table_avx512_float;
    if (strcmp(isa, "avx2") == 0)
        return !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) ? NULL : f64 ? &nac_k_table_avx2_double : &nac_k_table_avx2_float;
#endif
    return strcmp(isa, "baseline") ? NULL : f64 ? &nac_k_table_baseline_double : &nac_k_table_baseline_float;
}

#ifdef __x86_64__
static bool has_avx512_bf16(void)
{
    unsigned a, b, c, d;
    return nac_kernels_get("avx512", false) && __get_cpuid_count(7, 1, &a, &b, &c, &d) && a >> 5 & 1;
}

/* The kernel must be asked before tiles are used, once for all threads. */
static bool has_amx_bf16(void)
{
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    unsigned a, b, c, d;
    return has_avx512_bf16() && __get_cpuid_count(7, 0, &a, &b, &c, &d) && d >> 22 & 1 && d >> 24 & 1
           && syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}
#endif

const nac_bf16_kernels *nac_kernels_bf16_get(const char *isa)
{
#ifdef __x86_64__
    if (strcmp(isa, "amx") == 0)
        return has_amx_bf16() ? &nac_k_bf16_amx_float : NULL;
    if (strcmp(isa, "avx512bf16") == 0)
        return has_avx512_bf16() ? &nac_k_bf16_avx512bf16_float : NULL;
    if (strcmp(isa, "avx512") == 0)
        return nac_kernels_get(isa, false) ? &nac_k_bf16_avx512_float : NULL;
    if (strcmp(isa, "avx2") == 0)
        return nac_kernels_get(isa, false) ? &nac_k_bf16_avx2_float : NULL;
#endif
    return strcmp(isa, "baseline") ? NULL : &nac_k_bf16_baseline_float;
}

static const char *const order[] = {"amx", "avx512bf16", "avx512", "avx2", "baseline"};
enum { ISAS = sizeof order / sizeof *order };

/* The first that may be used. */
static int first(void)
{
    const char *forced = getenv("NACRE_ISA");
    for (int i = 0; forced && i < ISAS; i++)
        if (strcmp(forced, order[i]) == 0)
            return i;
    return 0;
}

static const nac_kernels *choose(bool f64)
{
    for (int i = first(); i < ISAS; i++) {
        const nac_kernels *k = nac_kernels_get(order[i], f64);
        if (k)
            return k;
    }
    return NULL;
}

static const nac_kernels *cached(bool f64)
{
    static _Atomic(const nac_kernels *) chosen[2];
    const nac_kernels *k = atomic_load_explicit(&chosen[f64], memory_order_acquire);
    if (!k) {
        k = choose(f64);
        atomic_store_explicit(&chosen[f64], k, memory_order_release);
    }
    return k;
}

const nac_kernels *nac_kernels_f32(void)
{
    return cached(false);
}

const nac_kernels *nac_kernels_f64(void)
{
    return cached(true);
}

/* Intel's dot products of bfloat16 take twice the time of float32's, so that they gain nothing; AMD's take the same. */
static bool slow(const char *isa)
{
#ifdef __x86_64__
    return strcmp(isa, "avx512bf16") == 0 && __builtin_cpu_is("intel");
#else
    (void)isa;
    return false;
#endif
}

const nac_bf16_kernels *nac_kernels_bf16(void)
{
    static _Atomic(const nac_bf16_kernels *) chosen;
    const nac_bf16_kernels *k = atomic_load_explicit(&chosen, memory_order_acquire);
    for (int i = first(); !k && i < ISAS; i++)
        if (i == first() || !slow(order[i]))
            k = nac_kernels_bf16_get(order[i]);
    atomic_store_explicit(&chosen, k, memory_order_release);
    return k;
}
