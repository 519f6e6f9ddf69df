/* CSVLogger. */
#include <errno.h>
#include <stdlib.h>
#include "base/json.h"
#include "callbacks/monitor.h"

typedef struct {
    nac_callback base;
    FILE        *file;                  /* while fit runs */
    bool         headless;              /* the file that is appended to has its first line */
    int          n;                     /* columns, the epoch not counted; -1: not known yet */
    char         key[2 * NAC_MAX_IO][160];
} csv_logger;

static bool init(void *self)
{
    const char *s = ((const nac_csv_logger_options *)((nac_instance *)self)->options)->separator;
    int characters = 0;
    for (const char *c = s; *c; c++)
        characters += (*c & 0xc0) != 0x80;      /* UTF-8 */
    return (characters == 1 && !strpbrk(s, "\"\r\n")) || nac_fail(NAC_E_ARGUMENT, "CSVLogger: separator: expected one character, found \"%s\"", s);
}

static void close_file(void *self)
{
    csv_logger *c = self;
    if (c->file)
        fclose(c->file);
    c->file = NULL;
}

static bool failed(const csv_logger *c)
{
    return nac_fail(NAC_E_IO, "CSVLogger: %s: %s", ((const nac_csv_logger_options *)c->base.base.options)->filename, strerror(errno));
}

static bool on_train_begin(nac_callback *self, nac_training *t)
{
    csv_logger *c = (csv_logger *)self;
    const nac_csv_logger_options *o = self->base.options;
    (void)t;
    close_file(c);
    c->n = -1;
    c->headless = false;
    FILE *old = o->append ? fopen(o->filename, "r") : NULL;
    if (old) {
        c->headless = fgetc(old) != EOF;
        fclose(old);
    }
    return (c->file = fopen(o->filename, o->append ? "a" : "w")) || failed(c);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void find_columns(csv_logger *c, const nac_logs *logs)
{
    bool validated = false;
    for (c->n = 0; c->n < logs->n; c->n++) {
        snprintf(c->key[c->n], sizeof c->key[0], "%s", logs->name[c->n]);
        validated = validated || strncmp(logs->name[c->n], "val_", 4) == 0;
    }
    qsort(c->key, (size_t)c->n, sizeof c->key[0], by_name);
    for (int i = 0; !validated && i < logs->n; i++)
        snprintf(c->key[c->n++], sizeof c->key[0], "val_%.150s", c->key[i]);
}

/* A quote around what needs it, as Python's csv in the dialect of Excel. */
static void put(const csv_logger *c, bool first, const char *text)
{
    const char *separator = ((const nac_csv_logger_options *)c->base.base.options)->separator;
    bool quoted = strstr(text, separator) || strpbrk(text, "\"\r\n");
    fprintf(c->file, "%s%s", first ? "" : separator, quoted ? "\"" : "");
    for (; *text; text++)
        fprintf(c->file, "%s%c", *text == '"' ? "\"" : "", *text);
    fputs(quoted ? "\"" : "", c->file);
}

static bool on_epoch_end(nac_callback *self, nac_training *t, int64_t epoch, nac_logs *logs)
{
    csv_logger *c = (csv_logger *)self;
    char text[32];
    double value;
    (void)t;
    if (c->n < 0) {
        find_columns(c, logs);
        if (!c->headless) {
            put(c, true, "epoch");
            for (int i = 0; i < c->n; i++)
                put(c, false, c->key[i]);
            fputs("\r\n", c->file);
        }
    }
    snprintf(text, sizeof text, "%lld", (long long)epoch);
    put(c, true, text);
    for (int i = 0; i < c->n; i++) {
        snprintf(text, sizeof text, "NA");
        if (nac_find_log(logs, c->key[i], &value))
            nac_repr(value, text, sizeof text);
        put(c, false, text);
    }
    fputs("\r\n", c->file);
    return (fflush(c->file) == 0 && !ferror(c->file)) || failed(c);
}

static bool on_train_end(nac_callback *self, nac_training *t, nac_logs *logs)
{
    (void)t, (void)logs;
    close_file(self);
    return true;
}

NAC_DEFINE_OPTIONS(csv_logger, NAC_CSV_LOGGER_OPTIONS)
const nac_callback_type nac_csv_logger_type = {
    .cls = {.name = "CSVLogger", .module = "keras.callbacks", .kind = NAC_KIND_CALLBACK, .size = sizeof(csv_logger), .init = init, .release = close_file,
            NAC_CLASS(csv_logger)},
    .on_train_begin = on_train_begin, .on_epoch_end = on_epoch_end, .on_train_end = on_train_end};

nac_callback *nac_csv_logger_with(const nac_csv_logger_options *options)
{
    nac_callback *made = nac_instance_new(&nac_csv_logger_type.cls, options);
    return made ? made : (nac_callback *)&nac_poison;
}
