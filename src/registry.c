/* Every built-in class, a table a kind; and what the instances of a kind do beside their class. */
#include "metrics/metric.h"
#include "optimizers/optimizer.h"

extern const nac_class *const nac_layer_classes[], *const nac_activation_classes[], *const nac_initializer_classes[], *const nac_regularizer_classes[],
    *const nac_constraint_classes[], *const nac_loss_classes[], *const nac_metric_classes[], *const nac_confusion_classes[], *const nac_score_classes[], *const nac_iou_classes[], *const nac_optimizer_classes[], *const nac_schedule_classes[],
    *const nac_callback_classes[];
cJSON *nac_activation_to_json(const void *instance);

const nac_class *const *const nac_builtin_classes[] = {nac_layer_classes,       nac_activation_classes, nac_initializer_classes,
                                                       nac_regularizer_classes, nac_constraint_classes, nac_loss_classes,       nac_metric_classes,
                                                       nac_confusion_classes,   nac_score_classes,      nac_iou_classes,
                                                       nac_optimizer_classes,   nac_schedule_classes,   nac_callback_classes,   NULL};

const nac_kind_hooks nac_hooks[NAC_KIND_COUNT] = {
    [NAC_KIND_TENSOR] = {NULL, NULL, nac_tensor_to_json, nac_tensor_from_json, 0},
    [NAC_KIND_LAYER] = {nac_layer_init, nac_layer_release, nac_layer_to_json, nac_layer_from_json, sizeof(nac_layer)},
    [NAC_KIND_METRIC] = {nac_metric_init, nac_metric_release, nac_metric_to_json, nac_metric_from_json, sizeof(nac_metric)},
    [NAC_KIND_OPTIMIZER] = {nac_optimizer_init, nac_optimizer_release, nac_optimizer_to_json, NULL, sizeof(nac_optimizer)},
    [NAC_KIND_ACTIVATION] = {NULL, NULL, nac_activation_to_json, NULL, 0},
};
