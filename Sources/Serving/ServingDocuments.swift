// What a server says of itself: its services as a list, and its interface as OpenAPI 3.1 has it.

import Base
import Features
import Records

extension ServingPlan {
  /// `GET /services`.
  var document: [UInt8] {
    let services = services.map { service in
      let features = service.columns.map { column in
        "{\"name\":\(JSONText.quoted(column.reference)),\"view\":\(JSONText.quoted(column.view)),"
          + "\"feature\":\(JSONText.quoted(column.feature)),\"lane\":\"\(column.lane.rawValue)\",\"type\":\"\(column.type)\"}"
      }
      let entities = service.entityNames.map { "{\"name\":\(JSONText.quoted($0.name)),\"key\":\(JSONText.quoted($0.key))}" }
      let inputs = service.inputs.map { "{\"name\":\(JSONText.quoted($0.name)),\"type\":\"\($0.kind.rawValue)\"}" }
      let ages = Lane.allCases.compactMap { lane in service.maxAge[lane].map { "\"\(lane.rawValue)\":\($0)" } }
      let timeout = service.timeoutMilliseconds.map { "\($0)" } ?? "null"
      return "{\"name\":\(JSONText.quoted(service.name)),\"entities\":[\(entities.joined(separator: ","))],"
        + "\"inputs\":[\(inputs.joined(separator: ","))],\"features\":[\(features.joined(separator: ","))],"
        + "\"max_age_ms\":{\(ages.joined(separator: ","))},\"timeout_ms\":\(timeout)}"
    }
    return Array(
      "{\"pipeline\":\(JSONText.quoted(pipeline.name)),\"services\":[\(services.joined(separator: ","))]}".utf8)
  }
}

extension ServingEndpoints {
  /// `GET /openapi.json`.
  var openAPI: [UInt8] {
    let version = JSONText.quoted(serverVersion.isEmpty ? "0" : serverVersion)
    return Array(Self.openAPIText.replacing("\"VERSION\"", with: version).utf8)
  }

  private static let openAPIText = """
    {"openapi":"3.1.0","info":{"title":"Freshet feature server","version":"VERSION"},
    "components":{"securitySchemes":{"token":{"type":"http","scheme":"bearer"}},
    "schemas":{"Fault":{"type":"object","properties":{"detail":{"type":"string"}}},
    "Scalars":{"type":"array","items":{"type":["string","integer","number","boolean","null"]}},
    "OnlineRequest":{"type":"object","properties":{"feature_service":{"type":"string"},
    "features":{"type":"array","items":{"type":"string"}},
    "entities":{"type":"object","additionalProperties":{"$ref":"#/components/schemas/Scalars"}},
    "full_feature_names":{"type":"boolean"}}},
    "OnlineResponse":{"type":"object","properties":{"metadata":{"type":"object","properties":{
    "feature_names":{"type":"array","items":{"type":"string"}}}},
    "results":{"type":"array","items":{"type":"object","properties":{"values":{"type":"array"},
    "statuses":{"type":"array","items":{"type":"string","enum":["PRESENT","NULL_VALUE","NOT_FOUND","OUTSIDE_MAX_AGE","INVALID"]}},
    "event_timestamps":{"type":"array","items":{"type":"string","format":"date-time"}}}}}}},
    "Value":{"type":"object","properties":{"value":{},
    "status":{"type":"string","enum":["PRESENT","NULL_VALUE","NOT_FOUND","STALE","INVALID"]},
    "as_of":{"type":["integer","null"]},"age_ms":{"type":["integer","null"]},
    "lane":{"type":"string","enum":["rt","nrt","batch"]},"run":{"type":"integer"},"truncated":{"type":"boolean"}}},
    "Rows":{"type":"object","properties":{"service":{"type":"string"},"now":{"type":"integer"},
    "rows":{"type":"array","items":{"type":"object","properties":{"keys":{"type":"object"},"inputs":{"type":"object"},
    "features":{"type":"object","additionalProperties":{"$ref":"#/components/schemas/Value"}}}}},
    "timing":{"type":"object","additionalProperties":{"type":"integer"}}}}},
    "responses":{"Fault":{"description":"What is wrong","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Fault"}}}}}},
    "security":[{},{"token":[]}],
    "paths":{
    "/get-online-features":{"post":{"summary":"Features of many entities, as Feast's clients ask for them",
    "requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/OnlineRequest"}}}},
    "responses":{"200":{"description":"The values, a column per feature",
    "content":{"application/json":{"schema":{"$ref":"#/components/schemas/OnlineResponse"}}}},
    "default":{"$ref":"#/components/responses/Fault"}}}},
    "/features/{service}/{key}":{"get":{"summary":"The features of a service for one entity",
    "parameters":[{"name":"service","in":"path","required":true,"schema":{"type":"string"}},
    {"name":"key","in":"path","required":true,"schema":{"type":"string"}}],
    "responses":{"200":{"description":"The values, a row per entity",
    "content":{"application/json":{"schema":{"$ref":"#/components/schemas/Rows"}}}},
    "default":{"$ref":"#/components/responses/Fault"}}}},
    "/features/{service}":{"get":{"summary":"The same for any number of entities",
    "parameters":[{"name":"service","in":"path","required":true,"schema":{"type":"string"}},
    {"name":"key","in":"query","schema":{"type":"array","items":{"type":"string"}}}],
    "responses":{"200":{"description":"The values, a row per entity",
    "content":{"application/json":{"schema":{"$ref":"#/components/schemas/Rows"}}}},
    "default":{"$ref":"#/components/responses/Fault"}}}},
    "/services":{"get":{"summary":"What there is","responses":{"200":{"description":"Services with their features"}}}},
    "/healthz":{"get":{"summary":"Whether the server runs","security":[],"responses":{"200":{"description":"It does"}}}},
    "/livez":{"get":{"summary":"Whether the server runs","security":[],"responses":{"200":{"description":"It does"}}}},
    "/readyz":{"get":{"summary":"Whether the feature store answers","security":[],
    "responses":{"200":{"description":"It does"},"503":{"description":"It does not, with the reason"}}}},
    "/metrics":{"get":{"summary":"Metrics in Prometheus' text format","responses":{"200":{"description":"Metrics"}}}}
    }}
    """
}
