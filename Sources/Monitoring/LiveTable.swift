// A small table that renews itself in place on a terminal: rows of a label and some cells, columns as wide as their widest cell so far, so that
// numbers do not jump about.

public struct LiveTable {
  public struct Row {
    public var label: String
    public var cells: [String]

    public init(_ label: String, _ cells: [String]) {
      self.label = label
      self.cells = cells
    }
  }

  private var columnWidths: [Int] = []
  private var drawnLineCount = 0

  public init() {}

  /// The text that draws `title` and `rows` over what the last call drew. Lines are cut at `width` columns.
  public mutating func draw(title: String, rows: [Row], width: Int) -> String {
    let lines = self.lines(title: title, rows: rows).map { String($0.prefix(width - 1)) }
    // Up to the first line drawn last time; each line is cleared to its end.
    let up = drawnLineCount > 0 ? "\u{1b}[\(drawnLineCount)A\r" : ""
    drawnLineCount = lines.count
    return up + lines.map { $0 + "\u{1b}[K\n" }.joined()
  }

  /// The lines of the table.
  public mutating func lines(title: String, rows: [Row]) -> [String] {
    let labelWidth = rows.map(\.label.count).max() ?? 0
    for row in rows {
      for (column, cell) in row.cells.enumerated() {
        if column == columnWidths.count { columnWidths.append(0) }
        columnWidths[column] = max(columnWidths[column], cell.count)
      }
    }
    return [title, ""]
      + rows.map { row in
        let cells = row.cells.enumerated().map { pad($0.element, columnWidths[$0.offset]) }
        return trimmed("  " + pad(row.label, labelWidth) + "   " + cells.joined(separator: "   "))
      }
  }

  private func pad(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }

  private func trimmed(_ text: String) -> String {
    var text = text[...]
    while text.last == " " { text = text.dropLast() }
    return String(text)
  }
}
