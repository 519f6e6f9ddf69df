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

static bool put(nac_sink *to, const char *group, int i, const nac_variable *v)
{
    char path[512];
    snprintf(path, sizeof path, "%.480s/%d", group, i);
    return (!to->before || to->before(to, group, nac_type_bytes(&v->type)))
           && nac_h5_put(to->h5, path, nac_stored_as(v->type.dtype), v->type.rank, v->type.dim, nac_tensor_data(v->value));
}

/* What a placeholder kept, at the places where it was. */
static bool put_kept(nac_sink *to, const nac_slot_group *g)
{
    const nac_placeholder *p = g->layer ? nac_as_placeholder(g->layer) : NULL;
    bool ok = true;
    for (const nac_kept *k = p ? p->kept : NULL; ok && k; k = k->next) {
        char *path = nac_format("%.*s%s", (int)(strlen(g->path) - strlen("vars")), g->path, k->path), *slash = path ? strrchr(path, '/') : NULL;
        char *group = slash ? nac_strndup(path, (size_t)(slash - path)) : NULL;
        ok = group && (!to->before || to->before(to, group, k->bytes)) && nac_h5_put(to->h5, path, (nac_h5_dtype)k->dtype, k->rank, k->dim, k->data);
        nac_free(group);
        nac_free(path);
    }
    return ok;
}

static bool put_seed(nac_h5 *h5, const nac_slot_group *g)
{
    char path[512];
    const nac_variable *v = g->layer ? g->layer->seed : NULL;
    return !v || nac_h5_put(h5, seed_path(g, path, sizeof path), nac_stored_as(v->type.dtype), v->type.rank, v->type.dim, nac_tensor_data(v->value));
}

bool nac_weights_put(nac_sink *to, nac_model *m)
{
    trainer *t = (trainer *)m->trainer;
    nac_slot_map map;
    if (!nac_slot_map_make(&map, m, t && t->compiled ? t->optimizer : NULL))
        return false;
    bool ok = true;
    for (int g = 0; ok && g < map.n; g++) {
        ok = nac_h5_group(to->h5, map.groups[g].path, map.groups[g].name) && put_seed(to->h5, &map.groups[g]);
        for (int i = 0; ok && i < map.groups[g].variables.n; i++)
            ok = put(to, map.groups[g].path, i, map.groups[g].variables.items[i]);
        ok = ok && put_kept(to, &map.groups[g]);
    }
    nac_slot_map_free(&map);
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
    nac_sink to = {.h5 = nac_h5_create()};
    bool ok = to.h5 && nac_weights_put(&to, m) && put_state(to.h5, state) && nac_h5_finish(to.h5, bytes, size);
    nac_h5_close(to.h5);
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
    nac_staging   to;
    nac_h5 *const *files;               /* one, or shards: a group may stand in several */
    int           n_files;
    bool          slots;                /* the optimizer's were found */
} staging;

/* Looks in one file after the other; *in is where it is. */
static bool look(const staging *s, const char *path, nac_h5 **in, nac_h5_info *info)
{
    *info = (nac_h5_info){.kind = NAC_H5_ABSENT};
    *in = NULL;
    for (int i = 0; i < s->n_files; i++) {
        *in = s->files[i];
        if (!nac_h5_look(*in, path, info))
            return false;
        if (info->kind == NAC_H5_DATASET)
            break;
    }
    return true;
}

void nac_staging_begin(nac_staging *s, nac_load_report *report)
{
    *s = (nac_staging){.report = report ? report : &s->own, .scope = nac_scope_begin()};
    s->report->n = s->report->total = 0;
}

void nac_misfit_add(nac_staging *s, nac_misfit_kind kind, const char *path, const char *detail)
{
    nac_load_report *r = s->report;
    if (!s->lenient && (kind != NAC_OPTIMIZER_SKIPPED || s->also) && s->misfits++ == 0)
        s->first = r->n;
    if (r->n < NAC_COUNT(r->entry)) {
        nac_misfit *e = &r->entry[r->n++];
        e->kind = kind;
        snprintf(e->path, sizeof e->path, "%.*s", (int)sizeof e->path - 1, path);
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

bool nac_stage(nac_staging *s, nac_variable *v, nac_tensor *value)
{
    return value && nac_pending_add(&s->pending, v, value);
}

bool nac_stage_kept(nac_staging *s, nac_placeholder *p, nac_h5 *h5, const char *from, const char *path)
{
    nac_h5_info info;
    if (!nac_list_has(&s->placeholders, p) && !nac_list_add(&s->placeholders, p))
        return false;
    if (!nac_h5_look(h5, from, &info))
        return false;
    if (info.dtype == NAC_H5_OTHER || info.rank > NAC_MAX_RANK)
        return nac_fail(NAC_E_UNSUPPORTED, "\"%s\" holds no numbers, or more than %d axes", from, NAC_MAX_RANK);
    nac_kept *k = nac_calloc(1, sizeof *k), **end = &p->fresh;
    if (!k)
        return false;
    while (*end)
        end = &(*end)->next;
    *end = k;
    k->dtype = (int)info.dtype;
    k->rank = info.rank;
    k->bytes = (size_t)info.count * nac_h5_size(info.dtype);
    memcpy(k->dim, info.dim, sizeof k->dim);
    return (k->path = nac_strdup(path)) && (k->data = nac_malloc(k->bytes + 1)) && nac_h5_get(h5, from, info.dtype, k->data, k->bytes);
}

nac_tensor *nac_h5_tensor(nac_h5 *h5, const char *path, nac_dtype dtype, const nac_h5_info *info)
{
    nac_type type = {.dtype = dtype, .rank = info->rank};
    if (info->rank > NAC_MAX_RANK)
        return nac_fail(NAC_E_UNSUPPORTED, "\"%s\" has rank %d, at most %d", path, info->rank, NAC_MAX_RANK);
    memcpy(type.dim, info->dim, (size_t)info->rank * sizeof *type.dim);
    nac_tensor *value = nac_tensor_alloc(&type);
    return value && nac_h5_get(h5, path, nac_stored_as(dtype), nac_tensor_data(value), nac_type_bytes(&type)) ? value : NULL;
}

static bool stage_at(staging *s, const char *path, nac_variable *v)
{
    nac_h5_info info;
    nac_h5 *in;
    if (!look(s, path, &in, &info))
        return false;
    if (info.kind != NAC_H5_DATASET)
        nac_misfit_missing(&s->to, path, v);
    else if (info.rank != v->type.rank || memcmp(info.dim, v->type.dim, (size_t)info.rank * sizeof(int64_t)))
        nac_misfit_shape(&s->to, path, v, info.rank, info.dim);
    else
        return nac_stage(&s->to, v, nac_h5_tensor(in, path, v->type.dtype, &info));
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
    nac_h5 *in;
    if (!look(s, seed_path(g, path, sizeof path), &in, &info))
        return false;
    return info.kind != NAC_H5_DATASET || (nac_layer_stream(g->layer, NAC_NONE) && stage_at(s, path, g->layer->seed));
}

static int count_datasets(staging *s, const char *group)
{
    nac_h5_info info;
    nac_h5_child *children;
    int datasets = 0;
    for (int k = 0, n = 0; k < s->n_files; k++) {
        if (!nac_h5_look(s->files[k], group, &info))
            return -1;
        if (info.kind != NAC_H5_GROUP)
            continue;
        if (!nac_h5_children(s->files[k], group, &children, &n))
            return -1;
        for (int i = 0; i < n; i++)
            datasets += children[i].kind == NAC_H5_DATASET;
        nac_h5_children_free(children, n);
    }
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
    s->slots = s->slots || found == wanted;
    return true;
}

/* Whether the path is the group's, or lies below a placeholder, whose is all that is there. */
static bool is_of(const nac_slot_group *g, const char *path)
{
    size_t below = strlen(g->path) - strlen("vars");
    return strcmp(g->path, path) == 0 || (g->layer && nac_as_placeholder(g->layer) && strncmp(g->path, path, below) == 0);
}

static bool is_known(const nac_slot_map *map, const char *path)
{
    for (int i = 0; i < map->n; i++)
        if (is_of(&map->groups[i], path))
            return true;
    return false;
}

static bool keep_below(staging *s, nac_placeholder *p, nac_h5 *h5, const char *path, size_t prefix, int depth)
{
    nac_h5_info info;
    nac_h5_child *children;
    int n;
    if (depth > 64)
        return nac_fail(NAC_E_FORMAT, "groups are nested more than 64 deep");
    if (!nac_h5_look(h5, path, &info))
        return false;
    if (info.kind != NAC_H5_GROUP)
        return true;
    bool ok = nac_h5_children(h5, path, &children, &n);
    for (int i = 0; ok && i < n; i++) {
        char *longer = nac_format("%s/%s", path, children[i].name);
        ok = longer
             && (children[i].kind == NAC_H5_DATASET ? nac_stage_kept(&s->to, p, h5, longer, longer + prefix)
                                                    : keep_below(s, p, h5, longer, prefix, depth + 1));
        nac_free(longer);
    }
    if (ok)
        nac_h5_children_free(children, n);
    return ok;
}

static bool stage_kept(staging *s, const nac_slot_group *g)
{
    size_t prefix = strlen(g->path) - strlen("vars");
    char *path = nac_strndup(g->path, prefix ? prefix - 1 : 0);
    bool ok = path;
    for (int i = 0; ok && i < s->n_files; i++)
        ok = keep_below(s, nac_as_placeholder(g->layer), s->files[i], path, prefix, 0);
    nac_free(path);
    return ok;
}

/* Datasets of the file that stand in no group of the model. The optimizer's (a nested model's own too), the metrics' and our own groups may be there for nothing. */
static bool find_extra(staging *s, nac_h5 *h5, const nac_slot_map *map, const char *path, int depth)
{
    nac_h5_child *children;
    int n;
    bool ok = true;
    if (depth > 64)
        return nac_fail(NAC_E_FORMAT, "groups are nested more than 64 deep");
    if (!nac_h5_children(h5, path, &children, &n))
        return false;
    for (int i = 0; ok && i < n; i++) {
        static const char *const elsewhere[] = {"nacre", NAC_STATE_GROUP, "metrics"};     /* Keras 2.15 kept the metrics' state */
        bool known = strcmp(children[i].name, "optimizer") == 0;
        for (int k = 0; !*path && k < NAC_COUNT(elsewhere); k++)
            known = known || strcmp(children[i].name, elsewhere[k]) == 0;
        if (known)
            continue;
        char *longer = nac_format("%s%s%s", path, *path ? "/" : "", children[i].name);
        ok = longer;
        if (ok && children[i].kind == NAC_H5_GROUP)
            ok = find_extra(s, h5, map, longer, depth + 1);
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
        ok = map->groups[g].layer && nac_as_placeholder(map->groups[g].layer) ? stage_kept(s, &map->groups[g])
             : map->groups[g].layer ? stage_group(s, &map->groups[g]) && stage_seed(s, &map->groups[g]) : stage_optimizer(s, &map->groups[g]);
    for (int i = 0; ok && i < s->n_files; i++)
        ok = find_extra(s, s->files[i], map, "", 0);
    return ok;
}

static const char *kind_text(nac_misfit_kind kind)
{
    return kind == NAC_MISSING ? "missing" : kind == NAC_EXTRA ? "extra" : kind == NAC_MISSHAPEN ? "misshapen" : "skipped";
}

static bool refuse(const nac_staging *s)
{
    if (s->first >= s->report->n)
        return nac_fail(NAC_E_FORMAT, "the weights do not fit the model: %d misfits", s->misfits);
    const nac_misfit *e = &s->report->entry[s->first];
    return nac_fail(NAC_E_FORMAT, "the weights do not fit the model: %d misfit%s; first: %s %s: %s", s->misfits, s->misfits == 1 ? "" : "s", kind_text(e->kind),
                    e->path, e->detail);
}

bool nac_staging_end(nac_staging *s, bool ok, bool skip_mismatch)
{
    if (ok && s->misfits && !skip_mismatch)
        ok = refuse(s);
    ok = ok && assign_all(&s->pending) && (!s->also || assign_all(s->also));
    for (int i = 0; i < s->placeholders.n; i++) {
        nac_placeholder *p = s->placeholders.items[i];
        nac_kept_free(ok ? p->kept : p->fresh);
        p->kept = ok ? p->fresh : p->kept;
        p->fresh = NULL;
    }
    nac_list_clear(&s->placeholders);
    nac_pending_clear(&s->pending);
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

bool nac_weights_read(nac_h5 *const *files, int n_files, nac_model *m, bool skip_mismatch, nac_load_report *report, const nac_pending *also)
{
    nac_slot_map map;
    nac_optimizer *optimizer;
    staging s = {.files = files, .n_files = n_files};
    if (!nac_optimizer_ready(m, &optimizer) || !nac_slot_map_make(&map, m, optimizer))
        return false;
    nac_staging_begin(&s.to, report);
    s.to.also = also;
    bool ok = nac_staging_end(&s.to, stage_all(&s, &map), skip_mismatch);
    if (ok && optimizer && !s.slots && nac_iterations(optimizer) == 0)
        ok = nac_optimizer_restart(optimizer);
    nac_slot_map_free(&map);
    return ok;
}
