/* The compiler: a trace makes a graph, passes change it, a plan gives it memory, the executor replays it. */
#ifndef NAC_GRAPH_H
#define NAC_GRAPH_H

#include "tensor/tensor.h"
#include "nacre/graph.h"

typedef enum { NAC_INPUT_VALUE, NAC_CONSTANT_VALUE, NAC_VARIABLE_VALUE, NAC_NODE_VALUE } nac_value_kind;

typedef struct {
    nac_value_kind kind;
    nac_type       type;
    int            index;               /* of the input, the variable, or the node */
    int            slot;                /* which of the node's outputs */
    nac_tensor    *constant;            /* retained */
} nac_graph_value;

enum { NAC_GRAPH_THEN = 8 };
typedef struct {
    const nac_op *op;
    void         *attrs;                /* owned */
    int           n_in, n_out;
    int          *in, *out;             /* values; one owned block, `in` */
    const nac_op *then[NAC_GRAPH_THEN]; /* what it does at its end for nodes that it absorbed, but a bias, to be shown; up to a NULL */
} nac_graph_node;

typedef struct {
    int variable, value;
} nac_graph_update;

/* Pure: nodes in an order in which every value is defined before it is used; updates take effect after all of them. */
typedef struct {
    nac_graph_value *values;
    int              n_values, cap_values;
    nac_graph_node  *nodes;
    int              n_nodes, cap_nodes;
    nac_list         variables;
    int             *outputs;
    int              n_outputs;
    nac_graph_update *updates;
    int              n_updates;
    int              n_inputs;
    bool             bfloat16;          /* what its nodes are told (nac_eval) */
} nac_graph;

void nac_graph_free(nac_graph *g);
int  nac_graph_add_value(nac_graph *g, nac_value_kind kind, const nac_type *type, int index, int slot);     /* -1 on failure */
/* Adds a node; its outputs are new values out[0..n_out). */
bool nac_graph_add_node(nac_graph *g, const nac_op *op, const void *attrs, int n_in, const int *in, int n_out, const nac_type *out_type,
                        int *out);
bool nac_graph_verify(const nac_graph *g);          /* false with an error when the graph breaks a rule above */
void nac_graph_print(const nac_graph *g, FILE *file);
void nac_graph_print_node(const nac_graph *g, int node, FILE *file);
void nac_graph_print_dot(const nac_graph *g, FILE *file);

/* Replaces the use of each value v by that of to[v]; definitions stay. */
void nac_graph_rename(nac_graph *g, const int *to);

/* ---- passes, one a file; each may fail only for memory ---- */

bool nac_pass_dce(nac_graph *g);                    /* nodes that nothing needs */
bool nac_pass_fold(nac_graph *g);                   /* nodes whose inputs are constants */
bool nac_pass_cse(nac_graph *g);                    /* equal nodes */
bool nac_pass_cleanup(nac_graph *g);                /* nodes that give what is there already, or by a way about */
bool nac_pass_epilogue(nac_graph *g);               /* biases and relu after a product */
bool nac_pass_fuse(nac_graph *g);                   /* elementwise nodes of one shape, and reductions of their rows */
/* All of them. With NACRE_PRINT_PASSES set in the environment the graph is written to stderr before and after each; a build with assertions
   verifies it after each. */
bool nac_graph_optimize(nac_graph *g);

/* ---- elementwise ops as one ---- */

enum { NAC_FUSED_STEPS = 24, NAC_FUSED_INPUTS = 12, NAC_FUSED_OUTPUTS = 8, NAC_FUSED_OPERANDS = 3, NAC_FUSED_SLOTS = 8, NAC_FUSED_ATTRS = 16,
       NAC_FUSED_TILE = 2048 };         /* elements */

typedef struct {
    const nac_op *op;
    uint8_t attrs[NAC_FUSED_ATTRS];
    int8_t  in[NAC_FUSED_OPERANDS];     /* input k, or n_in + a step before */
    int8_t  n_in, dtype, out, slot;     /* out: which output of the node, or -1: it goes to a slot; the slot of a reduction says which it is */
    int8_t  unused;
} nac_fused_step;

typedef struct {
    int64_t step[NAC_MAX_RANK];         /* elements from one to the next along each loop */
    int32_t how, slot;
} nac_fused_input;

/* The attributes of a fused node: steps that all give results of one shape, and reductions of these, which no step reads. */
typedef struct {
    int64_t rank, dim[NAC_MAX_RANK];
    int64_t n_in, n_steps;
    int64_t loops, extent[NAC_MAX_RANK];        /* innermost first */
    int64_t reduced;                    /* how many numbers side by side each reduction makes one; 0: there is none; more than a tile: in pieces */
    int64_t gathered, wide;             /* a tile is a run of rows, beside which inputs are laid out; some elements have 8 bytes */
    nac_fused_input input[NAC_FUSED_INPUTS];
    nac_fused_step  step[NAC_FUSED_STEPS];
} nac_fused;

extern const nac_op nac_op_fused;
/* Fills in loops, slots and how inputs are walked, given all the rest; false when it needs too many slots. */
bool nac_fused_finish(nac_fused *p, const nac_type *in);
/* May that output be written over input k? */
bool nac_fused_writes_over(const nac_fused *p, int out, int k);

/* ---- plan ---- */

typedef enum { NAC_IN_ARENA, NAC_IN_INPUT, NAC_IN_CONSTANT, NAC_IN_VARIABLE, NAC_IN_OUTPUT } nac_place_kind;

typedef struct {
    nac_place_kind kind;
    int            index;               /* of the input, constant's value, variable, output */
    size_t         offset;              /* from its beginning */
} nac_place;

typedef struct {
    nac_place *places;                  /* one a value */
    size_t    *scratch;                 /* offset of each node's scratch in the arena */
    size_t    *scratch_bytes;
    bool      *settled;                 /* nodes that read variables alone, and those not written here: their results stay until a variable changes */
    int       *copies;                  /* update numbers that need a copy at the end */
    int        n_copies;
    size_t     arena_bytes;
} nac_plan;

/* Lays out memory. May append copy nodes to g. */
bool nac_plan_make(nac_graph *g, nac_plan *plan);
void nac_plan_free(nac_plan *plan);

/* ---- tracing ---- */

typedef struct nac_trace nac_trace;
/* Runs body on traced inputs of those types; the graph belongs to the caller. */
bool nac_trace_run(nac_graph *g, nac_function_body body, void *context, nac_tensor *structure, int n_inputs, const nac_type *input_types,
                   int *output_structure);

/* The value of a compute_dtype: true for "bfloat16", false for "float32", else -1 with an error that begins with `what`. */
int nac_is_bfloat16(const char *compute_dtype, const char *what);

extern const nac_op nac_op_copy;                    /* out = in, in memory of its own */

#endif
