/* Optimizers and learning-rate schedules. Options and numbers are Keras's. */
#ifndef NACRE_OPTIMIZERS_H
#define NACRE_OPTIMIZERS_H

#include "nacre/tensor.h"
#include "nacre/extend_class.h"
#include "nacre/extend_op.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NAC_OPTIMIZER_SLOTS 4
/* What an optimizer keeps for one variable. */
typedef struct {
    nac_variable *variable;
    nac_variable *average, *accumulator;            /* with use_ema; with gradient_accumulation_steps */
    nac_variable *slot[NAC_OPTIMIZER_SLOTS];
} nac_slots;

struct nac_optimizer {
    nac_instance  base;
    char         *name;
    nac_variable *iterations;                       /* int64 */
    nac_variable *learning_rate;                    /* NULL with a schedule */
    nac_slots    *slots;
    int           n_slots;
};

typedef struct {
    nac_class   cls;
    /* Names of its slots for an optimizer with those options, in the order in which Keras makes them; returns how many. Those of one block are
       interleaved by variable in files, further blocks follow. */
    int (*slot_names)(const nac_optimizer *self, const char *names[NAC_OPTIMIZER_SLOTS], int block[NAC_OPTIMIZER_SLOTS]);
    /* One step: result[0] is the variable's new value, result[1 + i] that of slot i. lr and step (int64, from 1) are scalars. */
    bool (*step)(const nac_optimizer *self, nac_tensor *w, nac_tensor *const *slot, nac_tensor *grad, nac_tensor *lr, nac_tensor *step, nac_tensor **result);
} nac_optimizer_type;

/* One step along gradients (NULL: that variable does not move; all NULL is an error): scaled, accumulated, clipped, decayed, averaged and
   constrained by the optimizer's options, in Keras's order. Slots are made when a variable is first seen and kept from then on. */
NAC_API bool nac_apply_gradients(nac_optimizer *o, int n, nac_tensor *const *grads, nac_variable *const *variables);
/* Takes from a tape the gradients of loss with respect to every trainable weight of a layer or model, and applies them: the end of a training
   step of one's own. Keras: optimizer.minimize. */
NAC_API bool nac_minimize(nac_optimizer *o, nac_tape *tape, nac_tensor *loss, nac_layer *layer);
NAC_API double nac_learning_rate(nac_optimizer *o);             /* now; of a schedule: at the current step */
NAC_API bool nac_set_learning_rate(nac_optimizer *o, double rate);      /* an error with a schedule */
NAC_API int64_t nac_iterations(const nac_optimizer *o);

struct nac_schedule {
    nac_instance base;
};
typedef struct {
    nac_class cls;
    nac_tensor *(*rate)(const nac_instance *self, nac_tensor *step);    /* float32 scalar of a float32 scalar */
} nac_schedule_type;

/* Keras: SGD. */
#define NAC_SGD_OPTIONS(O, S) \
    O(S, RATE, learning_rate, 0.01, NAC_AT_LEAST(0)) \
    O(S, FLOAT, momentum, 0, NAC_WITHIN(0, 1)) \
    O(S, BOOL, nesterov, false, NAC_ANY) \
    O(S, FLOAT, weight_decay, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_AT_LEAST(0)) \
    O(S, FLOAT, clipnorm, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_ABOVE(0)) \
    O(S, FLOAT, global_clipnorm, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_ABOVE(0)) \
    O(S, FLOAT, clipvalue, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_ABOVE(0)) \
    O(S, BOOL, use_ema, false, NAC_ANY) \
    O(S, FLOAT, ema_momentum, 0.99, NAC_WITHIN(0, 1)) \
    O(S, INT, ema_overwrite_frequency, NAC_NONE, NAC_OR_NONE, NAC_AT_LEAST(1)) \
    O(S, FLOAT, loss_scale_factor, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_ABOVE(0)) \
    O(S, INT, gradient_accumulation_steps, NAC_NONE, NAC_OR_NONE, NAC_AT_LEAST(2)) \
    O(S, STRING, name, "sgd", NAC_OR_NONE)
NAC_DECLARE(nac_optimizer, sgd, NAC_SGD_OPTIONS)
#define nac_sgd(...) NAC_KW(nac_sgd_options, nac_sgd_with, NAC_SGD_OPTIONS, __VA_ARGS__)

/* Kingma and Ba, 2014. Keras: Adam. */
#define NAC_ADAM_OPTIONS(O, S) \
    O(S, RATE, learning_rate, 0.001, NAC_AT_LEAST(0)) \
    O(S, FLOAT, beta_1, 0.9, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, beta_2, 0.999, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, epsilon, 1e-7, NAC_AT_LEAST(0)) \
    O(S, BOOL, amsgrad, false, NAC_ANY) \
    O(S, FLOAT, weight_decay, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_AT_LEAST(0)) \
    O(S, FLOAT, clipnorm, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_ABOVE(0)) \
    O(S, FLOAT, global_clipnorm, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_ABOVE(0)) \
    O(S, FLOAT, clipvalue, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_ABOVE(0)) \
    O(S, BOOL, use_ema, false, NAC_ANY) \
    O(S, FLOAT, ema_momentum, 0.99, NAC_WITHIN(0, 1)) \
    O(S, INT, ema_overwrite_frequency, NAC_NONE, NAC_OR_NONE, NAC_AT_LEAST(1)) \
    O(S, FLOAT, loss_scale_factor, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_ABOVE(0)) \
    O(S, INT, gradient_accumulation_steps, NAC_NONE, NAC_OR_NONE, NAC_AT_LEAST(2)) \
    O(S, STRING, name, "adam", NAC_OR_NONE)
NAC_DECLARE(nac_optimizer, adam, NAC_ADAM_OPTIONS)
#define nac_adam(...) NAC_KW(nac_adam_options, nac_adam_with, NAC_ADAM_OPTIONS, __VA_ARGS__)

/* initial * decay_rate ^ (step / decay_steps). Keras: ExponentialDecay. */
#define NAC_EXPONENTIAL_DECAY_OPTIONS(O, S) \
    O(S, FLOAT, initial_learning_rate, 0, NAC_REQUIRED) \
    O(S, INT, decay_steps, 1, NAC_AT_LEAST(1)) \
    O(S, FLOAT, decay_rate, 0.96, NAC_ANY) \
    O(S, BOOL, staircase, false, NAC_ANY) \
    O(S, STRING, name, "ExponentialDecay", NAC_OR_NONE)
NAC_DECLARE(nac_schedule, exponential_decay, NAC_EXPONENTIAL_DECAY_OPTIONS)
#define nac_exponential_decay(...) NAC_KW(nac_exponential_decay_options, nac_exponential_decay_with, NAC_EXPONENTIAL_DECAY_OPTIONS, .initial_learning_rate = __VA_ARGS__)

/* Loshchilov and Hutter, 2016. Keras: CosineDecay. */
#define NAC_COSINE_DECAY_OPTIONS(O, S) \
    O(S, FLOAT, initial_learning_rate, 0, NAC_REQUIRED) \
    O(S, INT, decay_steps, 1, NAC_AT_LEAST(1)) \
    O(S, FLOAT, alpha, 0, NAC_ANY) \
    O(S, STRING, name, "CosineDecay", NAC_OR_NONE) \
    O(S, FLOAT, warmup_target, NAC_NONE_FLOAT, NAC_OR_NONE) \
    O(S, INT, warmup_steps, 0, NAC_AT_LEAST(0))
NAC_DECLARE(nac_schedule, cosine_decay, NAC_COSINE_DECAY_OPTIONS)
#define nac_cosine_decay(...) NAC_KW(nac_cosine_decay_options, nac_cosine_decay_with, NAC_COSINE_DECAY_OPTIONS, .initial_learning_rate = __VA_ARGS__)

/* values[0] up to and with boundaries[0], then values[1], ... Keras: PiecewiseConstantDecay. */
#define NAC_PIECEWISE_CONSTANT_DECAY_OPTIONS(O, S) \
    O(S, FLOATS, boundaries, 0, NAC_ANY) \
    O(S, FLOATS, values, 0, NAC_ANY) \
    O(S, STRING, name, "PiecewiseConstant", NAC_OR_NONE)
NAC_DECLARE(nac_schedule, piecewise_constant_decay, NAC_PIECEWISE_CONSTANT_DECAY_OPTIONS)
#define nac_piecewise_constant_decay(...) NAC_KW(nac_piecewise_constant_decay_options, nac_piecewise_constant_decay_with, NAC_PIECEWISE_CONSTANT_DECAY_OPTIONS, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
