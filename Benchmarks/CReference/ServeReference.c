// See the header. The load is one thread over epoll: a request that is due waits for a free connection, and its latency with it.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "ServeReference.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#include <sys/epoll.h>
#endif

int64_t serve_reference_read(const char *socket_path, const char *const *fields, int32_t field_count, int32_t entity_count,
                             int32_t key_count, int64_t count) {
  redisContext *context = redisConnectUnix(socket_path);
  if (!context || context->err) return -1;
  const char **arguments = malloc(sizeof(char *) * (size_t)(field_count + 2));
  size_t *lengths = malloc(sizeof(size_t) * (size_t)(field_count + 2));
  char key[64];
  arguments[0] = "HMGET";
  lengths[0] = 5;
  arguments[1] = key;
  for (int32_t i = 0; i < field_count; i++) {
    arguments[i + 2] = fields[i];
    lengths[i + 2] = strlen(fields[i]);
  }
  int64_t bytes = 0, at = 0;
  for (int64_t request = 0; request < count && bytes >= 0; request++) {
    for (int32_t entity = 0; entity < entity_count; entity++, at++) {
      lengths[1] = (size_t)snprintf(key, sizeof key, "fv:activity:user-%lld", (long long)(at * 7919 % key_count));
      redisAppendCommandArgv(context, field_count + 2, arguments, lengths);
    }
    for (int32_t entity = 0; entity < entity_count; entity++) {
      redisReply *reply;
      if (redisGetReply(context, (void **)&reply) != REDIS_OK) return -1;
      for (size_t i = 0; i < reply->elements; i++) bytes += (int64_t)reply->element[i]->len;
      freeReplyObject(reply);
    }
  }
  free(arguments);
  free(lengths);
  redisFree(context);
  return bytes;
}

#ifdef __linux__

static int64_t now_nanoseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

typedef struct {
  int descriptor;
  // The request that is being answered, or -1.
  int64_t request;
  size_t sent;
  size_t received, capacity, head, length;
  char *buffer;
} connection;

static int open_connection(connection *c, int32_t port) {
  c->descriptor = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(c->descriptor, (struct sockaddr *)&address, sizeof address) != 0) return -1;
  int one = 1;
  setsockopt(c->descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(c->descriptor, F_SETFL, O_NONBLOCK);
  c->request = -1;
  c->capacity = 1 << 20;
  c->buffer = malloc(c->capacity);
  return 0;
}

// 1: the answer is whole; 0: more is to come; -1: it is not 200, or the connection broke.
static int receive(connection *c) {
  for (;;) {
    if (c->capacity - c->received < 4096) c->buffer = realloc(c->buffer, c->capacity *= 2);
    ssize_t count = recv(c->descriptor, c->buffer + c->received, c->capacity - c->received - 1, 0);
    if (count < 0 && errno == EAGAIN) return 0;
    if (count <= 0) return -1;
    c->received += (size_t)count;
    c->buffer[c->received] = 0;
    if (c->head == 0) {
      char *end = strstr(c->buffer, "\r\n\r\n");
      if (!end) continue;
      if (strncmp(c->buffer, "HTTP/1.1 200", 12) != 0) return -1;
      char *length = strcasestr(c->buffer, "content-length:");
      if (!length || length > end) return -1;
      c->head = (size_t)(end + 4 - c->buffer);
      c->length = (size_t)strtoull(length + 15, NULL, 10);
    }
    if (c->received >= c->head + c->length) return 1;
  }
}

int64_t serve_reference_load(int32_t port, int32_t connection_count, const uint8_t *const *requests, const size_t *request_lengths,
                             int32_t request_count, int64_t count, double per_second, int64_t *latencies) {
  connection *connections = calloc((size_t)connection_count, sizeof(connection));
  int32_t *idle = malloc(sizeof(int32_t) * (size_t)connection_count);
  int32_t idle_count = 0;
  int poll = epoll_create1(0);
  for (int32_t i = 0; i < connection_count; i++) {
    if (open_connection(&connections[i], port) != 0) return -1;
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
    epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].descriptor, &event);
    idle[idle_count++] = i;
  }
  int64_t start = now_nanoseconds(), next = 0, done = 0;
  int failed = 0;
  while (done < count && !failed) {
    int64_t now = now_nanoseconds();
    while (next < count && idle_count > 0 && !failed) {
      int64_t due = per_second > 0 ? start + (int64_t)((double)next * 1e9 / per_second) : now;
      if (due > now) break;
      connection *c = &connections[idle[--idle_count]];
      // What it was to be sent at: kept where its latency will be.
      latencies[next] = due;
      c->request = next;
      c->received = c->head = c->length = 0;
      size_t length = request_lengths[next % request_count];
      for (size_t sent = 0; sent < length;) {
        ssize_t written = send(c->descriptor, requests[next % request_count] + sent, length - sent, MSG_NOSIGNAL);
        if (written < 0 && errno == EAGAIN) continue;
        if (written <= 0) {
          failed = 1;
          break;
        }
        sent += (size_t)written;
      }
      next++;
    }
    struct epoll_event events[64];
    struct timespec patience = {.tv_sec = 1, .tv_nsec = 0};
    if (next < count && idle_count > 0) {
      int64_t wait = start + (int64_t)((double)next * 1e9 / per_second) - now_nanoseconds();
      if (wait < 0) wait = 0;
      patience.tv_sec = wait / 1000000000;
      patience.tv_nsec = wait % 1000000000;
    }
    int ready = epoll_pwait2(poll, events, 64, &patience, NULL);
    for (int i = 0; i < ready; i++) {
      int32_t index = (int32_t)events[i].data.u32;
      int state = receive(&connections[index]);
      if (state < 0) failed = 1;
      if (state <= 0 || connections[index].request < 0) continue;
      latencies[connections[index].request] = now_nanoseconds() - latencies[connections[index].request];
      connections[index].request = -1;
      idle[idle_count++] = index;
      done++;
    }
  }
  int64_t took = now_nanoseconds() - start;
  for (int32_t i = 0; i < connection_count; i++) {
    close(connections[i].descriptor);
    free(connections[i].buffer);
  }
  close(poll);
  free(idle);
  free(connections);
  return failed ? -1 : took;
}

int32_t serve_reference_bind(int32_t processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int32_t i = 0; i < CPU_SETSIZE; i++)
    if (processor < 0 || i == processor) CPU_SET(i, &set);
  return sched_setaffinity(0, sizeof set, &set);
}

#else

int64_t serve_reference_load(int32_t port, int32_t connection_count, const uint8_t *const *requests, const size_t *request_lengths,
                             int32_t request_count, int64_t count, double per_second, int64_t *latencies) {
  return -1;
}

int32_t serve_reference_bind(int32_t processor) { return -1; }

#endif
