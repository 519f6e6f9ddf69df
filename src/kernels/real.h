/* One source, several builds: the element type and the instruction set are told by the build. */
#ifndef NAC_REAL_H
#define NAC_REAL_H

#include <math.h>
#include <string.h>
#include "kernels/kernels.h"

typedef NAC_REAL real;

#define NAC_K__(name, isa, type) nac_k_##name##_##isa##_##type
#define NAC_K_(name, isa, type) NAC_K__(name, isa, type)
#define NAC_K(name) NAC_K_(name, NAC_ISA, NAC_REAL)

#ifdef NAC_REAL_FLOAT
#define R(name) name##f                 /* R(exp) is expf here, exp in the double build */
#else
#define R(name) name
#endif

/* Elements that make a loop worth two threads. */
#define NAC_PARALLEL 131072
#define NAC_BLOCK 8192

#define NAC_TABLE(O)                                                                                                                 \
    O(unary) O(binary) O(compare) O(select) O(clip) O(reduce) O(reduce_parts) O(argmax) O(cumsum) O(softmax) O(softmax_grad)         \
    O(sparse_xent) O(layer_norm) O(layer_norm_grad) O(layer_norm_grad_scratch) O(moments) O(moments_scratch) O(scale_shift)          \
    O(batch_norm_grad) O(batch_norm_grad_scratch) O(gemm) O(gemm_batch) O(gemm_pack) O(gemm_packed) O(conv) O(conv_pack)             \
    O(conv_finish) O(conv_max_pool) O(conv_depthwise) O(conv_grad_x) O(conv_grad_w) O(conv_scratch) O(conv_grad_x_scratch)           \
    O(conv_grad_w_scratch) O(max_pool) O(max_pool_grad) O(avg_pool) O(avg_pool_grad) O(lstm) O(lstm_grad) O(lstm_scratch)            \
    O(lstm_grad_scratch) O(gru) O(gru_grad) O(gru_scratch) O(gru_grad_scratch) O(adam) O(sgd) O(attention) O(attention_grad)         \
    O(scatter_add) O(philox) O(normal) O(dropout)

/* Each function has the type of its place in the table. */
#define NAC_DECLARE_KERNEL(name) extern __typeof__(*((nac_kernels *)0)->name) NAC_K(name);
NAC_TABLE(NAC_DECLARE_KERNEL)

/* The table of one build, or NULL when the processor or the build lacks it. */
const nac_kernels *nac_kernels_get(const char *isa, bool f64);

/* ---- vectors ---- */

#if defined(__AVX512F__)
#define NAC_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define NAC_VECTOR_BYTES 32
#else
#define NAC_VECTOR_BYTES 16
#endif
#define VL ((int64_t)(NAC_VECTOR_BYTES / sizeof(real)))
typedef real vec __attribute__((vector_size(NAC_VECTOR_BYTES), may_alias));
typedef real vecu __attribute__((vector_size(NAC_VECTOR_BYTES), aligned(sizeof(real)), may_alias));

#define NAC_INLINE static inline __attribute__((always_inline))

static inline vec splat(real x)
{
    return x - (vec){0};
}

#endif
