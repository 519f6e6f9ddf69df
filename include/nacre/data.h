/* Datasets: what fit, evaluate and predict read, batch by batch. In the order of the dataset a batch is a view of it. Shuffled ones are copies: where
   a core is free beside those that compute, a thread of fit's own makes them while a step runs, the same ones to the bit. It copies arrays and does
   nothing else: no code of the caller's runs there. NACRE_PREFETCH=0 or 1 in the environment decides whether there is one. */
#ifndef NACRE_DATA_H
#define NACRE_DATA_H

#include "nacre/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Arrays in memory: inputs and targets with the samples along their first axis; a list for several. targets and sample_weight may be NULL; weights
   are (samples) or, for several targets, a list of as many. The tensors are shared, not copied. */
#define NAC_ARRAYS_ARGUMENTS(O, S)                                                                                                   \
    O(S, TENSOR, inputs, NULL)                                                                                                       \
    O(S, TENSOR, targets, NULL)                                                                                                      \
    O(S, TENSOR, sample_weight, NULL)
typedef struct {
    NAC_ARRAYS_ARGUMENTS(NAC_FIELD, )
} nac_arrays_arguments;
NAC_API nac_dataset *nac_arrays_with(const nac_arrays_arguments *arguments);
#define nac_arrays(...) NAC_KW(nac_arrays_arguments, nac_arrays_with, NAC_ARRAYS_ARGUMENTS, .inputs = __VA_ARGS__)

/* Batches that a function makes when they are wanted, for data that does not fit in memory or is drawn anew (keras.utils.PyDataset). make gives batch i,
   from 0, of `batches`: nac_list(inputs, targets) or nac_list(inputs, targets, sample_weight), or the inputs alone; NULL, best with an error, stops
   fit. It runs in the thread of fit or evaluate, in a scope of its own; context must live as long as the dataset. Shuffling changes the order of the
   batches; fit's batch_size does nothing, and what needs all samples (validation_split, class_weight, slices) is an error. */
typedef nac_tensor *(*nac_batch_maker)(void *context, int64_t i);
NAC_API nac_dataset *nac_dataset_of(int64_t batches, nac_batch_maker make, void *context);

/* An IDX file (the MNIST format), gzipped or not: uint8, int32, float32 or float64 of any rank. */
NAC_API nac_tensor *nac_load_idx(const char *path);
/* "train" (60000) or "test" (10000) of Fashion-MNIST: images uint8 (n, 28, 28), labels uint8 (n). Read from the folder that NACRE_FASHION_MNIST
   names, else from Debian's package dataset-fashion-mnist. */
NAC_API nac_dataset *nac_fashion_mnist(const char *part);

NAC_API int64_t     nac_dataset_size(const nac_dataset *d);             /* samples; of nac_dataset_of, batches */
NAC_API nac_tensor *nac_dataset_inputs(const nac_dataset *d);           /* borrowed; NULL of nac_dataset_of */
NAC_API nac_tensor *nac_dataset_targets(const nac_dataset *d);          /* borrowed; NULL when there are none */
NAC_API nac_tensor *nac_dataset_weights(const nac_dataset *d);
/* Samples [from, to), sharing memory. */
NAC_API nac_dataset *nac_dataset_slice(nac_dataset *d, int64_t from, int64_t to);
/* The samples whose numbers are given, in that order (copied). */
NAC_API nac_dataset *nac_dataset_take(nac_dataset *d, nac_tensor *ids);

#ifdef __cplusplus
}
#endif
#endif
