/* Bidirectional (Schuster and Paliwal, 1997). */
#include <string.h>
#include "layers/layer.h"

typedef struct {
    nac_layer  base;
    nac_layer *forward, *backward;
} bidirectional;

static bool flag(const cJSON *layer, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(layer, "config"), name));
}

/* What Keras makes of the layers it is given: with sequences, masked steps put out 0; copies have names and a direction of their own. */
static bool revise(cJSON *layer, const char *prefix, bool backwards)
{
    cJSON *config = cJSON_GetObjectItemCaseSensitive(layer, "config");
    if (cJSON_HasObjectItem(config, "zero_output_for_mask"))
        cJSON_ReplaceItemInObjectCaseSensitive(config, "zero_output_for_mask", cJSON_CreateBool(flag(layer, "return_sequences")));
    if (!prefix)
        return true;
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(config, "name"));
    size_t length = strlen(prefix);
    char *own = name ? nac_format("%s%s", prefix, strncmp(name, prefix, length) == 0 ? name + length : name) : NULL;
    cJSON *text = own ? cJSON_CreateString(own) : NULL;
    nac_free(own);
    if (backwards)
        cJSON_ReplaceItemInObjectCaseSensitive(config, "go_backwards", cJSON_CreateTrue());
    return text && cJSON_ReplaceItemInObjectCaseSensitive(config, "name", text);
}

static bool alike(const cJSON *forward, const cJSON *backward)
{
    static const char *const same[] = {"stateful", "return_sequences", "return_state"};
    if (flag(forward, "go_backwards") == flag(backward, "go_backwards"))
        return nac_fail(NAC_E_ARGUMENT, "Bidirectional: backward_layer: go_backwards: expected the opposite of the forward layer's");
    for (int i = 0; i < NAC_COUNT(same); i++)
        if (flag(forward, same[i]) != flag(backward, same[i]))
            return nac_fail(NAC_E_ARGUMENT, "Bidirectional: backward_layer: %s: expected the same as the forward layer's", same[i]);
    return true;
}

/* Puts a new layer made from the JSON in the place of an option and of a child. */
static nac_layer *settle(bidirectional *l, const char *attribute, const cJSON *json, nac_spec *option)
{
    nac_layer *made = nac_attach(&l->base, attribute, nac_layer_from_json(json, "Bidirectional"));
    if (made) {
        nac_release(*option);
        *option = nac_retain(made);
    }
    return made;
}

static bool init(void *self)
{
    bidirectional *l = self;
    nac_bidirectional_options *o = l->base.base.options;
    const nac_layer *given = o->layer;
    if (!nac_option_find(given->base.cls, "go_backwards") || !nac_option_find(given->base.cls, "return_sequences"))
        return nac_fail(NAC_E_ARGUMENT, "Bidirectional: layer: expected a recurrent layer, found %s \"%s\"", given->base.cls->name, given->name);
    cJSON *forward = nac_layer_to_json(o->layer), *backward = forward ? nac_layer_to_json(o->backward_layer ? o->backward_layer : o->layer) : NULL;
    nac_scope scope = nac_scope_begin();
    bool ok = backward && revise(forward, "forward_", false) && revise(backward, o->backward_layer ? NULL : "backward_", true) && alike(forward, backward)
              && (l->forward = settle(l, "forward_layer", forward, &o->layer)) && (l->backward = settle(l, "backward_layer", backward, &o->backward_layer));
    nac_scope_end(&scope);
    cJSON_Delete(forward);
    cJSON_Delete(backward);
    return ok;
}

static bool build(nac_layer *self, int n_in, const nac_type *in)
{
    bidirectional *l = (bidirectional *)self;
    (void)n_in;
    return nac_build_layer(l->forward, 1, in) && nac_build_layer(l->backward, 1, in);
}

static bool returns(const bidirectional *l, const char *name)
{
    const bool *value = nac_option_of(&l->forward->base, name);
    return value && *value;
}

static nac_tensor *merge(const char *mode, nac_tensor *a, nac_tensor *b)
{
    if (strcmp(mode, "concat") == 0)
        return nac_concatenate(nac_list(a, b), -1);
    if (strcmp(mode, "mul") == 0)
        return nac_multiply(a, b);
    nac_tensor *sum = nac_add(a, b);
    return strcmp(mode, "ave") == 0 ? nac_mul_scalar(sum, 0.5) : sum;
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    bidirectional *l = (bidirectional *)self;
    const char *mode = ((const nac_bidirectional_options *)nac_options(self))->merge_mode;
    int half = (c->n_in - 1) / 2;
    nac_tensor *mask = c->mask_given || !half ? c->mask[0] : NULL;
    if ((c->n_in - 1) % 2)
        return nac_fail(NAC_E_ARGUMENT, "Bidirectional \"%s\": initial_state: expected as many tensors for each direction, found %d in all", self->name, c->n_in - 1);
    nac_tensor *y = nac_call(l->forward, c->in[0], .training = c->training, .mask = mask, .initial_state = half ? nac_list_of(half, c->in + 1) : NULL);
    nac_tensor *z = nac_call(l->backward, c->in[0], .training = c->training, .mask = mask, .initial_state = half ? nac_list_of(half, c->in + 1 + half) : NULL);
    if (!y || !z)
        return false;
    nac_tensor *a = nac_at(y, 0), *b = nac_at(z, 0);
    if (returns(l, "return_sequences"))
        b = nac_flip(b, 1);
    c->out[0] = mode ? merge(mode, a, b) : nac_with_mask(a, NULL);
    c->n_out = 1;
    if (!mode)
        c->out[c->n_out++] = b;
    for (int i = 1; i < nac_list_length(y); i++)
        c->out[c->n_out++] = nac_at(y, i);
    for (int i = 1; i < nac_list_length(z); i++)
        c->out[c->n_out++] = nac_at(z, i);
    return c->out[0];
}

static bool compute_mask(nac_layer *self, const nac_layer_call *c, nac_tensor **mask)
{
    bool both = !((const nac_bidirectional_options *)nac_options(self))->merge_mode;
    if (returns((bidirectional *)self, "return_sequences"))
        for (int i = 0; i < (both ? 2 : 1); i++)
            mask[i] = c->mask[0];
    return true;
}

NAC_DEFINE_LAYER(bidirectional, NAC_BIDIRECTIONAL_OPTIONS, (.name = "Bidirectional", .size = sizeof(bidirectional), .init = init), .build = build, .call = call,
                 .compute_mask = compute_mask, .takes_mask = true, .build_shapes = "sequences_shape initial_state_shape*")
