// How near is the index to the goals of docs/performance.md that concern updates, retrieval and
// memory? Prints one JSON object a line; `python -m bench.goals` builds, runs and keeps it.
//
// Every ratio compares two loops that take turns in one run; the medians are compared. Setup is
// outside the clock, and every answer is checked after it.
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

#include "socbi/baselines/array_ordering.hpp"
#include "socbi/baselines/bplus_tree_ordering.hpp"
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

// ---- updates
// -------------------------------------------------------------------------------------

[[gnu::noinline]] void bare_loop(float* scores, const Ids& ids) {
  for (const std::int64_t id : ids) scores[id] += 1.0F;
}

/// limit(T) for T > 1: threads that wait for the start are not part of the time.
double bare_threads_s(std::vector<std::atomic<std::uint32_t>>& scores, const Ids& ids,
                      unsigned threads) {
  std::atomic<unsigned> waiting{0};
  std::atomic<bool> go{false};
  const auto share = [&](unsigned worker) {
    const std::size_t begin = ids.size() * worker / threads;
    const std::size_t end = ids.size() * (worker + 1) / threads;
    for (std::size_t i = begin; i < end; ++i) {
      scores[static_cast<std::size_t>(ids[i])].fetch_add(1, std::memory_order_relaxed);
    }
  };
  std::vector<std::thread> others;
  for (unsigned worker = 1; worker < threads; ++worker) {
    others.emplace_back([&, worker] {
      ++waiting;
      while (!go.load()) std::this_thread::yield();
      share(worker);
    });
  }
  while (waiting.load() + 1 < threads) std::this_thread::yield();
  return elapsed_s([&] {
    go.store(true);
    share(0);
    for (std::thread& other : others) other.join();
  });
}

void measure_add(std::size_t samples, std::size_t batch, unsigned threads, bool some_removed,
                 std::uint64_t seed) {
  socbi::IndexOptions options;
  options.threads = threads;
  socbi::SemiOrderedIndex index(samples, options);
  if (some_removed) static_cast<void>(index.pop(samples / 100));
  Ids ids = random_ids(batch, samples, seed);
  for (std::int64_t& id : ids) {
    while (!index.contains(id)) id = (id + 1) % static_cast<std::int64_t>(samples);
  }
  std::vector<float> plain(samples);
  std::vector<std::atomic<std::uint32_t>> atomic(threads > 1 ? samples : 0);
  std::vector<double> bare, ours;
  const std::size_t repeats = batch > 100'000 ? 41 : 401;
  for (std::size_t i = 0; i < repeats; ++i) {
    bare.push_back(threads == 1 ? elapsed_s([&] { bare_loop(plain.data(), ids); })
                                : bare_threads_s(atomic, ids, threads));
    ours.push_back(elapsed_s([&] { index.add(ids, socbi::Values(1.0F)); }));
  }
  float hit = 0;
  for (const std::int64_t id : ids) hit += static_cast<float>(id == ids[0]);
  require(index.scores(std::span(ids).first(1))[0] == hit * static_cast<float>(repeats), "add");
  const double scale = 1e9 / static_cast<double>(batch);
  std::printf(
      "{\"what\": \"add\", \"samples\": %zu, \"batch\": %zu, \"threads\": %u, \"some_removed\": "
      "%s, "
      "\"limit_ns\": %.3f, \"ours_ns\": %.3f, \"ratio\": %.3f}\n",
      samples, batch, threads, some_removed ? "true" : "false", median(bare) * scale,
      median(ours) * scale, median(ours) / median(bare));
  std::fflush(stdout);
}

// ---- rounds
// --------------------------------------------------------------------------------------

struct RoundTimes {
  std::vector<double> update_s, pop_s;
  std::uint64_t answer = 0;  // a sum over what was popped: equal for all, or somebody is wrong
};

/// Rounds of `updates` increments of samples in the pool and a pop of `taken`.
template <class Index>
RoundTimes run_rounds(std::size_t samples, std::size_t updates, std::size_t taken,
                      std::size_t rounds, std::uint64_t seed) {
  socbi::IndexOptions options;
  options.threads = 1;
  Index index(samples, options);
  std::mt19937_64 random(seed);
  std::vector<bool> gone(samples);
  RoundTimes times;
  Ids ids(updates);
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::int64_t& id : ids) {
      do id = static_cast<std::int64_t>(random() % samples);
      while (gone[static_cast<std::size_t>(id)]);
    }
    times.update_s.push_back(elapsed_s([&] { index.add(ids, socbi::Values(1.0F)); }));
    socbi::Best best;
    times.pop_s.push_back(elapsed_s([&] { best = index.pop(taken); }));
    for (const std::int64_t id : best.ids) {
      gone[static_cast<std::size_t>(id)] = true;
      times.answer = times.answer * 31 + static_cast<std::uint64_t>(id);
    }
  }
  // The first rounds build what the later ones use.
  times.update_s.erase(times.update_s.begin(), times.update_s.begin() + 5);
  times.pop_s.erase(times.pop_s.begin(), times.pop_s.begin() + 5);
  return times;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

void measure_rounds(std::size_t samples, std::size_t updates, std::uint64_t seed) {
  namespace rivals = socbi::baselines;
  constexpr std::size_t kTaken = 128;
  const auto print = [&](const char* name, const RoundTimes& times) {
    // The mean: a round that lists anew costs more than the others and must count.
    std::printf(
        "{\"what\": \"round\", \"index\": \"%s\", \"samples\": %zu, \"updates\": %zu, \"taken\": "
        "%zu, "
        "\"update_us\": %.2f, \"pop_us\": %.2f, \"pop_median_us\": %.2f, \"round_us\": %.2f}\n",
        name, samples, updates, kTaken, mean(times.update_s) * 1e6, mean(times.pop_s) * 1e6,
        median(times.pop_s) * 1e6, (mean(times.update_s) + mean(times.pop_s)) * 1e6);
    std::fflush(stdout);
  };
  const std::size_t few = samples > 5'000'000 ? 25 : 65;
  const auto ours = run_rounds<socbi::SemiOrderedIndex>(samples, updates, kTaken, 505, seed);
  print("SemiOrderedIndex", ours);
  const auto ours_few = run_rounds<socbi::SemiOrderedIndex>(samples, updates, kTaken, few, seed);
  const auto heap =
      run_rounds<socbi::BasicIndex<rivals::ArrayHeapOrdering>>(samples, updates, kTaken, few, seed);
  print("ArrayHeapIndex", heap);
  const auto tree =
      run_rounds<socbi::BasicIndex<rivals::BPlusTreeOrdering>>(samples, updates, kTaken, few, seed);
  print("BPlusTreeIndex", tree);
  const auto sort =
      run_rounds<socbi::BasicIndex<rivals::ArraySortOrdering>>(samples, updates, kTaken, few, seed);
  print("ArraySortIndex", sort);
  require(ours_few.answer == heap.answer, "array + heap");
  require(ours_few.answer == tree.answer, "B+-tree");
  require(ours_few.answer == sort.answer, "array + sort");
}

// ---- memory
// ---- small calls
// ---------------------------------------------------------------------------------

/// What one call costs in C++; bench/goals.py takes it from what the same call costs in Python.
void measure_small_calls(std::uint64_t seed) {
  constexpr std::size_t kSamples = 1'000'000;
  constexpr std::size_t kCalls = 20'000;
  socbi::SemiOrderedIndex index(kSamples, {});
  for (int i = 0; i < 3; ++i) static_cast<void>(index.pop(128));
  Ids ids = random_ids(128, kSamples, seed);
  for (std::int64_t& id : ids) {
    while (!index.contains(id)) id = (id + 1) % static_cast<std::int64_t>(kSamples);
  }
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

// --------------------------------------------------------------------------------------

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  double resident = 0;
  file >> pages >> resident;
  return resident * 4096.0;
}

void measure_memory(std::size_t samples, socbi::Refile refile, std::uint64_t seed) {
  const double before = resident_bytes();
  socbi::IndexOptions options;
  options.threads = 1;
  options.refile = refile;
  socbi::SemiOrderedIndex index(samples, options);
  for (std::uint64_t round = 0; round < 50; ++round) {
    Ids ids = random_ids(samples / 100, samples, seed + round);
    ids.erase(std::remove_if(ids.begin(), ids.end(), [&](auto id) { return !index.contains(id); }),
              ids.end());
    index.add(ids, socbi::Values(1.0F));
    static_cast<void>(index.pop(128));
  }
  const auto scale = 1.0 / static_cast<double>(samples);
  std::printf(
      "{\"what\": \"memory\", \"samples\": %zu, \"refile\": \"%s\", \"nbytes_per_sample\": %.2f, "
      "\"resident_bytes_per_sample\": %.2f}\n",
      samples, refile == socbi::Refile::kEager ? "eager" : "lazy",
      static_cast<double>(index.nbytes()) * scale, (resident_bytes() - before) * scale);
  std::fflush(stdout);
}

// ---- the B+-tree
// ---------------------------------------------------------------------------------

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
  measure_small_calls(seed);
  for (const std::size_t samples : {std::size_t{1'000'000}, std::size_t{10'000'000}}) {
    measure_memory(samples, socbi::Refile::kLazy, seed);
    measure_memory(samples, socbi::Refile::kEager, seed);
  }
  std::vector<unsigned> threads = {1, 2};
  for (unsigned more = 4; more <= std::thread::hardware_concurrency(); more *= 2) {
    threads.push_back(more);
  }
  for (const unsigned count : threads) {
    for (const std::size_t samples : {100'000UL, 1'000'000UL, 10'000'000UL}) {
      for (const std::size_t batch : {10'000UL, 1'000'000UL}) {
        for (const bool some_removed : {false, true}) {
          measure_add(samples, batch, count, some_removed, seed);
        }
      }
    }
  }
  for (const std::size_t samples : {1'000'000UL, 10'000'000UL}) {
    for (const std::size_t updates : {1'000UL, 10'000UL}) measure_rounds(samples, updates, seed);
  }
#ifdef SOCBI_HAS_ABSL
  for (const std::size_t samples : {100'000UL, 1'000'000UL, 10'000'000UL}) {
    measure_tree(samples, seed);
  }
#endif
}
