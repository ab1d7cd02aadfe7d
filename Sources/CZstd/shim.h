// The C side of `Compression`: Zstandard's compression contexts.
#pragma once
#include <zstd.h>
