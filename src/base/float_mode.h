/* What the processor makes of subnormal results, a state of each thread. */
#ifndef NAC_FLOAT_MODE_H
#define NAC_FLOAT_MODE_H

#include <stdint.h>

typedef uint32_t nac_float_mode;

#if defined(__SSE2__)
#include <xmmintrin.h>

static inline nac_float_mode nac_get_float_mode(void)
{
    return _mm_getcsr();
}

static inline void nac_set_float_mode(nac_float_mode mode)
{
    _mm_setcsr(mode);
}

enum { NAC_FLUSHING = 0x8000 };         /* results alone: what is read is compared and moved as it is */
#else
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

/* From here on results that would be subnormal are zeros, as they are in Keras on TensorFlow and JAX: Intel's processors take a hundred cycles for each vector of
   numbers that has one, and they are common: masked scores, averages of gradients that have died away. Returns the mode before, for nac_set_float_mode. */
static inline nac_float_mode nac_flush_subnormals(void)
{
    const nac_float_mode before = nac_get_float_mode();
    nac_set_float_mode(before | NAC_FLUSHING);
    return before;
}

#endif
