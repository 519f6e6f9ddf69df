/* Which build of the kernels this processor runs. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/kernels.h"

extern const nac_kernels nac_k_table_baseline_float, nac_k_table_baseline_double;
#ifdef __x86_64__
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

static const nac_kernels *choose(bool f64)
{
    static const char *const order[] = {"avx512", "avx2", "baseline"};
    const char *forced = getenv("NACRE_ISA");
    int first = 0;
    for (int i = 0; forced && i < 3; i++)
        if (strcmp(forced, order[i]) == 0)
            first = i;
    for (int i = first; i < 3; i++) {
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
