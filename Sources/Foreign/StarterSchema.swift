// What `freshet init` gives without a file to start from: a small schema with comments, of sessions or of independent records.

/// A schema to begin with.
public enum StarterSchema: String, Sendable, CaseIterable {
  case sessions
  case stream

  public func text(name: String) -> String {
    switch self {
    case .sessions: Self.sessionsText.replacing("{NAME}", with: name)
    case .stream: Self.streamText.replacing("{NAME}", with: name)
    }
  }

  private static let streamText = """
    # Independent records at a rate. `freshet validate FILE` checks this file, `freshet generate FILE --count 10` shows what it gives.
    version: 1
    kind: stream
    name: {NAME}
    seed: 42                        # the same seed gives the same records
    rate: 50/s                      # also 0.2/s, 5k/s, 200/m; --rate wins over it
    key: order_id                   # the field that is Kafka's record key

    # Things that records speak of: each row is a function of the seed and its number.
    entities:
      customer:
        count: 10000
        key: customer_id
        fields:
          customer_id: { uuid: v4 }
          country: { choice: [DE, FR, US], weights: [30, 20, 50] }

    # A row of an entity, drawn for each record: some customers order much more often than others.
    bind:
      customer: { ref: customer, pick: { zipf: 1.1 } }

    fields:
      order_id: { sequence: "O-{n:08}" }
      customer_id: { from: customer.customer_id }
      country: { from: customer.country }
      amount: { lognormal: { median: 24.0, sigma: 0.8 }, clamp: [1, 2000], decimals: 2 }
      items: { int: [1, 5] }
      coupon: { choice: [SUMMER, VIP], optional: 0.8 }     # left out of 80 % of the records
      created_at: { time: event, format: rfc3339_ms }

    output: { topic: {NAME}, timestamp: event }

    """

  private static let sessionsText = """
    # Sessions of users that walk through states. `freshet validate FILE` checks this file, `freshet generate FILE --count 10` shows what it gives.
    version: 1
    kind: events
    name: {NAME}
    seed: 42                        # the same seed gives the same events

    # Things that events speak of: each row is a function of the seed and its number.
    entities:
      product:
        count: 1000
        key: product_id
        fields:
          product_id: { sequence: "P-{n:05}" }
          price: { lognormal: { median: 24.0, sigma: 0.8 }, clamp: [1, 2000], decimals: 2 }
      user:
        count: 10000
        key: user_id
        fields:
          user_id: { uuid: v4 }
          country: { choice: [DE, FR, US], weights: [30, 20, 50] }

    # Who comes, how often, and what they do: each state emits one event, waits, and goes on.
    sessions:
      actor: { ref: user, pick: { zipf: 1.1 } }            # some users come much more often than others
      arrival: { poisson: 20/s }                           # new sessions
      id: { field: session_id, uuid: v7 }
      states:
        home:
          emit: page_viewed
          think: { lognormal: { median: 5s, sigma: 0.7 } }
          next: { product: 60, exit: 40 }                  # weights
        product:
          emit: product_viewed
          bind: { current: { ref: product, pick: { zipf: 1.05 } } }
          think: { lognormal: { median: 10s, sigma: 0.8 } }
          next: { product: 50, buy: 5, exit: 45 }
        buy:
          emit: order_completed
          next: { exit: 100 }
      initial: { home: 80, product: 20 }

    events:
      _base:                        # a name that begins with _ is only a base for others
        fields:
          event_id: { uuid: v7 }
          time: { time: event }
          user_id: { from: user.user_id }
          session_id: { from: session.session_id }
      page_viewed:
        extends: _base
        fields: { event: { const: page_viewed }, page: { choice: [home, sale, help] } }
      product_viewed:
        extends: _base
        fields: { event: { const: product_viewed }, product_id: { from: current.product_id }, price: { from: current.price } }
      order_completed:
        extends: product_viewed
        fields: { event: { const: order_completed }, quantity: { int: [1, 3] } }

    output: { topic: {NAME}, key: user_id, timestamp: event }

    """
}
