// Schemas for the best known names of the datagen connector's `quickstart`. The names of fields are those that its users know; how the
// values are drawn is our own.

struct Quickstart {
  var name: String
  /// The field that is the record's key.
  var key: String
  /// An Avro schema.
  var schema: String

  static let all = [users, pageviews, orders, clickstream, ratings, stockTrades]

  private static let users = Quickstart(
    name: "users", key: "userid",
    schema: """
      {"type": "record", "name": "users", "fields": [
        {"name": "registertime", "type": {"type": "long", "arg.properties": {"range": {"min": 1487715775521, "max": 1519273364600}}}},
        {"name": "userid", "type": {"type": "string", "arg.properties": {"regex": "User_[1-9]"}}},
        {"name": "regionid", "type": {"type": "string", "arg.properties": {"regex": "Region_[1-9]"}}},
        {"name": "gender", "type": {"type": "string", "arg.properties": {"options": ["MALE", "FEMALE", "OTHER"]}}}
      ]}
      """)

  private static let pageviews = Quickstart(
    name: "pageviews", key: "viewtime",
    schema: """
      {"type": "record", "name": "pageviews", "fields": [
        {"name": "viewtime", "type": {"type": "long", "arg.properties": {"iteration": {"start": 1, "step": 10}}}},
        {"name": "userid", "type": {"type": "string", "arg.properties": {"regex": "User_[1-9]"}}},
        {"name": "pageid", "type": {"type": "string", "arg.properties": {"regex": "Page_[1-9][0-9]?"}}}
      ]}
      """)

  private static let orders = Quickstart(
    name: "orders", key: "orderid",
    schema: """
      {"type": "record", "name": "orders", "fields": [
        {"name": "ordertime", "type": {"type": "long", "arg.properties": {"range": {"min": 1487715775521, "max": 1519273364600}}}},
        {"name": "orderid", "type": {"type": "int", "arg.properties": {"iteration": {"start": 0}}}},
        {"name": "itemid", "type": {"type": "string", "arg.properties": {"regex": "Item_[1-9][0-9]{0,2}"}}},
        {"name": "orderunits", "type": {"type": "double", "arg.properties": {"range": {"min": 0.1, "max": 10}}}},
        {"name": "address", "type": {"type": "record", "name": "address", "fields": [
          {"name": "city", "type": {"type": "string", "arg.properties": {"regex": "City_[1-9][0-9]?"}}},
          {"name": "state", "type": {"type": "string", "arg.properties": {"regex": "State_[1-9][0-9]?"}}},
          {"name": "zipcode", "type": {"type": "long", "arg.properties": {"range": {"min": 10000, "max": 99999}}}}
        ]}}
      ]}
      """)

  private static let clickstream = Quickstart(
    name: "clickstream", key: "ip",
    schema: """
      {"type": "record", "name": "clickstream", "fields": [
        {"name": "ip", "type": {"type": "string", "arg.properties": {"regex": "10\\\\.0\\\\.[0-9]\\\\.1[0-9]{2}"}}},
        {"name": "userid", "type": {"type": "int", "arg.properties": {"range": {"min": 1, "max": 41}}}},
        {"name": "remote_user", "type": {"type": "string", "arg.properties": {"options": ["-"]}}},
        {"name": "time", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "request", "type": {"type": "string", "arg.properties": {"options": ["GET / HTTP/1.1",
          "GET /products HTTP/1.1", "GET /products/42 HTTP/1.1", "GET /search?q=shoes HTTP/1.1", "POST /basket HTTP/1.1",
          "POST /orders HTTP/1.1"]}}},
        {"name": "status", "type": {"type": "string", "arg.properties": {"options": ["200", "200", "200", "302", "404", "500"]}}},
        {"name": "bytes", "type": {"type": "string", "arg.properties": {"options": ["278", "1289", "2048", "4006", "4096"]}}},
        {"name": "referrer", "type": {"type": "string", "arg.properties": {"options": ["-", "https://example.org/"]}}},
        {"name": "agent", "type": {"type": "string", "arg.properties": {"options": ["Mozilla/5.0 (X11; Linux x86_64)",
          "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", "Mozilla/5.0 (compatible; ExampleBot/1.0)"]}}}
      ]}
      """)

  private static let ratings = Quickstart(
    name: "ratings", key: "rating_id",
    schema: """
      {"type": "record", "name": "ratings", "fields": [
        {"name": "rating_id", "type": {"type": "long", "arg.properties": {"iteration": {"start": 1}}}},
        {"name": "user_id", "type": {"type": "int", "arg.properties": {"range": {"min": 1, "max": 20}}}},
        {"name": "stars", "type": {"type": "int", "arg.properties": {"options": [1, 2, 3, 4, 4, 5]}}},
        {"name": "route_id", "type": {"type": "int", "arg.properties": {"range": {"min": 1, "max": 10000}}}},
        {"name": "rating_time", "type": {"type": "long", "arg.properties": {"iteration": {"start": 1, "step": 10}}}},
        {"name": "channel", "type": {"type": "string", "arg.properties": {"options": ["web", "ios", "android"]}}},
        {"name": "message", "type": {"type": "string", "arg.properties": {"options": ["a smooth flight", "late again",
          "friendly crew", "my bag is lost", "would fly again", "too little space"]}}}
      ]}
      """)

  private static let stockTrades = Quickstart(
    name: "stock_trades", key: "symbol",
    schema: """
      {"type": "record", "name": "stock_trades", "fields": [
        {"name": "side", "type": {"type": "string", "arg.properties": {"options": ["BUY", "SELL", "SHORT"]}}},
        {"name": "quantity", "type": {"type": "int", "arg.properties": {"range": {"min": 1, "max": 5000}}}},
        {"name": "symbol", "type": {"type": "string", "arg.properties": {"options": ["ZTEST", "ZVZZT", "ZWZZT", "ZXZZT"]}}},
        {"name": "price", "type": {"type": "int", "arg.properties": {"range": {"min": 5, "max": 1000}}}},
        {"name": "account", "type": {"type": "string", "arg.properties": {"regex": "[A-Z]{3}[0-9]{3}"}}},
        {"name": "userid", "type": {"type": "string", "arg.properties": {"regex": "User_[1-9]"}}}
      ]}
      """)
}
