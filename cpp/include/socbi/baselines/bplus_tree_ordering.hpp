// The paper's scheme 3: the pool lies in a B+-tree; every update erases a key and inserts another,
// and retrieval walks the leaves.
//
// Which key of a sample is in the tree is remembered beside it (`filed_`), so that threads that
// update one sample at once can hand it over to each other by the same protocol as the semi-ordered
// index: the owner erases what is filed and inserts what the score asks for.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include "socbi/baselines/concurrent_btree.hpp"
#include "socbi/ordering.hpp"
#include "socbi/score.hpp"
#include "socbi/score_table.hpp"
#include "socbi/sort_keys.hpp"

namespace socbi::baselines {

class BPlusTreeOrdering {
 public:
  struct Scratch {
    bool alone = false;
  };

  BPlusTreeOrdering(ScoreTable& table, const TotalOrder& order, const OrderingOptions& /*options*/)
      : table_(table), order_(order) {}

  [[nodiscard]] Notice notice() const noexcept { return built_ ? Notice::kEvery : Notice::kNone; }
  [[nodiscard]] bool ready() const noexcept { return built_; }
  [[nodiscard]] bool wants_upkeep() const noexcept { return broken_.load(); }
  void count_updates(std::size_t /*count*/, bool /*towards*/) noexcept {}

  void settle(Id id, float now, Scratch& scratch) noexcept {
    if (scratch.alone) {
      move<false>(id, now);
    } else {
      move<true>(id, now);
    }
  }

  void settle_shared(Id id, float /*now*/, Scratch& /*scratch*/) noexcept {
    struct Mover {
      BPlusTreeOrdering& ordering;
      Id id;
      Place move(Place from, float score) noexcept {
        ordering.move<true>(id, score);
        return from;
      }
      Place queue(Place from) noexcept {
        ordering.broken_.store(true);  // overtaken too often: build the tree anew instead
        return from;
      }
    } mover{*this, id};
    if (ScoreTable::Protocol::settle(table_.score(id), table_.place(id), mover) ==
        Settled::kHandedOver) {
      handovers_.fetch_add(1, std::memory_order_relaxed);  // a statistic, nothing hangs on it
    }
  }

  void deliver(Scratch& /*scratch*/) noexcept {}

  void prepare() noexcept {
    if (built_) return;
    try {
      build();
    } catch (const std::bad_alloc&) {
      forget();
    }
  }

  void upkeep() noexcept { forget(); }

  void forget() noexcept {
    tree_.clear();
    std::vector<float>().swap(filed_);
    built_ = false;
    broken_.store(false);
  }

  void take(std::size_t wanted, bool remove, std::vector<Key>& out) {
    if (broken_.load()) forget();
    if (!built_) build();
    out.clear();
    out.reserve(wanted);
    if (wanted == 0) return;
    tree_.visit_ascending([&](Key key) {
      out.push_back(key);
      return out.size() < wanted;
    });
    if (!remove) return;
    for (const Key key : out) move<false>(order_.id(key), kRemovedScore);
  }

  [[nodiscard]] std::size_t nbytes() const {
    return tree_.nbytes() + filed_.capacity() * sizeof(float);
  }

  [[nodiscard]] std::string check() const {
    if (!built_) return {};
    if (std::string fault = tree_.check(); !fault.empty()) return fault;
    if (tree_.size() != table_.alive()) {
      return "the tree holds " + std::to_string(tree_.size()) + " keys, the pool " +
             std::to_string(table_.alive()) + " samples";
    }
    for (std::size_t id = 0; id < filed_.size(); ++id) {
      if (filed_[id] != table_.scores()[id]) {
        return "sample " + std::to_string(id) + " is filed by a score that it does not have";
      }
    }
    return {};
  }

  void report(Stats& stats) const { stats.emplace_back("handovers", handovers_.load()); }

 private:
  void build() {
    filed_.assign(table_.scores(), table_.scores() + table_.size());
    std::vector<Key> keys;
    keys.reserve(table_.alive());
    for (std::size_t i = 0; i < filed_.size(); ++i) {
      if (filed_[i] != kRemovedScore) keys.push_back(order_.key(filed_[i], static_cast<Id>(i)));
    }
    sort_keys(keys);
    tree_.bulk_load(keys);
    built_ = true;
  }

  /// Files a sample that is this thread's own under `now`.
  template <bool kConcurrent>
  void move(Id id, float now) noexcept {
    try {
      // Samples arrive only while nobody else is inside.
      if (id >= filed_.size()) filed_.resize(table_.size(), kRemovedScore);
      if (filed_[id] == now) return;
      if (now != kRemovedScore) tree_.template insert<kConcurrent>(order_.key(now, id));
      if (filed_[id] != kRemovedScore) {
        tree_.template erase<kConcurrent>(order_.key(filed_[id], id));
      }
      filed_[id] = now;
    } catch (const std::bad_alloc&) {
      broken_.store(true);
    }
  }

  ScoreTable& table_;
  const TotalOrder& order_;
  ConcurrentBTree tree_;
  std::vector<float> filed_;  // [size], owned like the sample: by claim, by worker or alone
  bool built_ = false;        // changed alone, read shared
  std::atomic<bool> broken_{false};
  std::atomic<std::uint64_t> handovers_{0};
};

}  // namespace socbi::baselines
