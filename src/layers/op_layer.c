/* Ops between the layers of a functional model. Drawn up in C, a node holds the op and its attributes; read from a file, it holds Keras's
   operation with the arguments that are no tensors. */
#include <string.h>
#include "base/json.h"
#include "layers/layer.h"
#include "layers/op_layer.h"

/* The arguments of a Keras operation: tensors, and null where a literal stands in `args`. */
typedef nac_tensor *(*operation)(const op_layer *self, int n, nac_tensor *const *in);

static int axis_option(const op_layer *self, int otherwise)
{
    const cJSON *axis = cJSON_GetObjectItemCaseSensitive(self->config, "axis");
    if (cJSON_IsArray(axis))
        axis = axis->child;
    return cJSON_IsNumber(axis) ? (int)axis->valuedouble : otherwise;
}

static bool bool_option(const op_layer *self, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(self->config, name));
}

#define BINARY(name, fn)                                                                                                             \
    static nac_tensor *name(const op_layer *self, int n, nac_tensor *const *in)                                                      \
    {                                                                                                                                \
        (void)self;                                                                                                                  \
        return n == 2 ? fn(in[0], in[1]) : nac_fail(NAC_E_FORMAT, #fn ": two arguments are expected, found %d", n);                  \
    }
#define UNARY(name, fn)                                                                                                              \
    static nac_tensor *name(const op_layer *self, int n, nac_tensor *const *in)                                                      \
    {                                                                                                                                \
        (void)self;                                                                                                                  \
        return n == 1 ? fn(in[0]) : nac_fail(NAC_E_FORMAT, #fn ": one argument is expected, found %d", n);                           \
    }
#define BINARIES(O)                                                                                                                  \
    O(Add, nac_add) O(Subtract, nac_subtract) O(Multiply, nac_multiply) O(TrueDivide, nac_divide) O(Divide, nac_divide)              \
    O(FloorDivide, nac_floor_divide) O(Mod, nac_mod) O(Power, nac_power) O(Maximum, nac_maximum) O(Minimum, nac_minimum)             \
    O(Equal, nac_equal) O(NotEqual, nac_not_equal) O(Less, nac_less) O(LessEqual, nac_less_equal) O(Greater, nac_greater)            \
    O(GreaterEqual, nac_greater_equal) O(LogicalAnd, nac_logical_and) O(LogicalOr, nac_logical_or) O(LogicalXor, nac_logical_xor)    \
    O(Matmul, nac_matmul)
#define UNARIES(O)                                                                                                                   \
    O(Negative, nac_neg) O(Absolute, nac_abs) O(Abs, nac_abs) O(Exp, nac_exp) O(Log, nac_log) O(Sqrt, nac_sqrt) O(Square, nac_square) \
    O(Sin, nac_sin) O(Cos, nac_cos) O(Tanh, nac_tanh) O(Sign, nac_sign) O(LogicalNot, nac_logical_not) O(Floor, nac_floor)           \
    O(Ceil, nac_ceil)
#define NN(O) O(Sigmoid, nac_sigmoid) O(Relu, nac_relu) O(Silu, nac_silu) O(Softplus, nac_softplus)
BINARIES(BINARY)
UNARIES(UNARY)
NN(UNARY)

static nac_tensor *Any(const op_layer *self, int n, nac_tensor *const *in)
{
    (void)n;
    return nac_any(in[0], .axis = axis_option(self, -1), .keepdims = bool_option(self, "keepdims"));
}

static nac_tensor *ExpandDims(const op_layer *self, int n, nac_tensor *const *in)
{
    (void)n;
    return nac_expand_dims(in[0], axis_option(self, -1));
}

static nac_tensor *Squeeze(const op_layer *self, int n, nac_tensor *const *in)
{
    (void)n;
    return nac_squeeze(in[0], axis_option(self, -1));
}

static nac_tensor *Concatenate(const op_layer *self, int n, nac_tensor *const *in)
{
    return nac_concatenate(nac_list_of(n, in), axis_option(self, -1));
}

static const struct {
    const char *name, *file;            /* Keras's class, and its module below keras.src.ops */
    operation   apply;
} operations[] = {
#define BINARY_ROW(name, fn) {#name, "numpy", name},
#define UNARY_ROW(name, fn) {#name, "numpy", name},
#define NN_ROW(name, fn) {#name, "nn", name},
    BINARIES(BINARY_ROW) UNARIES(UNARY_ROW) NN(NN_ROW){"Any", "numpy", Any},
    {"ExpandDims", "numpy", ExpandDims},
    {"Squeeze", "numpy", Squeeze},
    {"Concatenate", "numpy", Concatenate},
};

/* A literal argument as a tensor of the dtype that its neighbour has. */
static nac_tensor *literal(const cJSON *json, nac_dtype dtype)
{
    double value;
    if (nac_json_number(json, &value))
        return nac_scalar_of(!nac_is_float(dtype) && value != floor(value) ? NAC_FLOAT32 : dtype == NAC_BOOL ? NAC_FLOAT32 : dtype, value);
    if (cJSON_IsBool(json))
        return nac_scalar_of(NAC_BOOL, cJSON_IsTrue(json));
    return nac_fail(NAC_E_UNSUPPORTED, "an op's argument that is neither a tensor nor a number");
}

static bool call(nac_layer *layer, nac_layer_call *c)
{
    op_layer *self = (op_layer *)layer;
    if (self->op)
        return nac_apply_n(self->op, c->n_in, c->in, self->attrs, c->out, &c->n_out);
    nac_tensor *in[NAC_MAX_IO];
    int n = 0, used = 0;
    const cJSON *arg;
    cJSON_ArrayForEach(arg, self->args)
    {
        bool tensor = cJSON_IsNull(arg);
        if (n == NAC_MAX_IO || (tensor && used == c->n_in))
            return nac_fail(NAC_E_FORMAT, "op \"%s\": its arguments do not fit", layer->name);
        in[n] = tensor ? c->in[used++] : literal(arg, nac_dtype_of(c->in[0]));
        if (!in[n++])
            return false;
    }
    return nac_return(c, operations[self->number].apply(self, n, in));
}

static void release(void *self)
{
    op_layer *l = self;
    nac_free(l->attrs);
    cJSON_Delete(l->config);
    cJSON_Delete(l->args);
}

static void *get_config(nac_layer *layer)
{
    op_layer *self = (op_layer *)layer;
    if (self->op)
        return nac_fail(NAC_E_UNSUPPORTED, "the op \"%s\" between layers cannot be written to a Keras file; a layer of its own can", self->op->name);
    cJSON *config = cJSON_Duplicate(self->config, true);
    return config ? config : nac_fail(NAC_E_MEMORY, "out of memory: the config of an op");
}

typedef struct {
    NAC_LAYER_COMMON(NAC_FIELD, )
} nac_op_layer_options;
static const nac_op_layer_options nac_op_layer_defaults = {NAC_LAYER_COMMON(NAC_DEFAULT, )};
static const nac_option nac_op_layer_rows[] = {NAC_LAYER_COMMON(NAC_ROW, nac_op_layer_options)};
const nac_layer_type nac_op_layer_type = {
    .cls = {.kind = NAC_KIND_LAYER, .module = "keras.src.ops", .name = "Operation", .size = sizeof(op_layer), .release = release, NAC_CLASS(op_layer)},
    .call = call, .stateless = true, .get_config = get_config};

static op_layer *make(const char *name)
{
    op_layer *l = nac_instance_new(&nac_op_layer_type.cls, &nac_op_layer_defaults);
    return l && nac_rename(&l->base, name) ? l : NULL;
}

bool nac_apply_symbolic(const nac_op *op, int n_in, nac_tensor *const *in, const void *attrs, nac_tensor **out, int *n_out)
{
    char *name = nac_auto_name(op->name);
    op_layer *l = name ? make(name) : NULL;
    nac_free(name);
    if (!l || (op->attrs_size && !(l->attrs = nac_malloc(op->attrs_size))))
        return false;
    if (op->attrs_size)
        memcpy(l->attrs, attrs, op->attrs_size);
    l->op = op;
    nac_tensor *y = nac_call(&l->base, n_in == 1 ? in[0] : nac_list_of(n_in, in));
    *n_out = nac_list_length(y);
    for (int i = 0; i < *n_out; i++)
        out[i] = nac_at(y, i);
    return y;
}

bool nac_is_operation(const nac_layer *l)
{
    return l->base.cls == &nac_op_layer_type.cls;
}

nac_layer *nac_operation_from_json(const char *class_name, const cJSON *config)
{
    for (int i = 0; i < NAC_COUNT(operations); i++)
        if (strcmp(operations[i].name, class_name) == 0) {
            const cJSON *name = cJSON_GetObjectItemCaseSensitive(config, "name");
            op_layer *l = make(cJSON_IsString(name) ? name->valuestring : class_name);
            if (!l || !(l->config = cJSON_Duplicate(config, true)))
                return NULL;
            l->number = i;
            return &l->base;
        }
    return nac_fail(NAC_E_UNSUPPORTED, "the op \"%.100s\" between the layers of a functional model", class_name);
}

const char *nac_operation_class(const nac_layer *l)
{
    return operations[((const op_layer *)l)->number].name;
}

const char *nac_operation_module(const nac_layer *l)
{
    const char *file = operations[((const op_layer *)l)->number].file;
    return strcmp(file, "numpy") == 0 ? "keras.src.ops.numpy" : "keras.src.ops.nn";
}
