// What do updates, memory, a small call and the B+-tree cost, beside what they could cost at best?
// Prints one JSON object a line; `python -m bench.limit` builds, runs and keeps it.
//
//   bench_limit [SEED [MOST_SAMPLES]]
//
// Every ratio compares two loops that take turns in one run; the medians are compared. Setup is
// outside the clock, and every answer is checked after it.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "socbi/baselines/concurrent_btree.hpp"
#include "socbi/huge_pages.hpp"
#include "socbi/index.hpp"
#ifdef SOCBI_HAS_ABSL
#include <absl/container/btree_set.h>
#endif

namespace {

using Ids = std::vector<std::int64_t>;

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

template <class Work>
double elapsed_s(Work&& work) {
  const double begin = now_s();
  work();
  return now_s() - begin;
}

void require(bool held, const char* what) {
  if (held) return;
  std::fprintf(stderr, "wrong answer: %s\n", what);
  std::exit(1);
}

Ids random_ids(std::size_t count, std::size_t samples, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Ids ids(count);
  for (std::int64_t& id : ids) id = static_cast<std::int64_t>(random() % samples);
  return ids;
}

// ---- updates ------------------------------------------------------------------------------------

/// The same ids and amounts for both: 1 each, or a real number each.
struct Batch {
  Ids ids;
  std::vector<float> values;  // empty: counts

  [[nodiscard]] socbi::Values amounts() const {
    return values.empty() ? socbi::Values(1.0F) : socbi::Values(std::span<const float>(values));
  }
  [[nodiscard]] float amount(std::size_t i) const { return values.empty() ? 1.0F : values[i]; }
};

Batch random_batch(const socbi::SemiOrderedIndex& index, std::size_t count, bool reals,
                   std::uint64_t seed) {
  const auto samples = static_cast<std::int64_t>(index.capacity());
  Batch batch{random_ids(count, index.capacity(), seed), {}};
  for (std::int64_t& id : batch.ids) {
    while (!index.contains(id)) id = (id + 1) % samples;
  }
  std::mt19937_64 random(seed + 1);
  std::uniform_real_distribution<float> uniform(0.0F, 1.0F);
  for (std::size_t i = 0; reals && i < count; ++i) batch.values.push_back(uniform(random));
  return batch;
}

[[gnu::noinline]] void bare_loop(float* scores, const Ids& ids) {
  for (const std::int64_t id : ids) scores[id] += 1.0F;
}

[[gnu::noinline]] void bare_loop(float* scores, const Ids& ids, const float* values) {
  for (std::size_t i = 0; i < ids.size(); ++i) scores[ids[i]] += values[i];
}

/// limit(1) on plain scores, which ask for large pages as the index does.
class BareLoop {
 public:
  explicit BareLoop(std::size_t samples) : scores_(samples) {}

  double run_s(const Batch& batch) {
    return elapsed_s([&] {
      if (batch.values.empty()) {
        bare_loop(scores_.data(), batch.ids);
      } else {
        bare_loop(scores_.data(), batch.ids, batch.values.data());
      }
    });
  }

 private:
  std::vector<float, socbi::HugePages<float>> scores_;
};

/// limit(T) for T > 1 on atomic scores, integers for counts: threads that wait for the start are
/// not part of the time.
template <class Score>
class BareThreads {
 public:
  BareThreads(std::size_t samples, unsigned threads) : scores_(samples), threads_(threads) {}

  double run_s(const Batch& batch) {
    std::atomic<unsigned> waiting{0};
    std::atomic<bool> go{false};
    std::vector<std::thread> others;
    for (unsigned worker = 1; worker < threads_; ++worker) {
      others.emplace_back([&, worker] {
        ++waiting;
        while (!go.load()) std::this_thread::yield();
        share(batch, worker);
      });
    }
    while (waiting.load() + 1 < threads_) std::this_thread::yield();
    return elapsed_s([&] {
      go.store(true);
      share(batch, 0);
      for (std::thread& other : others) other.join();
    });
  }

 private:
  void share(const Batch& batch, unsigned worker) {
    const std::size_t begin = batch.ids.size() * worker / threads_;
    const std::size_t end = batch.ids.size() * (worker + 1) / threads_;
    for (std::size_t i = begin; i < end; ++i) {
      scores_[static_cast<std::size_t>(batch.ids[i])].fetch_add(static_cast<Score>(batch.amount(i)),
                                                                std::memory_order_relaxed);
    }
  }

  std::vector<std::atomic<Score>> scores_;
  const unsigned threads_;
};

/// Seconds of the bare loop and of ours, taking turns.
struct Turns {
  std::vector<double> bare_s, ours_s;
};

template <class Bare>
Turns take_turns(Bare bare, socbi::SemiOrderedIndex& index, const Batch& batch,
                 std::size_t repeats) {
  Turns turns;
  for (std::size_t i = 0; i < repeats; ++i) {
    turns.bare_s.push_back(bare.run_s(batch));
    turns.ours_s.push_back(elapsed_s([&] { index.add(batch.ids, batch.amounts()); }));
  }
  return turns;
}

/// What the first id's score comes to; the order of the additions is that of the batch.
float expected_first(const Batch& batch, std::size_t repeats) {
  float score = 0.0F;
  for (std::size_t repeat = 0; repeat < repeats; ++repeat) {
    for (std::size_t i = 0; i < batch.ids.size(); ++i) {
      if (batch.ids[i] == batch.ids[0]) score += batch.amount(i);
    }
  }
  return score;
}

void measure_add(std::size_t samples, std::size_t count, unsigned threads, bool some_removed,
                 bool reals, std::uint64_t seed) {
  socbi::IndexOptions options;
  options.threads = threads;
  socbi::SemiOrderedIndex index(samples, options);
  if (some_removed) static_cast<void>(index.pop(samples / 100));
  const Batch batch = random_batch(index, count, reals, seed);
  const std::size_t repeats = count > 100'000 ? 41 : 401;
  Turns turns;
  if (threads == 1) {
    turns = take_turns(BareLoop(samples), index, batch, repeats);
  } else if (reals) {
    turns = take_turns(BareThreads<float>(samples, threads), index, batch, repeats);
  } else {
    turns = take_turns(BareThreads<std::uint32_t>(samples, threads), index, batch, repeats);
  }
  require(index.scores(std::span(batch.ids).first(1))[0] == expected_first(batch, repeats), "add");
  const double bare_s = median(turns.bare_s);
  const double ours_s = median(turns.ours_s);
  const double scale = 1e9 / static_cast<double>(count);
  std::printf(
      "{\"what\": \"add\", \"kind\": \"%s\", \"samples\": %zu, \"batch\": %zu, "
      "\"threads\": %u, \"some_removed\": %s, \"limit_ns\": %.3f, \"ours_ns\": %.3f, "
      "\"ratio\": %.3f}\n",
      reals ? "reals" : "counts", samples, count, threads, some_removed ? "true" : "false",
      bare_s * scale, ours_s * scale, ours_s / bare_s);
  std::fflush(stdout);
}

// ---- small calls --------------------------------------------------------------------------------

/// What one call costs in C++; bench/limit.py takes it from what the same call costs in Python.
void measure_small_calls(std::uint64_t seed) {
  constexpr std::size_t kSamples = 1'000'000;
  constexpr std::size_t kCalls = 20'000;
  socbi::SemiOrderedIndex index(kSamples, {});
  for (int i = 0; i < 3; ++i) static_cast<void>(index.pop(128));
  const Ids ids = random_batch(index, 128, false, seed).ids;
  std::vector<double> add_s, top_s;
  for (std::size_t i = 0; i < kCalls; ++i) {
    add_s.push_back(elapsed_s([&] { index.add(ids, socbi::Values(1.0F)); }));
  }
  for (std::size_t i = 0; i < kCalls; ++i) {
    top_s.push_back(elapsed_s([&] { static_cast<void>(index.top(128)); }));
  }
  std::printf("{\"what\": \"call\", \"ids\": 128, \"add_us\": %.3f, \"top_us\": %.3f}\n",
              median(add_s) * 1e6, median(top_s) * 1e6);
  std::fflush(stdout);
}

// ---- memory -------------------------------------------------------------------------------------

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  double resident = 0;
  file >> pages >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

/// In a process of its own, so that no memory is counted that somebody freed before.
template <class Work>
void apart(Work&& work) {
  const pid_t child = fork();
  if (child == 0) {
    work();
    std::_Exit(0);
  }
  int status = 0;
  require(child > 0 && waitpid(child, &status, 0) == child && status == 0, "memory");
}

void run_rounds(socbi::SemiOrderedIndex& index, std::uint64_t seed) {
  for (std::uint64_t round = 0; round < 50; ++round) {
    const Batch batch = random_batch(index, index.capacity() / 100, false, seed + round);
    index.add(batch.ids, batch.amounts());
    static_cast<void>(index.pop(128));
  }
}

/// At rest after rounds in which everything was built.
void measure_memory(std::size_t samples, socbi::Refile refile, std::uint64_t seed) {
  socbi::IndexOptions options;
  options.threads = 1;
  options.refile = refile;
  socbi::SemiOrderedIndex small(10'000, options);
  run_rounds(small, seed);  // brings in the pages of the code
  const double before = resident_bytes();
  socbi::SemiOrderedIndex index(samples, options);
  run_rounds(index, seed);
  const auto scale = 1.0 / static_cast<double>(samples);
  std::printf(
      "{\"what\": \"memory\", \"samples\": %zu, \"refile\": \"%s\", \"nbytes_per_sample\": %.2f, "
      "\"resident_bytes_per_sample\": %.2f}\n",
      samples, refile == socbi::Refile::kEager ? "eager" : "lazy",
      static_cast<double>(index.nbytes()) * scale, (resident_bytes() - before) * scale);
  std::fflush(stdout);
}

// ---- the B+-tree --------------------------------------------------------------------------------

#ifdef SOCBI_HAS_ABSL
void measure_tree(std::size_t samples, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::uint64_t> keys(samples);
  for (std::uint64_t& key : keys) key = random();
  std::vector<std::uint64_t> sorted = keys;
  std::sort(sorted.begin(), sorted.end());
  absl::btree_set<std::uint64_t> theirs(sorted.begin(), sorted.end());
  socbi::baselines::ConcurrentBTree ours;
  ours.bulk_load(sorted);
  constexpr std::size_t kMoves = 100'000;
  std::vector<double> their_s, our_s;
  for (int repeat = 0; repeat < 11; ++repeat) {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> moves(kMoves);
    for (auto& [from, to] : moves) {
      const std::size_t at = random() % samples;
      from = keys[at];
      to = keys[at] = random();
    }
    their_s.push_back(elapsed_s([&] {
      for (const auto& [from, to] : moves) {
        theirs.erase(from);
        theirs.insert(to);
      }
    }));
    our_s.push_back(elapsed_s([&] {
      for (const auto& [from, to] : moves) {
        ours.erase<false>(from);
        ours.insert<false>(to);
      }
    }));
  }
  require(ours.size() == theirs.size(), "tree size");
  std::printf(
      "{\"what\": \"btree\", \"samples\": %zu, \"absl_ns\": %.1f, \"ours_ns\": %.1f, \"ratio\": "
      "%.3f}\n",
      samples, median(their_s) * 1e9 / kMoves, median(our_s) * 1e9 / kMoves,
      median(our_s) / median(their_s));
  std::fflush(stdout);
}
#endif

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  const std::size_t most = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 10'000'000;
  std::vector<std::size_t> sizes;
  for (const std::size_t samples : {100'000UL, 1'000'000UL, 10'000'000UL}) {
    if (samples <= most) sizes.push_back(samples);
  }
  for (const std::size_t samples : sizes) {
    for (const socbi::Refile refile : {socbi::Refile::kLazy, socbi::Refile::kEager}) {
      apart([&] { measure_memory(samples, refile, seed); });
    }
  }
  measure_small_calls(seed);
  std::vector<unsigned> threads = {1, 2};
  for (unsigned more = 4; more <= std::thread::hardware_concurrency(); more *= 2) {
    threads.push_back(more);
  }
  for (const unsigned many : threads) {
    for (const std::size_t samples : sizes) {
      for (const std::size_t count : {10'000UL, 1'000'000UL}) {
        for (const bool some_removed : {false, true}) {
          for (const bool reals : {false, true}) {
            measure_add(samples, count, many, some_removed, reals, seed);
          }
        }
      }
    }
  }
#ifdef SOCBI_HAS_ABSL
  for (const std::size_t samples : sizes) measure_tree(samples, seed);
#endif
}
