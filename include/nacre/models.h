/* Models: sequential, functional, and how they are looked at. Training is in training.h. */
#ifndef NACRE_MODELS_H
#define NACRE_MODELS_H

#include <stdio.h>
#include "nacre/layers.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NAC_MODEL_OPTIONS(O, S) NAC_LAYER_COMMON(O, S)

/* A chain of layers. If the first is an input layer it is built at once, else at the first call. nac_sequential(a, b, c); with a name
   nac_sequential_of("encoder", 3, layers). Keras: Sequential. */
NAC_API nac_model *nac_sequential_of(const char *name, int n, nac_layer *const *layers);
static inline nac_model *nac_sequential_unnamed(int n, nac_layer *const *layers)
{
    return nac_sequential_of(NULL, n, layers);
}
#define nac_sequential(...) NAC_OF_ITEMS(nac_sequential_unnamed, nac_layer *, __VA_ARGS__)
/* Appends a layer to a sequential model. Keras: model.add. */
NAC_API bool nac_model_add(nac_model *m, nac_layer *layer);
/* Builds a model for an input of that shape, the batch not counted. Keras: model.build. */
#define nac_model_build(m, ...) nac_model_build_for((m), NAC_SHAPE(__VA_ARGS__))
NAC_API bool nac_model_build_for(nac_model *m, nac_shape shape);

#define NAC_FUNCTIONAL_ARGUMENTS(O, S)                                                                                               \
    O(S, TENSOR, inputs, NULL)                  /* symbolic: nac_input's, or the output of any layer */                              \
    O(S, TENSOR, outputs, NULL)                                                                                                      \
    O(S, STRING, name, NULL)                                                                                                         \
    O(S, BOOL, trainable, true)
typedef struct {
    NAC_FUNCTIONAL_ARGUMENTS(NAC_FIELD, )
} nac_functional_arguments;
/* The model that computes outputs from inputs: nac_functional(x, y), nac_functional(nac_list(a, b), y, .name = "m"). Keras: Model(inputs, outputs). */
NAC_API extern const nac_functional_arguments nac_functional_defaults;
NAC_API nac_model *nac_functional_with(const nac_functional_arguments *arguments);
#define nac_functional(...) NAC_KW(nac_functional_arguments, nac_functional_with, NAC_FUNCTIONAL_ARGUMENTS, .inputs = __VA_ARGS__)

/* The symbolic inputs and outputs of a built sequential or functional model: to build on. */
NAC_API nac_tensor *nac_model_inputs(nac_model *m);
NAC_API nac_tensor *nac_model_outputs(nac_model *m);
/* How many inputs and outputs a built model has, and the names of the layers that they come from: Keras's input_names and output_names. */
NAC_API int nac_input_count(nac_model *m);
NAC_API int nac_output_count(nac_model *m);
NAC_API const char *nac_input_name(nac_model *m, int index);
NAC_API const char *nac_output_name(nac_model *m, int index);
/* The symbolic output of a layer of the model, by name. */
NAC_API nac_tensor *nac_layer_output(nac_model *m, const char *layer_name);
/* The part of the model from its inputs to the output of that layer; layers are shared, not copied. */
NAC_API nac_model *nac_submodel(nac_model *m, const char *layer_name);

NAC_API nac_layer *nac_get_layer(nac_model *m, const char *name);       /* borrowed; an error when there is none */
NAC_API int        nac_layer_count(const nac_model *m);                 /* Keras: len(model.layers) */
NAC_API nac_layer *nac_layer_at(const nac_model *m, int index);         /* borrowed; -1 is the last */

/* Prints Keras's summary table. nac_summary(m), nac_summary(m, .show_trainable = true). */
typedef struct {
    nac_model *model;
    FILE      *file;                    /* stdout when NULL */
    bool       show_trainable;
    int        width;                   /* of the table; 0: 88, or 108 for graphs that are no chain */
} nac_summary_options;
NAC_API bool nac_summary_with(const nac_summary_options *options);
#define NAC_SUMMARY_DEFAULTS(O, S)
#define nac_summary(...) NAC_KW(nac_summary_options, nac_summary_with, NAC_SUMMARY_DEFAULTS, .model = __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
