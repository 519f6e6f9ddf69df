/* Loops over plain pointers: nothing here knows a tensor, an error or a thread's state. Every array is dense,
   row-major and at least element-aligned; `void *` stands for the table's element type (float or double).
   Kernels never allocate: what they need beside their arguments is `scratch`, sized by the function named
   `*_scratch` beside each. Results are the same to the bit for any number of threads: work is cut into pieces
   by its shape alone, and sums over pieces are taken in a fixed order. */
#ifndef NAC_KERNELS_H
#define NAC_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "kernels/share.h"

typedef enum {
    NAC_NEG, NAC_ABS, NAC_SIGN, NAC_SQUARE, NAC_SQRT, NAC_RSQRT, NAC_RECIPROCAL, NAC_EXP, NAC_EXPM1, NAC_LOG,
    NAC_LOG1P, NAC_LOG2, NAC_LOG10, NAC_SIN, NAC_COS, NAC_TAN, NAC_ASIN, NAC_ACOS, NAC_ATAN, NAC_SINH, NAC_COSH, NAC_TANH,
    NAC_ASINH, NAC_ACOSH, NAC_ATANH, NAC_SIGMOID, NAC_LOG_SIGMOID, NAC_SOFTPLUS, NAC_RELU, NAC_RELU6, NAC_ERF, NAC_ERFC,
    NAC_SILU, NAC_GELU, NAC_GELU_TANH, NAC_FLOOR, NAC_CEIL, NAC_ROUND, NAC_TRUNC, NAC_UNARY_COUNT
} nac_unary_kind;

typedef enum {
    NAC_ADD, NAC_SUB, NAC_MUL, NAC_DIV, NAC_FLOOR_DIV, NAC_MOD, NAC_POW, NAC_MAX, NAC_MIN, NAC_ATAN2,
    NAC_RELU_GRAD,                  /* (dy, y) -> y > 0 ? dy : 0 */
    NAC_RELU6_GRAD,                 /* (dy, y) -> 0 < y && y < 6 ? dy : 0 */
    NAC_SIGMOID_GRAD,               /* (dy, y) -> dy y (1 - y) */
    NAC_TANH_GRAD,                  /* (dy, y) -> dy (1 - y y) */
    NAC_GELU_GRAD,                  /* (dy, x) -> dy (cdf(x) + x pdf(x)) */
    NAC_BINARY_CROSSENTROPY,        /* (t, p) -> -t log p - (1 - t) log(1 - p); p is kept from 0 and 1 by NAC_KEPT_FROM_0_AND_1 */
    NAC_BINARY_CROSSENTROPY_SLOPE,  /* (t, p) -> (p - t) / (p (1 - p)); 0 where p is kept */
    NAC_BINARY_COUNT
} nac_binary_kind;                  /* MOD and FLOOR_DIV have Python's signs; ROUND above is half to even */

#define NAC_KEPT_FROM_0_AND_1 1e-7

typedef enum { NAC_EQ, NAC_NE, NAC_LT, NAC_LE, NAC_GT, NAC_GE, NAC_COMPARE_COUNT } nac_compare_kind;

typedef enum { NAC_RSUM, NAC_RMEAN, NAC_RMAX, NAC_RMIN, NAC_RPROD, NAC_REDUCE_COUNT } nac_reduce_kind;

/* How operands are walked beside rows of results, which lie side by side: by how much each goes on from number to number, 0 or 1, and from row to row. */
typedef struct {
    int64_t rows, n;                    /* numbers of a row */
    int64_t step[3], row[3];
} nac_walk;

/* A convolution of up to three spatial axes: x (n, in[0..2], c_in), w (k[0..2], c_in / groups, c_out),
   y (n, out[0..2], c_out). Unused leading axes are 1 with stride 1, dilation 1, no padding. `pad` is what goes
   before each axis; what goes after follows from `out`. A depthwise convolution has groups == c_in and
   c_out = c_in * multiplier; output channel c * multiplier + m belongs to input channel c. */
typedef struct {
    int64_t n, in[3], c_in, k[3], out[3], c_out, groups, stride[3], dilation[3], pad[3];
} nac_conv;

/* A filter for each channel, and windows of some neighbours on the last axis that lie within NAC_NEAR_PIXELS of x: others are taken group by group. */
enum { NAC_NEAR_PIXELS = 2048, NAC_NEIGHBOURS = 6 };
static inline bool nac_windows_are_near(const nac_conv *s)
{
    const double high = (double)(s->k[1] - 1) * (double)s->dilation[1] + 1, wide = (NAC_NEIGHBOURS - 1.0) * (double)s->stride[2] + (double)(s->k[2] - 1) * (double)s->dilation[2] + 1;
    return (double)(s->c_in / s->groups) * (double)s->k[0] * high * wide <= NAC_NEAR_PIXELS;
}

static inline bool nac_is_depthwise(const nac_conv *s)
{
    return s->groups == s->c_in && s->groups > 1 && nac_windows_are_near(s);
}

/* Groups of as many channels of x as of y, few enough for a vector to hold some: with each of x's copied into the places of its group they
   are depthwise. */
static inline bool nac_is_grouped(const nac_conv *s)
{
    const int64_t c = s->c_in / s->groups;
    return s->groups > 1 && s->c_in == s->c_out && (c == 2 || c == 4 || c == 8) && nac_windows_are_near(s);
}

/* 3 x 3 windows, neighbours, over enough channels: results are computed 2 x 2 at a time by 16 multiplications for each channel instead of 36 (winograd.c), where
   few of them hang over the edge. */
enum { NAC_WINOGRAD_FEW = 16, NAC_WINOGRAD_MANY = 256 };
static inline bool nac_is_winograd(const nac_conv *s)
{
    bool near = s->groups == 1 && s->in[0] == 1 && s->k[0] == 1 && s->out[0] == 1 && s->pad[0] == 0;
    for (int d = 1; d < 3; d++)
        near = near && s->k[d] == 3 && s->stride[d] == 1 && s->dilation[d] == 1;
    const bool    many = s->c_in >= NAC_WINOGRAD_FEW && s->c_in <= NAC_WINOGRAD_MANY && s->c_out >= NAC_WINOGRAD_FEW;
    const int64_t results = s->out[1] * s->out[2], covered = 4 * ((s->out[1] + 1) / 2) * ((s->out[2] + 1) / 2);
    return near && many && 4 * covered <= 5 * results;
}

/* The geometry of which the gradient of x is s, without strides: the window is turned about, last tap first. And the other way round. */
static inline nac_conv nac_turned(const nac_conv *s)
{
    nac_conv turned = *s;
    turned.c_in = s->c_out;
    turned.c_out = s->c_in;
    for (int d = 0; d < 3; d++) {
        turned.in[d] = s->out[d];
        turned.out[d] = s->in[d];
        turned.pad[d] = (s->k[d] - 1) * s->dilation[d] - s->pad[d];
    }
    return turned;
}

/* Few channels of x, whose gradient is gathered from one product (few.c): what lines of it that are needed at once take of a thread's stack, numbers. */
enum { NAC_FEW = 4, NAC_FEW_TAPS = 1024, NAC_FEW_ROOM = 65536 };
static inline int64_t nac_few_pitch(const nac_conv *s)
{
    return (s->k[1] * s->k[2] * s->c_in + 15) / 16 * 16;
}

static inline int64_t nac_few_lines(const nac_conv *s)
{
    return (s->k[1] - 1) * s->dilation[1] / s->stride[1] + 1;
}

static inline bool nac_is_few(const nac_conv *s)
{
    bool fits = s->groups == 1 && s->in[0] == 1 && s->k[0] == 1 && s->out[0] == 1 && s->pad[0] == 0 && s->c_in <= NAC_FEW && s->c_out >= 8 && s->c_out >= 4 * s->c_in &&
                s->k[1] * s->k[2] > 1 && s->k[1] * s->k[2] <= NAC_FEW_TAPS;
    for (int d = 1; d < 3; d++)
        fits = fits && (s->stride[d] == 1 || s->dilation[d] == 1);
    return fits && 2 * ((s->k[2] - 1) * s->dilation[2] / s->stride[2] + 1) * nac_few_lines(s) * nac_few_pitch(s) <= NAC_FEW_ROOM;
}

/* Few results, without strides: x is then the gradient. */
static inline bool nac_gives_few(const nac_conv *s)
{
    const nac_conv back = nac_turned(s);
    return s->stride[0] * s->stride[1] * s->stride[2] == 1 && nac_is_few(&back);
}

/* What becomes of the results of a product or a convolution, in this order: + bias (c_out); scale + shift (c_out); + rest, of y's shape; at least 0; at least 0 and at
   most 6. NULL: not that. */
typedef struct {
    const void *bias, *scale, *shift, *rest;
    bool        relu, relu6;
} nac_ending;

/* It takes more than a bias and relu, which is all that products in bfloat16 do themselves. */
static inline bool nac_finishes_later(const nac_ending *f)
{
    return f->scale || f->rest || f->relu6;
}

/* Pooling windows of up to three spatial axes over x (n, in[0..2], c). Averages divide by the number of cells
   that lie inside x. */
typedef struct {
    int64_t n, in[3], c, k[3], out[3], stride[3], pad[3];
} nac_pool;

/* The axis along which results of a convolution are pooled strip by strip; rows, or the steps of the only row. */
static inline int nac_strip_axis(const nac_conv *s, const nac_pool *p)
{
    return s->out[1] == 1 && p->k[1] == 1 ? 2 : 1;
}

/* Numbers of the results for one step along that axis. */
static inline int64_t nac_strip_step(const nac_conv *s, const nac_pool *p)
{
    return nac_strip_axis(s, p) == 2 ? s->c_out : s->out[2] * s->c_out;
}

/* Windows that lie within an image, of a convolution of some taps: those of one step must fit a strip of so many bytes. */
enum { NAC_POOLED_STRIP = 131072 };
static inline bool nac_pools_in_strips(const nac_conv *s, const nac_pool *p, size_t element)
{
    const int64_t taps = s->k[1] * s->k[2];
    bool within = s->in[0] == 1 && s->k[0] == 1 && s->n > 0 && taps > 1 && taps <= 64 && !nac_gives_few(s) &&
                  (s->groups == 1 || (s->groups < s->c_in && !nac_is_grouped(s)));
    for (int d = 0; d < 3; d++)
        within = within && p->pad[d] == 0 && p->out[d] > 0 && (p->out[d] - 1) * p->stride[d] + p->k[d] <= s->out[d];
    return within && p->k[nac_strip_axis(s, p)] * nac_strip_step(s, p) <= (int64_t)(NAC_POOLED_STRIP / element);
}

/* A product with a matrix for each pixel, p, whose results a depthwise convolution s of two axes takes some lines at a time: so much of them must fit in
   a strip of so many bytes, and the matrix, which is read anew for each strip, must be small beside an image of them. A line has more than a pixel: products
   of one row sum in another order than those of many. */
enum { NAC_BETWEEN = 196608 };
static inline bool nac_multiplies_in_strips(const nac_conv *p, const nac_conv *s, size_t element)
{
    bool fits = p->groups == 1 && nac_is_depthwise(s) && s->in[2] > 1 && s->in[0] == 1 && s->k[0] == 1 && s->out[0] == 1 && s->pad[0] == 0;
    for (int d = 0; d < 3; d++)
        fits = fits && p->k[d] == 1 && p->stride[d] == 1 && p->pad[d] == 0 && p->in[d] == p->out[d] && (s->k[d] - 1) * s->dilation[d] < 16;
    return fits && ((s->k[1] - 1) * s->dilation[1] + 1) * s->in[2] * s->c_in <= (int64_t)(NAC_BETWEEN / element) && 3 * p->c_in <= s->in[1] * s->in[2];
}

/* A recurrent layer over whole sequences. With `reverse` time runs from the last step to the first and results stand in processing order, as Keras's
   go_backwards does. */
typedef struct {
    int64_t batch, time, in, units;
    bool    reverse;
    bool    reset_after;            /* GRU: r scales the candidate's product with the state, not the state in it */
} nac_recurrent;

/* Queries (batch, t, heads, d), keys (batch, s, kv_heads, d), values (batch, s, kv_heads, dv), results (batch, t, heads, dv): as many heads of queries
   share each head of keys. d and dv are at most NAC_ATTENTION_WIDTH. A mask has a byte for each score (batch, heads, t, s): 0 hides it; a stride of 0
   repeats. With `causal` query i sees keys 0 to i. A query that sees no key attends to all alike. */
typedef struct {
    int64_t batch, heads, kv_heads, t, s, d, dv;
    int64_t mask_stride[4];
    double  scale;
    bool    causal;
} nac_attention_shape;
enum { NAC_ATTENTION_WIDTH = 1024 };

/* Adam and SGD steps over one variable, in place; all in the table's element type. */
typedef struct {
    double lr, beta_1, beta_2, epsilon, step;   /* step counts from 1 */
    bool   amsgrad;
} nac_adam_step;

typedef struct {
    double lr, momentum;
    bool   nesterov;
} nac_sgd_step;

enum { NAC_REDUCE_PIECE = 1024 };    /* a power of two */
enum { NAC_PHILOX = 64 };            /* random words that come from one call */

typedef struct nac_kernels {
    const char *isa;                /* "baseline", "avx2" or "avx512" */

    void (*unary)(nac_unary_kind kind, int64_t n, const void *x, void *y);                 /* y may be x */
    void (*binary)(nac_binary_kind kind, const nac_walk *w, const void *a, const void *b, void *y);
    void (*compare)(nac_compare_kind kind, const nac_walk *w, const void *a, const void *b, uint8_t *y);
    void (*select)(const nac_walk *w, const uint8_t *c, const void *a, const void *b, void *y);    /* c ? a : b; c has a number for each of a row */
    void (*clip)(int64_t n, double lo, double hi, const void *x, void *y);

    /* x (outer, n, inner) -> y (outer, inner). Sums are pairwise or in blocks, at least as accurate as 8 partial sums. */
    void (*reduce)(nac_reduce_kind kind, int64_t outer, int64_t n, int64_t inner, const void *x, void *y);
    /* What reduce makes of rows (outer, n), given what it makes of their pieces: of each row's NAC_REDUCE_PIECE numbers, the last piece being what is
       left; sums for NAC_RMEAN. n > 0. The same to the bit. */
    void (*reduce_parts)(nac_reduce_kind kind, int64_t outer, int64_t n, const void *parts, void *y);
    void (*argmax)(bool min, int64_t outer, int64_t n, int64_t inner, const void *x, int64_t *y);  /* first of equals */
    void (*cumsum)(bool product, bool exclusive, bool reverse, int64_t outer, int64_t n, int64_t inner, const void *x, void *y);

    /* Rows of n numbers. */
    void (*softmax)(bool log, int64_t rows, int64_t n, const void *x, void *y);
    void (*softmax_grad)(bool log, int64_t rows, int64_t n, const void *dy, const void *y, void *dx);
    /* Softmax cross-entropy of logits against class ids: loss (rows), probabilities p (rows, n). An id out of range gives NaN. */
    void (*sparse_xent)(int64_t rows, int64_t n, const void *logits, const int64_t *ids, void *loss, void *p);

    /* y = (x - mean) / sqrt(var + epsilon) * gamma + beta over rows; gamma, beta (n) or NULL; mean, rstd (rows) are outputs. */
    void (*layer_norm)(int64_t rows, int64_t n, double epsilon, const void *x, const void *gamma, const void *beta, void *y, void *mean,
                       void *rstd);
    /* dgamma, dbeta may be NULL. */
    void (*layer_norm_grad)(int64_t rows, int64_t n, const void *dy, const void *x, const void *gamma, const void *mean, const void *rstd,
                            void *dx, void *dgamma, void *dbeta, void *scratch);
    size_t (*layer_norm_grad_scratch)(int64_t rows, int64_t n);

    /* Moments of x (outer, c, inner) over outer and inner: mean (c), var (c, biased). */
    void (*moments)(int64_t outer, int64_t c, int64_t inner, const void *x, void *mean, void *var, void *scratch);
    size_t (*moments_scratch)(int64_t outer, int64_t c, int64_t inner);
    /* y = x * scale[c] + shift[c]; x (outer, c, inner). */
    void (*scale_shift)(int64_t outer, int64_t c, int64_t inner, const void *x, const void *scale, const void *shift, void *y);
    /* Gradient of batch normalization with batch statistics; gamma (c) or NULL; dgamma, dbeta (c) always written. dx may be NULL. */
    void (*batch_norm_grad)(int64_t outer, int64_t c, int64_t inner, const void *dy, const void *x, const void *gamma, const void *mean,
                            const void *rstd, void *dx, void *dgamma, void *dbeta, void *scratch);
    size_t (*batch_norm_grad_scratch)(int64_t outer, int64_t c, int64_t inner);

    /* C (m, n) = alpha op(A) op(B) + beta C, then `ending` if not NULL. Leading dimensions in elements. */
    void (*gemm)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const void *a, int64_t lda, const void *b, int64_t ldb,
                 double beta, void *c, int64_t ldc, const nac_ending *ending);
    /* batch products of dense matrices; a stride of 0 repeats that operand. */
    void (*gemm_batch)(int64_t batch, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const void *a, int64_t stride_a, const void *b,
                       int64_t stride_b, void *c);
    /* For products of m rows: the bytes that op(B) (k, n) takes where it is laid out as they read it, 0 where they want it as it is. `to`, if not
       NULL, is given B in that layout, which depends on k and n alone. */
    size_t (*gemm_pack)(bool tb, int64_t m, int64_t n, int64_t k, const void *b, int64_t ldb, void *to);
    /* C (m, n) = op(A) B, then `ending`, of such a B; the same to the bit as gemm. */
    void (*gemm_packed)(bool ta, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda, const void *packed, void *c, const nac_ending *ending);

    /* `packed`: w as conv_pack lays it out, or NULL. */
    void (*conv)(const nac_conv *s, const void *x, const void *w, const void *packed, const nac_ending *finish, void *y, void *scratch);
    /* The bytes that w takes as conv reads it, 0 where it wants it as it is. `to`, if not NULL, is given w in that layout, which depends on w's shape, the
       groups, nac_is_depthwise, nac_is_grouped, nac_is_winograd and nac_gives_few. */
    size_t (*conv_pack)(const nac_conv *s, const void *w, void *to);
    /* On rows of c numbers, all of the finish but the bias, if it finishes later; else nothing. */
    void (*conv_finish)(int64_t rows, int64_t c, const nac_ending *finish, void *y);
    /* conv, then max_pool of its results, where they are taken in strips: nac_pools_in_strips. The same to the bit. */
    void (*conv_max_pool)(const nac_conv *s, const void *x, const void *w, const void *packed, const nac_ending *finish, const nac_pool *pool, void *y,
                          int32_t *where, void *scratch);
    /* conv of p, then conv of s of its results, where nac_multiplies_in_strips; the first adds no `rest`. The same to the bit. Scratch is that of s. */
    void (*conv_depthwise)(const nac_conv *p, const nac_conv *s, const void *x, const void *w, const void *packed, const nac_ending *finish,
                           const void *depthwise_w, const nac_ending *depthwise_finish, void *y, void *scratch);
    void (*conv_grad_x)(const nac_conv *s, const void *dy, const void *w, void *dx, void *scratch);
    void (*conv_grad_w)(const nac_conv *s, const void *dy, const void *x, void *dw, void *scratch);
    size_t (*conv_scratch)(const nac_conv *s);
    size_t (*conv_grad_x_scratch)(const nac_conv *s);
    size_t (*conv_grad_w_scratch)(const nac_conv *s);

    /* where (n, out.., c): the cell of each maximum as an offset into its window, so that windows with k <= 256 cells fit a byte
       and others do not: it is int32. May be NULL. The first maximum wins. */
    void (*max_pool)(const nac_pool *s, const void *x, void *y, int32_t *where);
    void (*max_pool_grad)(const nac_pool *s, const void *dy, const int32_t *where, void *dx);
    void (*avg_pool)(const nac_pool *s, const void *x, void *y);
    void (*avg_pool_grad)(const nac_pool *s, const void *dy, void *dx);

    /* Activations are tanh and sigmoid. x (batch, time, in); wx (in, 4 u); wh (u, 4 u); bias (4 u) or NULL; h0, c0 (batch, u);
       mask (batch, time) bytes or NULL: where 0 the state is kept. Gates are packed i, f, c, o (Keras). Outputs:
       hs (batch, time, u), the hidden state after each step (a masked step repeats the one before); cs likewise the cell
       state; gates (batch, time, 4 u), after their activations, for the backward pass. */
    void (*lstm)(const nac_recurrent *s, const void *x, const void *wx, const void *wh, const void *bias, const void *h0, const void *c0,
                 const uint8_t *mask, void *hs, void *cs, void *gates, void *scratch);
    /* dhs (batch, time, u) or NULL: gradient of every hs; dh, dc (batch, u) or NULL: of the last states. dx and dbias may be NULL. */
    void (*lstm_grad)(const nac_recurrent *s, const void *x, const void *wx, const void *wh, const void *h0, const void *c0, const uint8_t *mask,
                      const void *hs, const void *cs, const void *gates, const void *dhs, const void *dh, const void *dc, void *dx,
                      void *dwx, void *dwh, void *dbias, void *dh0, void *dc0, void *scratch);
    size_t (*lstm_scratch)(const nac_recurrent *s);
    size_t (*lstm_grad_scratch)(const nac_recurrent *s);
    /* The same with gates packed z, r, candidate: wx (in, 3 u); wh (u, 3 u); bias (3 u), with reset_after (2, 3 u), or NULL. gates (batch, time, 4 u)
       ends with what r scaled, with reset_after, or made: the candidate's product with the state and its bias, or r times the state. */
    void (*gru)(const nac_recurrent *s, const void *x, const void *wx, const void *wh, const void *bias, const void *h0, const uint8_t *mask, void *hs,
                void *gates, void *scratch);
    void (*gru_grad)(const nac_recurrent *s, const void *x, const void *wx, const void *wh, const void *h0, const uint8_t *mask, const void *hs,
                     const void *gates, const void *dhs, const void *dh, void *dx, void *dwx, void *dwh, void *dbias, void *dh0, void *scratch);
    size_t (*gru_scratch)(const nac_recurrent *s);
    size_t (*gru_grad_scratch)(const nac_recurrent *s);

    /* o = softmax(scale q k') v; mask may be NULL; stats (batch, heads, t, 2): of each row the largest score and 1 / the sum of exp(score - largest). */
    void (*attention)(const nac_attention_shape *s, const void *q, const void *k, const void *v, const uint8_t *mask, void *o, void *stats);
    void (*attention_grad)(const nac_attention_shape *s, const void *dy, const void *q, const void *k, const void *v, const uint8_t *mask, const void *o,
                           const void *stats, void *dq, void *dk, void *dv);

    /* Keras's update rules, beta^t and the step size in the element type. vhat NULL without amsgrad; m NULL without momentum. */
    void (*adam)(const nac_adam_step *s, int64_t n, void *w, void *m, void *v, void *vhat, const void *g);
    void (*sgd)(const nac_sgd_step *s, int64_t n, void *w, void *m, const void *g);

    /* y[row ids[i]] += x[row i], rows of n numbers, in the order of i; ids outside [0, limit) are skipped. */
    void (*scatter_add)(int64_t count, int64_t n, int64_t limit, const int64_t *ids, const void *x, void *y);

    /* NAC_PHILOX words of the stream (key, hi): the four of counter lo, of lo + 1, .. */
    void (*philox)(uint64_t key, uint64_t hi, uint64_t lo, uint32_t *y);
    /* NAC_PHILOX standard normal numbers of the same words, by Box and Muller, two of two. The same for every build, and but for roundings for floats
       and doubles. */
    void (*normal)(uint64_t key, uint64_t hi, uint64_t lo, void *y);
    /* Inverted dropout: y = keep ? x / (1 - rate) : 0, where element i is kept when its uniform number (of 24 bits) is >= rate; y may be x. */
    void (*dropout)(uint64_t key, uint64_t counter, int64_t n, double rate, const void *x, void *y);
} nac_kernels;

/* The tables of the best instruction set that this processor has; NACRE_ISA=baseline|avx2|avx512 forces a lower one. */
const nac_kernels *nac_kernels_f32(void);
const nac_kernels *nac_kernels_f64(void);

/* Element-size kernels: size is 1, 2, 4 or 8 bytes. */
/* y[i0, .., ir-1] = x permuted: y's axis d is x's axis perm[d]; rank <= 8. */
void nac_permute_axes(int rank, const int64_t *x_dim, const int *perm, size_t size, const void *x, void *y);
/* Copies a strided box: strides and offset in elements; y dense. */
void nac_copy_strided(int rank, const int64_t *dim, const int64_t *x_stride, size_t size, const void *x, void *y);
/* The opposite: x dense, y strided. */
void nac_copy_to_strided(int rank, const int64_t *dim, const int64_t *y_stride, size_t size, const void *x, void *y);
/* y[i] = x[row ids[i]], rows of `bytes` bytes; an id outside [0, limit) gives a row of zeros. */
void nac_gather(int64_t count, size_t bytes, int64_t limit, const int64_t *ids, const void *x, void *y);

/* Counter-based random numbers (Philox 4x32-10): element i of stream (key, counter) is the same on every machine, for every number of
   threads and instruction set. Floats in [0, 1) have 24 random bits, doubles 53. */
void nac_random_order(uint64_t key, uint64_t counter, int64_t n, int64_t *y);        /* 0 .. n - 1, by Fisher and Yates */
void nac_random_uniform_f32(uint64_t key, uint64_t counter, int64_t n, float lo, float hi, float *y);
void nac_random_uniform_f64(uint64_t key, uint64_t counter, int64_t n, double lo, double hi, double *y);
void nac_random_normal_f32(uint64_t key, uint64_t counter, int64_t n, float mean, float stddev, float *y);
void nac_random_normal_f64(uint64_t key, uint64_t counter, int64_t n, double mean, double stddev, double *y);
/* Resampled outside two standard deviations. */
void nac_random_truncated_normal_f32(uint64_t key, uint64_t counter, int64_t n, float mean, float stddev, float *y);
void nac_random_truncated_normal_f64(uint64_t key, uint64_t counter, int64_t n, double mean, double stddev, double *y);

/* The number of threads that kernels use: set by nac_set_threads, at first OMP_NUM_THREADS or the processors'. Kernels called inside an
   OpenMP parallel region run serially. */
void nac_set_threads(int n);
int  nac_threads(void);

#endif
