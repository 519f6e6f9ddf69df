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

/* An IDX file (the MNIST format), gzipped or not: uint8, int32, float32 or float64 of any rank. */
NAC_API nac_tensor *nac_load_idx(const char *path);
/* "train" (60000) or "test" (10000) of Fashion-MNIST: images uint8 (n, 28, 28), labels uint8 (n). Read from the folder that NACRE_FASHION_MNIST
   names, else from Debian's package dataset-fashion-mnist. */
NAC_API nac_dataset *nac_fashion_mnist(const char *part);

NAC_API int64_t     nac_dataset_size(const nac_dataset *d);             /* samples */
NAC_API nac_tensor *nac_dataset_inputs(const nac_dataset *d);           /* borrowed */
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
