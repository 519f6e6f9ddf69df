/* Datasets and the walk over their batches. */
#ifndef NAC_DATA_H
#define NAC_DATA_H

#include "tensor/tensor.h"
#include "nacre/data.h"

struct nac_dataset {
    nac_object      obj;
    int64_t         size;
    nac_tensor     *inputs, *targets, *weights;     /* retained; the last two may be NULL */
    nac_batch_maker make;                           /* instead of arrays; size counts batches */
    void           *context;
};

/* Whether each of its arrays has *size samples; -1: as many as the first one has, which is then *size. */
bool nac_same_samples(const nac_tensor *t, const char *what, int64_t *size);

enum { NAC_BATCHES_AHEAD = 4 };

/* Batches of a dataset in some order. A batch is a list of inputs, targets and weights, as many as there are; its memory is used again for a
   later one when nobody else holds it. */
typedef struct {
    nac_dataset *data;
    int64_t      batch_size;
    int64_t      at, end;               /* samples: of the next batch, of the last one of this pass */
    int64_t     *order;                 /* NULL: as stored */
    nac_tensor  *slots[NAC_BATCHES_AHEAD], *last;       /* full batches, and a last, smaller one */
    struct nac_feeder *feeder;          /* works ahead; NULL: batches are made when they are asked for */
} nac_batches;

/* At the first batch, in the order of the dataset. */
void nac_batches_open(nac_batches *b, nac_dataset *data, int64_t batch_size);
void nac_batches_close(nac_batches *b);
/* A pass of count batches that begins with the first-th; with shuffle in the order that (seed, epoch) gives. */
bool nac_batches_restart(nac_batches *b, bool shuffle, uint64_t seed, uint64_t epoch, int64_t first, int64_t count);
/* The next batch, borrowed until the next call; NULL at the end or on an error (then *ok is false). */
nac_tensor *nac_batches_next(nac_batches *b, bool *ok);
/* Of a dataset's parts, those that there are: inputs, targets, weights. Weights without targets are not kept. */
nac_tensor *nac_batch_of(nac_tensor *inputs, nac_tensor *targets, nac_tensor *weights);
int64_t nac_batches_count(const nac_batches *b);

#endif
