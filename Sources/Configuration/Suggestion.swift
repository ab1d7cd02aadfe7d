// What was probably meant: the nearest known name by Damerau-Levenshtein distance in its restricted form ("optimal string alignment":
// insert, delete, replace, swap of two neighbours), which covers nearly all typing errors.

public enum Suggestion {
  /// Texts longer than this are not compared.
  static let lengthMax = 80

  /// The known name nearest to `text`, when it is near enough to be meant: one change in up to 4 characters, two in up to 7, then three.
  /// Letter case counts for nothing in the search, so `Sum` suggests `sum`.
  public static func nearest(to text: String, among names: some Sequence<String>) -> String? {
    let wanted = Array(text.lowercased())
    guard !wanted.isEmpty, wanted.count <= lengthMax else { return nil }
    let limit = wanted.count <= 4 ? 1 : wanted.count <= 7 ? 2 : 3
    var best: (name: String, distance: Int)?
    for name in names where name != text {
      let candidate = Array(name.lowercased())
      guard abs(candidate.count - wanted.count) <= limit, candidate.count <= lengthMax else { continue }
      let distance = distance(wanted, candidate)
      // A short name that shares nothing with the text is no suggestion.
      if distance <= limit, distance < max(wanted.count, candidate.count), distance < best?.distance ?? .max {
        best = (name, distance)
      }
    }
    return best?.name
  }

  /// `; did you mean 'x'?`, or nothing.
  public static func hint(for text: String, among names: some Sequence<String>) -> String {
    nearest(to: text, among: names).map { "; did you mean '\($0)'?" } ?? ""
  }

  /// The least number of insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`; O(|a| |b|).
  static func distance(_ a: [Character], _ b: [Character]) -> Int {
    var beforeLast = [Int](repeating: 0, count: b.count + 1)
    var last = Array(0...b.count)
    for i in a.indices {
      var row = [i + 1]
      row.reserveCapacity(b.count + 1)
      for j in b.indices {
        var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforeLast[j - 1] + 1) }
        row.append(cost)
      }
      (beforeLast, last) = (last, row)
    }
    return last[b.count]
  }
}
