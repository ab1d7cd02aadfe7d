// References in C that the benchmarks measure against.
#pragma once

#include <stdint.h>

#include "KafkaReference.h"
#include "RedisReference.h"
#include "ServeReference.h"

/// Takes 5 of the 12 fields of one flat click of `ParseBenchmark`, whose keys and their order it knows, byte by byte; gives a sum of them.
uint64_t creference_parse_click(const uint8_t *record);

/// A hard-coded generator of the flat 12-field click of `GenerateBenchmark`: the same bytes in shape, the same distribution of each field.
typedef struct creference_generator creference_generator;

creference_generator *creference_generator_new(uint64_t seed, int64_t start_milliseconds, double per_second);
void creference_generator_free(creference_generator *generator);
/// Writes `count` lines of at most 400 bytes each; gives the number of bytes.
uint64_t creference_generate_clicks(creference_generator *generator, uint8_t *out, uint32_t count);
