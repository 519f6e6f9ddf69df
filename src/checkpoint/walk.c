/* Keras's walk: paths are made of attribute names and, in lists, of class names with counters. */
#include <string.h>
#include "checkpoint/checkpoint.h"
#include "layers/op_layer.h"

typedef struct {
    nac_slot_map *map;
    nac_list      seen;
} walker;

void nac_slot_map_free(nac_slot_map *map)
{
    for (int i = 0; i < map->n; i++) {
        nac_free(map->groups[i].path);
        nac_free(map->groups[i].name);
        nac_list_clear(&map->groups[i].variables);
    }
    nac_free(map->groups);
    *map = (nac_slot_map){0};
}

static nac_slot_group *add_group(nac_slot_map *map, const char *path, const char *name)
{
    if (map->n == map->cap) {
        int cap = map->cap ? 2 * map->cap : 16;
        nac_slot_group *grown = nac_realloc(map->groups, (size_t)cap * sizeof *grown);
        if (!grown)
            return NULL;
        map->groups = grown;
        map->cap = cap;
    }
    nac_slot_group *g = &map->groups[map->n++];
    *g = (nac_slot_group){.path = nac_format("%s%svars", path, *path ? "/" : ""), .name = nac_strdup(name)};
    return g->path && g->name ? g : NULL;
}

static bool visit(walker *w, nac_layer *l, const char *path);

static bool below(walker *w, nac_layer *l, const char *path, const char *name)
{
    char *longer = nac_format("%s%s%s", path, *path ? "/" : "", name);
    bool ok = longer && visit(w, l, longer);
    nac_free(longer);
    return ok;
}

/* How many members of the list before `index` have the same class. */
static int before(const nac_layer *owner, int index)
{
    int n = 0;
    for (int i = 0; i < index; i++)
        n += strcmp(owner->children[i].name, owner->children[index].name) == 0
             && strcmp(owner->children[i].layer->base.cls->name, owner->children[index].layer->base.cls->name) == 0;
    return n;
}

/* A name that ends in "/" is a list: its members follow in order, named by class. */
static bool visit_child(walker *w, const nac_layer *owner, int index, const char *path)
{
    char snake[96], name[256];
    const nac_child *child = &owner->children[index];
    size_t n = strlen(child->name);
    if (n == 0 || child->name[n - 1] != '/')
        return below(w, child->layer, path, child->name);
    if (nac_is_operation(child->layer))
        return true;
    nac_snake_case(nac_naming(child->layer), snake, sizeof snake);
    int number = before(owner, index);
    if (number)
        snprintf(name, sizeof name, "%.120s%.90s_%d", child->name, snake, number);
    else
        snprintf(name, sizeof name, "%.120s%.90s", child->name, snake);
    return below(w, child->layer, path, name);
}

/* dir()'s order: names with a leading underscore last, else as strcmp; a model's list of layers before all. */
static int attribute_order(const nac_child *a, const nac_child *b)
{
    bool la = strcmp(a->name, "layers/") == 0, lb = strcmp(b->name, "layers/") == 0;
    if (la != lb)
        return la ? -1 : 1;
    if ((a->name[0] == '_') != (b->name[0] == '_'))
        return a->name[0] == '_' ? 1 : -1;
    return strcmp(a->name, b->name);
}

static bool visit(walker *w, nac_layer *l, const char *path)
{
    if (nac_list_has(&w->seen, l))
        return true;
    nac_slot_group *g = add_group(w->map, path, l->name);
    if (!g || !nac_list_add(&w->seen, l))
        return false;
    g->layer = l;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < l->n_variables; i++)
            if (l->variables[i]->created_trainable == !pass && !nac_list_add(&g->variables, l->variables[i]))
                return false;
    int *order = nac_malloc(((size_t)l->n_children + 1) * sizeof *order);
    bool ok = order;
    for (int i = 0; ok && i < l->n_children; i++) {
        int k = i;
        for (; k > 0 && attribute_order(&l->children[order[k - 1]], &l->children[i]) > 0; k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
    for (int i = 0; ok && i < l->n_children; i++)
        ok = visit_child(w, l, order[i], path);
    nac_free(order);
    return ok;
}

bool nac_slot_map_make(nac_slot_map *map, nac_model *m, nac_optimizer *optimizer)
{
    walker w = {.map = map};
    nac_list variables = {0};
    *map = (nac_slot_map){0};
    bool ok = visit(&w, m, "");
    nac_list_clear(&w.seen);
    if (ok && optimizer) {
        nac_slot_group *g = add_group(map, "optimizer", optimizer->name);
        ok = g && nac_collect_variables(m, NAC_TRAINABLE_WEIGHTS, &variables)
             && nac_optimizer_variables(optimizer, variables.n, (nac_variable *const *)variables.items, &g->variables);
        nac_optimizer *inner = optimizer->inner;        /* Keras writes its variables twice */
        if (ok && inner)
            ok = (g = add_group(map, "optimizer/inner_optimizer", inner->name))
                 && nac_optimizer_variables(inner, variables.n, (nac_variable *const *)variables.items, &g->variables);
    }
    nac_list_clear(&variables);
    if (!ok)
        nac_slot_map_free(map);
    return ok;
}
