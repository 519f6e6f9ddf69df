/* Datasets: arrays in memory, and batches that a function makes. */
#include <string.h>
#include "data/data.h"
#include "kernels/kernels.h"

static void destroy(void *object)
{
    nac_dataset *d = object;
    nac_release(d->inputs);
    nac_release(d->targets);
    nac_release(d->weights);
}

bool nac_same_samples(const nac_tensor *t, const char *what, int64_t *size)
{
    char text[128];
    for (int i = 0; i < t->n_items; i++)
        if (!nac_same_samples(t->items[i], what, size))
            return false;
    if (t->n_items)
        return true;
    if (!t->buffer || t->type.rank < 1)
        return nac_fail(NAC_E_SHAPE, "%s: expected an array with samples along its first axis, found %s", what,
                        nac_type_text(&t->type, text, sizeof text));
    if (*size < 0)
        *size = t->type.dim[0];
    return t->type.dim[0] == *size || nac_fail(NAC_E_SHAPE, "%s: expected %lld samples, found %lld", what, (long long)*size, (long long)t->type.dim[0]);
}

static const nac_object_type type = {NAC_KIND_DATASET, destroy};

nac_dataset *nac_arrays_with(const nac_arrays_arguments *a)
{
    int64_t size = -1;
    if (!a->inputs || !nac_same_samples(a->inputs, "nac_arrays: inputs", &size) || (a->targets && !nac_same_samples(a->targets, "nac_arrays: targets", &size))
        || (a->sample_weight && !nac_same_samples(a->sample_weight, "nac_arrays: sample_weight", &size)))
        return NULL;
    nac_dataset *d = nac_object_new(&type, sizeof *d);
    if (d) {
        d->size = size;
        d->inputs = nac_retain(a->inputs);
        d->targets = nac_retain(a->targets);
        d->weights = nac_retain(a->sample_weight);
    }
    return d;
}

nac_dataset *nac_dataset_of(int64_t batches, nac_batch_maker make, void *context)
{
    if (batches < 0 || !make)
        return nac_fail(NAC_E_ARGUMENT, "nac_dataset_of: expected a number of batches and a function that makes them, found %lld and %s", (long long)batches,
                        make ? "a function" : "NULL");
    nac_dataset *d = nac_object_new(&type, sizeof *d);
    if (d) {
        d->size = batches;
        d->make = make;
        d->context = context;
    }
    return d;
}

int64_t nac_dataset_size(const nac_dataset *d)
{
    return d ? d->size : 0;
}

nac_tensor *nac_dataset_inputs(const nac_dataset *d)
{
    return d ? d->inputs : NULL;
}

nac_tensor *nac_dataset_targets(const nac_dataset *d)
{
    return d ? d->targets : NULL;
}

nac_tensor *nac_dataset_weights(const nac_dataset *d)
{
    return d ? d->weights : NULL;
}

/* ---- parts ---- */

/* One tensor of the parts [from, to) or ids (n), with the nesting of t. */
static nac_tensor *part(nac_tensor *t, int64_t from, int64_t to, const int64_t *ids)
{
    nac_tensor *items[NAC_MAX_IO];
    if (!t)
        return NULL;
    for (int i = 0; i < t->n_items; i++)
        items[i] = part(t->items[i], from, to, ids);
    if (t->n_items)
        return nac_list_of(t->n_items, items);
    nac_type type = t->type;
    size_t row = t->type.dim[0] ? nac_type_bytes(&t->type) / (size_t)t->type.dim[0] : 0;
    type.dim[0] = to - from;
    if (!ids)
        return nac_tensor_share(t->buffer, t->offset + (size_t)from * row, &type);
    nac_tensor *copy = nac_tensor_alloc(&type);
    if (copy)
        nac_gather(to - from, row, t->type.dim[0], ids + from, nac_tensor_data(t), nac_tensor_data(copy));
    return copy;
}

static bool is_arrays(const nac_dataset *d, const char *who)
{
    return !d->make || nac_fail(NAC_E_ARGUMENT, "%s: expected a dataset of arrays, found one whose batches a function makes", who);
}

nac_dataset *nac_dataset_slice(nac_dataset *d, int64_t from, int64_t to)
{
    if (!d || !is_arrays(d, "nac_dataset_slice"))
        return NULL;
    if (from < 0 || to > d->size || from > to)
        return nac_fail(NAC_E_ARGUMENT, "nac_dataset_slice: samples %lld to %lld of %lld", (long long)from, (long long)to, (long long)d->size);
    return nac_arrays(part(d->inputs, from, to, NULL), .targets = part(d->targets, from, to, NULL), .sample_weight = part(d->weights, from, to, NULL));
}

nac_dataset *nac_dataset_take(nac_dataset *d, nac_tensor *ids)
{
    const int64_t *id = d && is_arrays(d, "nac_dataset_take") ? nac_data_i64(ids) : NULL;
    if (!id)
        return NULL;
    int64_t n = nac_size_of(ids);
    for (int64_t i = 0; i < n; i++)
        if (id[i] < 0 || id[i] >= d->size)
            return nac_fail(NAC_E_ARGUMENT, "nac_dataset_take: sample %lld of %lld", (long long)id[i], (long long)d->size);
    return nac_arrays(part(d->inputs, 0, n, id), .targets = part(d->targets, 0, n, id), .sample_weight = part(d->weights, 0, n, id));
}
