// The C side of `RedisStore`: the synchronous hiredis client.
#pragma once
#include <sys/time.h>
#include <hiredis/hiredis.h>
