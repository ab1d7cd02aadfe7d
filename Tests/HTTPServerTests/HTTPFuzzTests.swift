// Requests that were damaged: whatever comes, the server answers in HTTP or disconnects, and goes on serving.

import Base
import Foundation
import TestSupport
import Testing

@testable import HTTPServer

struct HTTPFuzzTests {
  private static let isDeep = ProcessInfo.processInfo.environment["FRESHET_DEEP"] == "1"
  private static let seeds = [
    "GET /a?b=c HTTP/1.1\r\nHost: x\r\nX-Y: z\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789",
    "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;e=f\r\nabcde\r\n0\r\nT: u\r\n\r\n",
    "HEAD /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.1\r\nHost: y\r\nExpect: 100-continue\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n\u{16}\u{3}\u{1}",
  ]

  @Test(arguments: 0..<(isDeep ? 200 : 4))
  func `damaged requests do no harm`(seed: Int) throws {
    var limits = HTTPLimits()
    limits.headByteCountMax = 400
    limits.bodyByteCountMax = 50
    limits.requestMilliseconds = 2000
    limits.lingerMilliseconds = 100
    var router = HTTPRouter()
    router.on("GET", "/a", .immediate { .text($0.query ?? "") })
    router.on("POST", "/a", .waiting { .text("\($0.body.count)") })
    let server = try HTTPServer(ListenAddress(port: 0), router, limits: limits)
    defer { server.stop() }
    var random = Random(seed: UInt64(seed), 1, 2)
    for _ in 0..<150 {
      let bytes = damaged(&random)
      let client = try RawConnection(port: server.address.port)
      // In one or more pieces.
      let cut = Int(random.below(UInt64(bytes.count + 1)))
      client.send(bytes[..<cut])
      client.send(bytes[cut...])
      client.endOutput()
      let answer = client.readToEnd()
      #expect(client.isClosed, "seed \(seed): \(String(decoding: bytes, as: UTF8.self).debugDescription)")
      #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 "), "seed \(seed): \(answer.debugDescription)")
    }
    #expect(RawResponse.get("/a?still", port: server.address.port)?.body == "still\n")
  }

  private func damaged(_ random: inout Random) -> [UInt8] {
    func below(_ count: Int) -> Int { Int(random.below(UInt64(max(1, count)))) }
    var bytes = Array(Self.seeds[below(Self.seeds.count)].utf8)
    if below(3) == 0 { bytes += Array(Self.seeds[below(Self.seeds.count)].utf8) }
    for _ in 0..<below(6) {
      switch below(6) {
      case 0: bytes[below(bytes.count)] = UInt8(below(256))
      case 1: bytes.insert(UInt8(below(256)), at: below(bytes.count))
      case 2: bytes.remove(at: below(bytes.count))
      case 3: bytes.removeLast(below(bytes.count))
      case 4:
        let start = below(bytes.count)
        bytes.insert(contentsOf: bytes[start..<min(bytes.count, start + below(60))], at: below(bytes.count))
      default:
        bytes.insert(contentsOf: Array(["\r\n", "\n", " ", "0\r\n\r\n", "99999999", "\0"][below(6)].utf8), at: below(bytes.count))
      }
      if bytes.isEmpty { bytes = [UInt8(below(256))] }
    }
    return bytes
  }
}
