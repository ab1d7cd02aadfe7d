// Lines of cells as text with columns as wide as their widest cell.

enum TextTable {
  /// - Parameter gap: Blanks between columns.
  static func aligned(_ lines: [[String]], gap: Int = 2) -> String {
    let widths = (lines.first ?? []).indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { line in
      var text = ""
      for (column, cell) in line.enumerated() {
        text += cell
        if column + 1 < line.count { text += String(repeating: " ", count: widths[column] - cell.count + gap) }
      }
      return text
    }.joined(separator: "\n")
  }
}
