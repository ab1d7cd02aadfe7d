// What the system knows of this process, under the names that Prometheus' own client libraries give it; where there is no /proc, nothing.

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

public enum ProcessMetrics {
  #if canImport(Glibc)
    private static let own = __rusage_who_t(RUSAGE_SELF.rawValue)
  #else
    private static let own = RUSAGE_SELF
  #endif

  /// - Parameter startedAt: When the program started, in ms since the epoch.
  public static func add(to metrics: inout MetricsText, startedAt: Int64) {
    metrics.family("process_start_time_seconds", .gauge, "When this process started, in seconds since the epoch")
    metrics.sample(milliseconds: startedAt)
    var usage = rusage()
    if getrusage(own, &usage) == 0 {
      metrics.family("process_cpu_seconds_total", .counter, "Processor time spent, in seconds")
      metrics.sample(seconds(usage.ru_utime) + seconds(usage.ru_stime))
    }
    if let pages = residentPageCount() {
      metrics.family("process_resident_memory_bytes", .gauge, "Memory that is held, in bytes")
      metrics.sample(pages * Int64(sysconf(Int32(_SC_PAGESIZE))))
    }
    if let count = openDescriptorCount() {
      metrics.family("process_open_fds", .gauge, "Open files and connections")
      metrics.sample(count)
    }
  }

  private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

  /// The second number of /proc/self/statm; see proc_pid_statm(5).
  private static func residentPageCount() -> Int64? {
    guard let file = fopen("/proc/self/statm", "r") else { return nil }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    guard fgets(&line, Int32(line.count), file) != nil else { return nil }
    let numbers = line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }.split(separator: UInt8(ascii: " "))
    return numbers.count > 1 ? Int64(String(decoding: numbers[1], as: UTF8.self)) : nil
  }

  private static func openDescriptorCount() -> Int64? {
    guard let folder = opendir("/proc/self/fd") else { return nil }
    defer { closedir(folder) }
    // "." and "..", and the one that this loop holds.
    var count: Int64 = -3
    while readdir(folder) != nil { count += 1 }
    return max(0, count)
  }
}
