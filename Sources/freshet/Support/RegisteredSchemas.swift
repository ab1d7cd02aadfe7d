// The schemas of Avro records by number, from a schema registry: asked once for all workers, remembered as long as the program runs. A number that
// the registry does not know is asked for again later, because schemas come; how often is bounded, because garbage has numbers, too.

import Base
import Codec
import HTTPTransport
import Synchronization

final class RegisteredSchemas: Sendable {
  private struct Memory {
    let client: SchemaRegistry
    var known: [Int32: AvroSchemaTexts] = [:]
    /// When a number was last found unknown, by the monotonic clock in ns.
    var unknown: [Int32: UInt64] = [:]
    /// Questions about unknown numbers since `periodStart`.
    var missCount = 0
    var periodStart: UInt64 = 0
  }

  /// How long a number stays unknown without another question, and how many questions there are in that time.
  static let patienceNanoseconds: UInt64 = 10_000_000_000
  static let missCountMax = 50
  private static let rememberedCountMax = 10_000

  private let memory: Mutex<Memory>
  private let clock: any Clock

  init(_ url: String, environment: [String: String], clock: any Clock = SystemClock()) throws {
    memory = Mutex(Memory(client: try SchemaRegistry(url, environment: environment)))
    self.clock = clock
  }

  /// The schema with a number; nil where the registry does not have it. A registry that does not answer, after some tries, is a failure.
  var lookUp: AvroSchemaLookup {
    { [self] (number: Int32) throws(Failure) -> AvroSchemaTexts? in try find(number) }
  }

  private func find(_ number: Int32) throws(Failure) -> AvroSchemaTexts? {
    let now = clock.monotonicNanoseconds
    let outcome = memory.withLock { memory -> Result<AvroSchemaTexts?, Failure> in
      if let known = memory.known[number] { return .success(known) }
      if let asked = memory.unknown[number], now < asked + Self.patienceNanoseconds { return .success(nil) }
      if now >= memory.periodStart + Self.patienceNanoseconds {
        memory.periodStart = now
        memory.missCount = 0
      }
      guard memory.missCount < Self.missCountMax else { return .success(nil) }
      do {
        guard let found = try memory.client.schemaWithReferences(id: number) else {
          memory.missCount += 1
          if memory.unknown.count >= Self.rememberedCountMax { memory.unknown.removeAll() }
          memory.unknown[number] = now
          return .success(nil)
        }
        let isAvro = found.kind == SchemaKind.avro.rawValue
        let texts = AvroSchemaTexts(
          schema: found.schema, definitions: found.references, refusal: isAvro ? nil : "it is of the kind \(found.kind), not AVRO")
        memory.known[number] = texts
        return .success(texts)
      } catch {
        return .failure(error as? Failure ?? Failure(.unavailable, "\(error)"))
      }
    }
    return try outcome.get()
  }
}
