/* JSON: Python's spelling both ways, and the texts that are refused. */
#include <float.h>
#include <locale.h>
#include "store.h"
#include "base/json.h"

static cJSON *parse(const char *text)
{
    return nac_json_parse(text, strlen(text), "config.json");
}

static void prints(const char *text, const char *expected)
{
    cJSON *json = parse(text);
    ck_assert_msg(json != NULL, "%s: %s", text, nac_error());
    char *printed = nac_json_print(json);
    ck_assert_ptr_nonnull(printed);
    ck_assert_str_eq(printed, expected);
    nac_free(printed);
    cJSON_Delete(json);
}

START_TEST(reprints)
{
    static const char *const same[] = {
        "{}", "[]", "null", "true", "false", "\"\"", "0", "-1", "1.0", "-0.0", "1e-07", "0.001", "0.0001", "1e-05", "1e+16",
        "1000000000000000.0", "1.5e+300", "0.0010000000474974513", "0.009999999776482582", "0.1", "123456789.125", "5e-324",
        "1.7976931348623157e+308", "2.2250738585072014e-308", "5.684341886080802e-14", "9007199254740993", "-9223372036854775808",
        "18446744073709551616", "140234567890123", "NaN", "Infinity", "-Infinity", "[1, 1.0, 2.5, NaN]",
        "{\"a\": [{}, [], {\"b\": null}], \"c\": \"d\"}", "\"\\u00e9\\u20ac\\ud83d\\ude00\"", "\"\\\"\\\\\\n\\r\\t\\b\\f\\u0001\\u007f/\"",
        "{\"max_value\": Infinity, \"NaN\": \"NaN\", \"x\": \"Infinity\"}"};
    static const char *const others[][2] = {
        {" [ 1 ,2\n,\t3\r] ", "[1, 2, 3]"}, {"{\"a\":1,\"b\":[ ]}", "{\"a\": 1, \"b\": []}"}, {"1e5", "100000.0"}, {"1E+2", "100.0"},
        {"1.50", "1.5"}, {"0e0", "0.0"}, {"-0", "0"}, {"1e999", "Infinity"}, {"-1e999999999999999999999", "-Infinity"},
        {"1e-999999999999", "0.0"}, {"1e1000000000", "Infinity"}, {"123456789012345678.0", "1.2345678901234568e+17"},
        {"\"\xc3\xa9\xf0\x9f\x98\x80\"", "\"\\u00e9\\ud83d\\ude00\""}, {"\"\\/\\u0041\"", "\"/A\""}, {"0.1000000000000000055511151231257827", "0.1"}};
    for (int i = 0; i < NAC_COUNT(same); i++)
        prints(same[i], same[i]);
    for (int i = 0; i < NAC_COUNT(others); i++)
        prints(others[i][0], others[i][1]);
}
END_TEST

static void float_prints(double value, const char *expected)
{
    cJSON *json = nac_json_float(value);
    char *printed = nac_json_print(json);
    double again;
    ck_assert_str_eq(printed, expected);
    ck_assert(nac_json_number(json, &again) && (again == value || isnan(value)));
    nac_free(printed);
    cJSON_Delete(json);
}

START_TEST(floats)
{
    float_prints(0, "0.0");
    float_prints(-0.0, "-0.0");
    float_prints(1, "1.0");
    float_prints(-12, "-12.0");
    float_prints(1e-7, "1e-07");
    float_prints(1e22, "1e+22");
    float_prints(1e16, "1e+16");
    float_prints(9999999999999998, "9999999999999998.0");
    float_prints(123456.789, "123456.789");
    float_prints(0.00012345, "0.00012345");
    float_prints(-1.5e-10, "-1.5e-10");
    float_prints((double)0.001f, "0.0010000000474974513");
    float_prints(DBL_MAX, "1.7976931348623157e+308");
    float_prints(DBL_TRUE_MIN, "5e-324");
    float_prints(0.1 + 0.2, "0.30000000000000004");
    float_prints(NAN, "NaN");
    float_prints(-INFINITY, "-Infinity");
    cJSON *json = nac_json_float(3);
    cJSON_SetNumberHelper(json, 4);
    char *printed = nac_json_print(json);
    ck_assert_str_eq(printed, "4");
    nac_free(printed);
    cJSON_Delete(json);
}
END_TEST

/* Any bits: what is printed reads back the same, and no shorter spelling does (17 digits suffice always). */
START_TEST(floats_read_back)
{
    uint64_t state = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        double value, again;
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        memcpy(&value, &state, sizeof value);
        if (!isfinite(value))
            continue;
        cJSON *json = nac_json_float(value);
        char *printed = nac_json_print(json);
        ck_assert(strtod(printed, NULL) == value);
        cJSON *read = parse(printed);
        ck_assert(nac_json_number(read, &again) && again == value);
        cJSON_Delete(read);
        cJSON_Delete(json);
        nac_free(printed);
    }
}
END_TEST

START_TEST(integers)
{
    static const struct {
        const char *text;
        bool        exact;
        int64_t     value;
    } cases[] = {{"0", true, 0}, {"-7", true, -7}, {"9007199254740993", true, 9007199254740993}, {"9223372036854775807", true, INT64_MAX},
                 {"-9223372036854775808", true, INT64_MIN}, {"9223372036854775808", false, 0}, {"1.0", false, 0}, {"1e3", false, 0},
                 {"1.5", false, 0}, {"NaN", false, 0}, {"Infinity", false, 0}, {"\"1\"", false, 0}, {"null", false, 0}};
    for (int i = 0; i < NAC_COUNT(cases); i++) {
        int64_t value = 0;
        cJSON *json = parse(cases[i].text);
        ck_assert_msg(nac_json_integer(json, &value) == cases[i].exact && value == cases[i].value, "%s", cases[i].text);
        cJSON_Delete(json);
    }
    static const int64_t values[] = {0, 1, -1, INT64_MAX, INT64_MIN, 1LL << 53, (1LL << 53) + 1};
    for (int i = 0; i < NAC_COUNT(values); i++) {
        int64_t value;
        cJSON *json = nac_json_int(values[i]);
        char *printed = nac_json_print(json);
        ck_assert_int_eq(strtoll(printed, NULL, 10), values[i]);
        ck_assert(nac_json_integer(json, &value) && value == values[i]);
        nac_free(printed);
        cJSON_Delete(json);
    }
    double number;
    cJSON *json = parse("\"NaN\"");
    ck_assert(!nac_json_number(json, &number) && !nac_json_number(NULL, &number));
    cJSON_Delete(json);
    json = parse("NaN");
    ck_assert(nac_json_number(json, &number) && isnan(number));
    cJSON_Delete(json);
}
END_TEST

START_TEST(refused)
{
    static const char *const cases[][2] = {
        {"", "line 1, column 1: a value is expected"}, {"  ", "line 1, column 3: a value is expected"},
        {"[1,\n 2,\n x]", "config.json: JSON: line 3, column 2: a value is expected"}, {"[1,]", "a value is expected"},
        {"[,1]", "',' or ']'"}, {"[1 2]", "',' or ']' is expected"}, {"[1", "',' or ']' is expected"}, {"[", "a value is expected"},
        {"]", "a value is expected"}, {"[1}", "',' or ']' is expected"}, {"{\"a\" 1}", "':' is expected"}, {"{\"a\":}", "a value is expected"},
        {"{\"a\":1,}", "a string is expected"}, {"{a:1}", "a string is expected"}, {"{1:1}", "a string is expected"},
        {"{NaN:1}", "a string is expected"}, {"{\"a\":1", "',' or '}' is expected"}, {"{\"a\":1]", "',' or '}' is expected"},
        {"{\"a\"", "':' is expected"}, {"{", "a string is expected"}, {"1 2", "the text goes on behind its value"},
        {"{} {}", "the text goes on"}, {"[]]", "the text goes on"}, {"nul", "a value is expected"}, {"nulll", "the text goes on"},
        {"True", "a value is expected"}, {"nan", "a value is expected"}, {"+1", "a value is expected"}, {"01", "a value is expected"},
        {"-", "a value is expected"}, {"-01", "a value is expected"}, {"1.", "a value is expected"}, {".5", "a value is expected"},
        {"1.e5", "a value is expected"}, {"1e", "a value is expected"}, {"1e+", "a value is expected"}, {"0x1", "the text goes on"},
        {"-NaN", "a value is expected"}, {"'a'", "a value is expected"}, {"\"a", "a string without an end"}, {"\"\\", "an unknown escape"},
        {"\"\\x41\"", "an unknown escape"}, {"\"\\u12\"", "an unknown escape"}, {"\"\\u12g4\"", "an unknown escape"}, {"\"\\u", "an unknown escape"},
        {"\"a\nb\"", "a control character in a string"}, {"\"\t\"", "a control character"}, {"\"\\u0000\"", "a NUL character"},
        {"{\"\\u0000a\": 1}", "a NUL character"}, {"\"\\ud800\"", "half a surrogate pair"}, {"\"\\udc00\"", "half a surrogate pair"},
        {"\"\\ud800\\u0041\"", "half a surrogate pair"}, {"\"\\ud800\\ud800\"", "half a surrogate pair"}, {"\"\xff\"", "bytes that are no UTF-8"},
        {"\"\xffNaN\"", "bytes that are no UTF-8"}, {"\"\xc0\xaf\"", "bytes that are no UTF-8"}, {"\"\xed\xa0\x80\"", "bytes that are no UTF-8"},
        {"\"\xe2\x82\"", "bytes that are no UTF-8"}, {"\"\xf4\x90\x80\x80\"", "bytes that are no UTF-8"}, {"\xef\xbb\xbf{}", "a value is expected"},
        {"[1] // note", "the text goes on"}, {"[\v1]", "',' or ']'"}, {"{\"a\": 1, \"b\": 2, \"a\": 3}", "the key \"a\" stands twice"},
        {"[{\"x\": {\"a\": 1, \"\\u0061\": 2}}]", "the key \"a\" stands twice"}};
    for (int i = 0; i < NAC_COUNT(cases); i++) {
        ck_assert_msg(!parse(cases[i][0]), "%s is accepted", cases[i][0]);
        ck_assert_msg(nac_error_code() == NAC_E_FORMAT, "%s: %s", cases[i][0], nac_error());
        /* After an opening bracket either may be missed: what closes it, or a value. */
        ck_assert_msg(strstr(nac_error(), cases[i][1]) || strstr(nac_error(), "a value is expected"), "%s: %s", cases[i][0], nac_error());
        nac_error_clear();
    }
    FAILS(nac_json_parse("[1]\0", 4, "c"), NAC_E_FORMAT, "c: JSON: line 1, column 4: the text goes on");
    FAILS(nac_json_parse("\"a\0b\"", 5, "c"), NAC_E_FORMAT, "column 3: a NUL character");
    FAILS(nac_json_parse("[\0]", 3, "c"), NAC_E_FORMAT, "a value is expected");
}
END_TEST

static char *repeat(const char *text, size_t count, const char *end)
{
    size_t n = strlen(text);
    char *all = malloc(n * count + strlen(end) + 1);
    for (size_t i = 0; i < count; i++)
        memcpy(all + i * n, text, n);
    strcpy(all + n * count, end);
    return all;
}

START_TEST(limits)
{
    char text[600], *large;
    memset(text, '[', 300);
    memset(text + 256, ']', 256);
    text[512] = 0;
    prints(text, text);
    memset(text, '[', 300);
    memset(text + 257, ']', 257);
    text[514] = 0;
    FAILS(parse(text), NAC_E_FORMAT, "line 1, column 257: nested more than 256 deep");
    large = repeat("[", 5000000, "");
    FAILS(parse(large), NAC_E_FORMAT, "nested more than 256 deep");
    free(large);
    large = repeat("{\"a\":", 100000, "");
    FAILS(parse(large), NAC_E_FORMAT, "nested more than 256 deep");
    free(large);
    large = repeat("1", 1025, "");
    FAILS(parse(large), NAC_E_FORMAT, "a number of more than 1024 characters");
    prints(large + 1, large + 1);
    free(large);
    large = repeat("[],", 1000000, "[]]");
    *large = '[';
    FAILS(parse(large), NAC_E_FORMAT, "");
    free(large);
    large = repeat("0,", 1000000, "0]");
    char *array = malloc(strlen(large) + 2);
    ck_assert_ptr_nonnull(array);
    sprintf(array, "[%s", large);
    FAILS(parse(array), NAC_E_FORMAT, "more than a million values");
    free(array);
    free(large);
    large = repeat(" ", ((size_t)64 << 20) - 1, "1");
    prints(large, "1");
    free(large);
    FAILS(nac_json_parse("", ((size_t)64 << 20) + 1, "c"), NAC_E_FORMAT, "c: JSON: 67108865 bytes, at most 67108864");
}
END_TEST

START_TEST(texts)
{
    cJSON *json = cJSON_CreateString("\xff");
    FAILS(nac_json_print(json), NAC_E_ARGUMENT, "is no UTF-8");
    cJSON_Delete(json);
    json = parse("{\"k\\u00e9\": \"\\ud83d\\ude00\"}");
    ck_assert_str_eq(json->child->string, "k\xc3\xa9");
    ck_assert_str_eq(json->child->valuestring, "\xf0\x9f\x98\x80");
    cJSON_Delete(json);
}
END_TEST

START_TEST(locales)
{
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "C"};
    for (int i = 0; i < NAC_COUNT(names); i++)
        if (setlocale(LC_ALL, names[i]))
            prints("[1.5, -2.5e-10, 0.001, 1.0]", "[1.5, -2.5e-10, 0.001, 1.0]");
    setlocale(LC_ALL, "C");
}
END_TEST

static bool use_all(void)
{
    cJSON *json = parse("{\"a\": [1.0, NaN, 12345678901234567890], \"b\": {\"c\": 1, \"d\": \"x\"}}"), *number = json ? nac_json_float(1) : NULL;
    char *text = number ? nac_json_print(json) : NULL;
    cJSON_Delete(json);
    cJSON_Delete(number);
    nac_free(text);
    return text != NULL;
}

/* cJSON has its own allocations. */
static int left;

static void *few(size_t size)
{
    return left-- > 0 ? malloc(size) : NULL;
}

START_TEST(out_of_memory)
{
    EACH_ALLOCATION(use_all());
    cJSON_InitHooks(&(cJSON_Hooks){few, free});
    for (int n = 0;; n++) {
        left = n;
        if (use_all())
            break;
        FAILS(false, NAC_E_MEMORY, "memory");
        ck_assert_int_lt(n, 1000);
    }
    cJSON_InitHooks(NULL);
}
END_TEST

RUN_TESTS("json", &reprints, &floats, &floats_read_back, &integers, &refused, &limits, &texts, &locales, &out_of_memory)
