// The C side of `KafkaTransport`: librdkafka and its mock cluster.
#pragma once
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
