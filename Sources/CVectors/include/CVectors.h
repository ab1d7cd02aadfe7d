// Sixteen bytes of a JSON text at a time, in SSE2 where the processor has it and in plain C elsewhere. In C because few of Swift's own vector
// operations compile to single instructions. Header only, so that calls are inlined.

#ifndef CVECTORS_H
#define CVECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/// Bit i: whether start[i] cannot stand in a string as it is, or is not ASCII: a quote, a backslash, a control character, 0x80 and above.
static inline uint32_t cvectors_special_plain_c(const uint8_t *start) {
  uint32_t bits = 0;
  for (int index = 0; index < 16; index++) {
    uint8_t byte = start[index];
    bits |= (uint32_t)(byte < 0x20 || byte == '"' || byte == '\\' || byte >= 0x80) << index;
  }
  return bits;
}

/// Bit i: whether start[i] is a digit.
static inline uint32_t cvectors_digits_plain_c(const uint8_t *start) {
  uint32_t bits = 0;
  for (int index = 0; index < 16; index++) bits |= (uint32_t)((uint8_t)(start[index] - '0') < 10) << index;
  return bits;
}

#if defined(__SSE2__)

/// 0xFF in each byte that is special.
static inline __m128i cvectors_special_block(const uint8_t *start) {
  __m128i block = _mm_loadu_si128((const __m128i *)start);
  __m128i quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"'));
  __m128i backslash = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));
  // Bytes beyond ASCII are negative.
  __m128i outside = _mm_cmplt_epi8(block, _mm_set1_epi8(0x20));
  return _mm_or_si128(_mm_or_si128(quote, backslash), outside);
}

/// As `cvectors_special_plain_c`.
static inline uint32_t cvectors_special(const uint8_t *start) { return (uint32_t)_mm_movemask_epi8(cvectors_special_block(start)); }

/// As `cvectors_digits_plain_c`.
static inline uint32_t cvectors_digits(const uint8_t *start) {
  __m128i digits = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)start), _mm_set1_epi8('0'));
  return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(digits, _mm_set1_epi8(9)), digits));
}

/// Whether none of `count` bytes is special. Reads up to 16 bytes more.
static inline bool cvectors_is_plain(const uint8_t *start, ptrdiff_t count) {
  __m128i special = _mm_setzero_si128();
  ptrdiff_t index = 0;
  for (; index + 16 <= count; index += 16) special = _mm_or_si128(special, cvectors_special_block(start + index));
  uint32_t rest = cvectors_special(start + index) & ((1u << (count - index)) - 1);
  return ((uint32_t)_mm_movemask_epi8(special) | rest) == 0;
}

#else

static inline uint32_t cvectors_special(const uint8_t *start) { return cvectors_special_plain_c(start); }
static inline uint32_t cvectors_digits(const uint8_t *start) { return cvectors_digits_plain_c(start); }

static inline bool cvectors_is_plain(const uint8_t *start, ptrdiff_t count) {
  uint32_t special = 0;
  for (ptrdiff_t index = 0; index < count; index++) {
    uint8_t byte = start[index];
    special |= byte < 0x20 || byte == '"' || byte == '\\' || byte >= 0x80;
  }
  return special == 0;
}

#endif

#endif
