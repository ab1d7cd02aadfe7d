// Requests that wait to be looked up: bounded, taken many at a time. One lock and one condition of the system's.

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

final class LookupQueue<Element: Sendable>: @unchecked Sendable {
  /// Held around everything below.
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let hasElements = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var elements: [(element: Element, weight: Int)] = []
  private var isClosed = false
  private var waitingCount = 0
  private let capacity: Int

  /// - Parameter capacity: Elements that may wait.
  init(capacity: Int) {
    self.capacity = capacity
    pthread_mutex_init(lock, nil)
    pthread_cond_init(hasElements, nil)
  }

  deinit {
    pthread_cond_destroy(hasElements)
    pthread_mutex_destroy(lock)
    hasElements.deallocate()
    lock.deallocate()
  }

  var count: Int {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    return elements.count
  }

  /// False where the queue is full or closed.
  func put(_ element: Element, weight: Int) -> Bool {
    pthread_mutex_lock(lock)
    let hasRoom = !isClosed && elements.count < capacity
    if hasRoom { elements.append((element, weight)) }
    let isAwaited = hasRoom && waitingCount > 0
    pthread_mutex_unlock(lock)
    // Not while the lock is held, which whoever wakes up wants first of all.
    if isAwaited { pthread_cond_signal(hasElements) }
    return hasRoom
  }

  /// Waits for elements and takes the oldest, as many as `weightLimit` allows but at least one. Empty after `timeoutMilliseconds`; nil when the
  /// queue is closed and empty.
  func take(weightLimit: Int, timeoutMilliseconds: Int64) -> [Element]? {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    if elements.isEmpty, !isClosed { wait(timeoutMilliseconds) }
    if elements.isEmpty { return isClosed ? nil : [] }
    var weight = 0
    var count = 0
    while count < elements.count, count == 0 || weight + elements[count].weight <= weightLimit {
      weight += elements[count].weight
      count += 1
    }
    let taken = elements[..<count].map(\.element)
    elements.removeFirst(count)
    return taken
  }

  private func wait(_ milliseconds: Int64) {
    var until = timespec()
    clock_gettime(CLOCK_REALTIME, &until)
    let nanoseconds = Int64(until.tv_nsec) + milliseconds % 1000 * 1_000_000
    until.tv_sec += time_t(milliseconds / 1000 + nanoseconds / 1_000_000_000)
    until.tv_nsec = Int(nanoseconds % 1_000_000_000)
    waitingCount += 1
    while elements.isEmpty, !isClosed {
      if pthread_cond_timedwait(hasElements, lock, &until) != 0 { break }
    }
    waitingCount -= 1
  }

  /// Nothing more may come; what waits is still taken.
  func close() {
    pthread_mutex_lock(lock)
    isClosed = true
    pthread_cond_broadcast(hasElements)
    pthread_mutex_unlock(lock)
  }
}
