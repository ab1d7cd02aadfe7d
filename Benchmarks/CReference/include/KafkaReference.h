// Bare loops over librdkafka: what reading and writing cost with nothing around them.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct kafka_setting {
  const char *name;
  const char *value;
};

// Produces `count` records, `chunk_count` different ones over and over. Returns how many were delivered, or -1.
int64_t kafka_reference_produce(const char *topic, const struct kafka_setting *settings, size_t setting_count, const uint8_t *values,
                                size_t value_count, const uint8_t *keys, size_t key_count, size_t chunk_count, int64_t count,
                                int32_t partition_count);

// Joins a group and reads `count` records. Calls `mark` with `start` when it has its partitions, with `end` after the last record. Returns the
// bytes read, or -1.
int64_t kafka_reference_consume(const char *topic, const struct kafka_setting *settings, size_t setting_count, int64_t count,
                                void (*mark)(void *), void *start, void *end);
