// A real browser for tests: headless Chromium, driven by chromedriver over the WebDriver protocol.
// https://www.w3.org/TR/webdriver2/

import Foundation

public final class WebDriver {
  public struct Refusal: Error, CustomStringConvertible {
    public var description: String
    public init(description: String) { self.description = description }
  }

  /// Whether there is a browser.
  public static var isInstalled: Bool { Products.hasExecutable("chromium") && Products.hasExecutable("chromedriver") }

  private let program: Program
  private let port: Int
  private var session = ""
  private let folder = TestFolder()

  public init(width: Int = 1280, height: Int = 1600) throws {
    program = try Program("chromedriver", ["--port=0"], environment: ["TMPDIR": folder.path])
    let program = program
    guard waitUntil(seconds: 30, { program.outputSoFar.contains("started successfully on port") }),
      let found = program.outputSoFar.firstMatch(of: #/successfully on port (\d+)/#), let port = Int(found.1)
    else { throw Refusal(description: "chromedriver does not start: \(program.outputSoFar) \(program.errorsSoFar)") }
    self.port = port
    let options: [String: Any] = [
      "args": [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage",
        "--window-size=\(width),\(height)",
        "--user-data-dir=\(folder.path)/profile",
      ]
    ]
    let capabilities: [String: Any] = [
      "capabilities": [
        "alwaysMatch": [
          "browserName": "chrome", "goog:chromeOptions": options,
          "goog:loggingPrefs": ["browser": "ALL", "performance": "ALL"],
        ]
      ]
    ]
    let answer = try send("POST", "/session", capabilities) as? [String: Any]
    guard let identifier = answer?["sessionId"] as? String else { throw Refusal(description: "no session: \(answer ?? [:])") }
    session = "/session/\(identifier)"
  }

  public func open(_ url: String) throws { _ = try send("POST", "\(session)/url", ["url": url]) }

  /// Makes the page as wide as a screen of another kind, also narrower than any window of Chromium.
  public func resize(width: Int, height: Int) throws {
    let metrics: [String: Any] = ["width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500]
    try command("Emulation.setDeviceMetricsOverride", metrics)
  }

  /// A command of the Chrome DevTools Protocol.
  @discardableResult
  public func command(_ name: String, _ parameters: [String: Any] = [:]) throws -> Any? {
    try send("POST", "\(session)/goog/cdp/execute", ["cmd": name, "params": parameters])
  }

  /// Runs a function's body in the page; what it returns, as JSON has it.
  @discardableResult
  public func run(_ script: String) throws -> Any? {
    try send("POST", "\(session)/execute/sync", ["script": script, "args": [Any]()])
  }

  public func text(_ selector: String) throws -> String {
    try run("const e = document.querySelector(\(Self.quoted(selector))); return e ? e.innerText : ''") as? String ?? ""
  }

  /// Presses keys, as WebDriver writes them: U+E004 is the tabulator.
  public func press(_ keys: String) throws {
    var actions: [[String: Any]] = []
    for key in keys { actions += [["type": "keyDown", "value": String(key)], ["type": "keyUp", "value": String(key)]] }
    _ = try send("POST", "\(session)/actions", ["actions": [["type": "key", "id": "keys", "actions": actions]]])
  }

  /// A PNG of the whole page.
  public func screenshot(_ path: String) throws {
    let page = try run("return [innerWidth, document.documentElement.scrollHeight]") as? [Int] ?? []
    guard page.count == 2 else { throw Refusal(description: "the page has no size") }
    let clip: [String: Any] = ["x": 0, "y": 0, "width": page[0], "height": min(page[1], 6000), "scale": 1]
    let answer = try command("Page.captureScreenshot", ["captureBeyondViewport": true, "clip": clip]) as? [String: Any]
    guard let text = answer?["data"] as? String, let data = Data(base64Encoded: text) else {
      throw Refusal(description: "no screenshot")
    }
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try data.write(to: URL(fileURLWithPath: path))
  }

  /// Lines of the console since the last call: level and message.
  public func console() throws -> [String] {
    (try send("POST", "\(session)/se/log", ["type": "browser"]) as? [[String: Any]] ?? []).map {
      "\($0["level"] ?? ""): \($0["message"] ?? "")"
    }
  }

  /// The addresses of all requests since the last call.
  public func requests() throws -> [String] {
    let entries = try send("POST", "\(session)/se/log", ["type": "performance"]) as? [[String: Any]] ?? []
    return entries.compactMap { entry -> String? in
      guard let text = entry["message"] as? String,
        let message = (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [String: Any],
        let inner = message["message"] as? [String: Any], inner["method"] as? String == "Network.requestWillBeSent",
        let parameters = inner["params"] as? [String: Any], let request = parameters["request"] as? [String: Any]
      else { return nil }
      return request["url"] as? String
    }
  }

  public func close() {
    if !session.isEmpty { _ = try? send("DELETE", session) }
    program.send(signal: SIGTERM)
    _ = program.wait(timeout: 10)
  }

  private static func quoted(_ text: String) -> String {
    String(decoding: (try? JSONSerialization.data(withJSONObject: [text])) ?? Data(), as: UTF8.self).dropFirst().dropLast()
      .description
  }

  /// Over a plain connection: URLSession stumbles over the headers of chromedriver.
  private func send(_ method: String, _ path: String, _ body: [String: Any]? = nil) throws -> Any? {
    let data = try body.map { try JSONSerialization.data(withJSONObject: $0) } ?? Data()
    let connection = try RawConnection(port: port)
    connection.send(
      Array(
        "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nContent-Type: application/json\r\nContent-Length: \(data.count)\r\nConnection: close\r\n\r\n"
          .utf8) + Array(data))
    var response: RawResponse?
    let isWhole = connection.read { connection in
      var bytes = connection.received
      response = RawResponse.take(from: &bytes)
      return response != nil
    }
    guard isWhole, let response else {
      throw Refusal(description: "chromedriver does not answer \(path): \(connection.text.prefix(300))")
    }
    let answer = (try? JSONSerialization.jsonObject(with: Data(response.body.utf8))) as? [String: Any]
    if let value = answer?["value"] as? [String: Any], let error = value["error"] as? String {
      throw Refusal(description: "\(error): \(value["message"] ?? "")")
    }
    return answer?["value"]
  }
}
