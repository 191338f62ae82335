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
//   for 128 of 10^6; one pass over the scores, some 3 ms at 10^7, when it has to list anew), and
//   waits for at most one block of 4,096 updates of each running call.
// - Of two concurrent `set`s of one sample the last writer wins. The sum of concurrent `add`s of
//   values that are not integers depends on their order in the last bits.
// - Scores are float32: counts are exact to 2^24.
//
// Lock order: access gate, then the crew of workers, then a node's lock or the inbox's.
#pragma once

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "socbi/access_gate.hpp"
#include "socbi/batch.hpp"
#include "socbi/batch_split.hpp"
#include "socbi/errors.hpp"
#include "socbi/invariants.hpp"
#include "socbi/ordering.hpp"
#include "socbi/prefetch.hpp"
#include "socbi/scan.hpp"
#include "socbi/score.hpp"
#include "socbi/score_range.hpp"
#include "socbi/score_table.hpp"
#include "socbi/semi_ordering.hpp"
#include "socbi/tuning.hpp"
#include "socbi/turn.hpp"
#include "socbi/worker_pool.hpp"

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
        order_(options_.ties, options_.seed),
        table_(checked_size(size)),
        ordering_(table_, order_, ordering_options()) {
    ordering_.forget();
  }

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
    range_.replaced({table_.scores(), table_.size()});
  }

  // ---- updates ---------------------------------------------------------------------------------
  // All throw UnknownId or RemovedId for the first bad id. `threads` 0 means the index's own.

  /// Adds a value to each id's score; an id given twice counts twice. O(1) an id.
  void add(Ids ids, Values values, unsigned threads = 0) {
    if (ids.empty()) return;
    const double growth = values.largest() * static_cast<double>(ids.size());
    ScoreRange::Announced announced(range_, growth, values.whole());
    if (announced.may_overflow()) return add_watching_overflow(ids, values, announced);
    const bool towards = sign() > 0 ? values.lowest() < 0 : values.highest() > 0;
    update(ids, values, Adding{sign()}, towards, threads, announced);
  }

  /// Replaces each id's score; of an id given twice the last value holds. O(1) an id.
  void set(Ids ids, Values values, unsigned threads = 0) {
    if (ids.empty()) return;
    ScoreRange::Announced announced(range_, values.largest(), values.whole());
    update(ids, values, Setting{sign()}, true, threads, announced);
  }

  /// Replaces all scores (as many as samples ever seen; those of removed ids are passed over).
  void set_all(std::span<const float> scores) {
    const Alone alone(gate_);
    if (scores.size() != table_.size()) {
      throw std::invalid_argument("set_all needs one score for each of the " +
                                  std::to_string(table_.size()) + " ids ever given out, got " +
                                  std::to_string(scores.size()));
    }
    float* const mine = table_.scores();
    for (std::size_t id = 0; id < scores.size(); ++id) {
      mine[id] = mine[id] == kRemovedScore ? mine[id] : inward(scores[id]);
    }
    range_.replaced({mine, table_.size()});
    ordering_.forget();
  }

  /// Appends samples; their ids run on from the first, which is returned. O(1) a sample.
  std::int64_t insert(std::span<const float> scores) {
    const Alone alone(gate_);
    checked_size(table_.size() + scores.size());
    const std::size_t first = table_.size();
    table_.grow(scores.size(), 0.0F);
    for (std::size_t i = 0; i < scores.size(); ++i) table_.scores()[first + i] = inward(scores[i]);
    if (scores.empty()) return static_cast<std::int64_t>(first);
    const ScoreRange::Announced announced(range_, Values(scores).largest(), Values(scores).whole());
    arrived(scores.size(), [&](std::size_t i) { return static_cast<Id>(first + i); });
    return static_cast<std::int64_t>(first);
  }

  /// Brings removed samples back. Throws PresentId for one that is in the pool or given twice.
  void restore(Ids ids, Values values) {
    const Alone alone(gate_);
    require_removed(ids);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      table_.restore_plain(static_cast<Id>(ids[i]), inward(values[i]));
    }
    if (ids.empty()) return;
    const ScoreRange::Announced announced(range_, values.largest(), values.whole());
    arrived(ids.size(), [&](std::size_t i) { return static_cast<Id>(ids[i]); });
  }

  /// Takes samples out of the pool. O(1) an id.
  void remove(Ids ids) {
    const Alone alone(gate_);
    require_in_pool(table_, ids);
    require_distinct(ids);
    for (const std::int64_t id : ids) table_.remove_plain(static_cast<Id>(id));
    if (ordering_.notice() != Notice::kEvery) return;
    typename Order::Scratch scratch{.alone = true};
    for (const std::int64_t id : ids) ordering_.settle(static_cast<Id>(id), kRemovedScore, scratch);
    ordering_.deliver(scratch);
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
    stats.emplace_back("updates", updates_.load());
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
  /// Up to here float32 holds every whole number.
  static constexpr double kLargestExact = 1 << 24;

  // ---- one batch of updates --------------------------------------------------------------------

  template <class Change>
  void update(Ids ids, Values values, Change change, bool towards, unsigned threads,
              ScoreRange::Announced& announced) {
    Turn turn(gate_);
    if (!ordering_.ready()) {
      turn.insist();
      ordering_.prepare();
    }
    const unsigned workers = worthwhile_workers(ids.size(), threads, must_tell(towards));
    std::size_t done = 0;
    if (turn.alone() && workers == 1) {
      done = update_undoable(ids, values, change, towards, turn, announced);
      if (done == ids.size()) return;
    } else {
      require_in_pool_by(workers, ids);
    }
    // From here on nothing can fail: a sample removed meanwhile is passed over.
    while (done < ids.size()) {
      const std::size_t block =
          std::min(ids.size() - done,
                   turn.alone() && workers > 1 ? tuning::kParallelBlockIds : tuning::kBlockIds);
      const Ids part = ids.subspan(done, block);
      const Values part_values = slice(values, done, block);
      if (!turn.alone()) {
        update_shared(part, part_values, change, towards);
      } else if (workers == 1 || !update_by_crew(part, part_values, change, towards, workers)) {
        update_alone(part, part_values, change, towards);
      }
      done += block;
      finish_block(block, turn);
      if (done < ids.size()) turn.give_way();
    }
  }

  /// Applies the batch alone and undoes it if an id turns out bad. Stops early, with the rest
  /// checked, if others wait; returns how many were done.
  template <class Change>
  std::size_t update_undoable(Ids ids, Values values, Change change, bool towards, Turn& turn,
                              ScoreRange::Announced& announced) {
    const bool exact = std::is_same_v<Change, Adding> && values.uniform() && is_exact(announced);
    float* const undo = exact ? nullptr : undo_log(ids.size());
    const float delta = change(0.0F, values[0]);
    const auto apply = [&](std::size_t begin, Ids part, bool& good) {
      const Values part_values = slice(values, begin, part.size());
      if (exact && far()) return add_exactly<true>(table_, part, delta, good);
      if (exact) return add_exactly<false>(table_, part, delta, good);
      if (far()) return apply_logged<true>(table_, part, part_values, change, undo + begin, good);
      return apply_logged<false>(table_, part, part_values, change, undo + begin, good);
    };
    std::size_t done = 0;
    bool good = true;
    while (good && done < ids.size()) {
      const std::size_t block = std::min(tuning::kBlockIds, ids.size() - done);
      done += apply(done, ids.subspan(done, block), good);
      if (good && turn.contended()) break;
    }
    try {
      if (!good) {
        require_in_pool(table_, ids);
        throw std::invalid_argument("the ids were changed by another thread during the call");
      }
      if (done < ids.size()) require_in_pool(table_, ids.subspan(done), done);
    } catch (...) {
      exact ? take_back(table_, ids.first(done), delta)
            : undo_changes(table_, ids.first(done), undo);
      throw;
    }
    if (undo_size_ > table_.size() + tuning::kBlockIds) {  // not worth keeping for the next call
      undo_.reset();
      undo_size_ = 0;
    }
    if (must_tell(towards)) tell_all(ids.first(done));
    finish_block(done, turn);
    if (done < ids.size()) turn.give_way();
    return done;
  }

  /// Can additions be undone by subtracting? If only a look at the scores can tell, looks, but no
  /// more often than as many updates have paid for it.
  [[nodiscard]] bool is_exact(ScoreRange::Announced& announced) {
    if (announced.worth_a_look() && updates_.load() - looked_at_ >= table_.size()) {
      looked_at_ = updates_.load();
      announced.look_at({table_.scores(), table_.size()});
    }
    return announced.exact();
  }

  /// Do the scores lie so far from the core that fetching them ahead pays?
  [[nodiscard]] bool far() const noexcept { return table_.size() > tuning::kFetchAheadFrom; }

  [[nodiscard]] bool must_tell(bool towards) const noexcept {
    const Notice notice = ordering_.notice();
    return notice == Notice::kEvery || (notice == Notice::kTowards && towards);
  }

  /// Tells the ordering of samples whose scores changed, all by this thread alone.
  void tell_all(Ids ids) {
    typename Order::Scratch scratch{.alone = true};
    for (const std::int64_t each : ids) {
      const auto id = static_cast<std::uint64_t>(each);
      if (id < table_.size()) ordering_.settle(static_cast<Id>(id), table_.scores()[id], scratch);
    }
    ordering_.deliver(scratch);
  }

  template <class Change>
  void update_alone(Ids ids, Values values, Change change, bool towards) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto id = static_cast<std::uint64_t>(ids[i]);
      if (id < table_.size()) table_.scores()[id] = change(table_.scores()[id], values[i]);
    }
    if (must_tell(towards)) tell_all(ids);
  }

  /// Beside other calls: atomic updates, and the hand-off protocol where a sample must move.
  template <class Change>
  void update_shared(Ids ids, Values values, Change change, bool towards) {
    const bool tell = must_tell(towards);
    const bool every = ordering_.notice() == Notice::kEvery;
    const std::uint64_t size = table_.size();
    typename Order::Scratch scratch;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (i + tuning::kAtomicFetchDistance < ids.size()) {
        fetch_ahead(table_.scores() +
                    static_cast<std::uint32_t>(ids[i + tuning::kAtomicFetchDistance]));
      }
      const auto id = static_cast<std::uint64_t>(ids[i]);
      if (id >= size) continue;
      const float value = change(0.0F, values[i]);
      const float was = Change::shared(table_.score(static_cast<Id>(id)), value);
      if (!tell || was == kRemovedScore) continue;
      const float now = change(was, values[i]);
      if (every || now < was) ordering_.settle_shared(static_cast<Id>(id), now, scratch);
    }
    ordering_.deliver(scratch);
  }

  /// Alone, with workers of our own. False if none could be started or memory is short.
  template <class Change>
  bool update_by_crew(Ids ids, Values values, Change change, bool towards, unsigned workers) {
    WorkerPool::Crew crew = workers_.try_hire(workers);
    if (!crew || crew.size() == 1) return false;
    const unsigned parts = crew.size();
    try {
      split_.reserve(ids.size(), parts, values.uniform());
    } catch (const std::bad_alloc&) {
      return false;
    }
    const bool tell = must_tell(towards);
    std::barrier all_divided(static_cast<std::ptrdiff_t>(parts));
    crew.run([&](unsigned worker) {
      split_.divide(ids, values, table_.size(), worker, parts);
      all_divided.arrive_and_wait();
      typename Order::Scratch scratch;
      split_.for_own(worker, parts, values, [&](Id id, float value) {
        const float now = change(table_.scores()[id], value);
        table_.scores()[id] = now;
        if (tell) ordering_.settle(id, now, scratch);
      });
      ordering_.deliver(scratch);
    });
    return true;
  }

  void finish_block(std::size_t count, Turn& turn) {
    updates_.fetch_add(count);
    ordering_.count_updates(count);
    if (!ordering_.wants_upkeep()) return;
    turn.insist();
    ordering_.upkeep();
  }

  /// Adds with a look at every sum; only reached when sums near the end of float's range.
  void add_watching_overflow(Ids ids, Values values, ScoreRange::Announced& announced) {
    const Alone alone(gate_);
    require_in_pool(table_, ids);
    float* const undo = undo_log(ids.size());
    bool good = true;
    const std::size_t done = apply_logged<false>(table_, ids, values, Adding{sign()}, undo, good);
    for (std::size_t i = 0; i < done; ++i) {
      const auto id = static_cast<std::uint64_t>(ids[i]);
      if (id < table_.size() && std::isfinite(table_.scores()[id])) continue;
      undo_changes(table_, ids.first(done), undo);
      throw ScoreOverflow(i, ids[i]);
    }
    if (must_tell(true)) tell_all(ids.first(done));
    announced.look_at({table_.scores(), table_.size()});
    updates_.fetch_add(done);
    ordering_.count_updates(done);
    if (ordering_.wants_upkeep()) ordering_.upkeep();
  }

  /// How many threads the batch gains from; 1 is the calling thread alone.
  [[nodiscard]] unsigned worthwhile_workers(std::size_t count, unsigned threads,
                                            bool moving) const noexcept {
    const std::size_t most = std::min(threads == 0 ? options_.threads : threads, options_.cores);
    const std::size_t each = moving ? tuning::kMovesPerWorker : tuning::kIdsPerWorker;
    const std::size_t least = moving ? 2 : tuning::kWorkersThatPay;
    const std::size_t workers = std::min(most, count / each);
    return workers < least ? 1U : static_cast<unsigned>(workers);
  }

  void require_in_pool_by(unsigned workers, Ids ids) {
    WorkerPool::Crew crew;
    if (workers > 1) {
      if (WorkerPool::Crew hired = workers_.try_hire(workers); hired && hired.size() > 1) {
        std::atomic<bool> good{true};
        const unsigned parts = hired.size();
        hired.run([&](unsigned worker) {
          const std::size_t begin = ids.size() * worker / parts;
          const std::size_t end = ids.size() * (worker + 1) / parts;
          try {
            require_in_pool(table_, ids.subspan(begin, end - begin), begin);
          } catch (const std::out_of_range&) {
            good.store(false);
          }
        });
        if (good.load()) return;
      }
    }
    require_in_pool(table_, ids);  // alone, so that the first offender is the one named
  }

  // ---- the rest --------------------------------------------------------------------------------

  Best retrieve(std::size_t wanted, bool remove) {
    Best best;
    std::vector<Key> keys;
    const Alone alone(gate_);
    const std::size_t count = std::min(wanted, table_.alive());
    best.ids.reserve(count);
    best.scores.reserve(count);
    ordering_.take(count, remove, keys);
    for (const Key key : keys) {
      best.ids.push_back(order_.id(key));
      best.scores.push_back(outward(TotalOrder::score(key)));
    }
    return best;
  }

  /// Files samples that have just joined the pool.
  template <class IdAt>
  void arrived(std::size_t count, IdAt id_at) {
    ordering_.count_updates(count);
    if (ordering_.notice() == Notice::kNone) return;
    if (count > table_.alive() / tuning::kDenseShare) return ordering_.forget();
    typename Order::Scratch scratch{.alone = true};
    for (std::size_t i = 0; i < count; ++i) {
      ordering_.settle(id_at(i), table_.scores()[id_at(i)], scratch);
    }
    ordering_.deliver(scratch);
    if (ordering_.wants_upkeep()) ordering_.upkeep();
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

  static void require_distinct(Ids ids) {
    std::vector<std::int64_t> sorted(ids.begin(), ids.end());
    std::sort(sorted.begin(), sorted.end());
    const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
    if (twice == sorted.end()) return;
    const auto first = std::find(ids.begin(), ids.end(), *twice);
    const auto second = std::find(first + 1, ids.end(), *twice);
    throw PresentId(static_cast<std::size_t>(second - ids.begin()), *twice,
                    "is given twice; give each id once");
  }

  /// Room to keep `count` scores as they were; the gate is held alone. Kept for the next call.
  float* undo_log(std::size_t count) {
    if (count > undo_size_) {
      undo_.reset();
      undo_size_ = 0;
      undo_ = std::make_unique_for_overwrite<float[]>(count);
      undo_size_ = count;
    }
    return undo_.get();
  }

  static Values slice(Values values, std::size_t begin, std::size_t count) {
    if (values.uniform()) return values;
    return Values(std::span(values.each() + begin, count));
  }

  /// Scores inside are such that smaller is better, and never -0.0.
  [[nodiscard]] float inward(float score) const noexcept { return score * sign() + 0.0F; }
  [[nodiscard]] float outward(float score) const noexcept { return score * sign() + 0.0F; }
  [[nodiscard]] float sign() const noexcept {
    return options_.order == Asked::kSmallest ? 1.0F : -1.0F;
  }

  [[nodiscard]] float read(Id id) const noexcept {
    return std::atomic_ref(const_cast<float&>(table_.scores()[id])).load(std::memory_order_relaxed);
  }

  [[nodiscard]] std::size_t bytes() const noexcept {
    return sizeof(*this) + table_.nbytes() + ordering_.nbytes() + undo_size_ * sizeof(float) +
           split_.nbytes();
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
    return options;
  }

  [[nodiscard]] OrderingOptions ordering_options() const noexcept {
    return {options_.refile, options_.node_capacity, options_.growth};
  }

  const IndexOptions options_;
  const TotalOrder order_;
  mutable AccessGate gate_;  // guards all below; what may run beside what is said at each class
  ScoreTable table_;
  Order ordering_;
  WorkerPool workers_;

  ScoreRange range_;
  std::atomic<std::uint64_t> updates_{0};

  // Alone only:
  std::uint64_t looked_at_ = 0;  // updates_ when the scores were last looked at for their range
  std::unique_ptr<float[]> undo_;
  std::size_t undo_size_ = 0;
  BatchSplit split_;
};

using SemiOrderedIndex = BasicIndex<SemiOrdering>;

}  // namespace socbi
