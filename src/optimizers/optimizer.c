/* One step of any optimizer, in Keras's order. */
#include <string.h>
#include "base/json.h"
#include "optimizers/optimizer.h"

typedef struct {
    double  weight_decay, clipnorm, global_clipnorm, clipvalue, ema_momentum, loss_scale_factor;
    bool    use_ema;
    int64_t ema_overwrite_frequency, accumulation;
    nac_tensor *go;                     /* a bool scalar: nothing changes where it is false; NULL: true */
} common;

/* A LossScaleOptimizer has few of these options. */
static double real(const nac_optimizer *o, const char *name)
{
    const double *value = nac_option_of(&o->base, name);
    return value ? *value : NAC_NONE_FLOAT;
}

static int64_t integer(const nac_optimizer *o, const char *name)
{
    const int64_t *value = nac_option_of(&o->base, name);
    return value ? *value : NAC_NONE;
}

static common common_of(const nac_optimizer *o)
{
    const bool *use_ema = nac_option_of(&o->base, "use_ema");
    return (common){real(o, "weight_decay"), real(o, "clipnorm"), real(o, "global_clipnorm"), real(o, "clipvalue"), real(o, "ema_momentum"),
                    real(o, "loss_scale_factor"), use_ema && *use_ema, integer(o, "ema_overwrite_frequency"), integer(o, "gradient_accumulation_steps"), NULL};
}

static const nac_optimizer_type *type_of(const nac_optimizer *o)
{
    return (const nac_optimizer_type *)o->base.cls;
}

/* The one that moves variables. */
static nac_optimizer *acting(const nac_optimizer *o)
{
    return o->inner ? o->inner : (nac_optimizer *)o;
}

static nac_variable *new_variable(const char *owner, const char *name, nac_tensor *value)
{
    nac_variable *v = value ? nac_retain(nac_variable_alloc(name, nac_type_of(value), value, false)) : NULL;
    char *path = v ? nac_format("%s/%s", owner, name) : NULL;
    if (path) {
        nac_free(v->path);
        v->path = path;
    }
    return v;
}

nac_variable *nac_optimizer_variable(const nac_optimizer *o, const char *name, nac_tensor *value)
{
    return new_variable(o->name, name, value);
}

bool nac_optimizer_init(void *self)
{
    nac_optimizer *o = self;
    const nac_rate *rate = nac_option_of(&o->base, "learning_rate");
    const char *name = *(const char *const *)nac_option_of(&o->base, "name");
    common c = common_of(o);
    if ((!isnan(c.clipnorm)) + (!isnan(c.global_clipnorm)) + (!isnan(c.clipvalue)) > 1)
        return nac_fail(NAC_E_ARGUMENT, "%s: only one of clipnorm, global_clipnorm and clipvalue may be given", o->base.cls->name);
    nac_scope scope = nac_scope_begin();
    bool ok = (o->name = nac_strdup(name ? name : o->base.cls->name)) && (o->iterations = new_variable(o->name, "iteration", nac_scalar_int(NAC_INT64, 0)));
    if (ok && !(rate && rate->schedule))
        ok = (o->learning_rate = new_variable(o->name, "learning_rate", nac_scalar(rate ? rate->value : 0)));
    nac_scope_end(&scope);
    return ok;
}

void nac_optimizer_release(void *self)
{
    nac_optimizer *o = self;
    for (int i = 0; i < o->n_slots; i++) {
        nac_release(o->slots[i].variable);
        nac_release(o->slots[i].average);
        nac_release(o->slots[i].accumulator);
        for (int k = 0; k < NAC_OPTIMIZER_SLOTS; k++)
            nac_release(o->slots[i].slot[k]);
    }
    nac_free(o->slots);
    nac_release(o->own[0]);
    nac_release(o->own[1]);
    nac_release(o->iterations);
    nac_release(o->learning_rate);
    nac_free(o->name);
}

/* The learning rate in the config is the one of now, as Keras writes it. */
cJSON *nac_optimizer_to_json(const void *optimizer)
{
    nac_optimizer *o = (nac_optimizer *)optimizer;
    nac_rate *rate = nac_option_of(&o->base, "learning_rate");
    if (o->learning_rate && rate)
        rate->value = *(const float *)nac_tensor_data(o->learning_rate->value);
    return nac_class_json(o->base.cls, nac_options_to_json(o->base.cls, o->base.options));
}

/* ---- slots ---- */

static nac_slots *find(nac_optimizer *o, const nac_variable *v)
{
    for (int i = 0; i < o->n_slots; i++)
        if (o->slots[i].variable == v)
            return &o->slots[i];
    return NULL;
}

static nac_variable *variable_for(nac_optimizer *o, const nac_variable *v, const char *what, nac_tensor *value)
{
    char *name = nac_format("%s_%s", v->path, what);
    for (char *c = name; c && *c; c++)
        *c = *c == '/' ? '_' : *c;
    nac_variable *made = name ? new_variable(o->name, name, value) : NULL;
    nac_free(name);
    return made;
}

static nac_variable *zeros_for(nac_optimizer *o, const nac_variable *v, const char *what)
{
    return variable_for(o, v, what, nac_zeros(v->type.dtype, nac_shape_of(v->type.rank, v->type.dim)));
}

static bool add_slots(nac_optimizer *o, nac_variable *v)
{
    const char *names[NAC_OPTIMIZER_SLOTS];
    int block[NAC_OPTIMIZER_SLOTS], n = type_of(o)->slot_names(o, v, names, block);
    common c = common_of(o);
    if ((o->n_slots & (o->n_slots - 1)) == 0) {
        nac_slots *grown = nac_realloc(o->slots, (size_t)(o->n_slots ? 2 * o->n_slots : 1) * sizeof *grown);
        if (!grown)
            return false;
        o->slots = grown;
    }
    nac_slots s = {.variable = v};
    bool ok = (!c.use_ema || (s.average = zeros_for(o, v, "average"))) && (c.accumulation == NAC_NONE || (s.accumulator = zeros_for(o, v, "gradient_accumulator")));
    for (int k = 0; ok && k < n; k++)
        ok = (s.slot[k] = type_of(o)->slot ? variable_for(o, v, names[k], type_of(o)->slot(o, v, k)) : zeros_for(o, v, names[k]));
    nac_retain(v);
    o->slots[o->n_slots++] = s;         /* released with the optimizer, complete or not */
    return ok;
}

bool nac_optimizer_build(nac_optimizer *o, int n, nac_variable *const *variables)
{
    nac_thread *thread = nac_this_thread();
    nac_interpreter *top = thread->top;
    for (int i = 0; i < n; i++)
        if (!variables[i])
            return false;
    nac_scope scope = nac_scope_begin();
    bool ok = !o->inner || nac_optimizer_build(o->inner, n, variables);
    thread->top = NULL;                 /* making slots is no part of what is traced */
    if (ok && n && !o->own[0] && type_of(o)->build)
        ok = type_of(o)->build(o, variables[0]);
    for (int i = 0; ok && !o->inner && i < n; i++)
        ok = find(o, variables[i]) || add_slots(o, variables[i]);
    thread->top = top;
    nac_scope_end(&scope);
    return ok;
}

bool nac_optimizer_restart(nac_optimizer *o)
{
    nac_scope scope = nac_scope_begin();
    bool ok = true;
    o = acting(o);
    for (int i = 0; i < o->n_slots && type_of(o)->slot; i++)
        for (int k = 0; ok && k < NAC_OPTIMIZER_SLOTS && o->slots[i].slot[k]; k++)
            ok = nac_assign(o->slots[i].slot[k], type_of(o)->slot(o, o->slots[i].variable, k));
    nac_scope_end(&scope);
    return ok;
}

bool nac_optimizer_built(const nac_optimizer *o)
{
    return acting(o)->n_slots > 0;
}

/* Keras does not track what an inner optimizer makes otherwise than for a variable: placeholders, and what it keeps once. */
static bool add_block(nac_optimizer *o, nac_slots *s, int number, nac_list *out)
{
    const char *names[NAC_OPTIMIZER_SLOTS];
    int block[NAC_OPTIMIZER_SLOTS], n = type_of(o)->slot_names(o, s->variable, names, block);
    bool ok = true;
    for (int k = 0; ok && k < n; k++)
        ok = block[k] != number || (o->is_inner && s->slot[k]->type.dtype == NAC_INT32) || nac_list_add(out, s->slot[k]);
    return ok;
}

static bool add_own(nac_optimizer *o, nac_list *out)
{
    return o->is_inner || ((!o->own[0] || nac_list_add(out, o->own[0])) && (!o->own[1] || nac_list_add(out, o->own[1])));
}

bool nac_optimizer_variables(nac_optimizer *o, int n, nac_variable *const *variables, nac_list *out)
{
    bool ok = nac_list_add(out, o->iterations) && (!o->learning_rate || nac_list_add(out, o->learning_rate));
    if (o->inner)
        return ok && (!nac_optimizer_built(o) || add_own(o, out)) && nac_optimizer_variables(o->inner, n, variables, out);
    for (int i = 0; i < n; i++)
        if (!find(o, variables[i]))
            return ok;
    for (int i = 0; ok && i < n && find(o, variables[i])->average; i++)
        ok = nac_list_add(out, find(o, variables[i])->average);
    for (int i = 0; ok && i < n && find(o, variables[i])->accumulator; i++)
        ok = nac_list_add(out, find(o, variables[i])->accumulator);
    for (int b = 0; ok && b < NAC_OPTIMIZER_SLOTS; b++)
        for (int i = 0; ok && i < n; i++)
            ok = add_block(o, find(o, variables[i]), b, out);
    return ok && add_own(o, out);
}

static bool add_if(nac_list *out, const nac_variable *v)
{
    return !v || nac_list_add(out, v);
}

bool nac_optimizer_state(nac_optimizer *o, const nac_variable *v, nac_list *out)
{
    if (!v)
        return add_if(out, o->iterations) && add_if(out, o->learning_rate) && add_if(out, o->own[0]) && add_if(out, o->own[1])
               && (!o->inner || nac_optimizer_state(o->inner, NULL, out));
    const nac_slots *s = find(acting(o), v);
    bool ok = !s || (add_if(out, s->average) && add_if(out, s->accumulator));
    for (int k = 0; ok && s && k < NAC_OPTIMIZER_SLOTS; k++)
        ok = add_if(out, s->slot[k]);
    return ok;
}

/* ---- a step ---- */

static nac_tensor *rate_now(nac_optimizer *o)
{
    const nac_rate *rate = nac_option_of(&o->base, "learning_rate");
    if (o->learning_rate)
        return nac_value(o->learning_rate);
    const nac_instance *schedule = rate->schedule;
    return ((const nac_schedule_type *)schedule->cls)->rate(schedule, nac_cast(nac_value(o->iterations), NAC_FLOAT32));
}

double nac_learning_rate(nac_optimizer *o)
{
    if (!nac_is(o, NAC_KIND_OPTIMIZER))
        return NAN;
    nac_scope scope = nac_scope_begin();
    double rate = nac_item(rate_now(acting(o)));
    nac_scope_end(&scope);
    return rate;
}

bool nac_set_learning_rate(nac_optimizer *o, double rate)
{
    if (!nac_is(o, NAC_KIND_OPTIMIZER))
        return false;
    o = acting(o);
    if (!o->learning_rate)
        return nac_fail(NAC_E_STATE, "%s: the learning rate follows a schedule and cannot be set", o->base.cls->name);
    if (!(rate >= 0))
        return nac_fail(NAC_E_ARGUMENT, "%s: learning_rate: expected at least 0, found %g", o->base.cls->name, rate);
    nac_scope scope = nac_scope_begin();
    bool ok = nac_assign(o->learning_rate, nac_scalar(rate));
    nac_scope_end(&scope);
    return ok;
}

int64_t nac_iterations(const nac_optimizer *o)
{
    return nac_is(o, NAC_KIND_OPTIMIZER) ? *(const int64_t *)nac_tensor_data(acting(o)->iterations->value) : 0;
}

static nac_tensor *scaled_to(nac_tensor *g, nac_tensor *norm, double clip)     /* g clip / max(norm, clip) */
{
    nac_tensor *limit = nac_scalar_of(nac_dtype_of(g), clip);
    return nac_multiply(g, nac_divide(limit, nac_maximum(nac_cast(norm, nac_dtype_of(g)), limit)));
}

static bool clip(const common *c, int n, nac_tensor **grads)
{
    nac_tensor *sum = NULL;
    for (int i = 0; i < n && !isnan(c->global_clipnorm); i++) {
        nac_tensor *square = nac_cast(nac_sum(nac_square(grads[i])), NAC_FLOAT32);
        sum = sum ? nac_add(sum, square) : square;
    }
    nac_tensor *global = sum ? nac_sqrt(sum) : NULL;
    if (sum)                            /* one that is not finite leaves nothing finite, as in Keras */
        global = nac_add(global, nac_subtract(global, global));
    for (int i = 0; i < n; i++) {
        if (!isnan(c->clipnorm))
            grads[i] = scaled_to(grads[i], nac_norm(grads[i]), c->clipnorm);
        else if (!isnan(c->global_clipnorm))
            grads[i] = scaled_to(grads[i], global, c->global_clipnorm);
        else if (!isnan(c->clipvalue))
            grads[i] = nac_clip(grads[i], -c->clipvalue, c->clipvalue);
        if (!grads[i])
            return false;
    }
    return true;
}

/* Every n-th call goes on; the others only gather. Both are computed, and `now` chooses. */
static nac_tensor *choose(nac_tensor *now, nac_tensor *then, nac_tensor *otherwise)
{
    return now ? nac_where(now, then, otherwise) : then;
}

static bool set(const common *c, nac_variable *v, nac_tensor *value)
{
    return nac_assign(v, c->go ? choose(c->go, value, nac_value(v)) : value);
}

static bool every(nac_tensor *iterations, int64_t n, nac_tensor **is)
{
    return (*is = nac_equal(nac_mod(nac_add_scalar(iterations, 1), nac_scalar_int(NAC_INT64, n)), nac_scalar_int(NAC_INT64, 0)));
}

static bool update_average(const common *c, nac_slots *s, nac_tensor *updates)
{
    nac_dtype dtype = s->variable->type.dtype;
    nac_tensor *first = nac_equal(updates, nac_scalar_int(NAC_INT64, 0)), *w = nac_value(s->variable);
    nac_tensor *momentum = nac_where(first, nac_scalar_of(dtype, 0), nac_scalar_of(dtype, c->ema_momentum));
    nac_tensor *average = nac_add(nac_multiply(momentum, nac_value(s->average)), nac_multiply(nac_rsub_scalar(momentum, 1), w)), *overwrite;
    if (!set(c, s->average, average))
        return false;
    if (c->ema_overwrite_frequency == NAC_NONE)
        return true;
    return every(updates, c->ema_overwrite_frequency, &overwrite) && set(c, s->variable, nac_where(overwrite, average, w));
}

/* when: the step counts where it is true; NULL: it does. */
static bool step_one(nac_optimizer *o, const common *c, nac_slots *s, nac_tensor *g, nac_tensor *lr, nac_tensor *step, nac_tensor *when)
{
    const nac_optimizer_type *type = type_of(o);
    nac_tensor *slot[NAC_OPTIMIZER_SLOTS] = {NULL}, *new[NAC_OPTIMIZER_SLOTS + 1], *w = nac_value(s->variable), *before = w;
    for (int k = 0; k < NAC_OPTIMIZER_SLOTS; k++)
        if (s->slot[k] && !(slot[k] = nac_value(s->slot[k])))
            return false;
    nac_tensor *rate = nac_cast(lr, s->variable->type.dtype);
    double decay = type->weight_decay ? type->weight_decay(o, s->variable) : c->weight_decay;
    if (!isnan(decay))
        w = nac_subtract(w, nac_multiply(w, nac_mul_scalar(rate, decay)));
    if (!type->step(o, w, slot, g, rate, step, new))
        return false;
    bool ok = nac_assign(s->variable, choose(when, new[0], before));
    for (int k = 0; ok && k < NAC_OPTIMIZER_SLOTS; k++)
        ok = !slot[k] || nac_assign(s->slot[k], choose(when, new[1 + k], slot[k]));
    return ok;
}

static bool constrain(const common *c, nac_variable *v)
{
    const nac_instance *constraint = v->constraint;
    return !constraint || set(c, v, ((const nac_constraint_type *)constraint->cls)->project(constraint, nac_value(v)));
}

/* The last n - count have no gradient this time; what they gathered is dropped with the others' all the same. */
static bool gather(const common *c, int count, int n, nac_slots **slots, nac_tensor **grads, nac_tensor *now)
{
    for (int i = 0; i < n; i++) {
        nac_tensor *sum = nac_value(slots[i]->accumulator);
        if (i < count)
            sum = nac_add(sum, grads[i]);
        if (!set(c, slots[i]->accumulator, nac_where(now, nac_scalar_of(nac_dtype_of(sum), 0), sum)))
            return false;
        if (i < count)
            grads[i] = nac_mul_scalar(sum, 1.0 / (double)c->accumulation);
    }
    return true;
}

/* The first count of the slots have gradients. Averages and accumulators go on without. */
static bool step_all(nac_optimizer *o, int count, int n, nac_slots **slots, nac_tensor **grads, nac_tensor *go)
{
    common c = common_of(o);
    nac_tensor *iterations = nac_value(o->iterations), *lr = rate_now(o), *now = NULL, *updates = iterations, *own;
    c.go = go;
    for (int i = 0; i < count && !isnan(c.loss_scale_factor); i++)
        grads[i] = nac_mul_scalar(grads[i], 1 / c.loss_scale_factor);
    if (c.accumulation != NAC_NONE) {
        updates = nac_floor_divide(iterations, nac_scalar_int(NAC_INT64, c.accumulation));
        if (!every(iterations, c.accumulation, &now) || !gather(&c, count, n, slots, grads, now))
            return false;
    }
    nac_tensor *step = nac_add_scalar(updates, 1), *when = now && go ? nac_logical_and(now, go) : now ? now : go;
    if (!clip(&c, count, grads))
        return false;
    if (type_of(o)->next && (!(own = nac_value(o->own[0])) || !nac_assign(o->own[0], choose(when, type_of(o)->next(o, step), own))))
        return false;
    for (int i = 0; i < count; i++)
        if (!step_one(o, &c, slots[i], grads[i], lr, step, when))
            return nac_trail("in the step of \"%s\"", slots[i]->variable->path);
    for (int i = 0; i < n && c.use_ema; i++)
        if (!update_average(&c, slots[i], updates))
            return false;
    for (int i = 0; i < count; i++)
        if (!constrain(&c, slots[i]->variable))
            return false;
    return set(&c, o->iterations, nac_add_scalar(iterations, 1));
}

bool nac_optimizer_apply(nac_optimizer *o, int n, nac_tensor *const *grads, nac_variable *const *variables, nac_tensor *go)
{
    nac_slots **slots = nac_malloc(((size_t)n + 1) * sizeof *slots);
    nac_tensor **some = nac_malloc(((size_t)n + 1) * sizeof *some);
    int count = 0, missing = n;
    for (int i = 0; slots && some && i < n; i++)
        if (grads[i]) {
            slots[count] = find(o, variables[i]);
            some[count++] = grads[i];
        }
    for (int i = n - 1; slots && some && i >= 0; i--)
        if (!grads[i])
            slots[--missing] = find(o, variables[i]);
    bool ok = slots && some && (count || nac_fail(NAC_E_ARGUMENT, "%s: no gradients: the loss does not depend on any trainable variable", o->base.cls->name));
    nac_scope scope = nac_scope_begin();
    ok = ok && step_all(o, count, n, slots, some, go);
    nac_scope_end(&scope);
    nac_free(slots);
    nac_free(some);
    return ok || nac_trail("in %s", o->base.cls->name);
}

bool nac_apply_gradients(nac_optimizer *o, int n, nac_tensor *const *grads, nac_variable *const *variables)
{
    if (!nac_is(o, NAC_KIND_OPTIMIZER) || !grads || !variables || !nac_optimizer_build(o, n, variables))
        return false;
    return type_of(o)->apply ? type_of(o)->apply(o, n, grads, variables) : nac_optimizer_apply(o, n, grads, variables, NULL);
}

nac_tensor *nac_scale_loss(const nac_optimizer *o, nac_tensor *loss)
{
    if (!nac_is(o, NAC_KIND_OPTIMIZER) || !loss)
        return NULL;
    if (type_of(o)->scale_loss)
        return type_of(o)->scale_loss(o, loss);
    double factor = real(o, "loss_scale_factor");
    return isnan(factor) ? loss : nac_mul_scalar(loss, factor);
}

bool nac_minimize(nac_optimizer *o, nac_tape *tape, nac_tensor *loss, nac_layer *layer)
{
    nac_list variables = {0};
    bool ok = nac_is(o, NAC_KIND_OPTIMIZER) && tape && loss && layer && nac_collect_variables(layer, NAC_TRAINABLE_WEIGHTS, &variables);
    nac_tensor **grads = ok ? nac_calloc((size_t)variables.n + 1, sizeof *grads) : NULL;
    nac_variable *const *v = (nac_variable *const *)variables.items;
    ok = grads && (variables.n || nac_fail(NAC_E_STATE, "model \"%s\": there is nothing to train: every weight is frozen, or there are none", layer->name));
    ok = ok && (loss = nac_scale_loss(o, loss)) && nac_tape_gradients(tape, loss, variables.n, v, grads) && nac_apply_gradients(o, variables.n, grads, v);
    if (!ok)
        nac_tape_end(tape);             /* else what comes after a failed step is recorded */
    nac_free(grads);
    nac_list_clear(&variables);
    return ok;
}

bool nac_optimizer_finish(nac_optimizer *o, int n, nac_variable *const *variables)
{
    bool ok = true;
    nac_scope scope = nac_scope_begin();
    for (int i = 0; ok && i < n; i++) {
        nac_slots *s = find(acting(o), variables[i]);
        ok = !s || !s->average || nac_assign(variables[i], nac_value(s->average));
    }
    nac_scope_end(&scope);
    return ok;
}

/* ---- parts of steps ---- */

bool nac_unpack(nac_tensor *list, nac_tensor **out)
{
    for (int i = 0; list && i < nac_list_length(list); i++)
        out[i] = nac_at(list, i);
    return list;
}

nac_tensor *nac_decayed(nac_tensor *x, double rho, nac_tensor *y)
{
    return nac_add(nac_mul_scalar(x, rho), nac_mul_scalar(y, 1 - rho));
}

nac_tensor *nac_towards(nac_tensor *x, nac_tensor *y, double share)
{
    return nac_add(x, nac_mul_scalar(nac_subtract(y, x), share));
}

nac_tensor *nac_step_power(double base, nac_tensor *step, nac_dtype dtype)
{
    return nac_power(nac_scalar_of(dtype, base), nac_cast(step, dtype));
}

int nac_name_slots(int n, const char *const *from, const char **names, int *block)
{
    for (int i = 0; i < n; i++) {
        names[i] = from[i];
        block[i] = 0;
    }
    return n;
}
