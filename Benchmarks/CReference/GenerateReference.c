// The reference of the generation benchmark: everything known when it is compiled, the same algorithms as the generator has (wyrand, alias
// tables, bucketed Zipf, ziggurat, digits inside a word, text of the second kept), no schema, no sessions, no record slots.
#include "CReference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct { uint32_t threshold, alias; } alias_entry;
typedef struct { alias_entry entry; uint64_t start, count; double squeeze; } zipf_bucket;
typedef struct { char text[31]; uint8_t count; } choice_text;

enum { USER_COUNT = 1000000 };
static const double user_exponent = 1.1;

struct creference_generator {
  uint64_t state, sequence;
  double time_ns, gap_ns;
  int64_t second;
  char time_text[32];
  uint64_t bucket_count;
  zipf_bucket *buckets;
  alias_entry device[3], country[5], page[8];
  double edges[257], heights[257];
};

static const choice_text devices[3] = {{"\"ios\"", 5}, {"\"android\"", 9}, {"\"web\"", 5}};
static const choice_text countries[5] = {{"\"DE\"", 4}, {"\"FR\"", 4}, {"\"US\"", 4}, {"\"IN\"", 4}, {"\"BR\"", 4}};
static const choice_text pages[8] = {
  {"\"/home\"", 7}, {"\"/sale\"", 7}, {"\"/product\"", 10}, {"\"/cart\"", 7},
  {"\"/search\"", 9}, {"\"/category\"", 11}, {"\"/checkout\"", 11}, {"\"/account\"", 10}};

static void build_alias(alias_entry *entries, const double *weights, uint32_t count, size_t stride) {
  double total = 0, *rest = malloc(count * sizeof *rest);
  uint32_t *small = malloc(count * sizeof *small), *large = malloc(count * sizeof *large), smalls = 0, larges = 0;
  for (uint32_t i = 0; i < count; i++) total += weights[i];
  for (uint32_t i = 0; i < count; i++) {
    alias_entry *entry = (alias_entry *)((char *)entries + i * stride);
    entry->threshold = UINT32_MAX;
    entry->alias = i;
    rest[i] = weights[i] * count / total;
    if (rest[i] < 1) small[smalls++] = i; else large[larges++] = i;
  }
  while (smalls > 0 && larges > 0) {
    uint32_t low = small[--smalls], high = large[larges - 1];
    alias_entry *entry = (alias_entry *)((char *)entries + low * stride);
    entry->threshold = (uint32_t)(rest[low] * 4294967295.0);
    entry->alias = high;
    rest[high] -= 1 - rest[low];
    if (rest[high] < 1) { larges--; small[smalls++] = high; }
  }
  free(rest); free(small); free(large);
}

static void build_zipf(creference_generator *g) {
  uint64_t capacity = 0, start;
  for (start = 1; start <= USER_COUNT; start += start / 40 ? start / 40 : 1) capacity++;
  g->bucket_count = capacity;
  g->buckets = calloc(capacity, sizeof *g->buckets);
  double *bounds = malloc(capacity * sizeof *bounds);
  start = 1;
  for (uint64_t i = 0; i < capacity; i++) {
    uint64_t next = start + (start / 40 ? start / 40 : 1);
    if (next > USER_COUNT + 1) next = USER_COUNT + 1;
    g->buckets[i].start = start - 1;
    g->buckets[i].count = next - start;
    g->buckets[i].squeeze = pow((double)(next - 1) / (double)start, -user_exponent);
    bounds[i] = pow((double)start, -user_exponent) * (double)(next - start);
    start = next;
  }
  build_alias(&g->buckets[0].entry, bounds, (uint32_t)capacity, sizeof *g->buckets);
  free(bounds);
}

creference_generator *creference_generator_new(uint64_t seed, int64_t start_milliseconds, double per_second) {
  creference_generator *g = calloc(1, sizeof *g);
  g->state = seed;
  g->time_ns = (double)start_milliseconds * 1e6;
  g->gap_ns = 1e9 / per_second;
  g->second = INT64_MIN;
  build_zipf(g);
  build_alias(g->device, (double[]){30, 40, 30}, 3, sizeof(alias_entry));
  build_alias(g->country, (double[]){25, 20, 30, 15, 10}, 5, sizeof(alias_entry));
  build_alias(g->page, (double[]){20, 10, 30, 8, 12, 12, 3, 5}, 8, sizeof(alias_entry));
  const double tail = 3.6541528853610088, area = 0.00492867323399;
  double density = exp(-0.5 * tail * tail);
  g->edges[0] = area / density;
  g->edges[1] = tail;
  g->heights[1] = density;
  for (int i = 2; i < 256; i++) {
    density += area / g->edges[i - 1];
    g->edges[i] = sqrt(-2 * log(density));
    g->heights[i] = density;
  }
  g->heights[256] = 1;
  return g;
}

void creference_generator_free(creference_generator *g) {
  free(g->buckets);
  free(g);
}

static inline uint64_t next_word(uint64_t *state) {
  *state += 0xa0761d6478bd642full;
  __uint128_t product = (__uint128_t)*state * (*state ^ 0xe7037ed1a0b428dbull);
  return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

static inline double positive_unit(uint64_t *state) { return (double)((next_word(state) >> 11) + 1) * 0x1p-53; }
static inline double exponential(uint64_t *state) { return -log(positive_unit(state)); }

static inline uint32_t draw_alias(const alias_entry *entries, uint32_t count, uint64_t *state) {
  __uint128_t product = (__uint128_t)next_word(state) * count;
  uint32_t column = (uint32_t)(product >> 64);
  return (uint32_t)((uint64_t)product >> 32) < entries[column].threshold ? column : entries[column].alias;
}

static inline uint64_t draw_user(const creference_generator *g, uint64_t *state) {
  for (;;) {
    __uint128_t product = (__uint128_t)next_word(state) * g->bucket_count;
    const zipf_bucket *bucket = g->buckets + (uint64_t)(product >> 64);
    if ((uint32_t)((uint64_t)product >> 32) >= bucket->entry.threshold) bucket = g->buckets + bucket->entry.alias;
    if (bucket->count == 1) return bucket->start;
    __uint128_t inside = (__uint128_t)next_word(state) * bucket->count;
    uint64_t rank = bucket->start + (uint64_t)(inside >> 64);
    double coin = (double)((uint64_t)inside >> 11) * 0x1p-53;
    if (coin < bucket->squeeze || coin < pow((double)(rank + 1) / (double)(bucket->start + 1), -user_exponent)) return rank;
  }
}

static inline double draw_normal(const creference_generator *g, uint64_t *state) {
  for (;;) {
    uint64_t bits = next_word(state);
    int layer = bits & 255;
    double value = (double)((int64_t)bits >> 11) * 0x1p-52 * g->edges[layer];
    if (fabs(value) < g->edges[layer + 1]) return value;
    if (layer == 0) {
      for (;;) {
        double x = exponential(state) / 3.6541528853610088;
        if (2 * exponential(state) > x * x) return value < 0 ? -3.6541528853610088 - x : 3.6541528853610088 + x;
      }
    }
    double height = g->heights[layer] + positive_unit(state) * (g->heights[layer + 1] - g->heights[layer]);
    if (height < exp(-0.5 * value * value)) return value;
  }
}

static inline uint64_t eight_digits(uint64_t value) {
  uint64_t upper = value / 10000, fours = upper | (value - upper * 10000) << 32;
  uint64_t hundreds = ((fours * 10486) >> 20) & 0x0000007f0000007full;
  uint64_t twos = hundreds | (fours - hundreds * 100) << 16;
  uint64_t tens = ((twos * 103) >> 10) & 0x000f000f000f000full;
  return (tens | (twos - tens * 10) << 8) | 0x3030303030303030ull;
}

/// Up to eight digits, without leading zeros beyond `minimum`.
static inline uint8_t *put_digits(uint8_t *out, uint64_t value, unsigned minimum) {
  uint64_t digits = eight_digits(value), plain = digits ^ 0x3030303030303030ull;
  unsigned dropped = plain ? (unsigned)__builtin_ctzll(plain) >> 3 : 8;
  if (dropped > 8 - minimum) dropped = 8 - minimum;
  digits >>= dropped * 8;
  memcpy(out, &digits, 8);
  return out + 8 - dropped;
}

static inline uint64_t hexadecimal(uint32_t value) {
  uint64_t n = value >> 16 | (uint64_t)(value & 0xffff) << 32;
  n = (n >> 8 & 0x000000ff000000ffull) | (n & 0x000000ff000000ffull) << 16;
  n = (n >> 4 & 0x000f000f000f000full) | (n & 0x000f000f000f000full) << 8;
  return n + 0x3030303030303030ull + (((n + 0x0606060606060606ull) >> 4) & 0x0101010101010101ull) * 0x27;
}

static inline uint8_t *put_uuid(uint8_t *out, uint64_t high, uint64_t low) {
  uint64_t first = hexadecimal(high >> 32), second = hexadecimal((uint32_t)high), third = hexadecimal(low >> 32);
  uint64_t last = hexadecimal((uint32_t)low);
  memcpy(out, &first, 8);
  memcpy(out + 9, &second, 4);
  memcpy(out + 14, (char *)&second + 4, 4);
  memcpy(out + 19, &third, 4);
  memcpy(out + 24, (char *)&third + 4, 4);
  memcpy(out + 28, &last, 8);
  out[8] = out[13] = out[18] = out[23] = '-';
  return out + 36;
}

/// Days after 1970-01-01 to a date: Howard Hinnant's algorithm.
static void put_second(char *out, int64_t second) {
  int64_t days = second / 86400, rest = second % 86400, z = days + 719468, era = z / 146097, doe = z - era * 146097;
  int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365, doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  int64_t mp = (5 * doy + 2) / 153, day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;
  int64_t year = yoe + era * 400 + (month <= 2);
  const int64_t parts[6] = {year % 100, month, day, rest / 3600, rest / 60 % 60, rest % 60};
  memcpy(out, "2000-00-00T00:00:00.000Z\"", 25);
  for (int i = 0; i < 6; i++) {
    out[2 + 3 * i] = (char)('0' + parts[i] / 10);
    out[3 + 3 * i] = (char)('0' + parts[i] % 10);
  }
}

#define LITERAL(text) (memcpy(out, text, sizeof(text) - 1), out += sizeof(text) - 1)
#define CHOICE(texts, entries, columns)                                 \
  do {                                                                  \
    const choice_text *chosen = texts + draw_alias(entries, columns, &s); \
    memcpy(out, chosen->text, 16);                                      \
    out += chosen->count;                                               \
  } while (0)

uint64_t creference_generate_clicks(creference_generator *g, uint8_t *start, uint32_t count) {
  uint8_t *out = start;
  uint64_t s = g->state, sequence = g->sequence;
  double time = g->time_ns;
  for (uint32_t i = 0; i < count; i++) {
    time += exponential(&s) * g->gap_ns;
    int64_t ms = (int64_t)(time * 1e-6), second = ms / 1000, fraction = ms - second * 1000;
    if (second != g->second) {
      put_second(g->time_text, second);
      g->second = second;
    }
    g->time_text[20] = (char)('0' + fraction / 100);
    g->time_text[21] = (char)('0' + fraction / 10 % 10);
    g->time_text[22] = (char)('0' + fraction % 10);
    LITERAL("{\"event_id\":\"");
    uint64_t high = next_word(&s);
    out = put_uuid(out, (high & ~0xf000ull) | 0x4000, next_word(&s) >> 2 | 1ull << 63);
    LITERAL("\",\"type\":\"click\",\"ts\":\"");
    memcpy(out, g->time_text, 32);
    out += 24;
    LITERAL("\",\"user_id\":\"u-");
    out = put_digits(out, draw_user(g, &s) + 1, 7);
    LITERAL("\",\"session_id\":\"");
    high = next_word(&s);
    out = put_uuid(out, (uint64_t)ms << 16 | 0x7000 | high >> 52, next_word(&s) >> 2 | 1ull << 63);
    LITERAL("\",\"device\":");
    CHOICE(devices, g->device, 3);
    LITERAL(",\"country\":");
    CHOICE(countries, g->country, 5);
    LITERAL(",\"page\":");
    CHOICE(pages, g->page, 8);
    LITERAL(",\"position\":");
    out = put_digits(out, 1 + (uint64_t)(((__uint128_t)next_word(&s) * 48) >> 64), 1);
    LITERAL(",\"price\":");
    double price = exp(3.1780538303479458 + 0.8 * draw_normal(g, &s));
    price = price < 0.99 ? 0.99 : price > 2000 ? 2000 : price;
    out = put_digits(out, (uint64_t)(price * 100 + 0.5), 3);
    memmove(out - 1, out - 2, 2);
    out[-2] = '.';
    out++;
    LITERAL(",\"currency\":\"EUR\",\"seq\":\"");
    out = put_digits(out, ++sequence, 1);
    LITERAL("\"}\n");
  }
  g->state = s;
  g->sequence = sequence;
  g->time_ns = time;
  return (uint64_t)(out - start);
}
