// The fastest plain loop over a click whose layout is known: skips the keys by their lengths, ends values at a quote or a comma, checks nothing.

#include "CReference.h"

static const uint8_t *skip_string(const uint8_t *p) {
  while (*p != '"') p++;
  return p + 1;
}

static const uint8_t *skip_number(const uint8_t *p) {
  while (*p != ',' && *p != '}') p++;
  return p;
}

/// A string of the record, as a column would hold it.
struct slice {
  const uint8_t *start;
  uint64_t count;
};

uint64_t creference_parse_click(const uint8_t *p) {
  struct slice user, event, product;
  uint64_t time = 0, cents = 0;
  p = skip_string(p + sizeof("{\"event_id\":\"") - 1);
  for (p += sizeof(",\"ts\":") - 1; *p != ','; p++) time = time * 10 + (*p - '0');
  user.start = p += sizeof(",\"userId\":\"") - 1;
  p = skip_string(p);
  user.count = (uint64_t)(p - 1 - user.start);
  p = skip_string(p + sizeof(",\"session_id\":\"") - 1);
  event.start = p += sizeof(",\"event\":\"") - 1;
  p = skip_string(p);
  event.count = (uint64_t)(p - 1 - event.start);
  product.start = p += sizeof(",\"product_id\":\"") - 1;
  p = skip_string(p);
  product.count = (uint64_t)(p - 1 - product.start);
  for (p += sizeof(",\"price\":") - 1; *p != ','; p++)
    if (*p != '.') cents = cents * 10 + (*p - '0');
  p = skip_number(p + sizeof(",\"quantity\":") - 1);
  p = skip_string(p + sizeof(",\"country\":\"") - 1);
  p = skip_string(p + sizeof(",\"device\":\"") - 1);
  p = skip_string(p + sizeof(",\"url\":\"") - 1);
  p = skip_number(p + sizeof(",\"logged_in\":") - 1);
  double price = (double)cents / 100;
  return time + user.count + event.count + product.count + (uint64_t)price + (uint64_t)(*p == '}');
}
