/* JSON as Python writes and reads it. cJSON builds the trees; what it lets pass, or cannot hold, is dealt with before and after it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/base.h"
#include "base/json.h"

#define MAX_DEPTH  256
#define MAX_TEXT   ((size_t)64 << 20)
#define MAX_VALUES 1000000
#define MAX_DIGITS 1024             /* characters of a number */
#define PLAIN      15               /* digits that a double holds exactly: such integers need no spelling */

/* cJSON keeps numbers as doubles: 1 and 1.0, or two large integers, are one to it. Where that matters a number's node also has its
   spelling, in `valuestring`, which cJSON frees with it and otherwise leaves alone. To get there a number passes through cJSON as a
   string that begins with a byte which no valid text holds. */
#define MARK '\xff'

/* ---- numbers ---- */

/* Reads a spelling of Python's, whatever decimal point the locale has. */
static double to_double(const char *s)
{
    char text[MAX_DIGITS + 32];
    size_t n = 0;
    long exponent = 0;
    if (strcmp(s, "NaN") == 0)
        return NAN;
    if (strcmp(s, "Infinity") == 0 || strcmp(s, "-Infinity") == 0)
        return *s == '-' ? -INFINITY : INFINITY;
    for (; *s && *s != 'e' && *s != 'E' && n < MAX_DIGITS; s++)
        if (*s == '.')
            exponent = -(long)strspn(s + 1, "0123456789");
        else
            text[n++] = *s;
    if (*s) {
        long written = strtol(s + 1, NULL, 10);
        exponent += written > 99999 ? 99999 : written < -99999 ? -99999 : written;
    }
    snprintf(text + n, sizeof text - n, "e%ld", exponent);
    return strtod(text, NULL);
}

static bool is_float(const char *spelling)
{
    return strpbrk(spelling, ".eENI") != NULL;
}

/* Whether the double alone would be written as something else. */
static bool needs_spelling(const char *s, double value)
{
    return is_float(s) ? value == floor(value) && isfinite(value) : strlen(s) > PLAIN;
}

/* Python's repr: the fewest digits that read back the same; an exponent below 1e-4 and from 1e16 on. */
static void repr(double v, char *out, size_t size)
{
    char digits[40], check[48];
    int exponent = 0, precision = 0;
    if (!isfinite(v) || v == 0) {
        snprintf(out, size, "%s", isnan(v) ? "NaN" : isinf(v) ? (v > 0 ? "Infinity" : "-Infinity") : signbit(v) ? "-0.0" : "0.0");
        return;
    }
    for (precision = 1; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*e", precision - 1, fabs(v));
        uint64_t whole = 0;
        const char *s = digits;
        for (; *s != 'e'; s++)      /* passes over the locale's decimal point */
            if (*s >= '0' && *s <= '9')
                whole = 10 * whole + (uint64_t)(*s - '0');
        exponent = atoi(s + 1);
        bool found = false;
        /* At powers of two the nearest of so many digits may lie outside of what reads back, and the one above it inside. */
        for (uint64_t next = whole; next <= whole + 1 && !found; next++) {
            snprintf(check, sizeof check, "%llue%d", (unsigned long long)next, exponent - precision + 1);
            found = strtod(check, NULL) == fabs(v);
        }
        if (found)
            break;
    }
    *strchr(check, 'e') = 0;
    int n = (int)strlen(check);
    exponent += n - (precision > 17 ? 17 : precision);      /* 9.99 + 1 in the last digit has one digit more */
    while (n > 1 && check[n - 1] == '0')
        check[--n] = 0;
    const char *sign = v < 0 ? "-" : "";
    if (exponent < -4 || exponent >= 16)
        snprintf(out, size, "%s%c%s%se%c%02d", sign, check[0], n > 1 ? "." : "", check + 1, exponent < 0 ? '-' : '+', abs(exponent));
    else if (exponent < 0)
        snprintf(out, size, "%s0.%.*s%s", sign, -exponent - 1, "0000", check);
    else if (n <= exponent + 1)
        snprintf(out, size, "%s%s%.*s.0", sign, check, exponent + 1 - n, "0000000000000000");
    else
        snprintf(out, size, "%s%.*s.%s", sign, exponent + 1, check, check + exponent + 1);
}

void nac_repr(double value, char *out, size_t size)
{
    if (isfinite(value))
        repr(value, out, size);
    else
        snprintf(out, size, "%s", isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
}

static cJSON *spelled(double value, const char *spelling)
{
    cJSON *json = cJSON_CreateNumber(value);
    size_t n = strlen(spelling) + 1;
    if (json && !(json->valuestring = cJSON_malloc(n))) {
        cJSON_Delete(json);
        json = NULL;
    }
    if (!json)
        return nac_fail(NAC_E_MEMORY, "out of memory: a number of JSON");
    memcpy(json->valuestring, spelling, n);
    return json;
}

cJSON *nac_json_float(double value)
{
    char text[64];
    repr(value, text, sizeof text);
    return spelled(value, text);
}

cJSON *nac_json_int(int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return spelled((double)value, text);
}

bool nac_json_number(const cJSON *json, double *value)
{
    if (cJSON_IsNumber(json))
        *value = json->valuedouble;
    return cJSON_IsNumber(json);
}

/* The spelling, unless someone has set another value since. */
static const char *spelling_of(const cJSON *json)
{
    double value = json->valuestring ? to_double(json->valuestring) : 0;
    bool current = json->valuestring && (value == json->valuedouble || (isnan(value) && isnan(json->valuedouble)));
    return current ? json->valuestring : NULL;
}

bool nac_json_integer(const cJSON *json, int64_t *value)
{
    if (!cJSON_IsNumber(json))
        return false;
    const char *s = spelling_of(json);
    char *end;
    if (s && !is_float(s)) {
        errno = 0;
        long long v = strtoll(s, &end, 10);
        if (errno)
            return false;
        *value = v;
        return true;
    }
    double d = json->valuedouble;
    if (s || d != floor(d) || fabs(d) > 9007199254740992.0)
        return false;
    *value = (int64_t)d;
    return true;
}

/* ---- reading: the grammar ---- */

typedef struct {
    const char *text, *at, *end, *where;
    char       *out;
    size_t      n, values;
} reader;

static bool wrong(const reader *r, const char *what)
{
    size_t line = 1;
    const char *start = r->text;
    for (const char *s = r->text; s < r->at; s++)
        if (*s == '\n') {
            line++;
            start = s + 1;
        }
    return nac_fail(NAC_E_FORMAT, "%s: JSON: line %zu, column %zu: %s", r->where, line, (size_t)(r->at - start) + 1, what);
}

static void keep(reader *r, size_t n)
{
    memcpy(r->out + r->n, r->at, n);
    r->n += n;
    r->at += n;
}

static bool starts(const reader *r, const char *token)
{
    size_t n = strlen(token);
    return (size_t)(r->end - r->at) >= n && memcmp(r->at, token, n) == 0;
}

static void skip_space(reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
        r->at++;
}

/* The length of the well-formed UTF-8 sequence at s, or 0. */
static size_t utf8(const unsigned char *s, const unsigned char *end)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = *s < 0x80 ? 1 : *s >= 0xc2 && *s < 0xe0 ? 2 : *s >= 0xe0 && *s < 0xf0 ? 3 : *s >= 0xf0 && *s < 0xf5 ? 4 : 0;
    if (n <= 1)
        return n;
    if ((size_t)(end - s) < n)
        return 0;
    uint32_t c = *s & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    return c >= least[n] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? n : 0;
}

/* The four digits behind \u at r->at, or -1. */
static int unit(const reader *r)
{
    int value = 0;
    if (r->end - r->at < 6 || r->at[0] != '\\' || r->at[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        const char *digits = "0123456789abcdef", *d = r->at[i] ? strchr(digits, r->at[i] | (r->at[i] >= 'A' ? 0x20 : 0)) : NULL;
        if (!d)
            return -1;
        value = value * 16 + (int)(d - digits);
    }
    return value;
}

static bool read_escape(reader *r)
{
    if (r->end - r->at > 1 && r->at[1] && strchr("\"\\/bfnrt", r->at[1])) {
        keep(r, 2);
        return true;
    }
    int high = unit(r);
    if (high < 0)
        return wrong(r, "an unknown escape");
    if (high == 0)
        return wrong(r, "a NUL character");
    if (high >= 0xdc00 && high < 0xe000)
        return wrong(r, "half a surrogate pair");
    if (high >= 0xd800 && high < 0xdc00) {
        keep(r, 6);
        int low = unit(r);
        if (low < 0xdc00 || low > 0xdfff)
            return wrong(r, "half a surrogate pair");
    }
    keep(r, 6);
    return true;
}

static bool read_string(reader *r)
{
    if (r->at == r->end || *r->at != '"')
        return wrong(r, "a string is expected");
    keep(r, 1);
    while (r->at < r->end && *r->at != '"') {
        unsigned char c = (unsigned char)*r->at;
        size_t n = c == '\\' ? 0 : utf8((const unsigned char *)r->at, (const unsigned char *)r->end);
        if (c < 0x20)
            return wrong(r, c ? "a control character in a string" : "a NUL character");
        if (c != '\\' && n == 0)
            return wrong(r, "bytes that are no UTF-8");
        if (c == '\\' && !read_escape(r))
            return false;
        keep(r, n);
    }
    if (r->at == r->end)
        return wrong(r, "a string without an end");
    keep(r, 1);
    return true;
}

static size_t digits_at(const char *s, const char *end)
{
    size_t n = 0;
    while (s + n < end && s[n] >= '0' && s[n] <= '9')
        n++;
    return n;
}

/* The length of the number at r->at, or 0. */
static size_t number_length(const reader *r)
{
    const char *s = r->at, *end = r->end;
    s += s < end && *s == '-';
    size_t whole = digits_at(s, end), more;
    if (whole == 0 || (whole > 1 && *s == '0'))
        return 0;
    s += whole;
    if (s < end && *s == '.') {
        if (!(more = digits_at(s + 1, end)))
            return 0;
        s += more + 1;
    }
    if (s < end && (*s == 'e' || *s == 'E')) {
        s += 1 + (end - s > 1 && (s[1] == '+' || s[1] == '-'));
        if (!(more = digits_at(s, end)))
            return 0;
        s += more;
    }
    return (size_t)(s - r->at);
}

static bool read_number(reader *r)
{
    size_t n = starts(r, "NaN") ? 3 : starts(r, "Infinity") ? 8 : starts(r, "-Infinity") ? 9 : number_length(r);
    if (n == 0)
        return wrong(r, "a value is expected");
    if (n > MAX_DIGITS)
        return wrong(r, "a number of more than 1024 characters");
    size_t sign = *r->at == '-';
    if (n <= PLAIN && digits_at(r->at + sign, r->at + n) == n - sign) {
        keep(r, n);
        return true;
    }
    r->out[r->n++] = '"';
    r->out[r->n++] = MARK;
    keep(r, n);
    r->out[r->n++] = '"';
    return true;
}

static bool read_scalar(reader *r)
{
    static const char *const words[] = {"null", "true", "false"};
    if (++r->values > MAX_VALUES)
        return wrong(r, "more than a million values");
    if (r->at < r->end && *r->at == '"')
        return read_string(r);
    for (int i = 0; i < NAC_COUNT(words); i++)
        if (starts(r, words[i])) {
            keep(r, strlen(words[i]));
            return true;
        }
    return read_number(r);
}

static bool read_key(reader *r)
{
    skip_space(r);
    if (!read_string(r))
        return false;
    skip_space(r);
    if (r->at == r->end || *r->at != ':')
        return wrong(r, "':' is expected");
    keep(r, 1);
    return true;
}

/* Checks the text, and copies it for cJSON, numbers that it cannot hold made strings. No recursion: depth is the text's choice. */
static bool read_text(reader *r)
{
    char open[MAX_DEPTH];
    int depth = 0;
    for (;;) {
        skip_space(r);
        char c = r->at < r->end ? *r->at : 0;
        bool opened = c == '[' || c == '{';
        if (opened) {
            if (depth == MAX_DEPTH)
                return wrong(r, "nested more than 256 deep");
            if (++r->values > MAX_VALUES)
                return wrong(r, "more than a million values");
            open[depth++] = c == '[' ? ']' : '}';
            keep(r, 1);
            skip_space(r);
        } else if (!read_scalar(r)) {
            return false;
        }
        /* Behind a value, or at the start of a container: what closes, or leads to the next value. */
        bool first = opened;
        for (;;) {
            skip_space(r);
            c = r->at < r->end ? *r->at : 0;
            if (depth == 0) {
                r->out[r->n] = 0;
                return r->at == r->end || wrong(r, "the text goes on behind its value");
            }
            if (c == open[depth - 1] && r->at < r->end) {
                keep(r, 1);
                depth--;
                first = false;
                continue;
            }
            if (!first) {
                if (c != ',')
                    return wrong(r, open[depth - 1] == ']' ? "',' or ']' is expected" : "',' or '}' is expected");
                keep(r, 1);
            }
            if (open[depth - 1] == '}' && !read_key(r))
                return false;
            break;
        }
    }
}

/* ---- reading: the tree ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool no_duplicates(const cJSON *object, const char *where)
{
    const cJSON *item;
    size_t n = (size_t)cJSON_GetArraySize(object), i = 0;
    if (n < 2)
        return true;
    const char **names = nac_malloc(n * sizeof *names);
    if (!names)
        return false;
    cJSON_ArrayForEach(item, object)
        names[i++] = item->string;
    qsort(names, n, sizeof *names, by_name);
    bool ok = true;
    for (i = 1; i < n && ok; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            ok = nac_fail(NAC_E_FORMAT, "%s: JSON: the key \"%.100s\" stands twice", where, names[i]);
    nac_free(names);
    return ok;
}

static void make_number(cJSON *json)
{
    char *s = json->valuestring;
    memmove(s, s + 1, strlen(s));
    json->valuedouble = to_double(s);
    json->valueint = json->valuedouble >= INT32_MAX ? INT32_MAX : json->valuedouble > INT32_MIN ? (int)json->valuedouble : INT32_MIN;
    json->type = cJSON_Number;
    if (!needs_spelling(s, json->valuedouble)) {
        cJSON_free(s);
        json->valuestring = NULL;
    }
}

static bool finish(cJSON *json, const char *where)
{
    cJSON *item;
    if (cJSON_IsString(json) && *json->valuestring == MARK)
        make_number(json);
    if (cJSON_IsObject(json) && !no_duplicates(json, where))
        return false;
    cJSON_ArrayForEach(item, json)
        if (!finish(item, where))
            return false;
    return true;
}

cJSON *nac_json_parse(const char *text, size_t size, const char *where)
{
    if (size > MAX_TEXT)
        return nac_fail(NAC_E_FORMAT, "%s: JSON: %zu bytes, at most %zu", where, size, MAX_TEXT);
    /* A marked number takes three bytes more, and has at least three. */
    reader r = {.text = text, .at = text, .end = text + size, .where = where, .out = nac_malloc(2 * size + 4)};
    cJSON *json = NULL;
    if (r.out && read_text(&r)) {
        json = cJSON_ParseWithLengthOpts(r.out, r.n + 1, NULL, true);
        if (!json)
            nac_fail(NAC_E_MEMORY, "%s: JSON: out of memory", where);
    }
    nac_free(r.out);
    if (json && !finish(json, where)) {
        cJSON_Delete(json);
        json = NULL;
    }
    return json;
}

/* ---- writing ---- */

typedef struct {
    char  *text;
    size_t n, cap;
    bool   failed;
} writer;

static void put(writer *w, const char *s, size_t n)
{
    if (w->failed)
        return;
    if (w->n + n + 1 > w->cap) {
        size_t cap = 2 * (w->n + n) + 256;
        char *grown = nac_realloc(w->text, cap);
        w->failed = !grown;
        if (!grown)
            return;
        w->text = grown;
        w->cap = cap;
    }
    memcpy(w->text + w->n, s, n);
    w->n += n;
    w->text[w->n] = 0;
}

static void put_text(writer *w, const char *s)
{
    put(w, s, strlen(s));
}

static void put_char(writer *w, const unsigned char *s, size_t n)
{
    static const char plain[] = "\"\\\n\r\t\b\f", names[] = "\"\\nrtbf";
    char escaped[16];
    uint32_t c = n == 1 ? *s : *s & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (s[i] & 0x3fu);
    const char *found = c < 0x80 ? strchr(plain, (int)c) : NULL;
    if (found)
        snprintf(escaped, sizeof escaped, "\\%c", names[found - plain]);
    else if (c >= 0x20 && c < 0x7f)
        snprintf(escaped, sizeof escaped, "%c", (int)c);
    else if (c < 0x10000)
        snprintf(escaped, sizeof escaped, "\\u%04x", c);
    else
        snprintf(escaped, sizeof escaped, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10), 0xdc00 + ((c - 0x10000) & 0x3ff));
    put_text(w, escaped);
}

static void put_string(writer *w, const char *text)
{
    const unsigned char *s = (const unsigned char *)(text ? text : ""), *end = s + strlen((const char *)s);
    put_text(w, "\"");
    while (s < end && !w->failed) {
        size_t n = utf8(s, end);
        w->failed = n == 0 && !nac_fail(NAC_E_ARGUMENT, "JSON: the text \"%.100s\" is no UTF-8", text);
        if (n)
            put_char(w, s, n);
        s += n;
    }
    put_text(w, "\"");
}

static void put_number(writer *w, const cJSON *json)
{
    char number[64];
    double v = json->valuedouble;
    const char *s = spelling_of(json);
    if (!s && v == floor(v) && fabs(v) < 1e15)
        snprintf(number, sizeof number, "%lld", (long long)v);
    else if (!s)
        repr(v, number, sizeof number);
    if (s && is_float(s))
        repr(v, number, sizeof number);
    put_text(w, s && !is_float(s) ? s : number);
}

static void put_value(writer *w, const cJSON *json)
{
    const cJSON *item;
    bool first = true, object = cJSON_IsObject(json);
    if (object || cJSON_IsArray(json)) {
        put_text(w, object ? "{" : "[");
        cJSON_ArrayForEach(item, json)
        {
            if (!first)
                put_text(w, ", ");
            first = false;
            if (object) {
                put_string(w, item->string);
                put_text(w, ": ");
            }
            put_value(w, item);
        }
        put_text(w, object ? "}" : "]");
    } else if (cJSON_IsString(json)) {
        put_string(w, json->valuestring);
    } else if (cJSON_IsRaw(json)) {
        put_text(w, json->valuestring);
    } else if (cJSON_IsNumber(json)) {
        put_number(w, json);
    } else {
        put_text(w, cJSON_IsTrue(json) ? "true" : cJSON_IsFalse(json) ? "false" : "null");
    }
}

char *nac_json_print(const cJSON *json)
{
    writer w = {0};
    put_value(&w, json);
    if (w.failed) {
        nac_free(w.text);
        return NULL;
    }
    return w.text;
}
