/* Keras's progress bar and epoch lines, on stdout. */
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/base.h"
#include "nacre/callbacks.h"

#define WIDTH 20

typedef struct {
    nac_callback base;
    double       start, first_step, last_print;
    int64_t      seen;
    bool         terminal;
} progbar;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int digits(int64_t n)
{
    int d = 1;
    for (; n >= 10; n /= 10)
        d++;
    return d;
}

static void put_duration(char *to, size_t size, double seconds)
{
    long s = (long)seconds;
    if (s >= 3600)
        snprintf(to, size, "%ld:%02ld:%02ld", s / 3600, s % 3600 / 60, s % 60);
    else if (s >= 60)
        snprintf(to, size, "%ld:%02ld", s / 60, s % 60);
    else
        snprintf(to, size, "%lds", s);
}

static void put_step_time(char *to, size_t size, double per_step)
{
    if (per_step >= 1 || per_step == 0)
        snprintf(to, size, "%.0fs/step", per_step);
    else if (per_step >= 1e-3)
        snprintf(to, size, "%.0fms/step", 1e3 * per_step);
    else
        snprintf(to, size, "%.0fus/step", 1e6 * per_step);
}

static void put_logs(char *to, size_t size, const nac_logs *logs)
{
    size_t n = strlen(to);
    for (int i = 0; logs && i < logs->n && n < size; i++)
        n += (size_t)snprintf(to + n, size - n, fabs(logs->value[i]) > 1e-3 ? " - %s: %.4f" : " - %s: %.4e", logs->name[i], logs->value[i]);
}

static double per_step(const progbar *p, double t)
{
    return p->seen > 1 ? (t - p->first_step) / (double)(p->seen - 1) : p->seen ? t - p->start : 0;
}

static void draw(progbar *p, const nac_training *t, const nac_logs *logs, bool last)
{
    char line[4096], time_text[32], step_text[32];
    double at = now();
    int done = t->steps ? (int)(WIDTH * p->seen / t->steps) : 0;
    size_t n = (size_t)snprintf(line, sizeof line, p->terminal ? "\r\x1b[1m%*lld/%lld\x1b[0m \x1b[32m" : "%*lld/%lld ", digits(t->steps), (long long)p->seen,
                                (long long)t->steps);
    for (int i = 0; i < WIDTH; i++)
        n += (size_t)snprintf(line + n, sizeof line - n, "%s━", i == done && p->terminal ? "\x1b[0m\x1b[37m" : "");
    put_duration(time_text, sizeof time_text, last ? at - p->start : per_step(p, at) * (double)(t->steps - p->seen));
    put_step_time(step_text, sizeof step_text, per_step(p, at));
    snprintf(line + n, sizeof line - n, p->terminal ? "\x1b[0m \x1b[1m%s\x1b[0m %s" : " %s %s", time_text, step_text);
    put_logs(line, sizeof line, logs);
    if (p->terminal)
        printf("%s\x1b[K", line);
    else
        fputs(line, stdout);
    if (last)
        putchar('\n');
    fflush(stdout);
    p->last_print = at;
}

static bool on_train_begin(nac_callback *self, nac_training *t)
{
    (void)t;
    ((progbar *)self)->terminal = isatty(STDOUT_FILENO);
    return true;
}

static bool on_epoch_begin(nac_callback *self, nac_training *t, int64_t epoch)
{
    progbar *p = (progbar *)self;
    if (t->epochs > 1)
        printf("Epoch %lld/%lld\n", (long long)epoch + 1, (long long)t->epochs);
    p->start = p->first_step = now();
    p->last_print = 0;
    p->seen = 0;
    return true;
}

static bool on_batch_end(nac_callback *self, nac_training *t, int64_t batch, nac_logs *logs)
{
    progbar *p = (progbar *)self;
    p->seen = batch + 1;
    if (p->seen == 1)
        p->first_step = now();
    if (t->verbose == 1 && p->terminal && p->seen < t->steps && now() - p->last_print > 0.05)
        draw(p, t, logs, false);
    return true;
}

static bool on_epoch_end(nac_callback *self, nac_training *t, int64_t epoch, nac_logs *logs)
{
    progbar *p = (progbar *)self;
    char line[4096], step_text[32];
    (void)epoch;
    if (t->verbose == 1) {
        draw(p, t, logs, true);
        return true;
    }
    put_step_time(step_text, sizeof step_text, per_step(p, now()));
    snprintf(line, sizeof line, "%lld/%lld - %.0fs - %s", (long long)p->seen, (long long)t->steps, now() - p->start, step_text);
    put_logs(line, sizeof line, logs);
    puts(line);
    fflush(stdout);
    return true;
}

NAC_DEFINE_OPTIONS(progbar_logger, NAC_PROGBAR_LOGGER_OPTIONS)
const nac_callback_type nac_progbar_logger_type = {
    .cls = {.name = "ProgbarLogger", .module = "keras.callbacks", .kind = NAC_KIND_CALLBACK, .size = sizeof(progbar), NAC_CLASS(progbar_logger)},
    .on_train_begin = on_train_begin, .on_epoch_begin = on_epoch_begin, .on_train_batch_end = on_batch_end, .on_epoch_end = on_epoch_end};

nac_callback *nac_progbar_logger_with(const nac_progbar_logger_options *options)
{
    nac_callback *made = nac_instance_new(&nac_progbar_logger_type.cls, options);
    return made ? made : (nac_callback *)&nac_poison;
}
