/* A folder of training checkpoints. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "checkpoint/checkpoint.h"

#define NAME "checkpoint-%06lld.keras"

struct nac_checkpoint_manager {
    nac_object obj;
    char      *directory, *monitor, *newest_path, *best_path;
    int64_t    max_to_keep;
    bool       rises;
    bool       looked;                  /* best is known */
    int64_t    at;                      /* the number that was last saved or restored; 0: none */
    int64_t    best;                    /* its number; 0: none */
    double     value;                   /* of its figure */
};

static void destroy(void *object)
{
    nac_checkpoint_manager *m = object;
    nac_free(m->directory);
    nac_free(m->monitor);
    nac_free(m->newest_path);
    nac_free(m->best_path);
}

const nac_checkpoint_manager_arguments nac_checkpoint_manager_defaults = {NAC_CHECKPOINT_MANAGER_ARGUMENTS(NAC_DEFAULT, )};

nac_checkpoint_manager *nac_checkpoint_manager_with(const nac_checkpoint_manager_arguments *a)
{
    static const nac_object_type type = {NAC_KIND_MANAGER, destroy};
    if (!a->directory)
        return NULL;
    if (!*a->directory)
        return nac_fail(NAC_E_ARGUMENT, "nac_checkpoint_manager: directory: expected a folder, found \"\"");
    if (a->max_to_keep < 1)
        return nac_fail(NAC_E_ARGUMENT, "nac_checkpoint_manager: max_to_keep: expected at least 1, found %lld", (long long)a->max_to_keep);
    if (!a->mode || !nac_one_of(a->mode, "min|max"))
        return nac_fail(NAC_E_ARGUMENT, "nac_checkpoint_manager: mode: expected min or max, found \"%s\"", a->mode ? a->mode : "NULL");
    nac_checkpoint_manager *m = nac_object_new(&type, sizeof *m);
    if (!m)
        return NULL;
    m->max_to_keep = a->max_to_keep;
    m->rises = strcmp(a->mode, "max") == 0;
    return (m->directory = nac_strdup(a->directory)) && (!a->monitor || (m->monitor = nac_strdup(a->monitor))) ? m : NULL;
}

/* ---- the folder ---- */

static char *path_of(const nac_checkpoint_manager *m, int64_t number)
{
    return nac_format("%s/" NAME, m->directory, (long long)number);
}

/* The number of a name that a manager gives; 0 for any other. */
static int64_t number_of(const char *entry)
{
    char again[64];
    long long number = 0;
    if (sscanf(entry, "checkpoint-%18lld", &number) != 1 || number < 1)
        return 0;
    snprintf(again, sizeof again, NAME, number);
    return strcmp(again, entry) == 0 ? number : 0;
}

typedef struct {
    int64_t *number;                    /* ascending */
    int      n, cap;
} numbers;

static bool add_number(numbers *all, int64_t number)
{
    if (all->n == all->cap) {
        int cap = all->cap ? 2 * all->cap : 16;
        int64_t *grown = nac_realloc(all->number, (size_t)cap * sizeof *grown);
        if (!grown)
            return false;
        all->number = grown;
        all->cap = cap;
    }
    int i = all->n++;
    for (; i > 0 && all->number[i - 1] > number; i--)
        all->number[i] = all->number[i - 1];
    all->number[i] = number;
    return true;
}

static bool list(const nac_checkpoint_manager *m, numbers *all)
{
    *all = (numbers){0};
    DIR *folder = opendir(m->directory);
    if (!folder)
        return errno == ENOENT || nac_fail(NAC_E_IO, "checkpoints in %s: %s", m->directory, strerror(errno));
    bool ok = true;
    for (struct dirent *e; ok && (e = readdir(folder));) {
        int64_t number = number_of(e->d_name);
        ok = !number || add_number(all, number);
    }
    closedir(folder);
    if (!ok)
        nac_free(all->number);
    return ok;
}

/* A folder is there after a crash only when the one around it was synced. */
static bool make_folder(const char *path)
{
    int fd = -1;
    bool ok = mkdir(path, 0777) == 0;
    if (!ok && errno == EEXIST)
        return true;
    char *parent = nac_strdup(path), *slash = parent ? strrchr(parent, '/') : NULL;
    if (!parent)
        return false;
    if (slash && slash != parent)
        *slash = 0;
    if (!ok && errno == ENOENT && slash && slash != parent && make_folder(parent))
        ok = mkdir(path, 0777) == 0 || errno == EEXIST;
    if (!ok)
        nac_fail(NAC_E_IO, "checkpoints in %s: making the folder: %s", path, strerror(errno));
    if (ok && (fd = open(slash ? slash == parent ? "/" : parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0) {
        fsync(fd);
        close(fd);
    }
    nac_free(parent);
    return ok;
}

static bool remove_one(const nac_checkpoint_manager *m, int64_t number)
{
    char *path = path_of(m, number);
    bool ok = path && (unlink(path) == 0 || errno == ENOENT || nac_fail(NAC_E_IO, "checkpoint %s: removing it: %s", path, strerror(errno)));
    nac_free(path);
    return ok;
}

/* ---- the best: every checkpoint tells which it was when it was made ---- */

static void learn(nac_checkpoint_manager *m, const nac_state *s)
{
    m->best = 0;
    m->looked = true;
    if (nac_state_has(s, "manager/best") && nac_state_has(s, "manager/value"))
        if (!nac_state_get_int(s, "manager/best", &m->best) || !nac_state_get_float(s, "manager/value", &m->value))
            m->best = 0;
}

/* Reads a checkpoint; false with *reason when it is not whole, and with an error only without memory. */
static bool read_whole(nac_run_file *f, const char *path, char *reason, size_t size)
{
    nac_kept_error kept = nac_error_aside();
    bool ok = nac_run_read(f, path);
    *reason = 0;
    if (!ok && nac_error_code() != NAC_E_MEMORY) {
        snprintf(reason, size, "%s", nac_error());
        nac_error_clear();
    }
    nac_error_back(&kept);
    return ok;
}

/* A run that was not restored may still find checkpoints in its folder. */
static bool look(nac_checkpoint_manager *m, const numbers *all)
{
    char reason[8];
    for (int i = all->n - 1; i >= 0 && !m->looked; i--) {
        nac_run_file f;
        char *path = path_of(m, all->number[i]);
        bool ok = path && read_whole(&f, path, reason, sizeof reason);
        nac_free(path);
        if (ok) {
            learn(m, &f.state);
            nac_run_close(&f);
        } else if (!path || !*reason) {
            return false;
        }
    }
    return m->looked = true;
}

static bool better(const nac_checkpoint_manager *m, double value)
{
    if (!m->best || isnan(m->value))
        return !m->best || !isnan(value);
    return m->rises ? value > m->value : value < m->value;
}

/* ---- saving ---- */

/* Those that a restore skipped, which the run has left behind, go as well. */
static bool prune(const nac_checkpoint_manager *m, numbers *all)
{
    bool ok = true;
    for (; ok && all->n && all->number[all->n - 1] > m->at; all->n--)
        ok = remove_one(m, all->number[all->n - 1]);
    for (int i = 0; ok && i < all->n - m->max_to_keep; i++)
        ok = all->number[i] == m->best || remove_one(m, all->number[i]);
    return ok;
}

static bool save(nac_checkpoint_manager *m, nac_training *t, const nac_logs *logs, numbers *all)
{
    nac_state state = {0};
    int64_t number = 1 + (m->at ? m->at : all->n ? all->number[all->n - 1] : 0), best = m->best;
    double value = m->value;
    if (m->monitor) {
        int i = 0;
        while (logs && i < logs->n && strcmp(logs->name[i], m->monitor) != 0)
            i++;
        if (!logs || i == logs->n)
            return nac_fail(NAC_E_ARGUMENT, "monitor: there is no figure called \"%s\"", m->monitor);
        if (!look(m, all))
            return false;
        best = better(m, logs->value[i]) ? number : m->best;
        value = best == number ? logs->value[i] : m->value;
    }
    char *path = make_folder(m->directory) ? path_of(m, number) : NULL;
    bool ok = path;
    if (ok && best)
        ok = nac_state_put_int(&state, "manager/best", best) && nac_state_put_float(&state, "manager/value", value);
    ok = ok && nac_run_save(t, &state, path);
    nac_state_clear(&state);
    nac_free(path);
    if (!ok)
        return false;
    m->best = best;
    m->value = value;
    m->at = number;
    int i = 0;
    while (i < all->n && all->number[i] != number)
        i++;
    return (i < all->n || add_number(all, number)) && prune(m, all);
}

bool nac_checkpoint_manager_save(nac_checkpoint_manager *m, nac_training *t, const nac_logs *logs)
{
    numbers all;
    if (!m || !t || !t->model)
        return false;
    bool ok = list(m, &all);
    if (ok) {
        ok = save(m, t, logs, &all);
        nac_free(all.number);
    }
    return ok || nac_trail("in saving a checkpoint in %s", m->directory);
}

/* ---- restoring ---- */

static bool restore_one(nac_checkpoint_manager *m, nac_run_file *f, nac_training *t, int64_t number, const char *path, nac_restore_report *report)
{
    if (!nac_run_restore(f, t))
        return nac_trail("from %s", path);
    snprintf(report->path, sizeof report->path, "%s", path);
    learn(m, &f->state);
    m->at = number;
    return true;
}

static void skip(nac_restore_report *report, const char *path, const char *reason)
{
    if (report->n < NAC_COUNT(report->skipped)) {
        snprintf(report->skipped[report->n].path, sizeof report->skipped->path, "%s", path);
        snprintf(report->skipped[report->n++].reason, sizeof report->skipped->reason, "%s", reason);
    }
    report->total++;
}

static bool restore(nac_checkpoint_manager *m, nac_training *t, const numbers *all, nac_restore_report *report)
{
    char reason[sizeof report->skipped->reason];
    for (int i = all->n - 1; i >= 0; i--) {
        nac_run_file f;
        char *path = path_of(m, all->number[i]);
        bool whole = path && read_whole(&f, path, reason, sizeof reason), on = path && !whole && *reason;
        bool ok = whole && restore_one(m, &f, t, all->number[i], path, report);
        if (whole)
            nac_run_close(&f);
        if (on)
            skip(report, path, reason);
        nac_free(path);
        if (!on)
            return ok;
    }
    return !all->n || nac_fail(NAC_E_FORMAT, "none of its %d checkpoints is whole; of the newest: %s", all->n, report->skipped[0].reason);
}

bool nac_checkpoint_manager_restore(nac_checkpoint_manager *m, nac_training *t, nac_restore_report *report)
{
    numbers all;
    if (!m || !t || !t->model)
        return false;
    nac_restore_report *own = report ? NULL : nac_malloc(sizeof *own);
    if (!report && !(report = own))
        return false;
    report->path[0] = 0;
    report->n = report->total = 0;
    bool ok = list(m, &all);
    if (ok) {
        ok = restore(m, t, &all, report);
        nac_free(all.number);
    }
    nac_free(own);
    return ok || nac_trail("in restoring a checkpoint of %s", m->directory);
}

/* ---- looking and clearing ---- */

static const char *tell(const nac_checkpoint_manager *m, char **path, int64_t number)
{
    nac_free(*path);
    return *path = number ? path_of(m, number) : NULL;
}

const char *nac_checkpoint_manager_newest(nac_checkpoint_manager *m)
{
    numbers all;
    if (!m || !list(m, &all))
        return NULL;
    int64_t newest = all.n ? all.number[all.n - 1] : 0;
    nac_free(all.number);
    return tell(m, &m->newest_path, newest);
}

const char *nac_checkpoint_manager_best(nac_checkpoint_manager *m)
{
    numbers all;
    if (!m || !m->monitor || !list(m, &all))
        return NULL;
    bool ok = look(m, &all);
    nac_free(all.number);
    return ok ? tell(m, &m->best_path, m->best) : NULL;
}

bool nac_checkpoint_manager_clear(nac_checkpoint_manager *m)
{
    numbers all;
    if (!m)
        return false;
    bool ok = list(m, &all);
    for (int i = 0; ok && i < all.n; i++)
        ok = remove_one(m, all.number[i]);
    if (ok) {
        nac_free(all.number);
        rmdir(m->directory);            /* stays when it holds anything else */
        m->at = m->best = 0;
    }
    return ok || nac_trail("in clearing the checkpoints of %s", m->directory);
}
