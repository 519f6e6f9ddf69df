/* The nacre command, on the public API alone. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <nacre/nacre.h>
#include <nacre/extend.h>

static const char usage[] =
    "nacre summary FILE.keras\n"
    "nacre inspect FILE                      tensors of a .keras or .h5 file: shapes and statistics\n"
    "nacre predict FILE.keras --data IN.h5 --out OUT.h5 [--batch-size B]\n"
    "nacre evaluate FILE.keras --data IN.h5 [--batch-size B]\n"
    "nacre fit FILE.keras --data IN.h5 --epochs N [--batch-size B] [--no-shuffle] [--validation-split P] [--seed S]\n"
    "          [--out OUT.keras] [--history H.csv] [--verbose V]\n"
    "nacre catalogue [--json]                every class with its options and defaults\n"
    "\n"
    "The data file holds datasets x (or one an input, by its name), y (or one an output) and sample_weight.\n"
    "Predictions are written as y, or by output name. fit uses the file's own compile config and optimizer state;\n"
    "without --out its result is not saved.\n";

typedef struct {
    const char *file, *data, *out, *history;
    long        epochs, batch_size, verbose, seed;
    double      validation_split;
    bool        shuffle, json, seeded;
} arguments;

static int complain(const char *text, const char *what)
{
    fprintf(stderr, "nacre: %s%s\n", text, what ? what : "");
    return 2;
}

static bool number(const char *text, long *value)
{
    char *end;
    errno = 0;
    *value = strtol(text, &end, 10);
    return *text && !*end && !errno;
}

static int parse(int argc, char **argv, arguments *a)
{
    enum { DATA = 256, OUT, EPOCHS, BATCH, NO_SHUFFLE, HISTORY, JSON, VERBOSE, SPLIT, SEED };
    static const struct option options[] = {{"data", required_argument, NULL, DATA},       {"out", required_argument, NULL, OUT},
                                            {"epochs", required_argument, NULL, EPOCHS},   {"batch-size", required_argument, NULL, BATCH},
                                            {"no-shuffle", no_argument, NULL, NO_SHUFFLE}, {"history", required_argument, NULL, HISTORY},
                                            {"json", no_argument, NULL, JSON},             {"verbose", required_argument, NULL, VERBOSE},
                                            {"validation-split", required_argument, NULL, SPLIT}, {"seed", required_argument, NULL, SEED},
                                            {NULL, 0, NULL, 0}};
    *a = (arguments){.epochs = -1, .batch_size = 32, .verbose = 1, .shuffle = true};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        char *end;
        bool ok = true;
        switch (option) {
        case DATA:
            a->data = optarg;
            break;
        case OUT:
            a->out = optarg;
            break;
        case HISTORY:
            a->history = optarg;
            break;
        case JSON:
            a->json = true;
            break;
        case NO_SHUFFLE:
            a->shuffle = false;
            break;
        case EPOCHS:
            ok = number(optarg, &a->epochs);
            break;
        case BATCH:
            ok = number(optarg, &a->batch_size);
            break;
        case VERBOSE:
            ok = number(optarg, &a->verbose);
            break;
        case SEED:
            ok = a->seeded = number(optarg, &a->seed);
            break;
        case SPLIT:
            a->validation_split = strtod(optarg, &end);
            ok = *optarg && !*end;
            break;
        default:
            return 2;
        }
        if (!ok)
            return complain("not a number: ", optarg);
    }
    a->file = optind < argc ? argv[optind++] : NULL;
    return optind < argc ? complain("one argument too many: ", argv[optind]) : 0;
}

/* ---- data ---- */

static bool is_there(void *context, const char *name, bool is_group)
{
    const char **wanted = context;
    if (!is_group && strcmp(name, wanted[0]) == 0)
        wanted[1] = "";
    return true;
}

static bool has(const char *path, const char *name)
{
    const char *wanted[2] = {name, NULL};
    return nac_list_arrays(path, "", is_there, wanted) && wanted[1];
}

/* The dataset of an input or output: its name, and a number after it when another one before it has the same. */
static const char *data_name(nac_model *m, bool inputs, int i, char *text, size_t size)
{
    const char *name = inputs ? nac_input_name(m, i) : nac_output_name(m, i);
    int before = 0;
    for (int k = 0; name && k < i; k++)
        before += strcmp(name, inputs ? nac_input_name(m, k) : nac_output_name(m, k)) == 0;
    if (!before)
        return name;
    snprintf(text, size, "%s_%d", name, before);
    return text;
}

/* One dataset of the plain name, or one for each input or output by its own. */
static nac_tensor *read_all(const char *path, const char *plain, nac_model *m, bool inputs)
{
    nac_tensor *items[NAC_MAX_IO];
    char text[256];
    int n = inputs ? nac_input_count(m) : nac_output_count(m);
    if (n == 1 && has(path, plain))
        return nac_load_array(path, plain);
    for (int i = 0; i < n; i++)
        items[i] = nac_load_array(path, data_name(m, inputs, i, text, sizeof text));
    return n == 1 ? items[0] : n ? nac_list_of(n, items) : NULL;
}

static nac_dataset *read_data(const char *path, nac_model *m)
{
    nac_tensor *weight = m && has(path, "sample_weight") ? nac_load_array(path, "sample_weight") : NULL;
    return nac_arrays(read_all(path, "x", m, true), .targets = read_all(path, "y", m, false), .sample_weight = weight);
}

/* ---- commands ---- */

static int summary(const arguments *a)
{
    nac_summary(nac_load(a->file));
    return nac_report();
}

static void print_statistics(const char *name, nac_tensor *t)
{
    char text[128];
    double least = INFINITY, most = -INFINITY, sum = 0, squares = 0;
    int64_t n = nac_size_of(t), bad = 0;
    for (int64_t i = 0; i < n; i++) {
        double v = nac_item_at(t, i);
        bad += !isfinite(v);
        if (!isfinite(v))
            continue;
        least = v < least ? v : least;
        most = v > most ? v : most;
        sum += v;
        squares += v * v;
    }
    double count = (double)(n - bad), mean = count ? sum / count : 0, variance = count ? squares / count - mean * mean : 0;
    printf("%-56s %-24s min %-12.5g max %-12.5g mean %-12.5g std %-12.5g", name, nac_type_text(nac_type_of(t), text, sizeof text), count ? least : NAN,
           count ? most : NAN, mean, sqrt(variance > 0 ? variance : 0));
    if (bad)
        printf(" not finite %lld", (long long)bad);
    putchar('\n');
}

typedef struct {
    const char *path, *group;
    bool        ok;
} place;

static bool inspect_one(void *context, const char *name, bool is_group)
{
    place *p = context;
    char path[1024];
    snprintf(path, sizeof path, "%s%s%s", p->group, *p->group ? "/" : "", name);
    if (is_group) {
        place inner = {p->path, path, true};
        return p->ok = nac_list_arrays(p->path, path, inspect_one, &inner) && inner.ok;
    }
    NAC_SCOPE
    {
        nac_tensor *t = nac_load_array(p->path, path);
        p->ok = t;
        if (t)
            print_statistics(path, t);
    }
    return p->ok;
}

static int inspect(const arguments *a)
{
    size_t n = strlen(a->file);
    if (n > 3 && strcmp(a->file + n - 3, ".h5") == 0) {
        place root = {a->file, "", true};
        nac_list_arrays(a->file, "", inspect_one, &root);
        return nac_report();
    }
    nac_model *m = nac_load(a->file, .compile = false);
    for (int i = 0; i < nac_weight_count(m); i++)
        print_statistics(nac_variable_path(nac_weight(m, i)), nac_value(nac_weight(m, i)));
    if (m)
        printf("%lld parameters\n", (long long)nac_count_params(m));
    return nac_report();
}

static int predict(const arguments *a)
{
    if (!a->data || !a->out)
        return complain("predict needs --data and --out", NULL);
    nac_model *m = nac_load(a->file, .compile = false);
    nac_tensor *y = nac_predict(m, m ? read_all(a->data, "x", m, true) : NULL, .batch_size = a->batch_size);
    const char *names[NAC_MAX_IO] = {"y"};
    char texts[NAC_MAX_IO][256];
    nac_tensor *items[NAC_MAX_IO];
    int n = nac_list_length(y);
    for (int i = 0; i < n; i++) {
        items[i] = nac_at(y, i);
        names[i] = n > 1 ? data_name(m, false, i, texts[i], sizeof texts[i]) : "y";
    }
    if (y)
        nac_save_arrays(a->out, n, names, items);
    return nac_report();
}

static int evaluate(const arguments *a)
{
    if (!a->data)
        return complain("evaluate needs --data", NULL);
    nac_model *m = nac_load(a->file);
    nac_logs logs;
    nac_evaluate(m, m ? read_data(a->data, m) : NULL, .batch_size = a->batch_size, .logs = &logs);
    for (int i = 0; nac_ok() && i < logs.n; i++)
        printf("%s: %.9g\n", logs.name[i], logs.value[i]);
    return nac_report();
}

/* Another column, quoted where its name needs it, as Python's csv quotes. */
static void put_column(FILE *file, const char *name)
{
    bool quoted = strpbrk(name, ",\"\r\n");
    fprintf(file, ",%s", quoted ? "\"" : "");
    for (; *name; name++)
        fprintf(file, "%s%c", *name == '"' ? "\"" : "", *name);
    fputs(quoted ? "\"" : "", file);
}

static int write_history(const char *path, const nac_history *h)
{
    FILE *file = fopen(path, "w");
    if (!file)
        return complain("cannot write ", path);
    const nac_logs *first = nac_history_epoch(h, 0);
    fputs("epoch", file);
    for (int i = 0; first && i < first->n; i++)
        put_column(file, first->name[i]);
    fputc('\n', file);
    for (int e = 0; e < nac_history_epochs(h); e++) {
        const nac_logs *logs = nac_history_epoch(h, e);
        fprintf(file, "%d", e);
        for (int i = 0; i < first->n; i++)
            fprintf(file, ",%.9g", nac_log_value(logs, first->name[i]));
        fputc('\n', file);
    }
    bool failed = ferror(file);
    return fclose(file) || failed ? complain("cannot write ", path) : 0;
}

static int fit(const arguments *a)
{
    if (!a->data || a->epochs < 0)
        return complain("fit needs --data and --epochs", NULL);
    if (a->seeded)
        nac_set_random_seed((uint64_t)a->seed);
    nac_model *m = nac_load(a->file);
    nac_history *h = nac_fit(m, m ? read_data(a->data, m) : NULL, .epochs = a->epochs, .batch_size = a->batch_size, .shuffle = a->shuffle,
                             .validation_split = a->validation_split, .verbose = a->verbose);
    if (h && a->out)
        nac_save(m, a->out);
    int status = nac_report();
    return !status && a->history ? write_history(a->history, h) : status;
}

static int catalogue(const arguments *a)
{
    nac_print_catalogue(stdout, a->json);
    return nac_report();
}

static const struct {
    const char *name;
    int (*run)(const arguments *a);
    bool needs_file;
} commands[] = {{"summary", summary, true}, {"inspect", inspect, true}, {"predict", predict, true}, {"evaluate", evaluate, true}, {"fit", fit, true},
                {"catalogue", catalogue, false}};

int main(int argc, char **argv)
{
    arguments a;
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        fputs(usage, argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(argv[1], commands[i].name))
            continue;
        int status = parse(argc - 1, argv + 1, &a);
        if (status)
            return status;
        if (!a.file && commands[i].needs_file)
            return complain("which file? nacre --help tells the commands", NULL);
        return commands[i].run(&a);
    }
    complain("unknown command: ", argv[1]);
    fputs(usage, stderr);
    return 2;
}
