/* Moving elements of any type. */
#include <string.h>
#include "kernels/kernels.h"

#define MOVE(T, to, from)                                                                                                            \
    for (int64_t i = 0; i < n; i++)                                                                                                  \
        ((T *)y)[(to)] = ((const T *)x)[(from)];
#define MOVE_ROW(to, from)                                                                                                           \
    switch (size) {                                                                                                                  \
    case 1: MOVE(uint8_t, to, from) break;                                                                                           \
    case 2: MOVE(uint16_t, to, from) break;                                                                                          \
    case 4: MOVE(uint32_t, to, from) break;                                                                                          \
    default: MOVE(uint64_t, to, from) break;                                                                                         \
    }

enum { SHORT = 16, MOVED = 16384 };     /* fewer elements are moved one by one; as many are a task */

static inline void row_from(int64_t n, int64_t stride, size_t size, const char *x, char *y)
{
    if (stride == 1 && n >= SHORT)
        memcpy(y, x, (size_t)n * size);
    else
        MOVE_ROW(i, i * stride)
}

static inline void row_to(int64_t n, int64_t stride, size_t size, const char *x, char *y)
{
    if (stride == 1 && n >= SHORT)
        memcpy(y, x, (size_t)n * size);
    else
        MOVE_ROW(i * stride, i)
}

/* Axes that lie one after the other in the strided array are one; returns the new rank. */
static int merge(int rank, const int64_t *dim, const int64_t *stride, int64_t *d, int64_t *s)
{
    int r = 0;
    for (int i = 0; i < rank; i++) {
        if (dim[i] == 1)
            continue;
        if (r && s[r - 1] == stride[i] * dim[i]) {
            d[r - 1] *= dim[i];
            s[r - 1] = stride[i];
            continue;
        }
        d[r] = dim[i];
        s[r++] = stride[i];
    }
    if (!r) {
        d[0] = s[0] = 1;
        r = 1;
    }
    return r;
}

/* Rows and columns change places, four by four: x's rows are `x_step` apart, y's `y_step`. */
typedef uint32_t four __attribute__((vector_size(16), aligned(4), may_alias));
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)

static void turn_four(const uint32_t *x, int64_t x_step, uint32_t *y, int64_t y_step)
{
    const four a = *(const four *)x, b = *(const four *)(x + x_step), c = *(const four *)(x + 2 * x_step), d = *(const four *)(x + 3 * x_step);
    const four ab = SHUFFLE(a, b, 0, 4, 1, 5), ab2 = SHUFFLE(a, b, 2, 6, 3, 7), cd = SHUFFLE(c, d, 0, 4, 1, 5), cd2 = SHUFFLE(c, d, 2, 6, 3, 7);
    *(four *)y = SHUFFLE(ab, cd, 0, 1, 4, 5);
    *(four *)(y + y_step) = SHUFFLE(ab, cd, 2, 3, 6, 7);
    *(four *)(y + 2 * y_step) = SHUFFLE(ab2, cd2, 0, 1, 4, 5);
    *(four *)(y + 3 * y_step) = SHUFFLE(ab2, cd2, 2, 3, 6, 7);
}

/* `count` rows of x, few enough that y is written in whole lines, of n numbers. */
enum { TURNED = 16 };
static void turn(int64_t count, int64_t n, const uint32_t *x, int64_t x_step, uint32_t *y, int64_t y_step)
{
    const int64_t whole = count / 4 * 4, turned = n / 4 * 4;
    for (int64_t i = 0; i < turned; i += 4)
        for (int64_t j = 0; j < whole; j += 4)
            turn_four(x + j * x_step + i, x_step, y + i * y_step + j, y_step);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i < turned ? whole : 0; j < count; j++)
            y[i * y_step + j] = x[j * x_step + i];
}

/* A gathering of four-byte elements in which an axis other than the last lies side by side in x. */
typedef struct {
    int            rank, side;
    const int64_t *dim, *stride;
    int64_t        blocks;              /* of the last axis */
} turning;

static void turn_block(const turning *t, int64_t q, const uint32_t *x, uint32_t *y)
{
    const int64_t last = t->dim[t->rank - 1], step = t->stride[t->rank - 1], j = q % t->blocks * TURNED;
    int64_t       rest = q / t->blocks, from = j * step, to = j, size = last, y_step = 0;
    for (int i = t->rank - 2; i >= 0; i--) {
        if (i == t->side) {
            y_step = size;
        } else {
            from += rest % t->dim[i] * t->stride[i];
            to += rest % t->dim[i] * size;
            rest /= t->dim[i];
        }
        size *= t->dim[i];
    }
    turn(last - j < TURNED ? last - j : TURNED, t->dim[t->side], x + from, step, y + to, y_step);
}

/* An array whose rows are moved some at a time. */
typedef struct {
    int            rank;                /* at least 2 */
    const int64_t *dim, *stride;
    size_t         size;
    int64_t        rows, pieces;        /* at a time; of the axis before the last */
} strides;

static void walk_rows(const strides *t, int64_t o, const char *x, char *y, bool gather)
{
    const int     r = t->rank;
    const int64_t n = t->dim[r - 1], down = t->stride[r - 2], first = o % t->pieces * t->rows, left = t->dim[r - 2] - first;
    int64_t       rest = o / t->pieces, dense = (rest * t->dim[r - 2] + first) * n, at = first * down;
    for (int i = r - 3; i >= 0; i--) {
        at += rest % t->dim[i] * t->stride[i];
        rest /= t->dim[i];
    }
    for (int64_t row = 0; row < left && row < t->rows; row++, at += down, dense += n)
        if (gather)
            row_from(n, t->stride[r - 1], t->size, x + at * (int64_t)t->size, y + dense * (int64_t)t->size);
        else
            row_to(n, t->stride[r - 1], t->size, x + dense * (int64_t)t->size, y + at * (int64_t)t->size);
}

static void walk(int rank, const int64_t *dim, const int64_t *stride, size_t size, const void *x, void *y, bool gather)
{
    int64_t d[9] = {1}, s[9] = {0}, outer = 1;
    for (int i = 0; i < rank; i++)
        if (dim[i] == 0)
            return;
    int r = 1 + merge(rank, dim, stride, d + 1, s + 1);
    int64_t n = d[r - 1];
    turning t = {r, -1, d, s, (n + TURNED - 1) / TURNED};
    for (int i = 0; i < r - 1; i++) {
        outer *= d[i];
        if (s[i] == 1 && d[i] >= 4)
            t.side = i;
    }
    if (gather && size == 4 && s[r - 1] != 1 && n >= 4 && t.side >= 0) {
        const int64_t all = outer / d[t.side] * t.blocks;
        NAC_SHARE(all > 1 && outer * n > 65536, q, all, turn_block(&t, q, x, y));
        return;
    }
    const int64_t rows = 1 + MOVED / n, pieces = (d[r - 2] + rows - 1) / rows, all = outer / d[r - 2] * pieces;
    const strides w = {r, d, s, size, rows, pieces};
    NAC_SHARE(all > 1 && outer * n > 65536, o, all, walk_rows(&w, o, x, y, gather));
}

void nac_copy_strided(int rank, const int64_t *dim, const int64_t *x_stride, size_t size, const void *x, void *y)
{
    walk(rank, dim, x_stride, size, x, y, true);
}

void nac_copy_to_strided(int rank, const int64_t *dim, const int64_t *y_stride, size_t size, const void *x, void *y)
{
    walk(rank, dim, y_stride, size, x, y, false);
}

void nac_permute_axes(int rank, const int64_t *x_dim, const int *perm, size_t size, const void *x, void *y)
{
    int64_t stride[8], dim[8], from[8], step = 1;
    for (int d = rank - 1; d >= 0; step *= x_dim[d--])
        stride[d] = step;
    for (int d = 0; d < rank; d++) {
        dim[d] = x_dim[perm[d]];
        from[d] = stride[perm[d]];
    }
    nac_copy_strided(rank, dim, from, size, x, y);
}

static inline void gather(int64_t count, size_t bytes, int64_t limit, const int64_t *ids, const char *x, char *y)
{
    for (int64_t i = 0; i < count; i++, y += bytes)
        if (ids[i] >= 0 && ids[i] < limit)
            memcpy(y, x + (size_t)ids[i] * bytes, bytes);
        else
            memset(y, 0, bytes);
}

void nac_gather(int64_t count, size_t bytes, int64_t limit, const int64_t *ids, const void *x, void *y)
{
    if (bytes == 4)                     /* a move, and not a call */
        gather(count, 4, limit, ids, x, y);
    else
        gather(count, bytes, limit, ids, x, y);
}
