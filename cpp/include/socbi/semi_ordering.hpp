// How the semi-ordered index keeps its pool ordered: the list where little changes, the flat scan
// where nearly everything does.
//
// An *ordering* is what index.hpp drives: it is told of updates as far as it asks to be, and it
// takes out the best. This one holds a SemiOrderedList and decides at each retrieval:
//
//   more than half of the pool changed since the last retrieval -> no list: scan the scores
//   less than a third                                           -> list (built by the first scan)
//   in between                                                  -> as it was
//
// where a change towards the asked end counts for eight, since the list must be told of it. A list
// is not used, and not built, for a retrieval of so many that a scan costs less (list_cost.hpp).
// With `refile = eager` (the paper's behaviour) the list always stands and every update moves its
// sample at once; with `refile = lazy` only an update towards the asked end is noticed.
//
// Running out of memory while filing costs the list, not the data: the scores are the truth, and
// the next retrieval scans them.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include "socbi/list_cost.hpp"
#include "socbi/ordering.hpp"
#include "socbi/scan.hpp"
#include "socbi/semi_ordered_list.hpp"

namespace socbi {

class SemiOrdering {
 public:
  using Scratch = Outbox;

  SemiOrdering(ScoreTable& table, const TotalOrder& order, const OrderingOptions& options)
      : table_(table),
        order_(order),
        eager_(options.refile == Refile::kEager),
        list_(table, order, options.node_capacity, options.growth) {}

  // ---- hearing of updates (shared) -------------------------------------------------------------

  [[nodiscard]] Notice notice() const noexcept {
    if (!listed_) return Notice::kNone;
    return eager_ ? Notice::kEvery : Notice::kTowards;
  }

  /// Eager filing needs the list before the first update; lazy filing needs nothing.
  [[nodiscard]] bool ready() const noexcept { return !eager_ || listed_ || table_.alive() == 0; }

  void count_updates(std::size_t count, bool towards) noexcept {
    updates_.fetch_add(count);
    if (towards) towards_.fetch_add(count);
  }

  /// After the score of a sample that no other thread touches became `now`.
  void settle(Id id, float now, Scratch& scratch) noexcept {
    if (behind_listed(now)) return;
    Place& place = table_.places()[id];
    place = move(id, place, now, scratch);
  }

  /// After this thread made the score `now` while others may change it too.
  void settle_shared(Id id, float now, Scratch& scratch) noexcept {
    if (behind_listed(now)) return;
    const Place place = table_.place(id).load();
    // If nobody is moving the sample and its place suits our score, nothing is left for us: who
    // claims it later reads the score after us, and who changes it later settles it himself.
    if ((place & kUpdatingBit) == 0 && suits(place, order_.key(now, id))) return;
    struct Mover {
      SemiOrdering& ordering;
      Id id;
      Scratch& scratch;
      Place move(Place from, float score) noexcept {
        return ordering.move(id, from, score, scratch);
      }
      Place queue(Place from) noexcept {
        return from == SemiOrderedList::kInInbox ? from : ordering.list_.queue(id, scratch);
      }
    } mover{*this, id, scratch};
    if (ScoreTable::Protocol::settle(table_.score(id), table_.place(id), mover) ==
        Settled::kHandedOver) {
      handovers_.fetch_add(1, std::memory_order_relaxed);  // a statistic, nothing hangs on it
    }
  }

  /// Before a thread leaves the gate.
  void deliver(Scratch& scratch) noexcept { list_.deliver(scratch); }

  [[nodiscard]] bool wants_upkeep() const noexcept {
    return listed_ && (list_.broken() || list_.wants_upkeep());
  }

  // ---- the gate held alone ---------------------------------------------------------------------

  void prepare() noexcept {
    if (ready()) return;
    or_else_forget([&] {
      list_.build(1);
      listed_ = true;
      ++rebuilds_;
    });
  }

  void upkeep() noexcept {
    if (list_.broken()) return forget();
    or_else_forget([&] { list_.keep_up(); });
  }

  /// The scores changed behind our back: nothing filed holds any more.
  void forget() noexcept {
    if (listed_) list_.clear();
    listed_ = false;
    updates_.store(table_.size());
    towards_.store(0);
  }

  /// The `wanted` best, ascending. If memory runs out, std::bad_alloc and nothing has changed.
  void take(std::size_t wanted, bool remove, std::vector<Key>& out) {
    out.clear();
    if (wanted == 0) return;
    out.reserve(wanted);
    const bool use_list = decide(wanted);
    updates_.store(0);
    towards_.store(0);
    if (!use_list || !take_listed(wanted, remove, out)) {
      ++scans_;
      smallest_sorted(table_, order_, wanted, out);
    }
  }

  // ---- looking in ------------------------------------------------------------------------------

  [[nodiscard]] bool listed() const noexcept { return listed_; }
  [[nodiscard]] bool eager() const noexcept { return eager_; }
  [[nodiscard]] const SemiOrderedList& list() const noexcept { return list_; }
  [[nodiscard]] std::size_t nbytes() const noexcept { return list_.nbytes(); }
  [[nodiscard]] std::string check() const;  // in invariants.hpp

  void report(Stats& stats) const {
    const ListCounters& counters = list_.counters();
    stats.emplace_back("listed", listed_ ? 1 : 0);
    stats.emplace_back("nodes", list_.towers().size());
    stats.emplace_back("front", list_.front().size());
    stats.emplace_back("inbox", list_.inbox().size());
    stats.emplace_back("scans", scans_);
    stats.emplace_back("rebuilds", rebuilds_);
    stats.emplace_back("listings", counters.listings);
    stats.emplace_back("walks", counters.walks);
    stats.emplace_back("refiled", counters.refiled);
    stats.emplace_back("dropped", counters.dropped);
    stats.emplace_back("splits", counters.splits);
    stats.emplace_back("merges", counters.merges);
    stats.emplace_back("handovers", handovers_.load());
  }

 private:
  /// Is a sample with this score filed in time wherever it is? So it is behind the listed; most of
  /// the pool lies there, and no place need be looked up.
  [[nodiscard]] bool behind_listed(float score) const noexcept {
    return !eager_ && lowest_key(score) >= list_.rest_lower();
  }

  [[nodiscard]] bool suits(Place place, Key key) const noexcept {
    return eager_ ? list_.holds(place, key) : list_.bounds(place, key);
  }

  Place move(Id id, Place from, float score, Scratch& scratch) noexcept {
    const Key key = order_.key(score, id);
    if (key >= kRemovedKey || suits(from, key)) return from;
    return eager_ ? list_.file(id, key, scratch) : list_.queue(id, scratch);
  }

  /// List or scan, for this retrieval and the updates after it; true if the list is to be used.
  bool decide(std::size_t wanted) noexcept {
    if (list_.broken()) forget();
    const bool small = wanted <= table_.alive() / tuning::kListedShareMost;
    if (eager_) {
      prepare();
      return listed_ && small;
    }
    const std::size_t changed = updates_.load();
    const std::size_t cost = changed + towards_.load() * (tuning::kTowardsCost - 1);
    const std::size_t pool = table_.alive();
    if (listed_ && cost > pool / tuning::kDenseShare) forget();
    const bool sparse = cost <= pool / tuning::kSparseShare;
    if (sparse) note_pace(static_cast<double>(changed) / static_cast<double>(pool));
    if (!(listed_ || sparse) || !small || !list_pays(wanted)) return false;
    if (!listed_) {
      ++rebuilds_;
      listed_ = true;  // an empty list: taking from it lists what is wanted
    }
    return true;
  }

  /// Does a retrieval of so many cost less by the list? For few it does while the shares above
  /// allow a list; of lists that the caller has shaped nothing is known.
  [[nodiscard]] bool list_pays(std::size_t wanted) const noexcept {
    if (wanted <= tuning::kHeapMost || !list_.sized_by_demand()) return true;
    ListCost cost = list_.expected_cost(wanted);
    if (cost.by_list() <= cost.by_scan()) return true;
    cost.effort = tuning::kWalkedInLooks;
    return cost.by_list() <= cost.by_scan() && (list_.walking() || ties(wanted));
  }

  /// Is the score of the last of so many one that a walk along its ties would find?
  [[nodiscard]] bool ties(std::size_t wanted) const noexcept {
    try {
      return detail::guess_bound(table_, order_, wanted).tied;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }

  /// A running mean of the share of the pool that changes between two retrievals.
  void note_pace(double share) noexcept {
    pace_ = pace_ < 0 ? share : pace_ + (share - pace_) / 4;
    list_.expect_pace(pace_);
  }

  /// False if memory ran out: the list is then given up, and `out` is empty.
  bool take_listed(std::size_t wanted, bool remove, std::vector<Key>& out) noexcept {
    try {
      if (list_.wants_upkeep()) list_.keep_up();
      list_.take(wanted, out);
      if (!remove) list_.put_back(out);
      return true;
    } catch (const std::bad_alloc&) {
      forget();
      out.clear();
      return false;
    }
  }

  template <class Work>
  void or_else_forget(Work&& work) noexcept {
    try {
      work();
    } catch (const std::bad_alloc&) {
      listed_ = true;  // whatever stands of the list must be cleared
      forget();
    }
  }

  ScoreTable& table_;
  const TotalOrder& order_;
  const bool eager_;
  SemiOrderedList list_;
  double pace_ = -1;                     // none seen yet
  bool listed_ = false;                  // the list stands; changed alone, read shared
  std::atomic<std::size_t> updates_{0};  // since the last retrieval
  std::atomic<std::size_t> towards_{0};  // those of them that may have moved towards the asked end
  std::atomic<std::uint64_t> handovers_{0};
  std::uint64_t scans_ = 0;
  std::uint64_t rebuilds_ = 0;
};

}  // namespace socbi
