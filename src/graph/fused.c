/* Elementwise ops as one: a program that runs over tiles which stay in the first cache, so that what its steps pass on never reaches memory. Each
   step is the eval of an op of its own on a run of elements, so the numbers are those of the ops one by one. */
#include <stdalign.h>
#include <string.h>
#include "graph/graph.h"
#include "ops/ops.h"

enum {
    TILE = NAC_FUSED_TILE,
    SHORT_ROW = 32,                     /* innermost extents below this are laid out beside a tile's elements where inputs go other ways */
    LEAST_PLANE = 512,                  /* so are those whose two innermost loops have fewer elements */
    BETWEEN = 320,                      /* bytes between slots: a whole page apart, loads would wait for stores */
    PARALLEL = 131072,                  /* steps on elements that make a program worth several threads */
    DTYPES = NAC_BOOL + 1
};

/* How an input is walked. */
enum { WHOLE, ALONG, SPREAD, PATTERN };  /* like the results; by broadcasting; copied out into a slot for each tile; for all tiles once */

static int64_t size_of(const nac_fused *p)
{
    int64_t n = 1;
    for (int64_t d = 0; d < p->rank; d++)
        n *= p->dim[d];
    return n;
}

/* ---- making ---- */

/* Axes that all inputs walk alike become one loop, the innermost first; but a long row that is reduced remains a loop of its own. */
static void find_loops(nac_fused *p, const nac_type *in)
{
    int64_t at[NAC_FUSED_INPUTS];
    p->loops = 0;
    for (int64_t k = 0; k < p->n_in; k++)
        at[k] = 1;
    for (int64_t d = p->rank - 1; d >= 0; d--) {
        int64_t step[NAC_FUSED_INPUTS], last = p->loops - 1;
        bool joins = last >= 0 && (p->reduced <= TILE || p->extent[last] != p->reduced);
        for (int64_t k = 0; k < p->n_in; k++) {
            int64_t axis = d - (p->rank - in[k].rank), n = axis < 0 ? 1 : in[k].dim[axis];
            step[k] = n == 1 ? 0 : at[k];
            at[k] *= n;
            joins = joins && step[k] == p->input[k].step[last] * p->extent[last];
        }
        if (p->dim[d] == 1)
            continue;
        if (joins) {
            p->extent[last] *= p->dim[d];
            continue;
        }
        p->extent[p->loops] = p->dim[d];
        for (int64_t k = 0; k < p->n_in; k++)
            p->input[k].step[p->loops] = step[k];
        p->loops++;
    }
    if (!p->loops)
        p->extent[p->loops++] = 1;
}

static bool is_whole(const nac_fused *p, int64_t k)
{
    int64_t step = 1;
    for (int64_t d = 0; d < p->loops; step *= p->extent[d++])
        if (p->input[k].step[d] != step && p->extent[d] != 1)
            return false;
    return true;
}

static int free_slot(bool *taken)
{
    for (int s = 0; s < NAC_FUSED_SLOTS; s++)
        if (!taken[s]) {
            taken[s] = true;
            return s;
        }
    return -1;
}

static int last_reader(const nac_fused *p, int value)
{
    int last = -1;
    for (int s = 0; s < p->n_steps; s++)
        for (int k = 0; k < p->step[s].n_in; k++)
            last = p->step[s].in[k] == value ? s : last;
    return last;
}

/* Slots that step s is the last to read: those of its own dtype, which it may write over, or the others. */
static void let_go(const nac_fused *p, int s, bool alike, bool *taken)
{
    const nac_fused_step *step = &p->step[s];
    for (int k = 0; k < step->n_in; k++) {
        const nac_fused_step *from = step->in[k] < p->n_in ? NULL : &p->step[step->in[k] - p->n_in];
        if (from && from->slot >= 0 && last_reader(p, step->in[k]) == s && (from->dtype == step->dtype) == alike)
            taken[from->slot] = false;
    }
}

bool nac_fused_finish(nac_fused *p, const nac_type *in)
{
    bool taken[NAC_FUSED_SLOTS] = {false};
    find_loops(p, in);
    int64_t row = p->extent[0], plane = row * (p->loops > 1 ? p->extent[1] : 1);
    p->gathered = p->loops > 1 && (row < SHORT_ROW || plane < LEAST_PLANE || (p->reduced && p->reduced != row));
    if (p->reduced && p->gathered && (p->reduced > TILE || p->reduced % row != 0))
        return false;                   /* a tile holds whole rows that are reduced, or a part of one */
    int8_t reductions = 0;
    p->wide = 0;
    for (int64_t k = 0; k < p->n_in; k++) {
        bool one = true, pattern = p->input[k].step[0] == 1;
        for (int64_t d = 0; d < p->loops; d++) {
            one &= p->input[k].step[d] == 0;
            pattern &= d == 0 || p->input[k].step[d] == 0;
        }
        p->input[k].how = is_whole(p, k) ? WHOLE : !p->gathered || one ? ALONG : pattern ? PATTERN : SPREAD;
        p->input[k].slot = -1;
        p->wide |= nac_dtype_size(in[k].dtype) == 8;
        if (p->input[k].how > ALONG && (p->input[k].slot = free_slot(taken)) < 0)
            return false;
    }
    for (int s = 0; s < p->n_steps; s++) {
        nac_fused_step *step = &p->step[s];
        p->wide |= nac_dtype_size((nac_dtype)step->dtype) == 8;
        let_go(p, s, true, taken);
        step->slot = nac_is_reduction(step->op) ? reductions++ : -1;
        if (step->out < 0 && (step->slot = (int8_t)free_slot(taken)) < 0)
            return false;
        let_go(p, s, false, taken);
    }
    return true;
}

bool nac_fused_writes_over(const nac_fused *p, int out, int k)
{
    for (int s = 0; s < p->n_steps; s++)
        if (p->step[s].out == out)
            return p->input[k].how == WHOLE && last_reader(p, k) <= s;
    return false;
}

/* ---- running ---- */

typedef struct {
    nac_type full[DTYPES], along[NAC_FUSED_INPUTS];
    nac_arg  value[NAC_FUSED_INPUTS + NAC_FUSED_STEPS];
    size_t   slot_bytes;
    int64_t  rows, columns;             /* of the tile that the types are for */
} worker;

static void set_size(const nac_fused *p, worker *w, int64_t rows, int64_t columns)
{
    if (w->rows == rows && w->columns == columns)
        return;
    w->rows = rows;
    w->columns = columns;
    for (int t = 0; t < DTYPES; t++)
        w->full[t] = (nac_type){.dtype = (nac_dtype)t, .rank = 2, .dim = {rows, columns}};
    for (int64_t k = 0; k < p->n_in; k++) {
        w->along[k].dim[0] = p->loops > 1 && p->input[k].step[1] ? rows : 1;
        w->along[k].dim[1] = p->input[k].step[0] ? columns : 1;
    }
}

static int64_t offset_of(const nac_fused *p, int64_t k, int64_t row)
{
    int64_t at = 0;
    for (int64_t d = 1; d < p->loops; row /= p->extent[d++])
        at += row % p->extent[d] * p->input[k].step[d];
    return at;
}

/* One number, `size` bytes long, n times. */
static void fill(int64_t n, size_t size, const char *from, char *to)
{
    alignas(32) char some[32];
    const size_t all = (size_t)n * size;
    for (size_t i = 0; i < sizeof some; i += size)
        memcpy(some + i, from, size);
    size_t at = 0;
    for (; at + sizeof some <= all; at += sizeof some)
        memcpy(to + at, some, sizeof some);
    memcpy(to + at, some, all - at);
}

/* Rows of an input as they lie beside a tile's elements. */
static void spread(const nac_fused *p, const nac_arg *x, int64_t k, int64_t row, int64_t rows, char *to)
{
    int64_t n = p->extent[0];
    size_t size = nac_dtype_size(x->type->dtype);
    for (int64_t r = 0; r < rows; r++, to += (size_t)n * size) {
        const char *from = (const char *)x->data + (size_t)offset_of(p, k, row + r) * size;
        if (p->input[k].step[0])
            memcpy(to, from, (size_t)n * size);
        else
            fill(n, size, from, to);
    }
}

/* Of each row that is reduced; and all of them, for one reduction. */
static int64_t pieces_of(const nac_fused *p)
{
    return (p->reduced + NAC_REDUCE_PIECE - 1) / NAC_REDUCE_PIECE;
}

static size_t parts_bytes(const nac_fused *p)
{
    return (size_t)(size_of(p) / p->reduced * pieces_of(p)) * 8;
}

static char *parts_of(const nac_fused *p, const nac_eval *e, const nac_fused_step *step)
{
    return (char *)e->scratch + (size_t)step->slot * parts_bytes(p);
}

/* The rows of x, which begin at element `at` of all; or its pieces. */
static void reduce(const nac_fused *p, const nac_eval *e, const nac_fused_step *step, const nac_arg *x, int64_t at, int64_t count)
{
    int64_t n = p->reduced, rows = count / n;
    size_t size = nac_dtype_size((nac_dtype)step->dtype);
    if (n > TILE) {
        int64_t part = at / n * pieces_of(p) + at % n / NAC_REDUCE_PIECE;
        nac_reduce_to_parts(step->op, x->type->dtype, count, x->data, parts_of(p, e, step) + (size_t)part * size);
        return;
    }
    void *y = (char *)e->out[step->out].data + (size_t)(at / n) * size;
    nac_type from = {x->type->dtype, 2, {rows, n}}, to = {(nac_dtype)step->dtype, 1, {rows}};
    step->op->eval(&(nac_eval){.attrs = &(nac_reduce_attrs){.axes = 1 << 1}, .n_in = 1, .n_out = 1, .in = &(nac_arg){&from, x->data}, .out = &(nac_arg){&to, y}});
}

/* Elements from `at` on, the first of which is number `column` of row `row`. */
static void run_tile(const nac_fused *p, const nac_eval *e, worker *w, char *slots, int64_t row, int64_t column)
{
    int64_t at = row * p->extent[0] + column, n = w->rows * w->columns;
    for (int64_t k = 0; k < p->n_in; k++) {
        const nac_fused_input *input = &p->input[k];
        const nac_arg *x = &e->in[k];
        size_t size = nac_dtype_size(x->type->dtype);
        if (input->how == WHOLE)
            w->value[k].data = (char *)x->data + (size_t)at * size;
        else if (input->how == ALONG)
            w->value[k].data = (char *)x->data + (size_t)(offset_of(p, k, row) + (input->step[0] ? column : 0)) * size;
        else if (input->how == SPREAD)
            spread(p, x, k, row, n / p->extent[0], w->value[k].data);
    }
    for (int64_t s = 0; s < p->n_steps; s++) {
        const nac_fused_step *step = &p->step[s];
        nac_arg in[NAC_FUSED_OPERANDS], *out = &w->value[p->n_in + s];
        for (int k = 0; k < step->n_in; k++)
            in[k] = w->value[step->in[k]];
        if (nac_is_reduction(step->op)) {
            reduce(p, e, step, &in[0], at, n);
            continue;
        }
        out->data = step->out < 0 ? slots + step->slot * w->slot_bytes : (char *)e->out[step->out].data + (size_t)at * nac_dtype_size((nac_dtype)step->dtype);
        step->op->eval(&(nac_eval){.attrs = step->attrs, .n_in = step->n_in, .n_out = 1, .in = in, .out = out});
    }
}

/* How the elements are cut into tiles: runs of rows that are gathered; or pieces of planes of the two innermost loops. */
typedef struct {
    int64_t rows, columns;              /* of a tile; of those that are gathered there is one row of results */
    int64_t down, across;               /* tiles of a plane */
    int64_t count;
} tiling;

static tiling cut(const nac_fused *p)
{
    int64_t n = size_of(p), row = p->extent[0], plane = p->loops > 1 ? p->extent[1] : 1, chunks = (row + TILE - 1) / TILE;
    if (p->gathered) {
        int64_t whole = p->reduced ? p->reduced : row, tile = TILE / whole * whole;
        return (tiling){1, tile, 1, 1, (n + tile - 1) / tile};
    }
    tiling t = {1, row, 1, 1, 0};
    if (p->reduced > TILE)
        t.columns = TILE;
    else if (p->reduced && p->loops == 1)
        t.columns = TILE / p->reduced * p->reduced;
    else if (row > TILE)
        t.columns = ((row + chunks - 1) / chunks + 63) / 64 * 64;
    else
        t.rows = TILE / row < plane ? TILE / row : plane;
    t.across = (row + t.columns - 1) / t.columns;
    t.down = (plane + t.rows - 1) / t.rows;
    t.count = n / row / plane * t.across * t.down;
    return t;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Tiles from first to last - 1, by one thread. */
static void run_tiles(const nac_fused *p, const nac_eval *e, const tiling *t, int64_t first, int64_t last)
{
    alignas(64) char slots[NAC_FUSED_SLOTS * (TILE * 8 + BETWEEN)];
    worker w;
    int64_t total = size_of(p), row_length = p->extent[0], plane = p->loops > 1 ? p->extent[1] : 1;
    w.rows = w.columns = 0;
    w.slot_bytes = (size_t)TILE * (p->wide ? 8 : 4) + BETWEEN;
    for (int64_t k = 0; k < p->n_in; k++) {
        const nac_fused_input *input = &p->input[k];
        nac_dtype dtype = e->in[k].type->dtype;
        w.along[k] = (nac_type){.dtype = dtype, .rank = 2};
        w.value[k].type = input->how == ALONG ? &w.along[k] : &w.full[dtype];
        if (input->slot >= 0)
            w.value[k].data = slots + input->slot * w.slot_bytes;
        if (input->how == PATTERN)
            spread(p, &e->in[k], k, 0, t->columns / row_length, w.value[k].data);
    }
    for (int64_t s = 0; s < p->n_steps; s++)
        w.value[p->n_in + s].type = &w.full[p->step[s].dtype];
    for (int64_t i = first; i < last; i++) {
        if (p->gathered) {
            set_size(p, &w, 1, least(t->columns, total - i * t->columns));
            run_tile(p, e, &w, slots, i * (t->columns / row_length), 0);
            continue;
        }
        int64_t column = i % t->across * t->columns, down = i / t->across % t->down * t->rows;
        set_size(p, &w, least(t->rows, plane - down), least(t->columns, row_length - column));
        run_tile(p, e, &w, slots, i / t->across / t->down * plane + down, column);
    }
}

static void eval(const nac_eval *e)
{
    const nac_fused *p = e->attrs;
    int64_t n = size_of(p);
    if (n == 0)
        return;
    tiling t = cut(p);
    int64_t parts = nac_parts(n * p->n_steps > PARALLEL);
    NAC_SHARE(parts > 1 && t.count > 1, i, parts, run_tiles(p, e, &t, t.count * i / parts, t.count * (i + 1) / parts));
    for (int64_t s = 0; s < p->n_steps && p->reduced > TILE; s++)
        if (nac_is_reduction(p->step[s].op))
            nac_reduce_parts(p->step[s].op, (nac_dtype)p->step[s].dtype, n / p->reduced, p->reduced, parts_of(p, e, &p->step[s]),
                             e->out[p->step[s].out].data);
}

static size_t scratch(const nac_eval *e)
{
    const nac_fused *p = e->attrs;
    size_t n = 0;
    for (int64_t s = 0; s < p->n_steps && p->reduced > TILE; s++)
        n += nac_is_reduction(p->step[s].op) ? parts_bytes(p) : 0;
    return n;
}

/* ---- the op ---- */

static bool infer(nac_infer *i)
{
    const nac_fused *p = i->attrs;
    nac_type value[NAC_FUSED_INPUTS + NAC_FUSED_STEPS], in[NAC_FUSED_OPERANDS], out[NAC_MAX_IO];
    memcpy(value, i->in, (size_t)i->n_in * sizeof *value);
    i->n_out = 0;
    for (int s = 0; s < p->n_steps; s++) {
        const nac_fused_step *step = &p->step[s];
        for (int k = 0; k < step->n_in; k++)
            in[k] = value[step->in[k]];
        nac_infer one = {.op = step->op, .attrs = step->attrs, .n_in = step->n_in, .in = in, .n_out = 1, .out = out};
        if (!step->op->infer(&one))
            return nac_trail("in step %d of fused", s);
        if (!nac_is_reduction(step->op) && ((int64_t)out[0].rank != p->rank || memcmp(out[0].dim, p->dim, (size_t)p->rank * sizeof *p->dim)))
            return nac_fail(NAC_E_SHAPE, "fused: step %d (%s) has another shape than the program", s, step->op->name);
        value[p->n_in + s] = out[0];
        if (step->out >= 0) {
            i->out[step->out] = out[0];
            i->n_out++;
        }
    }
    return true;
}

static double work(const nac_eval *e)
{
    const nac_fused *p = e->attrs;
    return (double)(size_of(p) * p->n_steps);
}

const nac_op nac_op_fused = {.name = "fused", .n_in = -1, .n_out = -1, .attrs_size = sizeof(nac_fused), .flags = NAC_OP_ELEMENTWISE, .infer = infer,
                             .eval = eval, .scratch = scratch, .work = work};
