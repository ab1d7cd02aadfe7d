// A bare hiredis loop: HSET and PEXPIRE for each row, 500 rows on their way at once.
#pragma once
#include <stdint.h>

// Writes `count` rows of three fields to `key_count` keys. Returns how many replies were not errors, or -1.
int64_t redis_reference_write(const char *socket_path, int64_t count, int64_t key_count);
