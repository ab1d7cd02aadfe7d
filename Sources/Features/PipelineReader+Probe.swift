// `probe:`: what marker events look like, where that cannot be found out, or where they are to be told from real events.

import Base
import Configuration

extension PipelineReader {
  func readProbe(_ reader: MappingReader) -> ProbeDefinition? {
    let viewNode = reader.required("view")
    let eventNode = reader.required("event")
    reader.finish(notBuilt: ["every", "partitions", "views", "key"])
    let view = viewNode.flatMap { namedView($0, reader.what("view")) }
    guard let eventNode, let event = MappingReader(eventNode, reader.what("event"), values) else { return nil }
    for pair in event.pairs where pair.name.hasPrefix("$") {
      diagnostics.error(
        "wrong-value", at: pair.key.location,
        "\(event.subject!): '\(pair.name)' is a record's metadata, which each marker gets by itself")
    }
    event.finish(ignoring: event.pairs.map(\.name))
    guard let view else { return nil }
    if views[view].trigger == .close, let viewNode {
      diagnostics.error(
        "wrong-value", at: viewNode.location,
        "\(reader.what("view")): view '\(views[view].name)' has windows that close, and shows a marker only when its window has ended"
      )
    } else if views[view].entity == nil, let viewNode {
      diagnostics.error(
        "wrong-value", at: viewNode.location,
        "\(reader.what("view")): view '\(views[view].name)' has one row for everything (entity: all), so a marker has no row of its own"
      )
    }
    if let schema = sources[views[view].source].schema { checkFields(of: eventNode, [], in: schema, event.subject!) }
    return ProbeDefinition(view: view, event: json(eventNode, reader.what("event")))
  }
}
