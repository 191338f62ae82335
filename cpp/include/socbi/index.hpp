// SemiOrderedIndex: a pool of samples ordered by score, updated by many threads while the best are
// taken out.
//
//   #include <socbi/index.hpp>
//
//   socbi::SemiOrderedIndex index(1'000'000, {});              // all scores 0, smallest are best
//   std::vector<std::int64_t> hit = {3, 17, 3};
//   index.add(hit, socbi::Values(1.0f));                        // 3 counts twice
//   socbi::Best best = index.pop(128);                          // the 128 best, removed
//   // best.ids, best.scores: best first
//
// Promises:
// - Every call may be made from any number of threads at once.
// - An update that returned before a retrieval began is counted by it; a concurrent one may or may
//   not be. `pop` gives each id to exactly one caller.
// - At rest the answer is the exact Top-N in the total order of score.hpp, whatever the number of
//   threads; scores are bit for bit the same for any number of threads of one call.
// - A call that throws has changed nothing.
//
// Caveats:
// - Updates beside each other run in parallel; a retrieval holds them up while it runs (some 10 us
//   for 128 of 10^6; one pass over the scores, some 4 ms at 10^7, when it has to list anew). It
//   waits for one block of 4,096 updates of each running call, and once for the check of the ids
//   that are left of a call that was alone, some 1 ns an id.
// - Of two concurrent `set`s of one sample the last writer wins. The sum of concurrent `add`s of
//   values that are not integers depends on their order in the last bits.
// - Scores are float32: counts are exact to 2^24.
//
// Lock order: score range (announced before the gate, asked within), access gate, the crew of
// workers, a node's lock or the inbox's.
#pragma once

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "socbi/access_gate.hpp"
#include "socbi/batch.hpp"
#include "socbi/batch_updater.hpp"
#include "socbi/errors.hpp"
#include "socbi/invariants.hpp"
#include "socbi/ordering.hpp"
#include "socbi/scan.hpp"
#include "socbi/score.hpp"
#include "socbi/score_range.hpp"
#include "socbi/score_table.hpp"
#include "socbi/semi_ordering.hpp"
#include "socbi/tuning.hpp"
#include "socbi/turn.hpp"

namespace socbi {

enum class Asked : std::uint8_t { kSmallest, kLargest };

struct IndexOptions {
  Asked order = Asked::kSmallest;
  Ties ties = Ties::kRandom;
  std::uint64_t seed = 0;
  Refile refile = Refile::kLazy;
  std::size_t node_capacity = 0;  ///< 0: 256 where nodes are uniform, else by what is asked for
  std::size_t growth = 0;         ///< 0: 16 if lazy, 1 (uniform, the paper's) if eager
  unsigned threads = 0;           ///< most threads of one call; 0: all cores
  unsigned cores = 0;             ///< never more threads than this; 0: as the system says
};

/// What a retrieval gives: best first, both of the same length.
struct Best {
  std::vector<std::int64_t> ids;
  std::vector<float> scores;
};

template <Ordering Order>
class BasicIndex {
 public:
  using Ids = std::span<const std::int64_t>;

  /// `size` samples of score 0.
  BasicIndex(std::size_t size, const IndexOptions& options)
      : options_(resolved(options)),
        order_(options_.ties, options_.seed, checked_size(size)),
        table_(size),
        ordering_(table_, order_, ordering_options()),
        updater_(gate_, table_, ordering_, sign(), options_.threads, options_.cores) {}

  /// One sample a score. Scores are finite, or NaN for an id that is not in the pool.
  BasicIndex(std::span<const float> scores, const IndexOptions& options)
      : BasicIndex(scores.size(), options) {
    for (std::size_t id = 0; id < scores.size(); ++id) {
      if (std::isnan(scores[id])) {
        table_.remove_plain(static_cast<Id>(id));
      } else {
        table_.scores()[id] = inward(scores[id]);
      }
    }
    updater_.range().replaced({table_.scores(), table_.size()});
  }

  // ---- updates ---------------------------------------------------------------------------------
  // All throw UnknownId or RemovedId for the first bad id. `threads` 0 means the index's own.

  /// Adds a value to each id's score; an id given twice counts twice. O(1) an id.
  void add(Ids ids, Values values, unsigned threads = 0) { updater_.add(ids, values, threads); }

  /// Replaces each id's score; of an id given twice the last value holds. O(1) an id.
  void set(Ids ids, Values values, unsigned threads = 0) { updater_.set(ids, values, threads); }

  /// Replaces all scores (as many as samples ever seen; those of removed ids are passed over).
  void set_all(std::span<const float> scores) {
    const ValueFacts facts = ValueFacts::of(scores);
    // What is not finite is passed over below, and must not spoil the bound.
    const double largest = facts.finite ? facts.largest : std::numeric_limits<float>::max();
    const ScoreRange::Announced announced(updater_.range(), largest, facts.whole);
    const Alone alone(gate_);
    if (scores.size() != table_.size()) {
      throw std::invalid_argument("set_all needs one score for each of the " +
                                  std::to_string(table_.size()) + " ids ever given out, got " +
                                  std::to_string(scores.size()));
    }
    float* const mine = table_.scores();
    for (std::size_t id = 0; id < scores.size(); ++id) {
      const float score = inward(scores[id]);  // read once: the caller may change it under us
      mine[id] = mine[id] == kRemovedScore || !std::isfinite(score) ? mine[id] : score;
    }
    updater_.range().replaced({mine, table_.size()});
    ordering_.forget();
  }

  /// Appends samples; their ids run on from the first, which is returned. O(1) a sample.
  std::int64_t insert(std::span<const float> scores) {
    const OwnValues own{Values(scores), scores.size()};
    const ScoreRange::Announced announced(updater_.range(), own.facts().largest, own.facts().whole);
    const Alone alone(gate_);
    checked_size(table_.size() + scores.size());
    const std::size_t first = table_.size();
    table_.grow(scores.size(), 0.0F);
    for (std::size_t i = 0; i < scores.size(); ++i) {
      table_.scores()[first + i] = inward(own.values()[i]);
    }
    if (order_.fit(table_.size())) ordering_.forget();
    arrived(scores.size(), [&](std::size_t i) { return static_cast<Id>(first + i); });
    return static_cast<std::int64_t>(first);
  }

  /// Brings removed samples back. Throws PresentId for one that is in the pool or given twice.
  /// O(log k) an id of k.
  void restore(Ids given, Values values) {
    if (given.empty()) return;
    const std::vector<std::int64_t> ids(given.begin(), given.end());
    const OwnValues own(values, ids.size());
    const ScoreRange::Announced announced(updater_.range(), own.facts().largest, own.facts().whole);
    const Alone alone(gate_);
    require_removed(ids);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      table_.restore_plain(static_cast<Id>(ids[i]), inward(own.values()[i]));
    }
    arrived(ids.size(), [&](std::size_t i) { return static_cast<Id>(ids[i]); });
  }

  /// Takes samples out of the pool. O(log k) an id of k.
  void remove(Ids given) {
    const std::vector<std::int64_t> ids(given.begin(), given.end());
    const Alone alone(gate_);
    require_in_pool(table_, ids);
    require_distinct(ids);
    table_.remove_all_plain(ids);
    if (ordering_.notice() != Notice::kEvery) return;
    updater_.tell_alone(ids.size(), [&](std::size_t i) { return ids[i]; });
  }

  // ---- retrieval -------------------------------------------------------------------------------

  /// The `wanted` best, or what is left, best first.
  [[nodiscard]] Best top(std::size_t wanted) { return retrieve(wanted, false); }

  /// The same, and removed: each id goes to exactly one caller.
  [[nodiscard]] Best pop(std::size_t wanted) { return retrieve(wanted, true); }

  /// The score of the `rank`-th best; rank 1 is the best. Throws NoSuchRank if there are fewer.
  /// Costs what top(rank) does for a small rank, one pass over the scores for a large one.
  [[nodiscard]] float rank_score(std::size_t rank) {
    const Alone alone(gate_);
    if (rank == 0 || rank > table_.alive()) throw NoSuchRank(rank, table_.alive());
    std::vector<Key> keys;
    if (rank <= std::max<std::size_t>(1024, table_.alive() / 64)) {
      ordering_.take(rank, false, keys);
      return outward(TotalOrder::score(keys.back()));
    }
    collect_smallest(table_, order_, rank, keys);
    const auto nth = keys.begin() + static_cast<std::ptrdiff_t>(rank - 1);
    std::nth_element(keys.begin(), nth, keys.end());
    return outward(TotalOrder::score(*nth));
  }

  // ---- looking in ------------------------------------------------------------------------------

  /// Samples in the pool.
  [[nodiscard]] std::size_t size() const noexcept { return table_.alive(); }

  /// Samples ever seen.
  [[nodiscard]] std::size_t capacity() const {
    const Shared shared(gate_);
    return table_.size();
  }

  [[nodiscard]] bool contains(std::int64_t id) const {
    const Shared shared(gate_);
    return id >= 0 && static_cast<std::uint64_t>(id) < table_.size() &&
           table_.in_pool(static_cast<Id>(id));
  }

  /// Every score by id; NaN for an id that is not in the pool.
  [[nodiscard]] std::vector<float> scores() const {
    const Shared shared(gate_);
    std::vector<float> all(table_.size());
    for (std::size_t id = 0; id < all.size(); ++id) {
      const float score = read(static_cast<Id>(id));
      all[id] = score == kRemovedScore ? std::numeric_limits<float>::quiet_NaN() : outward(score);
    }
    return all;
  }

  /// The scores of these ids, all of which must be in the pool.
  [[nodiscard]] std::vector<float> scores(Ids ids) const {
    const Alone alone(gate_);
    require_in_pool(table_, ids);
    std::vector<float> some(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto id = static_cast<std::uint64_t>(ids[i]);
      if (id < table_.size()) some[i] = outward(table_.scores()[id]);
    }
    return some;
  }

  /// The ids in the pool, ascending.
  [[nodiscard]] std::vector<std::int64_t> ids() const {
    const Alone alone(gate_);
    std::vector<std::int64_t> all;
    all.reserve(table_.alive());
    for (std::size_t id = 0; id < table_.size(); ++id) {
      if (table_.in_pool(static_cast<Id>(id))) all.push_back(static_cast<std::int64_t>(id));
    }
    return all;
  }

  [[nodiscard]] Stats stats() const {
    const Alone alone(gate_);
    Stats stats;
    stats.emplace_back("samples", table_.size());
    stats.emplace_back("alive", table_.alive());
    stats.emplace_back("updates", updater_.updates());
    ordering_.report(stats);
    stats.emplace_back("nbytes", bytes());
    return stats;
  }

  /// Bytes of memory held.
  [[nodiscard]] std::size_t nbytes() const {
    const Alone alone(gate_);
    return bytes();
  }

  /// Empty if every structural promise holds, else the first that does not.
  [[nodiscard]] std::string check() const {
    const Alone alone(gate_);
    std::string fault = check_table(table_);
    return fault.empty() ? ordering_.check() : fault;
  }

  [[nodiscard]] const IndexOptions& options() const noexcept { return options_; }

 private:
  static constexpr std::size_t kMostSamples = std::numeric_limits<Id>::max() - 1;

  // ---- the rest --------------------------------------------------------------------------------

  Best retrieve(std::size_t wanted, bool remove) {
    Best best;
    std::vector<Key> keys;
    const Alone alone(gate_);
    const std::size_t count = std::min(wanted, table_.alive());
    best.ids.resize(count);
    best.scores.resize(count);
    ordering_.take(count, remove, keys);
    assert(keys.size() == count);
    for (std::size_t i = 0; i < count; ++i) {
      best.ids[i] = order_.id(keys[i]);
      best.scores[i] = outward(TotalOrder::score(keys[i]));
    }
    if (remove) table_.remove_all_plain(best.ids);
    return best;
  }

  /// Files samples that have just joined the pool.
  template <class IdAt>
  void arrived(std::size_t count, IdAt id_at) {
    ordering_.count_updates(count, true);
    if (ordering_.notice() == Notice::kNone) return;
    if (count > table_.alive() / (tuning::kDenseShare * tuning::kTowardsCost)) {
      return ordering_.forget();
    }
    updater_.tell_alone(count, id_at);
  }

  void require_removed(Ids ids) const {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto id = static_cast<std::uint64_t>(ids[i]);
      if (id >= table_.size()) throw UnknownId(i, ids[i], table_.size());
      if (table_.in_pool(static_cast<Id>(id))) {
        throw PresentId(i, ids[i],
                        "is in the pool already; change its score with set(ids, scores)");
      }
    }
    require_distinct(ids);
  }

  /// Throws for the first id that was given before.
  static void require_distinct(Ids ids) {
    std::vector<std::pair<std::int64_t, std::size_t>> found(ids.size());  // id, position
    for (std::size_t i = 0; i < ids.size(); ++i) found[i] = {ids[i], i};
    std::sort(found.begin(), found.end());
    std::size_t second = ids.size();
    for (std::size_t i = 1; i < found.size(); ++i) {
      if (found[i].first == found[i - 1].first) second = std::min(second, found[i].second);
    }
    if (second == ids.size()) return;
    throw PresentId(second, ids[second], "is given twice; give each id once");
  }

  /// Scores inside are such that smaller is better, and never -0.0.
  [[nodiscard]] float inward(float score) const noexcept { return score * sign() + 0.0F; }
  [[nodiscard]] float outward(float score) const noexcept { return score * sign() + 0.0F; }
  [[nodiscard]] float sign() const noexcept {
    return options_.order == Asked::kSmallest ? 1.0F : -1.0F;
  }

  /// Beside updates; which of them it sees is left open, so relaxed will do.
  [[nodiscard]] float read(Id id) const noexcept {
    return std::atomic_ref(const_cast<float&>(table_.scores()[id])).load(std::memory_order_relaxed);
  }

  [[nodiscard]] std::size_t bytes() const noexcept {
    return sizeof(*this) + table_.nbytes() + ordering_.nbytes() + updater_.nbytes();
  }

  static std::size_t checked_size(std::size_t size) {
    if (size <= kMostSamples) return size;
    throw std::length_error("an index holds at most " + std::to_string(kMostSamples) +
                            " samples, got " + std::to_string(size) +
                            "; divide the pool among several");
  }

  static IndexOptions resolved(IndexOptions options) {
    if (options.cores == 0) options.cores = std::max(1U, std::thread::hardware_concurrency());
    if (options.threads == 0) options.threads = options.cores;
    if (options.growth == 0) {
      options.growth = options.refile == Refile::kEager ? 1 : tuning::kGrowth;
    }
    // Larger ones would make the same list, and products of sizes overflow.
    options.node_capacity = std::min(options.node_capacity, std::size_t{1} << 32);
    options.growth = std::min(options.growth, std::size_t{1} << 20);
    return options;
  }

  [[nodiscard]] OrderingOptions ordering_options() const noexcept {
    return {options_.refile, options_.node_capacity, options_.growth};
  }

  const IndexOptions options_;
  mutable AccessGate gate_;  // guards all below; what may run beside what is said at each class
  TotalOrder order_;
  ScoreTable table_;
  Order ordering_;
  BatchUpdater<Order> updater_;
};

using SemiOrderedIndex = BasicIndex<SemiOrdering>;

}  // namespace socbi
