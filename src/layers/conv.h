/* What layers with convolutions share. */
#ifndef NAC_LAYERS_CONV_H
#define NAC_LAYERS_CONV_H

#include "layers/layer.h"

nac_shape nac_kernel_shape(int axes, const nac_size *size, int64_t in, int64_t out);       /* (size.., in, out) */
bool nac_strides_or_dilation(const nac_layer *self, const nac_size *strides, const nac_size *dilation);  /* not both are more than 1 */
/* x cut along the axis into n windows, each reduced to one. */
nac_tensor *nac_adaptive_pool(nac_tensor *x, int axis, int64_t n, nac_tensor *(*reduce)(const nac_reduce_options *));

#endif
