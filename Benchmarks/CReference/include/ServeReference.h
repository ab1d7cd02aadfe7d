// What the feature server is compared with, and what asks it: a bare hiredis loop that reads the same rows, and a load of requests that keeps to its
// schedule whatever the server does.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Reads `count` times `entity_count` rows, HMGET of `field_count` fields each, one request after the other. Returns the bytes of all values, or -1.
int64_t serve_reference_read(const char *socket_path, const char *const *fields, int32_t field_count, int32_t entity_count,
                             int32_t key_count, int64_t count);

// Sends `count` of the `request_count` requests over `connection_count` connections to a port of this machine, `per_second` of them per second
// (0: as fast as answers come). Each latency, in ns, counts from the moment at which the request was to be sent, not from when a connection was
// free. Returns the wall time in ns, or -1 where an answer is not 200 or a connection breaks.
int64_t serve_reference_load(int32_t port, int32_t connection_count, const uint8_t *const *requests, const size_t *request_lengths,
                             int32_t request_count, int64_t count, double per_second, int64_t *latencies);

// Binds the calling thread, and those that it starts from now on, to one processor; -1 for all that there are. Returns 0, or -1.
int32_t serve_reference_bind(int32_t processor);
