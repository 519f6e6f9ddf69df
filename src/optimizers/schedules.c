/* Learning-rate schedules, in float32 as Keras computes them. */
#include "optimizers/optimizer.h"

static nac_tensor *exponential(const nac_instance *self, nac_tensor *step)
{
    const nac_exponential_decay_options *o = self->options;
    nac_tensor *p = nac_divide(step, nac_scalar((double)o->decay_steps));
    return nac_mul_scalar(nac_power(nac_scalar(o->decay_rate), o->staircase ? nac_floor(p) : p), o->initial_learning_rate);
}

static nac_tensor *cosine_from(nac_tensor *step, double steps, double from, double alpha)
{
    nac_tensor *p = nac_divide(nac_minimum(step, nac_scalar(steps)), nac_scalar(steps));
    nac_tensor *wave = nac_mul_scalar(nac_add_scalar(nac_cos(nac_mul_scalar(p, 3.14159265358979323846)), 1), 0.5);
    return nac_mul_scalar(nac_add_scalar(nac_mul_scalar(wave, 1 - alpha), alpha), from);
}

static nac_tensor *cosine(const nac_instance *self, nac_tensor *step)
{
    const nac_cosine_decay_options *o = self->options;
    if (isnan(o->warmup_target))
        return cosine_from(step, (double)o->decay_steps, o->initial_learning_rate, o->alpha);
    double steps = (double)o->warmup_steps, rise = o->warmup_target - o->initial_learning_rate;
    nac_tensor *done = nac_divide(step, nac_scalar(steps > 0 ? steps : 1));
    nac_tensor *warm = nac_add_scalar(nac_mul_scalar(done, rise), o->initial_learning_rate);
    nac_tensor *later = cosine_from(nac_add_scalar(step, -steps), (double)o->decay_steps, o->warmup_target, o->alpha);
    return nac_where(nac_less(step, nac_scalar(steps)), warm, later);
}

static bool piecewise_init(void *self)
{
    nac_piecewise_constant_decay_options *o = ((nac_instance *)self)->options;
    if (o->values.n < o->boundaries.n + 1)      /* a last value of 0 is not counted when it is written in C */
        o->values.n = o->boundaries.n + 1;
    if (o->values.n != o->boundaries.n + 1 || !o->boundaries.n)
        return nac_fail(NAC_E_ARGUMENT, "PiecewiseConstantDecay: values: expected one more than boundaries (%d), found %d", o->boundaries.n, o->values.n);
    for (int i = 1; i < o->boundaries.n; i++)
        if (o->boundaries.v[i] <= o->boundaries.v[i - 1])
            return nac_fail(NAC_E_ARGUMENT, "PiecewiseConstantDecay: boundaries: expected ascending numbers");
    return true;
}

static nac_tensor *piecewise(const nac_instance *self, nac_tensor *step)
{
    const nac_piecewise_constant_decay_options *o = self->options;
    nac_tensor *rate = nac_scalar(o->values.v[o->boundaries.n]);
    for (int i = o->boundaries.n - 1; i >= 0; i--)
        rate = nac_where(nac_less_equal(step, nac_scalar(o->boundaries.v[i])), nac_scalar(o->values.v[i]), rate);
    return rate;
}

static nac_tensor *inverse_time(const nac_instance *self, nac_tensor *step)
{
    const nac_inverse_time_decay_options *o = self->options;
    nac_tensor *p = nac_divide(step, nac_scalar(o->decay_steps));
    return nac_rdiv_scalar(nac_add_scalar(nac_mul_scalar(o->staircase ? nac_floor(p) : p, o->decay_rate), 1), o->initial_learning_rate);
}

static nac_tensor *polynomial(const nac_instance *self, nac_tensor *step)
{
    const nac_polynomial_decay_options *o = self->options;
    nac_tensor *steps = nac_scalar((double)o->decay_steps);
    if (o->cycle)                       /* step 0 is in the first cycle */
        steps = nac_multiply(steps, nac_maximum(nac_ceil(nac_divide(step, steps)), nac_scalar(1)));
    else
        step = nac_minimum(step, steps);
    nac_tensor *left = nac_power(nac_rsub_scalar(nac_divide(step, steps), 1), nac_scalar(o->power));
    return nac_add_scalar(nac_mul_scalar(left, o->initial_learning_rate - o->end_learning_rate), o->end_learning_rate);
}

static nac_tensor *cosine_restarts(const nac_instance *self, nac_tensor *step)
{
    const nac_cosine_decay_restarts_options *o = self->options;
    nac_tensor *p = nac_divide(step, nac_scalar((double)o->first_decay_steps)), *restart;
    if (o->t_mul == 1) {
        restart = nac_floor(p);
        p = nac_subtract(p, restart);
    } else {                            /* periods are a geometric series */
        nac_tensor *ratio = nac_scalar(o->t_mul), *rest = nac_rsub_scalar(ratio, 1);
        restart = nac_floor(nac_divide(nac_log(nac_rsub_scalar(nac_multiply(p, rest), 1)), nac_log(ratio)));
        nac_tensor *length = nac_power(ratio, restart);
        p = nac_divide(nac_subtract(p, nac_divide(nac_rsub_scalar(length, 1), rest)), length);
    }
    nac_tensor *height = nac_mul_scalar(nac_power(nac_scalar(o->m_mul), restart), 0.5);
    nac_tensor *wave = nac_multiply(height, nac_add_scalar(nac_cos(nac_mul_scalar(p, 3.14159265358979323846)), 1));
    return nac_mul_scalar(nac_add_scalar(nac_mul_scalar(wave, 1 - o->alpha), o->alpha), o->initial_learning_rate);
}

#define SCHEDULES(O)                                                                                                                 \
    O(exponential_decay, NAC_EXPONENTIAL_DECAY_OPTIONS, "ExponentialDecay", exponential, NULL)                                       \
    O(cosine_decay, NAC_COSINE_DECAY_OPTIONS, "CosineDecay", cosine, NULL)                                                           \
    O(piecewise_constant_decay, NAC_PIECEWISE_CONSTANT_DECAY_OPTIONS, "PiecewiseConstantDecay", piecewise, piecewise_init) \
    O(inverse_time_decay, NAC_INVERSE_TIME_DECAY_OPTIONS, "InverseTimeDecay", inverse_time, NULL)                                    \
    O(polynomial_decay, NAC_POLYNOMIAL_DECAY_OPTIONS, "PolynomialDecay", polynomial, NULL)                                           \
    O(cosine_decay_restarts, NAC_COSINE_DECAY_RESTARTS_OPTIONS, "CosineDecayRestarts", cosine_restarts, NULL)

#define DEFINE(cname, LIST, keras, fn, init_fn)                                                                                      \
    NAC_DEFINE_OPTIONS(cname, LIST)                                                                                                  \
    const nac_schedule_type nac_##cname##_type = {.cls = {.name = keras, .module = "keras.optimizers.schedules", .kind = NAC_KIND_SCHEDULE,    \
                                                          .size = sizeof(nac_schedule), .init = init_fn, NAC_CLASS(cname)},          \
                                                  .rate = fn};                                                                       \
    nac_schedule *nac_##cname##_with(const nac_##cname##_options *options)                                                           \
    {                                                                                                                                \
        nac_schedule *made = nac_instance_new(&nac_##cname##_type.cls, options);                                                     \
        return made ? made : (nac_schedule *)&nac_poison;                                                                            \
    }
SCHEDULES(DEFINE)

#define ROW(cname, ...) &nac_##cname##_type.cls,
const nac_class *const nac_schedule_classes[] = {SCHEDULES(ROW) NULL};
