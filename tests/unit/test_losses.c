/* Losses and metrics: Keras's names for them, and what they refuse. Their numbers are test_golden's. */
#include "metrics/metric.h"
#include "nacre/nacre.h"
#include "store.h"

/* ---- names ---- */

static int unknown(nac_kind kind, const char *names)
{
    char name[64];
    int n = 0, used;
    for (; sscanf(names, "%63s%n", name, &used) == 1; names += used)
        if (!nac_class_find(kind, name)) {
            fprintf(stderr, "nothing is called %s\n", name);
            n++;
        }
    return n;
}

START_TEST(keras_names)
{
    ck_assert_int_eq(unknown(NAC_KIND_LOSS,
                             "BCE BinaryCrossentropy BinaryFocalCrossentropy CTC CategoricalCrossentropy CategoricalFocalCrossentropy CategoricalHinge Circle "
                             "CosineSimilarity Dice Hinge Huber KLD KLDivergence LogCosh MAE MAPE MSE MSLE MeanAbsoluteError MeanAbsolutePercentageError "
                             "MeanSquaredError MeanSquaredLogarithmicError Poisson SparseCategoricalCrossentropy SquaredHinge Tversky bce binary_crossentropy "
                             "binary_focal_crossentropy categorical_crossentropy categorical_focal_crossentropy categorical_hinge circle cosine_similarity ctc dice "
                             "hinge huber kl_divergence kld log_cosh mae mape mean_absolute_error mean_absolute_percentage_error mean_squared_error "
                             "mean_squared_logarithmic_error mse msle poisson sparse_categorical_crossentropy squared_hinge tversky"), 0);
    ck_assert_int_eq(unknown(NAC_KIND_METRIC,
                             "AUC Accuracy BCE BinaryAccuracy BinaryCrossentropy BinaryIoU CategoricalAccuracy CategoricalCrossentropy CategoricalHinge "
                             "ConcordanceCorrelation CosineSimilarity F1Score FBetaScore FalseNegatives FalsePositives Hinge IoU KLDivergence LogCoshError MAE MAPE "
                             "MSE MSLE Mean MeanAbsoluteError MeanAbsolutePercentageError MeanIoU MeanSquaredError MeanSquaredLogarithmicError OneHotIoU "
                             "OneHotMeanIoU PearsonCorrelation Poisson Precision PrecisionAtRecall R2Score Recall RecallAtPrecision RootMeanSquaredError "
                             "SensitivityAtSpecificity SparseCategoricalAccuracy SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy "
                             "SpecificityAtSensitivity SquaredHinge Sum TopKCategoricalAccuracy TrueNegatives TruePositives accuracy auc bce binary_accuracy "
                             "binary_crossentropy binary_io_u categorical_accuracy categorical_crossentropy categorical_hinge concordance_correlation "
                             "cosine_similarity f1_score f_beta_score false_negatives false_positives hinge io_u kl_divergence log_cosh_error mae mape mean "
                             "mean_absolute_error mean_absolute_percentage_error mean_io_u mean_squared_error mean_squared_logarithmic_error mse msle one_hot_io_u "
                             "one_hot_mean_io_u pearson_correlation poisson precision precision_at_recall r2_score recall recall_at_precision "
                             "root_mean_squared_error sensitivity_at_specificity sparse_categorical_accuracy sparse_categorical_crossentropy "
                             "sparse_top_k_categorical_accuracy specificity_at_sensitivity squared_hinge sum top_k_categorical_accuracy true_negatives true_positives"),
                     0);
}
END_TEST

START_TEST(default_names)
{
    const struct {
        nac_metric *metric;
        const char *name;
    } all[] = {{nac_fbeta_score(), "fbeta_score"}, {nac_log_cosh_metric(), "logcosh"}, {nac_cosine_similarity_metric(), "cosine_similarity"}, {nac_f1_score(), "f1_score"},
               {nac_r2_score(), "r2_score"}, {nac_mean_io_u(2), "mean_io_u"}, {nac_auc(.name = "area"), "area"}};
    for (int i = 0; i < NAC_COUNT(all); i++)
        ck_assert_str_eq(nac_metric_name(all[i].metric), all[i].name);
}
END_TEST

START_TEST(state_names)
{
    nac_metric *m = nac_recall();
    ck_assert_str_eq(nac_variable_name(m->state[1]), "false_negatives");
    m = nac_r2_score();
    WORKS(nac_metric_update(m, nac_ones(NAC_FLOAT32, NAC_SHAPE(3, 2)), nac_ones(NAC_FLOAT32, NAC_SHAPE(3, 2)), NULL));
    static const char *const names[] = {"num_samples", "squared_sum", "sum", "residual", "count"};
    ck_assert_int_eq(m->n_state, NAC_COUNT(names));
    for (int i = 0; i < NAC_COUNT(names); i++)
        ck_assert_str_eq(nac_variable_name(m->state[i]), names[i]);
    ck_assert_int_eq(nac_variable_dtype(nac_mean_io_u(3)->state[0]), NAC_INT64);
    ck_assert_int_eq(nac_variable_dtype(nac_mean_io_u(3, .dtype = "float32")->state[0]), NAC_FLOAT32);
}
END_TEST

/* ---- what is refused ---- */

#define F(...) nac_ones(NAC_FLOAT32, NAC_SHAPE(__VA_ARGS__))
#define I(...) nac_ones(NAC_INT64, NAC_SHAPE(__VA_ARGS__))

START_TEST(losses_refuse)
{
    FAILS(nac_compute_loss("mse", F(3, 2), F(3, 4), NULL), NAC_E_SHAPE, "MeanSquaredError: targets float32 (3, 2) do not fit predictions float32 (3, 4)");
    FAILS(nac_compute_loss("mse", F(3, 2), I(3, 2), NULL), NAC_E_TYPE, "MeanSquaredError: predictions: expected floats, found int64");
    FAILS(nac_compute_loss("ctc", I(3), F(3, 4, 5), NULL), NAC_E_SHAPE, "CTC: targets int64 (3,) do not fit predictions float32 (3, 4, 5)");
    FAILS(nac_compute_loss("ctc", I(2, 2), F(3, 4, 5), NULL), NAC_E_SHAPE, "ctc_loss: targets int64 (2, 2) and their lengths do not fit");
    FAILS(nac_compute_loss("circle", I(4), F(3, 2), NULL), NAC_E_SHAPE, "Circle: targets int64 (4,) do not fit predictions float32 (3, 2)");
    FAILS(nac_compute_loss(nac_categorical_generalized_cross_entropy(), I(3, 1), F(3, 2), NULL), NAC_E_SHAPE, "CategoricalGeneralizedCrossEntropy: targets int64 (3, 1)");
    FAILS(nac_compute_loss(nac_categorical_generalized_cross_entropy(.q = 1), I(3), F(3, 2), NULL), NAC_E_ARGUMENT, "q: expected strictly between 0 and 1, found 1");
    FAILS(nac_compute_loss(nac_dice(.axis = {2}), F(3, 2), F(3, 2), NULL), NAC_E_ARGUMENT, "sum: axis 2 of a tensor of rank 2");
    FAILS(nac_compute_loss(nac_cosine_similarity(.axis = -3), F(3, 2), F(3, 2), NULL), NAC_E_ARGUMENT, "sum: axis -3 of a tensor of rank 2");
    FAILS(nac_compute_loss(nac_categorical_focal_crossentropy(.alpha = {{1, 2, 3}}), F(3, 2), F(3, 2), NULL), NAC_E_SHAPE, "in loss CategoricalFocalCrossentropy");
    FAILS(nac_compute_loss(nac_tversky(.reduction = "most"), F(3, 2), F(3, 2), NULL), NAC_E_ARGUMENT, "Tversky: reduction: expected one of");
    ck_assert(!nac_compute_loss("dice", NULL, F(3, 2), NULL) && nac_ok());
}
END_TEST

/* The metric is made, and refuses these. */
static bool update(nac_metric *m, nac_tensor *t, nac_tensor *p, nac_tensor *weight)
{
    ck_assert_msg(nac_is(m, NAC_KIND_METRIC), "%s", nac_error());
    return nac_metric_update(m, t, p, weight);
}

START_TEST(metrics_refuse)
{
    FAILS(nac_is(nac_true_positives(.thresholds = {{0.5, 1.5}}), NAC_KIND_METRIC), NAC_E_ARGUMENT, "TruePositives: thresholds: expected between 0 and 1, found 1.5");
    FAILS(nac_is(nac_recall_at_precision(2), NAC_KIND_METRIC), NAC_E_ARGUMENT, "RecallAtPrecision: precision: expected between 0 and 1, found 2");
    FAILS(nac_is(nac_recall_at_precision(0.5, .num_thresholds = 0), NAC_KIND_METRIC), NAC_E_ARGUMENT, "RecallAtPrecision: num_thresholds: expected at least 1, found 0");
    FAILS(nac_is(nac_auc(.num_thresholds = 1), NAC_KIND_METRIC), NAC_E_ARGUMENT, "AUC: num_thresholds: expected at least 2, found 1");
    FAILS(nac_is(nac_auc(.num_labels = 3), NAC_KIND_METRIC), NAC_E_ARGUMENT, "AUC: num_labels: only with multi_label");
    FAILS(nac_is(nac_auc(.curve = "round"), NAC_KIND_METRIC), NAC_E_ARGUMENT, "AUC: curve: expected one of");
    FAILS(nac_is(nac_fbeta_score(.beta = 0), NAC_KIND_METRIC), NAC_E_ARGUMENT, "FBetaScore: beta: expected more than 0, found 0");
    FAILS(nac_is(nac_f1_score(.threshold = 0), NAC_KIND_METRIC), NAC_E_ARGUMENT, "F1Score: threshold: expected more than 0, found 0");
    FAILS(nac_is(nac_r2_score(.num_regressors = -1), NAC_KIND_METRIC), NAC_E_ARGUMENT, "R2Score: num_regressors: expected at least 0, found -1");
    FAILS(nac_is(nac_io_u(3, {{1, 3}}), NAC_KIND_METRIC), NAC_E_ARGUMENT, "IoU: target_class_ids: expected less than 3, found 3");
    FAILS(nac_is(nac_mean_io_u(0), NAC_KIND_METRIC), NAC_E_ARGUMENT, "MeanIoU: num_classes: expected at least 1, found 0");
    FAILS(nac_is(nac_mean_io_u(3, .dtype = "bool"), NAC_KIND_METRIC), NAC_E_ARGUMENT, "MeanIoU: dtype: expected one of");

    FAILS(update(nac_true_positives(), F(3, 2), F(3, 4), NULL), NAC_E_SHAPE, "TruePositives: targets float32 (3, 2) do not fit predictions float32 (3, 4); in metric");
    FAILS(update(nac_precision(.class_id = 4), F(3, 4), F(3, 4), NULL), NAC_E_SHAPE, "Precision: class_id: expected less than 4, found 4");
    FAILS(update(nac_precision(.class_id = 0), F(3), F(3), NULL), NAC_E_SHAPE, "Precision: targets float32 (3,) do not fit");
    FAILS(update(nac_precision(.top_k = 5), F(3, 4), F(3, 4), NULL), NAC_E_SHAPE, "top_k: k: expected at most 4, found 5");
    FAILS(update(nac_auc(), F(3, 4), F(3, 4), F(2)), NAC_E_SHAPE, "broadcast_to");
    FAILS(update(nac_auc(.multi_label = true), F(3), F(3), NULL), NAC_E_SHAPE, "AUC: multi_label: expected predictions (batch, labels)");
    FAILS(update(nac_auc(.multi_label = true, .num_labels = 3), F(2, 4), F(2, 4), NULL), NAC_E_SHAPE, "the same labels each time");
    FAILS(update(nac_auc(.label_weights = {{1, 2, 3}}), F(2, 4), F(2, 4), NULL), NAC_E_SHAPE, "broadcast_to: (3,) to (2, 4)");
    FAILS(update(nac_f1_score(), F(3), F(3), NULL), NAC_E_SHAPE, "F1Score: expected targets and predictions (batch, outputs), found float32 (3,) and float32 (3,)");
    FAILS(update(nac_r2_score(), F(3, 2), F(3, 4), NULL), NAC_E_SHAPE, "R2Score: expected targets and predictions (batch, outputs)");
    FAILS(update(nac_mean_io_u(3), I(3), I(4), NULL), NAC_E_SHAPE, "MeanIoU: 3 targets, 4 predictions");
    ck_assert(!update(nac_auc(), F(3), NULL, NULL) && !update(nac_mean_io_u(2), I(3), NULL, NULL) && !update(nac_f1_score(), F(3, 2), NULL, NULL) && nac_ok());

    FAILS(nac_metric_result(nac_f1_score()), NAC_E_STATE, "metric \"f1_score\": there is no result before the first batch");
    FAILS(nac_metric_result(nac_r2_score()), NAC_E_STATE, "metric \"r2_score\": there is no result before the first batch");
    nac_metric *m = nac_f1_score();
    WORKS(update(m, F(3, 2), F(3, 2), NULL));
    FAILS(update(m, F(3, 4), F(3, 4), NULL), NAC_E_SHAPE, "\"f1_score\"");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("losses");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, keras_names);
    tcase_add_test(tests, default_names);
    tcase_add_test(tests, state_names);
    tcase_add_test(tests, losses_refuse);
    tcase_add_test(tests, metrics_refuse);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
