/* Configs of Keras 1 and 2, and the short ones in legacy files of Keras 3, rewritten as today's Keras writes them. Then they are read as any other. */
#include <string.h>
#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "layers/op_layer.h"

static cJSON *get(const cJSON *json, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(json, key);
}

static const char *text(const cJSON *json, const char *key)
{
    return cJSON_GetStringValue(get(json, key));
}

static void drop(cJSON *json, const char *key)
{
    cJSON_DeleteItemFromObjectCaseSensitive(json, key);
}

/* Takes the place of what the key had, if it had something. */
static void put(cJSON *json, const char *key, cJSON *value)
{
    if (get(json, key))
        cJSON_ReplaceItemInObjectCaseSensitive(json, key, value);
    else
        cJSON_AddItemToObject(json, key, value);
}

static void put_text(cJSON *json, const char *key, const char *value)
{
    put(json, key, cJSON_CreateString(value));
}

static void rename_key(cJSON *json, const char *from, const char *to)
{
    cJSON *value = cJSON_DetachItemFromObjectCaseSensitive(json, from);
    if (value)
        put(json, to, value);
}

static bool ends_in(const char *s, const char *suffix)
{
    size_t n = strlen(s), k = strlen(suffix);
    return n > k && strcmp(s + n - k, suffix) == 0;
}

/* ---- parts of layers ---- */

static void modernize_initializer(cJSON *json)
{
    cJSON *config = get(json, "config");
    const char *name = text(json, "class_name"), *distribution = text(config, "distribution");
    drop(config, "dtype");
    drop(config, "partition");
    if (name && strcmp(name, "Identity") == 0)
        drop(config, "gain");
    if (distribution && strcmp(distribution, "normal") == 0)
        put_text(config, "distribution", "truncated_normal");
}

/* Keras 1: {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.01}, {"name": "MaxNorm", "m": 2, "axis": 0}. */
static void modernize_penalty(cJSON *json)
{
    const char *name = text(json, "name");
    if (get(json, "class_name") || !name)
        return;
    cJSON *config = cJSON_CreateObject();
    put_text(json, "class_name", ends_in(name, "Regularizer") ? "L1L2" : name);
    drop(json, "name");
    for (cJSON *item = json->child, *next; item; item = next) {
        next = item->next;
        if (strcmp(item->string, "class_name"))
            put(config, strcmp(item->string, "m") ? item->string : "max_value", cJSON_DetachItemViaPointer(json, item));
    }
    put(json, "config", config);
}

static bool modernize_layer(cJSON *json, int version);

/* A name, a function, or a layer. Before Keras 3 hard_sigmoid was steeper. */
static bool modernize_activation(cJSON *config, const char *key, int version)
{
    cJSON *json = get(config, key);
    const char *class_name = text(json, "class_name"), *name = cJSON_IsString(json) ? json->valuestring : text(json, "config");
    if (class_name && strcmp(class_name, "function"))
        return modernize_layer(json, version);
    if (version < 3 && name && strcmp(name, "hard_sigmoid") == 0)
        put_text(config, key, "hard_sigmoid_of_keras_2");
    return true;
}

/* ---- layers ---- */

static const struct {
    const char *from, *to;
} classes[] = {{"AtrousConvolution1D", "Conv1D"}, {"AtrousConvolution2D", "Conv2D"}, {"Deconvolution2D", "Conv2DTranspose"}, {"Deconvolution3D", "Conv3DTranspose"},
               {"TimeDistributedDense", "Dense"}, {"CuDNNLSTM", "LSTM"}, {"CuDNNGRU", "GRU"}, {"ThresholdedReLU", "ReLU"},
               {"BatchNormalizationV1", "BatchNormalization"}, {"BatchNormalizationV2", "BatchNormalization"}, {"SyncBatchNormalization", "BatchNormalization"},
               {"GroupedQueryAttention", "GroupQueryAttention"}};    /* its name in Python, which legacy files have */

/* Options of the left name where the class knows the right one alone; of several rows the first that fits. */
static const struct {
    const char *from, *to;
} options[] = {{"output_dim", "units"}, {"nb_filter", "filters"}, {"filter_length", "kernel_size"}, {"subsample", "strides"},
               {"subsample_length", "strides"}, {"stride", "strides"}, {"pool_length", "pool_size"}, {"length", "size"}, {"border_mode", "padding"},
               {"atrous_rate", "dilation_rate"}, {"dim_ordering", "data_format"}, {"concat_axis", "axis"}, {"bias", "use_bias"},
               {"init", "kernel_initializer"}, {"init", "embeddings_initializer"}, {"init", "alpha_initializer"}, {"init", "depthwise_initializer"},
               {"inner_init", "recurrent_initializer"}, {"beta_init", "beta_initializer"}, {"gamma_init", "gamma_initializer"},
               {"pointwise_init", "pointwise_initializer"}, {"depthwise_init", "depthwise_initializer"}, {"inner_activation", "recurrent_activation"},
               {"p", "rate"}, {"sigma", "stddev"}, {"dropout_W", "dropout"}, {"dropout_U", "recurrent_dropout"}, {"W_regularizer", "kernel_regularizer"},
               {"W_regularizer", "embeddings_regularizer"}, {"U_regularizer", "recurrent_regularizer"}, {"b_regularizer", "bias_regularizer"},
               {"W_constraint", "kernel_constraint"}, {"W_constraint", "embeddings_constraint"}, {"b_constraint", "bias_constraint"},
               {"alpha", "negative_slope"}, {"theta", "threshold"}};

/* Options that no class of today has, or not this one, and that do not matter: at any value, or when they are nothing: null, false, 0, or "". */
static const char *const idle[] = {"batch_input_shape", "batch_shape", "input_shape", "input_dim", "input_length", "input_dtype", "implementation",
                                   "consume_less", "time_major", "fused", "virtual_batch_size", "weights", "ragged", "query_shape", "key_shape",
                                   "value_shape", "forget_bias_init",
                                   "kernel_initializer", "kernel_regularizer", "kernel_constraint", "output_shape", "autocast", "renorm_momentum",
                                   "num_constants", "batch_size", "init", "inner_activation"};
static const char *const idle_when_nothing[] = {"mode", "dropout", "causal", "sparse", "adjustment", "renorm", "renorm_clipping", "synchronized",
                                                "W_regularizer", "W_constraint", "activity_regularizer", "max_value"};

static bool is_nothing(const cJSON *json)
{
    return cJSON_IsNull(json) || cJSON_IsFalse(json) || (cJSON_IsNumber(json) && json->valuedouble == 0);
}

static bool is_idle(const cJSON *item)
{
    for (int i = 0; i < NAC_COUNT(idle); i++)
        if (strcmp(item->string, idle[i]) == 0)
            return true;
    for (int i = 0; i < NAC_COUNT(idle_when_nothing); i++)
        if (strcmp(item->string, idle_when_nothing[i]) == 0)
            return is_nothing(item);
    return strcmp(item->string, "groups") == 0 && cJSON_IsNumber(item) && item->valuedouble == 1;
}

static void join_sizes(cJSON *config, const char *const *keys, int n)
{
    cJSON *sizes = cJSON_CreateArray();
    for (int i = 0; i < n; i++)
        cJSON_AddItemToArray(sizes, cJSON_DetachItemFromObjectCaseSensitive(config, keys[i]));
    put(config, "kernel_size", sizes);
}

/* Keras 1: one class for all ways of merging. */
static void modernize_merge(cJSON *json)
{
    static const struct {
        const char *mode, *class_name;
    } modes[] = {{"sum", "Add"}, {"mul", "Multiply"}, {"concat", "Concatenate"}, {"ave", "Average"}, {"max", "Maximum"}, {"dot", "Dot"}, {"cos", "Dot"}};
    cJSON *old = get(json, "config"), *axes = cJSON_DetachItemFromObjectCaseSensitive(old, "dot_axes"), *config = cJSON_CreateObject();
    cJSON *axis = cJSON_DetachItemFromObjectCaseSensitive(old, "concat_axis"), *name = cJSON_DetachItemFromObjectCaseSensitive(old, "name");
    const char *mode = text(old, "mode");
    for (int i = 0; i < NAC_COUNT(modes); i++)
        if (mode && !get(old, "layers") && strcmp(mode, modes[i].mode) == 0) {
            put_text(json, "class_name", modes[i].class_name);
            if (name)
                put(config, "name", cJSON_Duplicate(name, true));
            if (strcmp(mode, "concat") == 0 && axis)
                put(config, "axis", cJSON_Duplicate(axis, true));
            if (strcmp(modes[i].class_name, "Dot") == 0) {
                cJSON *both = cJSON_CreateArray(), *item;
                cJSON_ArrayForEach(item, axes)
                    cJSON_AddItemToArray(both, cJSON_Duplicate(cJSON_IsArray(item) ? item->child : item, true));
                put(config, "axes", cJSON_IsArray(axes) ? both : cJSON_Duplicate(axes, true));
                if (!cJSON_IsArray(axes))
                    cJSON_Delete(both);
                put(config, "normalize", cJSON_CreateBool(strcmp(mode, "cos") == 0));
            }
            put(json, "config", cJSON_Duplicate(config, true));
            break;
        }
    cJSON_Delete(config);
    cJSON_Delete(axes);
    cJSON_Delete(axis);
    cJSON_Delete(name);
}

static void rename_options(cJSON *config, const nac_class *cls)
{
    static const char *const two[] = {"nb_row", "nb_col"}, *const three[] = {"kernel_dim1", "kernel_dim2", "kernel_dim3"};
    for (int i = 0; i < NAC_COUNT(options); i++)
        if (!nac_option_find(cls, options[i].from) && nac_option_find(cls, options[i].to) && get(config, options[i].from))
            rename_key(config, options[i].from, options[i].to);
    if (get(config, "nb_row") && get(config, "nb_col"))
        join_sizes(config, two, 2);
    if (get(config, "kernel_dim1") && get(config, "kernel_dim2") && get(config, "kernel_dim3"))
        join_sizes(config, three, 3);
    const char *format = text(config, "data_format");
    if (format && (strcmp(format, "tf") == 0 || strcmp(format, "th") == 0 || strcmp(format, "default") == 0))
        put_text(config, "data_format", strcmp(format, "th") == 0 ? "channels_first" : "channels_last");
    for (cJSON *item = config->child, *next; item; item = next) {
        next = item->next;
        const nac_option *row = nac_option_find(cls, item->string);
        if (!row && is_idle(item))
            cJSON_Delete(cJSON_DetachItemViaPointer(config, item));
        else if (row && row->type == NAC_OPTION_FLOAT && cJSON_GetArraySize(item) == 1 && cJSON_IsArray(item))     /* it was an array in Python */
            put(config, item->string, cJSON_Duplicate(item->child, true));
    }
}

static bool modernize_plain(cJSON *json, const nac_class *cls, int version)
{
    cJSON *config = get(json, "config"), *item;
    bool ok = true;
    rename_options(config, cls);
    if (version < 3 && strncmp(cls->name, "GRU", 3) == 0 && !get(config, "reset_after"))     /* before there was a choice */
        cJSON_AddFalseToObject(config, "reset_after");
    for (item = config->child; ok && item;) {
        cJSON *next = item->next;
        if (ends_in(item->string, "_initializer"))
            modernize_initializer(item);
        else if (ends_in(item->string, "_regularizer") || ends_in(item->string, "_constraint"))
            modernize_penalty(item);
        else if (strcmp(item->string, "activation") == 0 || strcmp(item->string, "recurrent_activation") == 0)
            ok = modernize_activation(config, item->string, version);
        else if (strcmp(item->string, "layer") == 0 || strcmp(item->string, "backward_layer") == 0 || strcmp(item->string, "cell") == 0)
            ok = !cJSON_IsObject(item) || modernize_layer(item, version);
        else if (strcmp(item->string, "cells") == 0)
            for (cJSON *cell = item->child; ok && cell; cell = cell->next)
                ok = modernize_layer(cell, version);
        item = next;
    }
    return ok;
}

/* ---- functions of TensorFlow between layers ---- */

static const struct {
    const char *function, *class_name;
} functions[] = {{"__operators__.add", "Add"}, {"math.add", "Add"}, {"math.subtract", "Subtract"}, {"math.multiply", "Multiply"}, {"math.truediv", "TrueDivide"},
                 {"math.divide", "Divide"}, {"math.pow", "Power"}, {"math.maximum", "Maximum"}, {"math.minimum", "Minimum"}, {"math.negative", "Negative"},
                 {"math.abs", "Abs"}, {"math.exp", "Exp"}, {"math.log", "Log"}, {"math.sqrt", "Sqrt"}, {"math.square", "Square"}, {"math.sin", "Sin"},
                 {"math.cos", "Cos"}, {"math.tanh", "Tanh"}, {"math.sigmoid", "Sigmoid"}, {"nn.sigmoid", "Sigmoid"}, {"nn.tanh", "Tanh"}, {"nn.relu", "Relu"},
                 {"nn.softplus", "Softplus"}};

static void modernize_function(cJSON *json)
{
    const char *function = text(get(json, "config"), "function"), *name = text(get(json, "config"), "name");
    for (int i = 0; function && i < NAC_COUNT(functions); i++)
        if (strcmp(functions[i].function, function) == 0) {
            cJSON *config = cJSON_CreateObject();
            put_text(config, "name", name ? name : function);
            put_text(json, "module", "keras.src.ops.numpy");
            put_text(json, "class_name", functions[i].class_name);
            put(json, "config", config);
            return;
        }
}

/* ---- models ---- */

static const cJSON *find_layer(const cJSON *layers, const char *name)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, layers)
    {
        const char *own = text(item, "name");
        own = own ? own : text(get(item, "config"), "name");
        if (own && strcmp(own, name) == 0)
            return item;
    }
    return NULL;
}

static bool is_called(const cJSON *layer, const char *class_name)
{
    const char *name = text(layer, "class_name");
    return name && strcmp(name, class_name) == 0;
}

static bool is_op(const cJSON *layer)
{
    const char *module = text(layer, "module");
    return module && strncmp(module, "keras.src.ops.", 14) == 0;
}

/* [name, call, slot, {keywords}] */
static bool is_reference(const cJSON *json)
{
    return cJSON_IsArray(json) && cJSON_GetArraySize(json) >= 3 && cJSON_IsString(json->child) && cJSON_IsNumber(json->child->next)
           && cJSON_IsNumber(json->child->next->next);
}

/* A nested model had a call of its own before its first one: 1 is the first. */
static cJSON *modern_tensor(const cJSON *reference, const cJSON *layers)
{
    const cJSON *layer = find_layer(layers, reference->child->valuestring);
    int call = (int)reference->child->next->valuedouble;
    call -= call > 0 && (is_called(layer, "Functional") || is_called(layer, "Model") || is_called(layer, "Sequential"));
    cJSON *tensor = cJSON_CreateObject(), *config, *history;
    put_text(tensor, "class_name", "__keras_tensor__");
    config = cJSON_AddObjectToObject(tensor, "config");
    history = cJSON_AddArrayToObject(config, "keras_history");
    cJSON_AddItemToArray(history, cJSON_CreateString(reference->child->valuestring));
    cJSON_AddItemToArray(history, nac_json_int(call));
    cJSON_AddItemToArray(history, nac_json_int((int64_t)reference->child->next->next->valuedouble));
    return tensor;
}

static cJSON *modern_argument(const cJSON *json, const cJSON *layers)
{
    const cJSON *item;
    if (is_reference(json) && find_layer(layers, json->child->valuestring))
        return modern_tensor(json, layers);
    if (!cJSON_IsArray(json))
        return cJSON_Duplicate(json, true);
    cJSON *list = cJSON_CreateArray();
    cJSON_ArrayForEach(item, json)
        cJSON_AddItemToArray(list, modern_argument(item, layers));
    return list;
}

/* A call was a list of its tensors, the last with keywords. What an op takes by the name y is its second argument. */
static cJSON *modern_node(const cJSON *node, const cJSON *layer, const cJSON *layers)
{
    bool op = is_op(layer);
    cJSON *call = cJSON_CreateObject(), *args = cJSON_AddArrayToObject(call, "args"), *kwargs = cJSON_AddObjectToObject(call, "kwargs");
    cJSON *tensors = cJSON_CreateArray(), *keywords = NULL, *item;
    for (const cJSON *t = is_reference(node) ? node : node->child; t; t = is_reference(node) ? NULL : t->next) {
        if (is_reference(t))
            cJSON_AddItemToArray(tensors, modern_tensor(t, layers));
        keywords = cJSON_IsObject(cJSON_GetArrayItem(t, 3)) ? cJSON_GetArrayItem(t, 3) : keywords;
    }
    if (cJSON_GetArraySize(tensors) == 1 || op)
        while (tensors->child)
            cJSON_AddItemToArray(args, cJSON_DetachItemViaPointer(tensors, tensors->child));
    else
        cJSON_AddItemToArray(args, cJSON_Duplicate(tensors, true));
    cJSON_Delete(tensors);
    cJSON_ArrayForEach(item, keywords)
    {
        if (op && strcmp(item->string, "y") == 0)
            cJSON_AddItemToArray(args, modern_argument(item, layers));
        else if (!op || strcmp(item->string, "name"))
            put(kwargs, item->string, modern_argument(item, layers));
    }
    return call;
}

/* The same phantom call in a model's ends; today Functional models alone have it. */
static void modernize_ends(cJSON *ends, const cJSON *layers)
{
    cJSON *item;
    if (is_reference(ends)) {
        cJSON *call = ends->child->next;
        if (is_called(find_layer(layers, ends->child->valuestring), "Sequential") && call->valuedouble > 0)
            cJSON_ReplaceItemInArray(ends, 1, nac_json_int((int64_t)call->valuedouble - 1));
        return;
    }
    cJSON_ArrayForEach(item, ends)
        modernize_ends(item, layers);
}

static bool modernize_functional(cJSON *config, int version)
{
    cJSON *layers = get(config, "layers"), *layer;
    for (layer = layers->child; layer; layer = layer->next)
        if (!modernize_layer(layer, version))
            return false;
    cJSON_ArrayForEach(layer, layers)
    {
        cJSON *nodes = get(layer, "inbound_nodes"), *fresh, *node;
        if (!cJSON_IsArray(nodes) || !cJSON_IsArray(nodes->child))
            continue;
        fresh = cJSON_CreateArray();
        if (is_reference(nodes->child))
            cJSON_AddItemToArray(fresh, modern_node(nodes, layer, layers));
        else
            cJSON_ArrayForEach(node, nodes)
                cJSON_AddItemToArray(fresh, modern_node(node, layer, layers));
        put(layer, "inbound_nodes", fresh);
    }
    if (version < 3) {
        modernize_ends(get(config, "input_layers"), layers);
        modernize_ends(get(config, "output_layers"), layers);
    }
    return true;
}

static const cJSON *input_shape_of(const cJSON *layer)
{
    const cJSON *config = get(layer, "config"), *shape = get(config, "batch_input_shape"), *inner;
    if (cJSON_IsArray(shape))
        return shape;
    if ((inner = get(config, "layers")))
        return input_shape_of(inner->child);
    return get(config, "layer") ? input_shape_of(get(config, "layer")) : NULL;
}

/* Without an InputLayer the first layer told its input's shape. */
static bool modernize_sequential(cJSON *config, int version)
{
    cJSON *layers = get(config, "layers"), *first = cJSON_IsArray(layers) ? layers->child : NULL, *layer;
    const cJSON *shape = first && !is_called(first, "InputLayer") ? input_shape_of(first) : NULL;
    if (shape && cJSON_IsArray(shape)) {
        cJSON *input = cJSON_CreateObject(), *inner;
        const char *name = text(get(first, "config"), "name");
        char *own = nac_format("%s_input", name ? name : "layer");
        put_text(input, "class_name", "InputLayer");
        inner = cJSON_AddObjectToObject(input, "config");
        put(inner, "batch_shape", cJSON_Duplicate(shape, true));
        put_text(inner, "dtype", "float32");
        put_text(inner, "name", own ? own : "input");
        nac_free(own);
        cJSON_InsertItemInArray(layers, 0, input);
    }
    for (layer = layers ? layers->child : NULL; layer; layer = layer->next)
        if (!modernize_layer(layer, version))
            return false;
    return true;
}

static bool modernize_layer(cJSON *json, int version)
{
    cJSON *config = get(json, "config");
    const char *name = text(json, "class_name");
    if (!name || !config)
        return nac_fail(NAC_E_FORMAT, "expected a layer: an object with class_name and config");
    if (strcmp(name, "Sequential") == 0 && cJSON_IsArray(config)) {     /* before Keras 2.3 it was the list of its layers */
        cJSON *list = cJSON_DetachItemFromObjectCaseSensitive(json, "config");
        config = cJSON_AddObjectToObject(json, "config");
        cJSON_AddItemToObject(config, "layers", list);
    }
    if (!cJSON_IsObject(config))
        return nac_fail(NAC_E_FORMAT, "%s: config: expected an object", name);
    if (strcmp(name, "Sequential") == 0)
        return modernize_sequential(config, version);
    if (cJSON_IsArray(get(config, "layers")) && get(config, "output_layers"))
        return modernize_functional(config, version);
    if (strcmp(name, "Merge") == 0)
        modernize_merge(json);
    else if (strcmp(name, "TFOpLambda") == 0)
        modernize_function(json);
    if (strcmp(text(json, "class_name"), "CuDNNGRU") == 0)
        put(config, "reset_after", cJSON_CreateTrue());
    for (int i = 0; i < NAC_COUNT(classes); i++)
        if (strcmp(text(json, "class_name"), classes[i].from) == 0)
            put_text(json, "class_name", classes[i].to);
    name = text(json, "class_name");
    config = get(json, "config");
    const nac_class *cls = nac_class_find(NAC_KIND_LAYER, name);
    /* legacy files of Keras 3 leave out the module: what has an op's config is one */
    if (version == 3 && !get(json, "module") && nac_operation_find(name) && !get(config, "trainable") && !(cls && get(config, "dtype")))
        put_text(json, "module", "keras.src.ops.numpy");
    return is_op(json) || !cls || strcmp(cls->name, "InputLayer") == 0 || modernize_plain(json, cls, version);
}

/* ---- compile ---- */

static void modernize_optimizer(cJSON *json)
{
    static const char *const idle_keys[] = {"jit_compile", "is_legacy_optimizer", "schedule_decay", "epsilon_", "decay"};
    cJSON *config = get(json, "config"), *rate;
    const char *name = text(json, "class_name"), *plain = name ? strchr(name, '>') : NULL;
    if (plain)
        put_text(json, "class_name", plain + 1);
    rename_key(config, "lr", "learning_rate");
    if (cJSON_IsNull(get(config, "epsilon")))
        drop(config, "epsilon");
    const cJSON *decay = get(config, "decay");
    rate = get(config, "learning_rate");
    if (cJSON_IsNumber(decay) && decay->valuedouble > 0 && cJSON_IsNumber(rate)) {      /* lr / (1 + decay step) */
        cJSON *schedule = cJSON_CreateObject(), *inner;
        put_text(schedule, "class_name", "InverseTimeDecay");
        inner = cJSON_AddObjectToObject(schedule, "config");
        put(inner, "initial_learning_rate", nac_json_float(rate->valuedouble));
        put(inner, "decay_steps", nac_json_int(1));
        put(inner, "decay_rate", nac_json_float(decay->valuedouble));
        put(config, "learning_rate", schedule);
    }
    for (int i = 0; i < NAC_COUNT(idle_keys); i++)
        drop(config, idle_keys[i]);
}

/* A loss or a metric, by name or as an object; or lists and dictionaries of them. */
static cJSON *modern_spec(const cJSON *json)
{
    const char *name = text(json, "class_name"), *fn = text(get(json, "config"), "fn"), *own = text(get(json, "config"), "name");
    if (name && strcmp(name, "MeanMetricWrapper") == 0 && (fn || own))      /* what was asked for by name */
        return cJSON_CreateString(own && (strncmp(own, "acc", 3) == 0 || nac_class_find(NAC_KIND_METRIC, own)) ? own : fn);
    cJSON *copy = cJSON_Duplicate(json, name != NULL), *item;
    if (name) {
        cJSON *config = get(copy, "config");
        const char *reduction = text(config, "reduction");
        drop(config, "fn");
        if (reduction && (strcmp(reduction, "auto") == 0 || strcmp(reduction, "sum_over_batch_size") == 0))
            put_text(config, "reduction", "sum_over_batch_size");
        return copy;
    }
    cJSON_ArrayForEach(item, json)
    {
        if (cJSON_IsObject(json))
            put(copy, item->string, modern_spec(item));
        else
            cJSON_AddItemToArray(copy, modern_spec(item));
    }
    return copy;
}

static const char *const specs[] = {"loss", "metrics", "weighted_metrics"};

cJSON *nac_modernize_compile(const cJSON *training_config)
{
    cJSON *config = cJSON_CreateObject(), *optimizer = cJSON_Duplicate(get(training_config, "optimizer_config"), true);
    const cJSON *weights = get(training_config, "loss_weights");
    if (optimizer) {
        modernize_optimizer(optimizer);
        put(config, "optimizer", optimizer);
    }
    for (int i = 0; i < NAC_COUNT(specs); i++)
        if (get(training_config, specs[i]))
            put(config, specs[i], modern_spec(get(training_config, specs[i])));
    if (weights)
        put(config, "loss_weights", cJSON_Duplicate(weights, true));
    return config;
}

bool nac_modernize(cJSON *model, int version)
{
    cJSON *compile = get(model, "compile_config"), *optimizer = get(compile, "optimizer");
    if (cJSON_IsObject(optimizer))
        modernize_optimizer(optimizer);
    for (int i = 0; i < NAC_COUNT(specs); i++)
        if (get(compile, specs[i]))
            put(compile, specs[i], modern_spec(get(compile, specs[i])));
    return modernize_layer(model, version);
}
