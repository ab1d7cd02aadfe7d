// The files of the monitor's page with the headers that keep it to itself: no script, style, picture or connection from or to anywhere else, and no frame
// around it.

import Foundation
import HTTPServer

enum MonitorPage {
  static let commonHeaders: [(name: String, value: String)] = [
    ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
  ]

  static let policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    + "frame-ancestors 'none'"

  static let document = file("text/html; charset=utf-8", PackageResources.monitor_html, [("Content-Security-Policy", policy)])
  static let style = file("text/css; charset=utf-8", PackageResources.monitor_css)
  static let script = file("text/javascript; charset=utf-8", PackageResources.monitor_js)

  /// Of the stream; a client that lost it comes again after a second.
  static var eventsHead: HTTPResponse {
    var response = HTTPResponse(contentType: "text/event-stream", body: Array("retry: 1000\n\n".utf8))
    response.headers = commonHeaders
    return response
  }

  private static func file(_ type: String, _ bytes: [UInt8], _ headers: [(name: String, value: String)] = []) -> HTTPResponse {
    var response = HTTPResponse(contentType: type, body: bytes)
    response.headers = commonHeaders + headers
    return response
  }
}
