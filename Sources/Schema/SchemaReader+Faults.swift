// Faults: what goes wrong between an event and the one who reads it, each with the share of records it befalls.

import Configuration

extension SchemaReader {
  /// How late a record may at most be where nothing else is said: ten minutes.
  static let faultDelayMax = 600_000.0

  /// `definitions` are the events of the schema, `keys` the path of the key of each.
  func readFaults(_ reader: MappingReader, _ definitions: [EventDefinition], keys: [[String]?]) -> FaultModel {
    var faults = FaultModel()
    faults.late = reader.mapping("late").flatMap { delayed($0, defaultDelay: nil) }
    faults.duplicate = reader.mapping("duplicate").flatMap { delayed($0, defaultDelay: .exponential(mean: 1000)) }
    if let inner = reader.mapping("reorder") {
      let rate = faultRate(inner)
      let within = inner.required("within").flatMap { values.parameter($0, inner.what("within"), of: .duration, above: 0) }
      inner.finish()
      if let rate, let within {
        faults.reorder = .init(rate: rate, delay: .uniform(0, within), maximumMilliseconds: within)
      }
    }
    faults.dropRate = reader.mapping("drop").flatMap(onlyRate) ?? 0
    faults.corruptRate = reader.mapping("corrupt").flatMap(onlyRate) ?? 0
    if let inner = reader.mapping("skew") {
      let rate = faultRate(inner)
      let offset = inner.required("offset").flatMap { values.distribution($0, inner.what("offset"), of: .offset) }
      inner.finish()
      if let rate, let offset { faults.skew = .init(rate: rate, offset: offset) }
    }
    faults.missing = reader.mapping("missing").flatMap { fieldFault($0, definitions, keys) }
    faults.wrongType = reader.mapping("wrong_type").flatMap { fieldFault($0, definitions, keys) }
    reader.finish()
    return faults
  }

  private func faultRate(_ reader: MappingReader) -> Double? {
    reader.required("rate").flatMap { node in
      if let text = node.scalarText, Units.ratePerSecond(text) != nil {
        values.mismatch(
          node, reader.what("rate"), expected: "a share of the records from 0 to 1", code: "wrong-value", hint: ", which is a rate")
        return nil
      }
      return values.share(node, reader.what("rate"))
    }
  }

  private func onlyRate(_ reader: MappingReader) -> Double? {
    let rate = faultRate(reader)
    reader.finish()
    return rate
  }

  private func delayed(_ reader: MappingReader, defaultDelay: Distribution?) -> FaultModel.Delayed? {
    let rate = faultRate(reader)
    if defaultDelay == nil { _ = reader.required("delay") }
    let delay = reader.node("delay").map { values.distribution($0, reader.what("delay"), of: .duration) } ?? defaultDelay
    let most = reader.node("max").map { values.parameter($0, reader.what("max"), of: .duration, above: 0) } ?? Self.faultDelayMax
    reader.finish()
    guard let rate, let delay, let most else { return nil }
    return .init(rate: rate, delay: delay, maximumMilliseconds: most)
  }

  private func fieldFault(_ reader: MappingReader, _ definitions: [EventDefinition], _ keys: [[String]?]) -> FaultModel.FieldFault?
  {
    let rate = faultRate(reader)
    var paths: [[String]] = []
    if let node = reader.node("fields"), let items = values.list(node, reader.what("fields"), min: 1) {
      let what = "an item in \(reader.what("fields"))"
      for item in items {
        guard let text = values.string(item, what) else { continue }
        let path = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        if keys.contains(where: { $0.map { Array($0.prefix(path.count)) == path } ?? false }) {
          diagnostics.error(
            "wrong-value", at: item.location, "\(what): '\(text)' holds the key of a record, which has to stay as it is")
        } else if !definitions.contains(where: { $0.field(at: path) != nil }) {
          unknown(item, what, "no event has a field '\(text)'", text, Array(Set(definitions.flatMap(\.fieldPaths))).sorted())
        } else {
          paths.append(path)
        }
      }
    }
    reader.finish()
    return rate.map { .init(rate: $0, paths: paths) }
  }
}
