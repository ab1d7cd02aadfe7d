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

  static let document = answer("text/html; charset=utf-8", PackageResources.monitor_html, [("Content-Security-Policy", policy)])
  static let style = answer("text/css; charset=utf-8", PackageResources.monitor_css)
  static let script = answer("text/javascript; charset=utf-8", PackageResources.monitor_js)
  static let plots = answer("text/javascript; charset=utf-8", PackageResources.plots_js)

  /// With the headers that all answers have.
  static func answer(
    _ contentType: String, _ body: [UInt8], _ headers: [(name: String, value: String)] = [], status: Int = 200
  ) -> HTTPResponse {
    var response = HTTPResponse(status: status, contentType: contentType, body: body)
    response.headers = commonHeaders + headers
    return response
  }

  static func text(_ text: String, status: Int = 200) -> HTTPResponse {
    var response = HTTPResponse.text(text, status: status)
    response.headers = commonHeaders
    return response
  }
}
