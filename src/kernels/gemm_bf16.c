/* One source, one build an engine: tiles of AMX, dot products of AVX512-BF16, or float32 tiles of rounded numbers. */
#include <stdalign.h>
#include "kernels/panels.h"

/* An engine packs panels of PM rows of A and of PN columns of B, PK steps of k at a time, and multiplies one with the other, KC steps at most:
   so much of a panel stays in the first cache. A step takes A_WIDTH numbers of A's panels, width(columns) of B's. */
#if defined __AVX512BF16__

typedef uint16_t packed;
enum { PM = 32, PN = 32, PK = 32, A_WIDTH = 32, KC = 512, PAIRS = 16, TILE = 512 };

NAC_INLINE int64_t width(int64_t lines)
{
    (void)lines;
    return 32;
}

/* 16 times 16 pairs, rows and columns changing places. */
NAC_INLINE void transpose_pairs(__m512i r[16])
{
    NAC_UNROLL
    for (int step = 0; step < 4; step++) {
        __m512i t[16];
        NAC_UNROLL
        for (int i = 0; i < 8; i++) {
            const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            const __m512i high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
            t[2 * i] = _mm512_permutex2var_epi32(r[i], low, r[i + 8]);
            t[2 * i + 1] = _mm512_permutex2var_epi32(r[i], high, r[i + 8]);
        }
        NAC_UNROLL
        for (int i = 0; i < 16; i++)
            r[i] = t[i];
    }
}

NAC_INLINE __mmask16 first(int64_t n)
{
    return n >= 16 ? 0xffff : n <= 0 ? 0 : (__mmask16)((1u << n) - 1);
}

/* Numbers k, k + 1 of 16 lines side by side. A tile holds 16 lines (rows of A, columns of B) and 32 steps of k: one line's pairs after another
   in A, one pair of all lines after another in B. `along`: a line's numbers are neighbours in src. */
static void pack_tile(bool rows, bool along, int64_t lines, int64_t steps, const float *src, int64_t ld, packed *dst)
{
    const __m512i mix = _mm512_setr_epi32(0x00100000, 0x00110001, 0x00120002, 0x00130003, 0x00140004, 0x00150005, 0x00160006, 0x00170007,
                                          0x00180008, 0x00190009, 0x001a000a, 0x001b000b, 0x001c000c, 0x001d000d, 0x001e000e, 0x001f000f);
    __m512i r[16];
    if (along) {
        const __mmask16 low = first(steps), high = first(steps - 16);
        NAC_UNROLL
        for (int i = 0; i < 16; i++) {
            const float *p = src + i * ld;
            r[i] = i < lines ? (__m512i)_mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(high, p + 16), _mm512_maskz_loadu_ps(low, p)) : (__m512i){0};
        }
    } else {
        const __mmask16 mask = first(lines);
        NAC_UNROLL
        for (int i = 0; i < 16; i++) {
            const float *p = src + 2 * i * ld;
            const __m512 even = 2 * i < steps ? _mm512_maskz_loadu_ps(mask, p) : (__m512){0};
            const __m512 odd = 2 * i + 1 < steps ? _mm512_maskz_loadu_ps(mask, p + ld) : (__m512){0};
            r[i] = _mm512_permutexvar_epi16(mix, (__m512i)_mm512_cvtne2ps_pbh(odd, even));
        }
    }
    if (rows != along)
        transpose_pairs(r);
    NAC_UNROLL
    for (int i = 0; i < 16; i++)
        _mm512_store_si512(dst + 32 * i, r[i]);
}

/* One step of PK of a panel. */
static void pack_step(bool rows, bool along, int64_t lines, int64_t steps, const float *src, int64_t ld, packed *dst)
{
    for (int64_t i = 0; i < 32; i += 16, src += 16 * (along ? ld : 1), dst += TILE)
        if (i >= lines)
            memset(dst, 0, TILE * sizeof *dst);
        else
            pack_tile(rows, along, lines - i, steps, src, ld, dst);
}

#if defined __AMX_BF16__

static void begin(void)
{
    struct {
        uint8_t  palette, start, zero[14];
        uint16_t bytes[16];
        uint8_t  rows[16];
    } config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.bytes[i] = 64;
        config.rows[i] = 16;
    }
    _tile_loadconfig(&config);
}

static void end(void)
{
    _tile_release();
}

NAC_INLINE void tiles(const int down, const int across, int64_t k, const packed *a, const packed *b, float *acc, bool fresh)
{
    enum { STRIDE = PN * sizeof(float) };
    if (fresh) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    } else {
        _tile_loadd(0, acc, STRIDE);
        if (across > 1)
            _tile_loadd(1, acc + 16, STRIDE);
        if (down > 1)
            _tile_loadd(2, acc + 16 * PN, STRIDE);
        if (down > 1 && across > 1)
            _tile_loadd(3, acc + 16 * PN + 16, STRIDE);
    }
    for (int64_t p = 0; p < k; p += PK, a += PM * PK, b += PN * PK) {
        _tile_loadd(4, a, 64);
        _tile_loadd(6, b, 64);
        _tile_dpbf16ps(0, 4, 6);
        if (across > 1) {
            _tile_loadd(7, b + TILE, 64);
            _tile_dpbf16ps(1, 4, 7);
        }
        if (down > 1) {
            _tile_loadd(5, a + TILE, 64);
            _tile_dpbf16ps(2, 5, 6);
            if (across > 1)
                _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, acc, STRIDE);
    if (across > 1)
        _tile_stored(1, acc + 16, STRIDE);
    if (down > 1)
        _tile_stored(2, acc + 16 * PN, STRIDE);
    if (down > 1 && across > 1)
        _tile_stored(3, acc + 16 * PN + 16, STRIDE);
}

/* acc (PM, PN) = a b, or += when not fresh. */
static void multiply_panels(int64_t rows, int64_t columns, int64_t k, const packed *a, const packed *b, float *acc, bool fresh)
{
    if (rows > 16 && columns > 16)
        tiles(2, 2, k, a, b, acc, fresh);
    else if (rows > 16)
        tiles(2, 1, k, a, b, acc, fresh);
    else if (columns > 16)
        tiles(1, 2, k, a, b, acc, fresh);
    else
        tiles(1, 1, k, a, b, acc, fresh);
}

#else

static void begin(void)
{
}

static void end(void)
{
}

enum { GROUP = 8 };

static void multiply_panels(int64_t rows, int64_t columns, int64_t k, const packed *a, const packed *b, float *acc, bool fresh)
{
    (void)columns;
    for (int64_t i = 0; i < rows; i += GROUP) {
        const packed *ai = a + i / 16 * TILE + i % 16 * PK, *bi = b;
        float        *to = acc + i * PN;
        __m512        sum[GROUP][2];
        NAC_UNROLL
        for (int r = 0; r < GROUP; r++)
            NAC_UNROLL
            for (int v = 0; v < 2; v++)
                sum[r][v] = fresh ? (__m512){0} : _mm512_loadu_ps(to + r * PN + 16 * v);
        for (int64_t p = 0; p < k; p += PK, ai += PM * PK - PK, bi += TILE)
            for (int pair = 0; pair < PAIRS; pair++, ai += 2, bi += 32) {
                const __m512bh left = (__m512bh)_mm512_load_si512(bi), right = (__m512bh)_mm512_load_si512(bi + TILE);
                NAC_UNROLL
                for (int r = 0; r < GROUP; r++) {
                    int32_t both;
                    memcpy(&both, ai + r * PK, sizeof both);
                    const __m512bh x = (__m512bh)_mm512_set1_epi32(both);
                    sum[r][0] = _mm512_dpbf16_ps(sum[r][0], x, left);
                    sum[r][1] = _mm512_dpbf16_ps(sum[r][1], x, right);
                }
            }
        NAC_UNROLL
        for (int r = 0; r < GROUP; r++)
            NAC_UNROLL
            for (int v = 0; v < 2; v++)
                _mm512_storeu_ps(to + r * PN + 16 * v, sum[r][v]);
    }
}

#endif

#else

typedef float packed;
enum { PM = NAC_MR, PN = NAC_NR, PK = 32, A_WIDTH = (NAC_MR + NAC_W - 1) / NAC_W * NAC_W, KC = 128 };

NAC_INLINE int64_t width(int64_t lines)
{
    return nac_width(lines);
}

static void begin(void)
{
}

static void end(void)
{
}

static void pack_step(bool rows, bool along, int64_t lines, int64_t steps, const float *src, int64_t ld, packed *dst)
{
    (void)rows;
    NAC_K(tile_pack)(along, steps, lines, src, ld, dst);
    nac_round_bf16(steps * width(lines), dst, dst);
}

static void multiply_panels(int64_t rows, int64_t columns, int64_t k, const packed *a, const packed *b, float *acc, bool fresh)
{
    const nac_finish f = {.alpha = 1, .beta = !fresh};
    float           *c[PM];
    for (int r = 0; r < PM; r++)
        c[r] = acc + r * PN;
    NAC_K(tile_cols)((int)rows, columns, 1, &(nac_run){a, b, k}, A_WIDTH, width(columns), &f, c);
}

#endif

/* A block of C is MC by NC at most and takes KC steps of k at a time: what is packed of A and B for them lies in the second cache. */
enum { MOST = 256, MC = MOST / PM * PM, NC = MOST, MA = MC / PM, NB = NC / PN };
/* What takes more bytes than FAR lies in far memory: it is called up before it is needed, because the processor does not see short pieces of rows coming. */
enum { FAR = 1 << 21, LINE = 16 };

static void call_up(int64_t rows, int64_t columns, const float *at, int64_t ld)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c += LINE)
            __builtin_prefetch(at + r * ld + c);
}

/* k as packed operands have it. */
static int64_t filled(int64_t k)
{
    return nac_ceil_div(k, PK) * PK;
}

static bool is_far(const nac_operand *o, int64_t lines, int64_t k)
{
    return !o->gather && lines * k * (int64_t)sizeof(float) >= FAR;
}

/* Lines [l0, l1), at most as many as a block has, and [p0, p1) of k into panels that are `stride` apart. A part at a time: of a line that is in one
   piece as much as a block takes of it, else one step of all lines. */
static void pack(bool rows, bool far, const nac_operand *from, int64_t l0, int64_t l1, int64_t p0, int64_t p1, packed *dst, int64_t stride)
{
    enum { GATHERED = (PM > PN ? PM : PN) * KC > MOST * PK ? (PM > PN ? PM : PN) * KC : MOST * PK };
    const int64_t panel = rows ? PM : PN, lines_at_once = from->along ? panel : l1 - l0, steps_at_once = from->along ? KC : PK;
    alignas(64) float gathered[GATHERED];
    for (int64_t lp = l0; lp < l1; lp += lines_at_once)
        for (int64_t pp = p0; pp < p1; pp += steps_at_once) {
            const int64_t le = nac_min(lp + lines_at_once, l1), pe = nac_min(pp + steps_at_once, p1);
            const float  *src = from->along ? from->at + lp * from->ld + pp : from->at + pp * from->ld + lp;
            int64_t       ld = from->ld;
            if (from->gather) {
                from->gather(from->context, lp, le, pp, pe, gathered);
                src = gathered;
                ld = from->along ? pe - pp : le - lp;
            }
            for (int64_t l = lp; l < le; l += panel)
                for (int64_t p = pp; p < pe; p += PK) {
                    const int64_t lines = nac_min(le - l, panel), dl = l - lp, dp = p - pp;
                    const float  *at = src + (from->along ? dl * ld + dp : dp * ld + dl);
                    if (far && from->along)
                        call_up(lines, PK, at + 2 * PK, ld);
                    else if (far)
                        call_up(PK, lines, at + PK * ld, ld);
                    pack_step(rows, from->along, lines, nac_min(pe - p, PK), at, ld, dst + (l - l0) / panel * stride + (p - p0) * width(lines));
                }
        }
}

/* A panel's product becomes part of C. */
static void finish(const nac_product *g, int64_t i, int64_t rows, int64_t j, int64_t columns, const float *acc)
{
    for (int64_t r = 0; r < rows; r++, acc += PN) {
        float *c = g->c + (i + r) * g->ldc + j;
        for (int64_t l = 0; l < columns; l++) {
            float v = g->alpha * acc[l];
            if (g->beta != 0)
                v += g->beta * c[l];
            if (g->bias)
                v += g->bias[j + l];
            c[l] = g->relu && v < 0 ? 0 : v;
        }
    }
}

/* packed_a, packed_b: all of the operand in panels, or NULL. */
static void block(const nac_product *g, const packed *packed_a, const packed *packed_b, int64_t i0, int64_t i1, int64_t j0, int64_t j1)
{
    alignas(64) packed a_block[MA * A_WIDTH * KC], b_block[NC * KC];
    alignas(64) float sums[MC * NC];
    const bool        far_a = is_far(&g->a, g->m, g->k), far_b = is_far(&g->b, g->n, g->k), far_c = g->m * g->ldc * (int64_t)sizeof(float) >= FAR;
    for (int64_t p0 = 0; p0 < g->k; p0 += KC) {
        const int64_t kc = nac_min(g->k - p0, KC), whole = filled(g->k);
        const packed *a = a_block, *b = b_block;
        if (packed_a)
            a = packed_a + i0 / PM * A_WIDTH * whole;
        else
            pack(true, far_a, &g->a, i0, i1, p0, p0 + kc, a_block, A_WIDTH * KC);
        if (packed_b)
            b = packed_b + j0 * whole;
        else
            pack(false, far_b, &g->b, j0, j1, p0, p0 + kc, b_block, PN * KC);
        for (int64_t j = j0; j < j1; j += PN) {
            const int64_t columns = nac_min(j1 - j, PN);
            const packed *bj = packed_b ? b + (j - j0) * whole + p0 * width(columns) : b + (j - j0) * KC;
            for (int64_t i = i0; i < i1; i += PM) {
                const int64_t rows = nac_min(i1 - i, PM), panel = (i - i0) / PM;
                const packed *ai = packed_a ? a + panel * A_WIDTH * whole + p0 * A_WIDTH : a + panel * A_WIDTH * KC;
                float        *to = g->k > KC ? sums + ((j - j0) / PN * MA + panel) * PM * PN : sums;
                if (far_c && p0 + kc == g->k)
                    call_up(nac_min(i1 - i, 2 * PM) - rows, columns, g->c + (i + rows) * g->ldc + j, g->ldc);
                multiply_panels(rows, columns, kc, ai, bj, to, p0 == 0);
                if (p0 + kc == g->k)
                    finish(g, i, rows, j, columns, to);
            }
        }
    }
}

/* Worth packing before everything else: what more than one block reads. */
static size_t shared_a(int64_t m, int64_t n, int64_t k)
{
    return n > NC ? (size_t)(nac_ceil_div(m, PM) * A_WIDTH * filled(k)) : 0;
}

static size_t shared_b(int64_t m, int64_t n, int64_t k)
{
    return m > MC ? (size_t)(nac_ceil_div(n, PN) * PN * filled(k)) : 0;
}

static void multiply(int team, const nac_product *g, packed *packed_a, packed *packed_b)
{
    const int64_t row_panels = nac_ceil_div(g->m, PM), column_panels = nac_ceil_div(g->n, PN), whole = filled(g->k);
    int64_t       down = nac_ceil_div(row_panels, MA), across = nac_ceil_div(column_panels, NB);
    while (team > 1 && down * across < 2 * team && across < column_panels)
        across = nac_min(2 * across, column_panels);
    while (team > 1 && down * across < 2 * team && down < row_panels)
        down = nac_min(2 * down, row_panels);
    nac_tasks tasks[3];
    nac_set_tasks(&tasks[0], packed_a ? row_panels : 0, team);
    nac_set_tasks(&tasks[1], packed_b ? column_panels : 0, team);
    nac_set_tasks(&tasks[2], down * across, team);
#pragma omp parallel num_threads(team) if (team > 1)
    {
        begin();
        for (nac_worker self = nac_join_team(&tasks[0]); nac_next_task(&self);) {
            const int64_t t = self.task;
            pack(true, is_far(&g->a, g->m, g->k), &g->a, t * PM, nac_min(t * PM + PM, g->m), 0, g->k, packed_a + t * A_WIDTH * whole, 0);
        }
        for (nac_worker self = nac_join_team(&tasks[1]); nac_next_task(&self);) {
            const int64_t t = self.task;
            pack(false, is_far(&g->b, g->n, g->k), &g->b, t * PN, nac_min(t * PN + PN, g->n), 0, g->k, packed_b + t * PN * whole, 0);
        }
#pragma omp barrier
        for (nac_worker self = nac_join_team(&tasks[2]); nac_next_task(&self);) {
            const int64_t i = self.task % down, j = self.task / down;
            block(g, packed_a, packed_b, nac_cut(row_panels, down, i) * PM, nac_min(nac_cut(row_panels, down, i + 1) * PM, g->m),
                  nac_cut(column_panels, across, j) * PN, nac_min(nac_cut(column_panels, across, j + 1) * PN, g->n));
        }
        end();
    }
}

size_t NAC_K(bf16_scratch)(int64_t m, int64_t n, int64_t k)
{
    return (shared_a(m, n, k) + shared_b(m, n, k)) * sizeof(packed);
}

void NAC_K(bf16_multiply)(const nac_product *g, void *scratch)
{
    const size_t a = scratch ? shared_a(g->m, g->n, g->k) : 0, b = scratch ? shared_b(g->m, g->n, g->k) : 0;
    multiply(nac_team((double)g->m * (double)g->n * (double)g->k), g, a ? scratch : NULL, b ? (packed *)scratch + a : NULL);
}

static void gemm(bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const float *a, int64_t lda, const float *b, int64_t ldb, double beta,
                 float *c, int64_t ldc, const float *bias, bool relu, void *scratch)
{
    if (m <= 0 || n <= 0)
        return;
    if (k > 0 && alpha != 0)
        NAC_K(bf16_multiply)(&(nac_product){{a, lda, !ta, NULL, NULL}, {b, ldb, tb, NULL, NULL}, m, n, k, ldc, c, (float)alpha, (float)beta, bias, relu}, scratch);
    else
        nac_kernels_f32()->gemm(ta, tb, m, n, 0, 0, a, lda, b, ldb, beta, c, ldc, &(nac_ending){.bias = bias, .relu = relu});
}

static void gemm_batch(int64_t batch, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const float *a, int64_t stride_a, const float *b,
                       int64_t stride_b, float *c)
{
    const int  team = nac_team((double)batch * (double)m * (double)n * (double)k);
    const bool across = team > 1 && batch >= team;
    NAC_SHARE(across, i, batch,
              gemm(ta, tb, m, n, k, 1, a + i * stride_a, ta ? m : k, b + i * stride_b, tb ? k : n, 0, c + i * m * n, n, NULL, false, NULL));
}

void NAC_K(bf16_round)(int64_t n, const float *x, float *y)
{
    NAC_SHARE(n > NAC_PARALLEL && !omp_in_parallel(), t, nac_ceil_div(n, NAC_BLOCK),
              nac_round_bf16(nac_min(n - t * NAC_BLOCK, NAC_BLOCK), x + t * NAC_BLOCK, y + t * NAC_BLOCK));
}

#define STRING_(x) #x
#define STRING(x) STRING_(x)
extern const nac_bf16_kernels NAC_K(bf16);
const nac_bf16_kernels        NAC_K(bf16) = {
    .isa = STRING(NAC_ISA),
    .gemm = gemm,
    .gemm_scratch = NAC_K(bf16_scratch),
    .gemm_batch = gemm_batch,
    .conv = NAC_K(bf16_conv),
    .conv_grad_x = NAC_K(bf16_conv_grad_x),
    .conv_grad_w = NAC_K(bf16_conv_grad_w),
    .conv_scratch = NAC_K(bf16_conv_scratch),
    .conv_grad_x_scratch = NAC_K(bf16_conv_grad_x_scratch),
    .conv_grad_w_scratch = NAC_K(bf16_conv_grad_w_scratch),
};
