/* How the processor takes subnormal numbers, a state of each thread. */
#ifndef NAC_FLOAT_MODE_H
#define NAC_FLOAT_MODE_H

#include <stdint.h>

#if defined(__SSE2__)
#include <xmmintrin.h>

typedef uint32_t nac_float_mode;

static inline nac_float_mode nac_get_float_mode(void)
{
    return _mm_getcsr();
}

static inline void nac_set_float_mode(nac_float_mode mode)
{
    _mm_setcsr(mode);
}

enum { NAC_FLUSHING = 0x8040 };         /* flush to zero, denormals are zeros */
#elif defined(__aarch64__)
typedef uint64_t nac_float_mode;

static inline nac_float_mode nac_get_float_mode(void)
{
    nac_float_mode mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
}

static inline void nac_set_float_mode(nac_float_mode mode)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(mode));
}

enum { NAC_FLUSHING = 1 << 24 };
#else
typedef uint32_t nac_float_mode;

static inline nac_float_mode nac_get_float_mode(void)
{
    return 0;
}

static inline void nac_set_float_mode(nac_float_mode mode)
{
    (void)mode;
}

enum { NAC_FLUSHING = 0 };
#endif

/* From here on subnormal numbers are zeros, as they are in Keras on TensorFlow and JAX: a processor takes a hundred cycles for each vector of numbers that
   has one, and they are common: masked scores, averages of gradients that have died away. Returns the mode before, for nac_set_float_mode. */
static inline nac_float_mode nac_flush_subnormals(void)
{
    const nac_float_mode before = nac_get_float_mode();
    nac_set_float_mode(before | NAC_FLUSHING);
    return before;
}

#endif
