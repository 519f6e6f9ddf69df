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

static void row_from(int64_t n, int64_t stride, size_t size, const char *x, char *y)
{
    if (stride == 1)
        memcpy(y, x, (size_t)n * size);
    else
        MOVE_ROW(i, i * stride)
}

static void row_to(int64_t n, int64_t stride, size_t size, const char *x, char *y)
{
    if (stride == 1)
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

static void walk_row(int64_t o, int r, const int64_t *d, const int64_t *s, size_t size, const void *x, void *y, bool gather)
{
    int64_t at = 0, rest = o, n = d[r - 1];
    for (int i = r - 2; i >= 0; i--) {
        at += rest % d[i] * s[i];
        rest /= d[i];
    }
    if (gather)
        row_from(n, s[r - 1], size, (const char *)x + at * (int64_t)size, (char *)y + (size_t)(o * n) * size);
    else
        row_to(n, s[r - 1], size, (const char *)x + (size_t)(o * n) * size, (char *)y + at * (int64_t)size);
}

static void walk(int rank, const int64_t *dim, const int64_t *stride, size_t size, const void *x, void *y, bool gather)
{
    int64_t d[8], s[8], outer = 1;
    for (int i = 0; i < rank; i++)
        if (dim[i] == 0)
            return;
    int r = merge(rank, dim, stride, d, s);
    int64_t n = d[r - 1];
    for (int i = 0; i < r - 1; i++)
        outer *= d[i];
    NAC_SHARE(outer > 1 && outer * n > 65536, o, outer, walk_row(o, r, d, s, size, x, y, gather));
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

void nac_gather(int64_t count, size_t bytes, int64_t limit, const int64_t *ids, const void *x, void *y)
{
    for (int64_t i = 0; i < count; i++)
        if (ids[i] >= 0 && ids[i] < limit)
            memcpy((char *)y + (size_t)i * bytes, (const char *)x + (size_t)ids[i] * bytes, bytes);
        else
            memset((char *)y + (size_t)i * bytes, 0, bytes);
}
