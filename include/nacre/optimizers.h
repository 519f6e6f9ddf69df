/* Optimizers and learning-rate schedules. Options and numbers are Keras's. */
#ifndef NACRE_OPTIMIZERS_H
#define NACRE_OPTIMIZERS_H

#include <float.h>
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
    nac_variable *own[2];                           /* what it keeps once for all variables, if anything */
    nac_optimizer *inner;                           /* a LossScaleOptimizer's, borrowed from its options; else NULL */
    bool          is_inner;                         /* such a one */
};

typedef struct {
    nac_class   cls;
    /* Names of the slots that it keeps for a variable, in the order in which Keras makes them; returns how many. Those of one block are
       interleaved by variable in files, further blocks follow. */
    int (*slot_names)(const nac_optimizer *self, const nac_variable *v, const char *names[NAC_OPTIMIZER_SLOTS], int block[NAC_OPTIMIZER_SLOTS]);
    /* One step: result[0] is the variable's new value, result[1 + i] that of slot i. lr and step (int64, from 1) are scalars. */
    bool (*step)(const nac_optimizer *self, nac_tensor *w, nac_tensor *const *slot, nac_tensor *grad, nac_tensor *lr, nac_tensor *step, nac_tensor **result);
    /* The first value of slot i; NULL: zeros like the variable. */
    nac_tensor *(*slot)(const nac_optimizer *self, const nac_variable *v, int i);
    /* The weight decay of a variable, NaN for none; NULL: the option of that name. */
    double (*weight_decay)(const nac_optimizer *self, const nac_variable *v);
    bool (*build)(nac_optimizer *self, const nac_variable *first);          /* makes own with the first slots; NULL if there is none */
    nac_tensor *(*next)(const nac_optimizer *self, nac_tensor *step);       /* the new value of own[0], ahead of the variables' steps; NULL: it stays */
    /* Those of an optimizer that works through another one; else NULL. */
    bool (*apply)(nac_optimizer *self, int n, nac_tensor *const *grads, nac_variable *const *variables);
    nac_tensor *(*scale_loss)(const nac_optimizer *self, nac_tensor *loss);
} nac_optimizer_type;

/* One step along gradients (NULL: that variable does not move; all NULL is an error): scaled, accumulated, clipped, decayed, averaged and
   constrained by the optimizer's options, in Keras's order. Slots are made when a variable is first seen and kept from then on. */
NAC_API bool nac_apply_gradients(nac_optimizer *o, int n, nac_tensor *const *grads, nac_variable *const *variables);
/* What the gradients are taken of, for nac_apply_gradients to undo: the loss times loss_scale_factor, or times what a LossScaleOptimizer found. */
NAC_API nac_tensor *nac_scale_loss(const nac_optimizer *o, nac_tensor *loss);
/* Takes from a tape the gradients of the scaled loss with respect to every trainable weight of a layer or model, and applies them: the end of a training
   step of one's own. Where that fails the tape ends, too. Keras: optimizer.minimize. */
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

/* What all optimizers have beside their own options and weight_decay. */
#define NAC_OPTIMIZER_COMMON(O, S, called) \
    O(S, FLOAT, clipnorm, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_ABOVE(0)) \
    O(S, FLOAT, global_clipnorm, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_ABOVE(0)) \
    O(S, FLOAT, clipvalue, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_ABOVE(0)) \
    O(S, BOOL, use_ema, false, NAC_ANY) \
    O(S, FLOAT, ema_momentum, 0.99, NAC_WITHIN(0, 1)) \
    O(S, INT, ema_overwrite_frequency, NAC_NONE, NAC_OR_NONE, NAC_AT_LEAST(1)) \
    O(S, FLOAT, loss_scale_factor, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_ABOVE(0)) \
    O(S, INT, gradient_accumulation_steps, NAC_NONE, NAC_OR_NONE, NAC_AT_LEAST(2)) \
    O(S, STRING, name, called, NAC_OR_NONE)

/* Keras: SGD. */
#define NAC_SGD_OPTIONS(O, S) \
    O(S, RATE, learning_rate, 0.01, NAC_AT_LEAST(0)) \
    O(S, FLOAT, momentum, 0, NAC_WITHIN(0, 1)) \
    O(S, BOOL, nesterov, false, NAC_ANY) \
    O(S, FLOAT, weight_decay, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_AT_LEAST(0)) \
    NAC_OPTIMIZER_COMMON(O, S, "sgd")
NAC_DECLARE(nac_optimizer, sgd, NAC_SGD_OPTIONS)
#define nac_sgd(...) NAC_KW(nac_sgd_options, nac_sgd_with, NAC_SGD_OPTIONS, __VA_ARGS__)

/* Hinton, 2012. Keras: RMSprop. */
#define NAC_RMSPROP_OPTIONS(O, S) \
    O(S, RATE, learning_rate, 0.001, NAC_AT_LEAST(0)) \
    O(S, FLOAT, rho, 0.9, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, momentum, 0, NAC_AT_LEAST(0)) \
    O(S, FLOAT, epsilon, 1e-7, NAC_AT_LEAST(0)) \
    O(S, BOOL, centered, false, NAC_ANY) \
    O(S, FLOAT, weight_decay, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_AT_LEAST(0)) \
    NAC_OPTIMIZER_COMMON(O, S, "rm_sprop")
NAC_DECLARE(nac_optimizer, rmsprop, NAC_RMSPROP_OPTIONS)
#define nac_rmsprop(...) NAC_KW(nac_rmsprop_options, nac_rmsprop_with, NAC_RMSPROP_OPTIONS, __VA_ARGS__)

/* Kingma and Ba, 2014. Keras: Adam. */
#define NAC_ADAM_OPTIONS(O, S) \
    O(S, RATE, learning_rate, 0.001, NAC_AT_LEAST(0)) \
    O(S, FLOAT, beta_1, 0.9, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, beta_2, 0.999, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, epsilon, 1e-7, NAC_AT_LEAST(0)) \
    O(S, BOOL, amsgrad, false, NAC_ANY) \
    O(S, FLOAT, weight_decay, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_AT_LEAST(0)) \
    NAC_OPTIMIZER_COMMON(O, S, "adam")
NAC_DECLARE(nac_optimizer, adam, NAC_ADAM_OPTIONS)
#define nac_adam(...) NAC_KW(nac_adam_options, nac_adam_with, NAC_ADAM_OPTIONS, __VA_ARGS__)

/* Loshchilov and Hutter, 2019. Keras: AdamW. */
#define NAC_ADAMW_OPTIONS(O, S) \
    O(S, RATE, learning_rate, 0.001, NAC_AT_LEAST(0)) \
    O(S, FLOAT, weight_decay, 0.004, NAC_AT_LEAST(0)) \
    O(S, FLOAT, beta_1, 0.9, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, beta_2, 0.999, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, epsilon, 1e-7, NAC_AT_LEAST(0)) \
    O(S, BOOL, amsgrad, false, NAC_ANY) \
    NAC_OPTIMIZER_COMMON(O, S, "adam_w")
NAC_DECLARE(nac_optimizer, adamw, NAC_ADAMW_OPTIONS)
#define nac_adamw(...) NAC_KW(nac_adamw_options, nac_adamw_with, NAC_ADAMW_OPTIONS, __VA_ARGS__)

/* Adam by the largest gradient. Kingma and Ba, 2014. Keras: Adamax. */
#define NAC_ADAMAX_OPTIONS(O, S) \
    O(S, RATE, learning_rate, 0.001, NAC_AT_LEAST(0)) \
    O(S, FLOAT, beta_1, 0.9, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, beta_2, 0.999, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, epsilon, 1e-7, NAC_AT_LEAST(0)) \
    O(S, FLOAT, weight_decay, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_AT_LEAST(0)) \
    NAC_OPTIMIZER_COMMON(O, S, "adamax")
NAC_DECLARE(nac_optimizer, adamax, NAC_ADAMAX_OPTIONS)
#define nac_adamax(...) NAC_KW(nac_adamax_options, nac_adamax_with, NAC_ADAMAX_OPTIONS, __VA_ARGS__)

/* Adam with Nesterov momentum. Dozat, 2015. Keras: Nadam. */
#define NAC_NADAM_OPTIONS(O, S) \
    O(S, RATE, learning_rate, 0.001, NAC_AT_LEAST(0)) \
    O(S, FLOAT, beta_1, 0.9, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, beta_2, 0.999, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, epsilon, 1e-7, NAC_AT_LEAST(0)) \
    O(S, FLOAT, weight_decay, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_AT_LEAST(0)) \
    NAC_OPTIMIZER_COMMON(O, S, "nadam")
NAC_DECLARE(nac_optimizer, nadam, NAC_NADAM_OPTIONS)
#define nac_nadam(...) NAC_KW(nac_nadam_options, nac_nadam_with, NAC_NADAM_OPTIONS, __VA_ARGS__)

/* You et al., 2019. Keras: Lamb. */
#define NAC_LAMB_OPTIONS(O, S) \
    O(S, RATE, learning_rate, 0.001, NAC_AT_LEAST(0)) \
    O(S, FLOAT, beta_1, 0.9, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, beta_2, 0.999, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, epsilon, 1e-7, NAC_AT_LEAST(0)) \
    O(S, FLOAT, weight_decay, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_AT_LEAST(0)) \
    NAC_OPTIMIZER_COMMON(O, S, "lamb")
NAC_DECLARE(nac_optimizer, lamb, NAC_LAMB_OPTIONS)
#define nac_lamb(...) NAC_KW(nac_lamb_options, nac_lamb_with, NAC_LAMB_OPTIONS, __VA_ARGS__)

/* Defazio et al., 2024. Keras: ScheduleFreeAdamW. */
#define NAC_SCHEDULE_FREE_ADAMW_OPTIONS(O, S) \
    O(S, RATE, learning_rate, 0.0025, NAC_AT_LEAST(0)) \
    O(S, FLOAT, beta_1, 0.9, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, beta_2, 0.999, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, epsilon, 1e-8, NAC_AT_LEAST(0)) \
    O(S, INT, warmup_steps, 0, NAC_AT_LEAST(0)) \
    O(S, FLOAT, weight_decay, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_AT_LEAST(0)) \
    NAC_OPTIMIZER_COMMON(O, S, "schedule_free_adam_w")
NAC_DECLARE(nac_optimizer, schedule_free_adamw, NAC_SCHEDULE_FREE_ADAMW_OPTIONS)
#define nac_schedule_free_adamw(...) NAC_KW(nac_schedule_free_adamw_options, nac_schedule_free_adamw_with, NAC_SCHEDULE_FREE_ADAMW_OPTIONS, __VA_ARGS__)

/* Chen et al., 2023. Keras: Lion. */
#define NAC_LION_OPTIONS(O, S) \
    O(S, RATE, learning_rate, 0.001, NAC_AT_LEAST(0)) \
    O(S, FLOAT, beta_1, 0.9, NAC_WITHIN(DBL_MIN, 1)) \
    O(S, FLOAT, beta_2, 0.99, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, weight_decay, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_AT_LEAST(0)) \
    NAC_OPTIMIZER_COMMON(O, S, "lion")
NAC_DECLARE(nac_optimizer, lion, NAC_LION_OPTIONS)
#define nac_lion(...) NAC_KW(nac_lion_options, nac_lion_with, NAC_LION_OPTIONS, __VA_ARGS__)

/* Duchi et al., 2011. Keras: Adagrad. */
#define NAC_ADAGRAD_OPTIONS(O, S) \
    O(S, RATE, learning_rate, 0.001, NAC_AT_LEAST(0)) \
    O(S, FLOAT, initial_accumulator_value, 0.1, NAC_AT_LEAST(0)) \
    O(S, FLOAT, epsilon, 1e-7, NAC_AT_LEAST(0)) \
    O(S, FLOAT, weight_decay, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_AT_LEAST(0)) \
    NAC_OPTIMIZER_COMMON(O, S, "adagrad")
NAC_DECLARE(nac_optimizer, adagrad, NAC_ADAGRAD_OPTIONS)
#define nac_adagrad(...) NAC_KW(nac_adagrad_options, nac_adagrad_with, NAC_ADAGRAD_OPTIONS, __VA_ARGS__)

/* Zeiler, 2012. Keras: Adadelta. */
#define NAC_ADADELTA_OPTIONS(O, S) \
    O(S, RATE, learning_rate, 0.001, NAC_AT_LEAST(0)) \
    O(S, FLOAT, rho, 0.95, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, epsilon, 1e-7, NAC_AT_LEAST(0)) \
    O(S, FLOAT, weight_decay, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_AT_LEAST(0)) \
    NAC_OPTIMIZER_COMMON(O, S, "adadelta")
NAC_DECLARE(nac_optimizer, adadelta, NAC_ADADELTA_OPTIONS)
#define nac_adadelta(...) NAC_KW(nac_adadelta_options, nac_adadelta_with, NAC_ADADELTA_OPTIONS, __VA_ARGS__)

/* Shazeer and Stern, 2018. Keras: Adafactor. */
#define NAC_ADAFACTOR_OPTIONS(O, S) \
    O(S, RATE, learning_rate, 0.001, NAC_AT_LEAST(0)) \
    O(S, FLOAT, beta_2_decay, -0.8, NAC_ANY) \
    O(S, FLOAT, epsilon_1, 1e-30, NAC_AT_LEAST(0)) \
    O(S, FLOAT, epsilon_2, 1e-3, NAC_AT_LEAST(0)) \
    O(S, FLOAT, clip_threshold, 1, NAC_ABOVE(0)) \
    O(S, BOOL, relative_step, true, NAC_ANY) \
    O(S, FLOAT, weight_decay, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_AT_LEAST(0)) \
    NAC_OPTIMIZER_COMMON(O, S, "adafactor")
NAC_DECLARE(nac_optimizer, adafactor, NAC_ADAFACTOR_OPTIONS)
#define nac_adafactor(...) NAC_KW(nac_adafactor_options, nac_adafactor_with, NAC_ADAFACTOR_OPTIONS, __VA_ARGS__)

/* McMahan et al., 2013. Keras: Ftrl. */
#define NAC_FTRL_OPTIONS(O, S) \
    O(S, RATE, learning_rate, 0.001, NAC_AT_LEAST(0)) \
    O(S, FLOAT, learning_rate_power, -0.5, .min = -INFINITY, .max = 0) \
    O(S, FLOAT, initial_accumulator_value, 0.1, NAC_AT_LEAST(0)) \
    O(S, FLOAT, l1_regularization_strength, 0, NAC_AT_LEAST(0)) \
    O(S, FLOAT, l2_regularization_strength, 0, NAC_AT_LEAST(0)) \
    O(S, FLOAT, l2_shrinkage_regularization_strength, 0, NAC_AT_LEAST(0)) \
    O(S, FLOAT, beta, 0, NAC_ANY) \
    O(S, FLOAT, weight_decay, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_AT_LEAST(0)) \
    NAC_OPTIMIZER_COMMON(O, S, "ftrl")
NAC_DECLARE(nac_optimizer, ftrl, NAC_FTRL_OPTIONS)
#define nac_ftrl(...) NAC_KW(nac_ftrl_options, nac_ftrl_with, NAC_FTRL_OPTIONS, __VA_ARGS__)

/* Matrices are moved along their orthogonalized momentum; other variables, embeddings (by their path) and those whose path has a match of one
   of the POSIX regular expressions exclude_layers by AdamW. Jordan, 2024. Keras: Muon. */
#define NAC_MUON_OPTIONS(O, S) \
    O(S, RATE, learning_rate, 0.001, NAC_AT_LEAST(0)) \
    O(S, FLOAT, adam_beta_1, 0.9, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, adam_beta_2, 0.999, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, adam_weight_decay, 0.004, NAC_OR_NONE, NAC_AT_LEAST(0)) \
    O(S, FLOAT, epsilon, 1e-7, NAC_AT_LEAST(0)) \
    O(S, FLOAT, weight_decay, 0.004, NAC_OR_NONE, NAC_AT_LEAST(0)) \
    O(S, SPECS, exclude_layers, NULL, NAC_ANY) \
    O(S, BOOL, exclude_embeddings, true, NAC_ANY) \
    O(S, FLOAT, muon_a, 3.4445, NAC_ANY) \
    O(S, FLOAT, muon_b, -4.7750, NAC_ANY) \
    O(S, FLOAT, muon_c, 2.0315, NAC_ANY) \
    O(S, FLOAT, adam_lr_ratio, 1, NAC_ANY) \
    O(S, FLOAT, momentum, 0.95, NAC_ANY) \
    O(S, INT, ns_steps, 5, NAC_AT_LEAST(0)) \
    O(S, BOOL, nesterov, true, NAC_ANY) \
    O(S, FLOAT, rms_rate, 0.2, NAC_OR_NONE) \
    NAC_OPTIMIZER_COMMON(O, S, "muon")
NAC_DECLARE(nac_optimizer, muon, NAC_MUON_OPTIONS)
#define nac_muon(...) NAC_KW(nac_muon_options, nac_muon_with, NAC_MUON_OPTIONS, __VA_ARGS__)

/* Multiplies the loss by a scale that is halved when a gradient is not finite, which skips the step, and doubled after dynamic_growth_steps
   steps without that. The inner optimizer's loss_scale_factor is switched off. Keras: LossScaleOptimizer. */
#define NAC_LOSS_SCALE_OPTIMIZER_OPTIONS(O, S) \
    O(S, SPEC, inner_optimizer, NULL, NAC_IS(OPTIMIZER), NAC_REQUIRED) \
    O(S, FLOAT, initial_scale, 32768, NAC_ABOVE(0)) \
    O(S, INT, dynamic_growth_steps, 2000, NAC_AT_LEAST(1)) \
    O(S, STRING, name, "loss_scale_optimizer", NAC_OR_NONE)
NAC_DECLARE(nac_optimizer, loss_scale_optimizer, NAC_LOSS_SCALE_OPTIMIZER_OPTIONS)
#define nac_loss_scale_optimizer(...) \
    NAC_KW(nac_loss_scale_optimizer_options, nac_loss_scale_optimizer_with, NAC_LOSS_SCALE_OPTIMIZER_OPTIONS, .inner_optimizer = __VA_ARGS__)

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

/* initial / (1 + decay_rate * step / decay_steps). Keras: InverseTimeDecay. */
#define NAC_INVERSE_TIME_DECAY_OPTIONS(O, S) \
    O(S, FLOAT, initial_learning_rate, 0, NAC_REQUIRED) \
    O(S, FLOAT, decay_steps, 1, NAC_ABOVE(0)) \
    O(S, FLOAT, decay_rate, 0.5, NAC_ANY) \
    O(S, BOOL, staircase, false, NAC_ANY) \
    O(S, STRING, name, "InverseTimeDecay", NAC_OR_NONE)
NAC_DECLARE(nac_schedule, inverse_time_decay, NAC_INVERSE_TIME_DECAY_OPTIONS)
#define nac_inverse_time_decay(...) \
    NAC_KW(nac_inverse_time_decay_options, nac_inverse_time_decay_with, NAC_INVERSE_TIME_DECAY_OPTIONS, .initial_learning_rate = __VA_ARGS__)

/* From initial to end as (1 - step / decay_steps) ^ power; cycle: decay_steps times the least whole number that reaches step. Keras: PolynomialDecay. */
#define NAC_POLYNOMIAL_DECAY_OPTIONS(O, S) \
    O(S, FLOAT, initial_learning_rate, 0, NAC_REQUIRED) \
    O(S, INT, decay_steps, 1, NAC_AT_LEAST(1)) \
    O(S, FLOAT, end_learning_rate, 0.0001, NAC_ANY) \
    O(S, FLOAT, power, 1, NAC_ANY) \
    O(S, BOOL, cycle, false, NAC_ANY) \
    O(S, STRING, name, "PolynomialDecay", NAC_OR_NONE)
NAC_DECLARE(nac_schedule, polynomial_decay, NAC_POLYNOMIAL_DECAY_OPTIONS)
#define nac_polynomial_decay(...) \
    NAC_KW(nac_polynomial_decay_options, nac_polynomial_decay_with, NAC_POLYNOMIAL_DECAY_OPTIONS, .initial_learning_rate = __VA_ARGS__)

/* Each restart takes t_mul times as long and starts at m_mul times the rate. Loshchilov and Hutter, 2016. Keras: CosineDecayRestarts. */
#define NAC_COSINE_DECAY_RESTARTS_OPTIONS(O, S) \
    O(S, FLOAT, initial_learning_rate, 0, NAC_REQUIRED) \
    O(S, INT, first_decay_steps, 1, NAC_AT_LEAST(1)) \
    O(S, FLOAT, t_mul, 2, NAC_ABOVE(0)) \
    O(S, FLOAT, m_mul, 1, NAC_ANY) \
    O(S, FLOAT, alpha, 0, NAC_ANY) \
    O(S, STRING, name, "SGDRDecay", NAC_OR_NONE)
NAC_DECLARE(nac_schedule, cosine_decay_restarts, NAC_COSINE_DECAY_RESTARTS_OPTIONS)
#define nac_cosine_decay_restarts(...) \
    NAC_KW(nac_cosine_decay_restarts_options, nac_cosine_decay_restarts_with, NAC_COSINE_DECAY_RESTARTS_OPTIONS, .initial_learning_rate = __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
