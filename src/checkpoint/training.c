/* Training checkpoints: a .keras file that holds, in a group of its own, all that a run is beside weights. */
#include <string.h>
#include "checkpoint/checkpoint.h"

#define VERSION 1

/* ---- variables that Keras's layout does not hold, each with a name that follows from the model alone ---- */

typedef bool (*visit)(void *context, const char *name, nac_variable *v);

static bool visit_list(visit each, void *context, const char *prefix, const nac_list *variables, const nac_list *but)
{
    char name[512];
    bool ok = true;
    for (int i = 0; ok && i < variables->n; i++) {
        if (but && nac_list_has(but, variables->items[i]))
            continue;
        snprintf(name, sizeof name, "%.480s/%d", prefix, i);
        ok = each(context, name, variables->items[i]);
    }
    return ok;
}

static bool visit_metrics(trainer *t, visit each, void *context)
{
    char name[32];
    nac_list metrics = {0};
    bool ok = nac_trainer_metrics(t, &metrics);
    for (int i = 0; ok && i < metrics.n; i++) {
        const nac_metric *m = metrics.items[i];
        for (int k = 0; ok && k < m->n_state; k++) {
            snprintf(name, sizeof name, "metrics/%d/%d", i, k);
            ok = each(context, name, m->state[k]);
        }
    }
    nac_list_clear(&metrics);
    return ok;
}

static bool visit_states(const nac_slot_map *map, visit each, void *context)
{
    char name[512];
    bool ok = true;
    for (int g = 0; ok && g < map->n; g++)
        for (int k = 0; ok && map->groups[g].layer && k < map->groups[g].layer->n_states; k++) {
            snprintf(name, sizeof name, "states/%.480s/%d", map->groups[g].path, k);
            ok = each(context, name, map->groups[g].layer->states[k]);
        }
    return ok;
}

/* With `all` everything; else what Keras does not save: slots of frozen weights, and what an optimizer inside another one keeps. */
static bool visit_optimizer(const nac_slot_map *map, nac_optimizer *o, bool all, visit each, void *context)
{
    char prefix[512];
    nac_list saved = {0}, own = {0};
    bool ok = nac_optimizer_state(o, NULL, &own);
    for (int g = 0; ok && !all && g < map->n; g++)
        for (int i = 0; ok && !map->groups[g].layer && i < map->groups[g].variables.n; i++)
            ok = nac_list_add(&saved, map->groups[g].variables.items[i]);
    ok = ok && visit_list(each, context, "optimizer/own", &own, &saved);
    for (int g = 0; ok && g < map->n; g++)
        for (int i = 0; ok && map->groups[g].layer && i < map->groups[g].variables.n; i++) {
            nac_list slots = {0};
            snprintf(prefix, sizeof prefix, "optimizer/%.480s/%d", map->groups[g].path, i);
            ok = nac_optimizer_state(o, map->groups[g].variables.items[i], &slots) && visit_list(each, context, prefix, &slots, &saved);
            nac_list_clear(&slots);
        }
    nac_list_clear(&saved);
    nac_list_clear(&own);
    return ok;
}

static bool visit_all(trainer *t, const nac_slot_map *map, bool all, visit each, void *context)
{
    return visit_metrics(t, each, context) && visit_states(map, each, context) && visit_optimizer(map, t->optimizer, all, each, context);
}

/* ---- saving ---- */

static bool put(void *context, const char *name, nac_variable *v)
{
    return nac_state_put(context, name, v->value);
}

static bool gather(nac_training *t, trainer *trainer, nac_state *s)
{
    nac_slot_map map;
    if (!nac_state_put_int(s, "version", VERSION) || !nac_state_put_int(s, "epoch", t->epoch) || !nac_state_put_int(s, "batch", t->batch)
        || !nac_state_put_int(s, "stop_training", t->stop_training) || !nac_state_put_int(s, "random", (int64_t)nac_random_state()))
        return false;
    if (!nac_slot_map_make(&map, t->model, trainer->optimizer))
        return false;
    bool ok = visit_all(trainer, &map, false, put, s);
    nac_slot_map_free(&map);
    return ok && (!t->session || nac_session_save(t->session, s));
}

bool nac_run_save(nac_training *t, nac_state *s, const char *path)
{
    trainer *trainer = nac_compiled_trainer(t->model, "nac_training_save");
    nac_scope scope = nac_scope_begin();
    bool ok = trainer;
    if (ok && !nac_ends_in(path, ".keras"))
        ok = nac_fail(NAC_E_ARGUMENT, "nac_training_save: path: expected one that ends in .keras, found \"%s\"", path);
    if (ok && !t->model->built)
        ok = nac_fail(NAC_E_STATE, "nac_training_save: model \"%s\" is not built; give it an input layer or call it", t->model->name);
    if (ok && t->session && t->session->phase != NAC_MAY_SAVE)
        ok = nac_fail(NAC_E_STATE, "nac_training_save: fit is between two checkpoints; a callback saves in on_train_save, when all have seen the batch");
    ok = ok && gather(t, trainer, s) && nac_write_archive(t->model, s, true, path);
    nac_scope_end(&scope);
    nac_state_clear(s);
    return ok || nac_trail("in saving the run of model \"%s\" to %s", t->model->name, path);
}

bool nac_training_save(nac_training *t, const char *path)
{
    nac_state state = {0};
    return t && t->model && path && nac_run_save(t, &state, path);
}

/* ---- reading ---- */

static bool read_group(nac_run_file *f, const char *path, const char *name, int depth)
{
    nac_h5_child *children;
    int n;
    bool ok = true;
    if (depth > 64)
        return nac_fail(NAC_E_FORMAT, "groups are nested more than 64 deep");
    if (!nac_h5_children(f->h5, name, &children, &n))
        return false;
    for (int i = 0; ok && i < n; i++) {
        char *longer = nac_format("%s/%s", name, children[i].name);
        ok = longer;
        if (ok && children[i].kind == NAC_H5_GROUP)
            ok = read_group(f, path, longer, depth + 1);
        else if (ok)
            ok = nac_state_put(&f->state, longer + sizeof NAC_STATE_GROUP, nac_read_dataset(f->h5, path, longer));
        nac_free(longer);
    }
    nac_h5_children_free(children, n);
    return ok;
}

static bool read_state(nac_run_file *f, const char *path)
{
    nac_h5_info info;
    int64_t version;
    if (!nac_h5_look(f->h5, NAC_STATE_GROUP, &info))
        return false;
    if (info.kind != NAC_H5_GROUP)
        return nac_fail(NAC_E_FORMAT, "it holds a model, but no run of training");
    if (!read_group(f, path, NAC_STATE_GROUP, 0) || !nac_state_get_int(&f->state, "version", &version))
        return false;
    return version == VERSION || nac_fail(NAC_E_FORMAT, "expected a checkpoint of version %d, found version %lld", VERSION, (long long)version);
}

/* The archive's checksum covers every byte of the weights, so damage is found before HDF5 sees it. */
bool nac_run_read(nac_run_file *f, const char *path)
{
    *f = (nac_run_file){0};
    nac_scope scope = nac_scope_begin();
    bool ok = (f->archive = nac_archive_open(path)) && (f->part = nac_part_open(f->archive, "model.weights.h5"))
              && (f->h5 = nac_h5_read_from(nac_part_read, f->part, nac_part_size(f->part))) && read_state(f, path);
    nac_scope_end(&scope);
    if (ok)
        return true;
    nac_run_close(f);
    return nac_trail("in reading the checkpoint %s", path);
}

void nac_run_close(nac_run_file *f)
{
    nac_h5_close(f->h5);
    nac_part_close(f->part);
    nac_archive_close(f->archive);
    nac_state_clear(&f->state);
    *f = (nac_run_file){0};
}

/* ---- restoring ---- */

typedef struct {
    const nac_state *state;
    nac_pending      pending;
} restoring;

/* A slot that was made since is as it was made; whether all that was saved finds its place is counted afterwards. */
static bool stage(void *context, const char *name, nac_variable *v)
{
    restoring *r = context;
    char want[96], found[96];
    if (!nac_state_has(r->state, name))
        return true;
    nac_tensor *value = nac_state_get(r->state, name);
    if (!nac_type_equal(&value->type, &v->type))
        return nac_fail(NAC_E_FORMAT, "\"%s\": expected %s, found %s", name, nac_type_text(&v->type, want, sizeof want),
                        nac_type_text(&value->type, found, sizeof found));
    return nac_pending_add(&r->pending, v, value);
}

/* Frozen weights have no slots in a program that never trained them. */
static bool make_slots(const nac_slot_map *map, nac_optimizer *o, const nac_state *state)
{
    char prefix[512];
    bool ok = true;
    for (int g = 0; ok && g < map->n; g++)
        for (int i = 0; ok && map->groups[g].layer && i < map->groups[g].variables.n; i++) {
            snprintf(prefix, sizeof prefix, "optimizer/%.480s/%d/", map->groups[g].path, i);
            ok = !nac_state_count(state, prefix) || nac_optimizer_build(o, 1, (nac_variable *const *)&map->groups[g].variables.items[i]);
        }
    return ok;
}

static bool stage_all(restoring *r, nac_training *t, trainer *trainer)
{
    static const char *const what[] = {"metrics/", "states/", "optimizer/"};
    nac_slot_map map;
    int saved = 0;
    if (!nac_slot_map_make(&map, t->model, NULL))
        return false;
    bool ok = make_slots(&map, trainer->optimizer, r->state);
    nac_slot_map_free(&map);
    if (!ok || !nac_slot_map_make(&map, t->model, trainer->optimizer))
        return false;
    ok = visit_all(trainer, &map, true, stage, r);
    nac_slot_map_free(&map);
    for (int i = 0; i < NAC_COUNT(what); i++)
        saved += nac_state_count(r->state, what[i]);
    if (ok && saved != r->pending.variables.n)
        return nac_fail(NAC_E_FORMAT, "expected a place for each of %d figures and states, found %d; is the model the same, and compiled alike%s?", saved,
                        r->pending.variables.n, t->session ? "" : ", and was nac_prepare_training called");
    return ok;
}

static bool restore(nac_run_file *f, nac_training *t, trainer *trainer)
{
    restoring r = {.state = &f->state};
    int64_t epoch, batch, stop, random;
    if (!nac_state_get_int(&f->state, "epoch", &epoch) || !nac_state_get_int(&f->state, "batch", &batch)
        || !nac_state_get_int(&f->state, "stop_training", &stop) || !nac_state_get_int(&f->state, "random", &random))
        return false;
    if (t->session && (!nac_session_fits(t->session, &f->state, batch) || !nac_session_prepare(t->session)))
        return false;
    if (!t->model->built)
        return nac_fail(NAC_E_STATE, "the model is not built; call nac_prepare_training, give it an input layer, or call it");
    bool ok = stage_all(&r, t, trainer) && nac_weights_read(&f->h5, 1, t->model, false, NULL, &r.pending);
    nac_pending_clear(&r.pending);
    if (!ok)
        return false;
    t->epoch = epoch;
    t->batch = batch;
    t->stop_training = stop;
    nac_set_random_seed((uint64_t)random);
    return !t->session || nac_session_restore(t->session, &f->state);
}

bool nac_run_restore(nac_run_file *f, nac_training *t)
{
    trainer *trainer = nac_compiled_trainer(t->model, "nac_training_restore");
    if (trainer && t->session && t->session->phase != NAC_MAY_RESTORE)
        return nac_fail(NAC_E_STATE, "nac_training_restore: fit is under way; a callback restores in on_train_restore, before the first batch");
    nac_scope scope = nac_scope_begin();
    bool ok = trainer && restore(f, t, trainer);
    nac_scope_end(&scope);
    return ok || nac_trail("in restoring the run of model \"%s\"", t->model->name);
}

bool nac_training_restore(nac_training *t, const char *path)
{
    nac_run_file f;
    if (!t || !t->model || !path || !nac_run_read(&f, path))
        return false;
    bool ok = nac_run_restore(&f, t) || nac_trail("from %s", path);
    nac_run_close(&f);
    return ok;
}
