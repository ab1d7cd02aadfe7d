// What the window benchmark is compared with: the same query in C++, hard-coded, on simdjson and flat tables. For each user and tumbling window
// of 10 s it counts clicks, adds up prices and estimates how many sessions there were (HyperLogLog, 2^11 registers, sparse up to 8 entries).
// The watermark stays 2 s behind the largest event time; records of closed windows are dropped. One thread.
//
//   slot  [ key 16 | count 4 | sparse count or dense block + 256  4 | sum 8 | sparse entries 8 x 4 ]   64 bytes, one cache line
//
// usage: window-reference FILE; prints "SECONDS EVENTS ROWS COUNTED CENTS DISTINCT" (CPU seconds of the thread, totals over all rows).

#include <fcntl.h>
#include <simdjson.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr int64_t windowSize = 10'000, lateness = 2'000;
constexpr int precision = 11, registerCount = 1 << precision, sparseMax = 8, blockCount = 64;

struct Slot {
  uint64_t key[2];
  uint32_t count;
  uint32_t sketch;  // up to sparseMax: entries in use; from 256 on: a dense block
  double sum;
  uint32_t sparse[sparseMax];  // register << 8 | rank
};
static_assert(sizeof(Slot) == 64);

inline uint64_t mix(uint64_t a, uint64_t b) {
  __uint128_t product = (__uint128_t)(a ^ 0x9e3779b97f4a7c15ull) * (b ^ 0xe7037ed1a0b428dbull);
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/// A text of up to 16 bytes as two words: its first and its last eight bytes, or its bytes.
inline void words(std::string_view text, uint64_t out[2]) {
  if (text.size() >= 8 && text.size() <= 16) {
    memcpy(&out[0], text.data(), 8);
    memcpy(&out[1], text.data() + text.size() - 8, 8);
  } else {
    out[0] = 0, out[1] = text.size();
    memcpy(&out[0], text.data(), text.size() < 8 ? text.size() : 8);
    for (size_t i = 8; i < text.size(); i++) out[1] = mix(out[1], (uint8_t)text[i]);
  }
}

/// The users of one window.
class WindowTable {
 public:
  int64_t window = INT64_MIN;

  WindowTable() { allocate(1 << 16); }
  ~WindowTable() { munmap(slots_, (mask_ + 1) * sizeof(Slot)); }
  WindowTable(const WindowTable &) = delete;

  void prefetch(uint64_t hash) const { __builtin_prefetch(&slots_[hash & mask_], 1); }

  void add(const uint64_t key[2], uint64_t hash, double price, uint64_t session) {
    if (used_ * 2 > mask_) grow();
    Slot &slot = find(key, hash);
    slot.count++;
    slot.sum += price;
    uint32_t index = session >> (64 - precision);
    uint32_t rank = __builtin_clzll((session << precision) | 1ull << (precision - 1)) + 1;
    if (slot.sketch < 256) {
      for (uint32_t i = 0; i < slot.sketch; i++) {
        if (slot.sparse[i] >> 8 != index) continue;
        if ((slot.sparse[i] & 255) < rank) slot.sparse[i] = index << 8 | rank;
        return;
      }
      if (slot.sketch < sparseMax) {
        slot.sparse[slot.sketch++] = index << 8 | rank;
        return;
      }
      makeDense(slot);
    }
    uint8_t &reg = dense_[slot.sketch - 256][index];
    if (reg < rank) reg = rank;
  }

  template <typename Row>
  void close(Row row) {
    for (uint64_t i = 0; i <= mask_; i++) {
      Slot &slot = slots_[i];
      if (slot.count == 0) continue;
      row(slot, estimate(slot));
      slot = Slot{};
    }
    used_ = 0;
    dense_.clear();
    window = INT64_MIN;
  }

 private:
  Slot *slots_;
  uint64_t mask_, used_ = 0;
  std::vector<std::unique_ptr<uint8_t[]>> dense_;

  void allocate(uint64_t capacity) {
    mask_ = capacity - 1;
    slots_ = (Slot *)mmap(nullptr, capacity * sizeof(Slot), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (slots_ == MAP_FAILED) perror("mmap"), _exit(71);
    madvise(slots_, capacity * sizeof(Slot), MADV_HUGEPAGE);
  }

  Slot &find(const uint64_t key[2], uint64_t hash) {
    for (uint64_t i = hash & mask_;; i = (i + 1) & mask_) {
      Slot &slot = slots_[i];
      if (slot.count == 0) {
        slot.key[0] = key[0], slot.key[1] = key[1];
        used_++;
        return slot;
      }
      if (slot.key[0] == key[0] && slot.key[1] == key[1]) return slot;
    }
  }

  void grow() {
    Slot *old = slots_;
    uint64_t count = mask_ + 1;
    allocate(count * 2);
    used_ = 0;
    for (uint64_t i = 0; i < count; i++)
      if (old[i].count) find(old[i].key, mix(old[i].key[0], old[i].key[1])) = old[i];
    munmap(old, count * sizeof(Slot));
  }

  void makeDense(Slot &slot) {
    dense_.emplace_back(new uint8_t[registerCount]());
    for (uint32_t i = 0; i < slot.sketch; i++) dense_.back()[slot.sparse[i] >> 8] = slot.sparse[i] & 255;
    slot.sketch = 255 + (uint32_t)dense_.size();
  }

  double estimate(const Slot &slot) const {
    // Linear counting of the sparse form, exact to a few in ten thousand there.
    if (slot.sketch < 256) return registerCount * log((double)registerCount / (registerCount - slot.sketch));
    double sum = 0;
    int zeros = 0;
    for (int i = 0; i < registerCount; i++) {
      uint8_t rank = dense_[slot.sketch - 256][i];
      sum += 1.0 / (double)(1ull << rank);
      zeros += rank == 0;
    }
    double raw = 0.7213 / (1 + 1.079 / registerCount) * registerCount * registerCount / sum;
    return raw <= 2.5 * registerCount && zeros ? registerCount * log((double)registerCount / zeros) : raw;
  }
};

struct Event {
  uint64_t key[2], hash, session;
  int64_t time;
  double price;
};

struct Query {
  WindowTable tables[4];
  int64_t watermark = INT64_MIN, rows = 0, counted = 0, cents = 0, distinct = 0, events = 0;

  static int64_t windowOf(int64_t time) { return time / windowSize - (time % windowSize < 0); }

  void close(WindowTable &table) {
    table.close([&](const Slot &slot, double estimate) {
      rows++, counted += slot.count, cents += llround(slot.sum * 100), distinct += llround(estimate);
    });
  }

  void apply(const Event &event) {
    int64_t window = windowOf(event.time);
    if (watermark < (window + 1) * windowSize - 1) {
      WindowTable &table = tables[window & 3];
      // At most two windows are open with 2 s of lateness.
      if (table.window != window) table.window = window;
      table.add(event.key, event.hash, event.price, event.session);
    }
    if (event.time - lateness > watermark) {
      watermark = event.time - lateness;
      for (auto &open : tables)
        if (open.window != INT64_MIN && watermark >= (open.window + 1) * windowSize - 1) close(open);
    }
  }

  void applyBlock(const Event *block, int count) {
    for (int i = 0; i < count; i++) tables[windowOf(block[i].time) & 3].prefetch(block[i].hash);
    for (int i = 0; i < count; i++) apply(block[i]);
    events += count;
  }
};

double threadSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 2) return fprintf(stderr, "usage: window-reference FILE\n"), 64;
  int file = open(argv[1], O_RDONLY);
  if (file < 0) return perror(argv[1]), 66;
  double start = threadSeconds();
  constexpr size_t chunk = 1 << 20;
  std::vector<char> buffer(2 * chunk + simdjson::SIMDJSON_PADDING);
  simdjson::ondemand::parser parser;
  auto query = std::make_unique<Query>();
  Event block[blockCount];
  int blockSize = 0;
  size_t held = 0;
  while (true) {
    ssize_t got = read(file, buffer.data() + held, chunk);
    if (got < 0) return perror(argv[1]), 74;
    if (got == 0) break;
    size_t size = held + got;
    // Whole lines only.
    const char *last = (const char *)memrchr(buffer.data(), '\n', size);
    if (!last) return fprintf(stderr, "%s: a line of more than %zu bytes\n", argv[1], chunk), 65;
    size_t whole = last + 1 - buffer.data();
    simdjson::ondemand::document_stream documents;
    if (parser.iterate_many(buffer.data(), whole, whole < 32 ? 32 : whole).get(documents)) return 65;
    for (auto document : documents) {
      Event &event = block[blockSize];
      std::string_view user, session;
      if (document["user_id"].get_string().get(user) || document["session_id"].get_string().get(session) ||
          document["ts"].get_int64().get(event.time) || document["price"].get_double().get(event.price))
        return fprintf(stderr, "%s: a record that is no click\n", argv[1]), 65;
      words(user, event.key);
      event.hash = mix(event.key[0], event.key[1]);
      uint64_t sessionWords[2];
      words(session, sessionWords);
      event.session = mix(mix(sessionWords[0], sessionWords[1]), 1);
      if (++blockSize == blockCount) query->applyBlock(block, blockSize), blockSize = 0;
    }
    held = size - whole;
    memmove(buffer.data(), buffer.data() + whole, held);
  }
  query->applyBlock(block, blockSize);
  for (auto &table : query->tables)
    if (table.window != INT64_MIN) query->close(table);
  printf("%.6f %lld %lld %lld %lld %lld\n", threadSeconds() - start, (long long)query->events, (long long)query->rows,
         (long long)query->counted, (long long)query->cents, (long long)query->distinct);
  close(file);
}
