#include "martlet_simd.h"
