/* Every class with its options, from the same rows that checks and configs come from. */
#include "base/base.h"
#include "base/json.h"

#define MAX_CLASSES 512

static const struct {
    nac_kind    kind;
    const char *title;
} categories[] = {
    {NAC_KIND_LAYER, "layers"}, {NAC_KIND_ACTIVATION, "activations"}, {NAC_KIND_INITIALIZER, "initializers"}, {NAC_KIND_REGULARIZER, "regularizers"},
    {NAC_KIND_CONSTRAINT, "constraints"}, {NAC_KIND_LOSS, "losses"}, {NAC_KIND_METRIC, "metrics"}, {NAC_KIND_OPTIMIZER, "optimizers"},
    {NAC_KIND_SCHEDULE, "schedules"}, {NAC_KIND_CALLBACK, "callbacks"},
};

static bool print_text(FILE *file, const nac_class *cls, const cJSON *defaults)
{
    fprintf(file, "  %s(", cls->name);
    bool first = true;
    for (int i = 0; i < cls->n_options; i++) {
        const nac_option *row = &cls->options[i];
        if (row->hidden)
            continue;
        char *value = nac_json_print(cJSON_GetObjectItemCaseSensitive(defaults, row->name));
        if (!value)
            return false;
        fprintf(file, row->required ? "%s%s" : "%s%s=%s", first ? "" : ", ", row->name, value);
        nac_free(value);
        first = false;
    }
    fputs(")\n", file);
    return true;
}

static cJSON *describe(const nac_class *cls, cJSON *defaults)
{
    cJSON *entry = cJSON_CreateObject(), *required = cJSON_CreateArray();
    cJSON_AddItemToObject(entry, "module", cls->module ? cJSON_CreateString(cls->module) : cJSON_CreateNull());
    for (int i = 0; i < cls->n_options; i++)
        if (cls->options[i].required) {
            cJSON_AddItemToArray(required, cJSON_CreateString(cls->options[i].name));
            cJSON_DeleteItemFromObjectCaseSensitive(defaults, cls->options[i].name);
        }
    cJSON_AddItemToObject(entry, "required", required);
    cJSON_AddItemToObject(entry, "defaults", defaults);
    return entry;
}

bool nac_print_catalogue(FILE *file, bool json)
{
    const nac_class *classes[MAX_CLASSES];
    cJSON *all = cJSON_CreateObject();
    bool ok = all;
    for (int c = 0; ok && c < NAC_COUNT(categories); c++) {
        int n = nac_class_list(categories[c].kind, classes, MAX_CLASSES);
        cJSON *category = json ? cJSON_AddObjectToObject(all, categories[c].title) : NULL;
        if (!json)
            fprintf(file, "%s%s (%d)\n", c ? "\n" : "", categories[c].title, n);
        for (int i = 0; ok && i < n && i < MAX_CLASSES; i++) {
            cJSON *defaults = nac_options_to_json(classes[i], classes[i]->defaults);
            ok = defaults && (json || print_text(file, classes[i], defaults));
            if (ok && json)
                cJSON_AddItemToObject(category, classes[i]->name, describe(classes[i], defaults));
            else
                cJSON_Delete(defaults);
        }
    }
    char *text = ok && json ? nac_json_print(all) : NULL;
    if (text)
        fprintf(file, "%s\n", text);
    ok = ok && (text || !json);
    nac_free(text);
    cJSON_Delete(all);
    return ok;
}
