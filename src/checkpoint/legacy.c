/* HDF5 files of Keras 1 and 2, and the legacy ones of Keras 3: weights in groups of layer names, listed by attributes. */
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "checkpoint/checkpoint.h"

#define MAX_PARTS 1000                  /* a list of names too long for one attribute is cut into numbered ones */

typedef struct {
    char **item;
    int    n;
} names;

static bool read_names(nac_h5 *h5, const char *path, const char *attribute, names *out)
{
    char part[64];
    *out = (names){0};
    if (!nac_h5_texts(h5, path, attribute, &out->item, &out->n))
        return false;
    for (int i = 0; i < MAX_PARTS && (i > 0 || !out->item); i++) {
        names more;
        snprintf(part, sizeof part, "%s%d", attribute, i);
        bool ok = nac_h5_texts(h5, path, part, &more.item, &more.n);
        if (ok && !more.item)
            break;
        char **all = ok ? nac_realloc(out->item, ((size_t)(out->n + more.n) + 1) * sizeof *all) : NULL;
        if (!all) {
            if (ok)
                nac_h5_texts_free(more.item, more.n);
            nac_h5_texts_free(out->item, out->n);
            *out = (names){0};
            return false;
        }
        memcpy(all + out->n, more.item, (size_t)more.n * sizeof *all);
        out->item = all;
        out->n += more.n;
        nac_free(more.item);
    }
    return true;
}

static bool has_text(nac_h5 *h5, const char *path, const char *attribute, bool *there)
{
    char **list;
    int n;
    if (!nac_h5_texts(h5, path, attribute, &list, &n))
        return false;
    *there = list;
    nac_h5_texts_free(list, n);
    return true;
}

bool nac_is_legacy(nac_h5 *h5, bool *legacy)
{
    nac_h5_info info;
    bool names_there = false, part_there = false;
    if (!nac_h5_look(h5, "model_weights", &info) || !has_text(h5, "", "layer_names", &names_there) || !has_text(h5, "", "layer_names0", &part_there))
        return false;
    *legacy = info.kind == NAC_H5_GROUP || names_there || part_there;
    return true;
}

/* "2.2.4" is 2; what has no version is of Keras 1. */
static int major(const char *version)
{
    return version && *version >= '1' && *version <= '9' ? atoi(version) : 1;
}

/* ---- one layer's weights ---- */

typedef struct {
    nac_h5     *h5;
    nac_staging to;
    char       *root;                   /* "model_weights" or "" */
    int         version;
    bool        old;                    /* before Keras 2.3: what is frozen by the model around it is listed as if it were not */
    bool        flipped;                /* Theano's kernels are convolved, not correlated */
} reader;

/* What a group lists, from one weight on. */
typedef struct {
    reader *r;
    char   *group;
    names   weights;
    int     at;
} listing;

static char *path_of(const char *group, const char *name)
{
    return nac_format("%s%s%s", group, *group ? "/" : "", name);
}

static bool open_listing(reader *r, const char *name, listing *out)
{
    *out = (listing){.r = r, .group = path_of(r->root, name)};
    nac_h5_info info;
    if (!out->group || !nac_h5_look(r->h5, out->group, &info))
        return false;
    if (info.kind != NAC_H5_GROUP)
        return nac_fail(NAC_E_FORMAT, "layer_names has \"%.100s\", for which there is no group", name);
    return read_names(r->h5, out->group, "weight_names", &out->weights);
}

static void close_listing(listing *l)
{
    nac_h5_texts_free(l->weights.item, l->weights.n);
    nac_free(l->group);
}

static bool look(const listing *l, int i, nac_h5_info *info)
{
    char *path = path_of(l->group, l->weights.item[i]);
    bool ok = path && nac_h5_look(l->r->h5, path, info)
              && (info->kind == NAC_H5_DATASET
                  || nac_fail(NAC_E_FORMAT, "weight_names of \"%s\" has \"%.100s\", for which there is no dataset", l->group, l->weights.item[i]));
    nac_free(path);
    return ok;
}

static nac_tensor *value(const listing *l, int i, nac_dtype dtype)
{
    nac_h5_info info;
    if (!look(l, i, &info))
        return NULL;
    char *path = path_of(l->group, l->weights.item[i]);
    nac_tensor *t = path ? nac_h5_tensor(l->r->h5, path, dtype, &info) : NULL;
    nac_free(path);
    return t;
}

/* Gives the i-th weight of the list, changed or not, to a variable. */
static bool give(listing *l, int i, nac_variable *v, nac_tensor *t)
{
    if (!t)
        return false;
    if (t->type.rank == v->type.rank && memcmp(t->type.dim, v->type.dim, (size_t)t->type.rank * sizeof *t->type.dim) == 0)
        return nac_stage(&l->r->to, v, t);
    char *path = path_of(l->group, l->weights.item[i]);
    if (path)
        nac_misfit_shape(&l->r->to, path, v, t->type.rank, t->type.dim);
    nac_free(path);
    return path;
}

/* A kernel of a convolution as Keras 2 has it: (spatial.., channels, filters); a transposed one has the last two the other way round. */
static nac_tensor *modern_kernel(const reader *r, const nac_layer *l, nac_tensor *k)
{
    const char *cls = l->base.cls->name;
    bool transposed = strstr(cls, "Transpose");
    int axes = nac_spatial_axes(l);
    const char *const *given = nac_option_of(&l->base, "data_format"), *format = given ? *given : "";
    if (r->version == 1 && axes == 1 && nac_rank(k) == 4) {         /* (length, 1, channels, filters); before 1.1 (filters, channels, length, 1) */
        if (nac_dim(k, 1) != 1)
            k = nac_transpose(k, 2, 3, 1, 0);
        k = k ? nac_squeeze(k, 1) : NULL;
    } else if (r->version == 1 && axes == 2 && strcmp(format, "channels_first") == 0) {
        k = transposed ? nac_transpose(k, 2, 3, 0, 1) : nac_transpose(k, 2, 3, 1, 0);
    } else if (r->version == 1 && axes == 2 && transposed) {
        k = nac_transpose(k, 0, 1, 3, 2);
    } else if (r->version == 1 && axes == 3 && strcmp(format, "channels_first") == 0) {
        k = nac_transpose(k, 2, 3, 4, 1, 0);
    }
    for (int d = 0; r->flipped && k && d < axes; d++)
        k = nac_flip(k, d);
    return k;
}

/* Each gate's part of a CuDNN kernel is stored transposed; of a recurrent one it is another matrix, of the others another layout. */
static nac_tensor *native_kernel(nac_tensor *k, int gates, bool recurrent)
{
    nac_tensor *parts = nac_split(k, gates, 1), *part[4];
    for (int g = 0; parts && g < gates; g++) {
        nac_tensor *p = nac_at(parts, g);
        part[g] = nac_transpose(recurrent ? p : nac_reshape(p, nac_dim(p, 1), nac_dim(p, 0)), 1, 0);
        if (!part[g])
            return NULL;
    }
    return parts ? nac_concatenate(nac_list_of(gates, part), 1) : NULL;
}

/* A cell's three from CuDNN's, whose bias has a half for the inputs and one for the state. */
static bool give_cudnn(listing *l, int gates, nac_variable *const *v)
{
    nac_dtype dtype = v[0]->type.dtype;
    nac_tensor *k = value(l, l->at, dtype), *u = value(l, l->at + 1, dtype), *b = value(l, l->at + 2, dtype);
    nac_tensor *halves = b ? nac_reshape(b, 2, -1) : NULL;
    if (!k || !u || !halves)
        return false;
    bool ok = give(l, l->at, v[0], native_kernel(k, gates, false)) && give(l, l->at + 1, v[1], native_kernel(u, gates, true))
              && give(l, l->at + 2, v[2], v[2]->type.rank == 2 ? halves : nac_sum(halves, .axis = 0));
    l->at += 3;
    return ok;
}

/* Keras 1 kept each gate by itself: W, U, b of one, then of the next. */
static bool give_gates(listing *l, int gates, nac_variable *const *v)
{
    static const int lstm[] = {0, 2, 1, 3}, gru[] = {0, 1, 2};      /* it had input, cell, forget, output */
    nac_tensor *part[4];
    bool ok = true;
    for (int k = 0; ok && k < 3; k++) {
        for (int g = 0; ok && g < gates; g++)
            ok = (part[g] = value(l, l->at + 3 * (gates == 4 ? lstm : gru)[g] + k, v[k]->type.dtype));
        ok = ok && give(l, l->at + k, v[k], nac_concatenate(nac_list_of(gates, part), -1));
    }
    l->at += 3 * gates;
    return ok;
}

/* The weights of one layer, n variables in a row. */
static bool give_block(listing *l, nac_layer *owner, int n, nac_variable *const *v)
{
    const char *cls = owner->base.cls->name;
    int gates = strcmp(cls, "LSTMCell") == 0 ? 4 : strcmp(cls, "GRUCell") == 0 ? 3 : 0, left = l->weights.n - l->at;
    nac_h5_info kernel, bias;
    if (gates && n == 3 && left >= 3) {
        if (!look(l, l->at, &kernel) || !look(l, l->at + 2, &bias))
            return false;
        int64_t units = v[1]->type.dim[0];
        if (l->r->version == 1 && left >= 3 * gates && kernel.rank == 2 && kernel.dim[1] == units)
            return give_gates(l, gates, v);
        if (bias.rank == 1 && bias.dim[0] == 2 * gates * units && kernel.rank == 2 && kernel.dim[1] == gates * units && (gates == 4 || v[2]->type.rank == 2))
            return give_cudnn(l, gates, v);
    }
    for (int i = 0; i < n && l->at < l->weights.n; i++, l->at++) {
        nac_tensor *t = value(l, l->at, v[i]->type.dtype);
        bool kernel_of_conv = i == 0 && strncmp(cls, "Conv", 4) == 0 && strpbrk(cls, "123");
        if (!t || !give(l, l->at, v[i], kernel_of_conv ? modern_kernel(l->r, owner, t) : t))
            return false;
    }
    return true;
}

/* ---- which variables a group lists ---- */

typedef struct {
    const nac_variable *v;
    nac_layer          *owner;
} search;

static bool owns(void *context, nac_layer *l, const char *path)
{
    search *s = context;
    (void)path;
    for (int i = 0; i < l->n_variables; i++)
        if (l->variables[i] == s->v)
            s->owner = l;
    return true;
}

static nac_layer *owner_of(nac_layer *root, const nac_variable *v)
{
    search s = {v, root};
    nac_walk_layers(root, owns, &s);
    return s.owner;
}

/* Those that are trained, then the others. */
static bool legacy_order(const reader *r, nac_layer *l, nac_list *out)
{
    nac_list all = {0};
    bool ok = true;
    if (!r->old || l->trainable)
        return nac_collect_variables(l, NAC_TRAINABLE_WEIGHTS, out) && nac_collect_variables(l, NAC_NON_TRAINABLE_WEIGHTS, out);
    ok = nac_collect_variables(l, NAC_ALL_WEIGHTS, &all);
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; ok && i < all.n; i++)
            if (((nac_variable *)all.items[i])->created_trainable == !pass)
                ok = nac_list_add(out, all.items[i]);
    nac_list_clear(&all);
    return ok;
}

static bool counts_differ(listing *l, const nac_layer *layer, int expected)
{
    char detail[256];
    snprintf(detail, sizeof detail, "\"%.100s\" has %d weights, the file's layer %d", layer->name, expected, l->weights.n);
    nac_misfit_add(&l->r->to, l->weights.n < expected ? NAC_MISSING : NAC_EXTRA, l->group, detail);
    return true;
}

/* How many weights the variables are in the file: a cell of Keras 1 may be more than it is today. */
static int stored_count(const listing *l, nac_layer *layer, const nac_list *variables)
{
    int n = variables->n;
    for (int i = 0; l->r->version == 1 && i < variables->n; i++) {
        const nac_layer *owner = owner_of(layer, variables->items[i]);
        if (owner->n_variables == 3 && owner->variables[0] == variables->items[i])
            n += strcmp(owner->base.cls->name, "LSTMCell") == 0 ? 9 : strcmp(owner->base.cls->name, "GRUCell") == 0 ? 6 : 0;
    }
    return n;
}

static bool keep_layer(listing *l, nac_placeholder *p)
{
    bool ok = true;
    for (int i = 0; ok && i < l->weights.n; i++) {
        char *from = path_of(l->group, l->weights.item[i]), *path = nac_format("vars/%d", i);
        ok = from && path && nac_stage_kept(&l->r->to, p, l->r->h5, from, path);
        nac_free(from);
        nac_free(path);
    }
    return ok;
}

static bool give_layer(listing *l, nac_layer *layer)
{
    nac_list variables = {0};
    if (nac_as_placeholder(layer))
        return keep_layer(l, nac_as_placeholder(layer));
    bool ok = legacy_order(l->r, layer, &variables);
    if (ok && variables.n != l->weights.n && stored_count(l, layer, &variables) != l->weights.n) {
        ok = counts_differ(l, layer, variables.n);
        nac_list_clear(&variables);
        return ok;
    }
    for (int i = 0, n; ok && i < variables.n; i += n) {
        nac_layer *owner = owner_of(layer, variables.items[i]);
        for (n = 1; i + n < variables.n && owner_of(layer, variables.items[i + n]) == owner;)
            n++;
        ok = give_block(l, owner, n, (nac_variable *const *)variables.items + i);
    }
    nac_list_clear(&variables);
    return ok;
}

/* ---- which layer a group is ---- */

/* Or may have: nobody knows what a placeholder has. */
static bool has_weights(nac_layer *l)
{
    return nac_weight_count(l) > 0 || nac_as_placeholder(l);
}

static nac_layer *find_child(nac_layer *m, const char *name)
{
    for (int i = 0; i < m->n_children; i++)
        if (strcmp(m->children[i].layer->name, name) == 0)
            return m->children[i].layer;
    return NULL;
}

/* The n-th child that has weights. */
static nac_layer *weighted_child(nac_layer *m, int n)
{
    for (int i = 0; i < m->n_children; i++)
        if (has_weights(m->children[i].layer) && n-- == 0)
            return m->children[i].layer;
    return NULL;
}

static int count_weighted(nac_layer *m)
{
    int n = 0;
    for (int i = 0; i < m->n_children; i++)
        n += has_weights(m->children[i].layer);
    return n;
}

static bool note_missing(reader *r, nac_layer *l)
{
    nac_list all = {0};
    bool ok = nac_collect_variables(l, NAC_ALL_WEIGHTS, &all);
    char *group = ok ? path_of(r->root, l->name) : NULL;
    for (int i = 0; group && i < all.n; i++)
        nac_misfit_missing(&r->to, group, all.items[i]);
    nac_list_clear(&all);
    nac_free(group);
    return group;
}

/* The groups that have weights. */
static bool weighted_groups(reader *r, const names *layers, char **out, int *count)
{
    *count = 0;
    for (int i = 0; i < layers->n; i++) {
        listing l;
        bool ok = open_listing(r, layers->item[i], &l);
        if (ok && l.weights.n)
            out[(*count)++] = layers->item[i];
        close_listing(&l);
        if (!ok)
            return false;
    }
    return true;
}

static bool all_there(nac_layer *m, char *const *groups, int n)
{
    for (int i = 0; i < n; i++) {
        nac_layer *l = find_child(m, groups[i]);
        if (!l || !has_weights(l))
            return false;
    }
    for (int i = 0; i < m->n_children; i++) {
        const char *name = m->children[i].layer->name;
        int k = 0;
        while (k < n && strcmp(groups[k], name))
            k++;
        if (k == n && nac_weight_count(m->children[i].layer))
            return false;
    }
    return true;
}

static bool give_group(reader *r, const char *name, nac_layer *layer)
{
    listing l;
    bool ok = open_listing(r, name, &l) && give_layer(&l, layer);
    close_listing(&l);
    return ok || nac_trail("in layer \"%.100s\"", layer->name);
}

static bool by_position(reader *r, nac_model *m, char *const *groups, int n)
{
    if (n != count_weighted(m))
        return nac_fail(NAC_E_FORMAT,
                        "the weights do not fit the model: \"%s\" has %d layers with weights, the file %d; .by_name = true loads what has the same name", m->name, count_weighted(m), n);
    for (int i = 0; i < n; i++)
        if (!give_group(r, groups[i], weighted_child(m, i)))
            return false;
    return true;
}

/* What only one of the two has is no misfit. */
static bool by_name(reader *r, nac_model *m, char *const *groups, int n)
{
    for (int i = 0; i < n; i++) {
        nac_layer *l = find_child(m, groups[i]);
        if (l && has_weights(l)) {
            if (!give_group(r, groups[i], l))
                return false;
            continue;
        }
        char *path = path_of(r->root, groups[i]);
        r->to.lenient = true;
        if (path)
            nac_misfit_add(&r->to, NAC_EXTRA, path, l ? "the layer of this name has no weights" : "the model has no layer of this name");
        r->to.lenient = false;
        nac_free(path);
        if (!path)
            return false;
    }
    r->to.lenient = true;
    for (int i = 0; i < m->n_children; i++) {
        nac_layer *l = m->children[i].layer;
        bool there = !nac_weight_count(l);
        for (int k = 0; k < n; k++)
            there = there || strcmp(groups[k], l->name) == 0;
        if (!there && !note_missing(r, l))
            return false;
    }
    r->to.lenient = false;
    return true;
}

/* The model's own variables, beside its layers'. */
static bool give_own(reader *r, nac_model *m)
{
    nac_h5_info info;
    listing l;
    char *path = path_of(r->root, "top_level_model_weights");
    bool ok = path && nac_h5_look(r->h5, path, &info);
    nac_free(path);
    if (!ok || info.kind != NAC_H5_GROUP)
        return ok;
    ok = open_listing(r, "top_level_model_weights", &l);
    if (ok && l.weights.n != m->n_variables)
        ok = counts_differ(&l, m, m->n_variables);
    else
        for (int pass = 0; pass < 2; pass++)
            for (int i = 0; ok && i < m->n_variables; i++)
                if (m->variables[i]->created_trainable == !pass) {
                    ok = give(&l, l.at, m->variables[i], value(&l, l.at, m->variables[i]->type.dtype));
                    l.at++;
                }
    close_listing(&l);
    return ok;
}

static bool read_origin(reader *r)
{
    char *version = NULL, *backend = NULL;
    bool ok = nac_h5_text(r->h5, r->root, "keras_version", &version) && nac_h5_text(r->h5, r->root, "backend", &backend);
    r->version = major(version);
    r->old = r->version == 1 || (version && (strncmp(version, "2.0", 3) == 0 || strncmp(version, "2.1", 3) == 0 || strncmp(version, "2.2", 3) == 0)
                                 && !strchr(version, '-'));         /* tf.keras of that time: "2.2.4-tf" */
    r->flipped = backend && strcmp(backend, "theano") == 0;
    nac_free(version);
    nac_free(backend);
    return ok;
}

static bool give_all(reader *r, nac_model *m, nac_legacy_match match)
{
    names layers;
    int n = 0;
    if (!read_origin(r) || !read_names(r->h5, r->root, "layer_names", &layers))
        return false;
    if (!layers.item)
        return nac_fail(NAC_E_FORMAT, "there is no attribute \"layer_names\" at \"/%s\"", r->root);
    char **groups = nac_malloc(((size_t)layers.n + 1) * sizeof *groups);
    bool ok = groups && weighted_groups(r, &layers, groups, &n);
    if (ok && match == NAC_BY_OWN_NAMES)
        match = all_there(m, groups, n) ? NAC_BY_NAME : NAC_BY_POSITION;
    ok = ok && (match == NAC_BY_NAME ? by_name(r, m, groups, n) : by_position(r, m, groups, n)) && give_own(r, m);
    nac_free(groups);
    nac_h5_texts_free(layers.item, layers.n);
    return ok;
}

/* ---- the optimizer's ---- */

static bool fits(const listing *l, int i, const nac_variable *v, bool *same)
{
    nac_h5_info info;
    if (!look(l, i, &info))
        return false;
    *same = info.rank == v->type.rank && memcmp(info.dim, v->type.dim, (size_t)info.rank * sizeof *info.dim) == 0;
    return true;
}

/* The slots of a variable in the order in which Keras makes them. */
static nac_variable *slot_of(const nac_optimizer *o, const nac_variable *v, int k)
{
    for (int i = 0; i < o->n_slots; i++)
        if (o->slots[i].variable == v)
            return k < NAC_OPTIMIZER_SLOTS ? o->slots[i].slot[k] : NULL;
    return NULL;
}

/* Before Keras 2.11 all first slots stood before all second ones, and some optimizers did not keep the count of steps. */
static bool old_order(const listing *l, const nac_optimizer *o, const nac_list *trained, nac_list *out)
{
    nac_variable *v;
    bool counted = true;
    if (l->weights.n && !fits(l, 0, o->iterations, &counted))
        return false;
    if (counted && !nac_list_add(out, o->iterations))
        return false;
    for (int k = 0; k < NAC_OPTIMIZER_SLOTS; k++)
        for (int i = 0; i < trained->n; i++)
            if ((v = slot_of(o, trained->items[i], k)) && !nac_list_add(out, v))
                return false;
    return true;
}

static bool match_slots(const listing *l, const nac_list *targets, bool exactly, bool *same)
{
    *same = exactly ? l->weights.n == targets->n : l->weights.n >= targets->n;
    for (int i = 0; *same && i < targets->n; i++)
        if (!fits(l, i, targets->items[i], same))
            return false;
    return true;
}

/* State that does not fit is left out, as Keras leaves it. */
static bool give_slots(listing *l, nac_optimizer *o, const nac_list *trained)
{
    nac_list targets = {0};
    bool same = false, modern = l->r->version >= 3 || (l->weights.n && strcmp(l->weights.item[0], "iteration:0") == 0);
    bool ok = modern ? nac_optimizer_variables(o, trained->n, (nac_variable *const *)trained->items, &targets) : old_order(l, o, trained, &targets);
    nac_list without = {0};             /* Keras 2.11 and later 2 did not keep the learning rate */
    for (int i = 0; ok && l->r->version < 3 && modern && i < targets.n; i++)
        ok = targets.items[i] == o->learning_rate || nac_list_add(&without, targets.items[i]);
    const nac_list *wanted = without.n ? &without : &targets;
    ok = ok && match_slots(l, wanted, modern, &same);
    for (int i = 0; ok && same && i < wanted->n; i++)
        ok = nac_stage(&l->r->to, wanted->items[i], value(l, i, ((nac_variable *)wanted->items[i])->type.dtype));
    if (ok && !same) {
        char detail[128];
        snprintf(detail, sizeof detail, "%d variables, which are not those of %s", l->weights.n, o->base.cls->name);
        nac_misfit_add(&l->r->to, NAC_OPTIMIZER_SKIPPED, "optimizer_weights", detail);
    }
    nac_list_clear(&without);
    nac_list_clear(&targets);
    return ok;
}

static bool give_optimizer(reader *r, nac_model *m)
{
    nac_h5_info info;
    nac_optimizer *o;
    nac_list trained = {0};
    listing l = {.r = r};
    if (!nac_optimizer_ready(m, &o) || !nac_h5_look(r->h5, "optimizer_weights", &info))
        return false;
    if (!o || info.kind != NAC_H5_GROUP)
        return true;
    bool ok = (l.group = nac_strdup("optimizer_weights")) && read_names(r->h5, l.group, "weight_names", &l.weights)
              && nac_collect_variables(m, NAC_TRAINABLE_WEIGHTS, &trained) && give_slots(&l, o, &trained);
    nac_list_clear(&trained);
    close_listing(&l);
    return ok;
}

bool nac_legacy_weights_read(nac_h5 *h5, nac_model *m, nac_legacy_match match, bool skip_mismatch, nac_load_report *report)
{
    nac_h5_info info;
    reader r = {.h5 = h5};
    if (!nac_h5_look(h5, "model_weights", &info))
        return false;
    r.root = info.kind == NAC_H5_GROUP ? "model_weights" : "";
    nac_staging_begin(&r.to, report);
    bool ok = give_all(&r, m, match) && (match != NAC_BY_OWN_NAMES || give_optimizer(&r, m));
    return nac_staging_end(&r.to, ok, skip_mismatch);
}

/* ---- whole models ---- */

static cJSON *read_json(nac_h5 *h5, const char *attribute)
{
    char *text = NULL;
    if (!nac_h5_text(h5, "", attribute, &text) || !text)
        return NULL;
    cJSON *json = nac_json_parse(text, strlen(text), attribute);
    nac_free(text);
    return json;
}

static bool read_version(nac_h5 *h5, int *version)
{
    char *text = NULL;
    bool ok = nac_h5_text(h5, "", "keras_version", &text);
    *version = major(text);
    nac_free(text);
    return ok;
}

static bool compile(nac_h5 *h5, nac_model *m)
{
    bool there;
    if (!has_text(h5, "", "training_config", &there))
        return false;
    if (!there)
        return true;
    cJSON *training = read_json(h5, "training_config"), *config = training ? nac_modernize_compile(training) : NULL;
    bool ok = config && nac_compile_from_config(m, config);
    cJSON_Delete(training);
    cJSON_Delete(config);
    return ok || nac_trail("in the training_config of \"%s\"; .compile = false leaves it out", m->name);
}

nac_model *nac_legacy_load(nac_h5 *h5, bool with_compile, nac_load_report *report)
{
    int version;
    bool there;
    if (!read_version(h5, &version) || !has_text(h5, "", "model_config", &there))
        return NULL;
    if (!there)
        return nac_fail(NAC_E_FORMAT, "there is no model_config in the file; if it holds weights alone, nac_load_weights reads them");
    cJSON *json = read_json(h5, "model_config");
    nac_model *m = json && nac_modernize(json, version) ? nac_layer_from_json(json, "model_config") : NULL;
    cJSON_Delete(json);
    if (m && !m->built)
        return nac_fail(NAC_E_FORMAT, "model \"%s\": the file does not tell its input's shape, so it cannot be built", m->name);
    return m && (!with_compile || compile(h5, m)) && nac_legacy_weights_read(h5, m, NAC_BY_OWN_NAMES, false, report) ? m : NULL;
}
