/* CSVLogger. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/json.h"
#include "callbacks/monitor.h"

typedef struct {
    nac_callback base;
    FILE        *file;                  /* while fit runs */
    bool         fresh;                 /* what is in the file goes before the first line: unless a checkpoint is restored */
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
    c->fresh = !o->append;
    return (c->file = fopen(o->filename, "a")) || failed(c);
}

static bool empty(csv_logger *c)
{
    bool ok = !c->fresh || ftruncate(fileno(c->file), 0) == 0 || failed(c);
    c->fresh = false;
    return ok;
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
    if (!empty(c))
        return false;
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
    bool ok = empty((csv_logger *)self);
    close_file(self);
    return ok;
}

/* The columns, and how long the file was: lines of epochs that come again are cut off. */
static bool get_state(nac_callback *self, nac_training *t, nac_state *to)
{
    csv_logger *c = (csv_logger *)self;
    struct stat st;
    (void)t;
    if (fstat(fileno(c->file), &st) != 0)
        return failed(c);
    nac_scope scope = nac_scope_begin();
    bool ok = nac_state_put_int(to, "size", c->fresh ? 0 : (int64_t)st.st_size) && nac_state_put_int(to, "columns", c->n);
    if (ok && c->n > 0)
        ok = nac_state_put(to, "names", nac_tensor_new(NAC_UINT8, NAC_SHAPE(c->n, (int64_t)sizeof c->key[0]), c->key));
    nac_scope_end(&scope);
    return ok;
}

static bool set_state(nac_callback *self, nac_training *t, const nac_state *from)
{
    csv_logger *c = (csv_logger *)self;
    struct stat st;
    int64_t size, n;
    (void)t;
    if (!nac_state_get_int(from, "size", &size) || !nac_state_get_int(from, "columns", &n))
        return false;
    if (fstat(fileno(c->file), &st) != 0)
        return failed(c);
    if (st.st_size < size)              /* somebody has taken the file away: a new one begins */
        return true;
    const nac_tensor *names = n > 0 ? nac_state_get(from, "names") : NULL;
    if (n > 0 && (!names || names->type.dtype != NAC_UINT8 || names->type.rank != 2 || names->type.dim[0] != n || names->type.dim[1] != sizeof c->key[0]
                  || n > NAC_COUNT(c->key)))
        return names ? nac_fail(NAC_E_FORMAT, "CSVLogger: the checkpoint's columns are none") : NULL;
    for (int64_t i = 0; i < n; i++)
        snprintf(c->key[i], sizeof c->key[0], "%.159s", (const char *)nac_tensor_data(names) + i * (int64_t)sizeof c->key[0]);
    c->n = (int)n;
    c->headless = size > 0;
    c->fresh = c->fresh && size == 0;
    return ftruncate(fileno(c->file), (off_t)size) == 0 || failed(c);
}

NAC_DEFINE_OPTIONS(csv_logger, NAC_CSV_LOGGER_OPTIONS)
const nac_callback_type nac_csv_logger_type = {
    .cls = {.name = "CSVLogger", .module = "keras.callbacks", .kind = NAC_KIND_CALLBACK, .size = sizeof(csv_logger), .init = init, .release = close_file,
            NAC_CLASS(csv_logger)},
    .on_train_begin = on_train_begin, .on_epoch_end = on_epoch_end, .on_train_end = on_train_end, .get_state = get_state,
    .set_state = set_state};

nac_callback *nac_csv_logger_with(const nac_csv_logger_options *options)
{
    nac_callback *made = nac_instance_new(&nac_csv_logger_type.cls, options);
    return made ? made : (nac_callback *)&nac_poison;
}
