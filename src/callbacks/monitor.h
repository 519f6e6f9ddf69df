/* Watching one figure: is it better? */
#ifndef NAC_MONITOR_H
#define NAC_MONITOR_H

#include <string.h>
#include "base/base.h"
#include "nacre/callbacks.h"

/* Keras's "auto": losses and errors fall, the metrics known to be better when larger rise. */
static inline bool nac_rises(const char *mode, const char *monitor)
{
    static const char *const rising[] = {"acc", "auc", "precision", "recall", "top_k", "f1", "fbeta", "iou", "io_u", "r2", "cosine_similarity",
                                         "correlation", "sensitivity", "specificity"};
    if (strcmp(mode, "auto") != 0)
        return strcmp(mode, "max") == 0;
    for (int i = 0; i < NAC_COUNT(rising); i++)
        if (strstr(monitor, rising[i]))
            return true;
    return false;
}

#endif
