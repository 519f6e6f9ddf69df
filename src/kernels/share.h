/* Work for a team of threads: tasks, cut into a share for each thread. Who is through with its own takes of the others', so that a core that is
   slower than the rest, or has other work, keeps nobody waiting. */
#ifndef NAC_SHARE_H
#define NAC_SHARE_H

#include <omp.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/float_mode.h"

enum { NAC_MOST_SHARES = 64 };

typedef struct {
    int64_t        n;
    nac_float_mode float_mode;          /* of who sets them, and of those who do them */
    struct {
        alignas(64) _Atomic int64_t taken;
    } share[NAC_MOST_SHARES];
} nac_tasks;

/* Tasks 0 to n - 1, before a region of up to `team` threads. */
static inline void nac_set_tasks(nac_tasks *tasks, int64_t n, int team)
{
    tasks->n = n;
    tasks->float_mode = nac_get_float_mode();
    for (int s = 0; s < team && s < NAC_MOST_SHARES; s++)
        atomic_init(&tasks->share[s].taken, 0);
}

/* A thread of the region: for (nac_worker w = nac_join_team(&tasks); nac_next_task(&w);) does w.task. */
typedef struct {
    nac_tasks     *tasks;
    int64_t        shares, share, seen; /* the one it takes of now, and how many it has been through */
    int64_t        task;
    nac_float_mode before;              /* is set again when there is no task left */
} nac_worker;

static inline nac_worker nac_join_team(nac_tasks *tasks)
{
    const int64_t threads = omp_get_num_threads(), shares = threads < NAC_MOST_SHARES ? threads : NAC_MOST_SHARES;
    const nac_float_mode before = nac_get_float_mode();
    nac_set_float_mode(tasks->float_mode);
    return (nac_worker){tasks, shares, omp_get_thread_num() % shares, 0, 0, before};
}

static inline bool nac_next_task(nac_worker *w)
{
    const int64_t n = w->tasks->n, each = n / w->shares, rest = n % w->shares;
    for (; w->seen < w->shares; w->seen++, w->share = w->share + 1 < w->shares ? w->share + 1 : 0) {
        const int64_t at = atomic_fetch_add_explicit(&w->tasks->share[w->share].taken, 1, memory_order_relaxed);
        if (at < each + (w->share < rest)) {
            w->task = w->share * each + (w->share < rest ? w->share : rest) + at;
            return true;
        }
    }
    nac_set_float_mode(w->before);
    return false;
}

/* Into how many parts to cut work that is worth it: some for each thread. */
static inline int nac_parts(bool worth)
{
    const int threads = omp_get_max_threads();
    return worth && threads > 1 ? 4 * threads : 1;
}

/* The statement for each i from 0 to n - 1, by several threads if `shared`. Work that is not shared goes round OpenMP, which makes a team, with memory
   for it, for a region of one thread too: half a microsecond, much in a step of a small model. And what is shared within such a region it takes for
   nested, and makes threads for it each time. */
#define NAC_SHARE(shared, i, n, ...)                                                                                                 \
    do {                                                                                                                             \
        const int64_t all_ = (n);                                                                                                    \
        if (shared) {                                                                                                                \
            nac_tasks tasks_;                                                                                                        \
            nac_set_tasks(&tasks_, all_, omp_get_max_threads());                                                                     \
            _Pragma("omp parallel") for (nac_worker w_ = nac_join_team(&tasks_); nac_next_task(&w_);)                                          \
            {                                                                                                                        \
                const int64_t i = w_.task;                                                                                           \
                __VA_ARGS__;                                                                                                         \
            }                                                                                                                        \
        } else {                                                                                                                     \
            for (int64_t i = 0; i < all_; i++) {                                                                                     \
                __VA_ARGS__;                                                                                                         \
            }                                                                                                                        \
        }                                                                                                                            \
    } while (0)

#endif
