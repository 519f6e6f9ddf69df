/* Nacre: Keras for C. Includes everything that a user of models needs; extend.h is for writers of layers and ops. */
#ifndef NACRE_NACRE_H
#define NACRE_NACRE_H

#include "nacre/core.h"
#include "nacre/tensor.h"
#include "nacre/variable.h"
#include "nacre/ops.h"
#include "nacre/graph.h"
#include "nacre/initializers.h"
#include "nacre/layers.h"
#include "nacre/losses.h"
#include "nacre/metrics.h"
#include "nacre/optimizers.h"
#include "nacre/data.h"
#include "nacre/models.h"
#include "nacre/training.h"
#include "nacre/callbacks.h"
#include "nacre/checkpoint.h"

#endif
