/* Files of old Kerases: tests/files/make.py had each Keras make its own, with inputs and predictions in them. */
#include <glob.h>
#include <math.h>
#include <unistd.h>
#include "checkpoint/h5.h"
#include "models/trainer.h"
#include "nacre/checkpoint.h"
#include "store.h"

static char folder[] = "/tmp/nacre-legacy-XXXXXX";

static const char *file(const char *name)
{
    static char path[4][1024];
    static int turn;
    const char *tests = getenv("NAC_TESTS");
    char *out = path[turn++ % 4];
    snprintf(out, sizeof path[0], "%s/files/%s", tests ? tests : NAC_TESTS, name);
    return out;
}

static const char *in_folder(const char *name)
{
    static char path[4][1024];
    static int turn;
    char *out = path[turn++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", folder, name);
    return out;
}

/* x0, x1, .. of a file as a tensor or a list. */
static nac_tensor *arrays(const char *path, char letter)
{
    nac_tensor *items[NAC_MAX_IO];
    int n = 0;
    char name[8];
    for (; n < NAC_MAX_IO; n++) {
        snprintf(name, sizeof name, "%c%d", letter, n);
        items[n] = nac_load_array(path, name);
        if (!items[n])
            break;
    }
    nac_error_clear();
    return n == 1 ? items[0] : n ? nac_list_of(n, items) : NULL;
}

static void assert_predicts(nac_model *m, const char *path)
{
    nac_tensor *x = arrays(path, 'x'), *wanted = arrays(path, 'y'), *found = nac_predict(m, x);
    ck_assert_msg(found != NULL, "%s: %s", path, nac_error());
    ck_assert_int_eq(nac_list_length(found), nac_list_length(wanted));
    for (int k = 0; k < nac_list_length(found); k++) {
        nac_tensor *a = nac_at(found, k), *b = nac_at(wanted, k);
        ck_assert_int_eq(nac_type_size(&a->type), nac_type_size(&b->type));
        const float *p = nac_tensor_data(a), *q = nac_tensor_data(b);
        for (int64_t i = 0; i < nac_type_size(&a->type); i++)
            ck_assert_msg(fabsf(p[i] - q[i]) <= 1e-5F * fmaxf(1, fabsf(q[i])), "%s: output %d, number %lld: expected %.8g, found %.8g", path, k, (long long)i, q[i], p[i]);
    }
}

/* Each file loads, predicts what its Keras predicted, and does so again from a .keras file of today. */
START_TEST(test_whole_models)
{
    glob_t found;
    char pattern[1024];
    snprintf(pattern, sizeof pattern, "%s", file("*.h5"));
    ck_assert_int_eq(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        NAC_SCOPE
        {
            const char *path = found.gl_pathv[i];
            if (strstr(path, "_weights.h5") || strstr(path, "_data.h5"))
                continue;
            nac_load_report r;
            nac_model *m = nac_load(path, .report = &r);
            ck_assert_msg(m != NULL, "%s: %s", path, nac_error());
            ck_assert_msg(r.total == 0 || r.entry[0].kind == NAC_OPTIMIZER_SKIPPED, "%s: %s %s", path, r.entry[0].path, r.entry[0].detail);
            assert_predicts(m, path);
            WORKS(nac_save(m, in_folder("again.keras")));
            nac_model *again = nac_load(in_folder("again.keras"));
            WORKS(again);
            assert_predicts(again, path);
        }
    globfree(&found);
}
END_TEST

static void prepare(void)
{
    if (!mkdtemp(folder))
        exit(EXIT_FAILURE);
}

int main(void)
{
    static const TTest *const *const tests[] = {&test_whole_models};
    const TTest *list[NAC_COUNT(tests)];
    prepare();
    for (int i = 0; i < NAC_COUNT(tests); i++)
        list[i] = *tests[i];
    return run_tests("legacy", list, NAC_COUNT(tests));
}
