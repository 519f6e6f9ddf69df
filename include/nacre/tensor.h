/* Tensors: immutable arrays of float32, float64, int32, int64, uint8 or bool, of rank 0 to 8, dense and row-major.

   A tensor is a value: nothing changes it. It may share memory with another (a reshape, a slice of leading rows); that is not visible.
   While a function is traced, or a functional model is drawn up, a tensor has a dtype and a shape but no numbers yet; an extent that is not
   known (the batch of a functional model) is -1. A list of tensors is a tensor too: what takes several takes nac_list(a, b), and what gives
   several gives a list, read with nac_at. */
#ifndef NACRE_TENSOR_H
#define NACRE_TENSOR_H

#include <stdio.h>
#include "nacre/core.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { NAC_FLOAT32 = 1, NAC_FLOAT64, NAC_INT32, NAC_INT64, NAC_UINT8, NAC_BOOL } nac_dtype;

NAC_API const char *nac_dtype_name(nac_dtype dtype);                    /* "float32" */
NAC_API nac_dtype   nac_dtype_from_name(const char *name);              /* 0 without an error when unknown */
NAC_API size_t      nac_dtype_size(nac_dtype dtype);                    /* bytes */

/* ---- making; NULL on failure ---- */

/* Copies shape's product of elements from data, which is laid out row by row. */
NAC_API nac_tensor *nac_tensor_new(nac_dtype dtype, nac_shape shape, const void *data);
/* Uses data without copying it, until release(context) is called (release may be NULL). data must be aligned to its element size. */
NAC_API nac_tensor *nac_tensor_view(nac_dtype dtype, nac_shape shape, void *data, void (*release)(void *context), void *context);
NAC_API nac_tensor *nac_scalar(double value);                           /* float32, rank 0 */
NAC_API nac_tensor *nac_scalar_of(nac_dtype dtype, double value);
NAC_API nac_tensor *nac_scalar_int(nac_dtype dtype, int64_t value);     /* exact */
/* A float32 vector of the arguments: nac_vector(1, 2.5, 3). */
#define nac_vector(...) NAC_OF_ITEMS(nac_vector_of, float, __VA_ARGS__)
NAC_API nac_tensor *nac_vector_of(int64_t n, const float *data);

/* ---- reading ---- */

NAC_API nac_dtype nac_dtype_of(const nac_tensor *t);
NAC_API int       nac_rank(const nac_tensor *t);
NAC_API int64_t   nac_dim(const nac_tensor *t, int axis);               /* axis may be negative; -1 for an unknown extent */
NAC_API int64_t   nac_size_of(const nac_tensor *t);                     /* elements; -1 when unknown */
NAC_API nac_shape nac_shape_of_tensor(const nac_tensor *t);
/* The numbers, dense and row-major, borrowed for as long as the tensor lives; NULL with an error when it has none (traced, symbolic). */
NAC_API const void *nac_data(const nac_tensor *t);
/* The same, checked: NULL with an error when the dtype differs. */
NAC_API const float *nac_data_f32(const nac_tensor *t);
NAC_API const int64_t *nac_data_i64(const nac_tensor *t);
NAC_API double    nac_item(const nac_tensor *t);                        /* the one element of a tensor, as a double; NaN on failure */
NAC_API double    nac_item_at(const nac_tensor *t, int64_t index);      /* element `index` in row-major order */
/* Converts all elements into out (n of them, or it fails). */
NAC_API bool      nac_read(const nac_tensor *t, nac_dtype dtype, int64_t n, void *out);
NAC_API bool      nac_print(const nac_tensor *t);                       /* like NumPy, to stdout, with dtype and shape */
NAC_API bool      nac_fprint(FILE *file, const nac_tensor *t);

/* ---- lists ---- */

NAC_API nac_tensor *nac_list_of(int n, nac_tensor *const *items);
#define nac_list(...) NAC_OF_ITEMS(nac_list_of, nac_tensor *, __VA_ARGS__)
NAC_API int         nac_list_length(const nac_tensor *t);               /* 1 for a tensor that is no list, 0 for NULL */
NAC_API nac_tensor *nac_at(const nac_tensor *list, int index);          /* borrowed; a tensor that is no list is its own item 0 */

#ifdef __cplusplus
}
#endif
#endif
