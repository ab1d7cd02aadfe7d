// Places on the earth: near a point, or near one of the cities of a word table.

import Base
import Configuration
import Foundation

extension SchemaReader {
  /// Kilometres of a degree of latitude.
  private static let kilometresPerDegree = 111.195

  private enum Layout: String, CaseIterable {
    case object
    case text
    case list
  }

  /// `[52.52, 13.40]` or `cities`, `within` some distance.
  func geo(_ node: ConfigurationNode, _ reader: MappingReader) -> FieldGenerator? {
    let what = reader.what("geo")
    let distance = reader.node("within").map { self.distance($0, reader.what("within")) } ?? 20
    let layout = reader.node("as").map { values.oneOf($0, reader.what("as"), Layout.self) } ?? .object
    guard let distance, let layout else { return nil }
    if node.scalarText == "cities" {
      guard let locales = locales(reader) else { return nil }
      let cities = Vocabulary.cities(locales: locales)
      return .oneOf(cities.map { (place(near: $0.latitude, $0.longitude, within: distance, layout), 1) })
    }
    if reader.has("locale") {
      diagnostics.error(
        "unknown-field", at: reader.keyLocation("locale"), "\(reader.what("locale")) goes with cities, not with a point")
    }
    guard case .sequence = node.content else {
      values.mismatch(node, what, expected: "a point as in [52.52, 13.40], or cities")
      return nil
    }
    guard let items = values.list(node, what, min: 2, max: 2),
      let latitude = values.number(
        items[0], "the latitude in \(what)", expected: "a number from -90 to 90", where: { abs($0) <= 90 }),
      let longitude = values.number(
        items[1], "the longitude in \(what)", expected: "a number from -180 to 180", where: { abs($0) <= 180 })
    else { return nil }
    return place(near: latitude, longitude, within: distance, layout)
  }

  /// `20km` or `500m`, in kilometres.
  private func distance(_ node: ConfigurationNode, _ what: String) -> Double? {
    let text = node.scalarText ?? ""
    let unit = text.hasSuffix("km") ? "km" : "m"
    guard text.hasSuffix(unit), let number = ScalarMeaning.decimal(String(text.dropLast(unit.count))), number >= 0,
      number * (unit == "km" ? 1 : 0.001) <= 5000
    else {
      values.mismatch(node, what, expected: "a distance like 500m or 20km, at most 5000km", code: "wrong-unit")
      return nil
    }
    return number * (unit == "km" ? 1 : 0.001)
  }

  /// Evenly in the square whose corners lie that far away, so that no place lies farther; five decimals are about a metre.
  private func place(near latitude: Double, _ longitude: Double, within distance: Double, _ layout: Layout) -> FieldGenerator {
    let reach = distance / 2.0.squareRoot() / Self.kilometresPerDegree
    let widest = min(abs(latitude) + reach, 89.9) * .pi / 180
    // Rounded, as the last digit of a cosine is not the same on every machine.
    let across = (min(reach / cos(widest), 180) * 1e6).rounded() / 1e6
    func coordinate(_ middle: Double, _ reach: Double, _ limit: Double) -> FieldGenerator {
      .number(
        NumberSettings(distribution: .uniform(middle - reach, middle + reach), clamp: -limit...limit, decimals: 5))
    }
    let latitude = coordinate(latitude, reach, 90)
    let longitude = coordinate(longitude, across, 180)
    switch layout {
    case .object:
      return .object([FieldDefinition(name: "lat", generator: latitude), FieldDefinition(name: "lon", generator: longitude)])
    case .text: return .text([.value(latitude), .literal(","), .value(longitude)])
    case .list: return .list([longitude, latitude])
    }
  }
}
