// `freshet eval`: tries an expression of the pipeline language on events from standard input, or only says what it is.

import ArgumentParser
import Base
import Codec
import Configuration
import Features
import Foundation
import LocalTransport
import Records
import Schema

struct EvalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Evaluate an expression over events from standard input.",
    discussion: """
      Prints one JSON value per event, null included, so that the lines of output and input belong together. An expression without fields is \
      printed once, and no input is read. Documentation/expressions.md tells the language.

        freshet generate Schemas/clickstream.yaml --count 1000 | freshet eval "round(properties.price * 1.19, 2)"
        freshet eval --check --schema Schemas/clickstream.yaml "hour(timestamp) between 9 and 17"
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case json
  }

  @Argument(help: "The expression, as a pipeline has it.")
  var expression: String

  @Option(help: "An event schema: the expression's fields and types are checked against it.")
  var schema: String?

  @Option(help: "How the events are written.")
  var format = Format.json

  @Flag(help: "Print the type of the expression, and read no input.")
  var check = false

  func run() throws {
    let events = try schema.map { try SchemaSource.load(path: $0).schema }
    let parsed = try parse(events)
    if check { return try Terminal.print(toOutput: parsed.type.description) }
    let evaluation = Evaluation(parsed.expression, FileDescriptorWriter(descriptor: STDOUT_FILENO, name: "stdout"))
    guard !evaluation.paths.isEmpty else { return try evaluation.printConstant() }
    let source = LineSource(descriptor: STDIN_FILENO, name: "stdin")
    let batch = RecordBatch()
    while true {
      switch try source.poll(into: batch, maximumCount: 4096, timeoutMilliseconds: 1000) {
      case .records: try evaluation.print(batch)
      case .endOfInput:
        evaluation.printCounts()
        if evaluation.malformedCount > 0 { _exit(.badData) }
        return
      default: continue
      }
    }
  }

  private func parse(_ events: EventSchema?) throws(Failure) -> ParsedExpression {
    do {
      let parsed = try ExpressionParser.parseValue(expression) { path in
        switch path.metadata {
        case .timestamp?, .partition?, .offset?: .integer
        case .key?, .topic?, .header?: .string
        case nil: events?.kinds(at: path.components).map { ExpressionType($0) } ?? .any
        }
      }
      for (path, byteOffset) in parsed.references { try checkField(path, byteOffset, events) }
      return parsed
    } catch let error as ExpressionError {
      throw failure(error.byteOffset, error.message)
    } catch let failure as Failure {
      throw failure
    } catch {
      throw failure(0, "\(error)")
    }
  }

  private func checkField(_ path: FieldPath, _ byteOffset: Int, _ events: EventSchema?) throws(Failure) {
    if path.isMetadata {
      guard path.metadata == nil else { return }
      throw failure(byteOffset, "no record has '\(path)'; there are \(RecordMetadata.names.joined(separator: ", "))")
    }
    guard let events, events.kinds(at: path.components) == nil else { return }
    let nested = events.fieldPaths.first { $0.hasSuffix("." + path.description) }
    let hint = nested.map { "; did you mean '\($0)'?" } ?? Suggestion.hint(for: path.description, among: events.fieldPaths)
    throw failure(byteOffset, "no event of schema '\(events.name)' has a field '\(path)'\(hint)")
  }

  /// The expression with a mark below the place.
  private func failure(_ byteOffset: Int, _ message: String) -> Failure {
    let before = String(decoding: expression.utf8.prefix(byteOffset), as: UTF8.self)
    let line = before.split(separator: "\n", omittingEmptySubsequences: false).last ?? ""
    let lines = expression.split(separator: "\n", omittingEmptySubsequences: false)
    let number = before.filter { $0 == "\n" }.count
    let text = number < lines.count ? lines[number] : ""
    return Failure(
      .usage, "the expression, column \(line.count + 1): \(message)\n  \(text)\n  \(String(repeating: " ", count: line.count))^")
  }
}

/// One expression over batches of records.
private final class Evaluation {
  private static let shownErrorCountMax = 10

  let paths: [FieldPath]
  private(set) var malformedCount = 0
  private let reader: JSONColumnReader
  private let metadata: MetadataColumns
  private let columns: Columns
  private let program: ExpressionProgram
  private let output: FileDescriptorWriter
  private let text = ByteBuffer(capacity: 1 << 16)
  /// Line ends before the batch.
  private var lineCount = 0

  init(_ expression: Features.Expression, _ output: FileDescriptorWriter) {
    let paths = expression.fieldPaths
    self.paths = paths
    self.output = output
    reader = JSONColumnReader(paths: paths)
    metadata = MetadataColumns(paths: paths)
    columns = Columns(columnCount: paths.count)
    let places = Dictionary(uniqueKeysWithValues: paths.enumerated().map { ($1, $0) })
    program = ExpressionProgram([], values: [expression]) { places[$0]! }
  }

  func printConstant() throws {
    program.evaluate(columns: [], rowCount: 1)
    append(program.values(0)[0])
    try flush()
  }

  func print(_ batch: RecordBatch) throws {
    reader.decode(batch, into: columns)
    metadata.fill(batch, columns)
    program.evaluate(columns, rowCount: batch.count)
    let values = program.values(0)
    for row in 0..<batch.count {
      if columns.statuses[row] == .valid { append(values[row]) } else { report(row, batch) }
    }
    try flush()
    lineCount += batch.bytes.bytes.count { $0 == 10 }
  }

  private func report(_ row: Int, _ batch: RecordBatch) {
    append(.null)
    malformedCount += 1
    guard malformedCount <= Self.shownErrorCountMax else { return }
    let line = lineCount + batch.bytes.bytes[..<Int(batch.slots[row].valueStart)].count { $0 == 10 } + 1
    let excerpt = reader.excerpt(ofRow: row, in: batch).map { ": \($0)" } ?? ""
    Terminal.print(toError: "stdin:\(line): \(reader.explanation(ofRow: row, in: batch))\(excerpt)")
  }

  func printCounts() {
    if malformedCount > Self.shownErrorCountMax {
      Terminal.print(toError: "and \(malformedCount - Self.shownErrorCountMax) more lines that are no JSON objects")
    }
    let counts = program.nullCounts(ofValue: 0)
    for (count, reason) in [
      (counts.mismatches, "a value has another type, or cannot be converted"), (counts.outOfRange, "a number leaves its range"),
      (counts.divisionsByZero, "something is divided by zero"),
    ] where count > 0 {
      Terminal.print(toError: "\(count) \(count == 1 ? "value is" : "values are") null because \(reason)")
    }
  }

  private func append(_ value: ColumnValue) {
    switch value.kind {
    case .missing, .null: text.append("null")
    case .bool: text.append(value.bool ? "true" : "false")
    case .integer:
      text.reserve(NumberText.maximumByteCount)
      text.count += NumberText.write(value.integer, to: text.base + text.count)
    case .double:
      text.reserve(NumberText.maximumByteCount)
      text.count += NumberText.write(value.double, to: text.base + text.count)
    case .string: JSONText.appendQuoted(value.bytes, to: text)
    case .composite: text.append(value.bytes)
    }
    text.append("\n")
  }

  private func flush() throws {
    try output.write(UnsafeRawBufferPointer(text.bytes))
    text.removeAll()
  }
}
