/* What metrics share: state, weighted means, configs. */
#include <string.h>
#include "metrics/metric.h"

static const nac_metric_type *type_of(const nac_metric *m)
{
    return (const nac_metric_type *)m->base.cls;
}

nac_variable *nac_metric_state_of(nac_metric *self, const char *name, nac_dtype dtype, nac_shape shape)
{
    if (self->n_state == NAC_METRIC_STATES)
        return nac_fail(NAC_E_UNSUPPORTED, "%s: more than %d state variables", self->base.cls->name, NAC_METRIC_STATES);
    nac_scope scope = nac_scope_begin();
    nac_tensor *zeros = nac_zeros(dtype, shape);
    nac_variable *v = zeros ? nac_retain(nac_variable_alloc(name, nac_type_of(zeros), zeros, false)) : NULL;
    nac_scope_end(&scope);
    if (v)
        self->state[self->n_state++] = v;
    return v;
}

nac_variable *nac_metric_state(nac_metric *self, const char *name, nac_shape shape)
{
    return nac_metric_state_of(self, name, NAC_FLOAT32, shape);
}

bool nac_metric_states(nac_metric *self, nac_shape shape, int n, const char *const *names)
{
    int before = self->n_state;
    for (int i = 0; i < n; i++)
        if (!nac_metric_state(self, names[i], shape)) {
            while (self->n_state > before)
                nac_release(self->state[--self->n_state]);
            return false;
        }
    return true;
}

bool nac_metric_grow(nac_metric *m, int state, nac_tensor *x)
{
    return nac_assign(m->state[state], nac_add(nac_value(m->state[state]), x));
}

bool nac_metric_set_name(nac_metric *m, const char *name)
{
    char *copy = nac_strdup(name);
    if (copy) {
        nac_free(m->name);
        m->name = copy;
    }
    return copy;
}

bool nac_metric_init(void *self)
{
    nac_metric *m = self;
    const char *const *name = nac_option_of(&m->base, "name");
    char snake[96];
    nac_snake_case(m->base.cls->name, snake, sizeof snake);
    if (!nac_metric_set_name(m, name && *name ? *name : snake))
        return false;
    if (type_of(m)->build)
        return type_of(m)->build(m);
    return nac_metric_state(m, "total", (nac_shape){.rank = NAC_SCALAR}) && nac_metric_state(m, "count", (nac_shape){.rank = NAC_SCALAR});
}

void nac_metric_release(void *self)
{
    nac_metric *m = self;
    for (int i = 0; i < m->n_state; i++)
        nac_release(m->state[i]);
    nac_free(m->name);
}

static nac_tensor *reduce_from(nac_tensor *(*reduce)(const nac_reduce_options *), nac_tensor *x, int axis)      /* over axes from `axis` on */
{
    nac_axes axes = {{0}};
    int n = 0;
    for (int d = axis; x && d < nac_rank(x); d++)
        axes.d[n++] = d;
    return n ? reduce(&(nac_reduce_options){x, axes, false}) : x;
}

/* Keras's reduce_to_samplewise_values, then total and count; without a count the total of sums. */
bool nac_metric_add(nac_metric *m, nac_tensor *values, nac_tensor *weight)
{
    nac_tensor *mask = values ? values->mask : NULL;
    nac_tensor *(*reduce)(const nac_reduce_options *) = m->n_state > 1 ? nac_mean_with : nac_sum_with;
    bool ok;
    values = nac_cast(values, NAC_FLOAT32);
    if (!values)
        return false;
    if (weight) {
        weight = nac_apply_mask(weight, mask, NAC_FLOAT32, false, &ok);
        if (!nac_match_ranks(&values, &weight))
            return false;
        int rank = nac_rank(weight);
        if (nac_rank(values) > rank)
            values = reduce_from(reduce, values, rank);
        weight = nac_broadcast_to(weight, nac_shape_of_tensor(values));
        values = nac_multiply(values, weight);
        weight = reduce_from(reduce, weight, 1);
    }
    values = reduce_from(reduce, values, 1);
    nac_tensor *count = weight ? nac_sum(weight) : nac_scalar(values && nac_rank(values) ? (double)nac_dim(values, 0) : 1);
    return nac_metric_grow(m, 0, nac_sum(values)) && (m->n_state < 2 || nac_metric_grow(m, 1, count));
}

bool nac_metric_update(nac_metric *m, nac_tensor *y_true, nac_tensor *y_pred, nac_tensor *sample_weight)
{
    if (!nac_is(m, NAC_KIND_METRIC) || !y_true)
        return false;
    const nac_metric_type *type = type_of(m);
    nac_scope scope = nac_scope_begin();
    bool ok;
    if (type->update) {
        ok = type->update(m, y_true, y_pred, sample_weight);
    } else if (!type->values) {         /* Mean and Sum */
        ok = nac_metric_add(m, y_true, sample_weight);
    } else {
        nac_tensor *weight = nac_apply_mask(sample_weight, y_pred ? y_pred->mask : NULL, NAC_FLOAT32, false, &ok);
        ok = ok && nac_metric_add(m, type->values(&m->base, y_true, y_pred), weight);
    }
    nac_scope_end(&scope);
    return ok || nac_trail("in metric \"%s\"", m->name);
}

nac_tensor *nac_metric_result(nac_metric *m)
{
    if (!nac_is(m, NAC_KIND_METRIC))
        return NULL;
    if (!m->n_state)
        return nac_fail(NAC_E_STATE, "metric \"%s\": there is no result before the first batch", m->name);
    if (type_of(m)->result)
        return type_of(m)->result(m);
    nac_tensor *total = nac_value(m->state[0]);
    if (m->n_state < 2)
        return total;
    return nac_divide_no_nan(total, nac_value(m->state[1]));
}

bool nac_metric_reset(nac_metric *m)
{
    if (!nac_is(m, NAC_KIND_METRIC))
        return false;
    nac_scope scope = nac_scope_begin();
    bool ok = true;
    for (int i = 0; ok && i < m->n_state; i++)
        ok = nac_assign(m->state[i], nac_zeros(nac_variable_dtype(m->state[i]), nac_variable_shape(m->state[i])));
    nac_scope_end(&scope);
    return ok;
}

const char *nac_metric_name(const nac_metric *m)
{
    return nac_is(m, NAC_KIND_METRIC) ? m->name : NULL;
}

cJSON *nac_metric_to_json(const void *metric)
{
    const nac_metric *m = metric;
    cJSON *options = nac_options_to_json(m->base.cls, m->base.options), *config = options ? cJSON_CreateObject() : NULL;
    if (!config) {
        cJSON_Delete(options);
        return NULL;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(options, "name");
    cJSON_AddStringToObject(config, "name", m->name);
    if (!nac_option_find(m->base.cls, "dtype"))
        cJSON_AddStringToObject(config, "dtype", "float32");
    while (options->child) {
        cJSON *item = cJSON_DetachItemViaPointer(options, options->child);
        cJSON_AddItemToObject(config, item->string, item);
    }
    cJSON_Delete(options);
    return nac_class_json(m->base.cls, config);
}

/* The config without name and dtype, unless the class has one. MeanMetricWrapper holds a function by its name: the class of that name takes
   the rest of the config. */
void *nac_metric_from_json(const cJSON *json, const char *where)
{
    const cJSON *class_name = cJSON_GetObjectItemCaseSensitive(json, "class_name"), *config = cJSON_GetObjectItemCaseSensitive(json, "config");
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(config, "name"), *fn = cJSON_GetObjectItemCaseSensitive(config, "fn");
    const cJSON *registered = cJSON_GetObjectItemCaseSensitive(json, "registered_name");
    if (cJSON_IsObject(fn))
        fn = cJSON_GetObjectItemCaseSensitive(fn, "config");
    if (cJSON_IsString(class_name) && strcmp(class_name->valuestring, "MeanMetricWrapper") == 0)
        class_name = fn;
    if (!cJSON_IsString(class_name))
        return nac_fail(NAC_E_FORMAT, "%s: expected a metric: a name or an object with class_name", where);
    const nac_class *cls = cJSON_IsString(registered) ? nac_class_find(NAC_KIND_METRIC, registered->valuestring) : NULL;
    cls = cls ? cls : nac_class_find(NAC_KIND_METRIC, class_name->valuestring);
    if (!cls)
        return nac_fail(NAC_E_NOT_FOUND, "%s: unknown metric \"%.100s\"; register it with nac_register_class", where, class_name->valuestring);
    cJSON *rest = cJSON_Duplicate(config, true);
    if (!rest)
        return nac_fail(NAC_E_MEMORY, "out of memory: the config of a metric");
    cJSON_DeleteItemFromObjectCaseSensitive(rest, "name");
    cJSON_DeleteItemFromObjectCaseSensitive(rest, "fn");
    if (!nac_option_find(cls, "dtype"))
        cJSON_DeleteItemFromObjectCaseSensitive(rest, "dtype");
    nac_metric *m = nac_from_config(cls, rest);
    cJSON_Delete(rest);
    if (m && cJSON_IsString(name) && !nac_metric_set_name(m, name->valuestring))
        return NULL;
    return m;
}
