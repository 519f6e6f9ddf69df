/* A character LSTM (Hochreiter and Schmidhuber, 1997): it reads a text and learns which character comes next. Trained on whole windows at once; the
   same layers, called one character at a time with the states handed on, then write a text of their own, from a file as well as from memory.

       char_lstm [--small] [FOLDER]        saves FOLDER/char_lstm.keras */
#include <stdlib.h>
#include <string.h>
#include <nacre/nacre.h>

#define TEXT_FILE "/usr/share/common-licenses/GPL-3"
enum { MOST = 1 << 16, SYMBOLS = 256 };

/* ---- the text ---- */

typedef struct {
    int64_t ids[MOST];                  /* the characters of the text, numbered as they first occur */
    int     n, n_symbols;
    char    symbol[SYMBOLS];
    double  entropy;                    /* of its characters, each by itself, in nats: what a guess by their frequencies costs */
} corpus;

static void read_text(corpus *c, int most)
{
    static const char rhyme[] = "This is the house that Jack built.\nThis is the malt that lay in the house that Jack built.\n"
                                "This is the rat that ate the malt that lay in the house that Jack built.\n"
                                "This is the cat that killed the rat that ate the malt that lay in the house that Jack built.\n";
    int count[SYMBOLS] = {0}, number[SYMBOLS];
    FILE *f = fopen(TEXT_FILE, "r");
    if (!f)
        printf("there is no %s: a nursery rhyme takes its place\n", TEXT_FILE);
    for (int next; c->n < most && (next = f ? getc(f) : rhyme[(size_t)c->n % (sizeof rhyme - 1)]) != EOF; c->n++) {
        if (!count[(unsigned char)next]++) {
            number[(unsigned char)next] = c->n_symbols;
            c->symbol[c->n_symbols++] = (char)next;
        }
        c->ids[c->n] = number[(unsigned char)next];
    }
    if (f)
        fclose(f);
    for (int i = 0; i < SYMBOLS; i++)
        c->entropy -= count[i] ? (double)count[i] / c->n * log((double)count[i] / c->n) : 0;
}

/* Windows (n, length) of the text, one every `stride` characters; targets (n, length): the same, a character later. */
static nac_dataset *windows(const corpus *c, int length, int stride)
{
    int n = (c->n - length - 1) / stride;
    int64_t *x = malloc((size_t)n * (size_t)length * sizeof *x), *y = malloc((size_t)n * (size_t)length * sizeof *y);
    for (int i = 0; x && y && i < n; i++) {
        memcpy(x + i * length, c->ids + i * stride, (size_t)length * sizeof *x);
        memcpy(y + i * length, c->ids + i * stride + 1, (size_t)length * sizeof *y);
    }
    nac_tensor *inputs = x && y ? nac_tensor_new(NAC_INT64, NAC_SHAPE(n, length), x) : NULL;
    nac_tensor *targets = x && y ? nac_tensor_new(NAC_INT64, NAC_SHAPE(n, length), y) : NULL;
    free(x);
    free(y);
    return nac_arrays(inputs, .targets = targets);
}

/* ---- the model ---- */

/* ids (batch, time) -> scores of the next character (batch, time, symbols) */
static nac_model *make(int symbols, int units)
{
    nac_tensor *x = nac_input(-1, .input_dtype = "int64");
    nac_tensor *h = nac_call(nac_embedding(symbols, 32, .name = "characters"), x);
    h = nac_at(nac_call(nac_lstm(units, .return_sequences = true, .return_state = true, .name = "lstm"), h), 0);
    return nac_functional(x, nac_call(nac_dense(symbols, .name = "scores"), h), .name = "char_lstm");
}

/* The same layers, one character at a time: id (1, 1) and states (1, units) twice -> its scores (1, 1, symbols) and the new states. */
static nac_model *stepping(nac_model *m, int units)
{
    nac_tensor *x = nac_input(1, .input_dtype = "int64"), *h = nac_input(units), *c = nac_input(units);
    nac_tensor *embedded = nac_call(nac_get_layer(m, "characters"), x);
    nac_tensor *out = nac_call(nac_get_layer(m, "lstm"), embedded, .initial_state = nac_list(h, c));
    nac_tensor *scores = nac_call(nac_get_layer(m, "scores"), nac_at(out, 0));
    return nac_functional(nac_list(x, h, c), nac_list(scores, nac_at(out, 1), nac_at(out, 2)));
}

/* ---- writing ---- */

/* A number drawn by softmax(scores / temperature). */
static int draw(const float *scores, int n, double temperature, unsigned *state)
{
    double weight[SYMBOLS], sum = 0, most = -INFINITY;
    for (int i = 0; i < n; i++)
        most = fmax(most, scores[i]);
    for (int i = 0; i < n; i++)
        sum += weight[i] = exp((scores[i] - most) / temperature);
    double left = sum * ((*state = *state * 1664525u + 1013904223u) >> 8) / (1 << 24);
    int i = 0;
    while (i + 1 < n && (left -= weight[i]) >= 0)
        i++;
    return i;
}

/* Reads the first `given` characters of the text, then goes on by itself until there are `length`. last: the scores after those that were given. */
static bool write_text(nac_model *step, const corpus *c, int units, int given, int length, char *out, nac_tensor **last)
{
    nac_tensor *states = nac_list(nac_zeros(NAC_FLOAT32, NAC_SHAPE(1, units)), nac_zeros(NAC_FLOAT32, NAC_SHAPE(1, units)));
    unsigned random = 1;
    int64_t id = c->ids[0];
    for (int i = 0; i < length && nac_ok(); i++)
        NAC_SCOPE {                     /* frees all of a step but what it hands on */
            out[i] = c->symbol[id];
            nac_tensor *x = nac_tensor_new(NAC_INT64, NAC_SHAPE(1, 1), &id);
            nac_tensor *y = nac_predict(step, nac_list(x, nac_at(states, 0), nac_at(states, 1)));
            const float *scores = nac_data_f32(nac_at(y, 0));
            if (!scores)
                return false;
            id = i + 1 < given ? c->ids[i + 1] : draw(scores, c->n_symbols, 0.5, &random);
            if (i + 1 == given)
                *last = nac_keep(nac_reshape(nac_at(y, 0), -1));
            states = nac_keep(nac_list(nac_at(y, 1), nac_at(y, 2)));
        }
    out[length] = 0;
    return nac_ok();
}

int main(int argc, char **argv)
{
    bool small = argc > 1 && strcmp(argv[1], "--small") == 0;
    const char *folder = argc > 1 + small ? argv[1 + small] : ".";
    int units = small ? 48 : 192, length = small ? 32 : 64, given = 24;
    char path[1024], text[601], again[601];
    static corpus c;
    nac_tensor *last = NULL, *last_again = NULL;
    snprintf(path, sizeof path, "%s/char_lstm.keras", folder);

    nac_set_random_seed(1);
    read_text(&c, small ? 6000 : MOST);
    printf("%d characters, %d different ones\n", c.n, c.n_symbols);
    nac_model *m = make(c.n_symbols, units);
    nac_summary(m);
    nac_loss *loss = nac_sparse_categorical_crossentropy(.from_logits = true);
    nac_optimizer *adam = nac_adam(.learning_rate = small ? 1e-2 : 3e-3);
    nac_compile(m, .optimizer = adam, .loss = loss);
    nac_callback *watch = nac_terminate_on_nan(), *slower = nac_reduce_lr_on_plateau(.monitor = "loss", .patience = 1, .factor = 0.5);
    nac_history *h = nac_fit(m, windows(&c, length, small ? 8 : 5), .batch_size = 64, .epochs = small ? 10 : 12, .shuffle_seed = 1, .verbose = 2,
                             .callbacks = {watch, slower});
    double cost = nac_history_value(h, "loss", -1);
    printf("a character costs %.2f bits; by their frequencies alone %.2f\n", cost / log(2), c.entropy / log(2));

    write_text(stepping(m, units), &c, units, given, small ? 200 : 600, text, &last);
    printf("it is given \"%.*s\", and writes:\n%s\n", given, text, nac_ok() ? text + given : "");

    nac_tensor *whole = nac_predict(m, nac_tensor_new(NAC_INT64, NAC_SHAPE(1, given), c.ids));
    nac_tensor *end = nac_reshape(nac_slice_axis(whole, 1, given - 1, given, 1), -1);
    double apart = nac_item(nac_max(nac_abs(nac_subtract(end, last))));
    printf("one character at a time its scores are those of the whole window, but for %.1g\n", apart);

    nac_save(m, path);
    nac_model *restored = nac_load(path);
    write_text(stepping(restored, units), &c, units, given, small ? 200 : 600, again, &last_again);
    bool same = nac_ok() && strcmp(text, again) == 0;
    printf("restored from %s, it writes %s\n", path, same ? "the same" : "something else");
    return nac_report() || !same || !(apart < 1e-4) || !(cost < (small ? 0.8 : 0.4) * c.entropy);
}
