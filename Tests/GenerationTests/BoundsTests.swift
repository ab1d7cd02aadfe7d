// Records of schemas that nobody wrote: whatever the fields are, a record stays within the bytes that its plan has reserved, is sound in its
// format, and comes out the same however it is batched.

import Base
import Foundation
import Records
import Schema
import Testing

@testable import Generation

@Suite struct BoundsTests {
  static let formats = RecordFormat.allCases
  static let seeds = 0..<12

  private static func plan(_ seed: Int, _ format: RecordFormat) throws -> GenerationPlan {
    var schemas = AwkwardSchemas(seed: UInt64(seed))
    return try GenerationPlan(schemas.schema(format, seed: UInt64(seed)))
  }

  /// Writes each ticket into memory of exactly the promised size, with a pattern behind it.
  @Test(arguments: formats, seeds) func `a record never writes past its bound`(format: RecordFormat, seed: Int) throws {
    let plan = try Self.plan(seed, format)
    let stream = TicketStream(plan, GenerationSettings(startMilliseconds: Generating.start))
    let tickets = TicketBuffer(rowCount: plan.layout.count, capacity: 256)
    let texts = UnsafeMutablePointer<UInt8>.allocate(capacity: 128)
    texts.initialize(repeating: 48, count: 128)
    let stack = UnsafeMutablePointer<UInt64>.allocate(capacity: EventContext.stackDepth + 1)
    stack.initialize(repeating: 0, count: EventContext.stackDepth + 1)
    stack[EventContext.stackDepth] = 0x5a5a
    defer {
      texts.deallocate()
      stack.deallocate()
    }
    var context = EventContext(
      normals: .shared, timeText: texts, sentText: texts + 64, scratchRow: plan.layout.scratch, stack: stack, keyStart: texts,
      dataStart: texts, keyText: texts + 96)
    context.sentMilliseconds = Generating.start
    for _ in 0..<4 {
      stream.fill(tickets, maximumCount: 256, before: .max)
      for index in 0..<tickets.count {
        let ticket = tickets.ticket(index)
        let program = plan.programs + Int(ticket.pointee.program)
        let bound = program.pointee.maximumByteCount
        let bytes = UnsafeMutableRawPointer.allocate(byteCount: bound + 256, alignment: 1).assumingMemoryBound(to: UInt8.self)
        defer { bytes.deallocate() }
        for place in bound..<(bound + 256) { bytes[place] = 0xa5 }
        let end = EventWriter.write(program.pointee.ops, ticket, to: bytes, &context)
        #expect(end - bytes <= bound - 64, "\(format) \(seed): \(end - bytes) of \(bound) bytes")
        #expect((bound..<(bound + 256)).allSatisfy { bytes[$0] == 0xa5 }, "\(format) \(seed)")
      }
    }
    #expect(stack[EventContext.stackDepth] == 0x5a5a)
  }

  @Test(arguments: formats, seeds) func `the bytes and keys are the same however they are batched`(format: RecordFormat, seed: Int)
    throws
  {
    func records(_ batchSize: Int, _ byteCapacity: Int) throws -> [[UInt8]] {
      let generator = Generator(try Self.plan(seed, format), GenerationSettings(startMilliseconds: Generating.start))
      let batch = RecordBatch(slotCapacity: batchSize, byteCapacity: byteCapacity)
      var records: [[UInt8]] = []
      while records.count < 600 {
        generator.fill(batch, maximumCount: min(batchSize, 600 - records.count), before: .max)
        for index in 0..<batch.count {
          records.append(Array(batch.value(index)) + [0xfe] + (batch.key(index).map { Array($0) } ?? [0xff]))
        }
      }
      return records
    }
    let whole = try records(600, 1 << 20)
    for (batchSize, byteCapacity) in [(1, 64), (7, 200), (256, 64)] { #expect(try records(batchSize, byteCapacity) == whole) }
  }

  @Test(arguments: seeds) func `every record is an object of JSON with the fields that are never left out, and its own key`(
    seed: Int
  ) throws {
    let plan = try Self.plan(seed + 100, .json)
    let generator = Generator(plan, GenerationSettings(startMilliseconds: Generating.start))
    let batch = RecordBatch(slotCapacity: 512, byteCapacity: 64)
    generator.fill(batch, maximumCount: 512, before: .max)
    for index in 0..<batch.count {
      let value = batch.value(index)
      #expect(!value.contains(10))
      let object = try #require(
        try? JSONSerialization.jsonObject(with: Data(buffer: value)) as? [String: Any],
        "seed \(seed): \(String(decoding: value, as: UTF8.self))")
      let event = plan.schema.events[Int(batch.slots[index].event)]
      let isFaulty = !batch.slots[index].marks.isDisjoint(with: [.missing, .wrongType])
      if !isFaulty { for field in event.fields where field.optional == 0 { #expect(object[field.name] != nil) } }
      for name in object.keys { #expect(event.fields.contains { $0.name == name }) }
      let key = at(object, "identity.key").flatMap { $0 is NSNull ? nil : "\($0)" }
      #expect(batch.key(index).map { String(decoding: $0, as: UTF8.self) } == key)
    }
  }
}
