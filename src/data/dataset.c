/* Datasets of arrays in memory, and their batches. */
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

static bool check(const nac_tensor *t, const char *what, int64_t *size)
{
    char text[128];
    for (int i = 0; i < t->n_items; i++)
        if (!check(t->items[i], what, size))
            return false;
    if (t->n_items)
        return true;
    if (!t->buffer || t->type.rank < 1)
        return nac_fail(NAC_E_SHAPE, "nac_arrays: %s: expected an array with samples along its first axis, found %s", what,
                        nac_type_text(&t->type, text, sizeof text));
    if (*size < 0)
        *size = t->type.dim[0];
    return t->type.dim[0] == *size || nac_fail(NAC_E_SHAPE, "nac_arrays: %s: expected %lld samples, found %lld", what, (long long)*size, (long long)t->type.dim[0]);
}

nac_dataset *nac_arrays_with(const nac_arrays_arguments *a)
{
    static const nac_object_type type = {NAC_KIND_DATASET, destroy};
    int64_t size = -1;
    if (!a->inputs || !check(a->inputs, "inputs", &size) || (a->targets && !check(a->targets, "targets", &size))
        || (a->sample_weight && !check(a->sample_weight, "sample_weight", &size)))
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

nac_dataset *nac_dataset_slice(nac_dataset *d, int64_t from, int64_t to)
{
    if (!d)
        return NULL;
    if (from < 0 || to > d->size || from > to)
        return nac_fail(NAC_E_ARGUMENT, "nac_dataset_slice: samples %lld to %lld of %lld", (long long)from, (long long)to, (long long)d->size);
    return nac_arrays(part(d->inputs, from, to, NULL), .targets = part(d->targets, from, to, NULL), .sample_weight = part(d->weights, from, to, NULL));
}

nac_dataset *nac_dataset_take(nac_dataset *d, nac_tensor *ids)
{
    const int64_t *id = d ? nac_data_i64(ids) : NULL;
    if (!id)
        return NULL;
    int64_t n = nac_size_of(ids);
    for (int64_t i = 0; i < n; i++)
        if (id[i] < 0 || id[i] >= d->size)
            return nac_fail(NAC_E_ARGUMENT, "nac_dataset_take: sample %lld of %lld", (long long)id[i], (long long)d->size);
    return nac_arrays(part(d->inputs, 0, n, id), .targets = part(d->targets, 0, n, id), .sample_weight = part(d->weights, 0, n, id));
}

/* ---- batches ---- */

bool nac_batches_open(nac_batches *b, nac_dataset *data, int64_t batch_size)
{
    *b = (nac_batches){.data = nac_retain(data), .batch_size = batch_size};
    return true;
}

void nac_batches_close(nac_batches *b)
{
    nac_release(b->kept[0]);
    nac_release(b->kept[1]);
    nac_free(b->order);
    nac_release(b->data);
    *b = (nac_batches){0};
}

int64_t nac_batches_count(const nac_batches *b)
{
    return (b->data->size + b->batch_size - 1) / b->batch_size;
}

/* Fisher and Yates, from a stream of (seed, epoch) alone. */
bool nac_batches_restart(nac_batches *b, bool shuffle, uint64_t seed, uint64_t epoch)
{
    int64_t n = b->data->size;
    b->at = 0;
    if (!shuffle) {
        nac_free(b->order);
        b->order = NULL;
        return true;
    }
    uint32_t *bits = nac_malloc((size_t)(2 * n) * sizeof *bits);
    if (!bits || (!b->order && !(b->order = nac_malloc((size_t)n * sizeof *b->order)))) {
        nac_free(bits);
        return false;
    }
    nac_random_bits(seed, epoch, 2 * n, bits);
    for (int64_t i = 0; i < n; i++)
        b->order[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t k = (int64_t)(((uint64_t)bits[2 * i] << 32 | bits[2 * i + 1]) % (uint64_t)(i + 1)), t = b->order[i];
        b->order[i] = b->order[k];
        b->order[k] = t;
    }
    nac_free(bits);
    return true;
}

static bool reusable(const nac_tensor *t)
{
    if (!t)
        return false;
    for (int i = 0; i < t->n_items; i++)
        if (!reusable(t->items[i]))
            return false;
    return __atomic_load_n(&t->obj.refs, __ATOMIC_ACQUIRE) == 1 && (t->n_items || __atomic_load_n(&t->buffer->obj.refs, __ATOMIC_ACQUIRE) == 1);
}

static bool fits(const nac_tensor *kept, int64_t n)
{
    return kept->n_items ? fits(kept->items[0], n) : kept->type.dim[0] == n;
}

static void fill(const nac_tensor *from, nac_tensor *to, int64_t at, int64_t n, const int64_t *order)
{
    for (int i = 0; i < from->n_items; i++)
        fill(from->items[i], to->items[i], at, n, order);
    if (from->n_items)
        return;
    size_t row = nac_type_bytes(&from->type) / (size_t)from->type.dim[0];
    if (order)
        nac_gather(n, row, from->type.dim[0], order + at, nac_tensor_data(from), nac_tensor_data(to));
    else
        memcpy(nac_tensor_data(to), (char *)nac_tensor_data(from) + (size_t)at * row, (size_t)n * row);
}

static nac_tensor *empty_like(const nac_tensor *t, int64_t n)
{
    nac_tensor *items[NAC_MAX_IO];
    for (int i = 0; i < t->n_items; i++)
        items[i] = empty_like(t->items[i], n);
    if (t->n_items)
        return nac_list_of(t->n_items, items);
    nac_type type = t->type;
    type.dim[0] = n;
    return nac_tensor_alloc(&type);
}

nac_tensor *nac_batch_of(nac_tensor *inputs, nac_tensor *targets, nac_tensor *weights)
{
    nac_tensor *parts[3] = {inputs, targets, weights};
    return inputs ? nac_list_of(!targets ? 1 : !weights ? 2 : 3, parts) : NULL;
}

/* Memory for a batch of n samples. */
static nac_tensor *room(const nac_dataset *d, int64_t n)
{
    nac_tensor *inputs = empty_like(d->inputs, n), *targets = d->targets ? empty_like(d->targets, n) : NULL;
    nac_tensor *weights = d->weights ? empty_like(d->weights, n) : NULL;
    bool ok = inputs && (targets || !d->targets) && (weights || !d->weights);
    return ok ? nac_batch_of(inputs, targets, weights) : NULL;
}

nac_tensor *nac_batches_next(nac_batches *b, bool *ok)
{
    const nac_dataset *d = b->data;
    const nac_tensor *parts[3] = {d->inputs, d->targets, d->weights};
    int64_t n = d->size - b->at < b->batch_size ? d->size - b->at : b->batch_size;
    *ok = true;
    if (n <= 0)
        return NULL;
    nac_tensor **kept = &b->kept[n < b->batch_size];
    if (!reusable(*kept) || !fits(*kept, n)) {
        nac_scope scope = nac_scope_begin();
        nac_tensor *fresh = nac_retain(room(d, n));
        nac_scope_end(&scope);
        if (!fresh)
            return *ok = false, NULL;
        nac_release(*kept);
        *kept = fresh;
    }
    for (int i = 0; i < (*kept)->n_items; i++)
        fill(parts[i], (*kept)->items[i], b->at, n, b->order);
    b->at += n;
    return *kept;
}
