/* JSON as Python writes and reads it. */
#include <stdlib.h>
#include <string.h>
#include "base/base.h"
#include "base/json.h"

#define MAX_DEPTH 256
#define MAX_TEXT ((size_t)64 << 20)

/* ---- reading ---- */

static size_t special(const char *at, size_t left)
{
    static const char *const tokens[] = {"NaN", "Infinity", "-Infinity"};
    for (int i = 0; i < 3; i++)
        if (strlen(tokens[i]) <= left && memcmp(at, tokens[i], strlen(tokens[i])) == 0)
            return strlen(tokens[i]);
    return 0;
}

/* Checks what cJSON lets pass, and quotes the tokens that it does not know. The copy is up to three times as long: N -> "N". */
static char *prepare(const char *text, size_t size, const char *where)
{
    size_t depth = 0, n = 0, specials = 0;
    for (size_t i = 0; i < size; i++)
        specials += text[i] == 'N' || text[i] == 'I';
    char *copy = nac_malloc(size + 2 * specials + 1);
    bool quoted = false;
    for (size_t i = 0; copy && i < size; i++) {
        char c = text[i];
        bool escape = quoted && c == '\\' && i + 1 < size;
        if (c == 0 || (escape && text[i + 1] == 'u' && i + 5 < size && memcmp(text + i + 2, "0000", 4) == 0)) {
            nac_free(copy);
            return nac_fail(NAC_E_FORMAT, "%s: JSON: a NUL character", where);
        }
        size_t token = quoted ? 0 : special(text + i, size - i);
        if (token) {
            copy[n++] = '"';
            memcpy(copy + n, text + i, token);
            n += token;
            copy[n++] = '"';
            i += token - 1;
            continue;
        }
        copy[n++] = c;
        if (escape)
            copy[n++] = text[++i];
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '[' || c == '{') && ++depth > MAX_DEPTH) {
            nac_free(copy);
            return nac_fail(NAC_E_FORMAT, "%s: JSON: nested more than %d deep", where, MAX_DEPTH);
        } else if (!quoted && (c == ']' || c == '}') && depth > 0)
            depth--;
    }
    if (copy)
        copy[n] = 0;
    return copy;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool duplicates(const cJSON *json, const char *where)
{
    const cJSON *item;
    int n = cJSON_IsObject(json) ? cJSON_GetArraySize(json) : 0, i = 0;
    bool bad = false;
    if (n > 1) {
        const char **names = nac_malloc((size_t)n * sizeof *names);
        if (!names)
            return true;
        cJSON_ArrayForEach(item, json)
            names[i++] = item->string;
        qsort(names, (size_t)n, sizeof *names, by_name);
        for (i = 1; i < n && !bad; i++)
            if (strcmp(names[i - 1], names[i]) == 0) {
                bad = true;
                nac_fail(NAC_E_FORMAT, "%s: JSON: the key \"%.100s\" stands twice", where, names[i]);
            }
        nac_free(names);
    }
    cJSON_ArrayForEach(item, json)
        bad = bad || duplicates(item, where);
    return bad;
}

cJSON *nac_json_parse(const char *text, size_t size, const char *where)
{
    if (size > MAX_TEXT)
        return nac_fail(NAC_E_FORMAT, "%s: JSON: %zu bytes, at most %zu", where, size, MAX_TEXT);
    char *copy = prepare(text, size, where);
    if (!copy)
        return NULL;
    const char *end = NULL;
    cJSON *json = cJSON_ParseWithOpts(copy, &end, true);
    if (!json)
        nac_fail(NAC_E_FORMAT, "%s: JSON: not valid near byte %zu", where, end ? (size_t)(end - copy) : 0);
    nac_free(copy);
    if (json && duplicates(json, where)) {
        cJSON_Delete(json);
        json = NULL;
    }
    return json;
}

bool nac_json_number(const cJSON *json, double *value)
{
    static const struct {
        const char *name;
        double      value;
    } specials[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};
    if (cJSON_IsNumber(json))
        return *value = json->valuedouble, true;
    for (int i = 0; cJSON_IsString(json) && i < NAC_COUNT(specials); i++)
        if (strcmp(json->valuestring, specials[i].name) == 0)
            return *value = specials[i].value, true;
    return cJSON_IsRaw(json) && sscanf(json->valuestring, "%lf", value) == 1;
}

/* ---- writing ---- */

/* Python's repr: the fewest digits that read back the same, an exponent below 1e-4 and from 1e16 on. */
static void repr(double v, char *out, size_t size)
{
    char digits[32];
    int precision = 0, exponent;
    if (isnan(v) || isinf(v)) {
        snprintf(out, size, isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity");
        return;
    }
    do
        snprintf(digits, sizeof digits, "%.*e", precision, v);
    while (strtod(digits, NULL) != v && ++precision < 17);
    exponent = atoi(strchr(digits, 'e') + 1);
    if (exponent >= -4 && exponent < 16) {
        int decimals = precision - exponent;
        snprintf(out, size, "%.*f", decimals > 1 ? decimals : 1, v);
        return;
    }
    *strchr(digits, 'e') = 0;
    snprintf(out, size, "%se%c%02d", digits, exponent < 0 ? '-' : '+', abs(exponent));
}

cJSON *nac_json_float(double value)
{
    char text[64];
    repr(value, text, sizeof text);
    return cJSON_CreateRaw(text);
}

cJSON *nac_json_int(int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return cJSON_CreateRaw(text);
}

typedef struct {
    char  *text;
    size_t n, cap;
    bool   failed;
} writer;

static void put(writer *w, const char *s, size_t n)
{
    if (w->n + n + 1 > w->cap) {
        size_t cap = 2 * (w->n + n) + 256;
        char *grown = w->failed ? NULL : nac_realloc(w->text, cap);
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

static void puts_(writer *w, const char *s)
{
    put(w, s, strlen(s));
}

/* One code point of UTF-8; a byte that starts none stands for itself. */
static uint32_t code_point(const unsigned char **s)
{
    const unsigned char *p = *s;
    int more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : *p >= 0xc0 ? 1 : 0;
    uint32_t c = more == 3 ? *p & 7 : more == 2 ? *p & 15 : more == 1 ? *p & 31 : *p;
    for (int i = 1; i <= more; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            *s = p + 1;
            return *p;
        }
        c = c << 6 | (p[i] & 63);
    }
    *s = p + more + 1;
    return c;
}

static void put_string(writer *w, const char *text)
{
    char escaped[16];
    put(w, "\"", 1);
    for (const unsigned char *s = (const unsigned char *)(text ? text : ""); *s;) {
        static const char plain[] = "\"\\\n\r\t\b\f", names[] = "\"\\nrtbf";
        uint32_t c = code_point(&s);
        const char *found = c < 128 ? strchr(plain, (int)c) : NULL;
        if (found && c)
            snprintf(escaped, sizeof escaped, "\\%c", names[found - plain]);
        else if (c >= 32 && c < 127)
            snprintf(escaped, sizeof escaped, "%c", (int)c);
        else if (c < 0x10000)
            snprintf(escaped, sizeof escaped, "\\u%04x", c);
        else
            snprintf(escaped, sizeof escaped, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10), 0xdc00 + ((c - 0x10000) & 0x3ff));
        puts_(w, escaped);
    }
    put(w, "\"", 1);
}

static void write_value(writer *w, const cJSON *json)
{
    char number[64];
    const cJSON *item;
    bool first = true;
    if (cJSON_IsObject(json) || cJSON_IsArray(json)) {
        puts_(w, cJSON_IsObject(json) ? "{" : "[");
        cJSON_ArrayForEach(item, json)
        {
            if (!first)
                puts_(w, ", ");
            first = false;
            if (cJSON_IsObject(json)) {
                put_string(w, item->string);
                puts_(w, ": ");
            }
            write_value(w, item);
        }
        puts_(w, cJSON_IsObject(json) ? "}" : "]");
    } else if (cJSON_IsString(json)) {
        put_string(w, json->valuestring);
    } else if (cJSON_IsRaw(json)) {
        puts_(w, json->valuestring);
    } else if (cJSON_IsNumber(json)) {
        if (json->valuedouble == floor(json->valuedouble) && fabs(json->valuedouble) < 1e15)
            snprintf(number, sizeof number, "%.0f", json->valuedouble);
        else
            repr(json->valuedouble, number, sizeof number);
        puts_(w, number);
    } else {
        puts_(w, cJSON_IsTrue(json) ? "true" : cJSON_IsFalse(json) ? "false" : "null");
    }
}

char *nac_json_print(const cJSON *json)
{
    writer w = {0};
    write_value(&w, json);
    if (w.failed) {
        nac_free(w.text);
        return NULL;
    }
    return w.text;
}
