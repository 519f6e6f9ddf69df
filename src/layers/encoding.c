/* CategoryEncoding, Discretization: numbers of classes and bins, as they are or as vectors with an entry for each. */
#include <math.h>
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
    return o->bin_boundaries.n || o->num_bins != NAC_NONE || nac_fail(NAC_E_ARGUMENT, "Discretization: expected bin_boundaries or num_bins, found neither");
}

/* Numbers in ascending order, each for as many as its weight says; Keras's way to quantiles, which merges batches and keeps the whole small. */
typedef struct {
    int64_t n;
    float  *value, *weight;
} summary;

static void summary_free(summary *s)
{
    nac_free(s->value);
    nac_free(s->weight);
    *s = (summary){0};
}

static bool summary_alloc(summary *s, int64_t n)
{
    *s = (summary){n, nac_calloc((size_t)n + 1, sizeof(float)), nac_calloc((size_t)n + 1, sizeof(float))};
    if (!s->value || !s->weight)
        summary_free(s);
    return s->value;
}

/* About 1 / epsilon of them. */
static bool summarize(const float *sorted, int64_t n, double epsilon, summary *s)
{
    double step = fmax((double)n / (1 / epsilon), 1);
    int64_t first = (int64_t)(step - 1), by = (int64_t)step;
    if (!summary_alloc(s, n > first ? (n - first + by - 1) / by : 0))
        return false;
    for (int64_t i = 0; i < s->n; i++) {
        s->value[i] = sorted[first + i * by];
        s->weight[i] = (float)step;
    }
    return true;
}

/* y at x on the line through points whose x ascend. */
static double on_line(const float *xs, const float *ys, int64_t n, double x)
{
    int64_t low = 0, high = n;
    if (x < xs[0])
        return ys[0];
    while (high - low > 1) {
        int64_t middle = (low + high) / 2;
        *(xs[middle] <= x ? &low : &high) = middle;
    }
    return low == n - 1 || xs[low] == x ? ys[low] : ((double)ys[low + 1] - ys[low]) / ((double)xs[low + 1] - xs[low]) * (x - xs[low]) + ys[low];
}

/* To one number for each part of epsilon. */
static bool compress(summary *s, double epsilon)
{
    summary small, sums;                /* sums: of the weights up to each, and their shares of all */
    float sum = 0;
    if ((double)s->n * epsilon < 1)
        return true;
    bool ok = summary_alloc(&small, (int64_t)ceil(1 / epsilon));
    ok = summary_alloc(&sums, s->n) && ok;
    for (int64_t i = 0; ok && i < s->n; i++)
        sums.value[i] = sum += s->weight[i];
    for (int64_t i = 0; ok && i < s->n; i++)
        sums.weight[i] = sums.value[i] / sum;
    double before = 0;
    for (int64_t i = 0; ok && i < small.n; i++) {
        double share = epsilon + (double)i * epsilon, upto = on_line(sums.weight, sums.value, s->n, share);
        small.value[i] = (float)on_line(sums.weight, s->value, s->n, share);
        small.weight[i] = (float)(upto - before);
        before = upto;
    }
    summary_free(&sums);
    summary_free(ok ? s : &small);
    if (ok)
        *s = small;
    return ok;
}

static bool merge(summary *all, summary *more, double epsilon)
{
    summary both;
    bool ok = summary_alloc(&both, all->n + more->n);
    for (int64_t i = 0, j = 0; ok && i + j < both.n;) {
        bool next = i == all->n || (j < more->n && more->value[j] <= all->value[i]);
        both.value[i + j] = next ? more->value[j] : all->value[i];
        both.weight[i + j] = next ? more->weight[j] : all->weight[i];
        *(next ? &j : &i) += 1;
    }
    summary_free(all);
    summary_free(more);
    *all = both;
    return ok && compress(all, epsilon);
}

static bool discretization_adapt(nac_layer *self, nac_tensor *data)
{
    nac_discretization_options *o = (nac_discretization_options *)nac_options(self);
    summary all = {0}, batch;
    bool ok = o->num_bins != NAC_NONE || nac_fail(NAC_E_STATE, "Discretization \"%s\": its bin_boundaries were given", self->name);
    if (ok && (o->num_bins < 1 || o->num_bins > NAC_MAX_IO || !(o->epsilon > 0)))
        ok = nac_fail(NAC_E_ARGUMENT, "Discretization \"%s\": expected num_bins from 1 to %d and an epsilon above 0, found %lld and %g", self->name, NAC_MAX_IO,
                      (long long)o->num_bins, o->epsilon);
    for (int i = 0; ok && i < nac_list_length(data); i++) {
        nac_tensor *sorted = nac_sort(nac_reshape(nac_cast(nac_at(data, i), NAC_FLOAT32), -1), 0);
        const float *values = sorted ? nac_data_f32(sorted) : NULL;
        ok = values && summarize(values, nac_size_of(sorted), o->epsilon, &batch) && merge(&all, &batch, o->epsilon);
    }
    ok = ok && (all.n > 0 || nac_fail(NAC_E_ARGUMENT, "Discretization \"%s\": there are no numbers", self->name)) && compress(&all, 1 / (double)o->num_bins);
    if (ok) {
        o->bin_boundaries.n = (int)(all.n - 1);
        for (int i = 0; i < o->bin_boundaries.n; i++)
            o->bin_boundaries.v[i] = all.value[i];
    }
    summary_free(&all);
    return ok;
}

/* How many boundaries are not above each number. */
static bool discretization_call(nac_layer *self, nac_layer_call *c)
{
    const nac_discretization_options *o = nac_options(self);
    float bounds[NAC_MAX_IO];
    if (!o->bin_boundaries.n && o->num_bins != 1)
        return nac_fail(NAC_E_STATE, "Discretization \"%s\": its bins are not known: nac_adapt finds num_bins of them in data", self->name);
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
                 .call = discretization_call, .adapt = discretization_adapt, .stateless = true, .get_config = discretization_config)
