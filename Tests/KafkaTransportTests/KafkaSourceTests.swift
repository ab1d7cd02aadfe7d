import Base
import Foundation
import Records
import TestSupport
import Testing

@testable import KafkaTransport

@Suite(.waiting) struct KafkaSourceTests {
  private func fill(_ cluster: TestCluster, _ count: Int) throws {
    let sink = try KafkaSink(cluster.address)
    try sink.write(RecordBatch((0..<count).map { TestRecord(key: "k\($0)", value: "\($0)") }))
    try sink.finish(timeoutMilliseconds: 30_000)
    #expect(sink.delivery.delivered == Int64(count))
  }

  @Test func `a group resumes where it committed`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    try fill(cluster, 100)
    let first = try Reader(cluster, group: "g")
    try first.poll { first.records.count >= 100 }
    #expect(first.source.lag(of: 0) == 0)
    try first.source.commit([PartitionOffset(partition: 0, offset: 40)], waits: true)
    #expect(try first.source.committedOffset(of: 0) == 40)
    try first.source.commit([PartitionOffset(partition: 0, offset: 60)], waits: false)
    let end = Date().addingTimeInterval(30)
    while try first.source.committedOffset(of: 0) != 60, Date() < end { try first.poll() }
    try first.source.close()

    let second = try Reader(cluster, group: "g")
    try second.poll { second.records.count >= 40 }
    #expect(second.records.first?.offset == 60)
    #expect(second.source.commitFailures.count == 0)
    try second.source.close()
  }

  @Test func `explicit positions win over committed ones`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    try fill(cluster, 100)
    let reader = try Reader(cluster, group: "g")
    reader.startPositions = [PartitionOffset(partition: 0, offset: 90)]
    try reader.poll { reader.records.count >= 10 }
    #expect(reader.records.map(\.offset) == Array(90..<100))
    #expect(throws: Failure.self) { try reader.source.start([5], at: []) }
    #expect(throws: Failure.self) { try reader.source.commit([PartitionOffset(partition: 5, offset: 0)], waits: true) }
  }

  @Test func `a partition that is being read goes on elsewhere, where it is told to`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    try fill(cluster, 100)
    let reader = try Reader(cluster, group: "g")
    try reader.poll { reader.records.count >= 100 }
    try reader.source.start([0], at: [])
    try reader.source.start([0], at: [PartitionOffset(partition: 0, offset: 70)])
    try reader.poll { reader.records.count >= 130 }
    try reader.source.start([0], at: [PartitionOffset(partition: 0, offset: PartitionOffset.reset)])
    try reader.poll { reader.records.count >= 230 }
    #expect(reader.records.map(\.offset) == Array(0..<100) + Array(70..<100) + Array(0..<100))
    try reader.source.close()
  }

  @Test func `what was assigned while the source was paused begins where it is told to later`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    try fill(cluster, 100)
    for round in 0..<3 {
      let reader = try Reader(cluster, group: "g\(round)")
      try reader.source.setPaused(true)
      try reader.poll { !reader.events.isEmpty }
      // At once, after some time, and after the first fetch was on its way.
      if round == 1 { for _ in 0..<10 { try reader.poll(20) } }
      try reader.source.setPaused(false)
      if round == 2 { try reader.poll { reader.records.count >= 100 } }
      let before = reader.records.count
      try reader.source.start([0], at: [PartitionOffset(partition: 0, offset: 70)])
      try reader.poll { reader.records.count >= before + 30 }
      #expect(reader.records.dropFirst(before).map(\.offset) == Array(70..<100), "round \(round)")
      try reader.source.close()
    }
  }

  @Test(arguments: [("earliest", 0 as Offset), ("latest", 100)])
  func `the reset decides where nobody has read, whatever the group has committed`(reset: String, first: Offset) throws {
    let cluster = try TestCluster(partitionCount: 1)
    try fill(cluster, 100)
    let before = try Reader(cluster, group: "g")
    try before.poll { before.records.count >= 100 }
    try before.source.commit([PartitionOffset(partition: 0, offset: 60)], waits: true)
    try before.source.close()
    let reader = try Reader(cluster, group: "g", properties: [(name: "auto.offset.reset", value: reset)])
    reader.startPositions = [PartitionOffset(partition: 0, offset: PartitionOffset.reset)]
    try reader.poll { !reader.events.isEmpty }
    // The end is looked for when reading begins, which is some time after it was asked for.
    for _ in 0..<10 { try reader.poll() }
    try fill(cluster, 10)
    try reader.poll { reader.records.count >= 10 }
    #expect(reader.records.first?.offset == first)
    try reader.source.close()
  }

  @Test func `a source that is paused brings nothing, answers rebalances, and goes on where it was`() throws {
    let cluster = try TestCluster(partitionCount: 2)
    try fill(cluster, 100)
    let reader = try Reader(cluster, group: "g")
    try reader.poll { reader.records.count >= 100 }
    try reader.source.setPaused(true)
    try fill(cluster, 100)
    let second = try Reader(cluster, group: "g")
    try second.source.setPaused(true)
    let end = Date().addingTimeInterval(60)
    while second.source.assignedPartitions.isEmpty || reader.source.assignedPartitions.count != 1, Date() < end {
      try reader.poll(20)
      try second.poll(20)
    }
    for _ in 0..<20 {
      try reader.poll(20)
      try second.poll(20)
    }
    #expect(reader.records.count == 100 && second.records.isEmpty)
    try reader.source.setPaused(false)
    try second.source.setPaused(false)
    while Set((reader.records + second.records).map { [Int64($0.partition), $0.offset] }).count < 200, Date() < end {
      try reader.poll(20)
      try second.poll(20)
    }
    let own = reader.records.filter { reader.source.assignedPartitions.contains($0.partition) }
    #expect(Set(own.map(\.offset)).count == own.count, "nothing comes twice")
    #expect(Set((reader.records + second.records).map { [Int64($0.partition), $0.offset] }).count == 200)
    try reader.source.close()
    try second.source.close()
  }

  @Test func `is silent when the broker says that nothing lies ahead, and not when it says nothing`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    try fill(cluster, 100)
    let reader = try Reader(cluster, group: "g")
    #expect(!reader.source.isSilent(0), "not ours yet")
    try reader.poll { reader.records.count >= 100 }
    #expect(reader.source.isSilent(0))
    try fill(cluster, 1)
    try reader.poll { reader.records.count >= 101 }
    #expect(!reader.source.isSilent(0), "an answer that is older than the last record is none")
    try reader.poll { reader.source.isSilent(0) }
    try reader.source.setPaused(true)
    #expect(!reader.source.isSilent(0))
    try reader.source.close()
  }

  @Test func `a partition that was read to its end is not silent where it is begun again`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    try fill(cluster, 100)
    let reader = try Reader(cluster, group: "again")
    try reader.poll { reader.records.count >= 100 && reader.source.endsReached[0] == 100 }
    try reader.source.start([0], at: [PartitionOffset(partition: 0, offset: 0)])
    #expect(!reader.source.isSilent(0), "a hundred records lie ahead")
    try reader.poll { reader.records.count >= 200 }
    try reader.poll { reader.source.isSilent(0) }
    try reader.source.close()
  }

  @Test(arguments: ["cooperative-sticky", "range"])
  func `whatever is paused, resumed and begun again, every partition goes on from where it was told to`(assignor: String) throws {
    let cluster = try TestCluster(partitionCount: 4)
    try fill(cluster, 4000)
    let reader = try Reader(cluster, group: "again-\(assignor)", properties: [("partition.assignment.strategy", assignor)])
    try reader.poll { reader.records.count >= 4000 }
    var random = Random(seed: 1, 0, 0)
    for round in 0..<60 {
      let firstRecord = reader.records.count
      if random.below(2) == 0 {
        try reader.source.setPaused(true)
        for _ in 0..<random.below(4) { try reader.poll(20) }
        try reader.source.setPaused(false)
      }
      var wanted: [PartitionIndex: Offset] = [:]
      for partition: PartitionIndex in 0..<4 where random.below(2) == 0 {
        let offset = Offset(random.below(500))
        wanted[partition] = offset
        try reader.source.start([partition], at: [PartitionOffset(partition: partition, offset: offset)])
        if random.below(4) == 0 { try reader.source.setPaused(true) }
        if random.below(4) == 0 { try reader.poll(1) }
        try reader.source.setPaused(false)
      }
      let end = Date().addingTimeInterval(30)
      var seenCount = firstRecord
      while !wanted.isEmpty, Date() < end {
        for record in reader.records[seenCount...] where wanted[record.partition] == record.offset {
          wanted[record.partition] = nil
        }
        seenCount = reader.records.count
        try reader.poll(50)
      }
      try #require(wanted.isEmpty, "round \(round)")
    }
    try reader.source.close()
  }

  @Test(arguments: ["cooperative-sticky", "range"])
  func `partitions move to a second member only after the first was told`(assignor: String) throws {
    let cluster = try TestCluster(partitionCount: 4)
    try fill(cluster, 400)
    let properties = [(name: "partition.assignment.strategy", value: assignor), (name: "session.timeout.ms", value: "6000")]
    let first = try Reader(cluster, group: "g", properties: properties)
    try first.poll { first.records.count >= 400 }
    #expect(first.events == [.assigned([0, 1, 2, 3])])
    let second = try Reader(cluster, group: "g", properties: properties)
    let end = Date().addingTimeInterval(60)
    while first.source.assignedPartitions.count != 2 || second.source.assignedPartitions.count != 2, Date() < end {
      if case .revoked(let partitions) = try first.poll(20), assignor != "range" {
        // Still ours: what was read can be committed until the next poll. (With an eager assignor the embedded broker, unlike Kafka,
        // refuses commits while the group rebalances.)
        try first.source.commit(partitions.map { PartitionOffset(partition: $0, offset: 50) }, waits: true)
      }
      try second.poll(20)
    }
    #expect(first.source.assignedPartitions.union(second.source.assignedPartitions) == [0, 1, 2, 3])
    guard case .revoked(let partitions) = first.events[1] else {
      Issue.record("expected a revocation, found \(first.events)")
      return
    }
    #expect(partitions.count == (assignor == "range" ? 4 : 2))
    try second.poll { !second.records.isEmpty }
    if assignor != "range" { #expect(second.records.allSatisfy { $0.offset >= 50 }) }

    // A member that leaves gives its partitions back.
    try second.source.close()
    try first.poll { first.source.assignedPartitions.count == 4 }
    try first.source.close()
  }

  @Test func `a source that never started its partitions closes`() throws {
    let cluster = try TestCluster(partitionCount: 2)
    let source = try KafkaSource(cluster.address, group: "g")
    #expect(try source.partitionCount() == 2)
    let batch = RecordBatch()
    let end = Date().addingTimeInterval(30)
    while Date() < end {
      if case .assigned = try source.poll(into: batch, maximumCount: 10, timeoutMilliseconds: 100) { break }
    }
    #expect(source.assignedPartitions == [0, 1])
    try source.close()
  }

  @Test(.enabled(if: !TestCluster.isExternal))
  func `a broker that goes down and comes back costs no record`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    try fill(cluster, 10)
    let reader = try Reader(cluster, group: "g")
    try reader.poll { reader.records.count >= 10 }
    try cluster.tell("down")
    try reader.poll(200)
    try cluster.tell("up")
    try fill(cluster, 10)
    try reader.poll { reader.records.count >= 20 }
    #expect(reader.records.map(\.offset) == Array(0..<20))
  }
}
