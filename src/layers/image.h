/* What layers of images share. */
#ifndef NAC_IMAGE_H
#define NAC_IMAGE_H

#include "layers/layer.h"

/* The one input, (n, h, w, c) or (h, w, c), in the layer's dtype. */
nac_tensor *nac_images(nac_layer *self, nac_layer_call *c);
/* The axis of its rows; the columns come next. */
int nac_rows_axis(const nac_tensor *x, const char *data_format);

#endif
