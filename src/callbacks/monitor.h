/* Watching one figure: is it better? */
#ifndef NAC_MONITOR_H
#define NAC_MONITOR_H

#include <stdio.h>
#include <string.h>
#include "models/trainer.h"
#include "nacre/callbacks.h"

/* A figure may be NaN and still be there. */
static inline bool nac_find_log(const nac_logs *logs, const char *name, double *value)
{
    for (int i = 0; logs && i < logs->n; i++)
        if (strcmp(logs->name[i], name) == 0)
            return *value = logs->value[i], true;
    return false;
}

/* A figure that a callback cannot do without; when it is not there stderr says so, once a run of fit, with those that are. */
static inline bool nac_monitored(const nac_callback *c, const char *name, const nac_logs *logs, bool *warned, double *value)
{
    if (nac_find_log(logs, name, value))
        return true;
    if (!*warned) {
        fprintf(stderr, "nacre: %s: monitor: there is no figure called \"%s\"; there are", c->base.cls->name, name);
        for (int i = 0; i < logs->n; i++)
            fprintf(stderr, "%s \"%s\"", i ? "," : "", logs->name[i]);
        fputs(logs->n ? "\n" : " none\n", stderr);
    }
    *warned = true;
    return false;
}

/* A figure of the callback's own, seen by those after it, the progress bar and the history. */
static inline void nac_put_log(nac_logs *logs, const char *name, double value)
{
    int at = 0;
    while (at < logs->n && strcmp(logs->name[at], name) != 0)
        at++;
    if (at == NAC_MAX_IO)
        return;
    logs->n = at == logs->n ? at + 1 : logs->n;
    snprintf(logs->name[at], sizeof logs->name[at], "%s", name);
    logs->value[at] = value;
}

/* Keras's "auto": losses and errors fall, the metrics known to be better when larger rise, by their class whatever they are called. Metrics are
   known after the first batch. */
static inline bool nac_rises(nac_model *m, const char *mode, const char *monitor)
{
    static const char *const rising[] = {"acc", "auc", "precision", "recall", "sensitivity", "specificity", "top_k", "f1", "f_beta", "fbeta", "iou", "io_u", "r2",
                                         "cosine_similarity", "correlation"};
    char snake[96];
    if (strcmp(mode, "auto") != 0)
        return strcmp(mode, "max") == 0;
    const trainer *t = (trainer *)m->trainer;
    const char *name = strncmp(monitor, "val_", 4) == 0 ? monitor + 4 : monitor;
    for (int i = 0; t && i < t->n_tracked; i++)
        if (strcmp(t->tracked[i].log_name, name) == 0) {
            nac_snake_case(t->tracked[i].metric->base.cls->name, snake, sizeof snake);
            name = snake;
            break;
        }
    for (int i = 0; i < NAC_COUNT(rising); i++)
        if (strstr(name, rising[i]))
            return true;
    return false;
}

/* By more than min_delta, in Keras's precision. */
static inline bool nac_improves(bool rises, double value, double than, double min_delta)
{
    double delta = fabs(min_delta);
    return rises ? (float)(value - delta) > (float)than : (float)(value + delta) < (float)than;
}

#endif
