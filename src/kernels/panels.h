/* Products of packed panels (gemm_bf16.c), for the kernels that make their operands otherwise than from a matrix. */
#ifndef NAC_PANELS_H
#define NAC_PANELS_H

#include "kernels/bf16.h"
#include "kernels/tile.h"

/* A line is a row of A or a column of B. `along`: its numbers are neighbours, lines are ld apart; else the numbers of one k are neighbours.
   With gather nothing has to lie in memory: it writes lines [l0, l1) from p0 to p1 as such a matrix, without gaps. */
typedef struct {
    const float *at;
    int64_t      ld;
    bool         along;
    void (*gather)(const void *context, int64_t l0, int64_t l1, int64_t p0, int64_t p1, float *to);
    const void  *context;
} nac_operand;

/* C (m, n) = alpha A B + beta C, then + bias, then relu. */
typedef struct {
    nac_operand  a, b;
    int64_t      m, n, k, ldc;
    float       *c, alpha, beta;
    const float *bias;
    bool         relu;
} nac_product;

void   NAC_K(bf16_multiply)(const nac_product *product, void *scratch);     /* k > 0; scratch may be NULL */
size_t NAC_K(bf16_scratch)(int64_t m, int64_t n, int64_t k);
void   NAC_K(bf16_round)(int64_t n, const float *x, float *y);

/* conv_bf16.c */
extern __typeof__(*((nac_bf16_kernels *)0)->conv) NAC_K(bf16_conv);
extern __typeof__(*((nac_bf16_kernels *)0)->conv_grad_x) NAC_K(bf16_conv_grad_x);
extern __typeof__(*((nac_bf16_kernels *)0)->conv_grad_w) NAC_K(bf16_conv_grad_w);
extern __typeof__(*((nac_bf16_kernels *)0)->conv_scratch) NAC_K(bf16_conv_scratch), NAC_K(bf16_conv_grad_x_scratch), NAC_K(bf16_conv_grad_w_scratch);

#endif
