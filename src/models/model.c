/* A functional model is a layer whose call walks recorded nodes; a sequential one is a functional one built as a chain. */
#include <string.h>
#include "models/trainer.h"

const nac_functional_arguments nac_functional_defaults = {NAC_FUNCTIONAL_ARGUMENTS(NAC_DEFAULT, )};

model *nac_as_model(const nac_layer *l)
{
    return l && (l->base.cls == &nac_functional_type.cls || l->base.cls == &nac_sequential_type.cls) ? (model *)l : NULL;
}

static bool same_edge(const nac_tensor *a, const nac_tensor *b)
{
    return a->node == b->node && a->slot == b->slot;
}

static int input_number(const model *m, const nac_tensor *t)
{
    for (int i = 0; i < m->n_in; i++)
        if (same_edge(m->flat_in[i], t))
            return i;
    return -1;
}

int nac_model_source(const model *m, const nac_tensor *t, int *input)
{
    *input = input_number(m, t);
    if (*input >= 0)
        return -1;
    for (int i = 0; i < m->nodes.n; i++)
        if (m->nodes.items[i] == t->node)
            return i;
    return -1;
}

/* ---- Keras's order of layers ---- */

typedef struct {
    model    *m;
    nac_list  layers;                   /* in the order of first visits */
    int      *layer_depth, *node_depth;
    nac_list  met;                      /* the nodes in the order in which their depths were first known */
} mapper;

/* Symbolic tensors among a call's inputs: arguments first, then states and masks by name. */
static int edges(const layer_node *node, nac_tensor **out)
{
    nac_tensor *all[4] = {node->structure, node->options.attention_mask, node->options.initial_state, node->options.mask}, *flat[NAC_MAX_IO];
    int n = 0;
    for (int k = 0; k < 4; k++) {
        int count = all[k] ? nac_flatten_into(all[k], flat, NAC_MAX_IO) : 0;
        for (int i = 0; i < count && n < NAC_MAX_IO; i++)
            if (flat[i]->node)
                out[n++] = flat[i];
    }
    return n;
}

static bool visit(mapper *map, const nac_tensor *t)
{
    nac_tensor *in[NAC_MAX_IO];
    layer_node *node = nac_node_of(t);
    model *m = map->m;
    int input = input_number(m, t);
    if (!node)
        return nac_fail(NAC_E_TYPE, "nac_functional: an output is not symbolic: it does not come from nac_input");
    if (input >= 0 && nac_list_has(&m->nodes, node) == false && node->structure)
        return true;                    /* the graph is cut here */
    if (nac_list_has(&m->nodes, node))
        return true;
    if (!node->structure && input < 0)
        return nac_fail(NAC_E_ARGUMENT, "nac_functional: the outputs depend on the input \"%s\", which is not among the inputs", node->layer->name);
    if (!nac_list_has(&map->layers, node->layer) && !nac_list_add(&map->layers, node->layer))
        return false;
    int n = edges(node, in);
    for (int i = 0; i < n; i++)
        if (!visit(map, in[i]))
            return false;
    return nac_list_add(&m->nodes, node);
}

static int index_in(const nac_list *list, const void *item)
{
    for (int i = 0; i < list->n; i++)
        if (list->items[i] == item)
            return i;
    return -1;
}

/* Depths from the outputs: a layer lies as deep as its deepest call. */
static bool measure(mapper *map)
{
    nac_tensor *in[NAC_MAX_IO];
    model *m = map->m;
    for (int k = m->nodes.n - 1; k >= 0; k--) {
        const layer_node *node = m->nodes.items[k];
        int l = index_in(&map->layers, node->layer), depth = map->node_depth[k] > map->layer_depth[l] ? map->node_depth[k] : map->layer_depth[l];
        map->node_depth[k] = map->layer_depth[l] = depth;
        if (!nac_list_has(&map->met, node) && !nac_list_add(&map->met, m->nodes.items[k]))
            return false;
        int n = edges(node, in);
        for (int i = 0; i < n; i++) {
            int parent = index_in(&m->nodes, in[i]->node);
            if (parent >= 0 && map->node_depth[parent] < depth + 1)
                map->node_depth[parent] = depth + 1;
            if (parent >= 0 && !nac_list_has(&map->met, in[i]->node) && !nac_list_add(&map->met, in[i]->node))
                return false;
        }
    }
    return true;
}

/* The order of calls, deepest first. It shows where a call leaves something behind: a mask that it takes, a state that two calls share. */
static bool schedule(mapper *map)
{
    model *m = map->m;
    int n = 0, deepest = 0;
    if (!(m->order = nac_calloc((size_t)m->nodes.n, sizeof *m->order)))
        return false;
    for (int k = 0; k < m->nodes.n; k++)
        deepest = map->node_depth[k] > deepest ? map->node_depth[k] : deepest;
    for (int depth = deepest; depth >= 0; depth--)
        for (int i = 0; i < map->met.n; i++) {
            int k = index_in(&m->nodes, map->met.items[i]);
            if (map->node_depth[k] == depth)
                m->order[n++] = k;
        }
    return true;
}

/* Deepest first, then as visited; inputs that nothing uses come with depth 0 before the others of that depth. */
static bool attach_in_order(mapper *map)
{
    model *m = map->m;
    int unused = 0, deepest = 0;
    nac_layer *lonely[NAC_MAX_IO];
    for (int i = 0; i < m->n_in; i++)
        if (index_in(&map->layers, m->input_layers[i]) < 0)
            lonely[unused++] = m->input_layers[i];
    for (int l = 0; l < map->layers.n; l++)
        deepest = map->layer_depth[l] > deepest ? map->layer_depth[l] : deepest;
    for (int depth = deepest; depth >= 0; depth--) {
        for (int i = 0; depth == 0 && i < unused; i++)
            if (!nac_attach(&m->layer, "layers/", lonely[i]))
                return false;
        for (int l = 0; l < map->layers.n; l++)
            if (map->layer_depth[l] == depth && !nac_attach(&m->layer, "layers/", map->layers.items[l]))
                return false;
    }
    return true;
}

static bool unique_names(const model *m)
{
    for (int i = 0; i < m->layer.n_children; i++)
        for (int k = 0; k < i; k++)
            if (strcmp(m->layer.children[i].layer->name, m->layer.children[k].layer->name) == 0)
                return nac_fail(NAC_E_ARGUMENT, "%s \"%s\": two layers are called \"%s\"", m->layer.base.cls->name, m->layer.name,
                                m->layer.children[i].layer->name);
    return true;
}

nac_layer *nac_input_layer_like(const nac_type *type, const char *name)
{
    nac_input_layer_options o = nac_input_layer_defaults;
    o.shape = nac_shape_of(type->rank - 1, type->dim + 1);
    o.batch_size = type->dim[0] < 0 ? NAC_NONE : type->dim[0];
    o.input_dtype = nac_dtype_name(type->dtype);
    o.name = name;
    return nac_input_layer_with(&o);
}

bool nac_model_connect(model *m, nac_tensor *inputs, nac_tensor *outputs)
{
    mapper map = {.m = m};
    m->n_in = nac_flatten_into(inputs, m->flat_in, NAC_MAX_IO);
    m->n_out = nac_flatten_into(outputs, m->flat_out, NAC_MAX_IO);
    bool ok = m->n_in > 0 && m->n_out > 0;
    for (int i = 0; ok && i < m->n_in; i++) {
        layer_node *node = nac_node_of(m->flat_in[i]);
        if (!node)
            ok = nac_fail(NAC_E_TYPE, "nac_functional: input %d is not symbolic: make it with nac_input", i);
        else
            ok = (m->input_layers[i] = nac_retain(node->structure ? nac_input_layer_like(&m->flat_in[i]->type, NULL) : node->layer));
    }
    for (int i = 0; ok && i < m->n_out; i++)
        ok = visit(&map, m->flat_out[i]);
    if (ok) {
        map.layer_depth = nac_calloc((size_t)map.layers.n + 1, sizeof(int));
        map.node_depth = nac_calloc((size_t)m->nodes.n + 1, sizeof(int));
        ok = map.layer_depth && map.node_depth;
    }
    ok = ok && measure(&map) && schedule(&map);
    if (ok && !m->sequential)
        ok = attach_in_order(&map);
    ok = ok && unique_names(m);
    if (ok) {
        m->inputs = nac_retain(inputs);
        m->outputs = nac_retain(outputs);
        m->layer.built = true;
        m->layer.n_build = m->n_in;
        for (int i = 0; i < m->n_in; i++)
            m->layer.build_type[i] = m->flat_in[i]->type;
    }
    nac_list_clear(&map.layers);
    nac_list_clear(&map.met);
    nac_free(map.layer_depth);
    nac_free(map.node_depth);
    return ok;
}

/* ---- calling ---- */

typedef struct {
    const model *m;
    nac_tensor **in;
    nac_tensor **values;                /* the result of each node: a tensor or a list */
} run_state;

static nac_tensor *value_of(const run_state *s, const nac_tensor *t)
{
    int input, node;
    if (!t->node)
        return (nac_tensor *)t;
    node = nac_model_source(s->m, t, &input);
    return input >= 0 ? s->in[input] : nac_at(s->values[node], t->slot);
}

static nac_tensor *substitute(const run_state *s, nac_tensor *t)
{
    nac_tensor *items[NAC_MAX_IO];
    if (!t)
        return NULL;
    if (!nac_is_list(t))
        return value_of(s, t);
    for (int i = 0; i < t->n_items; i++)
        items[i] = substitute(s, t->items[i]);
    return nac_list_of(t->n_items, items);
}

/* Keras's leniency: a last axis of 1 may be missing or too many; the dtype follows the input layer's. */
static nac_tensor *adapt(const model *m, int i, nac_tensor *x)
{
    const nac_type *want = &m->flat_in[i]->type;
    char a[128], b[128];
    if (nac_rank(x) == want->rank - 1 && want->dim[want->rank - 1] == 1)
        x = nac_expand_dims(x, -1);
    else if (nac_rank(x) == want->rank + 1 && nac_dim(x, -1) == 1)
        x = nac_squeeze(x, -1);
    bool fits = nac_rank(x) == want->rank;
    for (int d = 1; fits && d < want->rank; d++)        /* Keras lets any batch through */
        fits = want->dim[d] < 0 || nac_dim(x, d) < 0 || nac_dim(x, d) == want->dim[d];
    if (!fits)
        return nac_fail(NAC_E_SHAPE, "%s \"%s\": input \"%s\": expected %s, found %s", m->layer.base.cls->name, m->layer.name, m->input_layers[i]->name,
                        nac_dims_text(want->rank, want->dim, a, sizeof a), nac_dims_text(x->type.rank, x->type.dim, b, sizeof b));
    return nac_cast(x, want->dtype);
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    model *m = (model *)self;
    if (!m->outputs)
        return nac_fail(NAC_E_STATE, "Sequential \"%s\": it has no layers", self->name);
    if (!nac_expect_inputs(self, c->n_in, m->n_in))
        return false;
    run_state s = {m, c->in, nac_calloc((size_t)m->nodes.n + 1, sizeof *s.values)};
    bool ok = s.values;
    for (int i = 0; ok && i < c->n_in; i++)
        ok = (c->in[i] = nac_with_mask(adapt(m, i, c->in[i]), c->mask[i]));
    for (int i = 0; ok && i < m->nodes.n; i++) {
        int input, k = m->order[i];
        const layer_node *node = m->nodes.items[k];
        if (!node->structure) {
            const nac_tensor probe = {.node = (nac_node *)node, .slot = 0};
            nac_model_source(m, &probe, &input);
            s.values[k] = c->in[input];
            continue;
        }
        nac_call_options o = node->options;
        o.training = c->training_said ? c->training : o.training;       /* of the two Keras lets the model's win */
        o.inputs = substitute(&s, node->structure);
        o.mask = substitute(&s, node->options.mask);
        o.initial_state = substitute(&s, node->options.initial_state);
        o.attention_mask = substitute(&s, node->options.attention_mask);
        ok = (o.mask || !node->options.mask) && (o.initial_state || !node->options.initial_state) && (o.attention_mask || !node->options.attention_mask)
             && (s.values[k] = nac_call_with(&o));
    }
    c->n_out = m->n_out;
    for (int i = 0; ok && i < m->n_out; i++) {
        nac_tensor *y = value_of(&s, m->flat_out[i]);
        ok = y && (c->out[i] = nac_with_mask(y, nac_mask_of(y)));
    }
    nac_free(s.values);
    return ok;
}

static bool functional_build(nac_layer *self, int n_in, const nac_type *in)
{
    (void)n_in, (void)in;
    return ((model *)self)->outputs != NULL || nac_fail(NAC_E_STATE, "Functional \"%s\": not connected", self->name);
}

/* ---- sequential ---- */

static bool chain(model *m, nac_tensor *input)
{
    nac_tensor *x = input;
    for (int i = 0; x && i < m->layer.n_children; i++)
        x = nac_call(m->layer.children[i].layer, x);
    return x && nac_model_connect(m, input, x);
}

static bool sequential_build(nac_layer *self, int n_in, const nac_type *in)
{
    model *m = (model *)self;
    if (!nac_expect_inputs(self, n_in, 1))
        return false;
    if (!self->n_children)
        return nac_fail(NAC_E_STATE, "Sequential \"%s\": it has no layers", self->name);
    if (!m->input_layer) {
        nac_scope scope = nac_scope_begin();
        m->input_layer = nac_retain(nac_input_layer_like(in, NULL));
        nac_scope_end(&scope);
    }
    /* the chain is drawn outside any layer's call */
    nac_thread *thread = nac_this_thread();
    nac_interpreter *top = thread->top;
    void *frame = thread->call;
    int abstract = thread->abstract;
    thread->top = NULL;
    thread->call = NULL;
    thread->abstract = 0;
    nac_scope scope = nac_scope_begin();
    bool ok = m->input_layer && chain(m, nac_input_of(m->input_layer));
    nac_scope_end(&scope);
    thread->top = top;
    thread->call = frame;
    thread->abstract = abstract;
    return ok;
}

static void disconnect(model *m)
{
    nac_list_clear(&m->nodes);
    nac_free(m->order);
    m->order = NULL;
    nac_release(m->inputs);
    nac_release(m->outputs);
    cJSON_Delete(m->in_keys);
    cJSON_Delete(m->out_keys);
    m->in_keys = m->out_keys = NULL;
    for (int i = 0; i < m->n_in; i++)
        nac_release(m->input_layers[i]);
    m->inputs = m->outputs = NULL;
    m->n_in = m->n_out = 0;
    m->layer.built = false;
}

static void release(void *self)
{
    model *m = self;
    disconnect(m);
    nac_release(m->input_layer);
}

NAC_OWN_OPTIONS(model, NAC_MODEL_OPTIONS)

const nac_layer_type nac_functional_type = {.cls = {.kind = NAC_KIND_LAYER, .module = "keras.src.models.functional", .registered_name = "Functional",
                                                    .name = "Functional", .aliases = "Model", .size = sizeof(model), .release = release,
                                                    NAC_OWN_CLASS(model)},
                                            .build = functional_build, .call = call, .takes_mask = true, .get_config = nac_functional_config,
                                            .from_config = nac_functional_from_config};
const nac_layer_type nac_sequential_type = {.cls = {.kind = NAC_KIND_LAYER, .module = "keras", .name = "Sequential", .size = sizeof(model),
                                                    .release = release, NAC_OWN_CLASS(model)},
                                            .build = sequential_build, .call = call, .takes_mask = true, .get_config = nac_sequential_config,
                                            .from_config = nac_sequential_from_config};

nac_model *nac_functional_with(const nac_functional_arguments *a)
{
    if (!a->inputs || !a->outputs)
        return NULL;
    model_options o = model_defaults;
    o.name = a->name;
    model *m = nac_instance_new(&nac_functional_type.cls, &o);
    if (!m || !nac_model_connect(m, a->inputs, a->outputs))
        return m ? nac_trail("in Functional \"%s\"", m->layer.name) : NULL;
    return a->trainable || nac_set_trainable(&m->layer, false) ? &m->layer : NULL;
}

static bool add(model *m, nac_layer *layer)
{
    if (strcmp(layer->base.cls->name, "InputLayer") == 0) {
        if (m->input_layer || m->layer.n_children)
            return nac_fail(NAC_E_ARGUMENT, "Sequential \"%s\": an InputLayer can only come first", m->layer.name);
        m->input_layer = nac_retain(layer);
        return true;
    }
    for (int i = 0; i < m->layer.n_children; i++)
        if (strcmp(m->layer.children[i].layer->name, layer->name) == 0)
            return nac_fail(NAC_E_ARGUMENT, "Sequential \"%s\": two layers are called \"%s\"", m->layer.name, layer->name);
    return nac_attach(&m->layer, "layers/", layer);
}

static bool build_if_possible(model *m)
{
    if (!m->input_layer && m->layer.n_children && nac_as_model(m->layer.children[0].layer) && nac_as_model(m->layer.children[0].layer)->n_in == 1)
        m->input_layer = nac_retain(nac_input_layer_like(&nac_as_model(m->layer.children[0].layer)->flat_in[0]->type, NULL));
    nac_tensor *x = m->input_layer && m->layer.n_children ? nac_input_of(m->input_layer) : NULL;
    return !m->input_layer || !m->layer.n_children || (x && nac_build_layer(&m->layer, 1, &x->type));
}

nac_model *nac_sequential_of(const char *name, int n, nac_layer *const *layers)
{
    model_options o = model_defaults;
    o.name = name;
    for (int i = 0; i < n; i++)
        if (!layers[i])
            return NULL;
    model *m = nac_instance_new(&nac_sequential_type.cls, &o);
    if (!m)
        return NULL;
    m->sequential = true;
    for (int i = 0; i < n; i++)
        if (!add(m, layers[i]))
            return NULL;
    return build_if_possible(m) ? &m->layer : NULL;
}

bool nac_model_add(nac_model *m, nac_layer *layer)
{
    model *s = nac_as_model(m);
    if (!m || !layer)
        return false;
    if (!s || !s->sequential)
        return nac_fail(NAC_E_TYPE, "nac_model_add: expected a Sequential model, found %s \"%s\"", m->base.cls->name, m->name);
    if (!add(s, layer))
        return false;
    disconnect(s);
    nac_trainer_forget(m);
    if (build_if_possible(s))
        return true;
    disconnect(s);                      /* as if it had not been tried */
    nac_free(m->children[--m->n_children].name);
    nac_release(m->children[m->n_children].layer);
    build_if_possible(s);
    return nac_trail("in nac_model_add, Sequential \"%s\"", m->name);
}

bool nac_model_build_for(nac_model *m, nac_shape shape)
{
    nac_type type = {.dtype = NAC_FLOAT32, .rank = nac_shape_rank(&shape) + 1, .dim = {-1}};
    if (!m)
        return false;
    if (type.rank > NAC_MAX_RANK)
        return nac_fail(NAC_E_SHAPE, "nac_model_build: rank %d, at most %d", type.rank, NAC_MAX_RANK);
    memcpy(type.dim + 1, shape.d, (size_t)(type.rank - 1) * sizeof *type.dim);
    return nac_build_layer(m, 1, &type);
}

/* ---- looking ---- */

static model *connected(nac_model *m, const char *who)
{
    model *s = nac_as_model(m);
    if (!m)
        return NULL;
    if (!s)
        return nac_fail(NAC_E_TYPE, "%s: expected a sequential or functional model, found %s \"%s\"", who, m->base.cls->name, m->name);
    return s->outputs ? s : nac_fail(NAC_E_STATE, "%s: Sequential \"%s\" is not built; give it an input layer or call it", who, m->name);
}

nac_tensor *nac_model_inputs(nac_model *m)
{
    model *s = connected(m, "nac_model_inputs");
    return s ? s->inputs : NULL;
}

nac_tensor *nac_model_outputs(nac_model *m)
{
    model *s = connected(m, "nac_model_outputs");
    return s ? s->outputs : NULL;
}

int nac_input_count(nac_model *m)
{
    const model *s = connected(m, "nac_input_count");
    return s ? s->n_in : 0;
}

int nac_output_count(nac_model *m)
{
    const model *s = connected(m, "nac_output_count");
    return s ? s->n_out : 0;
}

const char *nac_input_name(nac_model *m, int index)
{
    const model *s = connected(m, "nac_input_name");
    if (!s)
        return NULL;
    return index >= 0 && index < s->n_in ? s->input_layers[index]->name : nac_fail(NAC_E_ARGUMENT, "nac_input_name: input %d of %d", index, s->n_in);
}

const char *nac_output_name(nac_model *m, int index)
{
    const model *s = connected(m, "nac_output_name");
    int input;
    if (!s)
        return NULL;
    if (index < 0 || index >= s->n_out)
        return nac_fail(NAC_E_ARGUMENT, "nac_output_name: output %d of %d", index, s->n_out);
    int node = nac_model_source(s, s->flat_out[index], &input);
    return node < 0 ? s->input_layers[input]->name : ((layer_node *)s->nodes.items[node])->layer->name;
}

nac_layer *nac_get_layer(nac_model *m, const char *name)
{
    if (!m || !name)
        return NULL;
    for (int i = 0; i < m->n_children; i++)
        if (strcmp(m->children[i].layer->name, name) == 0)
            return m->children[i].layer;
    return nac_fail(NAC_E_NOT_FOUND, "%s \"%s\": there is no layer called \"%s\"", m->base.cls->name, m->name, name);
}

int nac_layer_count(const nac_model *m)
{
    return m ? m->n_children : 0;
}

nac_layer *nac_layer_at(const nac_model *m, int index)
{
    if (!m)
        return NULL;
    int i = index < 0 ? index + m->n_children : index;
    return i >= 0 && i < m->n_children
               ? m->children[i].layer
               : nac_fail(NAC_E_NOT_FOUND, "%s \"%s\": layer %d of %d", m->base.cls->name, m->name, index, m->n_children);
}

nac_tensor *nac_layer_output(nac_model *m, const char *layer_name)
{
    model *s = connected(m, "nac_layer_output");
    nac_layer *l = s ? nac_get_layer(m, layer_name) : NULL;
    for (int k = 0; l && k < s->nodes.n; k++) {
        layer_node *node = s->nodes.items[k];
        nac_tensor *out[NAC_MAX_IO];
        if (node->layer != l)
            continue;
        for (int i = 0; i < node->n_out; i++)
            out[i] = nac_symbolic(node, i);
        return node->n_out == 1 ? out[0] : nac_list_of(node->n_out, out);
    }
    return NULL;
}

nac_model *nac_submodel(nac_model *m, const char *layer_name)
{
    return nac_functional(nac_model_inputs(m), nac_layer_output(m, layer_name));
}
