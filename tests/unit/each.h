/* An assertion about each of many numbers: Check notes in a file where one of its own has held, which takes longer than the test. */
#ifndef NAC_TEST_EACH_H
#define NAC_TEST_EACH_H

#define ASSERT_EACH(holds, ...)                                                                                                      \
    do {                                                                                                                             \
        if (!(holds))                                                                                                                \
            ck_abort_msg(__VA_ARGS__);                                                                                               \
    } while (0)

#endif
