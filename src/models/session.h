/* A run of fit: what it is made of, and what of it goes into a training checkpoint. */
#ifndef NAC_SESSION_H
#define NAC_SESSION_H

#include "models/state.h"
#include "models/trainer.h"

struct nac_history {
    nac_object obj;
    nac_logs  *epochs;
    int        n;
};
bool nac_history_add(nac_history *h, const nac_logs *logs);

typedef struct {
    nac_callback *list[NAC_MAX_IO + 1];
    bool          restored[NAC_MAX_IO + 1];     /* its state came from a checkpoint */
    int           n;
} callbacks;

static inline const nac_callback_type *nac_callback_type_of(const nac_callback *c)
{
    return (const nac_callback_type *)c->base.cls;
}

typedef struct nac_session {
    trainer     *t;
    nac_training training;
    callbacks    callbacks;
    bool         batch_logs;
    /* of fit alone */
    enum { NAC_BUSY, NAC_MAY_RESTORE, NAC_MAY_SAVE } phase;
    nac_batches *batches;
    uint64_t     shuffle_seed;
    nac_history *history;
} session;

/* What fit adds to the position: shuffle order, history, callbacks. */
bool nac_session_save(session *s, nac_state *to);
/* Whether a run that stands at that batch of an epoch can go on in this one. Changes nothing. */
bool nac_session_fits(const session *s, const nac_state *from, int64_t batch);
bool nac_session_restore(session *s, nac_state *from);
/* Makes what the first batch would make. */
bool nac_session_prepare(session *s);

#endif
