/* Products inside float32 that read bfloat16: both operands are rounded to it (to nearest, ties to even; NaN stays NaN) while they are
   packed, products are exact, sums are float32. Engines add in different orders, and those of the processor take numbers below 2^-126 for 0;
   each gives the same bits for any number of threads. */
#ifndef NAC_BF16_H
#define NAC_BF16_H

#include <string.h>
#include "kernels/kernels.h"

typedef struct {
    const char *isa;                /* "amx", "avx512bf16", or as in nac_kernels: float32 tiles of rounded numbers */

    /* As in nac_kernels. scratch may be NULL: operands that several blocks of C read are then packed by each. */
    void (*gemm)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const float *a, int64_t lda, const float *b, int64_t ldb,
                 double beta, float *c, int64_t ldc, const float *bias, bool relu, void *scratch);
    size_t (*gemm_scratch)(int64_t m, int64_t n, int64_t k);
    void (*gemm_batch)(int64_t batch, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const float *a, int64_t stride_a, const float *b,
                       int64_t stride_b, float *c);
    /* As in nac_kernels; of one group. */
    void (*conv)(const nac_conv *s, const float *x, const float *w, const nac_ending *finish, float *y, void *scratch);
    void (*conv_grad_x)(const nac_conv *s, const float *dy, const float *w, float *dx, void *scratch);
    void (*conv_grad_w)(const nac_conv *s, const float *dy, const float *x, float *dw, void *scratch);
    size_t (*conv_scratch)(const nac_conv *s);
    size_t (*conv_grad_x_scratch)(const nac_conv *s);
    size_t (*conv_grad_w_scratch)(const nac_conv *s);
} nac_bf16_kernels;

/* The best engine that this processor has; NACRE_ISA=avx512bf16|avx512|avx2|baseline forces a lower one. */
const nac_bf16_kernels *nac_kernels_bf16(void);
/* That engine, or NULL when the processor or the build lacks it. */
const nac_bf16_kernels *nac_kernels_bf16_get(const char *isa);

/* y = x rounded to bfloat16, as float32; y may be x. */
static inline void nac_round_bf16(int64_t n, const float *x, float *y)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t u;
        memcpy(&u, x + i, sizeof u);
        const uint32_t rounded = u + 0x7fff + (u >> 16 & 1), quiet = u | 0x400000;
        u = ((u & 0x7fffffff) > 0x7f800000 ? quiet : rounded) & 0xffff0000;
        memcpy(y + i, &u, sizeof u);
    }
}

#endif
