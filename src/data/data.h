/* Datasets and the walk over their batches. */
#ifndef NAC_DATA_H
#define NAC_DATA_H

#include "tensor/tensor.h"
#include "nacre/data.h"

struct nac_dataset {
    nac_object  obj;
    int64_t     size;
    nac_tensor *inputs, *targets, *weights;     /* retained; the last two may be NULL */
};

/* Batches of a dataset in some order. A batch is a list of inputs, targets and weights, as many as there are; its memory is used again for the
   next one when nobody else holds it. */
typedef struct {
    nac_dataset *data;
    int64_t      batch_size, at;
    int64_t     *order;                 /* NULL: as stored */
    nac_tensor  *kept[2];               /* a full batch, and a last, smaller one */
} nac_batches;

bool nac_batches_open(nac_batches *b, nac_dataset *data, int64_t batch_size);
void nac_batches_close(nac_batches *b);
/* Back to the first batch; with a seed, in the order that (seed, epoch) gives. */
bool nac_batches_restart(nac_batches *b, bool shuffle, uint64_t seed, uint64_t epoch);
/* The next batch, borrowed until the next call; NULL at the end or on an error (then *ok is false). */
nac_tensor *nac_batches_next(nac_batches *b, bool *ok);
/* Of a dataset's parts, those that there are: inputs, targets, weights. Weights without targets are not kept. */
nac_tensor *nac_batch_of(nac_tensor *inputs, nac_tensor *targets, nac_tensor *weights);
int64_t nac_batches_count(const nac_batches *b);

#endif
