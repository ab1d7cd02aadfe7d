import Base
import Synchronization
import TestSupport
import Testing

@testable import Serving

struct LookupQueueTests {
  @Test func `as many are taken as their weights allow, and one at least`() {
    let queue = LookupQueue<Int>(capacity: 10)
    for (element, weight) in [(1, 3), (2, 3), (3, 5), (4, 100), (5, 1)] { #expect(queue.put(element, weight: weight)) }
    #expect(queue.take(weightLimit: 10, timeoutMilliseconds: 0) == [1, 2])
    #expect(queue.take(weightLimit: 10, timeoutMilliseconds: 0) == [3])
    #expect(queue.take(weightLimit: 10, timeoutMilliseconds: 0) == [4])
    #expect(queue.take(weightLimit: 10, timeoutMilliseconds: 0) == [5])
    #expect(queue.take(weightLimit: 10, timeoutMilliseconds: 1) == [])
  }

  @Test func `a full or closed queue takes nothing, and what waits in a closed one is still taken`() {
    let queue = LookupQueue<Int>(capacity: 2)
    #expect(queue.put(1, weight: 1))
    #expect(queue.put(2, weight: 1))
    #expect(!queue.put(3, weight: 1))
    queue.close()
    #expect(queue.take(weightLimit: 1, timeoutMilliseconds: 1000) == [1])
    #expect(!queue.put(4, weight: 1))
    #expect(queue.take(weightLimit: 5, timeoutMilliseconds: 1000) == [2])
    #expect(queue.take(weightLimit: 5, timeoutMilliseconds: 1000) == nil)
  }

  @Test func `threads that wait get everything, each thing once`() throws {
    let queue = LookupQueue<Int>(capacity: 100_000)
    let sum = Atomic<Int>(0)
    let threads = (0..<4).map { _ in
      JoinableThread {
        while let taken = queue.take(weightLimit: 7, timeoutMilliseconds: 1000) {
          for element in taken { sum.add(element, ordering: .relaxed) }
        }
      }
    }
    for element in 1...10_000 { #expect(queue.put(element, weight: 1)) }
    queue.close()
    for thread in threads { try thread.join() }
    #expect(sum.load(ordering: .relaxed) == 50_005_000)
  }
}
