/* What every layer does: it is named, built at its first call, called, tracked. */
#include <fnmatch.h>
#include <string.h>
#include <sys/random.h>
#include "layers/layer.h"

/* ---- names and random streams of this thread ---- */

typedef struct {
    char name[96];
    int  count;
} counter;

static _Thread_local counter counters[256];
static _Thread_local int n_counters;
static _Thread_local uint64_t random_state;
static _Thread_local bool seeded;

char *nac_auto_name(const char *class_name)
{
    char snake[96];
    nac_snake_case(class_name, snake, sizeof snake);
    for (int i = 0; i < n_counters; i++)
        if (strcmp(counters[i].name, snake) == 0)
            return nac_format("%s_%d", snake, ++counters[i].count);
    if (n_counters < NAC_COUNT(counters)) {
        memcpy(counters[n_counters].name, snake, sizeof snake);
        counters[n_counters++].count = 0;
    }
    return nac_strdup(snake);
}

void nac_clear_session(void)
{
    n_counters = 0;
}

static bool reset_one(void *context, nac_layer *layer, const char *path)
{
    const nac_layer_type *type = nac_layer_class(layer);
    (void)context, (void)path;
    return !type->reset_state || type->reset_state(layer);
}

bool nac_reset_state(nac_layer *l)
{
    return l && nac_walk_layers(l, reset_one, NULL);
}

void nac_set_random_seed(uint64_t seed)
{
    random_state = seed;
    seeded = true;
}

uint64_t nac_random_state(void)
{
    if (!seeded) {
        if (getrandom(&random_state, sizeof random_state, 0) != (ssize_t)sizeof random_state)
            random_state = (uint64_t)(uintptr_t)&random_state;
        seeded = true;
    }
    return random_state;
}

/* SplitMix64 (Steele, Lea, Flood 2014) */
uint64_t nac_next_random(void)
{
    uint64_t z = random_state = nac_random_state() + 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (z ^ z >> 31) & INT64_MAX;
}

/* ---- making ---- */

bool nac_layer_init(void *self)
{
    nac_layer *l = self;
    if (!nac_layer_class(l)->call)
        return nac_fail(NAC_E_ARGUMENT, "layer class \"%s\": call: expected a function, found NULL", l->base.cls->name);
    const char *const *name = nac_option_of(&l->base, "name"), *const *dtype = nac_option_of(&l->base, "dtype");
    const bool *trainable = nac_option_of(&l->base, "trainable");
    const nac_spec *activity_regularizer = nac_option_of(&l->base, "activity_regularizer");
    l->name = name && *name ? nac_strdup(*name) : nac_auto_name(nac_naming(l));
    l->trainable = !trainable || *trainable;
    l->dtype = NAC_FLOAT32;
    if (!l->name)
        return false;
    if (strchr(l->name, '/'))
        return nac_fail(NAC_E_ARGUMENT, "%s: name: expected a text without \"/\", found \"%s\"", l->base.cls->name, l->name);
    if (dtype && *dtype) {
        l->dtype = nac_dtype_from_name(*dtype);
        if (!nac_is_float(l->dtype))
            return nac_fail(NAC_E_UNSUPPORTED, "%s: dtype: expected float32 or float64, found \"%s\"", l->base.cls->name, *dtype);
    }
    if (activity_regularizer)
        l->activity_regularizer = nac_retain(*activity_regularizer);
    for (int i = 0; i < l->base.cls->n_options; i++) {          /* a layer as an activation has weights, perhaps */
        const nac_option *row = &l->base.cls->options[i];
        const nac_spec *spec = row->other == NAC_KIND_LAYER ? (const nac_spec *)((const char *)l->base.options + row->offset) : NULL;
        if (spec && nac_is(*spec, NAC_KIND_LAYER) && !nac_attach(l, row->name, (nac_layer *)*spec))
            return false;
    }
    return true;
}

static void clear_losses(nac_layer *l)
{
    while (l->n_losses > 0)
        nac_release(l->losses[--l->n_losses]);
}

void nac_layer_release(void *self)
{
    nac_layer *l = self;
    clear_losses(l);
    nac_free(l->losses);
    for (int i = 0; i < l->n_variables; i++)
        nac_release(l->variables[i]);
    nac_free(l->variables);
    for (int i = 0; i < l->n_children; i++) {
        nac_free(l->children[i].name);
        nac_release(l->children[i].layer);
    }
    nac_free(l->children);
    for (int i = 0; i < l->n_metrics; i++)
        nac_release(l->metrics[i]);
    nac_free(l->metrics);
    for (int i = 0; i < l->n_states; i++)
        nac_release(l->states[i]);
    nac_free(l->states);
    nac_release(l->seed);
    nac_release(l->activity_regularizer);
    nac_release(l->trainer);
    nac_free(l->name);
}

bool nac_rename(nac_layer *l, const char *name)
{
    char *copy = nac_strdup(name);
    if (!copy)
        return false;
    nac_free(l->name);
    l->name = copy;
    return true;
}

static bool grow(void *array, int n, size_t size)
{
    void **a = array;
    if (n & (n - 1))                    /* full at powers of two */
        return true;
    void *grown = nac_realloc(*a, (size_t)(n ? 2 * n : 1) * size);
    if (grown)
        *a = grown;
    return grown;
}

nac_layer *nac_attach(nac_layer *self, const char *name, nac_layer *child)
{
    if (!self || !child || !grow(&self->children, self->n_children, sizeof *self->children))
        return NULL;
    char *copy = nac_strdup(name);
    if (!copy)
        return NULL;
    self->children[self->n_children++] = (nac_child){copy, nac_retain(child)};
    return child;
}

/* ---- weights ---- */

nac_aside nac_step_aside(void)
{
    nac_thread *t = nac_this_thread();
    nac_aside a = {t->top, t->abstract};
    t->top = NULL;
    t->abstract = 0;
    return a;
}

void nac_step_back(nac_aside a)
{
    nac_thread *t = nac_this_thread();
    t->top = a.top;
    t->abstract = a.abstract;
}

static bool is_model(const nac_layer *l)
{
    return strcmp(l->base.cls->name, "Functional") == 0 || strcmp(l->base.cls->name, "Sequential") == 0;
}

/* Names of the layers being built around this one, joined: "attention/query/kernel". */
static char *path_of(const call_frame *frame, nac_layer *self, const char *name)
{
    char *path = nac_format("%s/%s", self->name, name);
    for (; frame && path; frame = frame->outer) {
        if (frame->layer == self || is_model(frame->layer))
            continue;
        char *longer = nac_format("%s/%s", frame->layer->name, path);
        nac_free(path);
        path = longer;
    }
    return path;
}

/* What a file will give a value need not be drawn. A layer of the user's own may make some that are in no file. */
static bool is_blank(void)
{
    bool blank = nac_this_thread()->blank_weights;
    for (const call_frame *f = nac_this_thread()->call; blank && f; f = f->outer)
        blank = !nac_class_is_registered(f->layer->base.cls);
    return blank;
}

nac_variable *nac_add_weight_with(const nac_weight_options *o)
{
    nac_layer *self = o->layer;
    nac_type type;
    bool ok;
    if (!self || !nac_type_from(&type, o->dtype ? o->dtype : self->dtype, &o->shape) || !grow(&self->variables, self->n_variables, sizeof *self->variables))
        return NULL;
    nac_scope scope = nac_scope_begin();
    nac_aside a = nac_step_aside();
    nac_instance *initializer = nac_own(nac_resolve(NAC_KIND_INITIALIZER, o->initializer ? o->initializer : "glorot_uniform", o->name, &ok));
    const nac_initializer_type *maker = initializer ? (const nac_initializer_type *)initializer->cls : NULL;
    nac_tensor *value = !maker ? NULL : is_blank() ? nac_tensor_zeros(&type)
                                     : maker->make(initializer, type.dtype, nac_shape_of(type.rank, type.dim), o->fan_in, o->fan_out);
    nac_variable *v = nac_variable_alloc(o->name, &type, value, o->trainable);
    char *path = v ? path_of(nac_this_thread()->call, self, o->name) : NULL;
    if (path) {
        nac_free(v->path);
        v->path = path;
        v->regularizer = nac_retain(o->regularizer);
        v->constraint = nac_retain(o->constraint);
        v->trainable = o->trainable && self->trainable;
        self->variables[self->n_variables++] = nac_retain(v);
    }
    nac_step_back(a);
    nac_scope_end(&scope);
    return path ? self->variables[self->n_variables - 1] : nac_trail("in weight \"%s\" of %s \"%s\"", o->name, self->base.cls->name, self->name);
}

nac_variable *nac_track(nac_layer *self, nac_variable *v)
{
    if (!v || !grow(&self->variables, self->n_variables, sizeof *self->variables))
        return NULL;
    return self->variables[self->n_variables++] = nac_retain(v);
}

bool nac_layer_stream(nac_layer *self, int64_t key)
{
    if (self->seed)
        return true;
    nac_scope scope = nac_scope_begin();
    nac_aside a = nac_step_aside();
    int64_t state[2] = {key == NAC_NONE ? (int64_t)nac_next_random() : key, 0};
    nac_tensor *value = nac_tensor_new(NAC_INT64, NAC_SHAPE(2), state);
    nac_variable *v = value ? nac_variable_alloc("seed_generator_state", nac_type_of(value), value, false) : NULL;
    char *path = v ? nac_format("%s/seed_generator_state", self->name) : NULL;
    if (path) {
        nac_free(v->path);
        v->path = path;
        self->seed = nac_retain(v);
    }
    nac_step_back(a);
    nac_scope_end(&scope);
    return path;
}

nac_tensor *nac_layer_seed(nac_layer *self, int64_t seed)
{
    static const int64_t one[2] = {0, 1};
    if (!self || !nac_layer_stream(self, seed))
        return NULL;
    nac_tensor *now = nac_value(self->seed);
    return nac_assign(self->seed, nac_add(now, nac_tensor_new(NAC_INT64, NAC_SHAPE(2), one))) ? now : NULL;
}

nac_variable *nac_add_state(nac_layer *self, nac_variable *v)
{
    if (!self || !v)
        return NULL;
    nac_variable **grown = nac_realloc(self->states, ((size_t)self->n_states + 1) * sizeof *grown);
    if (!grown)
        return NULL;
    self->states = grown;
    return self->states[self->n_states++] = nac_retain(v);
}

/* ---- building ---- */

bool nac_build_layer(nac_layer *self, int n_in, const nac_type *in)
{
    if (!self)
        return false;
    if (self->built)
        return true;
    nac_thread *thread = nac_this_thread();
    call_frame frame = {.outer = thread->call, .layer = self, .building = true};
    thread->call = &frame;
    bool ok = !nac_layer_class(self)->build || nac_layer_class(self)->build(self, n_in, in);
    thread->call = frame.outer;
    if (!ok) {                          /* as if it had not been tried */
        while (self->n_variables > 0)
            nac_release(self->variables[--self->n_variables]);
        return false;
    }
    self->built = true;
    self->n_build = n_in;
    memcpy(self->build_type, in, (size_t)n_in * sizeof *in);
    return true;
}

bool nac_adapt(nac_layer *l, nac_tensor *data)
{
    if (!l || !data)
        return false;
    if (!nac_layer_class(l)->adapt)
        return nac_fail(NAC_E_UNSUPPORTED, "%s \"%s\": it finds nothing in data that it could be adapted to", l->base.cls->name, l->name);
    nac_scope scope = nac_scope_begin();
    bool ok = nac_layer_class(l)->adapt(l, data);
    nac_scope_end(&scope);
    if (!ok)
        nac_trail("in adapting %s \"%s\"", l->base.cls->name, l->name);
    return ok;
}

bool nac_expect_inputs(nac_layer *self, int n_in, int expected)
{
    self->n_expected = expected;
    return n_in == expected || nac_fail(NAC_E_ARGUMENT, "%s \"%s\": expected %d input%s, found %d", self->base.cls->name, self->name, expected,
                                        expected == 1 ? "" : "s", n_in);
}

bool nac_expect_rank(const nac_layer *self, const nac_type *in, int least, int most)
{
    char text[128];
    if (in->rank >= least && in->rank <= most)
        return true;
    nac_dims_text(in->rank, in->dim, text, sizeof text);
    if (least == most)
        return nac_fail(NAC_E_SHAPE, "%s \"%s\": expected an input of rank %d, found %s", self->base.cls->name, self->name, least, text);
    return nac_fail(NAC_E_SHAPE, "%s \"%s\": expected an input of rank %d or more, found %s", self->base.cls->name, self->name, least, text);
}

bool nac_expect_known(const nac_layer *self, const nac_type *in, int axis)
{
    char text[128];
    int a = nac_axis(axis, in->rank);
    return (a >= 0 && in->dim[a] > 0)
           || nac_fail(NAC_E_SHAPE, "%s \"%s\": axis %d of the input must be known and not empty, found %s", self->base.cls->name, self->name, axis,
                       nac_dims_text(in->rank, in->dim, text, sizeof text));
}

/* ---- losses ---- */

static bool keep_loss(nac_layer *self, nac_tensor *loss)
{
    if (!loss || !grow(&self->losses, self->n_losses, sizeof *self->losses))
        return false;
    self->losses[self->n_losses++] = nac_retain(loss);
    return true;
}

bool nac_add_loss(nac_layer *self, nac_tensor *loss)
{
    if (!self || !loss)
        return false;
    if (nac_this_thread()->abstract)
        return true;
    if (nac_is_list(loss) || loss->type.rank != 0)
        loss = nac_sum(loss);
    return keep_loss(self, loss);
}

static bool forget_losses(void *context, nac_layer *l, const char *path)
{
    (void)context;
    (void)path;
    clear_losses(l);
    return true;
}

static nac_tensor *regularize(nac_spec regularizer, nac_tensor *x)
{
    const nac_instance *r = regularizer;
    return ((const nac_regularizer_type *)r->cls)->loss(r, x);
}

static bool regularize_activity(nac_layer *self, const nac_layer_call *c)
{
    for (int i = 0; i < c->n_out; i++) {
        nac_tensor *loss = regularize(self->activity_regularizer, c->out[i]);
        double batch = c->out[i]->type.rank ? (double)c->out[i]->type.dim[0] : 1;
        if (!nac_add_loss(self, nac_mul_scalar(loss, 1 / batch)))
            return false;
    }
    return true;
}

/* ---- tracking ---- */

typedef struct {
    nac_list  seen;
    nac_visit visit;
    void     *context;
} walker;

static bool walk(walker *w, nac_layer *l, const char *path)
{
    if (nac_list_has(&w->seen, l))
        return true;
    if (!nac_list_add(&w->seen, l) || !w->visit(w->context, l, path))
        return false;
    for (int i = 0; i < l->n_children; i++)
        if (!walk(w, l->children[i].layer, l->children[i].name))
            return false;
    return true;
}

bool nac_walk_layers(nac_layer *root, nac_visit visit, void *context)
{
    walker w = {.visit = visit, .context = context};
    bool ok = walk(&w, root, "");
    nac_list_clear(&w.seen);
    return ok;
}

typedef struct {
    nac_which which;
    nac_list *out;
} collector;

/* Keras's order: own trainable, own others, then sublayers; each variable once. */
static bool collect(void *context, nac_layer *l, const char *path)
{
    const collector *c = context;
    (void)path;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < l->n_variables; i++) {
            nac_variable *v = l->variables[i];
            bool wanted = c->which == NAC_ALL_WEIGHTS || (c->which == NAC_TRAINABLE_WEIGHTS) == v->trainable;
            if (v->created_trainable == !pass && wanted && !nac_list_has(c->out, v) && !nac_list_add(c->out, v))
                return false;
        }
    return true;
}

bool nac_collect_variables(nac_layer *root, nac_which which, nac_list *out)
{
    return nac_walk_layers(root, collect, &(collector){which, out});
}

static bool collect_seed(void *context, nac_layer *l, const char *path)
{
    (void)path;
    return !l->seed || nac_list_add(context, l->seed);
}

bool nac_collect_seeds(nac_layer *root, nac_list *out)
{
    return nac_walk_layers(root, collect_seed, out);
}

static bool collect_metrics(void *context, nac_layer *l, const char *path)
{
    (void)path;
    for (int i = 0; i < l->n_metrics; i++)
        if (!nac_list_add(context, l->metrics[i]))
            return false;
    return true;
}

bool nac_collect_metrics(nac_layer *root, nac_list *out)
{
    return nac_walk_layers(root, collect_metrics, out);
}

static bool collect_losses(void *context, nac_layer *l, const char *path)
{
    (void)path;
    for (int i = 0; i < l->n_losses; i++)
        if (!nac_list_add(context, l->losses[i]))
            return false;
    return true;
}

/* Keras's order: what calls left, then the weights', each once. */
bool nac_collect_losses(nac_layer *root, nac_list *out)
{
    nac_list weights = {0};
    bool ok = nac_walk_layers(root, collect_losses, out) && nac_collect_variables(root, NAC_TRAINABLE_WEIGHTS, &weights);
    for (int i = 0; ok && i < weights.n; i++) {
        nac_variable *v = weights.items[i];
        ok = !v->regularizer || nac_list_add(out, regularize(v->regularizer, nac_value(v)));
    }
    nac_list_clear(&weights);
    return ok;
}

nac_tensor *nac_losses(nac_layer *l)
{
    nac_list all = {0};
    nac_tensor *sum = NULL;
    bool ok = l && nac_collect_losses(l, &all);
    for (int i = 0; ok && i < all.n; i++)
        ok = (sum = sum ? nac_add(sum, all.items[i]) : all.items[i]);
    if (ok && sum)
        sum = nac_own(nac_retain(sum));
    else if (ok)
        sum = nac_scalar_of(l->dtype, 0);
    nac_list_clear(&all);
    return ok ? sum : NULL;
}

/* ---- calling ---- */

bool nac_return(nac_layer_call *c, nac_tensor *t)
{
    c->out[0] = t;
    c->n_out = 1;
    return t;
}

bool nac_optional_value(nac_variable *v, nac_tensor **value)
{
    *value = v ? nac_value(v) : NULL;
    return *value || !v;
}

nac_tensor *nac_activate(nac_spec activation, nac_tensor *x)
{
    if (!activation || !x)
        return x;
    if (nac_is(activation, NAC_KIND_LAYER))
        return nac_call((nac_layer *)activation, x);
    return ((const nac_activation_function_type *)((const nac_instance *)activation)->cls)->apply(x);
}

static call_frame *outermost(void)
{
    call_frame *f = nac_this_thread()->call;
    while (f && f->outer)
        f = f->outer;
    return f;
}

bool nac_take_mask(const nac_tensor *t)
{
    call_frame *f = outermost();
    if (!t->mask)
        return true;
    uint64_t *ids = nac_realloc(f->unmasked, (size_t)(f->n_unmasked + 1) * sizeof *ids);
    if (ids) {
        f->unmasked = ids;
        ids[f->n_unmasked++] = t->id;
    }
    return ids;
}

nac_tensor *nac_mask_of(const nac_tensor *t)
{
    const call_frame *f = outermost();
    for (int i = 0; f && i < f->n_unmasked; i++)
        if (f->unmasked[i] == t->id)
            return NULL;
    return t->mask;
}

static nac_tensor *mask_for(const nac_call_options *o, int i, const nac_tensor *input)
{
    nac_tensor *mask = o->mask && i < nac_list_length(o->mask) ? nac_at(o->mask, i) : NULL;
    return mask && mask->type.rank > 0 ? mask : nac_mask_of(input);
}

static bool prepare(nac_layer *self, const nac_call_options *o, nac_layer_call *c)
{
    c->n_in = nac_flatten_into(o->inputs, c->in, NAC_MAX_IO);
    if (c->n_in < 0)
        return false;
    for (int i = 0; i < c->n_in; i++) {
        c->mask[i] = mask_for(o, i, c->in[i]);
        if (nac_is_float(c->in[i]->type.dtype) && c->in[i]->type.dtype != self->dtype && !is_model(self) && !nac_layer_class(self)->any_dtype) {
            nac_tensor *cast = nac_cast(c->in[i], self->dtype);
            c->in[i] = cast && !cast->node ? cast : c->in[i];
        }
    }
    nac_tensor *states[NAC_MAX_IO];
    int n = o->initial_state ? nac_flatten_into(o->initial_state, states, NAC_MAX_IO - c->n_in) : 0;
    for (int i = 0; i < n; i++)
        c->in[c->n_in++] = states[i];
    c->mask_given = o->mask;
    c->attention_mask = o->attention_mask;
    c->use_causal_mask = o->use_causal_mask;
    c->return_attention_scores = o->return_attention_scores;
    c->reverse = o->reverse;
    return n >= 0;
}

static bool build_for(nac_layer *self, const nac_layer_call *c)
{
    nac_type types[NAC_MAX_IO];
    if (self->built)
        return !self->n_expected || nac_expect_inputs(self, c->n_in, self->n_expected);
    for (int i = 0; i < c->n_in; i++) {
        types[i] = c->in[i]->type;
        if (types[i].rank > 0 && !nac_this_thread()->abstract)
            types[i].dim[0] = -1;       /* weights do not depend on the batch; what a model is drawn up with stays: in the file of a stateful layer Keras wants it */
    }
    return nac_build_layer(self, c->n_in, types);
}

static bool run(nac_layer *self, nac_layer_call *c)
{
    const nac_layer_type *type = nac_layer_class(self);
    nac_thread *thread = nac_this_thread();
    call_frame frame = {.outer = thread->call, .layer = self, .training = c->training, .training_said = c->training_said};
    if (!build_for(self, c))
        return false;
    thread->call = &frame;
    c->n_out = 0;
    bool ok = type->call(self, c) && c->n_out > 0;
    for (int i = 0; ok && i < c->n_out; i++)
        ok = c->out[i];
    nac_tensor *mask[NAC_MAX_IO] = {NULL};
    if (ok && type->compute_mask)
        ok = type->compute_mask(self, c, mask);
    else if (ok && type->supports_masking && c->n_in)
        mask[0] = c->mask[0];
    for (int i = 0; ok && i < c->n_out && !is_model(self); i++)     /* a model's outputs carry what its layers gave them */
        ok = (c->out[i] = nac_with_mask(c->out[i], mask[i]));
    if (ok && self->activity_regularizer && !thread->abstract)
        ok = regularize_activity(self, c);
    thread->call = frame.outer;
    nac_free(frame.unmasked);
    if (!ok && nac_ok())
        nac_fail(NAC_E_STATE, "%s \"%s\": its call returned nothing, without an error", self->base.cls->name, self->name);
    return ok;
}

static nac_tensor *pack(const nac_layer_call *c)
{
    return c->n_out == 1 ? c->out[0] : nac_list_of(c->n_out, c->out);
}

/* ---- symbolic calls ---- */

static void release_node(void *object)
{
    layer_node *node = object;
    nac_release(node->structure);
    nac_release(node->layer);
    nac_release(node->options.mask);
    nac_release(node->options.initial_state);
    nac_release(node->options.attention_mask);
}

static layer_node *node_new(nac_layer *layer)
{
    static const nac_object_type node_type = {NAC_KIND_NODE, release_node};
    layer_node *node = nac_object_alloc(&node_type, sizeof *node);
    if (node) {
        node->node.apply = nac_apply_symbolic;
        node->layer = nac_retain(layer);
    }
    return node;
}

layer_node *nac_node_of(const nac_tensor *t)
{
    return t ? (layer_node *)t->node : NULL;
}

nac_tensor *nac_symbolic(layer_node *node, int slot)
{
    nac_tensor *t = nac_tensor_abstract(&node->out[slot]);
    if (t) {
        t->node = nac_retain(node);
        t->slot = slot;
    }
    return t;
}

layer_node *nac_input_node(nac_layer *input_layer, const nac_type *type)
{
    layer_node *node = node_new(input_layer);
    if (node) {
        node->n_out = 1;
        node->out[0] = *type;
    }
    return node;
}


/* Inputs stand in as shapes; what the call computes is inferred only. */
static nac_tensor *abstracted(nac_tensor *t)
{
    if (!t)
        return NULL;
    if (!nac_is_list(t)) {
        nac_tensor *a = t->node ? nac_tensor_abstract(&t->type) : t;
        return a;
    }
    nac_tensor *items[NAC_MAX_IO];
    for (int i = 0; i < t->n_items; i++)
        items[i] = abstracted(t->items[i]);
    return nac_list_of(t->n_items, items);
}

static nac_tensor *call_symbolic(nac_layer *self, const nac_call_options *o)
{
    nac_layer_call c = {0};
    nac_call_options shapes = *o;
    nac_thread *thread = nac_this_thread();
    layer_node *node = node_new(self);
    thread->abstract++;
    shapes.inputs = abstracted(o->inputs);
    shapes.initial_state = abstracted(o->initial_state);
    shapes.attention_mask = abstracted(o->attention_mask);
    shapes.mask = abstracted(o->mask);
    c.training = o->training == true;
    bool ok = node && prepare(self, &shapes, &c) && run(self, &c);
    thread->abstract--;
    nac_tensor *result = NULL;
    if (ok) {
        node->options = *o;
        nac_retain(o->mask);
        nac_retain(o->initial_state);
        nac_retain(o->attention_mask);
        node->structure = nac_retain(o->inputs);
        node->n_in = nac_flatten_into(o->inputs, node->in, NAC_MAX_IO);
        node->n_out = c.n_out;
        for (int i = 0; i < c.n_out; i++)
            node->out[i] = c.out[i]->type;
        nac_layer_call symbols = {.n_out = c.n_out};
        for (int i = 0; i < c.n_out; i++)
            symbols.out[i] = nac_symbolic(node, i);
        result = pack(&symbols);
    }
    nac_release(node);
    return result;
}

static bool any_symbolic(const nac_tensor *t)
{
    for (int i = 0; t && i < t->n_items; i++)
        if (any_symbolic(t->items[i]))
            return true;
    return t && t->node;
}

const nac_call_options nac_call_defaults = {NAC_CALL_OPTIONS(NAC_DEFAULT, )};

nac_tensor *nac_call_with(const nac_call_options *o)
{
    nac_layer *self = o->layer;
    if (!self || !o->inputs)
        return NULL;
    nac_thread *thread = nac_this_thread();
    const call_frame *outer = thread->call;
    nac_layer_call c = {.training = o->training != NAC_NONE ? o->training != 0 : outer && outer->training,
                        .training_said = o->training != NAC_NONE || (outer && outer->training_said)};
    nac_scope scope = nac_scope_begin();
    nac_tensor *result = NULL;
    if (!thread->abstract && (any_symbolic(o->inputs) || any_symbolic(o->initial_state))) {
        result = call_symbolic(self, o);
    } else {
        if (!outer && !thread->abstract)
            nac_walk_layers(self, forget_losses, NULL);
        if (prepare(self, o, &c) && run(self, &c))
            result = pack(&c);
    }
    if (!result && self->name)
        nac_trail("in %s \"%s\"", self->base.cls->name, self->name);
    result = nac_keep(result);
    nac_scope_end(&scope);
    return result;
}

/* ---- looking ---- */

const char *nac_layer_name(const nac_layer *l)
{
    return l ? l->name : NULL;
}

const char *nac_layer_class_name(const nac_layer *l)
{
    return l ? l->base.cls->name : NULL;
}

bool nac_layer_built(const nac_layer *l)
{
    return l && l->built;
}

int nac_weight_count(const nac_layer *l)
{
    nac_list all = {0};
    int n = l && nac_collect_variables((nac_layer *)l, NAC_ALL_WEIGHTS, &all) ? all.n : 0;
    nac_list_clear(&all);
    return n;
}

nac_variable *nac_weight(const nac_layer *l, int index)
{
    nac_list all = {0};
    if (!l || !nac_collect_variables((nac_layer *)l, NAC_ALL_WEIGHTS, &all))
        return NULL;
    int n = all.n;
    nac_variable *v = index >= 0 && index < n ? all.items[index] : NULL;
    nac_list_clear(&all);
    return v ? v : nac_fail(NAC_E_NOT_FOUND, "%s \"%s\": weight %d of %d", l->base.cls->name, l->name, index, n);
}

nac_variable *nac_find_weight(const nac_layer *l, const char *path)
{
    nac_list all = {0};
    nac_variable *found = NULL;
    if (!l || !path || !nac_collect_variables((nac_layer *)l, NAC_ALL_WEIGHTS, &all))
        return NULL;
    for (int i = 0; i < all.n && !found; i++)
        if (strcmp(((nac_variable *)all.items[i])->path, path) == 0)
            found = all.items[i];
    nac_list_clear(&all);
    return found ? found : nac_fail(NAC_E_NOT_FOUND, "%s \"%s\": there is no weight \"%s\"", l->base.cls->name, l->name, path);
}

int nac_trainable_weights(const nac_layer *l, int cap, nac_variable **out)
{
    nac_list all = {0};
    int n = l && nac_collect_variables((nac_layer *)l, NAC_TRAINABLE_WEIGHTS, &all) ? all.n : 0;
    for (int i = 0; out && i < n && i < cap; i++)
        out[i] = all.items[i];
    nac_list_clear(&all);
    return n;
}

int64_t nac_count_params(const nac_layer *l)
{
    nac_list all = {0};
    int64_t n = 0;
    if (l && nac_collect_variables((nac_layer *)l, NAC_ALL_WEIGHTS, &all))
        for (int i = 0; i < all.n; i++)
            n += nac_type_size(&((nac_variable *)all.items[i])->type);
    nac_list_clear(&all);
    return n;
}

/* ---- freezing ---- */

static bool set_one(void *context, nac_layer *l, const char *path)
{
    bool trainable = *(const bool *)context;
    (void)path;
    l->trainable = trainable;
    for (int i = 0; i < l->n_variables; i++)
        l->variables[i]->trainable = trainable && l->variables[i]->created_trainable;
    return true;
}

bool nac_set_trainable(nac_layer *l, bool trainable)
{
    return l && nac_walk_layers(l, set_one, &trainable);
}

bool nac_trainable(const nac_layer *l)
{
    return l && l->trainable;
}

int nac_set_trainable_matching(nac_layer *l, const char *glob, bool trainable)
{
    nac_list all = {0};
    int n = 0;
    if (!l || !glob || !nac_collect_variables(l, NAC_ALL_WEIGHTS, &all))
        return 0;
    for (int i = 0; i < all.n; i++) {
        nac_variable *v = all.items[i];
        if (v->created_trainable && fnmatch(glob, v->path, 0) == 0) {
            v->trainable = trainable;
            n++;
        }
    }
    nac_list_clear(&all);
    if (!n)
        nac_fail(NAC_E_NOT_FOUND, "%s \"%s\": no trainable weight has a path like \"%s\"", l->base.cls->name, l->name, glob);
    return n;
}
