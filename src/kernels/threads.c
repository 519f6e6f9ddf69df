/* The number of threads. */
#include <omp.h>
#include "kernels/kernels.h"

void nac_set_threads(int n)
{
    omp_set_num_threads(n > 0 ? n : 1);
}

int nac_threads(void)
{
    return omp_get_max_threads();
}
