/* Ops between the layers of a functional model. Drawn up in C, a node holds the op and its attributes, and the config of Keras's operation if
   there is one; read from a file, it holds Keras's operation with the arguments that are no tensors. */
#include <string.h>
#include "base/json.h"
#include "layers/layer.h"
#include "layers/op_layer.h"
#include "ops/ops.h"

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

#define BINARY(name, fn, op)                                                                                                             \
    static nac_tensor *name(const op_layer *self, int n, nac_tensor *const *in)                                                      \
    {                                                                                                                                \
        (void)self;                                                                                                                  \
        return n == 2 ? fn(in[0], in[1]) : nac_fail(NAC_E_FORMAT, #fn ": two arguments are expected, found %d", n);                  \
    }
#define UNARY(name, fn, op)                                                                                                             \
    static nac_tensor *name(const op_layer *self, int n, nac_tensor *const *in)                                                      \
    {                                                                                                                                \
        (void)self;                                                                                                                  \
        return n == 1 ? fn(in[0]) : nac_fail(NAC_E_FORMAT, #fn ": one argument is expected, found %d", n);                           \
    }
/* Keras's class, the function, and the name of the op that it is (NULL where another row is the one to write). */
#define BINARIES(O)                                                                                                                  \
    O(Add, nac_add, "add") O(Subtract, nac_subtract, "subtract") O(Multiply, nac_multiply, "multiply") O(Divide, nac_divide, "divide") \
    O(TrueDivide, nac_divide, NULL) O(FloorDivide, nac_floor_divide, "floor_divide") O(Mod, nac_mod, "mod") O(Power, nac_power, "power") \
    O(Maximum, nac_maximum, "maximum") O(Minimum, nac_minimum, "minimum") O(Arctan2, nac_arctan2, "arctan2") O(Equal, nac_equal, "equal") \
    O(NotEqual, nac_not_equal, "not_equal") O(Less, nac_less, "less") O(LessEqual, nac_less_equal, "less_equal")                     \
    O(Greater, nac_greater, "greater") O(GreaterEqual, nac_greater_equal, "greater_equal")                                           \
    O(LogicalAnd, nac_logical_and, "logical_and") O(LogicalOr, nac_logical_or, "logical_or")                                         \
    O(LogicalXor, nac_logical_xor, "logical_xor") O(Matmul, nac_matmul, "matmul")
#define UNARIES(O)                                                                                                                   \
    O(Negative, nac_neg, "neg") O(Absolute, nac_abs, "abs") O(Abs, nac_abs, NULL) O(Exp, nac_exp, "exp") O(Log, nac_log, "log")      \
    O(Sqrt, nac_sqrt, "sqrt") O(Square, nac_square, "square") O(Sin, nac_sin, "sin") O(Cos, nac_cos, "cos") O(Tan, nac_tan, "tan")   \
    O(Tanh, nac_tanh, "tanh") O(Sign, nac_sign, "sign") O(LogicalNot, nac_logical_not, "logical_not") O(Floor, nac_floor, "floor")   \
    O(Ceil, nac_ceil, "ceil") O(Log1p, nac_log1p, "log1p") O(Expm1, nac_expm1, "expm1") O(Reciprocal, nac_reciprocal, "reciprocal")
#define NN(O)                                                                                                                        \
    O(Sigmoid, nac_sigmoid, "sigmoid") O(Relu, nac_relu, "relu") O(Silu, nac_silu, "silu") O(Softplus, nac_softplus, "softplus")     \
    O(Relu6, nac_relu6, "relu6") O(LogSigmoid, nac_log_sigmoid, "log_sigmoid")
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

/* A list of integers in the config; null is -1. */
static bool dims_option(const op_layer *self, const char *name, nac_dims_attrs *dims)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(self->config, name), *item;
    *dims = (nac_dims_attrs){0};
    cJSON_ArrayForEach(item, list)
    {
        if (dims->rank == NAC_MAX_RANK || !(cJSON_IsNumber(item) || cJSON_IsNull(item)))
            return nac_fail(NAC_E_FORMAT, "op \"%s\": %s: expected at most %d integers", self->base.name, name, NAC_MAX_RANK);
        dims->d[dims->rank++] = cJSON_IsNull(item) ? -1 : (int64_t)item->valuedouble;
    }
    return true;
}

static nac_tensor *Reshape(const op_layer *self, int n, nac_tensor *const *in)
{
    nac_dims_attrs to;
    (void)n;
    return dims_option(self, "newshape", &to) ? nac_reshape_to(in[0], nac_shape_of((int)to.rank, to.d)) : NULL;
}

static nac_tensor *Transpose(const op_layer *self, int n, nac_tensor *const *in)
{
    nac_dims_attrs axes;
    (void)n;
    if (!dims_option(self, "axes", &axes))
        return NULL;
    for (int d = 0; !axes.rank && d < nac_rank(in[0]); d++)     /* none: all axes, from the last to the first */
        axes.d[d] = nac_rank(in[0]) - 1 - d;
    return nac_transpose_by(in[0], nac_shape_of(nac_rank(in[0]), axes.d));
}

static const struct {
    const char *name, *file;            /* Keras's class, and its module below keras.src.ops */
    operation   apply;
    const char *op;                     /* the op that is written as this class; NULL: none */
} operations[] = {
#define NUMPY_ROW(name, fn, op) {#name, "numpy", name, op},
#define NN_ROW(name, fn, op) {#name, "nn", name, op},
    BINARIES(NUMPY_ROW) UNARIES(NUMPY_ROW) NN(NN_ROW){"Any", "numpy", Any, NULL},
    {"ExpandDims", "numpy", ExpandDims, NULL},
    {"Squeeze", "numpy", Squeeze, NULL},
    {"Concatenate", "numpy", Concatenate, NULL},
    {"Reshape", "numpy", Reshape, "reshape"},
    {"Transpose", "numpy", Transpose, "transpose"},
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
    if (!self->config)
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

static int number_of(const nac_op *op)
{
    for (int i = 0; i < NAC_COUNT(operations); i++)
        if (operations[i].op && strcmp(operations[i].op, op->name) == 0)
            return i;
    return -1;
}

/* What Keras's operation says of the op's attributes; NULL, without an error, for what it has no words for. */
static cJSON *config_of(const op_layer *l, const nac_tensor *y)
{
    const nac_dims_attrs *dims = l->attrs;
    const unsigned char *bytes = l->attrs;
    cJSON *config = cJSON_CreateObject(), *list;
    int unknown = 0;
    cJSON_AddStringToObject(config, "name", l->base.name);
    if (strcmp(l->op->name, "reshape") == 0) {
        list = cJSON_AddArrayToObject(config, "newshape");
        for (int d = 0; d < y->type.rank; d++) {
            cJSON_AddItemToArray(list, nac_json_int(y->type.dim[d]));
            unknown += y->type.dim[d] < 0;
        }
    } else if (strcmp(l->op->name, "transpose") == 0) {
        list = cJSON_AddArrayToObject(config, "axes");
        for (int d = 0; d < dims->rank; d++)
            cJSON_AddItemToArray(list, nac_json_int(dims->d[d]));
    } else {
        for (size_t i = 0; i < l->op->attrs_size; i++)
            unknown += bytes[i] ? 2 : 0;
    }
    if (unknown < 2)
        return config;
    cJSON_Delete(config);
    return NULL;
}

bool nac_apply_symbolic(const nac_op *op, int n_in, nac_tensor *const *in, const void *attrs, nac_tensor **out, int *n_out)
{
    int number = number_of(op);
    char *name = nac_auto_name(number < 0 ? op->name : operations[number].name);
    op_layer *l = name ? make(name) : NULL;
    nac_free(name);
    if (!l || (op->attrs_size && !(l->attrs = nac_malloc(op->attrs_size))))
        return false;
    if (op->attrs_size)
        memcpy(l->attrs, attrs, op->attrs_size);
    l->op = op;
    l->number = number;
    nac_tensor *y = nac_call(&l->base, n_in == 1 ? in[0] : nac_list_of(n_in, in));
    *n_out = nac_list_length(y);
    for (int i = 0; i < *n_out; i++)
        out[i] = nac_at(y, i);
    if (y && number >= 0)
        l->config = config_of(l, y);
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
