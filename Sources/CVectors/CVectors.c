// The functions are inlined from the header; a target needs a file.

#include "CVectors.h"
