/* Weights to and from HDF5. */
#include <string.h>
#include "checkpoint/checkpoint.h"

/* Random streams, which Keras does not keep, stand in a group that it ignores: nacre/layers/dropout/seed. */
static const char *seed_path(const nac_slot_group *g, char *out, size_t size)
{
    snprintf(out, size, "nacre/%.*sseed", (int)(strlen(g->path) - strlen("vars")), g->path);
    return out;
}

/* ---- writing ---- */

static bool put(nac_h5 *h5, const char *group, int i, const nac_variable *v)
{
    char path[512];
    snprintf(path, sizeof path, "%.480s/%d", group, i);
    return nac_h5_put(h5, path, nac_stored_as(v->type.dtype), v->type.rank, v->type.dim, nac_tensor_data(v->value));
}

static bool put_seed(nac_h5 *h5, const nac_slot_group *g)
{
    char path[512];
    const nac_variable *v = g->layer ? g->layer->seed : NULL;
    return !v || nac_h5_put(h5, seed_path(g, path, sizeof path), nac_stored_as(v->type.dtype), v->type.rank, v->type.dim, nac_tensor_data(v->value));
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

static bool put_state(nac_h5 *h5, const nac_state *state)
{
    char path[512];
    bool ok = true;
    for (int i = 0; ok && state && i < state->values.n; i++) {
        const nac_tensor *t = state->values.items[i];
        ok = snprintf(path, sizeof path, NAC_STATE_GROUP "/%s", state->names[i]) < (int)sizeof path
             || nac_fail(NAC_E_ARGUMENT, "the name of a state is longer than %zu bytes: \"%.100s...\"", sizeof path - sizeof NAC_STATE_GROUP - 1, state->names[i]);
        ok = ok && nac_h5_put(h5, path, nac_stored_as(t->type.dtype), t->type.rank, t->type.dim, nac_tensor_data(t));
    }
    return ok;
}

bool nac_weights_write(nac_model *m, const nac_state *state, void **bytes, size_t *size)
{
    trainer *t = (trainer *)m->trainer;
    nac_slot_map map;
    if (!nac_slot_map_make(&map, m, t && t->compiled ? t->optimizer : NULL))
        return false;
    nac_h5 *h5 = nac_h5_create();
    bool ok = h5 && put_all(h5, &map) && put_state(h5, state) && nac_h5_finish(h5, bytes, size);
    nac_h5_close(h5);
    nac_slot_map_free(&map);
    return ok;
}

/* ---- reading: everything is staged, then assigned ---- */

bool nac_pending_add(nac_pending *p, nac_variable *v, nac_tensor *value)
{
    return nac_list_add(&p->variables, v) && nac_list_add(&p->values, value);
}

void nac_pending_clear(nac_pending *p)
{
    nac_list_clear(&p->variables);
    nac_list_clear(&p->values);
}

/* Cannot fail: types were made equal. */
static bool assign_all(const nac_pending *p)
{
    for (int i = 0; i < p->variables.n; i++)
        if (!nac_assign(p->variables.items[i], p->values.items[i]))
            return false;
    return true;
}

typedef struct {
    nac_h5          *h5;
    nac_load_report *report;
    nac_load_report  own;
    nac_pending      pending;
    bool             whole;             /* the optimizer's state must fit, too */
    int              misfits;           /* that a strict load does not bear */
} staging;

static void misfit(staging *s, nac_misfit_kind kind, const char *path, const char *detail)
{
    nac_load_report *r = s->report;
    s->misfits += kind != NAC_OPTIMIZER_SKIPPED || s->whole;
    if (r->n < NAC_COUNT(r->entry)) {
        nac_misfit *e = &r->entry[r->n++];
        e->kind = kind;
        snprintf(e->path, sizeof e->path, "%s", path);
        snprintf(e->detail, sizeof e->detail, "%s", detail);
    }
    r->total++;
}

static bool stage_at(staging *s, const char *path, nac_variable *v)
{
    char detail[256], want[96], found[96];
    nac_h5_info info;
    if (!nac_h5_look(s->h5, path, &info))
        return false;
    if (info.kind != NAC_H5_DATASET) {
        snprintf(detail, sizeof detail, "\"%.100s\" %s is not in the file", v->path, nac_type_text(&v->type, want, sizeof want));
        misfit(s, NAC_MISSING, path, detail);
        return true;
    }
    if (info.rank != v->type.rank || memcmp(info.dim, v->type.dim, (size_t)info.rank * sizeof(int64_t))) {
        snprintf(detail, sizeof detail, "\"%.100s\": expected %s, found %s", v->path, nac_dims_text(v->type.rank, v->type.dim, want, sizeof want),
                 nac_dims_text(info.rank, info.dim, found, sizeof found));
        misfit(s, NAC_MISSHAPEN, path, detail);
        return true;
    }
    nac_tensor *value = nac_tensor_alloc(&v->type);
    return value && nac_h5_get(s->h5, path, nac_stored_as(v->type.dtype), nac_tensor_data(value), nac_type_bytes(&v->type))
           && nac_pending_add(&s->pending, v, value);
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
        misfit(s, NAC_OPTIMIZER_SKIPPED, g->path, detail);
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

/* Datasets of the file that stand in no group of the model. The optimizer's (a nested model's own too) and our own groups may be there for nothing. */
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
        if (strcmp(children[i].name, "optimizer") == 0
            || (!*path && (strcmp(children[i].name, "nacre") == 0 || strcmp(children[i].name, NAC_STATE_GROUP) == 0)))
            continue;
        char *longer = nac_format("%s%s%s", path, *path ? "/" : "", children[i].name);
        ok = longer;
        if (ok && children[i].kind == NAC_H5_GROUP)
            ok = find_extra(s, map, longer, depth + 1);
        else if (ok && !is_known(map, path))
            misfit(s, NAC_EXTRA, longer, "the model has nothing of this place");
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
        misfit(s, NAC_EXTRA, path, g->variables.n ? "the layer has fewer variables" : "the layer has no variables; was it built?");
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

static bool refuse(const staging *s)
{
    for (int i = 0; i < s->report->n; i++)
        if (s->report->entry[i].kind != NAC_OPTIMIZER_SKIPPED || s->whole) {
            const nac_misfit *e = &s->report->entry[i];
            return nac_fail(NAC_E_FORMAT, "the weights do not fit the model: %d misfit%s; first: %s %s: %s", s->misfits, s->misfits == 1 ? "" : "s",
                            kind_text(e->kind), e->path, e->detail);
        }
    return nac_fail(NAC_E_FORMAT, "the weights do not fit the model: %d misfits", s->misfits);
}

bool nac_weights_read(nac_h5 *h5, nac_model *m, bool partial, nac_load_report *report, const nac_pending *also)
{
    trainer *t = (trainer *)m->trainer;
    nac_slot_map map;
    staging s = {.h5 = h5, .whole = also};
    s.report = report ? report : &s.own;
    s.report->n = s.report->total = 0;
    nac_list variables = {0};
    bool ok = true;
    if (t && t->compiled)
        ok = nac_collect_variables(m, NAC_TRAINABLE_WEIGHTS, &variables)
             && nac_optimizer_build(t->optimizer, variables.n, (nac_variable *const *)variables.items);
    nac_list_clear(&variables);
    if (!ok || !nac_slot_map_make(&map, m, t && t->compiled ? t->optimizer : NULL))
        return false;
    nac_scope scope = nac_scope_begin();
    ok = stage_all(&s, &map);
    if (ok && s.misfits && !partial)
        ok = refuse(&s);
    ok = ok && assign_all(&s.pending) && (!also || assign_all(also));
    nac_scope_end(&scope);
    nac_pending_clear(&s.pending);
    nac_slot_map_free(&map);
    return ok;
}
