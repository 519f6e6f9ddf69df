/* What the tables of Keras's operations share. */
#ifndef NAC_OPERATIONS_H
#define NAC_OPERATIONS_H

#include "base/json.h"
#include "layers/op_layer.h"
#include "ops/ops.h"

/* Each ends with a name of NULL. */
extern const nac_operation nac_numpy_operations[], nac_nn_operations[];

#define READS(class, file) {#class, file, class}

/* ---- what a config says ---- */

static inline const cJSON *option(const nac_operation_call *c, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(c->config, name);
    return cJSON_IsNull(item) ? NULL : item;
}

static inline const char *text(const nac_operation_call *c, const char *name, const char *otherwise)
{
    const char *s = cJSON_GetStringValue(option(c, name));
    return s ? s : otherwise;
}

static inline bool flag(const nac_operation_call *c, const char *name)
{
    return cJSON_IsTrue(option(c, name));
}

static inline double number(const nac_operation_call *c, const char *name, double otherwise)
{
    double v;
    return nac_json_number(option(c, name), &v) ? v : otherwise;
}

static inline int axis(const nac_operation_call *c, const char *name, int otherwise)
{
    const cJSON *item = option(c, name);
    if (cJSON_IsArray(item))
        item = item->child;
    return cJSON_IsNumber(item) ? (int)item->valuedouble : otherwise;
}

static inline nac_shape of_rank(nac_shape s)
{
    return nac_shape_of(s.rank, s.d);
}

/* The positional argument, or the one of that name; NULL when it was not given or is None. */
static inline nac_tensor *argument(const nac_operation_call *c, int position, const char *name)
{
    for (int i = 0; i < c->n; i++)
        if (c->key[i] ? strcmp(c->key[i], name) == 0 : c->position[i] == position)
            return c->in[i];
    return NULL;
}

/* What the file has there, when that is no tensor. */
static inline const cJSON *written_argument(const nac_operation_call *c, int position, const char *name)
{
    for (int i = 0; i < c->n; i++)
        if (c->key[i] ? strcmp(c->key[i], name) == 0 : c->position[i] == position)
            return cJSON_IsNull(c->literal[i]) ? NULL : c->literal[i];
    return NULL;
}

static inline bool channels_first(const nac_operation_call *c)
{
    return strcmp(text(c, "data_format", "channels_last"), "channels_first") == 0;
}

static inline nac_tensor *like(const nac_tensor *x, double value)
{
    return nac_scalar_of(nac_dtype_of(x), value);
}

/* Integers as Keras takes them where the result is a float. */
static inline nac_tensor *as_float(nac_tensor *x)
{
    return nac_is_float(nac_dtype_of(x)) ? x : nac_cast(x, NAC_FLOAT32);
}

/* A number or a list of them, null as -1. */
bool        nac_integers(const nac_operation_call *c, const char *name, nac_shape *out);
/* How many numbers a literal holds: a number, a list of them or an array of rank 0 or 1; -1 when it is something else, or of more than NAC_MAX_IO. */
int         nac_numbers(const cJSON *literal, double *values, int *rank);
/* The axes of the option `name`, from 0 and ascending; none: rank 0. */
bool        nac_axes_option(const nac_operation_call *c, const char *name, nac_shape *out);
/* x as a reduction takes it over the axes of the option. */
bool        nac_over(const nac_operation_call *c, nac_tensor *x, const char *name, nac_reduce_options *o);
nac_tensor *nac_reduce_over(const nac_operation_call *c, nac_tensor *x, nac_tensor *(*fn)(const nac_reduce_options *));
/* y in the dtype of the option; as it is when there is none. */
nac_tensor *nac_typed(const nac_operation_call *c, nac_tensor *y);
nac_tensor *nac_element(nac_tensor *x, int axis, int64_t i);   /* x[..., i, ...]: the axis, whose extent need not be known, is gone */
nac_tensor *nac_last_to(nac_tensor *x, int at);                /* its last axis somewhere else */
nac_tensor *nac_swap_channels(nac_tensor *x, bool first);      /* channels from first to last, or back; without first: x */

#endif
