/* For those who write ops, layers, initializers, losses, metrics, optimizers or callbacks of their own. */
#ifndef NACRE_EXTEND_H
#define NACRE_EXTEND_H

#include "nacre/extend_class.h"
#include "nacre/extend_op.h"
#include "nacre/extend_layer.h"

#endif
