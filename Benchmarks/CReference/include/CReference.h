// References in C that the benchmarks measure against.
#pragma once

#include <stdint.h>

#include "KafkaReference.h"
#include "RedisReference.h"

/// Takes 5 of the 12 fields of one flat click of `ParseBenchmark`, whose keys and their order it knows, byte by byte; gives a sum of them.
uint64_t creference_parse_click(const uint8_t *record);
