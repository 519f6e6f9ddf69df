/* BackupAndRestore. */
#include "base/base.h"
#include "nacre/callbacks.h"

typedef struct {
    nac_callback            base;
    nac_checkpoint_manager *manager;    /* owned */
    int64_t                 batches;    /* since the last save */
    nac_restore_report      report;
} backup;

static bool init(void *self)
{
    const nac_backup_and_restore_options *o = ((nac_instance *)self)->options;
    nac_scope scope = nac_scope_begin();
    nac_checkpoint_manager *made = nac_checkpoint_manager(o->backup_dir, .max_to_keep = o->double_checkpoint ? 2 : 1);
    ((backup *)self)->manager = nac_retain(made);
    nac_scope_end(&scope);
    return made;
}

static void forget(void *self)
{
    nac_release(((backup *)self)->manager);
}

static bool on_train_begin(nac_callback *self, nac_training *t)
{
    (void)t;
    ((backup *)self)->batches = 0;
    return true;
}

static bool on_train_restore(nac_callback *self, nac_training *t)
{
    backup *b = (backup *)self;
    if (!nac_checkpoint_manager_restore(b->manager, t, &b->report))
        return false;
    for (int i = 0; t->verbose && i < b->report.n; i++)
        printf("Skipped checkpoint %s: %s\n", b->report.skipped[i].path, b->report.skipped[i].reason);
    if (t->verbose && *b->report.path)
        printf("Restored checkpoint %s\n", b->report.path);
    return true;
}

static bool on_batch_end(nac_callback *self, nac_training *t, int64_t batch, nac_logs *logs)
{
    (void)t, (void)batch, (void)logs;
    ((backup *)self)->batches++;
    return true;
}

static bool on_train_save(nac_callback *self, nac_training *t)
{
    backup *b = (backup *)self;
    const nac_backup_and_restore_options *o = self->base.options;
    if (o->save_freq ? t->batch == 0 || b->batches < o->save_freq : t->batch > 0)
        return true;
    b->batches = 0;
    return nac_checkpoint_manager_save(b->manager, t, NULL);
}

static bool on_train_end(nac_callback *self, nac_training *t, nac_logs *logs)
{
    const nac_backup_and_restore_options *o = self->base.options;
    (void)t, (void)logs;
    return !o->delete_checkpoint || nac_checkpoint_manager_clear(((backup *)self)->manager);
}

static bool get_state(nac_callback *self, nac_training *t, nac_state *to)
{
    (void)t;
    return nac_state_put_int(to, "batches", ((backup *)self)->batches);
}

static bool set_state(nac_callback *self, nac_training *t, const nac_state *from)
{
    (void)t;
    return nac_state_get_int(from, "batches", &((backup *)self)->batches);
}

NAC_DEFINE_OPTIONS(backup_and_restore, NAC_BACKUP_AND_RESTORE_OPTIONS)
const nac_callback_type nac_backup_and_restore_type = {
    .cls = {.name = "BackupAndRestore", .module = "keras.callbacks", .kind = NAC_KIND_CALLBACK, .size = sizeof(backup), .init = init, .release = forget,
            NAC_CLASS(backup_and_restore)},
    .on_train_begin = on_train_begin, .on_train_restore = on_train_restore, .on_train_batch_end = on_batch_end, .on_train_save = on_train_save,
    .on_train_end = on_train_end, .get_state = get_state, .set_state = set_state};

nac_callback *nac_backup_and_restore_with(const nac_backup_and_restore_options *options)
{
    nac_callback *made = nac_instance_new(&nac_backup_and_restore_type.cls, options);
    return made ? made : (nac_callback *)&nac_poison;
}

const nac_restore_report *nac_backup_and_restore_report(const nac_callback *c)
{
    return nac_is(c, NAC_KIND_CALLBACK) && c->base.cls == &nac_backup_and_restore_type.cls ? &((const backup *)c)->report : NULL;
}
