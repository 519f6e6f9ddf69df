/* What the tests of files share. NAC_TESTS is the folder above this one. */
#ifndef NAC_TESTS_STORE_H
#define NAC_TESTS_STORE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/base.h"

#ifndef NAC_TESTS
#define NAC_TESTS "tests"
#endif

static inline const char *hostile(const char *name)
{
    static char path[1024];
    const char *tests = getenv("NAC_TESTS");
    snprintf(path, sizeof path, "%s/hostile/%s", tests ? tests : NAC_TESTS, name);
    return path;
}

/* A file's contents, to be freed with free; ends the test when there is none. */
static inline char *contents(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "no file %s", path);
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    char *bytes = malloc(*size + 1);
    ck_assert_uint_eq(fread(bytes, 1, *size, f), *size);
    fclose(f);
    bytes[*size] = 0;
    return bytes;
}

/* The call failed with that code, and a message that has that part; takes the error away. */
#define FAILS(call, code, part)                                                                                                       \
    do {                                                                                                                              \
        ck_assert_msg(!(call), "%s succeeds", #call);                                                                                 \
        ck_assert_msg(nac_error_code() == (code) && strstr(nac_error(), part), "code %d, message %s", nac_error_code(), nac_error()); \
        nac_error_clear();                                                                                                            \
    } while (0)

#define WORKS(call) ck_assert_msg(call, "%s: %s", #call, nac_error())

/* Runs `body` with the first, second, ... allocation failing, until it succeeds without; each failure must leave an error of memory.
   `body` is an expression. */
#define EACH_ALLOCATION(body)                                                                                                         \
    for (int64_t nth_ = 1;; nth_++) {                                                                                                 \
        int64_t before_ = nac_test_allocations();                                                                                     \
        nac_test_fail_allocation(nth_);                                                                                               \
        bool done_ = (body);                                                                                                          \
        nac_test_fail_allocation(0);                                                                                                  \
        if (nac_test_allocations() - before_ < nth_) {                                                                                \
            WORKS(done_);                                                                                                             \
            break;                                                                                                                    \
        }                                                                                                                             \
        FAILS(done_, NAC_E_MEMORY, "memory");                                                                                         \
        ck_assert_int_lt(nth_, 10000);                                                                                                \
    }

static inline int run_tests(const char *name, const TTest *const *tests, int count)
{
    Suite *suite = suite_create(name);
    TCase *all = tcase_create(name);
    tcase_set_timeout(all, 120);
    for (int i = 0; i < count; i++)
        tcase_add_test(all, tests[i]);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

#define RUN_TESTS(name, ...)                                                                                                          \
    int main(void)                                                                                                                    \
    {                                                                                                                                 \
        static const TTest *const *const tests[] = {__VA_ARGS__};                                                                     \
        const TTest *list[NAC_COUNT(tests)];                                                                                          \
        for (int i = 0; i < NAC_COUNT(tests); i++)                                                                                    \
            list[i] = *tests[i];                                                                                                      \
        return run_tests(name, list, NAC_COUNT(tests));                                                                               \
    }

#endif
