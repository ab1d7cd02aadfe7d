// Byte-class scans that need one vector instruction each: SSE2 on x86-64, NEON on arm64, eight bytes in a word elsewhere.
// Swift has no name for a move-mask, and its generic vectors spell one as a loop over lanes. Also tables of constants, which Swift would
// initialise on first use, behind a check on every use.

#ifndef FRESHET_CSCAN_H
#define FRESHET_CSCAN_H

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

/// How many of the 16 bytes at `bytes` stand before the first that a JSON string cannot hold as it is: a quote, a backslash, a control
/// character, or a byte of 0x80 and above (whose UTF-8 must be looked at). Always reads 16 bytes.
static inline uint32_t cscan_plain_count16(const uint8_t *bytes) {
#if defined(__SSE2__)
  __m128i block = _mm_loadu_si128((const __m128i *)bytes);
  __m128i quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"'));
  __m128i backslash = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));
  // Signed: bytes of 0x80 and above are negative, so one comparison finds them and the control characters.
  __m128i low = _mm_cmplt_epi8(block, _mm_set1_epi8(0x20));
  uint32_t mask = (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), low));
  return (uint32_t)__builtin_ctz(mask | 0x10000u);
#elif defined(__ARM_NEON) && defined(__aarch64__)
  uint8x16_t block = vld1q_u8(bytes);
  uint8x16_t special = vorrq_u8(vceqq_u8(block, vdupq_n_u8('"')), vceqq_u8(block, vdupq_n_u8('\\')));
  special = vorrq_u8(special, vcltq_s8(vreinterpretq_s8_u8(block), vdupq_n_s8(0x20)));
  // Narrowing by four bits leaves one nibble per byte.
  uint64_t mask = vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(special), 4)), 0);
  return mask == 0 ? 16u : (uint32_t)(__builtin_ctzll(mask) >> 2);
#else
  const uint64_t ones = 0x0101010101010101ull, highs = 0x8080808080808080ull;
  for (uint32_t half = 0; half < 16; half += 8) {
    uint64_t word;
    memcpy(&word, bytes + half, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
    // Each term may also mark bytes above the first that it rightly marks, never below it.
    uint64_t mask = ((quote - ones) | (backslash - ones) | (word - ones * 0x20) | word) & highs;
    if (mask != 0) return half + (uint32_t)(__builtin_ctzll(mask) >> 3);
  }
  return 16;
#endif
}

/// 10^exponent as an exact double; `exponent` is at most 22.
static inline double cscan_power_of_ten(uint32_t exponent) {
  static const double powers[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  return powers[exponent];
}

/// 10^exponent; `exponent` is at most 8.
static inline uint64_t cscan_integer_power_of_ten(uint32_t exponent) {
  static const uint64_t powers[9] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
  return powers[exponent];
}

#endif
