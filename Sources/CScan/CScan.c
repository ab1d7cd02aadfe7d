// The room is its header; this file lets it be compiled on its own.

#include "CScan.h"
