// Tables in CSV as RFC 4180 has them: fields between commas, quoted where they hold commas, quotes (doubled) or line ends.

enum DelimitedText {
  /// The records of a text; those that are empty are left out. Nil where a quote is not closed.
  static func records(of text: String) -> [[String]]? {
    var records: [[String]] = []
    var record: [String] = []
    var field = ""
    var isQuoted = false
    var characters = text.makeIterator()
    var next = characters.next()
    func endRecord() {
      record.append(field)
      if record != [""] { records.append(record) }
      record = []
      field = ""
    }
    while let character = next {
      next = characters.next()
      if isQuoted {
        if character != "\"" {
          field.append(character)
        } else if next == "\"" {
          field.append("\"")
          next = characters.next()
        } else {
          isQuoted = false
        }
      } else if character == "\"", field.isEmpty {
        isQuoted = true
      } else if character == "," {
        record.append(field)
        field = ""
      } else if character.isNewline {
        endRecord()
      } else {
        field.append(character)
      }
    }
    if isQuoted { return nil }
    endRecord()
    return records
  }
}
