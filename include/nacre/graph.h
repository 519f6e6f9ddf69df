/* Gradients by a tape, and compiled functions.

   A tape remembers the ops that are applied while it is open to what it watches: every trainable variable that is read, and tensors given to
   nac_tape_watch. Tapes nest, so that a gradient can be differentiated again.

   A compiled function is a C function that is run once for each signature (dtypes and shapes of its inputs) to see which ops it applies;
   from then on these are replayed: without dead or repeated work, in memory planned beforehand. Variables are read and updated in place. C
   code in the function (loops, ifs on plain values) acts while it is traced only: what it saw then, which weights could be trained for
   one, holds for all calls of that signature; after freezing or thawing make a new function. Called while a tape or another trace is open,
   the C function simply runs. */
#ifndef NACRE_GRAPH_H
#define NACRE_GRAPH_H

#include <stdio.h>
#include "nacre/variable.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Opens a tape; it records until its gradient is taken (unless persistent), it is ended, or its scope ends. Keras: tf.GradientTape. */
NAC_API nac_tape *nac_tape_begin(bool persistent);
NAC_API bool      nac_tape_watch(nac_tape *tape, nac_tensor *t);
NAC_API bool      nac_tape_end(nac_tape *tape);
/* Gradients of target (the sum of its elements; of all its tensors if it is a list) with respect to the values that variables had when they
   were read. grads[i] is NULL, without an error, where target does not depend on variables[i]. */
NAC_API bool nac_tape_gradients(nac_tape *tape, nac_tensor *target, int n, nac_variable *const *variables, nac_tensor **grads);
/* The same for watched tensors (or one): a tensor, or a list as long as sources; zeros where target does not depend on a source. */
NAC_API nac_tensor *nac_tape_gradient(nac_tape *tape, nac_tensor *target, nac_tensor *sources);
/* target weighted by output_gradients of its shape (a list for a list). */
NAC_API bool nac_tape_gradients_from(nac_tape *tape, nac_tensor *target, nac_tensor *output_gradients, int n, nac_variable *const *variables,
                                     nac_tensor **grads);

typedef nac_tensor *(*nac_function_body)(void *context, nac_tensor *input);

/* Makes a compiled function of body. Nothing is traced before the first call; context must live as long as the function is called with new
   signatures. Keras: tf.function. */
NAC_API nac_function *nac_function_new(nac_function_body body, void *context);
/* In what precision it computes: "float32", as at first, or "bfloat16". Then matrix products and convolutions of float32, forward and backward, round what
   they multiply to bfloat16 and add in float32; all else, every tensor and every variable stays float32. Convolutions in groups, those from or to fewer than
   32 channels, and the recurrent layers' ops do not round. Faster with AMX (Intel) or AVX512-BF16 (AMD), not elsewhere. Before the first call. Within
   another function it computes as that one. */
NAC_API bool nac_function_set_compute_dtype(nac_function *f, const char *compute_dtype);
/* Calls it with a tensor or a list (NULL: no input) and returns what body returned for this signature: a tensor or a list. Re-entrant
   when body updates no variable. A function that updates variables must not be called by two threads at once. */
NAC_API nac_tensor *nac_function_call(nac_function *f, nac_tensor *input);
/* Calls it for its effect on variables. */
NAC_API bool nac_function_run(nac_function *f, nac_tensor *input);
/* Does what the first call with such an input does before it computes: traces, and so makes what the C code makes, and plans. Changes no variable. */
NAC_API bool nac_function_prepare(nac_function *f, nac_tensor *input);
/* Writes the compiled form of each signature: one line a node, then what memory was planned. A node "fused" has a program in braces, which runs
   tile by tile; letters name what stays inside. What a node does at its end for one that followed it stands after a comma. With NACRE_PRINT_PASSES
   set in the environment, compiling writes the nodes before and after each pass to stderr. */
NAC_API bool nac_function_print(nac_function *f, FILE *file);
/* The same as a Graphviz digraph. */
NAC_API bool nac_function_print_dot(nac_function *f, FILE *file);
/* Switches the timing of nodes in later calls on (and forgets what was timed before) or off; off, as at first, it costs nothing. */
NAC_API bool nac_function_profile(nac_function *f, bool on);
/* For each signature that was called while timing was on: milliseconds of each op and of each node, mean and least of the calls, with GFLOP/s
   (10^9 operations on numbers a second) and GB/s (what it reads and writes at least) of the least, and their sums. */
NAC_API bool nac_function_print_profile(nac_function *f, FILE *file);
/* The newest of these signatures as Chrome's trace JSON, which chrome://tracing and ui.perfetto.dev open: one call, each node as long as its mean. */
NAC_API bool nac_function_print_trace(nac_function *f, FILE *file);
/* Figures of the newest signature: nodes replayed a call, bytes of the arena. 0 before the first call. */
NAC_API int64_t nac_function_nodes(const nac_function *f);
NAC_API int64_t nac_function_arena_bytes(const nac_function *f);
/* How many nodes of that op the newest signature has, or steps in programs of other nodes. */
NAC_API int64_t nac_function_count(const nac_function *f, const char *op);

#ifdef __cplusplus
}
#endif
#endif
