// Many threads at once, with an exact oracle: what the index must hold is known to the last bit,
// whatever the order in which the threads ran. 1, 5, 10 and 20 threads; lazy, eager and the
// B+-tree; small nodes and the default. Bounded by operation counts, nothing sleeps. Run it under
// ThreadSanitizer and AddressSanitizer, too.
//
// Seeds are fixed: a thread's operations are the same every time, their interleaving is not.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "reference.hpp"
#include "socbi/baselines/bplus_tree_ordering.hpp"
#include "socbi/index.hpp"

namespace {

using socbi::BasicIndex;
using socbi::Best;
using socbi::IndexOptions;
using socbi::Refile;
using socbi::RemovedId;
using socbi::SemiOrderedIndex;
using socbi::Values;
using socbi::testing::bits_of;
using socbi::testing::difference;
using socbi::testing::ReferenceIndex;
using socbi::testing::stat;

using BPlusTreeIndex = BasicIndex<socbi::baselines::BPlusTreeOrdering>;
using Batch = std::vector<std::int64_t>;
using Scores = std::vector<float>;

IndexOptions options_of(Refile refile, std::size_t capacity, std::size_t growth) {
  IndexOptions options;
  options.refile = refile;
  options.node_capacity = capacity;
  options.growth = growth;
  options.seed = 23;
  options.threads = 1;
  options.cores = 4;
  return options;
}

/// Runs work(thread) in so many threads, all let go at once; each returns what it found wrong.
template <class Work>
void run_beside(unsigned threads, Work work) {
  std::barrier start(static_cast<std::ptrdiff_t>(threads));
  std::vector<std::string> faults(threads);
  std::vector<std::thread> all;
  for (unsigned thread = 0; thread < threads; ++thread) {
    all.emplace_back([&, thread] {
      start.arrive_and_wait();
      try {
        faults[thread] = work(thread);
      } catch (const std::exception& error) {
        faults[thread] = std::string("threw ") + error.what();
      }
    });
  }
  for (std::thread& each : all) each.join();
  for (unsigned thread = 0; thread < threads; ++thread) {
    CAPTURE(thread);
    CHECK(faults[thread] == "");
  }
}

/// Calls test(index type as a null pointer, options, threads) for all indexes and thread counts.
template <class Test>
void for_all(Test test) {
  const std::array<std::pair<std::string, IndexOptions>, 5> kinds = {
      std::pair{std::string("lazy, capacity 4"), options_of(Refile::kLazy, 4, 2)},
      std::pair{std::string("lazy"), options_of(Refile::kLazy, 0, 0)},
      std::pair{std::string("eager, capacity 4"), options_of(Refile::kEager, 4, 1)},
      std::pair{std::string("eager, capacity 16, growing"), options_of(Refile::kEager, 16, 4)},
      std::pair{std::string("eager"), options_of(Refile::kEager, 0, 0)},
  };
  for (const unsigned threads : {1U, 5U, 10U, 20U}) {
    CAPTURE(threads);
    for (const auto& kind : kinds) {
      const std::string& name = kind.first;
      CAPTURE(name);
      test(static_cast<SemiOrderedIndex*>(nullptr), kind.second, threads);
    }
    const std::string name = "B+-tree";
    CAPTURE(name);
    test(static_cast<BPlusTreeIndex*>(nullptr), options_of(Refile::kLazy, 0, 0), threads);
  }
}

/// Low ids come often, the lowest most: id = pool * u^4.
std::int64_t hub_like(std::mt19937_64& random, std::size_t pool) {
  const double u = std::uniform_real_distribution<double>(0, 1)(random);
  return static_cast<std::int64_t>(static_cast<double>(pool) * u * u * u * u);
}

/// Empty if a retrieval is one that could be given: best first, no id twice.
std::string odd(const Best& best) {
  std::set<std::int64_t> seen(best.ids.begin(), best.ids.end());
  if (seen.size() != best.ids.size()) return "an id is given twice in one retrieval";
  if (!std::is_sorted(best.scores.begin(), best.scores.end())) return "not best first";
  return {};
}

/// Empty if the index at rest keeps its promises and gives its pool in the exact order.
template <class Index>
std::string wrong_at_rest(Index& index) {
  if (std::string fault = index.check(); !fault.empty()) return fault;
  const ReferenceIndex reference(index.scores(), index.options());
  for (const std::size_t wanted :
       {std::size_t{1}, std::size_t{40}, index.size() / 5, index.size()}) {
    const std::string fault = difference(index.top(wanted), reference.top(wanted));
    if (!fault.empty()) return "top(" + std::to_string(wanted) + ") " + fault;
  }
  return difference(index, reference);
}

constexpr unsigned kCalls = 2000;  // of all threads together, in one run

/// What one thread did to the sums of (a).
struct Tally {
  explicit Tally(std::size_t pool) : added(pool, 0) {}
  std::vector<long> added;
  std::vector<std::pair<std::int64_t, float>> popped;
  std::vector<Batch> refused;
};

/// The ids of (b) that have one owner at a time, and their truth.
struct Group {
  static constexpr std::size_t kSize = 50;
  std::mutex mutex;
  std::vector<std::optional<float>> truth =
      std::vector(kSize, std::optional(0.0F));  // [kSize]; guarded by mutex
};

}  // namespace

// (a) The oracle: a batch of at most kBlockIds ids is checked and applied without giving way, so a
// call that returned has added all of it before anybody could pop one of its ids, and a call that
// threw RemovedId has added nothing. Hence for every id: the sum of what the returned calls added
// is the score it was popped with, or, if it was not popped, the score it has at the end. Adders
// leave out ids that they know to be popped; one that is popped meanwhile makes the call throw,
// which is right only if one of its ids was popped.
TEST_CASE("sums of whole numbers are exact beside top and pop") {
  for_all([](auto* kind, const IndexOptions& options, unsigned threads) {
    using Index = std::remove_pointer_t<decltype(kind)>;
    constexpr std::size_t kPool = 1500;
    Index index(kPool, options);
    std::vector<std::atomic<bool>> gone(kPool);
    std::vector<Tally> tallies(threads, Tally(kPool));
    run_beside(threads, [&](unsigned thread) -> std::string {
      std::mt19937_64 random(100 + thread);
      Tally& mine = tallies[thread];
      for (unsigned call = 0; call < kCalls / threads; ++call) {
        const std::uint64_t die = random() % 20;
        if (die == 0) {
          const Best best = index.pop(1 + random() % 3);
          if (std::string fault = odd(best); !fault.empty()) return fault;
          for (std::size_t i = 0; i < best.ids.size(); ++i) {
            gone[static_cast<std::size_t>(best.ids[i])] = true;
            mine.popped.emplace_back(best.ids[i], best.scores[i]);
          }
          continue;
        }
        if (die < 4) {
          if (std::string fault = odd(index.top(1 + random() % 20)); !fault.empty()) return fault;
          continue;
        }
        Batch batch;
        Scores each;
        for (std::size_t i = 1 + random() % 48; i > 0; --i) {
          const std::int64_t id = hub_like(random, kPool);
          if (gone[static_cast<std::size_t>(id)]) continue;
          batch.push_back(id);
          each.push_back(static_cast<float>(random() % 7) - 3);
        }
        const bool uniform = random() % 2 == 0;
        const float all = random() % 2 == 0 ? 1.0F : -1.0F;
        try {
          index.add(batch, uniform ? Values(all) : Values(each));
        } catch (const RemovedId&) {
          mine.refused.push_back(batch);
          continue;
        }
        for (std::size_t i = 0; i < batch.size(); ++i) {
          mine.added[static_cast<std::size_t>(batch[i])] += std::lround(uniform ? all : each[i]);
        }
      }
      return {};
    });

    std::vector<std::optional<float>> popped(kPool);
    for (const Tally& tally : tallies) {
      for (const auto& each : tally.popped) {
        const std::int64_t id = each.first;
        CAPTURE(id);
        CHECK_FALSE(popped[static_cast<std::size_t>(id)].has_value());
        popped[static_cast<std::size_t>(id)] = each.second;
      }
    }
    const Scores scores = index.scores();
    for (std::size_t id = 0; id < kPool; ++id) {
      long sum = 0;
      for (const Tally& tally : tallies) sum += tally.added[id];
      CAPTURE(id);
      REQUIRE(popped[id].has_value() == std::isnan(scores[id]));
      REQUIRE(static_cast<float>(sum) == popped[id].value_or(scores[id]));
    }
    for (const Tally& tally : tallies) {
      for (const Batch& batch : tally.refused) {
        CHECK(std::any_of(batch.begin(), batch.end(), [&](std::int64_t id) {
          return popped[static_cast<std::size_t>(id)].has_value();
        }));
      }
    }
    CHECK(wrong_at_rest(index) == "");
  });
}

// (b) The oracle: ids are dealt into groups, id modulo the number of groups, so that neighbours in
// a cache line, in a word of bits and in a node belong to different groups. Whoever holds a group's
// mutex is the only one to change its ids, and keeps the truth; retrievals that remove nothing run
// beside. The scores are not whole: as only one thread changes an id, its sums are exact all the
// same.
TEST_CASE("each id is changed by one thread at a time and ends as that thread says") {
  for_all([](auto* kind, const IndexOptions& options, unsigned threads) {
    using Index = std::remove_pointer_t<decltype(kind)>;
    constexpr std::size_t kGroups = 24;
    Index index(kGroups * Group::kSize, options);
    std::vector<Group> groups(kGroups);
    run_beside(threads, [&](unsigned thread) -> std::string {
      std::mt19937_64 random(200 + thread);
      std::uniform_real_distribution<float> real(-2, 2);
      for (unsigned call = 0; call < kCalls / threads; ++call) {
        if (random() % 8 == 0) {
          if (std::string fault = odd(index.top(random() % 60)); !fault.empty()) return fault;
        }
        const std::size_t which = random() % kGroups;
        Group& group = groups[which];
        const std::unique_lock lock(group.mutex, std::try_to_lock);
        if (!lock) continue;
        const auto truth_of = [&](std::int64_t id) -> std::optional<float>& {
          return group.truth[static_cast<std::size_t>(id) / kGroups];
        };
        Batch present;
        Batch absent;
        for (std::size_t i = 0; i < Group::kSize; ++i) {
          const auto id = static_cast<std::int64_t>(which + i * kGroups);
          (truth_of(id) ? present : absent).push_back(id);
        }
        const std::uint64_t die = random() % 10;
        Batch batch;
        if (die < 7) {  // updates: any of the present, some twice
          for (std::size_t i = random() % 30; i > 0 && !present.empty(); --i) {
            batch.push_back(present[random() % present.size()]);
          }
        } else {
          batch = die == 9 ? absent : present;
          std::shuffle(batch.begin(), batch.end(), random);
          batch.resize(std::min<std::size_t>(batch.size(), random() % 8));
        }
        Scores each;
        for (std::size_t i = 0; i < batch.size(); ++i) each.push_back(real(random));
        if (die < 4) {
          index.add(batch, Values(each));
        } else if (die < 7) {
          index.set(batch, Values(each));
        } else if (die < 9) {
          index.remove(batch);
        } else {
          index.restore(batch, Values(each));
        }
        for (std::size_t i = 0; i < batch.size(); ++i) {
          std::optional<float>& score = truth_of(batch[i]);
          if (die < 4) {
            score = *score + each[i];
          } else if (die == 7 || die == 8) {
            score.reset();
          } else {
            score = each[i];
          }
        }
        if (random() % 4 != 0) continue;
        // Still ours: what we did is seen at once.
        present.clear();
        Scores expected;
        for (std::size_t i = 0; i < Group::kSize; ++i) {
          const auto id = static_cast<std::int64_t>(which + i * kGroups);
          if (index.contains(id) != truth_of(id).has_value()) return "contains() is wrong";
          if (!truth_of(id)) continue;
          present.push_back(id);
          expected.push_back(*truth_of(id));
        }
        if (bits_of(index.scores(present)) != bits_of(expected)) return "an update was lost";
      }
      return {};
    });
    Scores expected(kGroups * Group::kSize);
    for (std::size_t id = 0; id < expected.size(); ++id) {
      expected[id] = groups[id % kGroups].truth[id / kGroups].value_or(
          std::numeric_limits<float>::quiet_NaN());
    }
    CHECK(bits_of(index.scores()) == bits_of(expected));
    CHECK(wrong_at_rest(index) == "");
  });
}

// (c1) The oracle: who inserts samples owns them, changes them alone and keeps the truth. The
// ranges of ids that the calls return do not overlap and leave nothing out.
TEST_CASE("inserted samples are their inserter's, ids without gaps") {
  for_all([](auto* kind, const IndexOptions& options, unsigned threads) {
    using Index = std::remove_pointer_t<decltype(kind)>;
    constexpr std::size_t kAtFirst = 300;
    Index index(kAtFirst, options);
    std::vector<std::vector<std::pair<std::int64_t, float>>> owned(threads);
    run_beside(threads, [&](unsigned thread) -> std::string {
      std::mt19937_64 random(300 + thread);
      auto& mine = owned[thread];
      for (unsigned call = 0; call < kCalls / threads / 2 + 1; ++call) {
        Scores fresh;
        for (std::size_t i = random() % 6; i > 0; --i) {
          fresh.push_back(static_cast<float>(random() % 2000) / 64.0F - 10);
        }
        const std::int64_t first = index.insert(fresh);
        for (std::size_t i = 0; i < fresh.size(); ++i) {
          mine.emplace_back(first + static_cast<std::int64_t>(i), fresh[i]);
        }
        if (mine.empty()) continue;
        Batch batch;
        const float delta = static_cast<float>(random() % 5) - 2.5F;
        for (int i = 0; i < 20; ++i) {
          auto& [id, score] = mine[random() % mine.size()];
          batch.push_back(id);
          score += delta;
        }
        index.add(batch, Values(delta));
        if (std::string fault = odd(index.top(10)); !fault.empty()) return fault;
      }
      return {};
    });
    Scores expected(index.capacity(), -999.0F);
    std::fill(expected.begin(), expected.begin() + kAtFirst, 0.0F);
    std::size_t count = kAtFirst;
    for (const auto& mine : owned) {
      count += mine.size();
      for (const auto& [id, score] : mine) {
        REQUIRE(static_cast<std::size_t>(id) < expected.size());
        expected[static_cast<std::size_t>(id)] = score;
      }
    }
    CHECK(count == expected.size());
    CHECK(bits_of(index.scores()) == bits_of(expected));
    CHECK(wrong_at_rest(index) == "");
  });
}

// (c2) The oracle: version v of set_all gives sample i the score 1024 v + (a permutation of i), so
// every retrieval must show one version only, and its exact best. Beside it zeros are added, which
// go through all of an update and change nothing, and samples far behind are inserted; set_all is
// refused if one came since the caller looked.
TEST_CASE("set_all is one moment, for every retrieval") {
  for_all([](auto* kind, const IndexOptions& options, unsigned threads) {
    using Index = std::remove_pointer_t<decltype(kind)>;
    constexpr std::size_t kPool = 1000;
    constexpr float kFarBehind = 1e7F;
    const auto rank_of = [](std::size_t id) { return id * 7 % kPool; };  // a permutation
    const auto version_of = [](float score) { return std::floor(score / 1024.0F); };
    Scores start(kPool);
    for (std::size_t id = 0; id < kPool; ++id) start[id] = static_cast<float>(rank_of(id));
    Index index(start, options);
    std::atomic<int> versions{0};
    run_beside(threads, [&](unsigned thread) -> std::string {
      std::mt19937_64 random(400 + thread);
      for (unsigned call = 0; call < kCalls / threads / 2 + 1; ++call) {
        const std::uint64_t die = random() % 10;
        if (die == 0) {
          const auto version = static_cast<float>(versions.fetch_add(1) % 4000);
          Scores all(index.capacity(), kFarBehind);
          for (std::size_t id = 0; id < kPool; ++id) {
            all[id] = 1024.0F * version + static_cast<float>(rank_of(id));
          }
          try {
            index.set_all(all);
          } catch (const std::invalid_argument&) {
            if (index.capacity() == all.size()) return "set_all was refused for nothing";
          }
        } else if (die == 1) {
          index.insert(Scores(random() % 3, kFarBehind));
        } else if (die < 6) {
          Batch batch;
          for (int i = 0; i < 30; ++i) batch.push_back(static_cast<std::int64_t>(random() % kPool));
          index.add(batch, Values(die == 5 ? Values(-0.0F) : Values(0.0F)));
        } else {
          const Best best = index.top(30);
          for (std::size_t i = 0; i < best.ids.size(); ++i) {
            if (version_of(best.scores[i]) != version_of(best.scores[0]))
              return "two versions mixed";
            if (rank_of(static_cast<std::size_t>(best.ids[i])) != i) return "not the best";
          }
        }
      }
      return {};
    });
    const Scores scores = index.scores();
    for (std::size_t id = 0; id < scores.size(); ++id) {
      CAPTURE(id);
      if (id >= kPool) {
        REQUIRE(scores[id] == kFarBehind);
      } else {
        REQUIRE(scores[id] == 1024.0F * version_of(scores[0]) + static_cast<float>(rank_of(id)));
      }
    }
    CHECK(wrong_at_rest(index) == "");
  });
}

// (d) The oracle: nobody removes, so all that was added is there at the end. One thread brings
// batches so large that they are applied in blocks, by workers or by itself, and give way between;
// the others bring small ones, and retrieve.
TEST_CASE("a large batch gives way to small calls and loses nothing") {
  for_all([](auto* kind, const IndexOptions& options, unsigned threads) {
    using Index = std::remove_pointer_t<decltype(kind)>;
    constexpr std::size_t kPool = 2000;
    Index index(kPool, options);
    index.add(Batch{5}, Values(-1.0F));
    static_cast<void>(index.top(10));
    static_cast<void>(index.top(10));
    std::vector<std::vector<long>> added(threads, std::vector<long>(kPool, 0));
    added[0][5] = -1;
    run_beside(threads, [&](unsigned thread) -> std::string {
      std::mt19937_64 random(500 + thread);
      std::vector<long>& mine = added[thread];
      // The sizes: one thread, many blocks; workers, one block; workers, more than one block.
      const std::array<std::pair<std::size_t, unsigned>, 3> large = {
          std::pair{5 * socbi::tuning::kBlockIds + 77, 1U},
          std::pair{3 * socbi::tuning::kMovesPerWorker + 5, 3U},
          std::pair{socbi::tuning::kParallelBlockIds + 3 * socbi::tuning::kBlockIds, 4U}};
      const unsigned calls = thread == 0 ? 6 : 600 / threads;
      for (unsigned call = 0; call < calls; ++call) {
        const auto [size, workers] = thread == 0 ? large[call % 3] : std::pair{std::size_t{20}, 1U};
        Batch batch(size);
        for (std::int64_t& id : batch) id = hub_like(random, kPool);
        const float delta = random() % 2 == 0 ? -1.0F : 1.0F;
        index.add(batch, Values(delta), workers);
        for (const std::int64_t id : batch)
          mine[static_cast<std::size_t>(id)] += std::lround(delta);
        if (thread == 0 || call % 4 != 0) continue;
        if (std::string fault = odd(index.top(10)); !fault.empty()) return fault;
      }
      return {};
    });
    const Scores scores = index.scores();
    for (std::size_t id = 0; id < kPool; ++id) {
      long sum = 0;
      for (const auto& mine : added) sum += mine[id];
      CAPTURE(id);
      REQUIRE(scores[id] == static_cast<float>(sum));
    }
    CHECK(wrong_at_rest(index) == "");
  });
}

// (e) The oracle: of each thread one id is its own, and only own ids ever have scores below 0. So
// of `threads` best, an own id with a score below 0 must be one, with the score its owner gave it;
// one that its owner removed must not be there.
TEST_CASE("an update that returned is seen by the retrieval that follows") {
  for_all([](auto* kind, const IndexOptions& options, unsigned threads) {
    using Index = std::remove_pointer_t<decltype(kind)>;
    constexpr std::size_t kPool = 1200;
    Index index(kPool, options);
    run_beside(threads, [&](unsigned thread) -> std::string {
      std::mt19937_64 random(600 + thread);
      const Batch own = {static_cast<std::int64_t>(thread) * 11};  // 11: not in one cache line
      bool present = true;
      float score = 0.0F;
      for (unsigned call = 0; call < kCalls / threads; ++call) {
        Batch others;
        Scores each;
        while (others.size() < 10) {
          const std::int64_t id = hub_like(random, kPool);
          if (id % 11 == 0 && id < static_cast<std::int64_t>(threads) * 11) continue;
          others.push_back(id);
          each.push_back(static_cast<float>(random() % 100));
        }
        index.set(others, Values(each));
        const auto drawn = static_cast<float>(random() % 1000);
        switch (random() % 6) {
          case 0:
            if (present) index.remove(own);
            present = false;
            break;
          case 1:
            score = drawn;
            present ? index.set(own, Values(score)) : index.restore(own, Values(score));
            present = true;
            break;
          case 2:
            if (!present) break;
            index.add(own, Values(-0.5F - drawn));
            score += -0.5F - drawn;
            break;
          default:
            score = -1 - drawn;
            present ? index.set(own, Values(score)) : index.restore(own, Values(score));
            present = true;
        }
        const Best best = index.top(threads);
        const auto found = std::find(best.ids.begin(), best.ids.end(), own[0]);
        if (found == best.ids.end()) {
          if (present && score < 0) return "an update that returned was not seen";
        } else {
          const auto at = static_cast<std::size_t>(found - best.ids.begin());
          if (!present) return "a removed sample was given";
          if (best.scores[at] != score) return "a sample was given with an outdated score";
        }
      }
      return {};
    });
    CHECK(wrong_at_rest(index) == "");
  });
}

// (f) The oracle: check() itself. Threads go through the same few samples at the same time, so that
// they claim, hand over and overtake each other all the time; when they are done, every sample must
// be filed where its score belongs. It takes many rounds: of the protocol as the paper prints it,
// which looks again before it releases, one round in some thousands leaves a sample behind.
// (tests/cpp/test_interleavings.cpp finds that one without luck.)
TEST_CASE("samples that all threads change at once are filed where they belong") {
  const auto run = [](auto* kind, const IndexOptions& options) {
    using Index = std::remove_pointer_t<decltype(kind)>;
    constexpr std::size_t kPool = 64;
    constexpr unsigned kThreads = 3;
    constexpr int kRounds = 5000;
    Index index(kPool, options);
    std::string fault;
    std::barrier round(kThreads, [&]() noexcept {
      if (fault.empty()) fault = index.check();
    });
    run_beside(kThreads, [&](unsigned thread) -> std::string {
      std::mt19937_64 random(700 + thread);
      Batch batch(kPool);
      Scores each(kPool);
      for (std::size_t i = 0; i < kPool; ++i) batch[i] = static_cast<std::int64_t>(i);
      for (int i = 0; i < kRounds; ++i) {
        for (int call = 0; call < 6; ++call) {
          for (float& score : each) score = static_cast<float>(random() % 16);
          index.set(batch, Values(each));
        }
        round.arrive_and_wait();
      }
      return {};
    });
    CHECK(fault == "");
    CHECK(wrong_at_rest(index) == "");
    MESSAGE("handed over: " << stat(index.stats(), "handovers"));
  };
  run(static_cast<SemiOrderedIndex*>(nullptr), options_of(Refile::kEager, 4, 1));
  run(static_cast<BPlusTreeIndex*>(nullptr), options_of(Refile::kLazy, 0, 0));
}

// The oracle: each of the threads pops until nothing is left; together they have every id once.
TEST_CASE("pop gives each id to exactly one caller") {
  for_all([](auto* kind, const IndexOptions& options, unsigned threads) {
    using Index = std::remove_pointer_t<decltype(kind)>;
    constexpr std::size_t kPool = 3000;
    Scores start(kPool);
    for (std::size_t id = 0; id < kPool; ++id) start[id] = static_cast<float>(id % 37);
    Index index(start, options);
    std::vector<Best> taken(threads);
    run_beside(threads, [&](unsigned thread) -> std::string {
      Best& mine = taken[thread];
      while (true) {
        const Best best = index.pop(7 + thread);
        if (best.ids.empty()) break;
        // What one caller gets is better than what it gets later: nothing gets better meanwhile.
        if (!mine.scores.empty() && best.scores[0] < mine.scores.back()) return "out of order";
        mine.ids.insert(mine.ids.end(), best.ids.begin(), best.ids.end());
        mine.scores.insert(mine.scores.end(), best.scores.begin(), best.scores.end());
      }
      return {};
    });
    std::vector<int> times(kPool, 0);
    for (const Best& mine : taken) {
      for (std::size_t i = 0; i < mine.ids.size(); ++i) {
        const auto id = static_cast<std::size_t>(mine.ids[i]);
        ++times[id];
        REQUIRE(mine.scores[i] == start[id]);
      }
    }
    CHECK(times == std::vector<int>(kPool, 1));
    CHECK(index.size() == 0);
    CHECK(index.check() == "");
  });
}

// The oracle: either of two additions fits into the range of a float, both do not. So at most one
// is made, and the score stays a number. The one is a long batch, so that the other comes at all
// stages of it.
TEST_CASE("no sum leaves the range of a float when two calls come at once") {
  constexpr int kRounds = 3000;
  constexpr std::size_t kTimes = 20'000;
  SemiOrderedIndex index(4, options_of(Refile::kLazy, 0, 0));
  const Batch often(kTimes, 0);
  const Scores small(kTimes, 2e38F / kTimes);
  std::atomic<int> added{0};
  std::atomic<int> other_errors{0};
  std::barrier round(3);
  const auto add = [&](const Batch& batch, Values values) {
    try {
      index.add(batch, values);
      added.fetch_add(1);
    } catch (const socbi::ScoreOverflow&) {
    } catch (const std::exception&) {
      other_errors.fetch_add(1);
    }
  };
  using Clock = std::chrono::steady_clock;
  const Clock::time_point before = Clock::now();
  add(often, Values(small));
  const Clock::duration long_call = Clock::now() - before;
  std::thread slow([&] {
    for (int i = 0; i < kRounds; ++i) {
      round.arrive_and_wait();
      add(often, Values(small));
      round.arrive_and_wait();
    }
  });
  std::thread quick([&] {
    for (int i = 0; i < kRounds; ++i) {
      round.arrive_and_wait();
      const Clock::time_point begin = Clock::now() + long_call * i / kRounds;
      while (Clock::now() < begin) {
      }
      add({0}, Values(2e38F));
      round.arrive_and_wait();
    }
  });
  int wrong = 0;
  index.set_all(Scores(4, 0.0F));
  for (int i = 0; i < kRounds; ++i) {
    added = 0;
    round.arrive_and_wait();
    round.arrive_and_wait();
    wrong += static_cast<int>(added.load() > 1 || !std::isfinite(index.scores()[0]));
    index.remove(Batch{0});
    index.restore(Batch{0}, Values(0.0F));
    index.set_all(Scores(4, 0.0F));
  }
  slow.join();
  quick.join();
  CHECK(wrong == 0);
  CHECK(other_errors.load() == 0);
  CHECK(index.check() == "");
}
