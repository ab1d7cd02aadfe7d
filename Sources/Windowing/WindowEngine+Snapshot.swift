// The windows of a partition into a snapshot, and back: views that have not changed go on where they were, whatever became of the others.

import Base
import Records

extension WindowEngine {
  /// Adds the whole state. Rows that are due but not drained stay due in the copy; windows must not be closing.
  public func save(to out: SnapshotWriter) {
    precondition(!hasDueRows, "state is saved between steps, when no window is left half closed")
    out.write(eventTime.watermark.streamTime)
    out.write(eventTime.watermark.completeTime)
    out.write(plan.lateness)
    out.write(plan.sourceProperties.count)
    for property in plan.sourceProperties { property.save(to: out) }
    out.write(plan.descriptions.count)
    for description in plan.descriptions { description.save(to: out) }
    out.write(keySpaces.count)
    for space in keySpaces { space.save(plan.descriptions, to: out) }
  }

  /// Appends the whole state to `buffer`, with the owner's `position` in the input.
  public func save(to buffer: ByteBuffer, position: Int64) {
    let start = buffer.count
    let out = SnapshotWriter()
    out.write(position)
    save(to: out)
    out.finish(to: buffer)
    SnapshotWriter.seal(buffer, from: start)
  }

  /// Takes over a saved state and returns the position saved with it; the engine must not have seen a record yet.
  public func load(_ bytes: UnsafeRawBufferPointer) throws(SnapshotError) -> Int64 {
    var input = try SnapshotReader(bytes)
    let position = try input.number()
    _ = try load(from: &input)
    return position
  }

  /// Takes over a saved state; the engine must not have seen a record yet. Views named in `reset` begin empty, whatever was saved of them.
  public func load(from input: inout SnapshotReader, resetting reset: Set<String> = []) throws(SnapshotError) -> SnapshotReport {
    let saved = try SavedEngine(from: &input)
    var report = SnapshotReport()
    let kept = try views(goingOnFrom: saved, resetting: reset, &report)
    if saved.streamTime != .min { eventTime.watermark.advance(streamTimeTo: saved.streamTime) }
    if saved.completeTime != .min, eventTime.watermark.hasSeveralInputs {
      eventTime.watermark.advance(completeTo: saved.completeTime)
    }
    try loadSpaces(saved, kept)
    if saved.streamTime != .min { start(at: saved.streamTime) }
    return report
  }

  // MARK: Views

  /// The names of the views that go on; throws where one has changed.
  private func views(goingOnFrom saved: SavedEngine, resetting reset: Set<String>, _ report: inout SnapshotReport)
    throws(SnapshotError) -> Set<String>
  {
    var kept: Set<String> = []
    var changes: [ViewChange] = []
    let sourceChanges = sourceChanges(since: saved)
    for (position, description) in plan.descriptions.enumerated() {
      guard let old = saved.descriptions.first(where: { $0.name == description.name }) else {
        report.newViews.append(description.name)
        continue
      }
      if reset.contains(description.name) {
        report.resetViews.append(description.name)
        continue
      }
      kept.insert(description.name)
      if !description.isSame(as: old) { changes += description.changes(since: old) }
      for change in sourceChanges where change.property != "lateness" || isSensitiveToLateness(position) {
        changes.append(
          ViewChange(view: description.name, feature: nil, property: change.property, old: change.old, new: change.new))
      }
    }
    guard changes.isEmpty else { throw .changedViews(changes) }
    let names = Set(plan.descriptions.map(\.name))
    report.removedViews = saved.descriptions.map(\.name).filter { !names.contains($0) }
    if plan.lateness != saved.lateness {
      let change = changedProperties(since: saved).first { $0.property == "lateness" }
      report.notes.append(
        "lateness \(change?.old ?? "\(saved.lateness) ms") -> \(change?.new ?? "\(plan.lateness) ms") holds from here on"
          + (plan.lateness < saved.lateness ? ": windows that it lets close earlier close now" : ""))
    }
    return kept
  }

  private func changedProperties(since saved: SavedEngine) -> [ViewChange] {
    plan.sourceProperties.compactMap { property in
      let old = saved.sourceProperties.first { $0.name == property.name }?.value
      return old == property.value
        ? nil : ViewChange(view: "", feature: nil, property: property.name, old: old, new: property.value)
    }
  }

  /// What is different in the source and makes views others. A smaller lateness does not: windows close earlier. A greater one would open
  /// windows again that have closed.
  private func sourceChanges(since saved: SavedEngine) -> [ViewChange] {
    var changes = changedProperties(since: saved).filter { $0.property != "lateness" }
    if plan.lateness > saved.lateness {
      changes.append(
        changedProperties(since: saved).first { $0.property == "lateness" }
          ?? ViewChange(view: "", feature: nil, property: "lateness", old: "\(saved.lateness) ms", new: "\(plan.lateness) ms"))
    }
    return changes
  }

  /// Whether what a view shows depends on the watermark: windows that close, and sessions.
  private func isSensitiveToLateness(_ position: Int) -> Bool {
    for space in plan.keySpaces {
      guard let view = space.views.first(where: { $0.position == position }) else { continue }
      return view.trigger == .close
        || view.aggregates.contains { if case .sessions = space.groups[$0.group].cut { true } else { false } }
    }
    return false
  }

  // MARK: Key spaces

  private func loadSpaces(_ saved: SavedEngine, _ kept: Set<String>) throws(SnapshotError) {
    var taken: Set<Int> = []
    for space in keySpaces {
      let layout = SpaceLayout(space.plan, plan.descriptions)
      let going = layout.views.filter { kept.contains($0.name) }
      guard let first = going.first else { continue }
      let sources = Set(going.compactMap { view in saved.spaces.firstIndex { $0.layout.views.contains { $0.name == view.name } } })
      guard let source = sources.first else { throw .damaged }
      guard sources.count == 1, taken.insert(source).inserted else { throw .regrouped(view: first.name) }
      let old = saved.spaces[source]
      let isAsItWas = old.layout == layout && going.count == layout.views.count
      try space.load(old, isAsItWas ? nil : try mapping(from: old.layout, to: layout, kept))
    }
  }

  private func mapping(from old: SpaceLayout, to new: SpaceLayout, _ kept: Set<String>) throws(SnapshotError) -> SpaceMapping {
    var mapping = SpaceMapping(
      views: old.views.map { view in kept.contains(view.name) ? new.views.firstIndex { $0.name == view.name } : nil },
      groups: new.groups.map { _ in nil }, accumulators: new.groups.map { $0.accumulators.map { _ in nil } })
    for view in new.views where kept.contains(view.name) {
      guard let before = old.views.first(where: { $0.name == view.name }), before.isChanging == view.isChanging,
        before.places.count == view.places.count
      else { throw .damaged }
      for (feature, place) in view.places {
        guard let source = before.places[feature] else { throw .damaged }
        let (group, oldGroup) = (new.groups[place.group], old.groups[source.group])
        guard group.cut == oldGroup.cut, group.closing == oldGroup.closing,
          group.accumulators[place.accumulator] == oldGroup.accumulators[source.accumulator]
        else { throw .damaged }
        // Each goes on from one, and from each goes one on.
        let isFree =
          (mapping.groups[place.group] ?? source.group) == source.group
          && (mapping.groups.firstIndex(of: source.group) ?? place.group) == place.group
        let now = mapping.accumulators[place.group]
        guard isFree, (now[place.accumulator] ?? source.accumulator) == source.accumulator,
          (now.firstIndex(of: source.accumulator) ?? place.accumulator) == place.accumulator
        else { throw .regrouped(view: view.name) }
        mapping.groups[place.group] = source.group
        mapping.accumulators[place.group][place.accumulator] = source.accumulator
      }
    }
    return mapping
  }
}

/// What a snapshot says, before any of it is taken over.
private struct SavedEngine {
  var streamTime: Int64
  var completeTime: Int64
  var lateness: Int64
  var sourceProperties: [ViewDescription.Property] = []
  var descriptions: [ViewDescription] = []
  var spaces: [SavedSpace] = []

  init(from input: inout SnapshotReader) throws(SnapshotError) {
    streamTime = try input.number()
    completeTime = try input.number()
    let times = -Watermark.endOfTime...Watermark.endOfTime
    guard [streamTime, completeTime].allSatisfy({ $0 == .min || times.contains($0) }) else { throw .damaged }
    lateness = try input.number(in: 0...Watermark.endOfTime)
    for _ in 0..<(try input.count()) { sourceProperties.append(try ViewDescription.Property(from: &input)) }
    for _ in 0..<(try input.count()) { descriptions.append(try ViewDescription(from: &input)) }
    for _ in 0..<(try input.count()) { spaces.append(try SavedSpace(from: &input)) }
  }
}

extension ViewDescription.Property {
  fileprivate func save(to out: SnapshotWriter) {
    out.write(name)
    out.write(value)
  }

  fileprivate init(from input: inout SnapshotReader) throws(SnapshotError) { self.init(try input.text(), try input.text()) }
}

extension ViewDescription {
  fileprivate func save(to out: SnapshotWriter) {
    out.write(name)
    out.write(properties.count)
    for property in properties { property.save(to: out) }
    out.write(features.count)
    for feature in features {
      out.write(feature.name)
      out.write(feature.properties.count)
      for property in feature.properties { property.save(to: out) }
    }
  }

  fileprivate init(from input: inout SnapshotReader) throws(SnapshotError) {
    self.init(name: try input.text(), properties: [], features: [])
    for _ in 0..<(try input.count()) { properties.append(try Property(from: &input)) }
    for _ in 0..<(try input.count()) {
      var feature = Feature(name: try input.text(), properties: [])
      for _ in 0..<(try input.count()) { feature.properties.append(try Property(from: &input)) }
      features.append(feature)
    }
  }
}
