// What a session model gives on average: how many events a session has, and how long it lasts. The states are an absorbing Markov chain, so the expected visits v
// solve v = initial + P^T v (Kemeny and Snell, "Finite Markov Chains", 1960); a pause beyond the timeout is one more way out.

import Base
import Schema

enum SessionArithmetic {
  /// Expected events per session; at most 1e9.
  static func expectedEventCount(_ model: SessionModel) -> Double {
    let sum = expectedVisits(model).reduce(0, +)
    return sum.isFinite && sum >= 1 ? min(sum, 1e9) : 1e9
  }

  /// Expected milliseconds from the first event of a session to its last, without regard to the timeout.
  static func expectedMilliseconds(_ model: SessionModel) -> Double {
    zip(model.states, expectedVisits(model)).reduce(0) { sum, element in
      let (state, visits) = element
      let total = state.next.reduce(0) { $0 + $1.weight }
      let goesOn = state.next.reduce(0) { $0 + ($1.state == nil ? 0 : $1.weight / total) }
      return sum + visits * goesOn * min(state.think.mean, 1e12)
    }
  }

  /// How often a session enters each state, on average.
  private static func expectedVisits(_ model: SessionModel) -> [Double] {
    let count = model.states.count
    var rows = [[Double]](repeating: [Double](repeating: 0, count: count + 1), count: count)
    for index in 0..<count { rows[index][index] = 1 }
    for (from, state) in model.states.enumerated() {
      let total = state.next.reduce(0) { $0 + $1.weight }
      let stays = model.timeoutMilliseconds.map { state.think.probability(atMost: Double($0)) } ?? 1
      for edge in state.next {
        if let target = edge.state { rows[target][from] -= edge.weight / total * stays }
      }
    }
    let total = model.initial.reduce(0) { $0 + $1.weight }
    for start in model.initial { rows[start.state][count] += start.weight / total }
    solve(&rows)
    return rows.map { $0[count] }
  }

  /// Gauss-Jordan elimination with row pivots; the right-hand sides are the last column, and become the solution.
  private static func solve(_ rows: inout [[Double]]) {
    let count = rows.count
    for column in 0..<count {
      let pivot = (column..<count).max { abs(rows[$0][column]) < abs(rows[$1][column]) } ?? column
      rows.swapAt(column, pivot)
      let divisor = rows[column][column]
      for index in column...count { rows[column][index] /= divisor }
      for other in 0..<count where other != column && rows[other][column] != 0 {
        let factor = rows[other][column]
        for index in column...count { rows[other][index] -= factor * rows[column][index] }
      }
    }
  }
}
