/* Elementwise ops: one record each, tables of them at the bottom of each family. */
#include "ops/ops.h"

bool nac_need_float(nac_infer *i)
{
    if (nac_is_float(i->in[0].dtype))
        return true;
    return nac_fail(NAC_E_TYPE, "%s: expected float32 or float64, found %s", i->op->name, nac_dtype_name(i->in[0].dtype));
}

/* ---- one operand ---- */

static bool infer_float(nac_infer *i)
{
    return nac_need_float(i) && nac_infer_same(i);
}

static bool infer_number(nac_infer *i)
{
    if (i->in[0].dtype == NAC_BOOL)
        return nac_fail(NAC_E_TYPE, "%s: expected numbers, found bool", i->op->name);
    return nac_infer_same(i);
}

#define INT_UNARY(T)                                                                                                                 \
    for (int64_t i = 0; i < n; i++) {                                                                                                \
        T v = ((const T *)x)[i];                                                                                                     \
        ((T *)y)[i] = kind == NAC_NEG ? (T)-v : kind == NAC_ABS ? (T)(v < 0 ? -v : v) : kind == NAC_SIGN ? (T)((v > 0) - (v < 0))    \
                      : kind == NAC_SQUARE ? (T)(v * v) : v;                                                                         \
    }

static void int_unary(nac_unary_kind kind, nac_dtype dtype, int64_t n, const void *x, void *y)
{
    if (dtype == NAC_INT32) {
        INT_UNARY(int32_t)
    } else if (dtype == NAC_INT64) {
        INT_UNARY(int64_t)
    } else {
        for (int64_t i = 0; i < n; i++) {
            uint8_t v = ((const uint8_t *)x)[i];
            ((uint8_t *)y)[i] = kind == NAC_NEG ? (uint8_t)-v : kind == NAC_SIGN ? v > 0 : kind == NAC_SQUARE ? (uint8_t)(v * v) : v;
        }
    }
}

static void unary(nac_unary_kind kind, const nac_eval *e)
{
    nac_dtype dtype = e->in[0].type->dtype;
    int64_t n = nac_type_size(e->in[0].type);
    if (nac_is_float(dtype))
        nac_kernels_for(dtype)->unary(kind, n, e->in[0].data, e->out[0].data);
    else
        int_unary(kind, dtype, n, e->in[0].data, e->out[0].data);
}

#define X (v->in[0])
#define Y (v->out[0])
#define DY (v->dout[0])

static nac_tensor *gauss(nac_tensor *x, double scale)          /* scale exp(-x^2) */
{
    return nac_mul_scalar(nac_exp(nac_neg(nac_square(x))), scale);
}

static nac_tensor *gelu_tanh_slope(nac_tensor *x)       /* y = x (1 + tanh(c (x + a x^3))) / 2 */
{
    const double c = 0.79788456080286535588, a = 0.044715;
    nac_tensor *x2 = nac_square(x), *t = nac_tanh(nac_mul_scalar(nac_multiply(x, nac_add_scalar(nac_mul_scalar(x2, a), 1)), c));
    nac_tensor *inner = nac_mul_scalar(nac_add_scalar(nac_mul_scalar(x2, 3 * a), 1), c);
    nac_tensor *right = nac_multiply(nac_multiply(x, nac_rsub_scalar(nac_square(t), 1)), inner);
    return nac_mul_scalar(nac_add(nac_add_scalar(t, 1), right), 0.5);
}

static nac_tensor *silu_slope(nac_tensor *x)
{
    nac_tensor *s = nac_sigmoid(x);
    return nac_multiply(s, nac_add_scalar(nac_multiply(x, nac_rsub_scalar(s, 1)), 1));
}

static nac_tensor *grad_of(nac_tensor *dy, nac_tensor *y, nac_binary_kind kind);

/* name, kind, which dtypes, derivative; zeros where it is 0, by which an optimizer still decays weights, as with PyTorch and JAX */
#define UNARIES(O)                                                                                                                     \
    O(neg, NAC_NEG, infer_number, nac_neg(DY))                                                                                       \
    O(abs, NAC_ABS, infer_number, nac_multiply(DY, nac_sign(X)))                                                                     \
    O(sign, NAC_SIGN, infer_number, nac_zeros_like(DY))                                                                              \
    O(square, NAC_SQUARE, infer_number, nac_multiply(DY, nac_mul_scalar(X, 2)))                                                      \
    O(sqrt, NAC_SQRT, infer_float, nac_divide(nac_mul_scalar(DY, 0.5), Y))                                                           \
    O(rsqrt, NAC_RSQRT, infer_float, nac_multiply(nac_mul_scalar(DY, -0.5), nac_multiply(Y, nac_square(Y))))                         \
    O(reciprocal, NAC_RECIPROCAL, infer_float, nac_neg(nac_multiply(DY, nac_square(Y))))                                             \
    O(exp, NAC_EXP, infer_float, nac_multiply(DY, Y))                                                                                \
    O(expm1, NAC_EXPM1, infer_float, nac_multiply(DY, nac_add_scalar(Y, 1)))                                                         \
    O(log, NAC_LOG, infer_float, nac_divide(DY, X))                                                                                  \
    O(log1p, NAC_LOG1P, infer_float, nac_divide(DY, nac_add_scalar(X, 1)))                                                           \
    O(log2, NAC_LOG2, infer_float, nac_divide(nac_mul_scalar(DY, 1.4426950408889634074), X))                                         \
    O(log10, NAC_LOG10, infer_float, nac_divide(nac_mul_scalar(DY, 0.43429448190325182765), X))                                      \
    O(sin, NAC_SIN, infer_float, nac_multiply(DY, nac_cos(X)))                                                                       \
    O(cos, NAC_COS, infer_float, nac_neg(nac_multiply(DY, nac_sin(X))))                                                              \
    O(tan, NAC_TAN, infer_float, nac_multiply(DY, nac_add_scalar(nac_square(Y), 1)))                                                 \
    O(arcsin, NAC_ASIN, infer_float, nac_multiply(DY, nac_rsqrt(nac_rsub_scalar(nac_square(X), 1))))                                 \
    O(arccos, NAC_ACOS, infer_float, nac_neg(nac_multiply(DY, nac_rsqrt(nac_rsub_scalar(nac_square(X), 1)))))                        \
    O(arctan, NAC_ATAN, infer_float, nac_divide(DY, nac_add_scalar(nac_square(X), 1)))                                               \
    O(sinh, NAC_SINH, infer_float, nac_multiply(DY, nac_cosh(X)))                                                                    \
    O(cosh, NAC_COSH, infer_float, nac_multiply(DY, nac_sinh(X)))                                                                    \
    O(tanh, NAC_TANH, infer_float, grad_of(DY, Y, NAC_TANH_GRAD))                                                                    \
    O(arcsinh, NAC_ASINH, infer_float, nac_multiply(DY, nac_rsqrt(nac_add_scalar(nac_square(X), 1))))                                \
    O(arccosh, NAC_ACOSH, infer_float, nac_multiply(DY, nac_rsqrt(nac_add_scalar(nac_square(X), -1))))                               \
    O(arctanh, NAC_ATANH, infer_float, nac_divide(DY, nac_rsub_scalar(nac_square(X), 1)))                                            \
    O(sigmoid, NAC_SIGMOID, infer_float, grad_of(DY, Y, NAC_SIGMOID_GRAD))                                                           \
    O(log_sigmoid, NAC_LOG_SIGMOID, infer_float, nac_multiply(DY, nac_sigmoid(nac_neg(X))))                                          \
    O(softplus, NAC_SOFTPLUS, infer_float, nac_multiply(DY, nac_sigmoid(X)))                                                         \
    O(relu, NAC_RELU, infer_float, grad_of(DY, Y, NAC_RELU_GRAD))                                                                    \
    O(relu6, NAC_RELU6, infer_float, grad_of(DY, Y, NAC_RELU6_GRAD))                                                                 \
    O(erf, NAC_ERF, infer_float, nac_multiply(DY, gauss(X, 1.1283791670955125739)))                                                  \
    O(silu, NAC_SILU, infer_float, nac_multiply(DY, silu_slope(X)))                                                                  \
    O(gelu_exact, NAC_GELU, infer_float, grad_of(DY, X, NAC_GELU_GRAD))                                                             \
    O(gelu_tanh, NAC_GELU_TANH, infer_float, nac_multiply(DY, gelu_tanh_slope(X)))                                                   \
    O(floor, NAC_FLOOR, infer_number, nac_zeros_like(DY))                                                                            \
    O(ceil, NAC_CEIL, infer_number, nac_zeros_like(DY))                                                                              \
    O(round, NAC_ROUND, infer_number, nac_zeros_like(DY))                                                                            \
    O(trunc, NAC_TRUNC, infer_number, nac_zeros_like(DY))

#define DEFINE_UNARY(opname, kind, infer_fn, slope)                                                                                  \
    static bool opname##_vjp(nac_vjp *v)                                                                                             \
    {                                                                                                                                \
        return (v->din[0] = slope);                                                                                                  \
    }                                                                                                                                \
    static void opname##_eval(const nac_eval *e)                                                                                     \
    {                                                                                                                                \
        unary(kind, e);                                                                                                              \
    }                                                                                                                                \
    const nac_op nac_op_##opname = {.name = #opname, .n_in = 1, .n_out = 1, .flags = NAC_OP_ELEMENTWISE | NAC_OP_TILES,             \
                                    .infer = infer_fn, .eval = opname##_eval, .vjp = opname##_vjp};                                                     \
    nac_tensor *nac_##opname(nac_tensor *x);                                                                                         \
    nac_tensor *nac_##opname(nac_tensor *x)                                                                                          \
    {                                                                                                                                \
        return nac_apply(&nac_op_##opname, 1, &x, NULL);                                                                             \
    }
UNARIES(DEFINE_UNARY)

nac_tensor *nac_gelu(nac_tensor *x, bool approximate)
{
    return approximate ? nac_gelu_tanh(x) : nac_gelu_exact(x);
}

/* ---- broadcasting operands to one loop ---- */

enum {
    OPERANDS = 3,
    PARALLEL = 131072, BLOCK = 8192,    /* results from which on several threads work, on pieces of that many */
    SHORT_ROW = 32, LAID = 1024         /* rows of fewer are laid out side by side, that many numbers at a time */
};

typedef void (*walk_loop)(const void *kernel, const nac_walk *w, const char *const *in, char *y);

typedef struct {
    int     rank;                       /* at least 2 */
    int64_t dim[NAC_MAX_RANK], step[NAC_MAX_RANK][OPERANDS];   /* extents, the innermost first, and strides in elements */
} loops;

/* Axes that all operands walk alike become one. */
static loops collapse(const nac_eval *e)
{
    loops l = {0};
    const nac_type *ty = e->out[0].type;
    int64_t at[OPERANDS] = {1, 1, 1};
    for (int d = ty->rank - 1; d >= 0; d--) {
        int64_t step[OPERANDS] = {0}, last = l.rank - 1;
        bool joins = last >= 0;
        for (int k = 0; k < e->n_in; k++) {
            const nac_type *t = e->in[k].type;
            int i = d - (ty->rank - t->rank);
            int64_t n = i < 0 ? 1 : t->dim[i];
            step[k] = n == 1 ? 0 : at[k];
            at[k] *= n;
            joins = joins && step[k] == l.step[last][k] * l.dim[last];
        }
        if (ty->dim[d] == 1)
            continue;
        if (joins) {
            l.dim[last] *= ty->dim[d];
            continue;
        }
        l.dim[l.rank] = ty->dim[d];
        memcpy(l.step[l.rank++], step, sizeof step);
    }
    while (l.rank < 2)
        l.dim[l.rank++] = 1;
    return l;
}

typedef struct {
    const nac_eval *e;
    loops           l;
    int64_t         rows, columns;      /* of a piece */
    int64_t         down, across;       /* pieces of a plane of two loops */
} pieces;

#define LAY(T)                                                                                                                       \
    for (int64_t r = 0; r < rows; r++)                                                                                               \
        for (int64_t i = 0; i < w->n; i++)                                                                                           \
            ((T *)to)[r * w->n + i] = ((const T *)x)[r * w->row[k] + i * w->step[k]];

static void lay_rows(const nac_walk *w, int k, int64_t rows, size_t size, const char *x, char *to)
{
    if (size == 1)
        LAY(uint8_t)
    else if (size == 4)
        LAY(uint32_t)
    else
        LAY(uint64_t)
}

/* A row costs a kernel as much as tens of numbers: of short ones, operands that are not as dense as the results are laid out, once if all are alike. */
static void walk_rows(const nac_eval *e, const nac_walk *w, const char *const *in, char *y, walk_loop walk, const void *kernel)
{
    if (w->rows == 1 || w->n >= SHORT_ROW) {
        walk(kernel, w, in, y);
        return;
    }
    uint64_t laid[OPERANDS][LAID];
    const int64_t most = LAID / w->n;
    for (int64_t r = 0; r < w->rows; r += most) {
        const int64_t rows = w->rows - r < most ? w->rows - r : most;
        nac_walk one = {.rows = 1, .n = rows * w->n};
        const char *from[OPERANDS] = {NULL};
        for (int k = 0; k < e->n_in; k++) {
            const size_t size = nac_dtype_size(e->in[k].type->dtype);
            const bool number = !w->step[k] && !w->row[k], dense = w->step[k] && w->row[k] == w->n;
            from[k] = in[k] + (size_t)(r * w->row[k]) * size;
            one.step[k] = !number;
            if (number || dense)
                continue;
            if (w->row[k] || r == 0)
                lay_rows(w, k, rows, size, from[k], (char *)laid[k]);
            from[k] = (const char *)laid[k];
        }
        walk(kernel, &one, from, y + (size_t)(r * w->n) * nac_dtype_size(e->out[0].type->dtype));
    }
}

static void run_piece(const pieces *p, int64_t i, walk_loop walk, const void *kernel)
{
    const loops *l = &p->l;
    int64_t column = i % p->across * p->columns, row = i / p->across % p->down * p->rows, rest = i / p->across / p->down;
    int64_t at_y = (rest * l->dim[1] + row) * l->dim[0] + column;
    nac_walk w = {.rows = l->dim[1] - row < p->rows ? l->dim[1] - row : p->rows, .n = l->dim[0] - column < p->columns ? l->dim[0] - column : p->columns};
    const char *in[OPERANDS] = {NULL};
    for (int k = 0; k < p->e->n_in; k++) {
        int64_t at = column * l->step[0][k] + row * l->step[1][k], r = rest;
        for (int d = 2; d < l->rank; r /= l->dim[d++])
            at += r % l->dim[d] * l->step[d][k];
        w.step[k] = l->step[0][k];
        w.row[k] = l->step[1][k];
        in[k] = (const char *)p->e->in[k].data + (size_t)at * nac_dtype_size(p->e->in[k].type->dtype);
    }
    walk_rows(p->e, &w, in, (char *)p->e->out[0].data + (size_t)at_y * nac_dtype_size(p->e->out[0].type->dtype), walk, kernel);
}

/* How operand t is walked beside y where that is one loop: 1, like y; 0, it is one number; -1, otherwise. */
static int plain_step(const nac_type *t, const nac_type *ty)
{
    int64_t n = 1;
    if (t->rank == ty->rank && memcmp(t->dim, ty->dim, (size_t)t->rank * sizeof *t->dim) == 0)
        return 1;
    for (int d = 0; d < t->rank; d++)
        n *= t->dim[d];
    return n == 1 ? 0 : -1;
}

/* The walk where results are one row, or the rows of a matrix: what programs of elementwise ops call for again and again. */
static bool is_simple(const nac_eval *e, nac_walk *w)
{
    const nac_type *ty = e->out[0].type;
    bool row = true;
    for (int k = 0; k < e->n_in && row; k++)
        row = (w->step[k] = plain_step(e->in[k].type, ty)) >= 0;
    if (row)
        return true;
    if (ty->rank != 2 || ty->dim[1] == 1)
        return false;
    w->rows = ty->dim[0];
    w->n = ty->dim[1];
    for (int k = 0; k < e->n_in; k++) {
        const nac_type *t = e->in[k].type;
        int64_t columns = t->rank > 0 ? t->dim[t->rank - 1] : 1;
        w->step[k] = columns > 1;
        w->row[k] = t->rank < 2 || t->dim[0] == 1 ? 0 : columns;
    }
    return true;
}

static void broadcast(const nac_eval *e, walk_loop walk, const void *kernel)
{
    int64_t n = nac_type_size(e->out[0].type);
    nac_walk w = {.rows = 1, .n = n};
    const char *in[OPERANDS] = {NULL};
    for (int k = 0; k < e->n_in; k++)
        in[k] = e->in[k].data;
    if (n == 0)
        return;
    if (n <= PARALLEL && is_simple(e, &w)) {
        walk_rows(e, &w, in, e->out[0].data, walk, kernel);
        return;
    }
    pieces p = {e, collapse(e), 0, 0, 0, 0};
    const int64_t *dim = p.l.dim;
    bool shared = n > PARALLEL;
    p.columns = shared && dim[0] > BLOCK ? BLOCK : dim[0];
    p.rows = !shared ? dim[1] : BLOCK / p.columns < dim[1] ? BLOCK / p.columns : dim[1];
    p.across = (dim[0] + p.columns - 1) / p.columns;
    p.down = (dim[1] + p.rows - 1) / p.rows;
    int64_t count = n / dim[0] / dim[1] * p.across * p.down;
    NAC_SHARE(shared, i, count, run_piece(&p, i, walk, kernel));
}

/* ---- two operands ---- */

static int64_t floor_div(int64_t p, int64_t q)
{
    return q == -1 ? (int64_t)(0 - (uint64_t)p) : p / q - (p % q != 0 && (p < 0) != (q < 0));
}

/* Every row of two operands, by `expr` of p and q. */
#define EACH(T, R, expr)                                                                                                             \
    {                                                                                                                                \
        const nac_walk v = *w;                  /* a byte that is written might be of the one that w points to */                    \
        const T *a = (const T *)in[0], *b = (const T *)in[1];                                                                        \
        R *to = (R *)y;                                                                                                              \
        for (int64_t r = 0; r < v.rows; r++, a += v.row[0], b += v.row[1], to += v.n)                                                \
            for (int64_t i = 0; i < v.n; i++) {                                                                                      \
                const T p = a[i * v.step[0]], q = b[i * v.step[1]];                                                                  \
                to[i] = (R)(expr);                                                                                                   \
            }                                                                                                                        \
    }

#define INT_BINARY(T)                                                                                                                \
    static T T##_binary(nac_binary_kind kind, T p, T q)                                                                              \
    {                                                                                                                                \
        T r = 1;                                                                                                                     \
        switch (kind) {                                                                                                              \
        case NAC_ADD: return (T)((uint64_t)p + (uint64_t)q);                                                                         \
        case NAC_SUB: return (T)((uint64_t)p - (uint64_t)q);                                                                         \
        case NAC_MUL: return (T)((uint64_t)p * (uint64_t)q);                                                                         \
        case NAC_MAX: return p > q ? p : q;                                                                                          \
        case NAC_MIN: return p < q ? p : q;                                                                                          \
        case NAC_FLOOR_DIV: return q ? (T)floor_div((int64_t)p, (int64_t)q) : 0;                                                     \
        case NAC_MOD: return q ? (T)((int64_t)p - floor_div((int64_t)p, (int64_t)q) * (int64_t)q) : 0;                               \
        case NAC_POW:                                                                                                                \
            for (T k = 0; k < q; k++)                                                                                                \
                r = (T)((uint64_t)r * (uint64_t)p);                                                                                  \
            return r;                                                                                                                \
        default: return 0;                                                                                                           \
        }                                                                                                                            \
    }
INT_BINARY(int32_t)
INT_BINARY(int64_t)
INT_BINARY(uint8_t)

typedef struct {
    int       kind;
    nac_dtype dtype;
} typed_kind;

static void binary_walk(const void *kernel, const nac_walk *w, const char *const *in, char *y)
{
    const typed_kind *k = kernel;
    nac_binary_kind kind = (nac_binary_kind)k->kind;
    if (nac_is_float(k->dtype))
        nac_kernels_for(k->dtype)->binary(kind, w, in[0], in[1], y);
    else if (k->dtype == NAC_INT32)
        EACH(int32_t, int32_t, int32_t_binary(kind, p, q))
    else if (k->dtype == NAC_INT64)
        EACH(int64_t, int64_t, int64_t_binary(kind, p, q))
    else
        EACH(uint8_t, uint8_t, uint8_t_binary(kind, p, q))
}

static void binary(nac_binary_kind kind, const nac_eval *e)
{
    broadcast(e, binary_walk, &(typed_kind){(int)kind, e->in[0].type->dtype});
}

static bool infer_numbers(nac_infer *i)
{
    if (i->in[0].dtype == NAC_BOOL)
        return nac_fail(NAC_E_TYPE, "%s: expected numbers, found bool", i->op->name);
    return nac_infer_broadcast(i);
}

static bool infer_floats(nac_infer *i)
{
    return nac_need_float(i) && nac_infer_broadcast(i);
}

#define A (v->in[0])
#define B (v->in[1])

static nac_tensor *share(nac_tensor *dy, nac_tensor *a, nac_tensor *b, nac_tensor *(*wins)(nac_tensor *, nac_tensor *))
{
    /* of equal operands each takes half */
    nac_tensor *equal = nac_mul_scalar(nac_cast(nac_equal(a, b), dy->type.dtype), 0.5);
    return nac_multiply(dy, nac_add(nac_cast(wins(a, b), dy->type.dtype), equal));
}

static nac_tensor *power_db(nac_tensor *a, nac_tensor *y)
{
    nac_tensor *positive = nac_greater_scalar(a, 0);
    nac_tensor *safe = nac_where(positive, a, nac_scalar_of(a->type.dtype, 1));
    return nac_multiply(y, nac_log(safe));
}

/* name, kind, which dtypes, derivatives in the broadcast shape */
#define BINARIES(O, Z)                                                                                                                 \
    O(add, NAC_ADD, infer_numbers, DY, DY)                                                                                           \
    O(subtract, NAC_SUB, infer_numbers, DY, nac_neg(DY))                                                                             \
    O(multiply, NAC_MUL, infer_numbers, nac_multiply(DY, B), nac_multiply(DY, A))                                                    \
    O(divide, NAC_DIV, infer_floats, nac_divide(DY, B), nac_neg(nac_divide(nac_multiply(DY, Y), B)))                                 \
    Z(floor_divide, NAC_FLOOR_DIV, infer_numbers)                                                                        \
    O(mod, NAC_MOD, infer_numbers, DY, nac_neg(nac_multiply(DY, nac_floor(nac_divide(A, B)))))                                       \
    O(power, NAC_POW, infer_numbers, nac_multiply(DY, nac_multiply(B, nac_power(A, nac_add_scalar(B, -1)))),                            \
      nac_multiply(DY, power_db(A, Y)))                                                                                              \
    O(maximum, NAC_MAX, infer_numbers, share(DY, A, B, nac_greater), share(DY, B, A, nac_greater))                                   \
    O(minimum, NAC_MIN, infer_numbers, share(DY, A, B, nac_less), share(DY, B, A, nac_less))                                         \
    O(arctan2, NAC_ATAN2, infer_floats, nac_divide(nac_multiply(DY, B), nac_add(nac_square(A), nac_square(B))),                      \
      nac_neg(nac_divide(nac_multiply(DY, A), nac_add(nac_square(A), nac_square(B)))))

bool nac_promote(int n, nac_tensor **t)
{
    static const int rank[] = {[NAC_BOOL] = 0, [NAC_UINT8] = 1, [NAC_INT32] = 2, [NAC_INT64] = 3, [NAC_FLOAT32] = 4, [NAC_FLOAT64] = 5};
    nac_dtype widest = NAC_BOOL;
    for (int i = 0; i < n; i++)
        if (!t[i] || t[i]->n_items)
            return t[i];
        else if (rank[t[i]->type.dtype] > rank[widest])
            widest = t[i]->type.dtype;
    for (int i = 0; i < n; i++)
        if (t[i]->type.dtype != widest && !(t[i] = nac_cast(t[i], widest)))
            return false;
    return true;
}

static nac_tensor *promoted(const nac_op *op, nac_tensor *a, nac_tensor *b)
{
    nac_tensor *both[] = {a, b};
    return nac_promote(2, both) ? NAC_APPLY(op, NULL, both[0], both[1]) : NULL;
}

static bool settle(nac_vjp *v, int i, nac_tensor *d)
{
    return (v->din[i] = nac_sum_to(d, &v->in[i]->type));
}

#define DEFINE_FLAT_BINARY(opname, kind, infer_fn) DEFINE_BINARY_OP(opname, kind, infer_fn, NULL)
#define DEFINE_BINARY(opname, kind, infer_fn, da, db)                                                                                \
    static bool opname##_vjp(nac_vjp *v)                                                                                             \
    {                                                                                                                                \
        return (!v->need[0] || settle(v, 0, da)) && (!v->need[1] || settle(v, 1, db));                                               \
    }                                                                                                                                \
    DEFINE_BINARY_OP(opname, kind, infer_fn, opname##_vjp)
#define DEFINE_BINARY_OP(opname, kind, infer_fn, vjp_fn)                                                                             \
    static void opname##_eval(const nac_eval *e)                                                                                     \
    {                                                                                                                                \
        binary(kind, e);                                                                                                             \
    }                                                                                                                                \
    const nac_op nac_op_##opname = {.name = #opname, .n_in = 2, .n_out = 1, .flags = NAC_OP_ELEMENTWISE | NAC_OP_TILES,             \
                                    .infer = infer_fn, .eval = opname##_eval, .vjp = vjp_fn};
BINARIES(DEFINE_BINARY, DEFINE_FLAT_BINARY)

#define DEFINE_BINARY_FUNCTION(opname, ...)                                                                                          \
    nac_tensor *nac_##opname(nac_tensor *a, nac_tensor *b)                                                                           \
    {                                                                                                                                \
        return promoted(&nac_op_##opname, a, b);                                                                                     \
    }
DEFINE_BINARY_FUNCTION(add)
DEFINE_BINARY_FUNCTION(subtract)
DEFINE_BINARY_FUNCTION(multiply)
DEFINE_BINARY_FUNCTION(floor_divide)
DEFINE_BINARY_FUNCTION(mod)
DEFINE_BINARY_FUNCTION(power)
DEFINE_BINARY_FUNCTION(maximum)
DEFINE_BINARY_FUNCTION(minimum)
DEFINE_BINARY_FUNCTION(arctan2)

nac_tensor *nac_divide(nac_tensor *a, nac_tensor *b)
{
    if (a && b && !a->n_items && !b->n_items && !nac_is_float(a->type.dtype) && !nac_is_float(b->type.dtype))
        a = nac_cast(a, NAC_FLOAT32);
    return promoted(&nac_op_divide, a, b);
}

static nac_tensor *gelu_slope_slope(nac_tensor *x)      /* (2 - x^2) pdf(x) */
{
    nac_tensor *x2 = nac_square(x), *pdf = nac_mul_scalar(nac_exp(nac_mul_scalar(x2, -0.5)), 0.39894228040143267794);
    return nac_multiply(nac_rsub_scalar(x2, 2), pdf);
}

static nac_tensor *within(nac_tensor *x, double lo, double hi)
{
    nac_dtype dtype = x->type.dtype;
    return nac_logical_and(nac_greater_equal(x, nac_scalar_of(dtype, lo)), nac_less_equal(x, nac_scalar_of(dtype, hi)));
}

/* Of binary_crossentropy's slope, where p is not kept from 0 and 1: by t -1 / q, by p (q - (p - t) (1 - 2 p)) / q^2; q = p (1 - p). */
static nac_tensor *slope_of_slope(const nac_vjp *v, bool by_t)
{
    const double least = NAC_KEPT_FROM_0_AND_1;
    nac_tensor *t = v->in[0], *p = nac_clip(v->in[1], least, 1 - least), *q = nac_multiply(p, nac_rsub_scalar(p, 1));
    nac_tensor *dy = nac_divide(nac_mul_mask(v->dout[0], within(v->in[1], least, 1 - least)), q);
    return by_t ? nac_neg(dy) : nac_multiply(dy, nac_rsub_scalar(nac_divide(nac_multiply(nac_subtract(p, t), nac_rsub_scalar(nac_mul_scalar(p, 2), 1)), q), 1));
}

static nac_tensor *log_odds(nac_tensor *p)
{
    p = nac_clip(p, NAC_KEPT_FROM_0_AND_1, 1 - NAC_KEPT_FROM_0_AND_1);
    return nac_subtract(nac_log(p), nac_log(nac_rsub_scalar(p, 1)));
}

/* Derivatives of activations, as one pass over (dy, y), that of gelu over (dy, x). */
#define GRADS(O)                                                                                                                     \
    O(relu_grad, NAC_RELU_GRAD, grad_of(DY, B, NAC_RELU_GRAD), nac_zeros_like(B))                                                    \
    O(relu6_grad, NAC_RELU6_GRAD, grad_of(DY, B, NAC_RELU6_GRAD), nac_zeros_like(B))                                                 \
    O(sigmoid_grad, NAC_SIGMOID_GRAD, nac_multiply(DY, nac_multiply(B, nac_rsub_scalar(B, 1))),                                      \
      nac_multiply(nac_multiply(DY, A), nac_rsub_scalar(nac_mul_scalar(B, 2), 1)))                                                   \
    O(tanh_grad, NAC_TANH_GRAD, nac_multiply(DY, nac_rsub_scalar(nac_square(B), 1)),                                                 \
      nac_multiply(nac_multiply(DY, A), nac_mul_scalar(B, -2)))                                                                      \
    O(gelu_grad, NAC_GELU_GRAD, grad_of(DY, B, NAC_GELU_GRAD), nac_multiply(nac_multiply(DY, A), gelu_slope_slope(B)))
#define DEFINE_GRAD(opname, kind, da, db) DEFINE_BINARY(opname, kind, infer_floats, da, db)
GRADS(DEFINE_GRAD)

DEFINE_BINARY(binary_crossentropy_slope, NAC_BINARY_CROSSENTROPY_SLOPE, infer_floats, slope_of_slope(v, true), slope_of_slope(v, false))
DEFINE_BINARY(binary_crossentropy, NAC_BINARY_CROSSENTROPY, infer_floats, nac_neg(nac_multiply(DY, log_odds(B))),
              nac_multiply(DY, NAC_APPLY(&nac_op_binary_crossentropy_slope, NULL, A, B)))

nac_tensor *nac_binary_crossentropy_of(nac_tensor *t, nac_tensor *p)
{
    return promoted(&nac_op_binary_crossentropy, t, p);
}

static nac_tensor *grad_of(nac_tensor *dy, nac_tensor *y, nac_binary_kind kind)
{
    const nac_op *op = kind == NAC_RELU_GRAD    ? &nac_op_relu_grad
                       : kind == NAC_RELU6_GRAD ? &nac_op_relu6_grad
                       : kind == NAC_TANH_GRAD  ? &nac_op_tanh_grad
                       : kind == NAC_GELU_GRAD  ? &nac_op_gelu_grad
                                                : &nac_op_sigmoid_grad;
    return NAC_APPLY(op, NULL, dy, y);
}

/* ---- with a number ---- */

static nac_tensor *number(nac_tensor *x, double s)
{
    return x && !x->n_items ? nac_scalar_of(x->type.dtype, s) : NULL;
}

static nac_tensor *floating(nac_tensor *x, double s)        /* integers meet a fraction as float32 */
{
    return x && !x->n_items && !nac_is_float(x->type.dtype) && s != floor(s) ? nac_cast(x, NAC_FLOAT32) : x;
}

nac_tensor *nac_add_scalar(nac_tensor *x, double s)
{
    x = floating(x, s);
    return nac_add(x, number(x, s));
}

nac_tensor *nac_mul_scalar(nac_tensor *x, double s)
{
    x = floating(x, s);
    return nac_multiply(x, number(x, s));
}

nac_tensor *nac_pow_scalar(nac_tensor *x, double s)
{
    x = floating(x, s);
    return nac_power(x, number(x, s));
}

nac_tensor *nac_rsub_scalar(nac_tensor *x, double s)
{
    x = floating(x, s);
    return nac_subtract(number(x, s), x);
}

nac_tensor *nac_rdiv_scalar(nac_tensor *x, double s)
{
    x = floating(x, s);
    return nac_divide(number(x, s), x);
}

/* ---- clip ---- */

static void clip_eval(const nac_eval *e)
{
    const nac_clip_attrs *c = e->attrs;
    nac_kernels_for(e->in[0].type->dtype)->clip(nac_type_size(e->in[0].type), c->lo, c->hi, e->in[0].data, e->out[0].data);
}

static bool clip_vjp(nac_vjp *v)
{
    const nac_clip_attrs *c = v->attrs;
    return (v->din[0] = nac_mul_mask(DY, within(X, c->lo, c->hi)));
}

static const nac_op nac_op_clip = {.name = "clip", .n_in = 1, .n_out = 1, .attrs_size = sizeof(nac_clip_attrs),
                                   .flags = NAC_OP_ELEMENTWISE | NAC_OP_TILES, .infer = infer_float, .eval = clip_eval, .vjp = clip_vjp};

nac_tensor *nac_clip(nac_tensor *x, double lo, double hi)
{
    if (lo > hi)
        return nac_fail(NAC_E_ARGUMENT, "clip: the lower bound %g is above the upper bound %g", lo, hi);
    return nac_apply(&nac_op_clip, 1, &x, &(nac_clip_attrs){lo, hi});
}

/* ---- comparison ---- */

#define INT_COMPARE(T)                                                                                                               \
    EACH(T, uint8_t, kind == NAC_EQ ? p == q : kind == NAC_NE ? p != q : kind == NAC_LT ? p < q : kind == NAC_LE ? p <= q : kind == NAC_GT ? p > q : p >= q)

static void compare_walk(const void *kernel, const nac_walk *w, const char *const *in, char *y)
{
    const typed_kind *k = kernel;
    int kind = k->kind;
    if (nac_is_float(k->dtype))
        nac_kernels_for(k->dtype)->compare((nac_compare_kind)kind, w, in[0], in[1], (uint8_t *)y);
    else if (k->dtype == NAC_INT32)
        INT_COMPARE(int32_t)
    else if (k->dtype == NAC_INT64)
        INT_COMPARE(int64_t)
    else
        INT_COMPARE(uint8_t)
}

static bool infer_compare(nac_infer *i)
{
    if (!nac_infer_broadcast(i))
        return false;
    i->out[0].dtype = NAC_BOOL;
    return true;
}

#define COMPARISONS(O)                                                                                                               \
    O(equal, NAC_EQ) O(not_equal, NAC_NE) O(less, NAC_LT) O(less_equal, NAC_LE) O(greater, NAC_GT) O(greater_equal, NAC_GE)
#define DEFINE_COMPARISON(opname, kind_)                                                                                             \
    static void opname##_eval(const nac_eval *e)                                                                                     \
    {                                                                                                                                \
        broadcast(e, compare_walk, &(typed_kind){kind_, e->in[0].type->dtype});                                                      \
    }                                                                                                                                \
    const nac_op nac_op_##opname = {.name = #opname, .n_in = 2, .n_out = 1, .flags = NAC_OP_TILES, .infer = infer_compare,             \
                                    .eval = opname##_eval};                                                                          \
    nac_tensor *nac_##opname(nac_tensor *a, nac_tensor *b)                                                                           \
    {                                                                                                                                \
        return promoted(&nac_op_##opname, a, b);                                                                                     \
    }
COMPARISONS(DEFINE_COMPARISON)

nac_tensor *nac_greater_scalar(nac_tensor *x, double s)
{
    x = floating(x, s);
    return nac_greater(x, number(x, s));
}

nac_tensor *nac_isnan(nac_tensor *x)
{
    return nac_not_equal(x, x);
}

nac_tensor *nac_isfinite(nac_tensor *x)
{
    return nac_less(nac_abs(x), number(x, INFINITY));
}

nac_tensor *nac_divide_no_nan(nac_tensor *a, nac_tensor *b)
{
    nac_tensor *none = nac_equal(b, number(b, 0)), *y = nac_divide(a, nac_where(none, number(b, 1), b));
    return nac_where(none, number(y, 0), y);
}

/* ---- logic ---- */

static bool infer_logic(nac_infer *i)
{
    for (int k = 0; k < i->n_in; k++)
        if (i->in[k].dtype != NAC_BOOL)
            return nac_fail(NAC_E_TYPE, "%s: expected bool, found %s", i->op->name, nac_dtype_name(i->in[k].dtype));
    return nac_infer_broadcast(i);
}

#define LOGIC(sign)                                                                                                                  \
    {                                                                                                                                \
        if (w->rows > 1 || !w->step[0] || !w->step[1])                                                                               \
            EACH(char, char, p sign q)                                                                                               \
        else                                                                                                                         \
            _Pragma("omp simd") for (int64_t i = 0; i < n; i++) y[i] = (char)(in[0][i] sign in[1][i]);                               \
        break;                                                                                                                       \
    }

static void logic_walk(const void *kernel, const nac_walk *w, const char *const *in, char *y)
{
    const int64_t n = w->n;
    switch (*(const char *)kernel) {
    case '&':
        LOGIC(&)
    case '|':
        LOGIC(|)
    default:
        LOGIC(^)
    }
}

#define DEFINE_LOGIC(opname, sign)                                                                                                   \
    static void opname##_eval(const nac_eval *e)                                                                                     \
    {                                                                                                                                \
        broadcast(e, logic_walk, sign);                                                                                              \
    }                                                                                                                                \
    const nac_op nac_op_##opname = {.name = #opname, .n_in = 2, .n_out = 1, .flags = NAC_OP_ELEMENTWISE | NAC_OP_TILES,             \
                                    .infer = infer_logic, .eval = opname##_eval};                                                    \
    nac_tensor *nac_##opname(nac_tensor *a, nac_tensor *b)                                                                           \
    {                                                                                                                                \
        return NAC_APPLY(&nac_op_##opname, NULL, nac_cast(a, NAC_BOOL), nac_cast(b, NAC_BOOL));                                      \
    }
DEFINE_LOGIC(logical_and, "&")
DEFINE_LOGIC(logical_or, "|")
DEFINE_LOGIC(logical_xor, "^")

static void logical_not_eval(const nac_eval *e)
{
    const uint8_t *x = e->in[0].data;
    uint8_t *y = e->out[0].data;
    for (int64_t i = 0, n = nac_type_size(e->in[0].type); i < n; i++)
        y[i] = !x[i];
}

static const nac_op nac_op_logical_not = {.name = "logical_not", .n_in = 1, .n_out = 1, .flags = NAC_OP_ELEMENTWISE | NAC_OP_TILES,
                                          .infer = infer_logic, .eval = logical_not_eval};

nac_tensor *nac_logical_not(nac_tensor *x)
{
    return NAC_APPLY(&nac_op_logical_not, NULL, nac_cast(x, NAC_BOOL));
}

/* ---- where ---- */

static bool where_infer(nac_infer *i)
{
    nac_type types[3] = {i->in[0], i->in[1], i->in[2]};
    if (types[0].dtype != NAC_BOOL)
        return nac_fail(NAC_E_TYPE, "where: condition: expected bool, found %s", nac_dtype_name(types[0].dtype));
    types[0].dtype = types[1].dtype;
    nac_infer all = *i;
    all.in = types;
    return nac_infer_broadcast(&all);
}

#define WHERE(T)                                                                                                                     \
    {                                                                                                                                \
        const nac_walk v = *w;                  /* a byte that is written might be of the one that w points to */                    \
        const T *a = (const T *)in[1], *b = (const T *)in[2];                                                                        \
        T *to = (T *)y;                                                                                                              \
        for (int64_t r = 0; r < v.rows; r++, c += v.row[0], a += v.row[1], b += v.row[2], to += v.n)                                 \
            for (int64_t i = 0; i < v.n; i++)                                                                                        \
                to[i] = c[i * v.step[0]] ? a[i * v.step[1]] : b[i * v.step[2]];                                                      \
    }

static void where_walk(const void *kernel, const nac_walk *w, const char *const *in, char *y)
{
    const nac_dtype dtype = *(const nac_dtype *)kernel;
    const char *c = in[0];
    if (nac_is_float(dtype) && w->step[0])
        nac_kernels_for(dtype)->select(w, (const uint8_t *)c, in[1], in[2], y);
    else if (nac_dtype_size(dtype) == 1)
        WHERE(uint8_t)
    else if (nac_dtype_size(dtype) == 4)
        WHERE(uint32_t)
    else
        WHERE(uint64_t)
}

static void where_eval(const nac_eval *e)
{
    broadcast(e, where_walk, &e->out[0].type->dtype);
}

static bool where_vjp(nac_vjp *v)
{
    nac_tensor *zero = nac_scalar_of(DY->type.dtype, 0);
    return (!v->need[1] || settle(v, 1, nac_where(v->in[0], DY, zero))) && (!v->need[2] || settle(v, 2, nac_where(v->in[0], zero, DY)));
}

static const nac_op nac_op_where = {.name = "where", .n_in = 3, .n_out = 1, .flags = NAC_OP_ELEMENTWISE | NAC_OP_TILES, .infer = where_infer,
                                    .eval = where_eval, .vjp = where_vjp};

nac_tensor *nac_where(nac_tensor *condition, nac_tensor *a, nac_tensor *b)
{
    nac_tensor *both[] = {a, b};
    return nac_promote(2, both) ? NAC_APPLY(&nac_op_where, NULL, condition, both[0], both[1]) : NULL;
}

nac_tensor *nac_mul_mask(nac_tensor *x, nac_tensor *condition)
{
    return x ? nac_where(condition, x, nac_scalar_of(x->type.dtype, 0)) : NULL;
}

/* ---- cast ---- */

static bool cast_infer(nac_infer *i)
{
    i->out[0] = i->in[0];
    i->out[0].dtype = (nac_dtype)((const nac_cast_attrs *)i->attrs)->dtype;
    return true;
}

#define CAST_FROM(S)                                                                                                                 \
    switch (to) {                                                                                                                    \
    case NAC_FLOAT32: CAST_LOOP(S, float) break;                                                                                     \
    case NAC_FLOAT64: CAST_LOOP(S, double) break;                                                                                    \
    case NAC_INT32: CAST_LOOP(S, int32_t) break;                                                                                     \
    case NAC_INT64: CAST_LOOP(S, int64_t) break;                                                                                     \
    case NAC_UINT8: CAST_LOOP(S, uint8_t) break;                                                                                     \
    case NAC_BOOL: for (int64_t i = 0; i < n; i++) ((uint8_t *)y)[i] = ((const S *)x)[i] != 0; break;                                \
    }
#define CAST_LOOP(S, T)                                                                                                              \
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) ((T *)y)[i] = (T)((const S *)x)[i];

/* A float outside the integer's range has no value in C: it becomes the nearest bound, NaN 0. Nothing to branch on. */
#define CAST_CLAMPED(S, T, lo, hi)                                                                                                   \
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++)                                                                              \
    {                                                                                                                                \
        const S v = ((const S *)x)[i], inner = v > (S)(lo) && v < (S)(hi) ? v : 0;                                                   \
        const T from_below = v <= (S)(lo) ? (T)(lo) : (T)inner;                                                                      \
        ((T *)y)[i] = v >= (S)(hi) ? (T)(hi) : from_below;                                                                           \
    }
#define CAST_FLOAT(S)                                                                                                                \
    switch (to) {                                                                                                                    \
    case NAC_INT32: CAST_CLAMPED(S, int32_t, INT32_MIN, INT32_MAX) break;                                                            \
    case NAC_INT64: CAST_CLAMPED(S, int64_t, INT64_MIN, INT64_MAX) break;                                                            \
    case NAC_UINT8: CAST_CLAMPED(S, uint8_t, 0, 255) break;                                                                          \
    case NAC_FLOAT32: CAST_LOOP(S, float) break;                                                                                     \
    case NAC_FLOAT64: CAST_LOOP(S, double) break;                                                                                    \
    case NAC_BOOL: for (int64_t i = 0; i < n; i++) ((uint8_t *)y)[i] = ((const S *)x)[i] != 0; break;                                \
    }

static void cast_eval(const nac_eval *e)
{
    const void *x = e->in[0].data;
    void *y = e->out[0].data;
    int64_t n = nac_type_size(e->in[0].type);
    nac_dtype to = e->out[0].type->dtype;
    switch (e->in[0].type->dtype) {
    case NAC_FLOAT32:
        CAST_FLOAT(float)
        break;
    case NAC_FLOAT64:
        CAST_FLOAT(double)
        break;
    case NAC_INT32:
        CAST_FROM(int32_t)
        break;
    case NAC_INT64:
        CAST_FROM(int64_t)
        break;
    case NAC_UINT8:
    case NAC_BOOL:
        CAST_FROM(uint8_t)
        break;
    }
}

static bool cast_vjp(nac_vjp *v)
{
    return (v->din[0] = nac_cast(DY, X->type.dtype));
}

static const nac_op nac_op_cast = {.name = "cast", .n_in = 1, .n_out = 1, .attrs_size = sizeof(nac_cast_attrs), .flags = NAC_OP_TILES,
                                   .infer = cast_infer, .eval = cast_eval, .vjp = cast_vjp};

nac_tensor *nac_cast(nac_tensor *x, nac_dtype dtype)
{
    if (!nac_dtype_size(dtype))
        return nac_fail(NAC_E_TYPE, "cast: %d is no dtype", (int)dtype);
    return x && !x->n_items && x->type.dtype == dtype ? x : nac_apply(&nac_op_cast, 1, &x, &(nac_cast_attrs){(int64_t)dtype});
}

/* ---- stop_gradient ---- */

static const nac_op nac_op_stop_gradient = {.name = "stop_gradient", .n_in = 1, .n_out = 1, .flags = NAC_OP_VIEW, .infer = nac_infer_same};

nac_tensor *nac_stop_gradient(nac_tensor *x)
{
    return nac_apply(&nac_op_stop_gradient, 1, &x, NULL);
}
