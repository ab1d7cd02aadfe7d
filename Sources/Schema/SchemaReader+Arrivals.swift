// How often sessions begin: a rate, and profiles that are multiplied with it over the day and the week.

import Configuration

extension SchemaReader {
  /// The mapping of the arrivals in that of the sessions.
  func arrivalReader(_ sessions: MappingReader) -> MappingReader? {
    guard let node = sessions.node("arrival") else { return nil }
    if let text = node.scalarText, !node.isNull {
      values.mismatch(node, sessions.what("arrival"), expected: "a mapping", hint: "; did you mean '{ poisson: \(text) }'?")
      return nil
    }
    return sessions.mapping("arrival")
  }

  func readArrival(_ reader: MappingReader) -> (rate: Double, profiles: [Profile]) {
    let rate = reader.required("poisson").flatMap { self.rate($0, reader.what("poisson")) }
    var profiles: [Profile] = []
    if let node = reader.node("profile") {
      if case .sequence = node.content, let items = values.list(node, reader.what("profile"), min: 1, max: 16) {
        for item in items {
          if let inner = MappingReader(item, "an item in \(reader.what("profile"))", values), let profile = readProfile(inner) {
            profiles.append(profile)
          }
        }
      } else if let inner = MappingReader(node, reader.what("profile"), values), let profile = readProfile(inner) {
        profiles.append(profile)
      }
    }
    if let weekdays = reader.mapping("weekdays").flatMap(readWeekdays) { profiles.append(weekdays) }
    reader.finish()
    return (rate ?? 1, profiles)
  }

  /// Factors by day of the week, as a profile of seven steps; the epoch began on a Thursday.
  private func readWeekdays(_ reader: MappingReader) -> Profile? {
    let names = ["thu", "fri", "sat", "sun", "mon", "tue", "wed"]
    let day: Int64 = 86_400_000
    let points = names.enumerated().map { index, name in
      let factor = reader.node(name).map { node in
        values.weight(node, reader.what(name), expected: "a factor of at least 0") ?? 1
      }
      return Profile.Point(atMilliseconds: Int64(index) * day, factor: factor ?? 1)
    }
    var unabridged: [String] = []
    for pair in reader.pairs {
      let short = String(pair.name.lowercased().prefix(3))
      guard !names.contains(pair.name), names.contains(short) else { continue }
      unabridged.append(pair.name)
      diagnostics.error(
        "unknown-field", at: pair.key.location, "unknown field '\(pair.name)' in \(reader.subject ?? ""); did you mean '\(short)'?")
    }
    reader.finish(ignoring: unabridged)
    guard points.contains(where: { $0.factor > 0 }) else {
      diagnostics.error("wrong-value", at: reader.location, "\(reader.subject ?? ""): all factors are 0")
      return nil
    }
    return Profile(periodMilliseconds: 7 * day, points: points, isStepped: true)
  }

  private func readProfile(_ reader: MappingReader) -> Profile? {
    let period = reader.required("period").flatMap { values.duration($0, reader.what("period")) }
    let pointsReader = reader.required("points").flatMap { MappingReader($0, reader.what("points"), values) }
    reader.finish()
    guard let pointsReader else { return nil }
    var points: [Profile.Point] = []
    for pair in pointsReader.pairs {
      let factor = values.weight(pair.value, pointsReader.what(pair.name), expected: "a factor of at least 0") ?? 1
      guard let time = Self.timeOfPeriod(pair.name) else {
        diagnostics.error(
          "wrong-unit", at: pair.key.location,
          "a point of \(reader.subject ?? ""): expected a time like \"09:00\" or a duration like 6h, found '\(pair.name)'")
        continue
      }
      if case .scalar(let scalar) = pair.key.content {
        values.warnOfTrap(scalar, at: pair.key.location, "a point of \(reader.subject ?? "")")
      }
      if let period, time >= period {
        diagnostics.error(
          "wrong-value", at: pair.key.location, "a point of \(reader.subject ?? ""): '\(pair.name)' lies outside the period")
      } else if let last = points.last, time <= last.atMilliseconds {
        diagnostics.error(
          "wrong-value", at: pair.key.location,
          "a point of \(reader.subject ?? ""): '\(pair.name)' does not lie after the one before it")
      }
      points.append(Profile.Point(atMilliseconds: time, factor: factor))
    }
    if pointsReader.pairs.isEmpty || !points.isEmpty && points.allSatisfy({ $0.factor == 0 }) {
      diagnostics.error(
        "wrong-value", at: pointsReader.location, "\(reader.what("points")): expected at least one point with a factor above 0")
    }
    return period.map { Profile(periodMilliseconds: $0, points: points) }
  }

  /// Milliseconds of `09:00`, `09:00:30` or `6h`.
  static func timeOfPeriod(_ text: String) -> Int64? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count > 1 else { return text == "0" ? 0 : Units.wholeMilliseconds(text) }
    guard parts.count <= 3, parts.allSatisfy({ $0.utf8.count == 2 && $0.utf8.allSatisfy { (48...57).contains($0) } }) else {
      return nil
    }
    let numbers = parts.compactMap { Int64($0) }
    guard numbers.dropFirst().allSatisfy({ $0 < 60 }) else { return nil }
    return numbers[0] * 3_600_000 + numbers[1] * 60_000 + (numbers.count > 2 ? numbers[2] * 1000 : 0)
  }
}
