/// A name that LLAISYS's programs include; everything is in `llaisys.h`.
#include "../llaisys.h"
