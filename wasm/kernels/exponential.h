/* e^x in double precision, far more exact than the float32 that its users round to. */
#ifndef EK_EXPONENTIAL_H
#define EK_EXPONENTIAL_H

#include "engine.h"

/* |x| beyond 700 counts as 700; NaN stays NaN. */
double ek_exp(double x);

#endif
