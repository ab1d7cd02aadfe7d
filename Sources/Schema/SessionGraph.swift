// The walk through the states, checked before anyone walks it: which states are reached, whether sessions end, and whether every row
// that an event reads has been bound on every way that leads to it.

import Configuration

struct SessionGraph {
  private let states: [StateDraft]
  private let events: [String: EventDraft]
  private let starts: [Int]
  /// Edges with a positive weight; `exit` and unknown names are left out.
  private let next: [[Int]]
  private let endsHere: [Bool]
  private let diagnostics: Diagnostics
  private let hasInitial: Bool

  init(_ sessions: SessionDraft, events: [EventDraft], _ diagnostics: Diagnostics) {
    states = sessions.states
    self.events = Dictionary(events.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    self.diagnostics = diagnostics
    let indices = Dictionary(states.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    starts = sessions.initial.filter { $0.weight > 0 }.compactMap { indices[$0.name] }
    hasInitial = !starts.isEmpty
    next = states.map { $0.next.filter { $0.weight > 0 }.compactMap { indices[$0.name] } }
    // A target that is no state, and a `next` that could not be read, have their findings; they are taken for a way out.
    endsHere = states.map { state in
      state.next.isEmpty || state.next.contains { $0.weight > 0 && ($0.name == "exit" || indices[$0.name] == nil) }
    }
  }

  func check() {
    let reached = search(from: starts) { next[$0] }
    // A name that resolves to nothing makes the states behind it look unreachable.
    if hasInitial, !diagnostics.hasErrors {
      for (index, state) in states.enumerated() where !reached[index] {
        diagnostics.warning("unreachable", at: state.location, "no session ever reaches state '\(state.name)'")
      }
    }
    checkEnds()
    checkBindings(reached)
  }

  private func search(from starts: [Int], _ neighbours: (Int) -> [Int]) -> [Bool] {
    var seen = [Bool](repeating: false, count: states.count)
    var pending = starts
    while let state = pending.popLast() {
      if seen[state] { continue }
      seen[state] = true
      pending += neighbours(state)
    }
    return seen
  }

  private func checkEnds() {
    var previous = [[Int]](repeating: [], count: states.count)
    for (state, targets) in next.enumerated() {
      for target in targets { previous[target].append(state) }
    }
    let ends = search(from: states.indices.filter { endsHere[$0] }) { previous[$0] }
    for (index, state) in states.enumerated() where !ends[index] {
      diagnostics.error(
        "endless", at: state.location, "no way leads from state '\(state.name)' to 'exit', so its sessions never end")
    }
  }

  // MARK: - Bindings

  /// For each row that is read: whether a way leads to the state that reads it past all states that bind it.
  private func checkBindings(_ reached: [Bool]) {
    for (index, state) in states.enumerated() where reached[index] {
      guard let event = state.event.flatMap({ events[$0] }) else { continue }
      var seen: Set<Int> = []
      for read in event.reads where seen.insert(read.binding).inserted {
        guard let path = path(to: index, without: read.binding) else { continue }
        let name = read.text.prefix { $0 != "." }
        let ways =
          path.count == 1
          ? "a session may begin with it" : "it may be reached by \(path.map { states[$0].name }.joined(separator: " -> "))"
        diagnostics.error(
          "unbound", at: state.eventLocation,
          "state '\(state.name)' emits '\(event.name)', which reads '\(read.text)', but \(ways) before any state binds '\(name)'")
      }
    }
  }

  /// A shortest way from a start to `target` on which no state binds `binding`, the target included.
  private func path(to target: Int, without binding: Int) -> [Int]? {
    func binds(_ state: Int) -> Bool { states[state].binds.contains { $0.binding == binding } }
    var cameFrom = [Int?](repeating: nil, count: states.count)
    var seen = [Bool](repeating: false, count: states.count)
    var queue = starts.filter { !binds($0) }
    for start in queue { seen[start] = true }
    var head = 0
    while head < queue.count {
      let state = queue[head]
      head += 1
      if state == target {
        var path = [state]
        while let before = cameFrom[path[0]] { path.insert(before, at: 0) }
        return path
      }
      for neighbour in next[state] where !seen[neighbour] && !binds(neighbour) {
        seen[neighbour] = true
        cameFrom[neighbour] = state
        queue.append(neighbour)
      }
    }
    return nil
  }
}
