/* The passes in their order, and how they are looked at. */
#include <stdlib.h>
#include "graph/graph.h"

static const struct {
    const char *name;
    bool (*run)(nac_graph *g);
} passes[] = {
    {"dce", nac_pass_dce},
    {"fold", nac_pass_fold},
    {"cse", nac_pass_cse},
    {"cleanup", nac_pass_cleanup},
    {"fold", nac_pass_fold},
    {"cse", nac_pass_cse},
    {"epilogue", nac_pass_epilogue},
    {"fuse", nac_pass_fuse},
};

static void show(const nac_graph *g, const char *when)
{
    if (getenv("NACRE_PRINT_PASSES")) {
        fprintf(stderr, "%s: %d nodes\n", when, g->n_nodes);
        nac_graph_print(g, stderr);
    }
}

bool nac_graph_optimize(nac_graph *g)
{
    bool ok = true;
    show(g, "traced");
    for (int i = 0; ok && i < NAC_COUNT(passes); i++) {
        ok = passes[i].run(g);
#ifndef NDEBUG
        ok = ok && nac_graph_verify(g);
#endif
        if (ok)
            show(g, passes[i].name);
    }
    return ok;
}
