/* Weights to and from HDF5. */
#include <string.h>
#include "checkpoint/checkpoint.h"

/* Random streams, which Keras does not keep, stand in a group that it ignores: nacre/layers/dropout/seed. */
static const char *seed_path(const nac_slot_group *g, char *out, size_t size)
{
    snprintf(out, size, "nacre/%.*sseed", (int)(strlen(g->path) - strlen("vars")), g->path);
    return out;
}

static nac_h5_dtype stored_as(nac_dtype dtype)
{
    static const nac_h5_dtype as[] = {[NAC_FLOAT32] = NAC_H5_F32, [NAC_FLOAT64] = NAC_H5_F64, [NAC_INT32] = NAC_H5_I32,
                                      [NAC_INT64] = NAC_H5_I64,   [NAC_UINT8] = NAC_H5_U8,    [NAC_BOOL] = NAC_H5_BOOL};
    return as[dtype];
}

/* ---- writing ---- */

static bool put(nac_h5 *h5, const char *group, int i, const nac_variable *v)
{
    char path[512];
    snprintf(path, sizeof path, "%.480s/%d", group, i);
    return nac_h5_put(h5, path, stored_as(v->type.dtype), v->type.rank, v->type.dim, nac_tensor_data(v->value));
}

static bool put_seed(nac_h5 *h5, const nac_slot_group *g)
{
    char path[512];
    const nac_variable *v = g->layer ? g->layer->seed : NULL;
    return !v || nac_h5_put(h5, seed_path(g, path, sizeof path), stored_as(v->type.dtype), v->type.rank, v->type.dim, nac_tensor_data(v->value));
}

static bool put_all(nac_h5 *h5, const nac_slot_map *map)
{
    bool ok = true;
    for (int g = 0; ok && g < map->n; g++) {
        ok = nac_h5_group(h5, map->groups[g].path, map->groups[g].name) && put_seed(h5, &map->groups[g]);
        for (int i = 0; ok && i < map->groups[g].variables.n; i++)
            ok = put(h5, map->groups[g].path, i, map->groups[g].variables.items[i]);
    }
    return ok;
}

bool nac_weights_write(nac_model *m, void **bytes, size_t *size)
{
    trainer *t = (trainer *)m->trainer;
    nac_slot_map map;
    if (!nac_slot_map_make(&map, m, t && t->compiled ? t->optimizer : NULL))
        return false;
    nac_h5 *h5 = nac_h5_create();
    bool ok = h5 && put_all(h5, &map) && nac_h5_finish(h5, bytes, size);
    nac_h5_close(h5);
    nac_slot_map_free(&map);
    return ok;
}

/* ---- reading: everything is staged, then assigned ---- */

typedef struct {
    nac_staging to;
    nac_h5     *h5;
} staging;

void nac_staging_begin(nac_staging *s, nac_load_report *report)
{
    *s = (nac_staging){.report = report ? report : &s->own, .scope = nac_scope_begin()};
    s->report->n = s->report->total = 0;
}

void nac_misfit_add(nac_staging *s, nac_misfit_kind kind, const char *path, const char *detail)
{
    nac_load_report *r = s->report;
    s->misfits += !s->lenient && kind != NAC_OPTIMIZER_SKIPPED;
    if (r->n < NAC_COUNT(r->entry)) {
        nac_misfit *e = &r->entry[r->n++];
        e->kind = kind;
        snprintf(e->path, sizeof e->path, "%s", path);
        snprintf(e->detail, sizeof e->detail, "%s", detail);
    }
    r->total++;
}

void nac_misfit_missing(nac_staging *s, const char *path, const nac_variable *v)
{
    char detail[256], want[96];
    snprintf(detail, sizeof detail, "\"%.100s\" %s is not in the file", v->path, nac_type_text(&v->type, want, sizeof want));
    nac_misfit_add(s, NAC_MISSING, path, detail);
}

void nac_misfit_shape(nac_staging *s, const char *path, const nac_variable *v, int rank, const int64_t *dim)
{
    char detail[256], want[96], found[96];
    snprintf(detail, sizeof detail, "\"%.100s\": expected %s, found %s", v->path, nac_dims_text(v->type.rank, v->type.dim, want, sizeof want),
             nac_dims_text(rank, dim, found, sizeof found));
    nac_misfit_add(s, NAC_MISSHAPEN, path, detail);
}

bool nac_stage(nac_staging *s, nac_variable *v, const nac_tensor *value)
{
    return value && nac_list_add(&s->variables, v) && nac_list_add(&s->values, value);
}

nac_tensor *nac_h5_tensor(nac_h5 *h5, const char *path, nac_dtype dtype, const nac_h5_info *info)
{
    nac_type type = {.dtype = dtype, .rank = info->rank};
    if (info->rank > NAC_MAX_RANK)
        return nac_fail(NAC_E_UNSUPPORTED, "\"%s\" has rank %d, at most %d", path, info->rank, NAC_MAX_RANK);
    memcpy(type.dim, info->dim, (size_t)info->rank * sizeof *type.dim);
    nac_tensor *value = nac_tensor_alloc(&type);
    return value && nac_h5_get(h5, path, stored_as(dtype), nac_tensor_data(value), nac_type_bytes(&type)) ? value : NULL;
}

static bool stage_at(staging *s, const char *path, nac_variable *v)
{
    nac_h5_info info;
    if (!nac_h5_look(s->h5, path, &info))
        return false;
    if (info.kind != NAC_H5_DATASET)
        nac_misfit_missing(&s->to, path, v);
    else if (info.rank != v->type.rank || memcmp(info.dim, v->type.dim, (size_t)info.rank * sizeof(int64_t)))
        nac_misfit_shape(&s->to, path, v, info.rank, info.dim);
    else
        return nac_stage(&s->to, v, nac_h5_tensor(s->h5, path, v->type.dtype, &info));
    return true;
}

static bool stage(staging *s, const char *group, int i, nac_variable *v)
{
    char path[512];
    snprintf(path, sizeof path, "%.480s/%d", group, i);
    return stage_at(s, path, v);
}

static bool stage_seed(staging *s, const nac_slot_group *g)
{
    char path[512];
    nac_h5_info info;
    if (!nac_h5_look(s->h5, seed_path(g, path, sizeof path), &info))
        return false;
    return info.kind != NAC_H5_DATASET || (nac_layer_stream(g->layer, NAC_NONE) && stage_at(s, path, g->layer->seed));
}

static int count_datasets(staging *s, const char *group)
{
    nac_h5_info info;
    nac_h5_child *children;
    int n = 0, datasets = 0;
    if (!nac_h5_look(s->h5, group, &info))
        return -1;
    if (info.kind != NAC_H5_GROUP)
        return 0;
    if (!nac_h5_children(s->h5, group, &children, &n))
        return -1;
    for (int i = 0; i < n; i++)
        datasets += children[i].kind == NAC_H5_DATASET;
    nac_h5_children_free(children, n);
    return datasets;
}

/* An optimizer that was never used has only its counters; one of another number of variables is left alone, as Keras leaves it. */
static bool stage_optimizer(staging *s, const nac_slot_group *g)
{
    int found = count_datasets(s, g->path), wanted = g->variables.n, counters = 0;
    char detail[128];
    if (found < 0)
        return false;
    for (int i = 0; i < wanted && i < 2; i++)
        counters += ((nac_variable *)g->variables.items[i])->type.rank == 0;
    if (found != wanted && !(found > 0 && found <= counters)) {
        snprintf(detail, sizeof detail, "expected %d variables, found %d", wanted, found);
        nac_misfit_add(&s->to, NAC_OPTIMIZER_SKIPPED, g->path, detail);
        return true;
    }
    for (int i = 0; i < found && i < wanted; i++)
        if (!stage(s, g->path, i, g->variables.items[i]))
            return false;
    return true;
}

static bool is_known(const nac_slot_map *map, const char *path)
{
    for (int i = 0; i < map->n; i++)
        if (strcmp(map->groups[i].path, path) == 0)
            return true;
    return false;
}

/* Datasets of the file that stand in no group of the model. The optimizer's and our own groups may be there for nothing. */
static bool find_extra(staging *s, const nac_slot_map *map, const char *path, int depth)
{
    nac_h5_child *children;
    int n;
    bool ok = true;
    if (depth > 64)
        return nac_fail(NAC_E_FORMAT, "groups are nested more than 64 deep");
    if (!nac_h5_children(s->h5, path, &children, &n))
        return false;
    for (int i = 0; ok && i < n; i++) {
        if (!*path && (strcmp(children[i].name, "optimizer") == 0 || strcmp(children[i].name, "nacre") == 0))
            continue;
        char *longer = nac_format("%s%s%s", path, *path ? "/" : "", children[i].name);
        ok = longer;
        if (ok && children[i].kind == NAC_H5_GROUP)
            ok = find_extra(s, map, longer, depth + 1);
        else if (ok && !is_known(map, path))
            nac_misfit_add(&s->to, NAC_EXTRA, longer, "the model has nothing of this place");
        nac_free(longer);
    }
    nac_h5_children_free(children, n);
    return ok;
}

static bool stage_group(staging *s, const nac_slot_group *g)
{
    int found = count_datasets(s, g->path);
    char path[512];
    if (found < 0)
        return false;
    for (int i = 0; i < g->variables.n; i++)
        if (!stage(s, g->path, i, g->variables.items[i]))
            return false;
    for (int i = g->variables.n; i < found; i++) {
        snprintf(path, sizeof path, "%.480s/%d", g->path, i);
        nac_misfit_add(&s->to, NAC_EXTRA, path, g->variables.n ? "the layer has fewer variables" : "the layer has no variables; was it built?");
    }
    return true;
}

static bool stage_all(staging *s, const nac_slot_map *map)
{
    bool ok = true;
    for (int g = 0; ok && g < map->n; g++)
        ok = map->groups[g].layer ? stage_group(s, &map->groups[g]) && stage_seed(s, &map->groups[g]) : stage_optimizer(s, &map->groups[g]);
    return ok && find_extra(s, map, "", 0);
}

static const char *kind_text(nac_misfit_kind kind)
{
    return kind == NAC_MISSING ? "missing" : kind == NAC_EXTRA ? "extra" : kind == NAC_MISSHAPEN ? "misshapen" : "skipped";
}

static bool refuse(const nac_staging *s)
{
    for (int i = 0; i < s->report->n; i++)
        if (s->report->entry[i].kind != NAC_OPTIMIZER_SKIPPED) {
            const nac_misfit *e = &s->report->entry[i];
            return nac_fail(NAC_E_FORMAT, "the weights do not fit the model: %d misfit%s; first: %s %s: %s", s->misfits, s->misfits == 1 ? "" : "s",
                            kind_text(e->kind), e->path, e->detail);
        }
    return nac_fail(NAC_E_FORMAT, "the weights do not fit the model: %d misfits", s->misfits);
}

bool nac_staging_end(nac_staging *s, bool ok, bool skip_mismatch)
{
    if (ok && s->misfits && !skip_mismatch)
        ok = refuse(s);
    for (int i = 0; ok && i < s->variables.n; i++)
        ok = nac_assign(s->variables.items[i], s->values.items[i]);     /* cannot fail: types were made equal */
    nac_list_clear(&s->variables);
    nac_list_clear(&s->values);
    nac_scope_end(&s->scope);
    return ok;
}

bool nac_optimizer_ready(nac_model *m, nac_optimizer **optimizer)
{
    trainer *t = (trainer *)m->trainer;
    nac_list variables = {0};
    *optimizer = t && t->compiled ? t->optimizer : NULL;
    bool ok = !*optimizer
              || (nac_collect_variables(m, NAC_TRAINABLE_WEIGHTS, &variables)
                  && nac_optimizer_build(*optimizer, variables.n, (nac_variable *const *)variables.items));
    nac_list_clear(&variables);
    return ok;
}

bool nac_weights_read(nac_h5 *h5, nac_model *m, bool skip_mismatch, nac_load_report *report)
{
    nac_slot_map map;
    nac_optimizer *optimizer;
    staging s = {.h5 = h5};
    if (!nac_optimizer_ready(m, &optimizer) || !nac_slot_map_make(&map, m, optimizer))
        return false;
    nac_staging_begin(&s.to, report);
    bool ok = nac_staging_end(&s.to, stage_all(&s, &map), skip_mismatch);
    nac_slot_map_free(&map);
    return ok;
}
