// What `freshet demo` was asked for.

import Base
import Configuration
import HTTPServer

struct DemoSettings {
  var rate: String
  var ratePerSecond: Double
  var lengthMilliseconds: Int64
  var length: String
  /// Where the monitor's page is; nil for none.
  var web: ListenAddress?
  var hasIncidents: Bool

  init(rate: String, length: String?, web: ListenAddress?, hasIncidents: Bool) throws(Failure) {
    guard let perSecond = Units.ratePerSecond(rate), perSecond > 0 else {
      throw Failure(.usage, "--rate: expected a rate like 2k/s, 200/m or 0.2/s, found '\(rate)'")
    }
    self.rate = rate
    ratePerSecond = perSecond
    self.length = length ?? (hasIncidents ? "\(Int(DemoIncident.lengthSeconds))s" : "60s")
    lengthMilliseconds = try Arguments.duration(self.length, "--for")
    if hasIncidents, Double(lengthMilliseconds) < DemoIncident.lengthSeconds * 1000 {
      throw Failure(
        .usage, "--incident: the incidents take \(Int(DemoIncident.lengthSeconds))s; expected --for \(Int(DemoIncident.lengthSeconds))s or longer, found '\(self.length)'"
      )
    }
    self.web = web
    self.hasIncidents = hasIncidents
  }

  /// The stream: the rate, and with incidents the crowd that comes in a flash.
  var generation: GenerateOptions.Texts {
    guard hasIncidents, let crowd = DemoIncident.all.first(where: { $0.kind == .flashCrowd }) else {
      return GenerateOptions.Texts(rate: rate, length: length)
    }
    let stages =
      "{ for: \(Int(crowd.start))s, rate: \(ratePerSecond)/s }, "
      + "{ for: \(Int(crowd.end - crowd.start))s, rate: \(ratePerSecond * DemoIncident.crowdFactor)/s }, { rate: \(ratePerSecond)/s }"
    return GenerateOptions.Texts(length: length, load: "{ stages: [ \(stages) ] }")
  }
}
