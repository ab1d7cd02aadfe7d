// The partition is computed outside of librdkafka, as KafkaSink does; settings are KafkaSink's and KafkaSource's.
#include "KafkaReference.h"
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

static rd_kafka_t *new_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, const struct kafka_setting *settings, size_t count) {
  char text[512];
  for (size_t i = 0; i < count; i++)
    if (rd_kafka_conf_set(conf, settings[i].name, settings[i].value, text, sizeof text) != RD_KAFKA_CONF_OK) return NULL;
  rd_kafka_conf_set(conf, "log_level", "0", text, sizeof text);
  return rd_kafka_new(type, conf, text, sizeof text);
}

// Kafka's murmur2, positive.
static uint32_t murmur2(const uint8_t *data, size_t count) {
  const uint32_t m = 0x5bd1e995;
  uint32_t hash = 0x9747b28c ^ (uint32_t)count;
  size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    uint32_t k;
    memcpy(&k, data + i, 4);
    k *= m;
    k ^= k >> 24;
    k *= m;
    hash = hash * m ^ k;
  }
  switch (count & 3) {
  case 3: hash ^= (uint32_t)data[i + 2] << 16; // fall through
  case 2: hash ^= (uint32_t)data[i + 1] << 8;  // fall through
  case 1: hash ^= data[i]; hash *= m;
  }
  hash ^= hash >> 13;
  hash *= m;
  return (hash ^ hash >> 15) & 0x7fffffff;
}

static void delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
  (void)client;
  if (!message->err) ++*(int64_t *)opaque;
}

int64_t kafka_reference_produce(const char *topic_name, const struct kafka_setting *settings, size_t setting_count,
                                const uint8_t *values, size_t value_count, const uint8_t *keys, size_t key_count, size_t chunk_count,
                                int64_t count, int32_t partition_count) {
  int64_t delivered_count = 0;
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  rd_kafka_conf_set_dr_msg_cb(conf, delivered);
  rd_kafka_conf_set_opaque(conf, &delivered_count);
  rd_kafka_t *client = new_client(RD_KAFKA_PRODUCER, conf, settings, setting_count);
  if (!client) return -1;
  rd_kafka_topic_t *topic = rd_kafka_topic_new(client, topic_name, NULL);
  rd_kafka_message_t *messages = calloc(chunk_count, sizeof *messages);
  int64_t sent = 0;
  while (sent < count) {
    for (size_t i = 0; i < chunk_count; i++) {
      messages[i].err = 0;
      messages[i].payload = (void *)(values + i * value_count);
      messages[i].len = value_count;
      messages[i].key = (void *)(keys + i * key_count);
      messages[i].key_len = key_count;
      messages[i].partition = (int32_t)(murmur2(keys + i * key_count, key_count) % (uint32_t)partition_count);
    }
    int taken = rd_kafka_produce_batch(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_PARTITION | RD_KAFKA_MSG_F_COPY, messages, (int)chunk_count);
    rd_kafka_poll(client, 0);
    for (size_t i = 0; taken < (int)chunk_count && i < chunk_count; i++)
      while (messages[i].err == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        rd_kafka_poll(client, 100);
        if (rd_kafka_produce_batch(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_PARTITION | RD_KAFKA_MSG_F_COPY, messages + i, 1) == 1)
          messages[i].err = 0;
      }
    sent += (int64_t)chunk_count;
  }
  rd_kafka_flush(client, 60000);
  free(messages);
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(client);
  return delivered_count;
}

struct marks {
  void (*mark)(void *);
  void *start;
};

// Nothing is fetched before the assignment, so that is where the measurement starts.
static void assigned(rd_kafka_t *client, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *partitions, void *opaque) {
  struct marks *marks = opaque;
  rd_kafka_error_t *error;
  if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    marks->mark(marks->start);
    error = rd_kafka_incremental_assign(client, partitions);
  } else {
    error = rd_kafka_incremental_unassign(client, partitions);
  }
  if (error) rd_kafka_error_destroy(error);
}

int64_t kafka_reference_consume(const char *topic_name, const struct kafka_setting *settings, size_t setting_count, int64_t count,
                                void (*mark)(void *), void *start, void *end) {
  struct marks marks = {mark, start};
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  rd_kafka_conf_set_opaque(conf, &marks);
  rd_kafka_conf_set_rebalance_cb(conf, assigned);
  rd_kafka_t *client = new_client(RD_KAFKA_CONSUMER, conf, settings, setting_count);
  if (!client) return -1;
  rd_kafka_poll_set_consumer(client);
  rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(topics, topic_name, RD_KAFKA_PARTITION_UA);
  rd_kafka_subscribe(client, topics);
  rd_kafka_topic_partition_list_destroy(topics);
  rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(client);
  rd_kafka_message_t *messages[1024];
  int64_t received = 0, byte_count = 0;
  while (received < count) {
    ssize_t n = rd_kafka_consume_batch_queue(queue, 0, messages, 1024);
    if (n <= 0 && (messages[0] = rd_kafka_consume_queue(queue, 100))) n = 1;
    for (ssize_t i = 0; i < n; i++) {
      if (!messages[i]->err) {
        received++;
        byte_count += (int64_t)messages[i]->len;
      }
      rd_kafka_message_destroy(messages[i]);
    }
  }
  mark(end);
  rd_kafka_queue_destroy(queue);
  rd_kafka_consumer_close(client);
  rd_kafka_destroy(client);
  return byte_count;
}
