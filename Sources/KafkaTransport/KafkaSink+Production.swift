// From a batch to librdkafka: runs of plain records in one call per topic, the others one by one, in the order of the batch.

import Base
import CRdkafka
import Records

extension KafkaSink {
  /// Produces the records from `first` on that can go together, and returns how many they were.
  func produceRun(_ batch: RecordBatch, from first: Int, _ client: KafkaHandle) throws -> Int {
    let limit = min(chunkCapacity, batch.count - first)
    let slots = batch.slots + first
    let isOneByOne = isOneByOne(slots[0])
    var count = 1
    while count < limit, self.isOneByOne(slots[count]) == isOneByOne { count += 1 }
    if isOneByOne {
      try produceOneByOne(batch, from: first, count: count, client)
    } else if routeOfEvent.isEmpty {
      try produceTogether(batch, from: first, count: count, client)
    } else {
      try produceByTopic(batch, from: first, count: count, client)
    }
    return count
  }

  @inline(__always)
  private func route(of slot: RecordSlot) -> Int {
    guard !routeOfEvent.isEmpty else { return 0 }
    precondition(Int(slot.event) < routeOfEvent.count, "each event has its topic")
    return routeOfEvent[Int(slot.event)]
  }

  @inline(__always)
  private func isOneByOne(_ slot: RecordSlot) -> Bool {
    routes[route(of: slot)].isOneByOne || !slot.marks.isDisjoint(with: RecordHeaders.labels)
  }

  /// Hands `count` records of the only topic over in one call; librdkafka copies them.
  private func produceTogether(_ batch: RecordBatch, from first: Int, count: Int, _ client: KafkaHandle) throws {
    let base = batch.bytes.base
    let slots = batch.slots + first
    let unkeyed = nextUnkeyedPartition(ofRoute: 0)
    let partitionCount = routes[0].partitionCount
    var byteCount: Int64 = 0
    for index in 0..<count {
      fill(messages + index, slots[index], base, partitionCount, unkeyed)
      byteCount &+= Int64(messages[index].len)
    }
    try waitForRoom(recordCount: Int64(count), byteCount: byteCount, client)
    try handOver(messages, count: count, byteCount: byteCount, routes[0].topic, client)
  }

  /// Sorts `count` records by topic, each topic's in their order, and hands them over in one call per topic.
  private func produceByTopic(_ batch: RecordBatch, from first: Int, count: Int, _ client: KafkaHandle) throws {
    let base = batch.bytes.base
    let slots = batch.slots + first
    var totalByteCount: Int64 = 0
    // Where the next message of each route is put.
    var cursors = [Int](repeating: 0, count: routes.count + 1)
    for index in 0..<count { cursors[route(of: slots[index]) + 1] += 1 }
    for index in 0..<routes.count { cursors[index + 1] += cursors[index] }
    let starts = cursors
    let unkeyed = routes.indices.map { starts[$0] == starts[$0 + 1] ? 0 : nextUnkeyedPartition(ofRoute: $0) }
    for index in 0..<count {
      let route = route(of: slots[index])
      let message = messages + cursors[route]
      cursors[route] += 1
      fill(message, slots[index], base, routes[route].partitionCount, unkeyed[route])
      totalByteCount &+= Int64(message.pointee.len)
    }
    try waitForRoom(recordCount: Int64(count), byteCount: totalByteCount, client)
    for route in routes.indices where starts[route] < starts[route + 1] {
      var byteCount: Int64 = 0
      for index in starts[route]..<starts[route + 1] { byteCount &+= Int64(messages[index].len) }
      try handOver(
        messages + starts[route], count: starts[route + 1] - starts[route], byteCount: byteCount, routes[route].topic, client)
    }
  }

  private func handOver(
    _ messages: UnsafeMutablePointer<rd_kafka_message_t>, count: Int, byteCount: Int64, _ topic: OpaquePointer,
    _ client: KafkaHandle
  ) throws {
    let accepted = Int(
      rd_kafka_produce_batch(
        topic, RD_KAFKA_PARTITION_UA, Int32(RD_KAFKA_MSG_F_PARTITION | RD_KAFKA_MSG_F_COPY), messages, Int32(count)))
    // A refused record is not on its way: it counts as written only once it is.
    written &+= Int64(count)
    writtenByteCount &+= byteCount
    if accepted < count { try produceRefused(messages, count: count, topic, client) }
  }

  /// After a short `produce_batch`: each message says by itself whether it was taken. Those that met a full queue go again, in order.
  private func produceRefused(
    _ messages: UnsafeMutablePointer<rd_kafka_message_t>, count: Int, _ topic: OpaquePointer, _ client: KafkaHandle
  ) throws {
    for index in 0..<count where messages[index].err != RD_KAFKA_RESP_ERR_NO_ERROR {
      var wait = DeliveryPatience(reported: reportedCount)
      while messages[index].err == RD_KAFKA_RESP_ERR__QUEUE_FULL {
        rd_kafka_poll(client.pointer, 100)
        if rd_kafka_produce_batch(
          topic, RD_KAFKA_PARTITION_UA, Int32(RD_KAFKA_MSG_F_PARTITION | RD_KAFKA_MSG_F_COPY), messages + index, 1) == 1
        {
          messages[index].err = RD_KAFKA_RESP_ERR_NO_ERROR
        } else {
          try check(&wait, client)
        }
      }
      if messages[index].err != RD_KAFKA_RESP_ERR_NO_ERROR { try refuse(messages[index], topic, client) }
    }
  }

  /// `rd_kafka_produceva`, the only call that takes a timestamp and headers.
  private func produceOneByOne(_ batch: RecordBatch, from first: Int, count: Int, _ client: KafkaHandle) throws {
    let base = batch.bytes.base
    let unkeyed = routes.indices.map { nextUnkeyedPartition(ofRoute: $0) }
    let kinds = [
      RD_KAFKA_VTYPE_RKT, RD_KAFKA_VTYPE_MSGFLAGS, RD_KAFKA_VTYPE_OPAQUE, RD_KAFKA_VTYPE_PARTITION, RD_KAFKA_VTYPE_VALUE,
      RD_KAFKA_VTYPE_KEY, RD_KAFKA_VTYPE_TIMESTAMP, RD_KAFKA_VTYPE_HEADERS,
    ]
    var fields = [rd_kafka_vu_t](repeating: rd_kafka_vu_t(), count: kinds.count)
    for (index, kind) in kinds.enumerated() { fields[index].vtype = kind }
    fields[1].u.i = Int32(RD_KAFKA_MSG_F_COPY)
    fields[2].u.ptr = UnsafeMutableRawPointer(counters)
    try fields.withUnsafeMutableBufferPointer { fields in
      for index in first..<first + count {
        let slot = batch.slots[index]
        let route = routes[route(of: slot)]
        let message = messages
        fill(message, slot, base, route.partitionCount, unkeyed[self.route(of: slot)])
        fields[0].u.rkt = route.topic
        fields[3].u.i32 = message.pointee.partition
        fields[4].u.mem.ptr = message.pointee.payload
        fields[4].u.mem.size = message.pointee.len
        fields[5].u.mem.ptr = message.pointee.key
        fields[5].u.mem.size = message.pointee.key_len
        fields[6].u.i64 = route.usesEventTimestamp ? max(0, slot.timestamp) : 0
        let byteCount = Int64(message.pointee.len)
        try waitForRoom(recordCount: 1, byteCount: byteCount, client)
        let headers = try route.headers.make(slot)
        fields[7].u.headers = headers
        written &+= 1
        writtenByteCount &+= byteCount
        do {
          try produceOne(UnsafeMutableBufferPointer(rebasing: headers == nil ? fields[..<7] : fields[...]), route.topic, client)
        } catch {
          // Only a record that was taken takes its headers along.
          if let headers { rd_kafka_headers_destroy(headers) }
          guard error is Refused else { throw error }
          try refuse(message.pointee, route.topic, client)
        }
      }
    }
  }

  /// librdkafka does not take the record in `messages[0]`.
  private struct Refused: Error {}

  private func produceOne(
    _ fields: UnsafeMutableBufferPointer<rd_kafka_vu_t>, _ topic: OpaquePointer, _ client: KafkaHandle
  ) throws {
    var wait = DeliveryPatience(reported: reportedCount)
    while let error = rd_kafka_produceva(client.pointer, fields.baseAddress, fields.count) {
      messages.pointee.err = rd_kafka_error_code(error)
      rd_kafka_error_destroy(error)
      guard messages.pointee.err == RD_KAFKA_RESP_ERR__QUEUE_FULL else { throw Refused() }
      rd_kafka_poll(client.pointer, 100)
      try check(&wait, client)
    }
  }

  @inline(__always)
  private func fill(
    _ message: UnsafeMutablePointer<rd_kafka_message_t>, _ slot: RecordSlot, _ base: UnsafeMutablePointer<UInt8>,
    _ partitionCount: Int32, _ unkeyed: Int32
  ) {
    message.pointee.err = RD_KAFKA_RESP_ERR_NO_ERROR
    if slot.marks.contains(.tombstone) {
      message.pointee.payload = nil
      message.pointee.len = 0
    } else {
      message.pointee.payload = UnsafeMutableRawPointer(base + Int(slot.valueStart))
      message.pointee.len = Int(slot.valueCount)
    }
    message.pointee._private = UnsafeMutableRawPointer(counters)
    if slot.keyCount >= 0 {
      let key = base + Int(slot.keyStart)
      message.pointee.key = UnsafeMutableRawPointer(key)
      message.pointee.key_len = Int(slot.keyCount)
      message.pointee.partition = Hash.kafkaPartition(ofKey: key, count: Int(slot.keyCount), partitionCount: partitionCount)
    } else {
      message.pointee.key = nil
      message.pointee.key_len = 0
      message.pointee.partition = unkeyed
    }
  }

  private func nextUnkeyedPartition(ofRoute index: Int) -> Int32 {
    routes[index].unkeyedPartition = (routes[index].unkeyedPartition + 1) % routes[index].partitionCount
    return routes[index].unkeyedPartition
  }

  /// A record that librdkafka does not take counts as failed, and the next one goes on; a fatal error ends it all.
  private func refuse(_ message: rd_kafka_message_t, _ topic: OpaquePointer, _ client: KafkaHandle) throws {
    counters.pointee.addFailure(message.err, partition: message.partition, topic: topic)
    counters.pointee.reportedByteCount &+= Int64(message.len)
    // A transaction in which a record failed takes no more of them.
    if message.err == RD_KAFKA_RESP_ERR__STATE { transaction?.hasFailed = true }
    try client.checkFatal()
  }
}
