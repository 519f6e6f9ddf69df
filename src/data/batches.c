/* Batches: in the order of the dataset views of it; in a shuffled one copies, which a thread of their own makes ahead where a core is free for it. */
#include <omp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "data/data.h"
#include "kernels/kernels.h"

#define WORTHWHILE ((size_t)32 << 10)           /* bytes a batch: less is copied sooner than a thread is woken */

/* The thread only copies: it makes no object, and cannot fail. All that it works on was made by the one that asks for batches. */
struct nac_feeder {
    pthread_t       thread;
    pthread_mutex_t lock;
    pthread_cond_t  work, ready;
    nac_batches    *b;
    int64_t         at, end;            /* samples: of the next batch to be made, of the last */
    int64_t         made, given, back;  /* batches of this pass: copied, handed out, handed back */
    bool            busy, stop;
};

/* ---- memory ---- */

/* A view's buffer is the dataset's. */
static bool is_free(const nac_tensor *t, bool view)
{
    if (!t || __atomic_load_n(&t->obj.refs, __ATOMIC_ACQUIRE) != 1)
        return false;
    for (int i = 0; i < t->n_items; i++)
        if (!is_free(t->items[i], view))
            return false;
    return t->n_items || view || __atomic_load_n(&t->buffer->obj.refs, __ATOMIC_ACQUIRE) == 1;
}

static bool fits(const nac_tensor *t, int64_t n)
{
    return t->n_items ? fits(t->items[0], n) : t->type.dim[0] == n;
}

static size_t row_bytes(const nac_tensor *t)
{
    return nac_type_bytes(&t->type) / (size_t)t->type.dim[0];
}

static nac_tensor *empty_like(const nac_tensor *t, int64_t n, bool view)
{
    nac_tensor *items[NAC_MAX_IO];
    for (int i = 0; i < t->n_items; i++)
        items[i] = empty_like(t->items[i], n, view);
    if (t->n_items)
        return nac_list_of(t->n_items, items);
    nac_type type = t->type;
    type.dim[0] = n;
    return view ? nac_tensor_share(t->buffer, t->offset, &type) : nac_tensor_alloc(&type);
}

nac_tensor *nac_batch_of(nac_tensor *inputs, nac_tensor *targets, nac_tensor *weights)
{
    nac_tensor *parts[3] = {inputs, targets, weights};
    return inputs ? nac_list_of(!targets ? 1 : !weights ? 2 : 3, parts) : NULL;
}

/* Room for a batch of n samples in the slot, which nobody else holds. */
static bool have_room(const nac_batches *b, nac_tensor **slot, int64_t n)
{
    const nac_dataset *d = b->data;
    bool view = !b->order;
    if (is_free(*slot, view) && fits(*slot, n))
        return true;
    nac_scope scope = nac_scope_begin();
    nac_tensor *inputs = empty_like(d->inputs, n, view), *targets = d->targets ? empty_like(d->targets, n, view) : NULL;
    nac_tensor *weights = d->weights ? empty_like(d->weights, n, view) : NULL;
    bool ok = inputs && (targets || !d->targets) && (weights || !d->weights);
    nac_tensor *fresh = ok ? nac_retain(nac_batch_of(inputs, targets, weights)) : NULL;
    nac_scope_end(&scope);
    if (!fresh)
        return false;
    nac_release(*slot);
    *slot = fresh;
    return true;
}

static void fill_part(const nac_tensor *from, nac_tensor *to, int64_t at, int64_t n, const int64_t *order)
{
    for (int i = 0; i < from->n_items; i++)
        fill_part(from->items[i], to->items[i], at, n, order);
    if (from->n_items)
        return;
    if (order)
        nac_gather(n, row_bytes(from), from->type.dim[0], order + at, nac_tensor_data(from), nac_tensor_data(to));
    else
        to->offset = from->offset + (size_t)at * row_bytes(from);
}

static void fill(const nac_batches *b, nac_tensor *batch, int64_t at, int64_t n)
{
    const nac_tensor *parts[3] = {b->data->inputs, b->data->targets, b->data->weights};
    for (int i = 0; i < batch->n_items; i++)
        fill_part(parts[i], batch->items[i], at, n, b->order);
}

static int64_t samples_at(const nac_batches *b, int64_t at)
{
    int64_t left = b->data->size - at;
    return left < b->batch_size ? left : b->batch_size;
}

static nac_tensor **slot_of(nac_batches *b, int64_t number, int64_t n)
{
    return n < b->batch_size ? &b->last : &b->slots[number % NAC_BATCHES_AHEAD];
}

/* ---- the thread ---- */

static void *feed(void *feeder)
{
    struct nac_feeder *f = feeder;
    nac_batches *b = f->b;
    pthread_mutex_lock(&f->lock);
    while (!f->stop) {
        if (f->at >= f->end || f->made == f->back + NAC_BATCHES_AHEAD) {
            pthread_cond_wait(&f->work, &f->lock);
            continue;
        }
        int64_t at = f->at, n = samples_at(b, at);
        nac_tensor *batch = *slot_of(b, f->made, n);
        f->busy = true;
        pthread_mutex_unlock(&f->lock);
        fill(b, batch, at, n);
        pthread_mutex_lock(&f->lock);
        f->busy = false;
        f->at += n;
        f->made++;
        pthread_cond_signal(&f->ready);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

static void free_feeder(struct nac_feeder *f)
{
    pthread_cond_destroy(&f->work);
    pthread_cond_destroy(&f->ready);
    pthread_mutex_destroy(&f->lock);
    nac_free(f);
}

/* Where no thread can be had, batches are made when they are asked for. The host's signals are not for it. */
static bool start(nac_batches *b)
{
    sigset_t all, before;
    struct nac_feeder *f = nac_calloc(1, sizeof *f);
    if (!f)
        return false;
    f->b = b;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->work, NULL);
    pthread_cond_init(&f->ready, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&f->thread, NULL, feed, f) == 0)
        b->feeder = f;
    else
        free_feeder(f);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return true;
}

static void stop(struct nac_feeder *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_cond_signal(&f->work);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    free_feeder(f);
}

/* It makes nothing more, and touches nothing. */
static void rest(struct nac_feeder *f)
{
    pthread_mutex_lock(&f->lock);
    f->end = 0;
    while (f->busy)
        pthread_cond_wait(&f->ready, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

static size_t batch_bytes(const nac_tensor *t, int64_t n)
{
    size_t bytes = 0;
    for (int i = 0; t && i < t->n_items; i++)
        bytes += batch_bytes(t->items[i], n);
    return !t || t->n_items ? bytes : (size_t)n * row_bytes(t);
}

/* NACRE_PREFETCH=0 or 1 decides it; else a thread must have a core of its own and enough to do. */
static bool worthwhile(const nac_batches *b)
{
    const char *say = getenv("NACRE_PREFETCH");
    if (b->data->make)
        return false;
    bool worth = say ? *say == '1' : omp_get_num_procs() > omp_get_max_threads() && batch_bytes(b->data->inputs, b->batch_size) >= WORTHWHILE;
    return worth && b->order && b->batch_size < b->end - b->at;
}

/* From here on the thread works ahead. */
static bool begin_pass(nac_batches *b)
{
    struct nac_feeder *f = b->feeder;
    int64_t at = b->at;
    for (int i = 0; i < NAC_BATCHES_AHEAD && at < b->end; i++, at += b->batch_size)
        if (!have_room(b, slot_of(b, i, samples_at(b, at)), samples_at(b, at)))
            return false;
    int64_t tail = b->data->size % b->batch_size;
    if (b->end == b->data->size && tail && !have_room(b, &b->last, tail))
        return false;
    pthread_mutex_lock(&f->lock);
    f->at = b->at;
    f->end = b->end;
    f->made = f->given = f->back = 0;
    pthread_cond_signal(&f->work);
    pthread_mutex_unlock(&f->lock);
    return true;
}

/* A batch that somebody has kept does not go back to the ring: another takes its place. */
static nac_tensor *take(nac_batches *b, int64_t n)
{
    struct nac_feeder *f = b->feeder;
    if (f->given > f->back && !have_room(b, slot_of(b, f->back, b->batch_size), b->batch_size))
        return NULL;
    pthread_mutex_lock(&f->lock);
    f->back = f->given;
    if (f->made <= f->given + NAC_BATCHES_AHEAD / 2)    /* waking it for each batch would cost more */
        pthread_cond_signal(&f->work);
    while (f->made == f->given)
        pthread_cond_wait(&f->ready, &f->lock);
    nac_tensor *batch = *slot_of(b, f->given++, n);
    pthread_mutex_unlock(&f->lock);
    return batch;
}

/* ---- batches ---- */

static void drop_slots(nac_batches *b)
{
    for (int i = 0; i < NAC_BATCHES_AHEAD; i++) {
        nac_release(b->slots[i]);
        b->slots[i] = NULL;
    }
    nac_release(b->last);
    b->last = NULL;
}

void nac_batches_open(nac_batches *b, nac_dataset *data, int64_t batch_size)
{
    *b = (nac_batches){.data = nac_retain(data), .batch_size = data->make ? 1 : batch_size, .end = data->size};
}

void nac_batches_close(nac_batches *b)
{
    stop(b->feeder);
    drop_slots(b);
    nac_free(b->order);
    nac_release(b->data);
    *b = (nac_batches){0};
}

int64_t nac_batches_count(const nac_batches *b)
{
    return (b->data->size + b->batch_size - 1) / b->batch_size;
}

/* Of (seed, epoch) alone. */
static bool draw_order(nac_batches *b, uint64_t seed, uint64_t epoch)
{
    if (!b->order && !(b->order = nac_malloc((size_t)b->data->size * sizeof *b->order)))
        return false;
    nac_random_order(seed, epoch, b->data->size, b->order);
    return true;
}

bool nac_batches_restart(nac_batches *b, bool shuffle, uint64_t seed, uint64_t epoch, int64_t first, int64_t count)
{
    if (b->feeder)
        rest(b->feeder);
    if (shuffle != (b->order != NULL))
        drop_slots(b);                  /* views and copies */
    if (!shuffle) {
        nac_free(b->order);
        b->order = NULL;
    } else if (!draw_order(b, seed, epoch)) {
        return false;
    }
    b->at = first * b->batch_size;
    b->end = count < nac_batches_count(b) - first ? b->at + count * b->batch_size : b->data->size;
    if (!b->feeder && worthwhile(b) && !start(b))
        return false;
    return !b->feeder || begin_pass(b);
}

/* ---- batches that a function makes ---- */

static nac_tensor *make(nac_batches *b)
{
    int64_t number = b->order ? b->order[b->at] : b->at, samples = -1;
    char what[32];
    nac_scope scope = nac_scope_begin();
    nac_tensor *batch = b->data->make(b->data->context, number);
    if (!batch && nac_ok())
        nac_fail(NAC_E_ARGUMENT, "batch %lld: the dataset's function gave none", (long long)number);
    else if (batch && !nac_is_list(batch))
        batch = nac_list_of(1, &batch);
    else if (batch && batch->n_items > 3)
        batch = nac_fail(NAC_E_ARGUMENT, "batch %lld: expected inputs, targets and sample weights, found a list of %d", (long long)number, batch->n_items);
    snprintf(what, sizeof what, "batch %lld", (long long)number);
    bool ok = batch && nac_same_samples(batch, what, &samples);
    nac_release(b->last);
    b->last = ok ? nac_retain(batch) : nac_trail("in the function of a dataset");
    nac_scope_end(&scope);
    return b->last;
}

nac_tensor *nac_batches_next(nac_batches *b, bool *ok)
{
    *ok = true;
    if (b->at >= b->end)
        return NULL;
    int64_t n = samples_at(b, b->at);
    nac_tensor **slot = slot_of(b, 0, n), *batch = NULL;
    if (b->data->make)
        batch = make(b);
    else if (b->feeder)
        batch = take(b, n);
    else if (have_room(b, slot, n))
        fill(b, batch = *slot, b->at, n);
    *ok = batch;
    b->at += batch ? n : 0;
    return batch;
}
