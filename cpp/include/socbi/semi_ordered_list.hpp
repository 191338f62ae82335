// The semi-ordered list.
//
// SEMI-ORDERED means: the nodes are ordered, and within a node nothing is; every sample that a node
// holds has a key not below the node's lower bound.
//
// clang-format off
//     front        node         node         node           unlisted
//     sorted run   unsorted     unsorted     unsorted       (no ids stored)
//   [ 16,384     | 16,384     | 262,144    | 262,144 .... | the rest of the pool ]
//   0            lower        lower        lower          rest bound          +inf
// clang-format on
//
// - The *front* is sorted; retrieval takes from it. When it runs out, the first node becomes the
//   front, after a cut if it is large (the incremental quicksort idea).
// - *Nodes* hold ids and a lower bound; skip towers find the node of a key. Capacity is uniform
//   (growth 1, the paper's) or grows with rank.
// - What lies behind the last node is *unlisted*: all of it has keys from the rest bound on, and it
//   is found again when the nodes run out: by a walk along the ties where most of the pool has one
//   score, else by one scan of the scores. With growth 1 nothing is unlisted.
// - The *inbox* holds ids whose score moved towards the asked end, until the next retrieval.
//
// Filing is by lower bound only: a sample whose score moved away from the asked end stays where it
// is and is re-filed if retrieval reaches it. A sample belongs where its `place` in the score table
// says; ids it left behind elsewhere are dropped when met.
//
// Thread safety: members marked (shared) may run beside each other; all others need the access gate
// held alone. What may run out of memory says so by std::bad_alloc and leaves a list that must be
// cleared; nothing is lost by that, since the list is derived from the table.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "socbi/front.hpp"
#include "socbi/list_cost.hpp"
#include "socbi/node_towers.hpp"
#include "socbi/partition.hpp"
#include "socbi/prefetch.hpp"
#include "socbi/scan.hpp"
#include "socbi/score.hpp"
#include "socbi/score_table.hpp"
#include "socbi/tied_walk.hpp"
#include "socbi/tuning.hpp"

namespace socbi {

/// What a list has done since it was made.
struct ListCounters {
  std::uint64_t refiled = 0;   ///< samples filed anew when retrieval met them, or from the inbox
  std::uint64_t dropped = 0;   ///< ids met where their sample no longer belongs
  std::uint64_t listings = 0;  ///< scans that listed a part of the pool
  std::uint64_t walks = 0;     ///< walks along the ties that were begun or gone on with
  std::uint64_t splits = 0;
  std::uint64_t merges = 0;
};

/// What one thread has filed since it last delivered: it keeps this to itself while it works.
struct Outbox {
  bool alone = false;                ///< no other thread files: locks can be left out
  std::vector<Id> queued = {};       ///< for the list's inbox
  std::vector<Place> overfull = {};  ///< nodes seen over their capacity
  std::size_t appended = 0;          ///< ids appended to nodes
};

class SemiOrderedList {
 public:
  static constexpr Place kUnlisted = 0;
  /// Says nothing of a sample whose key is behind the listed. Retrieval leaves it there when it
  /// meets such a sample: writing kUnlisted would cost a miss, and both are read the same.
  static constexpr Place kInFront = 1;
  static constexpr Place kInInbox = 2;

  /// `capacity` 0: sized by what is asked for. `growth` 1: uniform nodes over the whole pool.
  SemiOrderedList(ScoreTable& table, const TotalOrder& order, std::size_t capacity,
                  std::size_t growth)
      : table_(table), order_(order), capacity_(capacity), growth_(growth) {}

  // ---- retrieval -------------------------------------------------------------------------------

  /// Lists the best of the pool anew, for retrievals of `wanted`. The list must be cleared.
  void build(std::size_t wanted) {
    rest_lower_ = kLowestKey;
    list_more(wanted);
  }

  /// Takes the `wanted` best out of the front, in order, or all there are, and appends their keys
  /// to `out`. They stay in the pool: the caller removes them or puts them back.
  void take(std::size_t wanted, std::vector<Key>& out) {
    empty_inbox();
    walking_ = false;
    if (front_.joined() > front_.size() / 2 + tuning::kSmallestFront) refresh_front();
    for (std::size_t i = 0; i < std::min(wanted, tuning::kPopFetchDistance); ++i) fetch_front(i);
    while (out.size() < wanted) {
      if (front_.empty() && !refill_front(wanted)) {
        if (rest_lower_ == kHighestKey) return;
        if (walk_on(wanted, out)) continue;
        // The scan finds what is in `out` again, since it is still in the pool.
        out.clear();
        if (!list_more(wanted)) return;
        continue;
      }
      fetch_front(tuning::kPopFetchDistance);
      const Key filed = front_.pop_lowest();
      const Id id = order_.id(filed);
      const Key now = lowest_key(table_.scores()[id]) | static_cast<std::uint32_t>(filed);
      if (now == filed) {
        // An id can be in the front twice with one key, if it left and came back.
        if (out.empty() || out.back() != filed) out.push_back(filed);
      } else if (now >= rest_lower_) {
        ++counters_.refiled;  // behind the listed: see kInFront
      } else if (now > filed && table_.places()[id] == kInFront) {
        refile(id, now);
      } else {
        // Left behind. With a key lower than filed, the sample has an entry further ahead.
        ++counters_.dropped;
      }
    }
  }

  /// Takes back what `take` gave and the pool keeps.
  void put_back(std::span<const Key> keys) {
    front_.put_back(keys);
    for (const Key key : keys) table_.places()[order_.id(key)] = kInFront;
  }

  /// The share of the pool that is expected to change between two retrievals.
  void expect_pace(double share) noexcept { pace_ = std::max(share, 1e-9); }

  /// Is as much listed, in nodes as large, as suits what is asked for?
  [[nodiscard]] bool sized_by_demand() const noexcept { return capacity_ == 0 && growth_ > 1; }

  /// What retrievals of `wanted` (not 0) cost at that pace, if they are listed and not walked.
  [[nodiscard]] ListCost expected_cost(std::size_t wanted) const noexcept {
    return {static_cast<double>(table_.size()), static_cast<double>(table_.alive()),
            static_cast<double>(wanted), pace_};
  }

  /// Did the last retrieval come to a walk along the ties that paid?
  [[nodiscard]] bool walking() const noexcept { return walking_; }

  // ---- filing ----------------------------------------------------------------------------------

  /// (shared) Is this a place where a sample with this key may stay under the direction rule, that
  /// is, will retrieval meet it in time? The front is sorted, so there only its own key will do.
  [[nodiscard]] bool bounds(Place place, Key key) const noexcept {
    if (place == kInInbox) return true;
    if (place == kInFront) return false;
    return key >= lower(place);
  }

  /// (shared) Is this exactly the place for this key?
  [[nodiscard]] bool holds(Place place, Key key) const noexcept {
    return bounds(place, key) && (place == kInInbox || key < upper(place));
  }

  /// (shared) Files a sample in the node its key belongs to and returns the place; the part before
  /// the first node is the inbox's. Never throws: if memory runs out the list is marked broken.
  Place file(Id id, Key key, Outbox& outbox) noexcept {
    if (key >= rest_lower_) return kUnlisted;
    const Place place = towers_.search(key);
    if (place == NodeTowers::kNone) return queue(id, outbox);
    try {
      Node& node = towers_.node(place);
      const NodeLock lock(node, outbox.alone);
      node.append(id);
      ++outbox.appended;
      if (node.ids.size() == node.capacity + 1) outbox.overfull.push_back(place);
    } catch (const std::bad_alloc&) {
      broken_.store(true);
      return kUnlisted;
    }
    return place;
  }

  /// (shared) Leaves a sample for the next retrieval to file. Never throws.
  Place queue(Id id, Outbox& outbox) noexcept {
    try {
      outbox.queued.push_back(id);
    } catch (const std::bad_alloc&) {
      broken_.store(true);
    }
    return kInInbox;
  }

  /// (shared) Takes over what a thread has queued and seen. It must call this before it leaves the
  /// gate: whoever enters alone relies on it.
  void deliver(Outbox& outbox) noexcept {
    appended_.fetch_add(outbox.appended);
    outbox.appended = 0;
    if (outbox.queued.empty() && outbox.overfull.empty()) return;
    const std::lock_guard lock(inbox_mutex_);
    try {
      inbox_.insert(inbox_.end(), outbox.queued.begin(), outbox.queued.end());
      overfull_.insert(overfull_.end(), outbox.overfull.begin(), outbox.overfull.end());
    } catch (const std::bad_alloc&) {
      broken_.store(true);
    }
    outbox.queued.clear();
    outbox.overfull.clear();
    wants_upkeep_.store(!overfull_.empty());
  }

  /// (shared) Memory ran out while filing: the list must be cleared before it is used again.
  [[nodiscard]] bool broken() const noexcept { return broken_.load(); }

  // ---- upkeep ----------------------------------------------------------------------------------

  /// (shared) Is a node over its capacity, or has so much been filed anew that the ids left behind
  /// may be one in kSweepShare of the pool?
  [[nodiscard]] bool wants_upkeep() const noexcept {
    return wants_upkeep_.load() ||
           appended_.load() > table_.alive() / tuning::kSweepShare + tuning::kListedLeast;
  }

  /// Drops what was left behind, splits nodes that are too full, merges nodes that are too empty:
  /// in the nodes that were seen over their capacity, or everywhere if it is time.
  void keep_up() {
    if (appended_.load() > table_.alive() / tuning::kSweepShare + tuning::kListedLeast) {
      for (Place place = towers_.first(); place != NodeTowers::kNone;
           place = towers_.after(place)) {
        tidy(place);
      }
      appended_.store(0);
    } else {
      for (const Place place : overfull_) {
        // The node may be gone by now, or its name may be another node's: then it is not too full.
        if (towers_.node(place).ids.size() > towers_.node(place).capacity) tidy(place);
      }
    }
    overfull_.clear();
    wants_upkeep_.store(false);
  }

  /// Forgets all filing. The score table's places are reset, its scores are not touched.
  void clear() noexcept {
    front_.clear();
    towers_.clear();
    std::vector<Id>().swap(inbox_);
    std::vector<Place>().swap(overfull_);
    wants_upkeep_.store(false);
    rest_lower_ = kLowestKey;
    walking_ = false;
    appended_.store(0);
    broken_.store(false);
    table_.forget_places();
  }

  // ---- looking in ------------------------------------------------------------------------------

  [[nodiscard]] const Front& front() const noexcept { return front_; }
  [[nodiscard]] const NodeTowers& towers() const noexcept { return towers_; }
  [[nodiscard]] std::span<const Id> inbox() const noexcept { return inbox_; }
  [[nodiscard]] const ListCounters& counters() const noexcept { return counters_; }

  /// (shared) The lowest key that may be filed here.
  [[nodiscard]] Key lower(Place place) const noexcept {
    if (place == kUnlisted) return rest_lower_;
    return place < NodeTowers::kFirstNode ? kLowestKey : towers_.node(place).lower;
  }

  /// (shared) Keys from here on are unlisted.
  [[nodiscard]] Key rest_lower() const noexcept { return rest_lower_; }

  /// (shared) The lowest key that is filed further on.
  [[nodiscard]] Key upper(Place place) const noexcept {
    if (place == kUnlisted) return kHighestKey;
    const Place ahead = place == kInFront ? towers_.first() : towers_.after(place);
    return ahead == NodeTowers::kNone ? rest_lower_ : towers_.node(ahead).lower;
  }

  [[nodiscard]] std::size_t nbytes() const noexcept {
    return front_.nbytes() + towers_.nbytes() + inbox_.capacity() * sizeof(Id);
  }

 private:
  [[nodiscard]] Key key_now(Id id) const noexcept { return order_.key(table_.scores()[id], id); }

  /// Files a sample by the key it has now.
  void refile(Id id, Key now) {
    ++counters_.refiled;
    Place& place = table_.places()[id];
    if (now >= rest_lower_ || now >= kRemovedKey) {
      place = kUnlisted;
      return;
    }
    const Place target = towers_.search(now);
    if (target == NodeTowers::kNone) {
      front_.push(now);
      place = kInFront;
    } else {
      towers_.node(target).append(id);
      appended_.fetch_add(1, std::memory_order_relaxed);  // alone: pairs with nobody
      place = target;
    }
  }

  void empty_inbox() {
    for (const Id id : inbox_) {
      if (table_.places()[id] == kInInbox) refile(id, key_now(id));
    }
    inbox_.clear();
  }

  /// Files anew what is in the front, each sample once. Without this a sample that goes up and down
  /// would leave an entry there at every turn.
  void refresh_front() {
    std::vector<Key> keys;
    for (const Key filed : front_.take_all()) {
      const Id id = order_.id(filed);
      Place& place = table_.places()[id];
      if (place != kInFront) continue;
      const Key now = key_now(id);
      if (now < upper(kInFront) && now < kRemovedKey) {
        place = kUnlisted;  // so that its other entries are passed over
        keys.push_back(now);
      } else {
        refile(id, now);
      }
    }
    for (const Key key : keys) table_.places()[order_.id(key)] = kInFront;
    front_.refill(std::move(keys));
  }

  /// Makes the first node that is not empty the front; false if there is none.
  bool refill_front(std::size_t wanted) {
    overfull_.clear();  // the nodes change now
    while (!towers_.empty()) {
      const Place first = towers_.first();
      std::vector<Key> keys = gather(first);
      const std::size_t capacity = towers_.node(first).capacity;
      towers_.erase(first);
      lay_out(std::move(keys), std::min(front_capacity(wanted), capacity), wanted);
      if (!front_.empty()) return true;
    }
    return false;
  }

  /// Asks for what the pop so many pops from now will look up.
  void fetch_front(std::size_t distance) const noexcept {
    if (front_.run_empty()) return;
    fetch_ahead(table_.scores() + order_.id(front_.ahead(distance)));
  }

  /// Lists the best of the pool by a scan; everything else must be empty. False if nothing is left.
  bool list_more(std::size_t wanted) {
    ++counters_.listings;
    appended_.store(0);
    const std::size_t listed = listed_size(wanted);
    // Where most of the pool ties, list only what lies below: the walk does the rest. Not once a
    // list stood, since then a walk has given up or come to the end of its score.
    const bool fresh = rest_lower_ == kLowestKey && growth_ != 1;
    const detail::Guess guess = fresh && listed < table_.alive() / 2
                                    ? detail::guess_bound(table_, order_, listed)
                                    : detail::Guess{};
    std::vector<Key> keys;
    rest_lower_ =
        guess.tied ? collect_below(table_, order_, lowest_key(TotalOrder::score(guess.bound)), keys)
                   : collect_smallest(table_, order_, listed, keys);
    walk_pays_ = true;
    // What was taken before lies first.
    patience_ = guess.tied ? std::max(tuning::kLooksToJudge, table_.size() / tuning::kPatientShare)
                           : tuning::kLooksToJudge;
    const bool any = !keys.empty() || guess.tied;
    lay_out(std::move(keys), front_capacity(wanted), wanted);
    return any;
  }

  /// Appends to `out` the next of the samples that tie where the unlisted begin, up to `wanted` in
  /// all; the front and the nodes must be empty. False if there are none, or too few for a walk to
  /// pay.
  bool walk_on(std::size_t wanted, std::vector<Key>& out) {
    if (!walk_pays_ || rest_lower_ == kLowestKey || rest_lower_ >= kRemovedKey) return false;
    const std::size_t before = out.size();
    const std::size_t patience = std::exchange(patience_, tuning::kLooksToJudge);
    const WalkEnd end = walk_ties(table_, order_, rest_lower_, wanted - before, patience, out);
    rest_lower_ = end.next;
    walk_pays_ = end.enough;
    walking_ = end.enough;
    ++counters_.walks;
    return out.size() > before;
  }

  [[nodiscard]] std::size_t front_capacity(std::size_t wanted) const noexcept {
    if (capacity_ != 0) return capacity_;
    if (growth_ == 1) return tuning::kUniformCapacity;
    return std::max(tuning::kSmallestFront, tuning::kFrontPerTaken * wanted);
  }

  /// How much to list: what the cheapest list holds.
  [[nodiscard]] std::size_t listed_size(std::size_t wanted) const noexcept {
    if (growth_ == 1) return table_.alive();
    const ListCost cost = expected_cost(wanted);
    return std::max(
        {static_cast<std::size_t>(cost.retrievals() * cost.wanted), wanted, tuning::kListedLeast});
  }

  /// The keys of the samples that belong to a node and to its range, marked as in the front; what
  /// was left behind is dropped, what belongs further on is re-filed. The node's ids stay as they
  /// are: the caller replaces them.
  std::vector<Key> gather(Place from) {
    const Key upper_bound = upper(from);
    const std::vector<Id> ids = std::exchange(towers_.node(from).ids, {});
    std::vector<Key> keys;
    keys.reserve(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (i + tuning::kGatherDistance < ids.size()) {
        fetch_ahead(table_.scores() + ids[i + tuning::kGatherDistance]);
        fetch_ahead(table_.places() + ids[i + tuning::kGatherDistance]);
      }
      const Id id = ids[i];
      Place& place = table_.places()[id];
      if (place != from) {
        ++counters_.dropped;
        continue;
      }
      const Key now = key_now(id);
      if (now >= upper_bound || now >= kRemovedKey) {
        refile(id, now);
        continue;
      }
      place = kInFront;  // so that the same id, met again in this node, is dropped
      keys.push_back(now);
    }
    return keys;
  }

  /// Makes keys the front (which must be empty) and, if they are many, nodes before all others: cut
  /// into nodes of the largest size in {capacity * growth^k}, the first of them cut again, and so
  /// on. So a sample is looked at once a level on its way to the front.
  void lay_out(std::vector<Key>&& keys, std::size_t capacity, std::size_t wanted) {
    std::vector<Key> buffer;
    while (keys.size() > most_uncut(capacity, wanted)) {
      std::size_t size = capacity;
      while (growth_ > 1 && size * growth_ * 3 / 2 <= keys.size()) size *= growth_;
      const std::size_t pieces = std::max<std::size_t>(2, (keys.size() + size / 2) / size);
      const std::vector<std::size_t> begins = partition(keys, pieces, buffer);
      for (std::size_t piece = begins.size(); --piece > 0;) {
        const std::span part = std::span(keys).subspan(begins[piece]);
        if (!part.empty())
          fill_node(towers_.insert(lowest(part), std::max(size, part.size())), part);
        keys.resize(begins[piece]);
      }
    }
    for (const Key key : keys) table_.places()[order_.id(key)] = kInFront;
    if (keys.capacity() > keys.size() + keys.size() / tuning::kSlackShare) keys.shrink_to_fit();
    front_.refill(std::move(keys));
  }

  /// Up to so many keys are sorted as they are. What serves few retrievals is soon taken, so
  /// cutting it first is work for nothing; what serves many would be stale before it is.
  [[nodiscard]] std::size_t most_uncut(std::size_t capacity, std::size_t wanted) const noexcept {
    return std::max(2 * capacity, sized_by_demand() ? tuning::kUncutPerTaken * wanted : 0);
  }

  static Key lowest(std::span<const Key> keys) {
    return *std::min_element(keys.begin(), keys.end());
  }

  void fill_node(Place place, std::span<const Key> keys) {
    std::vector<Id>& ids = towers_.node(place).ids;
    ids.clear();
    ids.reserve(keys.size());
    for (const Key key : keys) {
      const Id id = order_.id(key);
      ids.push_back(id);
      table_.places()[id] = place;
    }
  }

  /// Cleans a node; then splits it if it is too full, or takes in its successor if both are too
  /// empty.
  void tidy(Place place) {
    std::vector<Key> keys = gather(place);
    const std::size_t capacity = towers_.node(place).capacity;
    if (keys.size() > capacity) split(keys, capacity);
    fill_node(place, keys);
    const Place ahead = towers_.after(place);
    if (ahead != NodeTowers::kNone &&
        keys.size() + towers_.node(ahead).ids.size() <= capacity / 2) {
      merge(place, ahead);
    }
  }

  /// Moves all but the lowest keys of a node into new nodes behind it, in even pieces.
  void split(std::vector<Key>& keys, std::size_t capacity) {
    ++counters_.splits;
    // Two thirds full: room to grow into, and few more nodes than there must be.
    const std::size_t filled = std::max<std::size_t>(1, capacity * 2 / 3);
    std::vector<Key> buffer;
    const std::vector<std::size_t> begins =
        partition(keys, (keys.size() + filled - 1) / filled, buffer);
    for (std::size_t piece = begins.size(); --piece > 0;) {
      const std::span part = std::span(keys).subspan(begins[piece]);
      if (!part.empty()) fill_node(towers_.insert(lowest(part), capacity), part);
      keys.resize(begins[piece]);
    }
  }

  void merge(Place into, Place ahead) {
    ++counters_.merges;
    towers_.node(into).ids.reserve(towers_.node(into).ids.size() + towers_.node(ahead).ids.size());
    for (const Id id : towers_.erase(ahead)) {
      if (table_.places()[id] != ahead) continue;
      table_.places()[id] = into;
      towers_.node(into).ids.push_back(id);
    }
  }

  ScoreTable& table_;
  const TotalOrder& order_;
  const std::size_t capacity_;
  const std::size_t growth_;

  Front front_;
  NodeTowers towers_;
  double pace_ = tuning::kPaceUnknown;
  std::size_t patience_ = tuning::kLooksToJudge;  // of the next walk
  bool walk_pays_ = true;                         // no walk has given up since the last listing
  bool walking_ = false;
  Key rest_lower_ = kLowestKey;  // keys from here on are unlisted; changed alone, read shared
  std::mutex inbox_mutex_;       // shared: guards the next two; alone: not needed
  std::vector<Id> inbox_;
  std::vector<Place> overfull_;
  std::atomic<bool> wants_upkeep_{false};  // overfull_ is not empty
  std::atomic<std::size_t> appended_{0};   // ids appended to nodes since the last sweep
  std::atomic<bool> broken_{false};
  ListCounters counters_;
};

}  // namespace socbi
