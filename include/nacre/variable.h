/* Variables: named values that training changes. */
#ifndef NACRE_VARIABLE_H
#define NACRE_VARIABLE_H

#include "nacre/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A variable outside any layer, with the given initial value (copied); belongs to the scope. Keras: keras.Variable. */
NAC_API nac_variable *nac_variable_new(const char *name, nac_tensor *value, bool trainable);
/* Its value now. Recorded by tapes; inside a traced function a value of that function. */
NAC_API nac_tensor *nac_value(nac_variable *v);
/* Gives it a new value of the same shape; the dtype must be its own. */
NAC_API bool nac_assign(nac_variable *v, nac_tensor *value);
NAC_API const char *nac_variable_name(const nac_variable *v);           /* "kernel" */
NAC_API const char *nac_variable_path(const nac_variable *v);           /* "dense/kernel"; the name alone outside a layer */
NAC_API nac_shape   nac_variable_shape(const nac_variable *v);
NAC_API nac_dtype   nac_variable_dtype(const nac_variable *v);
NAC_API bool        nac_variable_trainable(const nac_variable *v);
NAC_API bool        nac_variable_set_trainable(nac_variable *v, bool trainable);

#ifdef __cplusplus
}
#endif
#endif
