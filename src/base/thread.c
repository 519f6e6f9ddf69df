/* What a thread has of its own: its first error, its scopes, its interpreters. */
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include "base/base.h"

static _Thread_local nac_thread self;
static pthread_key_t at_exit;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void finish(void *thread)
{
    nac_thread *t = thread;
    t->scope_mark = 0;
    nac_scope_end(&(nac_scope){0, false});
    nac_free(t->owned);
    t->owned = NULL;
    t->n_owned = t->cap_owned = 0;
}

static void make_key(void)
{
    pthread_key_create(&at_exit, finish);
}

nac_thread *nac_this_thread(void)
{
    return &self;
}

/* The first thread does not run its key's destructor when main returns. */
__attribute__((destructor)) static void finish_main(void)
{
    finish(&self);
}

/* ---- errors ---- */

void *nac_fail(nac_code code, const char *format, ...)
{
    self.failures++;
    if (self.code != NAC_OK) {
        self.trail_open = false;
        return NULL;
    }
    self.code = code;
    self.trail_open = true;
    va_list args;
    va_start(args, format);
    vsnprintf(self.text, sizeof self.text, format, args);
    va_end(args);
    return NULL;
}

void *nac_trail(const char *format, ...)
{
    size_t used = strlen(self.text);
    if (self.code != NAC_OK && self.trail_open && used + 3 < sizeof self.text) {
        memcpy(self.text + used, "; ", 3);
        va_list args;
        va_start(args, format);
        vsnprintf(self.text + used + 2, sizeof self.text - used - 2, format, args);
        va_end(args);
    }
    return NULL;
}

bool nac_ok(void)
{
    return self.code == NAC_OK;
}

const char *nac_error(void)
{
    return self.code == NAC_OK ? NULL : self.text;
}

nac_code nac_error_code(void)
{
    return self.code;
}

void nac_error_clear(void)
{
    self.code = NAC_OK;
    self.text[0] = 0;
    self.trail_open = false;
}

nac_kept_error nac_error_aside(void)
{
    nac_kept_error kept = {.code = self.code, .trail_open = self.trail_open};
    memcpy(kept.text, self.text, sizeof kept.text);
    nac_error_clear();
    return kept;
}

void nac_error_back(const nac_kept_error *kept)
{
    if (kept->code == NAC_OK)
        return;
    self.code = kept->code;
    self.trail_open = false;
    memcpy(self.text, kept->text, sizeof self.text);
}

int nac_report(void)
{
    if (self.code == NAC_OK)
        return 0;
    fprintf(stderr, "nacre: %s\n", self.text);
    nac_error_clear();
    return 1;
}

/* ---- scopes ---- */

void *nac_own(void *object)
{
    if (!object)
        return NULL;
    pthread_once(&once, make_key);
    if (self.n_owned == self.cap_owned) {
        size_t cap = self.cap_owned ? 2 * self.cap_owned : 256;
        void **grown = nac_realloc(self.owned, cap * sizeof *grown);
        if (!grown) {
            nac_release(object);
            return NULL;
        }
        if (!self.owned)
            pthread_setspecific(at_exit, &self);
        self.owned = grown;
        self.cap_owned = cap;
    }
    self.owned[self.n_owned++] = object;
    return object;
}

nac_scope nac_scope_begin(void)
{
    nac_scope scope = {self.scope_mark, false};
    self.scope_mark = self.n_owned;
    return scope;
}

void nac_scope_end(nac_scope *scope)
{
    size_t mark = self.scope_mark;
    while (self.n_owned > mark)
        nac_release(self.owned[--self.n_owned]);
    self.scope_mark = scope->mark;
}

/* The object moves below the mark, so that the innermost scope no longer covers it. One that the scope does not own lives by something else, a
   list for example, that may end with the scope: it gets an owner of its own. */
void *nac_keep(void *object)
{
    if (!object)
        return NULL;
    size_t i = self.n_owned;
    while (i > self.scope_mark && self.owned[i - 1] != object)
        i--;
    if (i == self.scope_mark) {
        if (!nac_own(nac_retain(object)))
            return NULL;
        i = self.n_owned;
    }
    memmove(self.owned + self.scope_mark + 1, self.owned + self.scope_mark, (i - 1 - self.scope_mark) * sizeof *self.owned);
    self.owned[self.scope_mark++] = object;
    return object;
}
