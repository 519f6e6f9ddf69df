/* The functions of one build, in one table. */
#include "kernels/real.h"

#define STRING_(x) #x
#define STRING(x) STRING_(x)
#define ENTRY(name) .name = NAC_K(name),

extern const nac_kernels NAC_K(table);
const nac_kernels NAC_K(table) = {.isa = STRING(NAC_ISA), NAC_TABLE(ENTRY)};
