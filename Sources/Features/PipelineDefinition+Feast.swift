// What Feast has to know of a pipeline that native rows do not say: keys have types there.

import Codec
import Schema

extension PipelineDefinition {
  /// Whether every source that a view of the entity reads says by its schema that the key is an integer, and nothing else. A key that is computed, or
  /// that no schema speaks of, is a text.
  public func hasIntegerKey(_ entity: Int) -> Bool {
    let sources = Set(views.filter { $0.entity == entity }.map(\.source))
    let keyPath = entities[entity].keyPath
    guard !sources.isEmpty, !entities[entity].hasComputedKey, !keyPath.isMetadata else { return false }
    return sources.allSatisfy { index in
      let source = self.sources[index]
      if source.computedFields.contains(where: { $0.path == keyPath }) { return false }
      if let schema = source.schema { return schema.kinds(at: keyPath.components) == [.integer] }
      return source.format.avroSchema?.kinds(at: keyPath) == [.integer]
    }
  }
}
