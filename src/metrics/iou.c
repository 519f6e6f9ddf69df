/* Intersection over union: a confusion matrix of integers, unless dtype says otherwise. */
#include <string.h>
#include "metrics/metric.h"

#define EPSILON 1e-7

/* ---- options: each class has some of them ---- */

static int64_t integer(const nac_metric *self, const char *name, int64_t otherwise)
{
    const int64_t *v = nac_option_of(&self->base, name);
    return v ? *v : otherwise;
}

static bool is_sparse(const nac_metric *self, const char *name)
{
    const bool *v = nac_option_of(&self->base, name);
    return v ? *v : strncmp(self->base.cls->name, "OneHot", 6) != 0;
}

static int64_t classes(const nac_metric *self)
{
    return integer(self, "num_classes", 2);
}

static bool build(nac_metric *self)
{
    nac_axes *ids = nac_option_of(&self->base, "target_class_ids");
    const char *dtype = *(const char *const *)nac_option_of(&self->base, "dtype");
    if (ids && ids->d[0] == NAC_NONE)
        *ids = (nac_axes){{0, 1}};
    for (int i = 0; ids && i < nac_axes_count(ids); i++)
        if (ids->d[i] < 0 || ids->d[i] >= classes(self))
            return nac_fail(NAC_E_ARGUMENT, "%s: target_class_ids: expected less than %lld, found %lld", self->base.cls->name, (long long)classes(self),
                            (long long)ids->d[i]);
    return nac_metric_state_of(self, "total_confusion_matrix", !dtype || strcmp(dtype, "int") == 0 ? NAC_INT64 : nac_dtype_from_name(dtype),
                               NAC_SHAPE(classes(self), classes(self)));
}

/* ---- counting ---- */

static nac_tensor *is_class(nac_tensor *ids, int64_t n)
{
    return nac_logical_and(nac_greater_equal(ids, nac_scalar_int(NAC_INT64, 0)), nac_less(ids, nac_scalar_int(NAC_INT64, n)));
}

static bool update(nac_metric *self, nac_tensor *t, nac_tensor *p, nac_tensor *weight)
{
    int64_t n = classes(self), ignored = integer(self, "ignore_class", NAC_NONE);
    int axis = (int)integer(self, "axis", -1);
    const double *threshold = nac_option_of(&self->base, "threshold");
    nac_dtype dtype = nac_variable_dtype(self->state[0]);
    if (threshold && p)
        p = nac_greater_equal(nac_cast(p, NAC_FLOAT32), nac_scalar(*threshold));
    t = nac_reshape(nac_cast(is_sparse(self, "sparse_y_true") ? t : nac_argmax(t, axis), NAC_INT64), -1);
    p = nac_reshape(nac_cast(is_sparse(self, "sparse_y_pred") ? p : nac_argmax(p, axis), NAC_INT64), -1);
    if (!t || !p)
        return false;
    if (nac_size_of(t) != nac_size_of(p))
        return nac_fail(NAC_E_SHAPE, "%s: %lld targets, %lld predictions", self->base.cls->name, (long long)nac_size_of(t), (long long)nac_size_of(p));
    weight = weight ? nac_cast(weight, dtype) : nac_scalar_of(dtype, 1);
    weight = nac_broadcast_to(weight && nac_rank(weight) > 1 ? nac_reshape(weight, -1) : weight, nac_shape_of_tensor(t));
    nac_tensor *counts = nac_logical_and(is_class(t, n), is_class(p, n));
    if (ignored != NAC_NONE)
        counts = nac_logical_and(counts, nac_not_equal(t, nac_scalar_int(NAC_INT64, ignored)));
    nac_tensor *pair = nac_where(counts, nac_add(nac_mul_scalar(t, (double)n), p), nac_scalar_int(NAC_INT64, -1));     /* -1 is dropped */
    nac_tensor *sums = nac_segment_sum(nac_cast(weight, NAC_FLOAT64), pair, n * n);
    return nac_metric_grow(self, 0, nac_cast(nac_reshape(sums, n, n), dtype));
}

static nac_tensor *result(nac_metric *self)
{
    const nac_axes *ids = nac_option_of(&self->base, "target_class_ids");
    nac_tensor *pairs = nac_value(self->state[0]), *hits = nac_sum(nac_multiply(pairs, nac_eye(nac_variable_dtype(self->state[0]), classes(self))), .axis = 1);
    nac_tensor *all = nac_subtract(nac_add(nac_sum(pairs, .axis = 0), nac_sum(pairs, .axis = 1)), hits);
    if (ids) {
        nac_tensor *wanted = nac_tensor_new(NAC_INT64, NAC_SHAPE(nac_axes_count(ids)), ids->d);
        hits = nac_take(hits, wanted, 0);
        all = nac_take(all, wanted, 0);
    }
    hits = nac_cast(hits, NAC_FLOAT32);
    all = nac_cast(all, NAC_FLOAT32);
    nac_tensor *seen = nac_greater_scalar(all, 1e-9), *each = nac_where(seen, nac_divide(hits, nac_add_scalar(all, EPSILON)), nac_scalar(0));
    return nac_divide(nac_sum(each), nac_add_scalar(nac_sum(nac_cast(seen, NAC_FLOAT32)), EPSILON));
}

#define METRICS(O)                                                                                                                   \
    O(io_u, NAC_IO_U_OPTIONS, "IoU", "", .build = build, .update = update, .result = result)                                         \
    O(binary_io_u, NAC_BINARY_IO_U_OPTIONS, "BinaryIoU", "", .build = build, .update = update, .result = result)                     \
    O(mean_io_u, NAC_MEAN_IO_U_OPTIONS, "MeanIoU", "", .build = build, .update = update, .result = result)                           \
    O(one_hot_io_u, NAC_ONE_HOT_IO_U_OPTIONS, "OneHotIoU", "", .build = build, .update = update, .result = result)                   \
    O(one_hot_mean_io_u, NAC_ONE_HOT_MEAN_IO_U_OPTIONS, "OneHotMeanIoU", "", .build = build, .update = update, .result = result)

METRICS(NAC_DEFINE_METRIC)
const nac_class *const nac_iou_classes[] = {METRICS(NAC_METRIC_ROW) NULL};
