/* CategoryEncoding, Discretization: numbers of classes and bins, as they are or as vectors with an entry for each. */
#include <string.h>
#include "base/json.h"
#include "layers/layer.h"
#include "ops/ops.h"

/* One of ids (batch, k): "one_hot" (batch, k, depth), without the last axis of ids where it is 1; "multi_hot", "count" (batch, depth). */
static nac_tensor *encoded(const nac_layer *self, nac_tensor *ids, const char *mode, int64_t depth)
{
    int rank = nac_rank(ids);
    bool one_hot = strcmp(mode, "one_hot") == 0;
    if (!ids)
        return NULL;
    if (one_hot && rank > 1 && nac_dim(ids, -1) == 1)
        ids = nac_squeeze(ids, -1);
    nac_tensor *hot = nac_one_hot(ids, depth, self->dtype);
    if (one_hot)
        return hot;
    int axis = rank > 1 ? 1 : 0;
    return strcmp(mode, "count") == 0 ? nac_sum(hot, .axis = axis) : nac_max(hot, .axis = axis);
}

static bool category_call(nac_layer *self, nac_layer_call *c)
{
    const nac_category_encoding_options *o = nac_options(self);
    char what[96];
    snprintf(what, sizeof what, "CategoryEncoding \"%.60s\": id", self->name);
    if (!nac_expect_inputs(self, c->n_in, 1) || !nac_expect_rank(self, nac_type_of(c->in[0]), 1, NAC_MAX_RANK - 1))
        return false;
    return nac_return(c, encoded(self, nac_checked_ids(nac_cast(c->in[0], NAC_INT64), o->num_tokens, NAC_NONE, what), o->output_mode, o->num_tokens));
}

static bool discretization_init(void *self)
{
    const nac_discretization_options *o = nac_options(self);
    for (int i = 1; i < o->bin_boundaries.n; i++)
        if (!(o->bin_boundaries.v[i - 1] <= o->bin_boundaries.v[i]))
            return nac_fail(NAC_E_ARGUMENT, "Discretization: bin_boundaries: expected ascending numbers, found %g after %g", o->bin_boundaries.v[i], o->bin_boundaries.v[i - 1]);
    if (o->sparse)
        return nac_fail(NAC_E_UNSUPPORTED, "Discretization: sparse: there are no sparse tensors");
    return o->bin_boundaries.n
           || nac_fail(NAC_E_UNSUPPORTED, "Discretization: bin_boundaries: expected some; bins that are found in data (num_bins) are found by Keras's adapt");
}

/* How many boundaries are not above each number. */
static bool discretization_call(nac_layer *self, nac_layer_call *c)
{
    const nac_discretization_options *o = nac_options(self);
    float bounds[NAC_MAX_IO];
    if (!nac_expect_inputs(self, c->n_in, 1) || !nac_expect_rank(self, nac_type_of(c->in[0]), 1, NAC_MAX_RANK - 1))
        return false;
    for (int i = 0; i < o->bin_boundaries.n; i++)
        bounds[i] = (float)o->bin_boundaries.v[i];
    nac_tensor *x = nac_expand_dims(nac_cast(c->in[0], NAC_FLOAT32), -1), *above = nac_greater_equal(x, nac_vector_of(o->bin_boundaries.n, bounds));
    nac_tensor *bin = nac_sum(nac_cast(above, NAC_INT32), .axis = -1);
    return nac_return(c, strcmp(o->output_mode, "int") == 0 ? nac_cast(bin, NAC_INT32) : encoded(self, bin, o->output_mode, o->bin_boundaries.n + 1));
}

/* Keras takes no trainable here, and the dtype by its name. */
static void *discretization_config(nac_layer *self)
{
    cJSON *config = nac_options_to_json(self->base.cls, self->base.options);
    if (config) {
        cJSON_AddStringToObject(config, "name", self->name);
        cJSON_AddStringToObject(config, "dtype", nac_dtype_name(self->dtype));
    }
    return config;
}

NAC_DEFINE_LAYER(category_encoding, NAC_CATEGORY_ENCODING_OPTIONS, (.name = "CategoryEncoding", .size = sizeof(nac_layer)), .call = category_call, .stateless = true)
NAC_DEFINE_LAYER(discretization, NAC_DISCRETIZATION_OPTIONS, (.name = "Discretization", .size = sizeof(nac_layer), .init = discretization_init),
                 .call = discretization_call, .stateless = true, .get_config = discretization_config)
