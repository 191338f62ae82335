// The index on one calling thread: against the slow, obvious reference through random calls, in
// every failure, with workers, and its parts one by one.
//
// All seeds are fixed and are printed, with the options, when a test fails. Capacities are so small
// that unlisted parts, listings, sweeps, splits and merges are common; that they were reached is
// asserted through stats().

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "reference.hpp"
#include "socbi/access_gate.hpp"
#include "socbi/baselines/array_ordering.hpp"
#include "socbi/baselines/bplus_tree_ordering.hpp"
#include "socbi/batch_split.hpp"
#include "socbi/front.hpp"
#include "socbi/index.hpp"
#include "socbi/node_towers.hpp"
#include "socbi/partition.hpp"
#include "socbi/scan.hpp"
#include "socbi/score_range.hpp"
#include "socbi/sort_keys.hpp"
#include "socbi/worker_pool.hpp"

namespace {

using socbi::Asked;
using socbi::BasicIndex;
using socbi::Best;
using socbi::Id;
using socbi::IndexOptions;
using socbi::Key;
using socbi::PresentId;
using socbi::Refile;
using socbi::RemovedId;
using socbi::ScoreOverflow;
using socbi::SemiOrderedIndex;
using socbi::Ties;
using socbi::UnknownId;
using socbi::Values;
using socbi::testing::bits_of;
using socbi::testing::difference;
using socbi::testing::ReferenceIndex;
using socbi::testing::stat;

using ArraySortIndex = BasicIndex<socbi::baselines::ArraySortOrdering>;
using ArrayHeapIndex = BasicIndex<socbi::baselines::ArrayHeapOrdering>;
using BPlusTreeIndex = BasicIndex<socbi::baselines::BPlusTreeOrdering>;
using Batch = std::vector<std::int64_t>;
using Scores = std::vector<float>;
using Sizes = std::vector<std::size_t>;

std::string name_of(const IndexOptions& options) {
  return std::string(options.refile == Refile::kEager ? "eager" : "lazy") + ", capacity " +
         std::to_string(options.node_capacity) + ", growth " + std::to_string(options.growth) +
         (options.ties == Ties::kId ? ", ties by id" : ", random ties") +
         (options.order == Asked::kLargest ? ", largest" : ", smallest") + ", threads " +
         std::to_string(options.threads);
}

/// Eight cores, so that batches are spread over workers on any machine.
IndexOptions options_of(Refile refile, std::size_t capacity, std::size_t growth) {
  IndexOptions options;
  options.refile = refile;
  options.node_capacity = capacity;
  options.growth = growth;
  options.seed = 17;
  options.threads = 1;
  options.cores = 8;
  return options;
}

/// What a call throws, as a word and its message; "nothing" if it returns.
template <class Call>
std::string thrown_by(Call&& call) {
  try {
    call();
  } catch (const UnknownId& error) {
    return std::string("UnknownId: ") + error.what();
  } catch (const RemovedId& error) {
    return std::string("RemovedId: ") + error.what();
  } catch (const PresentId& error) {
    return std::string("PresentId: ") + error.what();
  } catch (const socbi::NoSuchRank& error) {
    return std::string("NoSuchRank: ") + error.what();
  } catch (const ScoreOverflow& error) {
    return std::string("ScoreOverflow: ") + error.what();
  } catch (const std::invalid_argument&) {
    return "invalid_argument";
  }
  return "nothing";
}

// ---- random calls against the reference
// ------------------------------------------------------------

enum class Kind : std::uint8_t { kCounts, kReals, kFewValues };

/// Drives an index and the reference through the same calls and compares them after each.
template <class Index>
class Pair {
 public:
  Pair(std::uint64_t seed, std::size_t pool, Kind kind, bool sparse, const IndexOptions& options)
      : random_(seed),
        kind_(kind),
        sparse_(sparse),
        index_(start(pool), options),
        reference_(start_, options) {}

  void step() {
    const std::uint64_t die = random_() % 100;
    if (die < 40) {
      update();
    } else if (die < 62) {
      retrieve(random_() % 2 == 0);
    } else if (die < 70) {
      rank();
    } else if (die < 76) {
      insert();
    } else if (die < 82) {
      restore();
    } else if (die < 87) {
      remove();
    } else if (die < 89) {
      set_all();
    } else if (die < 97) {
      call_wrongly();
    } else {
      look();
    }
    // In a sparse sequence each round ends with a retrieval, so that the list stands.
    if (sparse_ && die < 40) retrieve(false);
    REQUIRE(difference(index_, reference_) == "");
  }

  [[nodiscard]] const Index& index() const { return index_; }

 private:
  Scores start(std::size_t pool) {
    for (std::size_t i = 0; i < pool; ++i) {
      start_.push_back(random_() % 20 == 0 ? std::numeric_limits<float>::quiet_NaN() : score());
    }
    return start_;
  }

  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }

  float score() {
    switch (kind_) {
      case Kind::kCounts:
        return static_cast<float>(below(4));
      case Kind::kFewValues:
        return std::array{-1.0F, -0.0F, 0.0F, 0.5F}[below(4)];
      default:
        return std::uniform_real_distribution<float>(-10, 10)(random_);
    }
  }

  float delta() {
    switch (kind_) {
      case Kind::kCounts:
        return static_cast<float>(below(4)) - 1.0F;
      case Kind::kFewValues:
        return std::array{-0.5F, 0.0F, 0.5F}[below(3)];
      default:
        return std::uniform_real_distribution<float>(-1, 1)(random_);
    }
  }

  /// Ids of the pool, some given more than once, some of them hubs.
  Batch some_ids() {
    const Batch pool = reference_.ids();
    if (pool.empty()) return {};
    const std::size_t most = sparse_ ? pool.size() / 32 + 1 : 2 * pool.size();
    const std::size_t count = below(3) == 0 ? below(most + 1) : 1 + below(std::min(most, {8}));
    Batch batch;
    for (std::size_t i = 0; i < count; ++i) {
      batch.push_back(
          pool[below(4) == 0 ? below(std::min<std::size_t>(3, pool.size())) : below(pool.size())]);
    }
    return batch;
  }

  Batch distinct(Batch from, std::size_t most) {
    std::shuffle(from.begin(), from.end(), random_);
    from.resize(below(std::min(from.size(), most) + 1));
    return from;
  }

  template <class Draw>
  Scores many(std::size_t count, Draw draw) {
    Scores all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(draw());
    return all;
  }

  void update() {
    const Batch batch = some_ids();
    const auto both = [&](Values values, bool adding) {
      if (adding) {
        index_.add(batch, values);
        reference_.add(batch, values);
      } else {
        index_.set(batch, values);
        reference_.set(batch, values);
      }
    };
    const bool adding = below(3) != 0;
    if (below(2) == 0) {
      both(Values(adding ? delta() : score()), adding);
    } else {
      const Scores each = many(batch.size(), [&] { return adding ? delta() : score(); });
      both(Values(each), adding);
    }
  }

  std::size_t wanted() {
    const std::size_t pool = reference_.size();
    const std::array<std::size_t, 7> choices = {0, 1, 2, 5, pool / 10, pool / 3, pool + 3};
    return choices[below(sparse_ ? 5 : 7)];
  }

  void retrieve(bool keep) {
    const std::size_t count = wanted();
    CAPTURE(count);
    if (keep || (sparse_ && below(4) != 0)) {
      REQUIRE(difference(index_.top(count), reference_.top(count)) == "");
    } else {
      REQUIRE(difference(index_.pop(count), reference_.pop(count)) == "");
    }
  }

  void rank() {
    const std::size_t pool = reference_.size();
    if (pool == 0) return;
    const std::size_t rank =
        1 + (below(2) == 0 ? below(pool) : below(std::min<std::size_t>(pool, 5)));
    CAPTURE(rank);
    REQUIRE(bits_of(Scores{index_.rank_score(rank)}) ==
            bits_of(Scores{reference_.rank_score(rank)}));
  }

  void insert() {
    const std::size_t pool = reference_.size();
    const Scores fresh =
        many(below(sparse_ || below(2) == 0 ? 4 : pool / 4 + 8), [&] { return score(); });
    const std::int64_t first = index_.insert(fresh);
    REQUIRE(first == reference_.insert(fresh));
  }

  void restore() {
    const Batch back = distinct(reference_.removed(), sparse_ ? 5 : 1000);
    const Scores each = many(back.size(), [&] { return score(); });
    const Values values = below(2) == 0 ? Values(score()) : Values(each);
    index_.restore(back, values);
    reference_.restore(back, values);
  }

  void remove() {
    const Batch gone = distinct(reference_.ids(), below(4) == 0 ? 200 : 4);
    index_.remove(gone);
    reference_.remove(gone);
  }

  void set_all() {
    const Scores all = many(reference_.capacity(), [&] { return score(); });
    index_.set_all(all);
    reference_.set_all(all);
  }

  void call_wrongly() {
    Batch batch = some_ids();
    const Batch removed = reference_.removed();
    const auto ever = static_cast<std::int64_t>(reference_.capacity());
    const std::array<std::int64_t, 4> unknown = {-1, ever, ever + (1LL << 32),
                                                 std::numeric_limits<std::int64_t>::min()};
    const std::int64_t bad =
        removed.empty() || below(2) == 0 ? unknown[below(4)] : removed[below(removed.size())];
    batch.insert(batch.begin() + static_cast<std::ptrdiff_t>(below(batch.size() + 1)), bad);
    CAPTURE(bad);
    CAPTURE(batch.size());
    const Scores each = many(batch.size(), [&] { return delta(); });
    const Values values = below(2) == 0 ? Values(1.0F) : Values(each);
    const auto same = [&](auto call) {
      const std::string expected = thrown_by([&] { call(reference_); });
      REQUIRE(expected != "nothing");
      REQUIRE(thrown_by([&] { call(index_); }) == expected);
    };
    same([&](auto& each_index) { each_index.add(batch, values); });
    same([&](auto& each_index) { each_index.set(batch, values); });
    same([&](auto& each_index) { static_cast<void>(each_index.scores(batch)); });
    same([&](auto& each_index) { each_index.remove(std::span(batch)); });
    same(
        [&](auto& each_index) { static_cast<void>(each_index.rank_score(reference_.size() + 1)); });
    same([&](auto& each_index) { static_cast<void>(each_index.rank_score(0)); });
    const Scores long_one(reference_.capacity() + 1, 0.0F);
    same([&](auto& each_index) { each_index.set_all(long_one); });
    if (reference_.size() == 0) return;
    Batch back = distinct(removed, 5);
    back.push_back(reference_.ids()[below(reference_.size())]);
    same([&](auto& each_index) { each_index.restore(back, Values(1.0F)); });
  }

  void look() {
    const Batch batch = some_ids();
    REQUIRE(bits_of(index_.scores(batch)) == bits_of(reference_.scores(batch)));
    REQUIRE(index_.ids() == reference_.ids());
    REQUIRE(index_.capacity() == reference_.capacity());
    for (const std::int64_t id : {std::int64_t{-1}, std::int64_t{0}, std::int64_t{7},
                                  static_cast<std::int64_t>(index_.capacity())}) {
      REQUIRE(index_.contains(id) == reference_.contains(id));
    }
    REQUIRE(index_.nbytes() >= sizeof(index_));
  }

  std::mt19937_64 random_;
  Kind kind_;
  bool sparse_;
  Scores start_;
  Index index_;
  ReferenceIndex reference_;
};

/// The counters of stats(), summed over many indexes.
class Reached {
 public:
  void note(const socbi::Stats& stats) {
    for (const auto& [name, value] : stats) sums_[name] += value;
  }
  void add(const Reached& other) {
    for (const auto& [name, value] : other.sums_) sums_[name] += value;
  }
  std::uint64_t operator[](const std::string& name) { return sums_[name]; }

 private:
  std::map<std::string, std::uint64_t> sums_;
};

template <class Index>
void drive(std::uint64_t seed, std::size_t pool, int steps, const IndexOptions& options,
           Reached& reached) {
  const std::string name = name_of(options);
  const auto kind = static_cast<Kind>(seed % 3);
  const bool sparse = seed % 5 < 3;
  CAPTURE(name);
  CAPTURE(seed);
  CAPTURE(pool);
  CAPTURE(sparse);
  Pair<Index> pair(seed, pool, kind, sparse, options);
  int step = 0;
  CAPTURE(step);
  for (; step < steps; ++step) pair.step();
  reached.note(pair.index().stats());
}

template <class Index>
void drive_all(Refile refile, Reached& reached, int steps = 100) {
  constexpr std::array<std::size_t, 8> kPools = {0, 1, 7, 60, 300, 1200, 120, 2900};
  std::uint64_t seed = 1000;
  for (const std::size_t capacity : Sizes{0, 2, 3, 8}) {
    for (const std::size_t growth : Sizes{0, 1, 2, 4}) {
      for (const Ties ties : {Ties::kRandom, Ties::kId}) {
        for (const Asked order : {Asked::kSmallest, Asked::kLargest}) {
          for (const unsigned threads : {1U, 2U}) {
            IndexOptions options = options_of(refile, capacity, growth);
            options.ties = ties;
            options.order = order;
            options.threads = threads;
            ++seed;
            // A multiplier, so that pool, kind and sparseness do not go in step with the options.
            const std::size_t pool = kPools[seed * 0x9E3779B97F4A7C15ULL >> 61];
            drive<Index>(seed, pool, pool > 1000 ? steps * 3 / 5 : steps, options, reached);
          }
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("random calls: lazy") {
  Reached reached;
  drive_all<SemiOrderedIndex>(Refile::kLazy, reached);
  CHECK(reached["scans"] > 0);
  CHECK(reached["refiled"] > 0);
  CHECK(reached["dropped"] > 0);
  CHECK(reached["rebuilds"] > 0);
}

TEST_CASE("random calls: eager") {
  Reached reached;
  drive_all<SemiOrderedIndex>(Refile::kEager, reached);
  CHECK(reached["splits"] > 0);
  CHECK(reached["merges"] > 0);
  CHECK(reached["refiled"] > 0);
  CHECK(reached["dropped"] > 0);
  CHECK(reached["rebuilds"] > 0);
}

TEST_CASE("random calls: the array that is sorted") {
  Reached reached;
  drive_all<ArraySortIndex>(Refile::kLazy, reached, 40);
}

TEST_CASE("random calls: the array with a heap") {
  Reached reached;
  drive_all<ArrayHeapIndex>(Refile::kLazy, reached, 40);
}

TEST_CASE("random calls: the B+-tree") {
  Reached reached;
  drive_all<BPlusTreeIndex>(Refile::kLazy, reached);
}

TEST_CASE("random calls on a larger pool") {
  std::uint64_t seed = 5000;
  Reached over_all;
  for (const Refile refile : {Refile::kLazy, Refile::kEager}) {
    for (const std::size_t capacity : Sizes{0, 3}) {
      Reached reached;
      for (const std::size_t growth : Sizes{1, 4}) {
        IndexOptions options = options_of(refile, capacity, growth);
        options.threads = 2;  // batches of twice the pool go to workers
        drive<SemiOrderedIndex>(seed++, 20'000, 16, options, reached);
      }
      over_all.add(reached);
    }
  }
  CHECK(over_all["listings"] > over_all["rebuilds"]);
  CHECK(over_all["walks"] > 0);
  Reached reached;
  IndexOptions options = options_of(Refile::kLazy, 0, 0);
  options.threads = 2;
  drive<BPlusTreeIndex>(seed, 20'000, 16, options, reached);
}

// ---- rounds: what a caller does all day
// -----------------------------------------------------------

namespace {

/// Small rounds of updates of a kind, each followed by a retrieval, on a pool that stays listed.
template <class Change>
void run_rounds(SemiOrderedIndex& index, ReferenceIndex& reference, int rounds, std::size_t wanted,
                Change change) {
  std::mt19937_64 random(31);
  int round = 0;
  CAPTURE(round);
  for (; round < rounds; ++round) {
    change(random);
    REQUIRE(difference(index.top(wanted), reference.top(wanted)) == "");
    if (round % 50 == 0) REQUIRE(difference(index, reference) == "");
  }
  REQUIRE(difference(index, reference) == "");
}

}  // namespace

TEST_CASE("sweeps, splits and merges under many small rounds") {
  // Hundreds of rounds that each change few samples, both ways: the list is never given up, so that
  // the ids left behind pile up until they are swept out.
  for (const Refile refile : {Refile::kLazy, Refile::kEager}) {
    for (const std::size_t growth : Sizes{1, 2}) {
      const IndexOptions options = options_of(refile, 8, growth);
      const std::string name = name_of(options);
      CAPTURE(name);
      SemiOrderedIndex index(2000, options);
      ReferenceIndex reference(2000, options);
      Scores start;
      std::mt19937_64 first(5);
      for (int i = 0; i < 2000; ++i) start.push_back(static_cast<float>(first() % 1000));
      index.set_all(start);
      reference.set_all(start);
      run_rounds(index, reference, 300, 10, [&](std::mt19937_64& random) {
        Batch batch;
        Scores scores;
        for (int i = 0; i < 60; ++i) {
          batch.push_back(static_cast<std::int64_t>(random() % 2000));
          // Now crowded at the low end, now spread, now at the high end: nodes fill and empty.
          scores.push_back(static_cast<float>(random() % (i % 3 == 0 ? 10 : 1000)));
        }
        index.set(batch, Values(scores));
        reference.set(batch, Values(scores));
      });
      const socbi::Stats stats = index.stats();
      CHECK(stat(stats, "rebuilds") == 1);
      CHECK(stat(stats, "scans") <= 1);  // the first, for set_all had changed everything
      CHECK(stat(stats, "refiled") > 1000);
      CHECK(stat(stats, "dropped") > 1000);
      CHECK(stat(stats, "splits") + stat(stats, "merges") > 0);
      if (refile == Refile::kEager) CHECK(stat(stats, "splits") > 0);
    }
  }
}

TEST_CASE("the unlisted part is listed when the nodes run out") {
  for (const Refile refile : {Refile::kLazy, Refile::kEager}) {
    const IndexOptions options = options_of(refile, 4, 4);
    SemiOrderedIndex index(20'000, options);
    ReferenceIndex reference(20'000, options);
    Scores start;
    for (int i = 0; i < 20'000; ++i) start.push_back(static_cast<float>(i % 257));
    index.set_all(start);
    reference.set_all(start);
    // The whole pool in order. As the index is at rest, the reference's order is asked for once.
    const Best all = reference.top(20'000);
    for (std::size_t taken = 0; taken < 20'000; taken += 1000) {
      for (const std::size_t part : Sizes{400, 600}) {
        const Best best = index.pop(part);
        const std::size_t from = taken + (part == 600 ? 400 : 0);
        Best want;
        want.ids.assign(all.ids.begin() + static_cast<std::ptrdiff_t>(from),
                        all.ids.begin() + static_cast<std::ptrdiff_t>(from + part));
        want.scores.assign(all.scores.begin() + static_cast<std::ptrdiff_t>(from),
                           all.scores.begin() + static_cast<std::ptrdiff_t>(from + part));
        CAPTURE(from);
        REQUIRE(difference(best, want) == "");
      }
      REQUIRE(index.check() == "");
    }
    CHECK(index.size() == 0);
    CHECK(stat(index.stats(), "listings") > stat(index.stats(), "rebuilds"));
  }
}

TEST_CASE("a pool is eaten up while it changes") {
  for (const Refile refile : {Refile::kLazy, Refile::kEager}) {
    for (const std::size_t growth : Sizes{1, 2, 16}) {
      const IndexOptions options = options_of(refile, 4, growth);
      const std::string name = name_of(options);
      CAPTURE(name);
      constexpr std::size_t kPool = 6000;
      Scores start;
      for (std::size_t i = 0; i < kPool; ++i) start.push_back(static_cast<float>(i * 7 % 1501));
      SemiOrderedIndex index(start, options);
      ReferenceIndex reference(start, options);
      std::mt19937_64 random(growth);
      int round = 0;
      CAPTURE(round);
      for (; reference.size() > 200; ++round) {
        const Batch pool = reference.ids();
        Batch batch;
        Scores scores;
        for (std::size_t i = pool.size() / 40; i > 0; --i) {
          batch.push_back(pool[random() % pool.size()]);
          scores.push_back(static_cast<float>(random() % 1501));
        }
        index.set(batch, Values(scores));
        reference.set(batch, Values(scores));
        const Scores fresh = {static_cast<float>(random() % 1501), -1.0F};
        index.insert(fresh);
        reference.insert(fresh);
        if (const Batch removed = reference.removed(); !removed.empty()) {
          const Batch back = {removed[random() % removed.size()]};
          index.restore(back, Values(700.0F));
          reference.restore(back, Values(700.0F));
        }
        const std::size_t wanted = reference.size() / 40;
        REQUIRE(difference(index.pop(wanted), reference.pop(wanted)) == "");
        if (round % 8 == 0) REQUIRE(difference(index, reference) == "");
      }
      if (growth > 1) CHECK(stat(index.stats(), "listings") > stat(index.stats(), "rebuilds"));
      CHECK(stat(index.stats(), "refiled") > 0);
      CHECK(stat(index.stats(), "dropped") > 0);
    }
  }
}

TEST_CASE("a sample that goes up and down does not fill the memory") {
  // One sample is best, then not, then best again, and each time the best is asked for. All of it
  // happens in the front, where the entries it leaves behind are not met.
  for (const Refile refile : {Refile::kLazy, Refile::kEager}) {
    SemiOrderedIndex index(20'000, options_of(refile, 0, 0));
    Scores start;
    for (int i = 0; i < 20'000; ++i) start.push_back(static_cast<float>(i));
    index.set_all(start);
    std::size_t before = 0;
    for (int round = 0; round < 40'000; ++round) {
      index.set(Batch{7}, Values(round % 2 == 0 ? -1.0F : 100.0F));
      REQUIRE(index.top(1).ids[0] == (round % 2 == 0 ? 7 : 0));
      if (round == 100) before = index.nbytes();
    }
    CHECK(index.nbytes() < before + 100'000);  // 5 bytes a sample; 20,000 entries are 160,000
    CHECK(index.check() == "");
  }
}

TEST_CASE("sizes beyond any pool are as good as large ones") {
  for (const std::size_t huge : {std::size_t{1} << 31, std::size_t{1} << 60, ~std::size_t{0}}) {
    SemiOrderedIndex index(5000, options_of(Refile::kEager, huge, huge));
    index.add(Batch{1, 2}, Values(-1.0F));
    CHECK(index.top(2).scores == std::vector<float>{-1.0F, -1.0F});
    CHECK(index.check() == "");
  }
}

TEST_CASE("set_all passes over what is not finite and still watches for overflow") {
  SemiOrderedIndex index(3, options_of(Refile::kLazy, 0, 0));
  static_cast<void>(index.pop(1));
  index.set_all(index.scores());  // NaN for the one that is gone
  const std::int64_t left = index.ids()[0];
  index.add(Batch{left}, Values(std::numeric_limits<float>::max()));
  CHECK_THROWS_AS(index.add(Batch{left}, Values(std::numeric_limits<float>::max())),
                  socbi::ScoreOverflow);
  CHECK(index.top(2).scores == std::vector<float>{0.0F, std::numeric_limits<float>::max()});
}

TEST_CASE("a list that is given up gives its memory back") {
  Scores apart(100'000);  // where scores tie there is nothing to list
  std::iota(apart.begin(), apart.end(), 0.0F);
  SemiOrderedIndex index(apart, options_of(Refile::kLazy, 0, 0));
  const std::size_t before = index.nbytes();
  index.add(Batch{1}, Values(1.0F));
  static_cast<void>(index.top(1));
  static_cast<void>(index.top(1000));
  CHECK(stat(index.stats(), "listed") == 1);
  CHECK(index.nbytes() > before + 10'000);
  index.set_all(Scores(100'000, 1.0F));
  CHECK(stat(index.stats(), "listed") == 0);
  CHECK(index.nbytes() < before + 1000);
}

TEST_CASE("retrieval puts back what it took from many nodes") {
  for (const Refile refile : {Refile::kLazy, Refile::kEager}) {
    const IndexOptions options = options_of(refile, 2, 1);
    SemiOrderedIndex index(3000, options);
    ReferenceIndex reference(3000, options);
    for (const std::size_t wanted : Sizes{1, 700, 3, 500, 750, 2, 700}) {
      CAPTURE(wanted);
      REQUIRE(difference(index.top(wanted), reference.top(wanted)) == "");
      REQUIRE(difference(index, reference) == "");
      const Batch batch = {7, 2999, 7};
      index.add(batch, Values(-1.0F));
      reference.add(batch, Values(-1.0F));
    }
    CHECK(stat(index.stats(), "rebuilds") == 1);
    CHECK(stat(index.stats(), "front") >= 700);
  }
}

TEST_CASE("dense rounds are scanned, sparse ones listed") {
  const IndexOptions options = options_of(Refile::kLazy, 0, 0);
  SemiOrderedIndex index(20'000, options);
  ReferenceIndex reference(20'000, options);
  Batch all(20'000);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  const auto round = [&](std::size_t updates, float delta = 0.25F) {
    const auto some = std::span(all).first(updates);
    index.add(some, Values(delta));
    reference.add(some, Values(delta));
    REQUIRE(difference(index.top(50), reference.top(50)) == "");
    REQUIRE(difference(index, reference) == "");
    return index.stats();
  };
  socbi::Stats stats = round(20'000);
  CHECK(stat(stats, "listed") == 0);
  CHECK(stat(stats, "scans") == 1);
  stats = round(8'000);  // between a third and a half: as it was
  CHECK(stat(stats, "listed") == 0);
  stats = round(100);
  CHECK(stat(stats, "listed") == 1);
  CHECK(stat(stats, "rebuilds") == 1);
  CHECK(stat(stats, "scans") == 2);
  stats = round(8'000);  // as it was, again
  CHECK(stat(stats, "listed") == 1);
  CHECK(stat(stats, "rebuilds") == 1);
  stats = round(12'000);
  CHECK(stat(stats, "listed") == 0);
  CHECK(stat(stats, "scans") == 3);
  stats = round(10);
  CHECK(stat(stats, "listed") == 1);
  CHECK(stat(stats, "rebuilds") == 2);
  stats = round(1'000, -0.25F);  // towards the asked end a change counts for eight
  CHECK(stat(stats, "listed") == 1);
  stats = round(1'500, -0.25F);
  CHECK(stat(stats, "listed") == 0);
}

TEST_CASE("so many that a scan costs less are scanned, and the list stays") {
  const IndexOptions options = options_of(Refile::kLazy, 0, 0);
  Scores scores(40'000);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    scores[i] = static_cast<float>(i * 7919 % scores.size()) / 8.0F;
  }
  SemiOrderedIndex index(scores, options);
  ReferenceIndex reference(scores, options);
  const auto pop = [&](std::size_t wanted) {
    Batch batch;
    for (std::int64_t id = 0; id < 40'000; id += 40) {
      if (index.contains(id)) batch.push_back(id);
    }
    index.add(batch, Values(-2.0F));
    reference.add(batch, Values(-2.0F));
    REQUIRE(difference(index.pop(wanted), reference.pop(wanted)) == "");
    REQUIRE(difference(index, reference) == "");
    return index.stats();
  };
  CHECK(stat(pop(4'000), "listed") == 0);  // nothing to be built for it
  CHECK(stat(pop(50), "listed") == 1);
  const std::uint64_t before = stat(index.stats(), "scans");
  CHECK(stat(pop(4'000), "scans") == before + 1);
  CHECK(stat(pop(4'000), "scans") == before + 2);
  CHECK(stat(pop(50), "scans") == before + 2);
  CHECK(stat(index.stats(), "rebuilds") == 1);
}

TEST_CASE("many that tie are walked, not scanned") {
  const IndexOptions options = options_of(Refile::kLazy, 0, 0);
  SemiOrderedIndex index(40'000, options);
  ReferenceIndex reference(40'000, options);
  for (int round = 0; round < 4; ++round) {
    REQUIRE(difference(index.pop(4'000), reference.pop(4'000)) == "");
    REQUIRE(difference(index, reference) == "");
  }
  CHECK(stat(index.stats(), "scans") == 0);
  CHECK(stat(index.stats(), "walks") > 0);
}

TEST_CASE("updates away from the asked end move nothing") {
  for (const Asked order : {Asked::kSmallest, Asked::kLargest}) {
    IndexOptions options = options_of(Refile::kLazy, 8, 4);
    options.order = order;
    const float away = order == Asked::kSmallest ? 1.0F : -1.0F;
    SemiOrderedIndex index(5000, options);
    ReferenceIndex reference(5000, options);
    // The first listing is small; samples behind it and in it move away, and the inbox stays empty.
    static_cast<void>(index.top(0));
    index.add(Batch{0}, Values(away));
    reference.add(Batch{0}, Values(away));
    static_cast<void>(index.top(1));
    static_cast<void>(index.top(1));
    REQUIRE(stat(index.stats(), "listed") == 1);
    Batch batch;
    for (std::int64_t id = 0; id < 5000; id += 20) batch.push_back(id);
    index.add(batch, Values(away));
    reference.add(batch, Values(away));
    CHECK(stat(index.stats(), "inbox") == 0);
    REQUIRE(difference(index, reference) == "");
    index.add(batch, Values(-2 * away));
    reference.add(batch, Values(-2 * away));
    CHECK(stat(index.stats(), "inbox") > 0);
    REQUIRE(difference(index, reference) == "");
    REQUIRE(difference(index.top(300), reference.top(300)) == "");
    CHECK(stat(index.stats(), "inbox") == 0);
  }
}

TEST_CASE("an empty index answers") {
  const IndexOptions options = options_of(Refile::kEager, 0, 0);
  SemiOrderedIndex index(0, options);
  CHECK(index.size() == 0);
  CHECK(index.top(5).ids.empty());
  CHECK(index.pop(5).ids.empty());
  CHECK(index.scores().empty());
  CHECK(index.ids().empty());
  CHECK_FALSE(index.contains(0));
  index.add(Batch{}, Values(1.0F));
  index.set_all({});
  CHECK(index.insert({}) == 0);
  CHECK(thrown_by([&] { index.add(Batch{0}, Values(1.0F)); }) ==
        "UnknownId: id 0 at position 0 is unknown: the index has no samples");
  CHECK(thrown_by([&] { static_cast<void>(index.rank_score(1)); }) ==
        "NoSuchRank: rank 1 does not exist: the pool is empty");
  CHECK(index.insert(Scores{2.0F, 1.0F}) == 0);
  CHECK(index.top(5).ids == Batch{1, 0});
  CHECK(index.check() == "");
}

TEST_CASE("-0.0 is 0.0") {
  for (const Asked order : {Asked::kSmallest, Asked::kLargest}) {
    IndexOptions options = options_of(Refile::kLazy, 0, 0);
    options.order = order;
    options.ties = Ties::kId;
    SemiOrderedIndex index(Scores{-0.0F, 0.0F}, options);
    index.set(Batch{1}, Values(-0.0F));
    index.insert(Scores{-0.0F});
    index.remove(Batch{0});
    index.restore(Batch{0}, Values(-0.0F));
    index.add(Batch{0, 2}, Values(-0.0F));
    CHECK(bits_of(index.scores()) == std::vector<std::uint32_t>{0, 0, 0});
    CHECK(index.top(3).ids == Batch{0, 1, 2});
    CHECK(bits_of(index.top(3).scores) == std::vector<std::uint32_t>{0, 0, 0});
    index.set_all(Scores{-0.0F, -0.0F, -0.0F});
    CHECK(index.check() == "");
  }
}

// ---- failures leave everything as it was
// ----------------------------------------------------------

namespace {

/// Positions worth a bad id in a batch: every one of a short batch, the block borders of a long
/// one.
std::vector<std::size_t> positions_in(std::size_t size) {
  std::vector<std::size_t> positions;
  if (size <= 32) {
    for (std::size_t i = 0; i < size; ++i) positions.push_back(i);
    return positions;
  }
  const std::size_t block = socbi::tuning::kBlockIds;
  for (const std::size_t position :
       {std::size_t{0}, std::size_t{7}, std::size_t{8}, block - 1, block, block + 1, 2 * block - 1,
        2 * block, size - 8, size - 1}) {
    if (position < size) positions.push_back(position);
  }
  return positions;
}

/// Puts a bad id into batches, at all positions, and asks that the call names it and undoes all.
template <class Index>
void refuse_bad_ids(const IndexOptions& options, bool whole, std::size_t batch_size) {
  constexpr std::int64_t kPool = 3000;
  constexpr std::int64_t kRemoved = 77;
  Scores start;
  std::mt19937_64 random(9);
  for (std::int64_t i = 0; i < kPool; ++i) {
    const auto drawn = static_cast<float>(random() % 1000);
    start.push_back(whole ? drawn : drawn / 7.0F);
  }
  Index index(start, options);
  ReferenceIndex reference(start, options);
  index.remove(Batch{kRemoved});
  reference.remove(Batch{kRemoved});
  static_cast<void>(index.top(3));
  static_cast<void>(index.top(3));  // listed now, where there is a list
  const std::vector<std::uint32_t> before = bits_of(index.scores());

  Batch good;
  Scores each;
  for (std::size_t i = 0; i < batch_size; ++i) {
    // Two ids in three are given more than once.
    const auto id = static_cast<std::int64_t>(random() % (i % 3 == 0 ? kPool : 50));
    good.push_back(id == kRemoved ? 0 : id);
    each.push_back(whole ? static_cast<float>(random() % 5) - 2 : 0.1F * static_cast<float>(i % 9));
  }
  const std::array<Values, 3> choices = {Values(whole ? 1.0F : 0.1F), Values(whole ? -3.0F : -0.3F),
                                         Values(each)};
  for (const std::int64_t bad : {kPool, kRemoved, std::int64_t{-1}}) {
    for (const std::size_t position : positions_in(batch_size)) {
      Batch batch = good;
      batch[position] = bad;
      CAPTURE(bad);
      CAPTURE(position);
      for (const Values& values : choices) {
        for (const bool adding : {true, false}) {
          CAPTURE(adding);
          const std::string expected = thrown_by([&] { reference.set(batch, values); });
          REQUIRE(expected != "nothing");
          REQUIRE(thrown_by([&] {
                    adding ? index.add(batch, values) : index.set(batch, values);
                  }) == expected);
          REQUIRE(bits_of(index.scores()) == before);
        }
      }
    }
  }
  REQUIRE(difference(index, reference) == "");
  REQUIRE(difference(index.top(100), reference.top(100)) == "");
  index.add(good, Values(each));
  reference.add(good, Values(each));
  REQUIRE(difference(index, reference) == "");
  REQUIRE(difference(index.top(100), reference.top(100)) == "");
}

template <class Index>
void refuse_bad_ids_everywhere(Refile refile) {
  for (const Asked order : {Asked::kSmallest, Asked::kLargest}) {
    for (const bool whole : {true, false}) {
      for (const std::size_t batch_size : {std::size_t{1}, std::size_t{20}, std::size_t{10'000}}) {
        for (const unsigned threads : {1U, 3U}) {
          if (threads > 1 && batch_size < 10'000) continue;
          IndexOptions options = options_of(refile, 4, 2);
          options.order = order;
          options.threads = threads;
          CAPTURE(whole);
          CAPTURE(batch_size);
          CAPTURE(threads);
          refuse_bad_ids<Index>(options, whole, batch_size);
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("a bad id is named and nothing has changed: lazy") {
  refuse_bad_ids_everywhere<SemiOrderedIndex>(Refile::kLazy);
}

TEST_CASE("a bad id is named and nothing has changed: eager") {
  refuse_bad_ids_everywhere<SemiOrderedIndex>(Refile::kEager);
}

TEST_CASE("a bad id is named and nothing has changed: the B+-tree") {
  refuse_bad_ids_everywhere<BPlusTreeIndex>(Refile::kLazy);
}

TEST_CASE("of several bad ids the first is named") {
  SemiOrderedIndex index(10, options_of(Refile::kLazy, 0, 0));
  index.remove(Batch{3, 5});
  const auto by_add = [&](const Batch& batch) {
    return thrown_by([&] { index.add(batch, Values(1.0F)); });
  };
  CHECK(by_add({1, 5, 3}).starts_with("RemovedId: id 5 at position 1 "));
  CHECK(by_add({1, 12, 11}).starts_with("UnknownId: id 12 at position 1 "));
  CHECK(by_add({1, 12, 3}).starts_with("UnknownId: id 12 at position 1 "));
  CHECK(by_add({1, 3, 12}).starts_with("RemovedId: id 3 at position 1 "));
  CHECK(thrown_by([&] { index.remove(Batch{5, 10}); }).starts_with("RemovedId: id 5 "));
  CHECK(thrown_by([&] {
          static_cast<void>(index.scores(Batch{5, 10}));
        }).starts_with("RemovedId: id 5 "));
}

TEST_CASE("of several ids given twice the first is named") {
  SemiOrderedIndex index(10, options_of(Refile::kLazy, 0, 0));
  CHECK(thrown_by([&] {
          index.remove(Batch{4, 7, 4, 7});
        }).starts_with("PresentId: id 4 at position 2 "));
  CHECK(thrown_by([&] {
          index.remove(Batch{7, 7, 4, 4});
        }).starts_with("PresentId: id 7 at position 1 "));
  CHECK(index.size() == 10);
  index.remove(Batch{7, 4});
  CHECK(thrown_by([&] {
          index.restore(Batch{7, 7, 4, 4}, Values(1.0F));
        }).starts_with("PresentId: id 7 at position 1 "));
  CHECK(index.size() == 8);
}

TEST_CASE("restore and remove change nothing when they refuse") {
  for (const Refile refile : {Refile::kLazy, Refile::kEager}) {
    const IndexOptions options = options_of(refile, 2, 2);
    SemiOrderedIndex index(100, options);
    ReferenceIndex reference(100, options);
    const Batch gone = {5, 6, 7, 8, 9};
    index.remove(gone);
    reference.remove(gone);
    static_cast<void>(index.top(2));
    for (std::size_t position = 0; position < gone.size(); ++position) {
      for (const std::int64_t bad : {std::int64_t{50}, std::int64_t{100}, std::int64_t{-9}}) {
        Batch batch = gone;
        batch[position] = bad;
        const std::string expected = thrown_by([&] { reference.restore(batch, Values(1.0F)); });
        CHECK(thrown_by([&] { index.restore(batch, Values(1.0F)); }) == expected);
        REQUIRE(difference(index, reference) == "");
      }
      Batch stay = {20, 21, 22, 23, 24};
      stay[position] = gone[position];
      CHECK(thrown_by([&] { index.remove(stay); }) == thrown_by([&] { reference.remove(stay); }));
      REQUIRE(difference(index, reference) == "");
    }
    REQUIRE(difference(index.top(100), reference.top(100)) == "");
  }
}

TEST_CASE("a sum beyond the range of a float is refused and undone") {
  constexpr float kHuge = 3e38F;
  for (const Asked order : {Asked::kSmallest, Asked::kLargest}) {
    for (const Refile refile : {Refile::kLazy, Refile::kEager}) {
      IndexOptions options = options_of(refile, 2, 2);
      options.order = order;
      SemiOrderedIndex index(50, options);
      ReferenceIndex reference(50, options);
      const auto same = [&](const Batch& batch, Values values) {
        const std::string expected = thrown_by([&] { reference.add(batch, values); });
        const std::string got = thrown_by([&] { index.add(batch, values); });
        CHECK(got.substr(0, got.find(':')) == expected.substr(0, expected.find(':')));
        REQUIRE(difference(index, reference) == "");
        REQUIRE(difference(index.top(7), reference.top(7)) == "");
      };
      same({1, 2, 3}, Values(0.1F));
      same({4, 9, 4}, Values(kHuge));  // 4 overflows, 9 alone would not
      same({4, 9}, Values(kHuge));
      same({4}, Values(kHuge));
      same({4}, Values(-kHuge));
      same({4, 4}, Values(-kHuge));
      const Scores mixed = {kHuge, -kHuge, 5.0F, kHuge};
      same({0, 1, 2, 3}, Values(mixed));
      same({0, 1, 2, 0}, Values(mixed));
      // There and back, but beyond the range in between.
      const Scores return_trip = {kHuge, kHuge, -kHuge};
      same({20, 20, 20}, Values(return_trip));
      same({21}, Values(1.5F));
      same({99}, Values(kHuge));
      same({0, -1}, Values(kHuge));
    }
  }
}

TEST_CASE("sums that round up do not slip out of the range") {
  // Three fifths of the last place of the largest float: each addition rounds up to a whole one, so
  // five of them go two places further than their exact sum.
  const float place = std::ldexp(1.0F, 104);
  const float start = std::numeric_limits<float>::max() - 3 * place;
  Scores scores(100, 0.0F);
  scores[0] = start;
  SemiOrderedIndex index(scores, options_of(Refile::kLazy, 0, 0));
  std::string outcome;
  for (int i = 0; i < 5; ++i) {
    outcome = thrown_by([&] { index.add(Batch{0}, Values(0.6F * place)); });
    REQUIRE(index.check() == "");
    REQUIRE(std::isfinite(index.scores()[0]));
  }
  CHECK(outcome.starts_with("ScoreOverflow"));
}

TEST_CASE("whole numbers are added without a log only while they are exact") {
  // Near 2^24 additions begin to round: then subtracting would not undo them. Each call ends with a
  // removed id, so that each is undone.
  const IndexOptions options = options_of(Refile::kLazy, 0, 0);
  for (const float start : {0.0F, 16777210.0F, 16777215.0F, 16777216.0F, 16777217.0F, 5e7F, 0.5F}) {
    CAPTURE(start);
    SemiOrderedIndex index(Scores(40, start), options);
    index.remove(Batch{39});
    for (const float delta : {1.0F, 3.0F, -1.0F, 0.25F, 16777216.0F}) {
      CAPTURE(delta);
      const std::vector<std::uint32_t> before = bits_of(index.scores());
      const Batch bad = {1, 2, 2, 2, 2, 2, 3, 39};
      REQUIRE_THROWS_AS(index.add(bad, Values(delta)), RemovedId);
      REQUIRE(bits_of(index.scores()) == before);
      index.add(Batch{4, 5, 6, 6}, Values(delta));
    }
  }
}

// ---- batches spread over workers
// ------------------------------------------------------------------

namespace {

template <class Index>
void same_for_all_workers(Refile refile, bool adding, std::size_t batch_size) {
  constexpr std::size_t kPool = 3000;
  std::mt19937_64 random(71);
  Batch batch;
  Scores each;
  for (std::size_t i = 0; i < batch_size; ++i) {
    batch.push_back(static_cast<std::int64_t>(random() % (i % 4 == 0 ? 5 : kPool)));
    each.push_back(std::uniform_real_distribution<float>(-1, 1)(random));
  }
  IndexOptions options = options_of(refile, 8, 2);
  options.cores = 20;
  const auto run = [&](unsigned threads, bool uniform) {
    auto index = std::make_unique<Index>(kPool, options);
    static_cast<void>(index->top(3));
    index->set(Batch{1}, Values(-1.0F));
    static_cast<void>(index->top(3));
    const Values values = uniform ? Values(-0.1F) : Values(each);
    adding ? index->add(batch, values, threads) : index->set(batch, values, threads);
    return index;
  };
  for (const bool uniform : {true, false}) {
    if (uniform && !adding) continue;  // of one score for all, every order is the same
    const auto alone = run(1, uniform);
    REQUIRE(alone->check() == "");
    const Best best = alone->top(500);
    for (const unsigned threads : {2U, 3U, 5U, 20U}) {
      CAPTURE(threads);
      CAPTURE(uniform);
      const auto crew = run(threads, uniform);
      REQUIRE(crew->check() == "");
      REQUIRE(bits_of(crew->scores()) == bits_of(alone->scores()));
      REQUIRE(difference(crew->top(500), best) == "");
    }
  }
}

}  // namespace

TEST_CASE("any number of workers gives the same scores, bit for bit") {
  constexpr std::size_t kMany = 20 * socbi::tuning::kMovesPerWorker + 1234;
  for (const bool adding : {true, false}) {
    same_for_all_workers<SemiOrderedIndex>(Refile::kLazy, adding, kMany);
    same_for_all_workers<SemiOrderedIndex>(Refile::kEager, adding, kMany);
    same_for_all_workers<BPlusTreeIndex>(Refile::kLazy, adding, kMany);
  }
}

TEST_CASE("workers for plain updates, over more than one block") {
  constexpr std::size_t kMany = socbi::tuning::kParallelBlockIds + 3 * 4096 + 5;
  static_assert(kMany >= socbi::tuning::kWorkersThatPay * socbi::tuning::kIdsPerWorker);
  same_for_all_workers<ArrayHeapIndex>(Refile::kLazy, true, kMany);
}

TEST_CASE("workers refuse what one thread refuses, and change nothing") {
  constexpr std::size_t kMany = 4 * socbi::tuning::kMovesPerWorker;
  for (const Refile refile : {Refile::kLazy, Refile::kEager}) {
    IndexOptions options = options_of(refile, 8, 2);
    options.threads = 4;
    SemiOrderedIndex index(1000, options);
    index.remove(Batch{999});
    static_cast<void>(index.top(3));
    static_cast<void>(index.top(3));
    const std::vector<std::uint32_t> before = bits_of(index.scores());
    for (std::size_t position = 0; position < kMany; position += 1777) {
      Batch batch(kMany, 5);
      batch[position] = 999;
      const std::string where = "RemovedId: id 999 at position " + std::to_string(position) + " ";
      CHECK(thrown_by([&] { index.add(batch, Values(-0.5F)); }).starts_with(where));
      batch.back() = 1000;
      batch[position] = 1001;
      const std::string what = "UnknownId: id 1001 at position " + std::to_string(position) + " ";
      CHECK(thrown_by([&] { index.set(batch, Values(-0.5F)); }).starts_with(what));
      REQUIRE(bits_of(index.scores()) == before);
    }
    CHECK(index.check() == "");
  }
}

TEST_CASE("a batch is divided by cache lines and keeps its order") {
  std::mt19937_64 random(3);
  for (const unsigned parts : {1U, 2U, 3U, 7U, 20U}) {
    Batch batch;
    Scores each;
    for (int i = 0; i < 5000; ++i) {
      batch.push_back(static_cast<std::int64_t>(random() % 700));
      each.push_back(static_cast<float>(i));
    }
    batch[17] = -1;  // may come up if the caller's memory changes: passed over
    batch[18] = 700;
    socbi::BatchSplit split;
    split.reserve(batch.size(), parts, false);
    const Values values{std::span<const float>(each)};
    for (unsigned share = 0; share < parts; ++share) {
      split.divide(batch, values, 700, share, parts);
    }
    std::map<Id, unsigned> worker_of_line;
    std::map<Id, float> latest;
    std::size_t count = 0;
    for (unsigned worker = 0; worker < parts; ++worker) {
      split.for_own(worker, parts, values, [&](Id id, float value) {
        ++count;
        const Id line = id >> socbi::tuning::kScoresPerLineLog2;
        CHECK(worker_of_line.try_emplace(line, worker).first->second == worker);
        CHECK(batch[static_cast<std::size_t>(value)] == static_cast<std::int64_t>(id));
        if (latest.contains(id)) CHECK(latest[id] < value);
        latest[id] = value;
      });
    }
    CHECK(count == batch.size() - 2);
  }
}

// ---- parts
// ----------------------------------------------------------------------------------------

TEST_CASE("the front gives its keys in order") {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    socbi::Front front;
    std::multiset<Key> expected;
    std::vector<Key> taken;  // since the last change: what may be put back
    for (int step = 0; step < 600; ++step) {
      switch (random() % 6) {
        case 0:
          if (front.empty()) {
            std::vector<Key> keys(random() % 50);
            for (Key& key : keys) key = 1000 + random() % 1000;
            expected.insert(keys.begin(), keys.end());
            front.refill(std::move(keys));
            taken.clear();
          }
          break;
        case 1: {
          const Key key = 1000 + random() % 1000;
          front.push(key);
          expected.insert(key);
          taken.clear();
          break;
        }
        case 2:
          front.put_back(taken);
          expected.insert(taken.begin(), taken.end());
          taken.clear();
          break;
        default:
          if (front.empty()) break;
          taken.push_back(front.pop_lowest());
          REQUIRE(taken.back() == *expected.begin());
          expected.erase(expected.begin());
      }
      REQUIRE(front.ordered());
      REQUIRE(front.size() == expected.size());
      REQUIRE(front.empty() == expected.empty());
      std::multiset<Key> visited;
      front.visit([&](Key key) { visited.insert(key); });
      REQUIRE(visited == expected);
    }
    front.clear();
    CHECK(front.empty());
    CHECK(front.nbytes() == 0);
  }
}

TEST_CASE("the towers find the node of a key") {
  using socbi::NodeTowers;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    NodeTowers towers;
    std::map<Key, socbi::Place> expected;
    for (int step = 0; step < 2000; ++step) {
      const bool growing = (step / 500) % 2 == 0;
      if (expected.empty() || random() % 10 < (growing ? 8U : 2U)) {
        const Key lower = 1 + random() % 10'000;
        if (expected.contains(lower)) continue;
        const socbi::Place place = towers.insert(lower, 5);
        REQUIRE(place >= NodeTowers::kFirstNode);
        REQUIRE(towers.node(place).ids.empty());
        REQUIRE(towers.node(place).capacity == 5);
        towers.node(place).append(static_cast<Id>(lower));
        for (const auto& [key, other] : expected) REQUIRE(other != place);
        expected[lower] = place;
      } else {
        auto gone = expected.lower_bound(1 + random() % 10'000);
        if (gone == expected.end()) gone = expected.begin();
        REQUIRE(towers.erase(gone->second) == std::vector<Id>{static_cast<Id>(gone->first)});
        expected.erase(gone);
      }
      REQUIRE(towers.size() == expected.size());
      REQUIRE(towers.empty() == expected.empty());
      for (int probe = 0; probe < 5; ++probe) {
        const Key key = random() % 10'002;
        const auto above = expected.upper_bound(key);
        const socbi::Place found =
            above == expected.begin() ? NodeTowers::kNone : std::prev(above)->second;
        REQUIRE(towers.search(key) == found);
      }
      if (step % 20 != 0) continue;
      REQUIRE(towers.check() == "");
      socbi::Place at = towers.first();
      for (const auto& [lower, place] : expected) {
        REQUIRE(at == place);
        REQUIRE(towers.node(at).lower == lower);
        at = towers.after(at);
      }
      REQUIRE(at == NodeTowers::kNone);
    }
    towers.clear();
    CHECK(towers.empty());
    CHECK(towers.check() == "");
  }
}

TEST_CASE("sort_keys sorts") {
  std::mt19937_64 random(12);
  for (const std::size_t size : Sizes{0, 1, 2, 100, 8191, 8192, 8193, 50'000}) {
    // All bits; few keys, many times; only the low half, as if all scores were tied; descending.
    for (int shape = 0; shape < 4; ++shape) {
      std::vector<Key> keys(size);
      for (std::size_t i = 0; i < size; ++i) {
        const Key drawn = random();
        keys[i] = std::array<Key, 4>{drawn, drawn % 7 << 60, (Key{0x80000000} << 32) | drawn >> 32,
                                     ~Key{0} - i * 12'345}[static_cast<std::size_t>(shape)];
      }
      std::vector<Key> expected = keys;
      std::sort(expected.begin(), expected.end());
      socbi::sort_keys(keys);
      CAPTURE(size);
      CAPTURE(shape);
      REQUIRE(keys == expected);
    }
  }
}

TEST_CASE("keys are cut into ordered pieces") {
  std::mt19937_64 random(14);
  std::vector<Key> buffer;
  for (const std::size_t size : Sizes{1, 5, 64, 700, 5000}) {
    for (const std::size_t pieces : Sizes{1, 2, 3, 17, 64, 65, 300}) {
      if (pieces > size) continue;
      CAPTURE(size);
      CAPTURE(pieces);
      std::vector<Key> keys(size);
      for (std::size_t i = 0; i < size; ++i) keys[i] = (random() % 50 << 40) | i;  // all different
      std::vector<Key> expected = keys;
      std::sort(expected.begin(), expected.end());
      const std::vector<std::size_t> begins = socbi::partition(keys, pieces, buffer);
      REQUIRE(begins.front() == 0);
      REQUIRE(begins.size() <= pieces);
      if (pieces > 1) REQUIRE(begins.size() > 1);
      REQUIRE(std::is_sorted(begins.begin(), begins.end()));
      REQUIRE(begins.back() <= size);
      for (std::size_t piece = 0; piece < begins.size(); ++piece) {
        const auto begin = keys.begin() + static_cast<std::ptrdiff_t>(begins[piece]);
        std::sort(begin, piece + 1 < begins.size()
                             ? keys.begin() + static_cast<std::ptrdiff_t>(begins[piece + 1])
                             : keys.end());
      }
      REQUIRE(keys == expected);  // sorting each piece sorts all
    }
  }
}

TEST_CASE("the scan finds exactly what lies below its bound") {
  std::mt19937_64 random(13);
  for (const std::size_t size : Sizes{1, 63, 64, 65, 1000, 30'000}) {
    for (int shape = 0; shape < 5; ++shape) {
      socbi::ScoreTable table(size);
      const socbi::TotalOrder order(shape % 2 == 0 ? Ties::kRandom : Ties::kId, 3, size);
      for (std::size_t i = 0; i < size; ++i) {
        const auto real = std::uniform_real_distribution<float>(-1, 1)(random);
        const std::array<float, 5> scores = {
            0.0F, static_cast<float>(random() % 3), real,
            // Sorted, so that no block of the table is like another; and nearly all removed.
            static_cast<float>(i), real};
        table.scores()[i] = scores[static_cast<std::size_t>(shape)];
        if (random() % 100 < (shape == 4 ? 97U : 10U)) table.remove_plain(static_cast<Id>(i));
      }
      if (shape == 0) table.scores()[0] = std::numeric_limits<float>::max();
      if (!table.in_pool(0)) table.restore_plain(0, -1.0F);
      std::vector<Key> all;
      for (std::size_t i = 0; i < size; ++i) {
        const auto id = static_cast<Id>(i);
        if (table.in_pool(id)) all.push_back(order.key(table.scores()[i], id));
      }
      std::sort(all.begin(), all.end());
      const std::size_t alive = table.alive();
      REQUIRE(alive == all.size());
      for (const std::size_t wanted :
           {std::size_t{1}, std::size_t{10}, size / 100, size / 3, alive / 2 - (alive > 1 ? 1 : 0),
            alive / 2, alive - 1, alive, alive + 1}) {
        CAPTURE(size);
        CAPTURE(shape);
        CAPTURE(wanted);
        std::vector<Key> found;
        const Key bound = socbi::collect_smallest(table, order, wanted, found);
        std::sort(found.begin(), found.end());
        const auto below = std::lower_bound(all.begin(), all.end(), bound);
        REQUIRE(found == std::vector<Key>(all.begin(), below));
        REQUIRE((found.size() >= wanted || bound == socbi::kHighestKey));
        // The same without the widest instructions of this machine.
        std::vector<Key> portable;
        const auto collect = [&](Key key) {
          portable.push_back(key);
          return std::min(bound, socbi::kRemovedKey);
        };
        const Key limit = std::min(bound, socbi::kRemovedKey);
        shape % 2 == 0 ? socbi::detail::scan_anywhere<false>(table, order, limit, collect)
                       : socbi::detail::scan_anywhere<true>(table, order, limit, collect);
        std::sort(portable.begin(), portable.end());
        REQUIRE(portable == found);
        socbi::smallest_by_heap(table, order, wanted, found);
        REQUIRE(found == std::vector<Key>(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(
                                                                         std::min(wanted, alive))));
        socbi::smallest_sorted(table, order, wanted, found);
        REQUIRE(found == std::vector<Key>(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(
                                                                         std::min(wanted, alive))));
      }
    }
  }
}

TEST_CASE("the table counts and keeps its bits") {
  for (const std::size_t size : Sizes{0, 1, 63, 64, 65, 200}) {
    socbi::ScoreTable table(size);
    std::set<Id> expected;
    for (std::size_t i = 0; i < size; ++i) expected.insert(static_cast<Id>(i));
    std::mt19937_64 random(size);
    for (int step = 0; step < 300; ++step) {
      if (random() % 5 == 0) {
        const std::size_t extra = random() % 130;
        for (std::size_t i = 0; i < extra; ++i) expected.insert(static_cast<Id>(table.size() + i));
        table.grow(extra, 1.0F);
      } else if (table.size() > 0) {
        const auto id = static_cast<Id>(random() % table.size());
        if (expected.erase(id) == 0) {
          table.restore_plain(id, 2.0F);
          expected.insert(id);
        } else {
          table.remove_plain(id);
        }
      }
      REQUIRE(table.alive() == expected.size());
      if (step % 8 != 0) continue;
      REQUIRE(socbi::check_table(table) == "");
      for (std::size_t i = 0; i < table.size(); ++i) {
        REQUIRE(table.in_pool(static_cast<Id>(i)) == expected.contains(static_cast<Id>(i)));
      }
    }
  }
}

TEST_CASE("what the scores can have come to") {
  using Announced = socbi::ScoreRange::Announced;
  socbi::ScoreRange range;
  {
    const Announced call(range, 1000.0, true);
    CHECK(call.exact());
    CHECK_FALSE(call.may_overflow());
  }
  {
    Announced call(range, 16'777'000.0, true);
    CHECK_FALSE(call.exact());  // 1,000 may have come before
    CHECK(call.worth_a_look());
    call.look_at(Scores{3.0F, -5.0F, socbi::kRemovedScore});
    CHECK(call.exact());
    const Announced beside(range, 1.0, true);
    CHECK_FALSE(call.worth_a_look());
    call.look_at(Scores{0.0F});
    const Announced third(range, 215.0, true);  // 0 + 16,777,000 + 1 + 215 = 2^24
    CHECK(third.exact());
    const Announced fourth(range, 1.0, true);
    CHECK_FALSE(fourth.exact());
  }
  range.replaced(Scores{1.0F, 2.0F});
  {
    const Announced call(range, 1.0, true);
    CHECK(call.exact());
    const Announced fraction(range, 0.5, false);
    CHECK_FALSE(call.exact());
    CHECK_FALSE(call.worth_a_look());
    range.replaced(Scores{1.0F});  // the fraction may still come
    CHECK_FALSE(call.exact());
  }
  range.replaced(Scores{1.0F, 2.5F});
  CHECK_FALSE(Announced(range, 1.0, true).exact());
  CHECK(Announced(range, 3.5e38, true).may_overflow());
}

TEST_CASE("the worker pool runs each worker of a crew once") {
  socbi::WorkerPool pool;
  std::mt19937_64 random(4);
  for (int round = 0; round < 200; ++round) {
    const auto size = static_cast<unsigned>(2 + random() % 7);
    socbi::WorkerPool::Crew crew = pool.try_hire(size);
    REQUIRE(crew);
    REQUIRE(crew.size() == size);
    REQUIRE_FALSE(pool.try_hire(2));
    for (int job = 0; job < 3; ++job) {
      std::vector<int> runs(size, 0);  // plain: each worker has its own, and run() waits for all
      crew.run([&](unsigned worker) { ++runs[worker]; });
      REQUIRE(runs == std::vector<int>(size, 1));
    }
  }
  socbi::WorkerPool::Crew crew = pool.try_hire(3);
  socbi::WorkerPool::Crew moved = std::move(crew);
  REQUIRE(moved);
  REQUIRE(moved.size() == 3);
  REQUIRE_FALSE(pool.try_hire(2));
}

TEST_CASE("only one of many callers has the workers") {
  socbi::WorkerPool pool;
  std::atomic<int> holders{0};
  std::atomic<int> hired{0};
  std::atomic<bool> together{false};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 6; ++caller) {
    callers.emplace_back([&] {
      for (int round = 0; round < 300; ++round) {
        socbi::WorkerPool::Crew crew = pool.try_hire(3);
        if (!crew) continue;
        if (holders.fetch_add(1) != 0) together = true;
        std::atomic<int> runs{0};
        crew.run([&](unsigned) { runs.fetch_add(1); });
        if (runs.load() != static_cast<int>(crew.size())) together = true;
        hired.fetch_add(1);
        holders.fetch_sub(1);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK_FALSE(together.load());
  CHECK(hired.load() > 0);
}

TEST_CASE("the gate keeps out who must stay out") {
  constexpr int kThreads = 6;
  constexpr int kRounds = 4000;
  socbi::AccessGate gate;
  long counter = 0;  // plain, written by who is alone, read by who shares
  std::atomic<int> alone{0};
  std::atomic<int> sharing{0};
  std::atomic<bool> broken{false};
  std::atomic<long> expected{0};
  const auto be_alone = [&] {
    if (alone.fetch_add(1) != 0) broken = true;
    for (int look = 0; look < 20; ++look) {
      if (sharing.load() != 0) broken = true;
    }
    ++counter;
    expected.fetch_add(1);
    alone.fetch_sub(1);
  };
  const auto share = [&] {
    sharing.fetch_add(1);
    for (int look = 0; look < 20; ++look) {
      if (alone.load() != 0 || counter != expected.load()) broken = true;
    }
    sharing.fetch_sub(1);
  };
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      std::mt19937 random(thread);
      for (int round = 0; round < kRounds; ++round) {
        switch (random() % 4) {
          case 0:
            gate.enter_alone();
            be_alone();
            gate.leave_alone();
            break;
          case 1:
            if (!gate.try_enter_alone()) break;
            be_alone();
            gate.leave_alone();
            break;
          case 2:
            gate.enter_alone();
            be_alone();
            gate.let_others_in();  // and stay
            share();
            gate.leave_shared();
            break;
          default:
            gate.enter_shared();
            share();
            gate.leave_shared();
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_FALSE(broken.load());
  CHECK(counter == expected.load());
  CHECK(gate.try_enter_alone());
  CHECK_FALSE(gate.contended_alone());
  CHECK_FALSE(gate.try_enter_alone());
  gate.leave_alone();
}
