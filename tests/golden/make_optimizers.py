#!/usr/bin/env python3
"""Writes optimizers-more.json by real Keras: KERAS_BACKEND=tensorflow make_optimizers.py; and KERAS_BACKEND=jax make_optimizers.py writes
optimizers-free.json: with other backends ScheduleFreeAdamW takes the new momentum where its source means the old one. See make.py."""
import make
from make import keras, normal

o, s = keras.optimizers, keras.optimizers.schedules


def usual(make_one, rate, options):
    """An optimizer by itself, and with what all optimizers have."""
    name = make_one.__name__
    cases = [(name, make_one())] + [(f"{name} options {i}", make_one(rate, **more)) for i, more in enumerate(options)]
    cases += [
        (f"{name} weight decay and schedule", make_one(s.CosineDecayRestarts(rate, 4, t_mul=1.5, m_mul=0.8, alpha=0.1), weight_decay=0.1)),
        (f"{name} clipnorm", make_one(s.InverseTimeDecay(rate, 4, 0.5), clipnorm=0.5)),
        (f"{name} global clipnorm", make_one(s.PolynomialDecay(rate, 8, rate / 5, power=2.0, cycle=True), global_clipnorm=0.7)),
        (f"{name} clipvalue ema", make_one(rate, clipvalue=0.3, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=3)),
        (f"{name} accumulation", make_one(rate, gradient_accumulation_steps=3, weight_decay=0.05)),
        (f"{name} missing", make_one(rate, use_ema=True, ema_momentum=0.7, ema_overwrite_frequency=4)),
        (f"{name} constraints", make_one(rate)),
    ]
    if make.BACKEND != "jax":           # which keeps what a variable gathered when its gradient is missing
        cases.append((f"{name} all missing", make_one(rate, gradient_accumulation_steps=2, use_ema=True, ema_momentum=0.7, weight_decay=0.02, loss_scale_factor=2.0)))
    if make.BACKEND != "jax" and make_one is not o.Muon:        # which have no float64
        cases.append((f"{name} float64", make_one(rate)))
    return cases


def write(name, cases, steps=20):
    values = [normal(3, 2), normal(4), normal(2, 1, 2)]
    make.write(name, make.run_optimizers(cases, values, [[normal(*v.shape) for v in values] for _ in range(steps)]))


def make_free():
    write("optimizers-free.json", usual(o.ScheduleFreeAdamW, 0.05, [dict(beta_1=0.7, beta_2=0.9, epsilon=1e-2), dict(warmup_steps=6)]))


def make_optimizers_more():
    cases = []
    for make_one, rate, options in [
        (o.RMSprop, 0.02, [dict(rho=0.8, momentum=0.7, epsilon=1e-3), dict(centered=True), dict(centered=True, momentum=0.9, rho=0.7)]),
        (o.AdamW, 0.05, [dict(weight_decay=0.2, beta_1=0.8, beta_2=0.95, epsilon=1e-3), dict(amsgrad=True, beta_2=0.8), dict(weight_decay=0.0)]),
        (o.Adamax, 0.05, [dict(beta_1=0.7, beta_2=0.9, epsilon=1e-2)]),
        (o.Nadam, 0.05, [dict(beta_1=0.7, beta_2=0.9, epsilon=1e-2)]),
        (o.Lamb, 0.02, [dict(beta_1=0.7, beta_2=0.9, epsilon=1e-2)]),
        (o.Lion, 0.01, [dict(beta_1=0.6, beta_2=0.8)]),
        (o.Adagrad, 0.1, [dict(initial_accumulator_value=0.0, epsilon=1e-2)]),
        (o.Adadelta, 1.0, [dict(rho=0.7, epsilon=1e-2)]),
        (o.Adafactor, 0.3, [dict(beta_2_decay=-0.5, epsilon_2=0.1, clip_threshold=0.5), dict(relative_step=False, epsilon_1=1e-3)]),
        (o.Ftrl, 0.1, [dict(learning_rate_power=-0.3, initial_accumulator_value=0.4, l1_regularization_strength=0.05, l2_regularization_strength=0.2,
                            l2_shrinkage_regularization_strength=0.1, beta=0.3), dict(learning_rate_power=0.0), dict(l1_regularization_strength=0.5)]),
        (o.Muon, 0.05, [dict(nesterov=False, momentum=0.8, ns_steps=3, adam_weight_decay=0.1, weight_decay=0.2, adam_lr_ratio=0.5, adam_beta_1=0.8, adam_beta_2=0.95),
                        dict(rms_rate=None, weight_decay=None, adam_weight_decay=None, muon_a=3.0, muon_b=-4.0, muon_c=1.8, epsilon=1e-2),
                        dict(exclude_layers=["^nothing$", "v"])]),
    ]:
        cases += usual(make_one, rate, options)
    cases += [
        ("inverse time", o.SGD(s.InverseTimeDecay(0.1, 4, 0.5))), ("inverse time staircase", o.SGD(s.InverseTimeDecay(0.1, 4, 1.5, staircase=True))),
        ("polynomial", o.SGD(s.PolynomialDecay(0.1, 12))), ("polynomial options", o.SGD(s.PolynomialDecay(0.1, 30, 0.02, power=0.5))),
        ("polynomial cycle", o.SGD(s.PolynomialDecay(0.1, 6, 0.01, power=1.5, cycle=True))), ("polynomial at the end of a cycle", o.SGD(s.PolynomialDecay(0.1, 5, 0.01, cycle=True))),
        ("restarts", o.SGD(s.CosineDecayRestarts(0.1, 3))), ("restarts of one length", o.SGD(s.CosineDecayRestarts(0.1, 4, t_mul=1.0, m_mul=0.7))),
        ("restarts options", o.SGD(s.CosineDecayRestarts(0.1, 2, t_mul=1.5, m_mul=0.9, alpha=0.2))),
        ("loss scale optimizer", o.LossScaleOptimizer(o.SGD(0.1, momentum=0.9))),
        ("loss scale optimizer growth", o.LossScaleOptimizer(o.Adam(0.05, weight_decay=0.1, loss_scale_factor=8.0), initial_scale=2.0, dynamic_growth_steps=3)),
        ("loss scale optimizer missing", o.LossScaleOptimizer(o.Nadam(0.05, use_ema=True, gradient_accumulation_steps=3), initial_scale=4.0, dynamic_growth_steps=6)),
        ("loss scale optimizer overflow", o.LossScaleOptimizer(o.Nadam(0.05, weight_decay=0.1, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=3), dynamic_growth_steps=2)),
        ("loss scale optimizer overflow and accumulation", o.LossScaleOptimizer(o.SGD(0.1, momentum=0.9, gradient_accumulation_steps=3))),
        ("loss scale optimizer constraints", o.LossScaleOptimizer(o.RMSprop(s.ExponentialDecay(0.05, 5, 0.5)), initial_scale=0.5)),
    ]
    write("optimizers-more.json", cases)


if __name__ == "__main__":
    make.run([make_free] if make.BACKEND == "jax" else [make_optimizers_more])
