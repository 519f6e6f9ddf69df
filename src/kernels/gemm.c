/* Matrix products: a packed kernel of MR x NR accumulators in registers, over tiles of C that depend on the shape alone. Every element of C
   is summed by one thread in the order of k, so results do not depend on threads. */
#include "kernels/real.h"

#if defined(__AVX512F__)
#define MR 12
#elif defined(__AVX2__)
#define MR 6
#else
#define MR 4
#endif
#define NV 2
#define NR ((int64_t)(NV * NAC_VECTOR_BYTES / (int64_t)sizeof(real)))
#define KC 256
#define MC_MAX (32 * MR)
#define NC_MAX 128

static _Thread_local real pack_a[MC_MAX * KC] __attribute__((aligned(64)));
static _Thread_local real pack_b[KC * NC_MAX] __attribute__((aligned(64)));

/* A as panels of MR rows: k by k, MR elements; rows beyond m are zero. */
static void pack_rows(int64_t m, int64_t k, const real *a, int64_t rs, int64_t cs, real *to)
{
    for (int64_t i = 0; i < m; i += MR) {
        int64_t rows = m - i < MR ? m - i : MR;
        const real *from = a + i * rs;
        if (rows == MR && cs == 1) {
            for (int64_t p = 0; p < k; p++)
                for (int64_t r = 0; r < MR; r++)
                    to[p * MR + r] = from[r * rs + p];
        } else if (rows == MR && rs == 1) {
            for (int64_t p = 0; p < k; p++)
                for (int64_t r = 0; r < MR; r++)
                    to[p * MR + r] = from[p * cs + r];
        } else {
            for (int64_t p = 0; p < k; p++)
                for (int64_t r = 0; r < MR; r++)
                    to[p * MR + r] = r < rows ? from[r * rs + p * cs] : 0;
        }
        to += MR * k;
    }
}

/* B as panels of NR columns. */
static void pack_columns(int64_t k, int64_t n, const real *b, int64_t rs, int64_t cs, real *to)
{
    for (int64_t j = 0; j < n; j += NR) {
        int64_t columns = n - j < NR ? n - j : NR;
        const real *from = b + j * cs;
        if (columns == NR && cs == 1) {
            for (int64_t p = 0; p < k; p++)
                memcpy(to + p * NR, from + p * rs, (size_t)NR * sizeof(real));
        } else if (columns == NR) {
            for (int64_t c = 0; c < NR; c++)
                for (int64_t p = 0; p < k; p++)
                    to[p * NR + c] = from[c * cs + p * rs];
        } else {
            for (int64_t p = 0; p < k; p++)
                for (int64_t c = 0; c < NR; c++)
                    to[p * NR + c] = c < columns ? from[c * cs + p * rs] : 0;
        }
        to += NR * k;
    }
}

static inline __attribute__((always_inline)) void micro(int64_t k, const real *restrict a, const real *restrict b, real *restrict out)
{
    vec acc[MR][NV];
    for (int i = 0; i < MR; i++)
        for (int v = 0; v < NV; v++)
            acc[i][v] = splat(0);
    for (int64_t p = 0; p < k; p++) {
        vec bv[NV];
        for (int v = 0; v < NV; v++)
            bv[v] = *(const vec *)(b + p * NR + v * VL);
#pragma GCC unroll 12
        for (int i = 0; i < MR; i++) {
            vec s = splat(a[p * MR + i]);
            for (int v = 0; v < NV; v++)
                acc[i][v] += s * bv[v];
        }
    }
    for (int i = 0; i < MR; i++)
        for (int v = 0; v < NV; v++)
            *(vec *)(out + i * NR + v * VL) = acc[i][v];
}

typedef struct {
    int64_t     m, n, k;
    real        alpha, beta;
    const real *a, *b, *bias;
    int64_t     ars, acs, brs, bcs, ldc;
    real       *c;
    bool        relu;
} product;

/* Moves a finished block of accumulators into C. */
static void finish(const product *g, int64_t i, int64_t j, const real *tile, bool first, bool last)
{
    int64_t rows = g->m - i < MR ? g->m - i : MR, columns = g->n - j < NR ? g->n - j : NR;
    for (int64_t r = 0; r < rows; r++) {
        real *c = g->c + (i + r) * g->ldc + j;
        const real *t = tile + r * NR;
        if (!first)
            for (int64_t x = 0; x < columns; x++)
                c[x] += g->alpha * t[x];
        else if (g->beta == 0)
            for (int64_t x = 0; x < columns; x++)
                c[x] = g->alpha * t[x];
        else
            for (int64_t x = 0; x < columns; x++)
                c[x] = g->beta * c[x] + g->alpha * t[x];
        if (last && g->bias)
            for (int64_t x = 0; x < columns; x++)
                c[x] += g->bias[j + x];
        if (last && g->relu)
            for (int64_t x = 0; x < columns; x++)
                c[x] = c[x] < 0 ? 0 : c[x];
    }
}

static void tile(const product *g, int64_t i0, int64_t mc, int64_t j0, int64_t nc)
{
    real out[MR * NR] __attribute__((aligned(64)));
    for (int64_t p = 0; p < g->k; p += KC) {
        int64_t kc = g->k - p < KC ? g->k - p : KC;
        pack_rows(mc, kc, g->a + i0 * g->ars + p * g->acs, g->ars, g->acs, pack_a);
        pack_columns(kc, nc, g->b + p * g->brs + j0 * g->bcs, g->brs, g->bcs, pack_b);
        for (int64_t j = 0; j < nc; j += NR)
            for (int64_t i = 0; i < mc; i += MR) {
                micro(kc, pack_a + i * kc, pack_b + j * kc, out);
                finish(g, i0 + i, j0 + j, out, p == 0, p + kc >= g->k);
            }
    }
}

/* One row, or one column, or few: dot products and sums of rows, without packing. */
static void row_times(const product *g, int64_t i)
{
    real *c = g->c + i * g->ldc;
    const real *a = g->a + i * g->ars;
    if (g->bcs == 1) {
        for (int64_t j0 = 0; j0 < g->n; j0 += 512) {
            real sum[512];
            int64_t n = g->n - j0 < 512 ? g->n - j0 : 512;
            memset(sum, 0, (size_t)n * sizeof(real));
            for (int64_t p = 0; p < g->k; p++) {
                real s = a[p * g->acs];
                const real *b = g->b + p * g->brs + j0;
                for (int64_t j = 0; j < n; j++)
                    sum[j] += s * b[j];
            }
            for (int64_t j = 0; j < n; j++)
                c[j0 + j] = g->alpha * sum[j] + (g->beta == 0 ? 0 : g->beta * c[j0 + j]);
        }
    } else {
        for (int64_t j = 0; j < g->n; j++) {
            const real *b = g->b + j * g->bcs;
            real lane[16] = {0};
            int64_t p = 0;
            if (g->acs == 1 && g->brs == 1)
                for (; p + 16 <= g->k; p += 16)
                    for (int x = 0; x < 16; x++)
                        lane[x] += a[p + x] * b[p + x];
            for (; p < g->k; p++)
                lane[0] += a[p * g->acs] * b[p * g->brs];
            for (int step = 8; step > 0; step /= 2)
                for (int x = 0; x < step; x++)
                    lane[x] += lane[x + step];
            c[j] = g->alpha * lane[0] + (g->beta == 0 ? 0 : g->beta * c[j]);
        }
    }
    for (int64_t j = 0; j < g->n && (g->bias || g->relu); j++) {
        c[j] += g->bias ? g->bias[j] : 0;
        c[j] = g->relu && c[j] < 0 ? 0 : c[j];
    }
}

static void multiply(const product *g)
{
    if (g->m < 1 || g->n < 1)
        return;
    if (g->m <= 2 || g->k == 0 || g->m * g->n * g->k < 2048) {
        for (int64_t i = 0; i < g->m; i++)
            row_times(g, i);
        return;
    }
    int64_t mc = g->m >= 4 * MC_MAX && g->n >= 512 ? MC_MAX : 8 * MR, nc = NC_MAX;
    int64_t rows = (g->m + mc - 1) / mc, columns = (g->n + nc - 1) / nc;
    mc = ((g->m + rows - 1) / rows + MR - 1) / MR * MR;
    nc = ((g->n + columns - 1) / columns + NR - 1) / NR * NR;
    if (rows * columns == 1 && g->n >= 2 * NR && g->m * g->n * g->k > 262144)
        nc = (g->n / 2 + NR - 1) / NR * NR;     /* two tiles, for two threads */
    rows = (g->m + mc - 1) / mc;
    columns = (g->n + nc - 1) / nc;
#pragma omp parallel for schedule(dynamic) if (rows * columns > 1 && g->m * g->n * g->k > 262144)
    for (int64_t t = 0; t < rows * columns; t++) {
        int64_t i = t % rows * mc, j = t / rows * nc;
        tile(g, i, g->m - i < mc ? g->m - i : mc, j, g->n - j < nc ? g->n - j : nc);
    }
}

void NAC_K(gemm)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const void *a, int64_t lda, const void *b, int64_t ldb,
                 double beta, void *c, int64_t ldc, const void *bias, bool relu)
{
    product g = {m, n, k, (real)alpha, (real)beta, a, b, bias, ta ? 1 : lda, ta ? lda : 1, tb ? 1 : ldb, tb ? ldb : 1, ldc, c, relu};
    multiply(&g);
}

void NAC_K(gemm_batch)(int64_t batch, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const void *a, int64_t stride_a, const void *b,
                       int64_t stride_b, void *c)
{
#pragma omp parallel for schedule(static) if (batch > 1 && batch * m * n * k > 65536)
    for (int64_t i = 0; i < batch; i++)
        NAC_K(gemm)(ta, tb, m, n, k, 1, (const real *)a + i * stride_a, ta ? m : k, (const real *)b + i * stride_b, tb ? k : n, 0,
                    (real *)c + i * m * n, n, NULL, false);
}
