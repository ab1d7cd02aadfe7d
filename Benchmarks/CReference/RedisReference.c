// Commands are formatted by hiredis; the expiry is a command of its own.
#include "RedisReference.h"
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

int64_t redis_reference_write(const char *socket_path, int64_t count, int64_t key_count) {
  redisContext *context = redisConnectUnix(socket_path);
  if (!context || context->err) return -1;
  int64_t good = 0;
  char key[64], views[24], mean[32], stamp[24];
  for (int64_t done = 0; done < count;) {
    int64_t chunk = count - done < 500 ? count - done : 500;
    for (int64_t i = 0; i < chunk; i++, done++) {
      snprintf(key, sizeof key, "fv:activity:user-%lld", (long long)(done % key_count));
      snprintf(views, sizeof views, "%lld", (long long)done);
      snprintf(mean, sizeof mean, "%.17g", (double)done / 7);
      snprintf(stamp, sizeof stamp, "%lld", 1700000000000LL + (long long)done);
      const char *set[] = {"HSET", key, "views", views, "mean", mean, "page", "/products/17", "_as_of", stamp, "_last_event", stamp, "_written_at", stamp};
      const char *expire[] = {"PEXPIRE", key, "600000"};
      redisAppendCommandArgv(context, 14, set, NULL);
      redisAppendCommandArgv(context, 3, expire, NULL);
    }
    for (int64_t i = 0; i < 2 * chunk; i++) {
      redisReply *reply;
      if (redisGetReply(context, (void **)&reply) != REDIS_OK) return -1;
      if (reply->type != REDIS_REPLY_ERROR) good++;
      freeReplyObject(reply);
    }
  }
  redisFree(context);
  return good;
}
