// The C side of `Compression`: zlib's deflate, with what zlib offers only as a macro.
#pragma once
#include <zlib.h>

/// Starts a stream. `windowBits`: 31 for the gzip wrapper, -15 for none.
static inline int freshet_deflate_start(z_stream *stream, int level, int windowBits) {
  return deflateInit2(stream, level, Z_DEFLATED, windowBits, 8, Z_DEFAULT_STRATEGY);
}

/// Starts a stream that is to be read. `windowBits`: 31 for the gzip wrapper, -15 for none.
static inline int freshet_inflate_start(z_stream *stream, int windowBits) {
  return inflateInit2(stream, windowBits);
}
