/* The one door: what applying an op means on this thread now. */
#include <string.h>
#include "base/float_mode.h"
#include "tensor/tensor.h"

/* ---- eager ---- */

static bool eager(const nac_application *a, nac_tensor **out)
{
    nac_arg in[NAC_MAX_IO], result[NAC_MAX_IO];
    for (int i = 0; i < a->n_in; i++) {
        if (!a->in[i]->buffer)
            return nac_fail(NAC_E_STATE, "%s: input %d has no numbers: %s", a->op->name, i,
                            a->in[i]->trace ? "it belongs to a function whose tracing has ended" : "it is only a shape");
        in[i] = (nac_arg){&a->in[i]->type, nac_tensor_data(a->in[i])};
    }
    if (a->op->flags & NAC_OP_VIEW) {
        size_t offset = a->op->view ? a->op->view(a->attrs, &a->in[0]->type) : 0;
        out[0] = nac_tensor_share(a->in[0]->buffer, a->in[0]->offset + offset, &a->out_type[0]);
        return out[0];
    }
    for (int i = 0; i < a->n_out; i++) {
        if (!(out[i] = nac_tensor_alloc(&a->out_type[i])))
            return false;
        result[i] = (nac_arg){&out[i]->type, nac_tensor_data(out[i])};
    }
    nac_eval e = {.attrs = a->attrs, .n_in = a->n_in, .n_out = a->n_out, .in = in, .out = result, .bfloat16 = nac_this_thread()->bfloat16};
    size_t scratch = a->op->scratch ? a->op->scratch(&e) : 0;
    if (scratch && !(e.scratch = nac_alloc_aligned(scratch)))
        return false;
    unsigned failures = nac_this_thread()->failures;
    const nac_float_mode before = nac_flush_subnormals();
    a->op->eval(&e);
    nac_set_float_mode(before);
    nac_free(e.scratch);
    return nac_this_thread()->failures == failures;
}

bool nac_apply_at(nac_interpreter *at, const nac_application *a, nac_tensor **out)
{
    return at ? at->apply(at, a, out) : eager(a, out);
}

nac_tensor *nac_read_at(nac_interpreter *at, nac_variable *v)
{
    return at ? at->read(at, v) : nac_own(nac_retain(v->value));
}

bool nac_assign_at(nac_interpreter *at, nac_variable *v, nac_tensor *value)
{
    if (at)
        return at->assign(at, v, value);
    if (!value->buffer)
        return nac_fail(NAC_E_STATE, "assign to \"%s\": the value has no numbers: %s", v->path,
                        value->node    ? "it is symbolic, part of a functional model"
                        : value->trace ? "it belongs to a function whose tracing has ended"
                                       : "it is only a shape");
    nac_retain(value);
    nac_release(v->value);
    v->version++;
    v->value = value;
    return true;
}

/* ---- the stack ---- */

void nac_interpreter_push(nac_interpreter *i)
{
    nac_thread *t = nac_this_thread();
    i->below = t->top;
    t->top = i;
}

void nac_interpreter_remove(nac_interpreter *i)
{
    for (nac_interpreter **link = &nac_this_thread()->top; *link; link = &(*link)->below)
        if (*link == i) {
            *link = i->below;
            return;
        }
}

bool nac_tracing(void)
{
    for (nac_interpreter *i = nac_this_thread()->top; i; i = i->below)
        if (i->what == NAC_KIND_FUNCTION)
            return true;
    return false;
}

/* ---- applying ---- */

static bool abstract(const nac_application *a, nac_tensor **out)
{
    for (int i = 0; i < a->n_out; i++)
        if (!(out[i] = nac_tensor_abstract(&a->out_type[i])))
            return false;
    return true;
}

/* Only what is inferred may have extents that are not known. */
static bool check_known(const nac_application *a)
{
    char text[96];
    for (int i = 0; i < a->n_out; i++)
        if (nac_type_size(&a->out_type[i]) < 0)
            return nac_fail(NAC_E_SHAPE, "%s: the shape of the result must be known here, found %s", a->op->name,
                            nac_dims_text(a->out_type[i].rank, a->out_type[i].dim, text, sizeof text));
    return true;
}

bool nac_apply_n(const nac_op *op, int n_in, nac_tensor *const *in, const void *attrs, nac_tensor **out, int *n_out)
{
    nac_type in_type[NAC_MAX_IO], out_type[NAC_MAX_IO];
    nac_thread *thread = nac_this_thread();
    const nac_node *symbolic = NULL;
    if (n_in < 1 || n_in > NAC_MAX_IO || (op->n_in >= 0 && n_in != op->n_in))
        return nac_fail(NAC_E_ARGUMENT, "%s: %d inputs; expected %d", op->name, n_in, op->n_in < 0 ? NAC_MAX_IO : op->n_in);
    for (int i = 0; i < n_in; i++) {
        if (!in[i])
            return false;
        if (in[i]->n_items)
            return nac_fail(NAC_E_TYPE, "%s: input %d: expected a tensor, found a list of %d", op->name, i, in[i]->n_items);
        in_type[i] = in[i]->type;
        symbolic = in[i]->node ? in[i]->node : symbolic;
    }
    if (symbolic && !thread->abstract)
        return symbolic->apply(op, n_in, in, attrs, out, n_out);
    nac_infer infer = {.op = op, .attrs = attrs, .n_in = n_in, .in = in_type, .n_out = op->n_out, .out = out_type};
    if (!op->infer(&infer))
        return false;
    nac_application a = {op, attrs, n_in, infer.n_out, in, out_type};
    *n_out = infer.n_out;
    if (thread->abstract)
        return abstract(&a, out);
    return check_known(&a) && nac_apply_at(thread->top, &a, out);
}

nac_tensor *nac_apply(const nac_op *op, int n_in, nac_tensor *const *in, const void *attrs)
{
    nac_tensor *out[NAC_MAX_IO];
    int n_out;
    return nac_apply_n(op, n_in, in, attrs, out, &n_out) ? out[0] : NULL;
}
