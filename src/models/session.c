/* A run of fit in a training checkpoint. */
#include <string.h>
#include "models/session.h"

/* ---- history: the names once, and by epoch how many figures, which and what ---- */

static int name_number(char (*names)[128], int *n, const char *name)
{
    int i = 0;
    while (i < *n && strcmp(names[i], name) != 0)
        i++;
    if (i == *n)
        snprintf(names[(*n)++], sizeof *names, "%s", name);
    return i;
}

static bool save_history(const nac_history *h, nac_state *to)
{
    int64_t total = 0, at = 0;
    int n = 0;
    for (int e = 0; e < h->n; e++)
        total += h->epochs[e].n;
    char(*names)[128] = nac_calloc((size_t)total + 1, sizeof *names);
    int64_t *which = nac_malloc(((size_t)total + 1) * sizeof *which), *counts = nac_malloc(((size_t)h->n + 1) * sizeof *counts);
    double *values = nac_malloc(((size_t)total + 1) * sizeof *values);
    bool ok = names && which && counts && values;
    for (int e = 0; ok && e < h->n; e++) {
        counts[e] = h->epochs[e].n;
        for (int i = 0; i < h->epochs[e].n; i++, at++) {
            which[at] = name_number(names, &n, h->epochs[e].name[i]);
            values[at] = h->epochs[e].value[i];
        }
    }
    if (ok && total)
        ok = nac_state_put(to, "history/counts", nac_tensor_new(NAC_INT64, NAC_SHAPE(h->n), counts))
             && nac_state_put(to, "history/names", nac_tensor_new(NAC_UINT8, NAC_SHAPE(n, (int64_t)sizeof *names), names))
             && nac_state_put(to, "history/which", nac_tensor_new(NAC_INT64, NAC_SHAPE(total), which))
             && nac_state_put(to, "history/values", nac_tensor_new(NAC_FLOAT64, NAC_SHAPE(total), values));
    nac_free(names);
    nac_free(which);
    nac_free(counts);
    nac_free(values);
    return ok;
}

static bool is_of(const nac_tensor *t, nac_dtype dtype, int rank)
{
    return t->type.dtype == dtype && t->type.rank == rank;
}

static bool restore_history(nac_history *h, const nac_state *from)
{
    h->n = 0;
    if (!nac_state_has(from, "history/counts"))
        return true;
    const nac_tensor *counts = nac_state_get(from, "history/counts"), *names = nac_state_get(from, "history/names");
    const nac_tensor *which = nac_state_get(from, "history/which"), *values = nac_state_get(from, "history/values");
    if (!counts || !names || !which || !values)
        return false;
    int64_t at = 0;
    bool ok = is_of(counts, NAC_INT64, 1) && is_of(names, NAC_UINT8, 2) && names->type.dim[1] == 128 && is_of(which, NAC_INT64, 1)
              && is_of(values, NAC_FLOAT64, 1) && which->type.dim[0] == values->type.dim[0];
    for (int64_t e = 0; ok && e < counts->type.dim[0]; e++) {
        nac_logs logs = {0};
        int64_t n = ((const int64_t *)nac_tensor_data(counts))[e];
        ok = n >= 0 && n <= NAC_MAX_IO && n <= which->type.dim[0] - at;
        for (int64_t i = 0; ok && i < n; i++, at++) {
            int64_t k = ((const int64_t *)nac_tensor_data(which))[at];
            ok = k >= 0 && k < names->type.dim[0];
            if (ok)
                snprintf(logs.name[i], sizeof logs.name[i], "%.127s", (const char *)nac_tensor_data(names) + 128 * k);
            logs.value[i] = ((const double *)nac_tensor_data(values))[at];
            logs.n++;
        }
        if (ok && !nac_history_add(h, &logs))
            return false;
    }
    return ok || nac_fail(NAC_E_FORMAT, "the checkpoint's history is not one");
}

/* ---- callbacks: by class, and by number where a class occurs twice ---- */

static void name_callback(const callbacks *cs, int index, char *out, size_t size)
{
    const char *name = cs->list[index]->base.cls->name;
    int number = 0;
    for (int i = 0; i < index; i++)
        number += strcmp(cs->list[i]->base.cls->name, name) == 0;
    if (number)
        snprintf(out, size, "callbacks/%.100s_%d/", name, number);
    else
        snprintf(out, size, "callbacks/%.100s/", name);
}

static bool save_callbacks(session *s, nac_state *to)
{
    char prefix[160];
    bool ok = true;
    for (int i = 0; ok && i < s->callbacks.n; i++) {
        nac_callback *c = s->callbacks.list[i];
        if (!nac_callback_type_of(c)->get_state)
            continue;
        name_callback(&s->callbacks, i, prefix, sizeof prefix);
        to->prefix = prefix;
        ok = nac_callback_type_of(c)->get_state(c, &s->training, to) || nac_trail("in callback %s", c->base.cls->name);
    }
    to->prefix = NULL;
    return ok;
}

static bool restore_callbacks(session *s, nac_state *from)
{
    char prefix[160];
    bool ok = true;
    for (int i = 0; ok && i < s->callbacks.n; i++) {
        nac_callback *c = s->callbacks.list[i];
        name_callback(&s->callbacks, i, prefix, sizeof prefix);
        from->prefix = prefix;
        if (!nac_callback_type_of(c)->set_state || !nac_state_count(from, ""))
            continue;
        s->callbacks.restored[i] = true;
        ok = nac_callback_type_of(c)->set_state(c, &s->training, from) || nac_trail("in callback %s", c->base.cls->name);
    }
    from->prefix = NULL;
    return ok;
}

/* ---- the whole ---- */

bool nac_session_save(session *s, nac_state *to)
{
    return nac_state_put_int(to, "fit/shuffle_seed", (int64_t)s->shuffle_seed) && nac_state_put_int(to, "fit/samples", s->batches->data->size)
           && nac_state_put_int(to, "fit/batch_size", s->training.batch_size) && nac_state_put_int(to, "fit/steps", s->training.steps)
           && save_history(s->history, to) && save_callbacks(s, to);
}

bool nac_session_fits(const session *s, const nac_state *from, int64_t batch)
{
    const char *const what[] = {"samples", "batch_size", "steps"};
    const int64_t now[] = {s->batches->data->size, s->training.batch_size, s->training.steps};
    char name[32];
    int64_t then;
    for (int i = 0; i < NAC_COUNT(what); i++) {
        snprintf(name, sizeof name, "fit/%s", what[i]);
        if (!nac_state_get_int(from, name, &then))
            return nac_trail("the run was not one of fit");
        if (batch && then != now[i])    /* between epochs they may change */
            return nac_fail(NAC_E_STATE, "the run stopped after batch %lld of an epoch and cannot go on there: %s: expected %lld as before, found %lld",
                            (long long)batch, what[i], (long long)then, (long long)now[i]);
    }
    return true;
}

bool nac_session_restore(session *s, nac_state *from)
{
    int64_t seed;
    if (!nac_state_get_int(from, "fit/shuffle_seed", &seed) || !restore_history(s->history, from))
        return false;
    s->shuffle_seed = (uint64_t)seed;
    return restore_callbacks(s, from);
}

bool nac_session_prepare(session *s)
{
    bool ok;
    nac_tensor *batch = nac_batches_next(s->batches, &ok);
    s->batches->at = 0;
    return batch && nac_trainer_prepare(s->t, batch);
}
