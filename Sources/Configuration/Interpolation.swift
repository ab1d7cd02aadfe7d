// Variables in scalars: `${NAME}` and, with a value for when it is unset or empty, `${NAME:-value}`, as a shell reads them. `$${` stands
// for `${` itself; a `$` before anything else is just that.

import Foundation

enum Interpolation {
  /// The text with its variables filled in. Each that is unset and has no default is passed to `report` and left as it stands.
  static func fill(
    _ text: String, from environment: [String: String], report: (_ name: String, _ message: String) -> Void
  ) -> String {
    var result = ""
    var rest = text[...]
    while let dollar = rest.firstIndex(of: "$") {
      result += rest[..<dollar]
      rest = rest[dollar...]
      if rest.hasPrefix("$${") {
        result += "${"
        rest = rest.dropFirst(3)
      } else if rest.hasPrefix("${"), let close = rest.firstIndex(of: "}") {
        let inside = rest[rest.index(rest.startIndex, offsetBy: 2)..<close]
        result += value(of: inside, in: environment, report: report) ?? String(rest[...close])
        rest = rest[rest.index(after: close)...]
      } else {
        result.append("$")
        rest = rest.dropFirst()
      }
    }
    return result + rest
  }

  private static func value(
    of inside: Substring, in environment: [String: String], report: (_ name: String, _ message: String) -> Void
  ) -> String? {
    let separator = inside.range(of: ":-")
    let name = String(separator.map { inside[..<$0.lowerBound] } ?? inside)
    let isName =
      name.utf8.first.map { !(48...57).contains($0) } == true
      && name.utf8.allSatisfy {
        $0 == UInt8(ascii: "_") || (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
      }
    guard isName else {
      report(name, "'${\(inside)}' names no variable; expected ${NAME} or ${NAME:-default}, and $${ for a literal ${")
      return nil
    }
    if let separator {
      guard let value = environment[name], !value.isEmpty else { return String(inside[separator.upperBound...]) }
      return value
    }
    guard let value = environment[name] else {
      report(name, "the environment variable '\(name)' is not set; set it, or give a default: ${\(name):-value}")
      return nil
    }
    return value
  }
}
