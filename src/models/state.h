/* Arrays by name: what a training checkpoint holds beside weights. */
#ifndef NAC_STATE_H
#define NAC_STATE_H

#include "tensor/tensor.h"
#include "nacre/training.h"

struct nac_state {
    char      **names;
    nac_list    values;                 /* as many as names */
    const char *prefix;                 /* before every name that is put or looked for; borrowed; NULL: none */
};

void nac_state_clear(nac_state *s);
int  nac_state_count(const nac_state *s, const char *prefix);   /* of names that begin so, behind s->prefix */

#endif
